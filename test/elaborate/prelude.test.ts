/** Every block of the prelude compiles, and what no oracle covers is held against its formula, in the float64 interpreter. */
import { describe, expect, test } from 'vitest';
import { compileRun, compileSpec } from '../../compiler/compile.js';
import { loadPrelude } from '../../compiler/elaborate/prelude.js';
import { interpret, type Tensor } from '../../compiler/graph/interpret.js';
import { Simulation } from '../../compiler/graph/simulate.js';
import { output, result, values } from './net.js';

/** Uses in a net F(x: [4, 8, 8], v: [6], t: tokens[5, words: 7]). */
const inNet: Readonly<Record<string, string>> = {
  relu: 'relu(x)',
  leaky_relu: 'leaky_relu(x)',
  elu: 'elu(x)',
  silu: 'silu(x)',
  gelu: 'gelu(x)',
  gelu_tanh: 'gelu_tanh(x)',
  softmax: 'softmax(x, axis: 0)',
  log_softmax: 'log_softmax(x)',
  softmin: 'softmin(x)',
  log_sigmoid: 'log_sigmoid(x)',
  swish: 'swish(x, beta: 1.5)',
  mish: 'mish(x)',
  softsign: 'softsign(x)',
  selu: 'selu(x)',
  celu: 'celu(x)',
  clamp: 'clamp(x, low: -1)',
  hardtanh: 'hardtanh(x)',
  relu6: 'relu6(x)',
  hard_sigmoid: 'hard_sigmoid(x)',
  hard_swish: 'hard_swish(x)',
  tanhshrink: 'tanhshrink(x)',
  softshrink: 'softshrink(x)',
  hardshrink: 'hardshrink(x)',
  threshold: 'threshold(x, edge: 0.1, value: 20)',
  prelu: 'prelu(x, parameters: 4)',
  glu: 'glu(x, axis: 0)',
  swiglu: 'swiglu(x)',
  along: 'along(x, [[1, 2, 3, 4]], axis: 0)',
  one_hot: 'one_hot(t)',
  choice: 'choice(v)',
  accuracy: 'accuracy(v, t[0])',
  shares: 'shares(v)',
  classes_found: 'classes_found(v)',
  largest_share: 'largest_share(v)',
  purity: 'purity(v, choice(-v))',
  class_score: 'class_score(v)',
  right: 'right(v, t[0])',
  all_right: 'all_right({a: v, b: -v}, {a: t[0], b: t[1]})',
  r_precision: 'r_precision(v, -v) + r_precision(v, -v, t: t)',
  diversity: 'diversity(x, 2 * x)',
  bounces: 'bounces(x[:, none] |> permute(1, 0, 2, 3), v[:4] |> reshape(4, 1)).clicks',
  around_frame: 'around_frame(v, 2)',
  centre_of_mass: 'centre_of_mass(reshape(x, 1, 4, 8, 8))',
  aligned: 'aligned(reshape(x, 2, 2, 8, 8))',
  shift_matrix: 'shift_matrix(6, v)',
  turns: 'turns(x[0])',
  take: 'take(v, t)',
  gather: 'gather(x, x > 0, axis: 1)',
  cumulative_sum: 'cumulative_sum(x, axis: 1)',
  product_along: 'product_along(x)',
  log_sum_exp: 'log_sum_exp(x, axes: [1, 2])',
  variance: 'variance(x, axes: 0, less: 1)',
  normalize: 'normalize(x, axes: 0)',
  roll: 'roll(x, 3)',
  repeat_each: 'repeat_each(x, 2, axis: 1)',
  mask: 'embedding(t, 3) * reshape(mask(t), 5, 1)',
  summary: 'summary(x[0])',
  tile: 'concat(x, tile(v, like: x), axis: 0)',
  lower_triangle: 'lower_triangle(x)',
  upper_triangle: 'upper_triangle(x, diagonal: 1)',
  pixel_shuffle: 'pixel_shuffle(x, 2)',
  pixel_unshuffle: 'pixel_unshuffle(x, 2)',
  patches: 'patches(x, 3, stride: 2, padding: 1)',
  from_patches: 'from_patches(x |> patches(2, stride: 2), [8, 8], 2, stride: 2)',
  extend: 'extend(x, 2, mode: "reflect") + extend(x, [[1, 3], 2], mode: "circular") + extend(x, 2, mode: "symmetric") + extend(x, 2, value: 1)',
  extend_axis: 'extend_axis(x, 1, 1, 2, "replicate")',
  pooled_length: 'x * pooled_length(8, 3, 2, 1, 1, 1, true)',
  sum_pool: 'sum_pool(x)',
  average_pool: 'average_pool(x, 3, stride: 2, padding: 1, ceil: true)',
  max_pool: 'max_pool(x, [2, 3], padding: [[0, 1], 1])',
  lp_pool: 'lp_pool(x)',
  global_average_pool: 'global_average_pool(x)',
  global_max_pool: 'global_max_pool(x)',
  adaptive_average_pool: 'adaptive_average_pool(x, [3, none])',
  adaptive_max_pool: 'adaptive_max_pool(x, 3)',
  interpolation: 'interpolation(v, 8)',
  interpolation_kernel: 'interpolation_kernel(abs(x), "cubic", -0.5)',
  resample: 'resample(x, iota(5) * 1.5, axis: 1)',
  resize: 'resize(x, 12, mode: "cubic") + resize(x, [12, 12], mode: "linear", align_corners: true) + resize(x, 12, mode: "area")',
  upsample: 'upsample(x, 2) + upsample(x, [2, 2], mode: "linear")',
  linear: 'linear(v, 3)',
  conv: 'conv(x, 2)',
  conv_transpose: 'conv_transpose(x, 2)',
  batch_norm: 'batch_norm(x)',
  dropout: 'dropout(x)',
  flatten: 'flatten(x)',
  lerp: 'lerp(x, 2 * x, 0.5)',
  bias: 'bias(x)',
  embedding: 'embedding(t, 3)',
  residual: 'residual(x, conv(_, 5, padding: 1))',
  residual_down: 'residual_down(x, 6)',
  residual_up: 'residual_up(x, 2)',
  standardize: 'standardize(x)',
  layer_norm: 'layer_norm(x) + layer_norm(x, axes: -1)',
  kept_axes: 'reshape(v, kept_axes([6, 2, 3], [0]))',
  kept_lengths: 'reshape(v, kept_lengths([6, 1], [0]))',
  rms_norm: 'rms_norm(x)',
  instance_norm: 'instance_norm(x, affine: true)',
  group_norm: 'group_norm(x, 2)',
  pixel_norm: 'pixel_norm(x)',
  local_response_norm: 'local_response_norm(x, 3)',
  adaptive_instance_norm: 'adaptive_instance_norm(x, v)',
  conditional_batch_norm: 'conditional_batch_norm(x, v)',
  minibatch_stddev: 'minibatch_stddev(x, 2)',
  spectral_norm: 'conv(x, 2, weight: spectral_norm) |> conv_transpose(3, weight: spectral_norm(_, axis: 1))',
  weight_norm: 'conv(x, 2, weight: weight_norm)',
  equalized: 'conv(x, 2, weight: equalized(_, 0.01), init: normal(0, 100))',
  dot_product_attention: 'dot_product_attention(x, x, x, causal: true, mask: x[0] > 0)',
  additive_attention: 'additive_attention(x[0], x[1], x[2])',
  multihead_attention: 'multihead_attention(x[0], heads: 2, mask: x[1, 0] > 0)',
  self_attention: 'self_attention(x, reduction: 4)',
  attend: 'attend(x, embedding(t, 3), mask: t > 0)',
  maxout: 'maxout(x) + maxout(x[0:2], pieces: 1)',
  snake: 'snake(x)',
  rrelu: 'rrelu(x)',
  gumbel_softmax: 'gumbel_softmax(x, hard: true)',
  film: 'film(x, v)',
  spatially_adaptive_norm: 'spatially_adaptive_norm(x, x[0:2], features: 3)',
  channel_dropout: 'channel_dropout(x)',
  noise_injection: 'noise_injection(x) + noise_injection(x, channels: true)',
  triplet: 'triplet(x, 2 * x, 3 * x, swap: true)',
  gaussian_nll: 'gaussian_nll(x, 0, x^2)',
  kl_normal: 'kl_normal(x, x)',
  global_lp_pool: 'global_lp_pool(x, p: 3)',
  lstm: 'lstm(x[0], 3, layers: 2, bidirectional: true, mask: x[1, 0] > 0, result: "last", dropout: 0.5, weight: spectral_norm)',
  gru: 'lstm(x[0], 3) + gru(x[0], 3, initial: {h: v[none, 0:3]}) + gru(x[0], 3, reset_after: false, bias: false)',
  rnn: 'rnn(x[0], 3, activation: relu, result: "state").h',
  lstm_cell: 'lstm_cell(x[0, 0], v, v, forget: 1).c',
  gru_cell: 'gru_cell(x[0, 0], v)',
  rnn_cell: 'rnn_cell(x[0, 0], v)',
  lstm_step: 'lstm_step(x[0], [x[1, :, 0:2], none], {r: x[2, :, 0:2]}, peepholes: v)[0]',
  peeped: 'peeped(x, x, [0.5], 0)',
  gru_step: 'gru_step(v, [v[0:2]], {r: x[0, 0:6, 0:2], s: none})[0]',
  rnn_step: 'rnn_step(v, [v], {r: x[0, 0:6, 0:6]})[0]',
  recurrence_line: 'stacked(recurrence_line(x[0], {w: x[1], r: x[2], b: none}, rnn_step, [none], reverse: true).rows)',
  recurrence: 'recurrence(x[0], [{w: x[1], r: x[2], b: v[0]}], rnn_step, 1, ["h"], none, none, "sequence", 0)',
  state_of: 'state_of({h: x}, "h")',
  stacked: 'stacked([v, 2 * v])',
  arg_max: 'x * arg_max(v, last: true)',
  arg_min: 'x * sum(arg_min(x, axis: 1))',
  hard_max: 'hard_max(x, axis: 0) * x',
  arg_sort: 'x * sum(arg_sort(x, axis: 1, count: 2))',
  sort: 'sort(x, axis: 0, descending: true)',
  top_k: 'top_k(x, 3, axis: 1, least: true).values',
  scatter: 'scatter(x, x > 0, x, axis: 1) + scatter(x, x > 0, x, axis: 0, combine: "add") + scatter(x, x > 0, 2, combine: "max")',
  cumulative_product: 'cumulative_product(x, axis: 1)',
  p_norm: 'p_norm(x, p: 3) + p_norm(x, p: -1.5, axes: [1, 2]) + p_norm(x, p: "min")',
  diagonal: 'diagonal(x, offset: -1)',
  diagonal_matrix: 'diagonal_matrix(x, offset: 2)',
  trace: 'trace(x)',
  outer: 'outer(v, v)',
  kronecker: 'kronecker(v, x)',
  distances: 'distances(x, 2 * x) + distances(x, x, p: 1) + distances(x, x, p: 3) + distances(x, x, p: "max")',
  cholesky: 'cholesky(matmul(x, permute(x, 0, 2, 1)))',
  solve_triangular: 'solve_triangular(x, x) + solve_triangular(x, x, upper: true, unit: true)',
  elimination: 'elimination(x, x).solution',
  solve: 'solve(x, x)',
  inverse: 'inverse(x)',
  determinant: 'determinant(x)',
  grid_sample: 'grid_sample(x, reshape(v, 3, 2)) + sum(grid_sample(x, reshape(v, 1, 3, 2), mode: "cubic", outside: "reflection"))',
  axis_reads: 'axis_reads(v, 8, "linear", "zeros", false)[1].share',
  held_within: 'held_within(v, 8, "reflection", true)',
  affine_grid: 'affine_grid(reshape(v, 2, 3), [4, 5])',
  rotary: 'rotary(x, x[:, :, 0:2], x[:, :, 2:4], interleaved: true)',
  l1: 'l1(x, 0)',
  mse: 'mse(x, 0)',
  huber: 'huber(x, 0)',
  smooth_l1: 'smooth_l1(x, 0)',
  nll: 'nll(log_softmax(v), softmax(v))',
  cross_entropy: 'cross_entropy(x[:, 0, 0:5] |> concat(x[:, 1, 0:5], axis: 0), t, smoothing: 0.1)',
  kl: 'kl(log_softmax(v), softmax(2 * v))',
  cosine_similarity: 'cosine_similarity(x, x^2)',
  cosine: 'cosine(x, x^2)',
  gaussian: 'gaussian(sigmoid(x))',
  linear_decay: 'x * linear_decay(1, over: 10, start: 5)',
  cosine_decay: 'x * cosine_decay(1, to: 0.1)',
  step_decay: 'x * step_decay(1)',
  exponential_decay: 'x * exponential_decay(1)',
  warm_up: 'x * warm_up(cosine_decay(1), over: 5)',
  warm_average: 'x * warm_average(0.99)',
  differences: 'differences(x)',
  flicker: 'flicker(x)',
  temporal_penalty: 'x * temporal_penalty(x)',
  random_frames: 'random_frames(x, 3)',
  conv_gru: 'conv_gru(reshape(x, 4, 1, 8, 8), 2, activation: relu) + conv_gru(reshape(x, 4, 1, 8, 8), 2, initial: x[0:2], weight: spectral_norm)',
  conv_lstm: 'conv_lstm(reshape(x, 4, 1, 8, 8), 2, forget: 1)',
  place_sprite: 'place_sprite(x, 12, v[0], v[1:2], stride: exp(v[2]))',
  frame_kernel: 'frame_kernel(reshape(x, 4, 1, 8, 8), 2, 4, 3, spectral_norm, scaled_uniform()).kernel',
  frame_conv: 'frame_conv(frame_kernel(reshape(x, 4, 1, 8, 8), 2, 4, 3, none, scaled_uniform()), x[0:1], x[1:3])',
  writing_filter: 'writing_filter(3, 12, v[0], 1, 0.7)',
  pairs: 'pairs(cosine(_, _, axis: 0), [{x: x, t: 2 * x, target: 1}, {x: x, t: 1 - x, target: 0, weight: 0.5}], loss: hinge_target)',
  scored: 'scored({a: x, b: v}, 1, binary_cross_entropy).b',
  hinge_target: 'hinge_target(v, 0)',
  squares_target: 'squares_target(v, 1)',
  projection: 'projection(v, x[0, 0])',
  conditioning_augmentation: 'conditioning_augmentation(v, 3).c',
  text_filters: 'text_filters(x, v, 5)',
  contrastive: 'contrastive(v, v^2, t: t, symmetric: true) + contrastive(v, v^2)',
  contrast_with: 'contrast_with(v, v, none, 0.1)',
  feature_matching: 'feature_matching(v, 2 * v)',
  mode_seeking: 'mode_seeking(x, 2 * x, v, 2 * v)',
  augment: 'augment(x) + sum(augment(reshape(x, 4, 2, 4, 8)))',
  augment_colour: 'augment_colour(x)',
  augment_translation: 'augment_translation(x)',
  augment_cutout: 'augment_cutout(x)',
  shift_by: 'x * shift_by(8, 0.25)',
  shifted: 'shifted(x, 2, axis: 1)',
  covered: 'x * covered(8, 0.5)',
  sine_positions: 'x + sine_positions(8, 8)',
  fourier_features: 'fourier_features(v, 3)',
  transformer_block: 'transformer_block(x[0], heads: 2) |> transformer_block(context: embedding(t, 6), mask: mask(t), heads: 2)',
  non_local: 'non_local(x)',
  attention_entropy: 'attention_entropy(softmax(x))',
};

