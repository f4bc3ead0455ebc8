/** What the prelude has for clips, conditions and augmentation, held against its formulas in the float64 interpreter. */
import { describe, expect, test } from 'vitest';
import { output, result, values } from './net.js';

const sum = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0);

describe('clips', () => {
  test('differences and flicker', () => {
    expect(output('  differences(x)', [1, 4, 9, 2], [1, 4, 1])).toEqual([3, 5, -7]);
    expect(output('  flicker(x)', [1, 4, 9, 2], [1, 4, 1])[0]).toBeCloseTo(5, 12);
    expect(output('  temporal_penalty(x) + 0 * x', [1, 4, 9, 2], [1, 4, 1])[0]).toBeCloseTo((9 + 25 + 49) / 3, 12);
  });

  test('random_frames: frames in order, none twice, of each example its own', () => {
    const y = output(
      '  random_frames(x, 3)',
      Array.from({ length: 40 * 8 }, (_, i) => i % 8),
      [1, 8],
      { batch: 40 },
    );
    const drawn = Array.from({ length: 40 }, (_, i) => y.slice(3 * i, 3 * i + 3));
    for (const [a, b, c] of drawn) expect(a < b && b < c).toBe(true);
    expect(new Set(drawn.map(String)).size).toBeGreaterThan(15);
    expect(new Set(drawn.flat()).size).toBe(8);
  });

  /** A square of light, its top left corner at a place of each frame. */
  const square = (places: readonly (readonly [number, number])[], size: number, side = 2): number[] =>
    places.flatMap(([top, left]) =>
      Array.from({ length: size * size }, (_, i) => {
        const [y, x] = [Math.floor(i / size), i % size];
        return y >= top && y < top + side && x >= left && x < left + side ? 1 : -1;
      }),
    );

  test('where the light is, and clips with it in the middle', () => {
    const places = [
      [0, 0],
      [1, 4],
      [6, 3],
    ] as const;
    const clip = square(places, 8);
    const at = output('  centre_of_mass(x)', clip, [1, 3, 8, 8]);
    expect(at).toEqual([0.5, 0.5, 1.5, 4.5, 6.5, 3.5].map((v) => expect.closeTo(v, 3)));
    const middle = square([[3, 3]], 8);
    expect(output('  aligned(x)', clip, [1, 3, 8, 8])).toEqual([...middle, ...middle, ...middle].map((v) => expect.closeTo(v, 3)));
    // A side of three has its middle on a pixel, half a pixel off that of the frame: edges are half light.
    const odd = output('  aligned(x)', square([[0, 5]], 8, 3), [1, 1, 8, 8]);
    expect(odd.slice(2 * 8, 3 * 8)).toEqual([-1, -1, -0.5, 0, 0, -0.5, -1, -1].map((v) => expect.closeTo(v, 3)));
    expect(odd.slice(3 * 8, 4 * 8)).toEqual([-1, -1, 0, 1, 1, 0, -1, -1].map((v) => expect.closeTo(v, 3)));
  });

  test('a way turns where a step goes against the one before it, if one of them counts', () => {
    const way = [5, 3, 1, 0, 2, 4, 4, 3, 2.9, 3, 2.95];
    const still = way.map((_, i) => (i % 2) * 0.3);
    const both = way.flatMap((v, i) => [v, still[i]]);
    expect(output('  turns(x)', both, [11, 2])).toEqual([0, 0, 1, 0, 0, 0, 0, 0, 0]);
    expect(output('  turns(x, least: 0.2)', both, [11, 2])).toEqual(new Array(9).fill(1));
    expect(output('  turns(x, least: 0.05)', way, [11, 1])).toEqual([0, 0, 1, 0, 0, 0, 0, 1, 1]);
  });

  const sigmoid = (v: number): number => 1 / (1 + Math.exp(-v));

  /** What is written after the sizes, and what the stored kernels, of two inputs each, count for. */
  const kernels = [
    ['', 1],
    [', weight: equalized(_, gain: 3)', 3 / Math.sqrt(2)],
  ] as const;

  test.each(kernels)('conv_gru of one pixel is a GRU%s', (weight, factor) => {
    const { read, simulation } = result(`  conv_gru(x, 1, kernel: 1${weight})`, [0.5, -1, 2], [3, 1, 1]);
    const y = [...read().data];
    const gates = values(simulation, 'F.conv_gru.Gates.weight').map((w) => factor * w);
    const gateBias = values(simulation, 'F.conv_gru.Gates.bias');
    const candidate = values(simulation, 'F.conv_gru.Candidate.weight').map((w) => factor * w);
    const bias = values(simulation, 'F.conv_gru.Candidate.bias');
    let h = 0;
    for (const [t, v] of [0.5, -1, 2].entries()) {
      const r = sigmoid(gates[0] * v + gates[1] * h + gateBias[0]);
      const u = sigmoid(gates[2] * v + gates[3] * h + gateBias[1]);
      const c = Math.tanh(candidate[0] * v + candidate[1] * r * h + bias[0]);
      h = u * h + (1 - u) * c;
      expect(y[t]).toBeCloseTo(h, 12);
    }
  });

  test.each(kernels)('conv_lstm of one pixel is an LSTM%s', (weight, factor) => {
    const { read, simulation } = result(`  conv_lstm(x, 1, kernel: 1${weight})`, [0.5, -1, 2], [3, 1, 1]);
    const y = [...read().data];
    const w = values(simulation, 'F.conv_lstm.Gates.weight').map((v) => factor * v);
    const b = values(simulation, 'F.conv_lstm.Gates.bias');
    let h = 0;
    let c = 0;
    for (const [t, v] of [0.5, -1, 2].entries()) {
      const g = [0, 1, 2, 3].map((k) => w[2 * k] * v + w[2 * k + 1] * h + b[k]);
      c = sigmoid(g[1]) * c + sigmoid(g[0]) * Math.tanh(g[2]);
      h = sigmoid(g[3]) * Math.tanh(c);
      expect(y[t]).toBeCloseTo(h, 12);
    }
  });

  test('a sprite is written where it is told to, and nothing of it is lost', () => {
    const y = output('  place_sprite(x, 9, 2, 5, sigma: 0.2)', [1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 3, 3]);
    const at = (row: number, column: number): number => y[row * 9 + column];
    for (let r = 0; r < 3; r++) for (let c = 0; c < 3; c++) expect(at(1 + r, 4 + c)).toBeCloseTo(3 * r + c + 1, 1);
    expect(sum(y)).toBeCloseTo(45, 0);
    const wide = output('  place_sprite(x, 9, 4, 4, stride: 2, sigma: 0.2)', [1, 0, 0, 0, 0, 0, 0, 0, 2], [1, 3, 3]);
    expect(wide[2 * 9 + 2]).toBeCloseTo(1, 1);
    expect(wide[6 * 9 + 6]).toBeCloseTo(2, 1);
  });
});

