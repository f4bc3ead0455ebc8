/** jax-js, on the backend that the command line names: `webgpu` or `wasm`. Each update is one `jit`. */
import { settle } from '../../dist/runtime/device/settle.js';
import { CHECKED_STEPS } from '../workloads.mjs';
import { adapterName, browser, Worker } from './headless.mjs';
import { permuted, serve, stepOf, tensor } from './serve.mjs';

const backend = process.argv[2];
let jax;
let np;

/** Waits for the GPU as ganc does. Workers answer through the event loop, which must not sleep. */
const wait = (promise) => (backend === 'webgpu' ? settle(promise) : promise);

const device = ({ shape, data }) => np.array(Float32Array.from(data)).reshape(shape);
const ready = (tree) => wait(jax.blockUntilReady(tree));
const zeros = (tree) => jax.tree.map((x) => np.zeros(x.shape), tree);
const keep = (tree) => jax.tree.ref(tree);
/** Every function owns its arguments (the library's rule): `use` is one more owner. */
const use = (x) => x.ref;

/** PyTorch's [out, in] as the [in, out] that `x w` takes. */
const turned = (value) => (value.shape.length === 2 ? permuted(value, [1, 0]) : value);

function layersOf(weights, net) {
  const layers = {};
  for (const [name, value] of weights) {
    const [owner, layer, kind] = name.split('.');
    if (owner === net) layers[layer] = { ...layers[layer], [kind]: device(turned(value)) };
  }
  return layers;
}

const dense = (x, { weight, bias }) => np.matmul(x, weight).add(bias);
const leaky = (x) => jax.nn.leakyRelu(x, 0.2);

function generate(g, z) {
  const h = jax.nn.relu(dense(jax.nn.relu(dense(jax.nn.relu(dense(z, g.fc1)), g.fc2)), g.fc3));
  return np.tanh(dense(h, g.fc4));
}

const judge = (d, x) => dense(leaky(dense(x, d.fc1)), d.fc2);

const LOSSES = {
  W1: {
    d: (d, fake, x) =>
      jax.nn
        .softplus(judge(keep(d), x).neg())
        .mean()
        .add(jax.nn.softplus(judge(d, fake)).mean()),
    g: (g, d, z) => jax.nn.softplus(judge(d, generate(g, z)).neg()).mean(),
  },
  W5: {
    d(d, fake, x, e) {
      const mix = use(e)
        .mul(use(x))
        .add(np.subtract(1, e).mul(use(fake)));
      // The derivative of `judge`, written out: jax-js's own makes the outer products of all examples (205 MB, more than a binding holds),
      // and its derivative in turn is not PyTorch's.
      const ahead = dense(mix, keep(d.fc1));
      const mask = np.where(np.greater(ahead, 0), 1, 0.2);
      const slope = np.matmul(mask.mul(np.transpose(use(d.fc2.weight))), np.transpose(use(d.fc1.weight)));
      const length = np.sqrt(np.square(slope).sum(1));
      const penalty = np.square(length.sub(1)).mean().mul(10);
      return judge(keep(d), fake).mean().sub(judge(d, x).mean()).add(penalty);
    },
    g: (g, d, z) => judge(d, generate(g, z)).mean().neg(),
  },
};

/** Adam (Kingma and Ba 2015), with the corrections of both moments in `rate` and `root`: scalars that change from step to step. */
function adam(w, m, v, g, rate, root, { beta1, beta2 }) {
  const leaves = [w, m, v, g].map((tree) => jax.tree.flatten(tree));
  const [W, M, V] = [[], [], []];
  leaves[0][0].forEach((wi, i) => {
    const [mi, vi, gi] = leaves.slice(1).map(([list]) => list[i]);
    const first = mi.mul(beta1).add(use(gi).mul(1 - beta1));
    const second = vi.mul(beta2).add(np.square(gi).mul(1 - beta2));
    W.push(
      wi.sub(
        use(first)
          .mul(use(rate))
          .div(np.sqrt(use(second)).mul(use(root)).add(1e-8)),
      ),
    );
    M.push(first);
    V.push(second);
  });
  rate.dispose();
  root.dispose();
  return [W, M, V].map((list) => jax.tree.unflatten(leaves[0][1], list));
}

