/** `ganc job`: does one run of a comparison for the process that started it, `ganc compare` or `ganc worker`. What it is given is data: it compiles a text, and trains. */
import { existsSync, realpathSync } from 'node:fs';
import { dirname, resolve, sep } from 'node:path';
import { compileSpec } from '../../compiler/compile.js';
import { lower } from '../../compiler/plan/lower.js';
import { placesOf } from '../../compiler/plan/purpose.js';
import { renderDiagnostics } from '../../grammar/render.js';
import type { Compiled } from '../../runtime/compare/candidate.js';
import { type Job, outcomeOf } from '../../runtime/compare/job.js';
import type { CompareRun } from '../../runtime/compare/results.js';
import { doRun } from '../../runtime/compare/run.js';
import { pathsOf } from '../../runtime/data/index.js';
import { GpuError } from '../../runtime/device/error.js';
import type { JobLimits, JobMessage, JobOrder } from '../../runtime/jobs/process.js';
import { RunError } from '../../runtime/train/errors.js';
import { onGpu } from '../../runtime/train/executor.js';
import { UsageError } from '../errors.js';
import { bytes } from '../terminal.js';
import { version } from '../version.js';

/** Between two tellings of a step. */
const TELLING_SECONDS = 0.1;

export async function job(): Promise<void> {
  if (process.send === undefined) throw new UsageError('`ganc job` is started by ganc compare and ganc worker', 'train with: ganc train SPEC');
  // It is up to the process that started it to say when to stop: a terminal sends its Ctrl-C to both.
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => undefined);
  const gone = (): void => process.exit(1);
  process.on('disconnect', gone);
  const stop = new AbortController();
  const order = await new Promise<JobOrder>((told) => {
    process.on('message', (message: JobOrder | 'stop') => (message === 'stop' ? stop.abort() : told(message)));
  });
  const tell = (message: JobMessage): void => void process.send?.(message);
  const outcome = outcomeOf(await done(order, stop.signal, tell));
  await new Promise((sent) => process.send?.({ kind: 'ended', outcome } satisfies JobMessage, sent));
  process.off('disconnect', gone);
  process.exit();
}

async function done({ job, folder, limits }: JobOrder, signal: AbortSignal, tell: (message: JobMessage) => void): Promise<CompareRun> {
  const loading = (text: string): void => tell({ kind: 'loading', text });
  const warn = (text: string): void => tell({ kind: 'warn', text });
  let told = 0;
  try {
    const candidate = candidateOf(job, limits);
    tell({ kind: 'compiled' });
    const open = onGpu({
      places: candidate.places,
      planned: (device, { total }) => {
        tell({ kind: 'device', device });
        if (limits.device !== undefined && total > limits.device)
          throw new GpuError(`the training needs ${bytes(total)} on the device`, `${bytes(limits.device)} are allowed here`);
      },
      choice: { warn },
    });
    return await doRun(job, candidate, {
      folder,
      open,
      cache: new Map(),
      versions: { ganc: version },
      signal,
      loading,
      warn,
      progress: (progress) => {
        const now = performance.now() / 1000;
        if (now - told < TELLING_SECONDS && progress.step < progress.steps) return;
        told = now;
        tell({ kind: 'progress', progress });
      },
      changed: (run) => tell({ kind: 'changed', outcome: outcomeOf(run) }),
      kept: (step) => tell({ kind: 'kept', step }),
    });
  } catch (error) {
    const { message, reason, mend } = error as { message?: string; reason?: string; mend?: string };
    return { ...job.run, status: 'failed', message: [message ?? String(error), reason, mend].filter(Boolean).join(': ') };
  }
}

/** Compiles the text. It reads no other file: what it extends is in it. Throws RunError where that is not the program that was asked for. */
function candidateOf({ run, spec }: Job, { folders }: JobLimits): Compiled {
  const { name, text, set, hash, base, label } = spec;
  const source = { name: `${name}.gan`, text };
  const { module, diagnostics } = compileSpec(source, { set, noisesGiven: true });
  const failed = diagnostics.some(({ severity }) => severity === 'error');
  if (failed || module === undefined)
    throw new RunError('its text does not compile', renderDiagnostics(diagnostics, { format: 'plain', color: false }).trimEnd());
  const program = lower(module);
  if (program.hash !== hash) throw new RunError('its text compiles to another program here than where it was asked for', `${program.hash} in place of ${hash}`);
  if (folders !== undefined && program.data !== undefined) for (const path of pathsOf(program.data)) checkPath(resolve(base, path), folders);
  const { entry: id, spec: path, variant, settings } = run;
  return { entry: { id, label, spec: path, variant, settings }, program, text, set, base, places: () => placesOf(module) };
}

/** Throws RunError where data lie outside of the folders that a worker may read, also behind a link, or are not there. */
function checkPath(path: string, folders: readonly string[]): void {
  const mend = `mount the folder at the same place as on the machine that asked, and start the worker with: ganc worker --data ${dirname(path)}`;
  const refuse = (): never => {
    throw new RunError(`the data lie in ${path}, and this worker may not read that`, '', mend);
  };
  const isIn = (folder: string, inner: string): boolean => inner === folder || inner.startsWith(folder.endsWith(sep) ? folder : folder + sep);
  if (!folders.some((folder) => isIn(resolve(folder), path))) refuse();
  let real: string;
  try {
    real = realpathSync(path);
  } catch {
    throw new RunError(`the data lie in ${path}, and this worker has no such file or folder`, '', mend);
  }
  if (!folders.some((folder) => existsSync(folder) && isIn(realpathSync(folder), real))) refuse();
}
