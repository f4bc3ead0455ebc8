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

test('weights beyond what a GPU binds are refused, the largest by name', () => {
  const { module } = compileSpec({
    name: 'large.gan',
    text: 'noise z: normal[2]\nnet G(z) { z |> linear(9000) |> linear(9000) }\ngame { G minimizes E[G(z)^2] }\ntrain { batch 2 steps 1\n G with sgd() }',
  });
  expect(module).toBeDefined();
  if (module) expect(() => lower(module)).toThrow(/what G moves takes 309\.\d MiB/);
});

test('an intermediate result may be as large as workstations bind, and no larger', () => {
  const convolved = (batch: number) => {
    const { module } = compileSpec({
      name: 'wide.gan',
      text: `noise z: normal[1, 64, 64]
net G(z) { z |> conv(64, kernel: 3, padding: 1) |> batch_norm |> global_average_pool }
game { G minimizes E[G(z)^2] }
train { batch ${batch} steps 1
 G with sgd() }`,
    });
    return lower(module as NonNullable<typeof module>);
  };
  expect(Math.max(...convolved(256).buffers.map((b) => b.size))).toBe(256 * 2 ** 20);
  expect(() => convolved(2048)).toThrow(/takes 2048\.0 MiB, and GPUs bind/);
});
