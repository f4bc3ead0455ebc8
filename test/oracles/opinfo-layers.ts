/** PyTorch's calls on channels and space: pooling, norms, other sizes, windows, attention, lookups. */

import { axisFrom, type Call, each, Inexpressible, listText, literal, numbers, type Operator, reshaped, tensorIndex } from './call.js';
import type { Argument } from './case.js';
import { flag, indexOf, optional, rankOf, scalar, string } from './opinfo-arguments.js';
import * as text from './text.js';

/** How many axes of space an operator has by its name: `max_pool2d`. */
function axesByName(call: Call): number {
  return Number(/(\d)d$/.exec(call.subject.op)?.[1]);
}

/** The input as [C, ...S] for each example, or as one example where it has no batch. */
export function channelsFirst(call: Call, value: Argument | undefined, n: number): { readonly x: string; readonly space: readonly number[] } {
  const index = indexOf(value);
  const shape = call.shape(index);
  if (shape.length !== n + 1 && shape.length !== n + 2) throw new Inexpressible(`an input of ${shape.length} axes`);
  return { x: call.x(index, shape.length === n + 2 ? 'rows' : 'shared'), space: shape.slice(-n) };
}

export const averagePool: Operator = (call) => {
  const bound = call.bind('input', 'kernel_size', 'stride', 'padding', 'ceil_mode', 'count_include_pad', 'divisor_override');
  const n = axesByName(call);
  const { x } = channelsFirst(call, bound.input, n);
  const divisor = optional(bound.divisor_override);
  return text.pool('average_pool', x, {
    kernel: each(bound.kernel_size, n, 1),
    stride: strideOf(bound.stride, n),
    padding: listText(each(bound.padding, n, 0)),
    ceil: flag(bound.ceil_mode),
    more: `, count_padding: ${bound.count_include_pad !== false}${divisor ? `, divisor: ${divisor[0]}` : ''}`,
  });
};

export const maxPool: Operator = (call) => {
  const bound = call.bind('input', 'kernel_size', 'stride', 'padding', 'dilation', 'ceil_mode', 'return_indices');
  const n = axesByName(call);
  const { x } = channelsFirst(call, bound.input, n);
  return text.pool('max_pool', x, {
    kernel: each(bound.kernel_size, n, 1),
    stride: strideOf(bound.stride, n),
    padding: listText(each(bound.padding, n, 0)),
    dilation: each(bound.dilation, n, 1),
    ceil: flag(bound.ceil_mode),
  });
};

function strideOf(value: Argument | undefined, n: number): number[] | undefined {
  return value === undefined || value === null || (Array.isArray(value) && value.length === 0) ? undefined : each(value, n, 1);
}

export const adaptivePool =
  (block: string): Operator =>
  (call) => {
    const { input, output_size } = call.bind('input', 'output_size', 'return_indices');
    const n = axesByName(call);
    const { x } = channelsFirst(call, input, n);
    const sizes = Array.isArray(output_size) ? output_size : new Array<Argument>(n).fill(output_size ?? null);
    return `${block}(${x}, [${sizes.map((s) => s ?? 'none').join(', ')}])`;
  };

/** A norm with a scale and a shift that belong to the layer, or that are parameters here. */
function affine(call: Call, layer: string, x: string, settings: string, parts: { weight?: number; bias?: number }, line: readonly number[]): string {
  if (call.style === 'weights' && parts.weight !== undefined && parts.bias !== undefined) {
    call.x(parts.weight, { variable: `F.${layer}.weight` });
    call.x(parts.bias, { variable: `F.${layer}.bias` });
    return `${layer}(${x}, ${settings}, affine: true)`;
  }
  const scale = parts.weight === undefined ? '' : ` * ${reshaped(call.x(parts.weight), line)}`;
  const shift = parts.bias === undefined ? '' : ` + ${reshaped(call.x(parts.bias), line)}`;
  return `${layer}(${x}, ${settings}, affine: false)${scale}${shift}`;
}

export const layerNorm: Operator = (call) => {
  const bound = call.bind('input', 'normalized_shape', 'weight', 'bias', 'eps');
  const index = indexOf(bound.input);
  const shape = call.shape(index);
  const own = numbers(bound.normalized_shape);
  // The first axis is the batch, unless it is normalised over.
  const lead = own.length < shape.length ? 1 : 0;
  const axes = own.map((_, i) => shape.length - lead - own.length + i);
  const settings = `axes: ${listText(axes)}, eps: ${literal(scalar(bound.eps, 1e-5))}`;
  const parts = { weight: tensorIndex(bound.weight), bias: tensorIndex(bound.bias) };
  return affine(call, 'layer_norm', call.x(index, lead === 1 ? 'rows' : 'shared'), settings, parts, own);
};

