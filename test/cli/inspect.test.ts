import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ganc } from './support.js';

test('inspect --json names every weight with its shape', async () => {
  const result = await ganc(['inspect', 'specs/mnist-mlp.gan', '--json']);
  expect(result.code).toBe(0);
  const facts = JSON.parse(result.stdout);
  expect(facts.weights).toContainEqual(expect.objectContaining({ name: 'G.fc1.weight', shape: [256, 100] }));
  expect(facts.weights).toContainEqual(expect.objectContaining({ name: 'D.fc2.bias', shape: [1] }));
  expect(facts.nets).toEqual([
    { name: 'G', parameters: 1_486_352 },
    { name: 'D', parameters: 804_865 },
  ]);
  // 25 * 24 + 24, 2 * 24, 25 * 24 * 48 + 48, 2 * 48, 768 * 10 + 10: a judge is no net of the game.
  expect(facts.judges).toEqual([{ name: 'J', parameters: 37_306 }]);
  expect(facts.step.dispatches).toBeGreaterThan(10);
  expect(facts.memory.variables).toBeGreaterThan(4 * 3 * 2_290_000);
  // G 1,486,352 and D 804,865 numbers; the largest of them by name and line.
  expect(facts.memory.weights).toBe(4 * (1_486_352 + 804_865));
  const line =
    readFileSync('specs/mnist-mlp.gan', 'utf8')
      .split('\n')
      .findIndex((text) => text.includes('linear(784)')) + 1;
  expect(facts.memory.largest).toContainEqual(expect.objectContaining({ name: 'G.fc4.weight', bytes: 4 * 1024 * 784, line: `specs/mnist-mlp.gan:${line}` }));
});

test('inspect shows a table', async () => {
  const { code, stdout } = await ganc(['inspect', 'specs/dcgan.gan']);
  expect(code).toBe(0);
  expect(stdout).toMatch(/Layers/);
  expect(stdout).toMatch(/and judge J, which learns apart: 37,306\n/);
  expect(stdout).toMatch(/a training step: [\d,]+ dispatches/);
  expect(stdout).toMatch(/Memory of a training\n {2}weights +[\d.]+ MiB\n/);
  expect(stdout).toMatch(/G\.linear\.weight +\[3136, 100\] +1\.2 MiB +specs\/dcgan\.gan:\d+\n/);
});

test('doctor --json names the device, its kind and its speed', async () => {
  const result = await ganc(['doctor', '--json']);
  expect(result.code).toBe(0);
  const facts = JSON.parse(result.stdout);
  expect(['gpu', 'lavapipe', 'swiftshader', 'other software']).toContain(facts.device.kind);
  expect(facts.speed.gemm.gflops).toBeGreaterThan(0);
});

test('a device that is not there: exit 3, and how to get one', async () => {
  const result = await ganc(['doctor'], { env: { GANC_DEVICE: 'quantum' } });
  expect(result.code).toBe(3);
  expect(result.stderr).toContain('GANC_DEVICE');
});
