import { afterAll, describe, expect, it } from 'vitest';
import { Builder } from '../../compiler/graph/builder.js';
import type { Node } from '../../compiler/graph/node.js';
import { matmul } from '../../compiler/kernels/gemm.js';
import type { Group } from '../../compiler/kernels/kernel.js';
import { check, device, plainSite } from './contraction.js';

afterAll(async () => (await device()).close());

/** A product of inputs of these layouts (`n`: stored as it is; `t`: stored transposed), with an epilogue. */
function product(layout: string, [batch, m, k, n]: readonly number[], epilogue: (b: Builder, y: Node) => Node[] = (_, y) => [y]): Group {
  const b = new Builder();
  const operand = (name: string, letter: string, rows: number, columns: number): Node =>
    letter === 'n' ? b.input(name, [batch, rows, columns], 'f32') : b.permute(b.input(name, [batch, columns, rows], 'f32'), [0, 2, 1]);
  const anchor = b.matmul(operand('a', layout[0], m, k), operand('b', layout[1], k, n));
  return { kind: 'matmul', anchors: [anchor], outputs: epilogue(b, anchor) };
}

const biasTanh = (b: Builder, y: Node): Node[] => {
  const before = b.binary('add', y, b.broadcastTo(b.input('bias', [y.shape[2]], 'f32'), y.shape));
  return [before, b.unary('tanh', before)];
};

