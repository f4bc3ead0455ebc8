/** What a spec means: which draws are made, what an update computes, which states advance, what is shared. */
import { describe, expect, test } from 'vitest';
import { type CompileOptions, compileSpec } from '../../compiler/compile.js';
import type { Module } from '../../compiler/graph/module.js';
import { type GraphFunction, type Node, roots, topological } from '../../compiler/graph/node.js';
import { Simulation } from '../../compiler/graph/simulate.js';

const head = `
data d = tensors(path: "p") { x: vector[4]  y: class[3] }
noise z: normal[2]
`;
const train = 'train { batch 3 steps 2\n D with sgd(lr: 0.1)\n G with sgd(lr: 0.1) }';

function compiled(text: string, options: CompileOptions = {}): Module {
  const { module, diagnostics } = compileSpec({ name: 'spec.gan', text }, options);
  expect(diagnostics.map((d) => d.message)).toEqual([]);
  return module as Module;
}

function messages(text: string, options: CompileOptions = {}): string[] {
  return compileSpec({ name: 'spec.gan', text }, options).diagnostics.map((d) => d.message);
}

function fn(module: Module, name: string): GraphFunction {
  return module.functions.find((f) => f.name === name) as GraphFunction;
}

function nodes<O extends Node['operation']['op']>(module: Module, name: string, op: O): Extract<Node['operation'], { op: O }>[] {
  return topological(roots(fn(module, name))).flatMap((n) => (n.operation.op === op ? [n.operation as Extract<Node['operation'], { op: O }>] : []));
}

const draws = (module: Module, name: string): string[] =>
  nodes(module, name, 'random')
    .map((o) => o.path)
    .sort();
const stored = (module: Module, name: string): string[] =>
  fn(module, name)
    .stores.map((s) => s.variable)
    .sort();

describe('draws', () => {
  const text = `${head}
net G(z) { z |> linear(4) |> dropout(0.5) }
net D(x) { x |> linear(5) |> dropout(0.5) |> linear(1) |> dropout(0.1) }
game {
  fake = G(z)
  e = uniform()
  D minimizes E[e * (D(fake) - D(x))] + 0 * E[normal(like: x)]
  G minimizes -E[D(fake)]
}
${train}`;

  test('are named by player, call, block and number', () => {
    const module = compiled(text);
    expect(draws(module, 'update.D')).toEqual(['D.D#2.dropout', 'D.D#2.dropout#2', 'D.D.dropout', 'D.D.dropout#2', 'D.G.dropout', 'D.e', 'D.objective', 'D.z']);
    expect(draws(module, 'update.G')).toEqual(['G.D.dropout', 'G.D.dropout#2', 'G.G.dropout', 'G.z']);
  });

  test('adding one moves no other', () => {
    const before = draws(compiled(text), 'update.G');
    const after = draws(compiled(text.replace('-E[D(fake)]', '-E[D(fake)] + 0 * E[uniform() * D(fake)]')), 'update.G');
    expect(after).toEqual(expect.arrayContaining(before));
  });

  test('fed ones become inputs', () => {
    const module = compiled(text, { fed: new Set(['D.z', 'D.e', 'D.x']) });
    expect(
      nodes(module, 'update.D', 'input')
        .map((o) => o.name)
        .sort(),
    ).toEqual(['D.e', 'D.x', 'D.z']);
    expect(draws(module, 'update.D')).not.toContain('D.z');
  });

  test('`fresh` is a second draw', () => {
    const module = compiled(`${head}net G(z) { z |> linear(4) }
net D(x) { x |> linear(1) }
game { D minimizes E[D(x)] - E[D(G(z))]
 G minimizes E[(G(z) - G(fresh(z)))^2] }
${train}`);
    expect(draws(module, 'update.G')).toEqual(['G.z', 'G.z#2']);
  });

  test('`normal` is standard normal', () => {
    const module = compiled(`noise z: normal[5000]
net G(z) { z }
sample s = G(z)`);
    const values = new Simulation(module, 7n).call('sample.s', 0).get('s')?.data as Float64Array;
    const mean = values.reduce((a, b) => a + b, 0) / values.length;
    const moment = (power: number): number => values.reduce((a, b) => a + (b - mean) ** power, 0) / values.length;
    expect(Math.abs(mean)).toBeLessThan(0.01);
    expect(moment(2)).toBeCloseTo(1, 1);
    expect(moment(4) / moment(2) ** 2).toBeCloseTo(3, 1);
  });
});

