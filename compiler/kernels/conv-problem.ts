/**
 * How a convolution is laid out as a matrix product: which operand gives the rows, and which sum is unrolled.
 *
 * The roles of both operands can be exchanged. The definition pairs input element i with tap k where
 * i * inputDilation = p * stride + k * dilation - padding; solved for k instead, the same sum is a convolution over w as input and x as kernel, of
 * input dilation `dilation`, dilation `inputDilation`, padding (size - 1) * stride - padding, and with the result's positions reversed.
 */
import type { ConvAttrs, Node } from '../graph/node.js';
import { type Affine, operandView } from './affine.js';
import { type Axis, convAxes } from './conv-index.js';
import { DEPTH, subgroupLaunch } from './gemm-tile.js';
import type { Site } from './kernel.js';

/** An operand seen as [N, G, C, ...S] or [G, O, C, ...K]: axis i of that is axis `order[i]` of the node. */
export interface Operand {
  readonly node: Node;
  readonly order: readonly number[];
  readonly view: Affine;
}

export interface Problem {
  readonly anchor: Node;
  readonly input: Operand;
  readonly kernel: Operand;
  readonly batch: number;
  readonly groups: number;
  /** Output channels of a group, and input channels of a group. */
  readonly rows: number;
  readonly channels: number;
  readonly axes: readonly Axis[];
  /** What the unrolled innermost loop runs over: input channels, or the taps of the last axis. */
  readonly inner: 'channels' | 'taps';
  /** Operands exchanged: rows are the result's batch, columns its channels and positions, positions reversed. */
  readonly swapped: boolean;
}

const turns = (length: number): number => Math.ceil(length / DEPTH);
const tapsOf = (axis: Axis): number => Math.ceil(axis.taps / axis.tapStep);

/**
 * Which sum to unroll. Over channels, the range checks of a tap are shared by all of them; over the taps of the last axis each needs its own, about a
 * third more work; either wastes what its length lacks to a multiple of `DEPTH`.
 */
function innermost(channels: number, axes: readonly Axis[]): 'channels' | 'taps' {
  const taps = tapsOf(axes[axes.length - 1]);
  const byChannels = (turns(channels) * DEPTH + 3) / channels;
  const byTaps = (turns(taps) * DEPTH * 1.35) / taps;
  return byTaps < byChannels ? 'taps' : 'channels';
}

/** Turns of the innermost loop over all tiles, times what one costs. */
function work(p: Problem): number {
  const launch = subgroupLaunch(p.rows, 8);
  const columns = p.batch * p.axes.reduce((product, axis) => product * Math.ceil(axis.size / axis.phases), 1);
  const layers = p.groups * p.axes.reduce((product, axis) => product * axis.phases, 1);
  const taps = p.axes.map(tapsOf);
  const last = taps.pop() as number;
  const sum = taps.reduce((a, b) => a * b, 1) * (p.inner === 'taps' ? p.channels * turns(last) : turns(p.channels) * last);
  return layers * Math.ceil(p.rows / launch.rows) * (launch.rows + 6) * Math.ceil(columns / launch.columns) * sum;
}

function operand(node: Node, order: readonly number[], site: Site): Operand {
  const view = operandView(node, site);
  return { node, order, view: { ...view, strides: order.map((axis) => view.strides[axis]) } };
}

function arranged(anchor: Node, attrs: ConvAttrs, nodes: readonly [Node, Node], swapped: boolean, site: Site): Problem {
  const order = nodes[0].shape.map((_, axis) => (swapped && axis < 2 ? 1 - axis : axis));
  const [input, kernel] = nodes.map((node) => operand(node, order, site));
  const [inputShape, kernelShape] = nodes.map((node) => order.map((axis) => node.shape[axis]));
  const axes = convAxes(attrs, inputShape.slice(3), kernelShape.slice(3));
  const [batch, groups, channels] = inputShape;
  return { anchor, input, kernel, batch, groups, rows: kernelShape[1], channels, axes, inner: innermost(channels, axes), swapped };
}

export function convProblem(anchor: Node, site: Site): Problem {
  const operation = anchor.operation;
  if (operation.op !== 'conv') throw new Error(`conv kernel for ${operation.op}`);
  const { stride, padding, dilation, inputDilation, size } = operation;
  const [x, w] = anchor.inputs;
  const straight = arranged(anchor, operation, [x, w], false, site);
  const exchanged = arranged(
    anchor,
    { stride, padding: padding.map((p, i) => (size[i] - 1) * stride[i] - p), dilation: inputDilation, inputDilation: dilation, size },
    [w, x],
    true,
    site,
  );
  return work(exchanged) < 0.8 * work(straight) ? exchanged : straight;
}
