import { cp, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TensorData } from '../../runtime/execute/tensor.js';
import { latestCheckpoint } from '../../runtime/train/checkpoint.js';
import { DivergedError, RunError } from '../../runtime/train/errors.js';
import { readRecord } from '../../runtime/train/folder.js';
import { readMetrics } from '../../runtime/train/metrics.js';
import { readSafetensors, writeSafetensors } from '../../runtime/train/safetensors.js';
import { sampleRun } from '../../runtime/train/sample.js';
import { type TrainOptions, train } from '../../runtime/train/train.js';
import { type FakeOptions, fakeOpener, fakeProgram, type Misbehaviour } from './fake.js';

let root = '';
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'ganc-train-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

let runs = 0;
async function start(options: Partial<TrainOptions> = {}, program: FakeOptions = {}, misbehaviour: Misbehaviour = {}) {
  const { open, log } = fakeOpener(misbehaviour);
  const warnings: string[] = [];
  const out = options.resume === undefined && options.out === undefined ? join(root, `run-${++runs}`) : options.out;
  const result = train({
    program: options.resume === undefined ? fakeProgram(program) : undefined,
    open,
    warn: (text) => warnings.push(text),
    ...options,
    out,
  });
  return { result, log, warnings, folder: (options.resume ?? out) as string };
}

async function finish(...args: Parameters<typeof start>) {
  const { result, ...rest } = await start(...args);
  return { ...rest, result: await result };
}

async function failure(
  ...args: Parameters<typeof start>
): Promise<{ error: unknown; text: string; log: ReturnType<typeof fakeOpener>['log']; folder: string }> {
  const { result, log, folder } = await start(...args);
  const error = await result.then(
    () => undefined,
    (e: unknown) => e,
  );
  expect(error).toBeDefined();
  return { error, text: String(error), log, folder };
}

async function weights(folder: string) {
  const checkpoint = await latestCheckpoint(join(folder, 'checkpoints'), () => undefined);
  return checkpoint!;
}

const json = async (path: string) => JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;

