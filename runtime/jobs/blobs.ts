/** Where the files of jobs lie between the machines, each by the SHA-256 of its bytes: in the queue's own store, or in a folder that all of them see. */
import { mkdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { writeAtomic } from '../train/files.js';
import { PREFIX } from './connection.js';

export interface Blobs {
  /** Whether it is there, whole. */
  has(job: string, hash: string, size: number): Promise<boolean>;
  write(job: string, hash: string, bytes: Buffer): Promise<void>;
  /** Undefined where it is not there. */
  read(job: string, hash: string, size: number): Promise<Buffer | undefined>;
  remove(job: string, hashes: readonly string[]): Promise<void>;
  /** Removes all that is left of a job, also what was sent and is in no list of files. */
  clear(job: string): Promise<void>;
}

/** Nothing that is forgotten stays in the queue's store for ever. */
export const KEEP_SECONDS = 7 * 24 * 3600;
/** Bytes that go through the connection at a time: locks are renewed between them. */
const CHUNK = 1 << 20;

/** In Redis, piece by piece. */
export class QueueBlobs implements Blobs {
  constructor(private readonly redis: Redis) {}

  private keyOf(job: string, hash: string): string {
    return `${PREFIX}:blob:${job}:${hash}`;
  }

  /** A set of the hashes that a job has here. */
  private indexOf(job: string): string {
    return `${PREFIX}:blobs:${job}`;
  }

  async has(job: string, hash: string, size: number): Promise<boolean> {
    return size > 0 && (await this.redis.strlen(this.keyOf(job, hash))) === size;
  }

  async write(job: string, hash: string, bytes: Buffer): Promise<void> {
    const key = this.keyOf(job, hash);
    // Before the first piece, so that whatever is broken off is known to `clear`.
    await this.redis.multi().sadd(this.indexOf(job), hash).expire(this.indexOf(job), KEEP_SECONDS).del(key).exec();
    for (let at = 0; at < bytes.length; at += CHUNK) await this.redis.append(key, bytes.subarray(at, at + CHUNK));
    await this.redis.expire(key, KEEP_SECONDS);
  }

  async read(job: string, hash: string, size: number): Promise<Buffer | undefined> {
    const key = this.keyOf(job, hash);
    const parts: Buffer[] = [];
    for (let at = 0; at < size; at += CHUNK) {
      const part = await this.redis.getrangeBuffer(key, at, Math.min(size, at + CHUNK) - 1);
      if (part.length === 0) return undefined;
      parts.push(part);
    }
    return Buffer.concat(parts);
  }

  async remove(job: string, hashes: readonly string[]): Promise<void> {
    if (hashes.length === 0) return;
    const keys = hashes.map((hash) => this.keyOf(job, hash));
    await this.redis
      .multi()
      .del(...keys)
      .srem(this.indexOf(job), ...hashes)
      .exec();
  }

  async clear(job: string): Promise<void> {
    await this.remove(job, await this.redis.smembers(this.indexOf(job)));
  }
}

/** In a folder, for each job one. */
export class FolderBlobs implements Blobs {
  constructor(private readonly folder: string) {}

  private pathOf(job: string, hash: string): string {
    return join(this.folder, job, hash);
  }

  async has(job: string, hash: string, size: number): Promise<boolean> {
    return (await stat(this.pathOf(job, hash)).catch(() => undefined))?.size === size;
  }

  async write(job: string, hash: string, bytes: Buffer): Promise<void> {
    await mkdir(join(this.folder, job), { recursive: true });
    await writeAtomic(this.pathOf(job, hash), bytes);
  }

  async read(job: string, hash: string): Promise<Buffer | undefined> {
    try {
      return await readFile(this.pathOf(job, hash));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  async remove(job: string, hashes: readonly string[]): Promise<void> {
    for (const hash of hashes) await rm(this.pathOf(job, hash), { force: true });
  }

  async clear(job: string): Promise<void> {
    await rm(join(this.folder, job), { recursive: true, force: true });
  }
}
