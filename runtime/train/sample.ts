/** `ganc sample RUN`: from a run's folder to new samples, with nothing but what is in it. */
import { join } from 'node:path';
import type { Program, SamplePlan } from '../../compiler/program/types.js';
import { isSaved } from '../../compiler/program/variables.js';
import { loadData } from '../data/index.js';
import { entryOf } from '../execute/packing.js';
import type { TensorData } from '../execute/tensor.js';
import { aboutSamples } from './about-samples.js';
import { BEST_CHECKPOINT, type Checkpoint, latestCheckpoint, readCheckpoint } from './checkpoint.js';
import { ChosenRows } from './chosen.js';
import { RunError } from './errors.js';
import type { OpenExecutor } from './executor.js';
import { type RunRecord, readProgramFolder, readRecord, readRunManifest, runPaths } from './folder.js';
import { type Given, type GivenInputs, readGiven } from './given.js';
import { nearestRows } from './nearest.js';
import { type NoiseAt, noiseInputs } from './noises.js';
import { RowFeeder, usedFields } from './rows.js';
import { collectSamples, findSample } from './samples.js';
import { type About, isClip, isTable } from './write-samples.js';

export interface SampleOptions {
  readonly open: OpenExecutor;
  /** Which `sample` line; default the first. */
  readonly name?: string;
  /** Default: as many as the entry computes in one call; of tables 8, of clips 16, under conditions 8 or one for each. */
  readonly count?: number;
  /** Of the draws; default the run's own. */
  readonly seed?: bigint;
  /** A checkpoint's path, or `best`; default the run's latest. */
  readonly checkpoint?: string;
  /** Fields of the data in place of held-out rows. Optional fields that are left out are absent. */
  readonly inputs?: GivenInputs;
  /** Factor on normal noises. */
  readonly truncation?: number;
  /** For each condition so many samples on the way from its first noise to its second, in place of `count`. */
  readonly interpolate?: number;
  /** Finds the nearest training rows. */
  readonly nearest?: boolean;
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
  /** To show them with. */
  readonly about: About;
}

/** Of clips, unless told. */
export const CLIPS = 16;
/** Of tables, which are read rather than seen. */
export const TABLES = 8;
const CLIPS_UNDER_CONDITIONS = 8;

/** Runs a sample entry with a run's weights. Throws RunError, SafetensorsError, DataError or GpuError. */
export async function sampleRun(folder: string, options: SampleOptions): Promise<Sampled> {
  const record = await readRecord(folder);
  const program = await readProgramFolder(runPaths(folder).program);
  const plan = findSample(program, options.name);
  const manifest = await readRunManifest(folder);
  const { warn } = options;
  const given = await readGiven(options.inputs ?? {}, { program, plan, manifest, warn });
  const layout = layoutOf(program, plan, given, options);
  const checkpoint = await chosenCheckpoint(folder, record, program, options);
  const seed = BigInt(record.seed);
  const fields = usedFields(program, [plan.entry]);
  const data = wantsData(program, plan, given, options)
    ? await loadData(program.data as NonNullable<Program['data']>, { seed, base: record.base, manifest, progress: options.loading, warn })
    : undefined;
  const shown = given?.data ?? data;
  const chosen = new ChosenRows(program, data, options.seed ?? seed, [plan.entry]);
  const opened = await options.open(program, { seed: options.seed ?? seed, choice: checkpoint.choice, entries: [plan.entry] });
  let outputs: Map<string, TensorData>;
  try {
    opened.executor.write(checkpoint.values);
    const feeder = new RowFeeder(opened.executor, { data: shown, fields }, chosen, opened.fieldLimit);
    outputs = await collectSamples(opened.executor, program, plan, layout.count, shown, feeder, {
      noises: { seed: options.seed ?? seed, of: layout.noiseOf, truncation: options.truncation },
      tensors: options.tensors,
      absent: given?.absent,
      rows: layout.rows,
    });
  } finally {
    opened.close();
  }
  const about = aboutSamples(program, plan, { data, given, manifest, ...layout });
  if (!options.nearest) return { program, plan, step: checkpoint.step, device: opened.device, outputs, about };
  const near = new Map(plan.outputs.map((output) => [output.name, nearestRows(program, output, outputs.get(output.name) as TensorData, data, warn)]));
  return { program, plan, step: checkpoint.step, device: opened.device, outputs, about: { ...about, nearest: near } };
}

