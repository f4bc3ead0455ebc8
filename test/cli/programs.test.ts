/** Compiled specs are kept, and never used for anything but what they were compiled from. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { compiledSpec } from '../../cli/programs.js';
import { compileSpec } from '../../compiler/compile.js';

vi.mock(import('../../compiler/compile.js'), async (original) => {
  const real = await original();
  return { ...real, compileSpec: vi.fn(real.compileSpec) };
});

// The module looks beside the compiled file.
vi.mock('../../cli/version.js', () => ({ version: '0' }));

const folder = mkdtempSync(join(tmpdir(), 'ganc-programs-'));
const cache = process.env.XDG_CACHE_HOME;
const kept = join(folder, 'cache', 'ganc', 'programs');

beforeAll(() => {
  process.env.XDG_CACHE_HOME = join(folder, 'cache');
});
afterAll(() => {
  if (cache === undefined) delete process.env.XDG_CACHE_HOME;
  else process.env.XDG_CACHE_HOME = cache;
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  vi.mocked(compileSpec).mockClear();
  rmSync(kept, { recursive: true, force: true });
});

const spec = (units: number): string => `
data d = tensors(path: "p") { x: vector[3] }
noise z: normal[2]
hyper units = ${units}
net G(z) { z |> linear(units) |> relu |> linear(3) }
net D(x) { x |> linear(1) }
game {
  D minimizes E[D(G(z))] - E[D(x)]
  G minimizes -E[D(G(z))]
}
train { batch 4  steps 9
  D with sgd(lr: 0.1)
  G with sgd(lr: 0.1)
}
`;
const compiled = (text: string, options = {}, how = {}) => compiledSpec({ name: join(folder, 'gan.gan'), text }, options, how);
const compilations = (): number => vi.mocked(compileSpec).mock.calls.length;

test('the second time nothing is compiled, and the program is the same', async () => {
  const first = await compiled(spec(5));
  const second = await compiled(spec(5));
  expect(compilations()).toBe(1);
  expect(second).toEqual(JSON.parse(JSON.stringify(first)));
  expect(second.text).toBe(spec(5));
});

test('another text, setting, or way of compiling is another program', async () => {
  await compiled(spec(5));
  const wider = await compiled(spec(6));
  expect(wider.program.variables.find((v) => v.name === 'G.linear.weight')?.shape).toEqual([6, 2]);
  const set = await compiled(spec(5), { set: { units: '7' } });
  expect(set.program.variables.find((v) => v.name === 'G.linear.weight')?.shape).toEqual([7, 2]);
  const traced = await compiled(spec(5), {}, { trace: true });
  expect(traced.program.entries.some((entry) => entry.outputs.some((output) => output.name.startsWith('grad.')))).toBe(true);
  const fed = await compiled(spec(5), {}, { fed: new Set(['D.z']) });
  expect(fed.program.entries.some((entry) => entry.inputs.some((input) => input.name === 'D.z'))).toBe(true);
  expect(compilations()).toBe(5);
});

test('a changed parent is compiled anew', async () => {
  const parent = join(folder, 'parent.gan');
  const width = async (): Promise<number | undefined> =>
    (await compiled('extends "parent.gan"\n')).program.variables.find((v) => v.name === 'G.linear.weight')?.shape[0];
  writeFileSync(parent, spec(5));
  expect(await width()).toBe(5);
  expect(await width()).toBe(5);
  expect(compilations()).toBe(1);
  writeFileSync(parent, spec(8));
  expect(await width()).toBe(8);
  expect(compilations()).toBe(2);
  rmSync(parent);
  await expect(width()).rejects.toThrow();
});

test('what is damaged is compiled again, and mended', async () => {
  await compiled(spec(5));
  const [name] = readdirSync(kept);
  for (const bytes of ['', 'no program', '{}']) {
    writeFileSync(join(kept, name), bytes);
    expect((await compiled(spec(5))).program.name).toBe('gan');
  }
  expect(compilations()).toBe(4);
  await compiled(spec(5));
  expect(compilations()).toBe(4);
});

test('of many programs the newest stay', async () => {
  await compiled(spec(5));
  const [name] = readdirSync(kept);
  for (let i = 0; i < 70; i++) writeFileSync(join(kept, `${String(i).padStart(32, '0')}.kept`), '');
  await compiled(spec(6));
  expect(readdirSync(kept)).toHaveLength(64);
  expect(name).toMatch(/^[0-9a-f]{32}\.kept$/);
});
