/** Finding an adapter and opening it: a real GPU first, then an installed lavapipe, then the bundled SwiftShader. */
import { create, globals } from 'webgpu';
import { advice } from './advice.js';
import { GpuError } from './error.js';
import { settle } from './settle.js';
import { swiftshaderObstacle, withSwiftshader } from './swiftshader.js';
import { systemHasVulkan } from './vulkan.js';

/** WebGPU's constants, without writing to the global scope. */
export const { GPUBufferUsage, GPUMapMode, GPUTextureUsage } = globals as {
  GPUBufferUsage: GPUBufferUsage;
  GPUMapMode: GPUMapMode;
  GPUTextureUsage: GPUTextureUsage;
};

export type DeviceKind = 'gpu' | 'lavapipe' | 'swiftshader' | 'other software';
/** What a user can force, as `GANC_DEVICE` or as an option. */
export const DEVICE_CHOICES = ['gpu', 'lavapipe', 'swiftshader'] as const;
export type DeviceChoice = (typeof DEVICE_CHOICES)[number];

export interface DeviceOptions {
  /** Nothing else will do. Default: the environment's `GANC_DEVICE`, else the best there is. */
  readonly device?: DeviceChoice;
  /** Timestamps of the GPU to the nanosecond, for profiles: browsers round them, and so does Dawn unless told. */
  readonly timestamps?: boolean;
}

/** Asked for where the adapter offers more than WebGPU's default. */
const LIMITS = [
  'maxStorageBuffersPerShaderStage',
  'maxStorageBufferBindingSize',
  'maxUniformBufferBindingSize',
  'maxBufferSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupSizeY',
  'maxComputeWorkgroupSizeZ',
  'maxComputeWorkgroupStorageSize',
  'maxComputeWorkgroupsPerDimension',
] as const;
const FEATURES = ['subgroups', 'timestamp-query', 'shader-f16'] as const;

/** The objects that `create` returned. Collected while a device lives, one would crash the process. */
const instances: GPU[] = [];
const instanceOf = new WeakMap<GPUAdapter, GPU>();

/** An open device, and the one place that knows whether it still works. */
export class GpuDevice {
  readonly info: GPUAdapterInfo;
  readonly limits: GPUSupportedLimits;
  readonly features: ReadonlySet<string>;
  /** Invocations in a subgroup where the adapter always has that many, else undefined. */
  readonly subgroupSize: number | undefined;
  /** Resolves, never rejects, when the device is lost, did something wrong or is closed. */
  readonly lost: Promise<GpuError>;
  #failure: GpuError | undefined;
  readonly #fail: (error: GpuError) => void;
  /** Of the waits under way. (A `then` on `lost` for each would pile up over a long training.) */
  readonly #rejecters = new Set<(error: GpuError) => void>();

  constructor(
    readonly device: GPUDevice,
    readonly adapter: GPUAdapter,
    readonly kind: DeviceKind,
  ) {
    this.info = adapter.info;
    this.limits = device.limits;
    this.features = new Set(device.features);
    const { subgroupMinSize = 0, subgroupMaxSize = 0 } = adapter.info;
    this.subgroupSize = subgroupMinSize > 0 && subgroupMinSize === subgroupMaxSize ? subgroupMinSize : undefined;
    let tell!: (error: GpuError) => void;
    this.lost = new Promise((resolve) => {
      tell = resolve;
    });
    this.#fail = (error) => {
      this.#failure ??= error;
      tell(this.#failure);
      for (const reject of this.#rejecters) reject(this.#failure);
      this.#rejecters.clear();
    };
    device.lost.then((info) =>
      this.#fail(
        new GpuError(
          `the GPU was lost (${this.name})`,
          [info.reason === 'unknown' ? '' : info.reason, info.message].filter(Boolean).join(': ') || 'the driver gave no reason',
          'continue with --resume; if it happens again, make the batch smaller, look for other programs on this GPU, or force another device with GANC_DEVICE',
        ),
      ),
    );
    // Dawn would only print, and the program would go on with zeros.
    device.addEventListener('uncapturederror', (event) => {
      event.preventDefault();
      this.#fail(gpuFault('the GPU refused a command', event.error));
    });
  }

  /** `llvmpipe: Mesa 25.0.7`, as the adapter calls itself. */
  get name(): string {
    return this.info.description || this.info.device || this.info.vendor || 'unnamed adapter';
  }

  get failure(): GpuError | undefined {
    return this.#failure;
  }