describe('an update', () => {
  test('computes only what its objective needs', () => {
    const module = compiled(`${head}net G(z) { z |> linear(4) |> batch_norm }
net D(x) { x |> linear(6) |> batch_norm |> linear(1) }
game { fake = G(z)
 real = D(x)
 D minimizes E[D(fake)] - E[real]
 G minimizes -E[D(fake)] }
${train}`);
    expect(nodes(module, 'update.G', 'field')).toEqual([]);
    // Each forward pass of G advances its statistics, in D's update too, as in PyTorch.
    expect(stored(module, 'update.D')).toEqual(expect.arrayContaining(['G.batch_norm.running_mean', 'D.batch_norm.running_mean']));
  });

  test('advances a state once a call, in order, and a report advances none', () => {
    const text = (lines: string): string => `${head}net G(z) { z |> linear(4) }
net D(x) { state calls: [] = 0
 calls <- calls + 1
 x |> linear(1) }
game { D minimizes E[D(G(z))] - E[D(x)]
 G minimizes -E[D(G(z))]
 ${lines} }
${train}`;
    for (const [lines, count] of [
      ['', 2],
      ['report r = E[D(x)] + E[D(x)] in D', 2],
    ] as const) {
      const simulation = new Simulation(compiled(text(lines)));
      const x = new Map([['x', { shape: [3, 4], dtype: 'f32' as const, data: new Float64Array(12).fill(1) }]]);
      simulation.call('update.D', 0, new Map(), x);
      expect(simulation.variables.get('D.calls')?.data[0]).toBe(count);
    }
  });

  test('moves only its own weights; others stay bit for bit', () => {
    const simulation = new Simulation(
      compiled(`${head}net G(z) { z |> linear(4) }
net D(x) { x |> linear(1) }
game { D minimizes E[D(G(z))] - E[D(x)]
 G minimizes -E[D(G(z))] }
${train}`),
    );
    const before = new Map(simulation.variables);
    simulation.call('update.G', 0);
    expect(simulation.variables.get('D.linear.weight')?.data).toEqual(before.get('D.linear.weight')?.data);
    expect(simulation.variables.get('G.linear.weight')?.data).not.toEqual(before.get('G.linear.weight')?.data);
  });

  test('logs the fields of a record objective, and sums them', () => {
    const simulation = new Simulation(
      compiled(`noise z: normal[2]
net G(z) { z |> linear(1) }
game { G minimizes {a: E[G(z)^2], b: 2} * 3 }
train { batch 3 steps 1
 G with sgd() }`),
    );
    const out = simulation.call('update.G', 0);
    expect(out.get('loss.b')?.data[0]).toBe(6);
    expect(out.get('loss')?.data[0]).toBeCloseTo((out.get('loss.a')?.data[0] as number) + 6, 12);
  });
});

