/** PyTorch's losses. */

import { type Call, literal, type Operator, reshaped, type Table, tensorIndex } from './call.js';
import type { Argument } from './case.js';
import { flag, indexOf, scalar, string } from './opinfo-arguments.js';
import * as text from './text.js';

export const loss =
  (form: (input: string, target: string, call: Call, bound: Readonly<Record<string, Argument | undefined>>) => string, ...names: string[]): Operator =>
  (call) => {
    const bound = call.bind('input', 'target', ...names, 'reduction');
    return text.reduced(form(call.operand(bound.input), call.operand(bound.target), call, bound), string(bound.reduction, 'mean'));
  };

export const likelihood =
  (log: (x: string, axis: number, rank: number) => string): Operator =>
  (call) => {
    const bound = call.bind('input', 'target', 'weight', 'ignore_index', 'reduction', 'label_smoothing');
    const target = indexOf(bound.target);
    const shape = call.shape(0);
    if (call.input(target).dtype === 'f32' || bound.label_smoothing) return ofProbabilities(call, log, target, bound);
    return text.negativeLogLikelihood(call, log(call.operand(bound.input), shape.length === 1 ? 0 : 1, shape.length), shape, target, {
      weight: tensorIndex(bound.weight),
      ignore: bound.ignore_index === undefined ? undefined : scalar(bound.ignore_index, -100),
      reduction: string(bound.reduction, 'mean'),
    });
  };

/** Cross-entropy with a share for each class; of a class number, the smoothed one. Classes are axis 1, or 0 of a single axis. */
function ofProbabilities(
  call: Call,
  log: (x: string, axis: number, rank: number) => string,
  target: number,
  bound: Readonly<Record<string, Argument | undefined>>,
): string {
  const shape = call.shape(0);
  const axis = shape.length === 1 ? 0 : 1;
  const [classes, smoothing] = [shape[axis], scalar(bound.label_smoothing, 0)];
  const line = shape.map((length, i) => (i === axis ? length : 1));
  const at = shape.map((length, i) => (i === axis ? 1 : length));
  const numbered = call.input(target).dtype === 'i32';
  const hot = numbered ? call.let(`${reshaped(call.x(target), at)} == ${reshaped(`iota(${classes})`, line)}`) : call.x(target);
  const weight = tensorIndex(bound.weight) === undefined ? '1' : reshaped(call.operand(bound.weight), line);
  const ignored = bound.ignore_index === undefined || !numbered ? '1' : `(${reshaped(call.x(target), at)} != ${literal(scalar(bound.ignore_index, -100))})`;
  const logp = call.let(log(call.operand(bound.input), axis, shape.length));
  const share = call.let(`(${1 - smoothing} * ${hot} + ${smoothing / classes}) * ${weight} * ${ignored}`);
  const each = call.let(`-sum(${logp} * ${share}, axis: ${axis})`);
  const how = string(bound.reduction, 'mean');
  if (how !== 'mean') return text.reduced(each, how);
  // The mean over places; class numbers count with the weight of their class.
  if (numbered) return `sum(${each}) / sum(${hot} * ${weight} * ${ignored})`;
  return `sum(${each}) / ${shape.filter((_, i) => i !== axis).reduce((a, b) => a * b, 1)}`;
}

/** The greatest class's lead over each other, where it is less than the margin: hinges of scores [N, C] (or [C]) and the class. */
const multiMargin: Operator = (call) => {
  const bound = call.bind('input', 'target', 'p', 'margin', 'weight', 'reduction');
  const own = call.shape(0);
  const [rows, classes] = own.length === 2 ? own : [1, own[0] ?? 1];
  const x = call.let(reshaped(call.operand(bound.input), [rows, classes]));
  const hot = call.let(`${reshaped(call.operand(bound.target), [rows, 1])} == iota(${classes})`);
  const right = call.let(`sum(where(${hot}, ${x}, 0), axis: 1, keep: true)`);
  const weight = tensorIndex(bound.weight) === undefined ? '1' : `sum(where(${hot}, ${call.operand(bound.weight)}, 0), axis: 1, keep: true)`;
  const gap = `max(0, ${literal(scalar(bound.margin, 1))} - ${right} + ${x})`;
  const hinge = scalar(bound.p, 1) === 2 ? `${gap} ^ 2` : gap;
  const each = `sum(where(${hot}, 0, ${weight} * ${hinge}), axis: 1) / ${classes}`;
  return text.reduced(own.length === 2 ? each : reshaped(`(${each})`, []), string(bound.reduction, 'mean'));
};

