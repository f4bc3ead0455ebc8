/** What asker and worker tell each other of a job while it goes on: a hash in Redis, beside the queue. */
import type { Redis } from 'ioredis';
import { KEEP_SECONDS } from './blobs.js';
import { PREFIX } from './connection.js';

export interface Notes {
  /** The last snapshot of the run's folder. */
  readonly files: string;
  readonly progress: string;
  /** What is known of the run: at its last checkpoint, then at its end. */
  readonly changed: string;
  readonly outcome: string;
  /** The worker, for people, and its device. */
  readonly worker: string;
  readonly device: string;
  /** Warnings of the worker, a line each. */
  readonly warnings: string;
  /** `1`: the asker wants it to stop at a checkpoint. */
  readonly stop: string;
  /** `1`: it has done so. */
  readonly halted: string;
}

export class Board {
  constructor(private readonly redis: Redis) {}

  private keyOf(job: string): string {
    return `${PREFIX}:job:${job}`;
  }

  async read(job: string): Promise<Partial<Notes>> {
    return this.redis.hgetall(this.keyOf(job));
  }

  async readOne(job: string, name: keyof Notes): Promise<string | undefined> {
    return (await this.redis.hget(this.keyOf(job), name)) ?? undefined;
  }

  async write(job: string, notes: Partial<Notes>): Promise<void> {
    const key = this.keyOf(job);
    await this.redis.multi().hset(key, notes).expire(key, KEEP_SECONDS).exec();
  }

  async erase(job: string, ...names: (keyof Notes)[]): Promise<void> {
    await this.redis.hdel(this.keyOf(job), ...names);
  }

  async remove(job: string): Promise<void> {
    await this.redis.del(this.keyOf(job));
  }
}
