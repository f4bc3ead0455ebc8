/** `--trace T.safetensors`: what a training did, for comparison with another framework, number by number. */
import type { Program, TrainPlan } from '../../compiler/program/types.js';
import type { CallResult } from '../execute/executor.js';
import type { TensorData } from '../execute/tensor.js';
import { RunError } from './errors.js';
import { writeSafetensors } from './safetensors.js';
import type { PlannedCall } from './schedule.js';
import { readStep } from './watch.js';

export class Trace {
  private readonly losses = new Map<string, number[]>();
  private readonly reports = new Map<string, number[]>();
  private readonly tensors = new Map<string, TensorData>();
  private readonly steps: ReadonlySet<number>;

  /**
   * `steps`: after how many whole steps weights and states are kept; 0 is before the first. Throws RunError where one is beyond the training's `last`, or
   * where the program does not give the gradients that a trace holds.
   */
  constructor(
    private readonly path: string,
    program: Program,
    plan: TrainPlan,
    steps: readonly number[],
    last: number,
  ) {
    for (const step of steps) {
      if (!Number.isSafeInteger(step) || step < 0) throw new RunError(`--trace-steps names ${step}`, 'steps are whole numbers from 0');
      if (step > last) throw new RunError(`--trace-steps names step ${step}`, `the training ends after ${last}`);
    }
    for (const { player, entry } of plan.updates) {
      const outputs = program.entries.find((e) => e.name === entry)?.outputs ?? [];
      if (!outputs.some((output) => output.name.startsWith('grad.'))) {
        throw new RunError(
          'the program was not compiled for a trace',
          `the update of ${player} does not give its gradients`,
          'start from the spec, not from a compiled program: ganc train SPEC --trace FILE',
        );
      }
    }
    this.steps = new Set(steps);
  }

  wants(step: number): boolean {
    return this.steps.has(step);
  }

  /** Takes the results of one step. */
  record(calls: readonly PlannedCall[], results: readonly CallResult[]): void {
    for (const [i, { player, last, batch }] of calls.entries()) {
      // Of an update of several batches: when it is whole.
      if (player === undefined || batch.index < batch.of - 1) continue;
      const update = [calls.slice(i - batch.index, i + 1), results.slice(i - batch.index, i + 1)] as const;
      const { losses, parts, reports } = readStep(...update);
      for (const [name, value] of Object.entries({ ...losses, ...parts })) append(this.losses, name, value);
      if (last) for (const [name, value] of Object.entries(reports)) append(this.reports, name, value);
      for (const [name, tensor] of Object.entries(results[i].outputs)) {
        const key = `grad0.${name.slice('grad.'.length)}`;
        if (name.startsWith('grad.') && !this.tensors.has(key)) this.tensors.set(key, tensor);
      }
    }
  }

  /** Takes the variables as they are after `step` whole steps: weights, states and averages. */
  keep(step: number, program: Program, values: ReadonlyMap<string, TensorData>): void {
    for (const { name, kind } of program.variables) {
      const value = kind === 'weight' || kind === 'state' || kind === 'average' ? values.get(name) : undefined;
      if (value !== undefined) this.tensors.set(`step${step}.${name}`, value);
    }
  }

  async write(): Promise<void> {
    const all = new Map<string, TensorData>();
    for (const [player, list] of this.losses) all.set(`losses.${player}`, { dtype: 'f32', shape: [list.length], data: Float32Array.from(list) });
    for (const [name, list] of this.reports) all.set(`reports.${name}`, { dtype: 'f32', shape: [list.length], data: Float32Array.from(list) });
    for (const [name, tensor] of this.tensors) all.set(name, tensor);
    await writeSafetensors(this.path, all);
  }
}

function append(lists: Map<string, number[]>, name: string, value: number): void {
  const list = lists.get(name);
  if (list === undefined) lists.set(name, [value]);
  else list.push(value);
}
