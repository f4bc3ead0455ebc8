/** `--search random N`: settings drawn from the ranges that a spec declares. */

import { drawKey, uniform } from '../../compiler/graph/threefry.js';
import type { HyperRange } from '../../compiler/hypers.js';

/** Tries for each point that is wanted: where a range has few values, the same ones come again. */
const TRIES = 50;

/**
 * `n` different settings, or as many as were met. Each hyper has draws of its own, by seed and name: a further hyper or a further point moves no other.
 * A list is drawn from evenly, `a..b` evenly between its ends, `log(a, b)` evenly in its logarithm.
 */
export function drawnSettings(ranges: readonly HyperRange[], n: number, seed: bigint): Record<string, string>[] {
  const found = new Map<string, Record<string, string>>();
  for (let point = 0; found.size < n && point < n * TRIES; point++) {
    const settings = Object.fromEntries(ranges.map((range) => [range.name, textOf(valueAt(range, uniform(drawKey(seed, `search.${range.name}`), 0, point)))]));
    const key = JSON.stringify(settings);
    if (!found.has(key)) found.set(key, settings);
  }
  return [...found.values()];
}

/** `u`: inside (0, 1). */
function valueAt(range: HyperRange, u: number): number | boolean | string {
  switch (range.kind) {
    case 'list':
      return range.values[Math.floor(u * range.values.length)];
    case 'range':
      if (range.whole) return range.low + Math.floor(u * (range.high - range.low + 1));
      return rounded(range.low + u * (range.high - range.low));
    case 'log':
      return rounded(Math.exp(Math.log(range.low) + u * (Math.log(range.high) - Math.log(range.low))));
  }
}

/** Four digits are enough to be found again, and short enough to be read. */
function rounded(value: number): number {
  return Number(value.toPrecision(4));
}

/** As `--set` reads it. */
function textOf(value: number | boolean | string): string {
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}
