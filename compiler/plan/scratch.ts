/** Scratch memory by lifetime: values that are never needed at the same time share a buffer. Entries run one after another, so they share all. */
import type { Buffers } from './memory.js';

export interface Interval {
  readonly bytes: number;
  /** Positions of the command that writes it first and of the last that reads it. */
  readonly from: number;
  readonly to: number;
}

interface Pooled {
  readonly buffer: number;
  bytes: number;
}

export class ScratchPool {
  private readonly pool: Pooled[] = [];

  constructor(private readonly buffers: Buffers) {}

  /**
   * A buffer for each interval of one entry. Intervals that touch do not share: WebGPU refuses a buffer that a dispatch reads and writes.
   * The largest first, each into the smallest buffer that is free and large enough, else into the largest free one, which grows.
   */
  assign(intervals: readonly Interval[]): number[] {
    const result: number[] = new Array(intervals.length).fill(-1);
    const taken = new Map<Pooled, Interval[]>();
    const order = intervals.map((_, i) => i).sort((a, b) => intervals[b].bytes - intervals[a].bytes || a - b);
    for (const i of order) {
      const interval = intervals[i];
      const free = this.pool.filter((p) => (taken.get(p) ?? []).every((other) => other.to < interval.from || interval.to < other.from));
      const enough = free.filter((p) => p.bytes >= interval.bytes).sort((a, b) => a.bytes - b.bytes)[0];
      const chosen = enough ?? free.sort((a, b) => b.bytes - a.bytes)[0] ?? this.add();
      if (chosen.bytes < interval.bytes) {
        chosen.bytes = interval.bytes;
        this.buffers.grow(chosen.buffer, interval.bytes);
      }
      taken.set(chosen, [...(taken.get(chosen) ?? []), interval]);
      result[i] = chosen.buffer;
    }
    return result;
  }

  private add(): Pooled {
    const pooled = { buffer: this.buffers.add({ kind: 'scratch', size: 0 }), bytes: 0 };
    this.pool.push(pooled);
    return pooled;
  }
}
