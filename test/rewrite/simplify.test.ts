import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Builder } from '../../compiler/graph/builder.js';
import { evaluate } from '../../compiler/graph/interpret.js';
import { type Node, type Shape, topological } from '../../compiler/graph/node.js';
import { sameShape } from '../../compiler/graph/primitive.js';
import type { Tensor } from '../../compiler/graph/tensor.js';
import { rules } from '../../compiler/rewrite/rules.js';
import { environment, generator, gradient, numbersOf, randomTensor, tensorOf, weigh } from '../graph/numeric.js';

type Make = (b: Builder, x: Node, y: Node) => Node;

const flip = (x: Node): number[] => x.shape.map((_, i) => x.shape.length - 1 - i);
const each = (x: Node, value: (n: number, i: number) => number): number[] => x.shape.map(value);
const last = (x: Node): number[] => (x.shape.length === 0 ? [] : [x.shape.length - 1]);

/** Steps of one value x and a second of its shape: every operation, with the arguments that rules look for. */
const STEPS: readonly Make[] = [
  ...(['neg', 'abs', 'sign', 'exp', 'expm1', 'log', 'log1p', 'sqrt', 'rsqrt', 'sin', 'tanh', 'sigmoid', 'softplus', 'stop'] as const).map(
    (name): Make =>
      (b, x) =>
        b.unary(name, x),
  ),
  ...(['add', 'sub', 'mul', 'div', 'max', 'min'] as const).flatMap((name): Make[] => [
    (b, x, y) => b.binary(name, x, y),
    (b, x, y) => b.binary(name, y, x),
    (b, x) => b.binary(name, x, x),
  ]),
  ...(['add', 'sub', 'mul', 'div'] as const).flatMap((name) =>
    [1, -1, 0.5, 2].flatMap((c): Make[] => [(b, x) => b.binary(name, x, b.fill(x, c)), (b, x) => b.binary(name, b.fill(x, c), x)]),
  ),
  ...[0, 1, 2, 3, -1, 0.5, -0.5].map(
    (c): Make =>
      (b, x) =>
        b.binary('pow', x, b.fill(x, c)),
  ),
  ...(['lt', 'le', 'eq'] as const).map(
    (name): Make =>
      (b, x, y) =>
        b.select(b.compare(name, x, y), x, b.unary('neg', y)),
  ),
  (b, x, y) => b.select(b.unary('not', b.compare('lt', x, y)), b.fill(x, 0), x),
  (b, x) => b.permute(x, flip(x)),
  (b, x) => b.permute(b.reshape(x, [...x.shape, 1]), [x.shape.length, ...each(x, (_, i) => i)]),
  (b, x) => b.reshape(x, [x.shape.reduce((n, m) => n * m, 1)]),
  (b, x) => b.reshape(x, [1, ...x.shape]),
  (b, x) => b.broadcastTo(x, [2, ...x.shape]),
  (b, x) => b.broadcastTo(b.reshape(x, [...x.shape, 1]), [...x.shape, 3]),
  (b, x) =>
    b.slice(
      x,
      each(x, () => 0),
      each(x, (n) => Math.max(1, n - 1)),
    ),
  (b, x) =>
    b.slice(
      x,
      each(x, (n) => Math.min(1, n - 1)),
      x.shape,
      each(x, () => 2),
    ),
  (b, x) =>
    b.slice(
      x,
      each(x, (_, i) => (i === 0 && x.shape[0] > 3 ? 3 : 0)),
      x.shape,
    ),
  (b, x) =>
    b.pad(
      x,
      each(x, () => 1),
      each(x, (_, i) => i),
    ),
  (b, x) =>
    b.pad(
      x,
      each(x, (_, i) => i % 2),
      each(x, () => 0),
      each(x, () => 1),
    ),
  (b, x, y) =>
    b.binary(
      'add',
      b.pad(
        x,
        each(x, () => 0),
        each(x, (n, i) => (i === 0 ? n : 0)),
      ),
      b.pad(
        y,
        each(y, (n, i) => (i === 0 ? n : 0)),
        each(y, () => 0),
      ),
    ),
  (b, x, y) => (x.shape.length === 0 ? x : b.concat([x, y], 0)),
  (b, x, y) => (x.shape.length === 0 ? x : b.concat([y, x, x], x.shape.length - 1)),
  (b, x) => b.reverse(x, last(x)),
  (b, x) =>
    b.reverse(
      x,
      each(x, (_, i) => i),
    ),
  (b, x) => b.sum(x, last(x)),
  (b, x) =>
    b.sum(
      x,
      last(x).map(() => 0),
    ),
  (b, x) =>
    b.sum(
      x,
      each(x, (_, i) => i),
    ),
  (b, x) => b.max(x, last(x)),
];

