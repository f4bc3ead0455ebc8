/** Kernels that read their factors from textures: the same bits as from buffers, one dispatch after another through the same textures, and times of them. */
import { afterAll, expect, test } from 'vitest';
import { Builder } from '../../compiler/graph/builder.js';
import { lower } from '../../compiler/plan/lower.js';
import type { Program } from '../../compiler/program/types.js';
import { type GpuDevice, openDevice } from '../../runtime/device/open.js';
import { Executor } from '../../runtime/execute/executor.js';
import { tune } from '../../runtime/tune/tune.js';
import { generator, randomTensor } from '../graph/numeric.js';
import { fn, moduleOf } from '../plan/support.js';

const ROW_BYTES = 16 * 1024;

let opened: Promise<GpuDevice> | undefined;
const lavapipe = () => (opened ??= openDevice({ device: 'lavapipe' }));
afterAll(async () => (await lavapipe()).close());

/** tanh(a b) c, and a d besides: products of different sizes, one after another. */
function chain(): Program {
  const b = new Builder();
  const of = (name: string, ...shape: number[]) => b.input(name, [1, ...shape], 'f32');
  const a = of('a', 130, 320);
  const y = b.unary('tanh', b.matmul(a, of('b', 320, 136)));
  return lower(moduleOf([fn('run', { z: b.matmul(y, of('c', 136, 264)), w: b.matmul(a, of('d', 320, 520)) })]));
}

async function run(program: Program, candidates?: Record<string, string>) {
  const executor = await Executor.create(await lavapipe(), program, { seed: 1n, candidates });
  const random = generator(3);
  const tensors = Object.fromEntries(
    program.entries[0].inputs.flatMap(({ kind, name, shape }) =>
      kind === 'tensor' ? [[name, { dtype: 'f32' as const, shape, data: Float32Array.from(randomTensor(shape, random).data) }]] : [],
    ),
  );
  const call = { entry: 'run', counter: 0, tensors };
  const results = await executor.submit([call, call]);
  const { choice, memory } = executor;
  executor.close();
  return { choice, staging: memory.staging, results: results.map(({ outputs }) => Object.values(outputs).map(({ data }) => data)) };
}

test('the bits of buffers, in every call', async () => {
  const program = chain();
  const textured = await run(program);
  expect(Object.values(textured.choice)).toEqual(['texture8', 'texture8', 'texture8']);
  const buffers = await run(program, Object.fromEntries(program.kernels.map(({ id }) => [id, 'subgroup8'])));
  expect(Object.values(buffers.choice)).toEqual(['subgroup8', 'subgroup8', 'subgroup8']);
  expect(textured.results).toEqual(buffers.results);
  expect(textured.results[0]).toEqual(textured.results[1]);
  // The first factor is 130 x 320 at most, the second 320 x 520: rows of textures, counted as memory.
  const rows = Math.ceil((130 * 320 * 4) / ROW_BYTES) + Math.ceil((320 * 520 * 4) / ROW_BYTES);
  expect(textured.staging - buffers.staging).toBe(rows * ROW_BYTES);
});

test('measured beside the others, copies included', async () => {
  const { times, kernels } = await tune(await lavapipe(), chain());
  for (const { shapes } of kernels) for (const { key } of shapes) expect(times.get(key)?.texture8).toBeGreaterThan(0);
});
