/** A small GAN of captions, clips and sounds on the GPU: rows of `mismatch`, absent sounds, resuming, streaming, samples. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { compileSpec } from '../../compiler/compile.js';
import type { Tensor } from '../../compiler/graph/interpret.js';
import type { Module } from '../../compiler/graph/module.js';
import { Simulation } from '../../compiler/graph/simulate.js';
import { lower } from '../../compiler/plan/lower.js';
import { type DataSet, loadData } from '../../runtime/data/index.js';
import { rowsFor } from '../../runtime/data/order.js';
import { openDevice } from '../../runtime/device/open.js';
import { Executor } from '../../runtime/execute/executor.js';
import type { TensorData } from '../../runtime/execute/tensor.js';
import { latestCheckpoint } from '../../runtime/train/checkpoint.js';
import { ChosenRows } from '../../runtime/train/chosen.js';
import { type OpenExecutor, onGpu } from '../../runtime/train/executor.js';
import { readMetrics } from '../../runtime/train/metrics.js';
import { readSafetensors, writeSafetensors } from '../../runtime/train/safetensors.js';
import { sampleRun } from '../../runtime/train/sample.js';
import { type TrainOptions, train } from '../../runtime/train/train.js';
import { generator } from '../graph/numeric.js';

const ROWS = 40;
const BATCH = 8;
const spec = `
data clips = tensors("clips.safetensors") {
  x: video[1, 2, 4, 4]
  t: tokens[4, words: 8]
  a: audio[3, 2] optional 0.25
  y: class[4]
}
noise z: normal[3]
net Words(t) { mean(embedding(t, 4), axis: 0, mask: mask(t)) }
net G(z, s) -> video[1, 2, 4, 4] { concat(z, s) |> linear(32) |> tanh |> reshape(1, 2, 4, 4) }
net D(x, s, a) {
  { whole: concat(flatten(x), s, present(a), summary(a)) |> linear(8) |> leaky_relu(0.2) |> linear(1) |> sigmoid,
    frame: x |> each(judged(_, s), axis: 1) }
}
block judged(f, s) { concat(f, tile(s, like: f)) |> conv(4, kernel: 3) |> leaky_relu(0.2) |> flatten |> linear(1) |> sigmoid }
game {
  player G = G, Words
  s     = Words(t)
  wrong = mismatch(t)
  pair  = mismatch(t, y)
  fake  = G(z | s)
  w     = {whole: 1, frame: 1} / 2
  D maximizes w * (E[log(D(x | s, a))] + E[log(1 - D(x | Words(wrong), a))] + E[log(1 - D(fake | s, a))])
  G maximizes w * E[log(D(fake | s, a))]
  report same  = max(min((wrong == t) * 1), axis: batch) in D
  report torn  = E[abs(pair.t[0] - 1 - pair.y)] in D
  report alike = max((pair.y == y) * 1, axis: batch) in D
  report heard = E[present(a)] in D
}
train {
  batch ${BATCH}   steps 8
  D with adam(lr: 1e-3)
  G with adam(lr: 1e-3), average 0.9
}
sample clip = G(z | Words(t))
sample sound = concat(present(a), summary(a))
`;

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ganc-fields-'));
  await writeClips('clips.safetensors', (row) => row % 4);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Clips whose caption, sound and class say the same number. */