/** A chain of steps. The second operand of each is y where the shapes agree, else the value two steps before, the value's half or a constant. */
function build(b: Builder, chain: readonly number[]): { last: Node; leaves: Node[] } {
  const leaves = [b.input('x', [2, 3], 'f32'), b.input('y', [2, 3], 'f32')];
  const values = [leaves[0]];
  for (const k of chain) {
    const x = values[values.length - 1];
    const y = [leaves[1], ...values.slice(0, -1).reverse()].find((v) => sameShape(v.shape, x.shape)) ?? (k % 2 === 0 ? b.scale(x, 0.5) : b.fill(x, 0.7));
    const made = STEPS[k % STEPS.length](b, x, y);
    if (made.shape.reduce((n, m) => n * m, 1) <= 80) values.push(made);
  }
  return { last: values[values.length - 1], leaves };
}

/**
 * Whether a graph's values say anything about rounding: none is huge, tiny or undefined, and no choice is between near equals.
 */
function wellConditioned(nodes: readonly Node[], inputs: Record<string, Tensor>): boolean {
  const values = evaluate(topological(nodes), environment(inputs));
  const tame = (v: number): boolean => Number.isFinite(v) && (v === 0 || (Math.abs(v) < 1e4 && Math.abs(v) > 1e-4));
  for (const [node, value] of values) {
    if (!value.data.every(tame)) return false;
    const chooses = node.operation.op === 'compare' || (node.operation.op === 'binary' && ['max', 'min'].includes(node.operation.name));
    if (chooses) {
      const [p, q] = node.inputs.map((i) => (values.get(i) as Tensor).data);
      if (p.some((v, i) => Math.abs(v - q[i]) < 1e-6)) return false;
    }
    // The same near-ties, inside a reduction or around the kink of abs and sign.
    const [x] = node.inputs;
    if (node.operation.op === 'unary' && ['abs', 'sign'].includes(node.operation.name) && (values.get(x) as Tensor).data.some((v) => v === 0)) return false;
    if (node.operation.op === 'max' && new Set((values.get(x) as Tensor).data).size < (values.get(x) as Tensor).data.length) return false;
  }
  return true;
}

function close(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((v, i) => Math.abs(v - b[i]) <= 1e-6 * (1 + Math.abs(b[i])));
}

/** Builds a chain with and without rules, and compares values and gradients; false where rounding would decide. */
function compare(chain: readonly number[], seed: number): boolean {
  const random = generator(seed);
  const inputs = { x: randomTensor([2, 3], random, 0.1, 1.9), y: randomTensor([2, 3], random, 0.2, 1.5) };
  const [plain, ruled] = [new Builder(), new Builder({ rewrite: rules })].map((b) => {
    const { last, leaves } = build(b, chain);
    return [last, ...gradient(b, weigh(b, last), leaves)];
  });
  expect(ruled.map((n) => n.shape)).toEqual(plain.map((n) => n.shape));
  if (!wellConditioned(plain, inputs)) return false;
  plain.forEach((node, i) => {
    const [got, wanted] = [numbersOf(ruled[i], inputs), numbersOf(node, inputs)];
    if (!close(got, wanted)) expect(got, `steps ${chain.map((k) => k % STEPS.length)}: ${i === 0 ? 'value' : 'gradient'}`).toEqual(wanted);
  });
  return true;
}

describe('rules keep values and gradients', () => {
  it('of every pair of steps', () => {
    let compared = 0;
    for (let f = 0; f < STEPS.length; f++) for (let g = 0; g < STEPS.length; g++) if (compare([f, g], f + g)) compared++;
    expect(compared).toBeGreaterThan((STEPS.length * STEPS.length) / 2);
  });

  it('of random chains', () => {
    let compared = 0;
    const chain = fc.array(fc.nat(STEPS.length - 1), { minLength: 3, maxLength: 7 });
    fc.assert(
      fc.property(chain, fc.nat(1000), (steps, seed) => {
        if (compare(steps, seed)) compared++;
      }),
      { numRuns: 1000, seed: 20 },
    );
    expect(compared).toBeGreaterThan(200);
  });
});

