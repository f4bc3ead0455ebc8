/**
 * Long sums with few results, in two passes: parts side by side, then the parts' sum. Said in terms of the graph, so that fusion, kernels
 * and plan know nothing of it, and the order of summation is fixed.
 */
import type { Builder } from '../graph/builder.js';
import { type GraphFunction, type Node, size } from '../graph/node.js';
import { sumsLanes } from '../kernels/reduce.js';
import { remake } from './remake.js';
import { tapProducts } from './tap-products.js';

/** From so many results on, one pass keeps a GPU busy: of sums along the last axis (by teams of threads), and of others (by one thread a result). */
const ENOUGH_ROWS = 256;
const ENOUGH_COLUMNS = 2048;
/** Sums up to this length are done in one pass; parts are at least so long. */
const SHORT_ROWS = 4096;
const SHORT_COLUMNS = 256;
const PART_OF_ROWS = 1024;
const PART_OF_COLUMNS = 64;

/** Contractions with fewer results than this, and sums at least so long, are split; parts have at least this length. */
const CONTRACTION_RESULTS = 8192;
const CONTRACTION_SUM = 1024;
const CONTRACTION_PART = 256;
const CONTRACTION_PARTS = 16;

export function split(fn: GraphFunction): GraphFunction {
  return remake(fn, (builder, node, inputs) => {
    switch (node.operation.op) {
      case 'sum':
      case 'max':
        return splitReduction(builder, node.operation, inputs[0]);
      case 'matmul':
        return splitMatmul(builder, inputs[0], inputs[1]);
      case 'conv':
        return splitConv(builder, node, inputs[0], inputs[1]) ?? tapProducts(builder, node.operation, inputs[0], inputs[1]);
      default:
        return undefined;
    }
  });
}

/** The divisor of `length` that is nearest to `wanted` from below, or the least above it. */
export function divisorNear(length: number, wanted: number): number {
  let best = 1;
  for (let d = 1; d * d <= length; d++) {
    if (length % d !== 0) continue;
    for (const divisor of [d, length / d]) if (divisor <= wanted && divisor > best) best = divisor;
  }
  return best;
}

/**
 * The summed axes in order, the outer ones kept whole in the first pass, one split in (parts, rest), the inner ones summed in the first
 * pass. `undefined` where one pass is as good.
 */
function splitReduction(builder: Builder, operation: { readonly op: 'sum' | 'max'; readonly axes: readonly number[] }, input: Node): Node | undefined {
  const { shape } = input;
  const { op, axes } = operation;
  const length = axes.reduce((product, axis) => product * shape[axis], 1);
  const results = size(shape) / Math.max(1, length);
  const rows = sumsLanes(input, axes);
  const enough = rows ? ENOUGH_ROWS : ENOUGH_COLUMNS;
  if (results >= enough || length <= (rows ? SHORT_ROWS : SHORT_COLUMNS) || size(shape) === 0) return undefined;
  const wanted = Math.min(Math.ceil(enough / results), Math.floor(length / (rows ? PART_OF_ROWS : PART_OF_COLUMNS)));
  if (wanted < 2) return undefined;
  // Axis by axis from the outermost: whole while parts are wanted, then a divisor of the next.
  let parts = 1;
  const wholes: number[] = [];
  let cut: { axis: number; parts: number } | undefined;
  for (const axis of axes) {
    if (shape[axis] === 1) continue;
    if (parts * shape[axis] <= wanted) {
      parts *= shape[axis];
      wholes.push(axis);
      continue;
    }
    const divisor = divisorNear(shape[axis], Math.floor(wanted / parts));
    if (divisor > 1) cut = { axis, parts: divisor };
    break;
  }
  if (cut === undefined && wholes.length === 0) return undefined;
  let value = input;
  // Positions of axes behind the cut move by one.
  const moved = (axis: number): number => (cut !== undefined && axis > cut.axis ? axis + 1 : axis);
  if (cut !== undefined) {
    const { axis, parts: count } = cut;
    value = builder.make({ op: 'reshape', shape: [...shape.slice(0, axis), count, shape[axis] / count, ...shape.slice(axis + 1)] }, [value]);
  }
  const second = wholes.map(moved);
  if (cut !== undefined) second.push(cut.axis);
  const first = axes.filter((axis) => !wholes.includes(axis)).map((axis) => (axis === cut?.axis ? axis + 1 : moved(axis)));
  value = builder.make({ op, axes: first }, [value]);
  return builder.make({ op, axes: second.map((axis) => axis - first.filter((f) => f < axis).length).sort((a, b) => a - b) }, [value]);
}

/** [1, M, K] x [1, K, N] with few results and a long K: a batch of products over parts of K, summed. */
function splitMatmul(builder: Builder, a: Node, b: Node): Node | undefined {
  const [batch, m, k] = a.shape;
  const n = b.shape[2];
  if (batch !== 1) return undefined;
  const parts = contractionParts(m * n, k, k);
  if (parts < 2) return undefined;
  const length = k / parts;
  const left = builder.make({ op: 'permute', axes: [1, 0, 2] }, [builder.make({ op: 'reshape', shape: [m, parts, length] }, [a])]);
  const right = builder.make({ op: 'reshape', shape: [parts, length, n] }, [b]);
  const product = builder.make({ op: 'matmul' }, [left, right]);
  const summed = builder.make({ op: 'sum', axes: [0] }, [product]);
  return builder.make({ op: 'reshape', shape: [1, m, n] }, [summed]);
}

/** How many parts of a sum of `terms` to take, dividing an axis of `length`. */
function contractionParts(results: number, terms: number, length: number): number {
  if (results === 0 || results > CONTRACTION_RESULTS || terms < CONTRACTION_SUM) return 1;
  return divisorNear(length, Math.min(CONTRACTION_PARTS, Math.floor(terms / CONTRACTION_PART)));
}

/** A convolution of one group with few results and a long sum (a weight gradient): groups over parts of the channels, summed. */
function splitConv(builder: Builder, node: Node, x: Node, w: Node): Node | undefined {
  const [n, groups, channels, ...space] = x.shape;
  const [, o, , ...taps] = w.shape;
  if (groups !== 1) return undefined;
  const parts = contractionParts(size(node.shape), channels * size(taps), channels);
  if (parts < 2) return undefined;
  const part = channels / parts;
  const left = builder.make({ op: 'reshape', shape: [n, parts, part, ...space] }, [x]);
  const across = builder.make({ op: 'reshape', shape: [o, parts, part, ...taps] }, [w]);
  const right = builder.make({ op: 'permute', axes: [1, 0, 2, ...taps.map((_, axis) => axis + 3)] }, [across]);
  const product = builder.make(node.operation, [left, right]);
  const summed = builder.make({ op: 'sum', axes: [1] }, [product]);
  return builder.make({ op: 'reshape', shape: node.shape }, [summed]);
}
