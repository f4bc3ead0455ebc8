/** `ganc sample` of a captioned run: every kind of file is read again, and what cannot be says why. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, expect, test } from 'vitest';
import { logMel } from '../../runtime/data/mel.js';
import { encodeWav, readWav } from '../../runtime/data/wav.js';
import type { TensorData } from '../../runtime/execute/tensor.js';
import { readSafetensors, type StoredTensor, writeSafetensors } from '../../runtime/train/safetensors.js';
import { ganc, temporaryFolder } from './support.js';

const cwd = temporaryFolder();
const spec = (sound: string, a: string) => `
hyper frames = 6
hyper size = 16
data clips = bouncing_mnist(digits: 1, digit_size: 8, speed: 2, count: 40${sound}) {
  x: video[1, frames, size, size]
  t: tokens[9, words: 32]
  a: ${a}
  digit: class[10]
  motion: class[2]
}
noise z: normal[4]
net Words(t) { mean(embedding(t, 8), axis: 0, mask: mask(t)) }
net G(z, s, a) -> video[1, frames, size, size] {
  concat(3 * z, 20 * s, summary(a), present(a)) |> linear(frames * size * size) |> tanh |> reshape(1, frames, size, size)
}
net D(x, s) { concat(x |> conv(4, kernel: [2, 4, 4], stride: [2, 4, 4]) |> leaky_relu(0.2) |> flatten, s) |> linear(1) |> sigmoid }
net Picture(z, y) -> image[1, size, size] { concat(z, embedding(y, 4)) |> linear(size * size) |> tanh |> reshape(1, size, size) }
net Looks(z, t) { softmax(reshape(linear(z, frames * 9), frames, 9), mask: mask(t)) }
net Both(z, y, m) { concat(z, embedding(y, 4), embedding(m, 4)) |> linear(3) }
game {
  player G = G, Words
  s    = Words(t)
  fake = G(z | s, a)
  D maximizes E[log(D(x | s))] + E[log(1 - D(fake | s))]
  G maximizes E[log(D(fake | s))]
}
train {
  batch 4   steps 2
  D with adam(lr: 1e-3)
  G with adam(lr: 1e-3)
}
sample clip = G(z | Words(t), a)
sample picture = Picture(z, digit)
sample looks = Looks(z, t)
sample both = Both(z, digit, motion)
${a.includes('4') ? 'net Sound(a) -> audio[frames, 4] { a }\nsample heard = {sound: Sound(a), clip: G(z | Words(t), a)}' : ''}
`;
const SEVEN = 'the digit 7 is moving up and down .';
const THREE = 'The digit 3 is moving left and right.';

beforeAll(async () => {
  writeFileSync(join(cwd, 'clips.gan'), spec('', 'audio[frames, 4] optional 0.2'));
  writeFileSync(join(cwd, 'walls.gan'), spec(', sound: "walls"', 'audio[frames, 2]'));
  const tone = (pitch: number, rate: number, seconds: number) =>
    encodeWav({ rate, samples: Float32Array.from({ length: rate * seconds }, (_, i) => 0.5 * Math.sin((2 * Math.PI * pitch * i) / rate)) });
  writeFileSync(join(cwd, 'low.wav'), tone(500, 16_000, 0.75));
  writeFileSync(join(cwd, 'high.wav'), tone(5000, 44_100, 2));
  for (const name of ['clips', 'walls']) expect(await ganc(['train', `${name}.gan`, '-q', '--out', name], { cwd })).toMatchObject({ code: 0 });
});

async function sampled(...args: string[]) {
  const { code, stderr } = await ganc(['sample', 'clips', '-q', ...args], { cwd });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return readFileSync(join(cwd, args[args.indexOf('-o') + 1]));
}

/** [samples, numbers of one] of an output. */
async function numbers(args: string[], output = 'clip'): Promise<Float32Array[]> {
  await sampled(...args, '-o', 'numbers.safetensors');
  const { shape, data } = await stored('numbers.safetensors', output);
  const each = data.length / shape[0];
  return Array.from({ length: shape[0] }, (_, i) => (data as Float32Array).slice(i * each, (i + 1) * each));
}

const levels = (values: ArrayLike<number>) => Array.from(values, (v) => Math.min(255, Math.max(0, Math.round((255 * (v + 1)) / 2))));

