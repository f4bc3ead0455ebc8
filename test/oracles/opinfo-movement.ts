/** PyTorch's calls that rearrange a tensor. */

import { axisFrom, type Call, Inexpressible, listText, literal, numbers, type Operator, reshaped, type Table, tensorIndex } from './call.js';
import type { Argument } from './case.js';
import { optional, rankOf, scalar, string } from './opinfo-arguments.js';
import * as text from './text.js';

export const permuted: Operator = (call) => {
  const { input, dims } = call.bind('input', 'dims');
  const axes = numbers(dims);
  return axes.length === 0 ? call.operand(input) : `permute(${call.operand(input)}, ${listText(axes)})`;
};

export const transposed: Operator = (call) => {
  const { input, dim0, dim1 } = call.bind('input', 'dim0', 'dim1');
  const rank = rankOf(call);
  if (rank === 0) return call.operand(input);
  const axes = call.shape(0).map((_, i) => i);
  const [a, b] = [axisFrom(scalar(dim0, 0), rank), axisFrom(scalar(dim1, 0), rank)];
  [axes[a], axes[b]] = [axes[b], axes[a]];
  return `permute(${call.operand(input)}, ${listText(axes)})`;
};

export const expanded: Operator = (call) => {
  const { input, sizes } = call.bind('input', 'sizes');
  const shape = numbers(sizes);
  const own = call.shape(0);
  const wanted = shape.map((n, i) => (n < 0 ? own[own.length - shape.length + i] : n));
  return wanted.length === 0 ? call.operand(input) : `expand(${call.operand(input)}, ${listText(wanted)})`;
};

export const rolled: Operator = (call) => {
  const { input, shifts, dims } = call.bind('input', 'shifts', 'dims');
  const shape = call.shape(0);
  let result = call.operand(input);
  const roll = (length: number, axis: number, shift: number): void => {
    const cut = ((-shift % length) + length) % length;
    if (cut === 0) return;
    const whole = call.let(result);
    result = text.concatenated([text.sliced(whole, axis, cut, length), text.sliced(whole, axis, 0, cut)], axis);
  };
  const axes = optional(dims) ?? [];
  if (axes.length > 0) {
    for (const [i, shift] of numbers(shifts).entries()) {
      const axis = axisFrom(axes[i], shape.length);
      roll(shape[axis], axis, shift);
    }
  } else {
    const total = shape.reduce((a, b) => a * b, 1);
    result = reshaped(result, [total]);
    roll(total, 0, scalar(shifts, 0));
    result = reshaped(result, shape);
  }
  return result;
};

export const narrowed: Operator = (call) => {
  const { input, dim, start, length } = call.bind('input', 'dim', 'start', 'length');
  const axis = axisFrom(scalar(dim, 0), rankOf(call));
  const index = tensorIndex(start);
  const given = index === undefined ? scalar(start, 0) : call.values(index)[0];
  const from = given < 0 ? given + call.shape(0)[axis] : given;
  return text.sliced(call.operand(input), axis, from, from + scalar(length, 0));
};

export const chunked: Operator = (call) => {
  const { input, chunks, dim } = call.bind('input', 'chunks', 'dim');
  const axis = axisFrom(scalar(dim, 0), rankOf(call));
  return text.sliced(call.operand(input), axis, 0, Math.ceil(call.shape(0)[axis] / scalar(chunks, 1)));
};

/** The inputs in a list: `stack([a, b], 1)`. */
export function listed(call: Call, value: Argument | undefined): string[] {
  if (!Array.isArray(value)) throw new Inexpressible(`an argument ${JSON.stringify(value)} where a list is wanted`);
  return value.map((item: Argument) => call.operand(item));
}

export const stacked: Operator = (call) => {
  const { tensors, dim } = call.bind('tensors', 'dim');
  const shape = [...call.shape(0)];
  const axis = axisFrom(scalar(dim, 0), shape.length + 1);
  shape.splice(axis, 0, 1);
  return text.concatenated(
    listed(call, tensors).map((x) => reshaped(x, shape)),
    axis,
  );
};

