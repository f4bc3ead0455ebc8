/** Cases of the two oracle formats, brought to one form: an operator, its inputs, what it gives, and gradients where there are any. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DType } from '../../compiler/graph/node.js';

/** A stored tensor; every dtype's values in float64. */
export interface Stored {
  readonly shape: readonly number[];
  /** What the graph holds it as. */
  readonly dtype: DType;
  readonly data: Float64Array;
  /** As stored: `float16`, `int64`, `F32`. */
  readonly stored: string;
}

/** How far a result may be off. */
export interface Gate {
  readonly absolute: number;
  readonly relative: number;
}

export interface Gradients {
  /** Of the first output. */
  readonly cotangent: Stored;
  /** By input. */
  readonly first: ReadonlyMap<number, Stored>;
  readonly second?: {
    /** The directions w, by input. */
    readonly directions: ReadonlyMap<number, Stored>;
    readonly inputs: ReadonlyMap<number, Stored>;
    readonly cotangent: Stored;
  };
}

/** An argument of a PyTorch call or an attribute of an ONNX node. */
export type Argument = null | boolean | number | string | { readonly tensor: number } | readonly Argument[];

export interface Case {
  readonly id: string;
  readonly op: string;
  readonly inputs: readonly (Stored | undefined)[];
  /** Undefined where the format checks nothing. */
  readonly outputs: readonly (Stored | undefined)[];
  readonly gate: Gate;
  readonly gradients?: Gradients;
  readonly dialect: Dialect;
}

export type Dialect =
  | { readonly format: 'opinfo-grads/1'; readonly args: readonly Argument[]; readonly kwargs: Readonly<Record<string, Argument>> }
  | { readonly format: 'onnx-cases/1'; readonly opset: number; readonly tags: readonly string[]; readonly attributes: Readonly<Record<string, Argument>> };

interface Entry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly offset: number;
  readonly nbytes: number;
}
type Read = (entry: Entry) => Stored;

/** Every case of a folder. Throws where the folder is of another format or its data is damaged. */
export function readCases(folder: string): Case[] {
  const index = JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8'));
  const read = readers[index.format as Dialect['format']];
  if (!read) throw new Error(`${folder}: the format ${index.format} is not one of ${Object.keys(readers).join(', ')}`);
  const blob = readFileSync(join(folder, index.blob));
  if (createHash('sha256').update(blob).digest('hex') !== index.blob_sha256)
    throw new Error(`${folder}: ${index.blob} is not the one that index.json describes`);
  const bytes = new DataView(blob.buffer, blob.byteOffset, blob.byteLength);
  return index.cases.map((raw: never) => read(raw, (entry) => decode(bytes, entry)));
}

interface OpinfoCase {
  readonly id: string;
  readonly op: string;
  readonly args: readonly Argument[];
  readonly kwargs: Readonly<Record<string, Argument>>;
  readonly inputs: readonly Entry[];
  readonly output: Entry;
  readonly cotangent: Entry;
  readonly grads: readonly (Entry & { input: number })[];
  /** Null where the operator has none. */
  readonly second_order: null | { w: readonly (Entry & { input: number })[]; d_inputs: readonly (Entry & { input: number })[]; d_cotangent: Entry };
}

function readOpinfo(raw: OpinfoCase, read: Read): Case {
  const byInput = (entries: readonly (Entry & { input: number })[]): Map<number, Stored> => new Map(entries.map((entry) => [entry.input, read(entry)]));
  const second = raw.second_order;
  return {
    id: raw.id,
    op: raw.op,
    inputs: raw.inputs.map(read),
    outputs: [read(raw.output)],
    gate: { absolute: 1e-5, relative: 1e-4 },
    gradients: {
      cotangent: read(raw.cotangent),
      first: byInput(raw.grads),
      second: second ? { directions: byInput(second.w), inputs: byInput(second.d_inputs), cotangent: read(second.d_cotangent) } : undefined,
    },
    dialect: { format: 'opinfo-grads/1', args: raw.args, kwargs: raw.kwargs },
  };
}

interface OnnxCase {
  readonly id: string;
  readonly op: string;
  readonly opset: number;
  readonly tags: readonly string[];
  readonly attributes: Readonly<Record<string, { readonly value: Argument }>>;
  readonly inputs: readonly (Entry | null)[];
  readonly outputs: readonly (Entry | null)[];
}

function readOnnx(raw: OnnxCase, read: Read): Case {
  const all = (entries: readonly (Entry | null)[]): (Stored | undefined)[] => entries.map((entry) => (entry ? read(entry) : undefined));
  const attributes = Object.fromEntries(Object.entries(raw.attributes).map(([name, { value }]) => [name, value]));
  return {
    id: raw.id,
    op: raw.op,
    inputs: all(raw.inputs),
    outputs: all(raw.outputs),
    // ONNX's own; float64 cases are computed in float32 here.
    gate: raw.tags.includes('float64') ? { absolute: 1e-5, relative: 1e-5 } : { absolute: 1e-7, relative: 1e-3 },
    dialect: { format: 'onnx-cases/1', opset: raw.opset, tags: raw.tags, attributes },
  };
}

const readers: Record<Dialect['format'], (raw: never, read: Read) => Case> = { 'opinfo-grads/1': readOpinfo, 'onnx-cases/1': readOnnx };

interface Storage {
  readonly bytes: number;
  readonly dtype: DType;
  readonly get: (view: DataView, at: number) => number;
}

const float32: Storage = { bytes: 4, dtype: 'f32', get: (view, at) => view.getFloat32(at, true) };
const int32: Storage = { bytes: 4, dtype: 'i32', get: (view, at) => view.getInt32(at, true) };
const bool: Storage = { bytes: 1, dtype: 'bool', get: (view, at) => view.getUint8(at) };
const storages: Readonly<Record<string, Storage>> = {
  F32: float32,
  I32: int32,
  U8: bool,
  bool,
  float32,
  int32,
  float64: { bytes: 8, dtype: 'f32', get: (view, at) => view.getFloat64(at, true) },
  float16: { bytes: 2, dtype: 'f32', get: (view, at) => half(view.getUint16(at, true)) },
  int8: { bytes: 1, dtype: 'i32', get: (view, at) => view.getInt8(at) },
  uint8: { bytes: 1, dtype: 'i32', get: (view, at) => view.getUint8(at) },
  int16: { bytes: 2, dtype: 'i32', get: (view, at) => view.getInt16(at, true) },
  uint16: { bytes: 2, dtype: 'i32', get: (view, at) => view.getUint16(at, true) },
  uint32: { bytes: 4, dtype: 'i32', get: (view, at) => view.getUint32(at, true) },
  int64: { bytes: 8, dtype: 'i32', get: (view, at) => Number(view.getBigInt64(at, true)) },
  uint64: { bytes: 8, dtype: 'i32', get: (view, at) => Number(view.getBigUint64(at, true)) },
};

function decode(view: DataView, { dtype, shape, offset, nbytes }: Entry): Stored {
  const storage = storages[dtype];
  if (!storage) throw new Error(`unknown dtype ${dtype}`);
  const data = Float64Array.from({ length: nbytes / storage.bytes }, (_, i) => storage.get(view, offset + i * storage.bytes));
  return { shape, dtype: storage.dtype, data, stored: dtype };
}

/** IEEE 754 binary16. */
function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
