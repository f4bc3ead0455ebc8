/** Gives the runs of a comparison to the queue, and fetches what workers make of them. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Queue, Job as QueueJob } from 'bullmq';
import type { Redis } from 'ioredis';
import type { DoJob, Job, JobHooks, Outcome } from '../compare/job.js';
import type { CompareRun } from '../compare/results.js';
import { RunError } from '../train/errors.js';
import { runPaths } from '../train/folder.js';
import { type Blobs, FolderBlobs, KEEP_SECONDS, QueueBlobs } from './blobs.js';
import { Board, type Notes } from './board.js';
import { connect, QUEUE, type QueueAddress, QueueError } from './connection.js';
import { JOB_FORMAT, type Order, read, written } from './schema.js';
import { receive, Sender, type Snapshot } from './snapshot.js';
import { MOST_DEATHS, newMark } from './worker.js';

export interface AskOptions {
  readonly address: QueueAddress;
  /** Of ganc. */
  readonly version: string;
  /** Unique to the comparison, and the same when it is gone on with: its jobs are found again. */
  readonly comparison: string;
  /** Folder that the workers see too; default: files go through the queue, up to so many bytes a run. */
  readonly shared?: string;
  readonly uploadBytes: number;
  /** Seconds for which a queue that is gone is waited for. */
  readonly patience: number;
  readonly warn: (text: string) => void;
}

export interface Asker {
  readonly doJob: DoJob;
  /** Aborted when the queue has been gone for too long; `reason` is a QueueError. */
  readonly lost: AbortSignal;
  close(): Promise<void>;
}

/** Jobs in the queue at a time: more than there are workers, few enough to be looked at all the time. */
export const AT_ONCE = 64;
const LOOK_MS = 300;
/** Without a worker for so long, it is said; and how long a worker has to stop. */
const LONELY_MS = 4000;
const STOP_MS = 60_000;

/** Throws QueueError where the queue cannot be used, RunError where the shared folder cannot. */
export async function ask(options: AskOptions): Promise<Asker> {
  const mark = options.shared === undefined ? undefined : await markedFolder(options.shared);
  const redis = await connect(options.address);
  const queue = new Queue<Order>(QUEUE, { connection: redis });
  queue.on('error', () => undefined);
  const desk = new Desk(options, redis, queue, mark);
  return {
    doJob: (job, _, folder, hooks) => desk.do(job, folder, hooks),
    lost: desk.lost.signal,
    close: async () => {
      desk.close();
      if (mark !== undefined) await rm(join(options.shared as string, mark.file), { force: true });
      await queue.close().catch(() => undefined);
      redis.disconnect();
    },
  };
}

async function markedFolder(folder: string): Promise<{ readonly file: string; readonly text: string }> {
  const mark = newMark();
  try {
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, mark.file), mark.text);
  } catch (error) {
    throw new RunError(
      `cannot write to the shared folder ${folder}`,
      (error as Error).message,
      'name one that this machine and all workers can write: --shared DIR',
    );
  }
  return mark;
}

class Desk {
  readonly lost = new AbortController();
  private readonly board: Board;
  private readonly blobs: Blobs;
  private readonly watching: NodeJS.Timeout;
  private gone: number | undefined;
  private lonely: number | undefined;
  private active = 0;
  private under = 0;

  constructor(
    private readonly options: AskOptions,
    private readonly redis: Redis,
    private readonly queue: Queue<Order>,
    private readonly mark: Order['shared'],
  ) {
    const { address, patience, warn, shared } = options;
    this.board = new Board(redis);
    this.blobs = shared === undefined ? new QueueBlobs(redis) : new FolderBlobs(shared);
    redis.on('close', () => {
      if (this.gone !== undefined) return;
      this.gone = performance.now();
      warn(`the queue at ${address.shown} is gone; waiting for it, at most ${patience} s`);
    });
    redis.on('ready', () => {
      if (this.gone !== undefined) warn(`the queue at ${address.shown} is back`);
      this.gone = undefined;
    });
    this.watching = setInterval(() => void this.watch(), 1000);
  }

  close(): void {
    clearInterval(this.watching);
    this.redis.removeAllListeners('close');
  }