describe('a run', () => {
  test('calls each update with its counter, step and rows, in one submit a step', async () => {
    const { log, result, folder } = await finish({ steps: 3 }, { times: 2 });
    expect(log.submits).toEqual([1, 3, 3, 3, 1, 1, 1, 1, 1, 1]);
    expect(log.calls.map((c) => [c.entry, c.counter, c.step])).toEqual([
      ['init', 0, undefined],
      ['update.D', 0, 0],
      ['update.D', 1, 0],
      ['update.G', 0, 0],
      ['update.D', 2, 1],
      ['update.D', 3, 1],
      ['update.G', 1, 1],
      ['update.D', 4, 2],
      ['update.D', 5, 2],
      ['update.G', 2, 2],
      ['sample.point', 0, undefined],
      ['sample.point', 1, undefined],
      ['sample.point', 2, undefined],
      ['sample.point', 3, undefined],
      // Once more, and with other noise: does it matter?
      ['sample.point', 0, undefined],
      ['sample.point', 65536, undefined],
    ]);
    const rows = log.calls.filter((c) => c.entry === 'update.D').flatMap((c) => [...c.rows!]);
    // 18 rows are for training: the first 18 of D's stream are a permutation of them.
    expect(new Set(rows.slice(0, 18)).size).toBe(18);
    expect(Math.max(...rows)).toBe(17);
    expect(log.calls[3].rows).not.toEqual(log.calls[1].rows);
    expect(log.fields).toEqual([{ name: 'x', count: 20 }]);
    expect([result.status, result.step, log.closed]).toEqual(['finished', 3, 1]);
    expect(log.requests[0]).toEqual({ seed: 0n, choice: undefined, entries: ['init', 'update.D', 'update.G', 'sample.point'], fields: [160] });
    expect((await readdir(folder)).sort()).toEqual(['checkpoints', 'index.html', 'losses.svg', 'metrics.jsonl', 'program', 'run.json', 'samples']);
    expect(await readdir(join(folder, 'samples'))).toEqual(['point-00000003.png']);
    expect((await readMetrics(join(folder, 'metrics.jsonl'))).map((m) => [m.step, Object.keys(m.losses), m.parts, m.reports])).toEqual(
      [1, 2, 3].map((step) => [step, ['D', 'G'], { 'D.real': 1, 'G.real': 1 }, { spread: step - 1 }]),
    );
    const record = await json(join(folder, 'run.json'));
    expect(record).toMatchObject({
      format: 'ganc-run/1',
      name: 'tiny',
      seed: '0',
      steps: 3,
      step: 3,
      status: 'finished',
      device: 'a fake (memory)',
      choice: { fill: 'portable' },
      data: 'ring: 18 rows (2 held out), x: vector[2]',
    });
    expect(result.figures?.modes).toBe(8);
  });

  test('a shared batch: the shared part and all updates of a step see the same rows', async () => {
    const { log } = await finish({ steps: 2 }, { shared: true, sharedBatch: true, times: 2 });
    const calls = log.calls.filter((c) => c.rows !== undefined);
    expect(calls.map((c) => [c.entry, c.counter])).toEqual([
      ['shared', 0],
      ['update.D', 0],
      ['update.D', 1],
      ['update.G', 0],
      ['shared', 1],
      ['update.D', 2],
      ['update.D', 3],
      ['update.G', 1],
    ]);
    for (const call of calls) expect(call.rows).toEqual(calls[call.step! * 4].rows);
    expect(calls[0].rows).not.toEqual(calls[4].rows);
  });

  test('overfit: the same rows in every update', async () => {
    const { log, folder } = await finish({ steps: 5, overfit: true });
    const rows = new Set(log.calls.filter((c) => c.rows).map((c) => c.rows!.join()));
    expect(rows.size).toBe(1);
    expect(await json(join(folder, 'run.json'))).toMatchObject({ overfit: true });
  });

  test('several steps are under way, but not more than asked', async () => {
    expect((await finish({ steps: 20 })).log.most).toBe(3);
    expect((await finish({ steps: 20, inFlight: 1 })).log.most).toBe(1);
  });

  test('progress comes after every step, in order', async () => {
    const steps: number[] = [];
    await finish({ steps: 4, progress: (p) => steps.push(p.step) });
    expect(steps).toEqual([1, 2, 3, 4]);
  });

  test('the same seed gives the same weights, another seed others', async () => {
    const w = async (seed: bigint) => (await weights((await finish({ steps: 5, seed })).folder)).values;
    expect(await w(1n)).toEqual(await w(1n));
    expect(await w(1n)).not.toEqual(await w(2n));
  });

  test('folders are numbered', async () => {
    const where = join(root, 'numbered');
    const names = [];
    for (let i = 0; i < 2; i++) {
      const { open } = fakeOpener();
      names.push((await train({ program: fakeProgram(), open, runs: where, steps: 1 })).folder);
    }
    expect(names).toEqual([join(where, 'tiny-1'), join(where, 'tiny-2')]);
  });

  test('sets too large for the device are sent step by step, with the same result', async () => {
    const whole = await finish({ steps: 8 });
    const streamed = await finish({ steps: 8 }, {}, { fieldLimit: 10 });
    expect((await weights(streamed.folder)).values).toEqual((await weights(whole.folder)).values);
    expect(streamed.log.fields).toEqual(Array.from({ length: 8 }, () => ({ name: 'x', count: 8 })));
    expect(
      streamed.log.calls
        .filter((c) => c.rows)
        .slice(0, 2)
        .map((c) => [...c.rows!]),
    ).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
    ]);
  });

  test('a device that cannot run it leaves no folder behind', async () => {
    const out = join(root, 'nothing');
    const open = () => Promise.reject(new Error('no device'));
    await expect(train({ program: fakeProgram(), open, out })).rejects.toThrow('no device');
    await expect(readdir(out)).rejects.toThrow('ENOENT');
  });
});

