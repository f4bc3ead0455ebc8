/** Operations of one argument, element by element. */
import type { Builder } from '../builder.js';
import type { DType, Node, UnaryName } from '../node.js';
import { expectDType, expectInputs, type Primitive } from '../primitive.js';
import { empty, wrap } from '../tensor.js';
import { erf, roundHalfEven, sigmoid, softplus } from './scalar.js';

export interface UnaryRule {
  readonly accepts: readonly DType[];
  /** dtype of the result; absent: the argument's. */
  readonly result?: DType;
  value(x: number): number;
  /** Cotangent of x from that of y. Absent: no derivative passes. */
  derivative?(b: Builder, g: Node, x: Node, y: Node): Node;
  wgsl(x: string, dtype: DType): string;
}

const F32: readonly DType[] = ['f32'];
const SIGNED: readonly DType[] = ['f32', 'i32'];
const ANY: readonly DType[] = ['f32', 'i32', 'u32', 'bool'];

export const unaryRules: Record<UnaryName, UnaryRule> = {
  neg: { accepts: SIGNED, value: (x) => -x, derivative: (b, g) => b.unary('neg', g), wgsl: (x) => `(-${x})` },
  abs: { accepts: SIGNED, value: Math.abs, derivative: (b, g, x) => b.binary('mul', g, b.unary('sign', x)), wgsl: (x) => `abs(${x})` },
  sign: { accepts: SIGNED, value: Math.sign, wgsl: (x, dtype) => (dtype === 'f32' ? `sign_of(${x})` : `sign(${x})`) },
  exp: { accepts: F32, value: Math.exp, derivative: (b, g, _x, y) => b.binary('mul', g, y), wgsl: (x) => `exp(${x})` },
  // exp(x) and not y + 1, which is 0 for x below about -17.
  expm1: { accepts: F32, value: Math.expm1, derivative: (b, g, x) => b.binary('mul', g, b.unary('exp', x)), wgsl: (x) => `expm1_of(${x})` },
  log: { accepts: F32, value: Math.log, derivative: (b, g, x) => b.binary('div', g, x), wgsl: (x) => `log_of(${x})` },
  log1p: {
    accepts: F32,
    value: Math.log1p,
    derivative: (b, g, x) => b.binary('div', g, b.binary('add', x, b.fill(x, 1))),
    wgsl: (x) => `log1p_of(${x})`,
  },
  // Infinite at 0, as the function is; `safeNorm` is the norm whose derivative at 0 is 0.
  sqrt: { accepts: F32, value: Math.sqrt, derivative: (b, g, _x, y) => b.binary('div', b.scale(g, 0.5), y), wgsl: (x) => `sqrt(${x})` },
  rsqrt: {
    accepts: F32,
    value: (x) => 1 / Math.sqrt(x),
    derivative: (b, g, _x, y) => b.binary('mul', b.scale(g, -0.5), b.binary('mul', y, b.binary('mul', y, y))),
    wgsl: (x) => `inverseSqrt(${x})`,
  },
  sin: { accepts: F32, value: Math.sin, derivative: (b, g, x) => b.binary('mul', g, b.unary('cos', x)), wgsl: (x) => `sine_of(${x}, 0)` },
  cos: {
    accepts: F32,
    value: Math.cos,
    derivative: (b, g, x) => b.unary('neg', b.binary('mul', g, b.unary('sin', x))),
    wgsl: (x) => `sine_of(${x}, 1)`,
  },
  tanh: {
    accepts: F32,
    value: Math.tanh,
    derivative: (b, g, _x, y) => b.binary('mul', g, b.binary('sub', b.fill(y, 1), b.binary('mul', y, y))),
    wgsl: (x) => `tanh_of(${x})`,
  },
  sigmoid: {
    accepts: F32,
    value: sigmoid,
    // y - y^2 and not y (1 - y), which a rule would make a second sigmoid: this reads y alone.
    derivative: (b, g, _x, y) => b.binary('mul', g, b.binary('sub', y, b.binary('mul', y, y))),
    wgsl: (x) => `sigmoid_of(${x})`,
  },
  softplus: { accepts: F32, value: softplus, derivative: (b, g, x) => b.binary('mul', g, b.unary('sigmoid', x)), wgsl: (x) => `softplus_of(${x})` },
  erf: {
    accepts: F32,
    value: erf,
    derivative: (b, g, x) => b.binary('mul', b.scale(g, 2 / Math.sqrt(Math.PI)), b.unary('exp', b.unary('neg', b.binary('mul', x, x)))),
    wgsl: (x) => `erf_of(${x})`,
  },
  floor: { accepts: F32, value: Math.floor, wgsl: (x) => `floor(${x})` },
  ceil: { accepts: F32, value: Math.ceil, wgsl: (x) => `ceil(${x})` },
  round: { accepts: F32, value: roundHalfEven, wgsl: (x) => `round(${x})` },
  not: { accepts: ['bool'], value: (x) => 1 - x, wgsl: (x) => `(!${x})` },
  finite: { accepts: F32, result: 'bool', value: (x) => (Number.isFinite(x) ? 1 : 0), wgsl: (x) => `is_finite(${x})` },
  stop: { accepts: ANY, value: (x) => x, wgsl: (x) => x },
};

type UnaryOperation = { readonly op: 'unary'; readonly name: UnaryName };

export const unary: Primitive<UnaryOperation> = {
  infer({ name }, inputs) {
    expectInputs(name, inputs, 1);
    expectDType(name, inputs[0], unaryRules[name].accepts);
    return { shape: inputs[0].shape, dtype: unaryRules[name].result ?? inputs[0].dtype };
  },
  flows: ({ name }) => unaryRules[name].derivative !== undefined,
  vjp: (b, node, g) => [unaryRules[node.operation.name].derivative?.(b, g, node.inputs[0], node)],
  interpret(node, [x]) {
    const result = empty(node.shape, node.dtype);
    const { value } = unaryRules[node.operation.name];
    for (let i = 0; i < x.data.length; i++) result.data[i] = wrap(value(x.data[i]), node.dtype);
    return result;
  },
  wgsl: (node, [x]) => unaryRules[node.operation.name].wgsl(x, node.inputs[0].dtype),
};