/** Objectives of D, on x, fake and their scores. */
const inGame: Readonly<Record<string, string>> = {
  minimax: '-minimax(sigmoid(right), sigmoid(wrong))',
  non_saturating: '-non_saturating(sigmoid(right))',
  hinge: 'hinge(right, wrong)',
  wasserstein: 'wasserstein(right, wrong)',
  generator_score: 'generator_score(right)',
  binary_cross_entropy: 'binary_cross_entropy(right, 1)',
  least_squares: 'least_squares(right, wrong)',
  least_squares_generator: 'least_squares_generator(right)',
  logistic: 'logistic(right, wrong)',
  logistic_generator: 'logistic_generator(right)',
  relativistic: 'relativistic(right, wrong)',
  relativistic_average: 'relativistic_average(right, wrong)',
  relativistic_average_least_squares: 'relativistic_average_least_squares(right, wrong)',
  relativistic_average_hinge: 'relativistic_average_hinge(right, wrong)',
  r1: 'r1(right, x)',
  r2: 'r2(wrong, fake)',
  gradient_penalty: 'gradient_penalty(D(mix), mix)',
  one_sided_penalty: 'one_sided_penalty(D(mix), mix)',
  zero_centred_penalty: 'zero_centred_penalty(D(mix), mix)',
  between: 'gradient_penalty(D(mix), mix)',
  around: 'gradient_penalty(D(near), near)',
  matching_aware_penalty: 'matching_aware_penalty(sum(right * c), x, c)',
  path_length: 'E[path_length(x * c[0], c)]',
  consistency: 'consistency(right, wrong)',
  lecam: 'lecam(right, wrong, 0.1, -0.1)',
};

