/** ONNX's operators in the words of the language. */
import { type Answer, axisFrom, type Call, each, Inexpressible, literal, numbers, type Operator, reshaped, type Table } from './call.js';
import { attention } from './onnx-attention.js';
import { choiceTable } from './onnx-choice.js';
import { halves, layerTable, pairs, windowPadding } from './onnx-layers.js';
import { adagrad, adam, momentum } from './onnx-optimizers.js';
import { recurrentTable } from './onnx-recurrent.js';
import { resized } from './onnx-resize.js';
import * as text from './text.js';

const rankOf = (call: Call, index = 0): number => call.shape(index).length;
const isInteger = (call: Call, index = 0): boolean => call.input(index).dtype === 'i32';

const unary =
  (form: (x: string, call: Call) => string): Operator =>
  (call) =>
    form(call.x(0), call);

/** Two operands, aligned right; before opset 7 the second one's axes began at `axis`. */
const binary =
  (form: (a: string, b: string, call: Call) => string): Operator =>
  (call) => {
    const [a, b] = [call.x(0), call.x(1)];
    const axis = call.opset < 7 ? call.attribute('axis', -1) : -1;
    if (axis < 0) return form(a, b, call);
    const shape = [...call.shape(1)];
    while (axis + shape.length < rankOf(call)) shape.push(1);
    return form(a, reshaped(b, shape), call);
  };

const many =
  (form: (list: readonly string[]) => string): Operator =>
  (call) =>
    form(call.subject.inputs.map((_, i) => call.x(i)));

/** Axes come as an attribute, or in later opsets as the second input; none means all, or nothing at all. */
const reduction =
  (form: (x: string, rank: number, axes: number[] | undefined, keep: boolean, call: Call) => string): Operator =>
  (call) => {
    const axes = call.has(1) ? call.values(1) : numbers(call.attribute('axes', []));
    const x = call.x(0);
    if (axes.length === 0 && call.attribute('noop_with_empty_axes', 0) === 1) return x;
    return form(x, rankOf(call), axes, call.attribute('keepdims', 1) === 1, call);
  };

/** Before opset 13 over all axes from `axis` on, which is 1 unless named. */
const alongAxis =
  (form: (x: string, axis: number, rank: number) => string): Operator =>
  (call) => {
    const rank = rankOf(call);
    if (call.opset >= 13) return form(call.x(0), call.attribute('axis', -1), rank);
    const axis = axisFrom(call.attribute('axis', 1), rank);
    const shape = call.shape(0);
    const length = (part: readonly number[]): number => part.reduce((a, b) => a * b, 1);
    return reshaped(form(reshaped(call.x(0), [length(shape.slice(0, axis)), length(shape.slice(axis))]), 1, 2), shape);
  };

const clipped: Operator = (call) => {
  const end = (name: string, input: number): string | undefined => {
    if (call.has(input)) return call.x(input);
    const value = call.attribute<number | null>(name, null);
    return value === null ? undefined : literal(value);
  };
  return text.clamp(call.x(0), end('min', 1), end('max', 2));
};

function convNumbers(call: Call): text.ConvNumbers & { kernel: number[] } {
  const kernel = call.shape(1).slice(2);
  const n = kernel.length;
  const stride = each(call.attribute('strides', 1), n, 1);
  const dilation = each(call.attribute('dilations', 1), n, 1);
  return { kernel, stride, dilation, groups: call.attribute('group', 1), padding: pairs(numbers(call.attribute('pads', new Array<number>(2 * n).fill(0)))) };
}

const convolution: Operator = (call) => {
  const given = convNumbers(call);
  const padding = windowPadding(call, given.kernel, given.stride, given.dilation);
  return text.conv(call, { x: 0, weight: 1, bias: call.has(2) ? 2 : undefined }, { ...given, padding });
};

