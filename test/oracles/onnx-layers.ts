/** ONNX's operators on channels and space: pooling, norms, padding, windows, lookups. */
import { axisFrom, type Call, each, Inexpressible, listText, literal, numbers, type Operator, reshaped } from './call.js';
import * as text from './text.js';

const rankOf = (call: Call, index = 0): number => call.shape(index).length;
const ones = (n: number): number[] => new Array<number>(n).fill(1);

/** `pads` is all the befores, then all the afters. */
export function pairs(pads: readonly number[]): [number, number][] {
  const n = pads.length / 2;
  return Array.from({ length: n }, (_, i) => [pads[i], pads[i + n]]);
}

/** Half of the padding at each end, the odd one at the end (`SAME_UPPER`) or the beginning. */
export function halves(total: number, upper: boolean): [number, number] {
  const less = Math.floor(total / 2);
  return upper ? [less, total - less] : [total - less, less];
}

/** Padding of a window over space: as given, or as much as `auto_pad` wants. */
export function windowPadding(call: Call, kernel: readonly number[], stride: readonly number[], dilation: readonly number[]): [number, number][] {
  const automatic = call.attribute('auto_pad', 'NOTSET');
  if (automatic === 'VALID') return kernel.map(() => [0, 0]);
  if (!automatic.startsWith('SAME')) return pairs(numbers(call.attribute('pads', new Array<number>(2 * kernel.length).fill(0))));
  return call
    .shape(0)
    .slice(2)
    .map((length, i) => {
      const outputs = Math.ceil(length / stride[i]);
      const total = (outputs - 1) * stride[i] + dilation[i] * (kernel[i] - 1) + 1 - length;
      return halves(Math.max(0, total), automatic === 'SAME_UPPER');
    });
}

const pool =
  (block: string, more: (call: Call) => string = () => ''): Operator =>
  (call) => {
    const kernel = numbers(call.attribute('kernel_shape', []));
    const n = kernel.length;
    const stride = each(call.attribute('strides', 1), n, 1);
    const dilation = each(call.attribute('dilations', 1), n, 1);
    const padding = listText(windowPadding(call, kernel, stride, dilation));
    return text.pool(block, call.x(0, 'rows'), { kernel, stride, padding, dilation, ceil: call.attribute('ceil_mode', 0) === 1, more: more(call) });
  };

/** The mean and the inverse deviation are further outputs. */
const layerNorm: Operator = (call) => {
  const rank = rankOf(call);
  const axis = axisFrom(call.attribute('axis', -1), rank);
  const axes = Array.from({ length: rank - axis }, (_, i) => axis + i);
  const eps = literal(call.attribute('epsilon', 1e-5));
  const x = call.x(0);
  const y = `layer_norm(${x}, axes: ${listText(axes)}, eps: ${eps}, affine: false) * ${call.x(1)}${call.has(2) ? ` + ${call.x(2)}` : ''}`;
  const mean = `mean(${x}, axes: ${listText(axes)}, keep: true)`;
  const inverse = `rsqrt(variance(${x}, axes: ${listText(axes)}, keep: true) + ${eps})`;
  return [y, mean, inverse].slice(0, call.subject.outputs.length);
};

const rmsNorm: Operator = (call) => {
  const rank = rankOf(call);
  const axis = axisFrom(call.attribute('axis', -1), rank);
  const axes = Array.from({ length: rank - axis }, (_, i) => axis + i);
  return `rms_norm(${call.x(0)}, axes: ${listText(axes)}, eps: ${literal(call.attribute('epsilon', 1e-5))}, affine: false) * ${call.x(1)}`;
};

const channelLine = (call: Call): number[] => [call.shape(0)[1], ...ones(rankOf(call) - 2)];

const groupNorm: Operator = (call) => {
  if (call.opset < 21) throw new Inexpressible('weights of groups, not of channels');
  const settings = `groups: ${call.attribute('num_groups', 1)}, eps: ${literal(call.attribute('epsilon', 1e-5))}, affine: false`;
  return `group_norm(${call.x(0, 'rows')}, ${settings}) * ${reshaped(call.x(1), channelLine(call))} + ${reshaped(call.x(2), channelLine(call))}`;
};

const instanceNorm: Operator = (call) => {
  const y = `instance_norm(${call.x(0, 'rows')}, eps: ${literal(call.attribute('epsilon', 1e-5))})`;
  return `${y} * ${reshaped(call.x(1), channelLine(call))} + ${reshaped(call.x(2), channelLine(call))}`;
};

const responseNorm: Operator = (call) => {
  const size = call.attribute('size', 1);
  // With an even window ONNX has one more channel after, PyTorch and the language before.
  if (size % 2 === 0) throw new Inexpressible('an even window of channels');
  const settings = `${size}, alpha: ${literal(call.attribute('alpha', 1e-4))}, beta: ${literal(call.attribute('beta', 0.75))}, k: ${literal(call.attribute('bias', 1))}`;
  return `local_response_norm(${call.x(0, 'rows')}, ${settings})`;
};

