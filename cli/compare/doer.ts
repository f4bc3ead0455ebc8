/** How the runs of a comparison are done: in this process and others beside it, each in one of its own, or by workers. */
import { availableParallelism, freemem } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { DoJob } from '../../runtime/compare/job.js';
import type { CompareResults } from '../../runtime/compare/results.js';
import { MOST_AT_ONCE, Slots } from '../../runtime/compare/slots.js';
import type { Survey } from '../../runtime/compare/survey.js';
import type { DataSet } from '../../runtime/data/index.js';
import { UsageError } from '../errors.js';
import { version } from '../version.js';

export interface Doer {
  readonly doJob: DoJob;
  /** Runs that may be under way at a time. */
  readonly slots: Slots;
  readonly queued?: boolean;
  /** Aborted when there is no use in going on, with the reason. */
  readonly lost?: AbortSignal;
  readonly close?: () => Promise<void>;
}

export interface Doing {
  /** Runs at a time; else as many as prove fastest. */
  readonly jobs?: number;
  /** Called when that is found, with FLOPs a second of 1, 2, ... at a time. */
  readonly found: (count: number, work: readonly number[]) => void;
  /** Address of a queue. */
  readonly queue?: string;
  /** Folder that the workers see too. */
  readonly shared?: string;
  /** MiB of a run's files that go through the queue. */
  readonly upload: number;
  readonly results: CompareResults;
  /** Rows that are loaded already. */
  readonly cache: Map<string, Promise<DataSet>>;
  readonly warn: (text: string) => void;
  readonly compiling: (text: string) => void;
}

/** The command line that is running, for further processes of it. */
export const MAIN = fileURLToPath(new URL('../main.js', import.meta.url));
/** Seconds for which a queue that is gone is waited for. */
const PATIENCE = 60;
/** Free memory for one more, as a multiple of what this process has. */
const ROOM = 1.5;

/** Workers have devices of their own, so this machine need not have one: each refuses what does not fit. Throws QueueError where the queue cannot be used. */
export async function workersAt(queue: string): Promise<Survey> {
  const { connect, readAddress } = await import('../../runtime/jobs/connection.js');
  const address = readAddress(queue);
  (await connect(address)).disconnect();
  return async () => `workers at ${address.shown}`;
}

/** Also from the environment, where other users of the machine do not see a password. Throws UsageError where there is neither. */
export function queueOf(given: string | true | undefined): string {
  const url = typeof given === 'string' ? given : process.env.GANC_QUEUE;
  if (!url) throw new UsageError('which queue?', 'write --queue redis://HOST:PORT, or set GANC_QUEUE in the environment');
  return url;
}

export async function doerOf({ jobs, found, queue, shared, upload, results, cache, warn, compiling }: Doing): Promise<Doer> {
  if (queue !== undefined) {
    const { ask, AT_ONCE } = await import('../../runtime/jobs/asker.js');
    const { readAddress } = await import('../../runtime/jobs/connection.js');
    const comparison = `${results.request} ${results.started}`;
    const asker = await ask({ address: readAddress(queue), version, comparison, shared, uploadBytes: upload * 2 ** 20, patience: PATIENCE, warn });
    return { ...asker, slots: new Slots(jobs ?? AT_ONCE), queued: true };
  }
  const { inProcesses } = await import('../../runtime/jobs/process.js');
  const apart = inProcesses({ main: MAIN });
  if (jobs !== undefined && jobs > 1) return { doJob: apart, slots: new Slots(jobs) };
  const { doneHere } = await import('../../runtime/compare/run.js');
  const { onGpu } = await import('../../runtime/train/executor.js');
  const open = onGpu({ choice: { warn }, progress: (at, total) => compiling(`compiling kernels ${at}/${total}`) });
  const here = doneHere({ open, cache, versions: { ganc: version } });
  // Where a run's budget is time, runs would take it from each other.
  if (jobs === 1 || results.budget.kind === 'seconds') return { doJob: here, slots: new Slots(1) };
  const slots = new Slots(1, { most: Math.min(availableParallelism(), MOST_AT_ONCE), room: () => freemem() > ROOM * process.memoryUsage.rss(), found });
  const { besides } = await import('../../runtime/jobs/besides.js');
  return { doJob: besides(here, apart, slots), slots };
}
