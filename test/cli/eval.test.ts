/** A judge and metrics from the command line: trained once, kept, measured; the best checkpoint stays. */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { ringSpec } from './ring.js';
import { ganc, temporaryFolder } from './support.js';

const cwd = temporaryFolder();
const env = { XDG_CACHE_HOME: join(cwd, 'cache') };
const spec = ringSpec({
  ring: 'modes: 4, std: 0.05, count: 4000',
  batch: 32,
  average: 0.9,
  more: `judge J(x) -> {mode} { x |> linear(16) |> relu |> linear(4) }
metric largest = largest_share(J(G(z)))
metric each = shares(J(G(z)))
metric real = shares(J(x))
`,
});

beforeAll(() => writeFileSync(join(cwd, 'small.gan'), spec));

test('train --best measures, keeps the best, and eval finds the same figures again', async () => {
  const trained = await ganc(['train', 'small.gan', '--best', 'largest:low', '--checkpoint-every', '10', '--out', 'run', '--json'], { cwd, env });
  expect(trained.code).toBe(0);
  const events = trained.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const measured = events.filter((event) => event.event === 'metrics').map(({ step, metrics }) => ({ step, largest: metrics.largest as number }));
  expect(measured.map(({ step }) => step)).toEqual([10, 20, 30, 40]);
  const lowest = measured.reduce((a, b) => (b.largest < a.largest ? b : a));
  expect(JSON.parse(readFileSync(join(cwd, 'run/run.json'), 'utf8')).best).toEqual({
    metric: 'largest',
    lowest: true,
    value: lowest.largest,
    step: lowest.step,
  });
  const judges = readdirSync(join(cwd, 'cache/ganc/judges'));
  expect(judges).toHaveLength(1);

  const best = JSON.parse((await ganc(['eval', 'run', '--checkpoint', 'best', '--json'], { cwd, env })).stdout);
  expect(best).toMatchObject({ name: 'small', step: lowest.step, examples: 1000, metrics: { largest: lowest.largest } });
  const last = JSON.parse((await ganc(['eval', 'run', '--json'], { cwd, env })).stdout);
  expect(last).toMatchObject({ step: 40, metrics: { largest: measured[3].largest } });
  // The four modes lie apart: a judge that has learned anything knows them all, and the rows are even.
  expect(last.judges.J.mode).toBeGreaterThan(0.98);
  expect(last.metrics.real).toHaveLength(4);
  for (const share of last.metrics.real) expect(share).toBeGreaterThan(0.15);
  expect(last.metrics.each.reduce((a: number, b: number) => a + b, 0)).toBeCloseTo(1, 5);
  // Nothing was trained a second time.
  expect(readdirSync(join(cwd, 'cache/ganc/judges'))).toEqual(judges);
}, 300_000);

test('a table for people; a damaged judge is trained anew', async () => {
  const [judge] = readdirSync(join(cwd, 'cache/ganc/judges'));
  writeFileSync(join(cwd, 'cache/ganc/judges', judge), 'no tensors');
  const shown = await ganc(['eval', 'run', '--examples', '150'], { cwd, env });
  expect(shown.code).toBe(0);
  expect(shown.stdout).toMatch(/^small, trained 40 steps: 200 examples, seed 0, 400 held-out rows\nlargest {2}0\.\d+\neach {5}(?:\S+ {2}){3}\S+\nreal/);
  expect(shown.stdout).toMatch(/judge J is right about mode in \S+ % of 200 held-out rows\n$/);
}, 300_000);

test('what cannot be measured says why', async () => {
  const unknown = await ganc(['train', 'small.gan', '--best', 'larges', '--out', 'none'], { cwd, env });
  expect(unknown.code).toBe(1);
  expect(unknown.stderr).toMatch(/no metric 'larges'[\s\S]*did you mean 'largest'/);
  const many = await ganc(['train', 'small.gan', '--best', 'each', '--out', 'none'], { cwd, env });
  expect(many.stderr).toMatch(/metric 'each' cannot decide/);
  expect(existsSync(join(cwd, 'none'))).toBe(false);
  writeFileSync(join(cwd, 'bare.gan'), spec.replace(/^(?:judge|metric).*\n/gm, ''));
  expect((await ganc(['train', 'bare.gan', '--steps', '2', '--out', 'bare'], { cwd, env })).code).toBe(0);
  const nothing = await ganc(['eval', 'bare'], { cwd, env });
  expect(nothing).toMatchObject({ code: 1, stdout: '' });
  expect(nothing.stderr).toMatch(/has nothing to measure/);
  expect((await ganc(['eval', 'bare', '--checkpoint', 'best'], { cwd, env })).code).toBe(1);
});

