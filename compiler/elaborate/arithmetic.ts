/** Operators on values: exact arithmetic on sizes, broadcasting on tensors, field by field on records. */
import type { BinaryOp } from '../../grammar/ast.js';
import type { Span } from '../../grammar/source.js';
import type { BinaryName, DType, Node, Shape, UnaryName } from '../graph/node.js';
import { sameShape } from '../graph/primitive.js';
import { constantOf } from '../rewrite/match.js';
import type { Elaborator } from './elaborator.js';
import * as messages from './messages.js';
import { isListLength } from './sizes.js';
import { bool, describe, list, logicalShape, type NumberValue, number, POISON, type TensorValue, tensor, type Value } from './values.js';

/** Numpy's rule, aligned right; undefined where the shapes do not fit. */
export function broadcastShapes(a: Shape, b: Shape): Shape | undefined {
  const rank = Math.max(a.length, b.length);
  const result: number[] = [];
  for (let i = 0; i < rank; i++) {
    const x = a[a.length - rank + i] ?? 1;
    const y = b[b.length - rank + i] ?? 1;
    if (x !== y && x !== 1 && y !== 1) return undefined;
    result.push(x === 1 ? y : x);
  }
  return result;
}

/** The node of a value at a logical shape that its own broadcasts to; batched as asked. */
export function expand(e: Elaborator, value: TensorValue, shape: Shape, batched: boolean): Node {
  const own = logicalShape(value);
  const constant = constantOf(e.builder, value.node);
  if (constant !== undefined)
    return e.builder.constant(constant, batched ? [value.batched ? value.node.shape[0] : e.evaluation.batch, ...shape] : shape, value.node.dtype);
  if (batched === value.batched && sameShape(own, shape)) return value.node;
  const padded = [...new Array<number>(shape.length - own.length).fill(1), ...own];
  if (!batched) return e.builder.broadcastTo(e.builder.reshape(value.node, padded), shape);
  const rows = value.batched ? value.node.shape[0] : 1;
  return e.builder.broadcastTo(e.builder.reshape(value.node, [rows, ...padded]), [value.batched ? rows : e.evaluation.batch, ...shape]);
}

/** Several tensors at their common shape; undefined where they have none. */
export function align(e: Elaborator, values: readonly TensorValue[]): { nodes: Node[]; batched: boolean } | undefined {
  let shape: Shape | undefined = [];
  for (const value of values) {
    shape = broadcastShapes(shape, logicalShape(value));
    if (!shape) return undefined;
  }
  const batched = values.some((v) => v.batched);
  const common = shape;
  return { nodes: values.map((v) => expand(e, v, common, batched)), batched };
}

/** A number or bool as a scalar tensor; tensors as they are; poison where neither. */
export function toTensor(e: Elaborator, value: Value, span: Span): TensorValue | undefined {
  const forced = e.force(value);
  switch (forced.kind) {
    case 'tensor':
      return forced;
    case 'number':
      return tensor(e.builder.constant(forced.value), false);
    case 'bool':
      return tensor(e.builder.constant(forced.value ? 1 : 0, [], 'bool'), false);
    case 'list': {
      const items = forced.items.map((item) => toTensor(e, item, span));
      if (items.some((item) => !item)) return undefined;
      return stack(e, items as TensorValue[], span);
    }
    case 'poison':
      return undefined;
    default:
      e.fail(span, messages.notATensor(describe(forced)));
      return undefined;
  }
}

/** Values of equal shapes along a new first axis. */
export function stack(e: Elaborator, items: readonly TensorValue[], span: Span): TensorValue | undefined {
  const aligned = align(e, items);
  if (!aligned || items.length === 0) {
    e.fail(span, messages.shapesDiffer('a list', items.map(logicalShape)));
    return undefined;
  }
  const axis = aligned.batched ? 1 : 0;
  const nodes = aligned.nodes.map((node) => e.builder.reshape(asFloat(e, node), [...node.shape.slice(0, axis), 1, ...node.shape.slice(axis)]));
  return tensor(nodes.length === 1 ? nodes[0] : e.builder.concat(nodes, axis), aligned.batched);
}

export function asFloat(e: Elaborator, node: Node): Node {
  return node.dtype === 'f32' ? node : e.builder.cast(node, 'f32');
}

const arithmetic: Partial<Record<BinaryOp, BinaryName>> = { '+': 'add', '-': 'sub', '*': 'mul', '/': 'div', '%': 'mod', '^': 'pow' };

