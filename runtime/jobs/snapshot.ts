/** A run's folder as it goes from machine to machine: a list of its files, and their bytes by hash. Only what has changed is sent. */
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { bytes as sizeText } from '../show/quantities.js';
import { checkpointName, checkpointStep } from '../train/checkpoint.js';
import { RunError } from '../train/errors.js';
import { writeAtomic } from '../train/files.js';
import type { Blobs } from './blobs.js';

export interface SnapshotFile {
  /** From the run's folder, with `/`. */
  readonly path: string;
  readonly size: number;
  readonly hash: string;
}

export interface Snapshot {
  /** Of the checkpoint that it was made at; absent: the folder as it was left. */
  readonly step?: number;
  readonly files: readonly SnapshotFile[];
}

/** No part goes up, and none is hidden but by our own temporary files. */
const PATH = /^(?!.*(^|\/)\.)[^\\/\0]+(\/[^\\/\0]+){0,8}$/;
const HASH = /^[0-9a-f]{64}$/;
const LATEST = 'checkpoints/latest';

/** Sends one folder again and again. */
export class Sender {
  /** Hashes of files as they were read last. */
  private readonly known = new Map<string, { readonly stamp: string; readonly hash: string; readonly size: number }>();

  constructor(
    private readonly blobs: Blobs,
    private readonly job: string,
    private readonly folder: string,
    /** Bytes that all files may have together. */
    private readonly most: number,
  ) {}

  /**
   * Sends what is not there yet, and gives the list. With `step`: as the folder was at that checkpoint, where it is still there, whatever is written meanwhile; lines of
   * later steps in logs do no harm, since who goes on cuts them off. Throws RunError where it is more than may be sent.
   */
  async send(step?: number): Promise<Snapshot | undefined> {
    const files: SnapshotFile[] = [];
    let total = 0;
    for (const path of await listed(this.folder)) {
      const at = path.startsWith('checkpoints/') ? checkpointStep(path.slice('checkpoints/'.length)) : undefined;
      if (step !== undefined && at !== undefined && at > step) continue;
      const file = step !== undefined && path === LATEST ? await this.keep(path, Buffer.from(`${checkpointName(step)}\n`)) : await this.take(path);
      if (file === undefined) continue;
      files.push(file);
      total += file.size;
      if (total > this.most) throw new RunError(`the files of the run are more than the ${sizeText(this.most)} that go through the queue`, '', SHARE);
    }
    if (step !== undefined && !files.some(({ path }) => path === `checkpoints/${checkpointName(step)}`)) return undefined;
    return { ...(step !== undefined && { step }), files };
  }

  /** Undefined where the file is gone by now. */
  private async take(path: string): Promise<SnapshotFile | undefined> {
    const full = join(this.folder, ...path.split('/'));
    try {
      const { mtimeMs, size } = await stat(full);
      if (size > this.most) throw new RunError(`${path} has ${sizeText(size)}, and ${sizeText(this.most)} are the most that goes through the queue`, '', SHARE);
      const stamp = `${mtimeMs} ${size}`;
      const known = this.known.get(path);
      if (known?.stamp === stamp && (await this.blobs.has(this.job, known.hash, known.size))) return { path, size: known.size, hash: known.hash };
      const file = await this.keep(path, await readFile(full));
      this.known.set(path, { stamp, hash: file.hash, size: file.size });
      return file;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  private async keep(path: string, bytes: Buffer): Promise<SnapshotFile> {
    const hash = hashOf(bytes);
    if (!(await this.blobs.has(this.job, hash, bytes.length))) await this.blobs.write(this.job, hash, bytes);
    return { path, size: bytes.length, hash };
  }
}

const SHARE = 'name a folder that all machines see, here and at each worker: --shared DIR; or let more through at both: --upload MIB';

/**
 * Makes the folder what the snapshot says. In the order in which a training writes, so that what a fault in the midst of it leaves can be gone on with: logs, then
 * checkpoints, then the record; what is not in the list goes at the end. Throws RunError where a file is missing or damaged.
 */
export async function receive(blobs: Blobs, job: string, { files }: Snapshot, folder: string): Promise<void> {
  const rank = ({ path }: SnapshotFile): number => (path === 'run.json' ? 3 : path === LATEST ? 2 : path.startsWith('checkpoints/') ? 1 : 0);
  for (const { path, size, hash } of [...files].sort((a, b) => rank(a) - rank(b))) {
    if (!PATH.test(path) || !HASH.test(hash)) throw new RunError('the files of the run are damaged', `there is one named ${JSON.stringify(path)}`);
    const full = join(folder, ...path.split('/'));
    const there = await readFile(full).catch(() => undefined);
    if (there !== undefined && there.length === size && hashOf(there) === hash) continue;
    const bytes = size === 0 ? Buffer.alloc(0) : await blobs.read(job, hash, size);
    if (bytes === undefined || hashOf(bytes) !== hash)
      throw new RunError(`the files of the run are ${bytes === undefined ? 'not' : 'damaged'} in the store`, path);
    await mkdir(dirname(full), { recursive: true });
    await writeAtomic(full, bytes);
  }
  const wanted = new Set(files.map(({ path }) => path));
  for (const path of await listed(folder)) if (!wanted.has(path)) await rm(join(folder, ...path.split('/')), { force: true });
}

/** Files of a run, but for its lock and what is being written. */
async function listed(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) =>
      relative(folder, join(entry.parentPath ?? entry.path, entry.name))
        .split(sep)
        .join('/'),
    )
    .filter((path) => PATH.test(path) && path !== 'lock' && !path.startsWith('lock.'))
    .sort();
}

function hashOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
