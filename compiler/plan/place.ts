/**
 * Where the values of one entry lie. A result goes straight to its place where that is safe: a new value of a variable over the old one, once
 * nothing needs the old one; a part of a `pack` into its slice; an output that no kernel reads into the outputs. All others are scratch, and
 * results among them are copied at the end.
 */
import { type GraphFunction, type Node, size } from '../graph/node.js';
import type { Group } from '../kernels/kernel.js';
import type { Fused } from '../rewrite/fuse.js';
import { isZero, written } from '../rewrite/prune.js';
import { describe, PlanError } from './error.js';
import { BINDING_ALIGNMENT, type Buffers, ELEMENT_BYTES, overlap, type Range, roundUp, storedBytes, type Variables } from './memory.js';

export interface Copy {
  readonly node: Node;
  readonly to: Range;
}

export interface Placement {
  /** Of every stored value: variables and inputs too. Negative buffers are scratch, still to be assigned. */
  readonly homes: ReadonlyMap<Node, Range>;
  /** Output -> the old value of its variable, which the same kernel reads at the same element only. */
  readonly replaces: ReadonlyMap<Node, Node>;
  /** By position: copies after the group of that number; after all groups where the number is their count. */
  readonly copies: ReadonlyMap<number, readonly Copy[]>;
  /** Where each output of the entry lies, in order. */
  readonly outputs: readonly Range[];
  readonly outputBytes: number;
}

/** What a group loads, and which of it at the element that it writes alone. */
export interface Reads {
  readonly nodes: ReadonlySet<Node>;
  /** Read at other elements too, or through an anchor. */
  readonly elsewhere: ReadonlySet<Node>;
}

export function isLeafMemory(node: Node): boolean {
  return node.operation.op === 'variable' || node.operation.op === 'input';
}

export function readsOf(group: Group, materialised: ReadonlySet<Node>): Reads {
  const nodes = new Set<Node>();
  const elsewhere = new Set<Node>();
  const seen = new Set<string>();
  const own = new Set(group.outputs);
  const visit = (node: Node, aligned: boolean): void => {
    const key = `${node.id} ${aligned}`;
    if (seen.has(key)) return;
    seen.add(key);
    if (isLeafMemory(node) || (materialised.has(node) && !own.has(node))) {
      nodes.add(node);
      if (!aligned) elsewhere.add(node);
      return;
    }
    const { op } = node.operation;
    const follows =
      !group.anchors.includes(node) &&
      (['unary', 'binary', 'compare', 'select', 'cast', 'reshape'].includes(op) || (op === 'broadcast' && size(node.shape) === size(node.inputs[0].shape)));
    for (const input of node.inputs) visit(input, aligned && follows);
  };
  for (const output of group.outputs) visit(output, true);
  for (const anchor of group.anchors) visit(anchor, true);
  return { nodes, elsewhere };
}

