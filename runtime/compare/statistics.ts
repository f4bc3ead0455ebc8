/** What seeds say together: means with their spread, and differences seed by seed. */
import type { Paired, Summary } from './results.js';

/** Below, no result of the test could be under 0.05: of five pairs the clearest has p = 2 / 2^5. */
const LEAST_PAIRS = 6;

export function spread(values: readonly number[]): Omit<Summary, 'paired'> {
  const n = values.length;
  const mean = values.reduce((a, b) => a + b, 0) / n;
  const least = Math.min(...values);
  const most = Math.max(...values);
  if (n < 2) return { n, mean, least, most };
  return { n, mean, least, most, deviation: Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (n - 1)) };
}

/** Of differences, one a seed. */
export function paired(differences: readonly number[]): Paired | undefined {
  if (differences.length === 0) return undefined;
  const greater = differences.filter((d) => d > 0).length;
  const smaller = differences.filter((d) => d < 0).length;
  const p = differences.length < LEAST_PAIRS ? undefined : signedRank(differences);
  return { ...spread(differences), greater, smaller, ...(p !== undefined && { p }) };
}

/**
 * Two-sided p of Wilcoxon's signed-rank test (1945), exact: how often the smaller sum of ranks would be as small if every difference had its sign by chance. Differences
 * of 0 are left out, as Wilcoxon did; equal ones share their mean rank. Ranks count twice, so that halves are whole and their sums can be counted one by one.
 */
export function signedRank(differences: readonly number[]): number {
  const sizes = differences.filter((d) => d !== 0).sort((a, b) => Math.abs(a) - Math.abs(b));
  const n = sizes.length;
  const ranks: number[] = [];
  for (let i = 0; i < n; ) {
    let end = i + 1;
    while (end < n && Math.abs(sizes[end]) === Math.abs(sizes[i])) end++;
    for (let k = i; k < end; k++) ranks[k] = i + 1 + end;
    i = end;
  }
  const total = ranks.reduce((a, b) => a + b, 0);
  const positive = ranks.reduce((sum, rank, i) => sum + (sizes[i] > 0 ? rank : 0), 0);
  // The share of all choices of signs in which the positive ranks have each sum.
  let shares = new Float64Array(total + 1);
  shares[0] = 1;
  for (const rank of ranks) {
    const next = new Float64Array(total + 1);
    for (let sum = 0; sum <= total; sum++) next[sum] = (shares[sum] + (sum >= rank ? shares[sum - rank] : 0)) / 2;
    shares = next;
  }
  const tail = shares.subarray(0, Math.min(positive, total - positive) + 1).reduce((a, b) => a + b, 0);
  return Math.min(1, 2 * tail);
}

/** Holm's correction (1979) of the p of several tests, in their order. */
export function holm(ps: readonly number[]): number[] {
  const order = ps.map((_, i) => i).sort((a, b) => ps[a] - ps[b]);
  const adjusted: number[] = [];
  let most = 0;
  order.forEach((at, i) => {
    most = Math.max(most, Math.min(1, ps[at] * (ps.length - i)));
    adjusted[at] = most;
  });
  return adjusted;
}
