/** `ganc diff A B`: specs and runs beside each other. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { ganc, temporaryFolder } from './support.js';

const cwd = temporaryFolder();
const spec = `// small
hyper width = 8
data points = ring(count: 200) { x: vector[2] }
noise z: normal[2]
net G(z) -> vector[2] { z |> linear(width) |> relu |> linear(2) }
net D(x) { x |> linear(width) |> relu |> linear(1) }
game {
  D minimizes logistic(D(x), D(G(z)))
  G minimizes logistic_generator(D(G(z)))
}
train {
  batch 4   steps 3
  D with adam(lr: 1e-3)
  G with adam(lr: 1e-3)
}
sample point = G(z)
variant wide { width = 16 }
`;

beforeAll(() => {
  writeFileSync(join(cwd, 'a.gan'), spec);
  writeFileSync(join(cwd, 'b.gan'), spec.replace('linear(width) |> relu |> linear(1)', 'linear(width) |> tanh |> linear(4) |> linear(1)'));
  writeFileSync(join(cwd, 'laid-out.gan'), spec.replace('train {', 'train {\n\n').replaceAll('  G with', '      G   with'));
  writeFileSync(join(cwd, 'child.gan'), 'extends "a.gan"\nhyper width = 4\n');
  writeFileSync(join(cwd, 'wrong.gan'), spec.replace('linear(2)', 'linear(3)'));
});
const json = async (...args: string[]) => JSON.parse((await ganc(['diff', ...args, '--json'], { cwd })).stdout);

test('two specs: their lines, weights, what a step costs', async () => {
  const { code, stdout } = await ganc(['diff', 'a.gan', 'b.gan'], { cwd });
  expect(code).toBe(0);
  const lines = stdout.split('\n');
  expect(lines.filter((line) => /^[-+]/.test(line))).toEqual([
    '--- a.gan',
    '+++ b.gan',
    '-net D(x) { x |> linear(width) |> relu |> linear(1) }',
    '+net D(x) { x |> linear(width) |> tanh |> linear(4) |> linear(1) }',
  ]);
  // 2 * 8 + 8 + 8 + 1, and 2 * 8 + 8 + 8 * 4 + 4 + 4 + 1.
  expect(stdout).toMatch(/^ +D +33 +65 +\+97\.0 %$/m);
  expect(stdout).toMatch(/^ +G +42 +42$/m);
  const [inspected, facts] = [JSON.parse((await ganc(['inspect', 'b.gan', '--json'], { cwd })).stdout), await json('a.gan', 'b.gan')];
  expect(facts).toMatchObject({ same: false, settings: { width: { a: 8, b: 8 } }, 'a step': { FLOPs: { b: inspected.step.flops } } });
  expect(facts.text).toContain('+++ b.gan');
  expect(stdout).not.toContain('Settings');
});

test('layout is no difference; settings are, and variants; a child stands for all that it is', async () => {
  expect((await ganc(['diff', 'a.gan', 'laid-out.gan'], { cwd })).stdout).toContain('the texts are the same\n');
  expect((await ganc(['diff', 'a.gan', 'a.gan'], { cwd })).stdout).toBe('the specs and their settings are the same\nthe texts are the same\n');
  const wide = await ganc(['diff', 'a.gan', 'a.gan', '--variants', ',wide'], { cwd });
  expect(wide.stdout).toMatch(/^Settings\n +a\.gan +a\.gan \(wide\)\n +width +8 +16 +\+100\.0 %$/m);
  expect(wide.stdout).toMatch(/^\+hyper width = 16/m);
  const child = await json('a.gan', 'child.gan');
  expect(child).toMatchObject({ settings: { width: { a: 8, b: 4 } }, parameters: { D: { a: 33, b: 17 } } });
  expect(child.text).not.toContain('extends');
});

test('runs: how far, with what, and what came out; also beside a spec', async () => {
  for (const [seed, set] of [
    ['1', 'width=8'],
    ['2', 'width=16'],
  ])
    expect((await ganc(['train', 'a.gan', '--seed', seed, '--set', set, '--out', `run-${seed}`, '-q'], { cwd })).code).toBe(0);
  const { code, stdout } = await ganc(['diff', 'run-1', 'run-2'], { cwd });
  expect(code).toBe(0);
  expect(stdout).toMatch(/^-\/\/ --set width=8\n\+\/\/ --set width=16$/m);
  expect(stdout).toMatch(/^ +seed +1 +2$/m);
  expect(stdout).toMatch(/^ +steps +3 of 3 +3 of 3$/m);
  const [runs, both] = [JSON.parse((await ganc(['runs', 'run-2', '--json'], { cwd })).stdout), await json('run-1', 'run-2')];
  expect(both.losses.D.b).toBe(runs[0].losses.D);
  expect(both.losses.D.a).not.toBe(both.losses.D.b);
  expect(both.metrics.modes.b).toBe(runs[0].metrics.modes);
  const beside = await json('run-1', 'a.gan');
  expect(beside).toMatchObject({ settings: { width: { a: 8, b: 8 } }, losses: { D: { a: expect.any(Number) } }, run: { status: { a: 'finished' } } });
  expect(beside.losses.D.b).toBeUndefined();
}, 60_000);

test('what cannot be held beside another: its mistakes, exit 1', async () => {
  const wrong = await ganc(['diff', 'a.gan', 'wrong.gan'], { cwd });
  expect(wrong.stderr).toContain('wrong.gan:5');
  expect(wrong.code).toBe(1);
  const missing = await ganc(['diff', 'a.gan', 'c.gan'], { cwd });
  expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining('there is no file c.gan') });
});
