/** From a program's kernels to pipelines: which candidate of each, compiled together, with the fault shown at its WGSL line. */
import type { KernelCandidate, ProgramKernel } from '../../compiler/program/types.js';
import { GpuError } from '../device/error.js';
import type { GpuDevice } from '../device/open.js';

/**
 * `best`: of each kernel the last candidate that the device can run, of those that are taken unmeasured. `portable`: the first. A record, as `Executor.choice` gives it: the candidate
 * named there, where the device can run it, so that a resumed run computes the same bits.
 */
export type CandidateChoice = 'best' | 'portable' | Readonly<Record<string, string>>;

export interface CompiledKernel {
  readonly kernel: ProgramKernel;
  /** Index in `kernel.candidates`. */
  readonly candidate: number;
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
  /** Equal for equal layouts: such kernels can share bind groups. */
  readonly layoutKey: string;
}

export interface CompileOptions {
  readonly candidates?: CandidateChoice;
  /** Called as kernels become ready. */
  readonly progress?: (done: number, total: number) => void;
}

/** Why the device cannot run the candidate, or undefined where it can. */
export function obstacle(gpu: GpuDevice, candidate: KernelCandidate): string | undefined {
  const { requires, workgroupSize } = candidate;
  const missing = requires?.features?.filter((feature) => !gpu.features.has(feature)) ?? [];
  if (missing.length > 0) return `it needs the feature ${missing.join(', ')}`;
  if (requires?.subgroupSize !== undefined && requires.subgroupSize !== gpu.subgroupSize) {
    return `it needs subgroups of ${requires.subgroupSize}; the adapter has ${gpu.subgroupSize ?? 'no fixed size'}`;
  }
  const { maxComputeInvocationsPerWorkgroup: most, maxComputeWorkgroupSizeX: x, maxComputeWorkgroupSizeY: y, maxComputeWorkgroupSizeZ: z } = gpu.limits;
  const invocations = workgroupSize[0] * workgroupSize[1] * workgroupSize[2];
  if (invocations > most || workgroupSize[0] > x || workgroupSize[1] > y || workgroupSize[2] > z) {
    return `its workgroups of ${workgroupSize.join(' x ')} are larger than the adapter's ${x} x ${y} x ${z}, ${most} in all`;
  }
  return undefined;
}

/** Index of the candidate to run. Throws GpuError where the device can run none. */
export function chooseCandidate(gpu: GpuDevice, kernel: ProgramKernel, choice: CandidateChoice): number {
  const named = typeof choice === 'object' ? kernel.candidates.findIndex((c) => c.name === choice[kernel.id]) : -1;
  if (named >= 0 && !obstacle(gpu, kernel.candidates[named])) return named;
  for (let i = choice === 'portable' ? 0 : kernel.candidates.length - 1; i >= 0; i--) {
    const { table } = kernel.candidates[i];
    const usual = i === 0 || table === undefined || (table === 'hardware' && gpu.kind === 'gpu');
    if (usual && !obstacle(gpu, kernel.candidates[i])) return i;
  }
  const reasons = kernel.candidates.map((c) => `${c.name}: ${obstacle(gpu, c)}`).join('; ');
  throw new GpuError(`this adapter (${gpu.name}) cannot run the kernel "${kernel.id}"`, reasons, 'use another adapter; `ganc doctor` tells how');
}

/** The message lines of a compilation, each with its WGSL line and a mark under the fault. */
function showFaults(file: string, wgsl: string, messages: readonly GPUCompilationMessage[]): string {
  const lines = wgsl.split('\n');
  return messages
    .filter((m) => m.type === 'error')
    .map((m) => {
      const head = `${file}:${m.lineNum}:${m.linePos}: ${m.message.trim()}`;
      const line = lines[m.lineNum - 1];
      if (line === undefined) return head;
      const number = `${m.lineNum}`;
      return `${head}\n  ${number} | ${line}\n  ${' '.repeat(number.length)} | ${' '.repeat(Math.max(0, m.linePos - 1))}${'^'.repeat(Math.max(1, Math.min(m.length, line.length - m.linePos + 1)))}`;
    })
    .join('\n');
}

