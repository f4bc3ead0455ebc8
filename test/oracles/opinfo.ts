/** PyTorch's calls in the words of the language. */

import { axisFrom, type Call, each, listText, literal, numbers, type Operator, reshaped, type Table, tensorIndex } from './call.js';
import type { Argument } from './case.js';
import { algebraTable } from './opinfo-algebra.js';
import { flag, indexOf, optional, rankOf, scalar, string } from './opinfo-arguments.js';
import {
  adaptivePool,
  attention,
  averagePool,
  cumulated,
  dropped,
  folded,
  gathered,
  groupNorm,
  instanceNorm,
  interpolated,
  layerNorm,
  maxPool,
  multiplied,
  nativeLayerNorm,
  responseNorm,
  sampled,
  shuffled,
  unfolded,
  unpooled,
} from './opinfo-layers.js';
import { crossEntropyOf, crossEntropyOfLogits, divergence, furtherLosses, huber, likelihood, loss, smooth } from './opinfo-losses.js';
import { matrixTable } from './opinfo-matrices.js';
import {
  chunked,
  expanded,
  furtherMovement,
  listed,
  narrowed,
  padded,
  permuted,
  rolled,
  stacked,
  transposed,
  triangle,
  unsqueezed,
  viewed,
} from './opinfo-movement.js';
import { order, reductionTable } from './opinfo-reductions.js';
import { viewTable } from './opinfo-views.js';
import * as text from './text.js';

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

const variance =
  (root: boolean): Operator =>
  (call) => {
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
  const names = ['running_mean', 'running_var', 'weight', 'bias'];
  const order = call.subject.op === 'native_batch_norm' ? [...names.slice(2), ...names.slice(0, 2)] : names;
  const bound = call.bind('input', ...order, 'training', 'momentum', 'eps');
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

const gated: Operator = (call) => {
  const { input, dim } = call.bind('input', 'dim');
  return `glu(${call.operand(input)}, axis: ${scalar(dim, -1)})`;
};

const vectorNorm: Operator = (call) => {
  const { input, ord, dim, keepdim } = call.bind('input', 'ord', 'dim', 'keepdim', 'dtype');
  return text.vectorNorm(call.operand(input), order(ord, 2), rankOf(call), optional(dim), flag(keepdim));
};

const normalized: Operator = (call) => {
  const { input, p, dim, eps } = call.bind('input', 'p', 'dim', 'eps');
  const x = call.operand(input);
  const axis = scalar(dim, 1);
  if (order(p, 2) === 2 && rankOf(call) > 0) return `normalize(${x}, axes: ${axis}, eps: ${scalar(eps, 1e-12)})`;
  return `${x} / max(${text.vectorNorm(x, order(p, 2), rankOf(call), [axis], true)}, ${scalar(eps, 1e-12)})`;
};

const cosine: Operator = (call) => {
  const { x1, x2, dim, eps } = call.bind('x1', 'x2', 'dim', 'eps');
  const [a, b] = [call.operand(x1), call.operand(x2)];
  const rank = Math.max(rankOf(call, 0), rankOf(call, 1));
  if (rank === 0) return `cosine_similarity(${reshaped(a, [1])}, ${reshaped(b, [1])}, axis: 0, eps: ${scalar(eps, 1e-8)})`;
  const axis = axisFrom(scalar(dim, 1), rank);
  const shape = Array.from({ length: rank }, (_, i) =>
    Math.max(call.shape(0)[rankOf(call, 0) - rank + i] ?? 1, call.shape(1)[rankOf(call, 1) - rank + i] ?? 1),
  );
  const [u, v] = [a, b].map((x) => call.let(`expand(${x}, ${listText(shape)})`));
  return `cosine_similarity(${u}, ${v}, axis: ${axis}, eps: ${scalar(eps, 1e-8)})`;
};

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
  return `${approximate === 'tanh' ? 'gelu_tanh' : 'gelu'}(${x})`;
};

