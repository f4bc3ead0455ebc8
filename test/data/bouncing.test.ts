/** Bouncing MNIST, judged by its own pixels: what captions, classes, sounds and bounces say must be what the frames show. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DataRequest, FieldRequest } from '../../compiler/program/types.js';
import { scaleDigits } from '../../runtime/data/bouncing-render.js';
import { PITCHES } from '../../runtime/data/bouncing-sound.js';
import { DataError, type DataSet, loadData } from '../../runtime/data/index.js';
import { vocabularyOf } from '../../runtime/data/manifest.js';
import { logMel, melCentres } from '../../runtime/data/mel.js';
import { packagedDigits } from '../../runtime/data/mnist.js';
import { label, request } from './requests.js';

const FRAMES = 12;
const SIZE = 24;
const DIGIT = 14;

const video = (frames = FRAMES, size = SIZE): FieldRequest => ({
  name: 'x',
  type: 'video',
  shape: [1, frames, size, size],
  args: {},
  storage: { kind: 'u8', scale: 2 / 255, offset: -1 },
  range: [-1, 1],
});
const tokens = (length = 9, words = 32): FieldRequest => ({ name: 't', type: 'tokens', shape: [length], args: { words }, storage: { kind: 'i32' } });
const audio = (frames = FRAMES, bands = 20): FieldRequest => ({ name: 'a', type: 'audio', shape: [frames, bands], args: {}, storage: { kind: 'f32' } });

const load = (args: DataRequest['args'], fields: readonly FieldRequest[], seed = 3n) =>
  loadData(request('bouncing_mnist', { digit_size: DIGIT, count: 400, held_out: 0.25, ...args }, ...fields), { seed });

async function refusal(args: DataRequest['args'], ...fields: FieldRequest[]): Promise<string> {
  const error = await loadData(request('bouncing_mnist', { count: 10, ...args }, ...fields), { seed: 1n }).then(
    () => undefined,
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(DataError);
  return String(error);
}

function row(set: DataSet, name: string, i: number): Uint8Array {
  const { bytes, rowBytes } = set.fields.get(name)!;
  return bytes.slice(i * rowBytes, (i + 1) * rowBytes);
}

const ints = (set: DataSet, name: string, i: number) => [...new Int32Array(row(set, name, i).buffer)];
const floats = (set: DataSet, name: string, i: number) => new Float32Array(row(set, name, i).buffer);
const caption = (set: DataSet, i: number) => vocabularyOf(set.manifest, 't')!.decode(ints(set, 't', i));
const allRows = (set: DataSet) => Array.from({ length: set.count + set.heldOut + (set.unseen ?? 0) }, (_, i) => i);

/** The box of what is not black in a frame. */
function box(clip: Uint8Array, frame: number, size = SIZE) {
  const found = { left: size, right: -1, top: size, bottom: -1, ink: 0 };
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const value = clip[(frame * size + y) * size + x];
      if (value === 0) continue;
      found.ink += value;
      found.left = Math.min(found.left, x);
      found.right = Math.max(found.right, x);
      found.top = Math.min(found.top, y);
      found.bottom = Math.max(found.bottom, y);
    }
  }
  return found;
}

/** Frames in which what moves along an axis turns: the last before its way goes back. */
function turns(track: readonly number[]): number[] {
  const found: number[] = [];
  let way = 0;
  for (let i = 1; i < track.length; i++) {
    const step = Math.sign(track[i] - track[i - 1]);
    if (step !== 0 && way !== 0 && step !== way) found.push(i - 1);
    if (step !== 0) way = step;
  }
  return found;
}

