import { describe, expect, it } from 'vitest';
import { Builder } from '../../compiler/graph/builder.js';
import { derivative } from '../../compiler/graph/derivative.js';
import type { Node, Shape } from '../../compiler/graph/node.js';
import { safeNorm } from '../../compiler/graph/norm.js';
import { binaryRules } from '../../compiler/graph/ops/binary.js';
import { unaryRules } from '../../compiler/graph/ops/unary.js';
import { derivativeErrors, generator, gradient, numbersOf, randomTensor, tensorOf } from './numeric.js';

/** Derivatives of an expression of inputs a (and b), drawn from a range, against finite differences. */
function check(shapes: readonly Shape[], make: (b: Builder, ...inputs: Node[]) => Node, low = -1, high = 1, seed = 1): void {
  const random = generator(seed);
  const b = new Builder();
  const leaves: Record<string, Node> = {};
  const inputs: Record<string, ReturnType<typeof randomTensor>> = {};
  shapes.forEach((shape, i) => {
    leaves[`x${i}`] = b.input(`x${i}`, shape, 'f32');
    inputs[`x${i}`] = randomTensor(shape, random, low, high);
  });
  const { first, second } = derivativeErrors(b, make(b, ...Object.values(leaves)), leaves, inputs);
  expect(first).toBeLessThan(1e-5);
  expect(second).toBeLessThan(1e-5);
}

describe('derivatives against finite differences, first and second order', () => {
  const positive = new Set(['log', 'log1p', 'sqrt', 'rsqrt']);
  for (const name of Object.keys(unaryRules) as (keyof typeof unaryRules)[]) {
    if (unaryRules[name].derivative === undefined) continue;
    it(name, () => {
      const [low, high] = positive.has(name) ? [0.5, 2] : [0.2, 1.5];
      check([[2, 3]], (b, x) => b.unary(name, x), low, high);
      if (!positive.has(name)) check([[5]], (b, x) => b.unary(name, x), -1.5, -0.2);
    });
  }
  for (const name of Object.keys(binaryRules) as (keyof typeof binaryRules)[]) {
    if (binaryRules[name].derivative === undefined) continue;
    it(name, () => {
      check(
        [
          [2, 3],
          [2, 3],
        ],
        (b, x, y) => b.binary(name, b.scale(x, 1.7), y),
        0.4,
        1.3,
        4,
      );
    });
  }
  it('select', () => check([[4], [4]], (b, x, y) => b.select(b.compare('lt', x, y), b.binary('mul', x, y), b.unary('exp', y))));
  it('broadcast', () => check([[2, 1, 3]], (b, x) => b.unary('exp', b.broadcastTo(x, [2, 4, 3]))));
  it('broadcastTo new axes', () => check([[3]], (b, x) => b.unary('exp', b.broadcastTo(x, [2, 3]))));
  it('reshape', () => check([[2, 6]], (b, x) => b.unary('sin', b.reshape(x, [3, 4]))));
  it('permute', () => check([[2, 3, 4]], (b, x) => b.unary('sin', b.permute(x, [2, 0, 1]))));
  it('slice', () => check([[5, 4]], (b, x) => b.unary('sin', b.slice(x, [1, 0], [5, 3], [3, 2]))));
  it('pad', () => check([[2, 3]], (b, x) => b.unary('exp', b.pad(x, [1, 0], [2, 1], [0, 2]))));
  it('concat', () =>
    check(
      [
        [2, 2],
        [2, 3],
      ],
      (b, x, y) => b.unary('sin', b.concat([x, y, x], 1)),
    ));
  it('reverse', () => check([[2, 3]], (b, x) => b.binary('mul', x, b.reverse(x, [0, 1]))));
  it.each([
    ['rows of numbers', [2, 4, 1]],
    ['rows of several', [2, 4, 3]],
  ])('gather, %s', (_, shape) => {
    check([shape], (b, x) => b.unary('sin', b.gather(b.unary('exp', x), b.binary('mod', b.iota([2, 7], 1, 'i32'), b.constant(3, [2, 7], 'i32')))));
    // Numbers beyond the rows mean the ends, and theirs is the derivative.
    check([shape], (b, x) => b.unary('sin', b.gather(x, b.binary('sub', b.iota([2, 7], 1, 'i32'), b.constant(2, [2, 7], 'i32')))));
  });
  it('sum', () => check([[2, 3, 4]], (b, x) => b.unary('sin', b.sum(x, [0, 2]))));
  it('max', () => check([[2, 3, 4]], (b, x) => b.unary('sin', b.max(x, [2, 0]))));
  it('matmul', () =>
    check(
      [
        [2, 3, 4],
        [2, 4, 2],
      ],
      (b, x, y) => b.matmul(b.unary('sin', x), y),
    ));
  it('cast', () => check([[3]], (b, x) => b.unary('sin', b.cast(x, 'f32'))));
  it('norm', () => check([[2, 3]], (b, x) => safeNorm(b, x, [1])));
});

