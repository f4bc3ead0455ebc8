/** What a step computes once for all players: each reads what it read, and little is stored for it. */
import { describe, expect, test } from 'vitest';
import { compileSpec } from '../../compiler/compile.js';
import type { Tensor } from '../../compiler/graph/interpret.js';
import type { Module } from '../../compiler/graph/module.js';
import { Simulation } from '../../compiler/graph/simulate.js';

function compiled(text: string): Module {
  const { module, diagnostics } = compileSpec({ name: 'spec.gan', text });
  expect(diagnostics.filter((d) => d.severity === 'error').map((d) => d.message)).toEqual([]);
  return module as Module;
}

const spec = (game: string, G: string): Module =>
  compiled(`data d = tensors(path: "p") { x: vector[4] }
net G(x) { ${G} }
net D(x) { x |> linear(6) |> leaky_relu(0.2) |> linear(1) }
game {
  ${game} made = G(x)
  D minimizes E[softplus(D(made))] + E[softplus(-D(x))]
  G minimizes E[softplus(-D(made))] + 0.1 * E[abs(made)]
}
train { batch 5 steps 3
  D with sgd(lr: 0.1)
  G with sgd(lr: 0.1)
}`);

const x: Tensor = { shape: [5, 4], dtype: 'f32', data: Float64Array.from({ length: 20 }, (_, i) => Math.sin(1.7 * i)) };

/** Weights after a step. The shared part has the batch's rows as `shared.x`. */
function trained(module: Module): Map<string, Tensor> {
  const run = new Simulation(module);
  const fields = new Map([['x', x]]);
  for (const entry of ['shared', 'update.D', 'update.G']) if (module.functions.some((fn) => fn.name === entry)) run.call(entry, 0, new Map(), fields);
  return run.variables;
}

describe('a shared value', () => {
  const nets: Readonly<Record<string, string>> = {
    'behind rectifiers': 'x |> linear(6) |> relu |> linear(6) |> leaky_relu(0.1) |> linear(4) |> tanh',
    'behind rectifiers of one value': 'h = linear(x, 4)\n  relu(h) + 2 * leaky_relu(h, 0.3)',
    'of functions in a row': 'h = linear(x, 4)\n  sigmoid(exp(-(h - mean(h))^2 / 3)) * h',
    'of views':
      'h = x |> linear(6) |> reshape(2, 3) |> permute(1, 0)\n  y = h / sum(h^2, axis: 0, keep: true)\n  flatten(y[:, 0] * 2 + reverse(y)[:, 1]) |> linear(4)',
    'of a norm': 'x |> linear(4) |> batch_norm |> relu',
  };
  test.each(Object.entries(nets))('%s moves both as one that each computes does', (_, G) => {
    const once = trained(spec('shared', G));
    const each = trained(spec('', G));
    const weights = [...each].filter(([name]) => !name.includes('running') && !name.includes('steps') && !name.startsWith('carry'));
    expect(weights.length).toBeGreaterThan(4);
    for (const [name, { data }] of weights) for (const [i, value] of [...(once.get(name)?.data ?? [])].entries()) expect(value).toBeCloseTo(data[i], 10);
  });

  test('of a state is the one before it advanced', () => {
    const module = spec('shared', 'weight w: [4] = 2\n  state s: [4] = 1\n  y = w * s * x\n  s <- s + 10\n  y');
    const other = trained(spec('shared', 'weight w: [4] = 2\n  w * x'));
    const found = trained(module);
    expect([...(found.get('G.w')?.data ?? [])]).toEqual([...(other.get('G.w')?.data ?? [NaN])]);
    expect(found.get('G.s')?.data[0]).toBe(11);
  });
});

describe('what is stored for the others', () => {
  const stored = (G: string): readonly string[] =>
    (spec('shared', G).functions.find((fn) => fn.name === 'shared')?.stores ?? []).map(({ node }) => `${node.operation.op} [${node.shape}]`);

  test('is neither the mask of a rectifier nor a bias, repeated or not', () => {
    expect(stored('x |> linear(6) |> relu |> linear(4)')).toEqual(expect.arrayContaining(['select [5,6]']));
    expect(stored('x |> linear(6) |> relu |> linear(4)')).toHaveLength(2);
  });

  test('is no function of what is', () => {
    expect(stored('y = x |> linear(4)\n  y * sigmoid(y)')).toHaveLength(1);
  });

  test('is what is repeated, once', () => {
    expect(stored('y = x |> linear(1)\n  x * y')).toEqual([expect.stringMatching(/\[5,1\]$/)]);
  });
});