const transposedConvolution: Operator = (call) => {
  const given = convNumbers(call);
  const n = given.kernel.length;
  const space = call.shape(0).slice(2);
  const automatic = call.attribute('auto_pad', 'NOTSET');
  const extra = each(call.attribute('output_padding', 0), n, 0);
  const whole = space.map((length, i) => (length - 1) * given.stride[i] + given.dilation[i] * (given.kernel[i] - 1) + 1 + extra[i]);
  const wanted = numbers(call.attribute('output_shape', automatic.startsWith('SAME') ? space.map((length, i) => length * given.stride[i]) : []));
  // An output longer than the whole is filled up at the end.
  const padding = wanted.length > 0 ? wanted.map((length, i) => halves(Math.max(0, whole[i] - length), automatic === 'SAME_UPPER')) : given.padding;
  const longer = wanted.length > 0 ? wanted.map((length, i) => extra[i] + Math.max(0, length - whole[i])) : extra;
  return text.convTranspose(call, { x: 0, weight: 1, bias: call.has(2) ? 2 : undefined }, { ...given, padding }, longer);
};

const batchNorm: Operator = (call) => {
  call.training = call.attribute('training_mode', 0) === 1;
  const keep = call.attribute('momentum', 0.9);
  const y = text.batchNorm(call, { x: 0, weight: 1, bias: 2, mean: 3, variance: 4, eps: call.attribute('epsilon', 1e-5), momentum: 1 - keep });
  if (!call.training) return y;
  // ONNX keeps the biased variance, the language the unbiased one, as PyTorch does.
  const count = call.shape(0).reduce((a, b) => a * b, 1) / call.shape(0)[1];
  const old = call.values(4);
  const unbiased = call.subject.outputs[2]?.data.map((v, i) => keep * old[i] + (v - keep * old[i]) * (count / (count - 1)));
  return [y, { result: 'state.F.batch_norm.running_mean' }, { result: 'state.F.batch_norm.running_var', expected: unbiased }];
};

const product: Operator = (call) => {
  const turned = (index: number, flag: string): string => (call.attribute(flag, 0) === 1 ? `permute(${call.x(index)}, 1, 0)` : call.x(index));
  const y = `${literal(call.attribute('alpha', 1))} * matmul(${turned(0, 'transA')}, ${turned(1, 'transB')})`;
  return call.has(2) ? `${y} + ${literal(call.attribute('beta', 1))} * ${call.x(2)}` : y;
};

const sliced: Operator = (call) => {
  const given = (input: number, name: string): number[] | undefined =>
    call.has(input) ? call.values(input) : (call.attribute<number[] | null>(name, null) ?? undefined);
  const starts = given(1, 'starts') ?? [];
  const ends = given(2, 'ends') ?? [];
  const shape = call.shape(0);
  const axes = (given(3, 'axes') ?? starts.map((_, i) => i)).map((a) => axisFrom(a, shape.length));
  const steps = given(4, 'steps') ?? starts.map(() => 1);
  let result = call.x(0);
  axes.forEach((axis, i) => {
    const length = shape[axis];
    const back = steps[i] < 0;
    const place = (at: number): number => Math.min(Math.max(at < 0 ? at + length : at, back ? -1 : 0), back ? length - 1 : length);
    const [from, to] = [place(starts[i]), ends[i] < -length ? (back ? -1 : 0) : place(ends[i])];
    if (back ? from <= to : from >= to) throw new Inexpressible('an axis of length 0');
    if (back) result = text.sliced(`reverse(${result}, axis: ${axis})`, axis, length - 1 - from, length - 1 - to, -steps[i]);
    else result = text.sliced(result, axis, from, to, steps[i]);
  });
  return result;
};

const split: Operator = (call) => {
  const shape = call.shape(0);
  const axis = axisFrom(call.attribute('axis', 0), shape.length);
  const count = call.subject.outputs.length;
  const equal = Math.ceil(shape[axis] / count);
  const lengths = call.has(1)
    ? call.values(1)
    : numbers(
        call.attribute(
          'split',
          Array.from({ length: count }, (_, i) => Math.min(equal, shape[axis] - i * equal)),
        ),
      );
  const x = call.x(0);
  let from = 0;
  return lengths.map((length) => {
    if (length === 0) throw new Inexpressible('an axis of length 0');
    from += length;
    return text.sliced(x, axis, from - length, from);
  });
};