export function place(
  fn: GraphFunction,
  fused: Fused,
  variables: Variables,
  inputs: ReadonlyMap<string, Range>,
  outputsBuffer: number,
  buffers: Buffers,
): Placement {
  const { groups, materialised } = fused;
  const reads = groups.map((group) => readsOf(group, materialised));
  const producer = new Map<Node, number>();
  groups.forEach((group, i) => {
    for (const output of group.outputs) producer.set(output, i);
  });
  const homes = new Map<Node, Range>();
  const replaces = new Map<Node, Node>();
  const copies = new Map<number, Copy[]>();
  const copyAfter = (position: number, copy: Copy): void => {
    copies.set(position, [...(copies.get(position) ?? []), copy]);
  };
  const end = groups.length;

  const memoryOf = (node: Node): Range | undefined => {
    if (node.operation.op === 'variable') {
      const variable = variables.byName.get(node.operation.name);
      if (variable === undefined) throw new PlanError(`'${fn.name}' reads the variable '${node.operation.name}', which is not declared`);
      if (size(variable.shape) !== size(node.shape))
        throw new PlanError(`'${fn.name}' reads ${describe(node)} as variable '${node.operation.name}', which has the shape [${variable.shape.join(', ')}]`);
      return variable.range;
    }
    return node.operation.op === 'input' ? inputs.get(node.operation.name) : undefined;
  };
  for (const { nodes } of reads) {
    for (const node of nodes) {
      const range = memoryOf(node);
      if (range !== undefined) homes.set(node, range);
    }
  }

  // Stores of variables
  for (const { variable, node } of fn.stores) {
    const target = variables.byName.get(variable);
    if (target === undefined) throw new PlanError(`'${fn.name}' stores to the variable '${variable}', which is not declared`);
    if (size(target.shape) !== size(node.shape) || target.dtype !== node.dtype) {
      throw new PlanError(`'${fn.name}' stores ${describe(node)} to the variable '${variable}', which is ${target.dtype}[${target.shape.join(', ')}]`);
    }
  }
  fn.stores.forEach(({ variable, node }, i) => {
    const other = fn.stores.find((s, j) => j < i && overlap(variables.byName.get(s.variable)!.range, variables.byName.get(variable)!.range));
    if (other !== undefined) throw new PlanError(`'${fn.name}' stores to '${other.variable}' and '${variable}', which share memory`);
    const value = written(node);
    const { range } = variables.byName.get(variable)!;
    const home = producer.get(value);
    const old = home === undefined || homes.has(value) ? undefined : directStore(home, variable, range);
    if (old === undefined) copyAfter(end, { node: value, to: range });
    else {
      homes.set(value, range);
      if (old !== 'none') replaces.set(value, old);
    }
  });

  /** The old value that is replaced, `none` where the kernel does not read it, `undefined` where the store cannot be direct. */
  function directStore(home: number, variable: string, range: Range): Node | 'none' | undefined {
    let old: Node | 'none' = 'none';
    for (let i = home; i < groups.length; i++) {
      for (const node of reads[i].nodes) {
        // Homes of values placed before are new contents, which no store of another variable overlaps.
        const memory = isLeafMemory(node) ? memoryOf(node) : undefined;
        if (memory === undefined || !overlap(memory, range)) continue;
        const same = node.operation.op === 'variable' && node.operation.name === variable;
        if (i > home || !same || reads[i].elsewhere.has(node)) return undefined;
        old = node;
      }
    }
    return old;
  }

  // Packs: their inputs are written into slices of a buffer of their own, whose gaps stay zero. Without gaps it is scratch like any other.
  let scratch = 0;
  for (const node of materialised) {
    if (node.operation.op !== 'pack') continue;
    const { offsets, total, tight } = node.operation;
    const bytes = roundUp(Math.max(1, total) * ELEMENT_BYTES, BINDING_ALIGNMENT);
    const buffer = tight === true ? --scratch : buffers.add({ kind: 'scratch', size: bytes });
    homes.set(node, { buffer, offset: 0, size: storedBytes([total]) });
    node.inputs.forEach((input, i) => {
      const value = written(input);
      if (isZero(input) || size(input.shape) === 0) return;
      const range = { buffer, offset: offsets[i] * ELEMENT_BYTES, size: storedBytes(input.shape) };
      const home = producer.get(value);
      const direct = home !== undefined && !homes.has(value) && range.offset % BINDING_ALIGNMENT === 0 && fits(node, i);
      if (direct) homes.set(value, range);
      else copyAfter(ready(value), { node: value, to: { ...range, size: size(input.shape) * ELEMENT_BYTES } });
    });
  }

  /** Number of the group after which a value is complete. */
  function ready(node: Node): number {
    return producer.get(node) ?? Math.max(0, ...node.inputs.map((input) => ready(written(input))));
  }

  /** True where whole vectors of input i end before the next input begins. */
  function fits(pack: Node, i: number): boolean {
    if (pack.operation.op !== 'pack') return false;
    const { offsets, total } = pack.operation;
    const until = offsets[i] + storedBytes(pack.inputs[i].shape) / ELEMENT_BYTES;
    return until <= total && offsets.every((offset) => offset <= offsets[i] || until <= offset);
  }

  // Outputs
  let outputBytes = 0;
  const outputs = fn.outputs.map(({ node }) => {
    const range = { buffer: outputsBuffer, offset: outputBytes, size: storedBytes(node.shape) };
    outputBytes += roundUp(range.size, BINDING_ALIGNMENT);
    const value = written(node);
    const isRead = reads.some(({ nodes }) => nodes.has(value));
    if (producer.has(value) && !homes.has(value) && !isRead) homes.set(value, range);
    else copyAfter(end, { node: value, to: range });
    return range;
  });

  for (const group of groups)
    for (const output of group.outputs) if (!homes.has(output)) homes.set(output, { buffer: --scratch, offset: 0, size: storedBytes(output.shape) });
  return { homes, replaces, copies, outputs, outputBytes };
}
