/** Noises that the host gives to samples: those that the GPU would draw, and the ways between two. */
import { expect, test } from 'vitest';
import { compileSpec } from '../../compiler/compile.js';
import { lower } from '../../compiler/plan/lower.js';
import { fromFiles, toFiles } from '../../compiler/program/serialise.js';
import type { Program } from '../../compiler/program/types.js';
import { openDevice } from '../../runtime/device/open.js';
import { Executor } from '../../runtime/execute/executor.js';
import { between, noiseInputs, noisesOf } from '../../runtime/train/noises.js';

const spec = `
noise z: normal[5]
noise u: uniform[2, 3] in -1..3
noise c: one_hot[4]
sample all = {z: z, u: u, c: c, again: fresh(z)}
`;

function program(noisesGiven: boolean): Program {
  const { module, diagnostics } = compileSpec({ name: 'noises.gan', text: spec }, { noisesGiven, samples: 6 });
  if (!module) throw new Error(diagnostics.map((d) => d.message).join());
  return lower(module);
}

test('the GPU gives back what it is given, which is what it would have drawn', async () => {
  const gpu = await openDevice({});
  try {
    const [drawing, given] = [program(false), program(true)];
    expect([...noiseInputs(drawing, drawing.samples[0]).keys()]).toEqual([]);
    expect([...noiseInputs(given, given.samples[0]).keys()].sort()).toEqual(['sample.c', 'sample.u', 'sample.z', 'sample.z#2']);
    expect(given.draws).toEqual([]);
    expect(fromFiles(toFiles(given))).toEqual(given);
    const executors = await Promise.all([drawing, given].map((p) => Executor.create(gpu, p, { seed: 77n, entries: ['sample.all'] })));
    for (const call of [0, 3]) {
      const tensors = noisesOf(given, given.samples[0], call, { seed: 77n, of: (k) => k });
      const [[own], [fed]] = await Promise.all([
        executors[0].submit([{ entry: 'sample.all', counter: call }]),
        executors[1].submit([{ entry: 'sample.all', counter: call, tensors }]),
      ]);
      for (const [name, { shape, data }] of Object.entries(own.outputs)) {
        expect(fed.outputs[name].shape).toEqual(shape);
        data.forEach((value, i) => {
          expect(Math.abs(fed.outputs[name].data[i] - value)).toBeLessThan(1e-5);
        });
      }
    }
    for (const executor of executors) executor.close();
  } finally {
    gpu.close();
  }
});

test('numbers, halves and truncation: what sample k has', () => {
  const p = program(true);
  const noises = (call: number, options: Partial<Parameters<typeof noisesOf>[3]> = {}) => noisesOf(p, p.samples[0], call, { seed: 5n, ...options });
  const row = (tensor: { shape: number[]; data: ArrayLike<number> }, i: number) => {
    const each = tensor.data.length / tensor.shape[0];
    return Array.from({ length: each }, (_, j) => tensor.data[i * each + j]);
  };
  const [first, second] = [noises(0), noises(1)];
  // Sample k has noise k; noise 7 is row 1 of the second call.
  expect(row(noises(0, { of: () => 7 })['sample.z'], 0)).toEqual(row(second['sample.z'], 1));
  const half = noises(0, { truncation: 0.5 });
  expect(row(half['sample.z'], 2)).toEqual(row(first['sample.z'], 2).map((v) => v / 2));
  expect(half['sample.u']).toEqual(first['sample.u']);
  expect(row(noises(0, { truncation: 0 })['sample.z#2'], 0).every((v) => v === 0)).toBe(true);
  const way = noises(0, { of: (k) => ({ from: 0, to: 1, share: k / 5 }) });
  expect(row(way['sample.z'], 0)).toEqual(row(first['sample.z'], 0));
  expect(row(way['sample.u'], 5)).toEqual(row(first['sample.u'], 1));
  for (let i = 0; i < 6; i++) expect(row(way['sample.c'], i)).toEqual(row(first['sample.c'], i < 3 ? 0 : 1));
});

test('normal noises turn on the way: as long as their ends, by equal angles; others go straight', () => {
  const [a, b] = [Float64Array.of(3, 0, 4), Float64Array.of(0, 5, 0)];
  const normal = { family: 'normal' } as const;
  const points = [0, 0.25, 0.5, 0.75, 1].map((share) => between(normal, a, b, share));
  const dot = (p: Float64Array, q: Float64Array) => p.reduce((sum, v, i) => sum + v * q[i], 0);
  for (const point of points) expect(Math.sqrt(dot(point, point))).toBeCloseTo(5, 12);
  for (let i = 1; i < 5; i++) expect(Math.acos(dot(points[i - 1], points[i]) / 25)).toBeCloseTo(Math.PI / 8, 9);
  expect([...between({ family: 'uniform' }, a, b, 0.5)]).toEqual([1.5, 2.5, 2]);
  // Where there is no one arc: the same direction, the opposite one, no direction.
  expect([...between(normal, a, a, 0.5)]).toEqual([...a]);
  expect([
    ...between(
      normal,
      a,
      a.map((v) => -v),
      0.25,
    ),
  ]).toEqual([1.5, 0, 2]);
  expect([...between(normal, a, Float64Array.of(0, 0, 0), 0.5)]).toEqual([1.5, 0, 2]);
});