export const groupNorm: Operator = (call) => {
  const bound = call.bind('input', 'num_groups', 'weight', 'bias', 'eps');
  const index = indexOf(bound.input);
  const [, channels, ...space] = call.shape(index);
  const settings = `groups: ${scalar(bound.num_groups, 1)}, eps: ${literal(scalar(bound.eps, 1e-5))}`;
  const parts = { weight: tensorIndex(bound.weight), bias: tensorIndex(bound.bias) };
  return affine(call, 'group_norm', call.x(index, 'rows'), settings, parts, [channels, ...space.map(() => 1)]);
};

export const instanceNorm: Operator = (call) => {
  const bound = call.bind('input', 'running_mean', 'running_var', 'weight', 'bias', 'use_input_stats', 'momentum', 'eps');
  if (bound.use_input_stats === false) throw new Inexpressible('instance_norm by running statistics');
  const index = indexOf(bound.input);
  const [, channels, ...space] = call.shape(index);
  const parts = { weight: tensorIndex(bound.weight), bias: tensorIndex(bound.bias) };
  return affine(call, 'instance_norm', call.x(index, 'rows'), `eps: ${literal(scalar(bound.eps, 1e-5))}`, parts, [channels, ...space.map(() => 1)]);
};

export const responseNorm: Operator = (call) => {
  const { input, size, alpha, beta, k } = call.bind('input', 'size', 'alpha', 'beta', 'k');
  const settings = `${scalar(size, 1)}, alpha: ${literal(scalar(alpha, 1e-4))}, beta: ${literal(scalar(beta, 0.75))}, k: ${literal(scalar(k, 1))}`;
  return `local_response_norm(${call.x(indexOf(input), 'rows')}, ${settings})`;
};

const modes: Readonly<Record<string, string>> = {
  nearest: 'nearest',
  'nearest-exact': 'nearest_exact',
  linear: 'linear',
  bilinear: 'linear',
  trilinear: 'linear',
  bicubic: 'cubic',
  area: 'area',
};

export const interpolated =
  (fixed?: { readonly mode: string; readonly align: boolean }): Operator =>
  (call) => {
    const bound = fixed
      ? call.bind('input', 'size', 'scale_factor')
      : call.bind('input', 'size', 'scale_factor', 'mode', 'align_corners', 'recompute_scale_factor', 'antialias');
    if (flag(bound.antialias)) throw new Inexpressible('antialias');
    const mode = modes[fixed?.mode ?? string(bound.mode, 'nearest')];
    const n = rankOf(call, indexOf(bound.input)) - 2;
    const { x, space } = channelsFirst(call, bound.input, n);
    const factors = bound.scale_factor === undefined || bound.scale_factor === null ? undefined : each(bound.scale_factor, n, 1);
    const size = factors ? space.map((length, i) => Math.floor(length * factors[i])) : each(bound.size, n, 1);
    const scale = factors && mode !== 'area' && !flag(bound.recompute_scale_factor) ? `, scale: ${listText(factors)}` : '';
    return `resize(${x}, ${listText(size)}, mode: "${mode}", align_corners: ${fixed?.align ?? flag(bound.align_corners)}${scale})`;
  };

export const shuffled =
  (block: string, factorName: string): Operator =>
  (call) => {
    const bound = call.bind('input', factorName);
    return `${block}(${channelsFirst(call, bound.input, 2).x}, ${scalar(bound[factorName], 1)})`;
  };

const windows = (bound: Readonly<Record<string, Argument | undefined>>): string =>
  `${listText(each(bound.kernel_size, 2, 1))}, stride: ${listText(each(bound.stride, 2, 1))}, padding: ${listText(each(bound.padding, 2, 0))}, dilation: ${listText(each(bound.dilation, 2, 1))}`;

export const unfolded: Operator = (call) => {
  const bound = call.bind('input', 'kernel_size', 'dilation', 'padding', 'stride');
  const { x } = channelsFirst(call, bound.input, 2);
  const [channels, places] = call.subject.outputs[0]?.shape.slice(-2) ?? [];
  return reshaped(`patches(${x}, ${windows(bound)})`, [channels, places]);
};

export const folded: Operator = (call) => {
  const bound = call.bind('input', 'output_size', 'kernel_size', 'dilation', 'padding', 'stride');
  const { x } = channelsFirst(call, bound.input, 1);
  const size = each(bound.output_size, 2, 1);
  const [kernel, stride, padding, dilation] = [each(bound.kernel_size, 2, 1), each(bound.stride, 2, 1), each(bound.padding, 2, 0), each(bound.dilation, 2, 1)];
  const space = size.map((length, i) => Math.floor((length + 2 * padding[i] - dilation[i] * (kernel[i] - 1) - 1) / stride[i]) + 1);
  const channels = call.shape(indexOf(bound.input)).slice(-2)[0];
  return `from_patches(${reshaped(x, [channels, ...space])}, ${listText(size)}, ${windows(bound)})`;
};

