import { describe, expect, it } from 'vitest';
import { Builder } from '../../compiler/graph/builder.js';
import { drawKey, fnv1a64, threefry2x32, uniform } from '../../compiler/graph/threefry.js';
import { numbersOf } from './numeric.js';

describe('threefry', () => {
  // Random123's known answers for threefry2x32, 20 rounds (kat_vectors).
  it.each([
    [
      [0, 0],
      [0, 0],
      [0x6b200159, 0x99ba4efe],
    ],
    [
      [0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      [0x1cb996fc, 0xbb002be7],
    ],
    [
      [0x13198a2e, 0x03707344],
      [0x243f6a88, 0x85a308d3],
      [0xc4923a9c, 0x483df7a0],
    ],
  ] as const)('key %j counter %j', (key, counter, expected) => {
    expect(threefry2x32(key, counter)).toEqual(expected);
  });

  it('hashes paths by FNV-1a over UTF-8', () => {
    expect(fnv1a64('')).toBe(0xcbf29ce484222325n);
    expect(fnv1a64('a')).toBe(0xaf63dc4c8601ec8cn);
    expect(fnv1a64('foobar')).toBe(0x85944171f73967e8n);
  });

  it('takes the seed and the path apart into words, low first', () => {
    const hash = fnv1a64('D.z');
    expect(drawKey(0x100000002n, 'D.z')).toEqual(threefry2x32([2, 1], [Number(hash & 0xffffffffn), Number(hash >> 32n)]));
  });

  it('draws inside (0, 1), exactly representable, evenly', () => {
    const key = drawKey(3n, 'noise');
    const values = Array.from({ length: 4000 }, (_, i) => uniform(key, i, 5));
    for (const v of values) {
      expect(v).toBeGreaterThan(0);
      expect(v).toBeLessThan(1);
      expect(Math.fround(v)).toBe(v);
    }
    expect(values.reduce((a, b) => a + b, 0) / values.length).toBeCloseTo(0.5, 1);
    expect(new Set(values).size).toBeGreaterThan(3990);
  });

  it('is what a random node evaluates to', () => {
    const node = new Builder().random('D.z', [2, 3]);
    expect(numbersOf(node)).toEqual(Array.from({ length: 6 }, (_, i) => uniform(drawKey(7n, 'D.z'), i, 0)));
  });
});
