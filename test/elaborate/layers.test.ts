/** Where the inputs of layers come from. */
import { expect, test } from 'vitest';
import { compileSpec } from '../../compiler/compile.js';
import type { Layer } from '../../compiler/graph/module.js';

function layersOf(text: string): Map<string, Layer> {
  const { module, diagnostics } = compileSpec({ name: 'a.gan', text });
  expect(diagnostics).toEqual([]);
  return new Map(module?.layers.map((layer) => [layer.path, layer]));
}

function flow(text: string): Record<string, readonly string[]> {
  const result: Record<string, readonly string[]> = {};
  for (const layer of layersOf(text).values()) {
    if (!layer.net) result[layer.path] = layer.from;
    else {
      for (const step of layer.net.steps) result[step.path] = step.from;
      result[layer.path] = layer.net.ends;
    }
  }
  return result;
}

test('a sum comes from all that is added', () => {
  expect(flow('net F(x: [8]) {\n  h = x |> linear(8) as a\n  h = h + (h |> linear(8) as b)\n  h |> linear(2) as c\n}')).toEqual({
    'F.a': ['F(x)'],
    'F.b': ['F.a'],
    'F.c': ['F.a', 'F.b'],
    F: ['F.c'],
  });
});

test('reshapes hide no layer', () => {
  expect(flow('net F(x: [8]) { x |> linear(8, bias: false) |> reshape(2, 4) |> flatten |> relu }')).toEqual({
    'F.linear': ['F(x)'],
    'F>reshape': ['F.linear'],
    'F.flatten': ['F>reshape'],
    'F.relu': ['F.flatten'],
    F: ['F.relu'],
  });
});

test('an index that is a reshape hides no layer', () => {
  expect(flow('net F(x: [8]) {\n  h = x |> linear(8, bias: false)\n  h[:, none] |> relu\n}')).toMatchObject({ 'F.relu': ['F.linear'] });
});

test('a block with others inside is the flow inside; an initialiser and a draw are no layers', () => {
  const up = 'block up(h, n) {\n  weight noise: [n] ~ normal(0, 1)\n  h = h |> linear(n, init: normal(0, 0.02)) |> tanh\n  h + noise * normal(n)\n}\n';
  expect(flow(`${up}net F(x: [8]) { x |> up(4) |> up(2) |> relu }`)).toEqual({
    'F.up': ['F(x)'],
    'F.up.linear': ['F(x)'],
    'F.up>tanh': ['F.up.linear'],
    'F.up#2': ['F.up>tanh'],
    'F.up#2.linear': ['F.up>tanh'],
    'F.up#2>tanh': ['F.up#2.linear'],
    'F.relu': ['F.up#2>tanh'],
    F: ['F.relu'],
  });
});

test('what `each` folds flows through the block inside', () => {
  expect(flow('block head(h) { h |> linear(1) }\nnet F(x: [4, 8]) { x |> relu |> each(head, axis: 0) |> flatten }')).toEqual({
    'F.relu': ['F(x)'],
    'F.head': ['F.relu'],
    'F.head.linear': ['F.relu'],
    'F.flatten': ['F.head.linear'],
    F: ['F.flatten'],
  });
});

test('a net that calls another: a step of its own, with the layers of the other apart', () => {
  const layers = layersOf('net H(y) { y |> linear(3) }\nnet F(x: [8], s: [8]) { concat(H(x), H(s), x) }');
  expect(layers.get('F')?.net).toEqual({
    parameters: [
      { name: 'x', shapes: [[8]] },
      { name: 's', shapes: [[8]] },
    ],
    ends: ['F>concat'],
    steps: [
      { path: 'F>H', within: 'F', kind: 'net', name: 'H', output: [[3]], from: ['F(x)'] },
      { path: 'F>H#2', within: 'F', kind: 'net', name: 'H', output: [[3]], from: ['F(s)'] },
      { path: 'F>concat', within: 'F', kind: 'function', name: 'concat', output: [[14]], from: ['F>H', 'F>H#2', 'F(x)'] },
    ],
  });
  expect(layers.get('H')?.net?.ends).toEqual(['H.linear']);
  expect(layers.get('H.linear')?.from).toEqual(['H(y)']);
});