const modes: Readonly<Record<string, string>> = { constant: 'constant', reflect: 'reflect', edge: 'replicate', wrap: 'circular' };

const padded: Operator = (call) => {
  const rank = rankOf(call);
  const given = pairs(call.has(1) ? call.values(1) : numbers(call.attribute('pads', call.attribute('paddings', []))));
  const axes = call.has(3) ? call.values(3).map((a) => axisFrom(a, rank)) : given.map((_, i) => i);
  const value = literal(call.has(2) ? call.values(2)[0] : call.attribute('value', 0));
  const mode = call.attribute('mode', 'constant');
  if (!modes[mode]) throw new Inexpressible(`no padding of mode ${mode}`);
  if (mode !== 'constant' || given.flat().every((n) => n >= 0)) return text.extended(call.x(0), given, axes, modes[mode], value);
  const around = call.shape(0).map((_, i): [number, number] => given[axes.indexOf(i)] ?? [0, 0]);
  return text.padded(call, call.x(0), call.shape(0), around, value);
};

/** DCR has the block's places first among the channels, CRD last, as pixel_shuffle. */
const depthToSpace: Operator = (call) => {
  const block = call.attribute('blocksize', 1);
  const [, depth, height, width] = call.shape(0);
  const x = call.x(0, 'rows');
  if (call.attribute('mode', 'DCR') === 'CRD') return `pixel_shuffle(${x}, ${block})`;
  const channels = depth / block ** 2;
  const turned = `permute(${reshaped(x, [block, block, channels, height, width])}, 2, 3, 0, 4, 1)`;
  return reshaped(turned, [channels, height * block, width * block]);
};

const spaceToDepth: Operator = (call) => {
  const block = call.attribute('blocksize', 1);
  const [, channels, height, width] = call.shape(0);
  const split = reshaped(call.x(0, 'rows'), [channels, height / block, block, width / block, block]);
  return reshaped(`permute(${split}, 2, 4, 0, 1, 3)`, [channels * block ** 2, height / block, width / block]);
};

const columnsToImage: Operator = (call) => {
  const [size, kernel] = [call.values(1), call.values(2)];
  const n = size.length;
  const stride = each(call.attribute('strides', 1), n, 1);
  const dilation = each(call.attribute('dilations', 1), n, 1);
  const pads = pairs(numbers(call.attribute('pads', new Array<number>(2 * n).fill(0))));
  if (pads.some(([low, high]) => low !== high)) throw new Inexpressible('windows with unequal padding');
  const space = size.map((length, i) => Math.floor((length + 2 * pads[i][0] - dilation[i] * (kernel[i] - 1) - 1) / stride[i]) + 1);
  const split = reshaped(call.x(0, 'rows'), [call.shape(0)[1], ...space]);
  const places = pads.map(([low]) => low);
  return `from_patches(${split}, ${listText(size)}, ${listText(kernel)}, stride: ${listText(stride)}, padding: ${listText(places)}, dilation: ${listText(dilation)})`;
};

const cumulated: Operator = (call) => {
  const axis = axisFrom(call.values(1)[0], rankOf(call));
  const turned = (x: string): string => (call.attribute('reverse', 0) === 1 ? `reverse(${x}, axis: ${axis})` : x);
  const x = call.let(turned(call.x(0)));
  const total = `cumulative_sum(${x}, axis: ${axis})`;
  return turned(call.attribute('exclusive', 0) === 1 ? `(${total} - ${x})` : total);
};

const product: Operator = (call) => {
  const axes = call.has(1) ? call.values(1) : numbers(call.attribute('axes', []));
  if (axes.length === 0 && call.attribute('noop_with_empty_axes', 0) === 1) return call.x(0);
  return text.productOver(call, call.x(0), call.shape(0), axes, call.attribute('keepdims', 1) === 1);
};

const standardized: Operator = (call) => {
  const [x, axes] = [call.x(0), listText(numbers(call.attribute('axes', [0, 2, 3])))];
  return `(${x} - mean(${x}, axes: ${axes}, keep: true)) / (sqrt(variance(${x}, axes: ${axes}, keep: true)) + 1e-9)`;
};

export const layerTable = {
  MeanVarianceNormalization: standardized,
  AveragePool: pool('average_pool', (call) => `, count_padding: ${call.attribute('count_include_pad', 0) === 1}`),
  MaxPool: pool('max_pool'),
  LpPool: pool('lp_pool', (call) => `, p: ${call.attribute('p', 2)}`),
  LayerNormalization: layerNorm,
  RMSNormalization: rmsNorm,
  GroupNormalization: groupNorm,
  InstanceNormalization: instanceNorm,
  LRN: responseNorm,
  Pad: padded,
  DepthToSpace: depthToSpace,
  SpaceToDepth: spaceToDepth,
  Col2Im: columnsToImage,
  CumSum: cumulated,
  ReduceProd: product,
  SwiGLU: (call: Call) => `swish(${call.x(0)}, beta: ${literal(call.attribute('alpha', 1))}) * ${call.x(1)}`,
};
