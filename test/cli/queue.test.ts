/** `ganc compare --queue` and `ganc worker`: a comparison on several workers comes to what one process does, whoever dies in the midst of it. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Queue } from 'bullmq';
import { beforeAll, describe, expect, test } from 'vitest';
import type { CompareResults } from '../../runtime/compare/results.js';
import { newCertificate, noRedis, PASSWORD, Server, snapshotAt, WorkerProcess } from './queue-support.js';
import { ringSpec } from './ring.js';
import { ganc, temporaryFolder } from './support.js';

const cwd = temporaryFolder();
const STEPS = 3000;
/** Milliseconds: several processes take turns on few cores. */
const LONG = 400_000;
const words = ['compare', 'small.gan', '--seeds', '3', '--budget', `${STEPS} steps`, '--checkpoint-every', '1000'];
let server: Server;
let env: Record<string, string> = { XDG_CACHE_HOME: join(cwd, 'cache') };

beforeAll(() => {
  const more = 'metric spread = E[abs(G(z))]\n';
  writeFileSync(join(cwd, 'small.gan'), ringSpec({ ring: 'modes: 4, std: 0.05, count: 4000', batch: 32, average: 0.9, more }));
});

const resultsOf = (folder: string) => JSON.parse(readFileSync(join(cwd, folder, 'results.json'), 'utf8')) as CompareResults;
/** What must be the same wherever it was done. */
const lasting = ({ runs, entries }: CompareResults) => ({ runs: runs.map(({ seconds: _, device: __, ...run }) => run), entries });
const record = (folder: string) => JSON.parse(readFileSync(join(cwd, folder, 'run.json'), 'utf8'));

let alone: CompareResults | undefined;
/** In one process, one run after another. */
async function inOneProcess(): Promise<CompareResults> {
  if (alone === undefined) {
    const made = await ganc([...words, '--out', 'alone', '-q'], { cwd, env });
    expect(made.code, made.stderr).toBe(0);
    alone = resultsOf('alone');
  }
  return alone;
}

async function expectSame(folder: string): Promise<void> {
  const one = await inOneProcess();
  const results = resultsOf(folder);
  expect(lasting(results)).toEqual(lasting(one));
  expect(results.runs.map(({ status }) => status)).toEqual(['finished', 'finished', 'finished']);
  for (const run of one.runs) {
    const name = `checkpoints/step-${String(STEPS).padStart(8, '0')}.safetensors`;
    expect(readFileSync(join(cwd, folder, run.folder, name)).equals(readFileSync(join(cwd, 'alone', run.folder, name)))).toBe(true);
    for (const path of ['spec.gan', 'index.html', 'metrics.jsonl', 'samples', 'program/program.json'])
      expect(existsSync(join(cwd, folder, run.folder, path))).toBe(true);
  }
}

/** Nothing of a comparison stays behind. */
async function expectEmpty(): Promise<void> {
  const client = server.client();
  expect(await client.keys('ganc:*')).toEqual([]);
  expect((await client.keys('bull:ganc-jobs:*')).filter((key) => /:j[0-9a-f]{32}/.test(key))).toEqual([]);
  client.disconnect();
}