describe('simplification', () => {
  /** An expression of x [2, 3] and y [2, 3], and what it becomes. */
  const cases: [string, Make, Make][] = [
    ['x + 0', (b, x) => b.binary('add', b.fill(x, 0), x), (_b, x) => x],
    ['x * 1', (b, x) => b.scale(x, 1), (_b, x) => x],
    ['x * -1', (b, x) => b.scale(x, -1), (b, x) => b.unary('neg', x)],
    ['x - (-y)', (b, x, y) => b.binary('sub', x, b.unary('neg', y)), (b, x, y) => b.binary('add', x, y)],
    ['x + (-y)', (b, x, y) => b.binary('add', x, b.unary('neg', y)), (b, x, y) => b.binary('sub', x, y)],
    ['y + x', (b, x, y) => b.binary('add', y, x), (b, x, y) => b.binary('add', x, y)],
    ['-(x - y)', (b, x, y) => b.unary('neg', b.binary('sub', x, y)), (b, x, y) => b.binary('sub', y, x)],
    ['-x * -y', (b, x, y) => b.binary('mul', b.unary('neg', x), b.unary('neg', y)), (b, x, y) => b.binary('mul', x, y)],
    ['1 - (1 - x)', (b, x) => b.binary('sub', b.fill(x, 1), b.binary('sub', b.fill(x, 1), x)), (_b, x) => x],
    ['(2x) * 3', (b, x) => b.scale(b.scale(x, 2), 3), (b, x) => b.scale(x, 6)],
    ['x / 4', (b, x) => b.binary('div', x, b.fill(x, 4)), (b, x) => b.scale(x, 0.25)],
    ['1 / sqrt x', (b, x) => b.binary('div', b.fill(x, 1), b.unary('sqrt', x)), (b, x) => b.unary('rsqrt', x)],
    ['x^2', (b, x) => b.binary('pow', x, b.fill(x, 2)), (b, x) => b.binary('mul', x, x)],
    ['x^0.5', (b, x) => b.binary('pow', x, b.fill(x, 0.5)), (b, x) => b.unary('sqrt', x)],
    ['not c ? x : y', (b, x, y) => b.select(b.unary('not', b.compare('lt', x, y)), x, y), (b, x, y) => b.select(b.compare('lt', x, y), y, x)],
    [
      'c ? (c ? x : y) : y',
      (b, x, y) => b.select(b.compare('lt', x, y), b.select(b.compare('lt', x, y), x, x), y),
      (b, x, y) => b.select(b.compare('lt', x, y), x, y),
    ],
    ['reshape of reshape', (b, x) => b.reshape(b.reshape(x, [6]), [2, 3]), (_b, x) => x],
    ['permute of permute', (b, x) => b.permute(b.permute(x, [1, 0]), [1, 0]), (_b, x) => x],
    [
      'permute of permute of three axes',
      (b) => b.permute(b.permute(b.input('t', [4, 2, 3], 'f32'), [1, 2, 0]), [1, 2, 0]),
      (b) => b.permute(b.input('t', [4, 2, 3], 'f32'), [2, 0, 1]),
    ],
    ['permute of axes of length 1', (b, x) => b.permute(b.reshape(x, [2, 1, 3]), [1, 0, 2]), (b, x) => b.reshape(x, [1, 2, 3])],
    ['slice of slice', (b, x) => b.slice(b.slice(x, [0, 1], [2, 3]), [1, 0], [2, 1]), (b, x) => b.slice(x, [1, 1], [2, 2])],
    ['slice of pad', (b, x) => b.slice(b.pad(x, [1, 0], [0, 2], [1, 0]), [1, 0], [4, 3], [2, 1]), (_b, x) => x],
    ['slice in the middle of a pad', (b, x) => b.slice(b.pad(x, [1, 0], [0, 2]), [2, 1], [3, 3]), (b, x) => b.slice(x, [1, 1], [2, 3])],
    ['slice of padding only', (b, x) => b.slice(b.pad(x, [2, 0], [0, 0]), [0, 0], [2, 3]), (b) => b.constant(0, [2, 3])],
    ['slice of concat', (b, x, y) => b.slice(b.concat([x, y], 0), [2, 0], [4, 3]), (_b, _x, y) => y],
    ['slice of broadcast', (b, x) => b.slice(b.broadcastTo(x, [5, 2, 3]), [1, 0, 0], [2, 2, 3]), (b, x) => b.reshape(x, [1, 2, 3])],
    ['pad of pad', (b, x) => b.pad(b.pad(x, [1, 0], [0, 1]), [1, 1], [1, 1]), (b, x) => b.pad(x, [2, 1], [1, 2])],
    ['concat of neighbours', (b, x) => b.concat([b.slice(x, [0, 0], [2, 1]), b.slice(x, [0, 1], [2, 3])], 1), (_b, x) => x],
    ['concat of concat', (b, x, y) => b.concat([b.concat([x, y], 0), x], 0), (b, x, y) => b.concat([x, y, x], 0)],
    ['concat with nothing', (b, x) => b.concat([x, b.slice(x, [0, 0], [0, 3])], 0), (_b, x) => x],
    ['reverse twice', (b, x) => b.reverse(b.reverse(x, [0, 1]), [1]), (b, x) => b.reverse(x, [0])],
    ['permute of reverse', (b, x) => b.permute(b.reverse(x, [0]), [1, 0]), (b, x) => b.reverse(b.permute(x, [1, 0]), [1])],
    ['a kernel turned twice', (b, x) => b.reverse(b.permute(b.reverse(b.permute(x, [1, 0]), [1]), [1, 0]), [0]), (_b, x) => x],
    ['sum of one', (b, x) => b.sum(b.reshape(x, [2, 1, 3]), [1]), (_b, x) => x],
    ['sum of repeats', (b, x) => b.sum(b.broadcastTo(x, [5, 2, 3]), [0]), (b, x) => b.scale(x, 5)],
    ['sum of permuted', (b, x) => b.sum(b.permute(x, [1, 0]), [0]), (b, x) => b.sum(x, [1])],
    ['sum of scaled', (b, x) => b.sum(b.scale(x, 3), [0]), (b, x) => b.scale(b.sum(x, [0]), 3)],
    ['sum of a constant', (b, x) => b.sum(b.fill(x, 2), [0, 1]), (b) => b.constant(12)],
    ['sum of a padding', (b, x) => b.sum(b.pad(x, [0, 1], [0, 2]), [1]), (b, x) => b.sum(x, [1])],
    ['cast of truth', (b, x, y) => b.cast(b.cast(b.compare('lt', x, y), 'i32'), 'f32'), (b, x, y) => b.cast(b.compare('lt', x, y), 'f32')],
    ['sums of paddings', (b, x, y) => b.binary('add', b.pad(y, [0, 3], [0, 0]), b.pad(x, [0, 0], [0, 3])), (b, x, y) => b.concat([x, y], 1)],
  ];
  it.each(cases)('%s', (_name, make, expected) => {
    const b = new Builder({ rewrite: rules });
    const x = b.input('x', [2, 3], 'f32');
    const y = b.input('y', [2, 3], 'f32');
    const [made, wanted] = [make(b, x, y), expected(b, x, y)];
    expect(made === wanted, `${describeNode(made)} is not ${describeNode(wanted)}`).toBe(true);
  });

  it('keeps 0 * x, which a guard must see', () => {
    const b = new Builder({ rewrite: rules });
    const x = b.input('x', [2], 'f32');
    expect(numbersOf(b.scale(x, 0), { x: tensorOf([2], [Number.NaN, 1]) })).toEqual([Number.NaN, 0]);
  });

  it('makes one concatenation of the gradient of slices, in whatever order they are read', () => {
    const b = new Builder({ rewrite: rules });
    const x = b.input('x', [4, 8], 'f32');
    const order = [2, 0, 3, 1];
    const parts = order.map((i) => b.unary('exp', b.slice(x, [0, 2 * i], [4, 2 * i + 2])));
    const [g] = gradient(
      b,
      parts.map((p, i) => b.scale(b.sum(p, [0, 1]), i + 1)).reduce((p, q) => b.binary('add', p, q)),
      [x],
    );
    expect(g.operation.op).toBe('concat');
    expect(topological([g]).some((n) => n.operation.op === 'pad')).toBe(false);
  });

  it('leaves no empty tensor to compute', () => {
    const b = new Builder({ rewrite: rules });
    const shapes: [Shape, number][] = [[[0, 3], 0]];
    for (const [shape, axis] of shapes) {
      const none = b.slice(b.input('x', [2, 3], 'f32'), [0, 0], [0, 3]);
      expect(none).toBe(b.constant(0, shape));
      expect(b.sum(b.unary('exp', none), [axis])).toBe(b.constant(0, [3]));
    }
    const empty = b.constant(0, [1, 2, 0]);
    expect(b.matmul(empty, b.constant(0, [1, 0, 4]))).toBe(b.constant(0, [1, 2, 4]));
  });
});

function describeNode(node: Node): string {
  return `${JSON.stringify(node.operation)}(${node.inputs.map(describeNode).join(', ')})`;
}
