/**
 * Where numbers stopped being numbers: the steps since the last sound state are made again, to the same bits; the one in which it happened then command by
 * command. The first that writes NaN or an infinity, and did not in the step before, is the one; its values are computed once more by the interpreter, from
 * what the device has read, for the operation in it.
 */
import { evaluate, type Tensor, workOf } from '../../compiler/graph/interpret.js';
import type { Module } from '../../compiler/graph/module.js';
import type { Node } from '../../compiler/graph/node.js';
import type { Lowered } from '../../compiler/plan/lower.js';
import { insideOf, purposes } from '../../compiler/plan/purpose.js';
import { prelude } from '../../compiler/prelude/text.js';
import type { Command, Entry, Program } from '../../compiler/program/types.js';
import { position } from '../../grammar/source.js';
import type { BufferRange } from '../execute/executor.js';
import { byteSize, decode, type TensorData } from '../execute/tensor.js';
import { DIVERGED_HELP } from './errors.js';
import type { TrainExecutor } from './executor.js';
import type { RowFeeder } from './rows.js';
import type { PlannedCall, Schedule } from './schedule.js';
import { findNonfinite, readStep } from './watch.js';

/** A program as it was compiled, for the lines of its spec. */
export interface Traced {
  readonly module: Module;
  readonly lowered: Lowered;
}

/** The first value that is no number. */
export interface FirstFault {
  readonly step: number;
  /** `update.G`. */
  readonly entry: string;
  /** The layer or part that the operation, or else its command, works for: `D.fc1`, `G.optimizer`; absent of a formula of the game. */
  readonly layer?: string;
  /** `gan.gan:12:5`, of the operation; `gan.gan:12`, of the layer; absent of what is not in the user's text, or where the text is not known. */
  readonly place?: string;
  /** `log`, where it is known. */
  readonly operation?: string;
  /** What its operands were there. */
  readonly operands?: readonly number[];
  /** How many of the values that the command wrote, and the first of them. */
  readonly count: number;
  readonly of: number;
  readonly value: number;
  readonly shape?: readonly number[];
}

/** The interpreter does not compute more than this again, in the unit of `workOf`: about ten seconds. */
const MOST_WORK = 3e8;

export interface Search {
  readonly program: Program;
  readonly executor: TrainExecutor;
  readonly feeder: RowFeeder;
  /** As it was at the sound state, whose values the executor has. */
  readonly schedule: Schedule;
  /** Steps done then, and the one in which the fault was seen. */
  readonly from: number;
  readonly until: number;
  readonly seed: bigint;
  readonly traced?: () => Traced | undefined;
  readonly signal?: AbortSignal;
  readonly progress?: (text: string) => void;
}

type Known = Omit<Search, 'traced'> & { readonly traced: Traced | undefined };

/** Undefined where it does not happen again, or the executor cannot go command by command. The variables are lost. */
export async function findFirstFault(given: Search): Promise<FirstFault | undefined> {
  const { program, executor, feeder, schedule, from, until, signal, progress } = given;
  if (executor.stepThrough === undefined) return undefined;
  const search: Known = { ...given, traced: given.traced?.() };
  let before = await executor.read();
  let previous: { values: typeof before; calls: readonly PlannedCall[] } | undefined;
  for (let step = from; step < until && signal?.aborted !== true; step++) {
    progress?.(`looking for the first value that is no number: step ${step + 1}`);
    const calls = schedule.step(step);
    const results = await executor.submit(feeder.prepare(calls));
    const after = await executor.read();
    if (readStep(calls, results).diverged === undefined && findNonfinite(program, after) === undefined) {
      previous = { values: before, calls };
      before = after;
      continue;
    }
    const usual = previous === undefined ? new Set<string>() : await usualIn(search, previous.values, previous.calls);
    return locate(search, before, calls, step + 1, usual);
  }
  return undefined;
}

/** Commands that write infinities in a sound step, too: `update.D 12`. */
async function usualIn(search: Known, values: ReadonlyMap<string, TensorData>, calls: readonly PlannedCall[]): Promise<Set<string>> {
  const found = new Set<string>();
  await stepBy(search, values, calls, async (_, entry, place, read) => {
    if ((await faultsOf(search, entry, place, read)) !== undefined) found.add(`${entry.name} ${place}`);
    return true;
  });
  return found;
}

type Read = (ranges: readonly BufferRange[]) => Promise<ArrayBuffer[]>;
type Look = (call: PlannedCall, entry: Entry, place: number, read: Read) => Promise<boolean>;

