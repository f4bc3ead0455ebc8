/**
 * Times of candidates, kept in the user's cache between calls, a file for each adapter, driver and version of Dawn. Whoever wants a choice makes it from these
 * times; a shape that is not there was not measured. Nothing here is needed: a file that is damaged, or of another adapter, is not used, and said so.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { userCache } from '../device/cache.js';
import type { GpuDevice } from '../device/open.js';
import { fileReason, writeAtomic } from '../train/files.js';

const FORMAT = 'ganc-tuning/1';
/** Shapes in a file. Beyond, the oldest go: specs change, and what was measured for their old sizes is never asked for again. */
const MOST = 20_000;

/** Of one kernel at one shape: milliseconds of a dispatch, by candidate. */
export type Times = Readonly<Record<string, number>>;

/** By the shape's key, the oldest first. */
export type Kept = ReadonlyMap<string, Times>;

type AdapterName = Readonly<Record<'vendor' | 'architecture' | 'device' | 'description' | 'dawn', string>>;

/** What times are of. On Vulkan the description has the driver's version. */
function adapterName({ info }: GpuDevice): AdapterName {
  const { vendor, architecture, device, description } = info;
  const dawn = (createRequire(import.meta.url)('webgpu/package.json') as { version: string }).version;
  return { vendor, architecture, device, description, dawn };
}

/** The file of the adapter. */
export function keptPath(gpu: GpuDevice): string {
  const hash = createHash('sha256')
    .update(JSON.stringify(adapterName(gpu)))
    .digest('hex');
  return join(userCache(), 'tuning', `${hash.slice(0, 16)}.json`);
}

/** What is kept for this adapter; empty where nothing is. `warn` hears of a file that cannot be used. */
export async function readKept(gpu: GpuDevice, warn?: (text: string) => void): Promise<Kept> {
  const path = keptPath(gpu);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') warn?.(`${path} cannot be read (${fileReason(error)}): kernels are chosen as if it were not there`);
    return new Map();
  }
  try {
    return parse(text, adapterName(gpu));
  } catch (error) {
    warn?.(`${path} ${(error as Error).message}: kernels are chosen as if it were not there`);
    return new Map();
  }
}

/** Throws an Error that says what is wrong, to be read after the file's name. */
function parse(text: string, adapter: AdapterName): Kept {
  let stored: unknown;
  try {
    stored = JSON.parse(text);
  } catch {
    throw new Error('is no JSON');
  }
  if (!isRecord(stored) || stored.format !== FORMAT) throw new Error(`is not of the format ${FORMAT}`);
  const { adapter: of, shapes } = stored;
  if (!isRecord(of) || Object.entries(adapter).some(([name, value]) => of[name] !== value)) throw new Error('was measured on another adapter');
  if (!isRecord(shapes)) throw new Error('has no shapes');
  const entries = Object.entries(shapes);
  for (const [key, times] of entries) {
    const good = isRecord(times) && Object.values(times).every((time) => typeof time === 'number' && Number.isFinite(time) && time >= 0);
    if (!good || !/^[0-9a-f]{64}$/.test(key)) throw new Error(`is damaged at the shape '${key}'`);
  }
  return new Map(entries as [string, Times][]);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Adds times to those that are kept, and gives the file. What other processes kept meanwhile stays, but for what they keep in the moment between this one's
 * reading and writing, which is measured again some day; the file is always whole. Throws what the file system does.
 */
export async function keep(gpu: GpuDevice, times: Kept): Promise<string> {
  const path = keptPath(gpu);
  await mkdir(join(path, '..'), { recursive: true });
  const all = new Map(await readKept(gpu));
  for (const [key, value] of times) {
    all.delete(key);
    all.set(key, value);
  }
  const shapes = Object.fromEntries([...all].slice(-MOST));
  await writeAtomic(path, `${JSON.stringify({ format: FORMAT, adapter: adapterName(gpu), shapes }, undefined, 1)}\n`);
  return path;
}
