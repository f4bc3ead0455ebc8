/** Reads what a step gave: its losses and reports, whether it still is a training, and how fast it goes. */
import type { Program } from '../../compiler/program/types.js';
import type { CallResult } from '../execute/executor.js';
import type { TensorData } from '../execute/tensor.js';
import type { PlannedCall } from './schedule.js';

export interface StepNumbers {
  readonly losses: Record<string, number>;
  readonly parts: Record<string, number>;
  readonly reports: Record<string, number>;
  /** The first thing that is no number any more. */
  readonly diverged?: { readonly player: string; readonly what: string };
}

/** The numbers of each player's last update of the step; faults are looked for in all. */
export function readStep(calls: readonly PlannedCall[], results: readonly CallResult[]): StepNumbers {
  const losses: Record<string, number> = {};
  const parts: Record<string, number> = {};
  const reports: Record<string, number> = {};
  let diverged: StepNumbers['diverged'];
  for (const [i, { player, batch }] of calls.entries()) {
    if (player === undefined) continue;
    // The mean over the batches of an update; later updates take the place of earlier ones.
    const note = (into: Record<string, number>, name: string, value: number): void => {
      into[name] = (batch.index === 0 ? 0 : (into[name] ?? 0)) + value / batch.of;
    };
    for (const [name, { data, shape }] of Object.entries(results[i].outputs)) {
      if (shape.length > 0) continue;
      const value = data[0];
      if (name === 'loss') {
        note(losses, player, value);
        if (!Number.isFinite(value)) diverged ??= { player, what: `its loss is ${Number.isNaN(value) ? 'NaN' : 'infinite'}` };
      } else if (name === 'nonfinite') {
        if (value !== 0) diverged ??= { player, what: `${value} of its new weights and gradients are NaN or infinite` };
      } else if (name.startsWith('loss.')) note(parts, `${player}.${name.slice('loss.'.length)}`, value);
      else if (name.startsWith('report.')) note(reports, name.slice('report.'.length), value);
    }
  }
  return { losses, parts, reports, diverged };
}

/** The first variable that holds NaN or an infinity, with the player that it belongs to. */
export function findNonfinite(program: Program, values: ReadonlyMap<string, TensorData>): { player: string; what: string } | undefined {
  for (const variable of program.variables) {
    const tensor = values.get(variable.name);
    if (tensor?.dtype === 'f32' && !tensor.data.every(Number.isFinite))
      return { player: variable.player ?? variable.name.split('.')[0], what: `the ${variable.kind} ${variable.name} holds NaN or an infinity` };
  }
  return undefined;
}

/** Steps a second: a running mean that forgets, without the first step, in which drivers compile. */
export class Pace {
  private before: number | undefined;
  private mean: number | undefined;
  private seen = 0;

  /** `now` in milliseconds, when a step's results came. */
  tick(now: number): void {
    if (this.before !== undefined && this.seen > 1) {
      const took = now - this.before;
      // The plain mean of the first twenty, then each new one counts a twentieth.
      this.mean = this.mean === undefined ? took : this.mean + (took - this.mean) / Math.min(20, this.seen - 1);
    }
    this.before = now;
    this.seen++;
  }

  get rate(): number {
    return this.mean === undefined || this.mean <= 0 ? 0 : 1000 / this.mean;
  }
}