describe('matrix products', () => {
  for (const layout of ['nn', 'nt', 'tn', 'tt']) {
    it(`${layout}: prime sizes and multiples of four`, async () => {
      await check(layout, product(layout, [1, 37, 29, 53]), matmul, 29);
      await check(layout, product(layout, [1, 64, 36, 100]), matmul, 36);
    });
  }

  it('a batch of them', async () => {
    await check('batch', product('nt', [3, 17, 13, 11]), matmul, 13);
    await check('batch', product('tn', [5, 40, 8, 36]), matmul, 8);
  });

  it('bias and activation behind, two results', async () => {
    await check('epilogue', product('nn', [1, 37, 29, 53], biasTanh), matmul, 29);
    await check('epilogue', product('nt', [1, 64, 36, 100], biasTanh), matmul, 36);
    await check('epilogue', product('nn', [2, 7, 5, 12], biasTanh), matmul, 5);
  });

  it('factors in textures: whichever way they lie, rows that nothing divides, batches, last rows of texels in part', async () => {
    const textured = async (what: string, group: Group): Promise<void> => {
      const { variants } = matmul(group, plainSite(group));
      expect(variants.find(({ name }) => name === 'texture8')?.textures, what).toEqual([1, 2]);
      await check(what, group, matmul, group.anchors[0].inputs[0].shape[2], undefined, 'texture8');
    };
    await textured('nt', product('nt', [1, 131, 328, 149], biasTanh));
    for (const layout of ['nn', 'tn', 'tt']) await textured(layout, product(layout, [1, 132, 328, 148]));
    await textured('batch', product('tn', [3, 36, 264, 148]));
    await textured('more rows than columns', product('nn', [1, 584, 200, 36]));
  });

  it('no textures where results or sums are small, sums are no multiple of 8, or what follows reads a factor too', () => {
    const has = (group: Group): boolean => matmul(group, plainSite(group)).variants.some(({ textures }) => textures !== undefined);
    expect(has(product('nn', [1, 132, 328, 148]))).toBe(true);
    expect(has(product('nn', [1, 132, 324, 148]))).toBe(false);
    expect(has(product('nn', [1, 132, 32, 148]))).toBe(false);
    expect(has(product('nn', [1, 28, 4096, 148]))).toBe(false);
    const b = new Builder();
    const x = b.input('x', [1, 200, 200], 'f32');
    const anchor = b.matmul(x, b.input('w', [1, 200, 200], 'f32'));
    const group: Group = { kind: 'matmul', anchors: [anchor], outputs: [b.binary('add', anchor, x)] };
    expect(has(group)).toBe(false);
    expect(matmul(group, plainSite(group)).bindings).toHaveLength(3);
  });

  it('an epilogue in another shape, whose rows are no multiple of four', async () => {
    const group = product('nn', [1, 8, 5, 12], (b, y) => {
      const apart = b.reshape(y, [8, 4, 3]);
      const scaled = b.binary('mul', apart, b.broadcastTo(b.input('s', [3], 'f32'), apart.shape));
      return [b.reshape(scaled, [8, 12])];
    });
    await check('reshaped', group, matmul, 5);
  });

  it('in place of a value that the epilogue reads, and of an operand', async () => {
    const group = product('nn', [1, 8, 5, 12], (b, y) => [b.binary('sub', b.input('old', y.shape, 'f32'), b.scale(y, 0.1))]);
    const old = group.outputs[0].inputs[0];
    await check('in place', group, matmul, 5, new Map([[group.outputs[0], old]]));
    // The old value is read one by one too, so that the kernel cannot write it four by four.
    const b = new Builder();
    const shared = b.input('shared', [1, 9, 12], 'f32');
    const anchor = b.matmul(b.input('a', [1, 9, 7], 'f32'), b.input('w', [1, 7, 12], 'f32'));
    const first = b.broadcastTo(b.slice(shared, [0, 0, 5], [1, 1, 6]), shared.shape);
    const mixed = b.binary('add', b.binary('add', anchor, shared), first);
    const both: Group = { kind: 'matmul', anchors: [anchor], outputs: [mixed] };
    const [portable] = matmul(both, plainSite(both, new Map([[mixed, shared]]))).variants;
    expect(portable.wgsl).toMatch(/read_write> b\d+: array<f32>/);
  });

  it('narrow results and short sums', async () => {
    await check('one column', product('nn', [1, 64, 257, 1], biasTanh), matmul, 257);
    await check('one column', product('nn', [1, 64, 256, 1]), matmul, 256);
    await check('one row', product('nn', [1, 1, 67, 130]), matmul, 67);
    await check('one column of a transposed factor', product('tn', [1, 4, 2, 1]), matmul, 2);
    await check('one term', product('nn', [1, 33, 1, 70]), matmul, 1);
    await check('one of all', product('tt', [1, 1, 1, 1]), matmul, 1);
    await check('many columns, few rows', product('tn', [1, 3, 24, 300]), matmul, 24);
  });

  it('through workgroup memory: which tile, and the larger ones', async () => {
    const staged = (shape: readonly number[]) => {
      const group = product('nn', shape);
      return matmul(group, plainSite(group))
        .variants.filter(({ name }) => name === 'workgroup')
        .map(({ workgroupSize, workgroups, table }) => [workgroupSize, workgroups, table]);
    };
    expect(staged([1, 64, 53, 128])).toEqual([[[16, 8, 1], [2, 2, 1], 'never']]);
    expect(staged([9, 64, 53, 128])).toEqual([[[16, 8, 1], [2, 2, 9], 'hardware']]);
    expect(staged([256, 23, 53, 47])).toEqual([]);
    expect(staged([256, 61, 15, 67])).toEqual([]);
    expect(staged([256, 3, 53, 67])).toEqual([]);
    expect(staged([1, 1024, 1024, 1024])).toEqual([[[16, 16, 1], [16, 16, 1], 'hardware']]);
    expect(staged([1, 4096, 1024, 1024])).toEqual([[[16, 16, 1], [16, 32, 1], 'hardware']]);
    await check('64 x 64', product('nt', [256, 37, 17, 53]), matmul, 17, new Map(), 'workgroup');
    await check('128 x 64', product('tn', [256, 67, 17, 53]), matmul, 17, new Map(), 'workgroup');
    await check('128 x 64, by fours', product('tt', [256, 68, 20, 52]), matmul, 20, new Map(), 'workgroup');
  });

  it('more tiles than a grid is long', async () => {
    await check('columns', product('nn', [1, 2, 1, 65535 * 32 + 4]), matmul, 1);
    await check('batch', product('nn', [65537, 1, 2, 2]), matmul, 2);
  });

  it('operands through slices, flips, broadcasts and reshapes', async () => {
    const b = new Builder();
    const a = b.slice(b.reverse(b.input('a', [12, 40], 'f32'), [0]), [1, 4], [12, 37], [2, 1]);
    const w = b.broadcastTo(b.permute(b.reshape(b.input('w', [7, 3, 11], 'f32'), [1, 7, 33]), [0, 2, 1]), [2, 33, 7]);
    const anchor = b.matmul(b.broadcastTo(a, [2, 6, 33]), w);
    await check('views', { kind: 'matmul', anchors: [anchor], outputs: [anchor] }, matmul, 33);
  });
});
