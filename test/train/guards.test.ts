/** Guards: on courses of losses that were, on small trainings that go wrong, and on one that does not. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { checkpointName, readCheckpoint } from '../../runtime/train/checkpoint.js';
import { type Alarm, type GuardPlan, Guards } from '../../runtime/train/guards.js';
import { readRecords } from '../../runtime/train/metrics.js';
import { readSafetensors } from '../../runtime/train/safetensors.js';
import { ganc, temporaryFolder } from '../cli/support.js';

const cwd = temporaryFolder();
const plan: GuardPlan = { makers: ['G'], critics: ['D'], steps: 1000 };
/** Of trainings of specs/: the first steps and the last ones, to two digits. */
const kept: Record<string, Record<string, number[]>> = JSON.parse(readFileSync(join(import.meta.dirname, 'losses.json'), 'utf8'));

type Losses = Record<string, number>;
function alarms(of: (step: number) => Losses, steps: number, guards = new Guards(plan), first = 1): Alarm[] {
  return Array.from({ length: steps }, (_, i) => guards.losses(first + i, of(first + i))).filter((alarm) => alarm !== undefined);
}
const course = (name: string) => (step: number) => Object.fromEntries(Object.entries(kept[name]).map(([player, values]) => [player, values[step - 1]]));
const lengthOf = (name: string) => Object.values(kept[name])[0].length;

describe('losses', () => {
  test('a discriminator that tells all from all, and a generator whose slope is gone, as digits by the minimax objective came to', () => {
    const [first] = alarms(course('minimax'), lengthOf('minimax'));
    expect(first).toMatchObject({ guard: 'discriminator', sound: first.step - 300 });
    expect(first.what).toContain('loss of D was next to nothing');
    expect(first.help).toMatch(/maximize E\[log\(D\(fake\)\)\]/);
  });

  test('no alarm where it is ahead for a while, or by a margin for long, and the generator learns', () => {
    for (const name of ['sngan', 'infogan']) expect(alarms(course(name), lengthOf(name)), name).toEqual([]);
  });

  test('by each kind of loss: the generator at the ceiling of its loss, far off, or still moving', () => {
    const noise = (step: number) => Math.sin(step * 12.9898) * 0.5;
    const course = (d: (t: number) => number, g: (t: number) => number) => (step: number) => ({
      D: d(step / 1000) + 1e-4 * noise(step),
      G: g(step / 1000) + 0.01 * noise(step),
    });
    // LSGAN: (D(fake) - 1)^2 stays at 1; hinge: -D(fake) grows; Wasserstein, near its end: the loss of D is small, that of G goes about its ways.
    const lsgan = course(
      (t) => 0.5 * Math.exp(-20 * t),
      () => 1,
    );
    const hinge = course(
      (t) => 2 * Math.exp(-20 * t),
      (t) => 0.1 + 10 * t,
    );
    const wasserstein = (step: number) => ({ D: -20 * Math.exp(-step / 60), G: 3 + 2 * noise(step) });
    for (const lost of [lsgan, hinge]) expect(alarms(lost, 1000)[0]).toMatchObject({ guard: 'discriminator' });
    expect(alarms(wasserstein, 1000)).toEqual([]);
  });

  test('losses that grow without end; not those that grow at first, once, or for one step', () => {
    const [first] = alarms((step) => ({ D: -Math.exp(step / 60), G: Math.exp(step / 70) }), 1000);
    expect(first).toMatchObject({ guard: 'losses' });
    expect(first.what).toContain('that of D');
    expect(first.step).toBeLessThan(700);
    expect(alarms((step) => ({ D: step < 100 ? 1e-5 : 0.7, G: 0.7 }), 1000)).toEqual([]);
    expect(alarms((step) => ({ D: step % 97 === 0 ? 1e6 : 1.4, G: 0.7 }), 1000)).toEqual([]);
    expect(alarms((step) => ({ D: 1 + step / 20, G: -step / 10 }), 1000)).toEqual([]);
  });

  test('what was before a run was resumed counts', () => {
    const records = Array.from({ length: lengthOf('minimax') }, (_, i) => ({ step: i + 1, seconds: 0, losses: course('minimax')(i + 1) }));
    const whole = alarms(course('minimax'), records.length);
    const guards = new Guards(plan);
    guards.restore(records.slice(0, 487));
    expect(alarms(course('minimax'), records.length - 487, guards, 488)).toEqual(whole);
  });
});

