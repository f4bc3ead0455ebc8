/** `ganc train SPEC|DIR`: from a spec or a compiled program to a run with pictures and checkpoints. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { compileSpec } from '../../compiler/compile.js';
import type { Module } from '../../compiler/graph/module.js';
import { lowerTraced } from '../../compiler/plan/lower.js';
import { placesOf } from '../../compiler/plan/purpose.js';
import type { MemoryPlan } from '../../compiler/program/memory.js';
import type { Program } from '../../compiler/program/types.js';
import type { GpuOptions } from '../../runtime/train/executor.js';
import type { Traced } from '../../runtime/train/first-fault.js';
import type { GuardReport, GuardWay } from '../../runtime/train/guards.js';
import type { TrainOptions, TrainResult, TrainStart } from '../../runtime/train/options.js';
import { readSafetensors } from '../../runtime/train/safetensors.js';
import type { KernelChoice } from '../../runtime/tune/tune.js';
import { EXIT, FileError, UsageError } from '../errors.js';
import { compiledFolder, compiledSpec, isFolder } from '../programs.js';
import { Estimate, estimateText, figuresText, number, ProgressLine } from '../progress.js';
import { stopOnSignals } from '../signals.js';
import { compileOptions, readSource, type SpecOptions, STDIN } from '../source.js';
import { bytes, count, duration, err, out } from '../terminal.js';
import { version } from '../version.js';

export interface TrainCommandOptions extends SpecOptions {
  readonly steps?: number;
  readonly seed?: bigint;
  readonly out?: string;
  readonly resume?: string | true;
  readonly overfit?: boolean;
  readonly init?: readonly string[];
  readonly fromNothing?: boolean;
  readonly feed?: string;
  readonly trace?: string;
  readonly stats?: number;
  readonly guard?: GuardWay;
  readonly traceSteps?: readonly number[];
  readonly metrics?: boolean;
  readonly best?: string;
  readonly checkpointEvery?: number;
  readonly kernels?: KernelChoice;
  readonly tune?: number;
  readonly json?: boolean;
}

/** Where runs go that are given no folder. */
const RUNS = 'runs';

export async function train(spec: string | undefined, options: TrainCommandOptions): Promise<void> {
  if (options.traceSteps && options.trace === undefined)
    throw new UsageError('--trace-steps says what --trace holds', 'give both: --trace FILE --trace-steps 1,10');
  if (options.tune !== undefined && options.kernels !== undefined && options.kernels !== 'tuned')
    throw new UsageError('--tune measures kernels, to take the fastest', `leave out --kernels ${options.kernels}`);
  const wanted = target(spec, options);
  if (wanted.resume !== undefined && (options.kernels !== undefined || options.tune !== undefined))
    throw new UsageError('a run goes on with its own kernels: --kernels and --tune have no meaning with --resume');
  const made = wanted.spec === undefined ? undefined : await programOf(wanted.spec, options);
  const resume = wanted.resume === true ? latestRun((made as Made).program.name, options.out) : wanted.resume;
  await session(
    {
      program: made?.program,
      spec: made?.text,
      base: made?.base,
      resume,
      out: resume === undefined || resume !== options.out ? options.out : undefined,
      runs: RUNS,
      seed: options.seed,
      steps: options.steps,
      overfit: options.overfit,
      init: options.init,
      fromNothing: options.fromNothing,
      metrics: options.metrics,
      best: options.best,
      checkpointEvery: options.checkpointEvery,
      feed: options.feed,
      trace: options.trace,
      traceSteps: options.traceSteps,
      stats: options.stats,
      guard: options.guard,
      traced: resume === undefined || made !== undefined ? made?.traced : () => tracedRun(resume),
    },
    options,
    made?.places,
  );
}

/** `--resume gan.gan` reads as if gan.gan were the run: the words of the command line, sorted out. */
function target(spec: string | undefined, { resume, set, variant }: TrainCommandOptions): { spec?: string; resume?: string | true } {
  if (spec === undefined && typeof resume === 'string' && existsSync(resume) && !isRun(resume)) return { spec: resume, resume: true };
  if (spec === undefined && typeof resume === 'string') {
    if (variant !== undefined || set !== undefined)
      throw new UsageError('a run goes on with its own settings: --set and --variant have no meaning with --resume RUN');
    return { resume };
  }
  if (spec === undefined) throw new UsageError('nothing to train', 'name a spec: ganc train gan.gan; or a run to go on with: ganc train --resume runs/gan-1');
  if (isRun(spec)) {
    if (resume === undefined) throw new UsageError(`${spec} is a run, not a spec`, `go on with it: ganc train --resume ${spec}`);
    return { resume: spec };
  }
  return { spec, resume };
}

