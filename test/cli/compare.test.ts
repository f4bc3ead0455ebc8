/** `ganc compare` as a user calls it: on a GPU, small. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { LiveLines } from '../../cli/compare/live.js';
import { sparkline } from '../../cli/compare/table.js';
import type { Output } from '../../cli/terminal.js';
import type { CompareResults } from '../../runtime/compare/results.js';
import { ringSpec } from './ring.js';
import { ganc, temporaryFolder } from './support.js';

const cwd = temporaryFolder();
const env = { XDG_CACHE_HOME: join(cwd, 'cache') };
const spec = ringSpec({
  width: '16 in [8, 16, 32]',
  ring: 'modes: 4, std: 0.05, count: 4000',
  batch: 32,
  average: 0.9,
  more: `judge J(x) -> {mode} { x |> linear(16) |> relu |> linear(4) }
metric largest = largest_share(J(G(z)))
metric each = shares(J(G(z)))
variant fast { train { G with adam(lr: 1e-2), average 0.9 } }
`,
});

beforeAll(() => {
  writeFileSync(join(cwd, 'small.gan'), spec);
  writeFileSync(join(cwd, 'twin.gan'), spec);
  writeFileSync(join(cwd, 'wrong.gan'), spec.replace('relu |> linear(2)', 'relu |> linear(3)'));
});

const resultsOf = (folder: string) => JSON.parse(readFileSync(join(cwd, folder, 'results.json'), 'utf8')) as CompareResults;

/** Metrics that a run has written. */
const linesOf = (run: string): string => {
  const path = join(cwd, run, 'metrics.jsonl');
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
};

/** What must be the same however often it was stopped. */
const lasting = ({ runs }: CompareResults) => runs.map(({ seconds: _, ...run }) => run);

test('specs, variants and seeds: ranked, with one judge for all; ordinary runs; JSON, CSV and the same figures from eval', async () => {
  const words = ['small.gan', 'twin.gan', '--seeds', '2', '--metric', 'largest:low', '--checkpoint-every', '20'];
  const made = await ganc(['compare', ...words, '--json', '--csv', 'runs.csv'], { cwd, env });
  expect(made.code, made.stderr).toBe(0);
  const results = JSON.parse(made.stdout) as CompareResults & { folder: string };
  expect(results.folder).toBe('compare/small-twin-1');
  expect(results).toMatchObject({ status: 'finished', repeats: true, metric: { name: 'largest', lowest: true }, seeds: ['0', '1'] });
  expect(results.command).toBe(`ganc compare ${words.join(' ')}`);
  const { folder: _, ...kept } = results;
  expect(resultsOf('compare/small-twin-1')).toEqual(kept);
  expect(results.entries.map(({ label }) => label)).toEqual(['small', 'twin']);
  // Equal specs, equal figures.
  const [small, twin] = results.entries;
  expect(twin.rank).toBe(small.rank);
  expect(twin.summary?.held_out.largest.mean).toBe(small.summary?.held_out.largest.mean);
  expect(twin.summary?.held_out.largest.paired).toMatchObject({ n: 2, mean: 0, greater: 0, smaller: 0 });
  expect(results.runs.map(({ seed }) => seed)).toEqual(['0', '0', '1', '1']);
  expect(results.runs[2].measured).not.toEqual(results.runs[0].measured);
  for (const run of results.runs) {
    expect(run).toMatchObject({ status: 'finished', step: 40, steps: 40, flops: 40 * small.flopsPerStep!, parameters: 179 });
    expect(run.curve.map(({ step }) => step)).toEqual([20, 40]);
    expect(run.curve[1].value).toBeCloseTo(Number(run.measured?.[0].metrics.largest), 6);
    expect(existsSync(join(cwd, results.folder, run.folder, 'index.html'))).toBe(true);
  }
  expect(readdirSync(join(cwd, 'cache/ganc/judges'))).toHaveLength(1);
  const last = results.runs[3];
  const measured = JSON.parse((await ganc(['eval', join(results.folder, last.folder), '--json'], { cwd, env })).stdout);
  expect(measured).toMatchObject({ metrics: { largest: last.measured?.[0].metrics.largest }, judges: last.measured?.[0].judges });
  expect(readdirSync(join(cwd, 'cache/ganc/judges'))).toHaveLength(1);
  const csv = readFileSync(join(cwd, 'runs.csv'), 'utf8').trim().split('\r\n');
  expect(csv).toHaveLength(5);
  expect(csv[4]).toContain(String(last.measured?.[0].metrics.largest));
  for (const text of ['2 entries, 2 seeds: 4 runs', 'FLOPs a step', 'less is better', 'run 4 of 4  twin, seed 1: largest', 'too few for a test'])
    expect(made.stderr).toContain(text);
});

