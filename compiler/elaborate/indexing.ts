/** `h[:, 1:]`, `style[:, none, none]`, `shape[0]`. */
import type { IndexExpr } from '../../grammar/ast.js';
import type { Elaborator } from './elaborator.js';
import { evaluate } from './evaluate.js';
import * as messages from './messages.js';
import type { Scope } from './scope.js';
import { integerOf } from './sizes.js';
import { describe, list, logicalShape, POISON, tensor, type Value } from './values.js';

/** Indexes a list or a tensor. An index drops its axis, a slice keeps it, `none` makes one of length 1; axes left out are whole. */
export function indexTensor(e: Elaborator, target: Value, expr: IndexExpr, scope: Scope): Value {
  if (target.kind === 'poison') return POISON;
  if (target.kind === 'list') return indexList(e, target.items, expr, scope);
  if (target.kind !== 'tensor') return e.fail(expr.target.span, messages.cannotIndex(describe(target)));
  const shape = logicalShape(target);
  const lead = target.batched ? [target.node.shape[0]] : [];
  const start: number[] = lead.map(() => 0);
  const stop: number[] = [...lead];
  const step: number[] = lead.map(() => 1);
  const result: number[] = [...lead];
  let axis = 0;
  for (const item of expr.items) {
    if (item.kind === 'at') {
      const value = evaluate(e, item.value, scope);
      if (value.kind === 'poison') return POISON;
      if (value.kind === 'none') {
        result.push(1);
        continue;
      }
      if (axis >= shape.length) return e.fail(expr.span, messages.tooManyIndices(expr.items.length, shape));
      const index = integerOf(e, value, item.span);
      if (index === undefined) return POISON;
      const at = index < 0 ? index + shape[axis] : index;
      if (at < 0 || at >= shape[axis]) return e.fail(item.span, messages.indexOutside(index, shape[axis]));
      start.push(at);
      stop.push(at + 1);
      step.push(1);
    } else {
      if (axis >= shape.length) return e.fail(expr.span, messages.tooManyIndices(expr.items.length, shape));
      const bounds = sliceBounds(e, item, shape[axis], scope);
      if (!bounds) return POISON;
      start.push(bounds.from);
      stop.push(bounds.to);
      step.push(bounds.step);
      result.push(Math.ceil((bounds.to - bounds.from) / bounds.step));
    }
    axis++;
  }
  for (; axis < shape.length; axis++) {
    start.push(0);
    stop.push(shape[axis]);
    step.push(1);
    result.push(shape[axis]);
  }
  return tensor(e.builder.reshape(e.builder.slice(target.node, start, stop, step), result), target.batched);
}

function sliceBounds(
  e: Elaborator,
  item: Extract<IndexExpr['items'][number], { kind: 'slice' }>,
  length: number,
  scope: Scope,
): { from: number; to: number; step: number } | undefined {
  const read = (expr: typeof item.from, otherwise: number): number | undefined => (expr ? integerOf(e, evaluate(e, expr, scope), expr.span) : otherwise);
  const from = read(item.from, 0);
  const to = read(item.to, length);
  const step = read(item.step, 1);
  if (from === undefined || to === undefined || step === undefined) return undefined;
  const first = Math.max(0, from < 0 ? from + length : from);
  const last = Math.min(length, to < 0 ? to + length : to);
  if (first >= last || step < 1) {
    e.fail(item.span, messages.emptySlice(from, to, length));
    return undefined;
  }
  return { from: first, to: last, step };
}

function indexList(e: Elaborator, items: readonly Value[], expr: IndexExpr, scope: Scope): Value {
  const [item] = expr.items;
  if (expr.items.length !== 1) return e.fail(expr.span, messages.cannotIndex('a list by several indices'));
  if (item.kind === 'slice') {
    const bounds = items.length === 0 ? undefined : sliceListBounds(e, item, items.length, scope);
    return bounds ? list(items.slice(bounds.from, bounds.to)) : list([]);
  }
  const index = integerOf(e, evaluate(e, item.value, scope), item.span);
  if (index === undefined) return POISON;
  const at = index < 0 ? index + items.length : index;
  return items[at] ?? e.fail(item.span, messages.indexOutside(index, items.length));
}

function sliceListBounds(
  e: Elaborator,
  item: Extract<IndexExpr['items'][number], { kind: 'slice' }>,
  length: number,
  scope: Scope,
): { from: number; to: number } | undefined {
  const from = item.from ? integerOf(e, evaluate(e, item.from, scope), item.from.span) : 0;
  const to = item.to ? integerOf(e, evaluate(e, item.to, scope), item.to.span) : length;
  return from === undefined || to === undefined ? undefined : { from: from < 0 ? from + length : from, to: to < 0 ? to + length : to };
}
