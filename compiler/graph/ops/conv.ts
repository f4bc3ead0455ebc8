/**
 * N-d convolution x [N, G, C, ...S] with w [G, O, C, ...K] -> y [N, G, O, ...size], as `node.ts` defines it.
 * Both derivatives are convolutions again, so the gradient of a gradient needs nothing more.
 */
import type { Builder } from '../builder.js';
import { type ConvAttrs, type Node, type Shape, size } from '../node.js';
import { expectDType, expectInputs, expectLength, GraphError, type Primitive, showShape } from '../primitive.js';
import { empty, strides } from '../tensor.js';

/** Axes before the spatial ones, in each of x, w and y. */
const LEADING = 3;

export const conv: Primitive<{ readonly op: 'conv' } & ConvAttrs> = {
  infer(attrs, inputs) {
    expectInputs('conv', inputs, 2);
    for (const input of inputs) expectDType('conv', input, ['f32']);
    const [x, w] = inputs.map((i) => i.shape);
    const rank = x.length - LEADING;
    if (rank < 1 || w.length !== x.length || x[1] !== w[0] || x[2] !== w[2]) {
      throw new GraphError(`conv takes [N, G, C, ...S] and [G, O, C, ...K], not ${showShape(x)} and ${showShape(w)}`);
    }
    expectLength('conv', 'stride', attrs.stride, rank, 1);
    expectLength('conv', 'padding', attrs.padding, rank, -Infinity);
    expectLength('conv', 'dilation', attrs.dilation, rank, 1);
    expectLength('conv', 'inputDilation', attrs.inputDilation, rank, 1);
    expectLength('conv', 'size', attrs.size, rank, 0);
    return { shape: [x[0], w[0], w[1], ...attrs.size], dtype: 'f32' };
  },
  vjp(b, node, g, wanted) {
    const [x, w] = node.inputs;
    return [wanted[0] ? dataGradient(b, node.operation, x, w, g) : undefined, wanted[1] ? kernelGradient(b, node.operation, x, w, g) : undefined];
  },
  interpret(node, [x, w]) {
    const result = empty(node.shape, 'f32');
    const [batch, groups, outs] = node.shape;
    const channels = x.shape[2];
    const taps = size(w.shape.slice(LEADING));
    const places = size(node.operation.size);
    const pixels = size(x.shape.slice(LEADING));
    const reads = tapReads(node.operation, x.shape.slice(LEADING), w.shape.slice(LEADING));
    for (let n = 0; n < batch; n++) {
      for (let g = 0; g < groups; g++) {
        for (let o = 0; o < outs; o++) {
          const y = result.data.subarray(((n * groups + g) * outs + o) * places, ((n * groups + g) * outs + o + 1) * places);
          for (let c = 0; c < channels; c++) {
            const image = x.data.subarray(((n * groups + g) * channels + c) * pixels, ((n * groups + g) * channels + c + 1) * pixels);
            const kernel = ((g * outs + o) * channels + c) * taps;
            for (let k = 0; k < taps; k++) {
              const weight = w.data[kernel + k];
              const { to, from } = reads[k];
              for (let i = 0; i < to.length; i++) y[to[i]] += weight * image[from[i]];
            }
          }
        }
      }
    }
    return result;
  },
};

/** For each tap of the kernel the result's elements that it reaches, and the input's elements that they read through it. */
function tapReads(attrs: ConvAttrs, image: Shape, kernel: Shape): { to: Int32Array; from: Int32Array }[] {
  const toStrides = strides(attrs.size);
  const fromStrides = strides(image);
  let reads = [{ to: [0], from: [0] }];
  for (let axis = 0; axis < image.length; axis++) {
    const along = Array.from({ length: kernel[axis] }, (_, k) => axisReads(attrs, axis, k, image[axis]));
    reads = reads.flatMap((read) =>
      along.map((pairs) => ({
        to: read.to.flatMap((to) => pairs.map(([p]) => to + p * toStrides[axis])),
        from: read.from.flatMap((from) => pairs.map(([, i]) => from + i * fromStrides[axis])),
      })),
    );
  }
  return reads.map(({ to, from }) => ({ to: Int32Array.from(to), from: Int32Array.from(from) }));
}

/** Along one axis and for one tap: pairs of a place of the result and the input element it reads; reads outside or between are none. */
function axisReads(attrs: ConvAttrs, axis: number, tap: number, length: number): [number, number][] {
  const pairs: [number, number][] = [];
  for (let p = 0; p < attrs.size[axis]; p++) {
    const at = p * attrs.stride[axis] + tap * attrs.dilation[axis] - attrs.padding[axis];
    const i = at / attrs.inputDilation[axis];
    if (Number.isInteger(i) && i >= 0 && i < length) pairs.push([p, i]);
  }
  return pairs;
}

function spatialAxes(x: Node): number[] {
  return x.shape.slice(LEADING).map((_, i) => i + LEADING);
}

/** dx: the cotangent, dilated by the stride, with the kernel reversed and its channels swapped. */
function dataGradient(b: Builder, attrs: ConvAttrs, x: Node, w: Node, g: Node): Node {
  const axes = spatialAxes(x);
  const kernel = b.reverse(b.permute(w, [0, 2, 1, ...axes]), axes);
  return b.conv(g, kernel, {
    stride: attrs.inputDilation,
    padding: attrs.padding.map((p, i) => (w.shape[LEADING + i] - 1) * attrs.dilation[i] - p),
    dilation: attrs.dilation,
    inputDilation: attrs.stride,
    size: x.shape.slice(LEADING),
  });
}

/** dw: the input convolved with the cotangent, where channels take the part of the batch and the batch is summed over. */
function kernelGradient(b: Builder, attrs: ConvAttrs, x: Node, w: Node, g: Node): Node {
  const axes = spatialAxes(x);
  const gradient = b.conv(b.permute(x, [2, 1, 0, ...axes]), b.permute(g, [1, 2, 0, ...axes]), {
    stride: attrs.dilation,
    padding: attrs.padding,
    dilation: attrs.stride,
    inputDilation: attrs.inputDilation,
    size: w.shape.slice(LEADING),
  });
  return b.permute(gradient, [1, 2, 0, ...axes]);
}
