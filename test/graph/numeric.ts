/** Shared by the tests of the graph: random tensors, evaluation of a few nodes, finite differences. */
import type { Builder } from '../../compiler/graph/builder.js';
import { derivative } from '../../compiler/graph/derivative.js';
import { evaluate } from '../../compiler/graph/interpret.js';
import { type DType, type Node, type Shape, size } from '../../compiler/graph/node.js';
import type { Environment, Tensor } from '../../compiler/graph/tensor.js';

/** A small deterministic generator (mulberry32). */
export function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export function tensorOf(shape: Shape, data: ArrayLike<number>, dtype: DType = 'f32'): Tensor {
  return { shape, dtype, data: Float64Array.from(data) };
}

export function randomTensor(shape: Shape, random: () => number, low = -1, high = 1): Tensor {
  return tensorOf(
    shape,
    Array.from({ length: size(shape) }, () => low + (high - low) * random()),
  );
}

export function environment(inputs: Record<string, Tensor> = {}, variables: Record<string, Tensor> = {}): Environment {
  return { inputs: new Map(Object.entries(inputs)), variables: new Map(Object.entries(variables)), fields: new Map(), seed: 7n, counter: 0 };
}

export function numbersOf(node: Node, inputs: Record<string, Tensor> = {}): number[] {
  return [...(evaluate([node], environment(inputs)).get(node) as Tensor).data];
}

/** The sum of a node times fixed uneven weights: a scalar whose gradient tells every element apart. */
export function weigh(b: Builder, node: Node, phase = 1): Node {
  const flat = b.reshape(node, [size(node.shape)]);
  const weights = b.unary('cos', b.binary('add', b.iota(flat.shape, 0, 'f32'), b.fill(flat, phase)));
  return b.sum(b.binary('mul', flat, weights), [0]);
}

/** Gradient of a scalar by inputs, as graph. */
export function gradient(b: Builder, scalar: Node, wrt: readonly Node[]): Node[] {
  return derivative(b, [scalar], [b.constant(1)], wrt);
}

/** Central differences of a scalar node by every element of the named input. */
export function finiteDifference(scalar: Node, inputs: Record<string, Tensor>, name: string, step = 1e-5): number[] {
  const values = Float64Array.from(inputs[name].data);
  const at = (i: number, delta: number): number => {
    const data = Float64Array.from(values);
    data[i] += delta;
    return numbersOf(scalar, { ...inputs, [name]: { ...inputs[name], data } })[0];
  };
  // Five points: the error is of fourth order in the step.
  return Array.from(values, (_, i) => (8 * (at(i, step) - at(i, -step)) - (at(i, 2 * step) - at(i, -2 * step))) / (12 * step));
}

/** |a - b| / |b|, in L2, with a floor under |b|. */
export function relativeError(a: readonly number[], b: readonly number[]): number {
  const difference = Math.hypot(...a.map((x, i) => x - b[i]));
  return difference / Math.max(Math.hypot(...b), 1e-3);
}

/**
 * The largest relative error of the first and of the second derivative of a function of named inputs, against finite differences of the
 * function and of the first derivative.
 */
export function derivativeErrors(b: Builder, output: Node, leaves: Record<string, Node>, inputs: Record<string, Tensor>): { first: number; second: number } {
  const names = Object.keys(leaves);
  const scalar = weigh(b, output);
  const grads = gradient(
    b,
    scalar,
    names.map((n) => leaves[n]),
  );
  let first = 0;
  let second = 0;
  names.forEach((name, i) => {
    first = Math.max(first, relativeError(numbersOf(grads[i], inputs), finiteDifference(scalar, inputs, name, 1e-3)));
  });
  const slope = grads.reduce<Node | undefined>(
    (sum, g, i) => (sum === undefined ? weigh(b, g, 2 + i) : b.binary('add', sum, weigh(b, g, 2 + i))),
    undefined,
  ) as Node;
  const curves = gradient(
    b,
    slope,
    names.map((n) => leaves[n]),
  );
  names.forEach((name, i) => {
    second = Math.max(second, relativeError(numbersOf(curves[i], inputs), finiteDifference(slope, inputs, name, 1e-3)));
  });
  return { first, second };
}