describe('one digit', () => {
  let set: DataSet;
  beforeAll(async () => {
    set = await load({}, [video(), tokens(), audio(), label('digit', 10), label('motion', 2)]);
  });

  test('rows for training, held out, and of unseen pairs; the line that says so', () => {
    expect([set.count, set.heldOut, set.unseen]).toEqual([300, 100, 100]);
    expect([...set.fields.values()].map((f) => f.count)).toEqual([500, 500, 500, 500, 500]);
    expect(set.describe).toBe(
      'bouncing_mnist: 300 rows (100 held out, 100 unseen), x: video[1, 12, 24, 24], t: tokens[9, words: 32], a: audio[12, 20], digit: class[10], motion: class[2]',
    );
    expect(set.notes).toEqual(['never in training: 1 up and down, 4 left and right, 6 up and down, 9 left and right']);
  });

  test('a caption says what the pixels do, and the class fields say the same', () => {
    for (const i of allRows(set)) {
      const clip = row(set, 'x', i);
      const boxes = Array.from({ length: FRAMES }, (_, f) => box(clip, f));
      const wide = new Set(boxes.map((b) => b.left)).size;
      const high = new Set(boxes.map((b) => b.top)).size;
      const [digit] = ints(set, 'digit', i);
      const [motion] = ints(set, 'motion', i);
      expect([wide > 1, high > 1]).toEqual([motion === 1, motion === 0]);
      expect(caption(set, i)).toBe(`the digit ${digit} is moving ${high > 1 ? 'up and down' : 'left and right'} .`);
      // The same digit in every frame, whole.
      expect(new Set(boxes.map((b) => b.ink)).size).toBe(1);
    }
  });

  test('bounces are where the way of the pixels turns, at the wall they name, and nowhere else', () => {
    let heard = 0;
    for (const i of allRows(set)) {
      const clip = row(set, 'x', i);
      const boxes = Array.from({ length: FRAMES }, (_, f) => box(clip, f));
      const upright = ints(set, 'motion', i)[0] === 0;
      const track = boxes.map((b) => (upright ? b.top : b.left));
      const bounces = set.bouncesOf!(i);
      // In the first frame and in the last a bounce cannot be told from a start or an end.
      expect(bounces.map((b) => b.frame).filter((f) => f > 0 && f < FRAMES - 1)).toEqual(turns(track));
      heard += bounces.length;
      for (const { frame, wall } of bounces) {
        expect(['top', 'bottom'].includes(wall)).toBe(upright);
        const extreme = wall === 'top' || wall === 'left' ? Math.min(...track) : Math.max(...track);
        expect(track[frame]).toBe(extreme);
      }
      // Between bounces it touches no wall: what is there in two frames' distance was a bounce.
      for (const { frame, wall } of bounces) {
        for (const next of [frame - 1, frame + 1]) if (next >= 0 && next < FRAMES) expect(track[next], wall).not.toBe(track[frame]);
      }
    }
    // 2 pixels a frame over 10: some two bounces in 12 frames.
    expect(heard / 500).toBeGreaterThan(1.5);
  });

  test('every row of sound is silent but where a bounce is, whose pitch tells the wall', () => {
    const centres = melCentres(16_000, 20);
    const bandOf = (pitch: number) => centres.reduce((best, c, k) => (Math.abs(c - pitch) < Math.abs(centres[best] - pitch) ? k : best), 0);
    for (const i of allRows(set).slice(0, 60)) {
      const rows = floats(set, 'a', i);
      const bounces = set.bouncesOf!(i);
      for (let f = 0; f < FRAMES; f++) {
        const bands = [...rows.subarray(f * 20, f * 20 + 20)];
        const hits = bounces.filter((b) => b.frame === f);
        if (hits.length === 0) expect(bands.every((v) => v === -1)).toBe(true);
        else expect(Math.abs(bands.indexOf(Math.max(...bands)) - bandOf(PITCHES[hits[0].wall]))).toBeLessThanOrEqual(1);
        expect(bands.every((v) => v >= -1 && v <= 1)).toBe(true);
      }
      const { samples, rate } = set.soundOf!(i);
      expect(samples.length / rate).toBe(FRAMES / 8);
      // The first tone sets in with its frame, not somewhere in it; the samples make the very rows.
      const onset = samples.findIndex((v) => Math.abs(v) > 0.02);
      if (bounces.length === 0) expect(onset).toBe(-1);
      else expect(onset / rate - bounces[0].frame / 8).toBeLessThan(0.015);
      expect(logMel(samples, rate, { frames: FRAMES, bands: 20 }, FRAMES / 8)).toEqual(rows);
    }
  });

  test('held-out pairs are in no row for training or held out, and in every unseen row', () => {
    const held = new Set(['1 0', '4 1', '6 0', '9 1']);
    const pair = (i: number) => `${ints(set, 'digit', i)} ${ints(set, 'motion', i)}`;
    const rows = allRows(set);
    expect(rows.slice(0, 400).filter((i) => held.has(pair(i)))).toEqual([]);
    expect(rows.slice(400).every((i) => held.has(pair(i)))).toBe(true);
    expect(new Set(rows.slice(0, 300).map(pair)).size).toBe(16);
    expect(new Set(rows.slice(400).map(pair)).size).toBe(4);
  });

  test('digits differ in shape between rows, and held-out rows show pictures of their own', () => {
    const shapes = (from: number, to: number) => {
      const found = new Set<string>();
      for (let i = from; i < to; i++) {
        const clip = row(set, 'x', i);
        const b = box(clip, 0);
        let key = '';
        for (let y = b.top; y <= b.bottom; y++) key += `${clip.slice(y * SIZE + b.left, y * SIZE + b.right + 1)};`;
        found.add(key);
      }
      return found;
    };
    const trained = shapes(0, 300);
    const apart = shapes(300, 500);
    expect(trained.size).toBeGreaterThan(280);
    expect(apart.size).toBeGreaterThan(150);
    expect([...apart].filter((shape) => trained.has(shape))).toEqual([]);
  });

  test('the same seed gives the same bytes, another seed others; words keep their numbers', async () => {
    const fields = [video(), tokens(), audio()];
    const [again, other] = [await load({}, fields), await load({}, fields, 4n)];
    for (const { name } of fields) {
      expect(Buffer.compare(again.fields.get(name)!.bytes, set.fields.get(name)!.bytes)).toBe(0);
      expect(Buffer.compare(other.fields.get(name)!.bytes, set.fields.get(name)!.bytes)).not.toBe(0);
    }
    expect(other.manifest).toEqual(again.manifest);
    // More rows change none of the others.
    const more = await load({ count: 800 }, [video()]);
    expect(Buffer.compare(row(more, 'x', 299), row(set, 'x', 299))).toBe(0);
    expect(Buffer.compare(row(more, 'x', 600), row(set, 'x', 300))).toBe(0);
  });

  test('starts are anywhere, ways out alike often', () => {
    const firsts = allRows(set).map((i) => box(row(set, 'x', i), 0));
    const spread = (values: number[]) => new Set(values).size;
    expect(spread(firsts.map((b) => b.left))).toBeGreaterThan(10);
    expect(spread(firsts.map((b) => b.top))).toBeGreaterThan(10);
    const falling = allRows(set).filter((i) => ints(set, 'motion', i)[0] === 0 && box(row(set, 'x', i), 1).top > firsts[i].top).length;
    const rising = allRows(set).filter((i) => ints(set, 'motion', i)[0] === 0 && box(row(set, 'x', i), 1).top < firsts[i].top).length;
    expect(falling / (falling + rising)).toBeGreaterThan(0.4);
    expect(falling / (falling + rising)).toBeLessThan(0.6);
  });

  test("a run's words keep their numbers", async () => {
    const facts = set.manifest!.fields.t as { words: string[] };
    const words = [facts.words[0], facts.words[1], ...facts.words.slice(2).reverse()];
    const manifest = { ...set.manifest!, fields: { ...set.manifest!.fields, t: { type: 'tokens' as const, length: 9, words } } };
    const kept = await loadData(request('bouncing_mnist', { digit_size: DIGIT, count: 400, held_out: 0.25 }, tokens()), { seed: 3n, manifest });
    expect(ints(kept, 't', 0)).not.toEqual(ints(set, 't', 0));
    expect(caption(kept, 0)).toBe(caption(set, 0));
    expect(kept.manifest).toEqual(manifest);
  });
});

