/** Running a sample entry until there are enough. */
import type { Entry, Program, SamplePlan } from '../../compiler/program/types.js';
import { suggest } from '../../grammar/suggest.js';
import { type DataSet, type RowKind, rowsOfKind } from '../data/index.js';
import { entryOf } from '../execute/packing.js';
import type { TensorData } from '../execute/tensor.js';
import { RunError } from './errors.js';
import type { TrainExecutor } from './executor.js';
import { type NoiseOptions, noisesOf } from './noises.js';
import type { RowFeeder } from './rows.js';
import { rowsOf } from './schedule.js';

/** The named sample of a program; without a name the first. Throws RunError. */
export function findSample(program: Program, name?: string): SamplePlan {
  const names = program.samples.map((s) => s.name);
  const plan = name === undefined ? program.samples[0] : program.samples.find((s) => s.name === name);
  if (plan !== undefined) return plan;
  if (name === undefined) throw new RunError(`${program.name} has nothing to sample`, 'its spec has no sample line', 'add one, like: sample picture = G(z)');
  const near = suggest(name, names);
  throw new RunError(`${program.name} has no sample '${name}'`, `it has ${names.join(', ') || 'none'}`, near === undefined ? '' : `did you mean '${near}'?`);
}

export interface SampleInputs {
  /** Where the program takes its noises from the host. */
  readonly noises: NoiseOptions;
  /** Optional fields that the samples do without; others are there. */
  readonly absent?: ReadonlySet<string>;
  /** Rows that are read in turn; default all that there are for it. */
  readonly rows?: number;
  /** What the entry is given beside its rows. */
  readonly tensors?: Readonly<Record<string, TensorData>>;
}

/** For an entry that reads optional fields: 1 for every example where a field is there, 0 where it is absent. */
export function presence(entry: Entry, absent: ReadonlySet<string>): Record<string, TensorData> {
  const found: Record<string, TensorData> = {};
  for (const { kind, name, shape } of entry.inputs) {
    const field = kind === 'tensor' ? PRESENT.exec(name)?.[1] : undefined;
    if (field !== undefined) found[name] = { dtype: 'f32', shape: [...shape], data: new Float32Array(shape[0]).fill(absent.has(field) ? 0 : 1) };
  }
  return found;
}

/** Name of the input that says of an optional field whether examples have it. */
export const PRESENT = /^(?:sample|metric).*\.(\w+)\.present$/;

/**
 * `count` samples of each output, [count, ...]. Call k has counter k, so the first samples are the same however many are asked for.
 * Entries that read data get held-out rows, one after another (training rows where none are held out).
 */
export async function collectSamples(
  executor: Pick<TrainExecutor, 'submit'>,
  program: Program,
  plan: SamplePlan,
  count: number,
  data: DataSet | undefined,
  feeder: RowFeeder,
  { noises, absent = new Set(), rows, tensors }: SampleInputs,
): Promise<Map<string, TensorData>> {
  const entry = entryOf(program, plan.entry);
  const present = presence(entry, absent);
  const batch = rowsOf(entry);
  const parts = new Map<string, TensorData[]>();
  for (let k = 0; k * plan.count < count; k++) {
    const given = { ...present, ...noisesOf(program, plan, k, noises), ...tensors };
    const chosen = batch === undefined ? undefined : Uint32Array.from({ length: batch }, (_, i) => rowOfSample(data, k * batch + i, rows));
    const [result] = await executor.submit(feeder.prepare([{ entry: plan.entry, counter: k, rows: chosen, tensors: given }]));
    for (const { name } of plan.outputs) parts.set(name, [...(parts.get(name) ?? []), result.outputs[name]]);
  }
  return new Map([...parts].map(([name, list]) => [name, join(list, count)]));
}

/** The rows that call `k` of a metric's entry reads, one after another: of that kind, or held-out ones (training rows where none are held out). */
export function rowsInTurn(entry: Entry, data: DataSet | undefined, k: number, kind?: RowKind): Uint32Array | undefined {
  const batch = rowsOf(entry);
  const { first, count } = data === undefined ? { first: 0, count: 1 } : rowsOfKind(data, kind);
  return batch === undefined ? undefined : Uint32Array.from({ length: batch }, (_, i) => first + ((k * batch + i) % count));
}

/** The row that sample `k` reads: held-out ones, one after another (training rows where none are held out), `most` of them in turn. */
export function rowOfSample(data: DataSet | undefined, k: number, most = Number.POSITIVE_INFINITY): number {
  const { first, count } = data === undefined ? { first: 0, count: 1 } : rowsOfKind(data);
  return first + (k % Math.min(count, most));
}

/** Tensors one after another along axis 0, the first `count` rows. */
function join(list: readonly TensorData[], count: number): TensorData {
  const [{ dtype, shape }] = list;
  const each = shape.slice(1).reduce((a, b) => a * b, 1);
  const length = count * each;
  const data = dtype === 'f32' ? new Float32Array(length) : dtype === 'i32' ? new Int32Array(length) : new Uint32Array(length);
  let at = 0;
  for (const part of list) {
    const taken = part.data.subarray(0, Math.min(part.data.length, length - at));
    data.set(taken, at);
    at += taken.length;
  }
  return { dtype, shape: [count, ...shape.slice(1)], data };
}
