/**
 * Interval arithmetic: between which ends values lie. An interval may be wider than what is reached, and never narrower.
 *
 * `atLow` and `atHigh` say of an end that values are exactly it often, not by chance alone: 0 of `max(x, 0)`, 0 and 1 of a comparison. 0 of
 * `x^2` and of `sigmoid(x)` are not: the first is hit by chance, the second never.
 */
export interface Interval {
  readonly low: number;
  readonly high: number;
  readonly atLow: boolean;
  readonly atHigh: boolean;
}

export function interval(low: number, high: number, atLow = false, atHigh = atLow): Interval {
  return { low, high, atLow: atLow && low > -Infinity, atHigh: atHigh && high < Infinity };
}

export const ANY = interval(-Infinity, Infinity);
export const TRUTH = interval(0, 1, true);
export const point = (value: number): Interval => (Number.isNaN(value) ? ANY : interval(value, value, true));

/** The least interval around both. */
export function join(a: Interval, b: Interval): Interval {
  const low = Math.min(a.low, b.low);
  const high = Math.max(a.high, b.high);
  return interval(low, high, (a.low === low && a.atLow) || (b.low === low && b.atLow), (a.high === high && a.atHigh) || (b.high === high && b.atHigh));
}

/** What is in both; where they do not meet, an end of `a`. */
export function meet(a: Interval, b: Interval): Interval {
  const low = Math.min(Math.max(a.low, b.low), a.high);
  const high = Math.max(Math.min(a.high, b.high), low);
  return interval(low, high, low === a.low ? a.atLow : b.atLow, high === a.high ? a.atHigh : b.atHigh);
}

export const negate = (a: Interval): Interval => interval(-a.high, -a.low, a.atHigh, a.atLow);
export const add = (a: Interval, b: Interval): Interval => sound(a.low + b.low, a.high + b.high, a.atLow && b.atLow, a.atHigh && b.atHigh);
export const subtract = (a: Interval, b: Interval): Interval => add(a, negate(b));

/** The sum of `count` values of that interval. */
export const times = (a: Interval, count: number): Interval => (count === 1 ? a : count === 0 ? point(0) : sound(a.low * count, a.high * count, false, false));

export function multiply(a: Interval, b: Interval): Interval {
  // 0 times an end that is infinite is 0: the end is not reached.
  const corner = (x: number, y: number, atX: boolean, atY: boolean) => ({
    value: x === 0 || y === 0 ? 0 : x * y,
    at: (atX && atY) || (x === 0 && atX) || (y === 0 && atY),
  });
  const corners = [
    corner(a.low, b.low, a.atLow, b.atLow),
    corner(a.low, b.high, a.atLow, b.atHigh),
    corner(a.high, b.low, a.atHigh, b.atLow),
    corner(a.high, b.high, a.atHigh, b.atHigh),
  ];
  const low = Math.min(...corners.map((c) => c.value));
  const high = Math.max(...corners.map((c) => c.value));
  const at = (end: number): boolean => corners.some((c) => c.value === end && c.at);
  return sound(low, high, at(low), at(high));
}

export function divide(a: Interval, b: Interval): Interval {
  if (b.low < 0 && b.high > 0) return ANY;
  if (b.high <= 0) return b.low === 0 ? ANY : negate(divide(a, negate(b)));
  const inverse = interval(1 / b.high, b.low === 0 ? Infinity : 1 / b.low, b.atHigh, b.atLow);
  return multiply(a, inverse);
}

export function square(a: Interval): Interval {
  const size = absolute(a);
  return interval(size.low ** 2, size.high ** 2, size.atLow, size.atHigh);
}

export function absolute(a: Interval): Interval {
  if (a.low >= 0) return a;
  if (a.high <= 0) return negate(a);
  const high = Math.max(-a.low, a.high);
  return interval(0, high, false, (-a.low === high && a.atLow) || (a.high === high && a.atHigh));
}

/** a^b; `b` is one number where that is known. */
export function power(a: Interval, b: Interval): Interval {
  const exponent = b.low === b.high ? b.low : undefined;
  if (exponent === undefined) return a.low >= 0 ? interval(0, Infinity) : ANY;
  if (exponent === 0) return point(1);
  if (exponent < 0) return divide(point(1), power(a, point(-exponent)));
  if (!Number.isInteger(exponent)) return rising(meet(a, interval(0, Infinity)), (x) => x ** exponent);
  return rising(exponent % 2 === 0 ? absolute(a) : a, (x) => x ** exponent);
}

/** a - b floor(a / b). */
export function remainder(b: Interval): Interval {
  return interval(Math.min(0, b.low), Math.max(0, b.high), b.low >= 0, b.high <= 0);
}

export function greater(a: Interval, b: Interval): Interval {
  const low = Math.max(a.low, b.low);
  const high = Math.max(a.high, b.high);
  return interval(low, high, (a.low === low && a.atLow) || (b.low === low && b.atLow), (a.high === high && a.atHigh) || (b.high === high && b.atHigh));
}

export const lesser = (a: Interval, b: Interval): Interval => negate(greater(negate(a), negate(b)));

/** A function that does not fall. Where it has steps, its ends are reached often. */
export function rising(a: Interval, f: (x: number) => number, steps = false): Interval {
  return sound(f(a.low), f(a.high), a.atLow || steps, a.atHigh || steps);
}

/** An end that is no number is none. */
function sound(low: number, high: number, atLow: boolean, atHigh: boolean): Interval {
  return interval(Number.isNaN(low) ? -Infinity : low, Number.isNaN(high) ? Infinity : high, atLow, atHigh);
}
