/** `ganc compare SPEC...`: which is better, by how much, at what cost. */
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { budgetText, readBudget } from '../../runtime/compare/budget.js';
import { type Candidate, isCompiled } from '../../runtime/compare/candidate.js';
import { csvOf } from '../../runtime/compare/csv.js';
import {
  COMPARE_FORMAT,
  type CompareRequest,
  type CompareResults,
  type CompareRun,
  REPORT,
  RESULTS,
  readResults,
  resultsJson,
} from '../../runtime/compare/results.js';
import type { DataSet } from '../../runtime/data/index.js';
import type { GuardWay } from '../../runtime/train/guards.js';
import type { Progress } from '../../runtime/train/options.js';
import { type Doer, doerOf, queueOf, workersAt } from '../compare/doer.js';
import { gridOf, requestHash } from '../compare/grid.js';
import { LiveLines } from '../compare/live.js';
import { caveats, demandTable, estimateText, leaderboard, outcomeText, placeText } from '../compare/table.js';
import { EXIT, FileError, UsageError } from '../errors.js';
import { ProgressLine, progressText } from '../progress.js';
import { stopOnSignals } from '../signals.js';
import { count, duration, err, magnitude, out, roughly } from '../terminal.js';
import { version } from '../version.js';

export interface CompareCommandOptions {
  readonly variants?: string;
  readonly sweep?: Record<string, readonly string[]>;
  readonly set?: Record<string, string>;
  readonly search?: readonly string[];
  readonly seeds: number;
  readonly seed?: bigint;
  readonly budget?: string;
  readonly metric?: string;
  readonly examples?: number;
  readonly checkpointEvery?: number;
  readonly halving?: boolean;
  readonly guard?: GuardWay;
  readonly jobs?: number;
  readonly queue?: string | true;
  readonly shared?: string;
  readonly upload: number;
  readonly out?: string;
  readonly resume?: string;
  readonly json?: boolean;
  readonly csv?: string;
  readonly quiet?: boolean;
}

/** Where comparisons go that are given no folder. */
const COMPARISONS = 'compare';

export async function compared(words: readonly string[], options: CompareCommandOptions): Promise<void> {
  if (options.csv !== undefined && !existsSync(dirname(options.csv)))
    throw new UsageError(`cannot write ${options.csv}: there is no folder ${dirname(options.csv)}`);
  const line = new ProgressLine();
  const talk = !options.quiet;
  const loading = (text: string): void => {
    if (talk) line.working(text);
  };
  const before = options.resume === undefined ? undefined : await readResults(options.resume);
  if (before !== undefined && words.length > 0)
    throw new UsageError('a comparison goes on with its own specs', `leave them out: ganc compare --resume ${options.resume}`);
  const request = before?.asked ?? requestOf(words, options);
  if (options.queue === undefined && options.shared !== undefined)
    throw new UsageError('--shared is for workers', 'give both: --queue redis://HOST:PORT --shared DIR');
  const queue = options.queue === undefined ? undefined : queueOf(options.queue);
  const survey = queue === undefined ? undefined : await workersAt(queue);
  const cwd = before?.cwd ?? process.cwd();
  const budget = request.budget === undefined ? ({ kind: 'own' } as const) : readBudget(request.budget);
  const candidates = await gridOf(request, cwd, (text) => talk && line.passing(text));
  line.clear();
  const hash = requestHash(request, candidates);
  if (before !== undefined && before.request !== hash) throw changed(options.resume as string, before, candidates);
  if (!candidates.some(isCompiled)) throw new FileError('there is nothing to compare', 'no spec is without mistakes');

  const cache = new Map<string, Promise<DataSet>>();
  const warn = (text: string): void => {
    line.clear();
    err(`${err.colors.yellow('warning')}: ${text}\n`);
  };
  const { planComparison } = await import('../../runtime/compare/plan.js');
  const { machineOf, surveyGpu } = await import('../../runtime/compare/survey.js');
  const seed = BigInt(request.seed);
  const plan = await planComparison(candidates, { budget, metric: request.metric, seed, survey: survey ?? surveyGpu, cache, loading, warn });
  line.clear();
  const trainable = plan.entries.filter(({ mistake }) => mistake === undefined).length;
  if (request.halving && trainable > 0 && (plan.metric === undefined || trainable < 3))
    throw new UsageError(
      plan.metric === undefined ? 'halving needs a metric to tell who is poor' : `halving lets a third go on, and of ${trainable} there is none`,
      plan.metric === undefined ? 'add a line such as: metric brightness = E[G(z)]' : 'compare three or more, or leave out --halving',
    );
  const wrong = plan.entries.filter(
    ({ id, mistake }) => mistake !== undefined && candidates.some((one) => one.entry.id === id && one.entry.mistake === undefined),
  );
  for (const { label, mistake } of wrong) err(`${err.colors.red('error')}: ${label}: ${mistake}\n`);
  if (plan.entries.every(({ mistake }) => mistake !== undefined)) throw new FileError('there is nothing to compare', 'no spec can be trained');

  const seeds = Array.from({ length: request.seeds }, (_, i) => String(seed + BigInt(i)));
  const { newRunFolder } = await import('../../runtime/train/folder.js');
  const name = nameOf(request);
  const known = options.resume ?? (await unfinished(hash, options.out));
  const folder = known ?? (await newRunFolder(name, options.out, COMPARISONS));
  const past = known === undefined ? undefined : await readResults(known);
  const runs = seeds.flatMap((own) =>
    plan.entries.flatMap(({ id, spec, variant, settings, mistake, steps, flopsPerStep = 0, parameters = {}, memory = 0, text = '' }): CompareRun[] => {
      if (mistake !== undefined) return [];
      const old = past?.runs.find((run) => run.entry === id && run.seed === own);
      const trained = Object.values(parameters).reduce((a, b) => a + b, 0);
      const facts = { entry: id, spec, ...(variant !== undefined && { variant }), settings, seed: own, folder: `runs/${id}-seed-${own}`, text };
      return [
        old ?? {
          ...facts,
          status: 'waiting',
          step: 0,
          ...(steps !== undefined && { steps }),
          seconds: 0,
          flopsPerStep,
          flops: 0,
          parameters: trained,
          memory,
          curve: [],
        },
      ];
    }),
  );
  const results: CompareResults = {
    format: COMPARE_FORMAT,
    name,
    status: 'running',
    started: past?.started ?? new Date().toISOString(),
    request: hash,
    command: commandOf(request),
    cwd,
    asked: request,
    budget,
    repeats: budget.kind !== 'seconds',
    seeds,
    metric: plan.metric,
    machine: machineOf(plan.device),
    versions: { ganc: version, node: process.versions.node },
    entries: plan.entries,
    runs,
  };
  const ended = await session(folder, results, candidates, { cache, line, talk, json: options.json === true, options, queue });
  if (options.csv !== undefined) writeFileSync(options.csv, csvOf(ended));
  if (options.json) out(`${resultsJson({ folder, ...ended })}\n`);
}

