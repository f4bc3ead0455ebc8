/** Operations of two arguments of equal shape and dtype, element by element; comparisons, selection and casts. */
import type { Builder } from '../builder.js';
import type { BinaryName, CompareName, DType, Node } from '../node.js';
import { expectDType, expectEqualShapes, expectInputs, GraphError, type NodeOf, type Primitive, showType } from '../primitive.js';
import { empty, wrap } from '../tensor.js';
import { floorMod } from './scalar.js';

export interface BinaryRule {
  readonly accepts: readonly DType[];
  value(a: number, b: number, dtype: DType): number;
  /** Cotangents of a and b from that of y. Absent: no derivative passes. */
  derivative?(b: Builder, g: Node, a: Node, c: Node, y: Node): readonly [() => Node, () => Node];
  wgsl(a: string, b: string, dtype: DType): string;
}

const F32: readonly DType[] = ['f32'];
const NUMBERS: readonly DType[] = ['f32', 'i32', 'u32'];

/** Integers divide as in WGSL: towards zero, and by zero give the dividend. */
function divide(a: number, b: number, dtype: DType): number {
  if (dtype === 'f32') return a / b;
  return b === 0 ? a : Math.trunc(a / b);
}

/** At a tie each side gets half, as in PyTorch's binary maximum and minimum. */
function extremum(b: Builder, g: Node, a: Node, c: Node, wins: (p: Node, q: Node) => Node): readonly [() => Node, () => Node] {
  const tie = (): Node => b.select(b.compare('eq', a, c), b.scale(g, 0.5), b.fill(g, 0));
  return [() => b.select(wins(a, c), g, tie()), () => b.select(wins(c, a), g, tie())];
}

export const binaryRules: Record<BinaryName, BinaryRule> = {
  add: { accepts: NUMBERS, value: (a, b) => a + b, derivative: (_b, g) => [() => g, () => g], wgsl: (a, b) => `(${a} + ${b})` },
  sub: { accepts: NUMBERS, value: (a, b) => a - b, derivative: (b, g) => [() => g, () => b.unary('neg', g)], wgsl: (a, b) => `(${a} - ${b})` },
  mul: {
    accepts: NUMBERS,
    value: (a, b, dtype) => (dtype === 'f32' ? a * b : Math.imul(a, b)),
    derivative: (b, g, a, c) => [() => b.binary('mul', g, c), () => b.binary('mul', g, a)],
    wgsl: (a, b) => `(${a} * ${b})`,
  },
  div: {
    accepts: NUMBERS,
    value: divide,
    derivative: (b, g, _a, c, y) => [() => b.binary('div', g, c), () => b.unary('neg', b.binary('mul', b.binary('div', g, c), y))],
    wgsl: (a, b) => `(${a} / ${b})`,
  },
  // x^0 is 1 everywhere, so its derivative is 0 everywhere; x^2 has 2x. Of the exponent: x^y log x, 0 at x = 0.
  pow: {
    accepts: F32,
    value: (a, b) => a ** b,
    derivative: (b, g, x, e, y) => [
      () => b.binary('mul', g, powerSlope(b, x, e)),
      () => {
        const zero = b.compare('eq', x, b.fill(x, 0));
        return b.binary('mul', g, b.select(zero, b.fill(x, 0), b.binary('mul', y, b.unary('log', b.select(zero, b.fill(x, 1), x)))));
      },
    ],
    wgsl: (a, b) => `power_of(${a}, ${b})`,
  },
  max: {
    accepts: NUMBERS,
    value: (a, b) => Math.max(a, b),
    derivative: (b, g, a, c) => extremum(b, g, a, c, (p, q) => b.compare('lt', q, p)),
    wgsl: (a, b) => `max(${a}, ${b})`,
  },
  min: {
    accepts: NUMBERS,
    value: (a, b) => Math.min(a, b),
    derivative: (b, g, a, c) => extremum(b, g, a, c, (p, q) => b.compare('lt', p, q)),
    wgsl: (a, b) => `min(${a}, ${b})`,
  },
  // a - b floor(a/b); by an integer 0 it is 0, as in WGSL.
  mod: {
    accepts: NUMBERS,
    value: (a, b, dtype) => (dtype !== 'f32' && b === 0 ? 0 : floorMod(a, b)),
    derivative: (b, g, a, c) => [() => g, () => b.unary('neg', b.binary('mul', g, b.unary('floor', b.binary('div', a, c))))],
    wgsl: (a, b, dtype) => (dtype === 'u32' ? `(${a} % ${b})` : `modulo_${dtype}(${a}, ${b})`),
  },
  and: { accepts: ['bool'], value: (a, b) => a * b, wgsl: (a, b) => `(${a} && ${b})` },
  or: { accepts: ['bool'], value: (a, b) => Math.max(a, b), wgsl: (a, b) => `(${a} || ${b})` },
};

/** e x^(e-1), and 0 where e is 0. */
function powerSlope(b: Builder, x: Node, e: Node): Node {
  const zero = b.compare('eq', e, b.fill(e, 0));
  const less = b.binary('sub', b.select(zero, b.fill(e, 1), e), b.fill(e, 1));
  return b.binary('mul', e, b.binary('pow', x, less));
}

