/** How many runs at a time: found on machines of which it is known what they can do, by their own clocks. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Candidate } from '../../runtime/compare/candidate.js';
import { compare } from '../../runtime/compare/compare.js';
import type { DoJob } from '../../runtime/compare/job.js';
import { COMPARE_FORMAT, type CompareResults, type CompareRun } from '../../runtime/compare/results.js';
import { Slots } from '../../runtime/compare/slots.js';
import { besides } from '../../runtime/jobs/besides.js';
import { fakeProgram } from '../train/fake.js';

let root = '';
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'ganc-slots-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

const STEPS = 4000;

function planned(count: number, halving = false): CompareResults {
  const entries = [{ id: 'a', label: 'a', spec: 'a.gan', settings: {}, steps: STEPS, flopsPerStep: 10 }];
  const run = (seed: string): CompareRun => ({
    entry: 'a',
    spec: 'a.gan',
    settings: {},
    seed,
    folder: `runs/a-seed-${seed}`,
    text: 'specs/a.gan',
    status: 'waiting',
    step: 0,
    steps: STEPS,
    seconds: 0,
    flopsPerStep: 10,
    flops: 0,
    parameters: 1,
    memory: 0,
    curve: [],
  });
  const seeds = Array.from({ length: count }, (_, i) => String(i));
  return {
    format: COMPARE_FORMAT,
    name: 'made up',
    status: 'running',
    started: '2026-01-01T00:00:00Z',
    request: 'r',
    command: 'ganc compare',
    cwd: '.',
    asked: { specs: [], seeds: count, seed: '0', halving },
    budget: { kind: 'steps', steps: STEPS },
    repeats: true,
    seeds,
    machine: { device: 'made up', cpu: '', cores: 1, memory: 1, platform: '' },
    versions: {},
    entries,
    runs: seeds.map(run),
  } as CompareResults;
}

const candidates: readonly Candidate[] = [{ entry: { id: 'a', label: 'a', spec: 'a.gan', settings: {} }, program: fakeProgram(), text: '// a\n', base: '.' }];

/** A machine that does `steps(n)` steps a second of all n runs together; checkpoints take it `pause` seconds every 500 steps. */
class Made {
  time = 0;
  most = 0;
  puts = 0;
  readonly steps = new Map<string, number>();
  private readonly under = new Set<string>();

  constructor(
    private readonly rate: (n: number) => number,
    private readonly pause = 0,
  ) {}

  readonly doJob: DoJob = async ({ run }, _, __, { signal, progress }) => {
    this.under.add(run.folder);
    this.most = Math.max(this.most, this.under.size);
    let step = this.steps.get(run.folder) ?? 0;
    while (step < STEPS && !signal?.aborted) {
      await new Promise(setImmediate);
      const seconds = 0.1 / this.under.size;
      this.time += seconds;
      const next = Math.min(STEPS, step + (this.rate(this.under.size) / this.under.size) * 0.1);
      if (Math.floor(next / 500) > Math.floor(step / 500)) this.time += this.pause;
      step = next;
      progress?.({ step, steps: STEPS, rate: 1, eta: 1, losses: {}, reports: {} });
    }
    this.under.delete(run.folder);
    this.steps.set(run.folder, step);
    const status = step < STEPS ? 'stopped' : 'finished';
    if (status === 'stopped') this.puts++;
    return { ...run, status, step, steps: STEPS };
  };
}

async function found(
  made: Made,
  most: number,
  runs = 6,
  room: () => boolean = () => true,
): Promise<{ count?: number; work: readonly number[]; ended: CompareResults }> {
  let count: number | undefined;
  let work: readonly number[] = [];
  const slots = new Slots(1, {
    most,
    room,
    now: () => made.time,
    found: (n, all) => {
      [count, work] = [n, [...all]];
    },
  });
  const ended = await compare({ folder: await mkdtemp(join(root, 'c-')), results: planned(runs), candidates, doJob: made.doJob, slots });
  return { count, work, ended };
}

test('one more as long as it brings something; the one that brought nothing is put back, and goes on later from where it was', async () => {
  const made = new Made((n) => [0, 100, 190, 195, 100][n]);
  const { count, work, ended } = await found(made, 8);
  expect(count).toBe(2);
  expect(work.map((flops) => Math.round(flops / 10))).toEqual([100, 190, 195]);
  expect(made.most).toBe(3);
  expect(made.puts).toBe(1);
  expect(ended.status).toBe('finished');
  expect(ended.runs.map(({ status, step }) => [status, step])).toEqual(Array(6).fill(['finished', STEPS]));
});

test('never more than there is room for, than is allowed, or than there are runs', async () => {
  const twice = (n: number): number => 100 * n;
  const full = new Made(twice);
  expect((await found(full, 8, 6, () => false)).count).toBe(1);
  expect(full.most).toBe(1);
  const bounded = new Made(twice);
  expect((await found(bounded, 3)).count).toBe(3);
  expect(bounded.most).toBe(3);
  const few = new Made(twice);
  expect((await found(few, 8, 2)).ended.status).toBe('finished');
  expect(few.most).toBe(2);
});

test('whatever a machine can do, what is found is the first number that one more does not better by a twentieth; checkpoints do not deceive it', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 50, max: 400 }), { minLength: 4, maxLength: 4 }), fc.integer({ min: 0, max: 3 }), async (rates, pause) => {
      const better = (n: number): boolean => n < 4 && rates[n] >= 1.05 * rates[n - 1];
      fc.pre(rates.every((rate, i) => i === 0 || Math.abs(rate / rates[i - 1] - 1.05) > 0.02));
      let expected = 1;
      while (better(expected)) expected++;
      const made = new Made((n) => rates[n - 1], pause);
      const { count, ended } = await found(made, 4, 12);
      expect(count).toBe(expected);
      expect(ended.runs.every(({ status }) => status === 'finished')).toBe(true);
    }),
    { numRuns: 20 },
  );
});

test('a machine that cannot bear one more has one fewer from then on', async () => {
  const slots = new Slots(3, { most: 5 });
  slots.tooMany();
  expect(slots.count).toBe(2);
  const one = new Slots(1, { most: 5 });
  one.tooMany();
  expect(one.count).toBe(1);
});

test('a run that fails beside others has another try with one fewer; what fails twice has failed', async () => {
  const made = new Made((n) => 100 * n);
  const slots = new Slots(1, { most: 4, now: () => made.time });
  let tries = 0;
  const apart: DoJob = async ({ run }) => ({ ...run, status: 'failed', step: 0, message: `try ${++tries}` });
  const results = planned(3);
  const ended = await compare({ folder: await mkdtemp(join(root, 'c-')), results, candidates, doJob: besides(made.doJob, apart, slots), slots });
  expect(slots.count).toBe(1);
  expect(tries).toBe(1);
  expect(ended.runs.every(({ status }) => status === 'finished')).toBe(true);

  const here: DoJob = async ({ run }) => {
    while (tries < 5) await new Promise(setImmediate);
    return { ...run, status: 'finished' };
  };
  const doJob = besides(here, apart, new Slots(2));
  const lost = await compare({ folder: await mkdtemp(join(root, 'c-')), results, candidates, doJob, slots: new Slots(2) });
  expect(lost.runs.map(({ status, message }) => [status, message])).toEqual([
    ['finished', undefined],
    ['failed', 'try 3'],
    ['failed', 'try 5'],
  ]);
});