describe('conditions', () => {
  test('pairs: each with its target and weight, for a score or a record of scores', () => {
    const softplus = (v: number): number => Math.log1p(Math.exp(v));
    const list = '[{x: x, t: 2, target: 1}, {x: x, t: -1, target: 0, weight: 0.5}]';
    const expected = softplus(-2 * 3) + 0.5 * softplus(-3);
    expect(output(`  block D(x, t) { sum(x) * t }\n  pairs(D, ${list}) + 0 * x`, [1, 2], [2])[0]).toBeCloseTo(expected, 9);
    const two = output(`  block D(x, t) { {a: sum(x) * t, b: x[0] * t} }\n  r = pairs(D, ${list}, loss: squares_target)\n  [r.a, r.b] + 0 * x`, [1, 2], [2]);
    expect(two[0]).toBeCloseTo(25 + 0.5 * 9, 9);
    expect(two[1]).toBeCloseTo(1 + 0.5, 9);
    const hinged = output(
      `  block D(x, t) { {a: sum(x) * t, b: x[0] * t} }\n  r = pairs(D, ${list}, loss: hinge_target)\n  [r.a, r.b] + 0 * x`,
      [0.1, 0.2],
      [2],
    );
    expect(hinged[0]).toBeCloseTo(1 - 0.6 + 0.5 * (1 - 0.3), 6);
    expect(hinged[1]).toBeCloseTo(1 - 0.2 + 0.5 * (1 - 0.1), 6);
    expect(output('  hinge_target(x, 1) + hinge_target(x, 0) + 0 * x', [0.25], [1])[0]).toBeCloseTo(0.75 + 1.25, 12);
  });

  test('contrastive: the share of the own key among those of the batch, equal conditions apart', () => {
    const turn = (degrees: number): number[] => [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
    const angles = [0, 60, 180];
    const x = angles.flatMap(turn);
    // Of keys that are the queries turned by 30 degrees.
    const cosine = (i: number, j: number): number => Math.cos(((angles[j] + 30 - angles[i]) * Math.PI) / 180);
    const key = '[0.8660254037844387 * x[0] - 0.5 * x[1], 0.5 * x[0] + 0.8660254037844387 * x[1]]';
    const y = output(`  contrastive(3 * x, ${key}, temperature: 0.5)`, x, [2], { batch: 3 });
    for (let i = 0; i < 3; i++) {
      const all = angles.map((_, j) => Math.exp(cosine(i, j) / 0.5));
      expect(y[i]).toBeCloseTo(-Math.log(all[i] / sum(all)), 9);
    }
    // Examples 0 and 1 have the same condition, 2 another.
    const apart = output(`  contrastive(x, ${key}, t: where(x[0:1] > 0, 1, 0), temperature: 0.5)`, x, [2], { batch: 3 });
    const own = Math.exp(cosine(0, 0) / 0.5);
    expect(apart[0]).toBeCloseTo(-Math.log(own / (own + Math.exp(cosine(0, 2) / 0.5))), 9);
  });

  test('feature_matching, mode_seeking, attention_entropy', () => {
    expect(output('  feature_matching(x, 0 * x + 1) + 0 * x', [1, 2, 3, 6], [2], { batch: 2 })[0]).toBeCloseTo(1 + 9, 12);
    expect(output('  mode_seeking(x, 3 * x, 0, x, eps: 0)', [2, 4], [2])[0]).toBeCloseTo(0.5, 12);
    expect(output('  attention_entropy(x)', [0.5, 0.5, 0, 1], [2, 2])).toEqual([expect.closeTo(Math.log(2), 9), expect.closeTo(0, 9)]);
  });

  test('text_filters: kernels of its own for each example', () => {
    const { read, simulation } = result('  text_filters(x, x[:, 0, 0], 1, kernel: 1)', [1, 2, 3, 5], [2, 1, 1], { batch: 2 });
    const y = read().data;
    const w = values(simulation, 'F.text_filters.filters.weight');
    const b = values(simulation, 'F.text_filters.filters.bias');
    for (const [i, [p, q]] of [
      [1, 2],
      [3, 5],
    ].entries()) {
      const k = [w[0] * p + w[1] * q + b[0], w[2] * p + w[3] * q + b[1]];
      expect(y[i]).toBeCloseTo((k[0] * p + k[1] * q) / Math.SQRT2, 9);
    }
  });

  test('conditioning_augmentation: draws around the mean, and how far they are from standard normal ones', () => {
    const { read, simulation } = result('  r = conditioning_augmentation(x, 1)\n  concat(r.c, reshape(r.kl, 1))', new Array(2000).fill(0.7), [1], {
      batch: 2000,
    });
    const y = read().data;
    const w = values(simulation, 'F.conditioning_augmentation.linear.weight');
    const b = values(simulation, 'F.conditioning_augmentation.linear.bias');
    const leaky = (v: number): number => (v > 0 ? v : 0.2 * v);
    const [mu, spread] = [0, 1].map((i) => leaky(w[i] * 0.7 + b[i]));
    const drawn = Array.from({ length: 2000 }, (_, i) => y[2 * i]);
    expect(sum(drawn) / 2000).toBeCloseTo(mu, 0);
    expect(sum(drawn.map((v) => (v - mu) ** 2)) / 2000 / Math.exp(spread)).toBeCloseTo(1, 0);
    expect(y[1]).toBeCloseTo(0.5 * (mu ** 2 + Math.exp(spread) - spread - 1), 9);
  });
});

describe('augmentation', () => {
  const clip = Array.from({ length: 3 * 2 * 8 * 8 }, (_, i) => Math.sin(i));

  test('all frames of a clip change alike', () => {
    const frame = Array.from({ length: 64 }, (_, i) => Math.sin(i));
    const still = [0, 1, 2].flatMap((c) => [0, 1].flatMap(() => frame.map((v) => v * (c + 1) * 0.3)));
    const y = output('  augment(x)', still, [3, 2, 8, 8], { training: true });
    for (let c = 0; c < 3; c++) for (let i = 0; i < 64; i++) expect(y[c * 128 + i]).toBeCloseTo(y[c * 128 + 64 + i], 12);
    expect(y).not.toEqual(still);
  });

  test('translation moves by whole pixels within its reach, cutout covers half of each side', () => {
    const y = output(
      '  augment_translation(x, ratio: 0.25)',
      new Array(50).fill(0).flatMap(() => [0, 0, 0, 0, 1, 0, 0, 0]),
      [1, 1, 8],
      { batch: 50 },
    );
    const places = new Set(Array.from({ length: 50 }, (_, i) => y.slice(8 * i, 8 * i + 8).indexOf(1)));
    expect([...places].sort()).toEqual([2, 3, 4, 5, 6]);
    const cut = output('  augment_cutout(x)', new Array(30 * 64).fill(1), [1, 8, 8], { batch: 30 });
    const covered = Array.from({ length: 30 }, (_, i) => 64 - sum(cut.slice(64 * i, 64 * i + 64)));
    expect(Math.max(...covered)).toBe(16);
    expect(Math.min(...covered)).toBeGreaterThanOrEqual(4);
  });

  test('a shift is a shift', () => {
    expect(output('  shifted(x, 1)', [1, 2, 3], [3])).toEqual([0, 1, 2]);
    expect(output('  shifted(x, -2)', [1, 2, 3], [3])).toEqual([3, 0, 0]);
    expect(output('  augment_colour(x)', clip, [3, 2, 8, 8])).not.toEqual(clip);
  });
});

test('positions: sines of each row, and octaves', () => {
  const y = output('  sine_positions(3, 4) + 0 * x', new Array(12).fill(0), [3, 4]);
  for (let p = 0; p < 3; p++)
    for (const [i, v] of [Math.sin(p), Math.sin(p / 100), Math.cos(p), Math.cos(p / 100)].entries()) expect(y[4 * p + i]).toBeCloseTo(v, 9);
  const f = output('  fourier_features(x, 2)', [0.3], [1]);
  for (const [i, v] of [Math.sin(Math.PI * 0.3), Math.sin(Math.PI * 0.6), Math.cos(Math.PI * 0.3), Math.cos(Math.PI * 0.6)].entries())
    expect(f[i]).toBeCloseTo(v, 9);
});

test('non_local begins as the identity', () => {
  expect(output('  non_local(x)', [1, 2, 3, 4, 5, 6, 7, 8], [2, 2, 2])).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
});
