import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DataError } from '../../runtime/data/index.js';
import { logMel, melCentres, soundOfMel } from '../../runtime/data/mel.js';

const tone = (hertz: number, rate: number, seconds: number, loud = 1) =>
  Float32Array.from({ length: Math.round(rate * seconds) }, (_, i) => loud * Math.sin((2 * Math.PI * hertz * i) / rate));

const peak = (row: Float32Array) => row.indexOf(Math.max(...row));

/** Power of a band from its value. */
const power = (value: number) => 10 ** (4 * (value - 1));

test('a tone peaks in the band whose centre is nearest to it on the mel scale, in every row, and its bands add up to its mean square', () => {
  for (const [hertz, rate, bands] of [
    [440, 16_000, 40],
    [440, 8_000, 20],
    [3000, 22_050, 64],
  ]) {
    const rows = logMel(tone(hertz, rate, 1), rate, { frames: 8, bands }, 1);
    const mel = (f: number) => 2595 * Math.log10(1 + f / 700);
    const distances = melCentres(rate, bands).map((centre) => Math.abs(mel(centre) - mel(hertz)));
    const nearest = distances.indexOf(Math.min(...distances));
    for (let frame = 0; frame < 8; frame++) {
      const row = rows.subarray(frame * bands, (frame + 1) * bands);
      expect(peak(row)).toBe(nearest);
      expect(row.reduce((sum, value) => sum + power(value), 0)).toBeCloseTo(0.5, 2);
    }
  }
});

test('silence, and what is missing at the end, is the floor -1; ten times louder is half higher', () => {
  expect([...logMel(new Float32Array(0), 8000, { frames: 3, bands: 5 }, 0.3)]).toEqual(new Array(15).fill(-1));
  const short = logMel(tone(440, 8000, 0.2), 8000, { frames: 4, bands: 10 }, 0.4);
  expect([...short.subarray(20)]).toEqual(new Array(20).fill(-1));
  expect(Math.max(...short.subarray(10, 20))).toBeGreaterThan(0.8);
  const [quiet, loud] = [0.1, 1].map((by) => logMel(tone(440, 8000, 0.1, by), 8000, { frames: 1, bands: 10 }, 0.1));
  expect(Math.max(...loud) - Math.max(...quiet)).toBeCloseTo(0.5, 5);
});

test('a click shows in the row of its frame alone, wherever in the frame it is', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 7999 }), fc.integer({ min: 3, max: 23 }), (at, frames) => {
      const samples = new Float32Array(8000);
      samples[at] = 1;
      const rows = logMel(samples, 8000, { frames, bands: 16 }, 1);
      const stretch = 8000 / frames;
      const loud = Array.from({ length: frames }, (_, frame) => frame).filter((frame) => rows.subarray(frame * 16, (frame + 1) * 16).some((v) => v > -1));
      const frame = Array.from({ length: frames }, (_, i) => i).find((i) => at >= Math.round(i * stretch) && at < Math.round((i + 1) * stretch));
      // Less than a hundredth from a border it may be too faint to be heard.
      const place = (at - Math.round((frame as number) * stretch)) / stretch;
      if (place > 0.01 && place < 0.99) expect(loud).toEqual([frame]);
      else expect(loud.filter((other) => other !== frame)).toEqual([]);
    }),
    { numRuns: 60 },
  );
});

test('a row is what the formula in the text gives, by a plain Fourier sum in steps of the bins', () => {
  const [rate, bands, length] = [4000, 6, 200];
  let seed = 1;
  const samples = Float32Array.from({ length }, () => {
    seed = (seed * 48271) % 2147483647;
    return seed / 2147483647 - 0.5;
  });
  const got = logMel(samples, rate, { frames: 1, bands }, length / rate);
  const window = Array.from({ length }, (_, i) => {
    const edge = Math.min(i + 0.5, length - i - 0.5) / (length / 20);
    return edge < 1 ? Math.sin((Math.PI * edge) / 2) ** 2 : 1;
  });
  const most = 2595 * Math.log10(1 + rate / 2 / 700);
  const corner = (k: number) => 700 * (10 ** ((most * k) / (bands + 1) / 2595) - 1);
  const size = 256;
  for (let band = 0; band < bands; band++) {
    let sum = 0;
    for (let bin = 0; bin <= size / 2; bin++) {
      const f = (bin * rate) / size;
      const up = (f - corner(band)) / (corner(band + 1) - corner(band));
      const down = (corner(band + 2) - f) / (corner(band + 2) - corner(band + 1));
      const weight = Math.max(0, Math.min(up, down));
      let [re, im] = [0, 0];
      for (let i = 0; i < length; i++) {
        re += window[i] * samples[i] * Math.cos((2 * Math.PI * bin * i) / size);
        im -= window[i] * samples[i] * Math.sin((2 * Math.PI * bin * i) / size);
      }
      sum += (weight * 2 * (re * re + im * im)) / size;
    }
    expect(got[band]).toBeCloseTo(1 + Math.log10(sum / window.reduce((a, w) => a + w * w, 0)) / 4, 5);
  }
});

test('no band is without a bin, however short the frames are', () => {
  const noise = Float32Array.from({ length: 8000 }, (_, i) => Math.sin(i * i));
  for (const bands of [1, 8, 80, 128]) for (const value of logMel(noise, 8000, { frames: 100, bands }, 1)) expect(value).toBeGreaterThan(-1);
});

test('frames that are too short or too long for a spectrum are refused', () => {
  expect(() => logMel(new Float32Array(100), 100, { frames: 50, bands: 4 }, 1)).toThrow(DataError);
  expect(() => logMel(new Float32Array(100), 48_000, { frames: 1, bands: 4 }, 10)).toThrow(DataError);
});

test('a sound made of rows has these rows, also beside silence', () => {
  const [rate, seconds, shape] = [16_000, 1, { frames: 5, bands: 6 }];
  const rows = Float32Array.from({ length: 30 }, (_, i) => (i % 7 === 0 ? 0.6 : i % 7 === 3 ? 0.3 : -1));
  const heard = logMel(soundOfMel(rows, rate, shape, seconds), rate, shape, seconds);
  heard.forEach((value, i) => {
    if (rows[i] > -1) expect(Math.abs(value - rows[i])).toBeLessThan(0.03);
    else expect(value).toBeLessThan(0.1);
  });
  expect(soundOfMel(new Float32Array(30).fill(-1), rate, shape, seconds)).toEqual(new Float32Array(16_000));
});