/** Of real examples x and made ones, over all of them. */
const inMetric: Readonly<Record<string, string>> = {
  frechet_distance: 'frechet_distance(x, made)',
  kernel_distance: 'kernel_distance(x, made)',
  precision_recall: 'precision_recall(x, made)',
  density_coverage: 'density_coverage(x, made)',
};

const optimizers = ['sgd', 'adam', 'adamw', 'adamax', 'rmsprop', 'adagrad'];
/** What optimizers are made of. */
const ofOptimizers = ['prepared', 'clip_value', 'clip_length'];
const initialisers = [
  'normal_init',
  'uniform_init',
  'scaled_uniform',
  'he_normal',
  'he_uniform',
  'glorot_normal',
  'glorot_uniform',
  'lecun_normal',
  'truncated_normal',
  'orthogonal',
  'gates_bias',
];

test('no block is left out here', () => {
  const known = new Set([...Object.keys(inNet), ...Object.keys(inGame), ...Object.keys(inMetric), ...optimizers, ...ofOptimizers, ...initialisers]);
  const { scope } = loadPrelude();
  const blocks = [...new Set(scope.visible())].filter((name) => scope.find(name)?.kind === 'block');
  expect(blocks.filter((name) => !known.has(name))).toEqual([]);
});

describe('compiles', () => {
  test.each(Object.entries(inNet))('%s', (_, expression) => {
    const text = `net F(x: [4, 8, 8], v: [6], t: tokens[5, words: 7]) {\n  ${expression}\n}`;
    const options = { batch: 4, training: true, vjp: true, vjp2: false, inputs: new Map() };
    const { module, diagnostics } = compileRun({ name: 'f.gan', text }, 'F', options);
    expect(diagnostics.map((d) => d.message)).toEqual([]);
    expect(module).toBeDefined();
  });

  test.each(Object.entries(inGame))('%s', (_, objective) => {
    const text = `
data d = tensors(path: "p") { x: vector[4]  c: vector[2] }
noise z: normal[2]
net G(z) { z |> linear(4) }
net D(x) { x |> linear(5) |> silu |> linear(1) }
game {
  fake = G(z)
  right = D(x)
  wrong = D(fake)
  mix = between(x, fake)
  near = around(x)
  report all = E[right] + E[wrong] + E[mix] + E[near] + E[c]
  D minimizes ${objective} + 0.1 * E[D(x)^2]
  G minimizes -E[D(fake)]
}
train { batch 4 steps 2
  D with adam()
  G with adam() }`;
    const { module, diagnostics } = compileSpec({ name: 'g.gan', text });
    expect(diagnostics.map((d) => d.message)).toEqual([]);
    expect(module).toBeDefined();
  });
});