test('samples all alike, twice in a row; modes that were lost', () => {
  const heard = (values: readonly number[], data?: number) => {
    const guards = new Guards(plan);
    return values.map((noise, i) => guards.variety(500 * (i + 1), 'digit', { noise, data })?.step);
  };
  expect(heard([0.001, 0.3, 0.004, 0.004], 0.3)).toEqual([undefined, undefined, undefined, 2000]);
  expect(heard([0.3, 0.01, 0.01])).toEqual([undefined, undefined, 1500]);
  expect(heard([0.3, 0.01, 0.3, 0.01, 0.3], 0.3)).toEqual([undefined, undefined, undefined, undefined, undefined]);
  expect(heard([0.3, 0.16, 0.16, 0.1], 0.33)).toEqual([undefined, undefined, undefined, undefined]);
  const modes = (counts: readonly number[]) => {
    const guards = new Guards(plan);
    return counts.map((modes, i) => guards.found(100 * (i + 1), { modes, of: 8, near: 0.9 })?.what);
  };
  expect(modes([2, 7, 3, 3])).toEqual([undefined, undefined, undefined, 'the generator has collapsed: its samples are at 3 of 8 modes, and were at 7']);
  expect(modes([1, 1, 1, 1, 1, 1])[5]).toBe('the generator has collapsed: its samples are at 1 of 8 modes');
  expect(modes([1, 3, 5, 4, 6, 8]).every((what) => what === undefined)).toBe(true);
});

/** A small GAN with these objectives. */
function spec(d: string, g: string, rate = '1e-3', game = ''): string {
  return `
data points = ring(count: 2000) { x: vector[2] }
noise z: normal[2]
net G(z) -> vector[2] { z |> linear(16) |> relu |> linear(2) }
net D(x) { x |> linear(16) |> leaky_relu(0.2) |> linear(1) }
game {
  fake = G(z)
  ${game}
  D minimizes ${d}
  G minimizes ${g}
}
train {
  batch 16   steps 100
  D with adam(lr: ${rate}, beta1: 0.5)
  G with adam(lr: ${rate}, beta1: 0.5)
}
sample point = G(z)
`;
}

const LOGISTIC = 'E[softplus(-D(x))] + E[softplus(D(fake))]';

/** The bytes of a checkpoint's tensors. */
async function weights(run: string, step: number): Promise<string[]> {
  const tensors = await readSafetensors(join(cwd, run, 'checkpoints', `step-${String(step).padStart(8, '0')}.safetensors`));
  return [...tensors].map(([name, { bytes }]) => `${name} ${Buffer.from(bytes).toString('base64')}`);
}
const record = (run: string) => JSON.parse(readFileSync(join(cwd, run, 'run.json'), 'utf8'));
const page = (run: string) => readFileSync(join(cwd, run, 'index.html'), 'utf8');

beforeAll(() => {
  const files = {
    healthy: spec(LOGISTIC, 'E[softplus(-D(fake))]'),
    // The slope of |fake| has no end; its logarithm has none from step 41 on.
    wild: spec(LOGISTIC, 'E[softplus(-D(fake))] +\n    0.001 * E[log(40 - step + 0 * abs(fake))]'),
    // Of draws, one in 2,000 is below.
    unlucky: spec(LOGISTIC, 'E[softplus(-D(fake))] + 0.001 * E[log(e - 0.0005)]', '1e-3', 'e = uniform()'),
    squares: spec('E[softplus(-D(x))] + E[softplus(D(exp(x * step * 10)))]', 'E[softplus(-D(fake))]'),
    point: spec(LOGISTIC, 'E[abs(fake - 0.5)]', '3e-2'),
    unbounded: spec('exp(step / 50) * (E[D(fake)] - E[D(x)])', '-E[D(fake)]'),
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(cwd, `${name}.gan`), text);
});

