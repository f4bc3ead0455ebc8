/**
 * `results.json`: all that a comparison was asked and what came of it, rewritten whole after every run. Everything that a report shows is in here or in the run
 * folders that it names: a run's curves are the lines of its `metrics.jsonl`, its samples lie in its `samples/`.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RunError } from '../train/errors.js';
import { fileReason, writeAtomic } from '../train/files.js';
import type { GuardReport, GuardWay } from '../train/guards.js';

export const COMPARE_FORMAT = 'ganc-compare/1';

/** Name of the file in the folder of a comparison. */
export const RESULTS = 'results.json';
/** The page that is made of it. */
export const REPORT = 'report.html';

export interface CompareResults {
  readonly format: typeof COMPARE_FORMAT;
  /** `ring`, or `ring-wgan-gp` of several specs. */
  readonly name: string;
  /** `running` also where the process was killed; `stopped` by a signal; `finished` when every run has ended, well or not. */
  readonly status: 'running' | 'stopped' | 'finished';
  /** ISO 8601. `ended` is there once it has the status `stopped` or `finished`. */
  readonly started: string;
  readonly ended?: string;
  /** SHA-256 of what was asked: equal request, equal programs, seeds, budget and metric. */
  readonly request: string;
  /** The command line that repeats it, seen from the folder `cwd`. */
  readonly command: string;
  readonly cwd: string;
  /** What that command line asked. */
  readonly asked: CompareRequest;
  readonly budget: Budget;
  /** False where the same command need not give the same figures again: a budget of time. */
  readonly repeats: boolean;
  /** Decimal, as in run.json. */
  readonly seeds: readonly string[];
  /** What ranks; absent where no spec has a figure. */
  readonly metric?: RankMetric;
  readonly machine: Machine;
  /** `ganc`, `node`. */
  readonly versions: Readonly<Record<string, string>>;
  /** What is compared, in the order of the command line. The first one that compiled is what the others are held against. */
  readonly entries: readonly CompareEntry[];
  /** Every entry with every seed, in the order in which they run: seed by seed, so that all entries can be held against each other early. */
  readonly runs: readonly CompareRun[];
}

/** A command line, read. Texts are as they were given. */
export interface CompareRequest {
  /** Paths, seen from `cwd`. */
  readonly specs: readonly string[];
  /** Absent: all of a spec that is alone and neither swept nor searched, else none. */
  readonly variants?: string;
  readonly sweep?: Readonly<Record<string, readonly string[]>>;
  readonly set?: Readonly<Record<string, string>>;
  /** Points drawn from the ranges that each spec declares, beside its own values. */
  readonly search?: number;
  /** How many, and the first one. */
  readonly seeds: number;
  readonly seed: string;
  readonly budget?: string;
  readonly metric?: string;
  readonly examples?: number;
  readonly checkpointEvery?: number;
  /** The poor ones are stopped early, by asynchronous successive halving. */
  readonly halving?: boolean;
  /** What follows where a guard of a training speaks; absent: it warns. */
  readonly guard?: GuardWay;
}

/** The same for every run. `own`: as many steps as each spec says. */
export type Budget =
  | { readonly kind: 'own' }
  | { readonly kind: 'steps'; readonly steps: number }
  /** Time in steps; what is compiled, measured and drawn between them does not count. */
  | { readonly kind: 'seconds'; readonly seconds: number }
  /** As `ganc inspect` counts them. */
  | { readonly kind: 'flops'; readonly flops: number };

export interface RankMetric {
  /** A figure of `metric` lines; of mixtures of Gaussians without such lines `modes`. */
  readonly name: string;
  /** True where less is better. */
  readonly lowest?: boolean;
  /** Where means are equal, more of this figure is better: of mixtures of Gaussians `near`. */
  readonly tie?: string;
}

export interface Machine {
  /** The GPU or what takes its place: `llvmpipe: Mesa 25.0.7 (lavapipe)`. */
  readonly device: string;
  readonly cpu: string;
  readonly cores: number;
  /** Bytes. */
  readonly memory: number;
  /** `linux x64`. */
  readonly platform: string;
}

/** A spec with a variant and settings: what has one line in the table, whatever the number of its seeds. */
export interface CompareEntry {
  /** Unique, and fit for a file's name: `ring-plain-width-32`. */
  readonly id: string;
  /** For people, unique: `ring:plain width=32`. */
  readonly label: string;
  /** Path of the spec as it was given. */
  readonly spec: string;
  /** Absent: the spec itself. */
  readonly variant?: string;
  /** Hypers that a sweep or search gave, as text. */
  readonly settings: Readonly<Record<string, string>>;
  /** The resolved text, a path from the comparison's folder: `specs/ring-plain.gan`. Absent where the spec is wrong. */
  readonly text?: string;
  /** Of a spec that cannot be trained: why, as it was told, without colours. Such an entry has no runs. */
  readonly mistake?: string;
  /** Hash of its program. */
  readonly hash?: string;
  /** All hypers with their values. */
  readonly hyper?: Readonly<Record<string, number | boolean | string>>;
  /** Numbers that are trained, by net. */
  readonly parameters?: Readonly<Record<string, number>>;
  /** FLOPs of a step and bytes of a training on the device, as `ganc inspect` counts them; the rows of data are part of the bytes. */
  readonly flopsPerStep?: number;
  readonly memory?: number;
  /** Steps under the budget; absent under one of time, since that is known only afterwards. */
  readonly steps?: number;
  /** Place by the metric, from 1; equal where the means are equal; absent while there is nothing to rank it by. */
  readonly rank?: number;
  /** Over the seeds that have finished, by kind of rows and name of the figure. */
  readonly summary?: Readonly<Record<string, Readonly<Record<string, Summary>>>>;
}