export const attention: Operator = (call) => {
  const bound = call.bind('query', 'key', 'value', 'attn_mask', 'dropout_p', 'need_attn_weights', 'is_causal');
  if (scalar(bound.dropout_p, 0) > 0) throw new Inexpressible('a mask drawn by another generator');
  const mask = tensorIndex(bound.attn_mask);
  if (mask !== undefined && call.input(mask).dtype !== 'bool') throw new Inexpressible('a mask that is added');
  const given = mask === undefined ? '' : `, mask: ${call.x(mask)}`;
  return `dot_product_attention(${call.operand(bound.query)}, ${call.operand(bound.key)}, ${call.operand(bound.value)}, causal: ${flag(bound.is_causal)}${given})`;
};

export const gathered: Operator = (call) => {
  const { input, dim, index } = call.bind('input', 'dim', 'index', 'sparse_grad');
  const [own, wanted] = [call.shape(indexOf(input)), call.shape(indexOf(index))];
  if (own.length === 0) return reshaped(call.operand(input), [...wanted.filter(() => call.x(indexOf(index)) !== '')]);
  const axis = axisFrom(scalar(dim, 0), own.length);
  if (wanted.length === 0) return reshaped(`take(${call.operand(input)}, ${reshaped(call.operand(index), [1])})`, []);
  // Where the index is shorter along another axis, the rest of the input is not read.
  const whole = `${call.operand(input)}[${wanted.map((length, i) => (i === axis ? ':' : `0:${length}`)).join(', ')}]`;
  return `gather(${whole}, ${call.operand(index)}, axis: ${axis})`;
};

const sampleModes: Readonly<Record<string, string>> = { bilinear: 'linear', bicubic: 'cubic', nearest: 'nearest' };

export const sampled: Operator = (call) => {
  const { input, grid, mode, padding_mode, align_corners } = call.bind('input', 'grid', 'mode', 'padding_mode', 'align_corners');
  const how = `mode: "${sampleModes[string(mode, 'bilinear')]}", outside: "${string(padding_mode, 'zeros')}", align_corners: ${flag(align_corners)}`;
  return `grid_sample(${call.x(indexOf(input), 'rows')}, ${call.x(indexOf(grid), 'rows')}, ${how})`;
};

/** Without a mask: where nothing is dropped. */
export const dropped: Operator = (call) => {
  const { input, p, training } = call.bind('input', 'p', 'training', 'inplace');
  if (training !== false && scalar(p, 0.5) > 0) throw new Inexpressible('a mask drawn by another generator');
  return `dropout(${call.operand(input)}, p: ${literal(Math.min(scalar(p, 0.5), 0.5))})`;
};

export const nativeLayerNorm: Operator = (call) => {
  const { input, normalized_shape, weight, bias, eps } = call.bind('input', 'normalized_shape', 'weight', 'bias', 'eps');
  const own = numbers(normalized_shape);
  const axes = own.map((_, i) => rankOf(call) - own.length + i);
  const scale = tensorIndex(weight) === undefined ? '' : ` * ${call.operand(weight)}`;
  const shift = tensorIndex(bias) === undefined ? '' : ` + ${call.operand(bias)}`;
  return `layer_norm(${call.operand(input)}, axes: ${listText(axes)}, eps: ${literal(scalar(eps, 1e-5))}, affine: false)${scale}${shift}`;
};

/** Greatest values back where they were, by places counted over the space of a channel. */
export const unpooled: Operator = (call) => {
  const bound = call.bind('input', 'indices', 'kernel_size', 'stride', 'padding', 'output_size');
  const n = axesByName(call);
  const { x, space } = channelsFirst(call, bound.input, n);
  const wanted = call.subject.outputs[0]?.shape.slice(-n) ?? [];
  const [places, count] = [wanted.reduce((a, b) => a * b, 1), space.reduce((a, b) => a * b, 1)];
  const channels = call.shape(indexOf(bound.input)).at(-n - 1) as number;
  const at = call.x(indexOf(bound.indices), call.roles.get(indexOf(bound.input)));
  const all = call.values(indexOf(bound.indices));
  for (let i = 0; i < all.length; i += count) if (new Set(all.slice(i, i + count)).size < count) throw new Inexpressible('two values for one place');
  const flat = `scatter(expand(0, ${channels}, ${places}), ${reshaped(at, [channels, count])}, ${reshaped(x, [channels, count])})`;
  return reshaped(flat, [channels, ...wanted]);
};

export const cumulated: Operator = (call) => {
  const { input, dim } = call.bind('input', 'dim');
  return rankOf(call) === 0 ? call.operand(input) : `cumulative_sum(${call.operand(input)}, axis: ${scalar(dim, 0)})`;
};

export const multiplied: Operator = (call) => {
  const { input, dim, keepdim } = call.bind('input', 'dim', 'keepdim', 'dtype');
  return text.productOver(call, call.operand(input), call.shape(0), optional(dim), flag(keepdim));
};