test.each(Object.entries(inMetric))('%s compiles', (_, figure) => {
  const text = `
data d = tensors(path: "p") { x: vector[4] }
noise z: normal[2]
net G(z) { z |> linear(4) }
game { G minimizes E[(G(z) - x)^2] }
train { batch 4 steps 2
  G with adam() }
block compared(x, made) { ${figure} }
metric m = compared(x, G(z))`;
  const { module, diagnostics } = compileSpec({ name: 'g.gan', text });
  expect(diagnostics.map((d) => d.message)).toEqual([]);
  expect(module?.metrics?.compared).toHaveLength(1);
});

type Numbers = readonly number[];
type Reference = (w: number, g: number, s: Record<string, number>, t: number) => number;

/** PyTorch's update rules for one number: state in `s`, t from 1. */
const references: readonly (readonly [string, Reference])[] = [
  ['sgd(lr: 0.1)', (w, g) => w - 0.1 * g],
  [
    'sgd(lr: 0.1, momentum: 0.9, weight_decay: 0.01)',
    (w, g, s) => {
      s.v = 0.9 * (s.v ?? 0) + g + 0.01 * w;
      return w - 0.1 * s.v;
    },
  ],
  [
    'sgd(lr: 0.1, momentum: 0.9, nesterov: true)',
    (w, g, s) => {
      s.v = 0.9 * (s.v ?? 0) + g;
      return w - 0.1 * (g + 0.9 * s.v);
    },
  ],
  ['sgd(lr: 0.1, clip: 0.05)', (w, g) => w - 0.1 * Math.min(0.05, Math.max(-0.05, g))],
  ['adam(lr: 0.1)', adam],
  ['adam(lr: 0.1, weight_decay: 0.1)', (w, g, s, t) => adam(w, g + 0.1 * w, s, t)],
  ['adamw(lr: 0.1, weight_decay: 0.1)', (w, g, s, t) => adam(w, g, s, t) - 0.1 * 0.1 * w],
  [
    'adamax(lr: 0.1)',
    (w, g, s, t) => {
      s.m = 0.9 * (s.m ?? 0) + 0.1 * g;
      s.u = Math.max(0.999 * (s.u ?? 0), Math.abs(g) + 1e-8);
      return w - ((0.1 / (1 - 0.9 ** t)) * s.m) / s.u;
    },
  ],
  [
    'rmsprop(lr: 0.1, momentum: 0.5, centred: true)',
    (w, g, s) => {
      s.v = 0.99 * (s.v ?? 0) + 0.01 * g * g;
      s.m = 0.99 * (s.m ?? 0) + 0.01 * g;
      s.b = 0.5 * (s.b ?? 0) + g / (Math.sqrt(s.v - s.m ** 2) + 1e-8);
      return w - 0.1 * s.b;
    },
  ],
  [
    'adagrad(lr: 0.1, lr_decay: 0.5)',
    (w, g, s, t) => {
      s.v = (s.v ?? 0) + g * g;
      return w - ((0.1 / (1 + (t - 1) * 0.5)) * g) / (Math.sqrt(s.v) + 1e-10);
    },
  ],
];

