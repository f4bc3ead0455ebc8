/**
 * Checkpoints: all that a run is, in one safetensors file. The tensors are the variables; the metadata says of which program, seed and step they are, and
 * holds a SHA-256 over everything else, checked on load. `latest` names the newest; where that one is torn, the one before it serves.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { bytesOf, type TensorData } from '../execute/tensor.js';
import { RunError } from './errors.js';
import { writeAtomic } from './files.js';
import { readSafetensorsFile, SafetensorsError, writeSafetensors } from './safetensors.js';

const FORMAT = 'ganc-checkpoint/1';

export interface CheckpointInfo {
  /** Hash of the program. */
  readonly hash: string;
  readonly seed: bigint;
  /** Whole steps done. */
  readonly step: number;
  /** Updates done by each player. */
  readonly counters: Readonly<Record<string, number>>;
  /** Candidate in use of each kernel. */
  readonly choice: Readonly<Record<string, string>>;
}

export interface Checkpoint extends CheckpointInfo {
  readonly path: string;
  readonly values: Map<string, TensorData>;
}

export function checkpointName(step: number): string {
  return `step-${String(step).padStart(8, '0')}.safetensors`;
}

/** Of a checkpoint's file name; undefined where it is none. */
export function checkpointStep(name: string): number | undefined {
  const match = /^step-(\d{8,15})\.safetensors$/.exec(name);
  return match === null ? undefined : Number(match[1]);
}

/** Name of the checkpoint that a metric calls the best so far; it is kept whatever comes after. */
export const BEST_CHECKPOINT = 'best.safetensors';

/** Writes a checkpoint to `path`, and gives the path. */
export async function writeCheckpoint(path: string, info: CheckpointInfo, values: ReadonlyMap<string, TensorData>): Promise<string> {
  const metadata = new Map([
    ['format', FORMAT],
    ['hash', info.hash],
    ['seed', String(info.seed)],
    ['step', String(info.step)],
    ['counters', JSON.stringify(info.counters)],
    ['choice', JSON.stringify(info.choice)],
  ]);
  metadata.set('content', contentHash(metadata, values));
  await writeSafetensors(path, values, metadata);
  return path;
}

/** Writes the checkpoint and points `latest` to it; then removes all but the `keep` newest, and any of later steps, which a resumed run has left behind. */
export async function saveCheckpoint(folder: string, info: CheckpointInfo, values: ReadonlyMap<string, TensorData>, keep: number): Promise<string> {
  const name = checkpointName(info.step);
  const path = await writeCheckpoint(join(folder, name), info, values);
  await writeAtomic(join(folder, 'latest'), `${name}\n`);
  const steps = (await listSteps(folder)).filter((step) => step !== info.step);
  const earlier = steps.filter((step) => step < info.step);
  const dropped = [...steps.filter((step) => step > info.step), ...earlier.slice(Math.max(0, keep - 1))];
  for (const step of dropped) await rm(join(folder, checkpointName(step)), { force: true });
  return path;
}

/** Reads one checkpoint. Throws SafetensorsError where it is damaged. */
export async function readCheckpoint(path: string): Promise<Checkpoint> {
  const { tensors, metadata } = await readSafetensorsFile(path);
  if (metadata.get('format') !== FORMAT) throw new SafetensorsError(path, 'it is not a checkpoint of ganc');
  const values = new Map<string, TensorData>();
  for (const [name, tensor] of tensors) values.set(name, { dtype: tensor.dtype, shape: tensor.shape, data: tensor.data });
  if (metadata.get('content') !== contentHash(metadata, values)) throw new SafetensorsError(path, 'its content does not match its hash: it is damaged');
  try {
    const text = (key: string) => metadata.get(key) ?? '';
    const step = Number(text('step'));
    const counters = record(text('counters'), (v): v is number => Number.isSafeInteger(v) && (v as number) >= 0);
    const choice = record(text('choice'), (v): v is string => typeof v === 'string');
    if (!Number.isSafeInteger(step) || step < 0) throw new Error('no step');
    return { path, values, hash: text('hash'), seed: BigInt(text('seed')), step, counters, choice };
  } catch {
    throw new SafetensorsError(path, 'what it says about its run is malformed');
  }
}

function record<T>(text: string, valid: (value: unknown) => value is T): Record<string, T> {
  const entries = Object.entries(JSON.parse(text) as Record<string, unknown>);
  if (!entries.every((entry): entry is [string, T] => valid(entry[1]))) throw new Error('another kind of value');
  return Object.fromEntries(entries);
}

/** The newest checkpoint of a folder that is whole, or undefined where there is none at all. Throws RunError where all are damaged. */
export async function latestCheckpoint(folder: string, warn: (text: string) => void): Promise<Checkpoint | undefined> {
  const pointed = checkpointStep((await readFile(join(folder, 'latest'), 'utf8').catch(() => '')).trim());
  const steps = await listSteps(folder);
  const order = pointed !== undefined && steps.includes(pointed) ? [pointed, ...steps.filter((step) => step !== pointed)] : steps;
  let reason = '';
  for (const step of order) {
    try {
      return await readCheckpoint(join(folder, checkpointName(step)));
    } catch (error) {
      if (!(error instanceof SafetensorsError)) throw error;
      reason = error.message;
      warn(`${error.message}; using the checkpoint before it`);
    }
  }
  if (order.length === 0) return undefined;
  throw new RunError(`no checkpoint in ${folder} can be used`, reason, 'start the training anew');
}

/** The newest whole checkpoint of at most `step` steps; where all are of more, the oldest; undefined where there is none. */
export async function checkpointBefore(folder: string, step: number): Promise<Checkpoint | undefined> {
  const steps = await listSteps(folder);
  const order = [...steps.filter((own) => own <= step), ...steps.filter((own) => own > step).reverse()];
  for (const own of order) {
    const found = await readCheckpoint(join(folder, checkpointName(own))).catch(() => undefined);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Steps of which there is a checkpoint, newest first. */
async function listSteps(folder: string): Promise<number[]> {
  const names = await readdir(folder).catch(() => [] as string[]);
  return names
    .map(checkpointStep)
    .filter((step) => step !== undefined)
    .sort((a, b) => b - a);
}

/** SHA-256 over the metadata but the hash itself, and names, types, shapes and bytes of the tensors in the order of their names. */
function contentHash(metadata: ReadonlyMap<string, string>, values: ReadonlyMap<string, TensorData>): string {
  const hash = createHash('sha256');
  for (const [key, value] of [...metadata].sort(byName)) if (key !== 'content') hash.update(`${JSON.stringify([key, value])}\n`);
  for (const [name, tensor] of [...values].sort(byName)) {
    hash.update(`${JSON.stringify([name, tensor.dtype, tensor.shape])}\n`);
    hash.update(bytesOf(tensor.data));
  }
  return hash.digest('hex');
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