describe('derivative', () => {
  it('is right where a power meets 0', () => {
    const b = new Builder();
    const x = b.input('x', [3], 'f32');
    for (const [exponent, expected] of [
      [0, [0, 0, 0]],
      [1, [1, 1, 1]],
      [2, [0, -4, 6]],
      [3, [0, 12, 27]],
    ] as const) {
      const [g] = gradient(b, b.sum(b.binary('pow', x, b.constant(exponent, [3])), [0]), [x]);
      expect(numbersOf(g, { x: tensorOf([3], [0, -2, 3]) }).map((v) => v + 0)).toEqual(expected);
    }
  });

  it('halves at ties of max, shares evenly among ties of a reduction', () => {
    const b = new Builder();
    const x = b.input('x', [3], 'f32');
    const zero = b.constant(0, [3]);
    const [g] = gradient(b, b.sum(b.binary('max', x, zero), [0]), [x]);
    expect(numbersOf(g, { x: tensorOf([3], [-1, 0, 2]) })).toEqual([0, 0.5, 1]);
    const [h] = gradient(b, b.max(x, [0]), [x]);
    expect(numbersOf(h, { x: tensorOf([3], [2, 1, 2]) })).toEqual([0.5, 0, 0.5]);
  });

  it('of a ReLU written as select is 0 at 0', () => {
    const b = new Builder();
    const x = b.input('x', [3], 'f32');
    const zero = b.fill(x, 0);
    const [g] = gradient(b, b.sum(b.select(b.compare('lt', zero, x), x, zero), [0]), [x]);
    expect(numbersOf(g, { x: tensorOf([3], [-1, 0, 2]) })).toEqual([0, 0, 1]);
  });

  it('of the norm is 0 at 0, to third order', () => {
    const b = new Builder();
    const x = b.input('x', [4], 'f32');
    let value = b.binary('mul', safeNorm(b, x, [0]), b.constant(3));
    for (let order = 0; order < 3; order++) {
      const [g] = gradient(b, value, [x]);
      expect(numbersOf(g, { x: tensorOf([4], [0, 0, 0, 0]) })).toEqual([0, 0, 0, 0]);
      value = b.sum(b.binary('mul', g, b.constant(0.5 + order, [4])), [0]);
    }
    expect(numbersOf(safeNorm(b, x, [0]), { x: tensorOf([4], [0, Number.NaN, 0, 0]) })).toEqual([Number.NaN]);
  });

  it('stops at stop, floor and comparisons; gives zeros where nothing reaches', () => {
    const b = new Builder();
    const x = b.input('x', [2], 'f32');
    const y = b.input('y', [3], 'f32');
    const parts = [b.unary('stop', x), b.unary('floor', x), b.unary('sign', x), b.cast(b.compare('lt', x, b.fill(x, 0)), 'f32')];
    const scalar = b.sum(
      parts.reduce((p, q) => b.binary('add', p, q)),
      [0],
    );
    const [gx, gy] = gradient(b, scalar, [x, y]);
    expect(gx.operation).toEqual({ op: 'constant', value: 0 });
    expect(gy.shape).toEqual([3]);
    expect(gy.operation).toEqual({ op: 'constant', value: 0 });
  });

  it('by a value in the middle, and by it and its source at once', () => {
    const b = new Builder();
    const x = b.input('x', [2], 'f32');
    const s = b.unary('sin', x);
    const y = b.sum(b.binary('mul', s, s), [0]);
    const [gs, gx] = gradient(b, y, [s, x]);
    const inputs = { x: tensorOf([2], [0.3, 1]) };
    expect(numbersOf(gs, inputs)).toEqual([2 * Math.sin(0.3), 2 * Math.sin(1)]);
    expect(numbersOf(gx, inputs)[0]).toBeCloseTo(Math.sin(0.6), 12);
  });

  it('builds nothing for what is not asked', () => {
    const b = new Builder();
    const x = b.input('x', [1, 2, 3], 'f32');
    const w = b.input('w', [1, 3, 4], 'f32');
    const y = b.matmul(x, w);
    const [g] = derivative(b, [y], [b.fill(y, 1)], [w]);
    expect(g.operation.op).toBe('matmul');
    expect(g.inputs.some((i) => i === w)).toBe(false);
  });

  it('stamps the origin of the forward node', () => {
    const b = new Builder();
    b.origin = { path: 'D.fc1' };
    const x = b.input('x', [2], 'f32');
    const y = b.unary('exp', x);
    b.origin = { path: 'elsewhere' };
    const [g] = derivative(b, [y], [b.input('g', [2], 'f32')], [x]);
    expect(g.origin.path).toBe('D.fc1');
    expect(b.origin.path).toBe('elsewhere');
  });

  it('refuses cotangents of another shape, integers and pack', () => {
    const b = new Builder();
    const x = b.input('x', [2], 'f32');
    expect(() => derivative(b, [x], [b.constant(1)], [x])).toThrow('f32[2] with cotangent f32[]');
    expect(() => derivative(b, [x], [b.fill(x, 1)], [b.constant(1, [], 'i32')])).toThrow('only f32');
    const packed = b.pack([b.unary('exp', x)], [0], 64);
    expect(() => derivative(b, [packed], [b.fill(packed, 1)], [x])).toThrow('pack has no derivative');
  });
});