/** How many samples there are, and which condition and noise each has. */
interface SampleLayout {
  readonly count: number;
  /** Sample k has condition k % conditions; absent where each has its own. */
  readonly conditions?: number;
  readonly noiseOf: (k: number) => NoiseAt;
  /** Held-out rows that are read in turn; absent: all. */
  readonly rows?: number;
}

function layoutOf(program: Program, plan: SamplePlan, given: Given | undefined, { count, interpolate, truncation }: SampleOptions): SampleLayout {
  const noises = noiseInputs(program, plan);
  for (const [asked, wanted, mend] of [
    [truncation !== undefined, [...noises.values()].some(({ family }) => family === 'normal'), 'truncated: it scales normal noises'],
    [interpolate !== undefined, noises.size > 0, 'interpolated: it goes from one noise to another'],
  ] as const) {
    if (!asked || wanted) continue;
    const drawn = program.draws.some((path) => program.noises.some(({ name }) => path === `sample.${name}`));
    throw new RunError(
      `the sample '${plan.name}' cannot be ${mend}`,
      drawn ? 'this run was compiled by an older ganc, where the noise of samples is no input' : 'it has no such noise',
      drawn ? 'train it anew' : 'leave the option out',
    );
  }
  const own = given === undefined ? undefined : given.data.count;
  if (interpolate !== undefined) {
    if (interpolate < 2) throw new RunError(`cannot interpolate in ${interpolate} samples`, 'they begin at one noise and end at another', 'give 2 or more');
    const conditions = own ?? 1;
    return {
      count: conditions * interpolate,
      conditions,
      noiseOf: (k) => ({ from: 0, to: 1, share: Math.floor(k / conditions) / (interpolate - 1) }),
      // Where no condition is given, all of the way is under that of the first held-out row.
      ...(given === undefined && { rows: 1 }),
    };
  }
  const conditions = given === undefined || given.many ? undefined : (own as number);
  const clips = plan.outputs.some(isClip);
  const usual = plan.outputs.every(isTable)
    ? TABLES
    : !clips
      ? plan.count
      : conditions === undefined
        ? CLIPS
        : Math.ceil(CLIPS_UNDER_CONDITIONS / conditions) * conditions;
  const wanted = count ?? Math.max(usual, conditions ?? 1);
  if (!Number.isSafeInteger(wanted) || wanted < 1) throw new RunError(`cannot make ${wanted} samples`, 'their number is a whole one from 1');
  if (conditions === undefined) return { count: wanted, noiseOf: (k) => k };
  if (wanted < conditions)
    throw new RunError(
      `${wanted} sample${wanted === 1 ? '' : 's'} cannot show all that was given`,
      `there are ${conditions} different inputs, each for a sample at least`,
      `give --count ${conditions} or more`,
    );
  // The first samples of all conditions have one noise, the second ones another: what differs among them is the condition's doing.
  return { count: wanted, conditions, noiseOf: (k) => Math.floor(k / conditions) };
}

/** Whether the data of the run is needed: for rows that the sample reads, for points behind it, or for what is nearest to it. */
function wantsData(program: Program, plan: SamplePlan, given: Given | undefined, { nearest }: SampleOptions): boolean {
  if (program.data === undefined) return false;
  if (nearest) return true;
  if (given !== undefined) return false;
  const rows = entryOf(program, plan.entry).inputs.some((input) => input.kind === 'rows');
  return rows || usedFields(program, [plan.entry]).length > 0 || program.data.fields.some((f) => f.shape.length === 1 && f.shape[0] === 2);
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