async function stored(name: string, output: string): Promise<TensorData> {
  return ((await readSafetensors(join(cwd, name))).get(output) as StoredTensor).as('f32');
}

async function refused(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await ganc(['sample', 'clips', ...args], { cwd });
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  return stderr;
}

test('during training: a grid that plays and strips, with captions, of the same held-out rows each time', async () => {
  expect(readdirSync(join(cwd, 'clips/samples')).sort()).toEqual(
    [
      'both-00000002.safetensors',
      'clip-00000002.gif',
      'clip-00000002.png',
      'heard-00000002-clip.gif',
      'heard-00000002-clip.png',
      'heard-00000002-sound.safetensors',
      'looks-00000002.png',
      'picture-00000002.png',
      'shown',
    ], // prettier-ignore
  );
  // The same draws and rows as `ganc sample` has without anything given.
  expect(await sampled('-o', 'again.gif')).toEqual(readFileSync(join(cwd, 'clips/samples/clip-00000002.gif')));
  const { pages, delay, width } = await sharp(readFileSync(join(cwd, 'again.gif'))).metadata();
  // Four by four clips of 16 pixels, nine times as large; 8 frames a second.
  expect([pages, delay, width]).toEqual([6, [130, 120, 130, 120, 130, 120], 4 * (144 + 8) - 8 + 20]);
});

test('GIF, WebP, MP4: frames are the numbers of the samples, two captions in a row each, the same noise in a column', async () => {
  const two = ['--text', SEVEN, '--text', THREE, '--count', '6'];
  const clips = await numbers(two);
  expect(clips.length).toBe(6);
  for (const name of ['grid.gif', 'grid.webp']) {
    const file = await sampled(...two, '-o', name);
    const { data, info } = await sharp(file, { pages: -1 }).removeAlpha().raw().toBuffer({ resolveWithObject: true });
    const page = info.height / 6;
    expect(info.width).toBe(3 * (144 + 8) - 8 + 20);
    for (const k of [0, 1, 5]) {
      // Caption k % 2, noise floor(k / 2); a row is a clip, three pixels, a line of text and a gap.
      const [left, top] = [10 + Math.floor(k / 2) * 152, 10 + (k % 2) * (144 + 3 + 17 + 8)];
      for (const frame of [0, 5]) {
        const shown = Array.from({ length: 256 }, (_, i) => {
          const [y, x] = [top + Math.floor(i / 16) * 9 + 4, left + (i % 16) * 9 + 4];
          return data[((frame * page + y) * info.width + x) * 3];
        });
        const wanted = levels(clips[k].slice(frame * 256, (frame + 1) * 256));
        // A GIF has 255 colours beside transparency.
        if (name === 'grid.webp') expect(shown).toEqual(wanted);
        else expect(Math.max(...shown.map((v, i) => Math.abs(v - wanted[i])))).toBeLessThanOrEqual(1);
      }
    }
    // There is text under the first row.
    const ink = Array.from({ length: 17 * 200 }, (_, i) => data[((157 + Math.floor(i / 200)) * info.width + 10 + (i % 200)) * 3]).filter((v) => v < 128);
    expect(ink.length).toBeGreaterThan(100);
  }
  const mp4 = await sampled(...two, '-o', 'grid.mp4');
  expect(mp4.toString('latin1', 4, 8)).toBe('ftyp');
  const box = (name: string) => mp4.indexOf(name, mp4.indexOf('moov')) + 4;
  // Samples in the track (stsz), the encoder's width and height (avc1), the length in units of the time scale (mvhd).
  expect(mp4.readUInt32BE(box('stsz') + 8)).toBe(6);
  expect([mp4.readUInt16BE(box('avc1') + 24), mp4.readUInt16BE(box('avc1') + 26)]).toEqual([468, 356]);
  expect(mp4.readUInt32BE(box('mvhd') + 16) / mp4.readUInt32BE(box('mvhd') + 12)).toBeCloseTo(0.75, 2);
  // The same seed, the same bytes, whatever the clock says; another seed, others.
  for (const name of ['again.mp4', 'again.gif', 'again.webp'])
    expect(await sampled(...two, '-o', name)).toEqual(readFileSync(join(cwd, name.replace('again', 'grid'))));
  expect(await sampled(...two, '--seed', '9', '-o', 'other.gif')).not.toEqual(readFileSync(join(cwd, 'grid.gif')));
});