describe('shared', () => {
  const text = (order: string): string => `${head}net G(z) { z |> linear(4) |> tanh }
net D(x, y) { concat(x, iota(3) == y) |> linear(1) }
game {
  shared fake = G(z)
  D minimizes E[D(fake, y)] - E[D(x, y)]
  G minimizes -E[D(fake, y)]
}
train { batch 3 steps 1
 ${order} }`;
  const both = 'D with sgd(lr: 0.5)\n G with sgd(lr: 0.5)';

  test('a noise that it has drawn can be drawn again in an update', () => {
    const module = compiled(`${head}
net G(z) { z |> linear(4) }
net D(x) { x |> linear(1) }
game {
  shared fake = G(z)
  again = G(fresh(z))
  D minimizes E[D(fake) - D(x)]
  G minimizes E[(fake - again)^2]
}
${train}`);
    expect(draws(module, 'shared')).toEqual(['shared.z']);
    expect(draws(module, 'update.G')).toEqual(['G.z']);
  });

  test('is evaluated once a step, with one draw, and both updates read it', () => {
    const module = compiled(text(both));
    expect(draws(module, 'shared')).toEqual(['shared.z']);
    expect(draws(module, 'update.D')).toEqual([]);
    expect(draws(module, 'update.G')).toEqual([]);
    expect(module.train?.shared).toBe('shared');
    expect(module.variables.some((v) => v.kind === 'carry')).toBe(true);
  });

  test('gives the same step as one evaluation in one graph', () => {
    // G's gradient through the carried pass equals the gradient of a G that evaluates it anew on the same draw.
    const y = { shape: [3], dtype: 'i32' as const, data: Float64Array.of(0, 1, 2) };
    const x = { shape: [3, 4], dtype: 'f32' as const, data: Float64Array.from({ length: 12 }, (_, i) => i / 12) };
    const fields = new Map([
      ['x', x],
      ['y', y],
    ]);
    const z = { shape: [3, 2], dtype: 'f32' as const, data: Float64Array.of(0.1, -0.4, 1.2, 0.3, -2, 0.7) };
    const once = new Simulation(compiled(text(both), { fed: new Set(['shared.z']) }));
    once.call('shared', 0, new Map([['shared.z', z]]), fields);
    once.call('update.D', 0, new Map(), fields);
    once.call('update.G', 0, new Map(), fields);
    const anew = new Simulation(compiled(text(both).replace('shared fake', 'fake'), { fed: new Set(['D.z', 'G.z']) }));
    anew.call('update.D', 0, new Map([['D.z', z]]), fields);
    anew.call('update.G', 0, new Map([['G.z', z]]), fields);
    for (const name of ['G.linear.weight', 'D.linear.weight', 'G.linear.bias']) {
      anew.variables.get(name)?.data.forEach((value, i) => {
        expect(once.variables.get(name)?.data[i]).toBeCloseTo(value, 12);
      });
    }
  });

  test('is an error where a net in it moves before a later use', () => {
    expect(messages(text('G with sgd()\n D with sgd()'))).toEqual(['`shared fake` would be used after G has moved a net in it']);
    expect(messages(text('D with sgd()\n G with sgd(), times 2'))).toEqual(['`shared fake` would be used after G has moved a net in it']);
  });
});

describe('sampling', () => {
  test('reads the averages, with training false', () => {
    const module = compiled(`noise z: normal[2]
net G(z) { z |> linear(4) |> dropout(0.9) |> batch_norm }
game { G minimizes E[G(z)^2] }
train { batch 3 steps 1
 G with sgd(lr: 0.5), average 0.5 }
sample s = G(z)`);
    const reads = nodes(module, 'sample.s', 'variable').map((o) => o.name);
    expect(reads).toContain('average.G.linear.weight');
    expect(reads).toContain('G.batch_norm.running_mean');
    expect(draws(module, 'sample.s')).toEqual(['sample.z']);
    const simulation = new Simulation(module);
    const first = simulation.variables.get('G.linear.weight')?.data as Float64Array;
    simulation.call('update.G', 0);
    const now = simulation.variables.get('G.linear.weight')?.data as Float64Array;
    simulation.variables.get('average.G.linear.weight')?.data.forEach((value, i) => {
      expect(value).toBeCloseTo((first[i] + now[i]) / 2, 12);
    });
  });
});

