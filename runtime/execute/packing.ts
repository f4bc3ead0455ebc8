/** From a call to the bytes of its entry's inputs, checked: the GPU would read past the end in silence. */
import type { Entry, Program } from '../../compiler/program/types.js';
import { InputError } from '../device/error.js';
import { byteSize, bytesOf, checkTensor, elements, type TensorData } from './tensor.js';

export interface Call {
  readonly entry: string;
  /** Number of this call for the draws, a u32. */
  readonly counter: number;
  /** Training step, for entries that read it; default 0. */
  readonly step?: number;
  /** Rows of the data fields, for entries that read data. */
  readonly rows?: Uint32Array;
  /** Rows that draws have chosen beside them, by the draw's path. */
  readonly chosen?: Readonly<Record<string, Uint32Array>>;
  readonly tensors?: Readonly<Record<string, TensorData>>;
}

/** A range of one buffer, and where it lies in the packed bytes. */
export interface Span {
  readonly buffer: number;
  readonly from: number;
  readonly size: number;
  readonly packed: number;
}

/** One span a buffer, over all that the slots cover. */
export function spansOf(slots: readonly { readonly buffer: number; readonly offset: number; readonly shape: readonly number[] }[]): {
  spans: Span[];
  total: number;
} {
  const ranges = new Map<number, { from: number; to: number }>();
  for (const { buffer, offset, shape } of slots) {
    const size = byteSize(shape);
    if (size === 0) continue;
    const range = ranges.get(buffer) ?? { from: offset, to: offset };
    ranges.set(buffer, { from: Math.min(range.from, offset), to: Math.max(range.to, offset + size) });
  }
  let total = 0;
  const spans: Span[] = [];
  for (const [buffer, { from, to }] of ranges) {
    spans.push({ buffer, from, size: to - from, packed: total });
    total += to - from;
  }
  return { spans, total };
}

/** Where a slot lies in the packed bytes of its spans. */
export function packedOffset(spans: readonly Span[], slot: { readonly buffer: number; readonly offset: number }): number {
  const span = spans.find((s) => s.buffer === slot.buffer && slot.offset >= s.from && slot.offset < s.from + s.size);
  return span ? span.packed + slot.offset - span.from : 0;
}

/** The named entry. Throws InputError with the names there are. */
export function entryOf(program: Program, name: string): Entry {
  const entry = program.entries.find((e) => e.name === name);
  if (!entry) throw new InputError(`the program has no entry "${name}"; its entries are ${program.entries.map((e) => e.name).join(', ')}`);
  return entry;
}

/**
 * Bytes of the entry's inputs, laid out by `spans`. `fieldRows`: how many rows each data field that the entry reads has now.
 * Throws InputError naming the input that is missing, unknown, of another type or shape, or out of range.
 */
export function packInputs(entry: Entry, spans: readonly Span[], total: number, call: Call, fieldRows: ReadonlyMap<string, number>): Uint8Array {
  const bytes = new Uint8Array(total);
  const where = `${entry.name}: `;
  if (!Number.isInteger(call.counter) || call.counter < 0 || call.counter > 0xffffffff)
    throw new InputError(`${where}the counter ${call.counter} is not a whole number from 0 to 4294967295`);
  const known = new Set(entry.inputs.filter((i) => i.kind === 'tensor').map((i) => i.name));
  for (const name of Object.keys(call.tensors ?? {})) {
    if (!known.has(name))
      throw new InputError(`${where}there is no input "${name}"; ${known.size > 0 ? `its inputs are ${[...known].join(', ')}` : 'it takes no tensors'}`);
  }
  for (const input of entry.inputs) {
    const size = byteSize(input.shape);
    const at = packedOffset(spans, input);
    const view = new DataView(bytes.buffer, at, size);
    switch (input.kind) {
      case 'counter':
        view.setUint32(0, call.counter, true);
        break;
      case 'step':
        if (call.step !== undefined && !Number.isFinite(call.step)) throw new InputError(`${where}the step ${call.step} is not a number`);
        view.setFloat32(0, call.step ?? 0, true);
        break;
      case 'rows': {
        const count = elements(input.shape);
        const own = input.differs === undefined && input.agrees === undefined;
        const rows = own ? call.rows : call.chosen?.[input.name];
        const kind = own ? 'rows' : `rows for "${input.name}"`;
        if (!rows) throw new InputError(`${where}it reads data, and the call names no ${kind}; ${count} are needed`);
        if (rows.length !== count) throw new InputError(`${where}the call names ${rows.length} ${kind}; the batch is ${count}`);
        for (const [field, there] of fieldRows) {
          const bad = rows.findIndex((row) => row >= there);
          if (bad >= 0)
            throw new InputError(
              `${where}row ${rows[bad]} (number ${bad} of the batch) is not there: the data field "${field}" has ${there} rows, numbered from 0`,
            );
        }
        bytes.set(bytesOf(rows), at);
        break;
      }
      case 'tensor': {
        const tensor = call.tensors?.[input.name];
        if (!tensor) throw new InputError(`${where}the input "${input.name}" is missing`);
        checkTensor(`${where}the input "${input.name}"`, tensor, input.dtype, input.shape);
        if (size > 0) bytes.set(bytesOf(tensor.data), at);
        break;
      }
    }
  }
  return bytes;
}
