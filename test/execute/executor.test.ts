import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Program } from '../../compiler/program/types.js';
import { GpuError, InputError } from '../../runtime/device/error.js';
import { type GpuDevice, openDevice } from '../../runtime/device/open.js';
import { type Call, Executor } from '../../runtime/execute/executor.js';
import { chooseCandidate } from '../../runtime/execute/pipelines.js';
import type { TensorData } from '../../runtime/execute/tensor.js';
import { handProgram } from './program.js';

let gpu: GpuDevice;
beforeAll(async () => {
  gpu = await openDevice();
});
afterAll(() => gpu.close());

const f32 = (...values: number[]): TensorData => ({ dtype: 'f32', shape: [values.length], data: new Float32Array(values) });
const nothing: TensorData = { dtype: 'i32', shape: [0, 3], data: new Int32Array(0) };
const step = (counter: number, factor: number, ...x: number[]): Call => ({ entry: 'step', counter, step: factor, tensors: { x: f32(...x), nothing } });
const flag = (value: number): TensorData => ({ dtype: 'bool', shape: [], data: new Uint32Array([value]) });
const rows = (...list: number[]): Call => ({ entry: 'rows', counter: 0, rows: new Uint32Array(list) });

describe('calls', () => {
  test('several in one submit run in order, each with its own inputs and outputs', async () => {
    const executor = await Executor.create(gpu, handProgram(), { seed: 1n });
    executor.write(new Map([['w', f32(1, 2, 3, 4, 5)]]));
    const results = await executor.submit([step(7, 1, 1, 0, 0, 0, 0), step(8, 2, 0, 1, 0, 0, 0), step(4294967295, 0.5, 0, 0, 0, 0, 4)]);
    expect(results.map((r) => r.outputs.sum.data[0])).toEqual([16, 18, 20]);
    expect(results.map((r) => r.outputs.seen)).toEqual([7, 8, 4294967295].map((n) => ({ dtype: 'u32', shape: [1], data: new Uint32Array([n]) })));
    expect(results[0].outputs.empty).toEqual({ dtype: 'f32', shape: [0], data: new Float32Array(0) });
    expect([...(await executor.read(['w'])).get('w')!.data]).toEqual([2, 4, 3, 4, 7]);
    executor.close();
  });

  test('submits in flight, reads and writes keep their order', async () => {
    const executor = await Executor.create(gpu, handProgram(), { seed: 1n, inFlight: 2 });
    executor.write(new Map([['w', f32(0, 0, 0, 0, 0)]]));
    const x = new Float32Array([1, 1, 1, 1, 1]);
    const one = (counter: number): Call => ({ entry: 'step', counter, step: 1, tensors: { x: { dtype: 'f32', shape: [5], data: x }, nothing } });
    const before = Array.from({ length: 9 }, (_, i) => executor.submit([one(i)]));
    const read = executor.read();
    const value = f32(10, 10, 10, 10, 10);
    executor.write(new Map([['w', value]]));
    const after = executor.submit([one(9)]);
    // Inputs were taken when they were given.
    x.fill(100);
    value.data.fill(100);
    expect((await Promise.all(before)).map(([r]) => r.outputs.sum.data[0])).toEqual([5, 10, 15, 20, 25, 30, 35, 40, 45]);
    expect([...(await read).get('w')!.data]).toEqual([9, 9, 9, 9, 9]);
    expect((await after)[0].outputs.sum.data[0]).toBe(55);
    executor.close();
  });

  test('an entry without inputs or outputs, and no calls at all', async () => {
    const executor = await Executor.create(gpu, handProgram(), { seed: 1n });
    expect(await executor.submit([{ entry: 'init', counter: 0 }])).toEqual([{ outputs: {} }]);
    expect(await executor.submit([])).toEqual([]);
    executor.close();
  });

  test('the seed decides the draws, bit for bit', async () => {
    const draw = async (seed: bigint) => {
      const executor = await Executor.create(gpu, handProgram(), { seed });
      await executor.submit([{ entry: 'init', counter: 0 }]);
      const w = (await executor.read()).get('w')!;
      executor.close();
      return [...w.data];
    };
    const first = await draw(42n);
    expect(await draw(42n)).toEqual(first);
    expect(await draw(43n)).not.toEqual(first);
    expect(await draw(42n + (1n << 32n))).not.toEqual(first);
  });

  test('only the entries that are asked for are compiled', async () => {
    const executor = await Executor.create(gpu, handProgram(), { seed: 1n, entries: ['rows'] });
    expect(executor.choice).toEqual({ gather: 'portable' });
    await expect(executor.submit([step(0, 1, 1, 1, 1, 1, 1)])).rejects.toThrow('"step" was not compiled; compiled are rows');
    executor.close();
  });
});

