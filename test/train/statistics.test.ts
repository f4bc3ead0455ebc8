/** `--stats`: figures of layers and weights, as numbers worked out here say; the training itself stays as it is, bit for bit. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { compileSpec } from '../../compiler/compile.js';
import { lower } from '../../compiler/plan/lower.js';
import type { TensorData } from '../../runtime/execute/tensor.js';
import { latestCheckpoint } from '../../runtime/train/checkpoint.js';
import { onGpu } from '../../runtime/train/executor.js';
import { runPaths } from '../../runtime/train/folder.js';
import { writeSafetensors } from '../../runtime/train/safetensors.js';
import { readStatistics } from '../../runtime/train/statistics.js';
import { type TrainOptions, train } from '../../runtime/train/train.js';

const root = mkdtempSync(join(tmpdir(), 'ganc-stats-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

function program(text: string, stats: boolean, fed?: ReadonlySet<string>) {
  const { module, diagnostics } = compileSpec({ name: 'small.gan', text }, { stats, fed });
  expect(diagnostics.filter((d) => d.severity === 'error')).toEqual([]);
  return lower(module as NonNullable<typeof module>);
}

const run = (out: string, options: Partial<TrainOptions>) => train({ open: onGpu(), out: join(root, out), sampleEvery: 0, ...options });

test('mean, deviation, ends, zeros of each layer; norms of weights and gradients', async () => {
  const text = `
data d = tensors(path: "fed") { x: vector[2] }
net D(x) { x |> linear(3) as a |> relu |> linear(1) as b }
game { D minimizes E[D(x)^2] }
train { batch 4   steps 1
  D with sgd(lr: 0.1) }`;
  const f32 = (shape: number[], ...data: number[]): TensorData => ({ dtype: 'f32', shape, data: Float32Array.from(data) });
  const x = [1, 2, -1, 0.5, 3, -2, 0, 1];
  const a = { weight: [1, 0, -1, 1, 0.5, -0.5], bias: [0, 0.25, -10] };
  const b = { weight: [1, -2, 0.5], bias: [0.125] };
  await writeSafetensors(join(root, 'feed'), new Map([['D.x', f32([1, 4, 2], ...x)]]));
  await writeSafetensors(
    join(root, 'init'),
    new Map([
      ['D.a.weight', f32([3, 2], ...a.weight)],
      ['D.a.bias', f32([3], ...a.bias)],
      ['D.b.weight', f32([1, 3], ...b.weight)],
      ['D.b.bias', f32([1], ...b.bias)],
    ]),
  );
  const { folder } = await run('by-hand', {
    program: program(text, true, new Set(['D.x'])),
    stats: 1,
    feed: join(root, 'feed'),
    init: [join(root, 'init')],
  });
  const h = [0, 1, 2, 3].flatMap((i) => [0, 1, 2].map((j) => x[2 * i] * a.weight[2 * j] + x[2 * i + 1] * a.weight[2 * j + 1] + a.bias[j]));
  const r = h.map((v) => Math.max(0, v));
  const y = [0, 1, 2, 3].map((i) => b.weight.reduce((sum, w, j) => sum + w * r[3 * i + j], b.bias[0]));
  const figures = (values: number[]) => {
    const mean = values.reduce((s, v) => s + v, 0) / values.length;
    const std = Math.sqrt(values.reduce((s, v) => s + (v - mean) ** 2, 0) / values.length);
    return { mean, std, min: Math.min(...values), max: Math.max(...values), zeros: values.filter((v) => v === 0).length / values.length };
  };
  const norm = (values: number[]) => Math.hypot(...values);
  // Of E[y^2]: dy = y / 2 for a batch of 4.
  const dy = y.map((v) => v / 2);
  const dh = h.map((v, k) => (v > 0 ? dy[Math.floor(k / 3)] * b.weight[k % 3] : 0));
  const column = (j: number) => [0, 1, 2, 3].reduce((sum, i) => sum + dh[3 * i + j], 0);
  const lines = await readStatistics(runPaths(folder).stats);
  expect(lines.map(({ step, player }) => [step, player])).toEqual([[1, 'D']]);
  const [{ layers, weights }] = lines;
  expect(Object.keys(layers)).toEqual(['D.a', 'D.relu', 'D.b']);
  for (const [name, values] of Object.entries({ 'D.a': h, 'D.relu': r, 'D.b': y }))
    for (const [what, value] of Object.entries(figures(values))) expect(layers[name][what as 'mean'], `${what} ${name}`).toBeCloseTo(value, 5);
  expect(layers['D.relu'].zeros).toBeGreaterThan(0.3);
  expect(weights['D.a.weight'].norm).toBeCloseTo(norm(a.weight), 5);
  expect(weights['D.b.weight'].gradient).toBeCloseTo(norm([0, 1, 2].map((j) => dy.reduce((s, d, i) => s + d * r[3 * i + j], 0))), 5);
  expect(weights['D.b.bias'].gradient).toBeCloseTo(Math.abs(dy.reduce((s, d) => s + d, 0)), 5);
  expect(weights['D.a.bias'].gradient).toBeCloseTo(norm([0, 1, 2].map(column)), 5);
});

const text = `
data points = ring() { x: vector[2] }
noise z: normal[4]
net G(z) { z |> linear(6) |> relu |> linear(2) }
net D(x) { x |> linear(5) |> leaky_relu(0.2) |> dropout(0.3) |> linear(1) }
game {
  shared fake = G(z)
  wrong = D(fake)
  D minimizes hinge(D(x), wrong) + every(2, E[wrong^2])
  G minimizes generator_score(wrong)
}
train {
  batch 6   steps 7
  D with adam(lr: 1e-3)
  G with adam(lr: 1e-3), average 0.9
}`;

test('with or without, and after a resume, the same training; the steps that were asked for', async () => {
  const watched = program(text, true);
  const { folder } = await run('whole', { program: watched, stats: 3 });
  const plain = await run('plain', { program: program(text, false) });
  const half = await run('half', { program: watched, stats: 3, steps: 4 });
  const resumed = await train({ open: onGpu(), resume: half.folder, steps: 7, sampleEvery: 0 });
  const of = async (path: string) => (await latestCheckpoint(runPaths(path).checkpoints, () => undefined))?.values;
  const whole = await of(folder);
  expect(whole?.size).toBeGreaterThan(8);
  expect(await of(plain.folder)).toEqual(whole);
  expect(await of(resumed.folder)).toEqual(whole);
  const lines = await readStatistics(runPaths(folder).stats);
  expect(lines.map(({ step, player }) => `${step} ${player}`)).toEqual(
    [1, 3, 6, 7].flatMap((step) => ['shared', 'D', 'G'].map((player) => `${step} ${player}`)),
  );
  expect(Object.keys(lines[0].layers)).toEqual(['G.linear', 'G.relu', 'G.linear#2']);
  expect(Object.keys(lines[0].weights)).toEqual([]);
  expect(Object.keys(lines[2].weights)).toContain('G.linear#2.bias');
  // What follows the fourth step: the half's own last line, of step 4, apart.
  const later = (path: string) =>
    readFileSync(runPaths(path).stats, 'utf8')
      .split('\n')
      .filter((line) => !line.startsWith('{"step":4,'));
  expect(later(resumed.folder)).toEqual(later(folder));
});

test('a program without statistics is refused', async () => {
  await expect(run('refused', { program: program(text, false), stats: 3 })).rejects.toMatchObject({ reason: 'the program was compiled without them' });
});
