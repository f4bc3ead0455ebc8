/** PyTorch's calls in the words of the language. */
import type { Argument } from './case.js';
import { axisFrom, type Call, each, Inexpressible, listText, literal, numbers, type Operator, reshaped, type Table, tensorIndex } from './call.js';
import * as text from './text.js';

const flag = (value: Argument | undefined): boolean => value === true;
const optional = (value: Argument | undefined): number[] | undefined => (value === undefined || value === null ? undefined : numbers(value));
const scalar = (value: Argument | undefined, otherwise: number): number => (value === undefined || value === null ? otherwise : numbers(value)[0]);
const string = (value: Argument | undefined, otherwise: string): string => (typeof value === 'string' ? value : otherwise);
const rankOf = (call: Call, index = 0): number => call.shape(index).length;

function indexOf(value: Argument | undefined): number {
  const index = tensorIndex(value);
  if (index === undefined) throw new Inexpressible(`an argument ${JSON.stringify(value)} where a tensor is wanted`);
  return index;
}

/** f(input). */
const unary =
  (form: (x: string) => string): Operator =>
  (call) =>
    form(call.operand(call.bind('input', 'inplace').input));

/** f(input, other), alpha times the other. */
const binary =
  (form: (a: string, b: string, call: Call) => string): Operator =>
  (call) => {
    const { input, other, alpha } = call.bind('input', 'other', 'alpha');
    const b = call.operand(other);
    return form(call.operand(input), alpha === undefined || alpha === 1 ? b : `${literal(scalar(alpha, 1))} * ${b}`, call);
  };

const divide: Operator = (call) => {
  const { input, other, rounding_mode } = call.bind('input', 'other', 'rounding_mode');
  const quotient = `${call.operand(input)} / ${call.operand(other)}`;
  if (rounding_mode === 'floor') return `floor(${quotient})`;
  return rounding_mode === 'trunc' ? text.truncate(call, quotient) : quotient;
};

/** Named axes of a reduction, or all. */
const reduction =
  (form: (x: string, rank: number, axes: number[] | undefined, keep: boolean, call: Call) => string): Operator =>
  (call) => {
    const { input, dim, keepdim } = call.bind('input', 'dim', 'keepdim', 'dtype');
    return form(call.operand(input), rankOf(call), optional(dim), flag(keepdim), call);
  };

const variance = (root: boolean): Operator => (call) => {
  const bound = call.bind('input', 'dim', 'unbiased', 'keepdim', 'correction');
  // `var(x, True)` names no axes.
  const unbiased = typeof bound.dim === 'boolean' ? bound.dim : bound.unbiased;
  const axes = typeof bound.dim === 'boolean' ? undefined : optional(bound.dim);
  const shape = call.shape(0);
  const rank = shape.length;
  const x = call.operand(bound.input);
  const named = axes && axes.length > 0 ? axes.map((a) => axisFrom(a, rank)) : shape.map((_, i) => i);
  const count = named.reduce((n, a) => n * shape[a], 1);
  const less = bound.correction === undefined ? (unbiased === false ? 0 : 1) : scalar(bound.correction, 1);
  const centred = call.let(`${x} - ${text.reduce('mean', x, rank, named, true)}`);
  const value = `${text.reduce('sum', `${centred} ^ 2`, rank, named, flag(bound.keepdim))} / ${count - less}`;
  return root ? `sqrt(${value})` : value;
};

const alongAxis =
  (form: (x: string, axis: number, rank: number) => string): Operator =>
  (call) => {
    const { input, dim } = call.bind('input', 'dim', 'dtype');
    return form(call.operand(input), scalar(dim, -1), rankOf(call));
  };

const loss =
  (form: (input: string, target: string, call: Call, bound: Readonly<Record<string, Argument | undefined>>) => string, ...names: string[]): Operator =>
  (call) => {
    const bound = call.bind('input', 'target', ...names, 'reduction');
    return text.reduced(form(call.operand(bound.input), call.operand(bound.target), call, bound), string(bound.reduction, 'mean'));
  };