  private async watch(): Promise<void> {
    const { address, patience, warn } = this.options;
    if (this.gone !== undefined && performance.now() - this.gone > patience * 1000)
      this.lost.abort(
        new QueueError(
          `the queue at ${address.shown} has been gone for ${patience} s`,
          'what workers have is trained on, and kept for when it is back',
          'go on with the same command, or without --queue on this machine',
        ),
      );
    if (this.gone !== undefined || this.under === 0 || this.active > 0) {
      this.lonely = undefined;
      return;
    }
    if ((await this.queue.getWorkersCount().catch(() => 1)) > 0) this.lonely = undefined;
    else if (this.lonely === undefined) this.lonely = performance.now();
    else if (this.lonely > 0 && performance.now() - this.lonely > LONELY_MS) {
      warn(`no worker takes trainings from ${address.shown}: start some, on any machine that reaches it, with: ganc worker --queue ${address.shown}`);
      this.lonely = Number.NEGATIVE_INFINITY;
    }
  }

  async do(job: Job, folder: string, hooks: JobHooks): Promise<CompareRun> {
    const errand = new Errand(job, folder, hooks, this.options, this.queue, this.board, this.blobs, this.mark, (by) => {
      this.active += by;
    });
    this.under++;
    try {
      // Commands wait for a queue that is gone, so they are left where that takes too long.
      return await Promise.race([errand.run(), lostOf(this.lost.signal, errand)]);
    } catch (error) {
      const { message = String(error), reason, mend } = error as { message?: string; reason?: string; mend?: string };
      return { ...errand.now, status: 'failed', message: [message, reason, mend].filter(Boolean).join(': ') };
    } finally {
      this.under--;
      errand.end();
    }
  }
}

function lostOf(signal: AbortSignal, errand: Errand): Promise<CompareRun> {
  return new Promise((resolve) => {
    const left = (): void => resolve(errand.left());
    if (signal.aborted) left();
    else signal.addEventListener('abort', left, { once: true });
  });
}

/** One job, from the asker's side. */
class Errand {
  /** The run as far as it is known. */
  now: CompareRun;
  private readonly id: string;
  private readonly target: string;
  private isActive = false;
  private worker: string | undefined;
  private files = '';
  private changed = '';
  private progress = '';
  private warnings = 0;
  private over = false;

  constructor(
    private readonly job: Job,
    folder: string,
    private readonly hooks: JobHooks,
    private readonly options: AskOptions,
    private readonly queue: Queue<Order>,
    private readonly board: Board,
    private readonly blobs: Blobs,
    private readonly mark: Order['shared'],
    private readonly activity: (by: number) => void,
  ) {
    this.now = job.run;
    this.target = join(folder, job.run.folder);
    const key = JSON.stringify([options.comparison, job.run.folder, job.share]);
    this.id = `j${createHash('sha256').update(key).digest('hex').slice(0, 32)}`;
  }

  /** As it is when nobody looks after it any more: the worker, if there is one, goes on. */
  left(): CompareRun {
    return { ...this.now, status: this.now.step > 0 ? 'stopped' : 'waiting' };
  }

  end(): void {
    this.over = true;
    this.setActive(false);
  }

  private setActive(active: boolean): void {
    if (this.isActive !== active) this.activity(active ? 1 : -1);
    this.isActive = active;
  }

  async run(): Promise<CompareRun> {
    const { signal, warn } = this.hooks;
    // One that was asked for before: by this comparison, before its process ended.
    let queued = await QueueJob.fromId<Order>(this.queue, this.id);
    if (queued !== undefined) {
      if ((await this.board.readOne(this.id, 'halted')) === '1' || (await queued.isFailed())) {
        await this.collect(await this.board.read(this.id));
        await this.remove(queued);
        queued = undefined;
      } else await this.board.erase(this.id, 'stop');
    }
    queued ??= await this.send();
    let asked: number | undefined;
    for (let before = ''; !this.over; await sleep(LOOK_MS)) {
      const state = await queued.getState();
      const notes = await this.board.read(this.id);
      this.worker = notes.worker ?? this.worker;
      if (state === 'completed') return this.finished(queued, notes);
      if (state === 'failed') {
        const found = await QueueJob.fromId<Order>(this.queue, this.id);
        await this.collect(notes).catch(() => undefined);
        await this.remove(queued);
        return { ...this.now, status: 'failed', message: this.reasonOf(found?.failedReason) };
      }
      if (state === 'unknown') {
        if (signal?.aborted) return this.left();
        warn?.(`the queue has forgotten it (was it started anew, without persistence?): asked for again, from step ${this.now.step}`);
        queued = await this.send();
        continue;
      }
      if (before === 'active' && state !== 'active' && asked === undefined)
        warn?.(`worker ${this.worker ?? ''} is gone or gave it back: another one goes on from step ${read('snapshot', notes.files)?.step ?? this.now.step}`);
      before = state;
      this.setActive(state === 'active');
      await this.tell(notes, state === 'active');
      if (signal?.aborted && asked === undefined) {
        asked = performance.now();
        await this.board.write(this.id, { stop: '1' });
      }
      if (asked !== undefined) {
        if (state !== 'active' && (await this.remove(queued))) return this.left();
        if (performance.now() - asked > STOP_MS) {
          warn?.(`worker ${this.worker ?? ''} does not stop: it is left to it`);
          return this.left();
        }
      }
    }
    return this.left();
  }