type BinaryOperation = { readonly op: 'binary'; readonly name: BinaryName };

function expectPair(what: string, inputs: readonly Node[], accepts: readonly DType[]): void {
  expectInputs(what, inputs, 2);
  for (const input of inputs) expectDType(what, input, accepts);
  if (inputs[0].dtype !== inputs[1].dtype) throw new GraphError(`${what} takes equal dtypes, not ${showType(inputs[0])} and ${showType(inputs[1])}`);
  expectEqualShapes(what, inputs);
}

export const binary: Primitive<BinaryOperation> = {
  infer({ name }, inputs) {
    expectPair(name, inputs, binaryRules[name].accepts);
    return { shape: inputs[0].shape, dtype: inputs[0].dtype };
  },
  flows: ({ name }) => binaryRules[name].derivative !== undefined,
  vjp(b, node, g, wanted) {
    const [a, c] = node.inputs;
    const parts = binaryRules[node.operation.name].derivative?.(b, g, a, c, node);
    return parts === undefined ? [] : parts.map((part, i) => (wanted[i] ? part() : undefined));
  },
  interpret(node, [a, b]) {
    const result = empty(node.shape, node.dtype);
    const { value } = binaryRules[node.operation.name];
    for (let i = 0; i < result.data.length; i++) result.data[i] = wrap(value(a.data[i], b.data[i], node.dtype), node.dtype);
    return result;
  },
  wgsl: (node, [a, b]) => binaryRules[node.operation.name].wgsl(a, b, node.dtype),
};

export const compareRules: Record<CompareName, { value(a: number, b: number): boolean; readonly sign: string }> = {
  lt: { value: (a, b) => a < b, sign: '<' },
  le: { value: (a, b) => a <= b, sign: '<=' },
  eq: { value: (a, b) => a === b, sign: '==' },
};

type CompareOperation = { readonly op: 'compare'; readonly name: CompareName };

export const compare: Primitive<CompareOperation> = {
  infer({ name }, inputs) {
    expectPair(name, inputs, name === 'eq' ? ['f32', 'i32', 'u32', 'bool'] : NUMBERS);
    return { shape: inputs[0].shape, dtype: 'bool' };
  },
  interpret(node, [a, b]) {
    const result = empty(node.shape, 'bool');
    const { value } = compareRules[node.operation.name];
    for (let i = 0; i < result.data.length; i++) result.data[i] = value(a.data[i], b.data[i]) ? 1 : 0;
    return result;
  },
  wgsl: (node, [a, b]) => `(${a} ${compareRules[node.operation.name].sign} ${b})`,
};

export const select: Primitive<{ readonly op: 'select' }> = {
  infer(_operation, inputs) {
    expectInputs('select', inputs, 3);
    expectDType("select's condition", inputs[0], ['bool']);
    if (inputs[1].dtype !== inputs[2].dtype) throw new GraphError(`select takes equal dtypes, not ${showType(inputs[1])} and ${showType(inputs[2])}`);
    expectEqualShapes('select', inputs);
    return { shape: inputs[1].shape, dtype: inputs[1].dtype };
  },
  vjp(b, node, g, wanted) {
    const zero = b.fill(g, 0);
    return [undefined, wanted[1] ? b.select(node.inputs[0], g, zero) : undefined, wanted[2] ? b.select(node.inputs[0], zero, g) : undefined];
  },
  interpret(node, [c, a, b]) {
    const result = empty(node.shape, node.dtype);
    for (let i = 0; i < result.data.length; i++) result.data[i] = c.data[i] !== 0 ? a.data[i] : b.data[i];
    return result;
  },
  wgsl: (_node, [c, a, b]) => `select(${b}, ${a}, ${c})`,
};

/** A number in another dtype: floats to integers towards zero and clamped to the range (NaN to 0), anything to bool by `!= 0`. */
export function castValue(x: number, from: DType, to: DType): number {
  if (from !== 'f32' || to === 'f32' || to === 'bool') return wrap(x, to);
  if (Number.isNaN(x)) return 0;
  const [low, high] = to === 'i32' ? [-2147483648, 2147483647] : [0, 4294967295];
  return Math.min(Math.max(Math.trunc(x), low), high);
}

type CastOperation = { readonly op: 'cast'; readonly to: DType };

export const cast: Primitive<CastOperation> = {
  infer({ to }, inputs) {
    expectInputs('cast', inputs, 1);
    return { shape: inputs[0].shape, dtype: to };
  },
  vjp: (_b: Builder, _node: NodeOf<CastOperation>, g: Node) => [g],
  interpret(node, [x]) {
    const result = empty(node.shape, node.dtype);
    for (let i = 0; i < x.data.length; i++) result.data[i] = castValue(x.data[i], x.dtype, node.dtype);
    return result;
  },
  wgsl: (node, [x]) => (node.inputs[0].dtype === node.dtype ? x : `${node.dtype}(${x})`),
};