test('metrics at each checkpoint, of a run that goes on, too; and those of another spec with the same nets', async () => {
  const lines = 'metric where = mean(G(z), axis: batch)\nmetric far = E[norm(G(z))]\n';
  const own = spec.replace(/^(?:judge|metric).*\n/gm, '');
  writeFileSync(join(cwd, 'plain.gan'), own + lines);
  const trained = await ganc(['train', 'plain.gan', '--metrics', '--steps', '20', '--checkpoint-every', '10', '--out', 'plain', '--json'], { cwd, env });
  const more = await ganc(['train', '--resume', 'plain', '--steps', '30', '--json'], { cwd, env });
  const events = `${trained.stdout}${more.stdout}`
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
    .filter((event) => event.event === 'metrics');
  expect(events.map(({ step }) => step)).toEqual([10, 20, 30]);
  expect(existsSync(join(cwd, 'plain/checkpoints/best.safetensors'))).toBe(false);
  const { metrics } = JSON.parse((await ganc(['eval', 'plain', '--json'], { cwd, env })).stdout);
  expect(metrics).toEqual(events[2].metrics);

  writeFileSync(join(cwd, 'other.gan'), `${own.replace('D minimizes logistic', 'D minimizes 2 * logistic')}${lines}metric twice = 2 * E[norm(G(z))]\n`);
  const other = JSON.parse((await ganc(['eval', 'plain', '--spec', 'other.gan', '--json'], { cwd, env })).stdout);
  expect(other.step).toBe(30);
  expect(other.metrics).toEqual({ ...metrics, twice: expect.closeTo(2 * metrics.far, 5) });
  writeFileSync(join(cwd, 'wider.gan'), own.replace('linear(width) |> relu', 'linear(17) |> relu') + lines);
  const wider = await ganc(['eval', 'plain', '--spec', 'wider.gan'], { cwd, env });
  expect(wider.stderr).toMatch(/wider cannot measure this run[\s\S]*it has G\.linear\.weight \[17, 4\], which is \[16, 4\] in the run/);
  expect((await ganc(['eval', 'plain', '--set', 'a=1'], { cwd, env })).stderr).toMatch(/measured with its own settings/);
  writeFileSync(join(cwd, 'bare2.gan'), own);
  expect((await ganc(['train', 'bare2.gan', '--metrics', '--out', 'bare2'], { cwd, env })).stderr).toMatch(/has nothing to measure/);

  // Killed just after a checkpoint, before it was measured and drawn: that is made up for by who goes on.
  const path = join(cwd, 'plain/metrics.jsonl');
  const lines30 = readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => /^\{"step":30,"(metrics|figures)"/.test(line));
  expect(lines30).toHaveLength(2);
  const kept = readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => !lines30.includes(line));
  writeFileSync(path, kept.join('\n'));
  const samples = readdirSync(join(cwd, 'plain/samples')).filter((name) => name.includes('-00000030.'));
  expect(samples.length).toBeGreaterThan(0);
  for (const name of samples) rmSync(join(cwd, 'plain/samples', name));
  const made = await ganc(['train', '--resume', 'plain', '--steps', '40', '--checkpoint-every', '10', '--json'], { cwd, env });
  expect(made.code, made.stderr).toBe(0);
  const again = readFileSync(path, 'utf8').split('\n');
  for (const line of lines30) expect(again).toContain(line);
  expect(readdirSync(join(cwd, 'plain/samples'))).toEqual(expect.arrayContaining(samples));
});

