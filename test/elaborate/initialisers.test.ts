/** What weights begin with: the spread that an initialiser promises, wherever it is asked for. */
import { expect, test } from 'vitest';
import { compileSpec } from '../../compiler/compile.js';
import { Simulation } from '../../compiler/graph/simulate.js';

/** Variance of a variable's first values. */
function variance(body: string, variable: string): number {
  const { module, diagnostics } = compileSpec({ name: 'spec.gan', text: `noise z: normal[60]\nnet G(z) { ${body} }\nsample s = G(z)` });
  expect(diagnostics.map((d) => d.message)).toEqual([]);
  const data = new Simulation(module as NonNullable<typeof module>).variables.get(variable)?.data ?? [];
  const mean = [...data].reduce((a, b) => a + b, 0) / data.length;
  return [...data].reduce((a, b) => a + (b - mean) ** 2, 0) / data.length;
}

test.each([
  ['he_normal()', 2 / 60],
  ['he_uniform()', 2 / 60],
  ['he_normal(slope: 0.5)', 1.6 / 60],
  ['he_uniform(slope: 0.5)', 1.6 / 60],
  ['lecun_normal()', 1 / 60],
  ['glorot_normal()', 2 / (60 + 200)],
  ['normal(1, 0.1)', 0.01],
])('%s', (init, expected) => {
  expect(variance(`linear(z, 200, init: ${init})`, 'G.linear.weight') / expected).toBeCloseTo(1, 1);
});

test('a layer whose initialiser is none unless given takes one, by its name or by `set`', () => {
  const expected = 1 / 30;
  expect(variance('reshape(z, 2, 30) |> gru(40, init: lecun_normal())', 'G.gru.weight_ih_l0') / expected).toBeCloseTo(1, 1);
  expect(variance('set gru_cell(init: lecun_normal())\n  gru_cell(z[:30], z[30:])', 'G.gru_cell.weight_ih') / expected).toBeCloseTo(1, 1);
  // Of its own it is uniform in +-1 / sqrt(features).
  expect(variance('reshape(z, 2, 30) |> gru(40)', 'G.gru.weight_ih_l0') * 3 * 40).toBeCloseTo(1, 1);
});
