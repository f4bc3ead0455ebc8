/**
 * From graph functions to a program: for each function prune, masks, moments, transpose, cut where that is needed, split, narrow, fuse, kernels, memory, commands. The same module
 * gives the same program.
 */
import { createHash } from 'node:crypto';
import type { Module } from '../graph/module.js';
import { type GraphFunction, type Node, size, type Variable } from '../graph/node.js';
import { verify } from '../graph/verify.js';
import type { GeneratedKernel } from '../kernels/kernel.js';
import { type Command, PROGRAM_FORMAT, type Program, type ProgramKernel } from '../program/types.js';
import { cut } from '../rewrite/cut.js';
import { type Fused, fuse } from '../rewrite/fuse.js';
import { masks } from '../rewrite/masks.js';
import { moments } from '../rewrite/moments.js';
import { narrow } from '../rewrite/narrow.js';
import { prune } from '../rewrite/prune.js';
import { split } from '../rewrite/split.js';
import { transpose } from '../rewrite/transpose.js';
import { verifyGroups } from '../rewrite/verify-groups.js';
import { kernelKey, type PlannedEntry, planEntry, programKernel, type Shared, type Trace } from './entry.js';
import { MAX_BINDING } from './error.js';
import { BINDING_ALIGNMENT, Buffers, ELEMENT_BYTES, layFields, layVariables, roundUp } from './memory.js';
import { readsOf } from './place.js';
import { ScratchPool } from './scratch.js';
import { verifyPlan } from './verify.js';

/** Turns of cutting. */
const CUTS = 2;

/** A function as kernels have it, and its kernels. */
interface Fitted {
  readonly fn: GraphFunction;
  readonly fused: Fused;
}

/**
 * The kernels of a function, whose results are cut where one that some kernel writes is over `most` bytes. What `split` makes of parts may be too large again,
 * so there is a second turn. Where cutting does not help, all stays whole.
 */
function fitted(given: GraphFunction, variables: readonly Variable[], most: number): Fitted {
  const fusedOf = (split: GraphFunction): Fitted => {
    const fn = narrow(split);
    verify(fn);
    return { fn, fused: fuse(fn, variables) };
  };
  let best = fusedOf(split(given));
  for (let turn = 0, current = given, over = excess(best, most); turn < CUTS && over > 0; turn++) {
    current = split(cut(current, most));
    const next = fusedOf(current);
    if (excess(next, most) >= over) continue;
    best = next;
    over = excess(next, most);
  }
  return best;
}

/** Bytes of what kernels bind, as far as it is over `most`: of results, and of parts that are joined again. */
function excess({ fused: { groups, materialised } }: Fitted, most: number): number {
  const over = ({ shape }: Node): number => Math.max(0, size(shape) * ELEMENT_BYTES - most);
  let bytes = 0;
  for (const { outputs } of groups) for (const output of outputs) bytes += over(output);
  for (const node of materialised) {
    if (node.operation.op !== 'pack' || node.operation.tight !== true || over(node) === 0) continue;
    if (groups.some((group) => readsOf(group, materialised).nodes.has(node))) bytes += over(node);
  }
  return bytes;
}

/** Kernels of the program, equal ones once, each under a name of its own. */
class Kernels {
  readonly list: ProgramKernel[] = [];
  private readonly byKey = new Map<string, number>();
  private readonly names = new Map<string, number>();

  add(generated: GeneratedKernel): number {
    const key = createHash('sha256').update(kernelKey(generated)).digest('hex');
    const known = this.byKey.get(key);
    if (known !== undefined) return known;
    const count = (this.names.get(generated.name) ?? 0) + 1;
    this.names.set(generated.name, count);
    this.byKey.set(key, this.list.length);
    this.list.push(programKernel(count === 1 ? generated.name : `${generated.name}_${count}`, generated));
    return this.list.length - 1;
  }
}

/** Parameters of all dispatches, equal ones once, each at a multiple of 256 bytes. */
class Parameters {
  readonly words: number[] = [];
  private readonly places = new Map<string, number>();

