/** PyTorch's reductions beyond sums: moments in pairs, order statistics, running products, norms, and those under a mask. */
import { axisFrom, type Call, Inexpressible, literal, type Operator, reshaped, type Table, tensorIndex } from './call.js';
import type { Argument } from './case.js';
import { flag, indexOf, optional, rankOf, scalar } from './opinfo-arguments.js';
import * as text from './text.js';

const length = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

export function order(value: Argument | undefined, otherwise: number): number {
  if (value === 'inf') return Number.POSITIVE_INFINITY;
  return value === '-inf' ? Number.NEGATIVE_INFINITY : scalar(value, otherwise);
}

/** The greatest or least: of two, along an axis, or of all. */
const extreme =
  (name: 'max' | 'min'): Operator =>
  (call) => {
    const { input, second, keepdim, dim } = call.bind('input', 'second', 'keepdim', 'dim');
    const other = tensorIndex(second);
    if (other !== undefined) return `${name}(${call.operand(input)}, ${call.x(other)})`;
    const axis = second ?? dim;
    // All of them share the derivative; along an axis the first of equals has it, and no two are equal here.
    return text.reduce(name, call.operand(input), rankOf(call), optional(axis), flag(keepdim));
  };

/** Along an axis of at least one place. */
function lined(call: Call, input: Argument | undefined): { x: string; shape: readonly number[] } {
  const shape = call.shape(indexOf(input));
  return shape.length === 0 ? { x: reshaped(call.operand(input), [1]), shape: [1] } : { x: call.operand(input), shape };
}

const sorted: Operator = (call) => {
  const bound = call.bind('input', 'dim', 'descending', 'stable');
  const { x, shape } = lined(call, bound.input);
  const y = `sort(${x}, axis: ${axisFrom(scalar(bound.dim, -1), shape.length)}, descending: ${flag(bound.descending)})`;
  return reshaped(y, call.shape(0));
};

const topK: Operator = (call) => {
  const { input, k, dim, largest } = call.bind('input', 'k', 'dim', 'largest', 'sorted');
  const { x, shape } = lined(call, input);
  const y = `top_k(${x}, ${scalar(k, 1)}, axis: ${axisFrom(scalar(dim, -1), shape.length)}, least: ${largest === false}).values`;
  return rankOf(call) === 0 ? reshaped(y, []) : y;
};

/** The entry of that place in rising order; `k` from 1. */
function ordered(x: string, shape: readonly number[], axis: number, k: number, keep: boolean): string {
  const y = `slice(top_k(${x}, ${k}, axis: ${axis}, least: true).values, ${axis}, ${k - 1}, ${k})`;
  return keep
    ? y
    : reshaped(
        y,
        shape.filter((_, i) => i !== axis),
      );
}

const kthValue: Operator = (call) => {
  const { input, k, dim, keepdim } = call.bind('input', 'k', 'dim', 'keepdim');
  const { x, shape } = lined(call, input);
  const axis = axisFrom(scalar(dim, -1), shape.length);
  const y = ordered(x, shape, axis, scalar(k, 1), flag(keepdim));
  return rankOf(call) === 0 ? reshaped(y, []) : y;
};

const median: Operator = (call) => {
  const { input, dim, keepdim } = call.bind('input', 'dim', 'keepdim');
  const { x, shape } = lined(call, input);
  if (dim === undefined || dim === null) return ordered(reshaped(x, [length(shape)]), [length(shape)], 0, Math.floor((length(shape) + 1) / 2), false);
  const axis = axisFrom(scalar(dim, 0), shape.length);
  const y = ordered(x, shape, axis, Math.floor((shape[axis] + 1) / 2), flag(keepdim));
  return rankOf(call) === 0 ? reshaped(y, []) : y;
};

const products: Operator = (call) => {
  const { input, dim } = call.bind('input', 'dim');
  const { x } = lined(call, input);
  return reshaped(`cumulative_product(${x}, axis: ${scalar(dim, 0)})`, call.shape(0));
};

const logSums: Operator = (call) => {
  const { input, dim } = call.bind('input', 'dim');
  const { x, shape } = lined(call, input);
  const axis = axisFrom(scalar(dim, 0), shape.length);
  const n = shape[axis];
  const last = [...shape.keys()].filter((i) => i !== axis).concat(axis);
  const rows = call.let(
    reshaped(
      `permute(${x}, ${last.join(', ')})`,
      last
        .slice(0, -1)
        .map((i) => shape[i])
        .concat([1, n]),
    ),
  );
  const seen = `where(iota(${n}) <= reshape(iota(${n}), ${n}, 1), ${rows}, -1e30)`;
  return reshaped(`permute(log_sum_exp(${seen}, axes: [-1]), ${last.map((_, i) => last.indexOf(i)).join(', ')})`, call.shape(0));
};