test('sets of features are compared over all examples, a row once', async () => {
  // Of held-out rows x, 400 that come round again, and 2 x + 1: |mu + 1|^2 + trace(A), as the covariance of 2 x + 1 is 4 A.
  const lines = `
metric found = frechet_distance(x, 2 * x + 1) + 10
metric formula = sum((mean(x, axis: batch) + 1)^2) + 400 / 399 * sum(mean((x - mean(x, axis: batch))^2, axis: batch)) + 10
metric same = precision_recall(x, x)
metric apart = {two: precision_recall(x, x + 100), all: density_coverage(x, x)}
metric later = E[x * kernel_distance(x, x + 1)] / E[x]
metric kernel = kernel_distance(x, x + 1)
metric ceiling = frechet_distance(x, match(mode, x).x)
metric agree = E[sum((x - match(mode, x).x)^2)]
metric parts = frechet_distance(reshape(x, 2, 1), reshape(x, 2, 1) + 3)
`;
  writeFileSync(join(cwd, 'sets.gan'), spec.replace('x: vector[2]', 'x: vector[2] mode: class[4]').replace(/^(?:judge|metric).*\n/gm, '') + lines);
  expect((await ganc(['train', 'sets.gan', '--steps', '2', '--out', 'sets'], { cwd, env })).code).toBe(0);
  const { metrics } = JSON.parse((await ganc(['eval', 'sets', '--json', '--examples', '800'], { cwd, env })).stdout);
  expect(metrics.found).toBeCloseTo(metrics.formula, 4);
  expect(metrics).toMatchObject({ 'same.precision': 1, 'same.recall': 1, 'apart.two.precision': 0, 'apart.two.recall': 0, 'apart.all.coverage': 1 });
  expect(metrics.later / metrics.kernel).toBeCloseTo(1, 4);
  expect(metrics.ceiling).toBeLessThan(0.02);
  // Two points of one mode of deviation 0.05 are apart by 2 * 2 * 0.05^2.
  expect(metrics.agree).toBeCloseTo(0.01, 2.5);
  expect(metrics.parts).toBeCloseTo(9, 4);
  const few = await ganc(['eval', 'sets', '--rows', 'unseen'], { cwd, env });
  expect(few.stderr).toMatch(/there are no unseen rows to measure on[\s\S]*400 held out/);
});

test('seen and unseen rows side by side, and training rows when asked for', async () => {
  const clips = `
data clips = bouncing_mnist(count: 400, sound: "walls", speed: 2) { x: video[1, 10, 24, 24] t: tokens[9, words: 32] a: audio[10, 2] digit: class[10] motion: class[2] }
noise z: normal[4]
net G(z) -> video[1, 10, 24, 24] { z |> linear(5760) |> tanh |> reshape(1, 10, 24, 24) }
game { G minimizes E[(G(z) - x)^2] }
train { batch 4 steps 1
  G with sgd(lr: 0.01) }
metric kinds = mean(one_hot(digit), axis: batch)
metric made = E[G(z)]
metric sound = {real: bounces(x, a).clicks, heard: bounces(x, a).turns, chance: bounces(x, shuffled(a)).clicks}
metric exact = {real: bounces(x, a, within: 0).clicks, heard: bounces(x, a, within: 0).turns, chance: bounces(x, shuffled(a), within: 0).clicks}
metric shapes = diversity(mean(aligned(x), axis: 1), mean(aligned(match(t, x).x), axis: 1))
`;
  writeFileSync(join(cwd, 'clips.gan'), clips);
  expect((await ganc(['train', 'clips.gan', '--out', 'clips'], { cwd, env })).code).toBe(0);
  const shown = await ganc(['eval', 'clips', '--examples', '100'], { cwd, env });
  expect(shown.stdout).toMatch(
    /^clips, trained 1 step: 100 examples each, seed 0, 40 held-out rows, 40 unseen rows\nkinds {3}held-out(?: +\S+){10}\n +unseen(?: +\S+){10}\n +held-out {2}unseen\nmade/,
  );
  expect(shown.stdout).toMatch(/\n {8}held-out +unseen\nshapes +\d\S+ +\d\S+\n$/);
  expect(shown.stdout).toMatch(/\nmade {4}\S+\n {18}real {2}heard {2}chance\nsound {3}held-out {2}1 {5}1 {6}0\.\d+\n {8}unseen {4}1 {5}1 {6}0\.\d+\nexact/);
  const { rows, seed, metrics } = JSON.parse((await ganc(['eval', 'clips', '--json', '--rows', 'held-out,unseen,training'], { cwd, env })).stdout);
  expect(rows.map((r: { rows: string; count: number }) => [r.rows, r.count])).toEqual([
    ['held_out', 40],
    ['unseen', 40],
    ['training', 360],
  ]);
  expect(seed).toBe('0');
  expect(metrics).toEqual(rows[0].metrics);
  // Pairs that are never seen are of 1, 4, 6 and 9 alone.
  const shares = rows.map((r: { metrics: { kinds: number[] } }) => r.metrics.kinds.map((share) => share > 0));
  expect(shares[1]).toEqual([false, true, false, false, true, false, true, false, false, true]);
  expect(shares[2]).toEqual(new Array(10).fill(true));
  for (const { metrics: m } of rows) {
    expect(m['exact.real']).toBeGreaterThan(0.9);
    expect(m['exact.heard']).toBeGreaterThan(0.9);
    expect(m['exact.chance']).toBeLessThan(0.5);
    expect(m.shapes).toBeGreaterThan(2);
  }
});
