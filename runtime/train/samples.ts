/** Running a sample entry until there are enough, and writing what it gave. */
import { extname } from 'node:path';
import type { DataRequest, Entry, Program, SamplePlan } from '../../compiler/program/types.js';
import { suggest } from '../../grammar/suggest.js';
import { type Mixture, type ModeStatistics, mixtureOf, modeStatistics } from '../data/gaussians.js';
import { type DataSet, type RowKind, rowsOfKind } from '../data/index.js';
import { entryOf } from '../execute/packing.js';
import type { TensorData } from '../execute/tensor.js';
import { writePng } from '../show/image.js';
import { picture } from '../show/picture.js';
import { RunError } from './errors.js';
import type { TrainExecutor } from './executor.js';
import type { RowFeeder } from './rows.js';
import { writeSafetensors } from './safetensors.js';
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
  /** Optional fields that the samples do without; others are there. */
  readonly absent?: ReadonlySet<string>;
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
const PRESENT = /^(?:sample|metric).*\.(\w+)\.present$/;

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
  { absent = new Set(), tensors }: SampleInputs = {},
): Promise<Map<string, TensorData>> {
  const entry = entryOf(program, plan.entry);
  const given = { ...presence(entry, absent), ...tensors };
  const parts = new Map<string, TensorData[]>();
  for (let k = 0; k * plan.count < count; k++) {
    const [result] = await executor.submit(feeder.prepare([{ entry: plan.entry, counter: k, rows: rowsInTurn(entry, data, k), tensors: given }]));
    for (const { name } of plan.outputs) parts.set(name, [...(parts.get(name) ?? []), result.outputs[name]]);
  }
  return new Map([...parts].map(([name, list]) => [name, join(list, count)]));
}

/** The rows that call `k` of an entry outside of training reads, one after another: of that kind, or held-out ones (training rows where none are held out). */
export function rowsInTurn(entry: Entry, data: DataSet | undefined, k: number, kind?: RowKind): Uint32Array | undefined {
  const batch = rowsOf(entry);
  const { first, count } = data === undefined ? { first: 0, count: 1 } : rowsOfKind(data, kind);
  return batch === undefined ? undefined : Uint32Array.from({ length: batch }, (_, i) => first + ((k * batch + i) % count));
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

/** What samples are compared with: the modes of a mixture, real points to show behind. */
export interface Background {
  readonly mixture?: Mixture;
  readonly real?: Float32Array;
}

export function backgroundOf(request: DataRequest | undefined, data: DataSet | undefined): Background {
  const field = request?.fields.find((f) => f.shape.length === 1 && f.shape[0] === 2 && f.storage.kind === 'f32');
  const rows = field && data?.fields.get(field.name);
  return {
    mixture: request && mixtureOf(request),
    real: rows && new Float32Array(rows.bytes.buffer, rows.bytes.byteOffset, Math.min(rows.count, 4000) * 2),
  };
}

export interface Written {
  readonly files: string[];
  /** Of points, where the data is a known mixture. */
  readonly figures?: ModeStatistics;
}

/**
 * Writes each output: to `path` itself where there is one, else with its name put before the ending. `.png` is a picture, `.safetensors` the numbers;
 * without an ending, a picture where it can be one, else numbers. Throws RunError where a picture is asked for that cannot be.
 */
export async function writeSamples(path: string, plan: SamplePlan, samples: ReadonlyMap<string, TensorData>, background: Background): Promise<Written> {
  const ending = extname(path).toLowerCase();
  if (ending !== '' && ending !== '.png' && ending !== '.safetensors')
    throw new RunError(`cannot write samples as ${ending}`, 'there are .png and .safetensors');
  const stem = ending === '' ? path : path.slice(0, -ending.length);
  const files: string[] = [];
  const figures = pointFigures(samples, background);
  if (ending === '.safetensors') {
    await writeSafetensors(path, samples);
    return { files: [path], figures };
  }
  for (const output of plan.outputs) {
    const tensor = samples.get(output.name) as TensorData;
    const own = plan.outputs.length === 1 ? stem : `${stem}-${output.name}`;
    const image = picture(tensor, output, { real: background.real });
    if (image !== undefined) {
      await writePng(`${own}.png`, image);
      files.push(`${own}.png`);
    } else if (ending === '.png') {
      throw new RunError(
        `'${output.name}' cannot be shown as a picture`,
        `a sample of it is [${tensor.shape.slice(1).join(', ')}]; pictures are [1, h, w] or [3, h, w], points [2]`,
        'write the numbers: -o samples.safetensors',
      );
    } else {
      await writeSafetensors(`${own}.safetensors`, new Map([[output.name, tensor]]));
      files.push(`${own}.safetensors`);
    }
  }
  return { files, figures };
}

function pointFigures(samples: ReadonlyMap<string, TensorData>, { mixture }: Background): ModeStatistics | undefined {
  const points = [...samples.values()].find((t) => t.dtype === 'f32' && t.shape.length === 2 && t.shape[1] === 2);
  return mixture && points && modeStatistics(mixture, points.data);
}
