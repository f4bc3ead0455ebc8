/** Which rows `mismatch` chooses: always of another value, all alike likely, training rows alone. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Differing } from '../../runtime/data/mismatch.js';

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
      const differing = new Differing(column(values, width), count);
      expect(differing.possible).toBe(new Set(values.slice(0, count)).size > 1);
      if (!differing.possible) return;
      const rows = Uint32Array.from(values.keys());
      const found = differing.pick(KEY, call, rows);
      found.forEach((row, i) => {
        expect(row).toBeLessThan(count);
        expect(values[row]).not.toBe(values[i]);
      });
      expect(differing.pick(KEY, call, rows)).toEqual(found);
    }),
    { numRuns: 300 },
  );
});

test('all of them are alike likely', () => {
  const values = [0, 1, 0, 0, 2, 1, 0, 2, 2, 3];
  const differing = new Differing(column(values), values.length);
  const calls = 6000;
  const seen = new Array<number>(values.length).fill(0);
  for (let call = 0; call < calls; call++) for (const row of differing.pick(KEY, call, Uint32Array.of(0, 3))) seen[row]++;
  const others = values.flatMap((value, row) => (value === 0 ? [] : [row]));
  const expected = (2 * calls) / others.length;
  const chi = others.reduce((sum, row) => sum + (seen[row] - expected) ** 2 / expected, 0);
  // Five degrees of freedom: 20.5 is passed once in a thousand.
  expect(chi).toBeLessThan(20.5);
  expect(seen.filter((_, row) => values[row] === 0)).toEqual([0, 0, 0, 0]);
});

test('places of a batch, calls and draws choose apart', () => {
  const values = Array.from({ length: 50 }, (_, row) => row);
  const differing = new Differing(column(values), 50);
  const rows = new Uint32Array(20);
  const one = differing.pick(KEY, 0, rows);
  expect(new Set(one).size).toBeGreaterThan(10);
  expect(differing.pick(KEY, 1, rows)).not.toEqual(one);
  expect(differing.pick([123, 457], 0, rows)).not.toEqual(one);
});
