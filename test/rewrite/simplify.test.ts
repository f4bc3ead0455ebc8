import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Builder } from '../../compiler/graph/builder.js';
import { evaluate } from '../../compiler/graph/interpret.js';
import { type Node, type Shape, topological } from '../../compiler/graph/node.js';
import { sameShape } from '../../compiler/graph/primitive.js';
import type { Tensor } from '../../compiler/graph/tensor.js';
import { rules } from '../../compiler/rewrite/rules.js';
import { environment, generator, gradient, randomTensor, tensorOf, valueOf, weigh } from '../graph/numeric.js';

const UNARY = ['neg', 'abs', 'sign', 'exp', 'expm1', 'log', 'log1p', 'sqrt', 'rsqrt', 'sin', 'cos', 'tanh', 'sigmoid', 'softplus', 'erf', 'stop'] as const;
const BINARY = ['add', 'sub', 'mul', 'div', 'max', 'min'] as const;
const CONSTANTS = [0, 1, -1, 0.5, 2, -3];

/** One step of a random program: numbers that are read modulo what there is. */
interface Step {
  readonly kind: number;
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly d: number;
}

const step: fc.Arbitrary<Step> = fc.record({ kind: fc.nat(15), a: fc.nat(30), b: fc.nat(30), c: fc.nat(1000), d: fc.nat(1000) });

/** The same program on any builder. Later steps read recent values more, so that rules meet. */
function build(b: Builder, steps: readonly Step[]): { nodes: Node[]; leaves: Node[] } {
  const leaves = [b.input('x', [2, 3], 'f32'), b.input('y', [2, 3], 'f32'), b.input('z', [3, 1], 'f32')];
  const nodes = [...leaves];
  for (const s of steps) {
    const x = nodes[Math.max(0, nodes.length - 1 - (s.a % Math.min(nodes.length, 4)))];
    const same = nodes.filter((n) => sameShape(n.shape, x.shape));
    const y = s.b % 3 === 0 ? b.fill(x, CONSTANTS[s.c % CONSTANTS.length]) : same[s.b % same.length];
    const made = apply(b, s, x, y);
    if (made.shape.reduce((n, m) => n * m, 1) <= 60) nodes.push(made);
  }
  return { nodes, leaves };
}