/** Differences of neighbours along an axis, n times; what is put before and after counts. */
const differences: Operator = (call) => {
  const { input, n, dim, prepend, append } = call.bind('input', 'n', 'dim', 'prepend', 'append');
  const rank = rankOf(call);
  const axis = axisFrom(scalar(dim, -1), rank);
  const parts = [prepend, input, append].filter((v) => v !== undefined && v !== null);
  if (scalar(n, 1) === 0) {
    for (const part of parts) call.operand(part);
    return call.operand(input);
  }
  let size = parts.reduce((sum: number, v) => sum + call.shape(indexOf(v))[axis], 0);
  let x = text.concatenated(
    parts.map((v) => call.operand(v)),
    axis,
  );
  for (let i = 0; i < scalar(n, 1) && size > 1; i++, size--) {
    const name = call.let(x);
    x = `(${text.sliced(name, axis, 1, size)} - ${text.sliced(name, axis, 0, size - 1)})`;
  }
  return x;
};

/** A vector's norm over axes, or a matrix's over two. */
const norm =
  (ofMatrix: 'always' | 'by axes' | 'never'): Operator =>
  (call) => {
    const { input, ord, dim, keepdim } = call.bind('input', 'ord', 'dim', 'keepdim', 'dtype');
    const [x, rank, axes, keep] = [call.operand(input), rankOf(call), optional(dim), flag(keepdim)];
    const pair = axes ?? (ofMatrix === 'always' ? [rank - 2, rank - 1] : rank === 2 ? [0, 1] : undefined);
    const frobenius = ord === 'fro' || (ord === undefined && ofMatrix === 'always');
    if (frobenius) return text.vectorNorm(x, 2, rank, pair ?? axes, keep);
    if (typeof ord === 'string' && ord !== 'inf' && ord !== '-inf') throw new Inexpressible(`the norm ${ord}`);
    const matrix = ofMatrix === 'always' || (ofMatrix === 'by axes' && pair?.length === 2 && ord !== undefined && ord !== null);
    if (!matrix || !pair) return text.vectorNorm(x, order(ord, 2), rank, axes, keep);
    const p = order(ord, 2);
    if (Math.abs(p) === 2) throw new Inexpressible('a norm by singular values');
    const [rows, columns] = pair.map((a) => axisFrom(a, rank));
    // The greatest (least) sum of a column's, or of a row's, absolute values.
    const [first, then] = Math.abs(p) === 1 ? [rows, columns] : [columns, rows];
    const sums = `sum(abs(${x}), axis: ${first}, keep: true)`;
    const result = `${p > 0 ? 'max' : 'min'}(${sums}, axis: ${then}, keep: true)`;
    return keep
      ? result
      : reshaped(
          result,
          call.shape(0).filter((_, i) => i !== rows && i !== columns),
        );
  };

const distanceOf: Operator = (call) => {
  const { input, other, p } = call.bind('input', 'other', 'p');
  const apart = call.let(`${call.operand(input)} - ${call.operand(other)}`);
  return text.vectorNorm(apart, order(p, 2), Math.max(rankOf(call, 0), rankOf(call, 1)), undefined, false);
};

const pairwise: Operator = (call) => {
  const { x1, x2, p } = call.bind('x1', 'x2', 'p', 'compute_mode');
  const power = order(p, 2);
  const [a, b] = [call.operand(x1), call.operand(x2)];
  return `distances(${a}, ${b}, p: ${Number.isFinite(power) ? literal(power) : '"max"'})`;
};

/** Distances of the rows to those after them. */
const pairwiseOfOne: Operator = (call) => {
  const { input, p } = call.bind('input', 'p');
  const [n, d] = call.shape(0);
  const power = order(p, 2);
  const pairs = Array.from({ length: n }, (_, i) => Array.from({ length: n - i - 1 }, (_, j) => [i, i + 1 + j])).flat();
  const take = (k: 0 | 1): string => reshaped(`take(${call.operand(input)}, [${pairs.map((q) => q[k]).join(', ')}], axis: 0)`, [pairs.length, d]);
  return text.vectorNorm(call.let(`${take(0)} - ${take(1)}`), power, 2, [1], false);
};

/** The moment of `var_mean` that comes first. */
const moments =
  (root: boolean): Operator =>
  (call) => {
    const bound = call.bind('input', 'dim', 'unbiased', 'keepdim', 'correction');
    const unbiased = typeof bound.dim === 'boolean' ? bound.dim : bound.unbiased;
    const given = typeof bound.dim === 'boolean' ? undefined : optional(bound.dim);
    const shape = call.shape(0);
    const axes = given && given.length > 0 ? given.map((a) => axisFrom(a, shape.length)) : shape.map((_, i) => i);
    const less = bound.correction === undefined ? (unbiased === false ? 0 : 1) : scalar(bound.correction, 1);
    const v = `variance(${call.operand(bound.input)}, axes: [${axes.join(', ')}], keep: ${flag(bound.keepdim)}, less: ${less})`;
    return root ? `sqrt(${v})` : v;
  };