function adam(w: number, g: number, s: Record<string, number>, t: number): number {
  s.m = 0.9 * (s.m ?? 0) + 0.1 * g;
  s.v = 0.999 * (s.v ?? 0) + 0.001 * g * g;
  return w - ((0.1 / (1 - 0.9 ** t)) * s.m) / (Math.sqrt(s.v) / Math.sqrt(1 - 0.999 ** t) + 1e-8);
}

/** A player with five weights, and its gradients traced. */
function player(optimizer: string): Simulation {
  const text = `
noise z: normal[5]
net G(z) {
  weight w: [5] ~ normal(0, 1)
  0 * z + w
}
game { G minimizes E[sum((G(z) - 0.3)^2 * [0.1, 0.2, 0.3, 0.4, 0.5])] }
train { batch 2 steps 4
  G with ${optimizer} }`;
  const { module, diagnostics } = compileSpec({ name: 'o.gan', text }, { trace: true });
  expect(diagnostics.map((d) => d.message)).toEqual([]);
  return new Simulation(module as NonNullable<typeof module>);
}

describe('optimizers', () => {
  test.each(references)('%s', (optimizer, reference) => {
    const simulation = player(optimizer);
    const states = Array.from({ length: 5 }, (): Record<string, number> => ({}));
    for (let t = 1; t <= 4; t++) {
      const before = values(simulation, 'G.w');
      const g = simulation.call('update.G', t, new Map([['step', { shape: [], dtype: 'f32', data: Float64Array.of(t - 1) }]])).get('grad.G.w') as Tensor;
      values(simulation, 'G.w').forEach((w, i) => {
        expect(w).toBeCloseTo(reference(before[i], g.data[i], states[i], t), 9);
      });
    }
  });

  test('a gradient longer than clip_norm is scaled as a whole', () => {
    const simulation = player('sgd(lr: 1, clip_norm: 0.01)');
    const before = values(simulation, 'G.w');
    simulation.call('update.G', 0);
    const moved = values(simulation, 'G.w').map((w, i) => w - before[i]);
    expect(Math.hypot(...moved)).toBeCloseTo(0.01, 6);
  });
});

