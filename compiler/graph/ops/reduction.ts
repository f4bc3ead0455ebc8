/** Reductions over named axes, which are dropped. */
import type { Builder } from '../builder.js';
import type { DType, Node, Shape } from '../node.js';
import { expectAxes, expectDType, expectInputs, GraphError, type Primitive, showShape, type Type } from '../primitive.js';
import { dense, empty, type Tensor, walkRows, wrap } from '../tensor.js';

type Axes = { readonly axes: readonly number[] };

const NUMBERS: readonly DType[] = ['f32', 'i32', 'u32'];

function inferReduction(what: string, { axes }: Axes, inputs: readonly Node[]): Type {
  expectInputs(what, inputs, 1);
  expectDType(what, inputs[0], NUMBERS);
  expectAxes(what, axes, inputs[0].shape);
  return { shape: inputs[0].shape.filter((_, axis) => !axes.includes(axis)), dtype: inputs[0].dtype };
}

/** The input's shape with each reduced axis of length 1. */
function keptShape(shape: Shape, axes: readonly number[]): number[] {
  return shape.map((n, axis) => (axes.includes(axis) ? 1 : n));
}

/** A reduced value repeated over the axes that it was reduced over. */
function spread(b: Builder, value: Node, shape: Shape, axes: readonly number[]): Node {
  return b.broadcastTo(b.reshape(value, keptShape(shape, axes)), shape);
}

function reduce(x: Tensor, axes: readonly number[], result: Tensor, combine: (a: number, b: number) => number): Tensor {
  const kept = dense(result.shape).strides;
  let next = 0;
  const to = x.shape.map((_, axis) => (axes.includes(axis) ? 0 : kept[next++]));
  walkRows(x.shape, { offset: 0, strides: to }, dense(x.shape), (t, s, count, stepT, stepS) => {
    for (let i = 0; i < count; i++) result.data[t + i * stepT] = combine(result.data[t + i * stepT], x.data[s + i * stepS]);
  });
  return result;
}

export const sum: Primitive<{ readonly op: 'sum' } & Axes> = {
  infer: (operation, inputs) => inferReduction('sum', operation, inputs),
  vjp: (b, node, g) => [spread(b, g, node.inputs[0].shape, node.operation.axes)],
  interpret(node, [x]) {
    const result = reduce(x, node.operation.axes, empty(node.shape, node.dtype), (a, b) => a + b);
    for (let i = 0; i < result.data.length; i++) result.data[i] = wrap(result.data[i], node.dtype);
    return result;
  },
};

export const max: Primitive<{ readonly op: 'max' } & Axes> = {
  infer(operation, inputs) {
    const type = inferReduction('max', operation, inputs);
    const empty = operation.axes.find((axis) => inputs[0].shape[axis] === 0);
    if (empty !== undefined) throw new GraphError(`max over axis ${empty} of ${showShape(inputs[0].shape)}: there is nothing to choose from`);
    return type;
  },
  // Ties share evenly, as in PyTorch's amax.
  vjp(b, node, g) {
    const x = node.inputs[0];
    const { axes } = node.operation;
    const hit = b.cast(b.compare('eq', x, spread(b, node, x.shape, axes)), 'f32');
    const share = b.binary('div', g, b.sum(hit, axes));
    return [b.binary('mul', hit, spread(b, share, x.shape, axes))];
  },
  interpret(node, [x]) {
    const result = empty(node.shape, node.dtype);
    result.data.fill(-Infinity);
    return reduce(x, node.operation.axes, result, Math.max);
  },
};
