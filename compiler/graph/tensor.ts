/** Values of the float64 interpreter, dense and row-major, and the strided walks that its index maps are made of. */
import { type DType, type Shape, size } from './node.js';

export interface Tensor {
  readonly shape: Shape;
  readonly dtype: DType;
  /** Every dtype in float64: i32 and u32 are exact, `bool` is 0 or 1. */
  readonly data: Float64Array;
}

/** What a call sees: persistent values from before it, what the host sends, and the rows gathered for it ([batch, ...]). */
export interface Environment {
  readonly variables: ReadonlyMap<string, Tensor>;
  readonly inputs: ReadonlyMap<string, Tensor>;
  readonly fields: ReadonlyMap<string, Tensor>;
  readonly seed: bigint;
  /** Number of the call, the second word of the counter of every draw. */
  readonly counter: number;
}

export function empty(shape: Shape, dtype: DType): Tensor {
  return { shape, dtype, data: new Float64Array(size(shape)) };
}

export function strides(shape: Shape): number[] {
  const result = new Array<number>(shape.length);
  let stride = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    result[i] = stride;
    stride *= shape[i];
  }
  return result;
}

/** Where a walk begins and how far it goes along each axis, in elements. */
export interface Layout {
  readonly offset: number;
  readonly strides: readonly number[];
}

export function dense(shape: Shape): Layout {
  return { offset: 0, strides: strides(shape) };
}

/** Visits `shape` row by row, in order, over two layouts: `row(a, b, count, stepA, stepB)` gets the offsets of a row's start. */
export function walkRows(shape: Shape, a: Layout, b: Layout, row: (a: number, b: number, count: number, stepA: number, stepB: number) => void): void {
  if (size(shape) === 0) return;
  const last = shape.length - 1;
  if (last < 0) {
    row(a.offset, b.offset, 1, 0, 0);
    return;
  }
  const index = new Array<number>(last).fill(0);
  let atA = a.offset;
  let atB = b.offset;
  for (;;) {
    row(atA, atB, shape[last], a.strides[last], b.strides[last]);
    let axis = last - 1;
    for (; axis >= 0; axis--) {
      atA += a.strides[axis];
      atB += b.strides[axis];
      if (++index[axis] < shape[axis]) break;
      atA -= a.strides[axis] * shape[axis];
      atB -= b.strides[axis] * shape[axis];
      index[axis] = 0;
    }
    if (axis < 0) return;
  }
}

/** Copies `shape` elements from one layout to another. */
export function copy(shape: Shape, target: Float64Array, to: Layout, source: Float64Array, from: Layout): void {
  walkRows(shape, to, from, (t, s, count, stepT, stepS) => {
    for (let i = 0; i < count; i++) target[t + i * stepT] = source[s + i * stepS];
  });
}

/** A dense tensor read out of another through a layout. */
export function gather(shape: Shape, source: Tensor, from: Layout): Tensor {
  const result = empty(shape, source.dtype);
  copy(shape, result.data, dense(shape), source.data, from);
  return result;
}

/** A number as its dtype holds it; f32 stays in float64. */
export function wrap(value: number, dtype: DType): number {
  switch (dtype) {
    case 'f32':
      return value;
    case 'i32':
      return value | 0;
    case 'u32':
      return value >>> 0;
    case 'bool':
      return value !== 0 ? 1 : 0;
  }
}
