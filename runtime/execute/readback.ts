/** Buffers to read results from, used again: a buffer that is being mapped cannot be written to, so every submit in flight has its own. */
import { GPUBufferUsage, GPUMapMode, type GpuDevice } from '../device/open.js';

const ALIGNMENT = 256;

export class ReadbackPool {
  readonly #idle: GPUBuffer[] = [];
  #closed = false;
  /** Of all buffers that exist, in use or not. */
  bytes = 0;

  /** `kept`: idle buffers at most; a training alternates between a few sizes. */
  constructor(
    private readonly gpu: GpuDevice,
    private readonly kept: number,
  ) {}

  /** A buffer of at least `size` bytes, to copy to and then hand to `read`. */
  take(size: number): GPUBuffer {
    const wanted = Math.ceil(size / ALIGNMENT) * ALIGNMENT;
    const found = this.#idle.findIndex((buffer) => buffer.size === wanted);
    if (found >= 0) return this.#idle.splice(found, 1)[0];
    this.bytes += wanted;
    return this.gpu.device.createBuffer({ label: 'readback', size: wanted, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  }

  /** What `use` makes of the first `size` bytes, once the GPU has written them; `use` must not keep them. The buffer goes back to the pool. */
  async read<T>(buffer: GPUBuffer, size: number, use: (bytes: ArrayBuffer) => T): Promise<T> {
    await this.gpu.settle(buffer.mapAsync(GPUMapMode.READ, 0, size));
    const result = use(buffer.getMappedRange(0, size));
    buffer.unmap();
    this.#idle.unshift(buffer);
    while (this.#idle.length > (this.#closed ? 0 : this.kept)) {
      const dropped = this.#idle.pop()!;
      this.bytes -= dropped.size;
      dropped.destroy();
    }
    return result;
  }

  close(): void {
    this.#closed = true;
    for (const buffer of this.#idle.splice(0)) buffer.destroy();
  }
}
