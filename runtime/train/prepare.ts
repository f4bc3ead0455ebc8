/** Everything about a training that can be known, and refused, before any GPU is asked. */
import { access, constants } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { statsEntries, trainingEntries } from '../../compiler/program/schedule.js';
import type { Program, TrainPlan } from '../../compiler/program/types.js';
import { type DataSet, loadData } from '../data/index.js';
import { type BestRule, readBest } from './best.js';
import { ChosenRows } from './chosen.js';
import { RunError } from './errors.js';
import { type Feed, fedInputs, readFeed } from './feed.js';
import { fileReason } from './files.js';
import { type RunRecord, readProgramFolder, readRecord, readRunManifest, runPaths } from './folder.js';
import type { GuardWay } from './guards.js';
import { type InitialWeights, readInitial } from './initial.js';
import { metricEntries } from './measure.js';
import type { TrainOptions } from './options.js';
import { usedFields } from './rows.js';
import { Trace } from './trace.js';
import { readStart, type Start } from './weights.js';
import { compareWords } from './words.js';

export interface Prepared {
  readonly program: Program;
  readonly plan: TrainPlan;
  /** Of the run that is gone on with. */
  readonly past?: RunRecord;
  readonly seed: bigint;
  readonly steps: number;
  /** Time in steps after which it ends. */
  readonly seconds?: number;
  readonly judgeSeed: bigint;
  readonly overfit: boolean;
  /** Absolute, as are the paths of files. */
  readonly base: string;
  readonly feedPath?: string;
  readonly feed?: Feed;
  readonly initial?: InitialWeights;
  /** What a new run goes on from, in place of drawn weights. */
  readonly start?: Start;
  readonly trace?: Trace;
  /** Steps between statistics. */
  readonly stats?: number;
  readonly guard: GuardWay;
  /** Metrics are measured at each checkpoint. */
  readonly measured: boolean;
  /** What decides which checkpoint is the best. */
  readonly best?: BestRule;
  readonly data?: DataSet;
  /** Rows that draws choose. */
  readonly chosen: ChosenRows;
  /** All entries that will be called, and the data fields that they read. */
  readonly entries: readonly string[];
  readonly fields: readonly string[];
}

/** More than any training has; one that ends by time ends before. */
const MOST_STEPS = 1e12;

