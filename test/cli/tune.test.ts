/** `ganc tune` from the command line, and what later commands make of what it kept. The logic: test/tune/tune.test.ts. */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ringSpec } from './ring.js';
import { ganc, temporaryFolder } from './support.js';

const cwd = temporaryFolder();
const cache = join(cwd, 'cache');
// Mesa keeps what it compiled in the same place unless told: it need not compile all of it again.
const mesa = process.env.MESA_SHADER_CACHE_DIR ?? process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache');
const env = { XDG_CACHE_HOME: cache, MESA_SHADER_CACHE_DIR: mesa, GANC_TUNE: '' };
// Widths of 48 and 40, which no other test trains.
writeFileSync(join(cwd, 'small.gan'), ringSpec({ width: '48', hinge: true, steps: 6 }).replace('x |> linear(width)', 'x |> linear(40)'));

const files = (): string[] => readdirSync(join(cache, 'ganc', 'tuning'));
const path = (): string => join(cache, 'ganc', 'tuning', files()[0]);
const choice = (run: string): Record<string, string> => JSON.parse(readFileSync(join(cwd, run, 'run.json'), 'utf8')).choice;
const losses = (run: string): object[] =>
  readFileSync(join(cwd, run, 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .flatMap((line) => JSON.parse(line).losses ?? []);
const train = (...args: string[]) => ganc(['train', 'small.gan', '--checkpoint-every', '1000', ...args], { cwd, env });

/** The figures that were kept, with the first candidate of each shape made the fastest by far. */
function preferFirst(): void {
  const stored = JSON.parse(readFileSync(path(), 'utf8'));
  for (const times of Object.values<Record<string, number>>(stored.shapes)) {
    for (const [i, name] of Object.keys(times).entries()) times[name] = i === 0 ? 0.001 : 1;
  }
  writeFileSync(path(), JSON.stringify(stored));
}

test('measured, kept, taken by a run, and kept by the run when the cache is gone or damaged', async () => {
  const tuned = await ganc(['tune', 'small.gan'], { cwd, env });
  expect(tuned.stderr).toMatch(/^device {6}.*\nkept in .*\.json\n$/m);
  expect(tuned.code).toBe(0);
  expect(tuned.stdout).toMatch(/^ {2}kernel +in a step +ms by candidate +table +chosen +gain\n/);
  expect(tuned.stdout).toMatch(/\n {2}matmul_\w+ +[\d.]+ +portable [\d.e-]+, subgroup\d [\d.e-]+ +subgroup\d +(portable|subgroup\d)/);
  expect(tuned.stdout).toMatch(/\n\d+ kernels have several candidates here; of \d+ another than the table's is chosen\n/);
  expect(tuned.stdout).toMatch(/\ntheir part of a step: [\d.]+ ms by the table, [\d.]+ ms as chosen\n$/);
  expect(files()).toHaveLength(1);

  preferFirst();
  expect((await train('--out', 'kept')).code).toBe(0);
  const plain = (run: string) => Object.entries(choice(run)).filter(([kernel, name]) => kernel.startsWith('matmul') && name === 'portable').length;
  expect(plain('kept')).toBe(Object.keys(choice('kept')).filter((kernel) => kernel.startsWith('matmul')).length);
  expect((await train('--out', 'table', '--steps', '1', '--kernels', 'table')).code).toBe(0);
  expect(plain('table')).toBe(0);
  expect((await train('--out', 'portable', '--steps', '1', '--kernels', 'portable')).code).toBe(0);
  expect(plain('portable')).toBe(plain('kept'));
  expect((await ganc(['train', 'small.gan', '--out', 'off', '--steps', '1'], { cwd, env: { ...env, GANC_TUNE: 'off' } })).code).toBe(0);
  expect(choice('off')).toEqual(choice('table'));

  // 3 steps, no cache, 3 steps: the same bits.
  expect((await train('--out', 'halves', '--steps', '3')).code).toBe(0);
  writeFileSync(path(), '{"format": "ganc-tuning/1"');
  const resumed = await ganc(['train', '--resume', 'halves', '--steps', '6'], { cwd, env });
  expect(resumed.code).toBe(0);
  expect(resumed.stderr).toMatch(/warning: .*\.json is no JSON: kernels are chosen as if it were not there\n/);
  expect(choice('halves')).toEqual(choice('kept'));
  expect(losses('kept')).toHaveLength(6);
  expect(losses('halves')).toEqual(losses('kept'));
  const sampled = await ganc(['sample', 'halves', '--count', '4'], { cwd, env });
  expect(sampled.code).toBe(0);

  rmSync(cache, { recursive: true });
  expect((await train('--out', 'asked', '--steps', '1', '--tune', '30')).code).toBe(0);
  expect(Object.keys(JSON.parse(readFileSync(path(), 'utf8')).shapes).length).toBeGreaterThan(5);
});

test('--json; within a time; nothing kept where it is off', async () => {
  const { code, stdout, stderr } = await ganc(['tune', 'small.gan', '--seconds', '0.000001', '--json'], { cwd, env: { ...env, GANC_TUNE: 'off' } });
  expect(code).toBe(0);
  const found = JSON.parse(stdout);
  expect(found).toMatchObject({ name: 'small', kept: null, device: expect.any(String) });
  expect(found.kernels.length).toBeLessThanOrEqual(1);
  expect(found.left).toBeGreaterThan(5);
  expect(stderr).toMatch(/nothing is kept: GANC_TUNE=off\n$/);
});

test('a compiled program is measured as its spec would be: runs of the spec take what was found', async () => {
  expect((await ganc(['compile', 'small.gan', '-o', 'built'], { cwd, env })).code).toBe(0);
  const own = { ...env, XDG_CACHE_HOME: join(cwd, 'cache-of-folder') };
  const { code, stdout } = await ganc(['tune', 'built', '--json'], { cwd, env: own });
  expect(code).toBe(0);
  const found: { left: number; kernels: { kernel: string; chosen: string }[] } = JSON.parse(stdout);
  expect(found.left).toBe(0);
  expect(found.kernels.length).toBeGreaterThan(5);
  expect((await ganc(['train', 'small.gan', '--out', 'as-found', '--steps', '1'], { cwd, env: own })).code).toBe(0);
  expect(choice('as-found')).toMatchObject(Object.fromEntries(found.kernels.map(({ kernel, chosen }) => [kernel, chosen])));

  const refused = await ganc(['tune', 'built', '--variant', 'large'], { cwd, env: own });
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringMatching(/built is compiled already: --set and --variant cannot change it/) });
  mkdirSync(join(cwd, 'empty'));
  expect(await ganc(['tune', 'empty'], { cwd, env })).toMatchObject({ code: 1, stderr: expect.stringMatching(/empty is a folder, not a spec/) });
});

test('what cannot be asked for', async () => {
  const wrong = async (...args: string[]) => {
    const { code, stderr } = await ganc(args, { cwd, env });
    expect(code).toBe(2);
    return stderr;
  };
  expect(await wrong('train', 'small.gan', '--kernels', 'fast')).toMatch(/tuned, table, portable/);
  expect(await wrong('train', 'small.gan', '--tune', 'long')).toMatch(/Seconds are a number from 0 up/);
  expect(await wrong('train', 'small.gan', '--tune', '3', '--kernels', 'table')).toMatch(/--tune measures kernels/);
  expect(await wrong('train', '--resume', 'kept', '--kernels', 'table')).toMatch(/a run goes on with its own kernels/);
  expect(await wrong('tune', 'small.gan', '--seconds', '-1')).toMatch(/Seconds are a number/);
});
