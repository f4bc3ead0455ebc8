/**
 * Decoded pictures kept between calls, in the user's cache: a file of rows, then their SHA-256. Its name says all that they were made from, so
 * it is never out of date; what is damaged or missing is decoded again.
 */
import { createHash } from 'node:crypto';
import { mkdir, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { userCache } from '../device/cache.js';
import { writeAtomic } from '../train/files.js';

const HASH_BYTES = 32;
/** Read and hashed at a time: Node takes no 2 GiB at once. */
const CHUNK = 1 << 28;

export class RowCache {
  private readonly path: string;

  /** `key`: what the rows were made from, in any form that JSON has. */
  constructor(key: unknown) {
    const name = createHash('sha256').update(JSON.stringify(key)).digest('hex').slice(0, 32);
    this.path = join(userCache(), 'pictures', `${name}.rows`);
  }

  /** The rows, if they are there and whole: `expected` bytes, where that is known. */
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
      const rows = all.subarray(0, size);
      return hashOf(rows).equals(all.subarray(size)) ? rows : undefined;
    } catch {
      return undefined;
    } finally {
      await file.close();
    }
  }

  /** Keeps the rows; gives the reason where it cannot: the next call will decode again, no more. */
  async write(rows: Uint8Array): Promise<string | undefined> {
    try {
      await mkdir(dirname(this.path), { recursive: true });
      await writeAtomic(this.path, [rows, hashOf(rows)]);
      return undefined;
    } catch (error) {
      return `${this.path}: ${(error as Error).message}`;
    }
  }
}

function hashOf(rows: Uint8Array): Buffer {
  const hash = createHash('sha256');
  for (let at = 0; at < rows.byteLength; at += CHUNK) hash.update(rows.subarray(at, at + CHUNK));
  return hash.digest();
}