describe('resuming', () => {
  test('100 steps are 37 steps and 63 more, bit for bit, also through a stop and with other checkpoints', async () => {
    const straight = await finish({ steps: 100, seed: 9n }, { times: 2 });
    const first = await finish({ steps: 37, seed: 9n }, { times: 2 });
    expect(await json(join(first.folder, 'run.json'))).toMatchObject({ step: 37, steps: 37, status: 'finished' });
    const second = await finish({ resume: first.folder, steps: 100, checkpointEvery: 10 });
    expect(second.result).toMatchObject({ status: 'finished', step: 100 });
    const [a, b] = [await weights(straight.folder), await weights(first.folder)];
    expect(b.values).toEqual(a.values);
    expect([b.step, b.counters, b.seed]).toEqual([100, { D: 200, G: 100 }, 9n]);
    const bytes = await Promise.all([a.path, b.path].map((path) => readFile(path)));
    expect(bytes[0].equals(bytes[1])).toBe(true);
    const numbers = async (folder: string) => (await readMetrics(join(folder, 'metrics.jsonl'))).map(({ seconds, ...rest }) => rest);
    expect(await numbers(first.folder)).toEqual(await numbers(straight.folder));
    expect(second.log.requests[0].choice).toEqual({ fill: 'portable' });
    expect((await json(join(first.folder, 'run.json'))).resumed).toHaveLength(1);
  });

  test('a run stopped by a signal finishes its step, saves, and goes on', async () => {
    const stop = new AbortController();
    const { folder, result } = await finish({ steps: 50, seed: 9n, signal: stop.signal, progress: ({ step }) => step === 12 && stop.abort() });
    expect(result.status).toBe('stopped');
    expect(result.step).toBeGreaterThanOrEqual(12);
    expect(result.step).toBeLessThan(20);
    expect((await weights(folder)).step).toBe(result.step);
    expect(await json(join(folder, 'run.json'))).toMatchObject({ status: 'stopped', step: result.step, steps: 50 });
    await finish({ resume: folder });
    const straight = await finish({ steps: 50, seed: 9n });
    expect((await weights(folder)).values).toEqual((await weights(straight.folder)).values);
  });

  test('a crash between checkpoints repeats what came after the last one', async () => {
    const { folder } = await failure({ steps: 30, seed: 3n, checkpointEvery: 10 }, {}, { failAt: 25 });
    expect(await json(join(folder, 'run.json'))).toMatchObject({ status: 'failed', step: 20, message: 'the device is gone' });
    await finish({ resume: folder });
    const straight = await finish({ steps: 30, seed: 3n });
    expect((await weights(folder)).values).toEqual((await weights(straight.folder)).values);
    expect((await readMetrics(join(folder, 'metrics.jsonl'))).map((m) => m.step)).toEqual(Array.from({ length: 30 }, (_, i) => i + 1));
  });

  test('a torn checkpoint: the one before it is used, with a warning', async () => {
    const { folder } = await finish({ steps: 30, checkpointEvery: 10 });
    const checkpoints = join(folder, 'checkpoints');
    expect((await readdir(checkpoints)).sort()).toEqual(['latest', 'step-00000010.safetensors', 'step-00000020.safetensors', 'step-00000030.safetensors']);
    await truncate(join(checkpoints, 'step-00000030.safetensors'), 700);
    const bytes = await readFile(join(checkpoints, 'step-00000020.safetensors'));
    bytes[bytes.length - 2] ^= 1;
    await writeFile(join(checkpoints, 'step-00000020.safetensors'), bytes);
    const { warnings, result } = await finish({ resume: folder });
    expect(warnings).toHaveLength(2);
    expect(warnings[0]).toMatch(/step-00000030\.safetensors: .*; using the checkpoint before it$/);
    expect(warnings[1]).toMatch(/its content does not match its hash: it is damaged; using the checkpoint before it$/);
    expect(result.step).toBe(30);
    expect((await weights(folder)).values).toEqual((await weights((await finish({ steps: 30 })).folder)).values);
    for (const step of [10, 20, 30]) await writeFile(join(checkpoints, `step-000000${step}.safetensors`), 'x');
    expect((await failure({ resume: folder, steps: 40 })).text).toContain('no checkpoint in');
  });

  test('old checkpoints go, the newest stay', async () => {
    const { folder } = await finish({ steps: 50, checkpointEvery: 10, keep: 2 });
    expect((await readdir(join(folder, 'checkpoints'))).sort()).toEqual(['latest', 'step-00000040.safetensors', 'step-00000050.safetensors']);
  });

  test('what cannot be gone on with says why', async () => {
    const { folder } = await finish({ steps: 5 });
    const changed = await failure({ resume: folder, steps: 9, program: fakeProgram({ hash: 'b'.repeat(64) }) });
    expect(changed.error).toBeInstanceOf(RunError);
    expect(changed.text).toContain('the spec or its settings changed since the run began');
    expect(changed.log.requests).toEqual([]);
    expect((await failure({ resume: folder, seed: 4n })).text).toContain('its seed is 0, not 4');
    expect((await failure({ resume: folder, overfit: true })).text).toContain('it was trained on all rows, not on one batch');
    expect((await failure({ resume: join(root, 'nowhere') })).text).toContain('holds no run');
    expect((await failure({ out: folder, program: fakeProgram() })).text).toContain(`already holds a run`);
    const full = join(root, 'full');
    await cp(folder, full, { recursive: true });
    await rm(join(full, 'run.json'));
    expect((await failure({ out: full, program: fakeProgram() })).text).toContain('is not empty');
    const done = await finish({ resume: folder });
    expect([done.result.status, done.result.step, done.log.requests.length]).toEqual(['finished', 5, 0]);
    const elsewhere = await finish({ resume: folder, steps: 6 }, {}, { device: 'another (memory)' });
    expect(elsewhere.warnings).toEqual([
      'the run was trained on a fake (memory) so far, and goes on on another (memory): from here on its bits may differ from an unbroken run',
    ]);
  });

  test('one writer a folder; a lock left behind is removed', async () => {
    const { folder } = await finish({ steps: 5 });
    const holder = { pid: process.pid, host: (await import('node:os')).hostname(), since: 'now' };
    await writeFile(join(folder, 'lock'), JSON.stringify(holder));
    expect((await failure({ resume: folder, steps: 6 })).text).toContain(`is in use\n  reason: process ${process.pid}`);
    await writeFile(join(folder, 'lock'), JSON.stringify({ ...holder, began: '1' }));
    const { warnings } = await finish({ resume: folder, steps: 6 });
    expect(warnings).toEqual([`${folder}: removed the lock of a process that is gone (${process.pid})`]);
    await writeFile(join(folder, 'lock'), 'half a li');
    expect((await finish({ resume: folder, steps: 7 })).warnings).toEqual([`${folder}: removed the lock of a process that is gone`]);
    expect(await readdir(folder)).not.toContain('lock');
  });
});

