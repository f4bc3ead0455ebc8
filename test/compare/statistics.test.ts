/** What is said of seeds: against every choice of signs, and against published tables. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { holm, paired, signedRank, spread } from '../../runtime/compare/statistics.js';

/** All 2^n choices of signs, one by one. */
function enumerated(differences: readonly number[]): number {
  const sizes = differences.filter((d) => d !== 0).map(Math.abs);
  const rank = (v: number): number => sizes.filter((s) => s < v).length + (1 + sizes.filter((s) => s === v).length) / 2;
  const ranks = sizes.map(rank);
  const total = ranks.reduce((a, b) => a + b, 0);
  const signs = differences.filter((d) => d !== 0).map((d) => d > 0);
  const smaller = (up: readonly boolean[]): number => {
    const positive = ranks.reduce((sum, r, i) => sum + (up[i] ? r : 0), 0);
    return Math.min(positive, total - positive);
  };
  const own = smaller(signs);
  let as = 0;
  for (let bits = 0; bits < 2 ** sizes.length; bits++) if (smaller(sizes.map((_, i) => ((bits >> i) & 1) === 1)) <= own) as++;
  return as / 2 ** sizes.length;
}

describe("Wilcoxon's signed-rank test", () => {
  test('is the share of all choices of signs that are as uneven', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -6, max: 6 }), { minLength: 1, maxLength: 9 }), (differences) => {
        expect(signedRank(differences)).toBeCloseTo(enumerated(differences), 12);
      }),
      { numRuns: 100 },
    );
  });

  test('has the critical values of the tables: n = 6, 8 and 10, two-sided 0.05 at T = 0, 3 and 8', () => {
    for (const [n, t, p] of [
      [6, 0, 0.03125],
      [8, 3, 0.0390625],
      [10, 8, 0.048828125],
    ]) {
      // Ranks 1 to n; those that add up to t are negative.
      let left = t;
      const differences = Array.from({ length: n }, (_, i) => n - i).map((rank) => {
        if (rank > left) return rank;
        left -= rank;
        return -rank;
      });
      expect(left).toBe(0);
      expect(signedRank(differences)).toBeCloseTo(p, 12);
    }
  });
});

test("Holm's correction: the larger of its own multiple and those before it", () => {
  const adjusted = holm([0.01, 0.04, 0.03, 0.005]);
  [0.03, 0.06, 0.06, 0.02].forEach((p, i) => void expect(adjusted[i]).toBeCloseTo(p, 12));
  expect(holm([0.6, 0.7])).toEqual([1, 1]);
});

test('mean, deviation of a sample, ends; none of one seed', () => {
  expect(spread([2, 4, 4, 4, 5, 5, 7, 9])).toMatchObject({ n: 8, mean: 5, least: 2, most: 9 });
  expect(spread([2, 4, 4, 4, 5, 5, 7, 9]).deviation).toBeCloseTo(2.1380899, 6);
  expect(spread([3])).toEqual({ n: 1, mean: 3, least: 3, most: 3 });
});

test('pairs: no p below six seeds', () => {
  expect(paired([])).toBeUndefined();
  expect(paired([1, 2, 3, 4, 5])).toMatchObject({ n: 5, mean: 3, greater: 5, smaller: 0 });
  expect(paired([1, 2, 3, 4, 5])).not.toHaveProperty('p');
  expect(paired([1, 2, 3, 4, 5, 6])?.p).toBeCloseTo(0.03125, 12);
  expect(paired([0, 0, 0, 0, 0, 0])?.p).toBe(1);
});
