/**
 * WGSL of scalar operations: the text of one elementwise node, constants, and the functions that those texts call.
 * WGSL allows its own `tanh`, `log`, `sin` and `cos` errors of 1e-5 to 2^-11 and leaves infinity and NaN to the driver,
 * so these functions are ours: within some ulp, and finite where the value is.
 */
import type { Node } from './node.js';
import { primitiveOf } from './ops/index.js';
import { GraphError } from './primitive.js';

/** Functions and module variables, by the name that a text uses. Include those that `wgslExpression` or `helpersOf` names, in its order. */
export const wgslHelpers: Readonly<Record<string, string>> = {
  // Not literals: WGSL refuses constant expressions that are infinite or NaN.
  infinity_bits: 'var<private> infinity_bits: u32 = 0x7f800000u;',
  nan_bits: 'var<private> nan_bits: u32 = 0x7fc00000u;',
  is_finite: 'fn is_finite(x: f32) -> bool { return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u; }',
  // Zero and NaN come back as they are.
  sign_of: 'fn sign_of(x: f32) -> f32 { return select(select(x, 1.0, x > 0.0), -1.0, x < 0.0); }',
  // 2 atanh(s), |s| <= 1/3: log((1 + s) / (1 - s)).
  atanh2: `fn atanh2(s: f32) -> f32 {
  let q = s * s;
  return 2.0 * s * (1.0 + q * (0.33333333 + q * (0.2 + q * (0.14285714 + q * (0.11111111 + q * (0.09090909 + q * 0.07692308))))));
}`,
  // x = m 2^e with m in [sqrt(1/2), sqrt(2)). Zero, negatives, infinity and NaN go to the built-in.
  log_of: `fn log_of(x: f32) -> f32 {
  if (!(x >= 1.1754944e-38) || !is_finite(x)) { return log(x); }
  let bits = bitcast<u32>(x);
  let shift = (bits - 0x3f3504f3u) & 0xff800000u;
  let e = f32(bitcast<i32>(shift) >> 23u);
  let m = bitcast<f32>(bits - shift);
  return e * 0.693359375 + (e * -2.12194440e-4 + atanh2((m - 1.0) / (m + 1.0)));
}`,
  log1p_of: `fn log1p_of(x: f32) -> f32 {
  if (abs(x) < 0.5) { return atanh2(x / (2.0 + x)); }
  return log_of(1.0 + x);
}`,
  expm1_of: `fn expm1_of(x: f32) -> f32 {
  if (abs(x) < 0.5) {
    return x * (1.0 + x * (0.5 + x * (0.16666667 + x * (4.1666668e-2 + x * (8.333334e-3 + x * (1.3888889e-3 + x * (1.9841270e-4 + x * 2.4801588e-5)))))));
  }
  return exp(x) - 1.0;
}`,
  softplus_of: 'fn softplus_of(x: f32) -> f32 { return max(x, 0.0) + log1p_of(exp(-abs(x))); }',
  sigmoid_of: 'fn sigmoid_of(x: f32) -> f32 { let e = exp(-abs(x)); return select(e, 1.0, x >= 0.0) / (1.0 + e); }',
  tanh_of: `fn tanh_of(x: f32) -> f32 {
  let q = x * x;
  if (q < 0.09) {
    return x * (1.0 + q * (-0.33333333 + q * (0.13333333 + q * (-5.3968254e-2 + q * (2.1869488e-2 + q * -8.8632355e-3)))));
  }
  let e = exp(-2.0 * abs(x));
  let t = (1.0 - e) / (1.0 + e);
  return select(t, -t, x < 0.0);
}`,
  // Rational approximation in x^2 on [-4, 4] (the coefficients are Eigen's), about 1e-7 absolute; beyond, 1 to f32.
  erf_of: `fn erf_of(x: f32) -> f32 {
  let c = clamp(x, -4.0, 4.0);
  let q = c * c;
  let p = ((((((-2.72614225801306e-10 * q + 2.77068142495902e-08) * q - 2.10102402082508e-06) * q - 5.69250639462346e-05) * q
    - 7.34990630326855e-04) * q - 2.95459980854025e-03) * q - 1.60960333262415e-02) * c;
  let d = (((-1.45660718464996e-05 * q - 2.13374055278905e-04) * q - 1.68282697438203e-03) * q - 7.37332916720468e-03) * q - 1.42647390514189e-02;
  return p / d;
}`,
  // sin(x + quarters * pi/2): the nearest multiple of pi/2 is taken off in three parts (Cody and Waite), then Cephes' polynomials on [-pi/4, pi/4].
  sine_of: `fn sine_of(x: f32, quarters: i32) -> f32 {
  let n = round(x * 0.63661977);
  let r = ((x - n * 1.5703125) - n * 4.83751297e-4) - n * 7.54978995e-8;
  let k = (i32(n) + quarters) & 3;
  let q = r * r;
  let s = r + r * q * (-0.16666655 + q * (8.3321609e-3 + q * -1.9515296e-4));
  let c = 1.0 - 0.5 * q + q * q * (4.16666458e-2 + q * (-1.38873163e-3 + q * 2.44331571e-5));
  let v = select(s, c, (k & 1) == 1);
  return select(v, -v, (k & 2) == 2);
}`,
  // Whole exponents by repeated squaring (a negative base is right), others by the built-in.
  power_of: `fn power_of(x: f32, y: f32) -> f32 {
  if (floor(y) == y && abs(y) <= 1048576.0) {
    var n = u32(abs(y));
    var square = x;
    var result = 1.0;
    while (n != 0u) {
      if ((n & 1u) == 1u) { result *= square; }
      square *= square;
      n >>= 1u;
    }
    return select(result, 1.0 / result, y < 0.0);
  }
  if (x == 0.0) { return select(bitcast<f32>(infinity_bits), 0.0, y > 0.0); }
  let p = pow(abs(x), y);
  if (x > 0.0) { return p; }
  let half = floor(y) * 0.5;
  return select(bitcast<f32>(nan_bits), select(-p, p, floor(half) == half), floor(y) == y);
}`,
  // The result has the sign of the divisor.
  modulo_f32: 'fn modulo_f32(a: f32, b: f32) -> f32 { let r = a % b; return select(r, r + b, r != 0.0 && (r < 0.0) != (b < 0.0)); }',
  modulo_i32: 'fn modulo_i32(a: i32, b: i32) -> i32 { let r = a % b; return select(r, r + b, r != 0 && (r < 0) != (b < 0)); }',
  // Threefry-2x32 with 20 rounds (Salmon et al., 2011).
  threefry: `fn threefry_mix(v: vec2<u32>, r: u32) -> vec2<u32> { let a = v.x + v.y; return vec2<u32>(a, ((v.y << r) | (v.y >> (32u - r))) ^ a); }
fn threefry_four(v: vec2<u32>, r: vec4<u32>) -> vec2<u32> { return threefry_mix(threefry_mix(threefry_mix(threefry_mix(v, r.x), r.y), r.z), r.w); }
fn threefry(key: vec2<u32>, counter: vec2<u32>) -> vec2<u32> {
  let third = key.x ^ key.y ^ 0x1bd11bdau;
  let even = vec4<u32>(13u, 15u, 26u, 6u);
  let odd = vec4<u32>(17u, 29u, 16u, 24u);
  var v = counter + key;
  v = threefry_four(v, even) + vec2<u32>(key.y, third + 1u);
  v = threefry_four(v, odd) + vec2<u32>(third, key.x + 2u);
  v = threefry_four(v, even) + vec2<u32>(key.x, key.y + 3u);
  v = threefry_four(v, odd) + vec2<u32>(key.y, third + 4u);
  return threefry_four(v, even) + vec2<u32>(third, key.x + 5u);
}`,
  // The value of a `random` node at an element: exact in f32, never 0 or 1. `key` is the draw's, `counter` the call's.
  uniform_draw: `fn uniform_draw(key: vec2<u32>, counter: u32, element: u32) -> f32 {
  return (f32(threefry(key, vec2<u32>(element, counter)).x >> 9u) + 0.5) * 1.1920928955078125e-7;
}`,
};

export { wgslConstant } from './literal.js';

const helperNames = Object.keys(wgslHelpers);

/** The helpers that a text calls, and those that they call: dependencies first, each once. */
export function helpersOf(text: string): string[] {
  const found: string[] = [];
  const visit = (body: string, self?: string): void => {
    const words = new Set(body.match(/[A-Za-z_]\w*/g));
    for (const name of helperNames) {
      if (name === self || !words.has(name) || found.includes(name)) continue;
      visit(wgslHelpers[name], name);
      found.push(name);
    }
  };
  visit(text);
  return found;
}

/**
 * The scalar expression of an elementwise node or constant over WGSL expressions of its inputs, parenthesised as needed, and the
 * helpers that it needs, dependencies first. Values of dtype `bool` are WGSL `bool`: loads and stores convert from u32.
 * Throws `GraphError` for an operation that is not elementwise.
 */
export function wgslExpression(node: Node, args: readonly string[]): { text: string; helpers: string[] } {
  const text = primitiveOf(node).wgsl?.(node, args);
  if (text === undefined) throw new GraphError(`${node.operation.op} has no scalar expression`);
  return { text, helpers: helpersOf(text) };
}
