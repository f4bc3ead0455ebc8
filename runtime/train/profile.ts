/**
 * `ganc profile`: some steps of a training, timed. Plain steps, sent as a training sends them, with timestamps around their few compute passes, take turns with
 * steps whose every dispatch is in a pass of its own; so both see the same machine, and it is known what the closer look costs.
 */

import type { Module } from '../../compiler/graph/module.js';
import type { Lowered } from '../../compiler/plan/lower.js';
import { purposes } from '../../compiler/plan/purpose.js';
import { trainingEntries } from '../../compiler/program/schedule.js';
import { DataError } from '../data/error.js';
import { inventedData } from '../data/invented.js';
import type { GpuDevice } from '../device/open.js';
import { CeilingSampler, type Ceilings, median } from '../execute/ceilings.js';
import { Executor } from '../execute/executor.js';
import type { Memory } from '../execute/memory.js';
import { clock, HOST_WORK, type HostWork, Stopwatch, type TimedSubmit } from '../execute/profile.js';
import { keptKernels } from '../tune/tune.js';
import { type Prepared, prepare } from './prepare.js';
import { type Figures, figures } from './profile-figures.js';
import { type TraceEvent, TraceWriter } from './profile-trace.js';
import { RowFeeder } from './rows.js';
import { type PlannedCall, Schedule } from './schedule.js';

export interface ProfileOptions {
  readonly gpu: GpuDevice;
  readonly seed?: bigint;
  /** Steps of each kind. */
  readonly steps: number;
  /** Folder that paths of the data start from. */
  readonly base?: string;
  /** Hears how far it is. */
  readonly progress?: (text: string) => void;
  readonly warn?: (text: string) => void;
}

/** Milliseconds, medians over the steps. */
export interface StepTimes {
  /** From the end of a plain step to the end of the next. */
  readonly wall: number;
  /** In the compute passes of a plain step. */
  readonly gpu: number;
  /** What is left of the wall time: copies, and waiting for the host. */
  readonly idle: number;
  /** The JavaScript thread's work for a plain step, which runs beside the GPU's. */
  readonly host: number;
  readonly hostBy: Readonly<Record<HostWork, number>>;
  /** Time of all cores in this process for a plain step, a mean: on a software GPU its kernels are in it. Little beside the wall time: others have the cores. */
  readonly cpu: number;
  /** As `wall`, with every dispatch timed. */
  readonly profiled: number;
}

export interface Profile extends Figures {
  readonly steps: number;
  readonly batch: number;
  /** One line on the rows. */
  readonly data?: string;
  /** Sampled between the steps. */
  readonly ceilings: Ceilings;
  readonly step: StepTimes;
  readonly memory: Memory & {
    /** Of the process, before the first step that is timed and after the last. */
    readonly residentAtStart: number;
    readonly residentAtEnd: number;
  };
}

/** Steps that may be under way, as in a training. */
const IN_FLIGHT = 3;
/** Steps of one kind before it is the turn of the other. */
const TURN = 5;
/** Not timed: caches fill, and clocks rise. */
const WARM_UP = 2;
/** Of the ceilings, between two turns. */
const SAMPLES = 5;
/** Batches of made-up rows. */
const INVENTED_BATCHES = 4;

interface TimedStep {
  readonly number: number;
  readonly split: boolean;
  readonly times: TimedSubmit;
  /** When its results were there. */
  readonly end: number;
  /** Since the end of the step before it or, of the first in a turn of one, since its beginning. Absent of others that have none before them. */
  readonly wall?: number;
}

