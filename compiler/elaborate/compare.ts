/** `op.compare_sets(way, real, made, k)`: in a metric, what the host finds when it compares the features of all real examples with those of all made ones. */
import type { Node } from '../graph/node.js';
import { asFloat, toTensor } from './arithmetic.js';
import type { Bound } from './builtins.js';
import type { Elaborator } from './elaborator.js';
import * as messages from './messages.js';
import { sizeOf } from './sizes.js';
import { describe, logicalShape, number, POISON, tensor, type Value } from './values.js';

/** The shape of what each way gives. */
const WAYS: ReadonlyMap<string, readonly number[]> = new Map([
  ['frechet', []],
  ['kernel', []],
  ['precision_recall', [2]],
  ['density_coverage', [2]],
]);

/** Features of an example: an eigenvalue of a matrix of so many rows and columns takes a minute. */
const MOST_FEATURES = 2048;

/** Features are [n], or [..., n] for several parts of an example, such as frames. */
export function compareSets(e: Elaborator, args: Bound): Value {
  const way = args.value('way');
  const shape = way.kind === 'string' ? WAYS.get(way.text) : undefined;
  if (shape === undefined || way.kind !== 'string')
    return e.fail(args.span('way'), messages.typeForm('op.compare_sets', `one of ${[...WAYS.keys()].join(', ')}`));
  const real = rowsOf(e, args, 'real');
  const made = rowsOf(e, args, 'made');
  const neighbours = sizeOf(e, args.optional('k') ?? number(1), args.span('k'));
  if (!real || !made || neighbours === undefined) return POISON;
  const [n, m] = [real.shape[1], made.shape[1]];
  if (n !== m) return e.fail(args.span('made'), messages.featuresDiffer(n, m));
  if (n > MOST_FEATURES) return e.fail(args.span('real'), messages.tooManyFeatures(n, MOST_FEATURES));
  const { pool } = e.evaluation;
  if (!pool) return e.fail(args.call.span, messages.comparedOutside());
  return tensor(pool.compare(way.text, { real, made }, neighbours, shape), false);
}

/** [rows of the batch, n]; undefined where it is no such thing, which has been said. */
function rowsOf(e: Elaborator, args: Bound, name: string): Node | undefined {
  const value = toTensor(e, args.value(name), args.span(name));
  if (!value) return undefined;
  const shape = logicalShape(value);
  const n = shape[shape.length - 1];
  if (!value.batched || n === undefined) {
    e.fail(args.span(name), messages.noFeatures(describe(value)));
    return undefined;
  }
  return e.builder.reshape(asFloat(e, value.node), [value.node.shape.reduce((a, b) => a * b, 1) / n, n]);
}
