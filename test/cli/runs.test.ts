/** `ganc runs`: runs found, filtered and put in order. */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { ringSpec } from './ring.js';
import { ganc, temporaryFolder } from './support.js';

const cwd = temporaryFolder();

/** A folder as a training leaves it, made from a real one. */
function run(folder: string, record: object, lines: readonly object[]): void {
  const path = join(cwd, folder);
  mkdirSync(path, { recursive: true });
  cpSync(join(cwd, 'real', 'run.json'), join(path, 'run.json'));
  const real = JSON.parse(readFileSync(join(path, 'run.json'), 'utf8'));
  writeFileSync(join(path, 'run.json'), JSON.stringify({ ...real, ...record }));
  writeFileSync(join(path, 'metrics.jsonl'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
}

beforeAll(async () => {
  writeFileSync(join(cwd, 'tiny.gan'), ringSpec({ width: '8', steps: 3, more: 'metric far = E[abs(G(z))]\n' }));
  const trained = await ganc(['train', 'tiny.gan', '--seed', '7', '--metrics', '--out', 'real'], { cwd });
  expect(trained.code).toBe(0);
  const step = (n: number, D: number) => ({ step: n, seconds: n, losses: { D, G: 1 } });
  run('runs/a', { name: 'ring', started: '2026-01-01T10:00:00.000Z', hyper: { width: 8, rate: 0.1 }, steps: 90, step: 90 }, [
    step(90, 1.25),
    { step: 90, metrics: { fid: 12.5, rows: [1, 2] } },
  ]);
  run('runs/b', { name: 'ring', started: '2026-01-03T10:00:00.000Z', hyper: { width: 32, rate: 0.1 }, steps: 90, step: 90, seconds: 3700 }, [
    { step: 40, metrics: { fid: 99 } },
    step(90, 0.5),
    { step: 90, metrics: { fid: 7 } },
    { step: 90, figures: { modes: 8, of: 8, near: 0.96, samples: 2000 } },
  ]);
  run('runs/grid/deep/c', { name: 'clips', started: '2026-01-02T10:00:00.000Z', hyper: {}, steps: 90, step: 40, status: 'running' }, [
    step(41, 3),
    { step: 41, metrics: { fid: 'NaN' } },
  ]);
  run('runs/grid/d', { name: 'clips', started: '2026-01-02T09:00:00.000Z', hyper: {}, status: 'diverged', guards: [{ what: 'D has won' }] }, []);
  mkdirSync(join(cwd, 'runs/broken'));
  writeFileSync(join(cwd, 'runs/broken/run.json'), '{');
}, 60_000);

const folders = (text: string): string[] =>
  text
    .split('\n')
    .slice(1)
    .flatMap((line) => /^runs\/\S+/.exec(line) ?? []);

test('a real run: what run.json and metrics.jsonl say of it', async () => {
  const [found] = JSON.parse((await ganc(['runs', 'real', '--json'], { cwd })).stdout);
  expect(found).toMatchObject({ folder: 'real', name: 'tiny', seed: '7', status: 'finished', step: 3, steps: 3, settings: { width: 8 }, guards: [] });
  const lines = readFileSync(join(cwd, 'real/metrics.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(found.losses).toEqual(lines.find(({ step, losses }) => step === 3 && losses).losses);
  expect(found.metrics).toMatchObject({ far: lines.find(({ metrics }) => metrics).metrics.far, modes: expect.any(Number) });
});

test('all of a folder and the folders in it, those begun last first; what is damaged is said', async () => {
  const { code, stdout, stderr } = await ganc(['runs'], { cwd });
  expect(code).toBe(0);
  expect(folders(stdout)).toEqual(['runs/b', 'runs/grid/deep/c', 'runs/grid/d', 'runs/a']);
  expect(stderr).toMatch(/^warning: runs\/broken cannot be used as a run/);
  const row = (name: string) => stdout.split('\n').find((line) => line.startsWith(`runs/${name} `));
  expect(row('b')).toMatch(/ring +width=32 +7 +90 +finished +1:01:40 +D 0\.5000 {2}G 1 +fid 7 {2}modes 8 {2}near 0\.9600 +2026-01-03 10:00/);
  // Of settings those that not all of a spec have alike; nobody holds the lock of c.
  expect(row('a')).not.toContain('rate');
  expect(row('grid/deep/c')).toMatch(/41\/90 +interrupted/);
  expect(row('grid/d')).toContain('diverged*');
});

test('filters hold all at once: texts with *, numbers as numbers', async () => {
  for (const [filters, expected] of [
    [['name=ring'], ['runs/b', 'runs/a']],
    [['name=RI*'], ['runs/b', 'runs/a']],
    [['status!=finished'], ['runs/grid/deep/c', 'runs/grid/d']],
    [['fid<10'], ['runs/b']],
    [['fid>=12.50'], ['runs/a']],
    [['width=32', 'name=ring'], ['runs/b']],
    [['D>0.5', 'status=finished'], ['runs/a']],
    [['near>0.99'], []],
  ] as const) {
    const result = await ganc(['runs', ...filters.flatMap((filter) => ['--filter', filter])], { cwd });
    expect(folders(result.stdout), filters.join(' ')).toEqual(expected);
    expect(result.code).toBe(0);
  }
});

test('in the order of a metric; runs without it last', async () => {
  const by = async (name: string) => folders((await ganc(['runs', '--sort', name], { cwd })).stdout);
  expect((await by('fid')).slice(0, 2)).toEqual(['runs/a', 'runs/b']);
  expect((await by('fid:low')).slice(0, 2)).toEqual(['runs/b', 'runs/a']);
  expect((await by('near'))[0]).toBe('runs/b');
});

test('mistakes: a name that no run has, a filter that is none, a folder that is not there', async () => {
  for (const [args, code, words] of [
    [['runs', '--filter', 'fdi>1'], 1, "did you mean 'fid'?"],
    [['runs', '--sort', 'lr'], 1, "no run here has 'lr'"],
    [['runs', '--filter', 'fid'], 2, 'name=value'],
    [['runs', 'nowhere'], 1, 'there is no folder nowhere'],
  ] as const) {
    const result = await ganc([...args], { cwd });
    expect(result.stderr, args.join(' ')).toContain(words);
    expect(result.code, args.join(' ')).toBe(code);
  }
});