export function binary(e: Elaborator, op: BinaryOp, leftValue: Value, rightValue: Value, span: Span): Value {
  const equality = op === '==' || op === '!=';
  // An initialiser that waits for its shape is something, too.
  if (equality && [leftValue, rightValue].some((v) => v.kind === 'none') && [leftValue, rightValue].every((v) => v.kind !== 'poison'))
    return bool((leftValue.kind === rightValue.kind) === (op === '=='));
  const left = e.force(leftValue);
  const right = e.force(rightValue);
  if (left.kind === 'poison' || right.kind === 'poison') return POISON;
  if (left.kind === 'record' || right.kind === 'record') return onRecords(e, left, right, span, (a, b) => binary(e, op, a, b, span));
  if (left.kind === 'number' && right.kind === 'number') return onNumbers(e, op, left, right, span);
  if (equality && left.kind !== 'tensor' && right.kind !== 'tensor') return bool(same(left, right) === (op === '=='));
  if ((op === 'and' || op === 'or') && left.kind === 'bool' && right.kind === 'bool')
    return bool(op === 'and' ? left.value && right.value : left.value || right.value);
  if (op === '+' && left.kind === 'list' && right.kind === 'list') return list([...left.items, ...right.items]);
  if (op === '*' && left.kind === 'list' && right.kind === 'number' && right.exact && !isListLength(e, right.value * left.items.length, span)) return POISON;
  if (op === '*' && left.kind === 'list' && right.kind === 'number' && right.exact) return list(Array.from({ length: right.value }, () => left.items).flat());
  for (const side of [left, right]) {
    if (side.kind !== 'tensor' && side.kind !== 'number' && side.kind !== 'bool' && side.kind !== 'list')
      return e.fail(span, messages.badOperand(op, describe(side)));
  }
  const a = toTensor(e, left, span);
  const b = toTensor(e, right, span);
  if (!a || !b) return POISON;
  const aligned = align(e, [a, b]);
  if (!aligned) return e.fail(span, messages.cannotBroadcast(op, logicalShape(a), logicalShape(b)));
  if (op === '^' && right.kind === 'number' && !Number.isInteger(right.value)) e.noted.domain(e, `^ ${right.value}`, asFloat(e, a.node), span);
  return tensor(onNodes(e, op, aligned.nodes[0], aligned.nodes[1], right), aligned.batched);
}

function onNodes(e: Elaborator, op: BinaryOp, a: Node, b: Node, right: Value): Node {
  const g = e.builder;
  if (op === 'and' || op === 'or') return g.binary(op, truth(e, a), truth(e, b));
  const integers = a.dtype === b.dtype && a.dtype === 'i32' && op !== '/' && op !== '^';
  const x = integers ? a : asFloat(e, a);
  const y = integers ? b : asFloat(e, b);
  switch (op) {
    case '<':
      return g.compare('lt', x, y);
    case '<=':
      return g.compare('le', x, y);
    case '>':
      return g.compare('lt', y, x);
    case '>=':
      return g.compare('le', y, x);
    case '==':
      return g.compare('eq', x, y);
    case '!=':
      return g.unary('not', g.compare('eq', x, y));
    // A square is a product: its derivatives are exact at 0, to any order.
    case '^':
      if (right.kind === 'number' && right.value === 2) return g.binary('mul', x, x);
      break;
  }
  return g.binary(arithmetic[op] as BinaryName, x, y);
}

function truth(e: Elaborator, node: Node): Node {
  return node.dtype === 'bool' ? node : e.builder.cast(node, 'bool');
}

function onNumbers(e: Elaborator, op: BinaryOp, left: NumberValue, right: NumberValue, span: Span): Value {
  const a = left.value;
  const b = right.value;
  const exact = left.exact && right.exact;
  // Once a division has left a rest, what follows is no size, even where it happens to be whole again.
  const why = left.why ?? right.why;
  const result = (value: number): Value => {
    if (!Number.isFinite(value)) return e.fail(span, messages.notFinite(op, a, b));
    return why === undefined ? number(value, exact && Number.isSafeInteger(value)) : { kind: 'number', value, exact: false, why };
  };
  switch (op) {
    case '+':
      return result(a + b);
    case '-':
      return result(a - b);
    case '*':
      return result(a * b);
    case '%':
      return b === 0 ? e.fail(span, messages.notFinite(op, a, b)) : result(((a % b) + b) % b);
    case '^':
      return result(a ** b);
    case '/':
      if (b === 0) return e.fail(span, messages.notFinite(op, a, b));
      if (exact && a % b !== 0) return { kind: 'number', value: a / b, exact: false, why: `${a} / ${b} leaves a rest` };
      return result(a / b);
    case '==':
      return bool(a === b);
    case '!=':
      return bool(a !== b);
    case '<':
      return bool(a < b);
    case '<=':
      return bool(a <= b);
    case '>':
      return bool(a > b);
    case '>=':
      return bool(a >= b);
    case 'and':
    case 'or':
      return e.fail(span, messages.badOperand(op, describe(left)));
  }
}

