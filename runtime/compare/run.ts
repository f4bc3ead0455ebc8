/** One run of a comparison: a run folder like any other, trained or gone on with, then measured. */
import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { flopsOf } from '../../compiler/program/cost.js';
import type { DataSet } from '../data/index.js';
import { DivergedError } from '../train/errors.js';
import { evaluateRun } from '../train/evaluate.js';
import type { OpenExecutor } from '../train/executor.js';
import { readRecord, runPaths } from '../train/folder.js';
import { readFigures, readMetrics } from '../train/metrics.js';
import type { Progress } from '../train/options.js';
import { train } from '../train/train.js';
import type { Compiled } from './candidate.js';
import type { DoJob, Job, JobHooks } from './job.js';
import { hasModes } from './metric.js';
import { trainedAs } from './plan.js';
import type { CompareRun, Measured, RankMetric } from './results.js';

/** Checkpoints of a run, at which it is measured, where nothing else is said. */
const CHECKPOINTS = 8;

export interface RunContext extends JobHooks {
  /** Folder of the comparison. */
  readonly folder: string;
  readonly open: OpenExecutor;
  readonly cache: Map<string, Promise<DataSet>>;
  readonly versions?: Readonly<Record<string, string>>;
}

/** Figures at a checkpoint. */
interface Point {
  readonly step: number;
  readonly metrics: Readonly<Record<string, number | readonly number[] | string>>;
}

/** Jobs done in this process. Rows of a seed are forgotten when another seed begins, where seeds do not take turns. */
export function doneHere(context: Omit<RunContext, keyof JobHooks | 'folder'>): DoJob {
  let seed: string | undefined;
  return (job, candidate, folder, hooks) => {
    const { run } = job;
    if (run.rung === undefined && seed !== undefined && seed !== run.seed) context.cache.clear();
    seed = run.seed;
    return doRun(job, candidate, { ...context, ...hooks, folder });
  };
}

/** The run as it is when it has ended or was stopped. What goes wrong in it is its status, with the message. */
export async function doRun(job: Job, candidate: Compiled, context: RunContext): Promise<CompareRun> {
  const { run, share, budget } = job;
  const folder = join(context.folder, run.folder);
  const resume = existsSync(runPaths(folder).record) ? folder : undefined;
  // What a process left behind that was killed before there was a run.
  if (resume === undefined) await rm(folder, { recursive: true, force: true });
  const checkpointEvery = everyOf(job);
  let last: Progress | undefined;
  // What was measured in this session: told before it is in the file.
  const fresh: Point[] = [];
  const note = (point: Point): void => {
    fresh.push(point);
    void now('running').then(context.changed);
  };
  const now = async (status: CompareRun['status'], more: Partial<CompareRun> = {}): Promise<CompareRun> => ({
    ...run,
    ...(await standOf(folder, candidate, job, checkpointEvery, fresh)),
    ...(last && { losses: last.losses }),
    status,
    ...more,
  });
  try {
    const { open, cache, signal, versions, loading, warn, kept } = context;
    const result = await train({
      ...trainedAs(candidate),
      ...(resume === undefined ? { out: folder, seed: BigInt(run.seed) } : { resume, seed: BigInt(run.seed) }),
      steps: run.steps === undefined ? undefined : Math.max(1, Math.ceil(run.steps * share)),
      seconds: budget.kind === 'seconds' ? budget.seconds * share : undefined,
      checkpointEvery,
      judgeSeed: BigInt(job.judgeSeed),
      guard: job.guard,
      open,
      cache,
      signal,
      versions,
      loading,
      warn,
      progress: (progress) => {
        last = progress;
        context.progress?.(progress);
      },
      measured: (metrics, _, step) => note({ step, metrics }),
      sampled: (_, figures, step) => figures && note({ step, metrics: { modes: figures.found, near: figures.near } }),
      kept,
    });
    // What is no training any more does not go on another time, either.
    const { stoppedBy } = result;
    if (stoppedBy !== undefined) return await now('diverged', { message: `a guard stopped it at step ${stoppedBy.step}: ${stoppedBy.what}` });
    if (result.status === 'stopped') return await now('stopped');
    const measured = await measuredOf(folder, candidate, job.examples, context);
    return share < 1 ? await now('stopped', { measured }) : await now('finished', { measured, steps: result.step });
  } catch (error) {
    if (error instanceof DivergedError) return now('diverged', { message: error.message });
    const { message, reason } = error as { message?: string; reason?: string };
    return now('failed', { message: [message ?? String(error), reason].filter(Boolean).join(': ') });
  }
}

/** Steps between checkpoints; undefined under a budget of time, which says when they are due. */
function everyOf({ run: { steps }, checkpointEvery }: Job): number | undefined {
  return checkpointEvery ?? (steps === undefined ? undefined : Math.max(1, Math.ceil(steps / CHECKPOINTS)));
}

/** What the run's folder says, whoever wrote it. */
async function standOf(
  folder: string,
  { program }: Compiled,
  { metric }: Job,
  every: number | undefined,
  fresh: readonly Point[],
): Promise<Pick<CompareRun, 'step' | 'seconds' | 'flops' | 'guards' | 'losses' | 'curve'>> {
  const record = await readRecord(folder).catch(() => undefined);
  const step = record?.step ?? 0;
  const { metrics } = runPaths(folder);
  const losses = (await readMetrics(metrics)).find((line) => line.step === step)?.losses;
  const points = metric === undefined ? [] : [...(await readFigures(metrics)), ...(await readModes(metrics)), ...fresh];
  const curve = points.flatMap(({ step: at, metrics }) => {
    const value = metrics[(metric as RankMetric).name];
    // Where a run was stopped it was measured, too: no such point is in a run that was not.
    const due = every === undefined || at % every === 0 || at === record?.steps;
    return value === undefined || typeof value === 'object' || !due ? [] : [{ step: at, value: Number(value) }];
  });
  const once = curve.filter(({ step }, i) => curve.findIndex((other) => other.step === step) === i);
  const guards = record?.guards;
  return { step, seconds: record?.seconds ?? 0, flops: flopsOf(program, step), ...(guards?.length && { guards }), ...(losses && { losses }), curve: once };
}

/** Figures of a mixture's modes, as `metrics.jsonl` has them at each checkpoint. */
async function readModes(path: string): Promise<{ step: number; metrics: Record<string, number>; samples: number }[]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text.split('\n').flatMap((line) => {
    if (!line.includes('"figures"')) return [];
    const { step, figures } = JSON.parse(line) as { step: number; figures: { modes: number; near: number; samples: number } };
    return [{ step, metrics: { modes: figures.modes, near: figures.near }, samples: figures.samples }];
  });
}

async function measuredOf(folder: string, { program }: Compiled, examples: number | undefined, context: RunContext): Promise<Measured[]> {
  const found: Measured[] = [];
  if (program.metrics !== undefined) {
    const { open, cache, loading, warn } = context;
    const all = await evaluateRun(folder, { open, cache, examples, loading, warn });
    for (const { rows, metrics, judges } of all.figures) found.push({ rows: rows?.kind ?? 'none', examples: all.examples, metrics, judges });
  }
  const modes = hasModes(program) ? (await readModes(runPaths(folder).metrics)).at(-1) : undefined;
  if (modes === undefined) return found;
  const [first = { rows: 'none', examples: modes.samples, metrics: {} }, ...rest] = found;
  return [{ ...first, metrics: { ...modes.metrics, ...first.metrics } }, ...rest];
}
