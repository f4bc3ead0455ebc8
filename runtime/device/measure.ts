/**
 * How fast the device is: matrix product, copy, dispatch, round trip. What a program's own speed is set against.
 * Takes one to five seconds. Rates of a shared machine vary by half between minutes: compare what was measured together.
 */
import { GPUBufferUsage, type GpuDevice } from './open.js';

export interface Measurement {
  /** fp32 matrix product of `size` cubed, multiply and add counted as two, the best of some runs. */
  readonly gemm: { readonly gflops: number; readonly size: number; readonly kernel: string };
  /** Buffer to buffer, bytes read and written. */
  readonly copy: { readonly gigabytesPerSecond: number; readonly bytes: number };
  /** A dispatch of one workgroup in a long compute pass, each waiting for the one before. */
  readonly dispatchMicroseconds: number;
  /** An empty submit until its end is known. */
  readonly roundTripMicroseconds: number;
}

const { STORAGE, COPY_SRC, COPY_DST } = GPUBufferUsage;
/** Long enough that waiting in half milliseconds hardly counts. */
const LONG_ENOUGH_MS = 40;
const MOST_MS = 900;

/** 64 x 64 of the result by 256 invocations of 4 x 4, both operands through workgroup memory, 16 deep: for hardware. */
function tiledKernel(n: number): string {
  return `
@group(0) @binding(0) var<storage, read> a: array<vec4f>;
@group(0) @binding(1) var<storage, read> b: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> c: array<vec4f>;
const n4 = ${n / 4}u;
var<workgroup> left: array<array<f32, 64>, 16>;
var<workgroup> right: array<array<vec4f, 16>, 16>;
@compute @workgroup_size(16, 16)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) id: vec3u, @builtin(local_invocation_index) i: u32) {
  let row = group.y * 64u + i / 4u;
  var s0 = vec4f(); var s1 = vec4f(); var s2 = vec4f(); var s3 = vec4f();
  for (var k = 0u; k < n4; k += 4u) {
    let v = a[row * n4 + k + i % 4u];
    let at = 4u * (i % 4u);
    left[at][i / 4u] = v.x; left[at + 1u][i / 4u] = v.y; left[at + 2u][i / 4u] = v.z; left[at + 3u][i / 4u] = v.w;
    right[i / 16u][i % 16u] = b[(k * 4u + i / 16u) * n4 + group.x * 16u + i % 16u];
    workgroupBarrier();
    for (var j = 0u; j < 16u; j++) {
      let q = right[j][id.x];
      let r = 4u * id.y;
      s0 = fma(vec4f(left[j][r]), q, s0); s1 = fma(vec4f(left[j][r + 1u]), q, s1);
      s2 = fma(vec4f(left[j][r + 2u]), q, s2); s3 = fma(vec4f(left[j][r + 3u]), q, s3);
    }
    workgroupBarrier();
  }
  let to = (group.y * 64u + 4u * id.y) * n4 + group.x * 16u + id.x;
  c[to] = s0; c[to + n4] = s1; c[to + 2u * n4] = s2; c[to + 3u * n4] = s3;
}`;
}

/** 32 rows by one subgroup, a row of the left operand handed round by broadcast: for software GPUs, whose workgroup memory is slow. */
function broadcastKernel(n: number, subgroup: number): string {
  const rows = 32;
  const each = (count: number, text: (i: number) => string, between = ' ') => Array.from({ length: count }, (_, i) => text(i)).join(between);
  return `enable subgroups;
@group(0) @binding(0) var<storage, read> a: array<vec4f>;
@group(0) @binding(1) var<storage, read> b: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> c: array<vec4f>;
const n4 = ${n / 4}u;
@compute @workgroup_size(${subgroup})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let first = group.y * ${rows}u;
  let q = group.x * ${subgroup}u + lane;
  ${each(rows, (r) => `var c${r} = vec4f();`)}
  for (var k = 0u; k < n4; k++) {
    ${each(rows / subgroup, (g) => `let a${g} = a[(first + ${g * subgroup}u + lane) * n4 + k];`)}
    ${each(4, (j) => `let b${j} = b[(4u * k + ${j}u) * n4 + q];`)}
    ${each(4, (j) => each(rows, (r) => `c${r} = fma(vec4f(subgroupBroadcast(a${Math.floor(r / subgroup)}[${j}], ${r % subgroup}u)), b${j}, c${r});`), '\n    ')}
  }
  ${each(rows, (r) => `c[(first + ${r}u) * n4 + q] = c${r};`, '\n  ')}
}`;
}

const TINY = `@group(0) @binding(0) var<storage, read_write> x: array<u32>;
@compute @workgroup_size(1) fn main() { x[0] = x[0] + 1u; }`;

async function pipeline(gpu: GpuDevice, label: string, code: string): Promise<GPUComputePipeline> {
  const { device } = gpu;
  return gpu.settle(
    device.createComputePipelineAsync({ label, layout: 'auto', compute: { module: device.createShaderModule({ label, code }), entryPoint: 'main' } }),
  );
}