/** Equality of static values; values of different kinds differ. */
function same(a: Value, b: Value): boolean {
  if (a.kind !== b.kind) return false;
  switch (a.kind) {
    case 'number':
      return a.value === (b as NumberValue).value;
    case 'string':
      return a.text === (b as { text: string }).text;
    case 'bool':
      return a.value === (b as { value: boolean }).value;
    case 'list': {
      const other = (b as { items: readonly Value[] }).items;
      return a.items.length === other.length && a.items.every((item, i) => same(item, other[i]));
    }
    default:
      return a === b || a.kind === 'none' || a.kind === 'batch';
  }
}

/** Field by field; a plain value goes with every field; differing fields are an error. */
export function onRecords(e: Elaborator, left: Value, right: Value, span: Span, apply: (a: Value, b: Value) => Value): Value {
  const fields = new Map<string, Value>();
  if (left.kind === 'record' && right.kind === 'record') {
    const a = [...left.fields.keys()];
    const b = [...right.fields.keys()];
    if (a.length !== b.length || a.some((name) => !right.fields.has(name))) return e.fail(span, messages.recordsDiffer(a, b));
  }
  const names = (left.kind === 'record' ? left : (right as typeof left & { kind: 'record' })).fields.keys();
  for (const name of names) {
    const a = left.kind === 'record' ? (left.fields.get(name) as Value) : left;
    const b = right.kind === 'record' ? (right.fields.get(name) as Value) : right;
    fields.set(name, apply(a, b));
  }
  return { kind: 'record', fields };
}

/** An elementwise function, on numbers, tensors and records alike. */
export function elementwise(e: Elaborator, name: UnaryName, argument: Value, span: Span): Value {
  const value = e.force(argument);
  if (value.kind === 'poison') return POISON;
  if (value.kind === 'record') {
    const fields = new Map<string, Value>();
    for (const [field, inner] of value.fields) fields.set(field, elementwise(e, name, inner, span));
    return { kind: 'record', fields };
  }
  if (value.kind === 'bool' && name === 'not') return bool(!value.value);
  if (value.kind === 'number') {
    const known = staticFunctions[name];
    if (known) {
      const result = known(value.value);
      const whole = name === 'neg' || name === 'abs' || name === 'sign' ? value.exact : name === 'floor' || name === 'ceil' || name === 'round';
      return Number.isFinite(result) ? number(result, whole && Number.isSafeInteger(result)) : e.fail(span, messages.outsideDomain(name, value.value));
    }
  }
  const t = toTensor(e, value, span);
  if (!t) return POISON;
  const node = name === 'not' ? truth(e, t.node) : keepsIntegers(name) && t.node.dtype === 'i32' ? t.node : asFloat(e, t.node);
  e.noted.domain(e, name, node, span);
  return tensor(e.builder.unary(name, node), t.batched);
}

function keepsIntegers(name: UnaryName): boolean {
  return name === 'neg' || name === 'abs' || name === 'sign' || name === 'stop';
}

const staticFunctions: Partial<Record<UnaryName, (x: number) => number>> = {
  neg: (x) => -x,
  abs: Math.abs,
  sign: Math.sign,
  exp: Math.exp,
  expm1: Math.expm1,
  log: Math.log,
  log1p: Math.log1p,
  sqrt: Math.sqrt,
  rsqrt: (x) => 1 / Math.sqrt(x),
  sin: Math.sin,
  cos: Math.cos,
  tanh: Math.tanh,
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  floor: Math.floor,
  ceil: Math.ceil,
  round: Math.round,
  stop: (x) => x,
};

export function cast(e: Elaborator, value: TensorValue, to: DType): TensorValue {
  return tensor(value.node.dtype === to ? value.node : e.builder.cast(value.node, to), value.batched);
}
