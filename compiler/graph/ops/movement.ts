/** Index maps that rearrange one tensor: each result element is one input element, each derivative another index map. */
import type { Shape } from '../node.js';
import { size } from '../node.js';
import { expectAxes, expectInputs, expectLength, expectShape, GraphError, type Primitive, showShape } from '../primitive.js';
import { dense, gather, strides } from '../tensor.js';

export const reshape: Primitive<{ readonly op: 'reshape'; readonly shape: Shape }> = {
  infer({ shape }, inputs) {
    expectInputs('reshape', inputs, 1);
    expectShape('reshape', shape);
    if (size(shape) !== size(inputs[0].shape)) {
      throw new GraphError(`reshape: ${showShape(inputs[0].shape)} has ${size(inputs[0].shape)} elements, ${showShape(shape)} has ${size(shape)}`);
    }
    return { shape, dtype: inputs[0].dtype };
  },
  vjp: (b, node, g) => [b.reshape(g, node.inputs[0].shape)],
  interpret: (node, [x]) => ({ shape: node.shape, dtype: x.dtype, data: x.data }),
};

/** The axes that a broadcast repeats. */
export function repeatedAxes(from: Shape, to: Shape): number[] {
  return from.flatMap((n, axis) => (n === to[axis] ? [] : [axis]));
}

export const broadcast: Primitive<{ readonly op: 'broadcast'; readonly shape: Shape }> = {
  infer({ shape }, inputs) {
    expectInputs('broadcast', inputs, 1);
    expectShape('broadcast', shape);
    const from = inputs[0].shape;
    if (from.length !== shape.length || !from.every((n, axis) => n === shape[axis] || n === 1)) {
      throw new GraphError(`broadcast: ${showShape(from)} does not repeat to ${showShape(shape)}: equal rank, and only axes of length 1 repeat`);
    }
    return { shape, dtype: inputs[0].dtype };
  },
  vjp(b, node, g) {
    const from = node.inputs[0].shape;
    return [b.reshape(b.sum(g, repeatedAxes(from, node.shape)), from)];
  },
  interpret(node, [x]) {
    const repeated = repeatedAxes(x.shape, node.shape);
    return gather(node.shape, x, { offset: 0, strides: strides(x.shape).map((s, axis) => (repeated.includes(axis) ? 0 : s)) });
  },
};

/** The permutation that undoes another. */
export function inversePermutation(axes: readonly number[]): number[] {
  const inverse = new Array<number>(axes.length);
  axes.forEach((axis, i) => {
    inverse[axis] = i;
  });
  return inverse;
}

export const permute: Primitive<{ readonly op: 'permute'; readonly axes: readonly number[] }> = {
  infer({ axes }, inputs) {
    expectInputs('permute', inputs, 1);
    const { shape, dtype } = inputs[0];
    if (axes.length !== shape.length || [...axes].sort((a, b) => a - b).some((axis, i) => axis !== i)) {
      throw new GraphError(`permute: [${axes.join(', ')}] must name each of the ${shape.length} axes of ${showShape(shape)} once`);
    }
    return { shape: axes.map((axis) => shape[axis]), dtype };
  },
  vjp: (b, node, g) => [b.permute(g, inversePermutation(node.operation.axes))],
  interpret(node, [x]) {
    const from = strides(x.shape);
    return gather(node.shape, x, { offset: 0, strides: node.operation.axes.map((axis) => from[axis]) });
  },
};

export const reverse: Primitive<{ readonly op: 'reverse'; readonly axes: readonly number[] }> = {
  infer({ axes }, inputs) {
    expectInputs('reverse', inputs, 1);
    expectAxes('reverse', axes, inputs[0].shape);
    return { shape: inputs[0].shape, dtype: inputs[0].dtype };
  },
  vjp: (b, node, g) => [b.reverse(g, node.operation.axes)],
  interpret(node, [x]) {
    const from = dense(x.shape);
    let offset = 0;
    const steps = [...from.strides];
    for (const axis of node.operation.axes) {
      offset += (x.shape[axis] - 1) * steps[axis];
      steps[axis] = -steps[axis];
    }
    return gather(node.shape, x, { offset, strides: steps });
  },
};

type SliceOperation = { readonly op: 'slice'; readonly start: readonly number[]; readonly stop: readonly number[]; readonly step: readonly number[] };

export const slice: Primitive<SliceOperation> = {
  infer({ start, stop, step }, inputs) {
    expectInputs('slice', inputs, 1);
    const { shape, dtype } = inputs[0];
    expectLength('slice', 'start', start, shape.length, 0);
    expectLength('slice', 'stop', stop, shape.length, 0);
    expectLength('slice', 'step', step, shape.length, 1);
    shape.forEach((n, axis) => {
      if (start[axis] > stop[axis] || stop[axis] > n) {
        throw new GraphError(`slice: ${start[axis]}:${stop[axis]} is not within axis ${axis} of ${showShape(shape)}`);
      }
    });
    return { shape: shape.map((_, axis) => Math.ceil((stop[axis] - start[axis]) / step[axis])), dtype };
  },
  // The cotangent goes back to where the elements were, zeros elsewhere.
  vjp(b, node, g) {
    const { start, step } = node.operation;
    const ends = node.shape.map((n, axis) => (n === 0 ? start[axis] : start[axis] + (n - 1) * step[axis] + 1));
    const high = ends.map((end, axis) => node.inputs[0].shape[axis] - end);
    return [
      b.pad(
        g,
        start,
        high,
        step.map((s) => s - 1),
      ),
    ];
  },
  interpret(node, [x]) {
    const { start, step } = node.operation;
    const from = strides(x.shape);
    return gather(node.shape, x, { offset: from.reduce((at, s, axis) => at + s * start[axis], 0), strides: from.map((s, axis) => s * step[axis]) });
  },
};
