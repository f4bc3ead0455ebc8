/** `each`: an axis is folded into the batch, and a net or block sees one element of it at a time. */
import { expand } from './arithmetic.js';
import type { Bound } from './builtins.js';
import { call } from './call.js';
import type { Elaborator } from './elaborator.js';
import * as messages from './messages.js';
import { axisOf } from './sizes.js';
import { type ArgumentValue, type CallableValue, describe, isCallable, logicalShape, number, POISON, type TensorValue, tensor, type Value } from './values.js';

/**
 * `f |> each(head(_, s), axis: 1)`: x [..., T, ...] to results [..., T, ...], T at the same axis, or at the end where a result has fewer
 * axes. It is one use: one set of weights, one advance of states, statistics over all elements. What a partial call holds (`s`) goes with every element.
 */
export function each(e: Elaborator, args: Bound): Value {
  const x = e.force(args.value('x'));
  const callee = args.value('f');
  if (x.kind === 'poison' || callee.kind === 'poison') return POISON;
  if (x.kind !== 'tensor') return e.fail(args.span('x'), messages.notATensor(describe(x)));
  if (!isCallable(callee)) return e.fail(args.span('f'), messages.notCallable(describe(callee)));
  const axis = axisOf(e, args.optional('axis') ?? number(0), logicalShape(x).length, args.span('axis'));
  if (axis === undefined) return POISON;
  const count = logicalShape(x)[axis];
  const batch = e.evaluation.batch;
  const folded = fold(e, x, axis);
  const result = e.within({ evaluation: { ...e.evaluation, batch: batch * count } }, () =>
    e.force(call(e, repeated(e, callee, count, batch), [{ value: folded, span: args.span('x') }], args.call.span)),
  );
  return unfold(e, result, axis, count, batch);
}

/** [B, ..., T, ...] to [B T, ...]. */
function fold(e: Elaborator, x: TensorValue, axis: number): TensorValue {
  const shape = logicalShape(x);
  const whole = expand(e, x, shape, true);
  const order = [0, axis + 1, ...shape.map((_, i) => i + 1).filter((i) => i !== axis + 1)];
  const rest = shape.filter((_, i) => i !== axis);
  return tensor(e.builder.reshape(e.builder.permute(whole, order), [whole.shape[0] * shape[axis], ...rest]), true);
}

/** Batched values that a partial call holds, once for each element. */
function repeated(e: Elaborator, callee: CallableValue, count: number, batch: number): CallableValue {
  if (callee.kind !== 'partial') return callee;
  const args = callee.args.map((argument): ArgumentValue => ({ ...argument, value: repeatValue(e, argument.value, count, batch) }));
  return { ...callee, args, callee: repeated(e, callee.callee, count, batch) };
}

function repeatValue(e: Elaborator, given: Value, count: number, batch: number): Value {
  if (given.kind === 'record')
    return { kind: 'record', fields: new Map([...given.fields].map(([name, inner]) => [name, repeatValue(e, inner, count, batch)])) };
  const value = given.kind === 'draw' ? e.force(given) : given;
  if (value.kind !== 'tensor' || !value.batched) return value;
  const shape = logicalShape(value);
  const spread = e.builder.broadcastTo(e.builder.reshape(value.node, [batch, 1, ...shape]), [batch, count, ...shape]);
  return tensor(e.builder.reshape(spread, [batch * count, ...shape]), true);
}

function unfold(e: Elaborator, result: Value, axis: number, count: number, batch: number): Value {
  if (result.kind === 'record')
    return { kind: 'record', fields: new Map([...result.fields].map(([name, inner]) => [name, unfold(e, e.force(inner), axis, count, batch)])) };
  if (result.kind !== 'tensor' || !result.batched) return result;
  const shape = logicalShape(result);
  const at = Math.min(axis, shape.length);
  const apart = e.builder.reshape(result.node, [batch, count, ...shape]);
  const order = [0, ...shape.slice(0, at).map((_, i) => i + 2), 1, ...shape.slice(at).map((_, i) => i + at + 2)];
  return tensor(e.builder.permute(apart, order), true);
}
