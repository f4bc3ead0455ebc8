/** What a comparison says of itself while it runs, and of runs whose guards speak. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import type { CompareResults } from '../../runtime/compare/results.js';
import { ringSpec } from './ring.js';
import { ganc, temporaryFolder } from './support.js';

const cwd = temporaryFolder();
const env = { XDG_CACHE_HOME: join(cwd, 'cache') };
const resultsOf = (folder: string) => JSON.parse(readFileSync(join(cwd, folder, 'results.json'), 'utf8')) as CompareResults;
const reportOf = (folder: string): string => readFileSync(join(cwd, folder, 'report.html'), 'utf8');

beforeAll(() => {
  // The variant hardly listens to its noise: samples are all but one and the same.
  const text = ringSpec({ steps: 300, more: 'metric far = E[abs(G(z))]\n' });
  writeFileSync(join(cwd, 'small.gan'), `hyper loud = 1\n${text.replace('{ z |>', '{ loud * z |>')}`);
});

describe('report.html', () => {
  test('is written again when a run has ended, and says that it grows; in the end it does not', async () => {
    let over = false;
    const whole = ganc(['compare', 'small.gan', '--sweep', 'loud=1,2', '--seeds', '1', '--budget', '500 steps', '--out', 'grown'], { cwd, env });
    void whole.finally(() => {
      over = true;
    });
    let seen = '';
    while (!over && !seen.includes('<dt>Runs</dt><dd>1 of 2 finished</dd>')) {
      await setTimeout(50);
      seen = existsSync(join(cwd, 'grown/report.html')) ? reportOf('grown') : '';
    }
    const results = resultsOf('grown');
    const made = await whole;
    expect(made.code, made.stderr).toBe(0);
    expect(seen).toContain('<p class="growing">Still under way: this page is written again as it goes on');
    expect(seen).toContain('http-equiv="refresh"');
    expect(seen).toContain('<dt>Runs</dt><dd>1 of 2 finished</dd>');
    expect(seen).toMatch(/<dt>As of<\/dt><dd>2\d{3}-\d\d-\d\d \d\d:\d\d:\d\d<\/dd>/);
    expect(seen).toContain('Best so far by far');
    expect(results.runs[0].status).toBe('finished');
    const last = reportOf('grown');
    expect(last).toContain('<dt>Runs</dt><dd>2 of 2 finished</dd>');
    expect(last).not.toMatch(/class="growing"|http-equiv="refresh"|so far|As of/);
  });

  test('where it cannot be written the comparison goes on, and says so once', async () => {
    let hindered = false;
    const made = await ganc(['compare', 'small.gan', '--sweep', 'loud=1,2', '--seeds', '1', '--budget', '60 steps', '--out', 'hindered'], {
      cwd,
      env,
      watch: (stderr) => {
        if (hindered || !stderr.includes('run 1 of 2')) return;
        hindered = true;
        mkdirSync(join(cwd, 'hindered/report.html'));
      },
    });
    expect(made.code, made.stderr).toBe(0);
    expect(made.stderr.match(/warning: the report could not be written/g)).toHaveLength(1);
    expect(resultsOf('hindered')).toMatchObject({ status: 'finished', runs: [{ status: 'finished' }, { status: 'finished' }] });
  });
});

describe('--guard', () => {
  const words = ['compare', 'small.gan', '--sweep', 'loud=1,1e-4', '--seeds', '1', '--metric', 'far', '--checkpoint-every', '50'];

  test('stop: the run ends where the guard spoke and counts as diverged, in the table, the report, results and CSV', async () => {
    const made = await ganc([...words, '--guard', 'stop', '--out', 'stopped', '--csv', 'runs.csv'], { cwd, env });
    expect(made.code, made.stderr).toBe(0);
    const results = resultsOf('stopped');
    expect(results.asked.guard).toBe('stop');
    expect(results.command).toBe(`ganc ${words.join(' ')} --guard stop`);
    const [loud, low] = results.runs;
    expect(loud).toMatchObject({ status: 'finished', step: 300 });
    expect(loud.guards).toBeUndefined();
    expect(low).toMatchObject({ status: 'diverged', guards: [{ guard: 'generator', done: 'stopped' }] });
    expect(low.message).toMatch(/^a guard stopped it at step \d+: /);
    expect(low.step).toBe(250);
    expect(made.stdout).toMatch(/small loud=1e-4 .* 0 of 1, 1 diverged, guards in 1 /);
    expect(reportOf('stopped')).toContain('<small>guards in 1: the generator has collapsed, stopped</small>');
    expect(reportOf('stopped')).toContain('<dt>Guards</dt><dd>they stop a run, which counts as diverged</dd>');
    expect(readFileSync(join(cwd, 'runs.csv'), 'utf8')).toMatch(/generator at step \d+: stopped/);
    expect(JSON.parse(readFileSync(join(cwd, 'stopped', low.folder, 'run.json'), 'utf8'))).toMatchObject({ guard: 'stop', status: 'stopped' });
    const page = readFileSync(join(cwd, 'stopped', low.folder, 'index.html'), 'utf8');
    expect(page.match(/the generator has collapsed/g)).toHaveLength(1);
    // It is over: the same command does nothing more.
    const again = await ganc(['compare', '--resume', 'stopped', '-q'], { cwd, env });
    expect(again).toMatchObject({ code: 0, stdout: made.stdout });
    expect(resultsOf('stopped').runs).toEqual(results.runs);
  });

  test('by default they warn; another way is another comparison; of what is no way it is said', async () => {
    const made = await ganc([...words, '--out', 'warned'], { cwd, env });
    expect(made.code, made.stderr).toBe(0);
    const warned = resultsOf('warned');
    expect(warned.runs[1]).toMatchObject({ status: 'finished', step: 300, guards: [{ guard: 'generator', done: 'warned' }] });
    expect(warned.request).not.toBe(resultsOf('stopped').request);
    const off = await ganc([...words, '--guard', 'off', '--out', 'warned'], { cwd, env });
    expect(off.code).toBe(1);
    expect(off.stderr).toContain('warned holds another comparison');
    expect((await ganc([...words, '--guard', 'maybe'], { cwd, env })).code).toBe(2);
  });

  test('the same in processes of their own', async () => {
    const made = await ganc([...words, '--guard', 'off', '--jobs', '2', '--out', 'apart'], { cwd, env });
    expect(made.code, made.stderr).toBe(0);
    expect(resultsOf('apart').runs.map(({ status, guards }) => [status, guards])).toEqual([
      ['finished', undefined],
      ['finished', undefined],
    ]);
  });
});
