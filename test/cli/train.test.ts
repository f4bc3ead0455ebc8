/** Whole runs on a small spec: init to pictures, resume, refusals, signals. */
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PNG } from 'pngjs';
import { beforeAll, expect, test } from 'vitest';
import { readSafetensors, writeSafetensors } from '../../runtime/train/safetensors.js';
import { ganc, temporaryFolder } from './support.js';

const cwd = temporaryFolder();
const spec = `
data points = ring(count: 2000) { x: vector[2] }
hyper width = 16
noise z: normal[2]
net G(z) -> vector[2] { z |> linear(width) |> relu |> linear(2) }
net D(x) { x |> linear(width) |> leaky_relu(0.2) |> dropout(0.3) |> linear(1) |> sigmoid }
game {
  fake = G(z)
  D maximizes E[log(D(x))] + E[log(1 - D(fake))]
  G maximizes E[log(D(fake))]
}
train {
  batch 16   steps 30
  D with adam(lr: 1e-3, beta1: 0.5)
  G with adam(lr: 1e-3, beta1: 0.5)
}
sample point = G(z)
`;

beforeAll(() => writeFileSync(join(cwd, 'small.gan'), spec));

/** Bytes of all tensors of a checkpoint, by name. */
async function weights(run: string, step: number): Promise<Record<string, string>> {
  const tensors = await readSafetensors(join(cwd, run, 'checkpoints', `step-${String(step).padStart(8, '0')}.safetensors`));
  return Object.fromEntries([...tensors].map(([name, t]) => [name, Buffer.from(t.bytes).toString('base64')]));
}

test('init, a few steps, sample: pictures and numbers', async () => {
  expect((await ganc(['init', 'first'], { cwd })).code).toBe(0);
  const trained = await ganc(['train', 'first/gan.gan', '--set', 'width=32', '--steps', '3', '--out', 'first/run'], { cwd });
  expect(trained.stderr).toMatch(/^memory {6}weights [\d.]+ MiB, optimizer [\d.]+ MiB,.* data 7\.5 MiB.*: [\d.]+ MiB/m);
  expect(trained.stderr).toMatch(/step 3\/3/);
  expect(trained.stderr).not.toContain('\r');
  expect(trained).toMatchObject({ code: 0, stdout: 'first/run\n' });
  const pictures = readdirSync(join(cwd, 'first/run/samples')).filter((name) => name.endsWith('.png'));
  expect(pictures).toHaveLength(1);
  expect(readdirSync(join(cwd, 'first/run'))).toEqual(expect.arrayContaining(['run.json', 'metrics.jsonl', 'checkpoints', 'samples']));

  const picture = await ganc(['sample', 'first/run', '--count', '4', '-o', 'out/four.png'], { cwd });
  expect(picture).toMatchObject({ code: 0, stdout: 'out/four.png\n' });
  expect(PNG.sync.read(readFileSync(join(cwd, 'out/four.png'))).width).toBeGreaterThanOrEqual(56);
  expect((await ganc(['sample', 'first/run', '--count', '70', '-o', 'out/many.safetensors'], { cwd })).code).toBe(0);
  const [[, numbers]] = await readSafetensors(join(cwd, 'out/many.safetensors'));
  expect(numbers.shape).toEqual([70, 1, 28, 28]);
  expect(numbers.data.every((v) => Math.abs(v) <= 1)).toBe(true);
});

test('100 steps are 37 steps, resume, 63 steps, bit for bit; the same seed gives the same bits, another seed others', async () => {
  const go = (...args: string[]) => ganc(['train', ...args], { cwd });
  expect((await go('small.gan', '--seed', '5', '--steps', '100', '--out', 'whole')).code).toBe(0);
  expect((await go('small.gan', '--seed', '5', '--out', 'parts', '--steps', '37')).code).toBe(0);
  const resumed = await go('small.gan', '--resume', 'parts', '--steps', '100');
  expect(resumed.stderr).toContain('going on from step 37');
  expect(resumed.code).toBe(0);
  const whole = await weights('whole', 100);
  expect(Object.keys(whole).length).toBeGreaterThan(8);
  expect(await weights('parts', 100)).toEqual(whole);
  expect((await go('small.gan', '--seed', '6', '--steps', '100', '--out', 'other')).code).toBe(0);
  expect(await weights('other', 100)).not.toEqual(whole);
}, 300_000);

test('a compiled program trains to the same bits as its spec; --set comes too late for it', async () => {
  expect(await ganc(['compile', 'small.gan', '-o', 'built'], { cwd })).toMatchObject({ code: 0, stdout: 'built\n' });
  expect((await ganc(['train', 'built', '--seed', '5', '--steps', '11', '--out', 'compiled'], { cwd })).code).toBe(0);
  expect((await ganc(['train', 'small.gan', '--seed', '5', '--steps', '11', '--out', 'direct'], { cwd })).code).toBe(0);
  expect(await weights('compiled', 11)).toEqual(await weights('direct', 11));
  const late = await ganc(['train', 'built', '--set', 'width=8'], { cwd });
  expect(late.code).toBe(2);
  expect(late.stderr).toContain('ganc compile');
  mkdirSync(join(cwd, 'mine'));
  writeFileSync(join(cwd, 'mine/thesis.txt'), 'precious');
  expect((await ganc(['compile', 'small.gan', '-o', 'mine'], { cwd })).code).toBe(1);
  expect(readdirSync(join(cwd, 'mine'))).toEqual(['thesis.txt']);
  writeFileSync(join(cwd, 'built/program.json'), '{"format": "ganc-program/1"}');
  const damaged = await ganc(['train', 'built'], { cwd });
  expect(damaged.code).toBe(1);
  expect(damaged.stderr).not.toMatch(/fault of ganc|\n\s+at /);
});