/** A step from these values, command by command, until `look` gives false. */
async function stepBy({ program, executor, feeder }: Known, values: ReadonlyMap<string, TensorData>, calls: readonly PlannedCall[], look: Look): Promise<void> {
  executor.write(values);
  let going = true;
  for (const planned of calls) {
    const [call] = feeder.prepare([planned]);
    const entry = program.entries.find(({ name }) => name === call.entry) as Entry;
    await executor.stepThrough?.(call, async (place, read) => (going = await look(call, entry, place, read)));
    if (!going) return;
  }
}

async function locate(
  search: Known,
  before: ReadonlyMap<string, TensorData>,
  calls: readonly PlannedCall[],
  step: number,
  usual: ReadonlySet<string>,
): Promise<FirstFault | undefined> {
  const { traced } = search;
  let found: { call: PlannedCall; entry: Entry; place: number; faults: Faults } | undefined;
  await stepBy(search, before, calls, async (call, entry, place, read) => {
    if (usual.has(`${entry.name} ${place}`)) return true;
    const faults = await faultsOf(search, entry, place, read);
    if (faults !== undefined) found = { call, entry, place, faults };
    return faults === undefined;
  });
  if (found === undefined) return undefined;
  const { call, entry, place, faults } = found;
  const command = entry.commands[place];
  const general = { step, entry: entry.name, layer: command.kind === 'dispatch' ? command.label : entry.name, ...faults };
  const known = traced && entryOfTraced(traced, entry);
  if (traced === undefined || known === undefined) return general;
  const line = purposes(traced.module, traced.lowered).get(known.entry.commands[place])?.place;
  const exact = await operationOf(search, before, calls, { call, entry, place }, known.traces).catch(() => undefined);
  return { ...general, place: line, ...exact };
}

/** The entry as it was compiled, where it is the same one. */
function entryOfTraced({ lowered }: Traced, entry: Entry) {
  const index = lowered.program.entries.findIndex(({ name }) => name === entry.name);
  const own = lowered.program.entries[index];
  const same = (a: Command, b: Command | undefined) => a.kind === b?.kind && (a.kind !== 'dispatch' || (b.kind === 'dispatch' && a.label === b.label));
  if (own === undefined || own.commands.length !== entry.commands.length || !entry.commands.every((c, i) => same(c, own.commands[i]))) return undefined;
  return { entry: own, traces: lowered.entries[index].traces };
}

type Faults = Pick<FirstFault, 'count' | 'of' | 'value'>;

/** What a command has written that is no number. */
async function faultsOf({ program, traced }: Known, entry: Entry, place: number, read: Read): Promise<Faults | undefined> {
  const command = entry.commands[place];
  // What a copy copies was written before.
  if (command.kind === 'copy') return undefined;
  const { bindings, candidates } = program.kernels[command.kernel];
  const writes = traced && entryOfTraced(traced, entry)?.traces[place].writes.filter(({ node }) => node.dtype === 'f32');
  // Without them all that it may write: a range beside it in the same buffer is bound like those.
  const ranges =
    writes?.map(({ node, range }) => ({ buffer: range.buffer, offset: range.offset, size: byteSize(node.shape) })) ??
    command.bindings.filter(({ size }, i) => bindings[i] === 'read_write' && size > 0 && holdsFloats(candidates[0].wgsl, i));
  if (ranges.length === 0) return undefined;
  const numbers = (await read(ranges.map(({ buffer, offset, size }) => ({ buffer, offset, size })))).map((bytes) => new Float32Array(bytes));
  const none = numbers.flatMap((values) => [...values.filter((value) => !Number.isFinite(value))]);
  return none.length === 0 ? undefined : { count: none.length, of: numbers.reduce((sum, { length }) => sum + length, 0), value: none[0] };
}

/** Whether binding `i` of a kernel's text is of f32, alone or in vectors. */
function holdsFloats(wgsl: string, binding: number): boolean {
  const type = new RegExp(`@binding\\(${binding}\\)[^;]*?array<([^;]*)>;`).exec(wgsl)?.[1];
  return type === undefined || type.includes('f32') || /^vec\d?f/.test(type);
}

