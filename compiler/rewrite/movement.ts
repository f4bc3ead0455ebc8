/** Simplification of index maps and of reductions over them. All exact, but for the reductions' order of summation. */
import type { Builder } from '../graph/builder.js';
import { type Node, type Operation, type Shape, size } from '../graph/node.js';
import { primitive } from '../graph/ops/index.js';
import { concatStarts } from '../graph/ops/joining.js';
import { repeatedAxes } from '../graph/ops/movement.js';
import { sameShape } from '../graph/primitive.js';
import { constantOf, operationOf, unaryOf, withConstant } from './match.js';

type Slice = Extract<Operation, { op: 'slice' }>;
type Pad = Extract<Operation, { op: 'pad' }>;

export function simplifyReshape(b: Builder, x: Node, shape: Shape): Node | undefined {
  if (sameShape(x.shape, shape)) return x;
  const value = constantOf(b, x);
  if (value !== undefined) return b.constant(value, shape, x.dtype);
  if (operationOf(b, x, 'reshape')) return b.reshape(x.inputs[0], shape);
  return undefined;
}

export function simplifyBroadcast(b: Builder, x: Node, shape: Shape): Node | undefined {
  if (sameShape(x.shape, shape)) return x;
  const value = constantOf(b, x);
  if (value !== undefined) return b.constant(value, shape, x.dtype);
  if (operationOf(b, x, 'broadcast')) return b.make({ op: 'broadcast', shape }, [x.inputs[0]]);
  return undefined;
}

export function simplifyPermute(b: Builder, x: Node, axes: readonly number[]): Node | undefined {
  if (axes.every((axis, i) => axis === i)) return x;
  const shape = axes.map((axis) => x.shape[axis]);
  const value = constantOf(b, x);
  if (value !== undefined) return b.constant(value, shape, x.dtype);
  const inner = operationOf(b, x, 'permute');
  if (inner) {
    return b.permute(
      x.inputs[0],
      axes.map((axis) => inner.axes[axis]),
    );
  }
  // Moving only axes of length 1 moves no element.
  const long = axes.filter((axis) => x.shape[axis] !== 1);
  if (long.every((axis, i) => i === 0 || long[i - 1] < axis)) return b.reshape(x, shape);
  // Reversing comes last, so that the kernels of a gradient's gradient meet their own reversal and turn back.
  const reversed = operationOf(b, x, 'reverse');
  if (reversed) {
    return b.reverse(
      b.permute(x.inputs[0], axes),
      axes.flatMap((axis, i) => (reversed.axes.includes(axis) ? [i] : [])),
    );
  }
  // Rearranging before repeating moves fewer elements.
  if (operationOf(b, x, 'broadcast')) return b.make({ op: 'broadcast', shape }, [b.permute(x.inputs[0], axes)]);
  return undefined;
}

export function simplifyReverse(b: Builder, x: Node, axes: readonly number[]): Node | undefined {
  const value = constantOf(b, x);
  if (value !== undefined) return x;
  const inner = operationOf(b, x, 'reverse');
  const source = inner ? x.inputs[0] : x;
  // Twice is not at all, and an axis of length 1 has one order.
  const odd = inner ? [...axes.filter((a) => !inner.axes.includes(a)), ...inner.axes.filter((a) => !axes.includes(a))] : axes;
  const left = odd.filter((axis) => x.shape[axis] > 1);
  if (!inner && left.length === axes.length) return undefined;
  return left.length === 0 ? source : b.reverse(source, left);
}

export function simplifySlice(b: Builder, x: Node, slice: Slice): Node | undefined {
  const { start, stop, step } = slice;
  const shape = x.shape.map((_, axis) => Math.ceil((stop[axis] - start[axis]) / step[axis]));
  if (sameShape(shape, x.shape)) return x;
  const value = constantOf(b, x);
  if (value !== undefined) return b.constant(value, shape, x.dtype);
  if (shape.includes(0)) return undefined;
  // One spelling: the stop is the last element's successor, and one element has step 1.
  const end = start.map((s, axis) => s + (shape[axis] - 1) * step[axis] + 1);
  const stride = step.map((s, axis) => (shape[axis] === 1 ? 1 : s));
  if (end.some((e, axis) => e !== stop[axis]) || stride.some((s, axis) => s !== step[axis])) return b.slice(x, start, end, stride);

  const inner = operationOf(b, x, 'slice');
  if (inner) {
    const from = inner.start.map((s, axis) => s + start[axis] * inner.step[axis]);
    const steps = inner.step.map((s, axis) => s * step[axis]);
    return b.slice(
      x.inputs[0],
      from,
      from.map((f, axis) => f + (shape[axis] - 1) * steps[axis] + 1),
      steps,
    );
  }
  if (operationOf(b, x, 'broadcast')) {
    const repeated = new Set(repeatedAxes(x.inputs[0].shape, x.shape));
    const part = b.slice(
      x.inputs[0],
      start.map((s, axis) => (repeated.has(axis) ? 0 : s)),
      stop.map((s, axis) => (repeated.has(axis) ? 1 : s)),
      step.map((s, axis) => (repeated.has(axis) ? 1 : s)),
    );
    return b.make({ op: 'broadcast', shape }, [part]);
  }
  const concat = operationOf(b, x, 'concat');
  if (concat) {
    const { axis } = concat;
    const starts = concatStarts(x.inputs, axis);
    const i = x.inputs.findIndex((input, k) => start[axis] >= starts[k] && stop[axis] <= starts[k] + input.shape[axis]);
    if (i < 0) return undefined;
    const shift = (list: readonly number[]): number[] => list.map((n, a) => (a === axis ? n - starts[i] : n));
    return b.slice(x.inputs[i], shift(start), shift(stop), step);
  }
  const pad = operationOf(b, x, 'pad');
  return pad ? sliceOfPad(b, x, pad, slice, shape) : undefined;
}

