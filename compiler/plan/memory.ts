/** Memory that outlives a call: the variables, the data fields, the keys of the draws. And the list of all buffers of a program. */
import { type DType, groupLayout, size, type Variable } from '../graph/node.js';
import type { FieldLayout } from '../kernels/kernel.js';
import type { DataRequest, ProgramBuffer, ProgramVariable } from '../program/types.js';
import { MAX_VALUE, PlanError, TooLargeError } from './error.js';

/** WebGPU's alignment of a binding's offset, in bytes. */
export const BINDING_ALIGNMENT = 256;
/** Every dtype takes four bytes. */
export const ELEMENT_BYTES = 4;

export function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}

/** Bytes of a value in memory: whole vectors of four elements. */
export function storedBytes(shape: readonly number[]): number {
  return roundUp(Math.max(1, size(shape)) * ELEMENT_BYTES, 16);
}

/** A range of a buffer. */
export interface Range {
  readonly buffer: number;
  readonly offset: number;
  readonly size: number;
}

export function overlap(a: Range, b: Range): boolean {
  return a.buffer === b.buffer && a.offset < b.offset + b.size && b.offset < a.offset + a.size;
}

type Draft = { -readonly [K in keyof ProgramBuffer]: ProgramBuffer[K] };

export class Buffers {
  readonly list: Draft[] = [];

  add(buffer: ProgramBuffer): number {
    this.list.push({ ...buffer });
    return this.list.length - 1;
  }

  grow(buffer: number, bytes: number): void {
    this.list[buffer].size = Math.max(this.list[buffer].size, bytes);
  }
}

export interface Variables {
  readonly list: readonly ProgramVariable[];
  readonly byName: ReadonlyMap<string, { readonly range: Range; readonly shape: readonly number[]; readonly dtype: DType }>;
}

/** Groups side by side in one buffer each; a `flat` variable is its whole group. */
export function layVariables(variables: readonly Variable[], buffers: Buffers): Variables {
  const groups = new Map<string, { buffer: number; offsets: Map<string, number>; total: number }>();
  for (const { group } of variables) {
    if (group === undefined || groups.has(group)) continue;
    const members = variables.filter((v) => v.group === group && v.kind !== 'flat');
    const { offsets, total } = groupLayout(members.map((v) => v.shape));
    const bytes = total * ELEMENT_BYTES;
    if (bytes > MAX_VALUE) throw tooLarge(members, bytes);
    const buffer = buffers.add({ kind: 'variables', size: Math.max(16, bytes) });
    groups.set(group, { buffer, total, offsets: new Map(members.map((v, i) => [v.name, offsets[i] * ELEMENT_BYTES])) });
  }
  const byName = new Map<string, { range: Range; shape: readonly number[]; dtype: DType }>();
  const list = variables.map((variable): ProgramVariable => {
    const { name, kind, player, shape, dtype, group } = variable;
    if (byName.has(name)) throw new PlanError(`two variables are called '${name}'`);
    const laid = group === undefined ? undefined : groups.get(group);
    if (kind === 'flat' && laid === undefined) throw new PlanError(`the flat view '${name}' views no group`);
    if (kind === 'flat' && laid?.total !== size(shape))
      throw new PlanError(`the flat view '${name}' has ${size(shape)} elements and its group '${group}' ${laid?.total}`);
    const buffer = laid?.buffer ?? buffers.add({ kind: 'variables', size: storedBytes(shape) });
    const offset = kind === 'flat' ? 0 : (laid?.offsets.get(name) ?? 0);
    byName.set(name, { range: { buffer, offset, size: storedBytes(shape) }, shape, dtype });
    return { name, kind, ...(player === undefined ? {} : { player }), shape, dtype, buffer, offset };
  });
  return { list, byName };
}

/** Groups are cut between their members: one of so many bytes has one that is too large. */
function tooLarge(members: readonly Variable[], bytes: number): TooLargeError {
  const [{ name, shape }] = [...members].sort((a, b) => size(b.shape) - size(a.shape));
  return new TooLargeError(`${name} [${shape.join(', ')}]`, bytes, 'make the layer smaller');
}

export interface Fields {
  readonly layouts: ReadonlyMap<string, FieldLayout>;
  /** The buffer of a field, made at its first use. */
  buffer(name: string): number;
}

export function layFields(data: DataRequest | undefined, buffers: Buffers): Fields {
  const layouts = new Map<string, FieldLayout>();
  for (const { name, shape, storage } of data?.fields ?? []) {
    const elements = size(shape);
    if (storage.kind === 'u8') layouts.set(name, { kind: 'u8', scale: storage.scale, offset: storage.offset, words: Math.max(1, Math.ceil(elements / 4)) });
    else layouts.set(name, { kind: storage.kind, scale: 1, offset: 0, words: Math.max(1, elements) });
  }
  const made = new Map<string, number>();
  return {
    layouts,
    buffer(name) {
      const known = made.get(name);
      if (known !== undefined) return known;
      const buffer = buffers.add({ kind: 'field', size: 0, field: name });
      made.set(name, buffer);
      return buffer;
    },
  };
}