  /** Into the queue, with what there is of the run. */
  private async send(): Promise<QueueJob<Order>> {
    const { version, uploadBytes, shared } = this.options;
    await this.board.remove(this.id);
    this.files = '';
    if (existsSync(runPaths(this.target).record)) {
      const most = shared === undefined ? uploadBytes : Number.POSITIVE_INFINITY;
      const snapshot = (await new Sender(this.blobs, this.id, this.target, most).send()) as Snapshot;
      this.files = written(snapshot);
      await this.board.write(this.id, { files: this.files });
    }
    const order: Order = JSON.parse(
      written({ format: JOB_FORMAT, ganc: version, shared: this.mark, job: { ...this.job, run: { ...this.job.run, status: 'waiting' } } }),
    );
    const kept = { age: KEEP_SECONDS };
    return this.queue.add(this.job.spec.label, order, { jobId: this.id, removeOnComplete: kept, removeOnFail: kept });
  }

  /** Passes on what a worker has noted. */
  private async tell(notes: Partial<Notes>, active: boolean): Promise<void> {
    const { progress, changed, warnings } = notes;
    const lines = warnings?.split('\n') ?? [];
    for (const line of lines.slice(this.warnings)) this.hooks.warn?.(line);
    this.warnings = Math.max(this.warnings, lines.length);
    const status = active ? 'running' : 'waiting';
    if (changed !== undefined && changed !== this.changed) {
      this.changed = changed;
      const known = read('outcome', changed);
      if (known !== undefined) this.note({ ...this.now, ...numbered(known), status });
    }
    if (this.now.status !== status) this.note({ ...this.now, status });
    if (active && progress !== undefined && progress !== this.progress) {
      this.progress = progress;
      const known = read('progress', progress);
      if (known !== undefined)
        this.hooks.progress?.({ ...known, rate: Number(known.rate), eta: Number(known.eta), losses: numbers(known.losses), reports: numbers(known.reports) });
    }
    // A worker may have sent a later copy meanwhile: that is fetched next time.
    await this.collect(notes).catch(() => undefined);
  }

  private note(run: CompareRun): void {
    this.now = run;
    this.hooks.changed?.(run);
  }

  /** Fetches the run's folder, where there is a newer one. */
  private async collect({ files, device }: Partial<Notes>): Promise<void> {
    if (device !== undefined) this.now = { ...this.now, device };
    if (files === undefined || files === this.files) return;
    const snapshot = read('snapshot', files);
    if (snapshot === undefined) throw new RunError('the list of its files is damaged');
    await mkdir(this.target, { recursive: true });
    await receive(this.blobs, this.id, snapshot, this.target);
    this.files = files;
  }

  private async finished(queued: QueueJob<Order>, notes: Partial<Notes>): Promise<CompareRun> {
    await this.tell({ warnings: notes.warnings }, true);
    await this.collect(notes);
    const outcome = read('outcome', notes.outcome);
    if (outcome === undefined) throw new RunError(`worker ${this.worker ?? ''} gave no proper result`);
    await this.remove(queued);
    const { message: _, ...run } = this.now;
    return { ...run, ...numbered(outcome) };
  }

  /** True where it is out of the queue; false where a worker has it. */
  private async remove(queued: QueueJob<Order>): Promise<boolean> {
    try {
      await queued.remove();
    } catch {
      return false;
    }
    await this.blobs.clear(this.id);
    await this.board.remove(this.id);
    return true;
  }

  private reasonOf(reason = 'its worker gave no reason'): string {
    if (!reason.includes('stalled more than')) return reason;
    return `${MOST_DEATHS + 1} workers died of it, the last one was ${this.worker ?? 'unknown'}: it may need more memory than they have`;
  }
}

/** Texts that stand for what JSON has no numbers for are such again. */
function numbers(values: Readonly<Record<string, unknown>>): Record<string, number> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, Number(value)]));
}

function numbered(outcome: Outcome): Outcome {
  const { seconds, flops, losses, curve } = outcome;
  return {
    ...outcome,
    seconds: Number(seconds),
    flops: Number(flops),
    ...(losses && { losses: numbers(losses) }),
    curve: curve.map(({ step, value }) => ({ step, value: Number(value) })),
  };
}
