/**
 * Figures that compare two sets of features, one of real examples and one of made ones, in float64. A set is rows [count, n] in a flat array. Small sets
 * are worse than large ones of the same kind: figures can only be compared between sets of the same size.
 */
import { eigenvalues, factorOf, momentsOf } from './symmetric.js';

export interface FeatureSet {
  /** [count, n], row by row. */
  readonly rows: ArrayLike<number>;
  readonly n: number;
}

/** What can be asked of two sets, by the name that programs have for it: `real`, `made`, and how many neighbours count, to numbers. */
export const COMPARISONS: Readonly<Record<string, (real: FeatureSet, made: FeatureSet, k: number) => number[]>> = {
  frechet: (real, made) => [frechetDistance(real, made)],
  kernel: (real, made) => [kernelDistance(real, made)],
  precision_recall: (real, made, k) => Object.values(precisionRecall(real, made, k)),
  density_coverage: (real, made, k) => Object.values(densityCoverage(real, made, k)),
};

/**
 * The squared Frechet distance of the Gaussians with the means and covariances of both sets (Heusel et al. 2017, eq. 6):
 * |mu - nu|^2 + trace(A + B - 2 (A B)^(1/2)). With A = L L^T the eigenvalues of A B are those of L^T B L, which is symmetric.
 */
export function frechetDistance(real: FeatureSet, made: FeatureSet): number {
  const { n } = real;
  const a = momentsOf(real.rows, n);
  const b = momentsOf(made.rows, n);
  let distance = 0;
  for (let i = 0; i < n; i++) distance += (a.mean[i] - b.mean[i]) ** 2 + a.covariance[i * n + i] + b.covariance[i * n + i];
  const factor = factorOf(a.covariance, n);
  const rank = factor.length;
  const between = new Float64Array(rank * rank);
  const product = new Float64Array(n);
  for (let i = 0; i < rank; i++) {
    for (let j = 0; j < n; j++) product[j] = dot(b.covariance, j * n, factor[i], 0, n);
    for (let j = 0; j <= i; j++) {
      between[i * rank + j] = dot(product, 0, factor[j], 0, n);
      between[j * rank + i] = between[i * rank + j];
    }
  }
  for (const value of eigenvalues(between, rank)) distance -= 2 * Math.sqrt(Math.max(0, value));
  return Math.max(0, distance);
}

/**
 * The squared maximum mean discrepancy under the kernel (x . y / n + 1)^3, without bias (Binkowski et al. 2018, "KID", section 3 and eq. 4), over the whole sets
 * at once. It may be a little below 0.
 */
export function kernelDistance(real: FeatureSet, made: FeatureSet): number {
  const within = (set: FeatureSet): number => {
    const count = countOf(set);
    let sum = 0;
    for (let i = 0; i < count; i++) for (let j = 0; j < i; j++) sum += cubic(set, i, set, j);
    return (2 * sum) / (count * (count - 1));
  };
  const [m, n] = [countOf(real), countOf(made)];
  let across = 0;
  for (let i = 0; i < m; i++) for (let j = 0; j < n; j++) across += cubic(real, i, made, j);
  return within(real) + within(made) - (2 * across) / (m * n);
}

function cubic(a: FeatureSet, i: number, b: FeatureSet, j: number): number {
  return (dot(a.rows, i * a.n, b.rows, j * b.n, a.n) / a.n + 1) ** 3;
}

/**
 * Kynkaanniemi et al. 2019, eq. 1: precision is the share of made examples that lie in the ball around some real one that reaches to its k-th nearest real
 * neighbour; recall the share of real ones in such a ball around a made one.
 */
export function precisionRecall(real: FeatureSet, made: FeatureSet, k: number): { precision: number; recall: number } {
  const reachReal = reaches(real, k);
  const reachMade = reaches(made, k);
  const inReal = new Uint8Array(countOf(made));
  const inMade = new Uint8Array(countOf(real));
  for (let i = 0; i < inMade.length; i++)
    for (let j = 0; j < inReal.length; j++) {
      const distance = apart(real, i, made, j);
      if (distance <= reachReal[i]) inReal[j] = 1;
      if (distance <= reachMade[j]) inMade[i] = 1;
    }
  return { precision: share(inReal), recall: share(inMade) };
}

/**
 * Naeem et al. 2020, eq. 5 and 6: density is in how many real examples' balls, which reach to the k-th nearest real neighbour, a made one lies on average,
 * over k; coverage the share of real examples in whose ball there is a made one.
 */
export function densityCoverage(real: FeatureSet, made: FeatureSet, k: number): { density: number; coverage: number } {
  const reach = reaches(real, k);
  const covered = new Uint8Array(countOf(real));
  const count = countOf(made);
  let within = 0;
  for (let i = 0; i < covered.length; i++)
    for (let j = 0; j < count; j++)
      if (apart(real, i, made, j) <= reach[i]) {
        within++;
        covered[i] = 1;
      }
  return { density: within / (k * count), coverage: share(covered) };
}

/** For each row the squared distance to its k-th nearest neighbour in its own set. */
function reaches(set: FeatureSet, k: number): Float64Array {
  const count = countOf(set);
  // The k least so far of each row, in rising order.
  const nearest = new Float64Array(count * k).fill(Number.POSITIVE_INFINITY);
  const note = (i: number, distance: number): void => {
    let at = i * k + k - 1;
    if (!(distance < nearest[at])) return;
    for (; at > i * k && nearest[at - 1] > distance; at--) nearest[at] = nearest[at - 1];
    nearest[at] = distance;
  };
  for (let i = 0; i < count; i++)
    for (let j = 0; j < i; j++) {
      const distance = apart(set, i, set, j);
      note(i, distance);
      note(j, distance);
    }
  return Float64Array.from({ length: count }, (_, i) => nearest[i * k + k - 1]);
}

function countOf({ rows, n }: FeatureSet): number {
  return rows.length / n;
}

function share(hits: Uint8Array): number {
  return hits.reduce((sum, hit) => sum + hit, 0) / hits.length;
}

/** The squared distance of two rows. */
function apart(a: FeatureSet, i: number, b: FeatureSet, j: number): number {
  const { n } = a;
  let sum = 0;
  for (let c = 0; c < n; c++) sum += (a.rows[i * n + c] - b.rows[j * n + c]) ** 2;
  return sum;
}

function dot(a: ArrayLike<number>, from: number, b: ArrayLike<number>, start: number, n: number): number {
  let sum = 0;
  for (let c = 0; c < n; c++) sum += a[from + c] * b[start + c];
  return sum;
}
