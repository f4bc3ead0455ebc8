/** PyTorch's elementwise functions and products made of the language's own. */

import { type Call, literal, type Operator, reshaped, type Table, tensorIndex } from './call.js';
import type { Argument } from './case.js';
import { indexOf, rankOf, scalar } from './opinfo-arguments.js';
import * as text from './text.js';

const unary =
  (form: (x: string, call: Call) => string): Operator =>
  (call) =>
    form(call.operand(call.bind('input', 'inplace').input), call);

const binary =
  (form: (a: string, b: string, call: Call) => string): Operator =>
  (call) => {
    const { input, other } = call.bind('input', 'other');
    return form(call.operand(input), call.operand(other), call);
  };

/** input + value * form(a, b). */
const addedTo =
  (form: (a: string, b: string) => string): Operator =>
  (call) => {
    const { input, tensor1, tensor2, value } = call.bind('input', 'tensor1', 'tensor2', 'value');
    return `${call.operand(input)} + ${literal(scalar(value, 1))} * ${form(call.operand(tensor1), call.operand(tensor2))}`;
  };

/** beta * input + alpha * a product of two others. */
const affine =
  (form: (a: string, b: string, call: Call) => string, first: string, second: string): Operator =>
  (call) => {
    const bound = call.bind('input', first, second, 'beta', 'alpha');
    const product = form(call.operand(bound[first]), call.operand(bound[second]), call);
    const [whole, beta] = [call.operand(bound.input), scalar(bound.beta, 1)];
    const scaled = `${literal(scalar(bound.alpha, 1))} * ${product}`;
    // Times 0 it is not read, so that NaN in it does no harm.
    return beta === 0 ? scaled : `${literal(beta)} * ${whole} + ${scaled}`;
  };

const outer = (a: string, b: string): string => `${a}[:, none] * ${b}[none, :]`;

const oneEnd =
  (name: 'max' | 'min', argument: string): Operator =>
  (call) => {
    const bound = call.bind('input', argument);
    return `${name}(${call.operand(bound.input)}, ${call.operand(bound[argument])})`;
  };

const powerOf = (x: string, p: number): string => (p === 2 ? `${x} ^ 2` : `abs(${x}) ^ ${literal(p)}`);

const distance: Operator = (call) => {
  const { x1, x2, p, eps, keepdim } = call.bind('x1', 'x2', 'p', 'eps', 'keepdim');
  const [power, rank] = [scalar(p, 2), Math.max(rankOf(call, 0), rankOf(call, 1))];
  const apart = call.let(`${call.operand(x1)} - ${call.operand(x2)} + ${literal(scalar(eps, 1e-6))}`);
  return `sum(${powerOf(apart, power)}, axis: ${rank - 1}${keepdim === true ? ', keep: true' : ''}) ^ ${literal(1 / power)}`;
};

const filled: Operator = (call) => {
  const { input, mask, value } = call.bind('input', 'mask', 'value');
  return `where(${call.operand(mask)}, ${call.operand(value)}, ${call.operand(input)})`;
};

const chosen: Operator = (call) => {
  const { input, dim, index } = call.bind('input', 'dim', 'index');
  const x = call.operand(input);
  if (rankOf(call) === 0) return x;
  const at = indexOf(index);
  return `take(${x}, ${reshaped(call.x(at), [call.input(at).data.length])}, axis: ${scalar(dim, 0)})`;
};

/** Ids and weights, whichever comes first. */
const embedding: Operator = (call) => {
  const { first, second, padding_idx } = call.bind('first', 'second', 'padding_idx', 'sparse');
  const [ids, weight] = call.input(indexOf(first)).dtype === 'i32' ? [first, second] : [second, first];
  const rows = call.shape(indexOf(weight))[0];
  const hot = call.let(`one_hot(${call.operand(ids)}, ${rows})`);
  const w = call.operand(weight);
  if (padding_idx === undefined || padding_idx === null) return `matmul(${hot}, ${w})`;
  const given = scalar(padding_idx, 0);
  const padding = literal(given < 0 ? given + rows : given);
  // That row is read, and has no gradient.
  return `matmul(${hot} * (iota(${rows}) != ${padding}), ${w}) + stop(matmul(${hot} * (iota(${rows}) == ${padding}), ${w}))`;
};

const bilinear: Operator = (call) => {
  const { x1, x2, weight, bias } = call.bind('x1', 'x2', 'weight', 'bias');
  const [out, left, right] = call.shape(indexOf(weight));
  const turned = reshaped(`permute(${call.operand(weight)}, 1, 0, 2)`, [left, out * right]);
  const lead = call.shape(indexOf(x1)).slice(0, -1);
  const inner = call.let(reshaped(`matmul(${call.operand(x1)}, ${turned})`, [...lead, out, right]));
  const y = `sum(${inner} * ${reshaped(call.operand(x2), [...lead, 1, right])}, axis: ${lead.length + 1})`;
  return tensorIndex(bias) === undefined ? y : `${y} + ${call.operand(bias as Argument)}`;
};

/** The same with its arguments exchanged: `__rsub__`. */
const exchanged = (form: (a: string, b: string) => string): Operator => binary((a, b) => form(b, a));

