/** The runs of a comparison, one after another or several at once; what came of each is in `results.json` as soon as it is known. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { writeAtomic } from '../train/files.js';
import { lockFolder } from '../train/lock.js';
import type { Progress } from '../train/options.js';
import { type Candidate, isCompiled } from './candidate.js';
import { GrowingReport } from './growing.js';
import { atRung, nextHalving, rungsOf } from './halving.js';
import { type DoJob, jobOf } from './job.js';
import { ranked } from './ranking.js';
import { type CompareResults, type CompareRun, writeResults } from './results.js';
import { Slots } from './slots.js';

export interface CompareOptions {
  readonly folder: string;
  /** Planned, or read from the folder to go on. */
  readonly results: CompareResults;
  readonly candidates: readonly Candidate[];
  /** Does one run: `doneHere`, or elsewhere. */
  readonly doJob: DoJob;
  /** Runs that may be under way at a time; default one. */
  readonly slots?: Slots;
  /** They wait until somebody takes them, who says when they begin. */
  readonly queued?: boolean;
  readonly signal?: AbortSignal;
  readonly loading?: (text: string) => void;
  readonly warn?: (text: string) => void;
  /** Called whenever something has come of a run. */
  readonly changed?: (results: CompareResults) => void;
  /** Called after every step of a run, or now and then. */
  readonly progress?: (run: CompareRun, progress: Progress) => void;
}

/** Runs that are not done again: what they came to is a result. A failed one may do better when the machine does. */
const OVER: readonly CompareRun['status'][] = ['finished', 'pruned', 'diverged'];

export function isOver({ status }: CompareRun): boolean {
  return OVER.includes(status);
}

export async function compare(options: CompareOptions): Promise<CompareResults> {
  const { folder, candidates, doJob, slots = new Slots(1), queued = false, loading, warn } = options;
  const lock = await lockFolder(folder, warn ?? (() => undefined));
  let results: CompareResults = ranked({ ...options.results, status: 'running', ended: undefined });
  const note = (run: CompareRun): void => {
    results = ranked({ ...results, runs: results.runs.map((other) => (isSame(other, run) ? run : other)) });
    options.changed?.(results);
    report.note(results);
  };
  let writing = Promise.resolve();
  const write = (): Promise<void> => {
    writing = writing.catch(() => undefined).then(() => writeResults(folder, results));
    return writing;
  };
  const report = new GrowingReport({ folder, writeResults: write, warn });
  // Where results cannot be written, what is under way beside them is stopped.
  const fault = new AbortController();
  const signal = options.signal === undefined ? fault.signal : AbortSignal.any([options.signal, fault.signal]);
  const going = (): boolean => !signal.aborted;
  const { halving } = results.asked;
  const rungs = rungsOf(results.entries.filter(({ mistake }) => mistake === undefined).length);
  const tried = new Set<string>();

  /** Does a run and notes what comes of it. */
  const perform = async (run: CompareRun, back: AbortSignal): Promise<void> => {
    const { rung } = run;
    const candidate = candidates.find(({ entry }) => entry.id === run.entry);
    if (candidate === undefined || !isCompiled(candidate)) throw new Error(`${run.entry} has runs, and no program`);
    let open = true;
    note(run);
    const ended = await doJob(jobOf(run, candidate, results, rung === undefined ? 1 : rungs[rung]), candidate, folder, {
      signal: AbortSignal.any([signal, back]),
      loading,
      warn: (text) => warn?.(`${candidate.entry.label}, seed ${run.seed}: ${text}`),
      progress: (progress) => {
        slots.step(run, progress.step);
        options.progress?.(run, progress);
        report.note(results);
      },
      changed: (now) => void (open && note(now)),
    });
    open = false;
    if (ended.status === 'failed') tried.add(ended.folder);
    const putBack = rung === undefined && ended.status === 'stopped' && going();
    if (putBack) tried.delete(ended.folder);
    const there = rung !== undefined && (ended.status === 'finished' || (ended.status === 'stopped' && going()));
    note(there ? atRung(ended, results) : putBack ? { ...ended, status: 'waiting' } : ended);
    await write();
    report.note(results, true);
  };

  const under = new Map<string, { readonly done: Promise<void>; readonly back: AbortController }>();
  const ends = (): Promise<void>[] => [...under.values()].map(({ done }) => done);
  try {
    await writeTexts(folder, candidates, results);
    await write();
    options.changed?.(results);
    while (going()) {
      const busy = new Set(under.keys());
      const next = halving ? nextHalving(results, tried, busy) : nextInOrder(results, tried);
      slots.under([...busy], next !== undefined);
      if (next === undefined && under.size === 0) break;
      if (next === undefined || under.size >= slots.count) {
        // At a rung it ends soon by itself.
        if (under.size > slots.count && !halving) [...under.values()].at(-1)?.back.abort();
        await Promise.race([...ends(), slots.changed]);
        continue;
      }
      const { rung } = next;
      // All runs of an entry are sent to a rung together.
      if (rung === undefined) tried.add(next.run.folder);
      else results = { ...results, runs: results.runs.map((other) => (other.entry === next.run.entry && !isOver(other) ? { ...other, rung } : other)) };
      const run = results.runs.find((other) => isSame(other, next.run)) as CompareRun;
      const back = new AbortController();
      const done = perform({ ...run, status: queued ? 'waiting' : 'running', message: undefined }, back.signal).finally(() => under.delete(run.folder));
      under.set(run.folder, { done, back });
    }
    await Promise.all(ends());
    // What was left at a rung when nothing more was promising.
    if (halving && going()) {
      const runs = results.runs.map((run): CompareRun => (run.status === 'stopped' || run.status === 'waiting' ? { ...run, status: 'pruned' } : run));
      results = ranked({ ...results, runs });
    }
    const over = results.runs.every((run) => isOver(run) || run.status === 'failed');
    results = { ...results, status: over ? 'finished' : 'stopped', ended: new Date().toISOString() };
    await write();
    await report.end(results);
    return results;
  } finally {
    fault.abort();
    await Promise.allSettled(ends());
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
