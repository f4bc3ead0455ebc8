/** Penalties written with `grad`: their gradients by the weights, of second order: the interpreter against finite differences, the GPU against it. */
import { expect, test } from 'vitest';
import { compileSpec } from '../../compiler/compile.js';
import type { Tensor } from '../../compiler/graph/interpret.js';
import { size } from '../../compiler/graph/node.js';
import { Simulation } from '../../compiler/graph/simulate.js';
import { check } from '../plan/support.js';

const linear = 'x |> flatten |> linear(6) as fc1 |> tanh |> linear(5) as fc2 |> silu |> linear(1) as fc3';
const conv = 'x |> conv(4, kernel: 4, stride: 2, padding: 1) as c1 |> silu |> conv(3, kernel: 3, padding: 1) as c2 |> tanh |> flatten |> linear(1) as fc';
const r1 = 'real = D(x)\n D minimizes E[softplus(-real)] + 5 * r1(real, x)';
const gp = 'e = uniform()\n mix = e * x + (1 - e) * stop(fake)\n D minimizes E[D(stop(fake))] - E[D(x)] + 10 * gradient_penalty(D(mix), mix)';
// The mix ends in a reshape, and D begins with one: `grad` must still find it.
const reshaped = 'e = uniform()\n mix = reshape(e * x + (1 - e) * stop(fake), 1, 4, 4)\n D minimizes 10 * E[(norm(grad(D(mix), mix)) - 1)^2]';

test.each([
  ['R1, linear', linear, r1],
  ['R1, convolution', conv, r1],
  ['WGAN-GP, linear', linear, gp],
  ['WGAN-GP, convolution', conv, gp],
  ['WGAN-GP by hand, on a reshaped mix', linear, reshaped],
])('%s', async (_, net, lines) => {
  const text = `
data d = tensors(path: "fed") { x: image[1, 4, 4] }
noise z: normal[3]
net G(z) { z |> linear(16) |> tanh |> reshape(1, 4, 4) }
net D(x) { ${net} }
game { fake = G(z)
 ${lines}
 G minimizes -E[D(fake)] }
train { batch 3 steps 1
 D with sgd(lr: 0)
 G with sgd(lr: 0) }`;
  const { module, diagnostics } = compileSpec({ name: 'penalty.gan', text }, { fed: new Set(['D.x']), trace: true });
  expect(diagnostics).toEqual([]);
  if (!module) return;
  const x: Tensor = { shape: [3, 1, 4, 4], dtype: 'f32', data: Float64Array.from({ length: 48 }, (_, i) => Math.sin(i * 1.7)) };
  const inputs = new Map([['D.x', x]]);
  const simulation = new Simulation(module);
  const gradients = simulation.call('update.D', 0, inputs);
  const h = 1e-5;
  let checked = 0;
  for (const variable of module.variables) {
    if (variable.kind !== 'weight' || variable.player !== 'D') continue;
    const value = simulation.variables.get(variable.name) as Tensor;
    const gradient = gradients.get(`grad.${variable.name}`);
    const stride = Math.max(1, Math.floor(size(variable.shape) / 7));
    for (let i = 0; i < size(variable.shape); i += stride) {
      const at = (shift: number): number => {
        const moved = Float64Array.from(value.data);
        moved[i] += shift;
        simulation.variables.set(variable.name, { ...value, data: moved });
        return (simulation.call('update.D', 0, inputs).get('loss') as Tensor).data[0];
      };
      const slope = (at(h) - at(-h)) / (2 * h);
      simulation.variables.set(variable.name, value);
      const found = gradient ? gradient.data[i] : 0;
      expect(Math.abs(found - slope), `${variable.name}[${i}]: ${found} and ${slope}`).toBeLessThan(1e-5 * Math.max(1, Math.abs(slope)));
      checked++;
    }
  }
  expect(checked).toBeGreaterThan(20);
  const update = module.functions.find((f) => f.name === 'update.D');
  if (update) await check(update, module.variables, { inputs: { 'D.x': x }, variables: Object.fromEntries(simulation.variables) });
});
