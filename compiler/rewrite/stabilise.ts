/**
 * Stable forms. The paper's formula, `log(1 - D(x))` with D ending in a sigmoid, is safe to write: where a logarithm meets what is an
 * exponential underneath, the two cancel before either is computed. The rules act when a node is built, hence before differentiation, so
 * the gradient is that of the stable form. They see through index maps (reshape, permute, broadcast, slice, reverse), concatenation and `select`.
 * Each keeps the value wherever the written form has one.
 */
import type { Builder, Rewrite } from '../graph/builder.js';
import type { Node } from '../graph/node.js';
import { binaryOf, constantOf, fromConstant, isConstant, movementOf, operationOf, unaryOf, underMovement, withConstant } from './match.js';

/** How many products, quotients and the like a rule looks through. */
const DEPTH = 6;

export const stabilise: Rewrite = (b, operation, inputs) => {
  const [x, y] = inputs;
  if (operation.op === 'unary') {
    if (operation.name === 'log') return stableLog(b, x, DEPTH);
    if (operation.name === 'log1p') return stableLog1p(b, x);
    return undefined;
  }
  if (operation.op !== 'binary' || x.dtype !== 'f32') return undefined;
  switch (operation.name) {
    case 'sub':
      return isConstant(b, x, 1) ? complement(b, y, DEPTH) : undefined;
    case 'add':
      return stableSum(b, x, y);
    case 'mul':
      return x === y ? squareOfRoot(b, x) : halfOfTanh(b, x, y);
    case 'div':
      return logistic(b, x, y);
    default:
      return undefined;
  }
};

const minus = (b: Builder, x: Node): Node => b.unary('neg', x);
const plus = (b: Builder, x: Node, c: number): Node => b.binary('add', x, b.fill(x, c));
const softplus = (b: Builder, x: Node): Node => b.unary('softplus', x);

/** log(sigmoid(a)) = -softplus(-a). */
const logSigmoid = (b: Builder, a: Node): Node => minus(b, softplus(b, minus(b, a)));

/** The logarithm of a value that is an exponential underneath; undefined where there is nothing to cancel. */
function stableLog(b: Builder, x: Node, depth: number): Node | undefined {
  if (depth === 0 || b.isKept(x)) return undefined;
  const moved = movementOf(b, x);
  if (moved) {
    const inner = stableLog(b, moved.inner, depth);
    return inner && moved.apply(inner);
  }
  switch (x.operation.op) {
    case 'unary':
      return logOfUnary(b, x, depth);
    case 'binary':
      return logOfProduct(b, x, depth) ?? logOfSum(b, x);
    case 'sum':
      return logOfReduced(b, x);
    case 'concat': {
      const logs = x.inputs.map((part) => stableLog(b, part, depth - 1));
      if (logs.every((log) => log === undefined)) return undefined;
      return b.concat(
        logs.map((log, i) => log ?? b.unary('log', x.inputs[i])),
        x.operation.axis,
      );
    }
    case 'select': {
      // Both branches, or the log of the branch not taken may be infinite, and its derivative no number.
      const logs = x.inputs.slice(1).map((part) => stableLog(b, part, depth - 1) ?? logOfPositive(b, part));
      if (!logs[0] || !logs[1] || x.inputs.slice(1).every((part) => constantOf(b, part) !== undefined)) return undefined;
      return b.select(x.inputs[0], logs[0], logs[1]);
    }
    default:
      return undefined;
  }
}

function logOfPositive(b: Builder, x: Node): Node | undefined {
  const value = constantOf(b, x);
  return value !== undefined && value > 0 ? b.fill(x, Math.log(value)) : undefined;
}

function logOfUnary(b: Builder, x: Node, depth: number): Node | undefined {
  const [a] = x.inputs;
  if (unaryOf(b, x, 'sigmoid')) return logSigmoid(b, a);
  if (unaryOf(b, x, 'exp')) return a;
  const exponent = unaryOf(b, x, 'sqrt') ? 0.5 : unaryOf(b, x, 'rsqrt') ? -0.5 : unaryOf(b, x, 'stop') ? 1 : undefined;
  if (exponent === undefined) return undefined;
  const inner = stableLog(b, a, depth - 1);
  if (!inner) return undefined;
  return exponent === 1 ? b.unary('stop', inner) : b.scale(inner, exponent);
}

