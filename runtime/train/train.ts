/** The training loop: steps are sent some ahead of their results, watched, logged, saved; stopped where numbers stop being numbers or somebody asks. */
import { join } from 'node:path';
import { isSaved } from '../../compiler/program/variables.js';
import type { TensorData } from '../execute/tensor.js';
import { better } from './best.js';
import {
  BEST_CHECKPOINT,
  type Checkpoint,
  type CheckpointInfo,
  checkpointBefore,
  latestCheckpoint,
  readCheckpoint,
  saveCheckpoint,
  writeCheckpoint,
} from './checkpoint.js';
import { Clock } from './clock.js';
import { DivergedError, RunError } from './errors.js';
import { splitFigures } from './evaluate.js';
import type { Opened } from './executor.js';
import { type FirstFault, faultHelp, faultText, findFirstFault } from './first-fault.js';
import { discardRun, newRunFolder, RUN_FORMAT, type RunRecord, type RunStatus, runPaths, writeRecord, writeRunFiles } from './folder.js';
import { Guarding } from './guarding.js';
import type { Alarm, GuardReport } from './guards.js';
import { sharedJudgeWeights } from './judge.js';
import { lockFolder } from './lock.js';
import { measure } from './measure.js';
import { cutMetrics, MetricsLog, readFigures, type StepMetrics } from './metrics.js';
import type { TrainOptions, TrainResult } from './options.js';
import { writePage, writePlot } from './page.js';
import { type Drawn, Pictures } from './pictures.js';
import { type Prepared, prepare } from './prepare.js';
import { RowFeeder } from './rows.js';
import { type PlannedCall, Schedule } from './schedule.js';
import { Statistics } from './statistics.js';
import { findNonfinite, Pace, readStep } from './watch.js';

export type { Progress, TrainOptions, TrainResult, TrainStart } from './options.js';

const CHECKPOINT_EVERY = 500;
const CHECKPOINTS_IN_TIME = 8;
const KEEP = 3;
const IN_FLIGHT = 3;

/**
 * Trains, or goes on training. Throws RunError, SafetensorsError or DataError where it cannot start, GpuError where the device fails,
 * DivergedError where numbers are none any more; the last checkpoint stays in all cases.
 */
export async function train(options: TrainOptions): Promise<TrainResult> {
  const prepared = await prepare(options);
  const warn = options.warn ?? (() => undefined);
  const folder = options.resume ?? (await newRunFolder(prepared.program.name, options.out, options.runs ?? 'runs'));
  const lock = await lockFolder(folder, warn);
  // A new run that no device could begin leaves no folder behind.
  let begun = prepared.past !== undefined;
  try {
    const paths = runPaths(folder);
    if (prepared.past === undefined) await writeRunFiles(folder, prepared.program, options.spec, prepared.data?.manifest);
    const checkpoint = prepared.past === undefined ? undefined : await latestCheckpoint(paths.checkpoints, warn);
    if (checkpoint !== undefined) {
      checkCheckpoint(checkpoint, prepared);
      const ended = prepared.seconds !== undefined && (prepared.past?.seconds ?? 0) >= prepared.seconds;
      if (checkpoint.step >= prepared.steps || ended) {
        return {
          folder,
          status: 'finished',
          step: checkpoint.step,
          steps: ended ? checkpoint.step : prepared.steps,
          losses: {},
          reports: {},
          checkpoint: checkpoint.path,
          samples: [],
          guards: prepared.past?.guards ?? [],
          seconds: 0,
        };
      }
    }
    await cutMetrics(paths.metrics, checkpoint?.step ?? 0);
    await cutMetrics(paths.stats, checkpoint?.step ?? 0);
    const judges =
      prepared.measured &&
      (await sharedJudgeWeights(prepared.program, prepared.data, { ...options, seed: prepared.seed, judgeSeed: prepared.judgeSeed, base: prepared.base }));
    const opened = await options.open(prepared.program, {
      seed: prepared.seed,
      choice: checkpoint?.choice ?? prepared.past?.choice,
      entries: prepared.entries,
      fields: prepared.fields.map((name) => prepared.data?.fields.get(name)?.bytes.byteLength ?? 0),
    });
    begun = true;
    if (judges) opened.executor.write(judges);
    try {
      return await new Session(options, prepared, folder, opened, checkpoint).run();
    } finally {
      opened.close();
    }
  } finally {
    await lock.release();
    if (!begun) await discardRun(folder);
  }
}

