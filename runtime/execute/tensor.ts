/** Tensors on the host, row-major. Every element takes four bytes, on the GPU too; a bool is a u32 of 0 or 1. */
import type { DType } from '../../compiler/graph/node.js';
import { InputError } from '../device/error.js';

export interface TensorData {
  readonly dtype: DType;
  readonly shape: number[];
  readonly data: Float32Array | Int32Array | Uint32Array;
}

export function elements(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}

export function byteSize(shape: readonly number[]): number {
  return elements(shape) * 4;
}

/** A copy of `bytes[from, from + size of shape)` as the dtype's array. `from` is a multiple of 4. */
export function decode(dtype: DType, shape: readonly number[], bytes: ArrayBuffer, from: number): TensorData {
  const own = bytes.slice(from, from + byteSize(shape));
  const data = dtype === 'f32' ? new Float32Array(own) : dtype === 'i32' ? new Int32Array(own) : new Uint32Array(own);
  return { dtype, shape: [...shape], data };
}

/** The tensor's bytes, a view. */
export function bytesOf(data: TensorData['data']): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** `f32[64, 100]`, for messages. */
export function describeType(dtype: DType, shape: readonly number[]): string {
  return `${dtype}[${shape.join(', ')}]`;
}

/** Throws InputError, naming `what`, where the tensor has not the dtype, shape and array that are wanted. */
export function checkTensor(what: string, tensor: TensorData, dtype: DType, shape: readonly number[]): void {
  if (tensor.dtype !== dtype || tensor.shape.length !== shape.length || tensor.shape.some((n, i) => n !== shape[i])) {
    throw new InputError(`${what} is ${describeType(tensor.dtype, tensor.shape)}; wanted is ${describeType(dtype, shape)}`);
  }
  const array = dtype === 'f32' ? Float32Array : dtype === 'i32' ? Int32Array : Uint32Array;
  if (!(tensor.data instanceof array)) throw new InputError(`${what} has its elements in a ${tensor.data.constructor.name}; ${dtype} needs a ${array.name}`);
  if (tensor.data.length !== elements(shape))
    throw new InputError(`${what} has ${tensor.data.length} elements; its shape [${shape.join(', ')}] has ${elements(shape)}`);
}
