/** What there is to choose in a program: kernels of several candidates that the device can run, the shapes at which they run, and how often. */
import { createHash } from 'node:crypto';
import { linesOf } from '../../compiler/program/schedule.js';
import type { Program, ProgramKernel } from '../../compiler/program/types.js';
import type { GpuDevice } from '../device/open.js';
import { chooseCandidate, obstacle } from '../execute/pipelines.js';
import type { DispatchCommand } from '../execute/profile.js';

/** Dispatches of a kernel that do the same work: equal grids, parameters and sizes of bindings. */
export interface Shape {
  /** SHA-256 of the kernel's texts and of the shape: equal keys, equal work. */
  readonly key: string;
  /** The first of them. */
  readonly command: DispatchCommand;
  /** How often in a training step, on average; 0 where only other entries have it. */
  readonly calls: number;
}

export interface Tunable {
  readonly kernel: ProgramKernel;
  /** Indices of the candidates that the device can run, and which of these it runs where nothing was measured. */
  readonly runnable: readonly number[];
  readonly table: number;
  readonly shapes: readonly Shape[];
  /** Part of a step's work that its dispatches do, in 0..1, by their counted operations and bytes. */
  readonly share: number;
}

/** Operations that count as much as a byte of memory, in a guess of the work before anything is timed. */
const OPERATIONS_A_BYTE = 8;

/** The largest share first; then in the program's order. */
export function tunables(gpu: GpuDevice, program: Program): Tunable[] {
  const calls = callsOfEntries(program);
  const kernels = new Map<number, { shapes: Map<string, { command: DispatchCommand; calls: number }>; work: number }>();
  let total = 0;
  for (const entry of program.entries) {
    const times = calls.get(entry.name) ?? 0;
    for (const command of entry.commands) {
      if (command.kind === 'copy' || command.workgroups.some((grid) => grid.includes(0))) continue;
      const known = kernels.get(command.kernel) ?? { shapes: new Map(), work: 0 };
      kernels.set(command.kernel, known);
      const work = times * Math.max(command.flops, OPERATIONS_A_BYTE * command.bytes);
      known.work += work;
      total += work;
      const shape = shapeText(program, command);
      const same = known.shapes.get(shape);
      if (same === undefined) known.shapes.set(shape, { command, calls: times });
      else same.calls += times;
    }
  }
  const found = [...kernels].flatMap(([index, { shapes, work }]): Tunable[] => {
    const kernel = program.kernels[index];
    const grids = [...shapes.values()].map(({ command }) => command.workgroups);
    const most = gpu.limits.maxComputeWorkgroupsPerDimension;
    const fits = (candidate: number): boolean => grids.every((grid) => grid[candidate].every((count) => count <= most));
    const runnable = kernel.candidates.flatMap((candidate, i) => (obstacle(gpu, candidate) === undefined && fits(i) ? [i] : []));
    if (runnable.length < 2) return [];
    const texts = hash(JSON.stringify([kernel.bindings, kernel.candidates.map(({ name, wgsl, workgroupSize }) => [name, workgroupSize, wgsl])]));
    return [
      {
        kernel,
        runnable,
        table: chooseCandidate(gpu, kernel, 'best'),
        shapes: [...shapes].map(([text, shape]) => ({ key: hash(`${texts} ${text}`), ...shape })),
        share: total > 0 ? work / total : 0,
      },
    ];
  });
  return found.sort((a, b) => b.share - a.share);
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function shapeText(program: Program, command: DispatchCommand): string {
  const [parameters] = command.bindings;
  const words = program.parameters.slice(parameters.offset / 4, (parameters.offset + parameters.size) / 4);
  return JSON.stringify([command.workgroups, words, command.bindings.map(({ size }) => size)]);
}

/** How often a training step calls an entry, on average; entries that it does not call are not there. */
function callsOfEntries({ train }: Program): Map<string, number> {
  const calls = new Map<string, number>();
  if (train === undefined) return calls;
  const add = (entry: string | undefined, times: number): void => {
    if (entry !== undefined && times > 0) calls.set(entry, (calls.get(entry) ?? 0) + times);
  };
  add(train.shared, 1);
  for (const line of linesOf(train)) {
    let rest = line.times;
    const update = (entry: string, gradient: string | undefined, times: number): void => {
      add(entry, times);
      add(gradient, times * ((train.accumulate ?? 1) - 1));
    };
    for (const { entry, gradient, periods } of line.every ?? []) {
      const times = Math.min(rest, line.times / Math.max(...periods));
      update(entry, gradient, times);
      rest -= times;
    }
    update(line.entry, line.gradient, rest);
  }
  return calls;
}
