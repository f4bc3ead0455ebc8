import { PNG } from 'pngjs';
import { expect, test } from 'vitest';
import { points, ring } from '../../runtime/data/gaussians.js';
import { curvePlot } from '../../runtime/show/curves.js';
import { imageGrid } from '../../runtime/show/grid.js';
import { encodePng } from '../../runtime/show/image.js';
import { picture } from '../../runtime/show/picture.js';
import { scatter } from '../../runtime/show/scatter.js';
import { ticks, tickText } from '../../runtime/show/ticks.js';

test('a grid: pixels scaled by whole numbers, a gap around, range, clipping, and magenta for what is no number', () => {
  const image = imageGrid(Float32Array.of(-1, 1, 0, 5, Number.NaN, -9, 0.5, -0.5), [2, 1, 2, 2], { scale: 3, columns: 2 });
  expect([image.width, image.height]).toEqual([2 + 2 * (6 + 2), 2 + 6 + 2]);
  const at = (x: number, y: number) => [...image.pixels.subarray(3 * (y * image.width + x), 3 * (y * image.width + x) + 3)];
  expect([at(2, 2), at(4, 4), at(5, 2), at(2, 5), at(5, 5)]).toEqual([
    [0, 0, 0],
    [0, 0, 0],
    [255, 255, 255],
    [128, 128, 128],
    [255, 255, 255],
  ]);
  expect([at(10, 2), at(13, 2)]).toEqual([
    [255, 0, 255],
    [0, 0, 0],
  ]);
  expect(at(0, 0)).toEqual(at(8, 3));
});

test('a grid of colour pictures keeps its channels, and 64 digits make a square', () => {
  const image = imageGrid(Float32Array.of(1, 0, 0.5), [1, 3, 1, 1], { range: [0, 1], scale: 1 });
  expect([...image.pixels.subarray(3 * 4, 3 * 4 + 3)]).toEqual([255, 0, 128]);
  const digits = imageGrid(new Float32Array(64 * 784), [64, 1, 28, 28]);
  expect([digits.width, digits.height]).toEqual([8 * (28 * 4 + 2) + 2, 8 * (28 * 4 + 2) + 2]);
  expect(() => imageGrid([], [1, 2, 4, 4])).toThrow('a picture grid needs [count, 1 or 3, height, width], not [1, 2, 4, 4]');
});

test('PNG bytes are the same each time and read back', () => {
  const image = imageGrid(
    Float32Array.from({ length: 16 }, (_, i) => i / 8 - 1),
    [1, 1, 4, 4],
  );
  const bytes = encodePng(image);
  expect(encodePng(image).equals(bytes)).toBe(true);
  const read = PNG.sync.read(bytes);
  expect([read.width, read.height]).toEqual([image.width, image.height]);
  for (let i = 0; i < image.width * image.height; i++) expect(read.data[4 * i]).toBe(image.pixels[3 * i]);
});

test('a scatter plot shows samples at their place, whatever else they hold', () => {
  const real = points(ring(8, 2, 0.02), 1n, 400);
  const image = scatter(Float32Array.of(2, 0, Number.NaN, 1, 1e9, 0), real, { size: 320 });
  const plain = scatter(new Float32Array(0), real, { size: 320 });
  let changed = 0;
  let middle = [0, 0];
  for (let i = 0; i < 320 * 320; i++) {
    if ([0, 1, 2].every((c) => image.pixels[3 * i + c] === plain.pixels[3 * i + c])) continue;
    changed++;
    middle = [middle[0] + (i % 320), middle[1] + Math.floor(i / 320)];
  }
  expect(changed).toBeGreaterThan(4);
  // (2, 0) is on the right, half way up.
  expect(middle[0] / changed).toBeGreaterThan(240);
  expect(Math.abs(middle[1] / changed - 160)).toBeLessThan(3);
  expect(scatter(Float32Array.of(Number.NaN, Number.NaN), undefined).width).toBe(640);
});

test('what can be a picture', () => {
  const f32 = (...shape: number[]) => ({ dtype: 'f32' as const, shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)) });
  expect(picture(f32(4, 1, 8, 8), { type: 'image' })?.width).toBeGreaterThan(16);
  expect(picture(f32(9, 2), {})?.width).toBe(640);
  expect(picture(f32(4, 2, 8, 8), { type: 'image' })).toBeUndefined();
  expect(picture(f32(4, 7), {})).toBeUndefined();
  expect(picture(f32(0, 1, 8, 8), { type: 'image' })).toBeUndefined();
});

test('curves: every name is in the legend, escaped; values that are no numbers are left out', () => {
  const svg = curvePlot(
    [
      { name: 'D <real>', points: Array.from({ length: 1000 }, (_, i) => ({ x: i + 1, y: i === 500 ? Number.NaN : 1 / (i + 1) })) },
      { name: 'G', points: [{ x: 1, y: 2 }] },
    ],
    { title: 'losses & more' },
  );
  expect(svg).toContain('D &lt;real&gt;');
  expect(svg).toContain('losses &amp; more');
  expect(svg).not.toContain('NaN');
  expect(svg.match(/<polyline/g)).toHaveLength(2);
  expect(curvePlot([{ name: 'D', points: [] }])).toContain('</svg>');
});

test('ticks are round', () => {
  expect(ticks(-2.4, 2.4).map(tickText)).toEqual(['-2', '-1', '0', '1', '2']);
  expect(ticks(0, 1).map(tickText)).toEqual(['0', '0.2', '0.4', '0.6', '0.8', '1']);
  expect(ticks(0, 20000, 7).map(tickText)).toEqual(['0', '5000', '10000', '15000', '20000']);
  expect(ticks(3, 3)).toEqual([3]);
});