async function session(
  folder: string,
  planned: CompareResults,
  candidates: readonly Candidate[],
  {
    cache,
    line,
    talk,
    json,
    options,
    queue,
  }: { cache: Map<string, Promise<DataSet>>; line: ProgressLine; talk: boolean; json: boolean; options: CompareCommandOptions; queue?: string },
): Promise<CompareResults> {
  const { compare, isOver } = await import('../../runtime/compare/compare.js');
  const { Paces } = await import('../../runtime/compare/estimate.js');
  const { jobs, shared, upload } = options;
  const paces = await Paces.of(planned, queue === undefined && planned.budget.kind !== 'seconds' ? jobs : 1);
  const live = new LiveLines(err);
  const clear = (): void => {
    live.clear();
    line.clear();
  };
  const warn = (text: string): void => {
    clear();
    err(`${err.colors.yellow('warning')}: ${text}\n`);
  };
  /** What each run is at, by its folder; what is no run's by ''. */
  const underWay = new Map<string, string>();
  const steps = new Map<string, number>();
  const passing = (text: string, of = ''): void => {
    if (!talk) return;
    if (of !== '') underWay.delete('');
    underWay.set(of, text);
    if (err.terminal) live.draw(shown);
    else line.working(text);
  };
  let now = planned;
  const shown = (): string => `${leaderboard(now)}\n${[...underWay.values()].join('\n')}`;
  const done = planned.runs.filter(isOver).length;
  const known = paces.left(planned);
  if (talk) header(folder, planned, done, estimateText(known));
  let told = known !== undefined;
  const hashOf = (run: CompareRun): string | undefined => now.entries.find(({ id }) => id === run.entry)?.hash;
  const stop = stopOnSignals('stopping after this step; again to stop at once');
  let doer: Doer | undefined;
  const found = (count: number, work: readonly number[]): void => {
    paces.beside(count);
    if (!talk) return;
    clear();
    err(`${atOnceText(count, work)}\n`);
  };
  try {
    doer = await doerOf({ jobs, found, queue, shared, upload, results: planned, cache, warn, compiling: (text) => err.terminal && passing(text) });
    const { doJob, slots, queued, lost } = doer;
    const ended = await compare({
      folder,
      results: planned,
      candidates,
      doJob,
      slots,
      queued,
      signal: lost === undefined ? stop.signal : AbortSignal.any([stop.signal, lost]),
      loading: passing,
      warn,
      changed: (next) => {
        const begun = next.runs.find((run) => run.status === 'running' && now.runs.find((old) => old.folder === run.folder)?.status !== 'running');
        if (talk && !err.terminal && begun !== undefined) err(`${placeText(next, begun)}\n`);
        const over = next.runs.filter((run) => isOver(run) || run.status === 'failed');
        const fresh = over.filter((run) => now.runs.find((old) => old.folder === run.folder)?.status !== run.status);
        now = next;
        for (const run of next.runs) if (run.status !== 'running') underWay.delete(run.folder);
        for (const run of fresh) {
          void paces.keep(hashOf(run));
          if (talk && !err.terminal) err(`${placeText(now, run)}: ${outcomeText(now, run)}\n`);
        }
        if (talk) live.draw(shown, true);
      },
      progress: (run, progress) => {
        const timed = paces.step(hashOf(run), run, progress);
        steps.set(run.folder, progress.step);
        const left = paces.left(now, steps);
        if (talk && timed && !told && left !== undefined) {
          told = true;
          if (!err.terminal)
            err(
              `time        about ${roughly(left.seconds)} are left, by the first ${count(progress.step)} steps${left.by === 'flops' ? ' and the FLOPs of the others: a guess' : ''}\n`,
            );
        }
        const all = left === undefined ? '' : `  all: ${duration(left.seconds)} left`;
        passing(`${placeText(now, run)}  ${stepText(progress, now)}${all}`, run.folder);
      },
    });
    clear();
    if (!json) out(leaderboard(ended));
    if (talk) footer(folder, ended, isOver);
    if (lost?.aborted) throw lost.reason;
    process.exitCode = ended.status === 'stopped' ? stop.code() : exitCodeOf(ended);
    return ended;
  } finally {
    clear();
    await doer?.close?.();
    stop.release();
  }
}

