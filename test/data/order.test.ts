import fc from 'fast-check';
import { expect, test } from 'vitest';
import { epochOrder, rowsFor } from '../../runtime/data/order.js';

test('a property: every epoch visits each row once', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 700 }), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.nat(2 ** 40), (count, seed, epoch) => {
      const order = epochOrder(seed, 'D', epoch, count);
      const seen = new Set<number>();
      for (let i = 0; i < count; i++) seen.add(order.at(i));
      expect(seen.size).toBe(count);
      expect(Math.max(...seen)).toBe(count - 1);
    }),
    { numRuns: 60 },
  );
});

test('a property: batches cut the epochs one after another, whatever their size', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 40 }), (count, batch) => {
      const updates = 12;
      const together = [];
      for (let update = 0; update < updates; update++) together.push(...rowsFor(7n, 'D', update, batch, count));
      const singly = [];
      for (let p = 0; p < updates * batch; p++) singly.push(rowsFor(7n, 'D', p, 1, count)[0]);
      expect(together).toEqual(singly);
      for (let start = 0; start + count <= together.length; start += count) expect(new Set(together.slice(start, start + count)).size).toBe(count);
    }),
    { numRuns: 60 },
  );
});

test('rows depend on seed, stream and epoch, and on nothing else', () => {
  const rows = (seed: bigint, stream: string, update: number) => [...rowsFor(seed, stream, update, 100, 100)];
  expect(rows(1n, 'D', 0)).toEqual(rows(1n, 'D', 0));
  const kinds = [rows(1n, 'D', 0), rows(2n, 'D', 0), rows(1n, 'G', 0), rows(1n, 'D', 1)];
  expect(new Set(kinds.map((k) => k.join())).size).toBe(4);
});

test('the order looks random: no neighbours kept, halves mixed', () => {
  const rows = [...rowsFor(5n, 'G', 0, 10_000, 10_000)];
  const neighbours = rows.filter((row, i) => i > 0 && Math.abs(row - rows[i - 1]) === 1).length;
  expect(neighbours).toBeLessThan(12);
  const low = rows.slice(0, 5000).filter((row) => row < 5000).length;
  expect(Math.abs(low - 2500)).toBeLessThan(150);
});