describe('guards', () => {
  test('a loss that is NaN ends the training; the last checkpoint is from before', async () => {
    const { error, text, folder } = await failure({ steps: 50, checkpointEvery: 10 }, {}, { nanAt: 24 });
    expect(error).toBeInstanceOf(DivergedError);
    expect(error).toMatchObject({ player: 'D', step: 25, what: 'its loss is NaN', exitCode: 4 });
    expect(text).toContain('the training diverged: D, step 25: its loss is NaN\n  reason: the last good state is ');
    expect((await weights(folder)).step).toBe(20);
    expect(await json(join(folder, 'run.json'))).toMatchObject({ status: 'diverged', step: 20 });
    expect((await readMetrics(join(folder, 'metrics.jsonl'))).at(-1)).toMatchObject({ step: 25, losses: { D: 'NaN' } });
  });

  test('weights that are not finite end it too', async () => {
    const { error } = await failure({ steps: 50 }, {}, { nonfiniteAt: 3 });
    expect(error).toMatchObject({ player: 'G', step: 4, what: '3 of its new weights and gradients are NaN or infinite', checkpoint: undefined });
  });
});

describe('weights to start from', () => {
  const file = () => join(root, 'init.safetensors');
  const f32 = (shape: number[], ...data: number[]): TensorData => ({ dtype: 'f32', shape, data: Float32Array.from(data) });

  test('replace the drawn ones, and averages start from them', async () => {
    await writeSafetensors(
      file(),
      new Map([
        ['D.w', f32([2], 5, 6)],
        ['G.w', f32([2], 7, 8)],
      ]),
    );
    const { folder } = await finish({ steps: 0, init: [file()] });
    const { values } = await weights(folder);
    expect(['D.w', 'G.w', 'average.G.w'].map((name) => [...values.get(name)!.data])).toEqual([
      [5, 6],
      [7, 8],
      [7, 8],
    ]);
  });

  test('what is not named starts as without; sources add up, each for one net', async () => {
    await writeSafetensors(file(), new Map([['w', f32([2], 7, 8)]]));
    const started: unknown[] = [];
    const { folder } = await finish({ steps: 0, init: [`G=${file()}`], started: (info) => started.push(info.init) });
    expect(started).toEqual([{ taken: 1, weights: 2, fresh: ['D.w'] }]);
    const { values } = await weights(folder);
    const drawn = (await weights((await finish({ steps: 0 })).folder)).values;
    expect([...values.get('G.w')!.data]).toEqual([7, 8]);
    expect([...values.get('D.w')!.data]).toEqual([...drawn.get('D.w')!.data]);
    expect((await readRecord(folder)).init).toEqual([`G=${file()}`]);

    const trained = await finish({ steps: 3, init: [`D=${file()}`] });
    const other = await finish({ steps: 0, init: [`D=${trained.folder}`, `G=${file()}`] });
    const both = (await weights(other.folder)).values;
    expect(both.get('D.w')).toEqual((await weights(trained.folder)).values.get('D.w'));
    expect([...both.get('G.w')!.data]).toEqual([7, 8]);
    // Of a whole run: weights, states and averages; the optimizer begins anew.
    const whole = (await weights((await finish({ steps: 0, init: [trained.folder] })).folder)).values;
    const last = (await weights(trained.folder)).values;
    for (const name of ['D.w', 'G.w', 'G.seen', 'average.G.w']) expect(whole.get(name), name).toEqual(last.get(name));
    expect(whole.get('D.optimizer.m')).toEqual(drawn.get('D.optimizer.m'));
    expect(whole.get('D.optimizer.m')).not.toEqual(last.get('D.optimizer.m'));
    const ofOne = (await weights((await finish({ steps: 0, init: [`D=${trained.result.checkpoint}`] })).folder)).values;
    expect([ofOne.get('D.w'), ofOne.get('D.optimizer.m')]).toEqual([last.get('D.w'), drawn.get('D.optimizer.m')]);
  });

  test('a counter that PyTorch keeps is left out', async () => {
    const count = { dtype: 'i32', shape: [], data: Int32Array.of(3) } as const;
    await writeSafetensors(
      file(),
      new Map<string, TensorData>([
        ['w', f32([2], 7, 8)],
        ['norm.num_batches_tracked', { ...count, shape: [] }],
      ]),
    );
    const { values } = await weights((await finish({ steps: 0, init: [`G=${file()}`] })).folder);
    expect([...values.get('G.w')!.data]).toEqual([7, 8]);
  });

  test('every mistake is listed, before any device is opened', async () => {
    await writeSafetensors(
      file(),
      new Map([
        ['D.w', f32([3], 5, 6, 7)],
        ['G.v', f32([2], 7, 8)],
        ['w', f32([2], 7, 8)],
        ['G.seen', f32([], 1)],
      ]),
    );
    const { text, log } = await failure({ init: [file()] });
    expect(text).toBe(
      `${file()} does not fit the program tiny\n  reason: D.w is [3], the program's is [2]\n  G.v [2] is not a variable of this program; did you mean G.w?\n  w [2] is not a variable of this program; did you mean G.w?\n  tensor "G.seen" is F32, where i32 is needed\n  mend: \`ganc inspect --json\` lists every name and shape; --init NAME=SOURCE takes what belongs to one net`,
    );
    expect(log.requests).toEqual([]);
    await writeSafetensors(file(), new Map([['G.w', f32([2], 7, 8)]]));
    expect((await failure({ init: [file(), `G=${file()}`] })).text).toContain('G.w was given by another --init already');
    expect((await failure({ init: [`H=${file()}`] })).text).toContain('no weight begins with H.');
    expect((await failure({ init: [root] })).text).toContain('holds no run');
    await writeSafetensors(file(), new Map());
    expect((await failure({ init: [file()] })).text).toContain('it holds no tensors');
  });
});

