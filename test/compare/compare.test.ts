/** The runs of a comparison, on an executor in memory: what is run, what is not run again, and what comes of faults. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Candidate } from '../../runtime/compare/candidate.js';
import { type CompareOptions, compare } from '../../runtime/compare/compare.js';
import { Paces } from '../../runtime/compare/estimate.js';
import { planComparison } from '../../runtime/compare/plan.js';
import { type Budget, COMPARE_FORMAT, type CompareResults, type CompareRun, readResults } from '../../runtime/compare/results.js';
import { doneHere } from '../../runtime/compare/run.js';
import type { OpenExecutor } from '../../runtime/train/executor.js';
import { readRecord } from '../../runtime/train/folder.js';
import { fakeOpener, fakeProgram } from '../train/fake.js';

let root = '';
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'ganc-compare-'));
  process.env.XDG_CACHE_HOME = join(root, 'cache');
});
afterAll(() => rm(root, { recursive: true, force: true }));

function candidate(id: string): Candidate {
  return { entry: { id, label: id, spec: `${id}.gan`, settings: {}, text: `specs/${id}.gan` }, program: fakeProgram(), text: `// ${id}\n`, base: '.' };
}

const STEPS: Budget = { kind: 'steps', steps: 16 };
let folders = 0;
async function planned(candidates: readonly Candidate[], seeds: readonly string[], budget: Budget = STEPS, checkpointEvery?: number): Promise<CompareResults> {
  const plan = await planComparison(candidates, { budget, seed: 0n, cache: new Map(), survey: async () => 'a fake (memory)' });
  const runs = seeds.flatMap((seed) =>
    plan.entries.flatMap(({ id, mistake, steps, flopsPerStep, text, ...entry }): CompareRun[] =>
      mistake !== undefined
        ? []
        : [
            {
              entry: id,
              spec: entry.spec,
              settings: {},
              seed,
              folder: `runs/${id}-seed-${seed}`,
              text: text!,
              status: 'waiting',
              step: 0,
              steps,
              seconds: 0,
              flopsPerStep: flopsPerStep!,
              flops: 0,
              parameters: 4,
              memory: 0,
              curve: [],
            },
          ],
    ),
  );
  const asked = { specs: [], seeds: seeds.length, seed: '0', checkpointEvery };
  const facts = { format: COMPARE_FORMAT, name: 'fake', started: '2026-01-01T00:00:00Z', request: 'r', command: 'ganc compare', cwd: '.' } as const;
  const machine = { device: plan.device, cpu: '', cores: 1, memory: 1, platform: '' };
  return { ...facts, status: 'running', asked, budget, repeats: true, seeds, metric: plan.metric, machine, versions: {}, entries: plan.entries, runs };
}

const newFolder = async (): Promise<string> => mkdtemp(join(root, `comparison-${++folders}-`));

function options(folder: string, results: CompareResults, candidates: readonly Candidate[], open: OpenExecutor = fakeOpener().open): CompareOptions {
  return { folder, results, candidates, doJob: doneHere({ open, cache: new Map() }) };
}

/** All that must not depend on how often it was interrupted. */
const lasting = ({ runs }: CompareResults) => runs.map(({ seconds: _, ...run }) => run);

test('every entry with every seed, seed by seed; each an ordinary run; equal specs come to equal figures', async () => {
  const folder = await newFolder();
  const two = [candidate('a'), candidate('twin')];
  const results = await compare(options(folder, await planned(two, ['0', '1']), two));
  expect(results.status).toBe('finished');
  expect(results.runs.map(({ folder }) => folder)).toEqual(['runs/a-seed-0', 'runs/twin-seed-0', 'runs/a-seed-1', 'runs/twin-seed-1']);
  expect(await readResults(folder)).toEqual(JSON.parse(JSON.stringify(results)));
  for (const run of results.runs) {
    expect(run).toMatchObject({ status: 'finished', step: 16, steps: 16, flops: 16 * run.flopsPerStep });
    expect(await readRecord(join(folder, run.folder))).toMatchObject({ status: 'finished', step: 16, seed: run.seed, seconds: run.seconds });
    expect(await readFile(join(folder, run.folder, 'index.html'), 'utf8')).toContain('<html');
    // Eight checkpoints, and the metric at each.
    expect(run.curve.map(({ step }) => step)).toEqual([2, 4, 6, 8, 10, 12, 14, 16]);
  }
  const [a, twin, other] = results.runs;
  expect(results.metric).toEqual({ name: 'modes', tie: 'near' });
  expect(twin.measured).toEqual(a.measured);
  expect(twin.losses).toEqual(a.losses);
  expect(other.losses).not.toEqual(a.losses);
  expect(await readFile(join(folder, 'specs/twin.gan'), 'utf8')).toBe('// twin\n');
});

