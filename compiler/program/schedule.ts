/** Questions about a training plan that more than one reader of programs asks. */
import type { TrainPlan, UpdateEntries, UpdatePlan } from './types.js';

/** Every line of the schedule: those of the phases, then the rest. */
export function linesOf(plan: TrainPlan): UpdatePlan[] {
  return [...(plan.phases ?? []).flatMap((phase) => phase.updates), ...plan.updates];
}

/** The lines that run in step `step` (0, 1, ...). */
export function linesAt(plan: TrainPlan, step: number): readonly UpdatePlan[] {
  let before = 0;
  for (const phase of plan.phases ?? []) {
    before += phase.steps;
    if (step < before) return phase.updates;
  }
  return plan.updates;
}

/** The entries that a line may call. */
export function entriesOf(line: UpdatePlan): string[] {
  return [line, ...(line.every ?? [])].flatMap(({ gradient, entry }) => (gradient === undefined ? [entry] : [gradient, entry]));
}

/** The entries of a training, each once: shared part, and updates. */
export function trainingEntries(plan: TrainPlan): string[] {
  return [...new Set([...(plan.shared === undefined ? [] : [plan.shared]), ...linesOf(plan).flatMap(entriesOf)])];
}

/** The entries that compute statistics of updates, each once; none where the program was compiled without. */
export function statsEntries(plan: TrainPlan): string[] {
  const entries = linesOf(plan).flatMap((line) => [line, ...(line.every ?? [])].map((variant) => variant.stats));
  return [...new Set([plan.sharedStats, ...entries].filter((name) => name !== undefined))];
}

/** What runs for a line's update number `update`. */
export function variantOf(line: UpdatePlan, update: number): UpdateEntries {
  return line.every?.find(({ periods }) => periods.every((n) => update % n === 0)) ?? line;
}

/**
 * The calls of a line's update number `update`, in order, each with its counter: the number of its batch among all of the player's. All but the last
 * only add up gradients.
 */
export function callsOf(plan: TrainPlan, line: UpdatePlan, update: number): { entry: string; counter: number }[] {
  const { entry, gradient } = variantOf(line, update);
  const batches = plan.accumulate ?? 1;
  return Array.from({ length: batches }, (_, i) => ({ entry: i < batches - 1 ? (gradient as string) : entry, counter: update * batches + i }));
}
