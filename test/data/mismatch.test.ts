/** Which rows `mismatch` and `match` choose: always of another value, or of the same one, all alike likely. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByValue } from '../../runtime/data/mismatch.js';

/** A field of one number a row. */
function column(values: readonly number[], width = 1) {
  const words = Int32Array.from(values.flatMap((value) => new Array<number>(width).fill(value)));
  return { count: values.length, bytes: new Uint8Array(words.buffer), rowBytes: 4 * width };
}

const KEY: [number, number] = [123, 456];

test('a row of another value, out of the training rows, whatever the values', () => {
  const columns = fc.record({
    values: fc.array(fc.nat(3), { minLength: 2, maxLength: 30 }),
    heldOut: fc.nat(5),
    width: fc.constantFrom(1, 40),
    call: fc.nat(),
  });
  fc.assert(
    fc.property(columns, ({ values, heldOut, width, call }) => {
      const count = Math.max(2, values.length - heldOut);
      const byValue = new ByValue(column(values, width), count);
      expect(byValue.differ).toBe(new Set(values.slice(0, count)).size > 1);
      if (!byValue.differ) return;
      const rows = Uint32Array.from(values.keys());
      const found = byValue.differing(KEY, call, rows);
      found.forEach((row, i) => {
        expect(row).toBeLessThan(count);
        expect(values[row]).not.toBe(values[i]);
      });
      expect(byValue.differing(KEY, call, rows)).toEqual(found);
    }),
    { numRuns: 300 },
  );
});

test('all of them are alike likely', () => {
  const values = [0, 1, 0, 0, 2, 1, 0, 2, 2, 3];
  const byValue = new ByValue(column(values), values.length);
  const calls = 6000;
  const seen = new Array<number>(values.length).fill(0);
  for (let call = 0; call < calls; call++) for (const row of byValue.differing(KEY, call, Uint32Array.of(0, 3))) seen[row]++;
  const others = values.flatMap((value, row) => (value === 0 ? [] : [row]));
  const expected = (2 * calls) / others.length;
  const chi = others.reduce((sum, row) => sum + (seen[row] - expected) ** 2 / expected, 0);
  // Five degrees of freedom: 20.5 is passed once in a thousand.
  expect(chi).toBeLessThan(20.5);
  expect(seen.filter((_, row) => values[row] === 0)).toEqual([0, 0, 0, 0]);
});

test('places of a batch, calls and draws choose apart', () => {
  const values = Array.from({ length: 50 }, (_, row) => row);
  const byValue = new ByValue(column(values), 50);
  const rows = new Uint32Array(20);
  const one = byValue.differing(KEY, 0, rows);
  expect(new Set(one).size).toBeGreaterThan(10);
  expect(byValue.differing(KEY, 1, rows)).not.toEqual(one);
  expect(byValue.differing([123, 457], 0, rows)).not.toEqual(one);
});

test('a row of the same value: a training row, else one of the others, else the row itself', () => {
  //            0  1  2  3  4  5 | 6  7  8  9 10
  const values = [0, 1, 0, 2, 0, 1, 0, 3, 3, 4, 2];
  const byValue = new ByValue(column(values), 6);
  const rows = Uint32Array.from(values.keys());
  const found = values.map(() => new Set<number>());
  for (let call = 0; call < 200; call++) byValue.agreeing(KEY, call, rows).forEach((row, i) => void found[i].add(row));
  expect(found.map((set) => [...set].sort((a, b) => a - b))).toEqual([[2, 4], [5], [0, 4], [10], [0, 2], [1], [0, 2, 4], [8], [7], [9], [3]]);
});

test('all rows of the same value are alike likely', () => {
  const byValue = new ByValue(column(new Array<number>(8).fill(0)), 8);
  const seen = new Array<number>(8).fill(0);
  for (let call = 0; call < 7000; call++) seen[byValue.agreeing(KEY, call, Uint32Array.of(3))[0]]++;
  expect(seen[3]).toBe(0);
  const chi = seen.reduce((sum, n, row) => sum + (row === 3 ? 0 : (n - 1000) ** 2 / 1000), 0);
  // Six degrees of freedom: 22.5 is passed once in a thousand.
  expect(chi).toBeLessThan(22.5);
});