/** That a checkpoint is of this program and seed, and whole. */
function checkCheckpoint(checkpoint: Checkpoint, { program, seed }: Prepared): void {
  const refuse = (reason: string): never => {
    throw new RunError(`${checkpoint.path} cannot be used`, reason, 'start the training anew');
  };
  if (checkpoint.hash !== program.hash) refuse('it belongs to another spec');
  if (checkpoint.seed !== seed) refuse(`its seed is ${checkpoint.seed}, the run's is ${seed}`);
  const missing = program.variables.find((v) => isSaved(v) && !checkpoint.values.has(v.name));
  if (missing !== undefined) refuse(`it lacks ${missing.name}`);
}

/** One stretch of training, from the start or a checkpoint to the end or a stop. */
class Session {
  private readonly paths: ReturnType<typeof runPaths>;
  private readonly metrics: MetricsLog;
  private readonly statistics: Statistics | undefined;
  private readonly schedule: Schedule;
  private readonly guarding: Guarding;
  private readonly feeder: RowFeeder;
  private readonly pace = new Pace();
  private readonly began = performance.now();
  /** Results under way, in order. */
  private readonly pending: Promise<void>[] = [];
  private failed = false;
  /** Steps sent so far. */
  private at = 0;
  private stoppedBy: GuardReport | undefined;
  /** Time in steps, in all sessions: now, without what is between them; and at the last checkpoint. */
  private readonly clock: Clock;
  private savedSeconds: number;
  private record: RunRecord;
  private saved: { step: number; path: string } | undefined;
  private numbers: Pick<StepMetrics, 'losses'> & { reports: Record<string, number> } = { losses: {}, reports: {} };
  private readonly pictures: Pictures;
  private samples: Drawn & { readonly step: number } = { files: [], step: -1 };

  constructor(
    private readonly options: TrainOptions,
    private readonly prepared: Prepared,
    private readonly folder: string,
    private readonly opened: Opened,
    private readonly checkpoint: Checkpoint | undefined,
  ) {
    const { program, seed, data, overfit, past } = prepared;
    this.paths = runPaths(folder);
    this.savedSeconds = past?.seconds ?? 0;
    this.clock = new Clock(this.savedSeconds);
    this.metrics = new MetricsLog(this.paths.metrics);
    this.statistics = prepared.stats === undefined ? undefined : new Statistics(this.paths.stats, prepared.stats);
    this.schedule = this.newSchedule();
    const warn = options.warn;
    this.guarding = new Guarding(prepared.guard, prepared, options.guarded ?? (({ what, help }) => warn?.(`${what}. ${help}`)));
    this.feeder = new RowFeeder(opened.executor, prepared, prepared.chosen, opened.fieldLimit);
    this.pictures = new Pictures(prepared, this.paths, opened, this.feeder, this.metrics, this.guarding);
    if (checkpoint !== undefined) {
      this.schedule.restore(checkpoint.counters);
      this.saved = { step: checkpoint.step, path: checkpoint.path };
    } else if (prepared.start !== undefined) this.schedule.restore(prepared.start.counters);
    if (past !== undefined && past.device !== opened.device) {
      options.warn?.(`the run was trained on ${past.device} so far, and goes on on ${opened.device}: from here on its bits may differ from an unbroken run`);
    }
    const now = new Date().toISOString();
    this.record = {
      format: RUN_FORMAT,
      name: program.name,
      hash: program.hash,
      hyper: program.hyper,
      seed: String(seed),
      steps: prepared.steps,
      seconds: past?.seconds,
      step: checkpoint?.step ?? prepared.start?.step ?? 0,
      status: 'running',
      device: opened.device,
      choice: opened.executor.choice,
      versions: { ...options.versions, node: process.versions.node },
      started: past?.started ?? now,
      resumed: past === undefined ? undefined : [...(past.resumed ?? []), now],
      data: data?.describe,
      base: prepared.base,
      overfit: overfit || undefined,
      metrics: (prepared.measured && prepared.best === undefined) || undefined,
      best: past?.best,
      judgeSeed: prepared.judgeSeed === seed ? undefined : String(prepared.judgeSeed),
      init: prepared.initial?.from ?? past?.init,
      start: prepared.start === undefined ? past?.start : { path: prepared.start.path, step: prepared.start.step },
      stats: prepared.stats,
      guard: options.guard ?? past?.guard,
      guards: past?.guards,
      feed: prepared.feedPath,
    };
  }

