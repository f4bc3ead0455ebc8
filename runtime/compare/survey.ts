/** What a comparison needs of the device, checked for every entry before anything is trained. */
import { availableParallelism, cpus, totalmem } from 'node:os';
import type { Program } from '../../compiler/program/types.js';
import { GpuError } from '../device/error.js';
import { openDevice } from '../device/open.js';
import { checkBudget } from '../execute/memory.js';
import type { GpuOptions } from '../train/executor.js';
import type { Machine } from './results.js';

export interface Demand {
  readonly label: string;
  readonly program: Program;
  /** The entries that its training and its metrics call. */
  readonly entries: readonly string[];
  /** Bytes of each of its data fields. */
  readonly fields: readonly number[];
  readonly places?: GpuOptions['places'];
}

/** Name of the device. Throws GpuError where one of the demands cannot be met. */
export type Survey = (demands: readonly Demand[]) => Promise<string>;

export const surveyGpu: Survey = async (demands) => {
  const gpu = await openDevice();
  try {
    const { maxStorageBufferBindingSize, maxBufferSize } = gpu.limits;
    for (const { label, program, entries, fields, places } of demands) {
      // Rows that are too many for one buffer are sent batch by batch.
      const data = fields.some((bytes) => bytes > Math.min(maxStorageBufferBindingSize, maxBufferSize)) ? 0 : fields.reduce((a, b) => a + b, 0);
      try {
        checkBudget(gpu, program, { entries, data, places });
      } catch (error) {
        if (!(error instanceof GpuError)) throw error;
        throw new GpuError(`${label} cannot be trained here: ${error.message}`, error.reason, `${error.mend}; or compare without it (nothing was trained)`);
      }
    }
    return `${gpu.name} (${gpu.kind})`;
  } finally {
    gpu.close();
  }
};

export function machineOf(device: string): Machine {
  return {
    device,
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memory: totalmem(),
    platform: `${process.platform} ${process.arch}`,
  };
}
