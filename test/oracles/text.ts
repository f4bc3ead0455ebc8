/** Texts that both dialects share: an operator of given operands in the words of the language. */
import { type Call, Inexpressible, listText, literal, type Role, reshaped } from './call.js';

/** A scalar has no axis to name; what is wanted along one goes over one of length 1. */
function alongAxis(text: string, rank: number, apply: (text: string) => string): string {
  return rank === 0 ? reshaped(apply(reshaped(text, [1])), []) : apply(text);
}

export function softmax(x: string, axis: number, rank: number): string {
  return alongAxis(x, rank, (t) => `softmax(${t}, axis: ${axis})`);
}

export function logSoftmax(x: string, axis: number, rank: number): string {
  return alongAxis(x, rank, (t) => `log_softmax(${t}, axis: ${axis})`);
}

/** `axes: [0, 1], keep: true`; no axes: all of them. */
export function over(axes: readonly number[] | undefined, keep: boolean): string {
  return `${axes && axes.length > 0 ? `, axes: ${listText(axes)}` : ''}${keep ? ', keep: true' : ''}`;
}

/** A reduction; of a scalar, over nothing. */
export function reduce(name: string, x: string, rank: number, axes: readonly number[] | undefined, keep: boolean): string {
  return rank === 0 ? `${name}(${x})` : `${name}(${x}${over(axes, keep)})`;
}

export function logSumExp(call: Call, x: string, rank: number, axes: readonly number[] | undefined, keep: boolean): string {
  const top = call.let(`stop(${reduce('max', x, rank, axes, true)})`);
  const total = call.let(`${top} + log(${reduce('sum', `exp(${x} - ${top})`, rank, axes, true)})`);
  return keep || rank === 0 ? total : reduce('sum', total, rank, axes, false);
}

/** (sum |x|^p)^(1/p) and its limits. */
export function vectorNorm(x: string, p: number, rank: number, axes: readonly number[] | undefined, keep: boolean): string {
  if (p === 2) return reduce('norm', x, rank, axes, keep);
  if (p === 1) return reduce('sum', `abs(${x})`, rank, axes, keep);
  if (p === Number.POSITIVE_INFINITY) return reduce('max', `abs(${x})`, rank, axes, keep);
  if (p === Number.NEGATIVE_INFINITY) return reduce('min', `abs(${x})`, rank, axes, keep);
  return `p_norm(${x}, p: ${literal(p)}${rank === 0 ? '' : over(axes, keep)})`;
}

export function clamp(x: string, low: string | undefined, high: string | undefined): string {
  const raised = low === undefined ? x : `max(${x}, ${low})`;
  return high === undefined ? raised : `min(${raised}, ${high})`;
}

/** Towards zero. */
export function truncate(call: Call, x: string): string {
  const v = call.let(x);
  return `sign(${v}) * floor(abs(${v}))`;
}

/** x with its lower (upper: false) or upper triangle kept. */
export function triangle(x: string, shape: readonly number[], diagonal: number, upper: boolean): string {
  const [rows, columns] = shape.slice(-2);
  const distance = `iota(${columns}) - reshape(iota(${rows}), ${rows}, 1)`;
  return `where(${distance} ${upper ? '>=' : '<='} ${literal(diagonal)}, ${x}, 0)`;
}

export function concatenated(parts: readonly string[], axis: number): string {
  return parts.length === 1 ? parts[0] : `concat(${parts.join(', ')}, axis: ${axis})`;
}

/** `x[:, 2:5]`. */
export function sliced(x: string, axis: number, from: number, to: number, step = 1): string {
  return `${x}[${':, '.repeat(axis)}${from}:${to}${step === 1 ? '' : `:${step}`}]`;
}

export function tiled(x: string, shape: readonly number[], times: readonly number[]): string {
  const own = [...new Array<number>(Math.max(0, times.length - shape.length)).fill(1), ...shape];
  const all = [...new Array<number>(own.length - times.length).fill(1), ...times];
  const split = own.flatMap((length) => [1, length]);
  const wide = own.flatMap((length, i) => [all[i], length]);
  return reshaped(
    `expand(${reshaped(x, split)}, ${listText(wide)})`,
    own.map((length, i) => length * all[i]),
  );
}

