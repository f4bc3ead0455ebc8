/** Timestamps of compute passes: taken as many as wanted, read afterwards all together, so that this is no work between what is timed. */
import { GpuError } from '../device/error.js';
import { GPUBufferUsage, GPUMapMode, type GpuDevice } from '../device/open.js';

export interface Interval {
  /** Milliseconds; of the GPU's clock for passes, of `clock` for the host. */
  readonly from: number;
  readonly to: number;
}

/** WebGPU's largest query set. A pass takes two. */
const QUERIES = 4096;

export class Stamps {
  readonly #gpu: GpuDevice;
  readonly #sets: GPUQuerySet[] = [];
  #passes = 0;

  /** Throws GpuError where the device has no timestamps. */
  constructor(gpu: GpuDevice) {
    if (!gpu.features.has('timestamp-query'))
      throw new GpuError(
        `${gpu.name} has no timestamp queries, so its kernels cannot be timed`,
        'the adapter lacks the feature timestamp-query',
        'profile on another: GANC_DEVICE=lavapipe or GANC_DEVICE=swiftshader',
      );
    this.#gpu = gpu;
  }

  /** For the next pass. */
  take(): GPUComputePassTimestampWrites {
    const place = 2 * this.#passes++;
    const querySet = this.#set(Math.floor(place / QUERIES));
    return { querySet, beginningOfPassWriteIndex: place % QUERIES, endOfPassWriteIndex: (place % QUERIES) + 1 };
  }

  /** The times of all passes since the last reading, in the order in which they were taken; they must have been submitted. */
  async read(): Promise<Interval[]> {
    const passes = this.#passes;
    this.#passes = 0;
    if (passes === 0) return [];
    const { device } = this.#gpu;
    const count = 2 * passes;
    const size = count * BigUint64Array.BYTES_PER_ELEMENT;
    const resolved = device.createBuffer({ label: 'resolved times', size, usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC });
    const mapped = device.createBuffer({ label: 'times to read', size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
    try {
      const encoder = device.createCommandEncoder();
      for (let first = 0; first < count; first += QUERIES)
        encoder.resolveQuerySet(this.#set(first / QUERIES), 0, Math.min(QUERIES, count - first), resolved, first * BigUint64Array.BYTES_PER_ELEMENT);
      encoder.copyBufferToBuffer(resolved, 0, mapped, 0, size);
      device.queue.submit([encoder.finish()]);
      await this.#gpu.settle(mapped.mapAsync(GPUMapMode.READ));
      const nanoseconds = new BigUint64Array(mapped.getMappedRange());
      return Array.from({ length: passes }, (_, i) => {
        const [from, to] = [Number(nanoseconds[2 * i]) / 1e6, Number(nanoseconds[2 * i + 1]) / 1e6];
        return { from, to: Math.max(from, to) };
      });
    } finally {
      resolved.destroy();
      mapped.destroy();
    }
  }

  close(): void {
    for (const set of this.#sets.splice(0)) set.destroy();
  }

  #set(index: number): GPUQuerySet {
    this.#sets[index] ??= this.#gpu.device.createQuerySet({ label: 'times of passes', type: 'timestamp', count: QUERIES });
    return this.#sets[index];
  }
}
