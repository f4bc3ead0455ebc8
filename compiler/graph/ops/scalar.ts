/** Scalar functions in float64 that JavaScript's Math lacks. */

export function sigmoid(x: number): number {
  const e = Math.exp(-Math.abs(x));
  return x >= 0 ? 1 / (1 + e) : e / (1 + e);
}

/** log(1 + exp x) without overflow. */
export function softplus(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}

/** To the nearest integer, halves to the even one: IEEE's and WGSL's `round`. */
export function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  if (rest !== 0.5) return rest < 0.5 ? floor : Math.ceil(x);
  return floor % 2 === 0 ? floor : floor + 1;
}

/** The remainder with the sign of the divisor, a - b floor(a/b). */
export function floorMod(a: number, b: number): number {
  const r = a % b;
  return r !== 0 && r < 0 !== b < 0 ? r + b : r;
}

/**
 * The error function to about 1e-15: the series of positive terms 2/sqrt(pi) exp(-x^2) sum 2^n x^(2n+1) / (2n+1)!! for |x| < 3
 * (Abramowitz and Stegun 7.1.6), beyond it the continued fraction of erfc (7.1.14) by Lentz's recurrence from the far end.
 */
export function erf(x: number): number {
  if (Number.isNaN(x)) return x;
  const a = Math.abs(x);
  const gauss = Math.exp(-a * a);
  if (a < 3) {
    let term = a;
    let total = a;
    for (let n = 1; term > total * 1e-17; n++) {
      term *= (2 * a * a) / (2 * n + 1);
      total += term;
    }
    return ((Math.sign(x) * 2) / Math.sqrt(Math.PI)) * gauss * total;
  }
  if (a > 30) return Math.sign(x);
  let fraction = a;
  for (let n = 60; n >= 1; n--) fraction = a + n / 2 / fraction;
  return Math.sign(x) * (1 - gauss / (Math.sqrt(Math.PI) * fraction));
}