test('strips of frames as PNG; the nearest training row below each, which is the nearest', async () => {
  const one = ['--text', SEVEN, '--count', '2'];
  const clips = await numbers(one);
  const file = await sampled(...one, '--nearest', '-o', 'strips.png');
  const { data, info } = await sharp(file).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  const strip = (top: number) =>
    Array.from({ length: 6 * 256 }, (_, i) => {
      const [frame, y, x] = [Math.floor(i / 256), Math.floor(i / 16) % 16, i % 16];
      return data[((top + y * 4 + 1) * info.width + 12 + frame * 65 + x * 4 + 1) * 3];
    });
  expect(strip(12)).toEqual(levels(clips[0]));
  const near = strip(12 + 64 + 3);
  const sheet = await ganc(['data', 'clips', '--count', '48', '-o', 'rows.png', '-q'], { cwd });
  expect(sheet.code).toBe(0);
  const off = (row: readonly number[]) => row.reduce((sum, v, i) => sum + (v - levels(clips[0])[i]) ** 2, 0);
  const rows = await sharp(readFileSync(join(cwd, 'rows.png')))
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  // A sheet has a strip, four bands of sound of 15 pixels, and two lines of text; the training rows come first.
  const height = 12 + 64 + 3 + 60 + 3 + 2 * 17;
  const real = Array.from({ length: 36 }, (_, row) =>
    Array.from({ length: 6 * 256 }, (_, i) => {
      const [frame, y, x] = [Math.floor(i / 256), Math.floor(i / 16) % 16, i % 16];
      return rows.data[((12 + row * height + y * 4 + 1) * rows.info.width + 12 + frame * 65 + x * 4 + 1) * 3];
    }),
  );
  expect(real).toContainEqual(near);
  expect(Math.min(...real.map(off))).toBe(off(near));
  expect((await sharp(await sampled(...one, '--nearest', '-o', 'near.gif')).metadata()).width).toBe(2 * (2 * 144 + 2 + 8) - 8 + 20);
  expect(await refused('--name', 'both', '--nearest')).toMatch(/nothing real is near to 'both'\n {2}a sample is \[3\], and the data has no pictures or clips/);
});

test('noises: the ends of an interpolation, a way between, truncation', async () => {
  const [first, second] = await numbers(['--text', SEVEN, '--count', '2']);
  const way = await numbers(['--text', SEVEN, '--interpolate', '5']);
  expect(way.length).toBe(5);
  expect([way[0], way[4]]).toEqual([first, second]);
  const far = (a: Float32Array, b: Float32Array) => Math.sqrt(a.reduce((sum, v, i) => sum + (v - b[i]) ** 2, 0));
  for (let i = 1; i < 5; i++) expect(far(way[i], way[i - 1])).toBeLessThan(far(first, second));
  const typical = await numbers(['--text', SEVEN, '--text', THREE, '--count', '4', '--truncation', '0']);
  expect(typical[2]).toEqual(typical[0]);
  expect(typical[3]).toEqual(typical[1]);
  expect(typical[1]).not.toEqual(typical[0]);
  const [some] = await numbers(['--text', SEVEN, '--count', '1', '--truncation', '0.5']);
  expect(far(some, typical[0])).toBeGreaterThan(0);
  expect(far(some, typical[0])).toBeLessThan(far(first, typical[0]));
  // Held-out captions stay as they are along the way.
  const held = await numbers(['--interpolate', '3']);
  expect(held[0]).toEqual((await numbers(['--count', '1']))[0]);
});