/** Exact where each axis takes original elements only, or some axis takes padding only. */
function sliceOfPad(b: Builder, x: Node, pad: Pad, { start, step }: Slice, shape: Shape): Node | undefined {
  const [source] = x.inputs;
  const from: number[] = [];
  const steps: number[] = [];
  let original = true;
  for (let axis = 0; axis < shape.length; axis++) {
    const gap = pad.interior[axis] + 1;
    const last = start[axis] + (shape[axis] - 1) * step[axis] - pad.low[axis];
    const first = start[axis] - pad.low[axis];
    const reach = (source.shape[axis] - 1) * gap;
    if (last < 0 || first > reach || source.shape[axis] === 0) return b.constant(0, shape, x.dtype);
    // A single element has no step to fit between the gaps.
    if (first < 0 || last > reach || first % gap !== 0 || (shape[axis] > 1 && step[axis] % gap !== 0)) original = false;
    from.push(first / gap);
    steps.push(shape[axis] > 1 ? step[axis] / gap : 1);
  }
  if (!original) return undefined;
  return b.slice(
    source,
    from,
    from.map((f, axis) => f + (shape[axis] - 1) * steps[axis] + 1),
    steps,
  );
}

export function simplifyPad(b: Builder, x: Node, pad: Pad): Node | undefined {
  const { low, high } = pad;
  // A gap needs two neighbours.
  const interior = pad.interior.map((n, axis) => (x.shape[axis] > 1 ? n : 0));
  if ([...low, ...high, ...interior].every((n) => n === 0)) return x;
  if (interior.some((n, axis) => n !== pad.interior[axis])) return b.pad(x, low, high, interior);
  const shape = x.shape.map((n, axis) => low[axis] + n + Math.max(0, n - 1) * interior[axis] + high[axis]);
  if (constantOf(b, x) === 0) return b.constant(0, shape, x.dtype);
  const inner = operationOf(b, x, 'pad');
  if (inner && interior.every((n) => n === 0)) {
    return b.pad(
      x.inputs[0],
      low.map((n, axis) => n + inner.low[axis]),
      high.map((n, axis) => n + inner.high[axis]),
      inner.interior,
    );
  }
  return undefined;
}

export function simplifyConcat(b: Builder, inputs: readonly Node[], axis: number): Node | undefined {
  if (inputs.length === 1) return inputs[0];
  const filled = inputs.filter((input) => input.shape[axis] > 0);
  if (filled.length < inputs.length && filled.length > 0) return b.concat(filled, axis);
  if (inputs.some((input) => operationOf(b, input, 'concat')?.axis === axis)) {
    return b.concat(
      inputs.flatMap((input) => (operationOf(b, input, 'concat')?.axis === axis ? input.inputs : [input])),
      axis,
    );
  }
  for (let i = 0; i + 1 < inputs.length; i++) {
    const joined = joinNeighbours(b, inputs[i], inputs[i + 1], axis);
    if (joined) return b.concat([...inputs.slice(0, i), joined, ...inputs.slice(i + 2)], axis);
  }
  return undefined;
}

/** Equal constants, or two slices of one tensor of which the second goes on where the first ends. */
function joinNeighbours(b: Builder, x: Node, y: Node, axis: number): Node | undefined {
  const value = constantOf(b, x);
  if (value !== undefined && value === constantOf(b, y)) {
    return b.constant(
      value,
      x.shape.map((n, a) => (a === axis ? n + y.shape[axis] : n)),
      x.dtype,
    );
  }
  const first = operationOf(b, x, 'slice');
  const second = operationOf(b, y, 'slice');
  if (!first || !second || x.inputs[0] !== y.inputs[0]) return undefined;
  const fits = x.shape.every((_, a) => {
    if (a !== axis) return first.start[a] === second.start[a] && first.stop[a] === second.stop[a] && first.step[a] === second.step[a];
    return first.step[a] === 1 && second.step[a] === 1 && first.stop[a] === second.start[a];
  });
  if (!fits) return undefined;
  return b.slice(
    x.inputs[0],
    first.start,
    second.stop.map((s, a) => (a === axis ? s : first.stop[a])),
    first.step,
  );
}

/**
 * The sum of two paddings that fill different, neighbouring parts is a padding of their concatenation. Derivatives of slices are such
 * sums (the gates of a cell, the steps of a recurrence), and end as one concatenation.
 */
