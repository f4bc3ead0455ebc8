/** The commands of one entry: kernels in order, their bindings, and copies of what could not be written in place. */
import { fieldShape, type GraphFunction, type Node, roots, size, topological } from '../graph/node.js';
import { conv } from '../kernels/conv.js';
import { generateElementwise } from '../kernels/elementwise.js';
import { matmul } from '../kernels/gemm.js';
import { type FieldLayout, type GeneratedKernel, type Group, MAX_STORAGE_BINDINGS, type Resource, ROWS_AT, type Site } from '../kernels/kernel.js';
import { overMergedAxes } from '../kernels/merge-axes.js';
import { generateReduce } from '../kernels/reduce.js';
import type { Command, Entry, EntryInput, ProgramKernel } from '../program/types.js';
import type { Fused } from '../rewrite/fuse.js';
import { describe, MAX_VALUE, PlanError, TooLargeError } from './error.js';
import { BINDING_ALIGNMENT, type Buffers, ELEMENT_BYTES, type Fields, type Range, roundUp, storedBytes, type Variables } from './memory.js';
import { type Copy, isLeafMemory, type Placement, place, readsOf } from './place.js';
import type { Interval, ScratchPool } from './scratch.js';

/** What all entries share. */
export interface Shared {
  readonly buffers: Buffers;
  readonly variables: Variables;
  readonly fields: Fields;
  readonly scratch: ScratchPool;
  readonly keys: number;
  draw(path: string): number;
  /** Index of the kernel in the program; equal kernels have one. */
  kernel(generated: GeneratedKernel): number;
  /** Where these words lie in the parameters. */
  parameters(words: readonly number[]): Range;
}

/** What a command reads and writes, for the check of the plan. Nodes are what the ranges must hold, and hold afterwards. */
export interface Trace {
  readonly reads: readonly { readonly node: Node; readonly range: Range }[];
  readonly writes: readonly { readonly node: Node; readonly range: Range }[];
}

export interface PlannedEntry {
  readonly entry: Entry;
  /** One for each command. */
  readonly traces: readonly Trace[];
  readonly results: readonly { readonly node: Node; readonly range: Range }[];
}

function generate(group: Group, site: Site): GeneratedKernel {
  switch (group.kind) {
    case 'elementwise':
      return overMergedAxes(group, site, generateElementwise);
    case 'reduce':
      return overMergedAxes(group, site, generateReduce);
    case 'matmul':
      return matmul(group, site);
    case 'conv':
      return conv(group, site);
  }
}

interface Inputs {
  readonly inputs: EntryInput[];
  readonly ranges: Map<string, Range>;
  readonly call: Range;
  /** Word of the call at which the rows of each draw start. */
  readonly rows: ReadonlyMap<string, number>;
}

/** Counter, step, rows and tensors of a call, side by side. The counter is at 0 and the rows from word `ROWS_AT`, as kernels expect; those of draws follow. */
function layInputs(fn: GraphFunction, shared: Shared): Inputs {
  const buffer = shared.buffers.add({ kind: 'inputs', size: 0, entry: fn.name });
  const nodes = topological(roots(fn));
  const inputs: EntryInput[] = [{ kind: 'counter', name: 'counter', dtype: 'u32', shape: [], buffer, offset: 0 }];
  const fields = nodes.filter((node) => node.operation.op === 'field');
  let end = BINDING_ALIGNMENT;
  let call: Range = { buffer, offset: 0, size: 16 };
  const rows = new Map<string, number>();
  if (fields.length > 0) {
    const [batch] = fieldShape(fields[0]);
    const other = fields.find((node) => fieldShape(node)[0] !== batch);
    if (other !== undefined) throw new PlanError(`'${fn.name}' reads ${describe(fields[0])} and ${describe(other)}: all fields of a call have one batch`);
    let at = ROWS_AT;
    for (const { name, ...chosen } of rowsRead(fields)) {
      inputs.push({ kind: 'rows', name, dtype: 'u32', shape: [batch], buffer, offset: at * ELEMENT_BYTES, ...chosen });
      rows.set(name, at);
      at += batch;
    }
    call = { buffer, offset: 0, size: storedBytes([at]) };
    end = roundUp(call.size, BINDING_ALIGNMENT);
  }
  const ranges = new Map<string, Range>();
  for (const node of nodes) {
    const { operation } = node;
    if (operation.op !== 'input' || ranges.has(operation.name)) continue;
    const range = { buffer, offset: end, size: storedBytes(node.shape) };
    end += roundUp(range.size, BINDING_ALIGNMENT);
    ranges.set(operation.name, range);
    const isStep = operation.name === 'step' && node.shape.length === 0;
    inputs.push({ kind: isStep ? 'step' : 'tensor', name: operation.name, dtype: node.dtype, shape: node.shape, buffer, offset: range.offset });
  }
  shared.buffers.grow(buffer, end);
  return { inputs, ranges, call, rows };
}

