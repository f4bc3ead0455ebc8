/** Large moves between host and device, in pieces, so that staging memory stays small beside what is moved. */
import type { GpuDevice } from '../device/open.js';
import type { ReadbackPool } from './readback.js';

const PIECE = 32 * 1024 * 1024;

/** A range of a device buffer, in bytes; multiples of 4. */
export interface Range {
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly size: number;
}

/** Writes before all later submits. Throws GpuError where the device has failed. */
export function upload(gpu: GpuDevice, buffer: GPUBuffer, offset: number, bytes: Uint8Array): void {
  const { queue } = gpu.device;
  for (let from = 0; from < bytes.length; from += PIECE) {
    const piece = bytes.subarray(from, from + PIECE);
    queue.writeBuffer(buffer, offset + from, piece as Uint8Array<ArrayBuffer>);
    // Without a submit, Dawn would hold the staging memory of all pieces.
    if (piece.length === PIECE) queue.submit([]);
  }
  gpu.check();
}

/** The bytes of each range. Nothing else may write to them meanwhile. */
export async function download(gpu: GpuDevice, pool: ReadbackPool, ranges: readonly Range[]): Promise<ArrayBuffer[]> {
  const targets = ranges.map(({ size }) => new ArrayBuffer(size));
  const pieces = ranges.flatMap(({ buffer, offset, size }, target) =>
    Array.from({ length: Math.ceil(size / PIECE) }, (_, i) => ({ target, buffer, offset, from: i * PIECE, size: Math.min(PIECE, size - i * PIECE) })),
  );
  for (let first = 0; first < pieces.length; ) {
    let end = first;
    let total = 0;
    while (end < pieces.length && (end === first || total + pieces[end].size <= PIECE)) total += pieces[end++].size;
    const together = pieces.slice(first, end);
    const readback = pool.take(total);
    const encoder = gpu.device.createCommandEncoder();
    let at = 0;
    for (const { buffer, offset, from, size } of together) {
      encoder.copyBufferToBuffer(buffer, offset + from, readback, at, size);
      at += size;
    }
    gpu.device.queue.submit([encoder.finish()]);
    gpu.check();
    await pool.read(readback, total, (bytes) => {
      let at = 0;
      for (const { target, from, size } of together) {
        new Uint8Array(targets[target], from, size).set(new Uint8Array(bytes, at, size));
        at += size;
      }
    });
    first = end;
  }
  return targets;
}
