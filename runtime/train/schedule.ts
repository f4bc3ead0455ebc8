/** What a step is: which entries are called, with which counters, rows and tensors. A pure function of the plan, the seed and the step's counters. */
import { callsOf, linesAt, linesOf, variantOf } from '../../compiler/program/schedule.js';
import type { Entry, Program, TrainPlan } from '../../compiler/program/types.js';
import { rowsFor } from '../data/order.js';
import type { Call } from '../execute/executor.js';
import { entryOf } from '../execute/packing.js';
import type { TensorData } from '../execute/tensor.js';
import type { Feed } from './feed.js';

export interface PlannedCall extends Call {
  /** Of an update; none for the shared part of the step and for statistics. */
  readonly player?: string;
  /** Of statistics: the player whose update they describe, or `shared`. */
  readonly stats?: string;
  /** True for the player's last update of the step. */
  readonly last: boolean;
  /** Of an update's batches, which one this is, and how many there are. */
  readonly batch: { readonly index: number; readonly of: number };
}

export interface ScheduleOptions {
  readonly seed: bigint;
  /** Rows that training draws from. */
  readonly rows: number;
  /** The same rows in every update. */
  readonly overfit?: boolean;
  readonly feed?: Feed;
}

/** The stream of rows that a step's shared part reads, and all updates where they share a batch. */
const STEP = 'step';
/** Among the counters of players, none of whom can have this name. */
const AHEAD = 'steps given up';

export class Schedule {
  private readonly counters = new Map<string, number>();
  /** What the number of a step is ahead of its place, for draws and rows: the steps that were made and given up. */
  private ahead = 0;

  constructor(
    private readonly program: Program,
    private readonly plan: TrainPlan,
    private readonly options: ScheduleOptions,
  ) {
    for (const { player } of linesOf(plan)) this.counters.set(player, 0);
  }

  /** Updates that each player has done. */
  get done(): Record<string, number> {
    return { ...Object.fromEntries(this.counters), ...(this.ahead > 0 && { [AHEAD]: this.ahead }) };
  }

  /** Gives up `steps` steps, which will be made again: with other draws and rows, as counters stay as they are. */
  giveUp(steps: number): void {
    this.ahead += steps;
  }

  /** Goes on from a checkpoint's counters. */
  restore(counters: Readonly<Record<string, number>>): void {
    this.ahead = counters[AHEAD] ?? 0;
    for (const player of this.counters.keys()) this.counters.set(player, counters[player] ?? 0);
  }

  /**
   * The calls of step `step` (0, 1, ...), in order. Steps are to be asked for one after another: players' counters advance. With `watched`, the statistics of
   * each line's last update come before it, of its first batch.
   */
  step(step: number, watched = false): PlannedCall[] {
    const { plan } = this;
    const number = step + this.ahead;
    const calls: PlannedCall[] = [];
    if (watched && plan.shared !== undefined && plan.sharedStats !== undefined)
      calls.push({ ...this.call(plan.sharedStats, number, step, { stream: STEP, number }, plan.shared), stats: 'shared' });
    if (plan.shared !== undefined) calls.push(this.call(plan.shared, number, step, { stream: STEP, number }));
    const lastOf = new Map<string, number>();
    for (const line of linesAt(plan, step)) {
      const { player, times } = line;
      for (let i = 0; i < times; i++) {
        const update = this.counters.get(player) as number;
        this.counters.set(player, update + 1);
        const batches = callsOf(plan, line, update);
        const { stats } = variantOf(line, update);
        if (watched && stats !== undefined && i === times - 1) {
          const { counter } = batches[0];
          calls.push({ ...this.call(stats, counter, step, this.rowsOf(player, step, counter), batches[0].entry), stats: player });
        }
        batches.forEach(({ entry, counter }, index) => {
          lastOf.set(player, calls.length);
          calls.push({ ...this.call(entry, counter, step, this.rowsOf(player, step, counter)), player, batch: { index, of: batches.length } });
        });
      }
    }
    return calls.map((call, i) => (call.player !== undefined && lastOf.get(call.player) === i ? { ...call, last: true } : call));
  }

  private rowsOf(player: string, step: number, counter: number): { stream: string; number: number } {
    return this.plan.sharedBatch ? { stream: STEP, number: step + this.ahead } : { stream: player, number: counter };
  }

  /** `fed`: the entry whose part of the feed it gets. */
  private call(name: string, counter: number, step: number, { stream, number }: { stream: string; number: number }, fed = name): PlannedCall {
    const entry = entryOf(this.program, name);
    const { seed, rows: count, overfit, feed } = this.options;
    const batch = rowsOf(entry);
    return {
      entry: name,
      counter,
      step,
      rows: batch === undefined ? undefined : overfit === true ? rowsFor(seed, STEP, 0, batch, count) : rowsFor(seed, stream, number, batch, count),
      tensors: feed && inputsOf(entry, feed.at(fed, counter, step)),
      last: false,
      batch: { index: 0, of: 1 },
    };
  }
}

/** What an entry takes of what another is fed. */
function inputsOf({ inputs }: Entry, tensors: Readonly<Record<string, TensorData>>): Readonly<Record<string, TensorData>> {
  return Object.fromEntries(Object.entries(tensors).filter(([name]) => inputs.some((input) => input.name === name)));
}

/** How many rows an entry reads in a call, if any. */
export function rowsOf(entry: Entry): number | undefined {
  return entry.inputs.find((input) => input.kind === 'rows')?.shape.reduce((a, b) => a * b, 1);
}
