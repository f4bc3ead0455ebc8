/** Index maps that place tensors inside a larger one: padding with zeros, concatenation, packing. */
import { type Node, type Shape, size } from '../node.js';
import { expectDType, expectInputs, expectLength, GraphError, type Primitive, showShape, showType } from '../primitive.js';
import { copy, dense, empty, strides } from '../tensor.js';

type PadOperation = { readonly op: 'pad'; readonly low: readonly number[]; readonly high: readonly number[]; readonly interior: readonly number[] };

export const pad: Primitive<PadOperation> = {
  infer({ low, high, interior }, inputs) {
    expectInputs('pad', inputs, 1);
    const { shape, dtype } = inputs[0];
    expectLength('pad', 'low', low, shape.length, 0);
    expectLength('pad', 'high', high, shape.length, 0);
    expectLength('pad', 'interior', interior, shape.length, 0);
    return { shape: shape.map((n, axis) => low[axis] + n + Math.max(0, n - 1) * interior[axis] + high[axis]), dtype };
  },
  vjp(b, node, g) {
    const { low, interior } = node.operation;
    const stop = node.inputs[0].shape.map((n, axis) => low[axis] + n + Math.max(0, n - 1) * interior[axis]);
    return [
      b.slice(
        g,
        low,
        stop,
        interior.map((n) => n + 1),
      ),
    ];
  },
  interpret(node, [x]) {
    const { low, interior } = node.operation;
    const result = empty(node.shape, node.dtype);
    const to = strides(node.shape);
    const target = { offset: to.reduce((at, s, axis) => at + s * low[axis], 0), strides: to.map((s, axis) => s * (interior[axis] + 1)) };
    copy(x.shape, result.data, target, x.data, dense(x.shape));
    return result;
  },
};

/** Where each input of a concatenation starts along its axis. */
export function concatStarts(inputs: readonly Node[], axis: number): number[] {
  let at = 0;
  return inputs.map((input) => {
    at += input.shape[axis];
    return at - input.shape[axis];
  });
}

export const concat: Primitive<{ readonly op: 'concat'; readonly axis: number }> = {
  infer({ axis }, inputs) {
    if (inputs.length === 0) throw new GraphError('concat takes at least one input');
    const { shape, dtype } = inputs[0];
    if (!Number.isInteger(axis) || axis < 0 || axis >= shape.length) throw new GraphError(`concat: ${showShape(shape)} has no axis ${axis}`);
    for (const input of inputs) {
      if (input.dtype !== dtype) throw new GraphError(`concat takes equal dtypes, not ${showType(inputs[0])} and ${showType(input)}`);
      if (input.shape.length !== shape.length || input.shape.some((n, i) => i !== axis && n !== shape[i])) {
        throw new GraphError(`concat along axis ${axis}: ${inputs.map((i) => showShape(i.shape)).join(', ')} differ in another axis`);
      }
    }
    return { shape: shape.map((n, i) => (i === axis ? inputs.reduce((sum, input) => sum + input.shape[axis], 0) : n)), dtype };
  },
  vjp(b, node, g, wanted) {
    const { axis } = node.operation;
    const starts = concatStarts(node.inputs, axis);
    return node.inputs.map((input, i) => {
      if (!wanted[i]) return undefined;
      const start = node.shape.map((_, a) => (a === axis ? starts[i] : 0));
      return b.slice(
        g,
        start,
        start.map((s, a) => s + input.shape[a]),
      );
    });
  },
  interpret(node, inputs) {
    const { axis } = node.operation;
    const result = empty(node.shape, node.dtype);
    const to = strides(node.shape);
    const starts = concatStarts(node.inputs, axis);
    inputs.forEach((input, i) => {
      copy(input.shape, result.data, { offset: starts[i] * to[axis], strides: to }, input.data, dense(input.shape));
    });
    return result;
  },
};

export const pack: Primitive<{ readonly op: 'pack'; readonly offsets: readonly number[]; readonly total: number; readonly tight?: true }> = {
  infer({ offsets, total }, inputs) {
    expectLength('pack', 'offsets', offsets, inputs.length, 0);
    expectLength('pack', 'total', [total], 1, 0);
    let end = 0;
    inputs.forEach((input, i) => {
      expectDType('pack', input, ['f32']);
      if (offsets[i] < end) throw new GraphError(`pack: input ${i} at ${offsets[i]} overlaps the one before it, which ends at ${end}`);
      end = offsets[i] + size(input.shape);
    });
    if (end > total) throw new GraphError(`pack: inputs end at ${end}, beyond the ${total} elements`);
    return { shape: [total] as Shape, dtype: 'f32' };
  },
  vjp() {
    throw new GraphError('pack has no derivative: differentiate before packing');
  },
  interpret(node, inputs) {
    const result = empty(node.shape, 'f32');
    inputs.forEach((input, i) => {
      result.data.set(input.data, node.operation.offsets[i]);
    });
    return result;
  },
};
