/** Calls of nets that are evaluated once for several samples: equal ones are one, and draws stay apart. */
import { expect, test } from 'vitest';
import { compileSpec } from '../../compiler/compile.js';
import type { Node } from '../../compiler/graph/node.js';

/** What the samples of a spec give, by `sample.output`. */
function sampled(text: string): Map<string, Node> {
  const spec = `noise z: normal[2]\n${text}`;
  const { module, diagnostics } = compileSpec({ name: 'spec.gan', text: spec });
  expect(diagnostics.map((d) => d.message)).toEqual([]);
  return new Map(module?.functions.filter((fn) => fn.name !== 'init').flatMap((fn) => fn.outputs.map((o) => [`${fn.name}.${o.name}`, o.node])));
}

test('two calls that draw are two, in each sample the same two', () => {
  const found = sampled('net G(z) { linear(z, 3) + normal(3) }\nsample a = {one: G(z), two: G(z)}\nsample b = {two: G(z), one: G(z)}');
  expect(found.get('sample.a.one')).not.toBe(found.get('sample.a.two'));
  expect(found.get('sample.b.two')).toBe(found.get('sample.a.one'));
  expect(found.get('sample.b.one')).toBe(found.get('sample.a.two'));
});

test('a draw that a net hands on before it is made is a draw', () => {
  const found = sampled('net G(z) { {here: linear(z, 3), noise: normal(3)} }\nsample a = {one: 1 * G(z).noise, two: 1 * G(z).noise}');
  expect(found.get('sample.a.one')).not.toBe(found.get('sample.a.two'));
});

test('a net that calls one that draws does', () => {
  const found = sampled('net N(z) { z + uniform(2) }\nnet G(z) { linear(N(z), 3) }\nsample a = {one: G(z), two: G(z), other: N(z)}\nsample b = N(z)');
  expect(found.get('sample.a.one')).not.toBe(found.get('sample.a.two'));
  expect(found.get('sample.a.other')).not.toBe(found.get('sample.b.b'));
});

test('calls that draw nothing are one, on other arguments another', () => {
  const found = sampled('net G(z) { linear(z, 3) }\nsample a = {one: G(z), two: G(z), other: G(2 * z)}\nsample b = G(z)');
  expect(found.get('sample.a.one')).toBe(found.get('sample.a.two'));
  expect(found.get('sample.b.b')).toBe(found.get('sample.a.one'));
  expect(found.get('sample.a.other')).not.toBe(found.get('sample.a.one'));
});