function isRun(path: string): boolean {
  return existsSync(join(path, 'run.json'));
}

interface Made {
  readonly program: Program;
  readonly text?: string;
  /** Folder that the paths of its data start from: that of the spec. */
  readonly base: string;
  /** As it was compiled, where that is done here. */
  readonly traced?: () => Traced | undefined;
  /** Lines of the spec, for what does not fit on the device. */
  readonly places?: GpuOptions['places'];
}

async function programOf(path: string, options: TrainCommandOptions): Promise<Made> {
  if (isFolder(path)) return { program: await compiledFolder(path, options), base: '.' };
  const source = readSource(path);
  const fed = options.feed === undefined ? undefined : new Set((await readSafetensors(options.feed)).keys());
  const how = { fed, trace: options.trace !== undefined, stats: options.stats !== undefined, noisesGiven: true };
  const made = await compiledSpec(source, options, how);
  const places = (): ((path: string) => string | undefined) => {
    const { module } = compileSpec(source, compileOptions(options));
    return module ? placesOf(module) : () => undefined;
  };
  const traced = () => tracedModule(compileSpec(source, { ...compileOptions(options), ...how }).module);
  return { ...made, traced, base: source.name === STDIN ? '.' : dirname(source.name), places };
}

function tracedModule(module: Module | undefined): Traced | undefined {
  return module && { module, lowered: lowerTraced(module) };
}

/** The program of a run, from the text in its folder. */
function tracedRun(folder: string): Traced | undefined {
  const { hyper, stats } = JSON.parse(readFileSync(join(folder, 'run.json'), 'utf8'));
  const source = readSource(join(folder, 'spec.gan'));
  const set = Object.fromEntries(Object.entries(hyper).map(([name, value]) => [name, String(value)]));
  return tracedModule(compileSpec(source, { ...compileOptions({ set }), stats: stats !== undefined, noisesGiven: true }).module);
}

/** The run of this name that was begun or gone on with last; `out` names it where given. */
function latestRun(name: string, out: string | undefined): string {
  if (out !== undefined) return out;
  const runs = (existsSync(RUNS) ? readdirSync(RUNS) : []).flatMap((entry) => {
    const folder = join(RUNS, entry);
    try {
      const record = JSON.parse(readFileSync(join(folder, 'run.json'), 'utf8'));
      return record.name === name ? [{ folder, at: statSync(join(folder, 'run.json')).mtimeMs }] : [];
    } catch {
      return [];
    }
  });
  const [latest] = runs.sort((a, b) => b.at - a.at);
  if (!latest)
    throw new FileError(`there is no run of ${name} in ${RUNS}/ to go on with`, 'name its folder: --resume RUN; or train from the start, without --resume');
  return latest.folder;
}

async function session(what: Omit<TrainOptions, 'open'>, { quiet, json, kernels, tune }: TrainCommandOptions, places?: GpuOptions['places']): Promise<void> {
  const { train: start } = await import('../../runtime/train/train.js');
  const { onGpu } = await import('../../runtime/train/executor.js');
  const line = new ProgressLine();
  const talk = !quiet;
  const events = json ? (event: string, facts: object) => out(`${JSON.stringify({ event, ...facts })}\n`) : () => undefined;
  const stop = stopOnSignals('stopping after this step; again to stop at once');
  const estimate = new Estimate();
  let first = 0;
  let told = 0;
  const warn = (text: string): void => {
    line.clear();
    err(`${err.colors.yellow('warning')}: ${text}\n`);
  };
  try {
    const result = await start({
      ...what,
      versions: { ganc: version },
      signal: stop.signal,
      open: onGpu({
        progress: (done, total) => talk && line.passing(`compiling kernels ${done}/${total}`),
        planned: (device, plan, free) => {
          line.clear();
          events('memory', { device, ...plan, free });
          if (talk) err(`device      ${device}\nmemory      ${memoryText(plan, free)}\n`);
        },
        choice: { kernels, seconds: tune, warn, progress: (done, total) => talk && line.passing(`measuring kernels ${done}/${total}`) },
        places,
      }),
      loading: (text) => talk && line.working(text),
      warn,
      started: (info) => {
        line.clear();
        first = info.step;
        events('start', { ...info, parameters: what.program && parameters(what.program) });
        if (talk) header(info, what.program);
      },
      progress: (progress) => {
        const seconds = estimate.of(progress);
        if (talk && seconds !== undefined) {
          line.clear();
          err(`time        ${estimateText(seconds, progress, first)}\n`);
        }
        if (talk) line.update(progress);
        const now = performance.now();
        if (now - told < 1000 && progress.step < progress.steps) return;
        told = now;
        events('progress', { ...progress, eta: Number.isFinite(progress.eta) ? progress.eta : null });
      },
      measured: (metrics, best, step) => {
        events('metrics', { step, metrics, best });
        if (!talk) return;
        line.clear();
        const shown = Object.entries(metrics).flatMap(([name, value]) => (typeof value === 'number' ? [`${name} ${number(value)}`] : []));
        err(`step ${count(step)}: ${shown.join('  ')}${best?.step === step ? '  (the best so far)' : ''}\n`);
      },
      guarded: (report) => {
        events('guard', report);
        // Of a fault that ends the training the error says all.
        if (report.guard !== 'numbers' || report.done !== 'stopped') warn(guardText(report));
      },
      sampled: (files, figures, step) => {
        events('samples', { step, files, figures });
      },
    });
    line.end();
    events('end', result);
    if (!json) out(`${result.folder}\n`);
    if (talk) summary(result, first);
    if (talk && what.stats !== undefined) err(`statistics  ganc inspect ${result.folder}\n`);
    process.exitCode = result.stoppedBy !== undefined ? EXIT.diverged : result.status === 'stopped' ? stop.code() : EXIT.good;
  } catch (error) {
    line.end();
    throw error;
  } finally {
    stop.release();
  }
}

