/** Rows that are made up, for where only their number and size matter: profiles of a spec whose data are not there. */
import { threefry2x32 } from '../../compiler/graph/threefry.js';
import type { DataRequest, FieldRequest } from '../../compiler/program/types.js';
import { classesOf, type FieldRows, rowBytesOf, typeText } from './columns.js';
import type { DataSet } from './index.js';

/** `count` rows of every field of the request, each value anywhere in its range; the same ones every time. */
export function inventedData(request: DataRequest, count: number): DataSet {
  const types = request.fields.map((field) => `${field.name}: ${typeText(field)}`).join(', ');
  return {
    count,
    heldOut: 0,
    fields: new Map(request.fields.map((field, i) => [field.name, invent(field, i, count)])),
    describe: `made up: ${count} rows, ${types}`,
  };
}

function invent(field: FieldRequest, number: number, count: number): FieldRows {
  const rowBytes = rowBytesOf(field);
  const bytes = new Uint8Array(count * rowBytes);
  const words = new Uint32Array(bytes.buffer);
  for (let i = 0; i < words.length; i++) words[i] = threefry2x32([number, 0], [i, 0])[0];
  const { kind } = field.storage;
  const [low, high] = field.range ?? (kind === 'i32' ? [0, (classesOf(field) ?? 1) - 1] : [-1, 1]);
  if (kind === 'i32') new Int32Array(bytes.buffer).set(words.map((word) => low + (word % (high - low + 1))));
  else if (kind === 'f32') new Float32Array(bytes.buffer).set(Float32Array.from(words, (word) => low + ((high - low) * word) / 2 ** 32));
  return { count, bytes, rowBytes };
}