function training(name, { adam: options }, { weights, inputs }) {
  const losses = LOSSES[name];
  const { lr, beta1, beta2 } = options;
  const moveD = jax.jit((w, m, v, g, x, z, e, rate, root) => {
    const fake = generate(g, z);
    const [loss, grad] = jax.valueAndGrad(losses.d)(keep(w), fake, x, e);
    return [...adam(w, m, v, grad, rate, root, options), loss];
  });
  const moveG = jax.jit((w, m, v, d, z, rate, root) => {
    const [loss, grad] = jax.valueAndGrad(losses.g)(keep(w), d, z);
    return [...adam(w, m, v, grad, rate, root, options), loss];
  });
  const players = Object.fromEntries(
    ['D', 'G'].map((player) => {
      const w = layersOf(weights, player);
      return [player, { w, m: zeros(w), v: zeros(w) }];
    }),
  );
  const { D, G } = players;
  const given = Array.from({ length: CHECKED_STEPS }, (_, i) => {
    const e = inputs.has('D.e') ? stepOf(inputs.get('D.e'), i).data : new Float32Array(64);
    return {
      x: device({ ...stepOf(inputs.get('D.x'), i), shape: [64, 784] }),
      zd: device(stepOf(inputs.get('D.z'), i)),
      zg: device(stepOf(inputs.get('G.z'), i)),
      e: device({ shape: [64, 1], data: e }),
    };
  });
  let step = 0;
  /** One step; gives both losses, on the device. */
  const once = () => {
    const { x, zd, zg, e } = given[step % CHECKED_STEPS];
    step++;
    const corrections = () => [np.array(lr / (1 - beta1 ** step)), np.array(1 / Math.sqrt(1 - beta2 ** step))];
    let lossD;
    let lossG;
    [D.w, D.m, D.v, lossD] = moveD(D.w, D.m, D.v, keep(G.w), use(x), use(zd), use(e), ...corrections());
    [G.w, G.m, G.v, lossG] = moveG(G.w, G.m, G.v, keep(D.w), use(zg), ...corrections());
    return [lossD, lossG];
  };
  const run = async (count) => {
    const made = [];
    for (let i = 0; i < count; i++) made.push(...once());
    return Promise.all(made.map((loss) => wait(loss.data())));
  };
  return {
    steps: run,
    async check() {
      const found = tensor(
        [CHECKED_STEPS, 2],
        (await run(CHECKED_STEPS)).flatMap((data) => [...data]),
      );
      await ready([D.w, G.w]);
      const result = { losses: found };
      for (const key of weights.keys()) {
        const [player, layer, kind] = key.split('.');
        const value = use(players[player].w[layer][kind]);
        const { shape } = value;
        result[key] = turned(tensor(shape, await wait(value.data())));
      }
      return result;
    },
  };
}

function product({ weights }) {
  const [a, b] = ['a', 'b'].map((name) => device(weights.get(name)));
  const multiply = jax.jit((a, b) => np.matmul(a, b));
  const once = () => multiply(use(a), use(b));
  return {
    async steps(count) {
      const made = Array.from({ length: count }, once);
      await ready(made);
      jax.tree.dispose(made);
    },
    check: async () => ({ result: tensor([1, 1024, 1024], await wait(once().data())) }),
  };
}

function convolutions({ weights, inputs }) {
  const names = [...weights.keys(), 'x'];
  const shapes = Object.fromEntries(names.map((name) => [name, (weights.get(name) ?? inputs.get(name)).shape]));
  const fixed = Object.fromEntries(names.map((name) => [name, device(weights.get(name) ?? inputs.get(name))]));
  const cotangent = device(inputs.get('cotangent.result'));
  const layer = (x, w, b) =>
    leaky(
      jax.lax
        .convGeneralDilated(
          x,
          w,
          [2, 2, 2],
          [
            [1, 1],
            [1, 1],
            [1, 1],
          ],
        )
        .add(b.reshape([1, -1, 1, 1, 1])),
    );
  const forward = (p) => {
    const h = layer(layer(layer(p.x, p['c1.weight'], p['c1.bias']), p['c2.weight'], p['c2.bias']), p['c3.weight'], p['c3.bias']);
    return np.matmul(h.reshape([16, 4096]), np.transpose(p['fc.weight'])).add(p['fc.bias']);
  };
  const both = jax.jit((p, c) => {
    const [[, result], grads] = jax.valueAndGrad(
      (p, c) => {
        const result = forward(p);
        return [use(result).mul(c).sum(), result];
      },
      { hasAux: true },
    )(p, c);
    return [result, grads];
  });
  const once = () => both(keep(fixed), use(cotangent));
  return {
    async steps(count) {
      for (let i = 0; i < count; i++) {
        const made = once();
        await ready(made);
        jax.tree.dispose(made);
      }
    },
    async check() {
      const [result, grads] = once();
      const found = { result: tensor([16, 1], await wait(result.data())) };
      for (const name of names) found[`grad.${name}`] = tensor(shapes[name], await wait(grads[name].data()));
      return found;
    },
  };
}

serve(async (name, workload, tensors, chosen) => {
  await browser(backend === 'webgpu' ? chosen : undefined);
  if (backend === 'wasm') globalThis.Worker = Worker;
  jax = await import('@jax-js/jax');
  np = jax.numpy;
  const there = await jax.init(backend);
  if (!there.includes(backend)) throw new Error(`jax-js finds no ${backend} backend`);
  jax.defaultDevice(backend);
  const made = name === 'W2' ? convolutions(tensors) : name === 'W3' ? product(tensors) : training(name, workload, tensors);
  return { adapter: backend === 'webgpu' ? { name: adapterName } : undefined, ...made };
});
