/** From the times of a training's dispatches to figures: by kernel, by line of the spec, by entry, each against the ceilings of the device. */
import type { Phase, Purpose } from '../../compiler/plan/purpose.js';
import type { Command, Program } from '../../compiler/program/types.js';
import { type Ceilings, median } from '../execute/ceilings.js';
import type { DispatchCommand, TimedSubmit } from '../execute/profile.js';

/** Time and work in a step. Milliseconds are medians over the steps. */
export interface Work {
  /** Calls a step; no whole number where the schedule has entries for some steps only. */
  readonly calls: number;
  readonly milliseconds: number;
  /** Of the time of all kernels. */
  readonly share: number;
  readonly flops: number;
  readonly bytes: number;
  readonly gflops: number;
  readonly gigabytesPerSecond: number;
  /** The ceiling that is in the way: at best the work takes flops / GEMM rate or bytes / copy rate, whichever is longer. */
  readonly bound: 'compute' | 'memory';
  /** That least time by the time it took: the fraction of the ceiling that was reached. Over 1 where caches are faster than memory. */
  readonly reached: number;
}

export interface DispatchFigures extends Work {
  readonly entry: string;
  /** Place in the entry's commands, from 0. */
  readonly command: number;
  readonly kernel: string;
  /** The variant of the kernel that the device runs. */
  readonly candidate: string;
  readonly label: string;
  readonly phase: Phase;
  /** `gan.gan:12`, where it is known. */
  readonly place?: string;
}

export interface KernelFigures extends Work {
  readonly kernel: string;
  readonly candidate: string;
}

export interface LineFigures extends Work {
  readonly label: string;
  readonly place?: string;
  /** Milliseconds by phase. */
  readonly phases: Readonly<Record<Phase, number>>;
}

export interface EntryFigures extends Work {
  readonly entry: string;
  readonly dispatches: number;
}

export interface Figures {
  /** Of all kernels, a step. */
  readonly milliseconds: number;
  /** Every dispatch of the step, in the order of the program. */
  readonly dispatches: readonly DispatchFigures[];
  /** Longest first, as the next. */
  readonly kernels: readonly KernelFigures[];
  readonly lines: readonly LineFigures[];
  readonly entries: readonly EntryFigures[];
  /** The share of the time in dispatches that reach half of the ceiling that binds them. */
  readonly atHalf: number;
  /** The share of the time in dispatches whose work would take less, at the ceilings, than a dispatch that does nothing. */
  readonly tiny: number;
}

/** The dispatches' place in the program. */
export interface Place {
  readonly entry: string;
  readonly command: number;
}

export function placesOf(program: Program): Map<Command, Place> {
  return new Map(program.entries.flatMap(({ name, commands }) => commands.map((command, i) => [command, { entry: name, command: i }] as const)));
}