describe('fed and traced', () => {
  const f32 = (shape: number[]): TensorData => ({
    dtype: 'f32',
    shape,
    data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i / 8),
  });
  const feed = async (tensors: Record<string, TensorData>) => {
    const path = join(root, `feed-${++runs}.safetensors`);
    await writeSafetensors(path, new Map(Object.entries(tensors)));
    return path;
  };

  test('every update gets its slice, and the trace tells it all', async () => {
    // G reads no rows, but may be given them.
    const path = await feed({ 'D.x': f32([6, 4, 2]), 'D.z': f32([6, 4]), 'G.z': f32([3, 4]), 'G.x': f32([1]) });
    const trace = join(root, 'trace.safetensors');
    const { log, result, folder } = await finish({ feed: path, trace, traceSteps: [0, 1, 3] }, { fed: true, times: 2 });
    expect(result.step).toBe(3);
    const g = log.calls.filter((c) => c.entry === 'update.G').map((c) => [...c.tensors!['G.z'].data]);
    expect(g).toEqual([0, 4, 8].map((from) => [0, 1, 2, 3].map((i) => (from + i) / 8)));
    expect(log.calls.find((c) => c.entry === 'update.D' && c.counter === 5)!.tensors!['D.x']).toMatchObject({
      shape: [4, 2],
      data: f32([6, 4, 2]).data.slice(40),
    });
    expect(log.fields).toEqual([]);
    const t = await readSafetensors(trace);
    expect([...t].map(([name, { shape }]) => [name, shape])).toEqual([
      ['losses.D', [6]],
      ['losses.D.real', [6]],
      ['losses.G', [3]],
      ['losses.G.real', [3]],
      ['reports.spread', [3]],
      ...[0, 1, 3].flatMap((step) => [
        ...(step === 1
          ? [
              ['grad0.D.w', [2]],
              ['grad0.G.w', [2]],
            ]
          : []),
        [`step${step}.D.w`, [2]],
        [`step${step}.G.w`, [2]],
        [`step${step}.G.seen`, []],
        [`step${step}.average.G.w`, [2]],
      ]),
    ]);
    expect([...t.get('grad0.G.w')!.data]).toEqual([0.5, -1]);
    expect([...t.get('reports.spread')!.data]).toEqual([0, 1, 2]);
    expect(t.get('step1.G.seen')!.data[0]).toBe(1);
    expect(t.get('step3.D.w')!.data).toEqual((await weights(folder)).values.get('D.w')!.data);
    expect(t.get('losses.G')!.data[2]).toBe(Math.fround((await readMetrics(join(folder, 'metrics.jsonl')))[2].losses.G));
  });

  test('a resumed run goes on with its feed', async () => {
    const path = await feed({ 'D.x': f32([6, 4, 2]), 'D.z': f32([6, 4]), 'G.z': f32([6, 4]) });
    const straight = await finish({ feed: path }, { fed: true });
    const { folder } = await finish({ feed: path, steps: 2 }, { fed: true });
    await finish({ resume: folder });
    expect((await weights(folder)).values).toEqual((await weights(straight.folder)).values);
  });

  test('wrong names, shapes and lengths are refused before any device is opened', async () => {
    const refused = async (tensors: Record<string, TensorData>, options: Partial<TrainOptions> = {}) => {
      const { text, log } = await failure({ feed: await feed(tensors), ...options }, { fed: true });
      expect(log.requests).toEqual([]);
      return text;
    };
    const good = { 'D.x': f32([6, 4, 2]), 'D.z': f32([6, 4]), 'G.z': f32([6, 4]) };
    expect(await refused({ ...good, 'D.y': f32([6, 4]) })).toContain('D.y is nothing that the training reads; did you mean D.x?');
    expect(await refused({ 'D.x': f32([6, 4, 2]), 'D.z': f32([6, 4]), 'G.zz': f32([6, 4]) })).toContain("G.z [updates, 4] is missing; is it the file's G.zz?");
    expect(await refused({ ...good, 'D.x': f32([6, 8]) })).toContain('D.x is [6, 8]; the training needs [updates, 4, 2]');
    expect(await refused({ ...good, 'D.z': { dtype: 'i32', shape: [6, 4], data: new Int32Array(24) } })).toContain('tensor "D.z" is I32, where f32 is needed');
    expect(await refused({ ...good, 'G.z': f32([5, 4]) })).toContain('G.z has inputs for 5 steps, D.x for 6');
    expect(await refused(good, { steps: 7 })).toContain('has inputs for 6');
    expect(await refused(good, { trace: join(root, 't'), traceSteps: [7] })).toContain('the training ends after 6');
    expect(await refused(good, { trace: join(root, 'absent', 't') })).toContain('its folder: no such file');
    expect((await failure({}, { fed: true })).text).toContain('the program was compiled to be given D.x, D.z, G.z');
    expect((await failure({ feed: await feed(good) })).text).toContain('not to be fed');
    expect((await failure({ feed: await feed({ 'D.z': f32([6, 4]), 'G.zz': f32([6, 4]) }) })).text).toContain('D.x [updates, 4, 2] is missing');
    expect((await failure({ trace: join(root, 't') })).text).toContain('the program was not compiled for a trace');
  });
});