  async run(): Promise<TrainResult> {
    const { steps } = this.prepared;
    try {
      await this.note('running');
      const { initial, start, data } = this.prepared;
      const first = this.checkpoint?.step ?? start?.step ?? 0;
      const init = initial && { taken: initial.taken, weights: initial.weights, fresh: initial.fresh };
      this.options.started?.({ folder: this.folder, device: this.opened.device, data: data?.describe, init, from: start?.path, step: first, steps });
      await this.begin();
      await this.guarding.begin(this.paths.metrics);
      if (this.checkpoint !== undefined) await this.catchUp(this.checkpoint);
      // What it was like before, to be seen beside what comes; and a state to go on from.
      if (this.checkpoint === undefined && start !== undefined) {
        await this.save(first);
        await this.sample(first);
      }
      const done = await this.steps(first);
      const status = done < steps && !this.over ? 'stopped' : 'finished';
      await this.save(done);
      if (status === 'finished') {
        await this.sample(done);
        await this.prepared.trace?.write();
        if (this.guarding.alarm !== undefined) this.guarding.note(this.guarding.alarm, 'warned');
      }
      await this.metrics.flush();
      await writePlot(this.folder, this.record.name);
      const { stoppedBy } = this;
      const { reports: guards } = this.guarding;
      await this.note(status, stoppedBy?.what);
      await this.page();
      const { losses, reports } = this.numbers;
      const { files, figures } = this.samples;
      const { folder, seconds } = this;
      const checkpoint = this.saved?.path;
      return { folder, status, step: done, steps: this.record.steps, losses, reports, checkpoint, guards, stoppedBy, samples: files, figures, seconds };
    } catch (error) {
      this.failed = true;
      await Promise.allSettled(this.pending);
      await this.metrics.flush().catch(() => undefined);
      await this.statistics?.flush().catch(() => undefined);
      await this.note(error instanceof DivergedError ? 'diverged' : 'failed', error instanceof Error ? error.message : String(error)).catch(() => undefined);
      await this.page();
      throw error;
    }
  }

  /** What a process that was killed just after it wrote this checkpoint did not come to. */
  private async catchUp(checkpoint: Checkpoint): Promise<void> {
    const { step, values } = checkpoint;
    const measured = (await readFigures(this.paths.metrics)).some((line) => line.step === step);
    if (!measured) await this.measure(checkpoint, values);
    const { sampleEvery } = this.options;
    const every = sampleEvery ?? this.every;
    const due = step > 0 && every > 0 && step % every === 0;
    if (due && !(await this.pictures.has(step))) await this.draw(step);
  }

  private get every(): number {
    return Math.max(1, this.options.checkpointEvery ?? CHECKPOINT_EVERY);
  }

  private get seconds(): number {
    return (performance.now() - this.began) / 1000;
  }

  /** Fills the variables. */
  private async begin(): Promise<void> {
    const { executor } = this.opened;
    const { plan, initial, start, trace } = this.prepared;
    if (this.checkpoint !== undefined) {
      executor.write(this.checkpoint.values);
      return;
    }
    await executor.submit([{ entry: plan.init, counter: 0 }]);
    const given = start?.weights ?? initial;
    if (given !== undefined) executor.write(given.values);
    if (trace?.wants(0)) trace.keep(0, this.prepared.program, await executor.read());
  }

  private newSchedule(): Schedule {
    const { program, plan, seed, data, overfit, feed } = this.prepared;
    return new Schedule(program, plan, { seed, rows: data?.count ?? 1, overfit, feed });
  }

  /** Runs steps, and again from an earlier one where a guard wants it and it may; gives how many are done. */
  private async steps(first: number): Promise<number> {
    const { guarding } = this;
    for (let step = first; ; ) {
      try {
        step = await this.loop(step);
        const { alarm } = guarding;
        // At the end there is nothing to stop.
        if (alarm === undefined || step >= this.prepared.steps || this.over) return step;
        if (guarding.goesBack) step = await this.goBack(alarm);
        else {
          this.stoppedBy = guarding.note(alarm, 'stopped');
          return step;
        }
      } catch (error) {
        if (!(error instanceof DivergedError) || guarding.way === 'off') throw error;
        this.failed = true;
        this.clock.stop();
        await Promise.allSettled(this.pending);
        // It is no more than an explanation: what happened is told in any case.
        const fault = await this.firstFault(error).catch(() => undefined);
        const told = fault === undefined ? error : error.with({ text: faultText(fault), help: faultHelp(fault.operation) });
        const what = fault === undefined ? error.message : `${error.message}: ${faultText(fault)}`;
        const alarm: Alarm = { guard: 'numbers', step: error.step, sound: (fault?.step ?? error.step) - 1, what, help: told.mend };
        if (!guarding.goesBack) {
          guarding.note(alarm, 'stopped');
          throw told;
        }
        step = await this.goBack(alarm);
      }
    }
  }

