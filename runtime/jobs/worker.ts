/** Takes trainings from the queue and does each in a process of its own: what a job says is data, checked before anything is done with it. */
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Job as QueueJob, UnrecoverableError, WaitingError, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { type Job, type Outcome, outcomeOf } from '../compare/job.js';
import { bytes } from '../show/quantities.js';
import { type Blobs, FolderBlobs, QueueBlobs } from './blobs.js';
import { Board } from './board.js';
import { connect, QUEUE, type QueueAddress } from './connection.js';
import { doInProcess, type JobLimits } from './process.js';
import { checked, type Order, read, written } from './schema.js';
import { receive, Sender, type Snapshot } from './snapshot.js';

export interface WorkOptions {
  readonly address: QueueAddress;
  /** Of ganc: jobs of another one are refused. */
  readonly version: string;
  /** `main.js` of the command line. */
  readonly main: string;
  /** Trainings at a time. */
  readonly jobs: number;
  readonly limits: JobLimits;
  /** Bytes that the text of a spec may have, and the files of a run that go through the queue. */
  readonly specBytes: number;
  readonly uploadBytes: number;
  /** Folder that asker and workers see. */
  readonly shared?: string;
  /** Where runs lie while they are trained, of this machine alone; default the system's folder for such. */
  readonly scratch?: string;
  /** Seconds after which a worker that was not heard of counts as dead. */
  readonly lostSeconds: number;
  /** Aborted: what is under way is brought to a checkpoint and given back. */
  readonly signal: AbortSignal;
  readonly say: (text: string) => void;
  readonly warn: (text: string) => void;
}

/** Workers that may die of a job before it counts as one that kills them. */
export const MOST_DEATHS = 3;
/** Between looks at whether the asker wants a job to stop, and between tellings of its steps. */
const LOOK_MS = 500;

/** Works until it is told to stop. Throws QueueError where the queue cannot be used. */
export async function work(options: WorkOptions): Promise<void> {
  const { address, jobs, lostSeconds, signal, say, warn } = options;
  const redis = await connect(address);
  await sweep(options.scratch ?? tmpdir());
  const station = new Station(options, redis);
  const worker = new Worker<unknown, string>(QUEUE, (job, token) => station.take(job, token ?? ''), {
    connection: redis,
    name: station.name,
    concurrency: jobs,
    lockDuration: lostSeconds * 1000,
    stalledInterval: Math.max(500, (lostSeconds * 1000) / 2),
    maxStalledCount: MOST_DEATHS,
    autorun: false,
  });
  let lost = false;
  worker.on('error', (error) => {
    if (redis.status === 'ready' || lost) return;
    lost = true;
    warn(`the queue at ${address.shown} is gone (${error.message}); what is under way goes on, and is told when it is back`);
  });
  redis.on('ready', () => {
    if (lost) say(`the queue at ${address.shown} is back`);
    lost = false;
  });
  worker.on('lockRenewalFailed', (ids) => {
    for (const id of ids) station.lose(id);
  });
  const closing = new Promise<void>((closed, failed) => {
    signal.addEventListener('abort', () => void worker.close().then(closed, failed), { once: true });
  });
  if (!signal.aborted) {
    worker.run().catch((error) => warn(String(error)));
    say(`worker ${station.name} takes trainings from ${address.shown}`);
    await closing;
  }
  redis.disconnect();
}

const SCRATCH = 'ganc-job-';

