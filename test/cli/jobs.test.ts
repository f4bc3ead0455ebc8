/** `ganc compare --jobs`: several processes at a time come to what one does, whatever becomes of them. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { beforeAll, expect, test } from 'vitest';
import type { CompareResults } from '../../runtime/compare/results.js';
import { ringSpec } from './ring.js';
import { ganc, temporaryFolder } from './support.js';

const cwd = temporaryFolder();
const env = { XDG_CACHE_HOME: join(cwd, 'cache') };

beforeAll(() => {
  const more = `judge J(x) -> {mode} { x |> linear(16) |> relu |> linear(4) }
metric largest = largest_share(J(G(z)))
variant fast { train { G with adam(lr: 1e-2), average 0.9 } }
`;
  writeFileSync(join(cwd, 'small.gan'), ringSpec({ ring: 'modes: 4, std: 0.05, count: 4000', batch: 32, average: 0.9, more }));
});

const resultsOf = (folder: string) => JSON.parse(readFileSync(join(cwd, folder, 'results.json'), 'utf8')) as CompareResults;
/** What must be the same however it was done. */
const lasting = ({ runs, entries }: CompareResults) => ({ runs: runs.map(({ seconds: _, ...run }) => run), entries });

/** Waits until a run has come to a step, and gives the process that has its folder. */
async function processAt(run: string, step: number): Promise<number> {
  const [metrics, lock] = ['metrics.jsonl', 'lock'].map((name) => join(cwd, run, name));
  while (!existsSync(metrics) || !readFileSync(metrics, 'utf8').includes(`"step":${step},`)) await setTimeout(10);
  return JSON.parse(readFileSync(lock, 'utf8')).pid;
}

const words = ['compare', 'small.gan', '--seeds', '2', '--budget', '300 steps', '--checkpoint-every', '100', '-q'];

test('two at a time come to the same bits as one; a process that is killed is a run that failed, and the others go on', async () => {
  const alone = await ganc([...words, '--out', 'alone'], { cwd, env });
  expect(alone.code, alone.stderr).toBe(0);
  const one = resultsOf('alone');
  expect(one.runs.map(({ status }) => status)).toEqual(['finished', 'finished', 'finished', 'finished']);

  const making = ganc([...words, '--out', 'two', '--jobs', '2', '--json'], { cwd, env });
  const pid = await processAt('two/runs/small-fast-seed-0', 120);
  process.kill(pid, 'SIGKILL');
  const made = await making;
  expect(made.code, made.stderr).toBe(3);
  const broken = JSON.parse(made.stdout) as CompareResults;
  expect(broken.runs.map(({ status }) => status)).toEqual(['finished', 'failed', 'finished', 'finished']);
  expect(broken.runs[1].message).toContain('its process was killed (SIGKILL)');
  expect(broken.runs[1].step).toBe(100);

  // The same again tries what failed, from its checkpoint.
  const again = await ganc([...words, '--out', 'two', '--jobs', '2'], { cwd, env });
  expect(again.code, again.stderr).toBe(0);
  expect(lasting(resultsOf('two'))).toEqual(lasting(one));
  for (const { folder } of one.runs) {
    const name = 'checkpoints/step-00000300.safetensors';
    expect(readFileSync(join(cwd, 'two', folder, name)).equals(readFileSync(join(cwd, 'alone', folder, name)))).toBe(true);
  }
  expect(JSON.parse(readFileSync(join(cwd, 'two', one.runs[1].folder, 'run.json'), 'utf8')).resumed).toHaveLength(1);
});

test('Ctrl-C stops all that are under way at a checkpoint, and the same command goes on with one process', async () => {
  let sent = false;
  const stopped = await ganc([...words.slice(0, -1), '--out', 'stopped', '--jobs', '3'], {
    cwd,
    env,
    watch: (stderr, kill) => {
      if (sent || !stderr.includes('run 3 of 4')) return;
      sent = true;
      void (async () => {
        await Promise.all(['small-seed-0', 'small-fast-seed-0', 'small-seed-1'].map((run) => processAt(`stopped/runs/${run}`, 10)));
        kill('SIGINT');
      })();
    },
  });
  expect(stopped.code, stopped.stderr).toBe(130);
  const before = resultsOf('stopped');
  expect(before.runs[3].status).toBe('waiting');
  for (const { status, step } of before.runs.slice(0, 3)) {
    expect(status).toBe('stopped');
    expect(step).toBeGreaterThan(0);
    expect(step).toBeLessThan(300);
  }
  const on = await ganc([...words, '--out', 'stopped'], { cwd, env });
  expect(on.code, on.stderr).toBe(0);
  const whole = existsSync(join(cwd, 'alone')) ? resultsOf('alone') : undefined;
  expect(lasting(resultsOf('stopped'))).toEqual(whole && lasting(whole));
});

test('`ganc job` is no command for people', async () => {
  const made = await ganc(['job'], { cwd, env });
  expect(made.code).toBe(2);
  expect(made.stderr).toContain('`ganc job` is started by ganc compare and ganc worker');
});
