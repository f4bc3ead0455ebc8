/**
 * Simplification of elementwise operations. Each rule keeps the value for every argument, NaN and infinity included, up to rounding.
 * So `0 * x` stays: it is NaN where x is infinite or NaN, and a guard must see that. (Derivatives make no such products:
 * a zero cotangent goes no further.)
 */
import type { Builder } from '../graph/builder.js';
import type { BinaryName, CompareName, DType, Node, UnaryName } from '../graph/node.js';
import { binaryRules, castValue, compareRules } from '../graph/ops/binary.js';
import { unaryRules } from '../graph/ops/unary.js';
import { wrap } from '../graph/tensor.js';
import { binaryOf, compareOf, constantOf, fromConstant, isConstant, operationOf, unaryOf, withConstant } from './match.js';

export function simplifyUnary(b: Builder, name: UnaryName, x: Node): Node | undefined {
  const value = constantOf(b, x);
  if (value !== undefined) {
    const dtype = unaryRules[name].result ?? x.dtype;
    return b.constant(wrap(unaryRules[name].value(value), dtype), x.shape, dtype);
  }
  switch (name) {
    case 'neg':
      return simplifyNegation(b, x);
    case 'not':
      return unaryOf(b, x, 'not');
    case 'abs': {
      const inner = unaryOf(b, x, 'neg');
      return inner ? b.unary('abs', inner) : unaryOf(b, x, 'abs') && x;
    }
    case 'stop':
      return unaryOf(b, x, 'stop') && x;
    default:
      return undefined;
  }
}

/** A minus moves into what is under it, or away. */
function simplifyNegation(b: Builder, x: Node): Node | undefined {
  const inner = unaryOf(b, x, 'neg');
  if (inner) return inner;
  const difference = binaryOf(b, x, 'sub');
  if (difference) return b.binary('sub', difference[1], difference[0]);
  const product = withConstant(b, x, 'mul');
  if (product) return b.binary('mul', product.x, b.fill(x, -product.c));
  const sum = withConstant(b, x, 'add');
  if (sum) return b.binary('sub', b.fill(x, -sum.c), sum.x);
  const quotient = fromConstant(b, x, 'div');
  if (quotient && x.dtype === 'f32') return b.binary('div', b.fill(x, -quotient.c), quotient.x);
  return undefined;
}

const COMMUTATIVE: ReadonlySet<BinaryName> = new Set<BinaryName>(['add', 'mul', 'max', 'min', 'and', 'or']);

/** Constants stand on the right; otherwise the older node comes first, so that x + y and y + x are one node. */
function misplaced(b: Builder, x: Node, y: Node): boolean {
  if (constantOf(b, y) !== undefined) return false;
  return constantOf(b, x) !== undefined || x.id > y.id;
}

export function simplifyBinary(b: Builder, name: BinaryName, x: Node, y: Node): Node | undefined {
  const [p, q] = [constantOf(b, x), constantOf(b, y)];
  if (p !== undefined && q !== undefined) return b.fill(x, wrap(binaryRules[name].value(p, q, x.dtype), x.dtype));
  if (COMMUTATIVE.has(name) && misplaced(b, x, y)) return b.binary(name, y, x);
  switch (name) {
    case 'add':
      return simplifySum(b, x, y, q);
    case 'sub':
      return simplifyDifference(b, x, y, p, q);
    case 'mul':
      return simplifyProduct(b, x, y, q);
    case 'div':
      return simplifyQuotient(b, x, y, p, q);
    case 'pow':
      return q === undefined ? undefined : constantPower(b, x, q);
    case 'max':
    case 'min':
      return x === y ? x : undefined;
    case 'and':
      return x === y || q === 1 ? x : q === 0 ? y : undefined;
    case 'or':
      return x === y || q === 0 ? x : q === 1 ? y : undefined;
    case 'mod':
      return undefined;
  }
}

function constantLike(b: Builder, like: Node, value: number): Node {
  return b.fill(like, wrap(value, like.dtype));
}

function simplifySum(b: Builder, x: Node, y: Node, c: number | undefined): Node | undefined {
  if (c === 0) return x;
  if (c !== undefined) {
    // (x + c1) + c2 and (c1 - x) + c2: one constant.
    const sum = withConstant(b, x, 'add');
    if (sum) return b.binary('add', sum.x, constantLike(b, x, sum.c + c));
    const difference = fromConstant(b, x, 'sub');
    if (difference) return b.binary('sub', constantLike(b, x, difference.c + c), difference.x);
  }
  const minusX = unaryOf(b, x, 'neg');
  if (minusX) return b.binary('sub', y, minusX);
  const minusY = unaryOf(b, y, 'neg');
  if (minusY) return b.binary('sub', x, minusY);
  if (x === y) return b.binary('mul', x, b.fill(x, 2));
  return undefined;
}

function simplifyDifference(b: Builder, x: Node, y: Node, p: number | undefined, q: number | undefined): Node | undefined {
  if (q !== undefined) return b.binary('add', x, constantLike(b, x, -q));
  if (p === 0 && x.dtype !== 'u32') return b.unary('neg', y);
  if (p !== undefined) {
    const sum = withConstant(b, y, 'add');
    if (sum) return b.binary('sub', constantLike(b, x, p - sum.c), sum.x);
    const difference = fromConstant(b, y, 'sub');
    if (difference) return b.binary('add', difference.x, constantLike(b, x, p - difference.c));
  }
  const minusY = unaryOf(b, y, 'neg');
  if (minusY) return b.binary('add', x, minusY);
  const minusX = unaryOf(b, x, 'neg');
  if (minusX) return b.unary('neg', b.binary('add', minusX, y));
  return undefined;
}

