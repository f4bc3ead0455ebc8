/** `--init`: weights and states to start from, by name, instead of drawn ones: some of them or all. */
import { existsSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { DType } from '../../compiler/graph/node.js';
import type { Program, ProgramVariable } from '../../compiler/program/types.js';
import { isSaved } from '../../compiler/program/variables.js';
import { suggest } from '../../grammar/suggest.js';
import type { TensorData } from '../execute/tensor.js';
import { latestCheckpoint } from './checkpoint.js';
import { RunError } from './errors.js';
import { readRecord, runPaths } from './folder.js';
import { readSafetensors, SafetensorsError } from './safetensors.js';

export interface InitialWeights {
  /** For variables of the program. */
  readonly values: Map<string, TensorData>;
  /** The sources with absolute paths, as they can be given again. */
  readonly from: readonly string[];
  /** How many weights there are, and how many of them were given. */
  readonly weights: number;
  readonly taken: number;
  /** Names of those that are drawn, as without. */
  readonly fresh: readonly string[];
}

/** A tensor of a source, under the name that the program should have for it. */
interface Given {
  readonly shape: readonly number[];
  readonly as: (dtype: DType) => TensorData;
}

/** What PyTorch keeps beside running statistics, and nothing here needs. */
const UNNEEDED = /(^|\.)num_batches_tracked$/;
const OPTIMIZER = /(^|\.)optimizer\./;
/** Mistakes that a message lists. */
const LISTED = 12;

/**
 * Values for the program's variables from sources, each `FILE.safetensors`, the folder of a run (its last checkpoint, without states of optimizers), or one of
 * these as `NAME=SOURCE`: of a source that has tensors `NAME.*` these alone, else all of them with `NAME.` put before. Weights that no source names are
 * drawn. A tensor that the program does not know, or knows in another shape, is a mistake; averages that are not named start as copies of what they
 * average. Throws RunError listing every mistake, or SafetensorsError.
 */
export async function readInitial(sources: readonly string[], program: Program, warn: (text: string) => void = () => undefined): Promise<InitialWeights> {
  const known = new Map(program.variables.filter((v) => isSaved(v)).map((v) => [v.name, v]));
  const values = new Map<string, TensorData>();
  const from: string[] = [];
  for (const text of sources) {
    const source = parseSource(text);
    const problems: string[] = [];
    const tensors = await readSource(source, known, warn);
    const open = [...known.keys()].filter((name) => !tensors.has(name));
    for (const [name, tensor] of tensors) {
      const variable = known.get(name);
      if (variable === undefined) problems.push(`${name} [${tensor.shape.join(', ')}] is not a variable of this program${meant(name, open)}`);
      else if (values.has(name)) problems.push(`${name} was given by another --init already`);
      else take(name, tensor, variable, values, problems);
    }
    if (tensors.size === 0) problems.push('it holds no tensors');
    if (problems.length > 0) throw misfit(source, program, problems);
    from.push(`${source.prefix === undefined ? '' : `${source.prefix}=`}${resolve(source.path)}`);
  }
  for (const average of known.values()) {
    const averaged = average.kind === 'average' && !values.has(average.name) ? values.get(average.name.slice('average.'.length)) : undefined;
    if (averaged !== undefined) values.set(average.name, averaged);
  }
  const weights = [...known.values()].filter((v) => v.kind === 'weight').map((v) => v.name);
  const fresh = weights.filter((name) => !values.has(name));
  return { values, from, weights: weights.length, taken: weights.length - fresh.length, fresh };
}

interface Source {
  readonly prefix?: string;
  readonly path: string;
}

/** `G=file.safetensors`; a path that is there as it is written counts as that. */
function parseSource(text: string): Source {
  const match = /^([A-Za-z_][\w.#]*)=(.+)$/.exec(text);
  return match === null || existsSync(text) ? { path: text } : { prefix: match[1], path: match[2] };
}

async function readSource({ prefix, path }: Source, known: ReadonlyMap<string, ProgramVariable>, warn: (text: string) => void): Promise<Map<string, Given>> {
  let tensors: ReadonlyMap<string, Given> = isFolder(path) ? await readRun(path, warn) : await readSafetensors(path);
  tensors = new Map([...tensors].filter(([name]) => !UNNEEDED.test(name)));
  if (prefix === undefined) return new Map(tensors);
  if (![...known.keys()].some((name) => name.startsWith(`${prefix}.`))) {
    const nets = [...new Set([...known.values()].filter((v) => v.kind === 'weight').map((v) => v.name.split('.')[0]))];
    const near = suggest(prefix, nets);
    throw new RunError(
      `--init ${prefix}=${path} is not possible`,
      `no weight begins with ${prefix}.`,
      near ? `did you mean ${near}?` : `nets are ${nets.join(', ')}`,
    );
  }
  const own = [...tensors].filter(([name]) => name.startsWith(`${prefix}.`) && !OPTIMIZER.test(name));
  return new Map(own.length > 0 ? own : [...tensors].map(([name, tensor]) => [`${prefix}.${name}`, tensor]));
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** The last checkpoint of a run that is whole. */
async function readRun(folder: string, warn: (text: string) => void): Promise<Map<string, Given>> {
  const record = await readRecord(folder);
  const checkpoint = await latestCheckpoint(runPaths(folder).checkpoints, warn);
  if (checkpoint === undefined) throw new RunError(`${folder} has no checkpoint to start from`, `its status is ${record.status}`);
  return new Map(
    [...checkpoint.values]
      .filter(([name]) => !OPTIMIZER.test(name))
      .map(([name, tensor]): [string, Given] => [
        name,
        {
          shape: tensor.shape,
          as: (dtype) => {
            if (dtype !== tensor.dtype) throw new SafetensorsError(checkpoint.path, `tensor "${name}" is ${tensor.dtype}, where ${dtype} is needed`);
            return tensor;
          },
        },
      ]),
  );
}

function take(name: string, tensor: Given, variable: ProgramVariable, values: Map<string, TensorData>, problems: string[]): void {
  if (!sameShape(tensor.shape, variable.shape)) {
    const turned = tensor.shape.length > 1 && sameShape([...tensor.shape].reverse(), variable.shape) ? ': transposed' : '';
    problems.push(`${name} is [${tensor.shape.join(', ')}], the program's is [${variable.shape.join(', ')}]${turned}`);
    return;
  }
  try {
    values.set(name, tensor.as(variable.dtype));
  } catch (error) {
    if (!(error instanceof SafetensorsError)) throw error;
    problems.push(error.reason);
  }
}

/** A name that the program has and the source has not: one that ends the same way, or is spelt nearly so. */
function meant(name: string, open: readonly string[]): string {
  const near = open.find((other) => other.endsWith(`.${name}`)) ?? suggest(name, open);
  return near === undefined ? '' : `; did you mean ${near}?`;
}

function misfit({ prefix, path }: Source, program: Program, problems: readonly string[]): RunError {
  const shown = problems.slice(0, LISTED);
  if (shown.length < problems.length) shown.push(`and ${problems.length - shown.length} more`);
  const nets = '--init NAME=SOURCE takes what belongs to one net';
  return new RunError(
    `${path} does not fit the program ${program.name}`,
    shown.join('\n  '),
    `\`ganc inspect --json\` lists every name and shape${prefix === undefined ? `; ${nets}` : ''}`,
  );
}

function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((n, i) => n === b[i]);
}
