/** `--feed F.safetensors`: what data and draws would have given, by name and update: `D.x` is [updates of D, batch, ...]. */
import type { EntryInput, Program, TrainPlan } from '../../compiler/program/types.js';
import { suggest } from '../../grammar/suggest.js';
import type { TensorData } from '../execute/tensor.js';
import { RunError } from './errors.js';
import { readSafetensors, SafetensorsError } from './safetensors.js';

export interface Feed {
  /** Whole steps that it has inputs for. */
  readonly steps: number;
  /** The tensors of one call, for the entry's inputs of kind `tensor`. */
  at(entry: string, call: number): Readonly<Record<string, TensorData>>;
}

/** How often each entry of the training is called in a step. */
export function callsPerStep(plan: TrainPlan): Map<string, number> {
  const calls = new Map<string, number>();
  if (plan.shared !== undefined) calls.set(plan.shared, 1);
  for (const { entry, times } of plan.updates) calls.set(entry, (calls.get(entry) ?? 0) + times);
  return calls;
}

/** Entry and input of every tensor that the training must be fed with. */
export function fedInputs(program: Program, plan: TrainPlan): { entry: string; input: EntryInput }[] {
  return [...callsPerStep(plan).keys()].flatMap((name) => {
    const entry = program.entries.find((e) => e.name === name);
    return (entry?.inputs ?? []).filter((input) => input.kind === 'tensor').map((input) => ({ entry: name, input }));
  });
}

/** Reads the feed and checks names, shapes and lengths against the program. Throws RunError or SafetensorsError. */
export async function readFeed(path: string, program: Program, plan: TrainPlan): Promise<Feed> {
  const tensors = await readSafetensors(path);
  const wanted = fedInputs(program, plan);
  const calls = callsPerStep(plan);
  const names = new Set(wanted.map(({ input }) => input.name));
  const problems: string[] = [];
  for (const name of tensors.keys()) {
    if (names.has(name)) continue;
    const near = suggest(name, names);
    problems.push(`${name} is nothing that the training reads${near === undefined ? '' : `; did you mean ${near}?`}`);
  }
  const found = new Map<string, { input: EntryInput; tensor: TensorData }[]>();
  let shortest: { name: string; steps: number } | undefined;
  let longest: { name: string; steps: number } | undefined;
  for (const { entry, input } of wanted) {
    const tensor = tensors.get(input.name);
    const each = input.shape.join(', ');
    if (tensor === undefined) {
      const near = suggest(
        input.name,
        [...tensors.keys()].filter((name) => !names.has(name)),
      );
      problems.push(`${input.name} [updates, ${each}] is missing${near === undefined ? '' : `; is it the file's ${near}?`}`);
      continue;
    }
    if (tensor.shape.length !== input.shape.length + 1 || input.shape.some((n, i) => n !== tensor.shape[i + 1])) {
      problems.push(`${input.name} is [${tensor.shape.join(', ')}]; the training needs [updates, ${each}]`);
      continue;
    }
    try {
      found.set(entry, [...(found.get(entry) ?? []), { input, tensor: tensor.as(input.dtype) }]);
    } catch (error) {
      if (!(error instanceof SafetensorsError)) throw error;
      problems.push(error.reason);
      continue;
    }
    const steps = tensor.shape[0] / (calls.get(entry) as number);
    if (!Number.isInteger(steps))
      problems.push(`${input.name} has ${tensor.shape[0]} updates, which is no whole number of steps: a step has ${calls.get(entry)}`);
    else if (steps === 0) problems.push(`${input.name} has no updates`);
    if (shortest === undefined || steps < shortest.steps) shortest = { name: input.name, steps };
    if (longest === undefined || steps > longest.steps) longest = { name: input.name, steps };
  }
  if (wanted.length === 0) problems.push('the program was compiled to read its data and to draw, not to be fed');
  if (problems.length === 0 && shortest !== undefined && longest !== undefined && shortest.steps !== longest.steps) {
    problems.push(`${shortest.name} has inputs for ${shortest.steps} steps, ${longest.name} for ${longest.steps}`);
  }
  if (problems.length > 0)
    throw new RunError(
      `${path} does not fit the training`,
      problems.join('\n  '),
      'a feed holds <player>.<name> for each field, noise and draw, [updates of that player, batch, ...]',
    );
  return {
    steps: shortest?.steps ?? 0,
    at: (entry, call) => Object.fromEntries((found.get(entry) ?? []).map(({ input, tensor }) => [input.name, slice(tensor, call, input)])),
  };
}

function slice(tensor: TensorData, call: number, input: EntryInput): TensorData {
  const size = input.shape.reduce((a, b) => a * b, 1);
  return { dtype: tensor.dtype, shape: [...input.shape], data: tensor.data.subarray(call * size, (call + 1) * size) };
}
