import { describe, expect, it } from 'vitest';
import { Builder } from '../../compiler/graph/builder.js';
import { derivative } from '../../compiler/graph/derivative.js';
import { type GraphFunction, type Node, roots, topological } from '../../compiler/graph/node.js';
import { Clusters } from '../../compiler/rewrite/clusters.js';
import { fuse } from '../../compiler/rewrite/fuse.js';
import { masks } from '../../compiler/rewrite/masks.js';
import { prune } from '../../compiler/rewrite/prune.js';
import { divisorNear, split } from '../../compiler/rewrite/split.js';
import { transpose } from '../../compiler/rewrite/transpose.js';
import { generator } from '../graph/numeric.js';
import { fn } from '../plan/support.js';

function kernelsOf(graph: GraphFunction): string[] {
  return fuse(split(transpose(masks(prune(graph)))), []).groups.map((group) => `${group.kind} ${group.outputs.map((o) => o.operation.op).join(' ')}`);
}

function opsOf(graph: GraphFunction): string[] {
  return topological(roots(graph)).map((node) => node.operation.op);
}

describe('fusion', () => {
  it('a softmax is three kernels: the maximum, the sum with its prologue, the quotient', () => {
    const b = new Builder();
    const x = b.input('x', [64, 100], 'f32');
    const spread = (n: Node): Node => b.broadcastTo(b.reshape(n, [64, 1]), [64, 100]);
    const e = b.unary('exp', b.binary('sub', x, spread(b.max(x, [1]))));
    expect(kernelsOf(fn('run', { y: b.binary('div', e, spread(b.sum(e, [1]))) }))).toEqual([
      'reduce max',
      'elementwise unary',
      'reduce sum',
      'elementwise binary',
    ]);
  });

  it('a chain after a product is its epilogue, and one before a sum its prologue', () => {
    const b = new Builder();
    const x = b.input('x', [1, 32, 16], 'f32');
    const y = b.unary('tanh', b.binary('add', b.matmul(x, b.input('w', [1, 16, 8], 'f32')), b.broadcastTo(b.input('c', [8], 'f32'), [1, 32, 8])));
    expect(kernelsOf(fn('run', { y }))).toEqual(['matmul unary']);
    const z = b.input('z', [32, 8], 'f32');
    expect(kernelsOf(fn('run', { s: b.sum(b.unary('exp', b.permute(z, [1, 0])), [0]) }))).toEqual(['reduce sum']);
  });

  it('what is dear is not computed again for every element that it is spread over', () => {
    const b = new Builder();
    const c = b.unary('exp', b.input('c', [8], 'f32'));
    const y = b.binary('mul', b.input('x', [4096, 8], 'f32'), b.broadcastTo(c, [4096, 8]));
    expect(kernelsOf(fn('run', { y }))).toEqual(['elementwise unary', 'elementwise binary']);
  });

  it('the mask of a rectifier is not kept beside its result', () => {
    const b = new Builder();
    const x = b.input('x', [1, 64, 64], 'f32');
    const w = b.variable('w', [1, 64, 64], 'f32');
    const h = b.matmul(x, w);
    const zero = b.fill(h, 0);
    const y = b.select(b.compare('lt', zero, h), h, b.scale(h, 0.2));
    const loss = b.sum(b.matmul(y, b.input('v', [1, 64, 64], 'f32')), [0, 1, 2]);
    const [g] = derivative(b, [loss], [b.constant(1)], [w]);
    for (const kernel of kernelsOf(fn('run', { g }))) expect(kernel.split(' ').length).toBe(2);
  });

  it('a transposed sum of products is a sum of products', () => {
    const b = new Builder();
    const product = (name: string): Node => b.reshape(b.matmul(b.input(`${name}.a`, [1, 6, 4], 'f32'), b.input(`${name}.b`, [1, 4, 8], 'f32')), [6, 8]);
    const y = b.permute(b.binary('add', product('p'), product('q')), [1, 0]);
    expect(kernelsOf(fn('run', { y })).length).toBe(2);
    expect(opsOf(transpose(fn('run', { y }))).filter((op) => op === 'matmul').length).toBe(2);
  });

  it('long sums are split, short ones and those with many results are not', () => {
    const b = new Builder();
    const sums = (shape: number[], axes: number[]): number =>
      opsOf(split(fn('run', { y: b.sum(b.input(`x${shape}`, shape, 'f32'), axes) }))).filter((op) => op === 'sum').length;
    expect(sums([100000], [0])).toBe(2);
    expect(sums([64, 3, 64, 64], [0, 2, 3])).toBe(2);
    expect(sums([64, 100], [0])).toBe(1);
    expect(sums([5000, 100], [1])).toBe(1);
    expect(divisorNear(12, 5)).toBe(4);
    expect(divisorNear(13, 5)).toBe(1);
  });
});

describe('clusters', () => {
  it('never merge into a circle, and stay in order', () => {
    const random = generator(5);
    for (let round = 0; round < 200; round++) {
      const count = 2 + Math.floor(random() * 30);
      const after: number[][] = Array.from({ length: count }, () => []);
      for (let i = 0; i < count; i++) for (let j = i + 1; j < count; j++) if (random() < 0.12) after[i].push(j);
      const clusters = new Clusters(after, after);
      for (let k = 0; k < 40; k++) {
        const [a, b] = [clusters.find(Math.floor(random() * count)), clusters.find(Math.floor(random() * count))];
        if (clusters.mergeable(a, b)) clusters.merge(a, b);
      }
      const position = new Map(clusters.order().map((cluster, i) => [cluster, i]));
      after.forEach((list, i) => {
        for (const j of list) expect(position.get(clusters.find(i))!).toBeLessThanOrEqual(position.get(clusters.find(j))!);
      });
      expect(clusters.order().flatMap((cluster) => [...clusters.members(cluster)]).length).toBe(count);
    }
  });
});