  /** Makes the steps since the last sound state again, for the first value that is no number. */
  private async firstFault({ step }: DivergedError): Promise<FirstFault | undefined> {
    const { program, seed, start } = this.prepared;
    const { signal, loading, traced } = this.options;
    const { executor } = this.opened;
    const from = this.saved && (await readCheckpoint(this.saved.path));
    const schedule = this.newSchedule();
    schedule.restore(from?.counters ?? start?.counters ?? {});
    if (from === undefined) await this.begin();
    else executor.write(from.values);
    const stretch = { from: from?.step ?? start?.step ?? 0, until: step };
    return findFirstFault({ program, executor, feeder: this.feeder, schedule, seed, ...stretch, traced, signal, progress: loading });
  }

  /** Goes back to the last checkpoint from before the trouble, or to the beginning, and takes other draws and rows from there. Gives its step. */
  private async goBack(alarm: Alarm): Promise<number> {
    const { executor } = this.opened;
    const { program, seed, start } = this.prepared;
    const from = await checkpointBefore(this.paths.checkpoints, alarm.sound);
    const to = from?.step ?? start?.step ?? 0;
    this.pending.length = 0;
    this.failed = false;
    this.schedule.giveUp(this.at - to);
    if (from === undefined) await this.begin();
    else {
      executor.write(from.values);
      // So that a run which is resumed from there has the other draws, too.
      const info = { hash: program.hash, seed, step: to, counters: this.schedule.done, choice: executor.choice };
      this.saved = { step: to, path: await saveCheckpoint(this.paths.checkpoints, info, from.values, Math.max(1, this.options.keep ?? KEEP)) };
    }
    await this.metrics.flush();
    await this.statistics?.flush();
    await cutMetrics(this.paths.metrics, to);
    await cutMetrics(this.paths.stats, to);
    this.samples = { files: [], step: -1 };
    this.guarding.note(alarm, 'went back', to);
    await this.guarding.begin(this.paths.metrics);
    await this.note('running');
    return to;
  }

  /** Runs steps until all are done, a stop is asked for or a guard calls; gives how many are done. */
  private async loop(first: number): Promise<number> {
    const { steps, seconds, trace, program } = this.prepared;
    const { signal, checkpointEvery } = this.options;
    const { every } = this;
    // Where time is what ends it, it also says when checkpoints are due.
    const stretch = seconds === undefined || checkpointEvery !== undefined ? undefined : seconds / CHECKPOINTS_IN_TIME;
    let stretches = stretch === undefined ? 0 : Math.floor(this.savedSeconds / stretch);
    let step = first;
    this.clock.start();
    while (step < steps && !this.over && signal?.aborted !== true && this.guarding.alarm === undefined) {
      const planned = this.schedule.step(step, this.statistics?.wants(step + 1, steps));
      const calls = this.feeder.prepare(planned);
      step++;
      this.at = step;
      this.send(step, calls);
      while (this.pending.length >= Math.max(1, this.options.inFlight ?? IN_FLIGHT)) await this.pending.shift();
      if (trace?.wants(step)) {
        await this.drain();
        trace.keep(step, program, await this.opened.executor.read());
      }
      const past = stretch === undefined ? 0 : Math.floor(this.clock.seconds / stretch);
      const due = stretch === undefined ? step % every === 0 : past > stretches;
      stretches = past;
      const { sampleEvery } = this.options;
      if (step < steps && due) await this.save(step);
      if (step < steps && (sampleEvery === undefined ? due : sampleEvery > 0 && step % sampleEvery === 0)) await this.sample(step);
      if (step < steps && due && this.options.kept !== undefined) {
        await this.metrics.flush();
        this.options.kept(step);
      }
    }
    await this.drain();
    this.clock.stop();
    return step;
  }

  /** True when the time for it is used up. */
  private get over(): boolean {
    const { seconds } = this.prepared;
    return seconds !== undefined && this.clock.seconds >= seconds;
  }