/** The first operation in a command whose result is no number though its operands are. */
async function operationOf(
  search: Known,
  before: ReadonlyMap<string, TensorData>,
  calls: readonly PlannedCall[],
  at: { readonly call: PlannedCall; readonly entry: Entry; readonly place: number },
  traces: Lowered['entries'][number]['traces'],
): Promise<Pick<FirstFault, 'layer' | 'place' | 'operation' | 'operands' | 'shape' | 'count' | 'of' | 'value'> | undefined> {
  const trace = traces[at.place];
  const nodes = insideOf(trace);
  if (nodes.reduce((sum, node) => sum + workOf(node), 0) > MOST_WORK) return undefined;
  const given = new Map<Node, Tensor>();
  // What it reads is read before it writes, where that can be: a kernel may write in place.
  const last = Math.max(0, at.place - 1);
  const index = calls.findIndex(({ entry, counter }) => entry === at.call.entry && counter === at.call.counter);
  await stepBy(search, before, calls, async (call, _, place, read) => {
    if (call.entry !== calls[index].entry || call.counter !== calls[index].counter || place < last) return true;
    const reads = trace.reads.filter(({ node }) => !given.has(node));
    const bytes = await read(reads.map(({ node, range }) => ({ buffer: range.buffer, offset: range.offset, size: byteSize(node.shape) })));
    reads.forEach(({ node }, i) => {
      const { data } = decode(node.dtype, node.shape, bytes[i], 0);
      given.set(node, { dtype: node.dtype, shape: node.shape, data: Float64Array.from(data) });
    });
    return false;
  });
  // Of rows of data nothing is known here: what gathers them is named by its layer.
  const environment = { variables: new Map(), inputs: new Map(), fields: new Map(), seed: search.seed, counter: at.call.counter };
  // As the device has them: what is over the largest f32 is infinite.
  const perturb = (node: Node, value: Tensor): Tensor => (node.dtype === 'f32' ? { ...value, data: value.data.map(Math.fround) } : value);
  const values = evaluate(nodes, environment, { given, perturb });
  const none = (node: Node) => node.dtype === 'f32' && (values.get(node) ?? given.get(node))?.data.some((value) => !Number.isFinite(value));
  const node = nodes.find((candidate) => none(candidate) && !candidate.inputs.some(none));
  if (node === undefined) return undefined;
  const { data, shape } = values.get(node) as Tensor;
  const first = data.findIndex((value) => !Number.isFinite(value));
  const { operation, inputs, origin } = node;
  const elementwise = inputs.every((input) => input.shape.join() === shape.join());
  const operands = elementwise ? inputs.map((input) => ((values.get(input) ?? given.get(input)) as Tensor).data[first]) : undefined;
  const theirs = origin.span !== undefined && !prelude.some((source) => source === origin.span?.source);
  return {
    ...(theirs && origin.span && { place: placeOf(origin.span) }),
    // Of the game's formulas it is the player, who is named anyway.
    layer: origin.path?.includes('.') ? origin.path : undefined,
    operation: operation.op === 'unary' || operation.op === 'binary' ? operation.name : operation.op,
    operands,
    shape,
    count: data.filter((value) => !Number.isFinite(value)).length,
    of: data.length,
    value: data[first],
  };
}

function placeOf({ source, start }: NonNullable<Node['origin']['span']>): string {
  const { line, column } = position(source, start);
  return `${source.name}:${line}:${column}`;
}

/** `the first value that is no number is NaN (32 of 32): log of -0.65 at gan.gan:8:49, in update.G, step 42`. */
export function faultText({ step, entry, layer, place, operation, operands, count, of, value }: FirstFault): string {
  const shown = (x: number) => String(Number(x.toPrecision(4)));
  const given = operands === undefined || operands.length === 0 ? '' : ` of ${operands.map(shown).join(' and ')}`;
  const where = [operation && `${operation}${given}`, layer && `${operation ? 'in ' : ''}${layer}`, place && `at ${place}`].filter(Boolean).join(' ');
  return `the first value that is no number is ${value} (${count} of ${of}): ${where}, in ${entry}, step ${step}`;
}

/** What usually helps against a fault of this operation. */
export function faultHelp(operation?: string): string {
  switch (operation) {
    case 'log':
    case 'log1p':
      return 'keep its operand over 0, as in log(x + 1e-6), or write the score through sigmoid, softplus or a loss of the prelude: these have stable forms';
    case 'div':
    case 'rsqrt':
      return 'keep its divisor away from 0, as in x / (y + 1e-6)';
    case 'sqrt':
      return 'keep its operand over 0, as in sqrt(x + 1e-8)';
    case 'exp':
    case 'expm1':
    case 'pow':
      return 'bound its operand (clamp, tanh, softplus), or lower the learning rate';
    default:
      return DIVERGED_HELP;
  }
}
