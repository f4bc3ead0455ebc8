/** `ganc eval RUN`: the metrics of a run's weights, with nothing but what is in its folder and its data. */
import type { Program } from '../../compiler/program/types.js';
import { isSaved } from '../../compiler/program/variables.js';
import { type DataSet, loadData, type RowKind, rowsOfKind } from '../data/index.js';
import type { TensorData } from '../execute/tensor.js';
import type { Checkpoint } from './checkpoint.js';
import { ChosenRows } from './chosen.js';
import { RunError } from './errors.js';
import type { OpenExecutor } from './executor.js';
import { readProgramFolder, readRecord, readRunManifest, runPaths } from './folder.js';
import { sharedJudgeWeights } from './judge.js';
import { EXAMPLES, measure, metricEntries } from './measure.js';
import { RowFeeder, usedFields } from './rows.js';
import { chosenCheckpoint, findCheckpoint } from './sample.js';

export interface EvaluateOptions {
  readonly open: OpenExecutor;
  /** Of another spec with the same nets, whose metrics are measured instead; paths of its data start from `base`. */
  readonly other?: { readonly program: Program; readonly base: string };
  /** Default 1,000; rounded up to whole batches. */
  readonly examples?: number;
  /** Kinds of rows, each measured for itself; default held-out ones (training rows where none are held out), and unseen ones where there are any. */
  readonly rows?: readonly RowKind[];
  /** Of the draws; default the run's own. */
  readonly seed?: bigint;
  /** A checkpoint's path, or `best`; default the run's latest. */
  readonly checkpoint?: string;
  /** Sets already loaded, for several runs in one process. */
  readonly cache?: Map<string, Promise<DataSet>>;
  readonly loading?: (text: string) => void;
  readonly warn?: (text: string) => void;
}

export interface Evaluated {
  readonly name: string;
  readonly step: number;
  readonly device: string;
  /** Of each kind of rows. */
  readonly examples: number;
  readonly seed: bigint;
  /** At least one. */
  readonly figures: readonly Figures[];
  /** Metrics that are the same whatever the rows, since they read none. */
  readonly rowless: ReadonlySet<string>;
}

export interface Figures {
  /** What was measured on, and how many such rows there are; absent where there are no data. */
  readonly rows?: { readonly kind: RowKind; readonly count: number };
  /** For each judge and each field it learned, the share of rows that it is right about. */
  readonly judges: Record<string, Record<string, number>>;
  /** By name: a number, or as many as its shape says, in row order. */
  readonly metrics: Record<string, number | number[]>;
}

/** Throws RunError, SafetensorsError, DataError, GpuError, or DivergedError of a judge. */
export async function evaluateRun(folder: string, options: EvaluateOptions): Promise<Evaluated> {
  const record = await readRecord(folder);
  const { other } = options;
  const program = other?.program ?? (await readProgramFolder(runPaths(folder).program));
  const plan = program.metrics;
  if (plan === undefined)
    throw new RunError(`${program.name} has nothing to measure`, 'its spec has no metric line and no judge', 'add one, like: metric brightness = E[G(z)]');
  const checkpoint = other ? fitted(await findCheckpoint(folder, record, options), program) : await chosenCheckpoint(folder, record, program, options);
  const seed = BigInt(record.seed);
  const manifest = await readRunManifest(folder);
  const { loading: progress, warn, cache } = options;
  const base = other?.base ?? record.base;
  const data = program.data && (await loadData(program.data, { seed, base, manifest, judged: true, cache, progress, warn }));
  const kinds = kindsOf(program, data, options.rows);
  const judgeSeed = record.judgeSeed === undefined ? seed : BigInt(record.judgeSeed);
  const judges = await sharedJudgeWeights(program, data, { ...options, seed, judgeSeed, base });
  const entries = metricEntries(plan);
  const draws = options.seed ?? seed;
  const opened = await options.open(program, { seed: draws, choice: checkpoint.choice, entries });
  try {
    const { executor } = opened;
    executor.write(checkpoint.values);
    executor.write(judges);
    const chosen = new ChosenRows(program, data, draws, entries);
    const feeder = new RowFeeder(executor, { data, fields: usedFields(program, entries) }, chosen, opened.fieldLimit);
    const figures: Figures[] = [];
    for (const kind of kinds) {
      options.loading?.(`measuring${kind === undefined ? '' : ` on ${kind.replace('_', '-')} rows`}`);
      const found = splitFigures(program, await measure(executor, program, plan, data, feeder, { examples: options.examples, rows: kind }));
      figures.push({ ...(data && { rows: rowsOfKind(data, kind) }), ...found });
    }
    return {
      name: program.name,
      step: checkpoint.step,
      device: opened.device,
      examples: Math.ceil((options.examples ?? EXAMPLES) / plan.batch) * plan.batch,
      seed: draws,
      figures,
      rowless: new Set(plan.figures.filter((figure) => !figure.rows).map((figure) => figure.name)),
    };
  } finally {
    opened.close();
  }
}

/** The weights that another program has by the same names. Throws RunError where one is missing, or of another shape. */
function fitted(checkpoint: Checkpoint, program: Program): Pick<Checkpoint, 'values' | 'step'> & { readonly choice?: undefined } {
  const values = new Map<string, TensorData>();
  for (const variable of program.variables) {
    if (!isSaved(variable) || variable.kind === 'optimizer') continue;
    const { name, shape } = variable;
    const value = checkpoint.values.get(name);
    const reason = value === undefined ? 'which the run does not have' : `which is [${value.shape.join(', ')}] in the run`;
    if (value === undefined || value.shape.join() !== shape.join())
      throw new RunError(
        `${program.name} cannot measure this run`,
        `it has ${name} [${shape.join(', ')}], ${reason}`,
        'give the settings of the run: --set, --variant',
      );
    values.set(name, value);
  }
  return { values, step: checkpoint.step };
}

/** On which rows to measure, undefined where there are no data. Throws RunError where there are none of a kind that was asked for. */
function kindsOf(program: Program, data: DataSet | undefined, asked: readonly RowKind[] | undefined): (RowKind | undefined)[] {
  const missing = asked?.find((kind) => data === undefined || rowsOfKind(data, kind).count === 0);
  if (missing !== undefined)
    throw new RunError(`there are no ${missing.replace('_', '-')} rows to measure on`, data ? data.describe : `${program.name} has no data`);
  if (data === undefined) return [undefined];
  const usual = rowsOfKind(data).kind;
  return asked === undefined ? [usual, ...((data.unseen ?? 0) > 0 ? (['unseen'] as const) : [])] : [...new Set(asked)];
}

/** The judges' own figures, and the others. */
export function splitFigures(program: Program, figures: ReadonlyMap<string, TensorData>): Pick<Figures, 'judges' | 'metrics'> {
  const judges = new Set((program.judges ?? []).map((judge) => judge.name));
  const found: Pick<Figures, 'judges' | 'metrics'> = { judges: {}, metrics: {} };
  for (const [name, { shape, data }] of figures) {
    const [judge, ...field] = name.split('.');
    if (judges.has(judge) && field.length > 0) found.judges[judge] = { ...found.judges[judge], [field.join('.')]: data[0] };
    else found.metrics[name] = shape.length === 0 ? data[0] : [...data];
  }
  return found;
}
