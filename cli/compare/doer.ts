/** How the runs of a comparison are done: in this process, or each in one of its own. */
import { fileURLToPath } from 'node:url';
import type { DoJob } from '../../runtime/compare/job.js';
import type { DataSet } from '../../runtime/data/index.js';
import { version } from '../version.js';

export interface Doer {
  readonly doJob: DoJob;
  /** Runs that may be under way at a time. */
  readonly atOnce: number;
}

export interface Doing {
  readonly jobs: number;
  /** Rows that are loaded already. */
  readonly cache: Map<string, Promise<DataSet>>;
  readonly warn: (text: string) => void;
  readonly compiling: (text: string) => void;
}

/** The command line that is running, for further processes of it. */
export const MAIN = fileURLToPath(new URL('../main.js', import.meta.url));

export async function doerOf({ jobs, cache, warn, compiling }: Doing): Promise<Doer> {
  if (jobs > 1) {
    const { inProcesses } = await import('../../runtime/jobs/process.js');
    return { doJob: inProcesses({ main: MAIN }), atOnce: jobs };
  }
  const { doneHere } = await import('../../runtime/compare/run.js');
  const { onGpu } = await import('../../runtime/train/executor.js');
  const open = onGpu({ choice: { warn }, progress: (at, total) => compiling(`compiling kernels ${at}/${total}`) });
  return { doJob: doneHere({ open, cache, versions: { ganc: version } }), atOnce: 1 };
}
