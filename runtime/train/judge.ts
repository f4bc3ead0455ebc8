/** Judges: classifiers of real rows that metrics ask. One is trained once for its text, its rows and the seed, and then kept in the user's cache. */
import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { trainingEntries } from '../../compiler/program/schedule.js';
import type { JudgePlan, Program } from '../../compiler/program/types.js';
import { type DataSet, type LoadOptions, loadData } from '../data/index.js';
import { userCache } from '../device/cache.js';
import type { TensorData } from '../execute/tensor.js';
import { ChosenRows } from './chosen.js';
import { DivergedError, RunError } from './errors.js';
import type { OpenExecutor } from './executor.js';
import { RowFeeder, usedFields } from './rows.js';
import { readSafetensors, SafetensorsError, writeSafetensors } from './safetensors.js';
import { Schedule } from './schedule.js';
import { readStep } from './watch.js';

export interface JudgeOptions {
  readonly open: OpenExecutor;
  /** Of its draws and of the order of its rows: the run's own. */
  readonly seed: bigint;
  /** `judge J 120/2000`. */
  readonly loading?: (text: string) => void;
  readonly warn?: (text: string) => void;
}

/**
 * The weights of all judges of a program: from the cache, or trained now on a device of their own. Throws RunError where there are no rows to learn from,
 * GpuError, or DivergedError where numbers are none any more.
 */
export async function judgeWeights(program: Program, data: DataSet | undefined, options: JudgeOptions): Promise<Map<string, TensorData>> {
  const all = new Map<string, TensorData>();
  for (const plan of program.judges ?? []) {
    if (data === undefined) throw new RunError(`judge ${plan.name} has nothing to learn from`, `${program.name} has no data`);
    const path = cachePath(program, plan, data, options.seed);
    const known = await cached(path, program, plan);
    const weights = known ?? (await trainJudge(program, plan, data, options));
    if (known === undefined) await keep(path, weights, options.warn);
    for (const [name, value] of weights) all.set(name, value);
  }
  return all;
}

/** The same where judges learn from the rows of another seed, `judgeSeed`, as all runs of a comparison have it. `data`: the rows of the run. */
export async function sharedJudgeWeights(
  program: Program,
  data: DataSet | undefined,
  options: JudgeOptions & Pick<LoadOptions, 'base' | 'cache'> & { readonly judgeSeed: bigint },
): Promise<Map<string, TensorData>> {
  const { seed, judgeSeed, base, cache, loading: progress, warn } = options;
  if (judgeSeed === seed || program.data === undefined || (program.judges ?? []).length === 0)
    return judgeWeights(program, data, { ...options, seed: judgeSeed });
  const rows = await loadData(program.data, { seed: judgeSeed, base, judged: true, manifest: data?.manifest, cache, progress, warn });
  return judgeWeights(program, rows, { ...options, seed: judgeSeed });
}

function cachePath(program: Program, plan: JudgePlan, data: DataSet, seed: bigint): string {
  const hash = createHash('sha256').update(`${plan.hash} ${seed} ${data.count}`);
  for (const name of usedFields(program, trainingEntries(plan.train))) {
    const rows = data.fields.get(name);
    if (rows) hash.update(`${name} ${rows.rowBytes}\n`).update(rows.bytes);
  }
  return join(userCache(), 'judges', `${hash.digest('hex').slice(0, 32)}.safetensors`);
}

function variablesOf(program: Program, { name }: JudgePlan) {
  return program.variables.filter((v) => v.kind === 'judge' && v.player === name);
}

/** What a cache holds is only used whole; else the judge is trained again. */
async function cached(path: string, program: Program, plan: JudgePlan): Promise<Map<string, TensorData> | undefined> {
  try {
    const tensors = await readSafetensors(path);
    const values = new Map<string, TensorData>();
    for (const { name, dtype, shape } of variablesOf(program, plan)) {
      const tensor = tensors.get(name);
      if (tensor === undefined || tensor.shape.join() !== shape.join()) return undefined;
      values.set(name, tensor.as(dtype));
    }
    return values;
  } catch (error) {
    if (error instanceof SafetensorsError) return undefined;
    throw error;
  }
}

/** Steps that may be under way at a time. */
const IN_FLIGHT = 3;

async function trainJudge(program: Program, plan: JudgePlan, data: DataSet, { open, seed, loading }: JudgeOptions): Promise<Map<string, TensorData>> {
  const entries = [plan.train.init, ...trainingEntries(plan.train)];
  const { executor, fieldLimit, close } = await open(program, { seed, entries });
  try {
    const chosen = new ChosenRows(program, data, seed, entries);
    const feeder = new RowFeeder(executor, { data, fields: usedFields(program, entries) }, chosen, fieldLimit);
    await executor.submit([{ entry: plan.train.init, counter: 0 }]);
    const schedule = new Schedule(program, plan.train, { seed, rows: data.count });
    const pending: Promise<void>[] = [];
    for (let step = 0; step < plan.train.steps; step++) {
      const calls = feeder.prepare(schedule.step(step));
      const result = executor.submit(calls).then((results) => {
        const { diverged } = readStep(calls, results);
        if (diverged !== undefined) throw new DivergedError(plan.name, step + 1, diverged.what, undefined);
        loading?.(`judge ${plan.name}: step ${step + 1}/${plan.train.steps}`);
      });
      result.catch(() => undefined);
      pending.push(result);
      if (pending.length >= IN_FLIGHT) await pending.shift();
    }
    await Promise.all(pending);
    return await executor.read(variablesOf(program, plan).map((v) => v.name));
  } finally {
    close();
  }
}

async function keep(path: string, values: ReadonlyMap<string, TensorData>, warn?: (text: string) => void): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeSafetensors(path, values);
  } catch (error) {
    // It can be trained again; what it was wanted for goes on.
    warn?.(`the judge could not be kept for the next time: ${error instanceof Error ? error.message : String(error)}`);
  }
}
