/** `ganc data`, and a captioned run with clips and sounds from the spec to its samples. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, expect, test } from 'vitest';
import { readWav } from '../../runtime/data/wav.js';
import { readSafetensors } from '../../runtime/train/safetensors.js';
import { ganc, temporaryFolder } from './support.js';

const cwd = temporaryFolder();
const clips = `
hyper frames = 6
hyper size = 16
data clips = bouncing_mnist(digits: 1, digit_size: 8, speed: 2, count: 40) {
  x: video[1, frames, size, size]
  t: tokens[9, words: 32]
  a: audio[frames, 4] optional 0.2
  digit: class[10]
}
noise z: normal[4]
net Words(t) { mean(embedding(t, 8), axis: 0, mask: mask(t)) }
net G(z, s, a) -> video[1, frames, size, size] {
  concat(z, s, summary(a), present(a)) |> linear(frames * size * size) |> tanh |> reshape(1, frames, size, size)
}
net D(x, s, a) { concat(x |> conv(4, kernel: [2, 4, 4], stride: [2, 4, 4]) |> leaky_relu(0.2) |> flatten, s, summary(a)) |> linear(1) |> sigmoid }
game {
  player G = G, Words
  s    = Words(t)
  fake = G(z | s, a)
  D maximizes E[log(D(x | s, a))] + E[log(1 - D(fake | s, a))] + E[log(1 - D(x | Words(mismatch(t)), a))]
  G maximizes E[log(D(fake | s, a))]
}
train {
  batch 4   steps 2
  D with adam(lr: 1e-3)
  G with adam(lr: 1e-3)
}
sample clip = G(z | Words(t), a)
`;
beforeAll(() => {
  writeFileSync(join(cwd, 'clips.gan'), clips);
  writeFileSync(join(cwd, 'points.gan'), 'data points = ring(count: 500) { x: vector[2] }\nnoise z: normal[2]\nnet G(z) { z }\nsample s = G(z)\n');
});

test('figures of captioned clips: rows, values, words, classes', async () => {
  const { code, stdout } = await ganc(['data', 'clips.gan'], { cwd });
  expect(code).toBe(0);
  expect(stdout).toMatch(/for training +36\n +held out +4\n +unseen +4\n/);
  expect(stdout).toMatch(/never in training: 1 up and down/);
  expect(stdout).toMatch(/x +video\[1, 6, 16, 16\] .*-1 to [\d.]+, mean -0\.\d+; 8 frames a second\n/);
  expect(stdout).toMatch(/a +audio\[6, 4\] .*0\.75 s at 16,000 Hz; absent in 20 % of the examples\n/);
  // Four words that every caption has.
  expect(stdout).toMatch(
    /Words of t \(tokens\[9, words: 32\]; words in a caption: 9\)\n {2}\. \(36\), and \(36\), digit \(36\), is \(36\), moving \(36\), the \(36\)/,
  );
  expect(stdout).toMatch(/Classes of digit\n {2}0 \(\d+\), 1 \(\d+\)/);

  const facts = JSON.parse((await ganc(['data', 'clips.gan', '--json', '--seed', '5'], { cwd })).stdout);
  expect(facts.rows).toEqual({ training: 36, heldOut: 4, unseen: 4 });
  const [x, t, , digit] = facts.fields;
  expect(x.bytes).toBe(44 * 6 * 16 * 16);
  expect(t.captions.length).toEqual({ least: 9, most: 9, mean: 9 });
  expect(t.captions.unknown).toEqual({ words: 0, captions: 0 });
  expect(t.captions.words.map((w: { id: number }) => w.id)).toEqual(Array.from({ length: 20 }, (_, i) => i + 2));
  const sum = (list: { count: number }[]) => list.reduce((total, { count }) => total + count, 0);
  expect([sum(t.captions.words), sum(digit.classes)]).toEqual([36 * 9, 36]);
  // The caption's digit is the class.
  for (const { name, count } of digit.classes) expect(t.captions.words.find((w: { word: string }) => w.word === name).count).toBe(count);
});

test('a sheet of clips shows the very frames, and captions under them; sounds as WAV', async () => {
  expect(await ganc(['data', 'clips.gan', '-q', '-o', 'out/sheet.png', '--count', '4'], { cwd })).toMatchObject({ code: 0 });
  const { data, info } = await sharp(readFileSync(join(cwd, 'out/sheet.png')))
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  // Six frames of 16 pixels four times as large, with a line between; then sound, then text.
  expect(info.width).toBe(12 + 420 + 12);
  const at = (x: number, y: number) => data[(y * info.width + x) * 3];
  const ink = (frame: number) => {
    let sum = 0;
    for (let y = 0; y < 64; y++) for (let x = 0; x < 64; x++) sum += at(12 + frame * 65 + x, 12 + y);
    return sum;
  };
  const inks = Array.from({ length: 6 }, (_, frame) => ink(frame));
  expect(inks[0]).toBeGreaterThan(0);
  expect(new Set(inks).size).toBe(1);
  let dark = 0;
  for (let y = 12 + 64 + 3 + 60 + 3; y < 12 + 64 + 3 + 60 + 3 + 17; y++) for (let x = 12; x < 300; x++) if (at(x, y) < 128) dark++;
  expect(dark).toBeGreaterThan(100);

  expect((await ganc(['data', 'clips.gan', '-q', '-o', 'out/sounds.wav', '--count', '3'], { cwd })).code).toBe(0);
  const sound = await readWav(join(cwd, 'out/sounds.wav'));
  expect([sound.rate, sound.samples.length]).toEqual([16_000, 3 * (0.75 + 0.5) * 16_000]);
  expect(sound.samples.some((v) => Math.abs(v) > 0.1)).toBe(true);
});

test('points, digits and a run; what cannot be shown is refused', async () => {
  const points = await ganc(['data', 'points.gan', '-o', 'points.png'], { cwd });
  expect(points.code).toBe(0);
  expect(points.stdout).toMatch(/x +vector\[2\]/);
  expect((await sharp(readFileSync(join(cwd, 'points.png'))).metadata()).width).toBe(640);
  expect((await ganc(['data', 'points.gan', '-o', 'points.wav'], { cwd })).stderr).toContain('ring has no sounds here');
  expect(await ganc(['data', 'points.gan', '-o', 'points.gif'], { cwd })).toMatchObject({ code: 2 });
  writeFileSync(join(cwd, 'none.gan'), 'noise z: normal[2]\nnet G(z) { z }\nsample s = G(z)\n');
  const none = await ganc(['data', 'none.gan'], { cwd });
  expect(none).toMatchObject({ code: 1, stdout: '' });
  expect(none.stderr).toContain('none.gan has no data');
  writeFileSync(join(cwd, 'wide.gan'), 'data clips = bouncing_mnist() { x: video[1, 6, 16, 20] }\nnoise z: normal[2]\nnet G(z) { z }\nsample s = G(z)\n');
  const wide = await ganc(['data', 'wide.gan'], { cwd });
  expect(wide.code).toBe(1);
  expect(wide.stderr).toContain('digits bounce in a square');
  expect((await ganc(['data', 'nowhere.gan'], { cwd })).code).toBe(1);
});

test('two steps of a captioned GAN with sound; resuming and samples go by data.json', async () => {
  const go = (...args: string[]) => ganc(args, { cwd });
  const weights = async (run: string) => {
    const tensors = await readSafetensors(join(cwd, run, 'checkpoints', 'step-00000002.safetensors'));
    return [...tensors].map(([name, t]) => [name, Buffer.from(t.bytes).toString('base64')]);
  };
  const whole = await go('train', 'clips.gan', '--out', 'whole', '--seed', '3');
  expect(whole.code, whole.stderr).toBe(0);
  expect(whole.stderr).toContain('36 rows (4 held out, 4 unseen)');
  const kept = JSON.parse(readFileSync(join(cwd, 'whole/data.json'), 'utf8'));
  expect(kept.fields.t.words.slice(0, 3)).toEqual(['<padding>', '<unknown>', '.']);
  expect(kept.fields.x).toEqual({ type: 'video', framesPerSecond: 8 });
  expect(kept.fields.a).toEqual({ type: 'audio', frames: 6, bands: 4, seconds: 0.75, rate: 16_000 });

  expect((await go('train', 'clips.gan', '--out', 'parts', '--seed', '3', '--steps', '1')).code).toBe(0);
  expect((await go('train', '--resume', 'parts', '--steps', '2')).code).toBe(0);
  expect(await weights('parts')).toEqual(await weights('whole'));

  // Words numbered otherwise are other captions: the run's own numbers count.
  const sample = async (file: string) => {
    const made = await go('sample', 'whole', '--count', '4', '-o', file);
    expect(made.code, made.stderr).toBe(0);
    return (await readSafetensors(join(cwd, file))).get('clip')!.data;
  };
  const before = await sample('before.safetensors');
  expect(before.length).toBe(4 * 6 * 16 * 16);
  const words = [...kept.fields.t.words.slice(0, 2), ...kept.fields.t.words.slice(2).reverse()];
  writeFileSync(join(cwd, 'whole/data.json'), JSON.stringify({ ...kept, fields: { ...kept.fields, t: { ...kept.fields.t, words } } }));
  expect(await sample('after.safetensors')).not.toEqual(before);
  const next = await go('train', 'clips.gan', '--init', 'whole', '--steps', '1', '--out', 'next');
  expect(next.code, next.stderr).toBe(0);
  expect(next.stderr).toMatch(/warning: 20 words of t are numbered otherwise in .*whole, such as \w+: its embeddings are of other words/);
  expect((await go('train', 'clips.gan', '--init', 'parts', '--steps', '1', '--out', 'alike')).stderr).not.toContain('numbered');
  expect((await go('data', 'whole')).stdout).toContain('for training  36');
  writeFileSync(join(cwd, 'whole/data.json'), '{"format": "ganc-data/1"}');
  const damaged = await go('sample', 'whole', '--count', '4');
  expect(damaged.code).toBe(1);
  expect(damaged.stderr).toContain('whole/data.json cannot be used');
});

test('rows by their caption: a sheet of them, or the sound of each in a file of its own', async () => {
  const told = ['data', 'clips.gan', '-q', '--text', 'Up and DOWN', '--count', '3'];
  const { code, stdout } = await ganc([...told, '--each', '-o', 'ups.wav'], { cwd });
  expect({ code, files: stdout.trim().split('\n').slice(-3) }).toEqual({ code: 0, files: ['ups-1.wav', 'ups-2.wav', 'ups-3.wav'] });
  for (const k of [1, 2, 3]) {
    const { rate, samples } = await readWav(join(cwd, `ups-${k}.wav`));
    expect(samples).toHaveLength(0.75 * rate);
    // What moves up and down bounces from the bottom, 300 Hz, and from the top, 4,000 Hz, and not from the sides.
    const loud = (pitch: number) =>
      Math.hypot(...[Math.cos, Math.sin].map((wave) => samples.reduce((sum, v, i) => sum + v * wave((2 * Math.PI * pitch * i) / rate), 0)));
    expect(Math.max(loud(300), loud(4000))).toBeGreaterThan(20 * Math.max(loud(800), loud(1800)));
  }
  expect((await ganc([...told, '-o', 'ups.png'], { cwd })).code).toBe(0);
  const none = await ganc(['data', 'clips.gan', '-q', '--text', 'side to side', '-o', 'none.png'], { cwd });
  expect(none).toMatchObject({ code: 2, stderr: expect.stringMatching(/no caption has the words: side to side\n.*one reads: the digit \d/) });
  for (const args of [['--each'], ['--each', '-o', 'x.png'], ['--text', 'up']]) expect((await ganc(['data', 'clips.gan', ...args], { cwd })).code).toBe(2);
});
