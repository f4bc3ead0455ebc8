/** Shared by the tests of products and convolutions: every variant of one kernel that this adapter can run, against the float64 interpreter. */
import { expect } from 'vitest';
import { evaluate } from '../../compiler/graph/interpret.js';
import { type Node, size } from '../../compiler/graph/node.js';
import type { Tensor } from '../../compiler/graph/tensor.js';
import type { GeneratedKernel, Group, Site, Variant } from '../../compiler/kernels/kernel.js';
import { GPUBufferUsage, GPUMapMode, type GpuDevice, openDevice } from '../../runtime/device/open.js';
import { Operands } from '../../runtime/execute/operands.js';
import { environment, generator, randomTensor } from '../graph/numeric.js';

let opened: Promise<GpuDevice> | undefined;
const pipelines = new Map<string, GPUComputePipeline>();

export function device(): Promise<GpuDevice> {
  opened ??= openDevice();
  return opened;
}

/** Memory holds inputs and outputs, each in a buffer of its own; `replaced`: the input in whose place an output is written. */
export function plainSite(group: Group, replaced: ReadonlyMap<Node, Node> = new Map()): Site {
  const written = new Set([...group.outputs, ...replaced.values()]);
  return {
    stored: (node) => node.operation.op === 'input',
    access: (resource) => (resource.kind === 'value' && written.has(resource.node) ? 'read_write' : 'read'),
    replaces: (output) => replaced.get(output),
    draw: () => 0,
    rows: () => 0,
    field: () => {
      throw new Error('no fields here');
    },
  };
}

export function runnable(gpu: GpuDevice, variant: Variant): boolean {
  const { features = [], subgroupSize } = variant.requires ?? {};
  return features.every((name) => gpu.features.has(name)) && (subgroupSize === undefined || subgroupSize === gpu.subgroupSize);
}

/** Bound, ready to dispatch any number of times; and what it writes. */
export interface Prepared {
  /** Copies into textures, where the variant reads such. */
  readonly copy: (encoder: GPUCommandEncoder) => void;
  readonly encode: (pass: GPUComputePassEncoder) => void;
  readonly outputs: ReadonlyMap<Node, GPUBuffer>;
  readonly destroy: () => void;
}

export function prepare(gpu: GpuDevice, kernel: GeneratedKernel, variant: Variant, values: ReadonlyMap<Node, ArrayLike<number>>): Prepared {
  const { device } = gpu;
  const made = new Map<Node, GPUBuffer>();
  const buffer = (bytes: number, usage: number): GPUBuffer => device.createBuffer({ size: Math.max(16, Math.ceil(bytes / 16) * 16), usage });
  const parameters = buffer(kernel.parameters.length * 4, GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST);
  device.queue.writeBuffer(parameters, 0, new Uint32Array(kernel.parameters));
  const outputs = new Map<Node, GPUBuffer>();
  const resources = kernel.bindings.map(({ resource, access }) => {
    if (resource.kind !== 'value') throw new Error(`these tests have no ${resource.kind}`);
    let memory = made.get(resource.node);
    if (memory === undefined) {
      memory = buffer(size(resource.node.shape) * 4, GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC);
      made.set(resource.node, memory);
      const value = values.get(resource.node);
      // What a kernel does not write must show.
      if (value !== undefined) device.queue.writeBuffer(memory, 0, Float32Array.from(value));
      else device.queue.writeBuffer(memory, 0, new Float32Array(memory.size / 4).fill(Number.NaN));
    }
    if (access === 'read_write') outputs.set(resource.node, memory);
    return memory;
  });
  const types: GPUBufferBindingType[] = [
    'uniform',
    ...kernel.bindings.map(({ access }) => (access === 'read' ? 'read-only-storage' : 'storage') as GPUBufferBindingType),
  ];
  const { textures = [] } = variant;
  const operands = new Operands(gpu, [textures.map((binding) => resources[binding - 1].size)]);
  const key = `${types.join(' ')}\n${variant.wgsl}`;
  let pipeline = pipelines.get(key);
  if (pipeline === undefined) {
    const entries = types.map((type, binding): GPUBindGroupLayoutEntry => {
      const texture: Pick<GPUBindGroupLayoutEntry, 'storageTexture'> = { storageTexture: { access: 'read-only', format: 'rgba32float' } };
      return { binding, visibility: 4, ...(textures.includes(binding) ? texture : { buffer: { type } }) };
    });
    const layout = device.createBindGroupLayout({ entries });
    pipeline = device.createComputePipeline({
      layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: { module: device.createShaderModule({ code: variant.wgsl, label: kernel.name }), entryPoint: 'main' },
    });
    pipelines.set(key, pipeline);
  }
  const bindGroup = device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: [parameters, ...resources].map((buffer, binding) => ({
      binding,
      resource: textures.includes(binding) ? operands.view(textures.indexOf(binding)) : { buffer },
    })),
  });
  const chosen = pipeline;
  return {
    copy: (encoder) => {
      textures.forEach((binding, nth) => {
        const buffer = resources[binding - 1];
        operands.copy(encoder, nth, { buffer, offset: 0, size: buffer.size });
      });
    },
    encode: (pass) => {
      pass.setPipeline(chosen);
      pass.setBindGroup(0, bindGroup);
      pass.dispatchWorkgroups(...variant.workgroups);
    },
    outputs,
    destroy: () => {
      for (const memory of [parameters, ...made.values()]) memory.destroy();
      operands.close();
    },
  };
}

