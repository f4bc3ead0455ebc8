/** Reductions: per example over all axes unless named; `axis: batch` and `E` take the batch away. */
import type { Span } from '../../grammar/source.js';
import type { Node, Shape } from '../graph/node.js';
import { safeNorm } from '../graph/norm.js';
import { asFloat, expand, toTensor } from './arithmetic.js';
import type { Bound } from './builtins.js';
import type { Elaborator } from './elaborator.js';
import * as messages from './messages.js';
import type { Pool } from './pool.js';
import { axisOf, sizeOf } from './sizes.js';
import { bool, logicalShape, NONE, number, POISON, type TensorValue, tensor, type Value } from './values.js';

/** `pool` is there where the batch is reduced in a metric: it goes over more examples than are at hand. */
type Reduce = (e: Elaborator, node: Node, axes: readonly number[], pool?: Pool) => Node;

const sum: Reduce = (e, node, axes, pool) => {
  const total = e.builder.sum(node, axes);
  return pool ? pool.gather('sum', total) : total;
};

const max: Reduce = (e, node, axes, pool) => {
  const greatest = e.builder.max(node, axes);
  return pool ? pool.gather('max', greatest) : greatest;
};

const mean: Reduce = (e, node, axes, pool) => {
  const g = e.builder;
  const total = sum(e, node, axes, pool);
  const count = (pool ? axes.slice(1) : axes).reduce((n, axis) => n * node.shape[axis], 1);
  const each = count === 1 ? total : g.binary('mul', total, g.constant(1 / count, total.shape));
  return pool ? g.binary('div', each, g.broadcastTo(pool.count, each.shape)) : each;
};

const ways: Readonly<Record<string, Reduce>> = {
  sum,
  mean,
  max,
  min: (e, node, axes, pool) => e.builder.unary('neg', max(e, e.builder.unary('neg', node), axes, pool)),
  norm: (e, node, axes, pool) => (pool ? e.builder.unary('sqrt', sum(e, e.builder.binary('mul', node, node), axes, pool)) : safeNorm(e.builder, node, axes)),
};

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
      t.batched ? e.evaluation.pool : undefined,
    ),
    false,
  );
}

/** `sum(x)`, `mean(x, axis: 0)`, `max(x, axes: [1, 2], keep: true)`, `mean(x, axes: [batch, 1])`, `mean(words, axis: 0, mask: m)`. */
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
  const shape = logicalShape(t);
  const over = namedAxes(e, shape.length, args);
  const mask = over && maskOf(e, shape, over.axes, args);
  if (!over || mask === undefined) return POISON;
  const batched = t.batched || (mask !== 'none' && mask.batched);
  const lead = batched ? 1 : 0;
  const axes = [...(over.batch && batched ? [0] : []), ...over.axes.map((axis) => axis + lead)];
  const node = asFloat(e, batched ? expand(e, t, shape, true) : t.node);
  const pool = over.batch && batched ? e.evaluation.pool : undefined;
  const reduce = (of: Node): Node => (axes.length === 0 && name !== 'norm' ? of : ways[name](e, of, axes, pool));
  const reduced =
    mask === 'none'
      ? reduce(node)
      : overMask(e, name, node, batched && !mask.batched ? e.builder.reshape(mask.node, [1, ...mask.node.shape]) : mask.node, axes, pool);
  const keep = args.optional('keep') ?? bool(false);
  const result = batched && !over.batch;
  if (keep.kind !== 'bool' || !keep.value) return tensor(reduced, result);
  const kept = shape.map((length, axis) => (over.axes.includes(axis) ? 1 : length));
  return tensor(e.builder.reshape(reduced, result ? [node.shape[0], ...kept] : kept), result);
}

/** The axes that a reduction names, in rising order, without the batch: all unless named. */
function namedAxes(e: Elaborator, rank: number, args: Bound): { axes: number[]; batch: boolean } | undefined {
  const named = args.optional('axes') ?? args.optional('axis') ?? NONE;
  if (named.kind === 'none') return { axes: Array.from({ length: rank }, (_, i) => i), batch: false };
  const axes = new Set<number>();
  let batch = false;
  for (const item of named.kind === 'list' ? named.items : [named]) {
    if (item.kind === 'batch') {
      batch = true;
      continue;
    }
    const axis = axisOf(e, item, rank, args.span(args.optional('axes') ? 'axes' : 'axis'));
    if (axis === undefined) return undefined;
    axes.add(axis);
  }
  return { axes: [...axes].sort((a, b) => a - b), batch };
}

/** The mask of a reduction as bool, with the rank of the value: it has the lengths of the reduced axes, or goes with every element. Undefined where wrong. */
function maskOf(e: Elaborator, shape: Shape, axes: readonly number[], args: Bound): TensorValue | 'none' | undefined {
  const given = e.force(args.value('mask'));
  if (given.kind === 'none') return 'none';
  const mask = toTensor(e, given, args.span('mask'));
  if (!mask) return undefined;
  const own = logicalShape(mask);
  const reduced = axes.map((axis) => shape[axis]);
  const alongAxes = own.length === reduced.length && own.every((length, i) => length === reduced[i]);
  if (!alongAxes && (own.length !== shape.length || own.some((length, i) => length !== 1 && length !== shape[i]))) {
    e.fail(args.span('mask'), messages.maskShape(own, shape, reduced));
    return undefined;
  }
  const placed = alongAxes ? shape.map((length, axis) => (axes.includes(axis) ? length : 1)) : own;
  const node = mask.node.dtype === 'bool' ? mask.node : e.builder.cast(mask.node, 'bool');
  return tensor(e.builder.reshape(node, mask.batched ? [node.shape[0], ...placed] : placed), mask.batched);
}

/** A reduction over the elements where the mask holds; 0 where it holds nowhere. `mask` has the rank of `node`. */
function overMask(e: Elaborator, name: string, node: Node, mask: Node, axes: readonly number[], pool?: Pool): Node {
  const g = e.builder;
  const seen = g.broadcastTo(mask, node.shape);
  const without = (value: number): Node => g.select(seen, node, g.constant(value, node.shape));
  if (name === 'sum' || name === 'norm') return ways[name](e, without(0), axes, pool);
  const whole = g.broadcastTo(
    mask,
    mask.shape.map((length, axis) => (axes.includes(axis) ? node.shape[axis] : length)),
  );
  const few = sum(e, g.cast(whole, 'f32'), axes, pool);
  const total = name === 'mean' ? sum(e, without(0), axes, pool) : ways[name](e, without(name === 'max' ? -LARGEST : LARGEST), axes, pool);
  const count = g.broadcastTo(few, total.shape);
  const one = g.constant(1, total.shape);
  if (name === 'mean') return g.binary('div', total, g.binary('max', count, one));
  return g.select(g.compare('le', one, count), total, g.constant(0, total.shape));
}

/** Nearly the largest number of f32. */
const LARGEST = 3e38;

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