describe('two digits', () => {
  test('each caption names both with their motions; the brighter pixel shows; a held-out pair is in every unseen row', async () => {
    const names = ['digit_1', 'digit_2'].map((n) => label(n, 10)).concat(['motion_1', 'motion_2'].map((n) => label(n, 2)));
    const set = await load({ digits: 2 }, [video(), tokens(16), audio(), ...names]);
    const held = new Set(['1 0', '4 1', '6 0', '9 1']);
    const words = ['up and down', 'left and right'];
    for (const i of allRows(set)) {
      const [d1, d2, m1, m2] = names.map(({ name }) => ints(set, name, i)[0]);
      expect(caption(set, i)).toBe(`digit ${d1} is moving ${words[m1]} and digit ${d2} is moving ${words[m2]} .`);
      const strange = [`${d1} ${m1}`, `${d2} ${m2}`].filter((pair) => held.has(pair)).length;
      expect(strange).toBe(i < 400 ? 0 : 1);
    }
    // Where two meet, no pixel is brighter than either's, and frames of both have more ink than any of one.
    const inks = allRows(set).map((i) => Math.max(...Array.from({ length: FRAMES }, (_, f) => box(row(set, 'x', i), f).ink)));
    const one = await load({}, [video()]);
    const single = allRows(one).map((i) => box(row(one, 'x', i), 0).ink);
    const mean = (list: number[]) => list.reduce((a, b) => a + b, 0) / list.length;
    expect(mean(inks) / mean(single)).toBeGreaterThan(1.7);
    expect(mean(inks) / mean(single)).toBeLessThan(2.05);
    expect(await refusal({ digits: 2 }, video(), label('digit', 10))).toContain(
      'digit_1: class[10], digit_2: class[10], motion_1: class[2], motion_2: class[2]',
    );
  });
});

