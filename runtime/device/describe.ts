/** What `ganc doctor` says of a device without measuring it. */
import { advice } from './advice.js';
import type { DeviceKind, GpuDevice } from './open.js';

export interface DeviceDescription {
  /** As the adapter calls itself; on Vulkan with the driver's version. */
  readonly adapter: string;
  readonly vendor: string;
  readonly architecture: string;
  readonly kind: DeviceKind;
  /** One sentence on what that kind means. */
  readonly note: string;
  /** Smallest and largest number of invocations in a subgroup; absent where the adapter does not say. */
  readonly subgroups?: readonly [number, number];
  readonly features: readonly string[];
  /** The limits that decide whether a program fits. */
  readonly limits: Readonly<Record<string, number>>;
  /** How to get a better one on this machine; empty where there is nothing to gain. */
  readonly advice: readonly string[];
}

const LIMITS = [
  'maxStorageBufferBindingSize',
  'maxBufferSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupStorageSize',
  'maxComputeWorkgroupsPerDimension',
] as const;

const NOTES: Record<DeviceKind, string> = {
  gpu: 'a hardware GPU',
  lavapipe: "a software GPU on this machine's cores (Mesa lavapipe)",
  swiftshader: "a software GPU on this machine's cores (SwiftShader): right results, the slowest of all",
  'other software': "a software GPU on this machine's cores",
};

export function describe(gpu: GpuDevice): DeviceDescription {
  const { vendor, architecture, subgroupMinSize, subgroupMaxSize } = gpu.info;
  return {
    adapter: gpu.name,
    vendor,
    architecture,
    kind: gpu.kind,
    note: NOTES[gpu.kind],
    subgroups: subgroupMinSize && subgroupMaxSize ? [subgroupMinSize, subgroupMaxSize] : undefined,
    features: [...gpu.features].sort(),
    limits: Object.fromEntries(LIMITS.map((name) => [name, gpu.limits[name]])),
    advice: advice(gpu.kind),
  };
}