async function writeClips(name: string, of: (row: number) => number): Promise<void> {
  const random = generator(5);
  const t = Int32Array.from({ length: ROWS * 4 }, (_, i) => [of(i >> 2) + 1, 5, 6, 0][i % 4]);
  const a = Float32Array.from({ length: ROWS * 6 }, (_, i) => of(Math.floor(i / 6)) + 0.5);
  const y = BigInt64Array.from({ length: ROWS }, (_, row) => BigInt(of(row)));
  const x = Uint8Array.from({ length: ROWS * 32 }, () => Math.floor(random() * 256));
  const parts = { a: ['F32', [ROWS, 3, 2], a], t: ['I32', [ROWS, 4], t], y: ['I64', [ROWS], y], x: ['U8', [ROWS, 1, 2, 4, 4], x] } as const;
  const header: Record<string, object> = {};
  const bytes: Uint8Array[] = [];
  let at = 0;
  for (const [field, [dtype, shape, data]] of Object.entries(parts)) {
    header[field] = { dtype, shape, data_offsets: [at, at + data.byteLength] };
    at += data.byteLength;
    bytes.push(new Uint8Array(data.buffer));
  }
  const text = JSON.stringify(header).padEnd(512);
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(text.length), true);
  await writeFile(join(folder, name), Buffer.concat([length, Buffer.from(text), ...bytes]));
}

function compiled(options: Parameters<typeof compileSpec>[1] = {}, text = spec): Module {
  const { module, diagnostics } = compileSpec({ name: 'clips.gan', text }, options);
  expect(diagnostics.map((d) => d.message)).toEqual([]);
  return module as Module;
}

async function run(out: string, options: Partial<TrainOptions> = {}) {
  const done = await train({ program: lower(compiled()), open: onGpu(), base: folder, out: join(folder, out), seed: 4n, steps: 8, sampleEvery: 0, ...options });
  const metrics = await readMetrics(join(done.folder, 'metrics.jsonl'));
  const checkpoint = await latestCheckpoint(join(done.folder, 'checkpoints'), () => undefined);
  return { folder: done.folder, metrics, values: checkpoint?.values as Map<string, TensorData> };
}

test('8 steps are 3 steps, a resume and 5 steps, bit for bit; rows of mismatch differ, and two fields of one come together', async () => {
  const whole = await run('whole');
  expect(whole.metrics.length).toBe(8);
  for (const { reports, losses } of whole.metrics) {
    expect(reports).toMatchObject({ same: 0, torn: 0, alike: 0 });
    expect(Number.isFinite(losses.D) && Number.isFinite(losses.G)).toBe(true);
  }
  const heard = whole.metrics.map((m) => m.reports?.heard ?? Number.NaN);
  expect(heard.reduce((a, b) => a + b, 0) / 8).toBeGreaterThan(0.5);
  expect(Math.min(...heard)).toBeLessThan(1);
  const first = await run('parts', { steps: 3 });
  const parts = await run('parts', { program: undefined, resume: first.folder, out: undefined, seed: undefined });
  expect([...parts.values]).toEqual([...whole.values]);
  expect(parts.metrics.map((m) => m.losses)).toEqual(whole.metrics.map((m) => m.losses));

  // A set that does not fit on the device goes there step by step, and nothing else changes.
  const small: OpenExecutor = async (...args) => ({ ...(await onGpu()(...args)), fieldLimit: 256 });
  const streamed = await run('streamed', { open: small });
  expect([...streamed.values]).toEqual([...whole.values]);

  // Pictures of training and `ganc sample` read held-out captions; sounds are there.
  const sampled = await sampleRun(whole.folder, { open: onGpu(), name: 'sound', count: 4 });
  const sound = sampled.outputs.get('sound')?.data as Float32Array;
  expect([...sound].map((v) => Math.round(v * 100) / 100)).toEqual([36, 37, 38, 39].flatMap((row) => [1, (row % 4) + 0.5, (row % 4) + 0.5, 0, 0]));

  // Given captions take their place; a sound that is not given is absent.
  const given = join(folder, 'given.safetensors');
  await writeSafetensors(given, new Map([['t', { dtype: 'i32', shape: [1, 4], data: Int32Array.of(1, 5, 0, 0) }]]));
  const silent = await sampleRun(whole.folder, { open: onGpu(), name: 'sound', count: 2, inputs: { in: [given] } });
  expect([...(silent.outputs.get('sound')?.data ?? [])]).toEqual(new Array(10).fill(0));
  const said = await sampleRun(whole.folder, { open: onGpu(), count: 1, inputs: { in: [given] } });
  const heldOut = await sampleRun(whole.folder, { open: onGpu(), count: 1 });
  // Row 36, the first held-out one, has the caption 1 5 6.
  expect(said.outputs.get('clip')?.data).not.toEqual(heldOut.outputs.get('clip')?.data);
  await writeSafetensors(given, new Map([['t', { dtype: 'i32', shape: [1, 4], data: Int32Array.of(1, 5, 6, 0) }]]));
  const same = await sampleRun(whole.folder, { open: onGpu(), count: 1, inputs: { in: [given] } });
  expect(same.outputs.get('clip')?.data).toEqual(heldOut.outputs.get('clip')?.data);
  for (const [name, shape, reason] of [
    ['a', [1, 3, 2], 'it leaves out t, which the sample reads'],
    ['tt', [1, 4], 'tt is no field of the data'],
  ] as const) {
    await writeSafetensors(given, new Map([[name, { dtype: 'f32', shape, data: new Float32Array(shape.reduce((p, q) => p * q, 1)) }]]));
    await expect(sampleRun(whole.folder, { open: onGpu(), inputs: { in: [given] } })).rejects.toMatchObject({ name: 'RunError', reason });
  }
  for (const option of [{ truncation: 0.5 }, { interpolate: 3 }])
    await expect(sampleRun(whole.folder, { open: onGpu(), ...option })).rejects.toMatchObject({ reason: expect.stringContaining('compiled by an older ganc') });
  const clip = (await sampleRun(whole.folder, { open: onGpu(), count: 3 })).outputs.get('clip');
  expect(clip?.shape).toEqual([3, 1, 2, 4, 4]);
});

