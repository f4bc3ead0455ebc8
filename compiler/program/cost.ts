/** What the steps of a training cost, counted from the program: known before anything runs. */
import { callsOf } from './schedule.js';
import type { Entry, Program, TrainPlan, UpdatePlan } from './types.js';

export interface Cost {
  readonly dispatches: number;
  /** Floating-point operations. */
  readonly flops: number;
  /** Read and written. */
  readonly bytes: number;
}

export function entryCost({ commands }: Entry): Cost {
  const dispatches = commands.filter((command) => command.kind === 'dispatch');
  return {
    dispatches: dispatches.length,
    flops: dispatches.reduce((sum, { flops }) => sum + flops, 0),
    bytes: dispatches.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

/** Updates over which the calls of a line are averaged at most; most schedules repeat far sooner. */
const MOST_UPDATES = 10_000;

/** How often each entry is called in a step of these lines, on average where some of an objective is due only now and then. */
export function callsPerStep(plan: TrainPlan, lines: readonly UpdatePlan[] = plan.updates): Map<string, number> {
  const calls = new Map<string, number>();
  const add = (entry: string, times: number): void => void calls.set(entry, (calls.get(entry) ?? 0) + times);
  if (plan.shared !== undefined) add(plan.shared, 1);
  for (const line of lines) {
    const period = (line.every ?? []).flatMap(({ periods }) => periods).reduce(leastCommonMultiple, 1);
    const updates = Math.min(period, MOST_UPDATES);
    for (let update = 0; update < updates; update++) for (const { entry } of callsOf(plan, line, update)) add(entry, line.times / updates);
  }
  return calls;
}

function leastCommonMultiple(a: number, b: number): number {
  let [x, y] = [a, b];
  while (y !== 0) [x, y] = [y, x % y];
  return (a / x) * b;
}

function costOfCalls(program: Program, calls: ReadonlyMap<string, number>): Cost {
  const total = { dispatches: 0, flops: 0, bytes: 0 };
  for (const entry of program.entries) {
    const times = calls.get(entry.name);
    if (times === undefined) continue;
    const cost = entryCost(entry);
    total.dispatches += cost.dispatches * times;
    total.flops += cost.flops * times;
    total.bytes += cost.bytes * times;
  }
  return total;
}

/** Of one step, after the phases if there are any; undefined where nothing is trained. */
export function stepCost(program: Program): Cost | undefined {
  return program.train && costOfCalls(program, callsPerStep(program.train));
}

/** Stretches of equal steps, the last one without an end. */
function stretches(program: Program, plan: TrainPlan): { readonly steps: number; readonly flops: number }[] {
  const phases = (plan.phases ?? []).map(({ steps, updates }) => ({ steps, flops: costOfCalls(program, callsPerStep(plan, updates)).flops }));
  return [...phases, { steps: Number.POSITIVE_INFINITY, flops: costOfCalls(program, callsPerStep(plan)).flops }];
}

/** FLOPs of the first `steps` steps. */
export function flopsOf(program: Program, steps: number): number {
  if (program.train === undefined) return 0;
  let left = steps;
  let total = 0;
  for (const stretch of stretches(program, program.train)) {
    const taken = Math.min(left, stretch.steps);
    total += taken === 0 ? 0 : taken * stretch.flops;
    left -= taken;
  }
  return total;
}

/** The whole steps that so many FLOPs are enough for; infinite where steps have none. */
export function stepsWithin(program: Program, flops: number): number {
  if (program.train === undefined) return 0;
  let left = flops;
  let steps = 0;
  for (const stretch of stretches(program, program.train)) {
    const all = stretch.flops === 0 ? stretch.steps : Math.min(stretch.steps, Math.floor(left / stretch.flops));
    steps += all;
    if (all < stretch.steps) break;
    left -= all * stretch.flops;
  }
  return steps;
}
