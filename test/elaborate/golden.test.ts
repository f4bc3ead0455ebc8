/** Whole PyTorch trainings of 50 steps, reproduced by the float64 interpreter from the spec: see test/oracles/golden/README.md. */
import { expect, test } from 'vitest';
import { compileSpec } from '../../compiler/compile.js';
import type { Tensor } from '../../compiler/graph/interpret.js';
import { type Golden, readGolden } from '../cli/golden.js';
import { Simulation } from './simulate.js';

const mlp = `
noise z: normal[16]
data golden = tensors(path: "fed") { x: vector[64] }
net G(z) { z |> linear(32) as fc1 |> relu |> linear(64) as fc2 |> tanh }
net D(x) { x |> linear(32) as fc1 |> leaky_relu(0.2) |> linear(1) as fc2 }
game {
  fake = G(z)
  D minimizes E[softplus(-D(x))] + E[softplus(D(fake))]
  G minimizes E[softplus(-D(fake))]
}
train {
  batch 8   steps 50
  D with adam(lr: 1e-3, beta1: 0.5)
  G with adam(lr: 1e-3, beta1: 0.5)
}`;

const conv = `
noise z: normal[8]
data golden = tensors(path: "fed") { x: image[1, 8, 8] }
net G(z) {
  z |> linear(64) as fc |> reshape(16, 2, 2)
    |> conv_transpose(8, kernel: 4, stride: 2, padding: 1, bias: false) as ct1 |> batch_norm as bn1 |> relu
    |> conv_transpose(1, kernel: 4, stride: 2, padding: 1) as ct2 |> tanh
}
net D(x) {
  x |> conv(8, kernel: 4, stride: 2, padding: 1) as c1 |> leaky_relu(0.2)
    |> conv(16, kernel: 4, stride: 2, padding: 1) as c2 |> leaky_relu(0.2) |> flatten |> linear(1) as fc
}
game {
  fake = G(z)
  D minimizes hinge(D(x), D(fake))
  G minimizes generator_score(D(fake))
}
train {
  batch 8   steps 50
  D with adam(lr: 1e-3, beta1: 0.5)
  G with adam(lr: 1e-3, beta1: 0.5)
}`;

function row(golden: Golden, name: string, index: number): Tensor {
  const shape = golden.shape(name).slice(1);
  const length = shape.reduce((a, b) => a * b, 1);
  return { shape, dtype: 'f32', data: golden.numbers(name).slice(index * length, (index + 1) * length) };
}

test.each([
  ['1_mlp_bce', mlp],
  ['3_conv_hinge', conv],
])('%s: losses, first gradients, weights and states agree with PyTorch in float64', (name, text) => {
  const golden = readGolden(name);
  const { module, diagnostics } = compileSpec({ name: `${name}.gan`, text }, { fed: new Set(['D.x', 'D.z', 'G.z']), trace: true });
  expect(diagnostics).toEqual([]);
  if (!module) return;
  const simulation = new Simulation(module);
  for (const [weight, tensor] of golden.tensors('init.')) {
    if (weight.endsWith('num_batches_tracked')) continue;
    expect(simulation.variables.has(weight), weight).toBe(true);
    simulation.variables.set(weight, { shape: tensor.shape, dtype: 'f32', data: Float64Array.from(tensor.data) });
  }
  const losses = golden.numbers('f64.losses');
  const column = (step: number, label: string): number => losses[step * golden.lossColumns.length + golden.lossColumns.indexOf(label)];
  for (let step = 0; step < golden.steps; step++) {
    const d = simulation.call(
      'update.D',
      step,
      new Map([
        ['D.x', row(golden, 'in.real', step)],
        ['D.z', row(golden, 'in.z_d', step)],
      ]),
    );
    const g = simulation.call('update.G', step, new Map([['G.z', row(golden, 'in.z_g', step)]]));
    expect(d.get('loss')?.data[0]).toBeCloseTo(column(step, 'd_loss'), 9);
    expect(g.get('loss')?.data[0]).toBeCloseTo(column(step, 'g_loss'), 9);
    if (step > 0) continue;
    for (const [outputs, prefix] of [
      [d, 'f64.grad0.D.'],
      [g, 'f64.grad0.G.'],
    ] as const) {
      for (const [weight] of golden.tensors(prefix))
        expectClose(outputs.get(`grad.${prefix.slice(-2)}${weight}`), golden.numbers(`${prefix}${weight}`), `${prefix}${weight}`);
    }
  }
  for (const [variable] of golden.tensors('f64.step50.')) {
    if (!variable.endsWith('num_batches_tracked')) expectClose(simulation.variables.get(variable), golden.numbers(`f64.step50.${variable}`), variable);
  }
});

function expectClose(found: Tensor | undefined, wanted: Float64Array, name: string): void {
  expect(found, name).toBeDefined();
  let worst = 0;
  wanted.forEach((value, i) => {
    worst = Math.max(worst, Math.abs(value - (found as Tensor).data[i]));
  });
  expect(worst, name).toBeLessThan(1e-8);
}
