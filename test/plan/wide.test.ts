/** Values that are gathered from more tensors than a kernel binds buffers. */
import { expect, test } from 'vitest';
import { compileSpec } from '../../compiler/compile.js';
import { lower } from '../../compiler/plan/lower.js';
import { check } from './support.js';

const text = `
noise z: normal[30]
net G(z) {
  parts = []
  for i in range(11) { parts = parts + [sum(tanh(z * (i + 1)), keep: true)] }
  a = concat(parts)
  a * concat(parts[6:] + parts[:6]) + reverse(a)
}
sample g = G(z)`;

test('a concat of eleven values, read three times', async () => {
  const { module, diagnostics } = compileSpec({ name: 'wide.gan', text });
  expect(diagnostics).toEqual([]);
  if (!module) return;
  lower(module);
  const sample = module.functions.find((fn) => fn.name === 'sample.g');
  if (sample) await check(sample, module.variables);
});

const linear = (width: number) => {
  const text = `noise z: normal[2]\nnet G(z) { z |> linear(${width}) |> linear(${width}) |> linear(1000) }\ngame { G minimizes E[G(z)^2] }\ntrain { batch 2 steps 1\n G with adam() }`;
  const { module } = compileSpec({ name: 'large.gan', text });
  return lower(module as NonNullable<typeof module>);
};

test('weights beyond what every GPU binds are cut, and nothing but they', () => {
  const program = linear(5500);
  expect(program.variables.filter((v) => v.kind === 'flat').map((v) => [v.name, v.shape])).toEqual([
    ['flat.G.weights', [30_272_064]],
    ['flat.G.weights.part2', [5_501_056]],
  ]);
  // Two gradients, two weights, four moments, and what one dispatch reads of them: none is over 128 MiB.
  for (const { commands } of program.entries)
    for (const command of commands) for (const { size } of command.kind === 'dispatch' ? command.bindings : []) expect(size).toBeLessThanOrEqual(128 * 2 ** 20);
});

test('a single weight may be larger; beyond what GPUs bind it is refused by name', () => {
  expect(Math.max(...linear(9000).buffers.map((b) => b.size))).toBe(9000 * 9000 * 4);
  expect(() => linear(24_000)).toThrow(/G\.linear#2\.weight \[24000, 24000\] takes 2197\.\d MiB, and GPUs bind/);
});

test('intermediate results beyond what every GPU binds are cut, however large they are', () => {
  const convolved = (batch: number) => {
    const { module } = compileSpec({
      name: 'wide.gan',
      text: `noise z: normal[1, 64, 64]
net G(z) { z |> conv(64, kernel: 3, padding: 1) |> batch_norm |> global_average_pool }
game { G minimizes E[G(z)^2] }
train { batch ${batch} steps 1
 G with sgd() }`,
    });
    const { entries, buffers } = lower(module as NonNullable<typeof module>);
    const bound = entries.flatMap(({ commands }) =>
      commands.flatMap((command) => (command.kind === 'dispatch' ? command.bindings.map(({ size }) => size) : [])),
    );
    expect(Math.max(...buffers.map(({ size }) => size))).toBe(Math.max(...bound));
    return Math.max(...bound);
  };
  expect(convolved(127)).toBe(127 * 2 ** 20);
  expect(convolved(256)).toBe(128 * 2 ** 20);
  expect(convolved(2100)).toBeLessThanOrEqual(128 * 2 ** 20);
});