/** Runs and times steps from the start of a training. Throws as `train` does where the spec cannot be trained, and GpuError where the device has no timestamps. */
export async function profile(module: Module, lowered: Lowered, options: ProfileOptions): Promise<{ profile: Profile; trace: TraceEvent[] }> {
  const { gpu, seed = 0n, progress } = options;
  const { program } = lowered;
  const stopwatch = new Stopwatch(gpu);
  let sampler: CeilingSampler | undefined;
  const prepared = await prepareWithRows(lowered, { ...options, seed });
  const { plan } = prepared;
  const compiling = (done: number, total: number): void => progress?.(`compiling kernels ${done}/${total}`);
  const executor = await Executor.create(gpu, program, {
    seed,
    entries: [...new Set([plan.init, ...trainingEntries(plan)])],
    candidates: await keptKernels(gpu, program, options.warn),
    warm: true,
    progress: compiling,
  });
  try {
    sampler = await CeilingSampler.create(gpu);
    await executor.submit([{ entry: plan.init, counter: 0 }]);
    const runner = new Runner(prepared, executor, stopwatch);
    await runner.turn(false, WARM_UP);
    const residentAtStart = process.memoryUsage.rss();
    const steps: TimedStep[] = [];
    let cpu = 0;
    for (let done = 0; done < options.steps; done += TURN) {
      const count = Math.min(TURN, options.steps - done);
      progress?.(`step ${done}/${options.steps}`);
      for (const split of [false, true]) {
        const before = process.cpuUsage();
        steps.push(...(await runner.turn(split, count)));
        const { user, system } = process.cpuUsage(before);
        if (!split) cpu += (user + system) / 1000;
        for (let i = 0; i < SAMPLES; i++) await sampler.sample();
      }
    }
    const residentAtEnd = process.memoryUsage.rss();
    const ceilings = sampler.ceilings();
    const split = steps.filter((step) => step.split);
    const purpose = purposes(module, lowered);
    const result = figures(
      program,
      purpose,
      executor.choice,
      split.map(({ times }) => times),
      ceilings,
    );
    const trace = new TraceWriter(program, purpose);
    for (const { number, split, times, end } of steps) trace.step(number, split, times, end);
    return {
      profile: {
        steps: options.steps,
        batch: plan.batch,
        data: prepared.data?.describe,
        ceilings,
        step: { ...stepTimes(steps), cpu: cpu / options.steps },
        memory: { ...executor.memory, residentAtStart, residentAtEnd },
        ...result,
      },
      trace: trace.events(),
    };
  } finally {
    stopwatch.close();
    sampler?.close();
    executor.close();
  }
}

/** As for a training; where the data cannot be had, with rows that are made up. */
async function prepareWithRows({ program }: Lowered, { base, seed, progress, warn }: ProfileOptions): Promise<Prepared> {
  const open = () => Promise.reject(new Error('profile opens its own'));
  const options = { program, open, seed, base, loading: progress, warn };
  try {
    return await prepare(options);
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    warn?.(`${error.message} (${error.reason}): the steps run on rows that are made up`);
    return prepare({ ...options, rows: (request) => inventedData(request, INVENTED_BATCHES * (program.train?.batch ?? 1)) });
  }
}

class Runner {
  private readonly schedule: Schedule;
  private readonly feeder: RowFeeder;
  private step = 0;

  constructor(
    { program, plan, seed, data, fields, chosen }: Prepared,
    private readonly executor: Executor,
    private readonly stopwatch: Stopwatch,
  ) {
    this.schedule = new Schedule(program, plan, { seed, rows: data?.count ?? 1 });
    this.feeder = new RowFeeder(executor, { data, fields }, chosen, Number.POSITIVE_INFINITY);
  }

  /** Some steps one after another, and their times. */
  async turn(split: boolean, count: number): Promise<TimedStep[]> {
    const first = this.step;
    const began = clock();
    const ends: number[] = [];
    const pending: Promise<void>[] = [];
    for (let i = 0; i < count; i++) {
      const from = clock();
      const calls: PlannedCall[] = this.feeder.prepare(this.schedule.step(this.step++));
      const probe = this.stopwatch.probe(split);
      probe.host('plan', from);
      const result = this.executor.submit(calls, probe).then(() => {
        ends[i] = clock();
      });
      // Awaited later, in order; an error before that must not count as unheard.
      result.catch(() => undefined);
      pending.push(result);
      while (pending.length >= IN_FLIGHT) await pending.shift();
    }
    await Promise.all(pending);
    const times = await this.stopwatch.read();
    return times.map((submit, i) => {
      const since = i > 0 ? ends[i - 1] : count === 1 ? began : undefined;
      return { number: first + i, split, times: submit, end: ends[i], ...(since !== undefined && { wall: ends[i] - since }) };
    });
  }
}

function stepTimes(steps: readonly TimedStep[]): Omit<StepTimes, 'cpu'> {
  const walls = (split: boolean): number => median(steps.flatMap((step) => (step.split === split && step.wall !== undefined ? [step.wall] : [])));
  const plain = steps.filter((step) => !step.split);
  const wall = walls(false);
  const gpu = median(plain.map(({ times }) => times.passes.reduce((sum, { from, to }) => sum + to - from, 0)));
  const work = (step: TimedStep, wanted?: HostWork): number =>
    step.times.host.reduce((sum, { what, from, to }) => sum + (wanted === undefined || what === wanted ? to - from : 0), 0);
  const hostBy = Object.fromEntries(HOST_WORK.map((what) => [what, median(plain.map((step) => work(step, what)))])) as Record<HostWork, number>;
  return { wall, gpu, idle: Math.max(0, wall - gpu), host: median(plain.map((step) => work(step))), hostBy, profiled: walls(true) };
}