/** Under a mask of the input's shape; what it hides counts as `hidden`. */
const masked =
  (
    hidden: number,
    form: (x: string, call: Call, axes: number[] | undefined, keep: boolean, mask: string | undefined) => string,
    ...names: string[]
  ): Operator =>
  (call) => {
    const bound = call.bind('input', ...names, 'dim', 'keepdim', 'dtype', 'mask', 'unbiased', 'ord');
    const axes = optional(bound.dim);
    const at = tensorIndex(bound.mask);
    const mask = at === undefined ? undefined : call.let(`expand(${call.x(at)}, [${call.shape(0).join(', ')}])`);
    const x = call.operand(bound.input);
    const shown = mask === undefined ? x : call.let(`where(${mask}, ${x}, ${literal(hidden)})`);
    const expected = call.subject.outputs[0];
    if (expected?.data.some((v) => !Number.isFinite(v))) throw new Inexpressible('a result of nothing');
    return form(shown, call, axes, flag(bound.keepdim), mask);
  };

const count = (call: Call, axes: number[] | undefined, keep: boolean, mask: string | undefined): string =>
  mask === undefined
    ? `${(axes && axes.length > 0 ? axes.map((a) => axisFrom(a, rankOf(call))) : call.shape(0).map((_, i) => i)).reduce((n, a) => n * (call.shape(0)[a] ?? 1), 1)}`
    : text.reduce('sum', `1 * ${mask}`, rankOf(call), axes, keep);

export const reductionTable: Table = {
  max: extreme('max'),
  min: extreme('min'),
  sort: sorted,
  msort: (call) => `sort(${call.operand(call.bind('input').input)}, axis: 0)`,
  topk: topK,
  kthvalue: kthValue,
  median,
  cumprod: products,
  logcumsumexp: logSums,
  diff: differences,
  norm: norm('never'),
  'linalg.norm': norm('by axes'),
  'linalg.matrix_norm': norm('always'),
  dist: distanceOf,
  cdist: pairwise,
  'nn.functional.pdist': pairwiseOfOne,
  var_mean: moments(false),
  std_mean: moments(true),
  nansum: (call) => {
    const { input, dim, keepdim } = call.bind('input', 'dim', 'keepdim');
    if (call.input(0).data.some(Number.isNaN)) throw new Inexpressible('NaN as no number');
    return text.reduce('sum', call.operand(input), rankOf(call), optional(dim), flag(keepdim));
  },
  'masked.sum': masked(0, (x, call, axes, keep) => text.reduce('sum', x, rankOf(call), axes, keep)),
  'masked.mean': masked(0, (x, call, axes, keep, mask) => `${text.reduce('sum', x, rankOf(call), axes, keep)} / ${count(call, axes, keep, mask)}`),
  'masked.amax': masked(-1e30, (x, call, axes, keep) => text.reduce('max', x, rankOf(call), axes, keep)),
  'masked.amin': masked(1e30, (x, call, axes, keep) => text.reduce('min', x, rankOf(call), axes, keep)),
  'masked.logsumexp': masked(-1e30, (x, call, axes, keep) => text.logSumExp(call, x, rankOf(call), axes, keep)),
  'masked.softmax': masked(-1e30, (x, call, axes) => text.softmax(x, axes?.[0] ?? -1, rankOf(call))),
  'masked.log_softmax': masked(-1e30, (x, call, axes, _, mask) => {
    const y = text.logSoftmax(x, axes?.[0] ?? -1, rankOf(call));
    return mask === undefined ? y : `where(${mask}, ${y}, 0)`;
  }),
  'masked.softmin': masked(1e30, (x, call, axes) => text.softmax(`(-${x})`, axes?.[0] ?? -1, rankOf(call))),
  renorm: (call) => {
    const { input, p, dim, maxnorm } = call.bind('input', 'p', 'dim', 'maxnorm');
    const rank = rankOf(call);
    const axis = axisFrom(scalar(dim, 0), rank);
    const others = call
      .shape(0)
      .map((_, i) => i)
      .filter((i) => i !== axis);
    const x = call.operand(input);
    const size = call.let(text.vectorNorm(x, order(p, 2), rank, others, true));
    const most = literal(scalar(maxnorm, 1));
    return `${x} * where(${size} > ${most}, ${most} / (${size} + 1e-7), 1)`;
  },
  cov: (call) => {
    const { input, correction, fweights, aweights } = call.bind('input', 'correction', 'fweights', 'aweights');
    if (tensorIndex(fweights) !== undefined || tensorIndex(aweights) !== undefined) throw new Inexpressible('weighted observations');
    const [rows, n] = rankOf(call) === 2 ? call.shape(0) : [1, length(call.shape(0))];
    const less = correction === undefined ? 1 : scalar(correction, 1);
    if (n <= less) throw new Inexpressible('too few observations');
    const x = call.let(reshaped(call.operand(input), [rows, n]));
    const centred = call.let(`${x} - mean(${x}, axis: 1, keep: true)`);
    return reshaped(`matmul(${centred}, permute(${centred}, 1, 0)) / ${n - less}`, call.subject.outputs[0]?.shape ?? []);
  },
};
