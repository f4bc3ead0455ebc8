/** Comparisons of sets of features, held against closed forms and against numpy. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { threefry2x32 } from '../../compiler/graph/threefry.js';
import { densityCoverage, type FeatureSet, frechetDistance, kernelDistance, precisionRecall } from '../../runtime/figures/sets.js';
import { eigenvalues, factorOf } from '../../runtime/figures/symmetric.js';

/** shift + scale sin(1 + 1.7 i + 0.01 i^2) + 0.3 (j + 1) cos(row), i counting all entries. */
function waves(count: number, n: number, shift: number, scale: number): FeatureSet {
  const rows = Float64Array.from(
    { length: count * n },
    (_, i) => shift + scale * Math.sin(1 + i * 1.7 + 0.01 * i * i) + 0.3 * Math.cos(Math.floor(i / n)) * ((i % n) + 1),
  );
  return { rows, n };
}
const a = waves(60, 4, 0, 1);
const b = waves(50, 4, 0.5, 1.2);

/** Rows +-sqrt(variance (count - 1) / 2) along one axis each: their covariance is diagonal, and exactly that. */
function cross(mean: readonly number[], variances: readonly number[]): FeatureSet {
  const n = mean.length;
  const count = 2 * n;
  const rows = variances.flatMap((v, axis) => [1, -1].map((sign) => mean.map((m, i) => m + (i === axis ? sign * Math.sqrt((v * (count - 1)) / 2) : 0))));
  return { rows: rows.flat(), n };
}

describe('figures as numpy 1.24 has them', () => {
  // /usr/bin/python3, float64: np.cov, np.linalg.eigvals(A @ B), np.sort of all distances; the kernel's sums as matrices.
  test('of sets of two sizes', () => {
    expect(frechetDistance(a, b)).toBeCloseTo(1.4211751890214366, 10);
    expect(frechetDistance(b, a)).toBeCloseTo(1.4211751890214366, 10);
    expect(kernelDistance(a, b)).toBeCloseTo(1.67145534285579, 10);
    expect(precisionRecall(a, b, 3)).toEqual({ precision: 0.86, recall: expect.closeTo(0.95, 12) });
    expect(precisionRecall(a, b, 5)).toEqual({ precision: 1, recall: expect.closeTo(0.9666666666666667, 12) });
    expect(densityCoverage(a, b, 3)).toEqual({ density: expect.closeTo(0.7066666666666667, 12), coverage: expect.closeTo(0.6833333333333333, 12) });
    expect(densityCoverage(a, b, 5)).toEqual({ density: expect.closeTo(0.748, 12), coverage: expect.closeTo(0.9, 12) });
  });

  test('of fewer rows than features', () => {
    // There trace((A B)^(1/2)) is the sum of the singular values of X Y^T, of centred rows over sqrt(count - 1): np.linalg.svd.
    expect(frechetDistance(waves(5, 8, 0, 1), waves(6, 8, 1, 2))).toBeCloseTo(15.28997773084815, 10);
  });
});

