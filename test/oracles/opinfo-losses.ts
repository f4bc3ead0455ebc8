/** PyTorch's losses. */

import { type Call, Inexpressible, literal, type Operator, type Table, tensorIndex } from './call.js';
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
    if (bound.label_smoothing) throw new Inexpressible('label smoothing');
    if (call.input(target).dtype !== 'i32') throw new Inexpressible('targets that are probabilities');
    const shape = call.shape(0);
    return text.negativeLogLikelihood(call, log(call.operand(bound.input), shape.length === 1 ? 0 : 1, shape.length), shape, target, {
      weight: tensorIndex(bound.weight),
      ignore: bound.ignore_index === undefined ? undefined : scalar(bound.ignore_index, -100),
      reduction: string(bound.reduction, 'mean'),
    });
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
  'nn.functional.hinge_embedding_loss': loss((x, t, _, { margin }) => `where(${t} == 1, ${x}, max(0, ${literal(scalar(margin, 1))} - ${x}))`, 'margin'),
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
