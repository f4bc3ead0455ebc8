/**
 * How many runs may be under way at a time. Where that is to be found, it is found while they run: as long as one more makes all of them together do more work, one
 * more is begun; where it does not, the last one is put back. Work is counted as FLOPs a second, so runs of different programs can be added up.
 */
import type { CompareRun } from './results.js';

export interface SlotOptions {
  /** Where it is to be found: the most. The same as `count`, and so no more than that, unless given. */
  readonly most?: number;
  /** Whether the machine has room for one more. */
  readonly room?: () => boolean;
  /** Called with what was found, when it is: runs at a time, and for each number tried the work done by it, FLOPs a second. */
  readonly found?: (count: number, work: readonly number[]) => void;
  /** Seconds; for tests. */
  readonly now?: () => number;
}

/** The most that are tried. */
export const MOST_AT_ONCE = 8;
/** What one more must bring to stay: less than that is within what the same runs differ from one minute to the next. */
const GAIN = 1.05;
/** Times of which the median is a run's pace: checkpoints and other work beside it do not show in that. */
const TIMES = 10;
/** The least that is timed: shorter steps come in bursts. */
const TIMED_SECONDS = 0.5;

export class Slots {
  /** Paces of the runs under way, by folder. */
  private paces = new Map<string, Pace>();
  private waiting = false;
  /** Work done by 1, 2, ... at a time. */
  private readonly work: number[] = [];
  private wake: () => void = () => undefined;
  private changing = this.next();
  private readonly most: number;
  private settled: boolean;
  private readonly now: () => number;

  constructor(
    private free: number,
    private readonly options: SlotOptions = {},
  ) {
    this.most = options.most ?? free;
    this.settled = this.most === free;
    this.now = options.now ?? (() => performance.now() / 1000);
  }

  /** Runs that may be under way now. */
  get count(): number {
    return this.free;
  }

  /** Resolves when `count` is another. */
  get changed(): Promise<void> {
    return this.changing;
  }

  /** Hears which runs are under way, and whether others wait. Every pace is taken anew then. */
  under(folders: readonly string[], waiting: boolean): void {
    this.waiting = waiting;
    if (folders.length === this.paces.size && folders.every((folder) => this.paces.has(folder))) return;
    this.paces = new Map(folders.map((folder) => [folder, new Pace()]));
  }

  /** Hears of a step of a run. */
  step({ folder, flopsPerStep }: CompareRun, step: number): void {
    this.paces.get(folder)?.note(step, flopsPerStep, this.now());
    if (this.settled || !this.waiting || this.paces.size !== this.free) return;
    const paces = [...this.paces.values()];
    if (!paces.every(({ isKnown }) => isKnown)) return;
    this.work.push(paces.reduce((sum, { work }) => sum + work, 0));
    const [now, before] = [...this.work].reverse();
    if (before !== undefined && now < before * GAIN) this.settle(this.free - 1);
    else if (this.free < this.most && (this.options.room?.() ?? true)) this.set(this.free + 1);
    else this.settle(this.free);
  }

  /** One fewer from now on: the machine could not bear so many. */
  tooMany(): void {
    this.settle(Math.max(1, this.free - 1));
  }

  private settle(count: number): void {
    this.settled = true;
    this.set(count);
    this.options.found?.(count, this.work);
  }

  private set(count: number): void {
    if (count === this.free) return;
    this.free = count;
    const wake = this.wake;
    this.changing = this.next();
    wake();
  }

  private next(): Promise<void> {
    return new Promise((wake) => {
      this.wake = wake;
    });
  }
}

/** Seconds a step. */
class Pace {
  private began?: { readonly step: number; readonly at: number };
  private flops = 0;
  private readonly times: number[] = [];

  note(step: number, flops: number, at: number): void {
    this.flops = flops;
    this.began ??= { step, at };
    const [steps, seconds] = [step - this.began.step, at - this.began.at];
    if (steps <= 0 || seconds < TIMED_SECONDS) return;
    this.times.push(seconds / steps);
    this.began = { step, at };
  }

  get isKnown(): boolean {
    return this.times.length >= TIMES;
  }

  /** FLOPs a second. */
  get work(): number {
    return this.flops / this.times.toSorted((a, b) => a - b)[this.times.length >> 1];
  }
}