describe('closed forms', () => {
  test('the distance of Gaussians with diagonal covariances', () => {
    // |mu - nu|^2 + sum (sigma - tau)^2.
    expect(frechetDistance(cross([0, 0, 1], [1, 4, 9]), cross([3, 4, 1], [1, 1, 25]))).toBeCloseTo(25 + 0 + 1 + 4, 10);
    expect(frechetDistance(cross([0, 0], [4, 0]), cross([0, 1], [1, 0]))).toBeCloseTo(1 + 1, 10);
  });

  test('a set is at no distance from itself', () => {
    expect(frechetDistance(a, a)).toBeCloseTo(0, 10);
    expect(precisionRecall(a, a, 3)).toEqual({ precision: 1, recall: 1 });
    expect(densityCoverage(a, a, 5).coverage).toBe(1);
  });

  test('the kernel distance is without bias: over halves of one set it is about 0, above and below', () => {
    const found = Array.from({ length: 200 }, (_, k) => {
      const draw = (part: number): FeatureSet => ({
        rows: Float64Array.from({ length: 30 }, (_, i) => (threefry2x32([k, part], [i, 0])[0] / 2 ** 32) * 2 - 1),
        n: 3,
      });
      return kernelDistance(draw(0), draw(1));
    });
    const mean = found.reduce((x, y) => x + y, 0) / found.length;
    const error = Math.sqrt(found.reduce((s, v) => s + (v - mean) ** 2, 0) / (found.length - 1) / found.length);
    expect(Math.abs(mean)).toBeLessThan(3 * error);
    // A biased one, which counts each row as its own neighbour, too, would be above: by about 2 (1 + 1/3)^3 / 10.
    expect(error).toBeLessThan(0.05);
    expect(found.some((v) => v < 0)).toBe(true);
  });

  test('sets that are apart have nothing in common', () => {
    const far: FeatureSet = { rows: Array.from(b.rows, (v) => v + 1000), n: 4 };
    expect(precisionRecall(a, far, 3)).toEqual({ precision: 0, recall: 0 });
    expect(densityCoverage(a, far, 5)).toEqual({ density: 0, coverage: 0 });
  });

  test('one mode of two that is made: precise, and half of the real ones are covered', () => {
    const near: FeatureSet = { rows: a.rows, n: 4 };
    const both: FeatureSet = { rows: [...Array.from(a.rows), ...Array.from(a.rows, (v) => v + 1000)], n: 4 };
    expect(precisionRecall(both, near, 3)).toEqual({ precision: 1, recall: 0.5 });
    expect(densityCoverage(both, near, 5).coverage).toBe(0.5);
  });
});

const symmetric = fc.integer({ min: 1, max: 12 }).chain((n) =>
  fc.array(fc.double({ min: -10, max: 10, noNaN: true }), { minLength: n * n, maxLength: n * n }).map((v) => {
    const m = Float64Array.from(v);
    for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) m[j * n + i] = m[i * n + j];
    return { m, n };
  }),
);

test('eigenvalues have the moments of their matrix', () => {
  fc.assert(
    fc.property(symmetric, ({ m, n }) => {
      const found = eigenvalues(m, n);
      let power = Float64Array.from(m);
      for (const p of [1, 2, 3, 4]) {
        let trace = 0;
        for (let i = 0; i < n; i++) trace += power[i * n + i];
        const sum = found.reduce((s, v) => s + v ** p, 0);
        const scale = found.reduce((s, v) => s + Math.abs(v) ** p, 1);
        expect(Math.abs(sum - trace) / scale).toBeLessThan(1e-12);
        power = power.map((_, at) => {
          const [i, j] = [Math.floor(at / n), at % n];
          let s = 0;
          for (let k = 0; k < n; k++) s += power[i * n + k] * m[k * n + j];
          return s;
        });
      }
    }),
    { numRuns: 200 },
  );
});

test('a matrix is the sum of the outer products of its factor, as many as it has rank', () => {
  fc.assert(
    fc.property(symmetric, fc.integer({ min: 1, max: 12 }), ({ m, n }, rank) => {
      // The first rows of any matrix: their products have at most that rank.
      const r = Math.min(rank, n);
      const a = new Float64Array(n * n);
      for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) for (let k = 0; k < r; k++) a[i * n + j] += m[k * n + i] * m[k * n + j];
      const factor = factorOf(a, n);
      expect(factor.length).toBeLessThanOrEqual(r);
      const most = a.reduce((x, y) => Math.max(x, Math.abs(y)), 1);
      for (let i = 0; i < n; i++)
        for (let j = 0; j < n; j++) expect(Math.abs(factor.reduce((s, column) => s + column[i] * column[j], 0) - a[i * n + j]) / most).toBeLessThan(1e-11);
    }),
    { numRuns: 200 },
  );
});

test('of a large matrix, too: the second difference has 2 - 2 cos(k pi / (n + 1))', () => {
  const n = 200;
  const m = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    m[i * n + i] = 2;
    if (i > 0) m[i * n + i - 1] = m[(i - 1) * n + i] = -1;
  }
  const found = [...eigenvalues(m, n)].sort((x, y) => x - y);
  found.forEach((v, k) => {
    expect(v).toBeCloseTo(2 - 2 * Math.cos(((k + 1) * Math.PI) / (n + 1)), 11);
  });
});
