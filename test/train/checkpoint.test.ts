import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TensorData } from '../../runtime/execute/tensor.js';
import { latestCheckpoint, readCheckpoint, saveCheckpoint } from '../../runtime/train/checkpoint.js';
import { readRecord } from '../../runtime/train/folder.js';
import { cutMetrics, MetricsLog, readMetrics } from '../../runtime/train/metrics.js';
import { SafetensorsError, writeSafetensors } from '../../runtime/train/safetensors.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ganc-checkpoint-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const values = new Map<string, TensorData>([
  ['G.w', { dtype: 'f32', shape: [2], data: Float32Array.of(1, -0) }],
  ['D.seen', { dtype: 'i32', shape: [], data: Int32Array.of(-3) }],
]);
const info = { hash: 'h', seed: 2n ** 63n + 1n, step: 7, counters: { D: 14, G: 7 }, choice: { gemm: 'subgroups' } };

test('all of it comes back', async () => {
  const path = await saveCheckpoint(folder, info, values, 3);
  expect(await readCheckpoint(path)).toEqual({ ...info, path, values });
  expect((await latestCheckpoint(folder, () => undefined))?.step).toBe(7);
});

test('a property: damage anywhere is found', async () => {
  const whole = await readFile(await saveCheckpoint(folder, info, values, 3));
  const path = join(folder, 'damaged');
  await fc.assert(
    fc.asyncProperty(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
      const copy = Buffer.from(whole);
      copy[at] ^= change;
      await writeFile(path, copy);
      const read = await readCheckpoint(path).catch((error: unknown) => error);
      // A blank of the header's padding may become another blank; nothing else may pass.
      if (!(read instanceof SafetensorsError)) expect(read).toEqual({ ...info, path, values });
    }),
    { numRuns: 300 },
  );
});

test('a file of tensors is not a checkpoint', async () => {
  await writeSafetensors(join(folder, 'w'), values);
  await expect(readCheckpoint(join(folder, 'w'))).rejects.toThrow('it is not a checkpoint of ganc');
});

test('a resumed run drops the checkpoints of steps that it has not done yet', async () => {
  const own = await mkdtemp(join(folder, 'own-'));
  for (const step of [10, 20, 30, 15]) await saveCheckpoint(own, { ...info, step }, values, 3);
  const steps = [];
  for (const step of [10, 15, 20, 30]) if (await readFile(join(own, `step-000000${step}.safetensors`)).catch(() => undefined)) steps.push(step);
  expect(steps).toEqual([10, 15]);
});

test('metrics: what is beyond a step is cut, half a line too, and NaN is said', async () => {
  const path = join(folder, 'metrics.jsonl');
  const log = new MetricsLog(path);
  for (let step = 1; step <= 200; step++) log.add({ step, seconds: step / 3, losses: { D: step === 150 ? Number.NaN : 0.1 } });
  await log.flush();
  await writeFile(path, '{"step":201,"los', { flag: 'a' });
  expect(await readMetrics(path)).toHaveLength(200);
  expect((await readMetrics(path))[149].losses.D).toBe('NaN');
  await cutMetrics(path, 120);
  expect((await readFile(path, 'utf8')).trimEnd().split('\n')).toHaveLength(120);
  await cutMetrics(join(folder, 'none'), 5);
});

test('a damaged run.json says what is wrong', async () => {
  const run = await mkdtemp(join(folder, 'run-'));
  const reason = async (text: string) => {
    await writeFile(join(run, 'run.json'), text);
    return String(await readRecord(run).catch((error: unknown) => error));
  };
  expect(await reason('{')).toContain('run.json is not JSON');
  expect(await reason('null')).toContain('run.json is not of the format ganc-run/1');
  expect(await reason('{"format":"ganc-run/1","name":3}')).toContain("run.json has no proper 'name'");
  expect(await reason('{"format":"ganc-run/1","name":"a","hash":"b","seed":"x","steps":1,"started":"","base":"/"}')).toContain("run.json has no proper 'seed'");
});