/** Classes of each row up to the first -1, one named twice counting twice; every one of them against every class that is not. */
const multiLabelMargin: Operator = (call) => {
  const bound = call.bind('input', 'target', 'reduction');
  const own = call.shape(0);
  const [rows, classes] = own.length === 2 ? own : [1, own[0] ?? 1];
  const target = call.values(indexOf(bound.target));
  call.operand(bound.target);
  const lists = Array.from({ length: rows }, (_, i) => {
    const row = target.slice(i * classes, (i + 1) * classes);
    return row.includes(-1) ? row.slice(0, row.indexOf(-1)) : row;
  });
  const x = call.let(reshaped(call.operand(bound.input), [rows, classes]));
  const is = call.let(`[${lists.map((l) => `[${Array.from({ length: classes }, (_, c) => l.filter((k) => k === c).length).join(', ')}]`).join(', ')}]`);
  const gaps = `max(0, 1 - reshape(${x}, ${rows}, ${classes}, 1) + reshape(${x}, ${rows}, 1, ${classes}))`;
  const pairs = `reshape(${is}, ${rows}, ${classes}, 1) * (reshape(${is}, ${rows}, 1, ${classes}) == 0)`;
  const each = `sum(${gaps} * ${pairs}, axes: [1, 2]) / ${classes}`;
  return text.reduced(own.length === 2 ? each : reshaped(`(${each})`, []), string(bound.reduction, 'mean'));
};

const triplet: Operator = (call) => {
  const bound = call.bind('anchor', 'positive', 'negative', 'margin', 'p', 'eps', 'swap', 'reduction');
  const [a, b, c] = [call.operand(bound.anchor), call.operand(bound.positive), call.operand(bound.negative)];
  const last = call.shape(0).length - 1;
  const far = (x: string, y: string): string =>
    call.let(text.vectorNorm(call.let(`${x} - ${y} + ${literal(scalar(bound.eps, 1e-6))}`), scalar(bound.p, 2), call.shape(0).length, [last], false));
  const [near, away] = [far(a, b), far(a, c)];
  const other = bound.swap === true ? call.let(`min(${away}, ${far(b, c)})`) : away;
  return text.reduced(`max(0, ${near} - ${other} + ${literal(scalar(bound.margin, 1))})`, string(bound.reduction, 'mean'));
};

/** -log of a Poisson distribution's probability of the target; `full` adds Stirling's formula for its factorial. */
const poisson: Operator = (call) => {
  const bound = call.bind('input', 'target', 'log_input', 'full', 'size_average', 'eps', 'reduce', 'reduction');
  const [x, t] = [call.operand(bound.input), call.operand(bound.target)];
  const each = bound.log_input === false ? `(${x} - ${t} * log(${x} + ${literal(scalar(bound.eps, 1e-8))}))` : `(exp(${x}) - ${t} * ${x})`;
  const held = `where(${t} > 1, ${t}, 1)`;
  const factorial = flag(bound.full) ? ` + where(${t} > 1, ${t} * log(${held}) - ${t} + 0.5 * log(${2 * Math.PI} * ${held}), 0)` : '';
  return text.reduced(`(${each}${factorial})`, string(bound.reduction, 'mean'));
};

export const divergence: Operator = (call) => {
  const bound = call.bind('input', 'target', 'reduction', 'log_target');
  const [x, t] = [call.operand(bound.input), call.operand(bound.target)];
  // 0 log 0 is 0.
  const each = flag(bound.log_target) ? `exp(${t}) * (${t} - ${x})` : `(where(${t} > 0, ${t} * log(where(${t} > 0, ${t}, 1)), 0) - ${t} * ${x})`;
  const how = string(bound.reduction, 'mean');
  return how === 'batchmean' ? `sum(${each}) / ${call.shape(0)[0] ?? 1}` : text.reduced(each, how);
};

export const crossEntropyOf: Operator = (call) => {
  const bound = call.bind('input', 'target', 'weight', 'reduction');
  const [p, t] = [call.operand(bound.input), call.operand(bound.target)];
  const weight = tensorIndex(bound.weight);
  const each = `(${t} * log(${p}) + (1 - ${t}) * log(1 - ${p}))`;
  return text.reduced(`-${weight === undefined ? each : `${call.x(weight)} * ${each}`}`, string(bound.reduction, 'mean'));
};