test('one caption with two sounds is two clips of one noise; sounds as WAV, also those that a sample makes', async () => {
  const heard = ['--text', SEVEN, '--audio', 'low.wav', '--audio', 'high.wav', '--count', '2'];
  const { stderr } = await ganc(['sample', 'clips', ...heard, '-o', 'two.gif'], { cwd });
  expect(stderr).toMatch(/^warning: high.wav lasts 2 s, of which the first 0.75 s are heard: a clip is no longer\n2 samples of clips/);
  expect(await ganc(['sample', 'clips', ...heard, '--name', 'heard', '-o', 'two.safetensors'], { cwd })).toMatchObject({ code: 0 });
  const { data } = await stored('two.safetensors', 'sound');
  // What the net is given: log-mel rows of the file, at the rate of the data; the high tone in the highest band alone.
  const low = await readWav(join(cwd, 'low.wav'));
  expect([...data.slice(0, 24)]).toEqual([...logMel(low.samples, 16_000, { frames: 6, bands: 4 }, 0.75)]);
  for (let frame = 0; frame < 6; frame++) {
    const bands = [...data.slice(24 + frame * 4, 28 + frame * 4)];
    expect(bands.indexOf(Math.max(...bands))).toBe(3);
    expect(bands[3]).toBeGreaterThan(0.7);
    expect(bands[0]).toBeLessThan(0);
  }
  const own = await sampled('--audio', 'low.wav', '--text', SEVEN, '--count', '2', '-o', 'given.wav');
  expect(own.toString('latin1', 0, 4)).toBe('RIFF');
  const given = await readWav(join(cwd, 'given.wav'));
  expect([given.rate, given.samples.length]).toEqual([16_000, 2 * (0.75 + 0.5) * 16_000]);
  expect([...given.samples.slice(0, 12_000)]).toEqual([...low.samples]);
  // The rows of a sample of type audio as a sound: heard again, it has these rows about.
  await sampled('--audio', 'low.wav', '--text', SEVEN, '--count', '1', '--name', 'heard', '-o', 'made.wav');
  const made = logMel((await readWav(join(cwd, 'made.wav'))).samples, 16_000, { frames: 6, bands: 4 }, 0.75);
  made.forEach((value, i) => {
    if (data[i] > -0.2) expect(Math.abs(value - data[i])).toBeLessThan(0.1);
    else expect(value).toBeLessThan(0);
  });
  // Two conditions that are alike make the same: they have one noise, the next two another.
  const alike = await numbers(['--text', SEVEN, '--audio', 'low.wav', '--audio', 'low.wav', '--count', '4']);
  expect([alike[1], alike[3]]).toEqual([alike[0], alike[2]]);
  expect(alike[2]).not.toEqual(alike[0]);
  // A sound that is left out is absent.
  const [silent, loud] = [await numbers(['--text', SEVEN, '--count', '1']), await numbers(['--text', SEVEN, '--in', 'a=low.wav', '--count', '1'])];
  expect(silent).not.toEqual(loud);
  expect(await refused('--text', SEVEN, '-o', 'silent.wav')).toMatch(/there is nothing to hear of 'clip'\n/);
});

test('classes by name or number, values by field, files', async () => {
  const picture = ['--name', 'picture', '--count', '2'];
  expect(await numbers([...picture, '--class', '3'], 'picture')).toEqual(await numbers([...picture, '--in', 'digit=3'], 'picture'));
  const byName = await numbers(['--name', 'both', '--count', '1', '--in', 'digit=3', '--in', 'motion=Up and down'], 'both');
  await writeSafetensors(
    join(cwd, 'both.safetensors'),
    new Map([
      ['digit', { dtype: 'i32', shape: [1], data: Int32Array.of(3) }],
      ['motion', { dtype: 'i32', shape: [1], data: Int32Array.of(0) }],
    ]),
  );
  expect(await numbers(['--name', 'both', '--count', '1', '--in', 'both.safetensors'], 'both')).toEqual(byName);
  expect(await refused('--name', 'both', '--class', '3')).toMatch(
    /--class could fill several fields\n.* reads digit, motion of type class\n {2}say which: --in digit=\.\.\. --in motion=\.\.\.\n/,
  );
  expect(await refused('--name', 'both', '--in', 'digit=3', '--in', 'motion=up')).toMatch(
    /"up" is no class of 'motion'\n {2}there are up and down, left and right, or/,
  );
  expect(await refused('--name', 'both', '--in', 'digits=3')).toMatch(/digits is no field of the data\n {2}did you mean digit\?/);
  // Classes of pictures stand under them.
  expect((await sharp(await sampled(...picture, '--class', '3', '--class', '5', '-o', 'classes.png')).metadata()).height).toBe(
    10 + 2 * (144 + 3 + 17 + 8) - 8 + 10,
  );
});