interface RowsRead extends Pick<EntryInput, 'name' | 'differs' | 'agrees'> {
  readonly fields: string[];
}

/** Which rows some reads of fields want: the batch's own, which draws start from, and those of each draw. */
function rowsRead(reads: readonly Node[]): RowsRead[] {
  const found = new Map<string, RowsRead>([['rows', { name: 'rows', fields: [] }]]);
  for (const { operation } of reads) {
    if (operation.op !== 'field') continue;
    const name = operation.rows ?? 'rows';
    const known = found.get(name) ?? { name, fields: [], differs: operation.differs, agrees: operation.agrees };
    if (!known.fields.includes(operation.field)) known.fields.push(operation.field);
    found.set(name, known);
  }
  return [...found.values()];
}

function label(group: Group, kernel: GeneratedKernel): string {
  const node = group.anchors[0] ?? group.outputs[group.outputs.length - 1];
  return node.origin.path ?? kernel.name;
}

export function planEntry(fn: GraphFunction, fused: Fused, shared: Shared): PlannedEntry {
  const { inputs, ranges, call, rows } = layInputs(fn, shared);
  const outputsBuffer = shared.buffers.add({ kind: 'outputs', size: 16, entry: fn.name });
  const placement = place(fn, fused, shared.variables, ranges, outputsBuffer, shared.buffers);
  shared.buffers.grow(outputsBuffer, placement.outputBytes);
  const { homes, between, placed } = assignScratch(fused, placement, shared);
  const home = (node: Node): Range => {
    const range = homes.get(node);
    if (range === undefined) throw new Error(`${describe(node)} has no place in memory`);
    return range;
  };

  const commands: Command[] = [];
  const traces: Trace[] = [];
  const copy = (node: Node, from: Range, to: Range): void => {
    const bytes = Math.min(from.size, to.size);
    if (size(node.shape) === 0) return;
    commands.push({ kind: 'copy', from: { buffer: from.buffer, offset: from.offset }, to: { buffer: to.buffer, offset: to.offset }, size: bytes });
    traces.push({ reads: [{ node, range: from }], writes: [{ node, range: { ...to, size: bytes } }] });
  };
  const copiesAt = (position: number): void => {
    for (const item of placement.copies.get(position) ?? []) {
      const from = home(item.node);
      const middle = between.get(item);
      if (middle !== undefined) copy(item.node, from, middle);
      copy(item.node, middle ?? from, placed(item.to));
    }
  };

  fused.groups.forEach((group, index) => {
    if (group.outputs.every((output) => size(output.shape) === 0)) return;
    const writes = group.outputs.map((output) => ({ node: output, range: home(output) }));
    const isWritten = (range: Range): boolean => writes.some((w) => w.range.buffer === range.buffer);
    const rangeOf = (resource: Resource): Range => {
      switch (resource.kind) {
        case 'value':
          return home(resource.node);
        case 'keys':
          return { buffer: shared.keys, offset: 0, size: 0 };
        case 'call':
          return call;
        case 'field':
          return { buffer: shared.fields.buffer(resource.field), offset: 0, size: 0 };
      }
    };
    const site: Site = {
      stored: (node) => isLeafMemory(node) || (fused.materialised.has(node) && !group.outputs.includes(node)),
      access: (resource) => (isWritten(rangeOf(resource)) ? 'read_write' : 'read'),
      replaces: (output) => placement.replaces.get(output),
      draw: shared.draw,
      rows: (path) => rows.get(path) as number,
      field: (name): FieldLayout => {
        const layout = shared.fields.layouts.get(name);
        if (layout === undefined) throw new PlanError(`'${fn.name}' reads the data field '${name}', which the data do not have`);
        return layout;
      },
    };
    const generated = generate(group, site);
    if (generated.bindings.length > MAX_STORAGE_BINDINGS)
      throw new Error(`the kernel ${generated.name} of '${fn.name}' has ${generated.bindings.length} storage buffers`);
    const kernel = shared.kernel(generated);
    const bindings = generated.bindings.map(({ resource }) => {
      const range = rangeOf(resource);
      if (range.size > MAX_VALUE) {
        const what = resource.kind === 'value' ? describe(resource.node) : resource.kind;
        throw new TooLargeError(what, range.size, 'make the batch or the layer smaller');
      }
      return { buffer: range.buffer, offset: range.offset, size: range.size };
    });
    const { nodes } = readsOf(group, fused.materialised);
    const reads = [...nodes].map((node) => ({ node, range: home(node) }));
    commands.push({
      kind: 'dispatch',
      kernel,
      bindings: [shared.parameters(generated.parameters), ...bindings],
      workgroups: generated.variants.map((variant) => variant.workgroups),
      label: label(group, generated),
      flops: generated.flops,
      bytes: [...reads, ...writes].reduce((sum, { node }) => sum + size(node.shape) * ELEMENT_BYTES, 0),
    });
    traces.push({ reads, writes });
    copiesAt(index);
  });
  copiesAt(fused.groups.length);

  const outputs = fn.outputs.map(({ name, node }, i) => {
    const { buffer, offset } = placement.outputs[i];
    return { name, dtype: node.dtype, shape: node.shape, buffer, offset };
  });
  const results = [
    ...fn.outputs.map(({ node }, i) => ({ node, range: placement.outputs[i] })),
    ...fn.stores.map(({ variable, node }) => ({ node, range: shared.variables.byName.get(variable)!.range })),
  ];
  return { entry: { name: fn.name, inputs, outputs, commands }, traces, results };
}

