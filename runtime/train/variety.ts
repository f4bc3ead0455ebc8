/** How much samples differ over noise: what a collapsed generator lacks. Measured at sample times, with two calls of a sample's entry. */
import type { Program, SamplePlan } from '../../compiler/program/types.js';
import type { DataSet } from '../data/index.js';
import { entryOf } from '../execute/packing.js';
import type { TensorData } from '../execute/tensor.js';
import type { TrainExecutor } from './executor.js';
import type { Variety } from './guards.js';
import { noisesOf } from './noises.js';
import type { RowFeeder } from './rows.js';
import { presence, rowOfSample } from './samples.js';
import { rowsOf } from './schedule.js';

/** Number of the second call, beyond those of the samples that are shown. */
const OTHER = 1 << 16;
/** Pairs of rows that are compared. */
const PAIRS = 64;

/**
 * The mean absolute difference, over elements and examples, between two samples of the same rows and other noise; and, where the data has a field of the
 * first output's shape, that between neighbouring rows. Undefined of a sample that reads no noise.
 */
export async function varietyOf(
  executor: Pick<TrainExecutor, 'submit'>,
  program: Program,
  plan: SamplePlan,
  data: DataSet | undefined,
  feeder: RowFeeder,
  seed: bigint,
): Promise<Variety | undefined> {
  const entry = entryOf(program, plan.entry);
  const batch = rowsOf(entry);
  const rows = batch === undefined ? undefined : Uint32Array.from({ length: batch }, (_, i) => rowOfSample(data, i));
  const of = async (call: number): Promise<TensorData> => {
    const tensors = { ...presence(entry, new Set()), ...noisesOf(program, plan, call, { seed }) };
    const [result] = await executor.submit(feeder.prepare([{ entry: plan.entry, counter: call, rows, tensors }]));
    return result.outputs[plan.outputs[0].name];
  };
  const [one, other] = [await of(0), await of(OTHER)];
  if (one.dtype !== 'f32' || one.data.length === 0 || one.data.every((value, i) => value === other.data[i])) return undefined;
  return { noise: apart(one.data, other.data), data: apartInData(program, plan, data) };
}

function apartInData(program: Program, plan: SamplePlan, data: DataSet | undefined): number | undefined {
  const shape = plan.outputs[0].shape.join();
  const field = program.data?.fields.find((candidate) => candidate.shape.join() === shape && candidate.storage.kind !== 'i32');
  const stored = field && data?.fields.get(field.name);
  if (field === undefined || data === undefined || stored === undefined || data.count < 2) return undefined;
  const { storage } = field;
  const elements = field.shape.reduce((a, b) => a * b, 1);
  const row = (i: number): ArrayLike<number> => {
    const bytes = stored.bytes.slice(i * stored.rowBytes, (i + 1) * stored.rowBytes);
    return storage.kind === 'f32' ? new Float32Array(bytes.buffer, 0, elements) : bytes.subarray(0, elements);
  };
  const pairs = Math.min(PAIRS, data.count - 1);
  let sum = 0;
  for (let i = 0; i < pairs; i++) sum += apart(row(i), row(i + 1));
  return (sum / pairs) * (storage.kind === 'u8' ? Math.abs(storage.scale) : 1);
}

function apart(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += Math.abs(a[i] - b[i]);
  return sum / a.length;
}