/** f(input, a number), by the block of that name. */
const withNumber =
  (block: string, name: string, otherwise: number): Operator =>
  (call) => {
    const bound = call.bind('input', name, 'inplace');
    return `${block}(${call.operand(bound.input)}, ${literal(scalar(bound[name], otherwise))})`;
  };

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
    const { first, second, other } = call.bind('first', 'second', 'other');
    // The condition is the first argument of the function, and the second of the method.
    const [condition, input] = call.input(indexOf(first)).dtype === 'bool' ? [first, second] : [second, first];
    return `where(${call.operand(condition)}, ${call.operand(input)}, ${call.operand(other)})`;
  },
  addmm: affineProduct,
  matmul: binary((a, b) => `matmul(${a}, ${b})`),
  bmm: binary((a, b) => `matmul(${a}, ${b})`),
  einsum: (call) => {
    const { operands, equation } = call.bind('operands', 'equation');
    return `einsum("${string(equation, '')}", ${listed(call, operands).join(', ')})`;
  },
  sum: reduction((x, rank, axes, keep) => text.reduce('sum', x, rank, axes, keep)),
  mean: reduction((x, rank, axes, keep) => text.reduce('mean', x, rank, axes, keep)),
  amax: reduction((x, rank, axes, keep) => text.reduce('max', x, rank, axes, keep)),
  amin: reduction((x, rank, axes, keep) => text.reduce('min', x, rank, axes, keep)),
  logsumexp: reduction((x, rank, axes, keep, call) => text.logSumExp(call, x, rank, axes, keep)),
  prod: multiplied,
  cumsum: cumulated,
  gather: gathered,
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
  'nn.functional.relu6': unary((x) => `relu6(${x})`),
  'nn.functional.silu': unary((x) => `silu(${x})`),
  'nn.functional.mish': unary((x) => `mish(${x})`),
  'nn.functional.softsign': unary((x) => `softsign(${x})`),
  'nn.functional.tanhshrink': unary((x) => `tanhshrink(${x})`),
  'nn.functional.logsigmoid': unary((x) => `log_sigmoid(${x})`),
  'nn.functional.hardsigmoid': unary((x) => `hard_sigmoid(${x})`),
  'nn.functional.hardswish': unary((x) => `hard_swish(${x})`),
  'nn.functional.hardtanh': (call) => {
    const { input, min_val, max_val } = call.bind('input', 'min_val', 'max_val', 'inplace');
    return `hardtanh(${call.operand(input)}, low: ${literal(scalar(min_val, -1))}, high: ${literal(scalar(max_val, 1))})`;
  },
  'nn.functional.leaky_relu': (call) => {
    const { input, negative_slope } = call.bind('input', 'negative_slope', 'inplace');
    return `leaky_relu(${call.operand(input)}, slope: ${literal(scalar(negative_slope, 0.01))})`;
  },
  'nn.functional.elu': (call) => {
    const { input, alpha } = call.bind('input', 'alpha', 'inplace');
    return `elu(${call.operand(input)}, alpha: ${literal(scalar(alpha, 1))})`;
  },
  'nn.functional.selu': unary((x) => `selu(${x})`),
  'nn.functional.celu': withNumber('celu', 'alpha', 1),
  'nn.functional.softshrink': withNumber('softshrink', 'lambd', 0.5),
  'nn.functional.hardshrink': withNumber('hardshrink', 'lambd', 0.5),
  'nn.functional.threshold': (call) => {
    const { input, threshold, value } = call.bind('input', 'threshold', 'value', 'inplace');
    return `threshold(${call.operand(input)}, edge: ${literal(scalar(threshold, 0))}, value: ${literal(scalar(value, 0))})`;
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
  'nn.functional.layer_norm': layerNorm,
  'nn.functional.group_norm': groupNorm,
  'nn.functional.instance_norm': instanceNorm,
  'nn.functional.local_response_norm': responseNorm,
  'nn.functional.avg_pool1d': averagePool,
  'nn.functional.avg_pool2d': averagePool,
  'nn.functional.avg_pool3d': averagePool,
  'nn.functional.max_pool1d': maxPool,
  'nn.functional.max_pool2d': maxPool,
  'nn.functional.max_pool3d': maxPool,
  'nn.functional.adaptive_avg_pool1d': adaptivePool('adaptive_average_pool'),
  'nn.functional.adaptive_avg_pool2d': adaptivePool('adaptive_average_pool'),
  'nn.functional.adaptive_avg_pool3d': adaptivePool('adaptive_average_pool'),
  'nn.functional.adaptive_max_pool1d': adaptivePool('adaptive_max_pool'),
  'nn.functional.adaptive_max_pool2d': adaptivePool('adaptive_max_pool'),
  'nn.functional.adaptive_max_pool3d': adaptivePool('adaptive_max_pool'),
  'nn.functional.interpolate': interpolated(),
  'nn.functional.upsample_bilinear': interpolated({ mode: 'bilinear', align: true }),
  'nn.functional.upsample_nearest': interpolated({ mode: 'nearest', align: false }),
  'nn.functional.pixel_shuffle': shuffled('pixel_shuffle', 'upscale_factor'),
  'nn.functional.pixel_unshuffle': shuffled('pixel_unshuffle', 'downscale_factor'),
  'nn.functional.unfold': unfolded,
  'nn.functional.fold': folded,
  'nn.functional._scaled_dot_product_attention': attention,
  'nn.functional.grid_sample': sampled,
  'nn.functional.dropout': dropped,
  'nn.functional.dropout2d': dropped,
  'nn.functional.dropout3d': dropped,
  native_layer_norm: nativeLayerNorm,
  native_batch_norm: batchNorm,
  'nn.functional.max_unpool1d': unpooled,
  'nn.functional.max_unpool2d': unpooled,
  'nn.functional.max_unpool3d': unpooled,
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
  ...algebraTable,
  ...furtherLosses,
  ...furtherMovement,
  ...viewTable,
  ...reductionTable,
  ...matrixTable,
};