describe('is what its formula says', () => {
  test('maxout, and a gumbel_softmax that is hard', () => {
    expect(output('  maxout(x)', [1, 5, -2, -3], [4])).toEqual([5, -2]);
    const drawn = output('  gumbel_softmax(x, hard: true)', [0.1, 0.2, 0.3], [3]);
    expect([...drawn].sort()).toEqual([0, 0, 1]);
    expect(output('  gumbel_softmax(x, temperature: 0.5)', [0.1, 0.2, 0.3], [3]).reduce((a, b) => a + b)).toBeCloseTo(1, 9);
  });

  test('noise_injection begins as the identity', () => {
    expect(output('  noise_injection(x)', [1, 2, 3, 4], [1, 2, 2])).toEqual([1, 2, 3, 4]);
  });

  test('kl_normal is 0 for the standard normal, and gaussian_nll the density without its constant', () => {
    expect(output('  kl_normal(x, 0)', [0, 0, 0], [3])[0]).toBeCloseTo(0, 12);
    expect(output('  kl_normal(x, 2)', [1], [1])[0]).toBeCloseTo(0.5 * (1 + Math.exp(2) - 3), 9);
    expect(output('  gaussian_nll(x, 1, 4)', [3], [1])[0]).toBeCloseTo(0.5 * (Math.log(4) + 1), 9);
  });

  test('a channel is dropped whole, and in the mean nothing is lost', () => {
    const { read } = result('  channel_dropout(x, p: 0.25)', new Array(400).fill(1), [100, 4], { training: true });
    const y = read().data;
    const channels = Array.from({ length: 100 }, (_, c) => [...y.slice(4 * c, 4 * c + 4)]);
    for (const channel of channels) expect(new Set(channel).size).toBe(1);
    expect(new Set(channels.map((c) => c[0].toFixed(6)))).toEqual(new Set(['0.000000', '1.333333']));
    expect(channels.filter((c) => c[0] === 0).length).toBeGreaterThan(10);
  });

  test('orthogonal', () => {
    for (const [rows, columns] of [
      [3, 8],
      [6, 6],
      [8, 3],
    ]) {
      const m = output(`  weight m: [${rows}, ${columns}] ~ orthogonal(gain: 2)\n  matmul(m, permute(m, 1, 0)) + 0 * sum(x)`, [0], [1]);
      const turned = output(`  weight m: [${rows}, ${columns}] ~ orthogonal(gain: 2)\n  matmul(permute(m, 1, 0), m) + 0 * sum(x)`, [0], [1]);
      const short = Math.min(rows, columns);
      for (const [i, v] of (rows <= columns ? m : turned).entries()) expect(v).toBeCloseTo(i % (short + 1) === 0 ? 4 : 0, 9);
    }
  });

  test('truncated_normal', () => {
    const drawn = output('  weight w: [2000] ~ truncated_normal(1, 0.5)\n  w + 0 * sum(x)', [0], [1]);
    expect(Math.min(...drawn)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...drawn)).toBeLessThanOrEqual(2);
    const mean = drawn.reduce((a, b) => a + b, 0) / drawn.length;
    expect(mean).toBeCloseTo(1, 1);
    // The deviation of a standard normal number within +-2 is 0.8796.
    expect(Math.sqrt(drawn.reduce((a, b) => a + (b - mean) ** 2, 0) / drawn.length)).toBeCloseTo(0.44, 1);
  });

  test('spectral_norm: the weight over its greatest singular value, u and v unit vectors that move in training alone', () => {
    const lines = '  weight m: [2, 3] ~ normal(0, 1)\n  spectral_norm(m) * 1.0 + 0 * sum(x)';
    const { read, simulation } = result(lines, [0], [1], { training: true });
    let w: Numbers = [];
    for (let i = 0; i < 60; i++) w = [...read().data];
    // The greatest eigenvalue of W W^T is now 1.
    const [a, b, c] = [w[0] ** 2 + w[1] ** 2 + w[2] ** 2, w[0] * w[3] + w[1] * w[4] + w[2] * w[5], w[3] ** 2 + w[4] ** 2 + w[5] ** 2];
    expect((a + c + Math.sqrt((a - c) ** 2 + 4 * b * b)) / 2).toBeCloseTo(1, 6);
    expect(Math.hypot(...values(simulation, 'F.spectral_norm.weight_u'))).toBeCloseTo(1, 12);
    const still = result(lines, [0], [1]);
    const before = values(still.simulation, 'F.spectral_norm.weight_v');
    still.read();
    expect(values(still.simulation, 'F.spectral_norm.weight_v')).toEqual(before);
  });

  test('weight_norm: at first the weight itself', () => {
    const { read, simulation } = result('  linear(x, 2, bias: false, weight: weight_norm)', [1, 0, 0], [3]);
    const [a, b, c, d, e, f] = values(simulation, 'F.linear.weight');
    for (const [i, length] of values(simulation, 'F.linear.weight_norm.weight_g').entries()) {
      expect(length).toBeCloseTo(i === 0 ? Math.hypot(a, b, c) : Math.hypot(d, e, f), 9);
    }
    expect(read().data[0]).toBeCloseTo(a, 9);
    expect(read().data[1]).toBeCloseTo(d, 9);
  });

  test('embedding of ids, and one_hot', () => {
    const hot = output('  one_hot(x, 3)', [2, 0], [2]);
    expect(hot).toEqual([0, 0, 1, 1, 0, 0]);
    const { read, simulation } = result('  embedding(x, 2, words: 3, padding: 0)', [2, 0], [2]);
    const [, , , , c, d] = values(simulation, 'F.embedding.weight');
    expect([...read().data]).toEqual([c, d, 0, 0]);
  });

  test('minibatch_stddev in groups', () => {
    // Groups {0, 2} and {1, 3}: deviations 1 and 3.
    const y = output('  minibatch_stddev(x, 2, eps: 0)', [0, 5, 2, 11], [1, 1], { batch: 4 });
    expect(y).toEqual([0, 1, 5, 3, 2, 1, 11, 3]);
  });

  test('masked attention', () => {
    const y = output('  dot_product_attention(x, x, x, mask: [[1, 0], [0, 0]])', [1, 2, 3, 4], [2, 2]);
    expect(y).toEqual([1, 2, 0, 0]);
  });

  test.each([
    ['linear_decay(2, to: 1, over: 4, start: 2)', [2, 2, 2, 1.75, 1.5, 1.25, 1, 1]],
    ['cosine_decay(2, over: 4)', [2, 1 + Math.SQRT1_2, 1, 1 - Math.SQRT1_2, 0, 0]],
    ['step_decay(1, factor: 0.5, every: 3)', [1, 1, 1, 0.5, 0.5, 0.5, 0.25]],
    ['exponential_decay(1, factor: 0.25, over: 2)', [1, 0.5, 0.25]],
    ['warm_up(linear_decay(1, over: 8), over: 4)', [0.25, 0.4375, 0.5625, 0.625, 0.5]],
  ])('%s', (schedule, expected) => {
    const { module, diagnostics } = compileRun({ name: 's.gan', text: `net F(x: [1]) { 0 * x + ${schedule} }` }, 'F', {
      batch: 1,
      training: false,
      vjp: false,
      vjp2: false,
      inputs: new Map(),
    });
    expect(diagnostics.map((d) => d.message)).toEqual([]);
    const fn = module?.functions.find((f) => f.name === 'run') as Parameters<typeof interpret>[0];
    const at = (step: number): number => {
      const inputs = new Map<string, Tensor>([
        ['x', { shape: [1, 1], dtype: 'f32', data: Float64Array.of(0) }],
        ['step', { shape: [], dtype: 'f32', data: Float64Array.of(step) }],
      ]);
      return interpret(fn, { variables: new Map(), inputs, fields: new Map(), seed: 1n, counter: 0 }).outputs.get('result')?.data[0] as number;
    };
    for (const [step, value] of expected.entries()) expect(at(step)).toBeCloseTo(value, 9);
  });

  test.each([
    ['l1(x, [0, 1])', [1.5]],
    ['mse(x, [0, 1])', [2.5]],
    ['huber(x, [0, 1], delta: 1.5)', [(0.5 + 1.5 * (2 - 0.75)) / 2]],
    ['smooth_l1(x, [0, 1], beta: 1.5)', [(0.5 / 1.5 + 2 - 0.75) / 2]],
    ['cross_entropy(x, 1)', [Math.log(1 + Math.exp(-2))]],
    ['kl(log_softmax(x), [0, 1])', [Math.log(1 + Math.exp(-2))]],
    ['cosine(x, [0, 2])', [1 - 3 / Math.hypot(1, 3)]],
  ])('%s of [1, 3]', (loss, expected) => {
    for (const [i, v] of output(`  ${loss}`, [1, 3], [2]).entries()) expect(v).toBeCloseTo(expected[i], 9);
  });
});
