/**
 * Choosing candidates by measurement. A choice is made anew from the kept times whenever a program is opened; a run keeps the choice that it began with
 * (`Executor.choice`), so what is measured later does not change its bits.
 */
import type { Program } from '../../compiler/program/types.js';
import type { GpuDevice } from '../device/open.js';
import type { CandidateChoice } from '../execute/pipelines.js';
import { clock } from '../execute/profile.js';
import { fileReason } from '../train/files.js';
import { type Kept, keep, readKept, type Times } from './kept.js';
import { type Shape, type Tunable, tunables } from './shapes.js';
import { compileCandidates, Timer, timeShape } from './time.js';

/**
 * `tuned`: what was measured on this adapter, and the table where nothing was; `table`: what is known to be best on adapters of this kind; `portable`: the texts
 * that run everywhere.
 */
export const KERNEL_CHOICES = ['tuned', 'table', 'portable'] as const;
export type KernelChoice = (typeof KERNEL_CHOICES)[number];

/** Less than this part may be noise: the table's choice stays. */
const LEAST_GAIN = 0.1;
/** At first use, in seconds. */
const FIRST_USE_SECONDS = 3;
/** Kernels with a smaller part of a step's work are left to the table at first use. */
const FIRST_USE_SHARE = 0.02;

/** The figures of one kernel: milliseconds of a step (of all its shapes, once each, where no step has it) by candidate. */
export interface TunedKernel {
  readonly kernel: string;
  /** Dispatches in a step. */
  readonly calls: number;
  readonly times: Times;
  readonly table: string;
  readonly chosen: string;
}

export interface TuneOptions {
  /** Kernels that would begin later are left out. Default: no limit. */
  readonly seconds?: number;
  readonly progress?: (done: number, total: number, kernel: string) => void;
}

export interface Tuned {
  /** Times of each shape that was measured. */
  readonly times: Kept;
  /** Every kernel that has several candidates on this device, those with most work first; those without times were not measured. */
  readonly kernels: readonly Tunable[];
}

/** False where the environment says GANC_TUNE=off: nothing kept is read, nothing is measured unasked, nothing is written. */
export function tuningAllowed(): boolean {
  return process.env.GANC_TUNE !== 'off';
}

/** Measures the program's kernels, those with most work first. Throws GpuError where the device fails or a candidate does not compile. */
export async function tune(gpu: GpuDevice, program: Program, options: TuneOptions = {}): Promise<Tuned> {
  const kernels = tunables(gpu, program);
  return { times: await measure(gpu, program, kernels, options), kernels };
}

async function measure(gpu: GpuDevice, program: Program, kernels: readonly Tunable[], { seconds, progress }: TuneOptions): Promise<Kept> {
  const end = clock() + 1000 * (seconds ?? Number.POSITIVE_INFINITY);
  const times = new Map<string, Times>();
  const timer = new Timer(gpu);
  try {
    for (const [done, tunable] of kernels.entries()) {
      if (clock() > end) break;
      progress?.(done, kernels.length, tunable.kernel.id);
      const compiled = await compileCandidates(gpu, tunable);
      for (const shape of relevant(tunable)) times.set(shape.key, await timeShape(timer, program, tunable, compiled, shape));
    }
  } finally {
    timer.close();
  }
  return times;
}

/** The shapes that decide: those of a step or, where no step has the kernel, all. */
function relevant({ shapes }: Tunable): readonly Shape[] {
  const inStep = shapes.filter(({ calls }) => calls > 0);
  return inStep.length > 0 ? inStep : shapes;
}

/** The figures of a kernel from kept times; undefined where one is missing that decides. */
export function tuned(tunable: Tunable, kept: Kept): TunedKernel | undefined {
  const { kernel, runnable, table } = tunable;
  const sums: Record<string, number> = Object.fromEntries(runnable.map((i) => [kernel.candidates[i].name, 0]));
  let calls = 0;
  for (const shape of relevant(tunable)) {
    const times = kept.get(shape.key);
    if (times === undefined) return undefined;
    calls += shape.calls;
    for (const name of Object.keys(sums)) {
      if (times[name] === undefined) return undefined;
      sums[name] += times[name] * (shape.calls || 1);
    }
  }
  const usual = kernel.candidates[table].name;
  const best = Object.keys(sums).reduce((a, b) => (sums[b] < sums[a] ? b : a));
  const chosen = sums[usual] === undefined || sums[best] < (1 - LEAST_GAIN) * sums[usual] ? best : usual;
  return { kernel: kernel.id, calls, times: sums, table: usual, chosen };
}

function choiceOf(kernels: readonly Tunable[], kept: Kept): Record<string, string> {
  return Object.fromEntries(kernels.flatMap((kernel) => tuned(kernel, kept) ?? []).map(({ kernel, chosen }) => [kernel, chosen]));
}

export interface ChoiceOptions {
  /** Default `tuned`. */
  readonly kernels?: KernelChoice;
  /**
   * Seconds for measuring what is not kept yet, and all of it if need be. Default: for a GPU some, and only kernels that do much of the work; for a known
   * software GPU none, since the table was measured there, on more machines than this, and starting soon is worth more.
   */
  readonly seconds?: number;
  readonly progress?: TuneOptions['progress'];
  readonly warn?: (text: string) => void;
}

/** Which candidates a program that is opened for the first time runs. Never throws for what is kept, or cannot be; GpuError where the device fails. */
export async function chooseKernels(gpu: GpuDevice, program: Program, options: ChoiceOptions = {}): Promise<CandidateChoice> {
  const { kernels = 'tuned', warn } = options;
  if (kernels === 'portable') return 'portable';
  if (kernels === 'table' || !tuningAllowed()) return 'best';
  const kept = await readKept(gpu, warn);
  const known = gpu.kind === 'lavapipe' || gpu.kind === 'swiftshader';
  const seconds = options.seconds ?? (known ? 0 : FIRST_USE_SECONDS);
  if (kept.size === 0 && seconds === 0) return 'best';
  const all = tunables(gpu, program);
  const least = options.seconds === undefined ? FIRST_USE_SHARE : 0;
  const missing = seconds === 0 ? [] : all.filter((kernel) => kernel.share >= least && tuned(kernel, kept) === undefined);
  if (missing.length === 0) return choiceOf(all, kept);
  let times: Kept;
  try {
    times = await measure(gpu, program, missing, { seconds, progress: options.progress });
  } catch (error) {
    gpu.check();
    warn?.(`kernels could not be measured (${(error as Error).message}): the usual ones are taken`);
    return choiceOf(all, kept);
  }
  await keep(gpu, times).catch((error) => warn?.(`what was measured of the kernels cannot be kept: ${fileReason(error)}`));
  return choiceOf(all, new Map([...kept, ...times]));
}

/** As `chooseKernels` by default, and nothing is measured: for programs that are run once. */
export function keptKernels(gpu: GpuDevice, program: Program, warn?: (text: string) => void): Promise<CandidateChoice> {
  return chooseKernels(gpu, program, { seconds: 0, warn });
}
