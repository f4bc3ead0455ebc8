/** `grad(y, x)` and `fresh(z)`. */
import { derivative } from '../graph/derivative.js';
import { topological } from '../graph/node.js';
import { asFloat, toTensor } from './arithmetic.js';
import type { Bound } from './builtins.js';
import { call } from './call.js';
import type { Elaborator } from './elaborator.js';
import * as messages from './messages.js';
import { list, POISON, type TensorValue, tensor, type Value } from './values.js';

/** The derivative of the sum of `y` over everything, shaped like `x`; of each, where `x` is a list. */
export function differentiate(e: Elaborator, args: Bound): Value {
  const y = toTensor(e, args.value('y'), args.span('y'));
  if (!y) return POISON;
  const target = args.value('x');
  const targets = target.kind === 'list' ? target.items : [target];
  const wanted: TensorValue[] = [];
  for (const item of targets) {
    const x = toTensor(e, item, args.span('x'));
    if (!x) return POISON;
    wanted.push(x);
  }
  const reached = new Set(topological([y.node]));
  if (wanted.some((x) => !reached.has(x.node))) return e.fail(args.call.span, messages.gradUnreached());
  const of = asFloat(e, y.node);
  const nodes = derivative(
    e.builder,
    [of],
    [e.builder.constant(1, of.shape)],
    wanted.map((x) => x.node),
  );
  const results = nodes.map((node, i) => tensor(node, wanted[i].batched));
  return target.kind === 'list' ? list(results) : results[0];
}

/** `fresh(z)`: another draw like that one, independent of it. */
export function freshDraw(e: Elaborator, args: Bound): Value {
  const value = args.value('draw');
  if (value.kind === 'draw') return call(e, value.callee, value.args, args.call.span);
  const source = value.kind === 'tensor' ? e.noises.find((noise) => noise.current === value) : undefined;
  if (!source)
    return e.fail(
      args.span('draw'),
      messages.unsupported('`fresh` makes a second draw, and this is not a draw', 'give it the name of a noise or of a `normal(...)` or `uniform(...)`'),
    );
  return source.redraw();
}