describe('data fields', () => {
  test('rows are gathered, and can be replaced by more', async () => {
    const executor = await Executor.create(gpu, handProgram(), { seed: 1n });
    await expect(executor.submit([rows(0, 0, 0)])).rejects.toThrow('"b", which has no rows yet');
    executor.setField('b', { count: 2, bytes: new Uint8Array([1, 2, 0, 0, 3, 255, 0, 0]) });
    const first = executor.submit([rows(1, 0, 1)]);
    executor.setField('b', { count: 9, bytes: new Uint8Array(36).fill(8) });
    const second = executor.submit([rows(8, 0, 1)]);
    expect([...(await first)[0].outputs.bytes.data]).toEqual([3, 255, 1, 2, 3, 255]);
    expect([...(await second)[0].outputs.bytes.data]).toEqual([8, 8, 8, 8, 8, 8]);
    await expect(executor.submit([rows(0, 9, 0)])).rejects.toThrow('row 9 (number 1 of the batch) is not there: the data field "b" has 9 rows');
    await expect(executor.submit([rows(0, 1)])).rejects.toThrow('the call names 2 rows; the batch is 3');
    await expect(executor.submit([{ entry: 'rows', counter: 0 }])).rejects.toThrow('the call names no rows; 3 are needed');
    executor.close();
  });

  test('rows that do not fit are refused', async () => {
    const executor = await Executor.create(gpu, handProgram(), { seed: 1n });
    expect(() => executor.setField('c', { count: 1, bytes: new Uint8Array(4) })).toThrow('no data field "c"; its fields are b');
    expect(() => executor.setField('b', { count: 3, bytes: new Uint8Array(8) })).toThrow('"b" has 8 bytes; 3 rows of 4 bytes are 12');
    expect(() => executor.setField('b', { count: 0, bytes: new Uint8Array(0) })).toThrow('has 0 rows');
    executor.close();
  });
});

describe('variables', () => {
  test('round trip; flat views are left out', async () => {
    const executor = await Executor.create(gpu, handProgram(), { seed: 1n });
    const values = new Map([
      ['w', f32(Math.fround(0.1), -0, Number.POSITIVE_INFINITY, 1e-45, 5)],
      ['flag', flag(1)],
    ]);
    executor.write(values);
    expect(await executor.read()).toEqual(values);
    expect((await executor.read(['all'])).get('all')!.shape).toEqual([64]);
    executor.close();
  });

  test('round trip of more than is moved in one piece', async () => {
    const program = handProgram();
    const length = 9 * 1024 * 1024 + 3;
    const big = { name: 'big', kind: 'weight', shape: [length], dtype: 'i32', buffer: program.buffers.length, offset: 0 } as const;
    const buffers = [...program.buffers, { kind: 'variables', size: 4 * length } as const];
    const executor = await Executor.create(gpu, { ...program, buffers, variables: [big, ...program.variables] }, { seed: 1n });
    const data = Int32Array.from({ length }, (_, i) => i * 7919);
    executor.write(new Map<string, TensorData>([['big', { dtype: 'i32', shape: [length], data }]]));
    const read = (await executor.read(['flag', 'big'])).get('big')!.data;
    expect(Buffer.compare(Buffer.from(read.buffer), Buffer.from(data.buffer))).toBe(0);
    executor.close();
  });

  test('what does not fit is refused as a whole', async () => {
    const executor = await Executor.create(gpu, handProgram(), { seed: 1n });
    const write = (name: string, value: TensorData) => () =>
      executor.write(
        new Map([
          ['flag', flag(1)],
          [name, value],
        ]),
      );
    expect(write('v', f32(1))).toThrow(InputError);
    expect(write('w', f32(1, 2))).toThrow('the variable "w" is f32[2]; wanted is f32[5]');
    expect(write('w', { dtype: 'i32', shape: [5], data: new Int32Array(5) })).toThrow('is i32[5]; wanted is f32[5]');
    expect(write('w', { dtype: 'f32', shape: [5], data: new Uint32Array(5) })).toThrow('f32 needs a Float32Array');
    expect(write('w', { dtype: 'f32', shape: [5], data: new Float32Array(4) })).toThrow('has 4 elements');
    expect([...(await executor.read(['flag'])).get('flag')!.data]).toEqual([0]);
    await expect(executor.read(['v'])).rejects.toThrow('no variable "v"');
    executor.close();
  });
});

