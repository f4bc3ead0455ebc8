/** Kernels that are in no cache: compiled before the first step, on more than one device. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { ProgramKernel } from '../../compiler/program/types.js';
import { type GpuDevice, openDevice } from '../../runtime/device/open.js';
import { compileKernels } from '../../runtime/execute/pipelines.js';
import { compilesLate, warm } from '../../runtime/execute/warm.js';

let gpu: GpuDevice;
beforeAll(async () => {
  gpu = await openDevice();
});
afterAll(() => gpu.close());

/** A kernel that no cache knows, and that takes more than a moment to compile. */
function unknownKernel(id: string): ProgramKernel {
  const number = Math.random();
  const lines = Array.from({ length: 4 }, (_, i) => `  x = sin(x * ${(number + i).toFixed(9)}) + written[id.x + ${i}u];`);
  const wgsl = `struct Parameters { count: u32 }
@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> values: array<f32>;
@group(0) @binding(2) var<storage, read_write> written: array<f32>;
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= parameters.count) { return; }
  var x = values[id.x];
${lines.join('\n')}
  written[id.x] = x;
}`;
  return { id, bindings: ['uniform', 'read', 'write'], candidates: [{ name: 'portable', wgsl, workgroupSize: [64, 1, 1] }] };
}

test('every kernel is told of once, and the work is shared where it is much', async () => {
  const kernels = Array.from({ length: 6 }, (_, i) => unknownKernel(`k${i}`));
  const compiled = await compileKernels(gpu, [...kernels, kernels[0]], {});
  const another = vi.spyOn(gpu, 'another');
  const seen: string[] = [];
  await warm(gpu, compiled, (done, total) => seen.push(`${done}/${total}`));
  expect(seen).toEqual(['1/6', '2/6', '3/6', '4/6', '5/6', '6/6']);
  if (compilesLate(gpu)) expect(another).toHaveBeenCalled();
  const helpers = await Promise.all(another.mock.results.map((result) => result.value as Promise<GpuDevice>));
  for (const helper of helpers) expect(helper.failure?.message).toBe('the GPU device is closed');
  another.mockClear();
  await warm(gpu, compiled);
  expect(another).not.toHaveBeenCalled();
});

test('without another device it goes on alone', async () => {
  const compiled = await compileKernels(
    gpu,
    Array.from({ length: 3 }, (_, i) => unknownKernel(`k${i}`)),
    {},
  );
  const another = vi.spyOn(gpu, 'another').mockRejectedValue(new Error('no more devices'));
  const seen: number[] = [];
  await warm(gpu, compiled, (done) => seen.push(done));
  another.mockRestore();
  expect(seen).toEqual([1, 2, 3]);
});
