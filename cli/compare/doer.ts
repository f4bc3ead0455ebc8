/** How the runs of a comparison are done: in this process, each in one of its own, or by workers. */
import { fileURLToPath } from 'node:url';
import type { DoJob } from '../../runtime/compare/job.js';
import type { CompareResults } from '../../runtime/compare/results.js';
import type { Survey } from '../../runtime/compare/survey.js';
import type { DataSet } from '../../runtime/data/index.js';
import { UsageError } from '../errors.js';
import { version } from '../version.js';

export interface Doer {
  readonly doJob: DoJob;
  /** Runs that may be under way at a time. */
  readonly atOnce: number;
  readonly queued?: boolean;
  /** Aborted when there is no use in going on, with the reason. */
  readonly lost?: AbortSignal;
  readonly close?: () => Promise<void>;
}

export interface Doing {
  readonly jobs?: number;
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

export async function doerOf({ jobs, queue, shared, upload, results, cache, warn, compiling }: Doing): Promise<Doer> {
  if (queue !== undefined) {
    const { ask, AT_ONCE } = await import('../../runtime/jobs/asker.js');
    const { readAddress } = await import('../../runtime/jobs/connection.js');
    const comparison = `${results.request} ${results.started}`;
    const asker = await ask({ address: readAddress(queue), version, comparison, shared, uploadBytes: upload * 2 ** 20, patience: PATIENCE, warn });
    return { ...asker, atOnce: jobs ?? AT_ONCE, queued: true };
  }
  if (jobs !== undefined && jobs > 1) {
    const { inProcesses } = await import('../../runtime/jobs/process.js');
    return { doJob: inProcesses({ main: MAIN }), atOnce: jobs };
  }
  const { doneHere } = await import('../../runtime/compare/run.js');
  const { onGpu } = await import('../../runtime/train/executor.js');
  const open = onGpu({ choice: { warn }, progress: (at, total) => compiling(`compiling kernels ${at}/${total}`) });
  return { doJob: doneHere({ open, cache, versions: { ganc: version } }), atOnce: 1 };
}