export async function download(gpu: GpuDevice, memory: GPUBuffer): Promise<Float32Array> {
  const staging = gpu.device.createBuffer({ size: memory.size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  const encoder = gpu.device.createCommandEncoder();
  encoder.copyBufferToBuffer(memory, 0, staging, 0, memory.size);
  gpu.device.queue.submit([encoder.finish()]);
  await gpu.settle(staging.mapAsync(GPUMapMode.READ));
  const copy = new Float32Array(staging.getMappedRange().slice(0));
  staging.destroy();
  return copy;
}

/**
 * Runs a group on random inputs, in every variant or the one named. Gate: 1e-5 + 1e-4 of the reference, and where the sum has many terms 1e-6 times the root of their number (inputs lie
 * in -1..1, so a float32 sum of K terms in any order errs by a few 2^-24 * sqrt(K) * its running size).
 */
export async function check(
  label: string,
  group: Group,
  generate: (group: Group, site: Site) => GeneratedKernel,
  terms: number,
  replaced: ReadonlyMap<Node, Node> = new Map(),
  only?: string,
): Promise<void> {
  const gpu = await device();
  const random = generator(label.length * 977 + terms);
  const inputs: Record<string, Tensor> = {};
  const values = new Map<Node, Float32Array>();
  const visit = (node: Node): void => {
    if (node.operation.op === 'input' && !values.has(node)) {
      const tensor = randomTensor(node.shape, random);
      const rounded = Float32Array.from(tensor.data);
      values.set(node, rounded);
      inputs[node.operation.name] = { ...tensor, data: Float64Array.from(rounded) };
    }
    node.inputs.forEach(visit);
  };
  group.outputs.forEach(visit);
  const expected = evaluate(group.outputs, environment(inputs));
  const kernel = generate(group, plainSite(group, replaced));
  for (const variant of kernel.variants.filter((v) => runnable(gpu, v) && (only === undefined || v.name === only))) {
    const prepared = prepare(gpu, kernel, variant, values);
    const encoder = gpu.device.createCommandEncoder();
    prepared.copy(encoder);
    const pass = encoder.beginComputePass();
    prepared.encode(pass);
    pass.end();
    gpu.device.queue.submit([encoder.finish()]);
    for (const output of group.outputs) {
      const got = await download(gpu, prepared.outputs.get(replaced.get(output) ?? output) as GPUBuffer);
      const want = (expected.get(output) as Tensor).data;
      let worst = 0;
      let at = -1;
      for (let i = 0; i < want.length; i++) {
        const excess = Math.abs(got[i] - want[i]) / (1e-5 + 1e-4 * Math.abs(want[i]) + 1e-6 * Math.sqrt(terms));
        if (!(excess <= worst)) {
          worst = excess;
          at = i;
        }
      }
      expect(
        worst,
        `${label}, ${kernel.name} ${variant.name}: element ${at} of [${output.shape.join(', ')}] is ${got[at]}, not ${want[at]}`,
      ).toBeLessThanOrEqual(1);
    }
    prepared.destroy();
  }
}
