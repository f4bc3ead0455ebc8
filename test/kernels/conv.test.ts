import { afterAll, describe, expect, it } from 'vitest';
import { Builder } from '../../compiler/graph/builder.js';
import { derivative } from '../../compiler/graph/derivative.js';
import { type ConvAttrs, type Node, size, topological } from '../../compiler/graph/node.js';
import { conv } from '../../compiler/kernels/conv.js';
import type { Group } from '../../compiler/kernels/kernel.js';
import { check, device, plainSite } from './contraction.js';

afterAll(async () => (await device()).close());

interface Numbers {
  readonly stride?: number;
  readonly padding?: number;
  readonly dilation?: number;
  readonly inputDilation?: number;
  readonly size: readonly number[];
}

function attrs({ size, stride = 1, padding = 0, dilation = 1, inputDilation = 1 }: Numbers): ConvAttrs {
  const all = (n: number): number[] => size.map(() => n);
  return { stride: all(stride), padding: all(padding), dilation: all(dilation), inputDilation: all(inputDilation), size };
}

/** x [n, g, c, ...] with w [g, o, c, ...]. */
function plain(b: Builder, x: readonly number[], w: readonly number[], numbers: Numbers): Node {
  return b.conv(b.input('x', x, 'f32'), b.input('w', w, 'f32'), attrs(numbers));
}

const terms = (node: Node): number => size(node.inputs[1].shape.slice(2));
const alone = (anchor: Node): Group => ({ kind: 'conv', anchors: [anchor], outputs: [anchor] });
const checkPlain = (label: string, x: readonly number[], w: readonly number[], numbers: Numbers): Promise<void> => {
  const anchor = plain(new Builder(), x, w, numbers);
  return check(label, alone(anchor), conv, terms(anchor));
};

/** Each convolution of a graph as a group of its own; what it reads through views becomes an input. */
async function checkGradients(label: string, x: readonly number[], w: readonly number[], numbers: Numbers): Promise<void> {
  const b = new Builder();
  const y = plain(b, x, w, numbers);
  const gradients = derivative(b, [y], [b.input('dy', y.shape, 'f32')], [...y.inputs]);
  for (const node of topological(gradients)) if (node.operation.op === 'conv') await check(label, alone(node), conv, terms(node));
}

