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
