/** `ganc worker`: takes trainings of comparisons from a queue, on as many machines as there are. */
import { resolve } from 'node:path';
import { readAddress } from '../../runtime/jobs/connection.js';
import { work } from '../../runtime/jobs/worker.js';
import { MAIN, queueOf } from '../compare/doer.js';
import { FileError } from '../errors.js';
import { isFolder } from '../programs.js';
import { stopOnSignals } from '../signals.js';
import { err } from '../terminal.js';
import { version } from '../version.js';

export interface WorkerCommandOptions {
  readonly queue?: string | true;
  readonly jobs: number;
  readonly shared?: string;
  readonly data?: readonly string[];
  readonly upload: number;
  readonly specSize: number;
  readonly heap: number;
  readonly deviceMemory?: number;
  readonly compileSeconds: number;
  readonly seconds: number;
  readonly lostAfter: number;
  readonly scratch?: string;
  readonly quiet?: boolean;
}

const MIB = 1 << 20;

export async function worker(options: WorkerCommandOptions): Promise<void> {
  const { jobs, shared, data = [], scratch, heap, deviceMemory, compileSeconds, seconds, lostAfter, quiet } = options;
  const address = readAddress(queueOf(options.queue));
  for (const [name, folder] of [['--shared', shared], ['--scratch', scratch], ...data.map((path) => ['--data', path])] as const)
    if (folder !== undefined && !isFolder(folder)) throw new FileError(`there is no folder ${folder}`, `${name} names one that is there`);
  const stop = stopOnSignals('stopping: what is under way is brought to a checkpoint and given back; again to stop at once');
  try {
    await work({
      address,
      version,
      main: MAIN,
      jobs,
      limits: {
        heap,
        device: deviceMemory === undefined ? undefined : deviceMemory * MIB,
        compileSeconds,
        seconds,
        folders: data.map((path) => resolve(path)),
      },
      specBytes: options.specSize * 1024,
      uploadBytes: shared === undefined ? options.upload * MIB : Number.POSITIVE_INFINITY,
      shared: shared && resolve(shared),
      scratch,
      lostSeconds: lostAfter,
      signal: stop.signal,
      say: (text) => void (quiet || err(`${text}\n`)),
      warn: (text) => err(`${err.colors.yellow('warning')}: ${text}\n`),
    });
    process.exitCode = stop.code();
  } finally {
    stop.release();
  }
}
