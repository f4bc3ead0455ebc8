/** What is measured, and what every peer is given: shapes of weights and inputs by PyTorch's names, and how near outputs must be. */

/** @typedef {{ kind: 'normal' | 'uniform' | 'tokens' | 'ones' | 'zeros', shape: number[], scale?: number }} Drawn */

const linear = (name, to, from) => ({ [`${name}.weight`]: weight([to, from], from), [`${name}.bias`]: weight([to], from) });
const weight = (shape, fanIn) => ({ kind: 'uniform', shape, scale: 1 / Math.sqrt(fanIn) });
const normal = (...shape) => ({ kind: 'normal', shape });
const conv = (name, to, from, bias = true) => ({
  [`${name}.weight`]: weight([to, from, 4, 4, 4], from * 64),
  ...(bias && { [`${name}.bias`]: weight([to], from * 64) }),
});
/** Of a transposed convolution, each result is a sum over an eighth of the kernel. */
const transposed = (name, from, to, bias = true) => ({
  [`${name}.weight`]: weight([from, to, 4, 4, 4], from * 8),
  ...(bias && { [`${name}.bias`]: weight([to], from * 8) }),
});
const norm = (name, size) => ({ [`${name}.weight`]: { kind: 'ones', shape: [size] }, [`${name}.bias`]: { kind: 'zeros', shape: [size] } });
const text = (name) => ({
  [`${name}.emb.weight`]: normal(32, 32),
  [`${name}.lstm.weight_ih_l0`]: weight([256, 32], 64),
  [`${name}.lstm.weight_hh_l0`]: weight([256, 64], 64),
  [`${name}.lstm.bias_ih_l0`]: weight([256], 64),
  [`${name}.lstm.bias_hh_l0`]: weight([256], 64),
});

/** Steps whose outputs are compared; their inputs are used in turn while the clock runs. */
export const CHECKED_STEPS = 3;

const mlp = {
  ...linear('G.fc1', 256, 100),
  ...linear('G.fc2', 512, 256),
  ...linear('G.fc3', 1024, 512),
  ...linear('G.fc4', 784, 1024),
  ...linear('D.fc1', 1024, 784),
  ...linear('D.fc2', 1, 1024),
};
const mlpFeed = {
  'D.x': { kind: 'uniform', shape: [CHECKED_STEPS, 64, 1, 28, 28], scale: 1 },
  'D.z': normal(CHECKED_STEPS, 64, 100),
  'G.z': normal(CHECKED_STEPS, 64, 100),
};

const JS_WITHOUT = 'not written for it: the workload compares ganc with PyTorch';

/**
 * kind `train`: outputs are the losses of the first steps and how far these moved the weights; `run`: what one evaluation gives.
 * tolerance: of a loss, in max(1, |loss|); of a tensor, the norm of the difference in the norm of the reference's.
 */
export const WORKLOADS = {
  W1: {
    title: 'MLP GAN step, batch 64',
    kind: 'train',
    spec: 'w1.gan',
    weights: mlp,
    inputs: mlpFeed,
    adam: { lr: 2e-4, beta1: 0.5, beta2: 0.999 },
    tolerance: { loss: 1e-4, moved: 1e-2 },
  },
  W2: {
    title: 'Conv3d 1-32-64-128, forward and backward, batch 16',
    kind: 'run',
    spec: 'w2.gan',
    weights: { ...conv('c1', 32, 1), ...conv('c2', 64, 32), ...conv('c3', 128, 64), ...linear('fc', 1, 4096) },
    inputs: { x: { kind: 'uniform', shape: [16, 1, 16, 32, 32], scale: 1 }, 'cotangent.result': normal(16, 1) },
    // A rectifier's kink passed on the other side by rounding (here one activation of half a million) counts in the first layer's gradients.
    tolerance: { tensor: 1e-3 },
  },
  W3: {
    title: 'GEMM 1024 cubed',
    kind: 'run',
    spec: 'w3.gan',
    weights: { a: normal(1024, 1024), b: normal(1024, 1024) },
    inputs: {},
    tolerance: { tensor: 1e-4 },
  },
  W4: {
    title: 'captioned 16x32x32 video GAN step, batch 16',
    kind: 'train',
    spec: 'w4.gan',
    weights: {
      ...text('Words'),
      ...linear('G.fc', 4096, 164),
      ...norm('G.bn0', 128),
      ...transposed('G.ct1', 128, 64, false),
      ...norm('G.bn1', 64),
      ...transposed('G.ct2', 64, 32, false),
      ...norm('G.bn2', 32),
      ...transposed('G.ct3', 32, 1),
      ...text('Reader'),
      ...conv('D.c1', 32, 1),
      ...conv('D.c2', 64, 32, false),
      ...norm('D.bn2', 64),
      ...conv('D.c3', 128, 64, false),
      ...norm('D.bn3', 128),
      'D.c4.weight': weight([128, 192, 1, 1, 1], 192),
      'D.c4.bias': weight([128], 192),
      ...linear('D.fc', 1, 4096),
    },
    inputs: {
      'D.x': { kind: 'uniform', shape: [CHECKED_STEPS, 16, 1, 16, 32, 32], scale: 1 },
      'D.t': { kind: 'tokens', shape: [CHECKED_STEPS, 16, 9] },
      'G.t': { kind: 'tokens', shape: [CHECKED_STEPS, 16, 9] },
      'D.z': normal(CHECKED_STEPS, 16, 100),
      'G.z': normal(CHECKED_STEPS, 16, 100),
    },
    adam: { lr: 2e-4, beta1: 0.5, beta2: 0.999 },
    // Coarse: 6 % is seen, probably by activations at a rectifier's kink; PyTorch's own float32 and float64 are 0.7 % apart.
    tolerance: { loss: 2e-3, moved: 0.2 },
    absent: { tfjs_webgpu: JS_WITHOUT, jax_js_webgpu: JS_WITHOUT, jax_js_wasm: JS_WITHOUT },
  },
  W5: {
    title: 'W1 with WGAN-GP',
    kind: 'train',
    spec: 'w5.gan',
    weights: mlp,
    inputs: { ...mlpFeed, 'D.e': { kind: 'uniform', shape: [CHECKED_STEPS, 64], scale: 1 } },
    adam: { lr: 1e-4, beta1: 0, beta2: 0.9 },
    tolerance: { loss: 1e-4, moved: 1e-2 },
  },
};

/** W6 is W1 seen from outside: processes, from their start to the first finished step. */
export const START = { name: 'W6', of: 'W1', title: 'start to the first finished step of W1' };

export const PEERS = ['ganc', 'tfjs_webgpu', 'jax_js_webgpu', 'jax_js_wasm', 'torch'];
/** Names for people. */
export const TITLES = { ganc: 'ganc', tfjs_webgpu: 'tfjs WebGPU', jax_js_webgpu: 'jax-js WebGPU', jax_js_wasm: 'jax-js wasm', torch: 'PyTorch CPU' };
export const ON_WEBGPU = new Set(['ganc', 'tfjs_webgpu', 'jax_js_webgpu']);