test('a stop ends it after the step; going on comes to the same, and repeats no finished run', async () => {
  const two = [candidate('a'), candidate('b')];
  const whole = await compare(options(await newFolder(), await planned(two, ['0', '1'], STEPS, 8), two));
  const folder = await newFolder();
  const controller = new AbortController();
  const first = await compare({
    ...options(folder, await planned(two, ['0', '1'], STEPS, 8), two),
    signal: controller.signal,
    progress: (run, { step }) => run.folder === 'runs/b-seed-0' && step === 5 && controller.abort(),
  });
  expect(first.status).toBe('stopped');
  expect(first.runs.map(({ status }) => status)).toEqual(['finished', 'stopped', 'waiting', 'waiting']);
  expect(first.runs[1].step).toBeGreaterThanOrEqual(5);
  expect(first.runs[1].step).toBeLessThan(16);
  const begun = await readRecord(join(folder, 'runs/a-seed-0'));
  const { open, log } = fakeOpener();
  const second = await compare(options(folder, await readResults(folder), two, open));
  expect(second.status).toBe('finished');
  expect(lasting(second)).toEqual(lasting(whole));
  expect(await readRecord(join(folder, 'runs/a-seed-0'))).toEqual(begun);
  expect(log.requests.length).toBe(3);
  expect((await readRecord(join(folder, 'runs/b-seed-0'))).resumed).toHaveLength(1);
});

test('a process that was killed: the run under way goes on from its checkpoint, one without a record begins anew', async () => {
  const two = [candidate('a'), candidate('b')];
  const whole = await compare(options(await newFolder(), await planned(two, ['0'], STEPS, 8), two));
  const folder = await newFolder();
  // As SIGKILL leaves it: nothing is written after the fault, whatever the run says.
  const killed = await compare(options(folder, await planned(two, ['0'], STEPS, 8), two, fakeOpener({ failAt: 9 }).open));
  expect(killed.runs.map(({ status, step }) => [status, step])).toEqual([
    ['failed', 8],
    ['failed', 8],
  ]);
  await rm(join(folder, 'runs/b-seed-0/run.json'));
  const again = await compare(options(folder, { ...killed, runs: killed.runs.map((run) => ({ ...run, status: 'running', message: undefined })) }, two));
  expect(lasting(again)).toEqual(lasting(whole));
});

test('a run that diverges or fails is a row that says so, and the others run; a failed one is tried again, a diverged one is not', async () => {
  const bad =
    (open: OpenExecutor): OpenExecutor =>
    (program, request) =>
      (request.seed === 1n ? open : fakeOpener().open)(program, request);
  const one = [candidate('a')];
  const folder = await newFolder();
  const diverged = await compare(options(folder, await planned(one, ['0', '1', '2'], STEPS, 8), one, bad(fakeOpener({ nanAt: 5 }).open)));
  expect(diverged.status).toBe('finished');
  expect(diverged.runs.map(({ status }) => status)).toEqual(['finished', 'diverged', 'finished']);
  expect(diverged.runs[1].message).toContain('its loss is NaN');
  expect(diverged.entries[0].summary?.none.modes.n).toBe(2);
  const { open, log } = fakeOpener();
  await compare(options(folder, diverged, one, open));
  expect(log.requests).toEqual([]);

  const other = await newFolder();
  const failed = await compare(options(other, await planned(one, ['0', '1'], STEPS, 8), one, bad(fakeOpener({ failAt: 5 }).open)));
  expect(failed.runs.map(({ status, message }) => [status, message])).toEqual([
    ['finished', undefined],
    ['failed', 'the device is gone'],
  ]);
  const mended = await compare(options(other, failed, one));
  expect(mended.runs.map(({ status, message }) => [status, message])).toEqual([
    ['finished', undefined],
    ['finished', undefined],
  ]);
});

