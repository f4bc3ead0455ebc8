/**
 * What the device can do, sampled between the steps of a profile and timed as its kernels are: by timestamps, a dispatch at a time. So a kernel's rate is set
 * against rates that met the same machine. `ganc doctor` (device/measure.ts) times many dispatches by the host's clock instead.
 */
import { gemmKernels } from '../device/measure.js';
import { GPUBufferUsage, type GpuDevice } from '../device/open.js';
import { Stamps } from './stamps.js';

/** Rates that the device reached on work that is nothing else. */
export interface Ceilings {
  /** Of the best matrix product, fp32, multiply and add counted as two. */
  readonly gflops: number;
  /** Of a copy, bytes read and written. */
  readonly gigabytesPerSecond: number;
  /** A dispatch that does next to nothing. */
  readonly dispatchMicroseconds: number;
}

const { STORAGE, COPY_SRC, COPY_DST } = GPUBufferUsage;
/** A few milliseconds on cores, a good part of one on hardware. */
const GEMM_SIZE = { gpu: 2048, software: 256 };
/** Over what caches hold. */
const COPY_BYTES = { gpu: 256 << 20, software: 64 << 20 };

const TINY = `@group(0) @binding(0) var<storage, read_write> x: array<u32>;
@compute @workgroup_size(1) fn main() { x[0] = x[0] + 1u; }`;

interface Job {
  readonly pipeline: GPUComputePipeline;
  readonly group: GPUBindGroup;
  readonly x: number;
  readonly y: number;
}

export class CeilingSampler {
  readonly #samples: { gemm: number; copy: number; dispatch: number }[] = [];
  readonly #stamps: Stamps;

  private constructor(
    private readonly gpu: GpuDevice,
    private readonly size: number,
    private readonly buffers: readonly GPUBuffer[],
    private readonly gemm: Job,
    private readonly tiny: Job,
    private readonly from: GPUBuffer,
    private readonly to: GPUBuffer,
  ) {
    this.#stamps = new Stamps(gpu);
  }

  /** Compiles what is sampled, and runs it once. Throws GpuError where the device fails. */
  static async create(gpu: GpuDevice): Promise<CeilingSampler> {
    const { device } = gpu;
    const kind = gpu.kind === 'gpu' ? 'gpu' : 'software';
    const size = GEMM_SIZE[kind];
    const bytes = Math.min(COPY_BYTES[kind], gpu.limits.maxBufferSize);
    const operands = [0, 1, 2].map(() => device.createBuffer({ label: 'operand', size: size * size * 4, usage: STORAGE }));
    const from = device.createBuffer({ label: 'copied', size: bytes, usage: COPY_SRC });
    const to = device.createBuffer({ label: 'copy', size: bytes, usage: STORAGE | COPY_DST });
    const { kernel, code, x, y } = gemmKernels(gpu, size).at(-1)!;
    const [gemm, tiny] = await gpu.settle(Promise.all([pipeline(device, kernel, code), pipeline(device, 'tiny', TINY)]));
    const bind = (pipe: GPUComputePipeline, buffers: readonly GPUBuffer[], length?: number): GPUBindGroup =>
      device.createBindGroup({
        layout: pipe.getBindGroupLayout(0),
        entries: buffers.map((buffer, binding) => ({ binding, resource: { buffer, size: length } })),
      });
    const sampler = new CeilingSampler(
      gpu,
      size,
      [...operands, from, to],
      { pipeline: gemm, group: bind(gemm, operands), x, y },
      { pipeline: tiny, group: bind(tiny, [to], 256), x: 1, y: 1 },
      from,
      to,
    );
    await sampler.sample();
    sampler.#samples.length = 0;
    return sampler;
  }

  /** Takes one more sample of each. */
  async sample(): Promise<void> {
    const { device } = this.gpu;
    const encoder = device.createCommandEncoder();
    const run = ({ pipeline: pipe, group, x, y }: Job): void => {
      const pass = encoder.beginComputePass({ timestampWrites: this.#stamps.take() });
      pass.setPipeline(pipe);
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(x, y);
      pass.end();
    };
    run(this.gemm);
    run(this.tiny);
    encoder.copyBufferToBuffer(this.from, 0, this.to, 0, this.to.size);
    // Reads what was copied, so it waits for it, also where a timestamp does not.
    run(this.tiny);
    device.queue.submit([encoder.finish()]);
    const [gemm, before, after] = await this.#stamps.read();
    this.#samples.push({ gemm: gemm.to - gemm.from, dispatch: before.to - before.from, copy: after.to - before.to });
  }

  /** What a quarter of the samples reached: others on the machine only add time, and the very best may be of a phase that no kernel met. */
  ceilings(): Ceilings {
    const of = (name: 'gemm' | 'copy' | 'dispatch'): number =>
      quantile(
        0.25,
        this.#samples.map((sample) => sample[name]),
      );
    return {
      gflops: (2 * this.size ** 3) / of('gemm') / 1e6,
      gigabytesPerSecond: (2 * this.to.size) / of('copy') / 1e6,
      dispatchMicroseconds: 1000 * of('dispatch'),
    };
  }

  close(): void {
    this.#stamps.close();
    for (const buffer of this.buffers) buffer.destroy();
  }
}

function pipeline(device: GPUDevice, label: string, code: string): Promise<GPUComputePipeline> {
  return device.createComputePipelineAsync({ label, layout: 'auto', compute: { module: device.createShaderModule({ label, code }), entryPoint: 'main' } });
}

/** The value that the share `q` of all is at or below, between two values in proportion; 0 of none. */
export function quantile(q: number, values: readonly number[]): number {
  if (values.length === 0) return 0;
  const sorted = [...values].sort((a, b) => a - b);
  const place = q * (sorted.length - 1);
  const below = Math.floor(place);
  return sorted[below] + (place - below) * (sorted[Math.ceil(place)] - sorted[below]);
}

export function median(values: readonly number[]): number {
  return quantile(0.5, values);
}
