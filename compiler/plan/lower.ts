/**
 * From graph functions to a program: for each function prune, masks, moments, transpose, split, narrow, fuse, kernels, memory, commands. The same module gives the same program.
 */
import { createHash } from 'node:crypto';
import type { Module } from '../graph/module.js';
import type { GraphFunction } from '../graph/node.js';
import { verify } from '../graph/verify.js';
import type { GeneratedKernel } from '../kernels/kernel.js';
import { type Command, PROGRAM_FORMAT, type Program, type ProgramKernel } from '../program/types.js';
import { fuse } from '../rewrite/fuse.js';
import { masks } from '../rewrite/masks.js';
import { moments } from '../rewrite/moments.js';
import { narrow } from '../rewrite/narrow.js';
import { prune } from '../rewrite/prune.js';
import { split } from '../rewrite/split.js';
import { transpose } from '../rewrite/transpose.js';
import { verifyGroups } from '../rewrite/verify-groups.js';
import { kernelKey, type PlannedEntry, planEntry, programKernel, type Shared, type Trace } from './entry.js';
import { BINDING_ALIGNMENT, Buffers, ELEMENT_BYTES, layFields, layVariables, roundUp } from './memory.js';
import { ScratchPool } from './scratch.js';
import { verifyPlan } from './verify.js';

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

/** Throws `PlanError` where the program cannot be laid out on any GPU; any other error is a fault of the compiler. */
export function lower(module: Module): Program {
  return lowerTraced(module).program;
}

/** As `lower`, with what each command computes. */
export function lowerTraced(module: Module): Lowered {
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
  const functions = module.functions.map((given) => narrow(split(transpose(moments(masks(prune(given)))))));
  const planned = functions.map((fn): PlannedEntry => {
    verify(fn);
    const fused = fuse(fn, module.variables);
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
