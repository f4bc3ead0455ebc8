/** What the charts of a comparison draw: bands over seeds, and the front of cost and quality. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bandOf } from '../../runtime/compare/bands.js';
import { bandChart, costChart } from '../../runtime/compare/charts.js';
import { onFront } from '../../runtime/compare/front.js';

const line = (xs: readonly number[], f: (x: number) => number, whole = true) => ({ points: xs.map((x) => ({ x, y: f(x) })), whole });

describe('bands', () => {
  test('the mean, least and most at every step', () => {
    expect(bandOf([line([1, 2], (x) => x), line([1, 2], (x) => 3 * x), line([1, 2], () => 2)])).toEqual([
      { x: 1, mean: 2, least: 1, most: 3 },
      { x: 2, mean: 10 / 3, least: 2, most: 6 },
    ]);
  });

  test('seeds measured at different steps are held against each other on the lines between', () => {
    expect(bandOf([line([0, 4], (x) => x), line([0, 2, 4], (x) => -x)]).find(({ x }) => x === 2)).toEqual({ x: 2, mean: 0, least: -2, most: 2 });
  });

  test('it ends with the shortest whole curve; one that broke off is part of it as far as it went; what is no number is left out', () => {
    const band = bandOf([line([1, 2, 3, 4], () => 1), line([1, 2, 3], () => 3), line([1, 2], () => 8, false), line([1, 2], () => Number.NaN)]);
    expect(band.map(({ x, mean }) => [x, mean])).toEqual([
      [1, 4],
      [2, 4],
      [3, 2],
    ]);
    expect(bandOf([line([1, 9], () => 2, false)]).at(-1)?.x).toBe(9);
    expect(bandOf([])).toEqual([]);
  });

  test('long curves become few points with the same mean, between the same bounds', () => {
    const xs = Array.from({ length: 5000 }, (_, i) => i + 1);
    const band = bandOf([line(xs, (x) => Math.sin(x) + x), line(xs, (x) => Math.sin(2 * x) + x)], 100);
    expect(band.length).toBe(100);
    for (const { x, mean, least, most } of band) {
      expect(Math.abs(mean - x)).toBeLessThan(0.1);
      expect(least).toBeLessThanOrEqual(mean);
      expect(most).toBeGreaterThanOrEqual(mean);
    }
  });
});

test("Pareto's front is what a walk along the costs finds", () => {
  const offer = fc.record({ cost: fc.integer({ min: 0, max: 9 }), value: fc.integer({ min: 0, max: 9 }) });
  fc.assert(
    fc.property(fc.array(offer, { maxLength: 12 }), fc.boolean(), (offers, lowest) => {
      const sign = lowest ? -1 : 1;
      // By rising cost, of equal cost the best first: on the front is what is better than all before, and its equals.
      let best: { cost: number; value: number } | undefined;
      const wanted = new Set<string>();
      for (const one of [...offers].sort((a, b) => a.cost - b.cost || sign * (b.value - a.value))) {
        if (best === undefined || sign * one.value > sign * best.value) {
          best = one;
          wanted.add(`${one.cost} ${one.value}`);
        }
      }
      expect(onFront(offers, lowest)).toEqual(offers.map(({ cost, value }) => wanted.has(`${cost} ${value}`)));
    }),
  );
  expect(
    onFront([
      { cost: 1, value: Number.NaN },
      { cost: Number.NaN, value: 1 },
    ]),
  ).toEqual([false, false]);
});

describe('charts', () => {
  const placeOf = (svg: string, text: string): number[] => {
    const found = new RegExp(`<text [^>]*translate\\(([-\\d.]+),([-\\d.]+)\\)[^>]*>${text}</text>`).exec(svg);
    return (found ?? []).slice(1).map(Number);
  };

  test('a line for each series in the colour of its place, a band where seeds differ', async () => {
    const flat = [1, 2, 3].map((x) => ({ x, mean: 5, least: 5, most: 5 }));
    const wide = [1, 2, 3].map((x) => ({ x, mean: x, least: x - 1, most: x + 1 }));
    const svg = await bandChart(
      [
        { index: 0, points: flat },
        { index: 8, points: wide },
        { index: 2, points: [] },
      ],
      { x: 'step', y: 'a <metric>' },
    );
    expect(svg.match(/stroke="var\(--series-0\)"/g)).toHaveLength(1);
    expect(svg.match(/stroke="var\(--series-1\)"[^>]*stroke-dasharray/g)).toHaveLength(1);
    expect(svg.match(/fill="var\(--series-1\)"[^>]*opacity="0.16"|opacity="0.16"[^>]*fill="var\(--series-1\)"/g)).toHaveLength(1);
    expect(svg).not.toContain('--series-2');
    expect(svg).toContain('a &lt;metric&gt;');
    expect(svg).not.toMatch(/NaN|undefined|https?:/);
  });

  test('names of points do not lie on each other, and stay on the picture', async () => {
    const points = Array.from({ length: 8 }, (_, index) => ({ index, label: `entry${index}`, cost: 100, value: 1, least: 1, most: 1, front: index === 0 }));
    const svg = await costChart(points, { x: 'FLOPs', y: 'score' });
    const ys = points.map(({ label }) => placeOf(svg, label)[1]).sort((a, b) => a - b);
    expect(ys).toHaveLength(8);
    for (let i = 1; i < ys.length; i++) expect(ys[i] - ys[i - 1]).toBeGreaterThanOrEqual(11);
    expect(ys[0]).toBeGreaterThan(0);
    expect(ys[7]).toBeLessThan(300);
    expect(svg.match(/fill="var\(--series-0\)"/g)).toHaveLength(1);
    expect(svg).not.toMatch(/ fill="var\(--series-1\)"/);
  });

  test('costs far from each other stand on a logarithmic axis', async () => {
    const at = (cost: number, i: number) => ({ index: i, label: `n${i}`, cost, value: i, least: i, most: i, front: true });
    const svg = await costChart([1e9, 1e10, 1e12].map(at), { x: 'FLOPs', y: 'score' });
    const xs = [...svg.matchAll(/<path transform="translate\(([\d.]+),[^>]*fill="var\(--series/g)].map(([, x]) => Number(x));
    expect(xs).toHaveLength(3);
    expect((xs[2] - xs[1]) / (xs[1] - xs[0])).toBeCloseTo(2, 3);
    // The front is a stair: what is better begins at its own cost.
    const [, path] = /<path d="([^"]*)" stroke="var\(--soft\)"/.exec(svg) ?? [];
    const corners = path
      .slice(1)
      .split('L')
      .map((pair) => pair.split(',').map(Number));
    expect(corners.map(([x]) => x)).toEqual([xs[0], xs[1], xs[1], xs[2], xs[2]].map((x) => expect.closeTo(x, 2)));
    expect(corners[1][1]).toBe(corners[0][1]);
  });
});