/** Of a product or quotient with at least one side that cancels; such a side is positive, so the logarithm of the other exists where the whole does. */
function logOfProduct(b: Builder, x: Node, depth: number): Node | undefined {
  for (const [name, combine] of [
    ['mul', 'add'],
    ['div', 'sub'],
  ] as const) {
    const pair = binaryOf(b, x, name);
    if (!pair) continue;
    const logs = pair.map((side) => stableLog(b, side, depth - 1));
    if (!logs[0] && !logs[1]) continue;
    return b.binary(combine, logs[0] ?? b.unary('log', pair[0]), logs[1] ?? b.unary('log', pair[1]));
  }
  const power = binaryOf(b, x, 'pow');
  const base = power && stableLog(b, power[0], depth - 1);
  return power && base && b.binary('mul', base, power[1]);
}

/** log(1 + exp a), log(exp a + exp c), log(1 + tanh a), log(1 - tanh a), log(1 - tanh(a)^2). */
function logOfSum(b: Builder, x: Node): Node | undefined {
  const sum = withConstant(b, x, 'add');
  if (sum?.c === 1) {
    const { core, apply } = underMovement(b, sum.x);
    const exponent = unaryOf(b, core, 'exp');
    if (exponent) return apply(softplus(b, exponent));
    const angle = unaryOf(b, core, 'tanh');
    // 1 + tanh a = 2 sigmoid(2a).
    if (angle) return apply(plus(b, logSigmoid(b, b.scale(angle, 2)), Math.LN2));
  }
  const pair = binaryOf(b, x, 'add');
  if (pair) {
    const [a, c] = pair.map((side) => unaryOf(b, side, 'exp'));
    if (a && c) return b.binary('add', c, softplus(b, b.binary('sub', a, c)));
  }
  const difference = fromConstant(b, x, 'sub');
  if (difference?.c === 1) {
    const { core, apply } = underMovement(b, difference.x);
    const angle = unaryOf(b, core, 'tanh');
    if (angle) return apply(plus(b, logSigmoid(b, b.scale(angle, -2)), Math.LN2));
    const square = binaryOf(b, core, 'mul');
    const squared = square && square[0] === square[1] ? unaryOf(b, square[0], 'tanh') : undefined;
    // 1 - tanh(a)^2 = 4 sigmoid(2a) sigmoid(-2a).
    if (squared) {
      const both = b.binary('add', logSigmoid(b, b.scale(squared, 2)), logSigmoid(b, b.scale(squared, -2)));
      return apply(plus(b, both, 2 * Math.LN2));
    }
  }
  return undefined;
}

/** log(sum(exp u)) = m + log(sum(exp(u - m))), m the largest u; m is a constant to the derivative, which it does not change. */
function logOfReduced(b: Builder, x: Node): Node | undefined {
  const sum = operationOf(b, x, 'sum');
  const exponent = sum && unaryOf(b, x.inputs[0], 'exp');
  if (!sum || !exponent || isShifted(b, exponent)) return undefined;
  const largest = b.unary('stop', b.max(exponent, sum.axes));
  const kept = exponent.shape.map((n, axis) => (sum.axes.includes(axis) ? 1 : n));
  const shifted = b.binary('sub', exponent, b.broadcastTo(b.reshape(largest, kept), exponent.shape));
  return b.binary('add', b.unary('log', b.sum(b.unary('exp', shifted), sum.axes)), largest);
}

/** Whether a largest value has been taken off already. */
function isShifted(b: Builder, u: Node): boolean {
  const pair = binaryOf(b, u, 'sub');
  if (!pair) return false;
  const { core } = underMovement(b, pair[1]);
  const inner = unaryOf(b, core, 'stop') ?? core;
  return underMovement(b, inner).core.operation.op === 'max';
}

/** log1p(exp a) = softplus(a); log1p(-p) = log(1 - p) where 1 - p is an exponential underneath. */
function stableLog1p(b: Builder, x: Node): Node | undefined {
  const { core, apply } = underMovement(b, x);
  const exponent = unaryOf(b, core, 'exp');
  if (exponent) return apply(softplus(b, exponent));
  const negated = unaryOf(b, core, 'neg');
  const rest = negated && complement(b, negated, DEPTH);
  const log = rest && stableLog(b, rest, DEPTH);
  return log && apply(log);
}