export const unsqueezed: Operator = (call) => {
  const { input, dim } = call.bind('input', 'dim');
  const shape = [...call.shape(0)];
  shape.splice(axisFrom(scalar(dim, 0), shape.length + 1), 0, 1);
  return reshaped(call.operand(input), shape);
};

export const viewed: Operator = (call) => {
  const { input, shape } = call.bind('input', 'shape');
  const sizes = numbers(shape);
  return sizes.length === 0 ? reshaped(call.operand(input), []) : `reshape(${call.operand(input)}, ${sizes.map((n) => (n < 0 ? 'none' : n)).join(', ')})`;
};

/** [before, after] of each axis, from pairs that begin at the last one. */
function aroundAxes(shape: readonly number[], ends: readonly number[]): [number, number][] {
  return shape.map((_, i) => [ends[2 * (shape.length - 1 - i)] ?? 0, ends[2 * (shape.length - 1 - i) + 1] ?? 0]);
}

export function constantPadded(call: Call, x: string, ends: readonly number[], value: number): string {
  const shape = call.shape(0);
  const around = aroundAxes(shape, ends);
  if (ends.some((n) => n < 0)) return text.padded(call, x, shape, around, literal(value));
  return text.extended(
    x,
    around,
    shape.map((_, i) => i),
    'constant',
    literal(value),
  );
}

export const padded: Operator = (call) => {
  const { input, pad, mode, value } = call.bind('input', 'pad', 'mode', 'value');
  const [ends, how] = [numbers(pad), string(mode, 'constant')];
  if (how === 'constant') return constantPadded(call, call.operand(input), ends, scalar(value, 0));
  const shape = call.shape(0);
  const around = aroundAxes(shape, ends);
  // A negative end crops.
  const cut = around.map(([low, high], i) => `${Math.max(0, -low)}:${shape[i] - Math.max(0, -high)}`);
  const x = ends.some((n) => n < 0) ? `${call.operand(input)}[${cut.join(', ')}]` : call.operand(input);
  return text.extended(
    x,
    around.map(([low, high]) => [Math.max(0, low), Math.max(0, high)] as const),
    shape.map((_, i) => i),
    how,
    literal(scalar(value, 0)),
  );
};

export const triangle =
  (upper: boolean): Operator =>
  (call) => {
    const { input, diagonal } = call.bind('input', 'diagonal');
    return text.triangle(call.operand(input), call.shape(0), scalar(diagonal, 0), upper);
  };

const squeezed: Operator = (call) => {
  const { input, dim } = call.bind('input', 'dim');
  const shape = call.shape(0);
  const named = optional(dim)?.map((a) => axisFrom(a, shape.length));
  return reshaped(
    call.operand(input),
    shape.filter((length, i) => length !== 1 || (named !== undefined && !named.includes(i))),
  );
};

const selected: Operator = (call) => {
  const { input, dim, index } = call.bind('input', 'dim', 'index');
  return `${call.operand(input)}[${':, '.repeat(axisFrom(scalar(dim, 0), rankOf(call)))}${scalar(index, 0)}]`;
};

/** As its result, which is known to be the same numbers in the same order. */
const reshapedTo: Operator = (call) => {
  const [input] = call.subject.dialect.format === 'opinfo-grads/1' ? call.subject.dialect.args : [];
  return reshaped(call.operand(input), call.subject.outputs[0]?.shape ?? []);
};

const flipped =
  (axis: number): Operator =>
  (call) =>
    `reverse(${call.operand(call.bind('input').input)}, axis: ${axis})`;

export const furtherMovement: Table = {
  squeeze: squeezed,
  select: selected,
  flatten: reshapedTo,
  unflatten: reshapedTo,
  ravel: reshapedTo,
  reshape_as: reshapedTo,
  view_as: reshapedTo,
  broadcast_to: expanded,
  swapaxes: transposed,
  swapdims: transposed,
  fliplr: flipped(1),
  flipud: flipped(0),
};