describe.skipIf(noRedis)(`with Redis${noRedis === false ? '' : ` (skipped: ${noRedis})`}`, () => {
  beforeAll(async () => {
    server = await Server.begin(cwd);
    env = { ...env, GANC_QUEUE: server.url };
  });

  test(
    'one of two workers is killed in mid-run: every run completes, once, with the same bits',
    async () => {
      const client = server.client();
      mkdirSync(join(cwd, 'scratch'));
      const workers = [await WorkerProcess.begin(cwd, env, '--scratch', 'scratch'), await WorkerProcess.begin(cwd, env, '--scratch', 'scratch')];
      const making = ganc([...words, '--out', 'two', '--queue', '--json'], { cwd, env });
      const pid = await snapshotAt(client, 1000);
      const killed = workers.find((worker) => worker.pid === pid)!;
      killed.kill('SIGKILL');
      await killed.closed;
      const made = await making;
      expect(made.code, made.stderr).toBe(0);
      expect(made.stderr).toMatch(/is gone or gave it back: another one goes on from step 1000/);
      const { runs } = JSON.parse(made.stdout) as CompareResults;
      expect(new Set(runs.map(({ entry, seed }) => `${entry} ${seed}`)).size).toBe(3);
      await expectSame('two');
      // The other one went on where it was, and trained no step before that again.
      const other = workers.find((worker) => worker.pid !== pid)!;
      expect(other.stderr).toContain('taken, from step 1000');
      expect(runs.filter(({ folder }) => record(join('two', folder)).resumed?.length === 1)).toHaveLength(1);
      for (const { device } of runs) expect(device).toBe(record(join('two', runs[0].folder)).device);
      // Nor does what the killed one left behind lie there for ever.
      const scratch = (): string[] => readdirSync(join(cwd, 'scratch')).filter((name) => name.startsWith(`ganc-job-${pid}-`));
      expect(scratch()).toHaveLength(1);
      const third = await WorkerProcess.begin(cwd, env, '--scratch', 'scratch');
      expect(scratch()).toHaveLength(0);
      third.kill('SIGKILL');
      other.kill('SIGTERM');
      expect(await other.closed).toBe(143);
      await expectEmpty();
      client.disconnect();
    },
    LONG,
  );

  test(
    'a worker that is stopped gives back, an asker that is stopped goes on; by way of a shared folder',
    async () => {
      const client = server.client();
      mkdirSync(join(cwd, 'shared'));
      const first = await WorkerProcess.begin(cwd, env, '--shared', 'shared');
      let stop: ((signal: NodeJS.Signals) => void) | undefined;
      const asked = ganc([...words, '--out', 'stopped', '--queue', '--shared', 'shared'], { cwd, env, watch: (_, kill) => void (stop = kill) });
      await snapshotAt(client, 1000);
      first.kill('SIGINT');
      expect(await first.closed).toBe(130);
      expect(first.stderr).toMatch(/small, seed 0: given back at step \d+/);
      const second = await WorkerProcess.begin(cwd, env, '--shared', 'shared');
      await second.until(/small, seed 0: finished/);
      await snapshotAt(client, 1000);
      stop?.('SIGINT');
      const ended = await asked;
      expect(ended.code, ended.stderr).toBe(130);
      const before = resultsOf('stopped');
      expect(before.runs[0].status).toBe('finished');
      expect(before.runs.slice(1).map(({ status }) => status)).not.toContain('running');
      await expectEmpty();
      const on = await ganc([...words, '--out', 'stopped', '--queue', '--shared', 'shared', '-q'], { cwd, env });
      expect(on.code, on.stderr).toBe(0);
      await expectSame('stopped');
      second.kill('SIGKILL');
      await second.closed;
      client.disconnect();
    },
    LONG,
  );

  test(
    'a queue that dies with all that it knew, and comes back: runs go on from what the asker has',
    async () => {
      const client = server.client();
      client.on('error', () => undefined);
      const worker = await WorkerProcess.begin(cwd, env);
      const making = ganc([...words, '--out', 'forgotten', '--queue'], { cwd, env });
      await snapshotAt(client, 1000);
      await server.kill();
      await sleep(500);
      await server.start();
      const made = await making;
      expect(made.code, made.stderr).toBe(0);
      expect(made.stderr).toContain(`the queue at ${server.shown} is gone; waiting for it`);
      expect(made.stderr).toContain('the queue has forgotten it');
      expect(made.stderr).not.toContain(PASSWORD);
      await expectSame('forgotten');
      worker.kill('SIGKILL');
      await worker.closed;
      client.disconnect();
    },
    LONG,
  );

  test(
    'halving on workers sends on what it does alone',
    async () => {
      const halved = ['compare', 'small.gan', '--sweep', 'width=8,16,32', '--seeds', '1', '--budget', '90 steps', '--metric', 'spread:low', '--halving', '-q'];
      const one = await ganc([...halved, '--out', 'halved-alone'], { cwd, env });
      expect(one.code, one.stderr).toBe(0);
      const worker = await WorkerProcess.begin(cwd, env, '--jobs', '2');
      const made = await ganc([...halved, '--out', 'halved', '--queue'], { cwd, env });
      expect(made.code, made.stderr).toBe(0);
      expect(lasting(resultsOf('halved'))).toEqual(lasting(resultsOf('halved-alone')));
      expect(
        resultsOf('halved')
          .runs.map(({ status }) => status)
          .sort(),
      ).toEqual(['finished', 'pruned', 'pruned']);
      await expectEmpty();
      worker.kill('SIGKILL');
      await worker.closed;
    },
    LONG,
  );

  test('what a worker refuses, with reasons', async () => {
    const worker = await WorkerProcess.begin(cwd, env, '--spec-size', '1');
    const queue = new Queue('ganc-jobs', { connection: server.client() });
    const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8'));
    const refused = async (data: object): Promise<string> => {
      const job = await queue.add('x', data);
      while ((await job.getState()) !== 'failed') await sleep(20);
      const { failedReason } = (await queue.getJob(job.id as string))!;
      await job.remove();
      return failedReason as string;
    };
    const run = {
      entry: 'x',
      spec: 'x.gan',
      settings: {},
      seed: '0',
      folder: 'runs/x',
      flopsPerStep: 1,
      status: 'waiting',
      step: 0,
      steps: 4,
      seconds: 0,
      flops: 0,
      curve: [],
    };
    const spec = { label: 'x', name: 'x', text: readFileSync(join(cwd, 'small.gan'), 'utf8'), set: {}, hash: 'ab'.repeat(32), base: '/' };
    const order = { format: 'ganc-job/1', ganc: version, job: { run, spec, share: 1, budget: { kind: 'own' }, judgeSeed: '0' } };
    expect(await refused({ ...order, ganc: '0.0.1' })).toContain(`it is of ganc 0.0.1, and the worker is ${version}`);
    expect(await refused({ ...order, job: { ...order.job, share: 2 } })).toContain('the job is malformed: order/job/share must be <= 1');
    expect(await refused({ ...order, job: { ...order.job, spec: { ...spec, text: '/'.repeat(2000) } } })).toContain(
      'its spec has 2.0 KiB, and 1.0 KiB are allowed',
    );
    expect(await refused({ ...order, shared: { file: `.ganc-${'0'.repeat(32)}`, text: 'x' } })).toContain('ganc worker --shared DIR');
    worker.kill('SIGKILL');
    await worker.closed;
    await queue.close();
  });

  const certificate = newCertificate(cwd);
  test.skipIf(certificate === undefined)(
    `by TLS, once its certificate is trusted${certificate === undefined ? ' (skipped: no openssl, or redis-server without TLS)' : ''}`,
    async () => {
      const secret = await Server.begin(cwd, certificate);
      const GANC_QUEUE = secret.url;
      const small = ['compare', 'small.gan', '--seeds', '1', '--budget', '20 steps', '--out', 'by-tls', '--queue'];
      for (const command of [small, ['worker', '--queue']]) {
        const refused = await ganc(command, { cwd, env: { ...env, GANC_QUEUE } });
        expect(refused.code, refused.stderr).toBe(3);
        expect(refused.stderr).toContain('signed by nobody that this machine knows');
        expect(refused.stderr).toContain('NODE_EXTRA_CA_CERTS=');
      }
      const trusting = { ...env, GANC_QUEUE, NODE_EXTRA_CA_CERTS: certificate!.certificate };
      const worker = await WorkerProcess.begin(cwd, trusting, '--queue');
      const made = await ganc(small, { cwd, env: trusting });
      expect(made.code, made.stderr).toBe(0);
      expect(resultsOf('by-tls').runs.map(({ status, step }) => [status, step])).toEqual([['finished', 20]]);
      worker.kill('SIGKILL');
      await worker.closed;
      await secret.kill();
    },
    LONG,
  );

  test.each([
    ['redis://127.0.0.1:1', 3, ['cannot use the queue at redis://127.0.0.1:1', 'nothing listens there', 'start one there']],
    ['redis://no.such.host.invalid:1', 3, ['there is no machine of that name']],
    ['http://127.0.0.1:1', 2, ["'http://127.0.0.1:1' is no address of a queue", 'write redis://HOST:PORT']],
    ['redis://:wrong@', 3, ['the password or user is wrong']],
    ['redis://', 3, ['it wants a password']],
    ['rediss://', 3, ['redis:// is without TLS, rediss:// with it']],
  ] as const)('%s', async (given, code, texts) => {
    const url = /^redi\S*\/\/(:wrong@)?$/.test(given) ? `${given}127.0.0.1:${server.port}` : given;
    for (const command of [
      ['compare', 'small.gan', '--out', 'refused', '--queue', url],
      ['worker', '--queue', url],
    ]) {
      const made = await ganc(command, { cwd, env });
      expect(made.code, made.stderr).toBe(code);
      for (const text of texts) expect(made.stderr).toContain(text);
      expect(made.stderr).not.toContain('wrong@');
      expect(existsSync(join(cwd, 'refused'))).toBe(false);
    }
  });
});