/** Checks the options against the program and each other; reads files and data. Throws RunError, SafetensorsError or DataError. */
export async function prepare(options: TrainOptions): Promise<Prepared> {
  const past = options.resume === undefined ? undefined : await readRecord(options.resume);
  const program = past === undefined ? options.program : await readProgramFolder(runPaths(options.resume as string).program);
  if (program === undefined) throw new RunError('nothing to train', 'neither a program nor a run to resume is given');
  if (past !== undefined) checkResume(options, program, past);
  const plan = program.train;
  if (plan === undefined)
    throw new RunError(
      `${program.name} cannot be trained`,
      'its spec has no train block',
      'add one, like: train { batch 64  steps 10000  D with adam(lr: 2e-4)  G with adam(lr: 2e-4) }',
    );

  const seed = past === undefined ? (options.seed ?? 0n) : BigInt(past.seed);
  const base = past?.base ?? resolve(options.base ?? '.');
  const feedPath = options.feed === undefined ? past?.feed : resolve(options.feed);
  const fed = fedInputs(program, plan);
  if (feedPath === undefined && fed.length > 0) {
    throw new RunError(
      'the training needs a feed',
      `the program was compiled to be given ${fed
        .slice(0, 4)
        .map(({ input }) => input.name)
        .join(', ')}${fed.length > 4 ? ', ...' : ''}`,
      'give the tensors: --feed FILE',
    );
  }
  const feed = feedPath === undefined ? undefined : await readFeed(feedPath, program, plan);
  const start = await startOf(options, plan, program, base);
  const steps = options.steps ?? feed?.steps ?? (options.seconds === undefined ? (past?.steps ?? plan.steps) : MOST_STEPS);
  if (!Number.isSafeInteger(steps) || steps < 0) throw new RunError(`cannot train ${steps} steps`, 'steps are a whole number from 0');
  if (start !== undefined && start.step >= steps)
    throw new RunError(
      'there is nothing left to train',
      `the weights in ${start.path} were trained ${start.step} steps, of ${steps}`,
      `train on with --steps ${start.step + 100}, or all of them anew with --from-nothing`,
    );
  if (feed !== undefined && steps > feed.steps) throw new RunError(`cannot train ${steps} steps`, `${feedPath} has inputs for ${feed.steps}`);
  const trace = options.trace === undefined ? undefined : new Trace(options.trace, program, plan, options.traceSteps ?? [], steps);
  if (options.trace !== undefined) await checkFolderOf(options.trace);
  const guard = options.guard ?? past?.guard ?? 'warn';
  if (guard === 'rollback' && (feed !== undefined || trace !== undefined || options.overfit))
    throw new RunError(
      'a training cannot go back and take other draws',
      feed !== undefined
        ? 'its draws come from a feed'
        : trace !== undefined
          ? 'its trace would hold steps that were given up'
          : 'it has the same rows in every step',
      'take --guard stop or --guard warn',
    );
  const initial = options.init === undefined || options.init.length === 0 ? undefined : await readInitial(options.init, program, options.warn);

  const best = options.best === undefined ? past?.best : readBest(options.best, program);
  const measured = best !== undefined || (options.metrics ?? past?.metrics ?? false);
  if (options.metrics && program.metrics === undefined)
    throw new RunError(`${program.name} has nothing to measure`, 'its spec has no metric line and no judge', 'add one, like: metric brightness = E[G(z)]');
  const metrics = measured && program.metrics ? metricEntries(program.metrics) : [];
  const stats = options.stats ?? past?.stats;
  const watching = stats === undefined ? [] : statsEntries(plan);
  if (stats !== undefined && watching.length === 0) {
    throw new RunError('statistics cannot be computed', 'the program was compiled without them', 'start a new run from the spec: ganc train SPEC --stats 100');
  }
  const entries = [...new Set([plan.init, ...trainingEntries(plan), ...watching, ...program.samples.map((s) => s.entry), ...metrics])];
  const fields = usedFields(program, entries);
  const judged = measured && program.judges !== undefined;
  const manifest = options.resume === undefined ? start?.manifest : await readRunManifest(options.resume);
  const needed = program.data !== undefined && (fields.length > 0 || readsRows(program, entries) || judged);
  const data =
    needed && program.data !== undefined
      ? (options.rows?.(program.data) ??
        (await loadData(program.data, { seed, base, judged, manifest, cache: options.cache, progress: options.loading, warn: options.warn })))
      : undefined;
  if (initial !== undefined) await compareWords(initial.from, data?.manifest, options.warn ?? (() => undefined));
  const chosen = new ChosenRows(program, data, seed, entries);
  return {
    program,
    plan,
    past,
    seed,
    steps,
    seconds: options.seconds,
    judgeSeed: past?.judgeSeed === undefined ? (options.judgeSeed ?? seed) : BigInt(past.judgeSeed),
    overfit: options.overfit ?? past?.overfit ?? false,
    base,
    feedPath,
    feed,
    initial,
    start,
    trace,
    stats,
    guard,
    measured,
    best,
    data,
    chosen,
    entries,
    fields,
  };
}

/** The weights that the spec names, where a training of its own kind begins. */
async function startOf(options: TrainOptions, plan: TrainPlan, program: Program, base: string): Promise<Start | undefined> {
  const { init, feed, trace, overfit, resume, fromNothing } = options;
  if (plan.start === undefined || fromNothing || overfit || [init, feed, trace, resume].some((other) => other !== undefined)) return undefined;
  return readStart(resolve(base, plan.start), program, options.warn);
}

/** That a file can be written there: better known now than after the last step. */
async function checkFolderOf(path: string): Promise<void> {
  try {
    await access(dirname(resolve(path)), constants.W_OK);
  } catch (error) {
    throw new RunError(`cannot write ${path}`, `its folder: ${fileReason(error)}`);
  }
}

function readsRows(program: Program, entries: readonly string[]): boolean {
  return program.entries.some((entry) => entries.includes(entry.name) && entry.inputs.some((input) => input.kind === 'rows'));
}

/** What cannot change when a run goes on. */
function checkResume(options: TrainOptions, program: Program, past: RunRecord): void {
  const folder = options.resume as string;
  const refuse = (reason: string, mend = 'start a new run for it'): never => {
    throw new RunError(`cannot go on with ${folder} this way`, reason, mend);
  };
  if (program.hash !== past.hash) refuse('the program in it is not the one that run.json names', 'start the training anew');
  if (options.program !== undefined && options.program.hash !== past.hash) {
    refuse(
      'the spec or its settings changed since the run began',
      `resume without them (the folder keeps its own), or start a new run; to begin from its weights: --init ${folder}`,
    );
  }
  if (options.seed !== undefined && String(options.seed) !== past.seed) refuse(`its seed is ${past.seed}, not ${options.seed}`);
  if (options.out !== undefined) refuse('a resumed run stays in its folder, so --out has no meaning');
  if (options.init !== undefined) refuse('its weights come from its checkpoint, not from --init');
  if (options.trace !== undefined) refuse('a trace begins with the first step');
  if (options.overfit !== undefined && options.overfit !== (past.overfit ?? false))
    refuse(options.overfit ? 'it was trained on all rows, not on one batch' : 'it was trained on one batch');
}
