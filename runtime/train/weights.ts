/**
 * Weights to be handed on: one safetensors file with what a run has learned and how far it came, without what only this run needs. A spec names such
 * a file to go on from (`start`); `--init` takes it as any other.
 */
import { resolve } from 'node:path';
import type { Program } from '../../compiler/program/types.js';
import { isSaved } from '../../compiler/program/variables.js';
import { DataError } from '../data/error.js';
import { type DataManifest, parseManifest } from '../data/manifest.js';
import type { TensorData } from '../execute/tensor.js';
import { RunError } from './errors.js';
import { readProgramFolder, readRecord, readRunManifest, runPaths } from './folder.js';
import { type InitialWeights, readInitial } from './initial.js';
import { readSafetensorsFile, SafetensorsError, writeSafetensors } from './safetensors.js';
import { chosenCheckpoint } from './sample.js';

const FORMAT = 'ganc-weights/1';

export interface ExportOptions {
  /** Half precision: half the size, 3 to 4 decimal digits. States of optimizers keep single precision, whose range they need. */
  readonly half?: boolean;
  /** With the states of optimizers, without which these begin anew. */
  readonly optimizer?: boolean;
  /** A checkpoint's path, or `best`; default the latest. */
  readonly checkpoint?: string;
  readonly warn?: (text: string) => void;
}

export interface Exported {
  readonly name: string;
  readonly step: number;
  readonly tensors: number;
  /** Numbers in all. */
  readonly values: number;
}

/** Writes the weights, states and averages of a run. Throws RunError or SafetensorsError. */
export async function exportWeights(folder: string, path: string, { half, optimizer, ...which }: ExportOptions): Promise<Exported> {
  const record = await readRecord(folder);
  const program = await readProgramFolder(runPaths(folder).program);
  const { values, step, counters } = await chosenCheckpoint(folder, record, program, which);
  const manifest = await readRunManifest(folder);
  const kept = program.variables.filter((v) => isSaved(v) && (optimizer || v.kind !== 'optimizer'));
  const states = new Set(kept.filter((v) => v.kind === 'optimizer').map((v) => v.name));
  const tensors = new Map(kept.map(({ name }) => [name, values.get(name) as TensorData]));
  const metadata = new Map([
    ['format', FORMAT],
    ['name', program.name],
    ['step', String(step)],
    ['counters', JSON.stringify(counters)],
    ...(manifest === undefined ? [] : ([['data', JSON.stringify(manifest)]] as const)),
  ]);
  await writeSafetensors(path, tensors, metadata, half ? (name) => !states.has(name) : undefined);
  return { name: program.name, step, tensors: tensors.size, values: [...tensors.values()].reduce((sum, { data }) => sum + data.length, 0) };
}

export interface Start {
  readonly path: string;
  /** Steps that the weights were trained, and updates of each player. */
  readonly step: number;
  readonly counters: Readonly<Record<string, number>>;
  readonly weights: InitialWeights;
  /** What the numbers of the data mean that they were trained with. */
  readonly manifest?: DataManifest;
}

/** The weights that a program starts from, which must be all that it has. Throws RunError or SafetensorsError. */
export async function readStart(path: string, program: Program, warn?: (text: string) => void): Promise<Start> {
  const without = '--from-nothing trains without them';
  try {
    const { metadata } = await readSafetensorsFile(path);
    if (metadata.get('format') !== FORMAT)
      throw new SafetensorsError(
        path,
        'it does not say how far its weights were trained',
        '`ganc export RUN` writes such a file; --from-nothing trains without',
      );
    const step = Number(metadata.get('step'));
    const counters = JSON.parse(metadata.get('counters') ?? '') as Record<string, number>;
    if (!Number.isSafeInteger(step) || step < 0 || !Object.values(counters).every((n) => Number.isSafeInteger(n) && n >= 0)) throw new SyntaxError();
    const data = metadata.get('data');
    const weights = await readInitial([path], program, warn);
    if (weights.fresh.length > 0)
      throw new RunError(`${path} does not fit the program ${program.name}`, `it lacks ${weights.fresh.slice(0, 8).join(', ')}`, without);
    return { path: resolve(path), step, counters, weights, ...(data !== undefined && { manifest: parseManifest(data, path) }) };
  } catch (error) {
    if (error instanceof RunError) throw new RunError(error.message, error.reason, without);
    if (error instanceof SafetensorsError) throw new SafetensorsError(error.file, error.reason, error.mend ?? without);
    if (error instanceof SyntaxError || error instanceof DataError) throw new SafetensorsError(path, 'what it says of its training is malformed', without);
    throw error;
  }
}