const remainder = (a: string, b: string): string => `${a} % ${b}`;

export const algebraTable: Table = {
  __radd__: exchanged((a, b) => `${a} + ${b}`),
  __rsub__: exchanged((a, b) => `${a} - ${b}`),
  __rmul__: exchanged((a, b) => `${a} * ${b}`),
  __rdiv__: exchanged((a, b) => `${a} / ${b}`),
  __rpow__: exchanged((a, b) => `${a} ^ ${b}`),
  __rmod__: exchanged(remainder),
  __rmatmul__: exchanged((a, b) => `matmul(${a}, ${b})`),
  remainder: binary(remainder),
  true_divide: binary((a, b) => `${a} / ${b}`),
  float_power: binary((a, b) => `${a} ^ ${b}`),
  fmax: binary((a, b) => `max(${a}, ${b})`),
  fmin: binary((a, b) => `min(${a}, ${b})`),
  xlogy: binary((a, b) => `where(${a} == 0, 0 * ${a}, ${a} * log(where(${a} == 0, 1, ${b})))`),
  logaddexp2: binary((a, b) => `max(${a}, ${b}) + log1p(exp(-abs(${a} - ${b}) * ${Math.LN2})) * ${Math.LOG2E}`),
  ldexp: binary((a, b) => `${a} * exp(${b} * ${Math.LN2})`),
  erfc: unary((x) => `1 - erf(${x})`),
  deg2rad: unary((x) => `${x} * ${Math.PI / 180}`),
  rad2deg: unary((x) => `${x} * ${180 / Math.PI}`),
  asinh: unary((x, call) => {
    const a = call.let(`abs(${x})`);
    return `sign(${x}) * log1p(${a} + ${a} ^ 2 / (1 + sqrt(${a} ^ 2 + 1)))`;
  }),
  acosh: unary((x) => `log(${x} + sqrt(${x} - 1) * sqrt(${x} + 1))`),
  atanh: unary((x) => `0.5 * (log1p(${x}) - log1p(-${x}))`),
  sgn: unary((x) => `sign(${x})`),
  logit: (call) => {
    const { input, eps } = call.bind('input', 'eps');
    const x = call.operand(input);
    const held = eps === undefined || eps === null ? x : call.let(`clamp(${x}, ${scalar(eps, 0)}, ${1 - scalar(eps, 0)})`);
    return `log(${held}) - log(1 - ${held})`;
  },
  round: (call) => {
    const { input, decimals } = call.bind('input', 'decimals');
    const factor = 10 ** scalar(decimals, 0);
    return `round(${call.operand(input)} * ${factor}) / ${factor}`;
  },
  exp2: unary((x) => `exp(${x} * ${Math.LN2})`),
  log2: unary((x) => `log(${x}) * ${Math.LOG2E}`),
  log10: unary((x) => `log(${x}) * ${Math.LOG10E}`),
  sinh: unary((x) => `(expm1(${x}) - expm1(-${x})) / 2`),
  cosh: unary((x) => `(exp(${x}) + exp(-${x})) / 2`),
  tan: unary((x) => `sin(${x}) / cos(${x})`),
  floor: unary((x) => `floor(${x})`),
  ceil: unary((x) => `ceil(${x})`),
  trunc: unary((x, call) => text.truncate(call, x)),
  frac: unary((x, call) => `${x} - (${text.truncate(call, x)})`),
  positive: unary((x) => x),
  rsub: (call) => {
    const { input, other, alpha } = call.bind('input', 'other', 'alpha');
    return `${call.operand(other)} - ${literal(scalar(alpha, 1))} * ${call.operand(input)}`;
  },
  hypot: binary((a, b) => `sqrt(${a} ^ 2 + ${b} ^ 2)`),
  logaddexp: binary((a, b) => `max(${a}, ${b}) + log1p(exp(-abs(${a} - ${b})))`),
  clamp_min: oneEnd('max', 'min'),
  clamp_max: oneEnd('min', 'max'),
  addcmul: addedTo((a, b) => `${a} * ${b}`),
  addcdiv: addedTo((a, b) => `(${a} / ${b})`),
  lerp: (call) => {
    const { input, end, weight } = call.bind('input', 'end', 'weight');
    return `lerp(${call.operand(input)}, ${call.operand(end)}, ${call.operand(weight)})`;
  },
  masked_fill: filled,
  index_select: chosen,
  mm: binary((a, b) => `matmul(${a}, ${b})`),
  mv: binary((a, b) => `matmul(${a}, ${b})`),
  dot: binary((a, b) => `sum(${a} * ${b})`),
  outer: binary(outer),
  ger: binary(outer),
  addr: affine(outer, 'vec1', 'vec2'),
  addmv: affine((a, b) => `matmul(${a}, ${b})`, 'mat', 'vec'),
  baddbmm: affine((a, b) => `matmul(${a}, ${b})`, 'batch1', 'batch2'),
  addbmm: affine((a, b) => `sum(matmul(${a}, ${b}), axis: 0)`, 'batch1', 'batch2'),
  'nn.functional.embedding': embedding,
  'nn.functional.bilinear': bilinear,
  'nn.functional.pairwise_distance': distance,
};
