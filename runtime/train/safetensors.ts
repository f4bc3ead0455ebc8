/**
 * Safetensors: 8 bytes little-endian length, a JSON header, the tensors one after another (row-major, little-endian).
 * Nothing in such a file executes. What is read is checked whole before any of it is used; what is written appears whole or not at all.
 */
import { open } from 'node:fs/promises';
import type { DType } from '../../compiler/graph/node.js';
import type { TensorData } from '../execute/tensor.js';
import { fileReason, writeAtomic } from './files.js';
import { convert, halves, naturalType } from './safetensors-convert.js';
import { HeaderProblem, ITEM_BYTES, parseHeader, quote, type StoredType } from './safetensors-header.js';

export type { StoredType } from './safetensors-header.js';

/** Header lengths over this are refused, as by the format's own library. */
export const MAX_HEADER_BYTES = 100_000_000;

/** A file that is damaged, hostile or does not hold what is asked of it. */
export class SafetensorsError extends Error {
  override readonly name = 'SafetensorsError';
  readonly exitCode = 1;

  constructor(
    readonly file: string,
    readonly reason: string,
    readonly mend?: string,
  ) {
    super(`${file}: ${reason}`);
  }
}

/**
 * A tensor of a file. `dtype` and `data` are its nearest type on the GPU (F64, F16, BF16 to f32; I64, I16, I8 to i32; U8, U16, U64 to u32; BOOL to bool),
 * converted when first asked for; `as` converts to a type of the same kind. Both throw SafetensorsError where a value does not fit.
 */
export class StoredTensor implements TensorData {
  private converted: TensorData | undefined;
  constructor(
    readonly file: string,
    readonly name: string,
    /** As in the file. */
    readonly stored: StoredType,
    readonly shape: number[],
    /** The elements as they lie in the file. */
    readonly bytes: Uint8Array,
  ) {}

  get dtype(): DType {
    return naturalType(this.stored);
  }

  get data(): TensorData['data'] {
    this.converted ??= this.as(this.dtype);
    return this.converted.data;
  }

  as(dtype: DType): TensorData {
    const data = convert(this.stored, this.bytes, dtype);
    if (typeof data === 'string') throw new SafetensorsError(this.file, `tensor ${quote(this.name)} ${data}`);
    return { dtype, shape: this.shape, data };
  }
}

export interface SafetensorsFile {
  readonly tensors: Map<string, StoredTensor>;
  readonly metadata: ReadonlyMap<string, string>;
}

/** Reads a file from memory; `file` is its name in messages. Throws SafetensorsError. */
export function decodeSafetensors(bytes: Uint8Array, file: string): SafetensorsFile {
  const headerBytes = headerLength(bytes, bytes.byteLength, file);
  const start = 8 + headerBytes;
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.subarray(8, start));
  } catch {
    throw new SafetensorsError(file, 'its header is not UTF-8 text: this is not a safetensors file, or it is damaged');
  }
  try {
    const { entries, metadata } = parseHeader(text, bytes.byteLength - start);
    const tensors = new Map<string, StoredTensor>();
    for (const e of entries) tensors.set(e.name, new StoredTensor(file, e.name, e.dtype, [...e.shape], bytes.subarray(start + e.start, start + e.end)));
    return { tensors, metadata };
  } catch (error) {
    if (error instanceof HeaderProblem) throw new SafetensorsError(file, error.message);
    throw error;
  }
}

/** Length of the header, checked against the size of the whole file. */
function headerLength(first: Uint8Array, fileBytes: number, file: string): number {
  if (fileBytes < 8 || first.byteLength < 8) throw new SafetensorsError(file, `it has ${fileBytes} bytes; a safetensors file has at least 8`);
  const length = new DataView(first.buffer, first.byteOffset, 8).getBigUint64(0, true);
  if (length > BigInt(MAX_HEADER_BYTES))
    throw new SafetensorsError(file, `its header would be ${length} bytes long: this is not a safetensors file, or it is damaged`);
  if (Number(length) > fileBytes - 8)
    throw new SafetensorsError(file, `its header says ${length} bytes, but only ${fileBytes - 8} follow: the file is cut short or damaged`);
  return Number(length);
}

/** Reads tensors and metadata. Throws SafetensorsError, also where the file cannot be read. */
export async function readSafetensorsFile(path: string): Promise<SafetensorsFile> {
  return decodeSafetensors(await readBytes(path), path);
}

/** The tensors of a file, by name, in the file's order. Throws SafetensorsError. */
export async function readSafetensors(path: string): Promise<Map<string, StoredTensor>> {
  return (await readSafetensorsFile(path)).tensors;
}

