/** What weights begin with: the spread that an initialiser promises, wherever it is asked for. */
import { expect, test } from 'vitest';
import { compileSpec } from '../../compiler/compile.js';
import { Simulation } from '../../compiler/graph/simulate.js';
import { output } from './net.js';

/** A variable's first values. */
function first(body: string, variable: string): readonly number[] {
  const { module, diagnostics } = compileSpec({ name: 'spec.gan', text: `noise z: normal[60]\nnet G(z) { ${body} }\nsample s = G(z)` });
  expect(diagnostics.map((d) => d.message)).toEqual([]);
  return [...(new Simulation(module as NonNullable<typeof module>).variables.get(variable)?.data ?? [])];
}

const average = (data: readonly number[]): number => data.reduce((a, b) => a + b, 0) / data.length;

/** Variance of a variable's first values. */
function variance(body: string, variable: string): number {
  const data = first(body, variable);
  const mean = average(data);
  return average(data.map((v) => (v - mean) ** 2));
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

test.each([
  ['lstm', 'reshape(z, 30, 2) |> lstm(5, forget: 2)', ['G.lstm.bias_ih_l0'], 5 ** -0.5],
  ['lstm in both directions', 'reshape(z, 30, 2) |> lstm(5, forget: 2, bidirectional: true)', ['G.lstm.bias_ih_l0', 'G.lstm.bias_ih_l0_reverse'], 5 ** -0.5],
  ['lstm_cell', 'lstm_cell(z[:2], z[:5], z[:5], forget: 2).h', ['G.lstm_cell.bias_ih'], 5 ** -0.5],
  ['conv_lstm', 'reshape(z, 15, 1, 2, 2) |> conv_lstm(5, kernel: 1, forget: 2)', ['G.conv_lstm.Gates.bias'], 6 ** -0.5],
])('the forget gate, the second of four, begins with the bias that is asked for: %s', (_, body, names, bound) => {
  for (const name of names) {
    const values = first(body, name);
    expect(values).toHaveLength(20);
    for (const [k, v] of values.entries()) expect(Math.abs(v - (k >= 5 && k < 10 ? 2 : 0))).toBeLessThanOrEqual(bound);
  }
});

test('an LSTM that begins with a forget bias still knows its first row after twenty', () => {
  const last = (forget: number, start: number) => output(`  lstm(x, 8, result: "last", forget: ${forget})`, [start, ...new Array<number>(19).fill(0)], [20, 1]);
  const known = (forget: number) => average(last(forget, 3).map((v, k) => Math.abs(v - last(forget, -3)[k])));
  expect(known(0)).toBeLessThan(1e-3);
  expect(known(4)).toBeGreaterThan(0.02);
});