/** What was found to be fastest, with what each number of runs at a time does against one. */
function atOnceText(count: number, work: readonly number[]): string {
  const ratios = work.slice(1).map((flops, i) => `${i + 2} do ${(flops / work[0]).toFixed(2)} times the work of one`);
  return `at a time   ${count} ${count === 1 ? 'run' : 'runs'}${ratios.length === 0 ? '' : `: ${ratios.join(', ')}`}`;
}

/** Under a budget of time the number of steps is not known before. */
function stepText(progress: Progress, { budget }: CompareResults): string {
  const text = progressText(progress);
  return budget.kind === 'seconds' ? text.replace(/^(step [\d,]+)\/[\d,]+/, '$1') : text;
}

function header(folder: string, results: CompareResults, done: number, time: string): void {
  const { entries, runs, seeds, budget, metric, machine } = results;
  const good = entries.filter(({ mistake }) => mistake === undefined);
  const flops = good.reduce((sum, { steps = 0, flopsPerStep = 0 }) => sum + steps * flopsPerStep * seeds.length, 0);
  err(`device      ${machine.device}\n`);
  err(
    `compared    ${good.length} ${good.length === 1 ? 'entry' : 'entries'}, ${seeds.length} ${seeds.length === 1 ? 'seed' : 'seeds'}: ${count(runs.length)} ${runs.length === 1 ? 'run' : 'runs'}, each with ${budgetText(budget)}\n`,
  );
  err(demandTable(results));
  if (metric)
    err(`metric      ${metric.name}, ${metric.lowest ? 'less' : 'more'} is better${metric.tie === undefined ? '' : `; where equal, ${metric.tie}`}\n`);
  err(`arithmetic  ${budget.kind === 'seconds' ? 'as much as the time is enough for' : `${magnitude(flops)} FLOPs`}\n`);
  err(`time        ${results.asked.halving ? 'at most, since halving stops the poor ones: ' : ''}${time}\n`);
  err(`folder      ${folder}${done > 0 ? `, going on: ${count(done)} of ${count(runs.length)} runs are done` : ''}\n`);
}

function footer(folder: string, results: CompareResults, isOver: (run: CompareRun) => boolean): void {
  const { runs, status } = results;
  for (const run of runs) if (run.status === 'diverged' || run.status === 'failed') err(`${placeText(results, run)}: ${outcomeText(results, run)}\n`);
  for (const text of caveats(results)) err(`${text}\n`);
  if (status === 'stopped')
    err(`stopped: ${count(runs.filter(isOver).length)} of ${count(runs.length)} runs are done; go on with: ganc compare --resume ${folder}\n`);
  else err(`results     ${join(folder, RESULTS)}\n`);
  err(`report      ${join(folder, REPORT)}\n`);
}

/** A wrong spec counts before a machine that failed, and that before a training that diverged: which is a result where others did not. */
function exitCodeOf({ entries, runs }: CompareResults): number {
  if (entries.some(({ mistake }) => mistake !== undefined)) return EXIT.spec;
  if (runs.some(({ status }) => status === 'failed')) return EXIT.machine;
  return runs.every(({ status }) => status === 'diverged') ? EXIT.diverged : EXIT.good;
}