function apply(b: Builder, s: Step, x: Node, y: Node): Node {
  const rank = x.shape.length;
  const axis = rank === 0 ? 0 : s.d % rank;
  const perAxis = (value: (n: number, i: number) => number): number[] => x.shape.map(value);
  switch (s.kind) {
    case 0:
    case 1:
      return b.unary(UNARY[s.c % UNARY.length], x);
    case 2:
    case 3:
    case 4:
      return s.d % 2 === 0 ? b.binary(BINARY[s.c % BINARY.length], x, y) : b.binary(BINARY[s.c % BINARY.length], y, x);
    case 5:
      return b.binary('pow', x, b.fill(x, [0, 1, 2, 3, -1, 0.5][s.c % 6]));
    case 6:
      return b.select(b.compare((['lt', 'le', 'eq'] as const)[s.c % 3], x, y), s.d % 2 === 0 ? x : b.unary('neg', y), y);
    case 7:
      return b.permute(x, s.c % 2 === 0 ? perAxis((_, i) => rank - 1 - i) : perAxis((_, i) => (i + 1) % rank));
    case 8:
      return b.reshape(x, s.c % 2 === 0 ? [x.shape.reduce((n, m) => n * m, 1)] : [1, ...x.shape]);
    case 9:
      return b.broadcastTo(b.reshape(x, [1, ...x.shape]), [1 + (s.c % 2), ...x.shape]);
    case 10: {
      const start = perAxis((n, i) => (s.c + i) % n);
      return b.slice(
        x,
        start,
        perAxis((n) => n),
        perAxis((_, i) => 1 + ((s.d + i) % 2)),
      );
    }
    case 11:
      return b.pad(
        x,
        perAxis((_, i) => (s.c + i) % 2),
        perAxis((_, i) => (s.d + i) % 3),
        perAxis((_, i) => (s.c + s.d + i) % 2),
      );
    case 12:
      return rank === 0 ? x : b.concat(s.c % 2 === 0 ? [x, y] : [y, x, x], axis);
    case 13:
      return rank === 0 ? x : b.reverse(x, s.c % 2 === 0 ? [axis] : perAxis((_, i) => i));
    case 14:
      return rank === 0 ? x : b.sum(x, s.c % 2 === 0 ? [axis] : perAxis((_, i) => i));
    default:
      return rank === 0 ? x : b.max(x, [axis]);
  }
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

describe('rules keep values and gradients', () => {
  it('of random graphs', () => {
    let compared = 0;
    fc.assert(
      fc.property(fc.array(step, { minLength: 2, maxLength: 14 }), fc.nat(1000), (steps, seed) => {
        const random = generator(seed);
        const inputs = { x: randomTensor([2, 3], random, 0.1, 1.9), y: randomTensor([2, 3], random, -1.5, 1.5), z: randomTensor([3, 1], random, 0.3, 2) };
        const [plain, ruled] = [new Builder(), new Builder({ rewrite: rules })];
        const results = [plain, ruled].map((b) => {
          const { nodes, leaves } = build(b, steps);
          const last = nodes[nodes.length - 1];
          return { last, grads: gradient(b, weigh(b, last), leaves) };
        });
        expect(results[1].last.shape).toEqual(results[0].last.shape);
        if (!wellConditioned([results[0].last, ...results[0].grads], inputs)) return;
        compared++;
        expect(close(valueOf(results[1].last, inputs), valueOf(results[0].last, inputs))).toBe(true);
        results[0].grads.forEach((g, i) => {
          expect(close(valueOf(results[1].grads[i], inputs), valueOf(g, inputs))).toBe(true);
        });
      }),
      { numRuns: 1500, seed: 20 },
    );
    expect(compared).toBeGreaterThan(200);
  });
});

/** An expression of x [2, 3] and y [2, 3] and what it becomes, as the same text of builder calls. */
type Make = (b: Builder, x: Node, y: Node) => Node;

describe('simplification', () => {
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
    ['c ? (c ? x : y) : y', (b, x, y) => b.select(b.compare('lt', x, y), b.select(b.compare('lt', x, y), x, x), y), (b, x, y) => b.select(b.compare('lt', x, y), x, y)],
    ['reshape of reshape', (b, x) => b.reshape(b.reshape(x, [6]), [2, 3]), (_b, x) => x],
    ['permute of permute', (b, x) => b.permute(b.permute(x, [1, 0]), [1, 0]), (_b, x) => x],
    ['permute of axes of length 1', (b, x) => b.permute(b.reshape(x, [2, 1, 3]), [1, 0, 2]), (b, x) => b.reshape(x, [1, 2, 3])],
    ['slice of slice', (b, x) => b.slice(b.slice(x, [0, 1], [2, 3]), [1, 0], [2, 1]), (b, x) => b.slice(x, [1, 1], [2, 2])],
    ['slice of pad', (b, x) => b.slice(b.pad(x, [1, 0], [0, 2], [1, 0]), [1, 0], [4, 3], [2, 1]), (_b, x) => x],
    ['slice of padding only', (b, x) => b.slice(b.pad(x, [2, 0], [0, 0]), [0, 0], [2, 3]), (b) => b.constant(0, [2, 3])],
    ['slice of concat', (b, x, y) => b.slice(b.concat([x, y], 0), [2, 0], [4, 3]), (_b, _x, y) => y],
    ['slice of broadcast', (b, x) => b.slice(b.broadcastTo(x, [5, 2, 3]), [1, 0, 0], [2, 2, 3]), (b, x) => b.reshape(x, [1, 2, 3])],
    ['pad of pad', (b, x) => b.pad(b.pad(x, [1, 0], [0, 1]), [1, 1], [1, 1]), (b, x) => b.pad(x, [2, 1], [1, 2])],
    ['concat of neighbours', (b, x) => b.concat([b.slice(x, [0, 0], [2, 1]), b.slice(x, [0, 1], [2, 3])], 1), (_b, x) => x],
    ['concat of concat', (b, x, y) => b.concat([b.concat([x, y], 0), x], 0), (b, x, y) => b.concat([x, y, x], 0)],
    ['concat with nothing', (b, x) => b.concat([x, b.slice(x, [0, 0], [0, 3])], 0), (_b, x) => x],
    ['reverse twice', (b, x) => b.reverse(b.reverse(x, [0, 1]), [1]), (b, x) => b.reverse(x, [0])],
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
    expect(valueOf(b.scale(x, 0), { x: tensorOf([2], [Number.NaN, 1]) })).toEqual([Number.NaN, 0]);
  });

  it('makes one concatenation of the gradient of slices, in whatever order they are read', () => {
    const b = new Builder({ rewrite: rules });
    const x = b.input('x', [4, 8], 'f32');
    const order = [2, 0, 3, 1];
    const parts = order.map((i) => b.unary('exp', b.slice(x, [0, 2 * i], [4, 2 * i + 2])));
    const [g] = gradient(b, parts.map((p, i) => b.scale(b.sum(p, [0, 1]), i + 1)).reduce((p, q) => b.binary('add', p, q)), [x]);
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