test('inputs that do not fit are named', async () => {
  const executor = await Executor.create(gpu, handProgram(), { seed: 1n });
  const reject = (call: Call, text: string) => expect(executor.submit([call])).rejects.toThrow(text);
  await reject({ entry: 'stop', counter: 0 }, 'no entry "stop"; its entries are init, step, rows');
  await reject({ entry: 'step', counter: -1 }, 'the counter -1');
  await reject({ entry: 'step', counter: 0 }, 'step: the input "x" is missing');
  await reject(step(0, 1, 1, 2), 'the input "x" is f32[2]; wanted is f32[5]');
  await reject({ entry: 'step', counter: 0, tensors: { y: f32(1) } }, 'there is no input "y"; its inputs are x, nothing');
  await reject({ entry: 'init', counter: 0, tensors: { y: f32(1) } }, 'it takes no tensors');
  executor.close();
});

describe('candidates', () => {
  const withCandidates = (): Program => {
    const program = handProgram();
    const [fill] = program.kernels;
    const portable = fill.candidates[0];
    const variants = [
      portable,
      { ...portable, name: 'subgroups', requires: { features: [...gpu.features].slice(0, 1), subgroupSize: gpu.subgroupSize } },
      { ...portable, name: 'other size', requires: { subgroupSize: 1024 } },
      { ...portable, name: 'other feature', requires: { features: ['no-such-feature'] } },
      { ...portable, name: 'too wide', workgroupSize: [1 << 20, 1, 1] as const },
      { ...portable, name: 'unmeasured never', table: 'never' as const },
    ];
    const kernels = program.kernels.map((k, i) => (i === 0 ? { ...k, candidates: variants } : k));
    const widen = (c: Program['entries'][number]['commands'][number]) =>
      c.kind === 'dispatch' && c.kernel === 0 ? { ...c, workgroups: variants.map(() => c.workgroups[0]) } : c;
    return { ...program, kernels, entries: program.entries.map((e) => ({ ...e, commands: e.commands.map(widen) })) };
  };

  test.each([
    ['the last one that the device can run', undefined, 'subgroups'],
    ['the portable one', 'portable' as const, 'portable'],
    ['the one of an earlier run', { fill: 'portable' }, 'portable'],
    ['the best where the one of an earlier run cannot run here', { fill: 'other feature' }, 'subgroups'],
    ['one that is taken only where it was measured', { fill: 'unmeasured never' }, 'unmeasured never'],
  ])('%s', async (_, candidates, chosen) => {
    const executor = await Executor.create(gpu, withCandidates(), { seed: 1n, candidates });
    expect(executor.choice).toEqual({ fill: chosen, axpy: 'portable', total: 'portable', gather: 'portable' });
    executor.close();
  });
});

test('a candidate for hardware is the choice of the table there, and not on software', () => {
  const [fill] = handProgram().kernels;
  const kernel = { ...fill, candidates: [...fill.candidates, { ...fill.candidates[0], name: 'tiled', table: 'hardware' as const }] };
  const on = (kind: string): GpuDevice => Object.create(gpu, { kind: { value: kind } });
  for (const [kind, chosen] of [
    ['gpu', 1],
    ['lavapipe', 0],
    ['swiftshader', 0],
    ['other software', 0],
  ] as const) {
    expect(chooseCandidate(on(kind), kernel, 'best')).toBe(chosen);
    expect(chooseCandidate(on(kind), kernel, 'portable')).toBe(0);
    expect(chooseCandidate(on(kind), kernel, { fill: 'tiled' })).toBe(1);
    // Alone it is all there is, as when it is measured.
    expect(chooseCandidate(on(kind), { ...kernel, candidates: kernel.candidates.slice(1) }, 'portable')).toBe(0);
  }
});