function requestOf(words: readonly string[], options: CompareCommandOptions): CompareRequest {
  const { variants, sweep, set, seeds, seed = 0n, metric, examples, checkpointEvery, halving, guard } = options;
  // What follows the two words of a search are specs.
  const { specs, budget } = withUnit([...words, ...(options.search ?? []).slice(2)], options.budget);
  if (specs.length === 0)
    throw new UsageError('nothing to compare', 'name specs: ganc compare a.gan b.gan; or a comparison to go on with: ganc compare --resume compare/gan-1');
  return {
    specs,
    variants,
    sweep,
    set,
    search: searchOf(options.search),
    seeds,
    seed: String(seed),
    budget,
    metric,
    examples,
    checkpointEvery,
    halving,
    guard,
  };
}

/** `--search random 20`. */
function searchOf(words: readonly string[] | undefined): number | undefined {
  if (words === undefined) return undefined;
  const [way, amount = ''] = words;
  if (way !== 'random' || !/^[1-9]\d{0,5}$/.test(amount))
    throw new UsageError(
      `'--search ${words.slice(0, 2).join(' ')}' is no search`,
      'write --search random 20: so many settings, drawn from the ranges that the spec declares',
    );
  return Number(amount);
}

/** `--budget 500 steps` without quotes: the unit has come among the specs. */
function withUnit(words: readonly string[], budget: string | undefined): { specs: readonly string[]; budget?: string } {
  if (budget === undefined || !/^[\d_.,e+]+$/i.test(budget)) return { specs: words, budget };
  const at = words.findIndex((word) => /^(steps?|seconds?|minutes?|hours?|flops)$/i.test(word) && !existsSync(word));
  return at < 0 ? { specs: words, budget } : { specs: words.filter((_, i) => i !== at), budget: `${budget} ${words[at]}` };
}

/** As a shell reads it. */
function commandOf(request: CompareRequest): string {
  const { specs, variants, sweep = {}, set = {}, search, seeds, seed, budget, metric, examples, checkpointEvery, halving, guard } = request;
  const option = (name: string, value: string | number | undefined): string[] => (value === undefined ? [] : [name, String(value)]);
  const words = [
    'ganc',
    'compare',
    ...specs,
    ...option('--variants', variants),
    ...Object.entries(sweep).flatMap(([name, values]) => option('--sweep', `${name}=${values.join(',')}`)),
    ...Object.entries(set).flatMap(([name, value]) => option('--set', `${name}=${value}`)),
    ...(search === undefined ? [] : ['--search', 'random', String(search)]),
    ...option('--seeds', seeds),
    ...option('--seed', seed === '0' ? undefined : seed),
    ...option('--budget', budget),
    ...option('--metric', metric),
    ...option('--examples', examples),
    ...option('--checkpoint-every', checkpointEvery),
    ...(halving ? ['--halving'] : []),
    ...option('--guard', guard),
  ];
  return words.map((word) => (/^[\w./:=,@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)).join(' ');
}

/** `ring`, `ring-wgan-gp`. */
function nameOf({ specs }: CompareRequest): string {
  const names = [...new Set(specs.map((path) => (path.split(/[\\/]/).pop() as string).replace(/\.gan$/, '')))];
  return names.length <= 3 ? names.join('-') : `${names.slice(0, 2).join('-')}-and-${names.length - 2}-more`;
}

/** The folder of an equal comparison that was not brought to its end. Throws FileError where `out` holds another one. */
async function unfinished(request: string, out: string | undefined): Promise<string | undefined> {
  if (out !== undefined) {
    if (!existsSync(join(out, RESULTS))) return undefined;
    const found = await readResults(out);
    if (found.request === request) return out;
    throw new FileError(`${out} holds another comparison`, `it was: ${found.command}; choose another folder, or go on with it: ganc compare --resume ${out}`);
  }
  const folders = existsSync(COMPARISONS) ? readdirSync(COMPARISONS) : [];
  for (const entry of folders) {
    const folder = join(COMPARISONS, entry);
    const found = await readResults(folder).catch(() => undefined);
    if (found?.request === request && found.status !== 'finished') return folder;
  }
  return undefined;
}

function changed(folder: string, { entries, command }: CompareResults, candidates: readonly Candidate[]): FileError {
  const now = new Map(candidates.map(({ entry, program }) => [entry.label, program?.hash]));
  const other = entries.filter(({ label, hash }) => now.get(label) !== hash).map(({ label }) => label);
  const what =
    other.length > 0
      ? `${other.slice(0, 3).join(', ')}${other.length > 3 ? ` and ${other.length - 3} more` : ''} changed since it began`
      : 'its specs changed since it began';
  return new FileError(`cannot go on with ${folder}: ${what}`, `compare anew: ${command}`);
}