/** Removes what workers of this machine left behind that were killed. */
async function sweep(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const pid = name.startsWith(SCRATCH) ? Number(name.slice(SCRATCH.length).split('-')[0]) : 0;
    if (pid > 0 && !isAlive(pid)) await rm(join(folder, name), { recursive: true, force: true }).catch(() => undefined);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** What goes on at this worker. */
class Station {
  readonly name = `${hostname()}:${process.pid}`;
  private readonly board: Board;
  /** To end at once what another worker has by now. */
  private readonly under = new Map<string, AbortController>();

  constructor(
    private readonly options: WorkOptions,
    private readonly redis: Redis,
  ) {
    this.board = new Board(redis);
  }

  lose(id: string): void {
    this.under.get(id)?.abort();
  }

  /** Does a job. Throws UnrecoverableError where it is refused, WaitingError where it is given back. */
  async take(queued: QueueJob<unknown, string>, token: string): Promise<string> {
    const { say, limits, main, uploadBytes, signal, lostSeconds } = this.options;
    const id = queued.id as string;
    const order = this.accepted(queued.data);
    const blobs = await this.blobsOf(order);
    const { job } = order;
    const label = `${job.spec.label}, seed ${job.run.seed}`;
    const scratch = await mkdtemp(join(this.options.scratch ?? tmpdir(), `${SCRATCH}${process.pid}-`));
    const kill = new AbortController();
    this.under.set(id, kill);
    try {
      const before = await this.board.read(id);
      const start = read('snapshot', before.files);
      const own: Job = { ...job, run: { ...job.run, folder: 'run' } };
      const folder = join(scratch, 'run');
      await mkdir(folder);
      if (start !== undefined) await receive(blobs, id, start, folder);
      await this.board.erase(id, 'outcome', 'halted', 'progress');
      await this.board.write(id, { worker: this.name });
      const from = read('outcome', before.changed)?.step ?? job.run.step;
      say(`${label}: taken${start === undefined ? '' : `, from step ${start.step ?? from}`}`);

      const copies = new Copies(new Sender(blobs, id, folder, uploadBytes), blobs, id, start, async (snapshot) => {
        // Only who has the job still may say where it stands.
        if ((await queued.extendLock(token, lostSeconds * 1000)) !== 1) throw new Error('another worker has the job');
        await this.board.write(id, { files: written(snapshot) });
      });
      const halt = new AbortController();
      const looking = setInterval(() => void this.look(id, halt), LOOK_MS);
      let outcome: Outcome;
      try {
        await this.look(id, halt);
        const notes = new Notice(this.board, id);
        outcome = await doInProcess(
          own,
          scratch,
          {
            signal: AbortSignal.any([signal, halt.signal, copies.failed]),
            device: (device) => notes.add({ device }),
            warn: (text) => notes.warn(text),
            progress: (progress) => notes.add({ progress: written(progress) }),
            changed: (run) => notes.add({ changed: written(outcomeOf(run)) }),
            kept: (step) => copies.make(step),
          },
          { main, limits, kill: kill.signal, env: { GANC_QUEUE: undefined } },
        );
        await notes.end();
      } finally {
        clearInterval(looking);
      }
      if (kill.signal.aborted) throw new UnrecoverableError('another worker has the job');
      await copies.end();
      const stopped = outcome.status === 'stopped' && signal.aborted && !halt.signal.aborted;
      if (stopped) {
        say(`${label}: given back at step ${outcome.step}`);
        await queued.moveToWait(token);
        throw new WaitingError();
      }
      const halted = outcome.status === 'stopped' && halt.signal.aborted;
      const told = outcome.message === undefined ? outcome : { ...outcome, message: `${outcome.message} (on ${hostname()})` };
      await this.board.write(id, { outcome: written(told), ...(halted && { halted: '1' }) });
      say(`${label}: ${outcome.status}${outcome.message === undefined ? '' : `: ${outcome.message}`}, ${outcome.step} steps`);
      return outcome.status;
    } catch (error) {
      if (!(error instanceof WaitingError)) say(`${label}: ${(error as Error).message}`);
      throw error instanceof WaitingError ? error : refusal(error);
    } finally {
      this.under.delete(id);
      await rm(scratch, { recursive: true, force: true }).catch(() => undefined);
    }
  }

  /** Throws UnrecoverableError where the job is not what it should be. */
  private accepted(data: unknown): Order {
    const refuse = (reason: string): never => {
      throw new UnrecoverableError(`worker ${this.name} refuses it: ${reason}`);
    };
    const { ganc } = (data ?? {}) as { ganc?: unknown };
    const { version, specBytes } = this.options;
    if (typeof ganc === 'string' && ganc !== version)
      refuse(`it is of ganc ${ganc.slice(0, 40)}, and the worker is ${version}: use the same version on all machines`);
    const found = checked('order', data);
    if ('wrong' in found) return refuse(`the job is malformed: ${found.wrong}`);
    const size = Buffer.byteLength(found.value.job.spec.text);
    if (size > specBytes) refuse(`its spec has ${bytes(size)}, and ${bytes(specBytes)} are allowed (--spec-size)`);
    return found.value;
  }

  private async blobsOf({ shared }: Order): Promise<Blobs> {
    if (shared === undefined) return new QueueBlobs(this.redis);
    const folder = this.options.shared;
    if (folder === undefined)
      throw new UnrecoverableError(
        `worker ${this.name} refuses it: its files go through a shared folder, and the worker was given none: ganc worker --shared DIR`,
      );
    const text = await readFile(join(folder, shared.file), 'utf8').catch(() => undefined);
    if (text !== shared.text)
      throw new UnrecoverableError(
        `worker ${this.name} refuses it: its --shared ${folder} is not the folder that the asker named with --shared: mount the same one`,
      );
    return new FolderBlobs(folder);
  }

  private async look(id: string, halt: AbortController): Promise<void> {
    if (this.redis.status === 'ready' && (await this.board.readOne(id, 'stop').catch(() => undefined)) === '1') halt.abort();
  }
}

function refusal(error: unknown): UnrecoverableError {
  if (error instanceof UnrecoverableError) return error;
  const { message = String(error), reason, mend } = error as { message?: string; reason?: string; mend?: string };
  return new UnrecoverableError([message, reason, mend].filter(Boolean).join(': '));
}

/** Copies of a run's folder, one after another; where training is faster than they are, some checkpoints are left out. */
class Copies {
  private readonly fault = new AbortController();
  private error: unknown;
  private wanted: number | undefined;
  private going: Promise<void> | undefined;

  constructor(
    private readonly sender: Sender,
    private readonly blobs: Blobs,
    private readonly job: string,
    private last: Snapshot | undefined,
    private readonly point: (snapshot: Snapshot) => Promise<void>,
  ) {}

  /** Aborted where one could not be made: there is no use in training on. */
  get failed(): AbortSignal {
    return this.fault.signal;
  }

  make(step: number): void {
    this.wanted = step;
    this.going ??= this.all().finally(() => {
      this.going = undefined;
    });
  }

  /** The folder as it was left. Throws what went wrong with any of them. */
  async end(): Promise<void> {
    await this.going;
    if (this.error !== undefined) throw this.error;
    await this.one(undefined);
  }

  private async all(): Promise<void> {
    try {
      for (let step = this.wanted; step !== undefined; step = this.wanted) {
        this.wanted = undefined;
        await this.one(step);
      }
    } catch (error) {
      this.error = error;
      this.fault.abort();
    }
  }

  private async one(step: number | undefined): Promise<void> {
    const next = await this.sender.send(step);
    if (next === undefined) return;
    await this.point(next);
    const there = new Set(next.files.map(({ hash }) => hash));
    const gone = (this.last?.files ?? []).flatMap(({ hash }) => (there.has(hash) ? [] : [hash]));
    this.last = next;
    await this.blobs.remove(this.job, [...new Set(gone)]);
  }
}

/** Tells the board now and then, in order: the last word on each matter. */
class Notice {
  private next: Record<string, string> = {};
  private readonly warnings: string[] = [];
  private readonly timer = setInterval(() => void this.tell(), LOOK_MS);
  private telling: Promise<void> = Promise.resolve();

  constructor(
    private readonly board: Board,
    private readonly job: string,
  ) {}

  add(notes: Record<string, string>): void {
    Object.assign(this.next, notes);
  }

  warn(text: string): void {
    this.warnings.push(text);
    this.add({ warnings: this.warnings.slice(-20).join('\n') });
  }

  private tell(): Promise<void> {
    const notes = this.next;
    if (Object.keys(notes).length > 0) {
      this.next = {};
      this.telling = this.telling.then(() => this.board.write(this.job, notes)).catch(() => undefined);
    }
    return this.telling;
  }

  async end(): Promise<void> {
    clearInterval(this.timer);
    await this.tell();
  }
}

/** The name and the content of a file that tells whether two folders are one. */
export function newMark(): { readonly file: string; readonly text: string } {
  return { file: `.ganc-${randomBytes(16).toString('hex')}`, text: randomBytes(16).toString('hex') };
}