describe('what the device refuses', () => {
  const changed = (index: number, wgsl: (text: string) => string): Program => {
    const program = handProgram();
    return {
      ...program,
      kernels: program.kernels.map((k, i) => (i === index ? { ...k, candidates: [{ ...k.candidates[0], wgsl: wgsl(k.candidates[0].wgsl) }] } : k)),
    };
  };
  const fails = async (program: Program, options = {}): Promise<GpuError> => {
    const error = await Executor.create(gpu, program, { seed: 1n, ...options }).catch((e) => e);
    expect(error).toBeInstanceOf(GpuError);
    return error;
  };

  test('WGSL that does not compile: kernel, line and mark', async () => {
    const error = await fails(changed(2, (text) => text.replace('sum += w[i]', 'sum += i')));
    expect(error.message).toBe('the kernel "total" (candidate portable) does not compile');
    expect(error.reason).toContain('kernels/total.wgsl:6:');
    expect(error.reason).toContain('6 |   for (var i = 0u; i < 5u; i++) { sum += i; }');
    expect(error.reason).toContain('^');
  });

  test('bindings that are not those of the text', async () => {
    const error = await fails(changed(2, (text) => text.replace('var<storage, read> w', 'var<storage, read_write> w')));
    expect(error.message).toContain('"total"');
    expect(error.reason).toContain('kernels/total.wgsl');
  });

  test('a binding that lies outside of its buffer', async () => {
    const program = handProgram();
    const entries = program.entries.map((e) =>
      e.name === 'init'
        ? { ...e, commands: e.commands.map((c) => (c.kind === 'dispatch' ? { ...c, bindings: c.bindings.map((b) => ({ ...b, offset: 4096 })) } : c)) }
        : e,
    );
    const error = await fails({ ...program, entries });
    expect(error.message).toBe('a kernel does not fit its buffers');
    expect(error.reason).toContain('fill (w)');
  });

  test('more memory than there is: the largest variables', async () => {
    const error = await fails(handProgram(), { memoryLimit: 600 });
    expect(error.message).toBe('"hand" needs 928 bytes of GPU memory');
    expect(error.reason).toContain('600 bytes is free; weights 20 bytes');
    expect(error.reason).toContain('largest: w [5] (20 bytes)');
  });

  test('a buffer over the limit', async () => {
    const program = handProgram();
    const error = await fails({ ...program, buffers: program.buffers.map((b) => (b.kind === 'variables' ? { ...b, size: 2 ** 45 } : b)) });
    expect(error.message).toBe('a buffer of 32.0 TiB (variables) is more than the adapter allows');
  });

  test('too many workgroups', async () => {
    const program = handProgram();
    const entries = program.entries.map((e) => ({
      ...e,
      commands: e.commands.map((c) => (c.kind === 'dispatch' && c.kernel === 2 ? { ...c, workgroups: [[1, 1 << 30, 1] as const] } : c)),
    }));
    const error = await fails({ ...program, entries });
    expect(error.message).toBe('"sum" (kernel total) needs 1 x 1073741824 x 1 workgroups');
  });
});

test('memory is counted by kind', async () => {
  const executor = await Executor.create(gpu, handProgram(), { seed: 1n });
  expect(executor.memory).toMatchObject({ variables: 512, scratch: 32, parameters: 16, field: 0, staging: 0 });
  executor.setField('b', { count: 5, bytes: new Uint8Array(20) });
  await executor.submit([rows(0, 0, 0)]);
  const { total, ...kinds } = executor.memory;
  expect(kinds.field).toBe(32);
  expect(kinds.readback).toBe(256);
  expect(total).toBe(Object.values(kinds).reduce((a, b) => a + b, 0));
  executor.close();
});

describe('an end in the middle', () => {
  test('close rejects what waits and what comes', async () => {
    const executor = await Executor.create(gpu, handProgram(), { seed: 1n, inFlight: 1 });
    const running = executor.submit([{ entry: 'init', counter: 0 }]);
    const waiting = executor.submit([{ entry: 'init', counter: 0 }]);
    executor.close();
    await expect(waiting).rejects.toThrow('the executor is closed');
    await expect(executor.read()).rejects.toThrow('the executor is closed');
    await running;
  });

  test('a lost device rejects with a GpuError, in flight and after', async () => {
    const own = await openDevice();
    const executor = await Executor.create(own, handProgram(), { seed: 1n });
    const running = executor.submit([step(0, 1, 1, 1, 1, 1, 1)]);
    own.device.destroy();
    await expect(running).rejects.toThrow(GpuError);
    await expect(own.lost).resolves.toBeInstanceOf(GpuError);
    await expect(executor.submit([{ entry: 'init', counter: 0 }])).rejects.toThrow(/the GPU was lost/);
  });

  test('a command that the device refuses is an error, not zeros', async () => {
    const own = await openDevice();
    const program = handProgram();
    const entries = program.entries.map((e) => ({ ...e, commands: e.commands.map((c) => (c.kind === 'copy' ? { ...c, size: 4096 } : c)) }));
    const executor = await Executor.create(own, { ...program, entries }, { seed: 1n });
    const error = await executor.submit([step(0, 1, 1, 1, 1, 1, 1)]).catch((e) => e);
    expect(error).toBeInstanceOf(GpuError);
    expect(error.reason).toContain('scratch 1');
    expect(() => executor.write(new Map())).toThrow(error);
    own.close();
  });
});
