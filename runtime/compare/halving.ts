/**
 * Asynchronous successive halving (Li et al., "A system for massively parallel hyperparameter tuning", 2020): an entry is trained to the first rung
 * of the budget; whenever it is in the best third of those that have come to a rung, it goes on to the next; else another entry begins. What is left behind is pruned.
 * An entry is trained with all its seeds, and judged by their mean.
 */
import { figureOf } from './ranking.js';
import type { CompareResults, CompareRun } from './results.js';

const REDUCTION = 3;

/** Shares of the budget at which so many entries are held against each other, the last one 1: with nine entries 1/9, 1/3, 1. */
export function rungsOf(entries: number): number[] {
  const shares = [1];
  for (let n = entries; n >= REDUCTION; n = Math.floor(n / REDUCTION)) shares.unshift(shares[0] / REDUCTION);
  return shares;
}

/**
 * The run that is next, with the rung that it is to come to; undefined where all that was promising is finished. `skipped`: runs that are not tried again now.
 * `busy`: runs under way beside it; undefined is then also what hangs on how they end, so that the same runs are sent on as one after another.
 */
export function nextHalving(
  results: CompareResults,
  skipped: ReadonlySet<string>,
  busy: ReadonlySet<string> = new Set(),
): { readonly run: CompareRun; readonly rung: number } | undefined {
  const entries = results.entries.filter(({ mistake }) => mistake === undefined).map(({ id }) => new Standing(results, id, busy));
  const rungs = rungsOf(entries.length);
  for (const { runs } of entries)
    for (const run of runs)
      if (run.rung !== undefined && !isThere(run, run.rung) && !isLost(run, skipped) && !busy.has(run.folder)) return { run, rung: run.rung };
  for (let rung = rungs.length - 2; rung >= 0; rung--) {
    const there = entries.filter((entry) => entry.reached > rung || entry.isOnTheWayTo(rung));
    if (there.length >= REDUCTION && there.some((entry) => entry.isOnTheWayTo(rung))) return undefined;
    const best = [...there].sort((a, b) => b.valueAt(rung) - a.valueAt(rung)).slice(0, Math.floor(there.length / REDUCTION));
    const next = best.find((entry) => entry.target === rung && entry.valueAt(rung) > Number.NEGATIVE_INFINITY);
    if (next !== undefined) return { run: next.runs[0], rung: rung + 1 };
  }
  const fresh = entries.find(({ target }) => target === undefined);
  return fresh && { run: fresh.runs[0], rung: 0 };
}

/** Whether a run has come to a rung. */
function isThere({ rungs = [] }: CompareRun, rung: number): boolean {
  return rungs.length > rung;
}

function isLost({ status, folder }: CompareRun, skipped: ReadonlySet<string>): boolean {
  return status === 'diverged' || (status === 'failed' && skipped.has(folder));
}

/** Where an entry is. */
class Standing {
  readonly runs: readonly CompareRun[];

  constructor(
    private readonly results: CompareResults,
    id: string,
    private readonly busy: ReadonlySet<string>,
  ) {
    this.runs = results.runs.filter(({ entry }) => entry === id);
  }

  /** The rung that it was sent to last. */
  get target(): number | undefined {
    return this.runs[0].rung;
  }

  isOnTheWayTo(rung: number): boolean {
    return this.target === rung && this.runs.some(({ folder }) => this.busy.has(folder));
  }

  /** Rungs that it has come to, or lost a run on the way to. */
  get reached(): number {
    return Math.min(...this.runs.map(({ status, rung = -1, rungs = [] }) => (status === 'diverged' || status === 'failed' ? rung + 1 : rungs.length)));
  }

  /** The greater the better; an entry that lost a run is the last. */
  valueAt(rung: number): number {
    const { metric } = this.results;
    const values = this.runs.map(({ rungs = [] }) => rungs[rung]?.value ?? Number.NaN);
    const mean = values.reduce((a, b) => a + b, 0) / values.length;
    return Number.isNaN(mean) ? Number.NEGATIVE_INFINITY : metric?.lowest ? -mean : mean;
  }
}

/** The run after it has come to a rung. */
export function atRung(run: CompareRun, { metric }: CompareResults): CompareRun {
  const value = metric && figureOf(run, metric.name);
  return { ...run, rungs: [...(run.rungs ?? []), { step: run.step, value: value ?? Number.NaN }] };
}