/** Zeros or `value` around each axis, [before, after]; negative crops. */
export function padded(call: Call, x: string, shape: readonly number[], around: readonly (readonly [number, number])[], value: string): string {
  let text = x;
  if (around.some((ends) => ends.some((n) => n < 0))) {
    text += `[${around.map(([low, high], i) => `${Math.max(0, -low)}:${shape[i] - Math.max(0, -high)}`).join(', ')}]`;
  }
  const side = (which: 0 | 1): string => listText(around.map((ends) => Math.max(0, ends[which])));
  if (value === '0') return `pad(${text}, ${side(0)}, ${side(1)})`;
  const inside = call.let(text);
  return `pad(${inside} - ${value}, ${side(0)}, ${side(1)}) + ${value}`;
}

interface PoolNumbers {
  readonly kernel: readonly number[];
  /** The kernel's, where there is none. */
  readonly stride?: readonly number[];
  /** As the language writes it. */
  readonly padding: string;
  readonly dilation?: readonly number[];
  readonly ceil: boolean;
  /** Further arguments, each with a comma before it. */
  readonly more?: string;
}

export function pool(block: string, x: string, { kernel, stride, padding, dilation, ceil, more = '' }: PoolNumbers): string {
  const strides = stride ? `, stride: ${listText(stride)}` : '';
  const spread = dilation ? `, dilation: ${listText(dilation)}` : '';
  return `${block}(${x}, ${listText(kernel)}${strides}, padding: ${padding}${spread}, ceil: ${ceil}${more})`;
}

/** The product over axes, all of them where none are named. */
export function productOver(call: Call, x: string, shape: readonly number[], axes: readonly number[] | undefined, keep: boolean): string {
  if (shape.length === 0) return x;
  const named = axes && axes.length > 0 ? axes.map((a) => (a < 0 ? a + shape.length : a)) : shape.map((_, i) => i);
  let result = x;
  for (const axis of [...named].sort((a, b) => b - a)) result = call.let(`product_along(${result}, axis: ${axis})`);
  return keep
    ? reshaped(
        result,
        shape.map((length, i) => (named.includes(i) ? 1 : length)),
      )
    : result;
}

/** A padding mode other than zeros, [before, after] for each of the named axes. */
export function extended(x: string, around: readonly (readonly [number, number])[], axes: readonly number[], mode: string, value = '0'): string {
  return `extend(${x}, ${listText(around)}, mode: "${mode}", value: ${value}, axes: ${listText(axes)})`;
}

export interface ConvNumbers {
  readonly stride: readonly number[];
  /** Before and after each axis. */
  readonly padding: readonly (readonly [number, number])[];
  readonly dilation: readonly number[];
  readonly groups: number;
}

/** Pads of a convolution over `n` axes as one number, one for each, or `same`. */
export function symmetric(padding: readonly number[]): [number, number][] {
  return padding.map((p) => [p, p]);
}

/** As many outputs as inputs at stride 1, the odd one at the end. */
export function samePadding(kernel: readonly number[], dilation: readonly number[]): [number, number][] {
  return kernel.map((k, i) => {
    const total = dilation[i] * (k - 1);
    return [Math.floor(total / 2), total - Math.floor(total / 2)];
  });
}

/** Input, weight and bias (by index) of a layer that has the latter two as weights of its own. */
interface Weighted {
  readonly x: number;
  readonly weight: number;
  readonly bias?: number;
  /** `x` has the batch first. */
  readonly batched: boolean;
}

/**
 * A layer of the prelude on given weights. As parameters: the layer's `weight:` takes a block, which here gives the parameter instead of the
 * stored weight, and the bias is added after. As weights: the layer's own are set.
 */
function onWeights(call: Call, { x, weight, bias, batched }: Weighted, layer: string, settings: string, biasShape: readonly number[]): string {
  const input = call.x(x, batched ? 'rows' : 'shared');
  const separator = settings === '' ? '' : ', ';
  if (call.style === 'weights') {
    const own = (name: string): Role => ({ variable: `F.${layer}.${name}` });
    call.x(weight, own('weight'));
    if (bias !== undefined) call.x(bias, own('bias'));
    return `${layer}(${input}, ${settings}${separator}bias: ${bias !== undefined})`;
  }
  call.statements.push(`block given(stored) { ${call.x(weight)} }`);
  const y = `${layer}(${input}, ${settings}${separator}bias: false, weight: given)`;
  return bias === undefined ? y : `${y} + ${reshaped(call.x(bias), biasShape)}`;
}

export function linear(call: Call, parts: Omit<Weighted, 'batched'>): string {
  const features = call.shape(parts.weight)[0];
  return onWeights(call, { ...parts, batched: call.shape(parts.x).length > 1 }, 'linear', `${features}`, [features]);
}