describe('sampling a run', () => {
  test('the same samples as in training, as many as asked, from the latest checkpoint', async () => {
    const { folder } = await finish({ steps: 4 });
    const { open, log } = fakeOpener();
    const sampled = await sampleRun(folder, { open, count: 700, seed: 5n });
    expect(sampled.outputs.get('point')!.shape).toEqual([700, 2]);
    expect([sampled.step, log.closed, log.calls.length]).toEqual([4, 1, 2]);
    expect(log.requests).toEqual([{ seed: 5n, choice: { fill: 'portable' }, entries: ['sample.point'] }]);
    expect(sampled.outputs.get('point')!.data[0]).toBe((await weights(folder)).values.get('average.G.w')!.data[0]);
    expect(sampled.about.background?.mixture?.centres).toHaveLength(8);
    expect(sampled.about.background?.real).toHaveLength(40);
    await expect(sampleRun(folder, { open, name: 'piont' })).rejects.toThrow("tiny has no sample 'piont'");
    await expect(sampleRun(folder, { open, count: 0 })).rejects.toThrow('cannot make 0 samples');
  });
});

describe('a training that time ends', () => {
  test('ends when its time in steps is over, finished, with the steps that were done; and goes on until then where it was stopped', async () => {
    const controller = new AbortController();
    const first = await finish({ seconds: 0.4, signal: controller.signal, progress: ({ step }) => step === 5 && controller.abort() });
    expect(first.result.status).toBe('stopped');
    const stopped = await readRecord(first.folder);
    expect(stopped.steps).toBe(first.result.step);
    expect(stopped.seconds).toBeLessThan(0.4);
    const second = await finish({ resume: first.folder, seconds: 0.4 });
    expect(second.result.status).toBe('finished');
    expect(second.result.step).toBeGreaterThan(first.result.step);
    const record = await readRecord(first.folder);
    expect(record).toMatchObject({ status: 'finished', step: second.result.step, steps: second.result.step });
    expect(record.seconds).toBeGreaterThanOrEqual(0.4);
    // Checkpoints are due by time, too: eight stretches.
    expect((await readdir(join(first.folder, 'checkpoints'))).length).toBeGreaterThan(3);
    const third = await finish({ resume: first.folder, seconds: 0.4 });
    expect(third.result).toMatchObject({ status: 'finished', step: second.result.step, seconds: 0 });
  });

  test('what is done between steps does not count', async () => {
    const slow = (): void => {
      for (const end = performance.now() + 300; performance.now() < end; );
    };
    const { result, folder } = await finish({ steps: 4, checkpointEvery: 2, sampled: slow });
    expect(result.seconds).toBeGreaterThan(0.3);
    expect((await readRecord(folder)).seconds).toBeLessThan(0.3);
  });
});