/** 1 - p without the cancellation: of a sigmoid, an exponential, or index maps, concatenations and choices of them. */
function complement(b: Builder, p: Node, depth: number): Node | undefined {
  if (depth === 0 || b.isKept(p)) return undefined;
  const moved = movementOf(b, p);
  if (moved) {
    const inner = complement(b, moved.inner, depth);
    return inner && moved.apply(inner);
  }
  const logit = unaryOf(b, p, 'sigmoid');
  if (logit) return b.unary('sigmoid', minus(b, logit));
  const exponent = unaryOf(b, p, 'exp');
  if (exponent) return minus(b, b.unary('expm1', exponent));
  const power = binaryOf(b, p, 'pow');
  const base = power && constantOf(b, power[0]);
  // A constant to a power, as in Adam's 1 - beta^step.
  if (power && base !== undefined && base > 0) return minus(b, b.unary('expm1', b.scale(power[1], Math.log(base))));
  const stopped = unaryOf(b, p, 'stop');
  if (stopped) {
    const inner = complement(b, stopped, depth - 1);
    return inner && b.unary('stop', inner);
  }
  const concat = operationOf(b, p, 'concat');
  if (concat || operationOf(b, p, 'select')) {
    const parts = concat ? p.inputs : p.inputs.slice(1);
    const rests = parts.map((part) => complement(b, part, depth - 1));
    if (rests.every((rest) => rest === undefined)) return undefined;
    const all = rests.map((rest, i) => rest ?? b.binary('sub', b.fill(parts[i], 1), parts[i]));
    return concat ? b.concat(all, concat.axis) : b.select(p.inputs[0], all[0], all[1]);
  }
  return undefined;
}

/** p - 1 = -(1 - p); tanh(a) / 2 + 1/2 = sigmoid(2a). */
function stableSum(b: Builder, x: Node, y: Node): Node | undefined {
  const c = constantOf(b, y);
  if (c === -1) {
    const { core, apply } = underMovement(b, x);
    const exponent = unaryOf(b, core, 'exp');
    if (exponent) return apply(b.unary('expm1', exponent));
    if (unaryOf(b, core, 'sigmoid')) {
      const rest = complement(b, core, 1);
      return rest && apply(minus(b, rest));
    }
  }
  const half = c === 0.5 ? withConstant(b, x, 'mul') : undefined;
  if (half?.c !== 0.5) return undefined;
  const { core, apply } = underMovement(b, half.x);
  const angle = unaryOf(b, core, 'tanh');
  return angle && apply(b.unary('sigmoid', b.scale(angle, 2)));
}

/** (tanh(a) + 1) / 2 = sigmoid(2a). */
function halfOfTanh(b: Builder, x: Node, y: Node): Node | undefined {
  if (!isConstant(b, y, 0.5)) return undefined;
  const outer = underMovement(b, x);
  const sum = withConstant(b, outer.core, 'add');
  if (sum?.c !== 1) return undefined;
  const inner = underMovement(b, sum.x);
  const angle = unaryOf(b, inner.core, 'tanh');
  return angle && outer.apply(inner.apply(b.unary('sigmoid', b.scale(angle, 2))));
}

/** c / (1 + exp u) = c sigmoid(-u), exp(u) / (1 + exp u) = sigmoid(u). */
function logistic(b: Builder, x: Node, y: Node): Node | undefined {
  const sum = withConstant(b, y, 'add');
  const exponent = sum?.c === 1 ? unaryOf(b, sum.x, 'exp') : undefined;
  if (!exponent) return undefined;
  if (unaryOf(b, x, 'exp') === exponent) return b.unary('sigmoid', exponent);
  return constantOf(b, x) === undefined ? undefined : b.binary('mul', b.unary('sigmoid', minus(b, exponent)), x);
}

/** sqrt(x)^2 = x where x is never negative: a squared norm has no square root, and its derivative at 0 no infinity. */
function squareOfRoot(b: Builder, x: Node): Node | undefined {
  const { core, apply } = underMovement(b, x);
  const inner = unaryOf(b, core, 'sqrt');
  if (inner) return isNonNegative(inner, DEPTH) ? apply(inner) : undefined;
  const chosen = operationOf(b, core, 'select') && core.inputs.some((branch) => unaryOf(b, branch, 'sqrt'));
  return chosen && core !== x ? apply(b.binary('mul', core, core)) : undefined;
}

const NON_NEGATIVE = new Set(['abs', 'exp', 'sqrt', 'rsqrt', 'sigmoid', 'softplus']);

function isNonNegative(x: Node, depth: number): boolean {
  if (depth === 0) return false;
  const every = (nodes: readonly Node[]): boolean => nodes.every((node) => isNonNegative(node, depth - 1));
  const { operation, inputs } = x;
  switch (operation.op) {
    case 'constant':
      return operation.value >= 0;
    case 'unary':
      return NON_NEGATIVE.has(operation.name) || (operation.name === 'stop' && every(inputs));
    case 'binary':
      if (operation.name === 'mul' && inputs[0] === inputs[1]) return true;
      return ['add', 'mul', 'div', 'min'].includes(operation.name)
        ? every(inputs)
        : operation.name === 'max' && inputs.some((side) => isNonNegative(side, depth - 1));
    case 'select':
      return every(inputs.slice(1));
    case 'sum':
    case 'max':
    case 'reshape':
    case 'broadcast':
    case 'permute':
    case 'slice':
    case 'reverse':
    case 'pad':
    case 'concat':
      return every(inputs);
    default:
      return false;
  }
}
