/** What a search draws: from the ranges as they are declared, each hyper by itself. */
import { describe, expect, test } from 'vitest';
import { drawnSettings } from '../../cli/compare/search.js';
import { compileSpec } from '../../compiler/compile.js';
import { hyperRanges } from '../../compiler/hypers.js';

const text = `
hyper width = 16 in [8, 16, 2 * 16]
hyper rate = 1e-3 in log(1e-5, 1e-1)
hyper depth = 2 in 1..4
hyper drop = 0.5 in 0.1..0.9
hyper attention = true in [true, false]
hyper fixed = 3
data points = ring() { x: vector[2] }
noise z: normal[4]
net G(z) { z |> linear(width) |> relu |> linear(2) }
net D(x) { x |> linear(fixed) |> dropout(drop) |> linear(1) }
game {
  D minimizes logistic(D(x), D(G(z)))
  G minimizes logistic_generator(D(G(z)))
}
train { batch 32 steps 40
  D with adam(lr: rate)
  G with adam(lr: rate) }
sample point = G(z)
variant wide { width = 64 }
`;
const source = { name: 'ranges.gan', text };

test('ranges are read as they are declared', () => {
  const ranges = [
    { name: 'width', kind: 'list', values: [8, 16, 32] },
    { name: 'rate', kind: 'log', low: 1e-5, high: 1e-1 },
    { name: 'depth', kind: 'range', low: 1, high: 4, whole: true },
    { name: 'drop', kind: 'range', low: 0.1, high: 0.9, whole: false },
    { name: 'attention', kind: 'list', values: [true, false] },
  ];
  expect(hyperRanges(source, {})).toEqual(ranges);
  expect(hyperRanges(source, { variant: 'wide' }).map(({ name }) => name)).toEqual(['rate', 'depth', 'drop', 'attention']);
});

describe('draws', () => {
  const ranges = hyperRanges(source, {});
  const drawn = drawnSettings(ranges, 400, 3n);
  const numbers = (name: string) => drawn.map((settings) => Number(settings[name]));

  test('are within the ranges, and spread as declared', () => {
    expect(drawn).toHaveLength(400);
    expect(new Set(numbers('width'))).toEqual(new Set([8, 16, 32]));
    expect(new Set(numbers('depth'))).toEqual(new Set([1, 2, 3, 4]));
    expect(new Set(drawn.map(({ attention }) => attention))).toEqual(new Set(['true', 'false']));
    const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
    expect(mean(numbers('drop'))).toBeCloseTo(0.5, 1);
    for (const drop of numbers('drop')) expect(drop >= 0.1 && drop <= 0.9).toBe(true);
    // Orders of magnitude alike likely.
    const orders = numbers('rate').map(Math.log10);
    expect(mean(orders)).toBeGreaterThan(-3.2);
    expect(mean(orders)).toBeLessThan(-2.8);
    for (const order of [-4.5, -3.5, -2.5, -1.5]) {
      const share = orders.filter((v) => Math.abs(v - order) <= 0.5).length / 400;
      expect(share).toBeGreaterThan(0.17);
      expect(share).toBeLessThan(0.33);
    }
  });

  test('repeat; further points and further hypers move none', () => {
    expect(drawnSettings(ranges, 10, 3n)).toEqual(drawn.slice(0, 10));
    expect(drawnSettings(ranges, 10, 4n)).not.toEqual(drawn.slice(0, 10));
    const fewer = drawnSettings(
      ranges.filter(({ name }) => name !== 'width'),
      10,
      3n,
    );
    expect(fewer.map(({ rate }) => rate)).toEqual(drawn.slice(0, 10).map(({ rate }) => rate));
  });

  test('are different from each other, as many as there are', () => {
    expect(
      drawnSettings([{ name: 'a', kind: 'list', values: [1, 2] }], 9, 0n)
        .map(({ a }) => a)
        .sort(),
    ).toEqual(['1', '2']);
  });

  test('are taken by the compiler', () => {
    for (const set of drawn.slice(0, 5)) expect(compileSpec(source, { set }).diagnostics).toEqual([]);
  });
});
