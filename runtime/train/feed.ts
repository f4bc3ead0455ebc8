/** `--feed F.safetensors`: what data and draws would have given, by name and update: `D.x` is [updates of D, batch, ...]. */
import { entriesOf } from '../../compiler/program/schedule.js';
import type { EntryInput, Program, TrainPlan } from '../../compiler/program/types.js';
import { suggest } from '../../grammar/suggest.js';
import type { TensorData } from '../execute/tensor.js';
import { RunError } from './errors.js';
import { readSafetensors, SafetensorsError } from './safetensors.js';

/** Begins the names of what a step evaluates once: `shared.x`. */
const SHARED = 'shared.';

export interface Feed {
  /** Whole steps that it has inputs for. */
  readonly steps: number;
  /** The tensors of call `call` of an entry, made in step `step`, for its inputs of kind `tensor`. */
  at(entry: string, call: number, step: number): Readonly<Record<string, TensorData>>;
}

/** How many batches of its player's a step has, for each entry of the training. */
export function callsPerStep(plan: TrainPlan): Map<string, number> {
  const calls = new Map<string, number>();
  if (plan.shared !== undefined) calls.set(plan.shared, 1);
  for (const line of plan.updates) for (const entry of entriesOf(line)) calls.set(entry, (calls.get(entry) ?? 0) + line.times * (plan.accumulate ?? 1));
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
  const unfed = unfedInputs(program, plan);
  for (const { name } of unfed) names.add(name);
  const problems: string[] = [];
  for (const name of tensors.keys()) {
    if (names.has(name) || unneeded(name, program, plan)) continue;
    const near = suggest(name, names);
    problems.push(`${name} is nothing that the training reads${near === undefined ? '' : `; did you mean ${near}?`}`);
  }
  for (const { name, each } of unfed) if (!tensors.has(name)) problems.push(missing(name, each.join(', '), tensors.keys(), names));
  const found = new Map<string, { input: EntryInput; tensor: TensorData }[]>();
  let shortest: { name: string; steps: number } | undefined;
  let longest: { name: string; steps: number } | undefined;
  for (const { entry, input } of wanted) {
    const tensor = tensors.get(input.name);
    const one = input.shape.join(', ');
    if (tensor === undefined) {
      problems.push(missing(input.name, one, tensors.keys(), names));
      continue;
    }
    if (tensor.shape.length !== input.shape.length + 1 || input.shape.some((n, i) => n !== tensor.shape[i + 1])) {
      problems.push(`${input.name} is [${tensor.shape.join(', ')}]; the training needs [updates, ${one}]`);
      continue;
    }
    try {
      found.set(entry, [...(found.get(entry) ?? []), { input, tensor: tensor.as(input.dtype) }]);
    } catch (error) {
      if (!(error instanceof SafetensorsError)) throw error;
      problems.push(error.reason);
      continue;
    }
    const each = onceAStep(input) ? 1 : (calls.get(entry) as number);
    const steps = tensor.shape[0] / each;
    if (!Number.isInteger(steps)) problems.push(`${input.name} has ${tensor.shape[0]} updates, which is no whole number of steps: a step has ${each}`);
    else if (steps === 0) problems.push(`${input.name} has no updates`);
    if (shortest === undefined || steps < shortest.steps) shortest = { name: input.name, steps };
    if (longest === undefined || steps > longest.steps) longest = { name: input.name, steps };
  }
  if (plan.phases !== undefined) problems.push('its schedule has phases, whose updates cannot be fed');
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
    at: (entry, call, step) =>
      Object.fromEntries((found.get(entry) ?? []).map(({ input, tensor }) => [input.name, slice(tensor, onceAStep(input) ? step : call, input)])),
  };
}

/** What a step evaluates once has one tensor a step, whichever update reads it. */
function onceAStep(input: EntryInput): boolean {
  return input.name.startsWith(SHARED);
}

/** `G.z [updates, 64, 100] is missing`, and the file's tensor that may be meant by it. */
function missing(name: string, each: string, given: Iterable<string>, names: ReadonlySet<string>): string {
  const others = [...given].filter((other) => !names.has(other));
  const near = suggest(name, others);
  return `${name} [updates, ${each}] is missing${near === undefined ? '' : `; is it the file's ${near}?`}`;
}

/** Data fields and noises that the updates still take from the data and the generator: a run is fed wholly, or it could not be repeated elsewhere. */
function unfedInputs(program: Program, plan: TrainPlan): { name: string; each: number[] }[] {
  const unfed: { name: string; each: number[] }[] = [];
  const entries = [
    ...(plan.shared === undefined ? [] : [{ player: 'shared', entry: plan.shared }]),
    ...plan.updates.flatMap((line) => entriesOf(line).map((entry) => ({ player: line.player, entry }))),
  ];
  const optional = program.draws.filter((path) => path.endsWith('.present'));
  for (const { player, entry } of entries) {
    const own = plan.sharedBatch ? SHARED : `${player}.`;
    for (const { name, fields = [], differs, agrees } of program.entries.find((e) => e.name === entry)?.inputs ?? []) {
      for (const field of fields) {
        const path = differs === undefined && agrees === undefined ? `${own}${field}` : `${name}.${field}`;
        unfed.push({ name: path, each: [plan.batch, ...(program.data?.fields.find((f) => f.name === field)?.shape ?? [])] });
      }
    }
    for (const name of optional) if (name.startsWith(own) || name.startsWith(`${player}.`)) unfed.push({ name, each: [plan.batch] });
    for (const noise of program.noises) {
      if (program.draws.includes(`${player}.${noise.name}`)) unfed.push({ name: `${player}.${noise.name}`, each: [plan.batch, ...noise.shape] });
    }
  }
  return unfed;
}

/** A field or noise of the spec that this player's objective does not read: a feed may hold it all the same. */
function unneeded(name: string, program: Program, plan: TrainPlan): boolean {
  const [player, ...rest] = name.split('.');
  const own = rest.join('.');
  const fields = program.data?.fields ?? [];
  const known = [...program.noises, ...fields].map((given) => given.name);
  for (const { name, optional } of fields) if (optional !== undefined) known.push(`${name}.present`);
  return plan.updates.some((u) => u.player === player) && known.includes(own);
}

function slice(tensor: TensorData, call: number, input: EntryInput): TensorData {
  const size = input.shape.reduce((a, b) => a * b, 1);
  return { dtype: tensor.dtype, shape: [...input.shape], data: tensor.data.subarray(call * size, (call + 1) * size) };
}