test('a wrong spec among others: they run, it is reported where it is wrong, and the exit code is 1', async () => {
  const made = await ganc(['compare', 'small.gan', 'wrong.gan', 'mising.gan', '--seeds', '1', '--out', 'among'], { cwd, env });
  expect(made.code).toBe(1);
  expect(made.stderr).toMatch(/wrong\.gan:5:17: error GAN3012/);
  expect(made.stderr).toContain('there is no file mising.gan');
  const { entries, runs, status } = resultsOf('among');
  expect(status).toBe('finished');
  expect(runs.map((run) => [run.entry, run.status])).toEqual([['small', 'finished']]);
  expect(entries.map(({ mistake }) => mistake?.split('\n')[0].slice(0, 24))).toEqual([undefined, 'wrong.gan:5:17: error GA', 'there is no file mising.']);
  expect(made.stdout).toMatch(/1 +small .*\n- +wrong .*the spec is wrong/);
});

test('stopped by a signal, the same command goes on, and comes to the same as without', async () => {
  const words = ['compare', 'small.gan', '--variants', 'fast', '--seeds', '1', '--budget', '1500', 'steps', '--checkpoint-every', '500'];
  let sent = false;
  const stopped = await ganc(words, {
    cwd,
    env,
    watch: (stderr, kill) => {
      if (sent || !stderr.includes('run 2 of 2  small:fast, seed 0')) return;
      sent = true;
      // In the midst of its steps: after its first checkpoint, and at none.
      void (async () => {
        while (!/"step":540,/.test(linesOf('compare/small-1/runs/small-fast-seed-0'))) await setTimeout(10);
        kill('SIGINT');
      })();
    },
  });
  expect(stopped.code).toBe(130);
  expect(stopped.stderr).toContain('stopped: 1 of 2 runs are done; go on with: ganc compare --resume compare/small-1');
  const before = resultsOf('compare/small-1');
  expect(before.runs.map(({ status }) => status)).toEqual(['finished', 'stopped']);
  expect(before.runs[1].step).toBeGreaterThan(500);
  expect(before.runs[1].step).toBeLessThan(1500);
  const on = await ganc(words, { cwd, env });
  expect(on.code, on.stderr).toBe(0);
  expect(on.stderr).toContain('folder      compare/small-1, going on: 1 of 2 runs are done');
  const whole = await ganc([...words, '--out', 'whole'], { cwd, env });
  expect(whole.code).toBe(0);
  expect(lasting(resultsOf('compare/small-1'))).toEqual(lasting(resultsOf('whole')));
  expect(JSON.parse(readFileSync(join(cwd, 'compare/small-1/runs/small-fast-seed-0/run.json'), 'utf8')).resumed).toHaveLength(1);
  // Brought to its end: nothing runs again, and its table is shown.
  const shown = await ganc(['compare', '--resume', 'compare/small-1', '-q'], { cwd, env });
  expect(shown).toMatchObject({ code: 0, stdout: on.stdout });
});

test('under a budget of FLOPs a wider net gets fewer steps, and all get as many FLOPs', async () => {
  const made = await ganc(
    ['compare', 'small.gan', '--sweep', 'width=8,32', '--seeds', '1', '--budget', '4e6 flops', '--checkpoint-every', '1000', '--json', '-q'],
    { cwd, env },
  );
  expect(made.code, made.stderr).toBe(0);
  const { runs, entries } = JSON.parse(made.stdout) as CompareResults;
  expect(entries.map(({ label, settings, hyper }) => [label, settings, hyper])).toEqual([
    ['small width=8', { width: '8' }, { width: 8 }],
    ['small width=32', { width: '32' }, { width: 32 }],
  ]);
  expect(runs[1].flopsPerStep / runs[0].flopsPerStep).toBeGreaterThan(2);
  for (const run of runs) {
    expect(run.step).toBe(Math.floor(4e6 / run.flopsPerStep));
    expect(run.step).toBeGreaterThan(10);
  }
});

test('a search draws settings from the declared ranges, beside the spec itself', async () => {
  const words = ['--search', 'random', '1', 'small.gan', '--seeds', '1', '--budget', '2 steps'];
  const made = await ganc(['compare', ...words, '--json', '-q'], { cwd, env });
  expect(made.code, made.stderr).toBe(0);
  const { entries, runs, command } = JSON.parse(made.stdout) as CompareResults;
  expect(command).toBe("ganc compare small.gan --search random 1 --seeds 1 --budget '2 steps'");
  expect(entries).toHaveLength(2);
  expect(entries[0].settings).toEqual({});
  expect(['8', '16', '32']).toContain(entries[1].settings.width);
  expect(entries[1].hyper?.width).toBe(Number(entries[1].settings.width));
  expect(runs.map(({ status }) => status)).toEqual(['finished', 'finished']);
});

