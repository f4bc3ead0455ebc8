/** The runs of a comparison, one after another on this machine; what came of each is in `results.json` as soon as it is known. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { DataSet } from '../data/index.js';
import { writeAtomic } from '../train/files.js';
import { lockFolder } from '../train/lock.js';
import type { Progress } from '../train/options.js';
import { type Candidate, isCompiled } from './candidate.js';
import { atRung, nextHalving, rungsOf } from './halving.js';
import { ranked } from './ranking.js';
import { writeReport } from './report.js';
import { type CompareResults, type CompareRun, writeResults } from './results.js';
import { doRun, type RunContext } from './run.js';

export interface CompareOptions extends Pick<RunContext, 'open' | 'signal' | 'versions' | 'loading' | 'warn'> {
  readonly folder: string;
  /** Planned, or read from the folder to go on. */
  readonly results: CompareResults;
  readonly candidates: readonly Candidate[];
  readonly cache?: Map<string, Promise<DataSet>>;
  /** Called whenever something has come of a run. */
  readonly changed?: (results: CompareResults) => void;
  /** Called after every step of a run. */
  readonly progress?: (run: CompareRun, progress: Progress) => void;
}

/** Runs that are not done again: what they came to is a result. A failed one may do better when the machine does. */
const OVER: readonly CompareRun['status'][] = ['finished', 'pruned', 'diverged'];

export function isOver({ status }: CompareRun): boolean {
  return OVER.includes(status);
}

export async function compare(options: CompareOptions): Promise<CompareResults> {
  const { folder, candidates, signal, versions, loading, warn } = options;
  const lock = await lockFolder(folder, warn ?? (() => undefined));
  let results: CompareResults = ranked({ ...options.results, status: 'running', ended: undefined });
  const cache = options.cache ?? new Map<string, Promise<DataSet>>();
  const note = (run: CompareRun): void => {
    results = ranked({ ...results, runs: results.runs.map((other) => (isSame(other, run) ? run : other)) });
    options.changed?.(results);
  };
  try {
    await writeTexts(folder, candidates, results);
    await writeResults(folder, results);
    options.changed?.(results);
    let seed: string | undefined;
    const { halving } = results.asked;
    const rungs = rungsOf(results.entries.filter(({ mistake }) => mistake === undefined).length);
    const tried = new Set<string>();
    const going = (): boolean => signal?.aborted !== true;
    while (going()) {
      const job = halving ? nextHalving(results, tried) : nextInOrder(results, tried);
      if (job === undefined) break;
      const { rung } = job;
      // All runs of an entry are sent to a rung together.
      if (rung !== undefined)
        results = { ...results, runs: results.runs.map((other) => (other.entry === job.run.entry && !isOver(other) ? { ...other, rung } : other)) };
      const run = results.runs.find((other) => isSame(other, job.run)) as CompareRun;
      const { entry, seed: own } = run;
      if (rung === undefined) tried.add(run.folder);
      // Rows are of their seed: those of the one before are not needed any more, where seeds do not take turns.
      if (!halving && seed !== undefined && seed !== own) cache.clear();
      seed = own;
      const candidate = candidates.find((one) => one.entry.id === entry);
      if (candidate === undefined || !isCompiled(candidate)) throw new Error(`${entry} has runs, and no program`);
      let open = true;
      const begun: CompareRun = { ...run, status: 'running', message: undefined };
      note(begun);
      const { budget, metric, seeds, asked } = results;
      const context: RunContext = {
        folder,
        budget,
        metric,
        judgeSeed: BigInt(seeds[0]),
        examples: asked.examples,
        checkpointEvery: asked.checkpointEvery,
        open: options.open,
        cache,
        signal,
        versions,
        loading,
        warn: (text) => warn?.(`${candidate.entry.label}, seed ${run.seed}: ${text}`),
        progress: (progress) => options.progress?.(begun, progress),
        changed: (now) => void (open && note(now)),
      };
      const ended = await doRun(begun, candidate, context, rung === undefined ? 1 : rungs[rung]);
      open = false;
      if (ended.status === 'failed') tried.add(ended.folder);
      const there = rung !== undefined && (ended.status === 'finished' || (ended.status === 'stopped' && going()));
      note(there ? atRung(ended, results) : ended);
      await writeResults(folder, results);
    }
    // What was left at a rung when nothing more was promising.
    if (halving && going()) {
      const runs = results.runs.map((run): CompareRun => (run.status === 'stopped' || run.status === 'waiting' ? { ...run, status: 'pruned' } : run));
      results = ranked({ ...results, runs });
    }
    const over = results.runs.every((run) => isOver(run) || run.status === 'failed');
    results = { ...results, status: over ? 'finished' : 'stopped', ended: new Date().toISOString() };
    await writeResults(folder, results);
    await writeReport(folder, results);
    return results;
  } finally {
    await lock.release();
  }
}

/** The first run that is to be done, seed by seed. */
function nextInOrder({ runs }: CompareResults, tried: ReadonlySet<string>): { readonly run: CompareRun; readonly rung?: undefined } | undefined {
  const run = runs.find((one) => !isOver(one) && !tried.has(one.folder));
  return run && { run };
}

function isSame(a: CompareRun, b: CompareRun): boolean {
  return a.entry === b.entry && a.seed === b.seed;
}

/** The text of every entry, to be held against each other. */
async function writeTexts(folder: string, candidates: readonly Candidate[], { entries }: CompareResults): Promise<void> {
  await mkdir(join(folder, 'specs'), { recursive: true });
  for (const { id, text: path } of entries) {
    const text = candidates.find(({ entry }) => entry.id === id)?.text;
    if (path !== undefined && text !== undefined) await writeAtomic(join(folder, path), text);
  }
}