export const crossEntropyOfLogits: Operator = (call) => {
  const bound = call.bind('input', 'target', 'weight', 'reduction', 'pos_weight');
  const [s, t] = [call.operand(bound.input), call.operand(bound.target)];
  const [weight, positive] = [tensorIndex(bound.weight), tensorIndex(bound.pos_weight)];
  const each = positive === undefined ? `(softplus(${s}) - ${t} * ${s})` : `((1 - ${t}) * softplus(${s}) + ${call.x(positive)} * ${t} * softplus(-${s}))`;
  return text.reduced(weight === undefined ? each : `${call.x(weight)} * ${each}`, string(bound.reduction, 'mean'));
};

export const huber: Operator = loss((x, t, call, { delta }) => {
  const d = scalar(delta, 1);
  const a = call.let(`abs(${x} - ${t})`);
  return `where(${a} < ${d}, 0.5 * ${a} ^ 2, ${d} * (${a} - ${0.5 * d}))`;
}, 'delta');

export const smooth: Operator = loss((x, t, call, { beta }) => {
  const b = scalar(beta, 1);
  const a = call.let(`abs(${x} - ${t})`);
  return b === 0 ? a : `where(${a} < ${b}, ${0.5 / b} * ${a} ^ 2, ${a} - ${0.5 * b})`;
}, 'beta');

/** A loss of two inputs and a target of 1 or -1. */
const ofPair =
  (a: string, b: string, form: (a: string, b: string, t: string, call: Call, bound: Readonly<Record<string, Argument | undefined>>) => string): Operator =>
  (call) => {
    const bound = call.bind(a, b, 'target', 'margin', 'reduction');
    return text.reduced(form(call.operand(bound[a]), call.operand(bound[b]), call.operand(bound.target), call, bound), string(bound.reduction, 'mean'));
  };

export const furtherLosses: Table = {
  'nn.functional.soft_margin_loss': loss((x, t) => `softplus(-${t} * ${x})`),
  'nn.functional.hinge_embedding_loss': loss(
    (x, t, _, { margin }) => `(where(${t} != 1, max(0, ${literal(scalar(margin, 1))} - ${x}), 0) + where(${t} != -1, ${x}, 0))`,
    'margin',
  ),
  'nn.functional.multi_margin_loss': multiMargin,
  'nn.functional.multilabel_margin_loss': multiLabelMargin,
  'nn.functional.triplet_margin_loss': triplet,
  'nn.functional.poisson_nll_loss': poisson,
  'nn.functional.margin_ranking_loss': ofPair('input1', 'input2', (a, b, t, _, { margin }) => {
    return `max(0, -${t} * (${a} - ${b}) + ${literal(scalar(margin, 0))})`;
  }),
  'nn.functional.cosine_embedding_loss': ofPair('input1', 'input2', (a, b, t, call, { margin }) => {
    const rank = call.shape(0).length;
    // PyTorch adds to the squares, where the language holds the lengths up.
    const length = (x: string): string => `(sum(${x} ^ 2, axis: ${rank - 1}) + 1e-12)`;
    const alike = call.let(`sum(${a} * ${b}, axis: ${rank - 1}) / sqrt(${length(a)} * ${length(b)})`);
    return `where(${t} == 1, 1 - ${alike}, max(0, ${alike} - ${literal(scalar(margin, 0))}))`;
  }),
  'nn.functional.gaussian_nll_loss': (call) => {
    const bound = call.bind('input', 'target', 'var', 'full', 'eps', 'reduction');
    const variance = call.let(`max(${call.operand(bound.var)}, ${literal(scalar(bound.eps, 1e-6))})`);
    const constant = flag(bound.full) ? ` + ${0.5 * Math.log(2 * Math.PI)}` : '';
    const each = `(0.5 * (log(${variance}) + (${call.operand(bound.input)} - ${call.operand(bound.target)}) ^ 2 / ${variance})${constant})`;
    return text.reduced(each, string(bound.reduction, 'mean'));
  },
  'nn.functional.multilabel_soft_margin_loss': (call) => {
    const bound = call.bind('input', 'target', 'weight', 'reduction');
    const [x, t] = [call.operand(bound.input), call.operand(bound.target)];
    const weight = tensorIndex(bound.weight);
    const each = `(${t} * softplus(-${x}) + (1 - ${t}) * softplus(${x}))`;
    const last = call.shape(0).length - 1;
    return text.reduced(`mean(${weight === undefined ? each : `${call.x(weight)} * ${each}`}, axis: ${last})`, string(bound.reduction, 'mean'));
  },
};