describe('what cannot be compared', () => {
  test.each([
    [['small.gan', '--budget', '5 minuets'], 1, ["'5 minuets' is no budget", "did you mean 'minutes'?"]],
    [['small.gan', '--metric', 'larges'], 1, ["no metric 'larges'", "did you mean 'largest'?"]],
    [['small.gan', '--metric', 'each'], 1, ["metric 'each' cannot decide", 'it has 4 numbers']],
    [['small.gan', '--variants', 'fats'], 2, ["no spec has a variant 'fats'", "did you mean 'fast'?"]],
    [['small.gan', '--sweep', 'width'], 2, ['Write name=value,value']],
    [['small.gan', '--sweep', 'widht=1,2'], 1, ['no hyper `widht`', 'did you mean `width`?', 'there is nothing to compare']],
    [['small.gan', '--search', 'grid', '3'], 2, ["'--search grid 3' is no search", 'write --search random 20']],
    [['small.gan', '--search', 'random', '3', '--set', 'width=8'], 2, ['no hyper with a range', 'all that it declares are swept or set']],
    [['small.gan', '--halving'], 2, ['halving lets a third go on, and of 2 there is none', 'compare three or more']],
    [['small.gan', '--variants', 'none', '--halving'], 2, ['and of 1 there is none']],
    [['-'], 2, ['save the spec to a file']],
    [[], 2, ['nothing to compare', 'ganc compare a.gan b.gan']],
    [['--resume', 'nowhere'], 1, ['nowhere holds no comparison']],
    [['wrong.gan'], 1, ['GAN3012', 'there is nothing to compare']],
    [['small.gan', '--csv', 'no/such/runs.csv'], 2, ['there is no folder no/such']],
    [['small.gan', '--sweep', 'width=16,300000000'], 1, ['small width=300000000 cannot be trained', 'or compare without it (nothing was trained)']],
  ] as const)('%j', async (words, code, texts) => {
    const made = await ganc(['compare', ...words, '--out', 'refused'], { cwd, env });
    expect(made.code, made.stderr).toBe(code);
    for (const text of texts) expect(made.stderr).toContain(text);
    expect(made.stderr).not.toContain('fault of ganc');
    expect(existsSync(join(cwd, 'refused'))).toBe(false);
  });

  test('a comparison of a spec that has changed since does not go on; another one does not take its folder', async () => {
    writeFileSync(join(cwd, 'moving.gan'), spec);
    const first = await ganc(['compare', 'moving.gan', '--variants', 'fast', '--seeds', '1', '--out', 'moved', '--budget', '2 steps'], { cwd, env });
    expect(first.code, first.stderr).toBe(0);
    const other = await ganc(['compare', 'moving.gan', '--seeds', '1', '--out', 'moved', '--budget', '3 steps'], { cwd, env });
    expect(other.code).toBe(1);
    expect(other.stderr).toContain('moved holds another comparison');
    writeFileSync(join(cwd, 'moving.gan'), spec.replace('lr: 1e-2', 'lr: 2e-2'));
    const on = await ganc(['compare', '--resume', 'moved'], { cwd, env });
    expect(on.code).toBe(1);
    expect(on.stderr).toContain('cannot go on with moved: moving, moving:fast changed since it began');
    expect(on.stderr).toContain('compare anew: ganc compare moving.gan');
  });
});

test('lines on a terminal are drawn in their place, cut to its size', () => {
  let shown = '';
  const write = (text: string): void => {
    shown += text;
  };
  const live = new LiveLines(Object.assign(write, { terminal: true, width: 11, colors: undefined }) as unknown as Output, () => 6);
  live.draw(() => 'a\nb', true);
  expect(shown).toBe('a\nb\n');
  shown = '';
  live.draw(() => '123456789012345\n2\n3\n4\n5\nlast', true);
  expect(shown).toBe('\x1b[2A\x1b[J1234567890\n2\n... and 3 m\nlast\n'.replace('3 m', '3 more').replace('... and 3 more', '... and 3 '));
  shown = '';
  live.draw(() => 'too soon');
  expect(shown).toBe('');
  live.clear();
  live.clear();
  expect(shown).toBe('\x1b[4A\x1b[J');
});

test('a sparkline goes from the lowest to the highest', () => {
  expect(sparkline([0, 1, 2, 3, 4, 5, 6, 7])).toBe('▁▂▃▄▅▆▇█');
  expect(sparkline([1, Number.NaN, 3], [1, 5])).toBe('▁.▅');
  expect(sparkline([2, 2])).toBe('▅▅');
});