const convolution: Operator = (call) => {
  const bound = call.bind('input', 'weight', 'bias', 'stride', 'padding', 'dilation', 'groups');
  const kernel = call.shape(1).slice(2);
  const n = kernel.length;
  const dilation = each(bound.dilation, n, 1);
  const padding = bound.padding === 'valid' ? 0 : bound.padding;
  return text.conv(
    call,
    { x: indexOf(bound.input), weight: indexOf(bound.weight), bias: tensorIndex(bound.bias) },
    {
      stride: each(bound.stride, n, 1),
      padding: padding === 'same' ? text.samePadding(kernel, dilation) : text.symmetric(each(padding, n, 0)),
      dilation,
      groups: scalar(bound.groups, 1),
    },
  );
};

const transposedConvolution: Operator = (call) => {
  const bound = call.bind('input', 'weight', 'bias', 'stride', 'padding', 'output_padding', 'groups', 'dilation');
  const n = rankOf(call, 1) - 2;
  return text.convTranspose(
    call,
    { x: indexOf(bound.input), weight: indexOf(bound.weight), bias: tensorIndex(bound.bias) },
    {
      stride: each(bound.stride, n, 1),
      padding: text.symmetric(each(bound.padding, n, 0)),
      dilation: each(bound.dilation, n, 1),
      groups: scalar(bound.groups, 1),
    },
    each(bound.output_padding, n, 0),
  );
};

const batchNorm: Operator = (call) => {
  const bound = call.bind('input', 'running_mean', 'running_var', 'weight', 'bias', 'training', 'momentum', 'eps');
  call.training = flag(bound.training);
  return text.batchNorm(call, {
    x: indexOf(bound.input),
    mean: tensorIndex(bound.running_mean),
    variance: tensorIndex(bound.running_var),
    weight: tensorIndex(bound.weight),
    bias: tensorIndex(bound.bias),
    eps: scalar(bound.eps, 1e-5),
    momentum: scalar(bound.momentum, 0.1),
  });
};

const permuted: Operator = (call) => {
  const { input, dims } = call.bind('input', 'dims');
  const axes = numbers(dims);
  return axes.length === 0 ? call.operand(input) : `permute(${call.operand(input)}, ${listText(axes)})`;
};

const transposed: Operator = (call) => {
  const { input, dim0, dim1 } = call.bind('input', 'dim0', 'dim1');
  const rank = rankOf(call);
  if (rank === 0) return call.operand(input);
  const axes = call.shape(0).map((_, i) => i);
  const [a, b] = [axisFrom(scalar(dim0, 0), rank), axisFrom(scalar(dim1, 0), rank)];
  [axes[a], axes[b]] = [axes[b], axes[a]];
  return `permute(${call.operand(input)}, ${listText(axes)})`;
};

const expanded: Operator = (call) => {
  const { input, sizes } = call.bind('input', 'sizes');
  const shape = numbers(sizes);
  const own = call.shape(0);
  const wanted = shape.map((n, i) => (n < 0 ? own[own.length - shape.length + i] : n));
  return wanted.length === 0 ? call.operand(input) : `expand(${call.operand(input)}, ${listText(wanted)})`;
};

const rolled: Operator = (call) => {
  const { input, shifts, dims } = call.bind('input', 'shifts', 'dims');
  const shape = call.shape(0);
  let result = call.operand(input);
  const roll = (length: number, axis: number, shift: number): void => {
    const cut = ((-shift % length) + length) % length;
    if (cut === 0) return;
    const whole = call.let(result);
    result = text.concatenated([text.sliced(whole, axis, cut, length), text.sliced(whole, axis, 0, cut)], axis);
  };
  const axes = optional(dims) ?? [];
  if (axes.length > 0) numbers(shifts).forEach((shift, i) => roll(shape[axisFrom(axes[i], shape.length)], axisFrom(axes[i], shape.length), shift));
  else {
    const total = shape.reduce((a, b) => a * b, 1);
    result = reshaped(result, [total]);
    roll(total, 0, scalar(shifts, 0));
    result = reshaped(result, shape);
  }
  return result;
};

const narrowed: Operator = (call) => {
  const { input, dim, start, length } = call.bind('input', 'dim', 'start', 'length');
  const axis = axisFrom(scalar(dim, 0), rankOf(call));
  const index = tensorIndex(start);
  const given = index === undefined ? scalar(start, 0) : call.values(index)[0];
  const from = given < 0 ? given + call.shape(0)[axis] : given;
  return text.sliced(call.operand(input), axis, from, from + scalar(length, 0));
};

