/** Ranges hold what they say: no value of a random graph, by the interpreter, lies outside of the range of its node. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Builder } from '../../compiler/graph/builder.js';
import { evaluate } from '../../compiler/graph/interpret.js';
import { ANY, type Interval, interval } from '../../compiler/graph/interval.js';
import { type BinaryName, type Node, size, topological, type UnaryName } from '../../compiler/graph/node.js';
import { unaryRules } from '../../compiler/graph/ops/unary.js';
import { Ranges } from '../../compiler/graph/ranges.js';
import type { Environment, Tensor } from '../../compiler/graph/tensor.js';
import { randomGraph } from '../plan/random-graph.js';
import { generator } from './numeric.js';

function chooser(seed: number): (n: number) => number {
  const random = generator(seed);
  return (n) => Math.floor(random() * n);
}

type Ends = readonly [number, number];

/** Numbers of a shape within the ends, the ends themselves among them. */
function within(shape: readonly number[], [low, high]: Ends, pick: (n: number) => number): Tensor {
  const data = new Float64Array(size(shape)).map(() => (pick(6) === 0 ? (pick(2) === 0 ? low : high) : low + ((high - low) * pick(1000)) / 999));
  return { shape, dtype: 'f32', data };
}

function expectInside(values: Map<Node, Tensor>, ranges: Ranges): void {
  for (const [node, { data }] of values) {
    const { low, high } = ranges.of(node);
    const slack = 1e-9 * Math.max(1, ...[low, high].filter(Number.isFinite).map(Math.abs));
    // What is no number, or infinite by a division by 0, has no place in any range.
    for (const x of data)
      if (Number.isFinite(x) && (x < low - slack || x > high + slack)) expect.fail(`${JSON.stringify(node.operation)}: ${x} is not in ${low}..${high}`);
  }
}

const ends = fc.constantFrom<Ends>([-1, 1], [0, 1], [0.5, 2], [-3, -1], [0, 0], [-2, 0], [1, 1]);

test('random graphs', () => {
  const arbitrary = fc.record({
    seed: fc.integer(),
    steps: fc.integer({ min: 1, max: 14 }),
    given: fc.array(ends, { minLength: 6, maxLength: 6 }),
  });
  fc.assert(
    fc.property(arbitrary, ({ seed, steps, given }) => {
      const pick = chooser(seed);
      const { fn } = randomGraph(pick, steps);
      const nodes = topological([...fn.outputs, ...fn.stores].map((o) => o.node));
      const names = ['p', 'q', 'r', 'x0', 'x1', 'x2'];
      const of = (name: string): Ends => given[names.indexOf(name)];
      const variables = new Map<string, Tensor>();
      const inputs = new Map<string, Tensor>();
      for (const { operation, shape } of nodes) {
        if (operation.op === 'variable') variables.set(operation.name, within(shape, of(operation.name), pick));
        if (operation.op === 'input') inputs.set(operation.name, within(shape, of(operation.name), pick));
      }
      const environment: Environment = { variables, inputs, fields: new Map(), seed: 7n, counter: 3 };
      const leaf = (node: Node): Interval => interval(...of((node.operation as { name: string }).name));
      expectInside(evaluate(nodes, environment), new Ranges(leaf));
    }),
    { numRuns: 300 },
  );
});

test('every elementwise operation on every pair of ranges', () => {
  const unary = Object.keys(unaryRules).filter((name) => name !== 'not') as UnaryName[];
  const binary: BinaryName[] = ['add', 'sub', 'mul', 'div', 'pow', 'max', 'min', 'mod'];
  fc.assert(
    fc.property(ends, ends, fc.integer(), (first, second, seed) => {
      const pick = chooser(seed);
      const b = new Builder();
      const x = b.input('x', [24], 'f32');
      const y = b.input('y', [24], 'f32');
      const three = b.constant(3, [24]);
      const nodes: Node[] = [
        x,
        y,
        ...unary.map((name) => b.unary(name, x)),
        ...[y, x, three, b.constant(0.5, [24]), b.constant(-2, [24])].flatMap((other) => binary.map((name) => b.binary(name, x, other))),
      ];
      nodes.push(
        b.binary('div', x, b.broadcastTo(b.reshape(b.sum(x, [0]), [1]), [24])),
        b.cast(b.cast(x, 'i32'), 'f32'),
        b.binary('add', x, b.binary('mul', b.unary('sigmoid', y), b.binary('sub', y, x))),
        b.cast(b.compare('lt', x, y), 'f32'),
      );
      const inputs = new Map([
        ['x', within([24], first, pick)],
        ['y', within([24], second, pick)],
      ]);
      const environment: Environment = { variables: new Map(), inputs, fields: new Map(), seed: 1n, counter: 0 };
      const ranges = new Ranges((node) => interval(...((node.operation as { name: string }).name === 'x' ? first : second)));
      expectInside(evaluate(nodes, environment), ranges);
    }),
    { numRuns: 200 },
  );
});

describe('what is known', () => {
  const b = new Builder();
  const x = b.variable('x', [4, 3], 'f32');
  const ranges = new Ranges(() => ANY);
  const zero = b.fill(x, 0);
  const kept = (node: Node): Node => b.broadcastTo(b.reshape(b.sum(node, [1]), [4, 1]), [4, 3]);
  const squares = b.sum(b.binary('mul', x, x), [0, 1]);
  test.each<[string, Node, Partial<Interval>]>([
    ['sigmoid', b.unary('sigmoid', x), { low: 0, high: 1, atLow: false, atHigh: false }],
    ['tanh', b.unary('tanh', x), { low: -1, high: 1 }],
    ['exp', b.unary('exp', x), { low: 0, high: Infinity, atLow: false }],
    ['softplus', b.unary('softplus', x), { low: 0, atLow: false }],
    ['max(x, 0) is often 0', b.binary('max', x, zero), { low: 0, atLow: true, high: Infinity }],
    ['where(x > 0, x, 0)', b.select(b.compare('lt', zero, x), x, zero), { low: 0, atLow: true }],
    ['a sum of squares', squares, { low: 0, atLow: false }],
    ['a root of it', b.unary('rsqrt', b.binary('add', squares, b.constant(1))), { low: 0, high: 1 }],
    ['1 - sigmoid', b.binary('sub', b.fill(x, 1), b.unary('sigmoid', x)), { low: 0, high: 1 }],
    ['softmax', b.binary('div', b.unary('exp', x), kept(b.unary('exp', x))), { low: 0, high: 1 }],
    [
      'dropout of relu',
      b.binary('mul', b.binary('max', x, zero), b.cast(b.compare('le', b.random('d', [4, 3]), b.fill(x, 0.5)), 'f32')),
      { low: 0, atLow: true },
    ],
    ['a linear value', b.sum(x, [1]), { low: -Infinity, high: Infinity }],
    ['x - x^2', b.binary('sub', b.unary('sigmoid', x), b.binary('mul', x, x)), { low: -Infinity, high: 1 }],
    [
      'lerp',
      b.binary('add', b.unary('tanh', x), b.binary('mul', b.binary('sub', b.unary('sigmoid', x), b.unary('tanh', x)), b.fill(x, 0.1))),
      { low: -1, high: 1 },
    ],
    ['a picture in zeros', b.pad(b.unary('sigmoid', x), [1, 0], [0, 0]), { low: 0, atLow: true, high: 1 }],
  ])('%s', (_, node, expected) => {
    expect(ranges.of(node)).toMatchObject(expected);
  });
});
