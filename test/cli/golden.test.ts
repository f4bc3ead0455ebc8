import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { TensorData } from '../../runtime/execute/tensor.js';
import { readSafetensors, writeSafetensors } from '../../runtime/train/safetensors.js';
import { type Golden, readGolden } from './golden.js';
import { ganc, temporaryFolder } from './support.js';

const mlp = readGolden('1_mlp_bce');
const folder = temporaryFolder();

const norm = (values: Iterable<number>) => Math.sqrt([...values].reduce((sum, v) => sum + v * v, 0));
const difference = (a: ArrayLike<number>, b: ArrayLike<number>) => Array.from(a, (v, i) => v - b[i]);

/** What golden calls by its own names, as --feed names it: player and field or draw. */
function feed(golden: Golden): Map<string, TensorData> {
  const inputs = golden.tensors('in.');
  return new Map([
    ['D.x', inputs.get('real')],
    ['D.z', inputs.get('z_d')],
    ['G.z', inputs.get('z_g')],
  ] as [string, TensorData][]);
}

test.each([
  ['golden-mlp.gan', mlp],
  ['golden-conv.gan', readGolden('3_conv_hinge')],
])('%s: 50 steps through --init, --feed and --trace follow the float64 trajectory', async (file, golden) => {
  const [init, fed, traced] = ['init', 'feed', 'trace'].map((name) => join(folder, `${file}-${name}.safetensors`));
  await writeSafetensors(init, golden.tensors('init.'));
  await writeSafetensors(fed, feed(golden));
  const spec = join(import.meta.dirname, file);
  const result = await ganc([
    'train',
    spec,
    '--init',
    init,
    '--feed',
    fed,
    '--trace',
    traced,
    '--trace-steps',
    '1,10,50',
    '--out',
    join(folder, `${file}-run`),
  ]);
  expect(result.stderr).not.toContain('error');
  expect(result.code).toBe(0);
  const trace = await readSafetensors(traced);
  const numbers = (name: string) => {
    const tensor = trace.get(name);
    if (!tensor) throw new Error(`the trace lacks ${name}; it has ${[...trace.keys()].join(', ')}`);
    return tensor.data;
  };

  const losses = golden.numbers('f64.losses');
  const columns = golden.lossColumns;
  for (const [name, column] of [
    ['losses.D', 'd_loss'],
    ['losses.G', 'g_loss'],
    ['reports.d_real', 'd_real'],
    ['reports.d_fake', 'd_fake'],
  ]) {
    const got = numbers(name);
    expect(got.length).toBe(golden.steps);
    for (let step = 0; step < golden.steps; step++) {
      const want = losses[step * columns.length + columns.indexOf(column)];
      const gate = step === 0 ? 1e-5 : 1e-4 * Math.max(1, Math.abs(want));
      expect(Math.abs(got[step] - want), `${name} at step ${step}: ${got[step]}, wanted ${want}`).toBeLessThanOrEqual(gate);
    }
  }

  for (const player of ['D', 'G']) {
    const gradients = golden.tensors(`f64.grad0.${player}.`);
    const all = norm([...gradients.values()].flatMap((g) => [...g.data]));
    for (const name of gradients.keys()) {
      const want = golden.numbers(`f64.grad0.${player}.${name}`);
      const error = norm(difference(numbers(`grad0.${player}.${name}`), want));
      expect(error, `gradient of ${player}.${name}`).toBeLessThanOrEqual(1e-4 * Math.max(norm(want), 1e-3 * all));
    }
  }

  for (const step of [1, 10, 50]) {
    for (const name of golden.tensors(`f64.step${step}.`).keys()) {
      const want = golden.numbers(`f64.step${step}.${name}`);
      const worst = Math.max(...difference(numbers(`step${step}.${name}`), want).map(Math.abs));
      expect(worst, `${name} after step ${step}`).toBeLessThanOrEqual(1e-4);
    }
  }
});

test('a feed that lacks a draw, or is too short, is refused by name', async () => {
  const fed = join(folder, 'short.safetensors');
  const tensors = feed(mlp);
  tensors.delete('G.z');
  await writeSafetensors(fed, tensors);
  const spec = join(import.meta.dirname, 'golden-mlp.gan');
  const result = await ganc(['train', spec, '--feed', fed, '--out', join(folder, 'refused')]);
  expect(result.code).toBe(1);
  expect(result.stderr).toContain('G.z');
  writeFileSync(fed, 'no tensors');
  expect((await ganc(['train', spec, '--feed', fed, '--out', join(folder, 'refused')])).code).toBe(1);
});