  add(words: readonly number[]): { offset: number; size: number } {
    const size = roundUp(Math.max(1, words.length) * ELEMENT_BYTES, 16);
    const key = words.join(' ');
    let offset = this.places.get(key);
    if (offset === undefined) {
      offset = this.words.length * ELEMENT_BYTES;
      this.places.set(key, offset);
      const length = roundUp(size, BINDING_ALIGNMENT) / ELEMENT_BYTES;
      for (let i = 0; i < length; i++) this.words.push(words[i] ?? 0);
    }
    return { offset, size };
  }
}

/** A program, and of each entry what its commands compute: for checks. */
export interface Lowered {
  readonly program: Program;
  readonly entries: readonly {
    /** The function as the kernels have it. */
    readonly fn: GraphFunction;
    /** Of each command: the nodes that it reads and writes, and where they lie meanwhile. */
    readonly traces: readonly Trace[];
  }[];
}

export interface LowerOptions {
  /** Results of more bytes are cut, where they can be. Default: what every GPU is sure to bind at once. */
  readonly most?: number;
}

/** Throws `PlanError` where the program cannot be laid out on any GPU; any other error is a fault of the compiler. */
export function lower(module: Module, options: LowerOptions = {}): Program {
  return lowerTraced(module, options).program;
}

/** As `lower`, with what each command computes. */
export function lowerTraced(module: Module, { most = MAX_BINDING }: LowerOptions = {}): Lowered {
  const buffers = new Buffers();
  const variables = layVariables(module.variables, buffers);
  const fields = layFields(module.data, buffers);
  const parametersBuffer = buffers.add({ kind: 'parameters', size: 0 });
  const keysBuffer = buffers.add({ kind: 'keys', size: 16 });
  const kernels = new Kernels();
  const parameters = new Parameters();
  const draws: string[] = [];
  const drawNumbers = new Map<string, number>();
  const shared: Shared = {
    buffers,
    variables,
    fields,
    scratch: new ScratchPool(buffers),
    keys: keysBuffer,
    draw(path) {
      const number = drawNumbers.get(path) ?? draws.push(path) - 1;
      drawNumbers.set(path, number);
      return number;
    },
    kernel: (generated) => kernels.add(generated),
    parameters: (words) => ({ buffer: parametersBuffer, ...parameters.add(words) }),
  };
  const functions: GraphFunction[] = [];
  const planned = module.functions.map((given): PlannedEntry => {
    const { fn, fused } = fitted(transpose(moments(masks(prune(given)))), module.variables, most);
    functions.push(fn);
    verifyGroups(fn, fused);
    return planEntry(fn, fused, shared);
  });
  buffers.grow(parametersBuffer, Math.max(16, parameters.words.length * ELEMENT_BYTES));
  buffers.grow(keysBuffer, roundUp(draws.length * 2 * ELEMENT_BYTES, 16));
  // How many draws there are is known only now.
  const keys = { buffer: keysBuffer, offset: 0, size: buffers.list[keysBuffer].size };
  const finish = (command: Command): Command =>
    command.kind === 'copy' ? command : { ...command, bindings: command.bindings.map((binding) => (binding.buffer === keysBuffer ? keys : binding)) };
  const entries = planned.map((p): PlannedEntry => ({ ...p, entry: { ...p.entry, commands: p.entry.commands.map(finish) } }));
  const program: Program = {
    format: PROGRAM_FORMAT,
    name: module.name,
    hash: module.hash,
    hyper: module.hyper,
    ...(module.data === undefined ? {} : { data: module.data }),
    noises: module.noises,
    variables: variables.list,
    buffers: buffers.list,
    parameters: parameters.words,
    draws,
    kernels: kernels.list,
    entries: entries.map((p) => p.entry),
    ...(module.train === undefined ? {} : { train: module.train }),
    samples: module.samples,
    ...(module.judges === undefined ? {} : { judges: module.judges }),
    ...(module.metrics === undefined ? {} : { metrics: module.metrics }),
  };
  verifyPlan(program, entries);
  return { program, entries: entries.map(({ traces }, i) => ({ fn: functions[i], traces })) };
}