const chunked: Operator = (call) => {
  const { input, chunks, dim } = call.bind('input', 'chunks', 'dim');
  const axis = axisFrom(scalar(dim, 0), rankOf(call));
  return text.sliced(call.operand(input), axis, 0, Math.ceil(call.shape(0)[axis] / scalar(chunks, 1)));
};

/** The inputs in a list: `stack([a, b], 1)`. */
function listed(call: Call, value: Argument | undefined): string[] {
  if (!Array.isArray(value)) throw new Inexpressible(`an argument ${JSON.stringify(value)} where a list is wanted`);
  return value.map((item: Argument) => call.operand(item));
}

const stacked: Operator = (call) => {
  const { tensors, dim } = call.bind('tensors', 'dim');
  const shape = [...call.shape(0)];
  const axis = axisFrom(scalar(dim, 0), shape.length + 1);
  shape.splice(axis, 0, 1);
  return text.concatenated(
    listed(call, tensors).map((x) => reshaped(x, shape)),
    axis,
  );
};

const unsqueezed: Operator = (call) => {
  const { input, dim } = call.bind('input', 'dim');
  const shape = [...call.shape(0)];
  shape.splice(axisFrom(scalar(dim, 0), shape.length + 1), 0, 1);
  return reshaped(call.operand(input), shape);
};

const viewed: Operator = (call) => {
  const { input, shape } = call.bind('input', 'shape');
  const sizes = numbers(shape);
  return sizes.length === 0 ? reshaped(call.operand(input), []) : `reshape(${call.operand(input)}, ${sizes.map((n) => (n < 0 ? 'none' : n)).join(', ')})`;
};

const padded: Operator = (call) => {
  const { input, pad, mode, value } = call.bind('input', 'pad', 'mode', 'value');
  if (string(mode, 'constant') !== 'constant') throw new Inexpressible(`no padding of mode ${mode}`);
  const ends = numbers(pad);
  const shape = call.shape(0);
  // Pairs from the last axis on.
  const around = shape.map((_, i): [number, number] => [ends[2 * (shape.length - 1 - i)] ?? 0, ends[2 * (shape.length - 1 - i) + 1] ?? 0]);
  return text.padded(call, call.operand(input), shape, around, literal(scalar(value, 0)));
};

const gated: Operator = (call) => {
  const { input, dim } = call.bind('input', 'dim');
  const axis = axisFrom(scalar(dim, -1), rankOf(call));
  const half = call.shape(0)[axis] / 2;
  const x = call.operand(input);
  return `${text.sliced(x, axis, 0, half)} * sigmoid(${text.sliced(x, axis, half, 2 * half)})`;
};

const triangle = (upper: boolean): Operator => (call) => {
  const { input, diagonal } = call.bind('input', 'diagonal');
  return text.triangle(call.operand(input), call.shape(0), scalar(diagonal, 0), upper);
};

const vectorNorm: Operator = (call) => {
  const { input, ord, dim, keepdim } = call.bind('input', 'ord', 'dim', 'keepdim', 'dtype');
  return text.vectorNorm(call.operand(input), order(ord, 2), rankOf(call), optional(dim), flag(keepdim));
};

function order(value: Argument | undefined, otherwise: number): number {
  if (value === 'inf') return Number.POSITIVE_INFINITY;
  return value === '-inf' ? Number.NEGATIVE_INFINITY : scalar(value, otherwise);
}

const normalized: Operator = (call) => {
  const { input, p, dim, eps } = call.bind('input', 'p', 'dim', 'eps');
  const x = call.operand(input);
  return `${x} / max(${text.vectorNorm(x, order(p, 2), rankOf(call), [scalar(dim, 1)], true)}, ${scalar(eps, 1e-12)})`;
};