const dtypes = { u8: 'f32', f32: 'f32', i32: 'i32' } as const;

/** The rows of a field as the graph has them. */
function gathered(module: Module, data: DataSet, field: string, rows: ArrayLike<number>): Tensor {
  const { shape, storage } = (module.data as NonNullable<Module['data']>).fields.filter((f) => f.name === field)[0];
  const { bytes, rowBytes } = data.fields.get(field) as { bytes: Uint8Array; rowBytes: number };
  const size = shape.reduce((a, b) => a * b, 1);
  const values = storage.kind === 'u8' ? bytes : storage.kind === 'i32' ? new Int32Array(bytes.buffer) : new Float32Array(bytes.buffer);
  const stride = storage.kind === 'u8' ? rowBytes : rowBytes / 4;
  const decode = (value: number): number => (storage.kind === 'u8' ? value * storage.scale + storage.offset : value);
  const numbers = Array.from(rows).flatMap((row) => Array.from({ length: size }, (_, i) => decode(values[row * stride + i])));
  return { shape: [rows.length, ...shape], dtype: dtypes[storage.kind], data: Float64Array.from(numbers) };
}

test('the GPU computes what the interpreter does from the same rows', async () => {
  const module = compiled();
  const program = lower(module);
  const data = await loadData(module.data as NonNullable<Module['data']>, { seed: 1n, base: folder });
  const chosen = new ChosenRows(program, data, 1n, ['update.D']);
  const simulation = new Simulation(module, 1n);
  const gpu = await openDevice();
  const executor = await Executor.create(gpu, program, { seed: 1n });
  try {
    for (const [name, rows] of data.fields) executor.setField(name, rows);
    await executor.submit([{ entry: 'init', counter: 0 }]);
    for (let counter = 0; counter < 2; counter++) {
      const call = { entry: 'update.D', counter, step: counter, rows: rowsFor(1n, 'D', counter, BATCH, data.count) };
      const others = chosen.of(call) as Record<string, Uint32Array>;
      expect(Object.keys(others).sort()).toEqual(['D.pair', 'D.wrong']);
      const fields = new Map(['x', 't', 'a', 'y'].map((name) => [name, gathered(module, data, name, call.rows)]));
      for (const [draw, rows] of Object.entries(others)) for (const name of ['t', 'y']) fields.set(`${name}@${draw}`, gathered(module, data, name, rows));
      const [{ outputs }] = await executor.submit([{ ...call, chosen: others }]);
      const inputs = new Map([['step', { shape: [], dtype: 'f32', data: Float64Array.of(counter) } as Tensor]]);
      for (const [name, wanted] of simulation.call('update.D', counter, inputs, fields)) {
        if (name !== 'nonfinite') expect(outputs[name].data[0], name).toBeCloseTo(wanted.data[0], 4);
      }
    }
    const call = { entry: 'update.D', counter: 0, rows: new Uint32Array(BATCH) };
    await expect(executor.submit([call])).rejects.toThrow('update.D: it reads data, and the call names no rows for "D.');
    const wrong = { 'D.wrong': new Uint32Array(BATCH).fill(ROWS), 'D.pair': new Uint32Array(BATCH) };
    await expect(executor.submit([{ ...call, chosen: wrong }])).rejects.toThrow(`row ${ROWS} (number 0 of the batch) is not there`);
  } finally {
    executor.close();
    gpu.close();
  }
});

