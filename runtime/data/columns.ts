/** What a source has, and its way into the layout that a program's data buffers have. */
import type { FieldRequest } from '../../compiler/program/types.js';
import { DataError } from './error.js';

/** One thing that a source knows of every row. */
export type Column =
  /** [count, channels, height, width], 0..255. */
  | { readonly kind: 'image'; readonly shape: readonly number[]; readonly data: Uint8Array }
  /** [count], 0..classes-1. */
  | { readonly kind: 'class'; readonly classes: number; readonly data: ArrayLike<number> }
  /** [count, ...shape]. */
  | { readonly kind: 'vector'; readonly shape: readonly number[]; readonly data: Float32Array }
  /** [count, channels, frames, height, width], 0..255. */
  | { readonly kind: 'video'; readonly shape: readonly number[]; readonly data: Uint8Array }
  /** [count, length], 0..words-1; 0 after the last word. */
  | { readonly kind: 'tokens'; readonly length: number; readonly words: number; readonly data: Int32Array }
  /** [count, frames, bands]. */
  | { readonly kind: 'audio'; readonly shape: readonly number[]; readonly data: Float32Array };

export interface FieldRows {
  readonly count: number;
  /** Row i at i * rowBytes. */
  readonly bytes: Uint8Array;
  readonly rowBytes: number;
}

/** `image[1, 28, 28]`, `class[10]`: a field's type as a spec writes it. */
export function typeText(field: Pick<FieldRequest, 'type' | 'shape' | 'args'>): string {
  const sizes = field.type === 'class' ? [classesOf(field) ?? '?'] : field.shape;
  const words = Object.entries(field.args).filter(([name]) => name !== 'classes');
  return `${field.type}[${[...sizes, ...words.map(([name, value]) => `${name}: ${value}`)].join(', ')}]`;
}

export function columnText(column: Column): string {
  if (column.kind === 'class') return `class[${column.classes}]`;
  if (column.kind === 'tokens') return `tokens[${column.length}, words: ${column.words}]`;
  return `${column.kind}[${column.shape.join(', ')}]`;
}

/** Shape of one row: [] of a class. */
export function rowShape(column: Column): readonly number[] {
  return column.kind === 'class' ? [] : column.kind === 'tokens' ? [column.length] : column.shape;
}

/** Numbers in one row. */
export function rowElements(column: Column): number {
  return rowShape(column).reduce((a, b) => a * b, 1);
}

/** How many classes a field of type `class` allows. */
export function classesOf(field: Pick<FieldRequest, 'shape' | 'args'>): number | undefined {
  return field.args.classes ?? field.shape[0];
}

/** Bytes of a field's row in a data buffer: whole words. */
export function rowBytesOf(field: FieldRequest): number {
  if (field.type === 'class') return 4;
  const elements = field.shape.reduce((a, b) => a * b, 1);
  return field.storage.kind === 'u8' ? Math.ceil(elements / 4) * 4 : elements * 4;
}

/** Checks the column against the request. Throws DataError where it is not what the field asks for. */
export function checkColumn(field: FieldRequest, column: Column, source: string): void {
  if (column.kind === 'class') {
    const classes = classesOf(field);
    if (classes !== column.classes) {
      throw new DataError(
        `field '${field.name}' asks for ${typeText(field)}`,
        `${source} has ${column.classes} classes`,
        `write ${field.name}: class[${column.classes}]`,
      );
    }
    return;
  }
  const { words } = field.args;
  if (column.kind === 'tokens' && words !== undefined && words < column.words) {
    throw new DataError(
      `field '${field.name}' asks for ${typeText(field)}`,
      `${source} numbers ${column.words} words, 0 for the padding and 1 for unknown words counted`,
      `write ${field.name}: tokens[${field.shape.join(', ')}, words: ${column.words}]`,
    );
  }
  const shape = rowShape(column);
  if (shape.length !== field.shape.length || shape.some((n, i) => n !== field.shape[i])) {
    throw new DataError(
      `field '${field.name}' asks for ${typeText(field)}`,
      `${source} delivers ${columnText(column)} and does not resize`,
      `write ${field.name}: ${columnText(column)}`,
    );
  }
}

/**
 * The rows `order` (source row of each result row) of a column in the field's storage. Pictures and clips keep their bytes where the storage is u8, else they are
 * spread over the field's range (-1..1 where it names none).
 */
export function packColumn(field: FieldRequest, column: Column, order: Uint32Array): FieldRows {
  const elements = rowElements(column);
  const rowBytes = rowBytesOf(field);
  const { kind } = field.storage;
  const bytes = new Uint8Array(order.length * rowBytes);
  if (kind === 'u8') {
    if (column.kind !== 'image' && column.kind !== 'video')
      throw new DataError(`field '${field.name}' cannot be stored as bytes`, `a ${column.kind} is not made of bytes`);
    for (let i = 0; i < order.length; i++) bytes.set(column.data.subarray(order[i] * elements, (order[i] + 1) * elements), i * rowBytes);
    return { count: order.length, bytes, rowBytes };
  }
  const words = kind === 'i32' ? new Int32Array(bytes.buffer) : new Float32Array(bytes.buffer);
  const [low, high] = field.range ?? [-1, 1];
  const [scale, offset] = (column.kind === 'image' || column.kind === 'video') && kind === 'f32' ? [(high - low) / 255, low] : [1, 0];
  for (let i = 0; i < order.length; i++) {
    for (let j = 0; j < elements; j++) words[i * elements + j] = column.data[order[i] * elements + j] * scale + offset;
  }
  return { count: order.length, bytes, rowBytes };
}