  private send(step: number, calls: readonly PlannedCall[]): void {
    const result = this.opened.executor.submit(calls).then((results) => {
      // What follows a fault says nothing.
      if (this.failed) return;
      const { losses, parts, reports, diverged } = readStep(calls, results);
      this.numbers = { losses, reports };
      this.metrics.add({
        step,
        seconds: this.seconds,
        losses,
        ...(Object.keys(parts).length > 0 && { parts }),
        ...(Object.keys(reports).length > 0 && { reports }),
      });
      if (diverged !== undefined) {
        this.failed = true;
        throw new DivergedError(diverged.player, step, diverged.what, this.saved?.path);
      }
      this.guarding.losses(step, losses);
      this.prepared.trace?.record(calls, results);
      this.statistics?.record(step, calls, results);
      this.pace.tick(performance.now());
      const { rate } = this.pace;
      const { seconds } = this.prepared;
      const left = seconds === undefined ? Number.POSITIVE_INFINITY : Math.max(0, seconds - this.clock.seconds);
      const steps = seconds === undefined || rate === 0 ? this.prepared.steps : Math.min(this.prepared.steps, step + Math.ceil(left * rate));
      this.options.progress?.({ step, steps, rate, eta: Math.min(left, rate > 0 ? (steps - step) / rate : Number.POSITIVE_INFINITY), losses, reports });
    });
    // Awaited later, in order; an error before that must not count as unheard.
    result.catch(() => undefined);
    this.pending.push(result);
  }

  private async drain(): Promise<void> {
    while (this.pending.length > 0) await this.pending.shift();
  }

  /** Writes a checkpoint of `step` steps, after their results were seen to be sound. */
  private async save(step: number): Promise<void> {
    await this.drain();
    if (this.saved?.step === step) return;
    await this.clock.without(() => this.keep(step));
  }

  private async keep(step: number): Promise<void> {
    const { program, seed } = this.prepared;
    const { executor } = this.opened;
    const values = await executor.read();
    const fault = findNonfinite(program, values);
    if (fault !== undefined) throw new DivergedError(fault.player, step, fault.what, this.saved?.path);
    await this.metrics.flush();
    await this.statistics?.flush();
    const info = { hash: program.hash, seed, step, counters: this.schedule.done, choice: executor.choice };
    const path = await saveCheckpoint(this.paths.checkpoints, info, values, Math.max(1, this.options.keep ?? KEEP));
    this.saved = { step, path };
    this.savedSeconds = this.clock.seconds;
    await this.measure(info, values);
    await this.note('running');
  }

  /** Measures the metrics where that is wanted, and keeps these values if they are the best so far. */
  private async measure(info: CheckpointInfo, values: ReadonlyMap<string, TensorData>): Promise<void> {
    const { program, measured, best: rule, data } = this.prepared;
    if (!measured || program.metrics === undefined) return;
    const figures = await measure(this.opened.executor, program, program.metrics, data, this.feeder);
    const found = splitFigures(program, figures);
    this.metrics.add({ step: info.step, metrics: found.metrics });
    const best = rule && better(rule, this.record.best, figures, info.step);
    if (best !== this.record.best) await writeCheckpoint(join(this.paths.checkpoints, BEST_CHECKPOINT), info, values);
    this.record = { ...this.record, best };
    this.options.measured?.(found.metrics, best, info.step);
  }

  private async sample(step: number): Promise<void> {
    await this.drain();
    if (this.samples.step === step) return;
    await this.clock.without(() => this.draw(step));
  }

  private async draw(step: number): Promise<void> {
    const { files, figures } = await this.pictures.draw(step);
    this.samples = { files, figures, step };
    if (files.length > 0) this.options.sampled?.(files, figures, step);
    await this.page();
  }

  /** `index.html`. A training does not end for want of it. */
  private async page(): Promise<void> {
    try {
      await this.metrics.flush();
      await writePage(this.folder, this.record, this.prepared.program);
    } catch (error) {
      this.options.warn?.(`the page of the run could not be written: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  private async note(status: RunStatus, message?: string): Promise<void> {
    const step = this.saved?.step ?? 0;
    // How many there are to be is not known before the time for them is over.
    const steps = this.prepared.seconds === undefined ? this.prepared.steps : step;
    const ended = status === 'running' ? undefined : new Date().toISOString();
    const guards = this.guarding.reports.length > 0 ? this.guarding.reports : undefined;
    this.record = { ...this.record, status, message, guards, step, steps, seconds: this.savedSeconds, ended };
    await writeRecord(this.folder, this.record);
  }
}