describe('trainings', () => {
  test('NaN: the operation that made the first one, its line and operand; in the page, too', async () => {
    const result = await ganc(['train', 'wild.gan', '--checkpoint-every', '20', '--out', 'wild'], { cwd });
    expect(result.code).toBe(4);
    expect(result.stderr).toMatch(/error: the training diverged: G, step 41: .*infinite|NaN/);
    expect(result.stderr).toMatch(
      /the first value that is no number is (NaN|-Infinity) \(\d+ of \d+\): log of -?[01] at wild\.gan:11:15, in update\.G, step 4[12]; the last good state is/,
    );
    expect(result.stderr).toContain('keep its operand over 0');
    expect(record('wild')).toMatchObject({ status: 'diverged', step: 40, guards: [{ guard: 'numbers', done: 'stopped' }] });
    expect(page('wild')).toMatch(/class="guard">Step 4[12]: .*log of/);
  });

  test('without the text of the spec, the layer', async () => {
    await ganc(['compile', 'wild.gan', '-o', 'built'], { cwd });
    const result = await ganc(['train', 'built', '--out', 'compiled'], { cwd });
    expect(result.code).toBe(4);
    expect(result.stderr).toMatch(/the first value that is no number is (NaN|-Infinity) \(\d+ of \d+\): [\w.#]+, in update\.G, step 4[12]; no checkpoint/);
  });

  test('a fault that was not seen at once is told where it began: an optimizer whose squares are over the largest number', async () => {
    const result = await ganc(['train', 'squares.gan', '--out', 'squares'], { cwd });
    const [, seen] = /the training diverged: D, step (\d+)/.exec(result.stderr) ?? [];
    const [, began] = /Infinity \(\d+ of \d+\): mul of (?:[-\d.e+]+) and (?:[-\d.e+]+) in D\.optimizer, in update\.D, step (\d+)/.exec(result.stderr) ?? [];
    expect(Number(began)).toBeLessThan(Number(seen));
  });

  test('rollback: once, with other draws, and the same again where it is resumed', async () => {
    const unlucky = ['train', 'unlucky.gan', '--seed', '6', '--checkpoint-every', '20', '--guard', 'rollback', '--steps', '100'];
    const result = await ganc([...unlucky, '--out', 'back'], { cwd });
    expect(result.stderr).toMatch(/going back to step \d+, with other draws from there/);
    expect(result.code).toBe(0);
    const [{ to, step, done }, ...more] = record('back').guards;
    expect({ done, more }).toEqual({ done: 'went back', more: [] });
    expect(to).toBeLessThan(step);
    expect(record('back')).toMatchObject({ status: 'finished', step: 100 });
    const records = await readRecords(join(cwd, 'back', 'metrics.jsonl'));
    expect(records.filter(({ losses }) => losses !== undefined).map((r) => r.step)).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
    // What it went back to holds the counters that it went on with, should it be killed before the next checkpoint.
    const { counters } = await readCheckpoint(join(cwd, 'back', 'checkpoints', checkpointName(to)));
    expect(counters.D).toBeGreaterThanOrEqual(step);
    // A run that stops after it and goes on has the same draws.
    expect((await ganc([...unlucky, '--steps', '90', '--out', 'halves'], { cwd })).code).toBe(0);
    expect((await ganc(['train', '--resume', 'halves', '--steps', '100'], { cwd })).code).toBe(0);
    expect(await weights('halves', 100)).toEqual(await weights('back', 100));
  });

  test('a generator that makes one point; warned of once, and the training goes on', async () => {
    const result = await ganc(['train', 'point.gan', '--steps', '500', '--checkpoint-every', '50', '--out', 'point'], { cwd });
    expect(result.code).toBe(0);
    expect(result.stderr.match(/warning: the generator has collapsed/g)).toHaveLength(1);
    expect(result.stderr).toContain('What usually helps');
    expect(record('point')).toMatchObject({ status: 'finished', guards: [{ guard: 'generator', done: 'warned' }] });
  });

  test('losses without bounds: stop leaves a checkpoint, and exits with 4', async () => {
    const result = await ganc(['train', 'unbounded.gan', '--steps', '1500', '--guard', 'stop', '--out', 'unbounded'], { cwd });
    expect(result.stderr).toMatch(/warning: the losses diverge: that of [DG] .*; stopping/);
    expect(result.code).toBe(4);
    const { status, step, message, guards } = record('unbounded');
    expect({ status, guards }).toMatchObject({ status: 'stopped', guards: [{ guard: 'losses', done: 'stopped' }] });
    expect(message).toContain('the losses diverge');
    expect(await weights('unbounded', step)).not.toEqual([]);
  });

  test('a sound training has the same bits with guards and without, and nothing is said', async () => {
    for (const way of ['off', 'warn', 'rollback']) {
      const result = await ganc(['train', 'healthy.gan', '--checkpoint-every', '20', '--guard', way, '--out', `healthy-${way}`], { cwd });
      expect(result.code).toBe(0);
      expect(result.stderr).not.toContain('warning');
      expect(record(`healthy-${way}`).guards).toBeUndefined();
      expect(await weights(`healthy-${way}`, 100)).toEqual(await weights('healthy-off', 100));
    }
    const variety = (await readRecords(join(cwd, 'healthy-warn', 'metrics.jsonl'))).filter((r) => 'variety' in r);
    expect(variety.map(({ step }) => step)).toEqual([20, 40, 60, 80, 100]);
    expect(variety[4]).toMatchObject({ variety: { point: { noise: expect.any(Number), data: expect.any(Number) } } });
  });

  test('what cannot go back says so before it begins', async () => {
    const result = await ganc(['train', 'healthy.gan', '--overfit', '--guard', 'rollback', '--out', 'none'], { cwd });
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('cannot go back');
  });
});
