/**
 * lavapipe compiles a kernel not when its pipeline is made but at its first dispatch: up to seconds each, one after the other, in silence; from Mesa's cache on
 * disk milliseconds. Here every kernel is dispatched over no workgroups before anything is computed. Where that shows that the cache is cold, further devices of the
 * same adapter, each with a thread of its own, take their share: the first one then finds their kernels in the cache.
 */
import { availableParallelism } from 'node:os';
import { GPUBufferUsage, type GpuDevice } from '../device/open.js';
import { Operands, texturesOf } from './operands.js';
import { type CompiledKernel, compileKernels } from './pipelines.js';

/** A kernel that took so long was not in the cache. */
const COLD_MS = 40;
const MOST_DEVICES = 8;
/** Of the buffers that stand in for a kernel's own: enough for what is bound as a whole. */
const BYTES = 1 << 16;

/** False of hardware and of SwiftShader, which compile when a pipeline is made. */
export function compilesLate({ kind }: GpuDevice): boolean {
  return kind === 'lavapipe' || kind === 'other software';
}

/** For a device that compiles late. Throws GpuError where a kernel cannot be compiled. */
export async function warm(gpu: GpuDevice, kernels: readonly CompiledKernel[], progress?: (done: number, total: number) => void): Promise<void> {
  const open = [...new Map(kernels.map((kernel) => [kernel.pipeline, kernel])).values()];
  const total = open.length;
  let done = 0;
  const others: Promise<void>[] = [];
  const next = (): CompiledKernel | undefined => open.shift();
  const ready = (): void => progress?.(++done, total);
  const help = async (): Promise<void> => {
    const helper = await gpu.another();
    try {
      await work(helper, next, (kernel) => again(helper, kernel), ready);
    } finally {
      helper.close();
    }
  };
  await work(
    gpu,
    next,
    async (kernel) => kernel,
    (milliseconds) => {
      ready();
      const helpers = Math.min(availableParallelism(), MOST_DEVICES, open.length) - 1;
      if (milliseconds > COLD_MS && others.length === 0 && process.env.MESA_SHADER_CACHE_DISABLE === undefined)
        // What a helper cannot do, the first dispatch does.
        for (let i = 0; i < helpers; i++) others.push(help().catch(() => undefined));
    },
  );
  await Promise.all(others);
}

/** The same candidate, on another device. */
async function again(gpu: GpuDevice, { kernel, candidate }: CompiledKernel): Promise<CompiledKernel> {
  const [compiled] = await compileKernels(gpu, [kernel], { candidates: { [kernel.id]: kernel.candidates[candidate].name } });
  return compiled;
}

async function work(
  gpu: GpuDevice,
  next: () => CompiledKernel | undefined,
  own: (kernel: CompiledKernel) => Promise<CompiledKernel>,
  ready: (milliseconds: number) => void,
): Promise<void> {
  const { device } = gpu;
  const buffers: GPUBuffer[] = [];
  // A product has two factors.
  const operands = new Operands(gpu, [[0, 0]]);
  const buffer = (usage: number): GPUBuffer => {
    const made = device.createBuffer({ label: 'warm-up', size: BYTES, usage });
    buffers.push(made);
    return made;
  };
  try {
    // Zeros: no workgroups.
    const counts = buffer(GPUBufferUsage.INDIRECT);
    const storage: GPUBuffer[] = [];
    const parameters = buffer(GPUBufferUsage.UNIFORM);
    for (let kernel = next(); kernel; kernel = next()) {
      const compiled = await own(kernel);
      const { pipeline, layout, kernel: described } = compiled;
      const textures = texturesOf(compiled);
      const entries = described.bindings.map((access, binding) => {
        if (textures.includes(binding)) return { binding, resource: operands.view(textures.indexOf(binding)) };
        if (access === 'uniform') return { binding, resource: { buffer: parameters } };
        storage[binding] ??= buffer(GPUBufferUsage.STORAGE);
        return { binding, resource: { buffer: storage[binding] } };
      });
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, device.createBindGroup({ layout, entries }));
      pass.dispatchWorkgroupsIndirect(counts, 0);
      pass.end();
      const began = performance.now();
      device.queue.submit([encoder.finish()]);
      await gpu.settle(device.queue.onSubmittedWorkDone());
      ready(performance.now() - began);
    }
  } finally {
    for (const made of buffers) made.destroy();
    operands.close();
  }
}