const cosine: Operator = (call) => {
  const { x1, x2, dim, eps } = call.bind('x1', 'x2', 'dim', 'eps');
  const [a, b] = [call.operand(x1), call.operand(x2)];
  const rank = Math.max(rankOf(call, 0), rankOf(call, 1));
  const axis = axisFrom(scalar(dim, 1), rank);
  const shape = Array.from({ length: rank }, (_, i) => Math.max(call.shape(0)[rankOf(call, 0) - rank + i] ?? 1, call.shape(1)[rankOf(call, 1) - rank + i] ?? 1));
  const [u, v] = [a, b].map((x) => call.let(`expand(${x}, ${listText(shape)})`));
  const length = (x: string): string => `max(norm(${x}, axis: ${axis}), ${scalar(eps, 1e-8)})`;
  return `sum(${u} * ${v}, axis: ${axis}) / (${length(u)} * ${length(v)})`;
};

const likelihood = (log: (x: string, axis: number, rank: number) => string): Operator => (call) => {
  const bound = call.bind('input', 'target', 'weight', 'ignore_index', 'reduction', 'label_smoothing');
  const target = indexOf(bound.target);
  if (bound.label_smoothing) throw new Inexpressible('label smoothing');
  if (call.input(target).dtype !== 'i32') throw new Inexpressible('targets that are probabilities');
  const shape = call.shape(0);
  return text.negativeLogLikelihood(call, log(call.operand(bound.input), shape.length === 1 ? 0 : 1, shape.length), shape, target, {
    weight: tensorIndex(bound.weight),
    ignore: bound.ignore_index === undefined ? undefined : scalar(bound.ignore_index, -100),
    reduction: string(bound.reduction, 'mean'),
  });
};

const divergence: Operator = (call) => {
  const bound = call.bind('input', 'target', 'reduction', 'log_target');
  const [x, t] = [call.operand(bound.input), call.operand(bound.target)];
  // 0 log 0 is 0.
  const each = flag(bound.log_target) ? `exp(${t}) * (${t} - ${x})` : `(where(${t} > 0, ${t} * log(where(${t} > 0, ${t}, 1)), 0) - ${t} * ${x})`;
  const how = string(bound.reduction, 'mean');
  return how === 'batchmean' ? `sum(${each}) / ${call.shape(0)[0] ?? 1}` : text.reduced(each, how);
};

const crossEntropyOf: Operator = (call) => {
  const bound = call.bind('input', 'target', 'weight', 'reduction');
  const [p, t] = [call.operand(bound.input), call.operand(bound.target)];
  const weight = tensorIndex(bound.weight);
  const each = `(${t} * log(${p}) + (1 - ${t}) * log(1 - ${p}))`;
  return text.reduced(`-${weight === undefined ? each : `${call.x(weight)} * ${each}`}`, string(bound.reduction, 'mean'));
};

const crossEntropyOfLogits: Operator = (call) => {
  const bound = call.bind('input', 'target', 'weight', 'reduction', 'pos_weight');
  const [s, t] = [call.operand(bound.input), call.operand(bound.target)];
  const [weight, positive] = [tensorIndex(bound.weight), tensorIndex(bound.pos_weight)];
  const each =
    positive === undefined ? `(softplus(${s}) - ${t} * ${s})` : `((1 - ${t}) * softplus(${s}) + ${call.x(positive)} * ${t} * softplus(-${s}))`;
  return text.reduced(weight === undefined ? each : `${call.x(weight)} * ${each}`, string(bound.reduction, 'mean'));
};

const huber: Operator = loss((x, t, call, { delta }) => {
  const d = scalar(delta, 1);
  const a = call.let(`abs(${x} - ${t})`);
  return `where(${a} < ${d}, 0.5 * ${a} ^ 2, ${d} * (${a} - ${0.5 * d}))`;
}, 'delta');

const smooth: Operator = loss((x, t, call, { beta }) => {
  const b = scalar(beta, 1);
  const a = call.let(`abs(${x} - ${t})`);
  return b === 0 ? a : `where(${a} < ${b}, ${0.5 / b} * ${a} ^ 2, ${a} - ${0.5 * b})`;
}, 'beta');

const softplus: Operator = (call) => {
  const { input, beta, threshold } = call.bind('input', 'beta', 'threshold');
  const x = call.operand(input);
  const b = scalar(beta, 1);
  // Above the threshold PyTorch takes the line itself.
  return `where(${b} * ${x} > ${scalar(threshold, 20)}, ${x}, softplus(${b} * ${x}) / ${b})`;
};

