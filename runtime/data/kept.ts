/** Files of the user's cache that know what they were made from. */
import { createHash } from 'node:crypto';
import { mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { userCache } from '../device/cache.js';
import { writeAtomic } from '../train/files.js';

const HASH_BYTES = 32;
/** Read and hashed at a time: Node takes no 2 GiB at once. */
const CHUNK = 1 << 28;

/**
 * A file of the cache: bytes, then their SHA-256. Its name says all that they were made from, so it is never out of date; what is damaged or
 * missing is made again.
 */
export class KeptFile {
  private readonly path: string;

  /** `folder`: of the cache. `key`: what the bytes are made from, in any form that JSON has. */
  constructor(folder: string, key: unknown) {
    const name = createHash('sha256').update(JSON.stringify(key)).digest('hex').slice(0, 32);
    this.path = join(userCache(), folder, `${name}.kept`);
  }

  /** The bytes, if they are there and whole: `expected` of them, where that is known. */
  async read(expected?: number): Promise<Uint8Array | undefined> {
    const file = await open(this.path).catch(() => undefined);
    if (file === undefined) return undefined;
    try {
      const size = (await file.stat()).size - HASH_BYTES;
      if (size < 0 || (expected !== undefined && size !== expected)) return undefined;
      const all = new Uint8Array(size + HASH_BYTES);
      for (let at = 0; at < all.byteLength; ) {
        const { bytesRead } = await file.read(all, at, Math.min(CHUNK, all.byteLength - at), at);
        if (bytesRead === 0) return undefined;
        at += bytesRead;
      }
      const bytes = all.subarray(0, size);
      return hashOf(bytes).equals(all.subarray(size)) ? bytes : undefined;
    } catch {
      return undefined;
    } finally {
      await file.close();
    }
  }

  /** Keeps the bytes, and of the folder's files the `most` newest; gives the reason where it cannot: they will be made again, no more. */
  async write(bytes: Uint8Array, most?: number): Promise<string | undefined> {
    const folder = dirname(this.path);
    try {
      await mkdir(folder, { recursive: true });
      await writeAtomic(this.path, [bytes, hashOf(bytes)]);
      if (most !== undefined) await keepNewest(folder, most);
      return undefined;
    } catch (error) {
      return `${this.path}: ${(error as Error).message}`;
    }
  }
}

async function keepNewest(folder: string, most: number): Promise<void> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.kept'));
  if (names.length <= most) return;
  const files = await Promise.all(names.map(async (name) => ({ path: join(folder, name), at: (await stat(join(folder, name))).mtimeMs })));
  files.sort((a, b) => b.at - a.at);
  for (const { path } of files.slice(most)) await rm(path, { force: true });
}

function hashOf(bytes: Uint8Array): Buffer {
  const hash = createHash('sha256');
  for (let at = 0; at < bytes.byteLength; at += CHUNK) hash.update(bytes.subarray(at, at + CHUNK));
  return hash.digest();
}