describe('the language', () => {
  const value = (body: string, extra = ''): number[] => {
    const module = compiled(`${extra}
noise z: normal[2]
net F(z) { ${body} }
sample s = F(z)`);
    const out = new Simulation(module).call('sample.s', 0).get('s') as { shape: readonly number[]; data: Float64Array };
    return Array.from(out.data.slice(0, out.data.length / out.shape[0]));
  };
  const ones = '0 * sum(z) + ';

  test.each([
    ['2 ^ 3 ^ 2', 512],
    ['-2 ^ 2', -4],
    ['7 % 3 - 10 / 4', -1.5],
    ['log2(64) + len(range(2, 5)) + product([2, 3])', 15],
    ['if 3 > 2 and not false { 1 } else { 2 }', 1],
    ['sum([1, 2] + [3]) + max(4, 9)', 15],
    ['{a: 4, b: 5}.b', 5],
  ])('%s is %d', (text, wanted) => expect(value(`${ones}(${text})`)).toEqual([wanted]));

  test('`for` and `if` open no scope', () => expect(value(`h = 0\n for i in range(4) { h = h + i }\n if true { h = h * 2 }\n ${ones}h`)).toEqual([12]));
  test('the bar is a comma', () => expect(value('G(z | 3)', 'net G(z, k) { 0 * z + k }')).toEqual([3, 3]));
  test('a call with a hole is a value', () => expect(value('f = scaled(_, 5)\n f(z * 0 + 1)', 'block scaled(x, k) { x * k }')).toEqual([5, 5]));
  test('`each` folds an axis into the batch, with what the call holds', () => {
    const head = 'block head(h, s) { reshape(sum(h) * 10 + s, 1) }';
    expect(value('h = reshape(concat(z * 0 + 1, z * 0 + 2), 2, 2)\n h |> each(head(_, sum(z) * 0 + 3), axis: 1) |> flatten', head)).toEqual([33, 33]);
    expect(value('h = reshape(concat(z * 0 + 1, z * 0 + 2), 2, 2)\n h |> each(head(_, 4), axis: 0) |> flatten', head)).toEqual([24, 44]);
    expect(
      value('h = reshape(concat(z * 0 + 1, z * 0 + 2), 2, 2)\n shape(h |> each(relu, axis: 1))[0] * ones_like(h)', 'block ones_like(h) { 0 * sum(h) + 1 }'),
    ).toEqual([2]);
  });
  test('`set` changes defaults at any depth, and an argument at the call wins', () => {
    const blocks = 'block inner(x, k: 1) { 0 * x + k }\nblock outer(x) { x |> inner }\nset inner(k: 7)';
    expect(value('z |> outer', blocks)).toEqual([7, 7]);
    expect(value('z |> inner(k: 2)', blocks)).toEqual([2, 2]);
  });
  test('slices, indices and new axes', () => {
    expect(value('h = reshape(concat(z * 0 + 1, z * 0 + 2), 2, 2)\n h[-1, none, :]')).toEqual([2, 2]);
    expect(value('concat(z * 0, z * 0 + 1)[1::2]')).toEqual([0, 1]);
  });
  test('softmax sums to one; its log is stable', () => expect(value('h = log(softmax(concat(0 * z[0:1] + 1000, 0 * z[0:1])))\n h')).toEqual([0, -1000]));
  test('log(1 - sigmoid(a)) is stable where sigmoid(a) is 1', () => expect(value('log(1 - sigmoid(0 * z[0:1] + 200))')).toEqual([-200]));
  test('the derivative of norm at 0 is 0', () => expect(value('h = 0 * z\n grad(norm(h), h)')).toEqual([0, 0]));
});

describe('variants and inheritance', () => {
  const base = `hyper k = 1
noise z: normal[2]
net G(z) { z |> linear(k) }
game { G minimizes E[G(z)^2] }
train { batch 3 steps 1
 G with sgd() }
variant wide { k = 8 }
variant other { game { G minimizes E[abs(G(z))] } }`;
  const resolve = (path: string): { name: string; text: string } => ({ name: path, text: base });

  test('a variant changes a hyper or a line', () => {
    expect(compiled(base, { variant: 'wide' }).variables.find((v) => v.name === 'G.linear.weight')?.shape).toEqual([8, 2]);
    expect(nodes(compiled(base, { variant: 'other' }), 'update.G', 'unary').some((o) => o.name === 'abs')).toBe(true);
  });
  test('values: parent, child, variant, --set', () => {
    const child = 'extends "base.gan"\nhyper k = 3\nvariant wide { k = 9 }';
    const width = (options: CompileOptions): number =>
      compiled(child, { ...options, resolve }).variables.find((v) => v.name === 'G.linear.weight')?.shape[0] as number;
    expect([width({}), width({ variant: 'wide' }), width({ variant: 'wide', set: { k: '5' } })]).toEqual([3, 9, 5]);
  });
  test('a line that a child adds before one that it replaces can be read there', () => {
    const parent = base.replace('{ G minimizes E[G(z)^2] }', '{ fake = G(z)\n score = E[fake]\n G minimizes score }');
    const child = 'extends "parent.gan"\ngame { squared = fake^2\n score = E[squared] }';
    expect(messages(child, { resolve: (path) => ({ name: path, text: parent }) })).toEqual([]);
  });
  test('a circle of `extends` is an error', () => {
    expect(messages('extends "spec.gan"', { resolve: (path) => ({ name: path, text: 'extends "spec.gan"' }) })).toEqual([
      '`extends` goes in a circle: spec.gan extends spec.gan',
    ]);
  });
});

test('the same text gives the same functions', () => {
  const text = `${head}net G(z) { z |> linear(4) }
net D(x) { x |> linear(1) |> sigmoid }
game { D maximizes minimax(D(x), D(G(z)))
 G maximizes non_saturating(D(G(z))) }
${train}`;
  const shape = (module: Module): string =>
    JSON.stringify(module.functions.map((f) => topological(roots(f)).map((n) => [n.operation, n.shape, n.inputs.map((i) => i.id)])));
  expect(shape(compiled(text))).toBe(shape(compiled(text)));
});