export function joinPaddings(b: Builder, x: Node, y: Node): Node | undefined {
  const joined = joinedPadding(b, x, y);
  if (joined) return joined;
  for (const [sum, other] of [
    [x, y],
    [y, x],
  ]) {
    if (operationOf(b, sum, 'binary')?.name !== 'add' || !operationOf(b, other, 'pad')) continue;
    for (const i of [0, 1]) {
      const part = joinedPadding(b, sum.inputs[i], other);
      if (part) return b.binary('add', part, sum.inputs[1 - i]);
    }
  }
  return undefined;
}

function joinedPadding(b: Builder, x: Node, y: Node): Node | undefined {
  const p = operationOf(b, x, 'pad');
  const q = operationOf(b, y, 'pad');
  if (!p || !q || [...p.interior, ...q.interior].some((n) => n > 0)) return undefined;
  const differing = p.low.flatMap((_, axis) => (p.low[axis] === q.low[axis] && p.high[axis] === q.high[axis] ? [] : [axis]));
  if (differing.length !== 1) return undefined;
  const [axis] = differing;
  const after = (first: Pad, node: Node, second: Pad): boolean => first.low[axis] + node.inputs[0].shape[axis] === second.low[axis];
  const ordered = after(p, x, q) ? [x, y] : after(q, y, p) ? [y, x] : undefined;
  if (!ordered) return undefined;
  const [first, last] = ordered.map((node) => (node === x ? p : q));
  return b.pad(
    b.concat(
      ordered.map((node) => node.inputs[0]),
      axis,
    ),
    first.low,
    first.high.map((h, a) => (a === axis ? last.high[a] : h)),
  );
}

/** The shape that is left, and the reduced axes of the input of an index map. */
function dropped(shape: Shape, axes: readonly number[]): number[] {
  return shape.filter((_, axis) => !axes.includes(axis));
}

export function simplifyReduction(b: Builder, op: 'sum' | 'max', x: Node, axes: readonly number[]): Node | undefined {
  if (axes.length === 0) return x;
  const reduce = (y: Node, over: readonly number[]): Node => (op === 'sum' ? b.sum(y, over) : b.max(y, over));
  const shape = dropped(x.shape, axes);
  const count = axes.reduce((n, axis) => n * x.shape[axis], 1);
  const value = constantOf(b, x);
  if (value !== undefined && count > 0) {
    const one = b.constant(value, shape, x.dtype);
    return op === 'max' ? one : b.binary('mul', one, b.fill(one, count));
  }
  // Over one element there is nothing to add.
  const long = axes.filter((axis) => x.shape[axis] !== 1);
  if (long.length < axes.length) return b.reshape(reduce(x, long), shape);
  const permuted = operationOf(b, x, 'permute');
  if (permuted) {
    const left = permuted.axes.filter((_, i) => !axes.includes(i));
    const inner = axes.map((axis) => permuted.axes[axis]);
    if (left.every((axis, i) => i === 0 || left[i - 1] < axis)) return reduce(x.inputs[0], inner);
  }
  if (operationOf(b, x, 'broadcast')) {
    const repeated = repeatedAxes(x.inputs[0].shape, x.shape).filter((axis) => axes.includes(axis));
    if (repeated.length > 0) {
      const once = x.shape.map((n, axis) => (repeated.includes(axis) ? 1 : n));
      const reduced = reduce(b.make({ op: 'broadcast', shape: once }, [x.inputs[0]]), axes);
      const times = repeated.reduce((n, axis) => n * x.shape[axis], 1);
      return op === 'max' ? reduced : b.binary('mul', reduced, b.fill(reduced, times));
    }
  }
  return op === 'sum' ? simplifySumOf(b, x, axes) : undefined;
}

/** Signs and factors go outside, where they meet others; zeros of a padding add nothing. */
function simplifySumOf(b: Builder, x: Node, axes: readonly number[]): Node | undefined {
  const minus = unaryOf(b, x, 'neg');
  if (minus) return b.unary('neg', b.sum(minus, axes));
  const scaled = x.dtype === 'f32' ? withConstant(b, x, 'mul') : undefined;
  if (scaled) return b.scale(b.sum(scaled.x, axes), scaled.c);
  const pad = operationOf(b, x, 'pad');
  if (pad?.low.every((low, axis) => axes.includes(axis) || (low === 0 && pad.high[axis] === 0 && pad.interior[axis] === 0))) {
    return b.sum(x.inputs[0], axes);
  }
  return undefined;
}

/** What has no elements, or adds none up, is a constant, so that no kernel meets an empty tensor. */
export function simplifyEmpty(b: Builder, operation: Operation, inputs: readonly Node[]): Node | undefined {
  const emptied = inputs.some((input) => size(input.shape) === 0);
  if (!emptied && operation.op !== 'slice' && operation.op !== 'conv') return undefined;
  const { shape, dtype } = primitive(operation).infer(operation, inputs, {});
  const addsNone = emptied && (operation.op === 'sum' || operation.op === 'matmul' || operation.op === 'conv' || operation.op === 'pad');
  return size(shape) === 0 || addsNone ? b.constant(0, shape, dtype) : undefined;
}
