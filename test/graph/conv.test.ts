import { describe, expect, it } from 'vitest';
import { Builder } from '../../compiler/graph/builder.js';
import { derivative } from '../../compiler/graph/derivative.js';
import { type ConvAttrs, type Shape, size, topological } from '../../compiler/graph/node.js';
import { derivativeErrors, generator, gradient, numbersOf, randomTensor } from './numeric.js';

interface Case {
  readonly x: Shape;
  readonly w: Shape;
  readonly attrs: ConvAttrs;
}

/** Random numbers of a convolution: stride, padding of either sign, dilation of input and kernel, groups, 1 to 3 axes. */
function randomCase(seed: number): Case {
  const random = generator(seed);
  const pick = (low: number, high: number): number => low + Math.floor(random() * (high - low + 1));
  const rank = 1 + (seed % 3);
  const list = (low: number, high: number): number[] => Array.from({ length: rank }, () => pick(low, high));
  const most = rank === 3 ? 3 : 5;
  const [batch, groups, ins, outs] = [pick(1, 2), pick(1, 2), pick(1, 2), pick(1, 2)];
  return {
    x: [batch, groups, ins, ...list(1, most)],
    w: [groups, outs, ins, ...list(1, 3)],
    attrs: { stride: list(1, 3), padding: list(-2, 3), dilation: list(1, 2), inputDilation: list(1, 3), size: list(1, most) },
  };
}

/** All index vectors below a shape, in order. */
function* indices(shape: Shape): Generator<number[]> {
  for (let flat = 0; flat < size(shape); flat++) {
    const index: number[] = [];
    let left = flat;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index.unshift(left % shape[axis]);
      left = Math.floor(left / shape[axis]);
    }
    yield index;
  }
}

function at(shape: Shape, index: readonly number[]): number {
  return index.reduce((flat, i, axis) => flat * shape[axis] + i, 0);
}

/** The definition, term by term. */
function bruteForce({ x, w, attrs }: Case, xs: ArrayLike<number>, ws: ArrayLike<number>): number[] {
  const result: number[] = [];
  for (const [n, g, o, ...p] of indices([x[0], w[0], w[1], ...attrs.size])) {
    let total = 0;
    for (const [c, ...k] of indices(w.slice(2))) {
      const position = p.map((v, a) => v * attrs.stride[a] + k[a] * attrs.dilation[a] - attrs.padding[a]);
      const inside = position.every((v, a) => v % attrs.inputDilation[a] === 0 && v >= 0 && v / attrs.inputDilation[a] < x[3 + a]);
      if (!inside) continue;
      const source = position.map((v, a) => v / attrs.inputDilation[a]);
      total += xs[at(x, [n, g, c, ...source])] * ws[at(w, [g, o, c, ...k])];
    }
    result.push(total);
  }
  return result;
}

const SEEDS = Array.from({ length: 24 }, (_, i) => i);

describe('conv', () => {
  it('is its definition', () => {
    for (const seed of Array.from({ length: 120 }, (_, i) => i)) {
      const c = randomCase(seed);
      const b = new Builder();
      const [x, w] = [b.input('x', c.x, 'f32'), b.input('w', c.w, 'f32')];
      const y = b.conv(x, w, c.attrs);
      expect(y.shape).toEqual([c.x[0], c.w[0], c.w[1], ...c.attrs.size]);
      const random = generator(seed + 1000);
      const inputs = { x: randomTensor(c.x, random), w: randomTensor(c.w, random) };
      const expected = bruteForce(c, inputs.x.data, inputs.w.data);
      numbersOf(y, inputs).forEach((v, i) => {
        expect(v).toBeCloseTo(expected[i], 12);
      });
    }
  });

  it.each(SEEDS)('derivatives, case %i', (seed) => {
    const c = randomCase(seed);
    const b = new Builder();
    const leaves = { x: b.input('x', c.x, 'f32'), w: b.input('w', c.w, 'f32') };
    const random = generator(seed + 2000);
    const inputs = { x: randomTensor(c.x, random), w: randomTensor(c.w, random) };
    // Squared, so that the second derivative meets the second derivative of conv and its own.
    const y = b.conv(leaves.x, leaves.w, c.attrs);
    const { first, second } = derivativeErrors(b, b.binary('mul', y, y), leaves, inputs);
    expect(first).toBeLessThan(1e-5);
    expect(second).toBeLessThan(1e-5);
  });

  it('is closed under its derivatives: nothing but conv and index maps', () => {
    const c = randomCase(5);
    const b = new Builder();
    const [x, w] = [b.input('x', c.x, 'f32'), b.input('w', c.w, 'f32')];
    const y = b.conv(x, w, c.attrs);
    const first = derivative(b, [y], [b.input('g', y.shape, 'f32')], [x, w]);
    const cotangents = first.map((g, i) => b.input(`h${i}`, g.shape, 'f32'));
    const second = derivative(b, first, cotangents, [x, w, b.input('g', y.shape, 'f32')]);
    const operations = new Set(topological([...first, ...second]).map((n) => n.operation.op));
    expect([...operations].sort()).toEqual(['binary', 'conv', 'input', 'permute', 'reverse']);
    expect(
      topological(second)
        .filter((n) => n.operation.op === 'binary')
        .every((n) => n.operation.op === 'binary' && n.operation.name === 'add'),
    ).toBe(true);
  });

  it('refuses shapes that do not fit, naming them', () => {
    const b = new Builder();
    const attrs: ConvAttrs = { stride: [1], padding: [0], dilation: [1], inputDilation: [1], size: [3] };
    const x = b.input('x', [1, 1, 2, 5], 'f32');
    expect(() => b.conv(x, b.input('w', [1, 4, 3, 3], 'f32'), attrs)).toThrow(
      'conv takes [N, G, C, ...S] and [G, O, C, ...K], not [1, 1, 2, 5] and [1, 4, 3, 3]',
    );
    const w = b.input('v', [1, 4, 2, 3], 'f32');
    expect(() => b.conv(x, w, { ...attrs, stride: [0] })).toThrow('stride [0] must be integers of at least 1');
    expect(() => b.conv(x, w, { ...attrs, padding: [0, 0] })).toThrow('padding [0, 0] must have 1 entries');
  });

  it('gradient of an output that the kernel never reaches is zero', () => {
    const b = new Builder();
    const x = b.input('x', [1, 1, 1, 2], 'f32');
    const w = b.input('w', [1, 1, 1, 2], 'f32');
    const y = b.conv(x, w, { stride: [1], padding: [-9], dilation: [1], inputDilation: [1], size: [3] });
    const [g] = gradient(b, b.sum(y, [0, 1, 2, 3]), [x]);
    const random = generator(1);
    expect(numbersOf(g, { x: randomTensor([1, 1, 1, 2], random), w: randomTensor([1, 1, 1, 2], random) })).toEqual([0, 0]);
  });
});