/** A figure over seeds. */
export interface Summary {
  /** How many seeds. */
  readonly n: number;
  readonly mean: number;
  readonly least: number;
  readonly most: number;
  /** Standard deviation of a sample (n - 1); absent with one seed. */
  readonly deviation?: number;
  /** Differences to the first entry, seed by seed; absent in the first entry and where no seed has both. */
  readonly paired?: Paired;
}

export interface Paired {
  readonly n: number;
  readonly mean: number;
  readonly least: number;
  readonly most: number;
  readonly deviation?: number;
  /** Seeds in which it is greater than the first entry; equal ones count in neither. */
  readonly greater: number;
  readonly smaller: number;
  /** Two-sided exact Wilcoxon signed-rank test; only from six seeds up: below, no result could be under 0.05. */
  readonly p?: number;
  /** The same by Holm's correction for as many comparisons with the first entry as there are. */
  readonly adjusted?: number;
}

/** `waiting`: not begun; `finished`: trained and measured; `stopped`: by a signal, or at a rung of --halving; `pruned`: left behind there, measured where it stopped. */
export type CompareStatus = 'waiting' | 'running' | 'finished' | 'stopped' | 'pruned' | 'diverged' | 'failed';

export interface CompareRun {
  /** `id` of its entry. */
  readonly entry: string;
  /** As in its entry. */
  readonly spec: string;
  readonly variant?: string;
  readonly settings: Readonly<Record<string, string>>;
  readonly seed: string;
  /** A run folder as `ganc train` makes them, a path from the comparison's folder: `runs/ring-plain-seed-0`. It may not be there yet. */
  readonly folder: string;
  /** The resolved text: as in its entry. */
  readonly text: string;
  readonly status: CompareStatus;
  /** Of a run that diverged or failed: what happened. */
  readonly message?: string;
  /** Steps that are done, and that are to be done (under a budget of time: that were done in it, and none before that is known). */
  readonly step: number;
  readonly steps?: number;
  /** Time in steps, in all sessions; what was compiled, measured and drawn between them is not in it. */
  readonly seconds: number;
  readonly flopsPerStep: number;
  /** Of the steps that are done. */
  readonly flops: number;
  readonly parameters: number;
  /** Bytes on the device. */
  readonly memory: number;
  /** Of a run that was done by a worker elsewhere: the device there. */
  readonly device?: string;
  /** With --halving: which rung it was sent to, from 0, and the ranking metric at those that it has come to. */
  readonly rung?: number;
  readonly rungs?: readonly { readonly step: number; readonly value: number }[];
  /** What the guards of its training said, if anything. */
  readonly guards?: readonly GuardReport[];
  /** Losses of the last step, by player. */
  readonly losses?: Readonly<Record<string, number>>;
  /** What was measured of the finished run; the first kind is what it is ranked by. */
  readonly measured?: readonly Measured[];
  /** Of the ranking metric, at each checkpoint so far. */
  readonly curve: readonly { readonly step: number; readonly value: number }[];
}

export interface Measured {
  /** Kind of rows that were held against the samples; `none` where the spec has no data. */
  readonly rows: 'held_out' | 'unseen' | 'training' | 'none';
  readonly examples: number;
  /** Figures by name, such as `caption.made`; a list where one has several numbers. Not a number is the text `NaN`, `Infinity` or `-Infinity`. */
  readonly metrics: Readonly<Record<string, number | readonly number[] | string>>;
  /** By judge and field, the share of real rows that it is right about. */
  readonly judges?: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

export async function writeResults(folder: string, results: CompareResults): Promise<void> {
  await writeAtomic(join(folder, RESULTS), `${resultsJson(results, 2)}\n`);
}

export function resultsJson(results: CompareResults & { readonly folder?: string }, indent?: number): string {
  return JSON.stringify(results, plainNumbers, indent);
}

/** JSON has no NaN; a text says it better than null. */
export function plainNumbers(_key: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
}

/** Throws RunError where the folder holds no comparison. */
export async function readResults(folder: string): Promise<CompareResults> {
  const path = join(folder, RESULTS);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new RunError(`${folder} holds no comparison`, `${RESULTS}: ${fileReason(error)}`, 'name the folder that ganc compare wrote, like compare/ring-1');
  }
  const damaged = (reason: string) => new RunError(`${folder} cannot be used as a comparison`, `${RESULTS} ${reason}`);
  let results: CompareResults;
  try {
    results = JSON.parse(text) as CompareResults;
  } catch {
    throw damaged('is not JSON');
  }
  if (results?.format !== COMPARE_FORMAT) throw damaged(`is not of the format ${COMPARE_FORMAT}`);
  for (const key of ['seeds', 'entries', 'runs'] as const) if (!Array.isArray(results[key])) throw damaged(`has no proper '${key}'`);
  for (const key of ['name', 'request', 'command', 'cwd', 'started'] as const) if (typeof results[key] !== 'string') throw damaged(`has no proper '${key}'`);
  return results;
}
