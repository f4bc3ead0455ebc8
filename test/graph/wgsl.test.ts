import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Builder } from '../../compiler/graph/builder.js';
import type { DType, Node } from '../../compiler/graph/node.js';
import { unaryRules } from '../../compiler/graph/ops/unary.js';
import { drawKey, uniform } from '../../compiler/graph/threefry.js';
import { helpersOf, wgslConstant, wgslExpression, wgslHelpers } from '../../compiler/graph/wgsl.js';
import { GPUBufferUsage, GPUMapMode, type GpuDevice, openDevice } from '../../runtime/device/open.js';
import { numbersOf, tensorOf } from './numeric.js';

/** Runs scalar expressions of `a` and `b` over lists of f32; every result as u32 or f32 bits in f32 words. */
async function run(gpu: GpuDevice, texts: readonly string[], as: readonly number[], bs: readonly number[]): Promise<Float32Array[]> {
  const { device } = gpu;
  const count = as.length;
  const code = `${helpersOf(texts.join('\n'))
    .map((name) => wgslHelpers[name])
    .join('\n')}
@group(0) @binding(0) var<storage, read> source: array<f32>;
@group(0) @binding(1) var<storage, read_write> target_values: array<f32>;
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.x;
  if (i >= ${count}u) { return; }
  let a = source[i];
  let b = source[i + ${count}u];
${texts.map((text, k) => `  target_values[i + ${k * count}u] = f32(${text});`).join('\n')}
}`;
  device.pushErrorScope('validation');
  const { STORAGE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
  const source = device.createBuffer({ size: 8 * count, usage: STORAGE | COPY_DST });
  const target = device.createBuffer({ size: 4 * count * texts.length, usage: STORAGE | COPY_SRC });
  const back = device.createBuffer({ size: target.size, usage: MAP_READ | COPY_DST });
  device.queue.writeBuffer(source, 0, Float32Array.from([...as, ...bs]));
  const pipeline = device.createComputePipeline({ layout: 'auto', compute: { module: device.createShaderModule({ code }) } });
  const entries = [source, target].map((buffer, binding) => ({ binding, resource: { buffer } }));
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
  pass.dispatchWorkgroups(Math.ceil(count / 64));
  pass.end();
  encoder.copyBufferToBuffer(target, 0, back, 0, target.size);
  device.queue.submit([encoder.finish()]);
  const error = await device.popErrorScope();
  expect(error?.message).toBeUndefined();
  await back.mapAsync(GPUMapMode.READ);
  const all = new Float32Array(back.getMappedRange().slice(0));
  back.unmap();
  return texts.map((_, k) => all.slice(k * count, (k + 1) * count));
}

describe('WGSL expressions', () => {
  let gpu: GpuDevice;
  beforeAll(async () => {
    gpu = await openDevice();
  });
  afterAll(() => gpu.close());

  const points = [0, 1e-6, 1e-3, 0.01, 0.0625, 0.1, 0.25, 0.3, 0.49, 0.5, 0.7, 0.9, 0.9999, 1, 1.0001, 1.1, 1.5, 2, 2.5, 3, 3.5, 5, 7.7, 12, 20, 40, 80].map(
    Math.fround,
  );
  const signed = [...points, ...points.map((p) => -p)];

  it('of one argument follow the interpreter', async () => {
    const b = new Builder();
    const a = b.input('a', [signed.length], 'f32');
    const names = (Object.keys(unaryRules) as (keyof typeof unaryRules)[]).filter((name) => name !== 'not');
    const nodes = names.map((name) => b.unary(name, a));
    const results = await run(
      gpu,
      nodes.map((node) => wgslExpression(node, ['a']).text),
      signed,
      signed,
    );
    const tight = new Set(['expm1', 'log1p', 'log', 'tanh', 'sigmoid', 'softplus', 'sin', 'cos', 'abs', 'sign', 'sqrt', 'floor', 'round']);
    names.forEach((name, k) => {
      const expected = numbersOf(nodes[k], { a: tensorOf([signed.length], signed) });
      expected.forEach((v, i) => {
        if (!Number.isFinite(v)) return;
        const error = Math.abs(results[k][i] - v);
        // Ours are within some ulp; drivers' own within DESIGN's gate.
        const allowed = tight.has(name) ? 1e-6 * Math.abs(v) + 2e-7 : 1e-6 + 1e-5 * Math.abs(v);
        expect(error, `${name}(${signed[i]}) = ${v}, got ${results[k][i]}`).toBeLessThanOrEqual(allowed);
      });
    });
  });

  it('of small arguments keep their relative precision', async () => {
    const small = [1e-30, 1e-10, 1e-5, 1e-3, 0.02, 0.1].flatMap((v) => [Math.fround(v), Math.fround(-v)]);
    const b = new Builder();
    const a = b.input('a', [small.length], 'f32');
    const nodes = (['expm1', 'log1p', 'tanh', 'erf', 'sin'] as const).map((name) => b.unary(name, a));
    const results = await run(
      gpu,
      nodes.map((node) => wgslExpression(node, ['a']).text),
      small,
      small,
    );
    nodes.forEach((node, k) => {
      numbersOf(node, { a: tensorOf([small.length], small) }).forEach((v, i) => {
        expect(Math.abs(results[k][i] - v)).toBeLessThanOrEqual(1e-6 * Math.abs(v));
      });
    });
  });

  it('stay finite far out, and do not hide NaN', async () => {
    const far = [-1e30, -1000, 1000, 1e30];
    const texts = ['tanh_of(a)', 'sigmoid_of(a)', 'softplus_of(a)', 'erf_of(a)'];
    const [tanh, sigmoid, softplus, erf] = await run(gpu, texts, far, far);
    expect([...tanh]).toEqual([-1, -1, 1, 1]);
    expect([...sigmoid]).toEqual([0, 0, 1, 1]);
    expect([...softplus]).toEqual([0, 0, 1000, Math.fround(1e30)]);
    [...erf].forEach((v, i) => {
      expect(v).toBeCloseTo(Math.sign(far[i]), 6);
    });
    const nan = await run(
      gpu,
      ['is_finite(a)', 'is_finite(b)', 'is_finite(sign_of(b))', 'is_finite(softplus_of(b))', 'is_finite(tanh_of(b))'],
      [1],
      [Number.NaN],
    );
    expect(nan.map((r) => r[0])).toEqual([1, 0, 0, 0, 0]);
  });

  it('of two arguments follow the interpreter, negative bases and divisors too', async () => {
    const as = [-3, -2.5, -2, -1, -0.5, 0, 0.5, 1, 2, 2.5, 3];
    const pairs = as.flatMap((x) => as.map((y) => [x, y]));
    const [left, right] = [pairs.map((p) => p[0]), pairs.map((p) => p[1])];
    const b = new Builder();
    const [a, c] = [b.input('a', [pairs.length], 'f32'), b.input('b', [pairs.length], 'f32')];
    const nodes: Node[] = [
      ...(['add', 'sub', 'mul', 'div', 'pow', 'max', 'min', 'mod'] as const).map((name) => b.binary(name, a, c)),
      ...(['lt', 'le', 'eq'] as const).map((name) => b.compare(name, a, c)),
    ];
    const results = await run(
      gpu,
      nodes.map((node) => wgslExpression(node, ['a', 'b']).text),
      left,
      right,
    );
    nodes.forEach((node, k) => {
      numbersOf(node, { a: tensorOf([pairs.length], left), b: tensorOf([pairs.length], right) }).forEach((v, i) => {
        if (!Number.isFinite(v)) return;
        expect(Math.abs(results[k][i] - v), `${JSON.stringify(node.operation)} of ${pairs[i]}`).toBeLessThanOrEqual(1e-5 + 1e-5 * Math.abs(v));
      });
    });
  });

  it('draws the same bits', async () => {
    const key = drawKey(99n, 'D.z');
    const elements = Array.from({ length: 200 }, (_, i) => i * 37);
    const [drawn] = await run(gpu, [`uniform_draw(vec2<u32>(${key[0]}u, ${key[1]}u), 5u, u32(a))`], elements, elements);
    expect([...drawn]).toEqual(elements.map((e) => uniform(key, e, 5)));
  });
});

describe('WGSL text', () => {
  it.each<[number, DType, string]>([
    [2, 'f32', '2.0f'],
    [0.1, 'f32', '0.1f'],
    [-1.5, 'f32', '(-1.5f)'],
    [1e-7, 'f32', '1e-7f'],
    [1e30, 'f32', '1e+30f'],
    [Math.PI, 'f32', '3.1415927f'],
    [Number.POSITIVE_INFINITY, 'f32', 'bitcast<f32>(infinity_bits)'],
    [1e300, 'f32', 'bitcast<f32>(infinity_bits)'],
    [Number.NaN, 'f32', 'bitcast<f32>(nan_bits)'],
    [-5, 'i32', '(-5i)'],
    [-2147483648, 'i32', '(-2147483647i - 1i)'],
    [4294967295, 'u32', '4294967295u'],
    [1, 'bool', 'true'],
  ])('%d as %s is %s', (value, dtype, text) => {
    expect(wgslConstant(value, dtype)).toBe(text);
  });

  it('names helpers with what they call, first things first', () => {
    expect(helpersOf('softplus_of(x)')).toEqual(['atanh2', 'is_finite', 'log_of', 'log1p_of', 'softplus_of']);
    expect(helpersOf('x + y')).toEqual([]);
  });

  it('knows dtypes', () => {
    const b = new Builder();
    const i = b.input('i', [2], 'i32');
    expect(wgslExpression(b.cast(i, 'f32'), ['v']).text).toBe('f32(v)');
    expect(wgslExpression(b.unary('sign', i), ['v'])).toEqual({ text: 'sign(v)', helpers: [] });
    expect(wgslExpression(b.binary('mod', i, i), ['v', 'w'])).toEqual({ text: 'modulo_i32(v, w)', helpers: ['modulo_i32'] });
    expect(() => wgslExpression(b.sum(i, [0]), ['v'])).toThrow('sum has no scalar expression');
  });
});
