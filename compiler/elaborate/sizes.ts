/** Static numbers out of values: sizes, axes and lists of them. Each reports what is wrong and gives undefined. */
import type { Span } from '../../grammar/source.js';
import type { Elaborator } from './elaborator.js';
import * as messages from './messages.js';
import { describe, type Value } from './values.js';

/** A whole number, exact. */
export function integerOf(e: Elaborator, value: Value, span: Span): number | undefined {
  if (value.kind === 'poison') return undefined;
  if (value.kind !== 'number') {
    e.fail(span, messages.notNumber(describe(value)));
    return undefined;
  }
  if (value.why !== undefined || !Number.isSafeInteger(value.value)) {
    e.fail(span, messages.notASize(String(value.value), value.why));
    return undefined;
  }
  return value.value;
}

/** A length: a whole number of at least 1. */
export function sizeOf(e: Elaborator, value: Value, span: Span): number | undefined {
  const size = integerOf(e, value, span);
  if (size === undefined) return undefined;
  if (size < 1) {
    e.fail(span, messages.nonPositive('an axis', size));
    return undefined;
  }
  return size;
}

/** A shape: a list of lengths. */
export function shapeOf(e: Elaborator, value: Value, span: Span): number[] | undefined {
  if (value.kind === 'poison') return undefined;
  const items = value.kind === 'list' ? value.items : [value];
  const shape: number[] = [];
  for (const item of items) {
    const length = sizeOf(e, item, span);
    if (length === undefined) return undefined;
    shape.push(length);
  }
  return shape;
}

/** One number for each of `rank` axes: a list of that length, or a number for all. */
export function perAxis(e: Elaborator, value: Value, rank: number, span: Span): number[] | undefined {
  if (value.kind === 'poison') return undefined;
  const items = value.kind === 'list' ? value.items : new Array<Value>(Math.max(0, rank)).fill(value);
  if (items.length !== rank) {
    e.fail(span, messages.notForEachAxis(describe(value), rank));
    return undefined;
  }
  const numbers: number[] = [];
  for (const item of items) {
    const n = integerOf(e, item, span);
    if (n === undefined) return undefined;
    numbers.push(n);
  }
  return numbers;
}

const MOST_AXES = 32;

/** How many axes something has. */
export function rankOf(e: Elaborator, value: Value, span: Span): number | undefined {
  const rank = integerOf(e, value, span);
  if (rank === undefined || (rank >= 0 && rank <= MOST_AXES)) return rank;
  e.fail(span, messages.axisCount(rank, MOST_AXES));
  return undefined;
}

/** Two numbers for each of `n` axes, before and after it: a number for all, or for each axis a number or a pair. */
export function perSide(e: Elaborator, value: Value, n: number, span: Span): [number, number][] | undefined {
  if (value.kind === 'poison') return undefined;
  const items = value.kind === 'list' ? value.items : new Array<Value>(n).fill(value);
  if (items.length !== n) {
    e.fail(span, messages.notForEachAxis(describe(value), n));
    return undefined;
  }
  const result: [number, number][] = [];
  for (const item of items) {
    const pair = perAxis(e, item, 2, span);
    if (!pair) return undefined;
    result.push([pair[0], pair[1]]);
  }
  return result;
}

/** An axis of a value of that rank, counted without the batch; negative from the end. */
export function axisOf(e: Elaborator, value: Value, rank: number, span: Span): number | undefined {
  const axis = integerOf(e, value, span);
  if (axis === undefined) return undefined;
  const at = axis < 0 ? axis + rank : axis;
  if (at < 0 || at >= rank) {
    e.fail(span, messages.axisOutside(axis, rank));
    return undefined;
  }
  return at;
}

const LONGEST_LIST = 10_000;

/** False, with a message, for a list that nobody means: loops are unrolled. */
export function isListLength(e: Elaborator, length: number, span: Span): boolean {
  if (length <= LONGEST_LIST) return true;
  e.fail(span, messages.tooLong(length, LONGEST_LIST));
  return false;
}
