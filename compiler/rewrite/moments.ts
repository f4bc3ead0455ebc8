/**
 * A mean, and the sum of squared deviations from that mean over the same axes, read their input twice, one after the other. Both follow from two sums that
 * one kernel makes in one reading: of the deviations d from the first element k of each result, and of their squares.
 *
 *   mean = k + sum d / n        sum (x - mean)^2 = sum d^2 - (sum d)^2 / n
 *
 * As k is one of the numbers, a large mean cancels before anything is squared; what the last difference loses is (1 + z^2) times a rounding, where k
 * lies z standard deviations from the mean (Chan, Golub and LeVeque 1983, "Algorithms for computing the sample variance", section 3). This comes after
 * differentiation: derivatives are those of the formula as it was written.
 */
import type { Builder } from '../graph/builder.js';
import { type GraphFunction, type Node, roots, topological } from '../graph/node.js';
import { sameShape } from '../graph/primitive.js';
import { withoutReshape } from './prune.js';
import { remake } from './remake.js';

/** A mean of `x` over `axes`, as it is before it is spread over them. */
interface Mean {
  readonly node: Node;
  readonly x: Node;
  readonly axes: readonly number[];
}

export function moments(fn: GraphFunction): GraphFunction {
  const means = new Map<Node, Mean>();
  /** Sum of squares -> the mean that they are the deviations from. */
  const squares = new Map<Node, Mean>();
  for (const node of topological(roots(fn))) {
    const mean = deviationSum(node);
    if (mean === undefined) continue;
    squares.set(node, mean);
    means.set(mean.node, mean);
  }
  if (means.size === 0) return fn;
  const made = new Map<Node, Node>();
  const shifted = (builder: Builder, { x, axes }: Mean): { first: Node; total: Node; square: Node; share: number } => {
    const value = made.get(x) as Node;
    const first = builder.slice(
      value,
      x.shape.map(() => 0),
      x.shape.map((length, axis) => (axes.includes(axis) ? 1 : length)),
    );
    const from = builder.binary('sub', value, builder.broadcastTo(first, x.shape));
    const total = builder.sum(from, axes);
    return {
      first: builder.reshape(first, total.shape),
      total,
      square: builder.sum(builder.binary('mul', from, from), axes),
      share: 1 / axes.reduce((product, axis) => product * x.shape[axis], 1),
    };
  };
  const change = (builder: Builder, node: Node): Node | undefined => {
    const mean = means.get(node);
    if (mean !== undefined) {
      const { first, total, share } = shifted(builder, mean);
      return builder.reshape(builder.binary('add', first, builder.scale(total, share)), node.shape);
    }
    const about = squares.get(node);
    if (about === undefined) return undefined;
    const { total, square, share } = shifted(builder, about);
    const least = builder.binary('sub', square, builder.binary('mul', total, builder.scale(total, share)));
    return builder.reshape(builder.binary('max', least, builder.fill(least, 0)), node.shape);
  };
  return remake(fn, (builder, node, inputs) => {
    const result = change(builder, node) ?? builder.make(node.operation, inputs, { shape: node.shape, dtype: node.dtype });
    made.set(node, result);
    return result;
  });
}

/** Of `sum (x - mean x)^2` over the axes of the mean. */
function deviationSum(node: Node): Mean | undefined {
  const { operation } = node;
  if (operation.op !== 'sum' || node.dtype !== 'f32') return undefined;
  const [square] = node.inputs;
  if (!isBinary(square, 'mul') || square.inputs[0] !== square.inputs[1]) return undefined;
  const [centred] = square.inputs;
  if (!isBinary(centred, 'sub')) return undefined;
  const [x, spread] = centred.inputs;
  const axes = long(x, operation.axes);
  const kept = x.shape.map((length, axis) => (operation.axes.includes(axis) ? 1 : length));
  if (axes.length === 0 || spread.operation.op !== 'broadcast' || !sameShape(spread.inputs[0].shape, kept)) return undefined;
  const mean = withoutReshape(spread.inputs[0]);
  return isMean(mean, x, axes) ? { node: mean, x, axes: operation.axes } : undefined;
}

/** `sum x / n`, over these axes and others of length 1. */
function isMean(node: Node, x: Node, axes: readonly number[]): boolean {
  if (!isBinary(node, 'mul')) return false;
  const [total, factor] = [withoutReshape(node.inputs[0]), withoutReshape(node.inputs[1])];
  if (total.operation.op !== 'sum' || total.inputs[0] !== x || factor.operation.op !== 'constant') return false;
  const count = axes.reduce((product, axis) => product * x.shape[axis], 1);
  return sameShape(long(x, total.operation.axes), axes) && Math.abs(factor.operation.value * count - 1) < 1e-6;
}

/** Those of the axes that are longer than 1. */
function long(x: Node, axes: readonly number[]): readonly number[] {
  return axes.filter((axis) => x.shape[axis] !== 1);
}

function isBinary(node: Node, name: 'mul' | 'sub'): boolean {
  return node.operation.op === 'binary' && node.operation.name === name;
}
