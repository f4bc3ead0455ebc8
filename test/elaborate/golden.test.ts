/** Whole PyTorch trainings of 50 steps, reproduced by the float64 interpreter from the spec: see test/oracles/golden/README.md. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { compileOptions, readSource } from '../../cli/source.js';
import { compileRun, compileSpec } from '../../compiler/compile.js';
import type { Tensor } from '../../compiler/graph/interpret.js';
import { Simulation } from '../../compiler/graph/simulate.js';
import type { Source } from '../../grammar/source.js';
import type { TensorData } from '../../runtime/execute/tensor.js';
import { cases, column, feedOf, type GoldenCase, ours, readGolden } from '../cli/golden.js';

/** Cases 1 and 3 said another way than their files say them. */
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

const losses = { D: { loss: 'd_loss' }, G: { loss: 'g_loss' } };
const sourceOf = (golden: GoldenCase): Source => readSource(join(import.meta.dirname, '..', 'cli', golden.spec));

test.each<[string, GoldenCase, Source]>([
  ...cases.map((golden): [string, GoldenCase, Source] => [golden.name, golden, sourceOf(golden)]),
  ['1_mlp_bce, by softplus', { ...cases[0], columns: losses }, { name: 'mlp.gan', text: mlp }],
  ["3_conv_hinge, by the prelude's losses", { ...cases[2], columns: losses }, { name: 'conv.gan', text: conv }],
])('%s: losses, first gradients, weights, states and samples agree with PyTorch in float64', (_, spec, source) => {
  const golden = readGolden(spec.name);
  const options = compileOptions({ variant: spec.variant });
  const fed = feedOf(spec, golden);
  const { module, diagnostics } = compileSpec(source, { ...options, fed: new Set(fed.keys()), trace: true });
  expect(diagnostics).toEqual([]);
  if (!module) return;
  const simulation = new Simulation(module);
  for (const [weight, { shape, data }] of golden.tensors('init.')) {
    expect(simulation.variables.has(ours(weight)), weight).toBe(true);
    simulation.variables.set(ours(weight), { shape, dtype: 'f32', data: Float64Array.from(data) });
  }
  const worst = { loss: 0, gradient: 0, state: 0 };
  const updates = { D: 0, G: 0 };
  const update = (player: 'D' | 'G'): void => {
    const call = updates[player]++;
    const inputs = new Map([...fed].filter(([name]) => name.startsWith(player)).map(([name, tensor]) => [name, row(tensor, call)]));
    const outputs = simulation.call(`update.${player}`, call, inputs);
    for (const output of Object.keys(spec.columns[player])) {
      const wanted = column(spec, golden, player, output, call);
      worst.loss = Math.max(worst.loss, Math.abs((outputs.get(output)?.data[0] ?? Number.NaN) - wanted) / Math.max(1, Math.abs(wanted)));
    }
    if (call > 0) return;
    for (const [weight] of golden.tensors(`f64.grad0.${player}.`))
      worst.gradient = Math.max(
        worst.gradient,
        distance(outputs.get(`grad.${ours(`${player}.${weight}`)}`), golden.numbers(`f64.grad0.${player}.${weight}`), weight),
      );
  };
  for (let step = 0; step < golden.steps; step++) {
    for (let i = 0; i < (spec.times ?? 1); i++) update('D');
    update('G');
  }
  for (const [variable] of golden.tensors('f64.step50.'))
    worst.state = Math.max(worst.state, distance(simulation.variables.get(ours(variable)), golden.numbers(`f64.step50.${variable}`), variable));
  expect(worst.loss).toBeLessThan(1e-9);
  expect(worst.gradient).toBeLessThan(1e-9);
  expect(worst.state).toBeLessThan(1e-8);

  // G as it samples: with the running statistics.
  const given = new Map([...fed].filter(([name]) => name.startsWith('G.')).map(([name, tensor]) => [name.slice(2), row(tensor, 0)]));
  const run = compileRun(source, 'G', { ...options, batch: 8, training: false, vjp: false, vjp2: false, inputs: given });
  expect(run.diagnostics).toEqual([]);
  const sampler = run.module && new Simulation(run.module);
  for (const name of sampler?.variables.keys() ?? []) sampler?.variables.set(name, simulation.variables.get(name) as Tensor);
  expect(distance(sampler?.call('run', 0, given).get('result'), golden.numbers('f64.sample_eval'), 'samples')).toBeLessThan(1e-8);
});

/** What one update is fed with. */
function row({ shape, dtype, data }: TensorData, index: number): Tensor {
  const own = shape.slice(1);
  const length = own.reduce((a, b) => a * b, 1);
  return { shape: own, dtype: dtype === 'i32' ? 'i32' : 'f32', data: Float64Array.from(data.subarray(index * length, (index + 1) * length)) };
}

/** The greatest difference. */
function distance(found: Tensor | undefined, wanted: Float64Array, name: string): number {
  expect(found?.data.length, name).toBe(wanted.length);
  return wanted.reduce((worst, value, i) => Math.max(worst, Math.abs(value - (found as Tensor).data[i])), 0);
}