/** Figures of submits, a step each, whose passes are of one dispatch. `choice`: the candidate of each kernel. */
export function figures(
  program: Program,
  purposes: ReadonlyMap<Command, Purpose>,
  choice: Readonly<Record<string, string>>,
  submits: readonly TimedSubmit[],
  ceilings: Ceilings,
): Figures {
  const times = new Map<DispatchCommand, number[]>();
  for (const { command, from, to } of submits.flatMap(({ passes }) => passes)) {
    const list = times.get(command);
    if (list) list.push(to - from);
    else times.set(command, [to - from]);
  }
  const places = placesOf(program);
  const measured = [...times].map(([command, list]) => {
    const { id } = program.kernels[command.kernel];
    const calls = list.length / submits.length;
    const sum = { calls, milliseconds: median(list) * calls, flops: command.flops * calls, bytes: command.bytes * calls };
    const least = leastTimes(sum, ceilings);
    const facts = { ...(places.get(command) as Place), kernel: id, candidate: choice[id], label: command.label, ...(purposes.get(command) as Purpose) };
    return { facts, sum: { ...sum, ...least } };
  });
  const total = measured.reduce((sum, { sum: { milliseconds } }) => sum + milliseconds, 0);
  const order = program.entries.map(({ name }) => name);
  const dispatches = measured
    .map(({ facts, sum }): DispatchFigures => ({ ...facts, ...work([sum], total) }))
    .sort((a, b) => order.indexOf(a.entry) - order.indexOf(b.entry) || a.command - b.command);
  const by = (key: (facts: Facts) => string): { all: Facts[]; work: Work }[] => {
    const groups = new Map<string, { all: Facts[]; sums: Sum[] }>();
    for (const { facts, sum } of measured) {
      const group = groups.get(key(facts)) ?? { all: [], sums: [] };
      group.all.push(facts);
      group.sums.push(sum);
      groups.set(key(facts), group);
    }
    return [...groups.values()].map(({ all, sums }) => ({ all, work: work(sums, total) })).sort((a, b) => b.work.milliseconds - a.work.milliseconds);
  };
  const timeOf = new Map(measured.map(({ facts, sum }) => [facts, sum.milliseconds]));
  const inPhase = (all: readonly Facts[], phase: Phase): number => all.reduce((sum, f) => sum + (f.phase === phase ? (timeOf.get(f) as number) : 0), 0);
  const share = (holds: (d: DispatchFigures) => boolean): number => dispatches.reduce((sum, d) => sum + (holds(d) ? d.share : 0), 0);
  const overhead = ceilings.dispatchMicroseconds / 1000;
  return {
    milliseconds: total,
    dispatches,
    kernels: by(({ kernel }) => kernel).map(({ all: [{ kernel, candidate }], work: w }) => ({ kernel, candidate, ...w })),
    lines: by(({ label, place }) => `${label} ${place}`).map(({ all, work: w }) => ({
      label: all[0].label,
      ...(all[0].place && { place: all[0].place }),
      ...w,
      phases: { forward: inPhase(all, 'forward'), backward: inPhase(all, 'backward'), optimizer: inPhase(all, 'optimizer') },
    })),
    entries: by(({ entry }) => entry).map(({ all, work: w }) => ({ entry: all[0].entry, dispatches: all.length, ...w })),
    atHalf: share(({ reached }) => reached >= 0.5),
    tiny: share(({ reached, milliseconds, calls }) => reached * milliseconds < overhead * calls),
  };
}

type Facts = Omit<DispatchFigures, keyof Work>;

interface Sum {
  readonly calls: number;
  readonly milliseconds: number;
  readonly flops: number;
  readonly bytes: number;
  /** Milliseconds at the ceilings. */
  readonly compute: number;
  readonly memory: number;
}

function leastTimes({ flops, bytes }: { flops: number; bytes: number }, { gflops, gigabytesPerSecond }: Ceilings): { compute: number; memory: number } {
  return { compute: flops / gflops / 1e6, memory: bytes / gigabytesPerSecond / 1e6 };
}

/** Of some dispatches together: each at its own least time, and bound as most of that is. */
function work(sums: readonly Sum[], total: number): Work {
  const add = (of: (sum: Sum) => number): number => sums.reduce((all, sum) => all + of(sum), 0);
  const milliseconds = add((s) => s.milliseconds);
  const rate = (amount: number): number => (milliseconds > 0 ? amount / milliseconds : 0);
  const flops = add((s) => s.flops);
  const bytes = add((s) => s.bytes);
  const least = add((s) => Math.max(s.compute, s.memory));
  const computing = add((s) => (s.compute > s.memory ? s.compute : 0));
  return {
    calls: add((s) => s.calls),
    milliseconds,
    share: total > 0 ? milliseconds / total : 0,
    flops,
    bytes,
    gflops: rate(flops) / 1e6,
    gigabytesPerSecond: rate(bytes) / 1e6,
    bound: 2 * computing > least ? 'compute' : 'memory',
    reached: rate(least),
  };
}
