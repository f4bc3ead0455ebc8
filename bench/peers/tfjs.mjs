/** TensorFlow.js on its WebGPU backend. Its operations stop at rank 4 but for conv3d, so W2 goes through reshapes. */
import { createRequire } from 'node:module';
import { settle } from '../../dist/runtime/device/settle.js';
import { CHECKED_STEPS } from '../workloads.mjs';
import { adapterName, browser } from './headless.mjs';
import { permuted, serve, stepOf, tensor } from './serve.mjs';

let tf;

const device = ({ shape, data }) => tf.tensor(Float32Array.from(data), shape);
const numbers = (x) => settle(x.data());
/** PyTorch's [out, in] as the [in, out] that `x w` takes. */
const turned = (value) => (value.shape.length === 2 ? permuted(value, [1, 0]) : value);

function variablesOf(weights, net) {
  const layers = {};
  for (const [name, value] of weights) {
    const [owner, layer, kind] = name.split('.');
    if (owner === net) layers[layer] = { ...layers[layer], [kind]: tf.variable(device(turned(value))) };
  }
  return layers;
}

const dense = (x, { weight, bias }) => tf.add(tf.matMul(x, weight), bias);

function generate(g, z) {
  const h = tf.relu(dense(tf.relu(dense(tf.relu(dense(z, g.fc1)), g.fc2)), g.fc3));
  return tf.tanh(dense(h, g.fc4));
}

const leaky = (x) => tf.leakyRelu(x, 0.2);
/** The same by operations that tfjs can differentiate twice. */
const leakyTwice = (x) => tf.add(tf.mul(x, 0.2), tf.mul(tf.relu(x), 0.8));

const judge = (d, x, act = leaky) => dense(act(dense(x, d.fc1)), d.fc2);

const LOSSES = {
  W1: {
    d: (d, fake, x) => tf.add(tf.mean(tf.softplus(tf.neg(judge(d, x)))), tf.mean(tf.softplus(judge(d, fake)))),
    g: (d, fake) => tf.mean(tf.softplus(tf.neg(judge(d, fake)))),
  },
  W5: {
    d(d, fake, x, e) {
      const mix = tf.add(tf.mul(e, x), tf.mul(tf.sub(1, e), fake));
      const slope = tf.grad((at) => tf.sum(judge(d, at, leakyTwice)))(mix);
      const length = tf.sqrt(tf.sum(tf.square(slope), 1));
      const penalty = tf.mul(10, tf.mean(tf.square(tf.sub(length, 1))));
      return tf.add(tf.sub(tf.mean(judge(d, fake)), tf.mean(judge(d, x))), penalty);
    },
    g: (d, fake) => tf.neg(tf.mean(judge(d, fake))),
  },
};

function training(name, { adam: { lr, beta1, beta2 } }, { weights, inputs }) {
  const losses = LOSSES[name];
  const players = { D: variablesOf(weights, 'D'), G: variablesOf(weights, 'G') };
  const { D, G } = players;
  const optimizers = { D: tf.train.adam(lr, beta1, beta2, 1e-8), G: tf.train.adam(lr, beta1, beta2, 1e-8) };
  const variables = (layers) => Object.values(layers).flatMap(({ weight, bias }) => [weight, bias]);
  const given = Array.from({ length: CHECKED_STEPS }, (_, i) => ({
    x: device({ ...stepOf(inputs.get('D.x'), i), shape: [64, 784] }),
    zd: device(stepOf(inputs.get('D.z'), i)),
    zg: device(stepOf(inputs.get('G.z'), i)),
    e: inputs.has('D.e') ? device({ shape: [64, 1], data: stepOf(inputs.get('D.e'), i).data }) : undefined,
  }));
  let step = 0;
  const once = () => {
    const { x, zd, zg, e } = given[step++ % CHECKED_STEPS];
    const fake = tf.tidy(() => generate(G, zd));
    const lossD = optimizers.D.minimize(() => losses.d(D, fake, x, e), true, variables(D));
    fake.dispose();
    const lossG = optimizers.G.minimize(() => losses.g(D, generate(G, zg)), true, variables(G));
    return [lossD, lossG];
  };
  const run = async (count) => {
    const made = [];
    for (let i = 0; i < count; i++) made.push(...once());
    const found = await Promise.all(made.map(numbers));
    tf.dispose(made);
    return found;
  };
  return {
    steps: run,
    async check() {
      const result = {
        losses: tensor(
          [CHECKED_STEPS, 2],
          (await run(CHECKED_STEPS)).flatMap((data) => [...data]),
        ),
      };
      for (const key of weights.keys()) {
        const [player, layer, kind] = key.split('.');
        const value = players[player][layer][kind];
        result[key] = turned(tensor(value.shape, await numbers(value)));
      }
      return result;
    },
  };
}