const prelu: Operator = (call) => {
  const { input, weight } = call.bind('input', 'weight');
  const [x, index] = [call.operand(input), indexOf(weight)];
  const own = call.shape(0);
  const slope = call.x(index);
  const size = call.shape(index).reduce((a, b) => a * b, 1);
  const line = own.map((_, i) => (i === 1 ? size : 1));
  return `where(${x} > 0, ${x}, ${size === 1 ? reshaped(slope, []) : reshaped(slope, line)} * ${x})`;
};

const gelu: Operator = (call) => {
  const { input, approximate } = call.bind('input', 'approximate');
  const x = call.operand(input);
  return approximate === 'tanh' ? tanhGelu(x) : `gelu(${x})`;
};

export function tanhGelu(x: string): string {
  return `0.5 * ${x} * (1 + tanh(${Math.sqrt(2 / Math.PI)} * (${x} + 0.044715 * ${x} * ${x} * ${x})))`;
}

const clamped: Operator = (call) => {
  const { input, min, max } = call.bind('input', 'min', 'max');
  const end = (value: Argument | undefined): string | undefined => (value === undefined || value === null ? undefined : call.operand(value));
  return text.clamp(call.operand(input), end(min), end(max));
};

const affineProduct: Operator = (call) => {
  const { input, mat1, mat2, beta, alpha } = call.bind('input', 'mat1', 'mat2', 'beta', 'alpha');
  return `${literal(scalar(beta, 1))} * ${call.operand(input)} + ${literal(scalar(alpha, 1))} * matmul(${call.operand(mat1)}, ${call.operand(mat2)})`;
};