test('--json tells the story as lines; --quiet says nothing', async () => {
  const told = await ganc(['train', 'small.gan', '--json', '--steps', '2', '--out', 'told'], { cwd });
  const events = told.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(events.map((e) => e.event)).toEqual(expect.arrayContaining(['start', 'progress', 'samples', 'end']));
  expect(events.at(-1)).toMatchObject({ event: 'end', status: 'finished', step: 2 });
  expect(await ganc(['train', 'small.gan', '--quiet', '--steps', '2', '--out', 'hushed'], { cwd })).toEqual({ code: 0, stdout: 'hushed\n', stderr: '' });
});

test('what cannot be is refused before any work: exit 1 or 2, a reason, no folder left', async () => {
  for (const [args, code, words] of [
    [['train', 'none.gan'], 1, 'there is no file none.gan'],
    [['train'], 2, 'nothing to train'],
    [['train', 'small.gan', '--out', 'whole'], 1, 'already holds a run'],
    [['train', 'whole'], 2, '--resume whole'],
    [['train', 'small.gan', '--trace-steps', '1'], 2, '--trace'],
    [['train', 'small.gan', '--init', 'none.safetensors', '--out', 'x'], 1, 'none.safetensors'],
    [['train', 'small.gan', '--set', 'width=32', '--resume', 'whole'], 1, 'changed'],
    [['train', 'small.gan', '--set', 'widht=32', '--out', 'x'], 1, 'width'],
    [['sample', 'first'], 1, 'holds no run'],
    [['sample', 'whole', '-o', 'x.avi'], 2, '.avi'],
    [['sample', 'whole', '-o', 'x.gif'], 1, 'what plays is a clip'],
  ] as [string[], number, string][]) {
    const result = await ganc(args, { cwd });
    expect(result.stderr, args.join(' ')).toContain(words);
    expect(result.code, args.join(' ')).toBe(code);
    expect(result.stderr).not.toMatch(/fault of ganc|\n\s+at /);
  }
  expect(existsSync(join(cwd, 'x'))).toBe(false);
});

test('a training that diverges ends with 4 and says who and when', async () => {
  writeFileSync(join(cwd, 'wild.gan'), spec.replace('E[log(D(fake))]', 'E[log(D(fake)) + exp(exp(exp(10 + abs(fake[0]))))]'));
  const wild = await ganc(['train', 'wild.gan', '--out', 'wild'], { cwd });
  expect(wild.code).toBe(4);
  expect(wild.stderr).toMatch(/diverged: G, step 1/);
  expect(wild.stderr).not.toMatch(/\n\s+at /);
});

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('%s: a checkpoint, exit %i, and the run goes on from there', async (signal, code) => {
  const run = `stopped-${code}`;
  let sent = false;
  const stopped = await ganc(['train', 'small.gan', '--steps', '1000000', '--out', run], {
    cwd,
    watch: (stderr, kill) => {
      if (!sent && stderr.includes('step ')) {
        sent = true;
        kill(signal);
      }
    },
  });
  expect(stopped.code).toBe(code);
  expect(stopped.stderr).toContain(`--resume ${run}`);
  const { step } = JSON.parse(readFileSync(join(cwd, run, 'run.json'), 'utf8'));
  expect(step).toBeGreaterThan(0);
  const resumed = await ganc(['train', '--resume', run, '--steps', String(step + 2)], { cwd });
  expect(resumed.code).toBe(0);
});

test('a torn checkpoint is not used: the one before it is', async () => {
  expect((await ganc(['train', 'small.gan', '--steps', '4', '--out', 'torn'], { cwd })).code).toBe(0);
  expect((await ganc(['train', '--resume', 'torn', '--steps', '6'], { cwd })).code).toBe(0);
  const last = join(cwd, 'torn/checkpoints/step-00000006.safetensors');
  writeFileSync(last, readFileSync(last).subarray(0, 3000));
  const resumed = await ganc(['train', '--resume', 'torn', '--steps', '8'], { cwd });
  expect(resumed.code).toBe(0);
  expect(resumed.stderr).toContain('going on from step 4');
});

test('--overfit and --init', async () => {
  copyFileSync(join(cwd, 'whole/checkpoints/step-00000100.safetensors'), join(cwd, 'w.safetensors'));
  const begun = await ganc(['train', 'small.gan', '--init', 'w.safetensors', '--overfit', '--steps', '2', '--out', 'again'], { cwd });
  expect(begun.stderr).not.toContain('error');
  expect(begun.code).toBe(0);
  expect(begun.stderr).toMatch(/\ninit {8}(\d+) of \1 weights given\n/);
  const part = await ganc(['train', 'small.gan', '--init', 'G=whole', '--steps', '1', '--out', 'part'], { cwd });
  expect(part.code).toBe(0);
  expect(part.stderr).toMatch(/\ninit {8}\d of \d weights given; fresh: D\.\w/);
  await writeSafetensors(join(cwd, 'bad.safetensors'), new Map([['G.linear.wieght', { dtype: 'f32', shape: [16, 2], data: new Float32Array(32) }]]));
  const bad = await ganc(['train', 'small.gan', '--init', 'bad.safetensors', '--out', 'x'], { cwd });
  expect(bad.code).toBe(1);
  expect(bad.stderr).toContain('G.linear.weight');
});
