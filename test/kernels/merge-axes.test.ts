import { afterAll, describe, expect, it } from 'vitest';
import { Builder } from '../../compiler/graph/builder.js';
import type { Node, Shape } from '../../compiler/graph/node.js';
import { generateElementwise } from '../../compiler/kernels/elementwise.js';
import type { GeneratedKernel, Group, Site } from '../../compiler/kernels/kernel.js';
import { overMergedAxes } from '../../compiler/kernels/merge-axes.js';
import { generateReduce } from '../../compiler/kernels/reduce.js';
import { check, device, plainSite } from './contraction.js';

afterAll(async () => (await device()).close());

const elementwise = (group: Group, site: Site): GeneratedKernel => overMergedAxes(group, site, generateElementwise);
const reduce = (group: Group, site: Site): GeneratedKernel => overMergedAxes(group, site, generateReduce);
const names = (kernel: GeneratedKernel): string[] => kernel.variants.map((variant) => variant.name);

/** Batch norm's scale and shift of a channel, and an activation: `x` is [N, C, ...space]. */
function scaled(b: Builder, x: Node): Node {
  const { shape } = x;
  const channels = (name: string): Node => b.broadcastTo(b.reshape(b.input(name, [shape[1]], 'f32'), [1, shape[1], ...shape.slice(2).map(() => 1)]), shape);
  const y = b.binary('add', b.binary('mul', x, channels('scale')), channels('shift'));
  return b.select(b.compare('lt', y, b.fill(y, 0)), b.scale(y, 0.2), y);
}

const norm = (shape: Shape): Group => {
  const b = new Builder();
  return { kind: 'elementwise', anchors: [], outputs: [scaled(b, b.input('x', shape, 'f32'))] };
};

describe('elementwise kernels over merged axes', () => {
  it('a value for each channel: spaces that divide nothing, by four as one axis only, and by four', async () => {
    for (const shape of [
      [7, 11, 5, 5],
      [13, 17, 7, 7],
      [5, 7, 2, 6],
      [9, 13, 6, 6],
      [3, 5, 4, 4],
      [11, 7, 3, 2, 6],
      [1, 5, 3, 3],
      [3, 1, 7, 7],
      [1, 1, 1, 1],
      [29, 31],
    ])
      await check(`norm ${shape.join(' ')}`, norm(shape), elementwise, 1);
  });

  it('one text for spaces of one, two and three axes, of which four neighbours are whole together', () => {
    const texts = [
      [8, 12, 36],
      [8, 12, 6, 6],
      [9, 12, 3, 2, 6],
    ].map((shape) => elementwise(norm(shape), plainSite(norm(shape))));
    expect(names(texts[0])[0]).toBe('rows');
    for (const kernel of texts) expect(kernel.variants.map((v) => v.wgsl)).toEqual(texts[0].variants.map((v) => v.wgsl));
  });

  it('long rows go a thread each on software GPUs, others in turns; both also one by one', () => {
    const variants = (shape: Shape): string[] => names(elementwise(norm(shape), plainSite(norm(shape))));
    expect(variants([13, 17, 7, 7])).toEqual(['single', 'single_along8']);
    expect(variants([13, 17, 6, 6])).toEqual(['rows', 'rows_along8']);
    expect(variants([13, 17, 3, 3])).toEqual(['single', 'single_lanes8']);
    expect(variants([2, 3, 6, 6])).toEqual(['rows', 'rows_lanes8']);
  });

  it('results and operands that are one value over merged axes', async () => {
    const b = new Builder();
    const x = b.input('x', [5, 3, 7, 7], 'f32');
    const y = b.unary('tanh', x);
    await check('same', { kind: 'elementwise', anchors: [], outputs: [y, b.reshape(y, [5, 3, 49]), b.reshape(x, [15, 49])] }, elementwise, 1);
  });

  it('in place of an operand', async () => {
    const b = new Builder();
    const x = b.input('x', [6, 5, 7, 7], 'f32');
    const y = scaled(b, x);
    await check('in place', { kind: 'elementwise', anchors: [], outputs: [y] }, elementwise, 1, new Map([[y, x]]));
  });

  it('index maps between', async () => {
    const b = new Builder();
    const x = b.input('x', [5, 3, 7, 2, 4], 'f32');
    const map = (y: Node): Node => b.unary('neg', b.binary('add', y, b.fill(y, 1)));
    const single = b.input('single', [5, 1, 7, 1, 4], 'f32');
    const index = b.cast(b.scale(b.input('at', [15, 11], 'f32'), 9), 'i32');
    const maps = [
      b.permute(x, [2, 0, 1, 3, 4]),
      b.permute(x, [3, 4, 2, 1, 0]),
      b.slice(x, [0, 0, 2, 0, 0], [5, 3, 5, 2, 4]),
      b.slice(x, [1, 0, 0, 1, 0], [2, 3, 7, 2, 4]),
      b.pad(x, [0, 0, 1, 0, 0], [0, 0, 2, 0, 0], [0, 0, 1, 0, 0]),
      b.concat([x, b.slice(x, [0, 1, 0, 0, 0], [5, 2, 7, 2, 4])], 1),
      b.reverse(x, [1, 4]),
      b.reverse(single, [0, 1, 4]),
      b.make({ op: 'broadcast', shape: x.shape }, [single]),
      b.reshape(b.permute(b.reshape(x, [15, 7, 8]), [1, 0, 2]), [7, 5, 3, 8]),
      b.gather(b.reshape(x, [15, 7, 8]), index),
      b.binary('mul', x, b.iota(x.shape, 3, 'f32')),
      b.binary('mul', x, b.broadcastTo(b.iota([7, 1, 1], 0, 'f32'), x.shape)),
    ];
    for (const [i, node] of maps.entries()) await check(`map ${i}`, { kind: 'elementwise', anchors: [], outputs: [map(node)] }, elementwise, 1);
  });
});

describe('sums over merged axes', () => {
  it('of a channel, of an example, of all: few results and many', async () => {
    for (const shape of [
      [13, 5, 7, 7],
      [16, 3, 6, 6],
      [40, 3, 5, 2],
      [11, 3, 1, 37],
      [3, 7, 31, 17],
      [2, 1025, 3, 3],
      [1, 5, 1, 3],
    ]) {
      for (const axes of [[0, 2, 3], [1, 2, 3], [0, 1, 2, 3], [0], [2, 3], [3], [1, 3]]) {
        const b = new Builder();
        const x = b.input('x', shape, 'f32');
        const total = b.sum(b.binary('mul', x, b.unary('tanh', x)), axes);
        const most = b.max(b.binary('mul', x, b.unary('tanh', x)), axes);
        const outputs = [b.scale(total, 0.5), most];
        const terms = axes.reduce((product, axis) => product * shape[axis], 1);
        await check(`${shape.join(' ')} over ${axes.join(' ')}`, { kind: 'reduce', anchors: [total, most], outputs }, reduce, terms);
      }
    }
  });
});