function product({ weights }) {
  const [a, b] = ['a', 'b'].map((name) => device(weights.get(name)));
  return {
    async steps(count) {
      const made = Array.from({ length: count }, () => tf.matMul(a, b));
      // One number of the last is there when all are.
      const corner = tf.slice(made.at(-1), [0, 0], [1, 1]);
      await numbers(corner);
      tf.dispose([...made, corner]);
    },
    check: async () => ({ result: tensor([1, 1024, 1024], await numbers(tf.matMul(a, b))) }),
  };
}

/** Channels last: NCDHW to NDHWC, and the kernel's [out, in, d, h, w] to [d, h, w, in, out]. */
const CLIP = [0, 2, 3, 4, 1];
const CLIP_BACK = [0, 4, 1, 2, 3];
const KERNEL = [2, 3, 4, 1, 0];
const KERNEL_BACK = [4, 3, 0, 1, 2];
/** The columns of `fc.weight`, which see the features channels first: [1, c, d, h, w] to [d, h, w, c, 1] and back. */
const HEAD = [1, 128, 2, 4, 4];

function convolutions({ weights, inputs }) {
  const names = ['x', ...weights.keys()];
  const laid = (name) => {
    if (name === 'x') return permuted(inputs.get('x'), CLIP);
    const value = weights.get(name);
    if (name === 'fc.weight') return { ...permuted({ ...value, shape: HEAD }, KERNEL), shape: [4096, 1] };
    return value.shape.length === 5 ? permuted(value, KERNEL) : value;
  };
  const fixed = names.map((name) => device(laid(name)));
  const cotangent = device(inputs.get('cotangent.result'));
  const layer = (x, w, b) => {
    // Padding `same` of a kernel of 4 at stride 2 is one on each side.
    const y = tf.conv3d(x, w, 2, 'same');
    const flat = tf.add(tf.reshape(y, [-1, y.shape[4]]), b);
    return tf.reshape(tf.leakyRelu(flat, 0.2), y.shape);
  };
  const forward = (...given) => {
    const p = Object.fromEntries(names.map((name, i) => [name, given[i]]));
    const h = layer(layer(layer(p.x, p['c1.weight'], p['c1.bias']), p['c2.weight'], p['c2.bias']), p['c3.weight'], p['c3.bias']);
    return tf.add(tf.matMul(tf.reshape(h, [16, 4096]), p['fc.weight']), p['fc.bias']);
  };
  const both = tf.valueAndGrads(forward);
  const once = () => both(fixed, cotangent);
  const back = (name, value) => {
    if (name === 'x') return permuted(value, CLIP_BACK);
    if (name === 'fc.weight') return { ...permuted({ ...value, shape: [2, 4, 4, 128, 1] }, KERNEL_BACK), shape: [1, 4096] };
    return value.shape.length === 5 ? permuted(value, KERNEL_BACK) : value;
  };
  return {
    async steps(count) {
      for (let i = 0; i < count; i++) {
        const { value, grads } = once();
        // The last kernels of the pass are those of the first layer.
        await Promise.all([value, grads[2]].map(numbers));
        tf.dispose([value, ...grads]);
      }
    },
    async check() {
      const { value, grads } = once();
      const result = { result: tensor([16, 1], await numbers(value)) };
      for (const [i, name] of names.entries()) result[`grad.${name}`] = back(name, tensor(grads[i].shape, await numbers(grads[i])));
      return result;
    },
  };
}

serve(async (name, workload, tensors, chosen) => {
  await browser(chosen);
  const require = createRequire(import.meta.url);
  // The whole library: its core alone knows no gradients.
  tf = require('@tensorflow/tfjs');
  require('@tensorflow/tfjs-backend-webgpu');
  if (!(await tf.setBackend('webgpu'))) throw new Error('tfjs finds no WebGPU');
  await tf.ready();
  const made = name === 'W2' ? convolutions(tensors) : name === 'W3' ? product(tensors) : training(name, workload, tensors);
  return { adapter: { name: adapterName }, ...made };
});
