/** A job in a process of its own: what it is given is data, and what it may take is bounded. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { compileSpec } from '../../compiler/compile.js';
import { lower } from '../../compiler/plan/lower.js';
import type { Job, Outcome } from '../../runtime/compare/job.js';
import { doInProcess, type JobLimits } from '../../runtime/jobs/process.js';
import { writeSafetensors } from '../../runtime/train/safetensors.js';
import { ringSpec } from '../cli/ring.js';
import { ganc, root, temporaryFolder } from '../cli/support.js';

const cwd = temporaryFolder();
const main = join(root, 'dist/cli/main.js');
/** It builds where sources are newer. */
beforeAll(() => ganc(['--version']));

const RING = ringSpec({ ring: 'modes: 4, std: 0.05, count: 100', width: '8', batch: 8, steps: 4 });

function hashOf(text: string): string {
  const { module } = compileSpec({ name: 'small.gan', text }, { noisesGiven: true });
  return module === undefined ? 'ab'.repeat(32) : lower(module).hash;
}

let folders = 0;
async function done(text: string, limits: JobLimits = {}, { hash, signal }: { hash?: string; signal?: AbortSignal } = {}): Promise<Outcome> {
  const folder = join(cwd, `job-${++folders}`);
  mkdirSync(folder);
  const run = { entry: 'small', spec: 'small.gan', settings: {}, seed: '0', folder: 'run', text: 'specs/small.gan', flopsPerStep: 1, parameters: 1, memory: 1 };
  const job: Job = {
    run: { ...run, status: 'waiting', step: 0, steps: 4, seconds: 0, flops: 0, curve: [] },
    spec: { label: 'small', name: 'small', text, set: {}, hash: hash ?? hashOf(text), base: cwd },
    share: 1,
    budget: { kind: 'own' },
    judgeSeed: '0',
  };
  const env = { XDG_CACHE_HOME: join(cwd, 'cache') };
  return doInProcess(job, folder, { signal }, { main, limits, env });
}

test('a text that is another program here, that is wrong, or wants other files, is not trained', async () => {
  expect(await done(RING, {}, { hash: '0'.repeat(64) })).toMatchObject({
    status: 'failed',
    message: expect.stringContaining('compiles to another program here'),
  });
  expect((await done(RING.replace('linear(2) }', 'linear(3) }'))).message).toMatch(/^its text does not compile: small\.gan:\d+:\d+: error GAN/);
  writeFileSync(join(cwd, 'parent.gan'), RING);
  expect((await done('extends "parent.gan"\n')).message).toContain('this text comes from no file');
});

test('data are read only where a worker allows it, also behind a link', async () => {
  for (const name of ['open', 'closed']) {
    mkdirSync(join(cwd, name));
    await writeSafetensors(join(cwd, name, 'x.safetensors'), new Map([['x', { dtype: 'f32', shape: [20, 2], data: new Float32Array(40) }]]));
  }
  symlinkSync(join(cwd, 'closed'), join(cwd, 'open/link'));
  const from = (path: string): string => RING.replace(/ring\(.*?\)/, `tensors(path: "${path}")`);
  const limits = { folders: [join(cwd, 'open')] };
  expect((await done(from('open/none.safetensors'), limits)).message).toContain('this worker has no such file or folder: mount the folder at the same place');
  for (const path of ['closed/x.safetensors', 'open/../closed/x.safetensors', join(cwd, 'closed/x.safetensors'), 'open/link/x.safetensors'])
    expect((await done(from(path), limits)).message).toContain('this worker may not read that');
  expect((await done(from('open/x.safetensors'), { folders: [] })).message).toContain(`ganc worker --data ${join(cwd, 'open')}`);
  expect(await done(from('open/x.safetensors'), limits)).toMatchObject({ status: 'finished', step: 4 });
});

test('memory, of the heap and of the device, and time are bounded; the process that passes the bound is ended, not this one', async () => {
  const large = RING.replace('{ z |>', '{\n  for i in range(3000) { z = z |> linear(8) |> relu }\n  z |>');
  const hash = '0'.repeat(64);
  expect((await done(large, { heap: 64 }, { hash })).message).toBe('its process ran out of memory: 64 MiB of heap are allowed');
  expect((await done(large, { compileSeconds: 1 }, { hash })).message).toBe('compiling the spec took longer than the 1 seconds that are allowed');
  expect((await done(RING, { device: 1000 })).message).toMatch(/^the training needs [\d.]+ KiB on the device: 1000 B are allowed here$/);
  expect((await done(RING.replace('steps 4', 'steps 4000000'), { seconds: 0.5 })).message).toBe(
    'the training took longer than the 0.5 seconds that are allowed',
  );
});

test('a job that is stopped before it begins starts no process', async () => {
  expect(await done(RING, {}, { signal: AbortSignal.abort() })).toMatchObject({ status: 'stopped', step: 0 });
});
