/** What a training takes is known, told and refused before anything is allocated. */
import { expect, test } from 'vitest';
import { compileSpec } from '../../compiler/compile.js';
import type { Module } from '../../compiler/graph/module.js';
import { lower } from '../../compiler/plan/lower.js';
import { placesOf } from '../../compiler/plan/purpose.js';
import { memoryPlan } from '../../compiler/program/memory.js';
import { trainingEntries } from '../../compiler/program/schedule.js';
import type { GpuError } from '../../runtime/device/error.js';
import type { GpuDevice } from '../../runtime/device/open.js';
import { Executor } from '../../runtime/execute/executor.js';
import { allocate, checkBudget, type Wanted } from '../../runtime/execute/memory.js';
import { device } from '../plan/support.js';

const text = `noise z: normal[1, 16, 16]
noise x: normal[100]
net G(z) { z |> conv(8, kernel: 3, padding: 1) |> relu |> global_average_pool |> linear(100) }
net D(x) {
  x |> linear(300) |> relu
    |> linear(1)
}
game {
  D minimizes E[softplus(-D(x))] + E[softplus(D(G(z)))]
  G minimizes E[softplus(-D(G(z)))]
}
train {
  batch 64 steps 2
  D with adam()
  G with adam(), average 0.9
}
sample s = G(z)`;

function compiled(): Module {
  return compileSpec({ name: 'wide.gan', text }).module as Module;
}

const program = lower(compiled());
const entries = ['init', ...trainingEntries(program.train!)];

test('the plan counts what is for what', () => {
  const plan = memoryPlan(program, entries, 1000);
  const [g, d] = [8 * 9 + 8 + 8 * 100 + 100, 100 * 300 + 300 + 300 + 1];
  expect(plan).toMatchObject({ weights: 4 * (g + d), averages: 4 * g, states: 0, judges: 0, data: 1000 });
  // Padded to what neighbours start at, and the numbers of updates.
  expect(plan.players.D.optimizer).toBeGreaterThanOrEqual(8 * d + 4);
  expect(plan.players.D.optimizer).toBeLessThan(8 * (d + 4 * 64));
  expect(plan.players.G).toMatchObject({ weights: 4 * g, averages: 4 * g });
  const { weights, optimizer, averages, states, judges, results, rest, data, total } = plan;
  expect(weights + optimizer + averages + states + judges + results + rest + data).toBe(total);
  expect(plan.largest[0]).toEqual({ name: 'G.relu', kind: 'result', bytes: 64 * 8 * 16 * 16 * 4 });
});

test('what the plan says is what the device gives', async () => {
  const executor = await Executor.create(await device(), program, { seed: 1n, entries });
  await executor.submit([
    { entry: 'init', counter: 0 },
    { entry: 'update.D', counter: 0 },
    { entry: 'update.G', counter: 0 },
  ]);
  const { total, staging, readback, scratch } = executor.memory;
  expect(total - staging - readback).toBe(memoryPlan(program, entries).total);
  executor.close();
  // A sample alone needs little beside the variables.
  const sampler = await Executor.create(await device(), program, { seed: 1n, entries: ['sample.s'] });
  expect(sampler.memory.scratch).toBeLessThan(scratch);
  expect(memoryPlan(program, ['sample.s']).results).toBe(sampler.memory.scratch);
  sampler.close();
});

async function refusal(wanted: Wanted, gpu?: GpuDevice): Promise<GpuError> {
  try {
    checkBudget(gpu ?? (await device()), program, { entries, places: () => placesOf(compiled()), ...wanted });
  } catch (error) {
    return error as GpuError;
  }
  throw new Error('it was not refused');
}

test('more than there is: tensors and their lines, and the batch that fits', async () => {
  const { total, results } = memoryPlan(program, entries);
  const error = await refusal({ limit: total - results / 2 });
  expect(error.message).toMatch(/^"wide" needs [\d.]+ MiB of GPU memory$/);
  expect(error.reason).toMatch(/MiB is free; weights 123\.4 KiB, optimizer 24\d\.\d KiB, averages 3\.8 KiB, gradients and results [\d.]+ MiB/);
  expect(error.reason).toContain('a result of G.relu (512.0 KiB, wide.gan:3)');
  expect(error.mend).toContain('train with batch 32 in place of 64; accumulate 2 then keeps');
  expect((await refusal({ limit: total - 1 })).mend).toContain('batch 32 in place of 64');
  // No batch helps: the weights alone are too much.
  expect((await refusal({ limit: 300_000 })).mend).toBe('make the nets narrower');
  // Rows of data count.
  expect((await refusal({ limit: total + 10, data: 11 })).reason).toContain('data 11 bytes');
});

test('more in one piece than the adapter binds', async () => {
  const real = await device();
  const gpu = (most: number) => ({ ...real, name: real.name, limits: { ...limitsOf(real), maxStorageBufferBindingSize: most } }) as unknown as GpuDevice;
  const result = await refusal({}, gpu(400_000));
  expect(result.message).toMatch(/^"G\.\w+" \(wide\.gan:3\) needs 512\.0 KiB in one piece$/);
  expect(result.reason).toContain('allows 390.6 KiB; this result could not be cut into parts (kernel ');
  expect(result.mend).toContain('batch 32 in place of 64');
});

function limitsOf({ limits }: GpuDevice) {
  const { maxBufferSize, maxUniformBufferBindingSize, maxStorageBufferBindingSize } = limits;
  return { maxBufferSize, maxUniformBufferBindingSize, maxStorageBufferBindingSize };
}

test('a device that runs out of memory says what it was given', async () => {
  const real = await device();
  const errors = [{ message: 'Device memory is exhausted\n' }, null];
  const full = {
    check: () => undefined,
    settle: <T>(promise: Promise<T>) => promise,
    device: {
      pushErrorScope: () => undefined,
      popErrorScope: async () => errors.shift(),
      createBuffer: (what: GPUBufferDescriptor) => real.device.createBuffer(what),
    },
  } as unknown as GpuDevice;
  const error = await allocate(full, program, { entries, places: () => placesOf(compiled()) }).catch((e: GpuError) => e as GpuError);
  expect(String((error as GpuError).reason)).toContain('the GPU ran out of memory (Device memory is exhausted); weights 123.4 KiB');
  expect((error as GpuError).reason).toContain('D.linear.weight [300, 100] (117.2 KiB, wide.gan:5)');
  expect((error as GpuError).mend).toContain('batch 32 in place of 64');
});
