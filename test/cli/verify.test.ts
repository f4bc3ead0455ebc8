/** `ganc verify` from the command line; what it compares, and that it finds faults: test/train/verify.test.ts. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ringSpec } from './ring.js';
import { ganc, temporaryFolder } from './support.js';

const cwd = temporaryFolder();
const text = ringSpec({ ring: '', width: '8', hinge: true, steps: 100 });
writeFileSync(join(cwd, 'small.gan'), text);

test('a table of tensors by call, with totals; the same as JSON', async () => {
  const shown = await ganc(['verify', 'small.gan', '--batch', '3', '--set', 'width=5'], { cwd });
  expect(shown.code).toBe(0);
  expect(shown.stderr).toMatch(/^device {6}/m);
  expect(shown.stdout).toMatch(/^ {2}tensor +shape +max \|error\| +rel\. L2 +gate\n/);
  expect(shown.stdout).toMatch(/\nupdate\.D 0\n {2}loss +\[\] .* ok\n/);
  expect(shown.stdout).toMatch(/\n {2}grad\.D\.linear\.weight +\[5, 2\] .* L2 1e-4 +ok\n/);
  expect(shown.stdout).toMatch(/\nsample\.point 0\n {2}point +\[3, 2\] .* ok\n/);
  expect(shown.stdout).toMatch(/\n(\d+) tensors in 4 calls: \1 ok, 0 failed\n$/);

  const json = await ganc(['verify', 'small.gan', '--batch', '3', '--steps', '2', '--json', '--quiet'], { cwd });
  expect([json.code, json.stderr]).toEqual([0, '']);
  const { compared, failed } = JSON.parse(json.stdout);
  expect(failed).toBe(0);
  expect(compared[0]).toMatchObject({ call: 'init', tensor: 'D.linear.weight', shape: [8, 2], gate: '1e-5 + 1e-4 |x|', ok: true });
  expect(new Set(compared.map((c: { call: string }) => c.call))).toContain('update.G 1');
});

test('what cannot be verified is said as elsewhere', async () => {
  expect(await ganc(['verify', 'none.gan'], { cwd })).toMatchObject({ code: 1 });
  expect((await ganc(['verify', 'small.gan', '--batch', '0'], { cwd })).code).toBe(2);
  writeFileSync(join(cwd, 'net.gan'), 'net G(z: [3]) { z |> linear(2) }\n');
  const untrained = await ganc(['verify', 'net.gan'], { cwd });
  expect(untrained.code).toBe(1);
  expect(untrained.stderr).toContain('its spec has no train block');
});
