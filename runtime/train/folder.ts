/** A run's folder: `run.json`, the spec, the compiled program, `data.json`, `metrics.jsonl`, `checkpoints/`, `samples/`, `index.html`. What is in it is enough to go on and to sample. */
import { mkdir, readdir, readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve, sep } from 'node:path';
import { fromFiles, ProgramError, toFiles } from '../../compiler/program/serialise.js';
import type { Program } from '../../compiler/program/types.js';
import { DataError } from '../data/error.js';
import { type DataManifest, parseManifest } from '../data/manifest.js';
import { RunError } from './errors.js';
import { fileReason, writeAtomic } from './files.js';
import type { GuardReport, GuardWay } from './guards.js';

export const RUN_FORMAT = 'ganc-run/1';

export type RunStatus = 'running' | 'finished' | 'stopped' | 'diverged' | 'failed';

/** `run.json`: what was run, and how it went. */
export interface RunRecord {
  readonly format: typeof RUN_FORMAT;
  readonly name: string;
  /** Of the program: equal hash, equal spec and settings. */
  readonly hash: string;
  readonly hyper: Readonly<Record<string, number | boolean | string>>;
  /** Decimal: more digits than JSON's numbers keep. */
  readonly seed: string;
  /** To be done, and done at the last checkpoint. */
  readonly steps: number;
  readonly step: number;
  /** Time in steps until the last checkpoint, in all sessions; what was compiled, measured and drawn between them is not in it. */
  readonly seconds?: number;
  readonly status: RunStatus;
  /** Of a run that diverged or failed: what happened. */
  readonly message?: string;
  readonly device: string;
  readonly choice: Readonly<Record<string, string>>;
  readonly versions: Readonly<Record<string, string>>;
  readonly started: string;
  readonly resumed?: readonly string[];
  readonly ended?: string;
  /** One line on the data, and the folder that its paths start from. */
  readonly data?: string;
  readonly base: string;
  readonly overfit?: boolean;
  /** With --best: the figure that decides, its best value so far, and when that was. */
  readonly best?: { readonly metric: string; readonly lowest?: boolean; readonly value: number; readonly step: number };
  /** Seed of the rows and draws that judges learn from, where it is not the run's own. */
  readonly judgeSeed?: string;
  /** Metrics are measured at each checkpoint; they are where there is a `best`, too. */
  readonly metrics?: boolean;
  readonly init?: readonly string[];
  /** The file of weights that the run went on from, and how far they were trained. */
  readonly start?: { readonly path: string; readonly step: number };
  /** Steps between statistics. */
  readonly stats?: number;
  /** What follows an alarm of a guard, where it was said, and what guards have said. */
  readonly guard?: GuardWay;
  readonly guards?: readonly GuardReport[];
  readonly feed?: string;
}

/** Paths of a run. */
export function runPaths(folder: string) {
  return {
    record: join(folder, 'run.json'),
    spec: join(folder, 'spec.gan'),
    program: join(folder, 'program'),
    data: join(folder, 'data.json'),
    metrics: join(folder, 'metrics.jsonl'),
    stats: join(folder, 'stats.jsonl'),
    losses: join(folder, 'losses.svg'),
    checkpoints: join(folder, 'checkpoints'),
    samples: join(folder, 'samples'),
    /** Samples each by itself, for the page. */
    shown: join(folder, 'samples', 'shown'),
    page: join(folder, 'index.html'),
  };
}