/** What a guard saw, what was done, what helps. */
function guardText({ what, help, done, to }: GuardReport): string {
  const then = done === 'went back' ? `; going back to step ${count(to ?? 0)}, with other draws from there` : '';
  return `${what}${then}${done === 'stopped' ? '; stopping' : ''}\n  ${help}`;
}

function parameters(program: Program): Record<string, number> {
  const nets: Record<string, number> = {};
  for (const { kind, name, shape } of program.variables) {
    if (kind !== 'weight') continue;
    const net = name.split('.')[0];
    nets[net] = (nets[net] ?? 0) + shape.reduce((a, b) => a * b, 1);
  }
  return nets;
}

function header(info: TrainStart, program: Program | undefined): void {
  if (info.data) err(`data        ${info.data}\n`);
  if (program) {
    const nets = Object.entries(parameters(program)).map(([net, n]) => `${net} ${count(n)}`);
    err(`parameters  ${nets.join(', ')}\n`);
  }
  if (info.from) err(`weights     ${nearby(info.from)}, trained ${count(info.step)} of ${count(info.steps)} steps; --from-nothing does without\n`);
  if (info.init) err(`init        ${initText(info.init)}\n`);
  err(`run         ${info.folder}${info.step > 0 ? `, going on from step ${count(info.step)}` : ''}\n`);
}

/** As seen from the current folder, where it is in there. */
function nearby(path: string): string {
  const short = relative('.', path);
  return short.startsWith('..') ? path : short;
}

/** `weights 5.7 MiB, optimizer 11.4 MiB, gradients and results 31.0 MiB, data 45.0 MiB: 93.1 MiB of 21.1 GiB that are free`. */
function memoryText({ weights, optimizer, averages, states, judges, results, rest, data, total }: MemoryPlan, free: number | undefined): string {
  const parts = { weights, optimizer, averages, 'gradients and results': results, data, other: states + judges + rest };
  const shown = Object.entries(parts).flatMap(([name, size]) => (size > 0 ? [`${name} ${bytes(size)}`] : []));
  return `${shown.join(', ')}: ${bytes(total)}${free === undefined ? '' : ` of ${bytes(free)} that are free`}`;
}

/** `4 of 10 weights given; fresh: D.fc1.weight, D.fc1.bias, ...`. */
function initText({ taken, weights, fresh }: NonNullable<TrainStart['init']>): string {
  const names = fresh.length === 0 ? '' : `; fresh: ${fresh.slice(0, 8).join(', ')}${fresh.length > 8 ? `, and ${fresh.length - 8} more` : ''}`;
  return `${count(taken)} of ${count(weights)} weights given${names}`;
}

/** `first`: steps that were done before. */
function summary(result: TrainResult, first: number): void {
  if (result.seconds === 0) {
    err(`nothing to do: ${count(result.step)} of ${count(result.steps)} steps are done; train on with --steps ${result.step + 1000}\n`);
    return;
  }
  if (result.status === 'stopped') {
    err(`stopped at step ${count(result.step)} of ${count(result.steps)}; go on with: ganc train --resume ${result.folder}\n`);
    return;
  }
  err(`${count(result.step - first)} steps in ${duration(result.seconds)}\n`);
  if (result.figures) err(`${figuresText(result.figures)}\n`);
  err(`page        ${join(result.folder, 'index.html')}\n`);
  for (const file of result.samples) err(`samples     ${file}\n`);
  if (result.samples.length > 0) err(`more        ganc sample ${result.folder}\n`);
}