test('halving trains all to the first rung, the best third on; what is left behind is pruned where it stands, also after a stop', async () => {
  const three = [candidate('a'), candidate('b'), candidate('c')];
  const results = await planned(three, ['0'], STEPS, 16);
  const halved = { ...results, asked: { ...results.asked, halving: true } };
  const whole = await compare(options(await newFolder(), halved, three));
  expect(whole.status).toBe('finished');
  expect(whole.runs.map(({ status, step }) => [status, step])).toEqual([
    ['finished', 16],
    ['pruned', 6],
    ['pruned', 6],
  ]);
  expect(whole.runs[0].rungs?.map(({ step }) => step)).toEqual([6, 16]);
  expect(whole.entries.map(({ rank }) => rank)).toEqual([1, 2, 2]);
  const folder = await newFolder();
  for (const at of [3, 12]) {
    const controller = new AbortController();
    const now = at === 3 ? halved : await readResults(folder);
    const progress: CompareOptions['progress'] = (run, { step }) => run.entry === (at === 3 ? 'b' : 'a') && step === at && controller.abort();
    expect(await compare({ ...options(folder, now, three), signal: controller.signal, progress })).toMatchObject({ status: 'stopped' });
  }
  expect(lasting(await compare(options(folder, await readResults(folder), three)))).toEqual(lasting(whole));
  // As without a rung: the same weights, so the same figures.
  const straight = await compare(options(await newFolder(), await planned([three[0]], ['0'], STEPS, 16), three));
  expect(straight.runs[0].measured).toEqual(whole.runs[0].measured);
  expect(straight.runs[0].losses).toEqual(whole.runs[0].losses);
});

test('a budget of time gives every run the same, whatever its steps', async () => {
  const one = [candidate('a')];
  const results = await compare(options(await newFolder(), await planned(one, ['0'], { kind: 'seconds', seconds: 0.3 }), one));
  const [run] = results.runs;
  expect(run.status).toBe('finished');
  expect(run.steps).toBe(run.step);
  expect(run.step).toBeGreaterThan(0);
  expect(run.seconds).toBeGreaterThanOrEqual(0.3);
  expect(run.seconds).toBeLessThan(1.5);
});

test('what cannot be trained is an entry with its reason; what does not fit is refused before anything is', async () => {
  const lost = candidate('lost');
  const { train: _, ...program } = fakeProgram();
  const results = await planned([{ ...lost, program }, candidate('good')], ['0']);
  expect(results.entries[0].mistake).toContain('its spec has no train block');
  expect(results.runs.map(({ entry }) => entry)).toEqual(['good']);
  const plan = planComparison([candidate('a')], {
    budget: { kind: 'own' },
    seed: 0n,
    cache: new Map(),
    survey: async ([{ label }]) => Promise.reject(new Error(`${label} is too large`)),
  });
  await expect(plan).rejects.toThrow('a is too large');
});

test('time that is left: by paces, by FLOPs where an entry was never timed, by the budget; kept for the next time', async () => {
  const results = await planned([candidate('a'), { ...candidate('b'), program: fakeProgram({ hash: 'b'.repeat(64), times: 3 }) }], ['0', '1'], {
    kind: 'steps',
    steps: 1000,
  });
  const paces = await Paces.of(results);
  expect(paces.left(results)).toBeUndefined();
  const [a, b] = results.entries;
  const [run] = results.runs;
  const progress = { steps: 1000, eta: 0, losses: {}, reports: {}, rate: 10 };
  paces.step(a.hash, run, { ...progress, step: 1 });
  const began = performance.now();
  while (performance.now() - began < 50);
  expect(paces.step(a.hash, run, { ...progress, step: 101 })).toBe(true);
  const left = paces.left(results, new Map([[run.folder, 500]]))!;
  expect(left.by).toBe('flops');
  const ratio = b.flopsPerStep! / a.flopsPerStep!;
  expect(ratio).toBe(2);
  // About half a millisecond a step: 1,500 steps of the one, 2,000 of the other, which cost twice as much.
  expect(left.seconds / (1500 + 2000 * ratio)).toBeGreaterThan(4e-4);
  expect(left.seconds / (1500 + 2000 * ratio)).toBeLessThan(5e-3);
  await paces.keep(a.hash);
  const later = await Paces.of(results);
  expect(later.left({ ...results, entries: [a], runs: results.runs.filter(({ entry }) => entry === 'a') })?.by).toBe('paces');
  expect((await Paces.of({ ...results, machine: { ...results.machine, device: 'another' } })).left(results)).toBeUndefined();
  expect(later.left({ ...results, budget: { kind: 'seconds', seconds: 7 } })).toEqual({ seconds: 28, by: 'budget' });
});
