/** Weights that are handed on: `ganc export` writes them, a spec starts from them. */
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { readSafetensors } from '../../runtime/train/safetensors.js';
import { ganc, temporaryFolder } from './support.js';

const cwd = temporaryFolder();
const spec = (steps: number, start = '', width = 16) => `hyper width = ${width}
data points = ring(modes: 8, radius: 2, std: 0.05) { x: vector[2] }
noise z: normal[4]
net G(z) -> vector[2] { z |> linear(width) |> batch_norm |> relu |> linear(2) }
net D(x) { x |> linear(width) |> leaky_relu(0.2) |> linear(1) }
game {
  fake = G(z)
  D minimizes logistic(D(x), D(fake))
  G minimizes logistic_generator(D(fake))
}
train {
  batch 16   steps ${steps}${start}
  D with adam(lr: 1e-2, beta1: 0.5), times 2
  G with adam(lr: 1e-2, beta1: 0.5), average 0.9
}
sample point = G(z)
variant slow { hyper width = 8 }
`;
const START = '   start "weights/ring.safetensors"';
const write = (name: string, text: string) => writeFileSync(join(cwd, name), text);
const train = (args: readonly string[]) => ganc(['train', ...args], { cwd });
const steps = (run: string): number[] =>
  readFileSync(join(cwd, run, 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .flatMap((line) => {
      const record = JSON.parse(line);
      return record.losses ? [record.step] : [];
    });
const latest = (run: string) => {
  const folder = join(cwd, run, 'checkpoints');
  return readSafetensors(join(folder, readFileSync(join(folder, 'latest'), 'utf8').trim()));
};

beforeAll(async () => {
  write('plain.gan', spec(20));
  write('ring.gan', spec(30, START));
  expect(await train(['plain.gan', '-q', '--out', 'plain'])).toMatchObject({ code: 0 });
  expect(await ganc(['export', 'plain', '-o', 'weights/ring.safetensors', '--half'], { cwd })).toMatchObject({ code: 0, stdout: 'weights/ring.safetensors\n' });
});

describe('export', () => {
  test('in half precision: the same values to 11 bits, no states of optimizers, half the bytes', async () => {
    const made = await readSafetensors(join(cwd, 'weights', 'ring.safetensors'));
    const whole = await latest('plain');
    expect([...made.keys()].sort()).toEqual([...whole.keys()].filter((name) => !name.includes('optimizer')).sort());
    expect([...made.keys()]).toContain('average.G.linear.weight');
    expect([...made.keys()]).toContain('G.batch_norm.running_mean');
    for (const [name, { stored, data }] of made) {
      if (stored === 'F16') {
        const exact = whole.get(name)?.data as Float32Array;
        expect([...data].every((v, i) => Math.abs(v - exact[i]) <= Math.abs(exact[i]) * 2 ** -11 + 2 ** -25)).toBe(true);
      }
    }
    await ganc(['export', 'plain', '-o', 'weights/single.safetensors'], { cwd });
    const single = await readSafetensors(join(cwd, 'weights', 'single.safetensors'));
    const size = (list: typeof made) => [...list.values()].reduce((sum, { bytes }) => sum + bytes.byteLength, 0);
    expect(size(made) / size(single)).toBeCloseTo(0.5, 1);
    expect(statSync(join(cwd, 'weights', 'ring.safetensors')).size).toBeLessThan(statSync(join(cwd, 'weights', 'single.safetensors')).size);
  });

  test('what cannot be: another ending, no run', async () => {
    expect(await ganc(['export', 'plain', '-o', 'weights.bin'], { cwd })).toMatchObject({ code: 2, stderr: expect.stringContaining('.safetensors') });
    expect(await ganc(['export', '.', '-o', 'w.safetensors'], { cwd })).toMatchObject({ code: 1, stderr: expect.stringContaining('holds no run') });
  });
});

describe('start', () => {
  test('a training goes on from the step of the weights, says so, and shows what it was like before', async () => {
    const { code, stderr } = await train(['ring.gan', '--out', 'on']);
    expect(code).toBe(0);
    expect(stderr).toContain('weights/ring.safetensors, trained 20 of 30 steps; --from-nothing does without');
    expect(stderr).toMatch(/^10 steps in/m);
    expect(steps('on')).toEqual(Array.from({ length: 10 }, (_, i) => 21 + i));
    expect(readdirSync(join(cwd, 'on', 'samples')).sort()).toEqual(['point-00000020.png', 'point-00000030.png']);
    expect(JSON.parse(readFileSync(join(cwd, 'on', 'run.json'), 'utf8'))).toMatchObject({ step: 30, start: { step: 20 }, status: 'finished' });
    // The weights are no longer needed.
    cpSync(join(cwd, 'on'), join(cwd, 'alone'), { recursive: true });
    expect(await train(['--resume', 'alone', '--steps', '32', '-q'])).toMatchObject({ code: 0 });
    expect(steps('alone').slice(-2)).toEqual([31, 32]);
  });

  test('with the states of optimizers it is the unbroken training, bit for bit', async () => {
    await ganc(['export', 'plain', '-o', 'weights/all.safetensors', '--optimizer'], { cwd });
    write('all.gan', spec(30, '   start "weights/all.safetensors"'));
    write('unbroken.gan', spec(30));
    for (const name of ['all', 'unbroken']) expect(await train([`${name}.gan`, '-q', '--out', name])).toMatchObject({ code: 0 });
    expect(steps('unbroken')).toHaveLength(30);
    const [a, b] = [await latest('all'), await latest('unbroken')];
    for (const [name, { data }] of b) expect([name, ...(a.get(name)?.data ?? [])]).toEqual([name, ...data]);
  });

  test('from nothing where that is asked for, and where the spec is another: --set, a variant, a child', async () => {
    write('child.gan', 'extends "ring.gan"\nhyper width = 12\n');
    for (const [i, args] of [['ring.gan', '--from-nothing'], ['ring.gan', '--set', 'width=12'], ['ring.gan', '--variant', 'slow'], ['child.gan']].entries()) {
      expect(await train([...args, '--steps', '2', '-q', '--out', `fresh${i}`])).toMatchObject({ code: 0, stderr: '' });
      expect(steps(`fresh${i}`)).toEqual([1, 2]);
    }
  });

  test('what cannot be says so and how to do without, and leaves no folder', async () => {
    const refused = async (name: string, text: string, ...args: string[]) => {
      write(`${name}.gan`, text);
      const { code, stderr } = await train([`${name}.gan`, '--out', `no-${name}`, '-q', ...args]);
      expect(code).toBe(1);
      expect(stderr).toContain('--from-nothing');
      expect(existsSync(join(cwd, `no-${name}`))).toBe(false);
      rmSync(join(cwd, `${name}.gan`));
      return stderr;
    };
    expect(await refused('wide', spec(30, START, 24))).toContain("G.linear.weight is [16, 4], the program's is [24, 4]");
    expect(await refused('done', spec(20, START))).toContain('were trained 20 steps, of 20');
    expect(await refused('gone', spec(30, '   start "gone.safetensors"'))).toContain('gone.safetensors: it cannot be read: no such file');
    const checkpoint = readFileSync(join(cwd, 'plain', 'checkpoints', 'latest'), 'utf8').trim();
    expect(await refused('kind', spec(30, `   start "plain/checkpoints/${checkpoint}"`))).toContain('does not say how far');
  });
});