test('captions that are all alike are refused before a device is asked', async () => {
  await writeClips('alike.safetensors', () => 2);
  const open: OpenExecutor = () => Promise.reject(new Error('a device was opened'));
  const program = lower(compiled({}, spec.replace('clips.safetensors', 'alike.safetensors')));
  await expect(train({ program, open, base: folder, out: join(folder, 'alike'), steps: 1 })).rejects.toMatchObject({
    name: 'RunError',
    message: '`mismatch(t)` has nothing to choose from',
    reason: 'all training rows have the same `t`',
  });
});

test('a feed gives the fields at the rows of mismatch, and who is present', async () => {
  const path = join(folder, 'feed.safetensors');
  const f = (shape: number[], fill: (i: number) => number): TensorData => ({
    dtype: 'f32',
    shape,
    data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => fill(i)),
  });
  const i = (shape: number[], fill: (i: number) => number): TensorData => ({ ...f(shape, fill), dtype: 'i32', data: Int32Array.from(f(shape, fill).data) });
  const feed = new Map<string, TensorData>([
    ['D.x', f([2, BATCH, 1, 2, 4, 4], (k) => Math.sin(k))],
    ['D.z', f([2, BATCH, 3], (k) => Math.cos(k))],
    ['G.z', f([2, BATCH, 3], (k) => Math.cos(k))],
    ['D.wrong.t', i([2, BATCH, 4], () => 2)],
    ['D.pair.t', i([2, BATCH, 4], () => 4)],
    ['D.pair.y', i([2, BATCH], () => 3)],
    ['D.y', i([2, BATCH], () => 1)],
  ]);
  for (const player of ['D', 'G']) {
    feed.set(
      `${player}.t`,
      i([2, BATCH, 4], () => 1),
    );
    feed.set(
      `${player}.a`,
      f([2, BATCH, 3, 2], () => 1),
    );
    feed.set(
      `${player}.a.present`,
      f([2, BATCH], (k) => Number(k % 4 === 0)),
    );
  }
  await writeSafetensors(path, feed);
  const fed = lower(compiled({ fed: new Set((await readSafetensors(path)).keys()) }));
  const { metrics } = await run('fed', { program: fed, feed: path, steps: 2 });
  for (const { reports } of metrics) expect(reports).toEqual({ same: 0, torn: 0, alike: 0, heard: 0.25 });

  for (const name of ['D.wrong.t', 'D.a.present']) feed.delete(name);
  await writeSafetensors(path, feed);
  const partly = lower(compiled({ fed: new Set(feed.keys()) }));
  const refused = await run('partly', { program: partly, feed: path, steps: 2 }).catch((error: unknown) => String(error));
  expect(refused).toContain(`D.wrong.t [updates, ${BATCH}, 4] is missing`);
  expect(refused).toContain(`D.a.present [updates, ${BATCH}] is missing`);
});
