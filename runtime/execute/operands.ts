/**
 * Textures that kernels read in place of buffers (`textures` of a candidate): a range of a buffer is copied there right before the dispatch. One texture for the first
 * of such bindings, one for the second, as large as the largest dispatch needs: dispatches follow each other, and the copy waits for the one before.
 */
import { OPERAND_TEXELS } from '../../compiler/program/types.js';
import { GPUTextureUsage, type GpuDevice } from '../device/open.js';
import type { CompiledKernel } from './pipelines.js';

export interface OperandRange {
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly size: number;
}

const TEXEL_BYTES = 16;
const ROW_BYTES = OPERAND_TEXELS * TEXEL_BYTES;

/** The bindings of the candidate in use that are textures. */
export function texturesOf({ kernel, candidate }: CompiledKernel): readonly number[] {
  return kernel.candidates[candidate].textures ?? [];
}

export class Operands {
  readonly #gpu: GpuDevice;
  readonly #textures: GPUTexture[] = [];

  /** `sizes`: for each dispatch the bytes of its ranges, in the order of its bindings. */
  constructor(gpu: GpuDevice, sizes: readonly (readonly number[])[]) {
    this.#gpu = gpu;
    const rows: number[] = [];
    for (const some of sizes)
      some.forEach((size, nth) => {
        rows[nth] = Math.max(rows[nth] ?? 1, Math.ceil(size / ROW_BYTES));
      });
    this.#textures = rows.map((height, nth) =>
      this.#gpu.device.createTexture({
        label: `operand ${nth}`,
        size: [OPERAND_TEXELS, height],
        format: 'rgba32float',
        usage: GPUTextureUsage.COPY_DST | GPUTextureUsage.STORAGE_BINDING,
      }),
    );
  }

  get bytes(): number {
    return this.#textures.reduce((sum, { height }) => sum + height * ROW_BYTES, 0);
  }

  /** What to bind for the nth texture of a dispatch. */
  view(nth: number): GPUTextureView {
    return this.#textures[nth].createView();
  }

  /** Fills the nth texture. */
  copy(encoder: GPUCommandEncoder, nth: number, { buffer, offset, size }: OperandRange): void {
    const texture = this.#textures[nth];
    const texels = Math.ceil(size / TEXEL_BYTES);
    const rows = Math.floor(texels / OPERAND_TEXELS);
    const rest = texels % OPERAND_TEXELS;
    if (rows > 0) encoder.copyBufferToTexture({ buffer, offset, bytesPerRow: ROW_BYTES }, { texture }, [OPERAND_TEXELS, rows]);
    if (rest > 0) encoder.copyBufferToTexture({ buffer, offset: offset + rows * ROW_BYTES }, { texture, origin: [0, rows] }, [rest, 1]);
  }

  close(): void {
    for (const texture of this.#textures) texture.destroy();
  }
}
