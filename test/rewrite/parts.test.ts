/** Flat vectors in parts: a training whose weights are cut is the training whose weights are not. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { compileSpec } from '../../compiler/compile.js';
import type { Module } from '../../compiler/graph/module.js';
import { size } from '../../compiler/graph/node.js';
import { Simulation } from '../../compiler/graph/simulate.js';
import { verify } from '../../compiler/graph/verify.js';
import { lower } from '../../compiler/plan/lower.js';
import { partition } from '../../compiler/rewrite/parts.js';
import { Executor } from '../../runtime/execute/executor.js';
import { latestCheckpoint } from '../../runtime/train/checkpoint.js';
import { onGpu } from '../../runtime/train/executor.js';
import { train } from '../../runtime/train/train.js';
import { device } from '../plan/support.js';

const root = await mkdtemp(join(tmpdir(), 'ganc-parts-'));
afterAll(() => rm(root, { recursive: true, force: true }));

/** The weights of each player take some 5 KiB. */
const spec = (optimizer: string, rest = ''): string => `
noise z: normal[8]
noise x: normal[3]
net G(z) { z |> linear(24) |> batch_norm |> relu |> linear(24) |> relu |> linear(3) }
net D(x) { x |> linear(24) |> relu |> linear(24) |> relu |> linear(1) }
game {
  D minimizes E[softplus(-D(x))] + E[softplus(D(G(z)))]
  G minimizes E[softplus(-D(G(z)))]
}
train {
  batch 8 steps 6
  ${rest}
  D with ${optimizer}
  G with ${optimizer}, average 0.9
}
sample s = G(z)
block noisy(w, g, lr: 1e-2) { w - lr * (g + 0.1 * normal(like: g)) }
`;

function compiled(text: string): Module {
  const { module, diagnostics } = compileSpec({ name: 'parts.gan', text }, { trace: true, stats: true });
  expect(diagnostics.map((d) => d.message)).toEqual([]);
  return module as Module;
}

function cut(module: Module, most: number): Module {
  const parts = partition(module, most);
  parts.functions.forEach(verify);
  return parts;
}

/** All that a checkpoint would hold after some steps, and the losses; vectors in parts joined. */
async function trained(module: Module): Promise<Map<string, readonly number[]>> {
  const executor = await Executor.create(await device(), lower(module), { seed: 3n });
  const found = new Map<string, readonly number[]>();
  try {
    await executor.submit([{ entry: 'init', counter: 0 }]);
    const { updates, accumulate = 1 } = module.train!;
    for (let step = 0; step < 3; step++) {
      for (const { entry, gradient, player } of updates) {
        for (let i = 0; i < accumulate; i++) {
          const counter = step * accumulate + i;
          const [{ outputs }] = await executor.submit([{ entry: i < accumulate - 1 ? (gradient as string) : entry, counter }]);
          for (const [name, { data }] of Object.entries(outputs)) found.set(`${player} ${step} ${i} ${name}`, [...data]);
        }
      }
    }
    for (const [name, { data }] of await executor.read()) {
      const whole = name.replace(/\.part\d+$/, '');
      found.set(whole, [...(found.get(whole) ?? []), ...data]);
    }
  } finally {
    executor.close();
  }
  return found;
}

const MOST = 2048;

test.each([
  ['moments and averages', 'adam(lr: 1e-2, clip: 0.01, weight_decay: 0.1)', ''],
  ['sums over batches', 'sgd(lr: 1e-2, momentum: 0.9)', 'accumulate 2'],
  ['noise along the whole vector', 'noisy()', ''],
])('bit for bit as in one piece: %s', async (_, optimizer, rest) => {
  const whole = compiled(spec(optimizer, rest));
  const parts = cut(whole, MOST);
  const groups = new Set(parts.variables.flatMap((v) => (v.group === undefined ? [] : [v.group])));
  expect(groups.size).toBeGreaterThan(6);
  for (const group of groups) {
    const members = parts.variables.filter((v) => v.group === group && v.kind !== 'flat');
    const [flat] = parts.variables.filter((v) => v.group === group && v.kind === 'flat');
    expect(members.length === 1 || size(flat.shape) * 4 <= MOST).toBe(true);
  }
  expect(await trained(parts)).toEqual(await trained(whole));
});

test('the length of the whole gradient is what clip_norm holds', async () => {
  const text = spec('adamw(lr: 1e-2, clip_norm: 1e-3, eps: 1e-3)');
  const [whole, parts] = [await trained(compiled(text)), await trained(cut(compiled(text), MOST))];
  expect([...parts.keys()]).toEqual([...whole.keys()]);
  for (const [name, values] of whole) parts.get(name)!.forEach((value, i) => void expect(value, `${name}[${i}]`).toBeCloseTo(values[i], 6));
  // Each part's length by itself would be held too loosely to go unseen.
  const loose = await trained(compiled(spec('adamw(lr: 1e-2, clip_norm: 2e-3, eps: 1e-3)')));
  expect(Math.abs(loose.get('G.linear.weight')![0] - whole.get('G.linear.weight')![0])).toBeGreaterThan(1e-5);
});

test('runs in parts are gone on with, and weights given by name', async () => {
  const program = lower(cut(compiled(spec('adam(lr: 1e-2)')), MOST));
  const values = async (folder: string) => (await latestCheckpoint(join(folder, 'checkpoints'), () => undefined))!.values;
  const run = async (name: string, steps: number, init?: string[]) => {
    const { folder } = await train({ program, open: onGpu(), out: join(root, name), steps, init, sampleEvery: 0 });
    return folder;
  };
  const straight = await run('straight', 4);
  const broken = await run('broken', 2);
  await train({ resume: broken, open: onGpu(), steps: 4, sampleEvery: 0 });
  expect(await values(broken)).toEqual(await values(straight));
  // Of a run in one piece, whose weights have the same names.
  const { folder } = await train({ program: lower(compiled(spec('adam(lr: 1e-2)'))), open: onGpu(), out: join(root, 'whole'), steps: 4, sampleEvery: 0 });
  const given = await values(await run('given', 0, [folder]));
  const from = await values(folder);
  for (const [name, { data }] of from) if (!name.includes('.optimizer.')) expect(given.get(name)!.data, name).toEqual(data);
});

test('the interpreter, which says what a GPU is to do, runs parts too', () => {
  const text = spec('adam(lr: 1e-2)', 'accumulate 2');
  const [whole, parts] = [compiled(text), cut(compiled(text), MOST)].map((module) => {
    const simulation = new Simulation(module, 5n);
    const outputs = [...simulation.call('gradient.G', 0), ...simulation.call('update.G', 1), ...simulation.call('stats.G', 2)];
    return { outputs, variables: simulation.variables };
  });
  expect(parts.outputs).toEqual(whole.outputs);
  expect(parts.outputs.map(([name]) => name)).toContain('grad.G.linear.weight');
  for (const [name, { data }] of parts.variables) if (!/\.part\d|optimizer|^flat/.test(name)) expect(data, name).toEqual(whole.variables.get(name)!.data);
});

test('what fits stays as it is', () => {
  const module = compiled(spec('adam()'));
  expect(partition(module, 1 << 20)).toBe(module);
});
