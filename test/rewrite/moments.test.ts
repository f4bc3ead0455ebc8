/** Means and variances in one reading: which formulas are found, and that the results are as near to float64 as those of two readings. */
import { afterAll, describe, expect, it } from 'vitest';
import { Builder } from '../../compiler/graph/builder.js';
import { type Node, type Shape, size } from '../../compiler/graph/node.js';
import type { Tensor } from '../../compiler/graph/tensor.js';
import { moments } from '../../compiler/rewrite/moments.js';
import { generator, gradient, numbersOf } from '../graph/numeric.js';
import { check, device, fn } from '../plan/support.js';

afterAll(async () => (await device()).close());

interface Statistics {
  readonly x: Node;
  readonly mean: Node;
  readonly centred: Node;
  readonly variance: Node;
}

/** As specs write them. `share`: what the mean's sum is multiplied by; `over`: the axes of the squares, if others than the mean's. */
function statistics(b: Builder, shape: Shape, axes: readonly number[], { share = 0, over = axes } = {}): Statistics {
  const x = b.input('x', shape, 'f32');
  const count = axes.reduce((product, axis) => product * shape[axis], 1);
  const mean = b.scale(b.sum(x, axes), share || 1 / count);
  const kept = shape.map((length, axis) => (axes.includes(axis) ? 1 : length));
  const centred = b.binary('sub', x, b.broadcastTo(b.reshape(mean, kept), shape));
  const squares = b.sum(b.binary('mul', centred, centred), over);
  return { x, mean, centred, variance: b.scale(squares, 1 / count) };
}

/** The centred values over their deviation, as every normalisation has them. */
function standardized(b: Builder, shape: Shape, axes: readonly number[]): { x: Node; y: Node } {
  const { x, centred, variance } = statistics(b, shape, axes);
  const kept = shape.map((length, axis) => (axes.includes(axis) ? 1 : length));
  const scale = b.unary('rsqrt', b.binary('add', variance, b.fill(variance, 1e-5)));
  return { x, y: b.binary('mul', centred, b.broadcastTo(b.reshape(scale, kept), shape)) };
}

/** How many kernels sum in the normalisation of a value. */
async function reductions(shape: Shape, axes: readonly number[]): Promise<number> {
  const b = new Builder();
  const program = await check(fn('run', { y: standardized(b, shape, axes).y }));
  return program.kernels.filter(({ id }) => id.startsWith('reduce')).length;
}

const changes = (s: Statistics): boolean => {
  const given = fn('run', { mean: s.mean, variance: s.variance });
  return moments(given) !== given;
};

function tensor(shape: Shape, value: (i: number) => number): Tensor {
  return { shape, dtype: 'f32', data: Float64Array.from({ length: size(shape) }, (_, i) => Math.fround(value(i))) };
}

describe('mean and variance', () => {
  it('take one kernel, over the batch, over axes of an example, in lengths that nothing divides', async () => {
    expect(await reductions([16, 12, 4, 4], [0, 2, 3])).toBe(1);
    expect(await reductions([7, 5, 3, 11], [0, 2, 3])).toBe(1);
    expect(await reductions([5, 24, 20], [1, 2])).toBe(1);
    expect(await reductions([37, 13], [1])).toBe(1);
    expect(await reductions([31, 1, 6], [0, 1])).toBe(1);
  });

  it('long ones take two: parts, and all parts of both sums together', async () => {
    expect(await reductions([64, 3, 28, 28], [0, 2, 3])).toBe(2);
    expect(await reductions([20000], [0])).toBe(2);
  });

  it('have the derivative of the formula', async () => {
    const b = new Builder();
    const { x, y } = standardized(b, [6, 5, 7], [0, 2]);
    const [slope] = gradient(b, b.sum(b.unary('tanh', y), [0, 1, 2]), [x]);
    await check(fn('run', { slope }));
  });

  it('are exact where the mean is large, where the first number lies far away, and where all are equal', async () => {
    const shape = [64, 3, 9, 7];
    const random = generator(5);
    const normal = () => Math.sqrt(-2 * Math.log(random())) * Math.cos(2 * Math.PI * random());
    const inputs: { what: string; x: Tensor; deviation: number; gate: number }[] = [
      { what: 'mean 1e4, deviation 1', x: tensor(shape, () => 1e4 + normal()), deviation: 1, gate: 5e-6 },
      { what: 'mean -3e5, deviation 2', x: tensor(shape, () => -3e5 + 2 * normal()), deviation: 2, gate: 5e-6 },
      // 1 + 20^2 roundings and those of the sum.
      { what: 'first at 20 deviations', x: tensor(shape, (i) => (i < 3 * 63 && i % 63 === 0 ? 20 : normal())), deviation: 1, gate: 2e-4 },
      { what: 'all equal', x: tensor(shape, () => 1e4 / 3), deviation: 1, gate: 5e-6 },
    ];
    for (const { what, x, deviation, gate } of inputs) {
      const b = new Builder();
      const { mean, variance } = statistics(b, shape, [0, 2, 3]);
      const wanted = (node: Node): Tensor => ({ shape: [3], dtype: 'f32', data: Float64Array.from(numbersOf(node, { x })) });
      // What is compared to 0 within 1e-5.
      const off = (node: Node, name: string, gate: number) => b.scale(b.binary('sub', node, b.input(name, [3], 'f32')), 1e-5 / gate);
      const largest = Math.max(1, ...wanted(mean).data.map(Math.abs));
      const outputs = { variance: off(variance, 'wanted_variance', gate * deviation ** 2), mean: off(mean, 'wanted_mean', 1e-6 * largest) };
      const given = { x, wanted_variance: wanted(variance), wanted_mean: wanted(mean) };
      await check(fn(what, outputs), [], { inputs: given });
    }
  });

  it('other formulas stay: another factor, other axes, deviations of another value', () => {
    expect(changes(statistics(new Builder(), [6, 5, 4], [0, 2]))).toBe(true);
    expect(changes(statistics(new Builder(), [6, 5, 4], [0, 2], { share: 1 / 23 }))).toBe(false);
    expect(changes(statistics(new Builder(), [6, 5, 4], [0, 2], { over: [0] }))).toBe(false);
    const b = new Builder();
    const s = statistics(b, [6, 5], [0]);
    const other = b.binary('sub', b.input('other', [6, 5], 'f32'), b.broadcastTo(b.reshape(s.mean, [1, 5]), [6, 5]));
    expect(changes({ ...s, variance: b.sum(b.binary('mul', other, other), [0]) })).toBe(false);
  });
});