const viewed: Operator = (call) => {
  const own = call.shape(0);
  const wanted = (call.has(1) ? call.values(1) : numbers(call.attribute('shape', []))).map((n, i) =>
    n === 0 && call.attribute('allowzero', 0) === 0 ? own[i] : n,
  );
  return wanted.length === 0 ? reshaped(call.x(0), []) : `reshape(${call.x(0)}, ${wanted.map((n) => (n < 0 ? 'none' : n)).join(', ')})`;
};

const flattened: Operator = (call) => {
  const shape = call.shape(0);
  const axis = axisFrom(call.attribute('axis', 1), shape.length);
  const length = (part: readonly number[]): number => part.reduce((a, b) => a * b, 1);
  return reshaped(call.x(0), [length(shape.slice(0, axis)), length(shape.slice(axis))]);
};

/** Shapes are known: what ONNX computes from axes is the expected output's. */
const axesOf = (call: Call): number[] => (call.has(1) ? call.values(1) : numbers(call.attribute('axes', [])));

const unsqueezed: Operator = (call) => {
  const rank = rankOf(call) + axesOf(call).length;
  const added = axesOf(call).map((a) => axisFrom(a, rank));
  const own = [...call.shape(0)];
  return reshaped(
    call.x(0),
    Array.from({ length: rank }, (_, i) => (added.includes(i) ? 1 : (own.shift() as number))),
  );
};

const squeezed: Operator = (call) => {
  const gone = axesOf(call).map((a) => axisFrom(a, rankOf(call)));
  return reshaped(
    call.x(0),
    call.shape(0).filter((length, i) => (gone.length === 0 ? length !== 1 : !gone.includes(i))),
  );
};

const expanded: Operator = (call) => {
  const [own, wanted] = [call.shape(0), call.values(1)];
  const rank = Math.max(own.length, wanted.length);
  const at = (shape: readonly number[], i: number): number => shape[shape.length - rank + i] ?? 1;
  return `expand(${call.x(0)}, ${Array.from({ length: rank }, (_, i) => Math.max(at(own, i), at(wanted, i))).join(', ')})`;
};

const transposed: Operator = (call) => {
  const axes = numbers(
    call.attribute(
      'perm',
      call
        .shape(0)
        .map((_, i) => i)
        .reverse(),
    ),
  );
  return `permute(${call.x(0)}, ${axes.join(', ')})`;
};

const oneHot: Operator = (call) => {
  const depth = call.values(1)[0];
  const own = call.shape(0);
  const axis = axisFrom(call.attribute('axis', -1), own.length + 1);
  const at = [...own];
  at.splice(axis, 0, 1);
  const line = at.map((_, i) => (i === axis ? depth : 1));
  const index = call.let(reshaped(call.x(0), at));
  const hit = `where(${index} < 0, ${index} + ${depth}, ${index}) == ${reshaped(`iota(${depth})`, line)}`;
  return `where(${hit}, ${call.x(2)}[1], x2[0])`;
};

const likelihood = (call: Call, logp: string): string =>
  text.negativeLogLikelihood(call, logp, call.shape(0), 1, {
    weight: call.has(2) ? 2 : undefined,
    ignore: call.attribute<number | null>('ignore_index', null) ?? undefined,
    reduction: call.attribute('reduction', 'mean'),
  });

const crossEntropy: Operator = (call) => {
  const logp = call.let(text.logSoftmax(call.x(0), 1, rankOf(call)));
  const loss = likelihood(call, logp);
  return call.subject.outputs.length > 1 ? [loss, logp] : loss;
};

const dropout: Operator = (call) => {
  const ratio = call.has(1) ? call.values(1)[0] : call.attribute('ratio', 0.5);
  call.training = call.has(2) && call.values(2)[0] !== 0;
  if (call.training && ratio > 0) throw new Inexpressible('a mask drawn by another generator');
  const y = call.let(`dropout(${call.x(0)}, p: ${literal(ratio)})`);
  const answers: Answer[] = [y, `${y} == x0`];
  return answers.slice(0, call.subject.outputs.length);
};

const prelu: Operator = (call) => {
  const own = call.shape(0);
  const slope = call.x(1);
  // Before opset 7 a slope for each channel.
  const aligned =
    call.opset < 7 && rankOf(call, 1) === 1
      ? reshaped(
          slope,
          own.map((_, i) => (i === 1 ? call.shape(1)[0] : 1)),
        )
      : slope;
  return `where(${call.x(0)} > 0, x0, ${aligned} * x0)`;
};

