/** `op.gather(x, index)`: rows by their number. */
import type { Node } from '../graph/node.js';
import { expand, toTensor } from './arithmetic.js';
import type { Bound } from './builtins.js';
import type { Elaborator } from './elaborator.js';
import * as messages from './messages.js';
import { integerOf } from './sizes.js';
import { logicalShape, number, POISON, type TensorValue, tensor, type Value } from './values.js';

const count = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/**
 * x [...L, n, ...R] and index [...L, ...K] give [...L, ...K, ...R], the first `shared` axes being L, none unless given. Numbers beyond the n rows mean
 * the first or the last.
 */
export function gatherRows(e: Elaborator, args: Bound): Value {
  const x = toTensor(e, args.value('x'), args.span('x'));
  const index = toTensor(e, args.value('index'), args.span('index'));
  const shared = integerOf(e, args.optional('shared') ?? number(0), args.span('shared'));
  if (!x || !index || shared === undefined) return POISON;
  const [sx, si] = [logicalShape(x), logicalShape(index)];
  const lead = sx.slice(0, shared);
  if (shared < 0 || sx.length <= shared || si.length < shared || lead.some((n, i) => n !== si[i]))
    return e.fail(args.call.span, messages.gatherShapes(shared, sx, si));
  const g = e.builder;
  const [rows, rest, places] = [sx[shared], sx.slice(shared + 1), si.slice(shared)];
  const batched = x.batched || index.batched;
  // One table for all examples: their numbers are places of one look-up.
  const together = shared === 0 && !x.batched;
  const parts = together ? 1 : (batched ? e.evaluation.batch : 1) * count(lead);
  const whole = (t: TensorValue): Node => (together ? t.node : expand(e, t, logicalShape(t), batched));
  const whichRow = whole(index);
  const numbers = g.reshape(whichRow.dtype === 'i32' ? whichRow : g.cast(whichRow, 'i32'), [parts, count(whichRow.shape) / parts]);
  const found = g.gather(g.reshape(whole(x), [parts, rows, count(rest)]), numbers);
  return tensor(g.reshape(found, [...(batched ? [e.evaluation.batch] : []), ...lead, ...places, ...rest]), batched);
}
