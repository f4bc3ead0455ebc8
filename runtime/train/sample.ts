/** `ganc sample RUN`: from a run's folder to new samples, with nothing but what is in it. */
import { join } from 'node:path';
import type { Program, SamplePlan } from '../../compiler/program/types.js';
import { isSaved } from '../../compiler/program/variables.js';
import { loadData } from '../data/index.js';
import { entryOf } from '../execute/packing.js';
import type { TensorData } from '../execute/tensor.js';
import { BEST_CHECKPOINT, type Checkpoint, latestCheckpoint, readCheckpoint } from './checkpoint.js';
import { ChosenRows } from './chosen.js';
import { RunError } from './errors.js';
import type { OpenExecutor } from './executor.js';
import { type RunRecord, readProgramFolder, readRecord, readRunManifest, runPaths } from './folder.js';
import { readGiven } from './given.js';
import { RowFeeder, usedFields } from './rows.js';
import { type Background, backgroundOf, collectSamples, findSample } from './samples.js';

export interface SampleOptions {
  readonly open: OpenExecutor;
  /** Which `sample` line; default the first. */
  readonly name?: string;
  /** Default: as many as the entry computes in one call. */
  readonly count?: number;
  /** Of the draws; default the run's own. */
  readonly seed?: bigint;
  /** A checkpoint's path, or `best`; default the run's latest. */
  readonly checkpoint?: string;
  /** A safetensors file with fields of the data, in place of held-out rows. Optional fields that it leaves out are absent. */
  readonly inputs?: string;
  /** Inputs that the sample entry is to be given. */
  readonly tensors?: Readonly<Record<string, TensorData>>;
  /** Called as data are read, where that takes long. */
  readonly loading?: (text: string) => void;
  readonly warn?: (text: string) => void;
}

export interface Sampled {
  readonly program: Program;
  readonly plan: SamplePlan;
  /** Steps that the weights were trained for. */
  readonly step: number;
  readonly device: string;
  /** Of each output, [count, ...]. */
  readonly outputs: Map<string, TensorData>;
  /** To show them before. */
  readonly background: Background;
}

/** Runs a sample entry with a run's weights. Throws RunError, SafetensorsError, DataError or GpuError. */
export async function sampleRun(folder: string, options: SampleOptions): Promise<Sampled> {
  const record = await readRecord(folder);
  const program = await readProgramFolder(runPaths(folder).program);
  const plan = findSample(program, options.name);
  const count = options.count ?? plan.count;
  if (!Number.isSafeInteger(count) || count < 1) throw new RunError(`cannot make ${count} samples`, 'their number is a whole one from 1');
  const checkpoint = await chosenCheckpoint(folder, record, program, options);
  const seed = BigInt(record.seed);
  const fields = usedFields(program, [plan.entry]);
  const rows = entryOf(program, plan.entry).inputs.some((input) => input.kind === 'rows');
  const given = options.inputs === undefined ? undefined : await readGiven(options.inputs, program, plan);
  const data =
    given === undefined &&
    program.data !== undefined &&
    (fields.length > 0 || rows || program.data.fields.some((f) => f.shape.length === 1 && f.shape[0] === 2))
      ? await loadData(program.data, { seed, base: record.base, manifest: await readRunManifest(folder), progress: options.loading, warn: options.warn })
      : undefined;
  const chosen = new ChosenRows(program, data, options.seed ?? seed, [plan.entry]);
  const opened = await options.open(program, { seed: options.seed ?? seed, choice: checkpoint.choice, entries: [plan.entry] });
  try {
    opened.executor.write(checkpoint.values);
    const shown = given?.data ?? data;
    const feeder = new RowFeeder(opened.executor, { data: shown, fields }, chosen, opened.fieldLimit);
    const outputs = await collectSamples(opened.executor, program, plan, count, shown, feeder, { tensors: options.tensors, absent: given?.absent });
    return { program, plan, step: checkpoint.step, device: opened.device, outputs, background: backgroundOf(program.data, data) };
  } finally {
    opened.close();
  }
}

interface WhichCheckpoint {
  readonly checkpoint?: string;
  readonly warn?: (text: string) => void;
}

/** The checkpoint that is named, by its path or as `best`; without a name the latest. Throws RunError where it is not there or not of this program. */
export async function chosenCheckpoint(folder: string, record: RunRecord, program: Program, which: WhichCheckpoint): Promise<Checkpoint> {
  const found = await findCheckpoint(folder, record, which);
  checkWeights(found, program);
  return found;
}

/** As `chosenCheckpoint`, of whatever program. */
export async function findCheckpoint(folder: string, record: RunRecord, { checkpoint: name, warn = () => undefined }: WhichCheckpoint): Promise<Checkpoint> {
  const { checkpoints } = runPaths(folder);
  if (name === 'best' && record.best === undefined)
    throw new RunError(`${folder} has no best checkpoint`, 'it was trained without --best', 'train with --best METRIC');
  const found =
    name === undefined ? await latestCheckpoint(checkpoints, warn) : await readCheckpoint(name === 'best' ? join(checkpoints, BEST_CHECKPOINT) : name);
  if (found === undefined) throw new RunError(`${folder} has no checkpoint yet`, `its status is ${record.status}`, 'train it further: ganc train --resume');
  return found;
}

function checkWeights(checkpoint: Checkpoint, program: Program): void {
  if (checkpoint.hash !== program.hash) throw new RunError(`${checkpoint.path} cannot be used`, 'it belongs to another spec');
  const missing = program.variables.find((v) => isSaved(v) && !checkpoint.values.has(v.name));
  if (missing !== undefined) throw new RunError(`${checkpoint.path} cannot be used`, `it lacks ${missing.name}`);
}