/**
 * Homes with real buffers: scratch values by lifetime, from the group that writes them to the last that reads, or to the end where they are
 * copied there. The parts of a value are in its buffer, which lives as long as any of them. `between`: memory for copies inside of one buffer, which WebGPU does not do.
 */
function assignScratch(
  fused: Fused,
  placement: Placement,
  shared: Shared,
): { homes: Map<Node, Range>; between: Map<Copy, Range>; placed(range: Range): Range } {
  const homes = new Map(placement.homes);
  const scratch = new Map<number, { bytes: number; from: number; to: number }>();
  for (const { buffer, offset, size } of homes.values()) {
    if (buffer >= 0) continue;
    const known = scratch.get(buffer);
    if (known === undefined) scratch.set(buffer, { bytes: offset + size, from: Number.POSITIVE_INFINITY, to: 0 });
    else known.bytes = Math.max(known.bytes, offset + size);
  }
  const touch = (buffer: number | undefined, position: number): void => {
    const interval = buffer === undefined ? undefined : scratch.get(buffer);
    if (interval === undefined) return;
    interval.from = Math.min(interval.from, position);
    interval.to = Math.max(interval.to, position);
  };
  fused.groups.forEach((group, index) => {
    for (const output of group.outputs) touch(homes.get(output)?.buffer, index);
    for (const node of readsOf(group, fused.materialised).nodes) touch(homes.get(node)?.buffer, index);
  });
  const inner: { copy: Copy; position: number }[] = [];
  for (const [position, copies] of placement.copies) {
    for (const copy of copies) {
      touch(homes.get(copy.node)?.buffer, position);
      touch(copy.to.buffer, position);
      if (homes.get(copy.node)?.buffer === copy.to.buffer) inner.push({ copy, position });
    }
  }
  const middles = inner.map(({ copy, position }): Interval => ({ bytes: storedBytes(copy.node.shape), from: position, to: position }));
  const buffers = shared.scratch.assign([...scratch.values(), ...middles]);
  const numbers = new Map([...scratch.keys()].map((number, i) => [number, buffers[i]]));
  const placed = (range: Range): Range => (range.buffer >= 0 ? range : { ...range, buffer: numbers.get(range.buffer) as number });
  for (const [node, range] of homes) homes.set(node, placed(range));
  const between = new Map(inner.map(({ copy }, i) => [copy, { buffer: buffers[scratch.size + i], offset: 0, size: middles[i].bytes }]));
  return { homes, between, placed };
}

/** Same text, same bindings: the same kernel. */
export function kernelKey(generated: GeneratedKernel): string {
  return JSON.stringify([
    generated.bindings.map((b) => b.access),
    generated.variants.map((v) => [v.name, v.wgsl, v.workgroupSize, v.requires, v.textures, v.table]),
  ]);
}

export function programKernel(id: string, generated: GeneratedKernel): ProgramKernel {
  return {
    id,
    bindings: ['uniform', ...generated.bindings.map((b) => b.access)],
    candidates: generated.variants.map(({ name, wgsl, workgroupSize, requires, textures, table }) => ({
      name,
      wgsl,
      workgroupSize,
      ...(requires === undefined ? {} : { requires }),
      ...(textures === undefined ? {} : { textures }),
      ...(table === undefined ? {} : { table }),
    })),
  };
}