export function conv(call: Call, parts: Omit<Weighted, 'batched'>, given: ConvNumbers): string {
  const [channels, , ...kernel] = call.shape(parts.weight);
  const settings = `${channels}, kernel: ${listText(kernel)}, stride: ${listText(given.stride)}, padding: ${listText(given.padding)}, dilation: ${listText(given.dilation)}, groups: ${given.groups}`;
  const batched = call.shape(parts.x).length === kernel.length + 2;
  return onWeights(call, { ...parts, batched }, 'conv', settings, [channels, ...kernel.map(() => 1)]);
}

export function convTranspose(call: Call, parts: Omit<Weighted, 'batched'>, given: ConvNumbers, extra: readonly number[]): string {
  const [, part, ...kernel] = call.shape(parts.weight);
  const channels = part * given.groups;
  const low = given.padding.map(([before]) => before);
  // The layer pads both ends alike; what is less at the end makes the output longer.
  const longer = extra.map((e, i) => e + given.padding[i][0] - given.padding[i][1]);
  const settings = `${channels}, kernel: ${listText(kernel)}, stride: ${listText(given.stride)}, padding: ${listText(low)}, output_padding: ${listText(longer)}, dilation: ${listText(given.dilation)}, groups: ${given.groups}`;
  const batched = call.shape(parts.x).length === kernel.length + 2;
  return onWeights(call, { ...parts, batched }, 'conv_transpose', settings, [channels, ...kernel.map(() => 1)]);
}

interface Normalised {
  readonly x: number;
  readonly weight?: number;
  readonly bias?: number;
  readonly mean?: number;
  readonly variance?: number;
  readonly eps: number;
  /** Weight of the new value in the running statistics. */
  readonly momentum: number;
}

export function batchNorm(call: Call, parts: Normalised): string {
  const input = call.x(parts.x, 'rows');
  const [, channels, ...space] = call.shape(parts.x);
  if (parts.mean !== undefined) call.x(parts.mean, { variable: 'F.batch_norm.running_mean' });
  if (parts.variance !== undefined) call.x(parts.variance, { variable: 'F.batch_norm.running_var' });
  const settings = `eps: ${parts.eps}, momentum: ${literal(parts.momentum)}`;
  if (call.style === 'weights' && parts.weight !== undefined && parts.bias !== undefined) {
    call.x(parts.weight, { variable: 'F.batch_norm.weight' });
    call.x(parts.bias, { variable: 'F.batch_norm.bias' });
    return `batch_norm(${input}, ${settings})`;
  }
  const ones = [channels, ...space.map(() => 1)];
  const scale = parts.weight === undefined ? '' : ` * ${reshaped(call.x(parts.weight), ones)}`;
  const shift = parts.bias === undefined ? '' : ` + ${reshaped(call.x(parts.bias), ones)}`;
  return `batch_norm(${input}, ${settings}, affine: false)${scale}${shift}`;
}

/** The mean, the sum or all of what is an error each. */
export function reduced(text: string, reduction: string): string {
  if (reduction === 'none') return text;
  if (reduction !== 'mean' && reduction !== 'sum') throw new Inexpressible(`the reduction ${reduction}`);
  return `${reduction}(${text})`;
}

/**
 * -log p of the class, from log-probabilities [N, C, ...] (or [C]) and classes [N, ...] (or []). A class's weight counts in the mean;
 * places of class `ignore` count nowhere.
 */
export function negativeLogLikelihood(
  call: Call,
  logp: string,
  shape: readonly number[],
  classes: number,
  options: { weight?: number; ignore?: number; reduction: string },
): string {
  const axis = shape.length === 1 ? 0 : 1;
  const target = call.x(classes);
  const line = shape.map((length, i) => (i === axis ? length : 1));
  const at = shape.map((length, i) => (i === axis ? 1 : length));
  const hit = call.let(`${reshaped(target, at)} == ${reshaped(`iota(${shape[axis]})`, line)}`);
  const weights = options.weight === undefined ? '1' : reshaped(call.x(options.weight), line);
  const kept = options.ignore === undefined ? '1' : `(${reshaped(target, at)} != ${literal(options.ignore)})`;
  const share = call.let(`${hit} * ${weights} * ${kept}`);
  const each = call.let(`-sum(${logp} * ${share}, axis: ${axis})`);
  if (options.reduction !== 'mean') return reduced(each, options.reduction);
  return `sum(${each}) / sum(${share})`;
}