/**
 * Compiles the kernels in parallel; kernels of equal text and bindings share a pipeline. The result is by index in `kernels`.
 * Throws GpuError naming the kernel, with the WGSL line at fault.
 */
export async function compileKernels(gpu: GpuDevice, kernels: readonly ProgramKernel[], options: CompileOptions): Promise<CompiledKernel[]> {
  const { device } = gpu;
  const layouts = new Map<string, { layout: GPUBindGroupLayout; pipelineLayout: GPUPipelineLayout }>();
  const pipelines = new Map<string, Promise<GPUComputePipeline>>();
  const compiled: Promise<CompiledKernel>[] = [];
  const candidates = kernels.map((kernel) => {
    const storage = kernel.bindings.filter((b) => b !== 'uniform').length;
    if (storage > gpu.limits.maxStorageBuffersPerShaderStage) {
      throw new GpuError(
        `the kernel "${kernel.id}" binds ${storage} storage buffers`,
        `${gpu.name} allows ${gpu.limits.maxStorageBuffersPerShaderStage}`,
        'use another adapter',
      );
    }
    return chooseCandidate(gpu, kernel, options.candidates ?? 'best');
  });
  let done = 0;
  device.pushErrorScope('validation');
  kernels.forEach((kernel, index) => {
    const candidate = candidates[index];
    const { wgsl, name, textures = [] } = kernel.candidates[candidate];
    const kinds = kernel.bindings.map((access, binding) => (textures.includes(binding) ? 'texture' : access));
    const layoutKey = kinds.join();
    let shared = layouts.get(layoutKey);
    if (!shared) {
      const layout = device.createBindGroupLayout({
        label: layoutKey,
        entries: kinds.map((kind, binding) => ({
          binding,
          visibility: 4, // GPUShaderStage.COMPUTE
          ...(kind === 'texture'
            ? { storageTexture: { access: 'read-only', format: 'rgba32float' } }
            : { buffer: { type: kind === 'uniform' ? 'uniform' : kind === 'read' ? 'read-only-storage' : 'storage' } }),
        })),
      });
      shared = { layout, pipelineLayout: device.createPipelineLayout({ bindGroupLayouts: [layout] }) };
      layouts.set(layoutKey, shared);
    }
    const { layout, pipelineLayout } = shared;
    const key = `${layoutKey}\n${wgsl}`;
    let pipeline = pipelines.get(key);
    if (!pipeline) {
      const module = device.createShaderModule({ label: kernel.id, code: wgsl });
      pipeline = device
        .createComputePipelineAsync({ label: kernel.id, layout: pipelineLayout, compute: { module, entryPoint: 'main' } })
        .catch(async (error) => {
          gpu.check();
          const { messages } = await module.getCompilationInfo();
          const file = `kernels/${kernel.id}.wgsl`;
          throw new GpuError(
            `the kernel "${kernel.id}" (candidate ${name}) does not compile`,
            showFaults(file, wgsl, messages) || `${file}: ${(error as Error).message.trim()}`,
            'this is a fault of the compiler, not of the spec: please report it with the spec and `ganc doctor`',
          );
        });
      pipelines.set(key, pipeline);
    }
    compiled.push(
      pipeline.then((ready) => {
        options.progress?.(++done, kernels.length);
        return { kernel, candidate, pipeline: ready, layout, layoutKey };
      }),
    );
  });
  // Bad modules also report here; what is thrown is the pipeline's error, which names the kernel.
  const fault = device.popErrorScope();
  const [result, error] = await gpu.settle(Promise.all([Promise.all(compiled), fault]));
  if (error) throw new GpuError('the kernels could not be made', error.message.trim(), 'please report it with the spec and `ganc doctor`');
  return result;
}
