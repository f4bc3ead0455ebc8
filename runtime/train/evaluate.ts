/** `ganc eval RUN`: the metrics of a run's weights, with nothing but what is in its folder and its data. */
import type { Program } from '../../compiler/program/types.js';
import { loadData } from '../data/index.js';
import type { TensorData } from '../execute/tensor.js';
import { ChosenRows } from './chosen.js';
import { RunError } from './errors.js';
import type { OpenExecutor } from './executor.js';
import { readProgramFolder, readRecord, readRunManifest, runPaths } from './folder.js';
import { judgeWeights } from './judge.js';
import { EXAMPLES, measure, metricEntries } from './measure.js';
import { RowFeeder, usedFields } from './rows.js';
import { chosenCheckpoint } from './sample.js';

export interface EvaluateOptions {
  readonly open: OpenExecutor;
  /** Default 1,000; rounded up to whole batches. */
  readonly examples?: number;
  /** Of the draws; default the run's own. */
  readonly seed?: bigint;
  /** A checkpoint's path, or `best`; default the run's latest. */
  readonly checkpoint?: string;
  readonly loading?: (text: string) => void;
  readonly warn?: (text: string) => void;
}

export interface Evaluated {
  readonly name: string;
  readonly step: number;
  readonly device: string;
  readonly examples: number;
  /** For each judge and each field it learned, the share of held-out rows that it is right about. */
  readonly judges: Record<string, Record<string, number>>;
  readonly heldOut: number;
  /** By name: a number, or as many as its shape says, in row order. */
  readonly metrics: Record<string, number | number[]>;
}

/** Throws RunError, SafetensorsError, DataError, GpuError, or DivergedError of a judge. */
export async function evaluateRun(folder: string, options: EvaluateOptions): Promise<Evaluated> {
  const record = await readRecord(folder);
  const program = await readProgramFolder(runPaths(folder).program);
  const plan = program.metrics;
  if (plan === undefined)
    throw new RunError(`${program.name} has nothing to measure`, 'its spec has no metric line and no judge', 'add one, like: metric brightness = E[G(z)]');
  const checkpoint = await chosenCheckpoint(folder, record, program, options);
  const seed = BigInt(record.seed);
  const manifest = await readRunManifest(folder);
  const { loading: progress, warn } = options;
  const data = program.data && (await loadData(program.data, { seed, base: record.base, manifest, judged: true, progress, warn }));
  const judges = await judgeWeights(program, data, { open: options.open, seed, loading: options.loading, warn: options.warn });
  const entries = metricEntries(plan);
  const draws = options.seed ?? seed;
  const opened = await options.open(program, { seed: draws, choice: checkpoint.choice, entries });
  try {
    const { executor } = opened;
    executor.write(checkpoint.values);
    executor.write(judges);
    const chosen = new ChosenRows(program, data, draws, entries);
    const feeder = new RowFeeder(executor, { data, fields: usedFields(program, entries) }, chosen, opened.fieldLimit);
    const figures = await measure(executor, program, plan, data, feeder, options.examples ?? EXAMPLES);
    return {
      name: program.name,
      step: checkpoint.step,
      device: opened.device,
      examples: Math.ceil((options.examples ?? EXAMPLES) / plan.batch) * plan.batch,
      heldOut: data?.heldOut ?? 0,
      ...splitFigures(program, figures),
    };
  } finally {
    opened.close();
  }
}

/** The judges' own figures, and the others. */
export function splitFigures(program: Program, figures: ReadonlyMap<string, TensorData>): Pick<Evaluated, 'judges' | 'metrics'> {
  const judges = new Set((program.judges ?? []).map((judge) => judge.name));
  const found: Pick<Evaluated, 'judges' | 'metrics'> = { judges: {}, metrics: {} };
  for (const [name, { shape, data }] of figures) {
    const [judge, ...field] = name.split('.');
    if (judges.has(judge) && field.length > 0) found.judges[judge] = { ...found.judges[judge], [field.join('.')]: data[0] };
    else found.metrics[name] = shape.length === 0 ? data[0] : [...data];
  }
  return found;
}