describe('more words', () => {
  test('directed motions: the pixels go first where the caption says', async () => {
    const set = await load({ motions: 'directed', held_pairs: 30 }, [video(), tokens(), label('motion', 4)]);
    const seen = new Set<string>();
    for (const i of allRows(set).slice(0, 400)) {
      const clip = row(set, 'x', i);
      const text = caption(set, i);
      const [, first, second] = /moving (\w+) then (\w+) \.$/.exec(text)!;
      const upright = first === 'up' || first === 'down';
      const track = Array.from({ length: FRAMES }, (_, f) => (upright ? box(clip, f).top : box(clip, f).left));
      const sign = first === 'up' || first === 'left' ? -1 : 1;
      expect(Math.sign(track[1] - track[0])).toBe(sign);
      expect(turns(track).length).toBeGreaterThanOrEqual(1);
      expect({ up: 'down', down: 'up', left: 'right', right: 'left' }[first]).toBe(second);
      expect(ints(set, 'motion', i)[0]).toBe(['up', 'down', 'left', 'right'].indexOf(first));
      seen.add(text);
    }
    // Thirty of forty pairs are held out: every digit keeps one motion.
    expect(seen.size).toBe(10);
    expect(new Set([...seen].map((text) => text.split(' ')[2])).size).toBe(10);
  });

  test('speed words: quick digits move twice as far in a frame', async () => {
    const set = await load({ speeds: true, speed: 4 }, [video(), tokens(10), label('speed', 2)]);
    for (const i of allRows(set)) {
      const clip = row(set, 'x', i);
      const text = caption(set, i);
      const boxes = Array.from({ length: FRAMES }, (_, f) => box(clip, f));
      const steps = boxes.slice(1).map((b, f) => Math.abs(b.top - boxes[f].top) + Math.abs(b.left - boxes[f].left));
      expect(Math.max(...steps)).toBe(text.includes('quickly') ? 4 : 2);
      expect(ints(set, 'speed', i)[0]).toBe(text.includes('quickly') ? 1 : 0);
      expect(text).toMatch(/^the digit \d is moving (slowly|quickly) (up and down|left and right) \.$/);
    }
  });

  test('walls in place of tones: 1 at the frame of a hit', async () => {
    const set = await load({ sound: 'walls' }, [video(), audio(FRAMES, 2)]);
    for (const i of allRows(set)) {
      const wanted = new Float32Array(FRAMES * 2);
      for (const { frame, wall } of set.bouncesOf!(i)) wanted[frame * 2 + (wall === 'bottom' || wall === 'right' ? 1 : 0)] = 1;
      expect(floats(set, 'a', i)).toEqual(wanted);
    }
    expect(set.manifest!.fields.a).toBeUndefined();
  });
});

describe('digits of another size', () => {
  test('half of 28 is the mean of four pixels; the ink is kept at any size', async () => {
    const { image } = await packagedDigits();
    const pictures = (image as { data: Uint8Array }).data.subarray(0, 20 * 784);
    const half = scaleDigits(pictures, 28, 14, 1);
    for (let n = 0; n < 20; n++) {
      for (let y = 0; y < 14; y++) {
        for (let x = 0; x < 14; x++) {
          const at = n * 784 + 2 * y * 28 + 2 * x;
          expect(half[n * 196 + y * 14 + x]).toBe(Math.round((pictures[at] + pictures[at + 1] + pictures[at + 28] + pictures[at + 29]) / 4));
        }
      }
    }
    const ink = (list: Uint8Array) => list.reduce((a, b) => a + b, 0);
    for (const size of [11, 20, 28, 45]) {
      const scaled = scaleDigits(pictures, 28, size, 1);
      expect((ink(scaled) * 784) / (ink(pictures) * size * size)).toBeCloseTo(1, 2);
    }
    expect(Math.max(...scaleDigits(pictures, 28, 14, 9))).toBe(255);
    expect(ink(scaleDigits(pictures, 28, 14, 1.25))).toBeGreaterThan(1.1 * ink(half));
  });

  test('as published: 28 pixels in a frame of 64, a fifth of the way a frame', async () => {
    const set = await loadData(request('bouncing_mnist', { count: 60 }, video(10, 64)), { seed: 1n });
    for (const i of allRows(set)) {
      const clip = row(set, 'x', i);
      const boxes = Array.from({ length: 10 }, (_, f) => box(clip, f, 64));
      expect(boxes[0].bottom - boxes[0].top).toBeGreaterThan(14);
      const steps = boxes.slice(1).map((b, f) => Math.abs(b.top - boxes[f].top) + Math.abs(b.left - boxes[f].left));
      // 7.2 pixels, rounded, but for the step that ends at a wall.
      expect(steps.every((s) => s <= 8)).toBe(true);
      expect(steps.some((s) => s >= 7)).toBe(true);
    }
  });

  test('digits of IDX files', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'ganc-bouncing-'));
    afterAll(() => rm(folder, { recursive: true, force: true }));
    const idx = (shape: number[], data: Uint8Array) => {
      const head = Buffer.alloc(4 + 4 * shape.length);
      head[2] = 8;
      head[3] = shape.length;
      for (const [i, n] of shape.entries()) head.writeUInt32BE(n, 4 + 4 * i);
      return Buffer.concat([head, data]);
    };
    const square = (digits: number[]) => Uint8Array.from(digits.flatMap((d) => new Array(64).fill(20 * d + 20)));
    const digits = Array.from({ length: 20 }, (_, i) => i % 10);
    await writeFile(join(folder, 'train-images-idx3-ubyte'), idx([20, 8, 8], square(digits)));
    await writeFile(join(folder, 'train-labels-idx1-ubyte'), idx([20], Uint8Array.from(digits)));
    const set = await load({ path: folder, digit_size: 8 }, [video(), label('digit', 10)]);
    for (const i of allRows(set)) expect(Math.max(...row(set, 'x', i))).toBe(20 * ints(set, 'digit', i)[0] + 20);
    await writeFile(
      join(folder, 'train-labels-idx1-ubyte'),
      idx(
        [20],
        Uint8Array.from(digits, (d) => (d === 3 ? 4 : d)),
      ),
    );
    expect(await refusal({ path: folder }, video())).toContain('has no picture of the digit 3');
  });
});

