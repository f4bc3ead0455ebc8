/** `ganc profile` from the command line; what it measures: test/train/profile.test.ts. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ringSpec } from './ring.js';
import { ganc, temporaryFolder } from './support.js';

const cwd = temporaryFolder();
const text = ringSpec({ ring: '', width: '8', hinge: true, steps: 100 });
writeFileSync(join(cwd, 'small.gan'), text);

test('tables by kernel, line and entry, the step, the memory, and the share at half of a ceiling', async () => {
  const { code, stdout, stderr } = await ganc(['profile', 'small.gan', '--steps', '2', '--set', 'width=5'], { cwd });
  expect(code).toBe(0);
  expect(stderr).toMatch(/^device {6}/m);
  expect(stdout).toMatch(/^Kernels\n {2}kernel +calls +ms +share +GFLOP\/s +GB\/s +bound by +reached\n/);
  expect(stdout).toMatch(/\n {2}the device: [\d.,]+ GFLOP\/s \(matrix product\), [\d.,]+ GB\/s \(copy\); memory binds below [\d.]+ FLOP a byte\n/);
  expect(stdout).toMatch(/\nLayers and lines\n {2}layer +line +ms +share +forward +backward +optimizer\n/);
  expect(stdout).toMatch(/\n {2}D\.linear +small\.gan:5 +[\d.]+ +[\d.]+ % +[\d.]+ +[\d.]+\n/);
  expect(stdout).toMatch(/\nEntries\n[^\n]+\n {2}update\.[DG] +1 +\d+ /);
  expect(stdout).toMatch(/\nStep\n {2}wall +[\d.]+ ms {2}median of 2 plain steps, batch 16\n/);
  expect(stdout).toMatch(/\n {2}profiled +[\d.]+ ms {2}a step with every dispatch timed: [\d.]+ times a plain one\n/);
  expect(stdout).toMatch(/\nMemory\n {2}device +\S+ \S+: variables /);
  expect(stdout).toMatch(/\n[\d.]+ % of the kernels' time is in dispatches that reach half of the ceiling that binds them\n/);
});

test('--json and --trace-out; one step; without the data, on made-up rows; on SwiftShader', async () => {
  writeFileSync(join(cwd, 'elsewhere.gan'), text.replace('ring()', 'tensors(path: "none.safetensors")'));
  const { code, stdout, stderr } = await ganc(['profile', 'elsewhere.gan', '--steps', '1', '--json', '--quiet', '--trace-out', 'trace.json'], {
    cwd,
    env: { GANC_DEVICE: 'swiftshader' },
  });
  expect(code).toBe(0);
  expect(stderr).toMatch(/^warning: .*none\.safetensors.*: the steps run on rows that are made up\n$/);
  const profile = JSON.parse(stdout);
  expect(profile).toMatchObject({
    name: 'elsewhere',
    steps: 1,
    batch: 16,
    data: expect.stringContaining('made up'),
    device: expect.stringContaining('SwiftShader'),
  });
  expect(Object.keys(profile.ceilings)).toEqual(['gflops', 'gigabytesPerSecond', 'dispatchMicroseconds']);
  expect(Object.keys(profile.step)).toEqual(expect.arrayContaining(['wall', 'gpu', 'idle', 'host', 'hostBy', 'cpu', 'profiled']));
  expect(profile.step.wall).toBeGreaterThan(0);
  expect(profile.memory).toMatchObject({ variables: expect.any(Number), scratch: expect.any(Number), field: 4 * 16 * 8, residentAtStart: expect.any(Number) });
  expect(profile.atHalf + profile.tiny).toBeLessThanOrEqual(2);
  expect(profile.dispatches[0]).toMatchObject({ entry: 'update.D', kernel: expect.any(String), bound: expect.stringMatching(/^(compute|memory)$/) });
  const { traceEvents } = JSON.parse(readFileSync(join(cwd, 'trace.json'), 'utf8'));
  expect(traceEvents.filter((e: { cat?: string }) => e.cat === 'dispatch')).toHaveLength(profile.dispatches.length);
  expect(traceEvents[0]).toMatchObject({ ph: 'M', name: 'process_name' });
});

test('what cannot be profiled is refused before any work', async () => {
  writeFileSync(join(cwd, 'net.gan'), 'net G(z: [3]) { z |> linear(2) }\n');
  for (const [args, code, words] of [
    [['small.gan', '--steps', '0'], 2, '--steps is a whole number from 1 up'],
    [['none.gan'], 1, 'there is no file none.gan'],
    [['net.gan'], 1, 'its spec has no train block'],
    [['small.gan', '--set', 'widht=3'], 1, 'width'],
    [['small.gan', '--variant', 'large'], 1, 'large'],
    [['small.gan', '--trace-out', 'nowhere/trace.json'], 2, 'there is no folder nowhere'],
    [['small.gan', '--trace-out', '.'], 2, 'it is a folder'],
  ] as [string[], number, string][]) {
    const result = await ganc(['profile', ...args], { cwd });
    expect(result.stderr, args.join(' ')).toContain(words);
    expect(result.code, args.join(' ')).toBe(code);
    expect(result.stderr).not.toMatch(/fault of ganc|\n\s+at /);
  }
  expect(existsSync(join(cwd, 'nowhere'))).toBe(false);
});
