/** Symmetric matrices in float64, row by row in a flat array [n, n]: what a distance of Gaussians needs of them. */

/** The covariance [n, n] (over count - 1) and the mean of rows [count, n]. */
export function momentsOf(rows: ArrayLike<number>, n: number): { mean: Float64Array; covariance: Float64Array } {
  const count = rows.length / n;
  const mean = new Float64Array(n);
  for (let i = 0; i < count; i++) for (let j = 0; j < n; j++) mean[j] += rows[i * n + j];
  for (let j = 0; j < n; j++) mean[j] /= count;
  const covariance = new Float64Array(n * n);
  const centred = new Float64Array(n);
  for (let i = 0; i < count; i++) {
    for (let j = 0; j < n; j++) centred[j] = rows[i * n + j] - mean[j];
    for (let j = 0; j < n; j++) {
      const v = centred[j];
      if (v !== 0) for (let k = 0; k <= j; k++) covariance[j * n + k] += v * centred[k];
    }
  }
  for (let j = 0; j < n; j++)
    for (let k = 0; k <= j; k++) {
      const value = covariance[j * n + k] / (count - 1);
      covariance[j * n + k] = value;
      covariance[k * n + j] = value;
    }
  return { mean, covariance };
}

/**
 * Columns whose outer products add up to a positive semidefinite matrix: L [rank, n], its rows those columns, with a = L^T L. Cholesky's elimination, always by
 * the greatest pivot (Higham 1990), which ends where the rest is rounding: a matrix of lower rank has fewer columns.
 */
export function factorOf(a: Float64Array, n: number): Float64Array[] {
  const left = Float64Array.from({ length: n }, (_, i) => a[i * n + i]);
  const least = n * 2 ** -52 * left.reduce((most, v) => Math.max(most, v), 0);
  const columns: Float64Array[] = [];
  while (columns.length < n) {
    let pivot = 0;
    for (let i = 1; i < n; i++) if (left[i] > left[pivot]) pivot = i;
    if (!(left[pivot] > least)) break;
    const column = Float64Array.from({ length: n }, (_, i) => a[i * n + pivot]);
    for (const before of columns) {
      const share = before[pivot];
      if (share !== 0) for (let i = 0; i < n; i++) column[i] -= share * before[i];
    }
    const root = Math.sqrt(left[pivot]);
    for (let i = 0; i < n; i++) {
      column[i] /= root;
      left[i] -= column[i] ** 2;
    }
    left[pivot] = 0;
    columns.push(column);
  }
  return columns;
}

/** Eigenvalues of a symmetric matrix, in no order: Householder's reduction to three diagonals, then the implicit QL algorithm (EISPACK's tred1 and tql1). */
export function eigenvalues(matrix: Float64Array, n: number): Float64Array {
  const a = matrix.slice();
  const diagonal = new Float64Array(n);
  // beside[i] is next to diagonal[i] and diagonal[i + 1].
  const beside = new Float64Array(n);
  const w = new Float64Array(n);
  for (let m = n - 1; m > 0; m--) {
    // Row m is turned onto its last element left of the diagonal: by I - 2 v v^T / (v^T v) on the m rows and columns before it.
    const v = a.subarray(m * n, m * n + m);
    let scale = 0;
    for (let j = 0; j < m; j++) scale += Math.abs(v[j]);
    diagonal[m] = a[m * n + m];
    if (m === 1 || scale === 0) {
      beside[m - 1] = v[m - 1];
      continue;
    }
    let length = 0;
    for (let j = 0; j < m; j++) {
      v[j] /= scale;
      length += v[j] ** 2;
    }
    const turned = v[m - 1] > 0 ? -Math.sqrt(length) : Math.sqrt(length);
    beside[m - 1] = scale * turned;
    const half = length - v[m - 1] * turned;
    v[m - 1] -= turned;
    // a - v w^T - w v^T, with w = p - (v^T p / 2 half) v and p = a v / half. Only the lower triangle is kept.
    w.fill(0, 0, m);
    for (let i = 0; i < m; i++) {
      let sum = 0;
      for (let j = 0; j < i; j++) {
        sum += a[i * n + j] * v[j];
        w[j] += a[i * n + j] * v[i];
      }
      w[i] += sum + a[i * n + i] * v[i];
    }
    let along = 0;
    for (let i = 0; i < m; i++) {
      w[i] /= half;
      along += w[i] * v[i];
    }
    for (let i = 0; i < m; i++) w[i] -= (along / (2 * half)) * v[i];
    for (let i = 0; i < m; i++) for (let j = 0; j <= i; j++) a[i * n + j] -= v[i] * w[j] + w[i] * v[j];
  }
  if (n > 0) diagonal[0] = a[0];
  return tridiagonalEigenvalues(diagonal, beside);
}

/** By implicit QL steps with Wilkinson's shift (Golub and Van Loan, section 8.3). `diagonal` becomes the eigenvalues. */
function tridiagonalEigenvalues(diagonal: Float64Array, beside: Float64Array): Float64Array {
  const n = diagonal.length;
  for (let l = 0; l < n; l++) {
    for (let turns = 0; ; turns++) {
      let m = l;
      while (m < n - 1 && Math.abs(beside[m]) > 2 ** -52 * (Math.abs(diagonal[m]) + Math.abs(diagonal[m + 1]))) m++;
      if (m === l) break;
      // It takes two or three for one; numbers that are none would never end.
      if (turns === 100) return diagonal.fill(Number.NaN);
      let g = (diagonal[l + 1] - diagonal[l]) / (2 * beside[l]);
      let r = Math.hypot(g, 1);
      g = diagonal[m] - diagonal[l] + beside[l] / (g + (g < 0 ? -r : r));
      let [sine, cosine, shift] = [1, 1, 0];
      let i = m - 1;
      for (; i >= l; i--) {
        const f = sine * beside[i];
        const b = cosine * beside[i];
        r = Math.hypot(f, g);
        beside[i + 1] = r;
        if (r === 0) {
          diagonal[i + 1] -= shift;
          beside[m] = 0;
          break;
        }
        sine = f / r;
        cosine = g / r;
        g = diagonal[i + 1] - shift;
        r = (diagonal[i] - g) * sine + 2 * cosine * b;
        shift = sine * r;
        diagonal[i + 1] = g + shift;
        g = cosine * r - b;
      }
      if (r === 0 && i >= l) continue;
      diagonal[l] -= shift;
      beside[l] = g;
      beside[m] = 0;
    }
  }
  return diagonal;
}