describe('what cannot be is refused with what to write', () => {
  test('fields', async () => {
    const wide = { ...video(), shape: [1, 12, 24, 32] };
    expect(await refusal({}, wide)).toBe("field 'x' asks for video[1, 12, 24, 32]\n  reason: digits bounce in a square\n  mend: write x: video[1, 12, 24, 24]");
    expect(await refusal({}, { ...video(), shape: [3, 12, 24, 24] })).toContain('mend: write x: video[1, 12, 24, 24]');
    expect(await refusal({}, video(), { ...video(12, 32), name: 'large' })).toContain("'x' is the same clip");
    expect(await refusal({}, video(), tokens(8, 16))).toBe(
      'field \'t\' asks for tokens[8, words: 16]\n  reason: captions like "the digit 0 is moving up and down ." have 9 words\n  mend: write t: tokens[9, words: 22]',
    );
    expect(await refusal({}, video(), tokens(9, 16))).toContain('mend: write t: tokens[9, words: 22]');
    expect(await refusal({}, video(), audio(16))).toContain('mend: write a: audio[12, 20]');
    expect(await refusal({ sound: 'walls' }, video(), audio())).toContain('mend: write a: audio[12, 2]');
    expect(await refusal({}, video(), label('y', 10))).toBe(
      "field 'y' asks for class[10]\n  reason: class fields of these clips are known by their names: digit: class[10], motion: class[2]\n  mend: write digit: class[10]",
    );
    expect(await refusal({}, video(), label('motion', 4))).toBe(
      "field 'motion' asks for class[4]\n  reason: 'motion' is one of 2: up and down, left and right\n  mend: write motion: class[2]",
    );
    expect(await refusal({}, { ...video(), type: 'image', shape: [1, 24, 24] })).toContain('delivers fields of type video and tokens and class and audio');
    expect(await refusal({ count: 2_000_000 }, video(16, 64))).toContain('GiB');
  });

  test('arguments', async () => {
    expect(await refusal({ digits: 3 }, video())).toContain('must be a whole number from 1 to 2');
    expect(await refusal({ speeds: 'yes' }, video())).toContain('is true or false');
    expect(await refusal({ motions: 'round' }, video())).toContain('is one of "two", "directed"');
    expect(await refusal({ digit_size: 24 }, video())).toContain('it fills the frame');
    expect(await refusal({ digit_size: 14, speed: 11 }, video())).toContain('write at most speed: 10');
    expect(await refusal({ digit_size: 14, speed: 0.5 }, video())).toBe(
      'in 12 frames a digit may not bounce, and its caption would not be true\n  reason: it takes 20 frames from wall to wall (10 pixels), and one more is to show that it turns back\n  mend: ask for at least 21 frames, or write speed: 0.91',
    );
    expect(await refusal({ held_pairs: 11 }, video())).toContain('write at most held_pairs: 10');
    expect(await refusal({ digit: 1 }, video())).toContain("did you mean 'digits'?");
  });
});