test('what cannot be says why', async () => {
  expect(await refused('--text', 'the digit 7 is mooving upp and down .')).toMatch(
    /^error: the caption "the digit 7 is mooving upp and down \." cannot be used\n {2}this run has never met 'mooving' \(nearest: moving, .*\), 'upp' \(nearest: up, .*\)\n/,
  );
  expect(await refused('--text', `${SEVEN} ${SEVEN}`)).toMatch(/it has 18 words, punctuation counted, where 't' has room for 9\n/);
  expect(await refused('--text', ' ')).toMatch(/it has no words\n/);
  expect(await refused('--audio', 'low.wav')).toMatch(
    /what was given does not suffice for the sample 'clip'\n {2}it leaves out t, which the sample reads\n {2}give it, too \(--text "\.\.\."\)/,
  );
  expect(await refused('--text', SEVEN, '--class', '7')).toMatch(
    /--class has nothing to fill\n.*it reads t: tokens.*the data has digit, motion, which it does not/,
  );
  expect(await refused('--text', SEVEN, '--text', THREE, '--count', '1')).toMatch(/1 sample cannot show all that was given\n.*2 different inputs/);
  expect(await refused('--text', SEVEN, '--text', THREE, '--audio', 'low.wav', '--audio', 'low.wav', '--audio', 'low.wav')).toMatch(
    /what was given does not go together\n.*gives 3 rows of a, .*gives 2 of t\n/,
  );
  expect(await refused('--text', SEVEN, '--in', `t=${THREE}`)).toMatch(/field 't' is given twice\n/);
  expect(await refused('--in', 'x=3', '--text', SEVEN)).toMatch(/field 'x' cannot be given as "3"\n {2}it is video\[1, 6, 16, 16\]: numbers\n/);
  expect(await refused('--text', SEVEN, '--audio', 'clips.gan')).toMatch(/cannot use clips.gan as sound\n/);
  expect(await refused('--name', 'picture', '-o', 'picture.gif')).toMatch(/'picture' cannot be shown as \.gif\n.*\n {2}write a picture: -o samples\.png\n/);
  expect(await refused('--name', 'both', '-o', 'both.png')).toMatch(/'both' cannot be shown as a picture\n/);
  const walls = (...args: string[]) => ganc(['sample', 'walls', ...args], { cwd });
  expect((await walls('--text', SEVEN)).stderr).toMatch(/it leaves out a, which the sample reads\n {2}give it, too \(--in a=rows\.safetensors\)/);
  expect((await walls('--text', SEVEN, '--audio', 'low.wav')).stderr).toMatch(
    /low\.wav cannot be given as 'a'\n {2}the rows of audio\[6, 2\] were not made of sound as samples: bouncing_mnist delivers .*\n {2}give rows in their place: --in a=rows\.safetensors/,
  );
  await writeSafetensors(join(cwd, 'rows.safetensors'), new Map([['a', { dtype: 'f32', shape: [2, 6, 2], data: new Float32Array(24).fill(1, 12) }]]));
  expect(await walls('--text', SEVEN, '--in', 'a=rows.safetensors', '--count', '2', '-q', '-o', 'walls.gif')).toMatchObject({ code: 0, stdout: 'walls.gif\n' });
  for (const [args, says] of [
    [['-o', 'a.avi'], 'samples are not written as .avi'],
    [['--interpolate', '4', '--count', '4'], '--interpolate says how many samples there are'],
    [['--truncation', 'much'], 'A factor is a number from 0 up.'],
  ] as const) {
    const { code, stderr } = await ganc(['sample', 'clips', ...args], { cwd });
    expect(code).toBe(2);
    expect(stderr).toContain(says);
  }
});

test('what each frame looks at is a table under the words of its caption', async () => {
  const made = await ganc(['sample', 'clips', '--name', 'looks', '--text', SEVEN, '--count', '2', '-o', 'looks.png', '-q'], { cwd });
  expect(made).toMatchObject({ code: 0, stdout: 'looks.png\n' });
  const { width = 0, height = 0 } = await sharp(join(cwd, 'looks.png')).metadata();
  // Two tables of a column of numbers and nine of shares, six rows each.
  expect(width).toBeGreaterThan(2 * 10 * 40);
  expect(height).toBeGreaterThan(7 * 17);
  const many = await ganc(['sample', 'clips', '--name', 'looks', '--count', '65', '-o', 'many.png', '-q'], { cwd });
  expect(many.code).toBe(1);
  expect(many.stderr).toContain('65 tables cannot be seen at once');
});
