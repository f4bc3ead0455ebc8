import { afterAll, describe, expect, it } from 'vitest';
import { Builder } from '../../compiler/graph/builder.js';
import { derivative } from '../../compiler/graph/derivative.js';
import type { ConvAttrs, Node } from '../../compiler/graph/node.js';
import { check, device, fn } from '../plan/support.js';

afterAll(async () => (await device()).close());

interface Case {
  readonly input: readonly number[];
  readonly channels: number;
  readonly outputs: number;
  readonly taps: readonly number[];
  readonly size: readonly number[];
  readonly padding: readonly number[];
  readonly holes?: number;
  readonly stride?: number;
}

function onto(b: Builder, c: Case): { x: Node; w: Node; y: Node } {
  const all = (value: number): number[] => c.input.map(() => value);
  const x = b.input('x', [3, 1, c.channels, ...c.input], 'f32');
  const w = b.input('w', [1, c.outputs, c.channels, ...c.taps], 'f32');
  const attrs: ConvAttrs = { stride: all(c.stride ?? 1), padding: c.padding, dilation: all(1), inputDilation: all(c.holes ?? 1), size: c.size };
  return { x, w, y: b.conv(x, w, attrs) };
}

/** The kernels that the tanh of the convolution takes. */
async function kernels(c: Case): Promise<string[]> {
  const b = new Builder();
  const program = await check(fn('run', { y: b.unary('tanh', onto(b, c).y) }));
  return program.kernels.map((kernel) => kernel.id.split('_')[0]);
}

const inTwoSteps = ['matmul', 'elementwise'];

describe('convolutions onto few channels', () => {
  it('transposed: twice as large, in 1 to 3 dimensions, onto 1 to 3 channels', async () => {
    expect(await kernels({ input: [7], channels: 17, outputs: 1, taps: [4], size: [14], padding: [2], holes: 2 })).toEqual(inTwoSteps);
    expect(await kernels({ input: [5, 7], channels: 19, outputs: 1, taps: [4, 4], size: [10, 14], padding: [2, 2], holes: 2 })).toEqual(inTwoSteps);
    expect(await kernels({ input: [5, 7], channels: 24, outputs: 3, taps: [4, 4], size: [10, 14], padding: [2, 2], holes: 2 })).toContain('matmul');
    expect(await kernels({ input: [2, 3, 5], channels: 37, outputs: 1, taps: [4, 4, 4], size: [4, 6, 10], padding: [2, 2, 2], holes: 2 })).toEqual(inTwoSteps);
  });

  it('holes of three, other taps than holes, results cut and widened', async () => {
    expect(await kernels({ input: [5], channels: 16, outputs: 1, taps: [6], size: [13], padding: [4], holes: 3 })).toEqual(inTwoSteps);
    expect(await kernels({ input: [5, 3], channels: 18, outputs: 2, taps: [2, 6], size: [9, 11], padding: [1, 5], holes: 2 })).toContain('matmul');
    expect(await kernels({ input: [6, 6], channels: 16, outputs: 1, taps: [2, 2], size: [9, 10], padding: [-1, 0], holes: 2 })).toEqual(inTwoSteps);
    expect(await kernels({ input: [6], channels: 16, outputs: 1, taps: [2], size: [31], padding: [9], holes: 2 })).toEqual(inTwoSteps);
  });

  it('without holes', async () => {
    expect(await kernels({ input: [7, 11], channels: 17, outputs: 1, taps: [3, 3], size: [7, 11], padding: [1, 1] })).toEqual(inTwoSteps);
    expect(await kernels({ input: [13], channels: 23, outputs: 3, taps: [5], size: [9], padding: [0] })).toContain('matmul');
  });

  it('others are convolutions still: more outputs, few channels, strides, taps that holes do not divide, a single position, far more terms', async () => {
    const few = { input: [5, 7], channels: 19, outputs: 1, taps: [4, 4], size: [10, 14], padding: [2, 2], holes: 2 };
    expect(await kernels({ ...few, outputs: 4 })).toEqual(['conv2d']);
    expect(await kernels({ ...few, channels: 5 })).toEqual(['conv2d']);
    expect(await kernels({ ...few, taps: [5, 4] })).toEqual(['conv2d']);
    expect(await kernels({ ...few, holes: 1, stride: 2, size: [3, 4] })).toEqual(['conv2d']);
    expect(await kernels({ ...few, input: [4, 4], holes: 1, size: [1, 1], padding: [0, 0] })).toEqual(['conv2d']);
    expect(await kernels({ ...few, channels: 32, taps: [5, 5], holes: 1, size: [5, 7] })).toEqual(['conv2d']);
  });

  it('the derivatives of a discriminator of pictures, by picture and weights', async () => {
    const b = new Builder();
    const x = b.input('x', [3, 1, 1, 14, 10], 'f32');
    const w = b.input('w', [1, 18, 1, 4, 4], 'f32');
    const y = b.unary('tanh', b.conv(x, w, { stride: [2, 2], padding: [1, 1], dilation: [1, 1], inputDilation: [1, 1], size: [7, 5] }));
    const [dx, dw] = derivative(b, [b.sum(b.binary('mul', y, y), [0, 1, 2, 3, 4])], [b.constant(1)], [x, w]);
    const program = await check(fn('run', { dx, dw }));
    expect(program.kernels.some((kernel) => kernel.id.startsWith('matmul'))).toBe(true);
  });
});
