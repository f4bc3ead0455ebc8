/** One run of a comparison as plain data: all that a process needs to do it, here or on another machine, and what comes back. */
import { resolve } from 'node:path';
import type { GuardWay } from '../train/guards.js';
import type { Progress } from '../train/options.js';
import type { Compiled } from './candidate.js';
import type { Budget, CompareResults, CompareRun, RankMetric } from './results.js';

export interface Job {
  /** As it stands in the results; its folder is there already where it is gone on with. */
  readonly run: CompareRun;
  readonly spec: JobSpec;
  /** Of the budget, after which it is measured, and may go on another time. */
  readonly share: number;
  readonly budget: Budget;
  readonly metric?: RankMetric;
  /** Of the judges, decimal: the first seed of the comparison. */
  readonly judgeSeed: string;
  readonly examples?: number;
  readonly checkpointEvery?: number;
  readonly guard?: GuardWay;
}

/** A text that compiles, with these settings, to the program of this hash: nothing else is needed, what it extends is in it. */
export interface JobSpec {
  /** Of its entry, for people. */
  readonly label: string;
  /** Of the program: its file's name without the ending. */
  readonly name: string;
  readonly text: string;
  readonly set: Readonly<Record<string, string>>;
  readonly hash: string;
  /** Folder that the paths of its data start from, absolute. */
  readonly base: string;
}

/** What a job tells while it goes on. */
export interface JobHooks {
  /** Aborted: the step under way is finished, a checkpoint written, and the run is `stopped`. */
  readonly signal?: AbortSignal;
  readonly loading?: (text: string) => void;
  readonly warn?: (text: string) => void;
  readonly progress?: (progress: Progress) => void;
  /** Called at each checkpoint with what is known of the run. */
  readonly changed?: (run: CompareRun) => void;
  /** Called when all that belongs to a checkpoint is in the folder, with its step: what is copied then, a run can go on from. */
  readonly kept?: (step: number) => void;
}

/**
 * Does a job in its folder, which lies in `folder`, and gives the run as it is when it has ended or was stopped. What goes wrong in it is its status, with the
 * message: nothing is thrown.
 */
export type DoJob = (job: Job, candidate: Compiled, folder: string, hooks: JobHooks) => Promise<CompareRun>;

/** What comes of a job. */
export type Outcome = Pick<CompareRun, (typeof OUTCOME)[number]>;

const OUTCOME = ['status', 'message', 'step', 'steps', 'seconds', 'flops', 'guards', 'losses', 'measured', 'curve'] as const;

/** Of a run, what a job decides: the rest, such as its place, is the asker's. */
export function outcomeOf(run: Outcome): Outcome {
  return Object.fromEntries(OUTCOME.flatMap((key) => (run[key] === undefined ? [] : [[key, run[key]]]))) as unknown as Outcome;
}

export function jobOf(
  run: CompareRun,
  { program, text, set = {}, base, entry }: Compiled,
  { budget, metric, seeds, asked }: CompareResults,
  share: number,
): Job {
  const { examples, checkpointEvery, guard } = asked;
  return {
    run,
    spec: { label: entry.label, name: program.name, text, set, hash: program.hash, base: resolve(base) },
    share,
    budget,
    ...(metric && { metric }),
    judgeSeed: seeds[0],
    ...(examples !== undefined && { examples }),
    ...(checkpointEvery !== undefined && { checkpointEvery }),
    ...(guard !== undefined && { guard }),
  };
}