const scaled: Operator = (call) => {
  const [alpha, gamma] = [call.attribute('alpha', 1.6732632423543772), call.attribute('gamma', 1.0507009873554805)];
  return `selu(${call.x(0)}, alpha: ${literal(alpha)}, scale: ${literal(gamma)})`;
};

const celu: Operator = (call) => `celu(${call.x(0)}, alpha: ${literal(call.attribute('alpha', 1))})`;

const shrunk: Operator = (call) => {
  const [bias, edge] = [literal(call.attribute('bias', 0)), literal(call.attribute('lambd', 0.5))];
  return `where(${call.x(0)} < -${edge}, x0 + ${bias}, where(x0 > ${edge}, x0 - ${bias}, 0))`;
};

const space = (call: Call): number[] =>
  call
    .shape(0)
    .slice(2)
    .map((_, i) => i + 2);

const fold = (name: 'max' | 'min'): Operator => many((list) => list.slice(1).reduce((a, b) => `${name}(${a}, ${b})`, list[0]));

export const onnxTable: Table = {
  Identity: unary((x) => x),
  Abs: unary((x) => `abs(${x})`),
  Neg: unary((x) => `-${x}`),
  Sign: unary((x) => `sign(${x})`),
  Floor: unary((x) => `floor(${x})`),
  Ceil: unary((x) => `ceil(${x})`),
  Round: unary((x) => `round(${x})`),
  Exp: unary((x) => `exp(${x})`),
  Log: unary((x) => `log(${x})`),
  Sqrt: unary((x) => `sqrt(${x})`),
  Reciprocal: unary((x) => `1 / ${x}`),
  Sin: unary((x) => `sin(${x})`),
  Cos: unary((x) => `cos(${x})`),
  Tan: unary((x) => `sin(${x}) / cos(${x})`),
  Sinh: unary((x) => `(expm1(${x}) - expm1(-${x})) / 2`),
  Cosh: unary((x) => `(exp(${x}) + exp(-${x})) / 2`),
  Tanh: unary((x) => `tanh(${x})`),
  Erf: unary((x) => `erf(${x})`),
  Not: unary((x) => `not ${x}`),
  Sigmoid: unary((x) => `sigmoid(${x})`),
  Relu: unary((x) => `relu(${x})`),
  Softplus: unary((x) => `softplus(${x})`),
  Softsign: unary((x) => `softsign(${x})`),
  Mish: unary((x) => `mish(${x})`),
  Swish: unary((x, call) => `swish(${x}, beta: ${literal(call.attribute('alpha', 1))})`),
  Gelu: unary((x, call) => `${call.attribute('approximate', 'none') === 'tanh' ? 'gelu_tanh' : 'gelu'}(${x})`),
  LeakyRelu: unary((x, call) => `leaky_relu(${x}, slope: ${literal(call.attribute('alpha', 0.01))})`),
  Elu: unary((x, call) => `elu(${x}, alpha: ${literal(call.attribute('alpha', 1))})`),
  ThresholdedRelu: unary((x, call) => `threshold(${x}, edge: ${literal(call.attribute('alpha', 1))})`),
  HardSigmoid: unary((x, call) => `hard_sigmoid(${x}, slope: ${literal(call.attribute('alpha', 0.2))}, offset: ${literal(call.attribute('beta', 0.5))})`),
  HardSwish: unary((x) => `hard_swish(${x})`),
  Selu: scaled,
  Celu: celu,
  Shrink: shrunk,
  PRelu: prelu,
  Clip: clipped,
  Dropout: dropout,
  Add: binary((a, b) => `${a} + ${b}`),
  Sub: binary((a, b) => `${a} - ${b}`),
  Mul: binary((a, b) => `${a} * ${b}`),
  Div: binary((a, b, call) => (isInteger(call) ? text.truncate(call, `${a} / ${b}`) : `${a} / ${b}`)),
  Mod: binary((a, b, call) => (call.attribute('fmod', 0) === 1 ? `${a} - (${text.truncate(call, `${a} / ${b}`)}) * ${b}` : `${a} % ${b}`)),
  Pow: binary((a, b) => `${a} ^ ${b}`),
  And: binary((a, b) => `${a} and ${b}`),
  Or: binary((a, b) => `${a} or ${b}`),
  Xor: binary((a, b) => `${a} != ${b}`),
  Equal: binary((a, b) => `${a} == ${b}`),
  Less: binary((a, b) => `${a} < ${b}`),
  LessOrEqual: binary((a, b) => `${a} <= ${b}`),
  Greater: binary((a, b) => `${a} > ${b}`),
  GreaterOrEqual: binary((a, b) => `${a} >= ${b}`),
  Where: (call) => `where(${call.x(0)}, ${call.x(1)}, ${call.x(2)})`,
  Max: fold('max'),
  Min: fold('min'),
  Sum: many((list) => list.join(' + ')),
  Mean: many((list) => `(${list.join(' + ')}) / ${list.length}`),
  MatMul: (call) => `matmul(${call.x(0)}, ${call.x(1)})`,
  Gemm: product,
  Einsum: (call) => `einsum("${call.attribute('equation', '')}", ${call.subject.inputs.map((_, i) => call.x(i)).join(', ')})`,
  Conv: convolution,
  ConvTranspose: transposedConvolution,
  BatchNormalization: batchNorm,
  GlobalAveragePool: (call) => `mean(${call.x(0)}${text.over(space(call), true)})`,
  GlobalMaxPool: (call) => `max(${call.x(0)}${text.over(space(call), true)})`,
  Softmax: alongAxis(text.softmax),
  LogSoftmax: alongAxis(text.logSoftmax),
  LpNormalization: (call) => {
    const x = call.x(0);
    // Zeros stay zeros.
    return `${x} / max(${text.vectorNorm(x, call.attribute('p', 2), rankOf(call), [call.attribute('axis', -1)], true)}, 1e-12)`;
  },
  ReduceSum: reduction((x, rank, axes, keep) => text.reduce('sum', x, rank, axes, keep)),
  ReduceMean: reduction((x, rank, axes, keep) => text.reduce('mean', x, rank, axes, keep)),
  ReduceMax: reduction((x, rank, axes, keep) => text.reduce('max', x, rank, axes, keep)),
  ReduceMin: reduction((x, rank, axes, keep) => text.reduce('min', x, rank, axes, keep)),
  ReduceL1: reduction((x, rank, axes, keep) => text.vectorNorm(x, 1, rank, axes, keep)),
  ReduceL2: reduction((x, rank, axes, keep) => text.vectorNorm(x, 2, rank, axes, keep)),
  ReduceSumSquare: reduction((x, rank, axes, keep) => text.reduce('sum', `${x} ^ 2`, rank, axes, keep)),
  ReduceLogSum: reduction((x, rank, axes, keep) => `log(${text.reduce('sum', x, rank, axes, keep)})`),
  ReduceLogSumExp: reduction((x, rank, axes, keep, call) => text.logSumExp(call, x, rank, axes, keep)),
  NegativeLogLikelihoodLoss: (call) => likelihood(call, call.x(0)),
  SoftmaxCrossEntropyLoss: crossEntropy,
  Concat: (call) =>
    text.concatenated(
      call.subject.inputs.map((_, i) => call.x(i)),
      axisFrom(call.attribute('axis', 1), rankOf(call)),
    ),
  Split: split,
  Slice: sliced,
  Reshape: viewed,
  Flatten: flattened,
  Squeeze: squeezed,
  Unsqueeze: unsqueezed,
  Expand: expanded,
  Tile: (call) => text.tiled(call.x(0), call.shape(0), call.values(1)),
  Transpose: transposed,
  Trilu: (call) => text.triangle(call.x(0), call.shape(0), call.has(1) ? call.values(1)[0] : 0, call.attribute('upper', 1) === 1),
  OneHot: oneHot,
  Resize: resized,
  Attention: attention,
  Adagrad: adagrad,
  Adam: adam,
  Momentum: momentum,
  ...layerTable,
  ...recurrentTable,
  ...choiceTable,
};