describe('convolution', () => {
  it('2-d, stride 2, as in a discriminator', async () => {
    await checkPlain('k4 s2 p1', [3, 1, 8, 10, 14], [1, 37, 8, 4, 4], { stride: 2, padding: 1, size: [5, 7] });
    await checkPlain('one channel', [5, 1, 1, 11, 13], [1, 7, 1, 4, 4], { stride: 2, padding: 1, size: [5, 6] });
  });

  it('gradients of a strided one', async () => {
    await checkGradients('k4 s2 p1', [3, 1, 5, 10, 14], [1, 11, 5, 4, 4], { stride: 2, padding: 1, size: [5, 7] });
  });

  it('transposed, and its gradients', async () => {
    await checkGradients('k4 s2 p1 transposed', [2, 1, 6, 5, 7], [1, 9, 6, 4, 4], { inputDilation: 2, padding: 2, size: [10, 14] });
    await checkGradients('to one channel', [8, 1, 16, 5, 5], [1, 1, 16, 4, 4], { inputDilation: 2, padding: 2, size: [10, 10] });
  });

  it('1-d and 3-d', async () => {
    await checkPlain('1-d', [2, 1, 5, 23], [1, 3, 5, 5], { padding: 2, dilation: 2, size: [19] });
    await checkGradients('3-d', [2, 1, 3, 4, 6, 5], [1, 5, 3, 3, 4, 3], { stride: 2, padding: 1, size: [2, 3, 3] });
  });

  it('groups, one by one and depthwise', async () => {
    await checkGradients('groups', [2, 3, 2, 7, 6], [3, 5, 2, 3, 3], { padding: 1, stride: 2, size: [4, 3] });
    await checkPlain('depthwise', [2, 9, 1, 7, 6], [9, 1, 1, 3, 3], { padding: 1, size: [7, 6] });
  });

  it('1 x 1, and a kernel over the whole input', async () => {
    await checkPlain('1 x 1', [2, 1, 6, 5, 7], [1, 33, 6, 1, 1], { size: [5, 7] });
    await checkPlain('whole', [5, 1, 12, 4, 4], [1, 3, 12, 4, 4], { size: [1, 1] });
  });

  it('cropping, phases without taps or positions, input dilation with stride and dilation', async () => {
    await checkPlain('crop', [2, 1, 3, 9, 8], [1, 4, 3, 2, 2], { padding: -2, size: [4, 3] });
    await checkPlain('no taps', [2, 1, 3, 4, 4], [1, 4, 3, 1, 1], { inputDilation: 3, padding: 1, size: [11, 10] });
    await checkPlain('even dilation', [2, 1, 3, 4, 5], [1, 4, 3, 3, 2], { inputDilation: 2, dilation: 2, padding: 1, size: [6, 9] });
    await checkPlain('all', [2, 1, 3, 7, 6], [1, 4, 3, 3, 4], { inputDilation: 3, dilation: 2, stride: 2, padding: 4, size: [9, 1] });
    await checkPlain('wide', [2, 1, 3, 5, 6], [1, 4, 3, 3, 3], { inputDilation: 4, stride: 6, padding: 3, dilation: 3, size: [4, 5] });
  });

  it('by windows along the last axis: by fours, single, in several turns, past the last tap, position and channel, by phases', async () => {
    const windows = async (label: string, x: readonly number[], w: readonly number[], numbers: Numbers): Promise<boolean> => {
      const anchor = plain(new Builder(), x, w, numbers);
      await check(label, alone(anchor), conv, terms(anchor));
      return conv(alone(anchor), plainSite(alone(anchor))).name.includes('rows');
    };
    expect(await windows('fours', [2, 1, 5, 9, 15], [1, 35, 5, 4, 4], { stride: 2, padding: 1, size: [4, 7] })).toBe(true);
    expect(await windows('input by fours', [2, 1, 3, 6, 12], [1, 33, 3, 3, 3], { padding: 1, size: [6, 12] })).toBe(true);
    expect(await windows('both by fours, in two turns', [2, 1, 3, 5, 16], [1, 9, 3, 3, 8], { stride: 3, padding: 2, size: [3, 5] })).toBe(true);
    expect(await windows('no padding', [2, 2, 3, 8, 14], [2, 33, 3, 3, 3], { size: [6, 12] })).toBe(true);
    expect(await windows('reaching over', [2, 1, 3, 5, 11], [1, 34, 3, 3, 5], { padding: 2, dilation: 3, size: [3, 3] })).toBe(true);
    expect(await windows('two turns', [3, 1, 3, 11, 23], [1, 17, 3, 3, 8], { padding: 1, size: [11, 18] })).toBe(true);
    expect(await windows('past the last tap', [3, 1, 2, 6, 27], [1, 32, 2, 5, 11], { padding: 4, size: [10, 25] })).toBe(true);
    expect(await windows('two taps, odd channels', [2, 1, 5, 6, 7], [1, 33, 5, 4, 4], { inputDilation: 2, padding: 2, size: [12, 14] })).toBe(true);
    expect(await windows('phases of one and two taps', [2, 1, 5, 6, 8], [1, 33, 5, 3, 3], { inputDilation: 2, padding: 1, size: [12, 16] })).toBe(true);
    expect(await windows('one column', [4, 1, 8, 9, 6], [1, 33, 8, 3, 6], { size: [7, 1] })).toBe(false);
  });

  it('through workgroup memory: forward, both gradients, phases, groups, swapped, 1-d and 3-d', async () => {
    const staged = async (label: string, x: readonly number[], w: readonly number[], numbers: Numbers): Promise<boolean[]> => {
      const b = new Builder();
      const y = plain(b, x, w, numbers);
      const gradients = derivative(b, [y], [b.input('dy', y.shape, 'f32')], [...y.inputs]);
      const found: boolean[] = [];
      for (const node of topological([y, ...gradients]).filter(({ operation }) => operation.op === 'conv')) {
        found.push(conv(alone(node), plainSite(alone(node))).variants.some(({ name }) => name === 'workgroup'));
        await check(label, alone(node), conv, terms(node), new Map(), 'workgroup');
      }
      return found;
    };
    expect(await staged('k4 s2 p1', [17, 1, 25, 6, 10], [1, 29, 25, 4, 4], { stride: 2, padding: 1, size: [3, 5] })).toEqual([true, true, true]);
    expect(await staged('groups', [18, 2, 25, 4, 5], [2, 26, 25, 3, 3], { padding: 1, size: [4, 5] })).toEqual([true, true, true]);
    expect(await staged('3-d', [17, 1, 24, 2, 3, 3], [1, 24, 24, 2, 2, 2], { size: [1, 2, 2] })).toContain(true);
    expect(await staged('1-d, dilated', [5, 1, 23, 29], [1, 31, 23, 3], { padding: 2, dilation: 2, size: [29] })).toContain(true);
    expect(await staged('few channels', [2, 1, 3, 9, 9], [1, 31, 3, 3, 3], { padding: 1, size: [9, 9] })).toEqual([false, false, false]);
  });

  it('bias and activation behind, flattened', async () => {
    for (const size of [3, 4]) {
      const b = new Builder();
      const anchor = plain(b, [3, 1, 8, 2 * size, 2 * size], [1, 12, 8, 4, 4], { stride: 2, padding: 1, size: [size, size] });
      const image = b.reshape(anchor, [3, 12, size, size]);
      const sum = b.binary('add', image, b.broadcastTo(b.reshape(b.input('bias', [12], 'f32'), [12, 1, 1]), image.shape));
      const flat = b.reshape(b.binary('max', sum, b.scale(sum, 0.2)), [3, 12 * size * size]);
      await check('epilogue', { kind: 'conv', anchors: [anchor], outputs: [flat, sum] }, conv, terms(anchor));
    }
  });

  it('positions as one axis: by four where no row is; not where rows or columns are told apart, or an operand is read again', async () => {
    const behind = async (label: string, place: readonly number[], more: (b: Builder, y: Node) => Node, groups = 1): Promise<Group> => {
      const b = new Builder();
      const anchor = plain(b, [3, groups, 2, ...place], [groups, 7, 2, ...place.map(() => 3)], { padding: 1, size: place });
      const y = b.binary('add', anchor, b.broadcastTo(b.input('bias', [7, ...place.map(() => 1)], 'f32'), anchor.shape));
      const group: Group = { kind: 'conv', anchors: [anchor], outputs: [more(b, y), b.reshape(y, [3, groups * 7, ...place])] };
      await check(label, group, conv, terms(anchor));
      return group;
    };
    const quads = (group: Group): boolean => /array<vec4<f32>>/.test(conv(group, plainSite(group)).variants[0].wgsl);
    const tanh = (b: Builder, y: Node): Node => b.unary('tanh', y);
    expect(quads(await behind('6 x 10', [6, 10], tanh))).toBe(true);
    expect(quads(await behind('5 x 7', [5, 7], tanh))).toBe(false);
    expect(quads(await behind('groups', [6, 2], tanh, 2))).toBe(true);
    expect(quads(await behind('2 x 3 x 6', [2, 3, 6], tanh))).toBe(true);
    expect(quads(await behind('a row', [1, 12], tanh))).toBe(true);
    expect(quads(await behind('by rows', [6, 10], (b, y) => b.binary('mul', y, b.broadcastTo(b.input('row', [6, 1], 'f32'), y.shape))))).toBe(false);
    const again = new Builder();
    const anchor = plain(again, [3, 1, 7, 6, 10], [1, 7, 7, 3, 3], { padding: 1, size: [6, 10] });
    await check('again', { kind: 'conv', anchors: [anchor], outputs: [again.binary('add', anchor, anchor.inputs[0])] }, conv, terms(anchor));
  });

  it('positions as one axis: not where the operands would change places for it', async () => {
    const b = new Builder();
    const anchor = b.conv(b.input('x', [1, 1, 2, 2, 1], 'f32'), b.input('w', [1, 3, 2, 3, 2], 'f32'), { ...attrs({ size: [4, 2] }), padding: [0, 1] });
    await check('kernel as large as the picture', alone(anchor), conv, terms(anchor));
  });

  it('positions as one axis, in place of what it is added to', async () => {
    const b = new Builder();
    const anchor = plain(b, [3, 1, 5, 6, 10], [1, 7, 5, 3, 3], { padding: 1, size: [6, 10] });
    const old = b.input('old', anchor.shape, 'f32');
    const sum = b.binary('add', anchor, old);
    await check('in place', { kind: 'conv', anchors: [anchor], outputs: [sum] }, conv, terms(anchor), new Map([[sum, old]]));
  });
});