async function readBytes(path: string): Promise<Uint8Array> {
  let handle: Awaited<ReturnType<typeof open>> | undefined;
  try {
    handle = await open(path, 'r');
    const info = await handle.stat();
    if (!info.isFile()) throw new SafetensorsError(path, info.isDirectory() ? 'it is a folder, not a safetensors file' : 'it is not a regular file');
    // The first bytes are judged before memory for the rest is taken.
    const first = new Uint8Array(8);
    const got = await handle.read(first, 0, 8, 0);
    headerLength(first.subarray(0, got.bytesRead), info.size, path);
    const bytes = new Uint8Array(info.size);
    for (let done = 0; done < info.size; ) {
      const { bytesRead } = await handle.read(bytes, done, Math.min(info.size - done, 1 << 30), done);
      if (bytesRead === 0) throw new SafetensorsError(path, `it ended at byte ${done} while being read: something is writing it`);
      done += bytesRead;
    }
    return bytes;
  } catch (error) {
    if (error instanceof SafetensorsError) throw error;
    if (error instanceof RangeError) throw new SafetensorsError(path, 'it is larger than this machine can hold in memory');
    throw new SafetensorsError(path, `it cannot be read: ${fileReason(error)}`);
  } finally {
    await handle?.close();
  }
}

/** How a tensor in memory is stored: f32, i32 and u32 as they are, bool one byte each. */
const STORED: Readonly<Record<DType, StoredType>> = { f32: 'F32', i32: 'I32', u32: 'U32', bool: 'BOOL' };

/** Tensors of f32 that are stored in half precision. Those that hold what it cannot (65,520 and more) are a mistake. */
export type Halved = (name: string) => boolean;

/**
 * The bytes of a file, as chunks: tensors in the order given (those of few bytes an element last, so that words stay aligned),
 * metadata in the order given, the header padded with blanks so that the data starts at a multiple of 8. The same input gives the same bytes.
 */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, TensorData>,
  metadata?: ReadonlyMap<string, string>,
  halved: Halved = () => false,
): Uint8Array[] {
  const storedAs = (name: string, { dtype }: TensorData): StoredType => (dtype === 'f32' && halved(name) ? 'F16' : STORED[dtype]);
  const order = [...tensors].sort((a, b) => ITEM_BYTES[storedAs(...b)] - ITEM_BYTES[storedAs(...a)]);
  const members: string[] = [];
  if (metadata !== undefined && metadata.size > 0) {
    members.push(`"__metadata__":{${[...metadata].map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(',')}}`);
  }
  const chunks: Uint8Array[] = [];
  let at = 0;
  for (const [name, tensor] of order) {
    const stored = storedAs(name, tensor);
    const elements = tensor.shape.reduce((a, b) => a * b, 1);
    if (elements !== tensor.data.length) throw new Error(`tensor ${quote(name)} has shape [${tensor.shape.join(', ')}] but ${tensor.data.length} elements`);
    const bytes = bytesAs(stored, name, tensor);
    const end = at + elements * ITEM_BYTES[stored];
    members.push(`${JSON.stringify(name)}:{"dtype":"${stored}","shape":[${tensor.shape.join(',')}],"data_offsets":[${at},${end}]}`);
    chunks.push(bytes);
    at = end;
  }
  const text = Buffer.from(`{${members.join(',')}}`, 'utf8');
  const length = Math.ceil(text.byteLength / 8) * 8;
  if (length > MAX_HEADER_BYTES) throw new Error(`the header of a safetensors file with ${tensors.size} tensors would be over ${MAX_HEADER_BYTES} bytes`);
  const head = Buffer.alloc(8 + length, ' ');
  head.writeBigUInt64LE(BigInt(length), 0);
  text.copy(head, 8);
  return [head, ...chunks];
}

function bytesAs(stored: StoredType, name: string, { dtype, data }: TensorData): Uint8Array {
  if (dtype === 'bool') return Uint8Array.from(data, (v) => (v === 0 ? 0 : 1));
  if (stored !== 'F16') return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const bytes = halves(data);
  if (typeof bytes === 'number') throw new Error(`tensor ${quote(name)} holds ${bytes}, which is too large for half precision`);
  return bytes;
}

/** Writes a file atomically. Throws SafetensorsError where the system refuses, or a value is too large for half precision. */
export async function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, TensorData>,
  metadata?: ReadonlyMap<string, string>,
  halved?: Halved,
): Promise<void> {
  try {
    const chunks = encodeSafetensors(tensors, metadata, halved);
    await writeAtomic(path, chunks);
  } catch (error) {
    throw new SafetensorsError(path, `it cannot be written: ${fileReason(error)}`);
  }
}
