/** Reductions: per example over all axes unless named; `axis: batch` and `E` take the batch away. */
import type { Span } from '../../grammar/source.js';
import type { Node } from '../graph/node.js';
import { safeNorm } from '../graph/norm.js';
import { asFloat, toTensor } from './arithmetic.js';
import type { Bound } from './builtins.js';
import type { Elaborator } from './elaborator.js';
import * as messages from './messages.js';
import { axisOf, sizeOf } from './sizes.js';
import { bool, logicalShape, NONE, number, POISON, type TensorValue, tensor, type Value } from './values.js';

type Reduce = (e: Elaborator, node: Node, axes: readonly number[]) => Node;

const ways: Readonly<Record<string, Reduce>> = {
  sum: (e, node, axes) => e.builder.sum(node, axes),
  mean: (e, node, axes) => mean(e, node, axes),
  max: (e, node, axes) => e.builder.max(node, axes),
  min: (e, node, axes) => e.builder.unary('neg', e.builder.max(e.builder.unary('neg', node), axes)),
  norm: (e, node, axes) => safeNorm(e.builder, node, axes),
};

function mean(e: Elaborator, node: Node, axes: readonly number[]): Node {
  const count = axes.reduce((n, axis) => n * node.shape[axis], 1);
  const total = e.builder.sum(node, axes);
  return count === 1 ? total : e.builder.binary('mul', total, e.builder.constant(1 / count, total.shape));
}

/** `E[v]`: the mean over all elements and examples; field by field on a record. */
export function meanOfAll(e: Elaborator, given: Value, span: Span): Value {
  const value = e.force(given);
  if (value.kind === 'record') {
    const fields = new Map<string, Value>();
    for (const [name, inner] of value.fields) fields.set(name, meanOfAll(e, inner, span));
    return { kind: 'record', fields };
  }
  const t = toTensor(e, value, span);
  if (!t) return POISON;
  const node = asFloat(e, t.node);
  return tensor(
    mean(
      e,
      node,
      node.shape.map((_, i) => i),
    ),
    false,
  );
}

/** `sum(x)`, `mean(x, axis: 0)`, `max(x, axes: [1, 2], keep: true)`, `mean(x, axes: [batch, 1])`. */
export function reduction(name: keyof typeof ways & string): (e: Elaborator, args: Bound) => Value {
  return (e, args) => {
    const given = e.force(args.value('x'));
    if (given.kind === 'record') {
      const fields = new Map<string, Value>();
      for (const [field, inner] of given.fields) {
        const one = toTensor(e, inner, args.span('x'));
        if (!one) return POISON;
        fields.set(field, reduceTensor(e, name, one, args));
      }
      return { kind: 'record', fields };
    }
    if (given.kind === 'list' && given.items.every((item) => item.kind === 'number')) {
      const numbers = given.items.map((item) => (item.kind === 'number' ? item.value : 0));
      const total = numbers.reduce((a, b) => a + b, 0);
      if (name === 'sum') return number(total);
      if (name === 'mean') return number(total / numbers.length);
      if (name === 'max') return number(Math.max(...numbers));
      if (name === 'min') return number(Math.min(...numbers));
    }
    const t = toTensor(e, given, args.span('x'));
    return t ? reduceTensor(e, name, t, args) : POISON;
  };
}

function reduceTensor(e: Elaborator, name: string, t: TensorValue, args: Bound): Value {
  const rank = logicalShape(t).length;
  const lead = t.batched ? 1 : 0;
  const axes = new Set<number>();
  let overBatch = false;
  const named = args.optional('axes') ?? args.optional('axis') ?? NONE;
  const span = args.optional('axes') ? args.span('axes') : args.span('axis');
  if (named.kind === 'none') for (let i = 0; i < rank; i++) axes.add(i + lead);
  else {
    for (const item of named.kind === 'list' ? named.items : [named]) {
      if (item.kind === 'batch') {
        overBatch = true;
        if (t.batched) axes.add(0);
      } else {
        const axis = axisOf(e, item, rank, span);
        if (axis === undefined) return POISON;
        axes.add(axis + lead);
      }
    }
  }
  const keep = args.optional('keep') ?? bool(false);
  const sorted = [...axes].sort((a, b) => a - b);
  const node = asFloat(e, t.node);
  const reduced = sorted.length === 0 && name !== 'norm' ? node : ways[name](e, node, sorted);
  const batched = t.batched && !overBatch;
  if (keep.kind !== 'bool' || !keep.value) return tensor(reduced, batched);
  const shape = node.shape.flatMap((length, i) => (axes.has(i) ? (t.batched && i === 0 ? [] : [1]) : [length]));
  return tensor(e.builder.reshape(reduced, shape), batched);
}

/**
 * `mean_in_groups(x, 4)`: for each example the mean over its group of four (`none`: the whole batch). Example i is in one with those whose
 * numbers differ from i by multiples of batch / size, as in Karras et al. 2018.
 */
export function meanInGroups(e: Elaborator, args: Bound): Value {
  const x = toTensor(e, args.value('x'), args.span('x'));
  if (!x) return POISON;
  const node = asFloat(e, x.node);
  if (!x.batched) return tensor(node, false);
  const [rows, ...rest] = node.shape;
  const wanted = args.value('size').kind === 'none' ? rows : sizeOf(e, args.value('size'), args.span('size'));
  if (wanted === undefined) return POISON;
  // A batch smaller than the group, as in sampling, is one group.
  const size = Math.min(wanted, rows);
  if (rows % size !== 0) return e.fail(args.span('size'), messages.groupsOfBatch(size, rows));
  const g = e.builder;
  const groups = mean(e, g.reshape(node, [size, rows / size, ...rest]), [0]);
  const wide = g.broadcastTo(g.reshape(groups, [1, rows / size, ...rest]), [size, rows / size, ...rest]);
  return tensor(g.reshape(wide, node.shape), true);
}