/** Milliseconds from submit until its end is known. */
async function time(gpu: GpuDevice, encode: (encoder: GPUCommandEncoder) => void): Promise<number> {
  const { device } = gpu;
  const encoder = device.createCommandEncoder();
  encode(encoder);
  const commands = encoder.finish();
  const start = performance.now();
  device.queue.submit([commands]);
  await gpu.settle(device.queue.onSubmittedWorkDone());
  return performance.now() - start;
}

/** Best milliseconds of one repetition: the first, which compiles, does not count; repetitions double until a submit is long enough. */
async function best(gpu: GpuDevice, encode: (encoder: GPUCommandEncoder, repetitions: number) => void): Promise<number> {
  await time(gpu, (encoder) => encode(encoder, 1));
  const end = performance.now() + MOST_MS;
  let repetitions = 1;
  let least = Number.POSITIVE_INFINITY;
  for (let runs = 0; runs < 4; ) {
    const elapsed = await time(gpu, (encoder) => encode(encoder, repetitions));
    least = Math.min(least, elapsed / repetitions);
    if (elapsed < LONG_ENOUGH_MS && repetitions < 1 << 16) repetitions *= 2;
    else runs++;
    if (performance.now() > end) break;
  }
  return least;
}

function dispatches(encoder: GPUCommandEncoder, pipe: GPUComputePipeline, group: GPUBindGroup, times: number, x: number, y: number): void {
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipe);
  pass.setBindGroup(0, group);
  for (let i = 0; i < times; i++) pass.dispatchWorkgroups(x, y);
  pass.end();
}

export interface GemmKernel {
  readonly kernel: string;
  readonly code: string;
  /** Workgroups along the columns and the rows of the result. */
  readonly x: number;
  readonly y: number;
}

/** Kernels for C = A B, all `size` by `size` (a multiple of 64) and row-major, bound in this order; those that the device can run, the fastest last. */
export function gemmKernels(gpu: GpuDevice, size: number): GemmKernel[] {
  const kernels = [{ kernel: 'workgroup tiles', code: tiledKernel(size), x: size / 64, y: size / 64 }];
  const lanes = gpu.subgroupSize;
  if (gpu.features.has('subgroups') && (lanes === 4 || lanes === 8)) {
    kernels.push({ kernel: 'subgroup broadcast', code: broadcastKernel(size, lanes), x: size / (4 * lanes), y: size / 32 });
  }
  return kernels;
}

async function measureGemm(gpu: GpuDevice): Promise<Measurement['gemm']> {
  const { device } = gpu;
  const size = gpu.kind === 'gpu' ? 2048 : 512;
  const buffers = Array.from({ length: 3 }, () => device.createBuffer({ size: size * size * 4, usage: STORAGE | COPY_DST }));
  try {
    const { kernel, code, x, y } = gemmKernels(gpu, size).at(-1)!;
    const pipe = await pipeline(gpu, kernel, code);
    const group = device.createBindGroup({
      layout: pipe.getBindGroupLayout(0),
      entries: buffers.map((buffer, binding) => ({ binding, resource: { buffer } })),
    });
    const milliseconds = await best(gpu, (encoder, times) => dispatches(encoder, pipe, group, times, x, y));
    return { gflops: (2 * size ** 3) / milliseconds / 1e6, size, kernel };
  } finally {
    for (const buffer of buffers) buffer.destroy();
  }
}

async function measureCopy(gpu: GpuDevice): Promise<Measurement['copy']> {
  const bytes = Math.min(gpu.kind === 'gpu' ? 256 : 64, gpu.limits.maxBufferSize / 2 ** 20) * 2 ** 20;
  const [from, to] = [0, 1].map(() => gpu.device.createBuffer({ size: bytes, usage: COPY_SRC | COPY_DST }));
  try {
    const milliseconds = await best(gpu, (encoder, times) => {
      for (let i = 0; i < times; i++) encoder.copyBufferToBuffer(from, 0, to, 0, bytes);
    });
    return { gigabytesPerSecond: (2 * bytes) / milliseconds / 1e6, bytes };
  } finally {
    from.destroy();
    to.destroy();
  }
}

async function measureDispatch(gpu: GpuDevice): Promise<number> {
  const buffer = gpu.device.createBuffer({ size: 16, usage: STORAGE });
  const pipe = await pipeline(gpu, 'tiny', TINY);
  const group = gpu.device.createBindGroup({ layout: pipe.getBindGroupLayout(0), entries: [{ binding: 0, resource: { buffer } }] });
  try {
    return 1000 * (await best(gpu, (encoder, times) => dispatches(encoder, pipe, group, times, 1, 1)));
  } finally {
    buffer.destroy();
  }
}

async function measureRoundTrip(gpu: GpuDevice): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < 21; i++) times.push(await time(gpu, () => {}));
  return 1000 * times.sort((a, b) => a - b)[10];
}

/** Measures the device, one thing after another. Throws GpuError where it fails. */
export async function measure(gpu: GpuDevice): Promise<Measurement> {
  return {
    gemm: await measureGemm(gpu),
    copy: await measureCopy(gpu),
    dispatchMicroseconds: await measureDispatch(gpu),
    roundTripMicroseconds: await measureRoundTrip(gpu),
  };
}