export const opinfoTable: Table = {
  add: binary((a, b) => `${a} + ${b}`),
  sub: binary((a, b) => `${a} - ${b}`),
  mul: binary((a, b) => `${a} * ${b}`),
  div: divide,
  pow: binary((a, b) => `${a} ^ ${b}`),
  maximum: binary((a, b) => `max(${a}, ${b})`),
  minimum: binary((a, b) => `min(${a}, ${b})`),
  neg: unary((x) => `-${x}`),
  abs: unary((x) => `abs(${x})`),
  sign: unary((x) => `sign(${x})`),
  exp: unary((x) => `exp(${x})`),
  expm1: unary((x) => `expm1(${x})`),
  log: unary((x) => `log(${x})`),
  log1p: unary((x) => `log1p(${x})`),
  sqrt: unary((x) => `sqrt(${x})`),
  rsqrt: unary((x) => `rsqrt(${x})`),
  sin: unary((x) => `sin(${x})`),
  cos: unary((x) => `cos(${x})`),
  tanh: unary((x) => `tanh(${x})`),
  erf: unary((x) => `erf(${x})`),
  sigmoid: unary((x) => `sigmoid(${x})`),
  square: unary((x) => `${x} ^ 2`),
  reciprocal: unary((x) => `1 / ${x}`),
  clamp: clamped,
  where: (call) => {
    const { condition, input, other } = call.bind('condition', 'input', 'other');
    return `where(${call.operand(condition)}, ${call.operand(input)}, ${call.operand(other)})`;
  },
  addmm: affineProduct,
  matmul: binary((a, b) => `matmul(${a}, ${b})`),
  bmm: binary((a, b) => `matmul(${a}, ${b})`),
  einsum: (call) => {
    const { operands, equation } = call.bind('operands', 'equation');
    const list = listed(call, operands);
    return text.einsum(call, string(equation, ''), list.map((t, i) => ({ text: t, shape: call.shape(tensorIndex((operands as readonly Argument[])[i]) as number) })));
  },
  sum: reduction((x, rank, axes, keep) => text.reduce('sum', x, rank, axes, keep)),
  mean: reduction((x, rank, axes, keep) => text.reduce('mean', x, rank, axes, keep)),
  amax: reduction((x, rank, axes, keep) => text.reduce('max', x, rank, axes, keep)),
  amin: reduction((x, rank, axes, keep) => text.reduce('min', x, rank, axes, keep)),
  logsumexp: reduction((x, rank, axes, keep, call) => text.logSumExp(call, x, rank, axes, keep)),
  std: variance(true),
  var: variance(false),
  'linalg.vector_norm': vectorNorm,
  softmax: alongAxis(text.softmax),
  log_softmax: alongAxis(text.logSoftmax),
  'nn.functional.softmin': alongAxis((x, axis, rank) => text.softmax(`(-${x})`, axis, rank)),
  chunk: chunked,
  narrow: narrowed,
  expand: expanded,
  flip: (call) => {
    const { input, dims } = call.bind('input', 'dims');
    return `reverse(${call.operand(input)}, axes: ${listText(numbers(dims))})`;
  },
  permute: permuted,
  transpose: transposed,
  reshape: viewed,
  view: viewed,
  repeat: (call) => {
    const { input, repeats } = call.bind('input', 'repeats');
    return text.tiled(call.operand(input), call.shape(0), numbers(repeats));
  },
  roll: rolled,
  stack: stacked,
  cat: (call) => {
    const { tensors, dim } = call.bind('tensors', 'dim');
    return text.concatenated(listed(call, tensors), axisFrom(scalar(dim, 0), rankOf(call)));
  },
  unsqueeze: unsqueezed,
  tril: triangle(false),
  triu: triangle(true),
  'nn.functional.relu': unary((x) => `relu(${x})`),
  'nn.functional.relu6': unary((x) => text.clamp(x, '0', '6')),
  'nn.functional.silu': unary((x) => `silu(${x})`),
  'nn.functional.mish': unary((x) => `${x} * tanh(softplus(${x}))`),
  'nn.functional.softsign': unary((x) => `${x} / (1 + abs(${x}))`),
  'nn.functional.tanhshrink': unary((x) => `${x} - tanh(${x})`),
  'nn.functional.logsigmoid': unary((x) => `log(sigmoid(${x}))`),
  'nn.functional.hardsigmoid': unary((x) => `${text.clamp(`${x} + 3`, '0', '6')} / 6`),
  'nn.functional.hardswish': unary((x) => `${x} * ${text.clamp(`${x} + 3`, '0', '6')} / 6`),
  'nn.functional.hardtanh': (call) => {
    const { input, min_val, max_val } = call.bind('input', 'min_val', 'max_val', 'inplace');
    return text.clamp(call.operand(input), literal(scalar(min_val, -1)), literal(scalar(max_val, 1)));
  },
  'nn.functional.leaky_relu': (call) => {
    const { input, negative_slope } = call.bind('input', 'negative_slope', 'inplace');
    return `leaky_relu(${call.operand(input)}, slope: ${literal(scalar(negative_slope, 0.01))})`;
  },
  'nn.functional.elu': (call) => {
    const { input, alpha } = call.bind('input', 'alpha', 'inplace');
    return `elu(${call.operand(input)}, alpha: ${literal(scalar(alpha, 1))})`;
  },
  'nn.functional.gelu': gelu,
  'nn.functional.glu': gated,
  'nn.functional.prelu': prelu,
  'nn.functional.softplus': softplus,
  'nn.functional.linear': (call) => {
    const { input, weight, bias } = call.bind('input', 'weight', 'bias');
    return text.linear(call, { x: indexOf(input), weight: indexOf(weight), bias: tensorIndex(bias) });
  },
  'nn.functional.conv1d': convolution,
  'nn.functional.conv2d': convolution,
  'nn.functional.conv3d': convolution,
  'nn.functional.conv_transpose1d': transposedConvolution,
  'nn.functional.conv_transpose2d': transposedConvolution,
  'nn.functional.conv_transpose3d': transposedConvolution,
  'nn.functional.batch_norm': batchNorm,
  'nn.functional.pad': padded,
  'nn.functional.normalize': normalized,
  'nn.functional.cosine_similarity': cosine,
  'nn.functional.nll_loss': likelihood((x) => x),
  'nn.functional.cross_entropy': likelihood(text.logSoftmax),
  'nn.functional.kl_div': divergence,
  'nn.functional.binary_cross_entropy': crossEntropyOf,
  'nn.functional.binary_cross_entropy_with_logits': crossEntropyOfLogits,
  'nn.functional.mse_loss': loss((x, t) => `(${x} - ${t}) ^ 2`),
  'nn.functional.l1_loss': loss((x, t) => `abs(${x} - ${t})`),
  'nn.functional.huber_loss': huber,
  'nn.functional.smooth_l1_loss': smooth,
};
