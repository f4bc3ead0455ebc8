/** A job in a process of its own on this machine: `ganc job`, which is told over a channel what to do and tells how it goes. */
import { type ChildProcess, fork } from 'node:child_process';
import { type DoJob, type Job, type JobHooks, type Outcome, outcomeOf } from '../compare/job.js';
import type { Progress } from '../train/options.js';

/** What a job may take. Absent: no bound but the machine's. */
export interface JobLimits {
  /** MiB of V8's heap, where the compiler works. */
  readonly heap?: number;
  /** Bytes that a training may allocate on the device. */
  readonly device?: number;
  /** Seconds for compiling the spec, and for all of the job. */
  readonly compileSeconds?: number;
  readonly seconds?: number;
  /** Folders that data may be read from. */
  readonly folders?: readonly string[];
}

/** The first message to the process; the other one is `stop`. */
export interface JobOrder {
  readonly job: Job;
  /** The run's folder lies in it. */
  readonly folder: string;
  readonly limits: JobLimits;
}

export type JobMessage =
  | { readonly kind: 'compiled' }
  | { readonly kind: 'device'; readonly device: string }
  | { readonly kind: 'loading' | 'warn'; readonly text: string }
  | { readonly kind: 'progress'; readonly progress: Progress }
  | { readonly kind: 'kept'; readonly step: number }
  | { readonly kind: 'changed' | 'ended'; readonly outcome: Outcome };

export interface ProcessOptions {
  /** `main.js` of the command line. */
  readonly main: string;
  readonly limits?: JobLimits;
  readonly env?: NodeJS.ProcessEnv;
  /** Aborted: the process is ended at once. */
  readonly kill?: AbortSignal;
}

export interface ProcessHooks extends JobHooks {
  /** Hears the name of the device once it is open. */
  readonly device?: (device: string) => void;
}

/** Of what a process wrote on stderr: enough for the last words of one that died. */
const LAST_WORDS = 4000;

/** Jobs done each in a process of its own. */
export function inProcesses(options: ProcessOptions): DoJob {
  return async (job, _, folder, hooks) => ({ ...job.run, ...(await doInProcess(job, folder, hooks, options)) });
}

/** A process that dies, or takes longer than it may, is a run that failed, with the reason. */
export function doInProcess(job: Job, folder: string, hooks: ProcessHooks, { main, limits = {}, env, kill: end }: ProcessOptions): Promise<Outcome> {
  const { signal } = hooks;
  let outcome: Outcome = outcomeOf({ ...job.run, status: 'stopped' });
  // Between the request to stop and the process.
  if (signal?.aborted) return Promise.resolve(outcome);
  return new Promise((resolve) => {
    const execArgv = limits.heap === undefined ? [] : [`--max-old-space-size=${limits.heap}`];
    const child = fork(main, ['job'], { execArgv, env: { ...process.env, ...env }, serialization: 'advanced', stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    let ended = false;
    let words = '';
    let reason: string | undefined;
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      words = (words + text).slice(-LAST_WORDS);
    });
    const kill = (seconds: number | undefined, what: string): NodeJS.Timeout | undefined =>
      seconds === undefined
        ? undefined
        : setTimeout(() => {
            reason = `${what} took longer than the ${seconds} seconds that are allowed`;
            child.kill('SIGKILL');
          }, seconds * 1000);
    const compiling = kill(limits.compileSeconds, 'compiling the spec');
    const whole = kill(limits.seconds, 'the training');
    const stop = (): void => tell(child, 'stop');
    const abandon = (): void => void child.kill('SIGKILL');
    signal?.addEventListener('abort', stop, { once: true });
    end?.addEventListener('abort', abandon, { once: true });
    child.on('message', (message: JobMessage) => {
      switch (message.kind) {
        case 'compiled':
          clearTimeout(compiling);
          break;
        case 'device':
          hooks.device?.(message.device);
          break;
        case 'loading':
          hooks.loading?.(message.text);
          break;
        case 'warn':
          hooks.warn?.(message.text);
          break;
        case 'progress':
          hooks.progress?.(message.progress);
          break;
        case 'kept':
          hooks.kept?.(message.step);
          break;
        case 'changed':
          outcome = message.outcome;
          hooks.changed?.({ ...job.run, ...outcome });
          break;
        case 'ended':
          outcome = message.outcome;
          ended = true;
      }
    });
    let over = false;
    const close = (death: string): void => {
      if (over) return;
      over = true;
      clearTimeout(compiling);
      clearTimeout(whole);
      signal?.removeEventListener('abort', stop);
      end?.removeEventListener('abort', abandon);
      resolve(ended ? outcome : { ...outcome, status: 'failed', message: reason ?? death });
    };
    child.on('error', (error) => close(`its process could not be started: ${error.message}`));
    child.on('close', (code, name) => close(deathText(code, name, words, limits)));
    tell(child, { job, folder, limits } satisfies JobOrder);
  });
}

/** A process that is gone already is told nothing. */
function tell(child: ChildProcess, message: JobOrder | 'stop'): void {
  if (child.connected) child.send(message, () => undefined);
}

function deathText(code: number | null, signal: NodeJS.Signals | null, words: string, { heap }: JobLimits): string {
  if (words.includes('heap out of memory')) return `its process ran out of memory${heap === undefined ? '' : `: ${heap} MiB of heap are allowed`}`;
  if (signal === 'SIGKILL') return 'its process was killed (SIGKILL), as systems do where memory runs out';
  const last = words.trim().split('\n').at(-1) ?? '';
  return `its process ended ${signal === null ? `with exit code ${code}` : `by ${signal}`}${last === '' ? '' : `: ${last}`}`;
}