/** A new, empty folder: `out`, which must not hold anything yet, or the next `<runs>/<name>-<n>`. Throws RunError. */
export async function newRunFolder(name: string, out: string | undefined, runs: string): Promise<string> {
  try {
    if (out !== undefined) {
      await mkdir(out, { recursive: true });
      const found = await readdir(out);
      if (found.includes('run.json')) throw new RunError(`${out} already holds a run`, '', `go on with it: --resume ${out}; or choose another folder`);
      if (found.length > 0)
        throw new RunError(
          `${out} is not empty`,
          `it holds ${found.slice(0, 3).join(', ')}${found.length > 3 ? ', ...' : ''}`,
          'choose a folder that is new or empty',
        );
      return out;
    }
    await mkdir(runs, { recursive: true });
    const stem = name.replace(/[^\p{L}\p{N}_.-]+/gu, '-').replace(/^\.+/, '') || 'run';
    const taken = (await readdir(runs)).flatMap((entry) =>
      entry.startsWith(`${stem}-`) && /^\d+$/.test(entry.slice(stem.length + 1)) ? [Number(entry.slice(stem.length + 1))] : [],
    );
    for (let n = Math.max(0, ...taken) + 1; ; n++) {
      const folder = join(runs, `${stem}-${n}`);
      try {
        await mkdir(folder);
        return folder;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
    }
  } catch (error) {
    if (error instanceof RunError) throw error;
    throw new RunError(`cannot make a folder for the run in ${out ?? runs}`, fileReason(error), 'choose another with --out');
  }
}

/** Writes the parts of a new run that stay as they are. */
export async function writeRunFiles(folder: string, program: Program, spec: string | undefined, data: DataManifest | undefined): Promise<void> {
  const paths = runPaths(folder);
  for (const path of [paths.checkpoints, paths.samples]) await mkdir(path, { recursive: true });
  const files = [...toFiles(program)].map(([name, text]) => ({ path: join(paths.program, ...name.split('/')), text }));
  for (const folder of new Set(files.map(({ path }) => dirname(path)))) await mkdir(folder, { recursive: true });
  // The first file names the others: a program is whole once it is there.
  const [main, ...kernels] = files;
  await Promise.all(kernels.map(({ path, text }) => writeFile(path, text)));
  await writeAtomic(main.path, main.text);
  if (spec !== undefined) await writeAtomic(paths.spec, spec);
  if (data !== undefined) await writeAtomic(paths.data, `${JSON.stringify(data, undefined, 2)}\n`);
}

/** Removes what `writeRunFiles` wrote, and the folder if nothing else is in it. */
export async function discardRun(folder: string): Promise<void> {
  const { spec, program, data, checkpoints, samples } = runPaths(folder);
  for (const path of [spec, program, data, checkpoints, samples]) await rm(path, { recursive: true, force: true });
  await rmdir(folder).catch(() => undefined);
}

export async function writeRecord(folder: string, record: RunRecord): Promise<void> {
  await writeAtomic(runPaths(folder).record, `${JSON.stringify(record, undefined, 2)}\n`);
}

/** Reads `run.json`. Throws RunError where the folder holds no run. */
export async function readRecord(folder: string): Promise<RunRecord> {
  let text: string;
  try {
    text = await readFile(runPaths(folder).record, 'utf8');
  } catch (error) {
    throw new RunError(`${folder} holds no run`, `run.json: ${fileReason(error)}`, 'name the folder that ganc train wrote, like runs/mnist-mlp-1');
  }
  const damaged = (reason: string) => new RunError(`${folder} cannot be used as a run`, `run.json ${reason}`);
  let record: RunRecord;
  try {
    record = JSON.parse(text) as RunRecord;
  } catch {
    throw damaged('is not JSON');
  }
  if (record?.format !== RUN_FORMAT) throw damaged(`is not of the format ${RUN_FORMAT}`);
  for (const [key, type] of [
    ['name', 'string'],
    ['hash', 'string'],
    ['seed', 'string'],
    ['steps', 'number'],
    ['started', 'string'],
    ['base', 'string'],
  ] as const) {
    if (typeof record[key] !== type) throw damaged(`has no proper '${key}'`);
  }
  if (!/^-?\d+$/.test(record.seed)) throw damaged("has no proper 'seed'");
  return record;
}

/** Reads `data.json`: what the numbers of a run's data mean. Undefined where there is nothing to say of them. Throws RunError. */
export async function readRunManifest(folder: string): Promise<DataManifest | undefined> {
  const path = runPaths(folder).data;
  try {
    return parseManifest(await readFile(path, 'utf8'), path);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    if (error instanceof DataError) throw new RunError(error.message, error.reason, error.mend);
    throw new RunError(`${folder} cannot be used as a run`, `data.json: ${fileReason(error)}`);
  }
}

/** The compiled program in a run's folder, or any folder that `ganc compile` wrote. Throws RunError. */
export async function readProgramFolder(folder: string): Promise<Program> {
  const files = new Map<string, string>();
  try {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    for (const entry of entries) {
      if (!entry.isFile() || !/\.(json|wgsl)$/.test(entry.name)) continue;
      const path = join(entry.parentPath ?? entry.path, entry.name);
      files.set(
        resolve(path)
          .slice(resolve(folder).length + 1)
          .split(sep)
          .join('/'),
        await readFile(path, 'utf8'),
      );
    }
  } catch (error) {
    throw new RunError(`${folder} holds no compiled program`, fileReason(error));
  }
  try {
    return fromFiles(files);
  } catch (error) {
    if (error instanceof ProgramError) throw new RunError(`${folder} cannot be used as a compiled program`, error.message);
    throw error;
  }
}
