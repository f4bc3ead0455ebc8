/** `tensors(path: "file.safetensors")`: each field is the tensor of its name, [rows, ...shape of the field]. */
import type { FieldRequest } from '../../compiler/program/types.js';
import { suggest } from '../../grammar/suggest.js';
import { readSafetensors, SafetensorsError, type StoredTensor } from '../train/safetensors.js';
import { classesOf, type FieldRows, rowBytesOf, typeText } from './columns.js';
import { DataError } from './error.js';

/** All fields, in the file's order of rows. Throws DataError. */
export async function tensorFields(path: string, fields: readonly FieldRequest[]): Promise<Map<string, FieldRows>> {
  let tensors: Map<string, StoredTensor>;
  try {
    tensors = await readSafetensors(path);
  } catch (error) {
    if (error instanceof SafetensorsError)
      throw new DataError(
        `cannot use ${error.file} as data`,
        error.reason,
        error.mend ?? 'paths start from the folder of the spec; tensors are written by safetensors.torch.save_file and its like',
      );
    throw error;
  }
  const result = new Map<string, FieldRows>();
  let rows: { name: string; count: number } | undefined;
  for (const field of fields) {
    const tensor = tensors.get(field.name);
    if (tensor === undefined) {
      const near = suggest(field.name, tensors.keys());
      throw new DataError(
        `${path} has no tensor '${field.name}'`,
        `it holds ${[...tensors.keys()].slice(0, 20).join(', ') || 'no tensor at all'}`,
        near === undefined ? 'name the field as the tensor is named' : `did you mean '${near}'?`,
      );
    }
    const packed = pack(field, tensor);
    if (packed.count === 0)
      throw new DataError(`tensor '${field.name}' of ${path} has no rows`, `its shape is [${tensor.shape.join(', ')}]`, 'store at least one');
    if (rows !== undefined && rows.count !== packed.count) {
      throw new DataError(
        `the tensors of ${path} do not belong together`,
        `'${rows.name}' has ${rows.count} rows, '${field.name}' has ${packed.count}`,
        'a row of one goes with the same row of the others',
      );
    }
    rows ??= { name: field.name, count: packed.count };
    result.set(field.name, packed);
  }
  return result;
}

function pack(field: FieldRequest, tensor: StoredTensor): FieldRows {
  const shape = field.type === 'class' ? [] : field.shape;
  const wanted = ['rows', ...shape].join(', ');
  const asks = `field '${field.name}' asks for ${typeText(field)}`;
  if (tensor.shape.length !== shape.length + 1 || shape.some((n, i) => n !== tensor.shape[i + 1])) {
    throw new DataError(
      asks,
      `the tensor in ${tensor.file} is [${tensor.shape.join(', ')}], not [${wanted}]`,
      'store it in that shape, or ask for the one that it has',
    );
  }
  const count = tensor.shape[0];
  const rowBytes = rowBytesOf(field);
  const bytes = new Uint8Array(count * rowBytes);
  const elements = shape.reduce((a, b) => a * b, 1);
  if (field.storage.kind === 'u8') {
    if (tensor.stored !== 'U8') {
      const mend = tensor.stored.includes('F') ? `store it as U8 (0 to 255), or ask for tensor[${shape.join(', ')}]` : 'store it as U8 (0 to 255)';
      throw new DataError(asks, `it is kept as bytes, but the tensor in ${tensor.file} is ${tensor.stored}`, mend);
    }
    for (let i = 0; i < count; i++) bytes.set(tensor.bytes.subarray(i * elements, (i + 1) * elements), i * rowBytes);
    return { count, bytes, rowBytes };
  }
  const to = field.storage.kind;
  // Whole numbers are as good as floats where they are few: bytes of pictures or counts.
  const source = to === 'f32' && tensor.dtype !== 'f32' && tensor.stored === 'U8' ? tensor.as('u32') : converted(asks, tensor, to);
  const words = to === 'f32' ? new Float32Array(bytes.buffer) : new Int32Array(bytes.buffer);
  words.set(source.data);
  checkValues(field, words, tensor.file, asks);
  return { count, bytes, rowBytes };
}

function converted(asks: string, tensor: StoredTensor, to: 'f32' | 'i32') {
  try {
    return tensor.as(to);
  } catch (error) {
    if (error instanceof SafetensorsError) throw new DataError(asks, `${error.reason} (${error.file})`);
    throw error;
  }
}

/** Finite, inside the field's range, and labels below their number of classes. */
function checkValues(field: FieldRequest, words: Float32Array | Int32Array, file: string, asks: string): void {
  const classes = field.type === 'class' ? classesOf(field) : undefined;
  const [low, high] = classes !== undefined ? [0, classes - 1] : (field.range ?? [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]);
  // Half a step of f32 at the range's ends: -1..1 computed elsewhere may round to just outside.
  const slack = classes !== undefined || !Number.isFinite(high - low) ? 0 : 1e-6 * (high - low);
  for (let i = 0; i < words.length; i++) {
    const value = words[i];
    if (!Number.isFinite(value)) throw new DataError(asks, `the tensor in ${file} holds ${value}`, 'leave such rows out');
    if (value < low - slack || value > high + slack)
      throw new DataError(asks, `the tensor in ${file} holds ${value}, outside of ${low} to ${high}`, 'scale the values, or leave such rows out');
  }
}
