/**
 * How a convolution is laid out as a matrix product: which operand gives the rows, and which sum is unrolled.
 *
 * The roles of both operands can be exchanged. The definition pairs input element i with tap k where
 * i * inputDilation = p * stride + k * dilation - padding; solved for k instead, the same sum is a convolution over w as input and x as kernel, of
 * input dilation `dilation`, dilation `inputDilation`, padding (size - 1) * stride - padding, and with the result's positions reversed.
 */
import type { ConvAttrs, Node } from '../graph/node.js';
import { type Affine, operandView } from './affine.js';
import { type Axis, convAxes, phasesOf } from './conv-index.js';
import { DEPTH, range, rowGroups, subgroupLaunch } from './gemm-tile.js';
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
  /** Where a lane's four columns are neighbours along the last axis: what its innermost turn takes. */
  readonly window?: Window;
  /** Operands exchanged: rows are the result's batch, columns its channels and positions, positions reversed. */
  readonly swapped: boolean;
}

/** Taps of the last axis, times channels, that are taken in one turn where the columns of a lane are neighbours. */
export interface Window {
  readonly taps: number;
  readonly channels: number;
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

/** Most loads of one turn for a tile of 32 rows: more no longer fit a core's cache of instructions, where each is checked lane by lane. */
const MOST_LOADS = 32;
/** What a load costs where the fours of a tile's row are multiplied and added `DEPTH` times at cost 1; and one with the check that it lies in the input. */
const LOAD = 1;
const CHECKED_LOAD = 1.5;
/** A turn whose four columns each have coordinates of their own, to one by windows, beside these loads. */
const APART = 1.25;
/** A turn by windows that may pass the last tap. */
const RAGGED = 1.5;

/** Lanes of the software GPUs that costs are counted for. */
const SOFTWARE_LANES = 8;

const product = (numbers: readonly number[]): number => numbers.reduce((a, b) => a * b, 1);
const positionsOf = (axis: Axis): number => Math.ceil(axis.size / axis.phases);

/** Columns of a layer; by fours along the last axis where there is a window. */
export function columnsOf(p: Problem): number {
  const positions = p.axes.map(positionsOf);
  const last = positions.pop() as number;
  return p.batch * product(positions) * (p.window === undefined ? last : Math.ceil(last / 4) * 4);
}

/** Different elements of the input that four columns read at neighbouring taps. */
function windowSize(axis: Axis, taps: number): number {
  return new Set(range(4).flatMap((column) => range(taps).map((tap) => column * axis.advance + tap * axis.reach))).size;
}

/** Taps of an axis, the mean over its phases. */
function meanTaps(axis: Axis): number {
  return phasesOf(axis).reduce((sum, { taps }) => sum + taps, 0) / axis.phases;
}

/** Whether every phase has a whole number of windows of so many taps. */
export function wholeWindows(axis: Axis, taps: number): boolean {
  const counts = phasesOf(axis).map((phase) => phase.taps);
  return counts.every((count) => count === counts[0] && count % taps === 0);
}

/** What the innermost loops over all tiles cost. */
function work(p: Problem): number {
  const launch = subgroupLaunch(p.rows, SOFTWARE_LANES);
  const tiles = product(p.axes.map((axis) => axis.phases)) * p.groups * Math.ceil(p.rows / launch.rows) * Math.ceil(columnsOf(p) / launch.columns);
  const last = p.axes[p.axes.length - 1];
  const left = rowGroups(launch.tile) * LOAD;
  let sum: number;
  if (p.window !== undefined) {
    const { taps, channels } = p.window;
    const depth = taps * channels;
    const turn = (depth / DEPTH) * launch.rows + depth * left + channels * windowSize(last, taps) * CHECKED_LOAD;
    sum = Math.ceil(p.channels / channels) * Math.ceil(tapsOf(last) / taps) * turn * (wholeWindows(last, taps) ? 1 : RAGGED);
  } else if (p.inner === 'taps') sum = APART * p.channels * turns(tapsOf(last)) * (launch.rows + DEPTH * left + 4 * DEPTH * 2 * CHECKED_LOAD);
  else sum = APART * turns(p.channels) * meanTaps(last) * (launch.rows + DEPTH * left + 4 * DEPTH * CHECKED_LOAD);
  return tiles * product(p.axes.slice(0, -1).map(meanTaps)) * sum;
}

/** The windows that may be best. */
function windowsOf(axes: readonly Axis[]): Window[] {
  const last = axes[axes.length - 1];
  const taps = tapsOf(last);
  if (positionsOf(last) === 1) return [];
  if (taps <= 2) return [{ taps, channels: DEPTH / taps }];
  const loads = (length: number): number => (32 / SOFTWARE_LANES) * length + windowSize(last, length);
  return [3, 4, 5, 6, 7].filter((length) => loads(length) <= MOST_LOADS).map((length) => ({ taps: length, channels: 1 }));
}

function operand(node: Node, order: readonly number[], site: Site): Operand {
  const view = operandView(node, site);
  return { node, order, view: { ...view, strides: order.map((axis) => view.strides[axis]) } };
}

/** The convolution in one of its roles, in the cheapest way. `windows`: whether columns may be by fours along the last axis. */
function arranged(anchor: Node, attrs: ConvAttrs, nodes: readonly [Node, Node], swapped: boolean, site: Site, windows: boolean): Problem {
  const order = nodes[0].shape.map((_, axis) => (swapped && axis < 2 ? 1 - axis : axis));
  const [input, kernel] = nodes.map((node) => operand(node, order, site));
  const [inputShape, kernelShape] = nodes.map((node) => order.map((axis) => node.shape[axis]));
  const axes = convAxes(attrs, inputShape.slice(3), kernelShape.slice(3));
  const [batch, groups, channels] = inputShape;
  const plain: Problem = { anchor, input, kernel, batch, groups, rows: kernelShape[1], channels, axes, inner: innermost(channels, axes), swapped };
  const others = windows ? windowsOf(axes).map((window) => ({ ...plain, window })) : [];
  return others.reduce((best, other) => (work(other) < work(best) ? other : best), plain);
}

export function convProblem(anchor: Node, site: Site, windows = true): Problem {
  const operation = anchor.operation;
  if (operation.op !== 'conv') throw new Error(`conv kernel for ${operation.op}`);
  const { stride, padding, dilation, inputDilation, size } = operation;
  const [x, w] = anchor.inputs;
  const straight = arranged(anchor, operation, [x, w], false, site, windows);
  const exchanged = arranged(
    anchor,
    { stride, padding: padding.map((p, i) => (size[i] - 1) * stride[i] - p), dilation: inputDilation, inputDilation: dilation, size },
    [w, x],
    true,
    site,
    windows,
  );
  return work(exchanged) < 0.8 * work(straight) ? exchanged : straight;
}