  /** Throws where the device is lost, faulty or closed. */
  check(): void {
    if (this.#failure) throw this.#failure;
  }

  /** The result of `promise`; rejects with a GpuError as soon as the device fails. Waits without burning a core. */
  async settle<T>(promise: Promise<T>): Promise<T> {
    this.check();
    let rejecter: ((error: GpuError) => void) | undefined;
    const either = new Promise<T>((resolve, reject) => {
      rejecter = reject;
      this.#rejecters.add(reject);
      promise.then(resolve, (error) => {
        // Dawn rejects its promises as the device dies: the device's own error, which says more, comes within a turn.
        setImmediate(() =>
          reject(this.#failure ?? (error instanceof GpuError ? error : new GpuError('the GPU did not finish its work', String(error?.message || error)))),
        );
      });
    });
    try {
      return await settle(either);
    } finally {
      if (rejecter) this.#rejecters.delete(rejecter);
    }
  }

  /** One more device of the same adapter. Throws GpuError where there is none. */
  async another(): Promise<GpuDevice> {
    const adapter = await settle(requestAdapter(instanceOf.get(this.adapter) as GPU));
    if (!adapter) throw new GpuError(`the adapter "${this.name}" could not be opened a second time`);
    return finish(adapter);
  }

  /** Frees everything on the device. Later calls give a GpuError. */
  close(): void {
    this.#fail(new GpuError('the GPU device is closed'));
    this.device.destroy();
  }
}

/** A GpuError from what Dawn reports: the first line is the fault, the labels of kernels and buffers are in it. */
export function gpuFault(message: string, error: { readonly message: string; readonly constructor: { readonly name: string } }): GpuError {
  const memory = error.constructor.name === 'GPUOutOfMemoryError';
  const text = error.message.trim();
  return memory
    ? new GpuError('the GPU ran out of memory', text, 'make the batch or the nets smaller')
    : new GpuError(message, text, 'this is a fault of the compiler, not of the spec: please report it with the spec and `ganc doctor`');
}

function kindOf(info: GPUAdapterInfo): DeviceKind {
  const text = `${info.vendor} ${info.device} ${info.description}`.toLowerCase();
  if (text.includes('llvmpipe') || text.includes('lavapipe')) return 'lavapipe';
  if (text.includes('swiftshader')) return 'swiftshader';
  return info.isFallbackAdapter || /software|\bcpu\b|basic render/.test(`${info.architecture} ${text}`) ? 'other software' : 'gpu';
}

/** High performance ranks discrete, integrated, software. */
async function requestAdapter(gpu: GPU): Promise<GPUAdapter | null> {
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (adapter) instanceOf.set(adapter, gpu);
  return adapter;
}

/** The adapter, or undefined where there is none by these options. */
async function find(options: readonly string[]): Promise<GPUAdapter | undefined> {
  const gpu = create([...options]);
  instances.push(gpu);
  try {
    return (await settle(requestAdapter(gpu))) ?? undefined;
  } catch (error) {
    // A name that no adapter has is refused rather than answered with null.
    if (/no suitable/i.test((error as Error).message)) return undefined;
    throw new GpuError('WebGPU could not be started', (error as Error).message, advice(undefined).join('; '));
  }
}

async function finish(adapter: GPUAdapter): Promise<GpuDevice> {
  const requiredLimits: Record<string, number> = {};
  for (const name of LIMITS) requiredLimits[name] = adapter.limits[name];
  const requiredFeatures = FEATURES.filter((feature) => adapter.features.has(feature));
  try {
    const device = await settle(adapter.requestDevice({ label: 'ganc', requiredFeatures, requiredLimits }));
    return new GpuDevice(device, adapter, kindOf(adapter.info));
  } catch (error) {
    throw new GpuError(
      `the adapter "${adapter.info.description}" could not be opened`,
      (error as Error).message,
      'force another with GANC_DEVICE=lavapipe or GANC_DEVICE=swiftshader',
    );
  }
}

async function swiftshader(flags: readonly string[]): Promise<GpuDevice> {
  return withSwiftshader(async () => {
    const adapter = await find(['adapter=SwiftShader', ...flags]);
    if (!adapter)
      throw new GpuError(
        'SwiftShader was unpacked, but WebGPU does not see it',
        'no adapter of that name',
        'install a Vulkan driver of the system; `ganc doctor` says which',
      );
    return finish(adapter);
  });
}

function parseChoice(text: string | undefined): DeviceChoice | undefined {
  if (!text) return undefined;
  const choice = DEVICE_CHOICES.find((c) => c === text);
  if (!choice) throw new GpuError(`GANC_DEVICE is "${text}"`, '', `use one of ${DEVICE_CHOICES.join(', ')}, or leave it unset`);
  return choice;
}

/**
 * Opens the best device there is: a discrete GPU, an integrated one, an installed lavapipe, the bundled SwiftShader.
 * Throws GpuError where there is none, or not the one that was asked for.
 */
export async function openDevice(options: DeviceOptions = {}): Promise<GpuDevice> {
  const choice = options.device ?? parseChoice(process.env.GANC_DEVICE);
  const flags = options.timestamps ? ['disable-dawn-features=timestamp_quantization'] : [];
  if (choice === 'swiftshader') return swiftshader(flags);
  if (choice === 'lavapipe') {
    const adapter = await find(['adapter=llvmpipe', ...flags]);
    if (!adapter)
      throw new GpuError('there is no lavapipe that WebGPU accepts', 'it needs Mesa 24 or later; Debian 12 ships 22.3', advice(undefined).join('; '));
    return finish(adapter);
  }
  const bundled = choice === undefined && !systemHasVulkan() && swiftshaderObstacle() === undefined;
  const adapter = bundled ? undefined : await find(flags);
  const kind = adapter && kindOf(adapter.info);
  if (choice === 'gpu') {
    if (!adapter || kind !== 'gpu') {
      throw new GpuError(
        'there is no GPU that WebGPU accepts',
        adapter ? `the best adapter is software: ${adapter.info.description}` : 'no adapter at all',
        advice(kind).join('; '),
      );
    }
    return finish(adapter);
  }
  if (adapter && kind !== 'other software') return finish(adapter);
  const better = adapter && (await find(['adapter=llvmpipe', ...flags]));
  if (better) return finish(better);
  if (adapter) return finish(adapter);
  const obstacle = swiftshaderObstacle();
  if (obstacle) throw new GpuError('there is no adapter that WebGPU accepts, nor a software one', obstacle, advice(undefined).join('; '));
  return swiftshader(flags);
}