function simplifyProduct(b: Builder, x: Node, y: Node, c: number | undefined): Node | undefined {
  if (c === 1) return x;
  if (c === 0 && x.dtype !== 'f32') return y;
  if (c === -1 && x.dtype !== 'u32') return b.unary('neg', x);
  if (c !== undefined) {
    const product = withConstant(b, x, 'mul');
    if (product) return b.binary('mul', product.x, constantLike(b, x, binaryRules.mul.value(product.c, c, x.dtype)));
    const quotient = x.dtype === 'f32' ? fromConstant(b, x, 'div') : undefined;
    if (quotient) return b.binary('div', b.fill(x, quotient.c * c), quotient.x);
    const minus = unaryOf(b, x, 'neg');
    if (minus) return b.binary('mul', minus, constantLike(b, x, -c));
  }
  const minusX = unaryOf(b, x, 'neg');
  const minusY = unaryOf(b, y, 'neg');
  if (minusX || minusY) {
    const product = b.binary('mul', minusX ?? x, minusY ?? y);
    return minusX && minusY ? product : b.unary('neg', product);
  }
  // A square of a choice is a choice of squares: it meets the rules for each branch.
  if (x === y && operationOf(b, x, 'select')) {
    const [condition, then, otherwise] = x.inputs;
    return b.select(condition, b.binary('mul', then, then), b.binary('mul', otherwise, otherwise));
  }
  return undefined;
}

function simplifyQuotient(b: Builder, x: Node, y: Node, p: number | undefined, q: number | undefined): Node | undefined {
  if (q === 1) return x;
  if (x.dtype !== 'f32') return undefined;
  // A product is cheaper than a quotient; where the reciprocal is a normal f32, the two differ by an ulp.
  if (q !== undefined && Math.abs(q) > 1e-37 && Math.abs(q) < 1e37) return b.binary('mul', x, b.fill(x, 1 / q));
  const minusX = unaryOf(b, x, 'neg');
  if (minusX) return b.unary('neg', b.binary('div', minusX, y));
  const minusY = unaryOf(b, y, 'neg');
  if (minusY) return b.unary('neg', b.binary('div', x, minusY));
  const root = unaryOf(b, y, 'sqrt');
  if (root && p !== undefined) return b.binary('mul', b.unary('rsqrt', root), x);
  return undefined;
}

/** Small whole and half exponents: products and roots, which are exact for negative bases and cheap. */
function constantPower(b: Builder, x: Node, exponent: number): Node | undefined {
  if (exponent === 0) return b.fill(x, 1);
  if (exponent === 0.5) return b.unary('sqrt', x);
  if (exponent === -0.5) return b.unary('rsqrt', x);
  if (exponent === 1.5) return b.binary('mul', x, b.unary('sqrt', x));
  if (!Number.isInteger(exponent) || Math.abs(exponent) > 16) return undefined;
  if (exponent < 0) return b.binary('div', b.fill(x, 1), wholePower(b, x, -exponent));
  return wholePower(b, x, exponent);
}

function wholePower(b: Builder, x: Node, exponent: number): Node {
  if (exponent === 1) return x;
  const half = wholePower(b, x, Math.floor(exponent / 2));
  const square = b.binary('mul', half, half);
  return exponent % 2 === 0 ? square : b.binary('mul', square, x);
}

export function simplifyCompare(b: Builder, name: CompareName, x: Node, y: Node): Node | undefined {
  const [p, q] = [constantOf(b, x), constantOf(b, y)];
  if (p !== undefined && q !== undefined) return b.constant(compareRules[name].value(p, q) ? 1 : 0, x.shape, 'bool');
  return name === 'eq' && misplaced(b, x, y) ? b.compare('eq', y, x) : undefined;
}

export function simplifySelect(b: Builder, condition: Node, x: Node, y: Node): Node | undefined {
  const known = constantOf(b, condition);
  if (known !== undefined) return known !== 0 ? x : y;
  if (x === y) return x;
  const inverted = unaryOf(b, condition, 'not');
  if (inverted) return b.select(inverted, y, x);
  if (x.dtype === 'bool' && isConstant(b, x, 1) && isConstant(b, y, 0)) return condition;
  // A choice inside a branch on the same condition is decided.
  if (operationOf(b, x, 'select') && x.inputs[0] === condition) return b.select(condition, x.inputs[1], y);
  if (operationOf(b, y, 'select') && y.inputs[0] === condition) return b.select(condition, x, y.inputs[2]);
  // x where x is 0, else y = x.
  const equal = compareOf(b, condition, 'eq');
  if (equal && isConstant(b, x, 0) && isConstant(b, equal[1], 0) && equal[0] === y) return y;
  return undefined;
}

export function simplifyCast(b: Builder, x: Node, to: DType): Node | undefined {
  if (x.dtype === to) return x;
  const value = constantOf(b, x);
  if (value !== undefined) return b.constant(castValue(value, x.dtype, to), x.shape, to);
  // 0 and 1 survive every dtype in between.
  if (operationOf(b, x, 'cast') && x.inputs[0].dtype === 'bool') return b.cast(x.inputs[0], to);
  return undefined;
}
