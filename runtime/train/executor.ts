/** What the training needs of the thing that runs programs, and the usual one, on a GPU. */
import type { MemoryPlan } from '../../compiler/program/memory.js';
import type { Program } from '../../compiler/program/types.js';
import { type DeviceOptions, openDevice } from '../device/open.js';
import { Executor } from '../execute/executor.js';
import { freeMemory, planOf, type Wanted } from '../execute/memory.js';
import { type ChoiceOptions, chooseKernels } from '../tune/tune.js';

export type TrainExecutor = Pick<Executor, 'submit' | 'read' | 'write' | 'setField' | 'close' | 'choice'> & Partial<Pick<Executor, 'stepThrough'>>;

export interface Opened {
  readonly executor: TrainExecutor;
  /** For people and run.json: `llvmpipe: Mesa 25.0.7 (lavapipe)`. */
  readonly device: string;
  /** Bytes of a data field that fit on the device; larger sets are sent step by step. */
  readonly fieldLimit: number;
  close(): void;
}

export interface OpenRequest {
  readonly seed: bigint;
  /** The kernels that a run was started with. */
  readonly choice?: Readonly<Record<string, string>>;
  /** Only these entries will be called. */
  readonly entries: readonly string[];
  /** Of a run: bytes of each data field that they read. */
  readonly fields?: readonly number[];
}

/** Called when everything that can be checked without a GPU has been checked. */
export type OpenExecutor = (program: Program, request: OpenRequest) => Promise<Opened>;

/** Sets over this go step by step also where the device would take them: memory is for weights. */
const FIELD_BUDGET = 1 << 30;

export interface GpuOptions extends DeviceOptions {
  /** Hears of kernels as they are compiled. */
  readonly progress?: (done: number, total: number) => void;
  /** Hears what a run will allocate, before anything is; `free`: bytes that there are, where the device says. */
  readonly planned?: (device: string, plan: MemoryPlan, free: number | undefined) => void;
  readonly places?: Wanted['places'];
  /** How candidates are chosen for what begins here; what goes on keeps its own. */
  readonly choice?: ChoiceOptions;
}

/** Opens the best device there is, or the one asked for. */
export function onGpu(options: GpuOptions = {}): OpenExecutor {
  return async (program, { seed, choice, entries, fields }) => {
    const { progress, planned, places } = options;
    const gpu = await openDevice(options);
    try {
      const device = `${gpu.name} (${gpu.kind})`;
      const fieldLimit = Math.min(FIELD_BUDGET, gpu.limits.maxStorageBufferBindingSize, gpu.limits.maxBufferSize);
      const data = fields === undefined || fields.some((bytes) => bytes > fieldLimit) ? 0 : fields.reduce((a, b) => a + b, 0);
      if (fields !== undefined) planned?.(device, planOf(program, { entries, data }), freeMemory(gpu));
      // A run that goes on, or is looked at, may use kernels now that it did not when its choice was noted; for these nothing is measured.
      const begun = choice !== undefined;
      const chosen = await chooseKernels(gpu, program, begun ? { ...options.choice, seconds: 0 } : options.choice);
      const candidates = begun ? { ...(typeof chosen === 'object' && chosen), ...choice } : chosen;
      const executor = await Executor.create(gpu, program, { seed, entries, candidates, warm: true, progress, data, places });
      return {
        executor,
        device,
        fieldLimit,
        close: () => {
          executor.close();
          gpu.close();
        },
      };
    } catch (error) {
      gpu.close();
      throw error;
    }
  };
}
