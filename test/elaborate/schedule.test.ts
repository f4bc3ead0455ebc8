/** The schedule: `every`, `accumulate` and phases. */
import { describe, expect, test } from 'vitest';
import { compileSpec } from '../../compiler/compile.js';
import type { Tensor } from '../../compiler/graph/interpret.js';
import type { Module } from '../../compiler/graph/module.js';
import { topological } from '../../compiler/graph/node.js';
import { Simulation } from '../../compiler/graph/simulate.js';
import { lower } from '../../compiler/plan/lower.js';
import type { TrainPlan } from '../../compiler/program/types.js';
import { Schedule } from '../../runtime/train/schedule.js';

const head = `
data d = tensors(path: "p") { x: vector[3] }
noise z: normal[2]
net G(z) { z |> linear(3) }
net D(x) { x |> linear(4) |> tanh |> linear(1) }
`;
const game = 'game {\n  D minimizes E[D(G(z))] - E[D(x)]\n  G minimizes -E[D(G(z))]\n}\n';
const lines = 'D with sgd(lr: 0.1)\n G with sgd(lr: 0.1)';

function compiled(text: string): Module {
  const { module, diagnostics } = compileSpec({ name: 'spec.gan', text: head + text });
  expect(diagnostics.map((d) => d.message)).toEqual([]);
  return module as Module;
}

function mistakes(text: string): string[] {
  return compileSpec({ name: 'spec.gan', text: head + text }).diagnostics.map((d) => `${d.code} ${d.message}`);
}

/** Entries that the runtime calls in each of the first `steps` steps. */
function called(module: Module, steps: number): string[][] {
  const schedule = new Schedule(lower(module), module.train as TrainPlan, { seed: 0n, rows: 100 });
  return Array.from({ length: steps }, (_, i) => schedule.step(i).map((call) => call.entry));
}

const rows = (n: number, from = 0): Tensor => ({
  shape: [n, 3],
  dtype: 'f32',
  data: Float64Array.from({ length: n * 3 }, (_, i) => Math.sin(1.3 * (i + from * 3))),
});
const fields = (x: Tensor): Map<string, Tensor> => new Map([['x', x]]);

describe('every', () => {
  const text = (value: string) => `game {
  real = D(x)
${value.includes('pull') ? '  pull = sum(grad(real, x)^2)\n' : ''}  D minimizes E[real^2] + ${value}
  G minimizes -E[D(G(z))]
}
train { batch 4 steps 9\n ${lines} }`;

  test('is n times the value in each n-th update, beginning with the first, and nothing in the others', () => {
    const module = compiled(text('every(3, 0.5 * E[pull])'));
    expect(called(module, 7).map((calls) => calls[0])).toEqual([0, 1, 2, 3, 4, 5, 6].map((i) => (i % 3 === 0 ? 'update.D.every_3' : 'update.D')));
    const loss = (m: Module, entry: string) => new Simulation(m).call(entry, 0, new Map(), fields(rows(4))).get('loss')?.data[0] as number;
    const plain = loss(compiled(text('0')), 'update.D');
    const always = loss(compiled(text('3 * 0.5 * E[pull]')), 'update.D');
    expect(always).not.toBeCloseTo(plain, 6);
    expect(loss(module, 'update.D')).toBe(plain);
    expect(loss(module, 'update.D.every_3')).toBeCloseTo(always, 12);
  });

  test('what only it reads is not computed in the other updates', () => {
    const module = compiled(text('every(4, 0.5 * E[pull])'));
    const size = (m: Module, name: string) => topological(m.functions.filter((f) => f.name === name).flatMap((f) => f.outputs.map((o) => o.node))).length;
    expect(size(module, 'update.D')).toBe(size(compiled(text('0')), 'update.D'));
    expect(size(module, 'update.D.every_4')).toBeGreaterThan(size(module, 'update.D'));
  });

  test('two periods: an entry for each set that can be due together', () => {
    const module = compiled(text('every(2, 0.1 * E[pull]) + every(4, 0.1 * E[abs(real)])'));
    // What is due each fourth time is due with the second.
    expect(called(module, 5).map((calls) => calls[0])).toEqual(['update.D.every_2_4', 'update.D', 'update.D.every_2', 'update.D', 'update.D.every_2_4']);
    expect(module.functions.map((f) => f.name).filter((name) => name.startsWith('update.D'))).toHaveLength(3);
  });

  test('a state of the game advances in the updates that compute what it becomes', () => {
    const module = compiled(`game {
  state length: [] = 0
  pull = E[norm(grad(sum(G(z)), z))]
  next = lerp(length, pull, 0.5)
  D minimizes E[D(G(z))] - E[D(x)]
  G minimizes -E[D(G(z))] + every(2, (pull - next)^2)
  length <- next
}
train { batch 4 steps 9\n ${lines} }`);
    const stores = (name: string) => module.functions.find((f) => f.name === name)?.stores.map((s) => s.variable);
    expect(stores('update.G.every_2')).toContain('game.length');
    expect(stores('update.G')).not.toContain('game.length');
  });

  test('states of nets advance, call after call, in the updates in which it rests as in those in which it is due', () => {
    const spec = (more: string) => `
net N(x) {
  state calls: [] = 0
  calls <- calls + E[sum(x)] + 1
  x |> linear(1)
}
game {
  N minimizes E[N(x)^2] - E[N(2 * x)] ${more}
}
train { batch 4 steps 9\n N with sgd(lr: 0.1) }`;
    const alone = (text: string): Module => compileSpec({ name: 'spec.gan', text: `data d = tensors(path: "p") { x: vector[3] }\n${text}` }).module as Module;
    const calls = (m: Module, entry: string): number => {
      const simulation = new Simulation(m);
      simulation.call(entry, 0, new Map(), fields(rows(4)));
      return simulation.variables.get('N.calls')?.data[0] as number;
    };
    const plain = calls(alone(spec('')), 'update.N');
    const lazy = alone(spec('+ every(2, E[N(3 * x)])'));
    expect(calls(lazy, 'update.N')).toBeCloseTo(plain, 12);
    expect(calls(lazy, 'update.N.every_2')).toBeCloseTo(calls(alone(spec('+ 2 * E[N(3 * x)]')), 'update.N'), 12);
    expect(calls(lazy, 'update.N.every_2')).not.toBeCloseTo(plain, 1);
  });

  test('refusals', () => {
    expect(mistakes(`${game}train { batch 4 steps 9\n ${lines} }\nsample s = every(2, G(z))`)).toEqual([expect.stringMatching(/^GAN4030 /)]);
    expect(mistakes(text('every(2)'))).toEqual([expect.stringMatching(/`every\(16, value\)`/)]);
    expect(mistakes(text('every(0.5, E[real])'))).toEqual([expect.stringMatching(/^GAN2011 /)]);
    expect(mistakes(`game {\n  D minimizes every(2, E[D(x)])\n  G minimizes -E[D(G(z))]\n}\ntrain { batch 4 steps 9\n ${lines} }`)).toEqual([
      expect.stringMatching(/^GAN4036 .*nothing but `every`/),
    ]);
  });
});

test('an average whose decay is made of the step', () => {
  const spec = (decay: string) => `
noise z: normal[2]
net G(z) { z |> linear(3) }
game { G minimizes E[G(z)^2] }
train { batch 4 steps 9\n G with sgd(lr: 0.5), average ${decay} }`;
  const module = compileSpec({ name: 's.gan', text: spec('warm_average(0.7, over: 4)') }).module as Module;
  const simulation = new Simulation(module);
  const read = (name: string): number[] => [...(simulation.variables.get(name)?.data ?? [])];
  let average = read('average.G.linear.weight');
  for (let step = 0; step < 5; step++) {
    simulation.call('update.G', step, new Map([['step', { shape: [], dtype: 'f32', data: Float64Array.of(step) }]]));
    const decay = Math.min(0.7, (1 + step) / (4 + step));
    average = read('G.linear.weight').map((w, i) => decay * average[i] + (1 - decay) * w);
    for (const [i, w] of read('average.G.linear.weight').entries()) expect(w).toBeCloseTo(average[i], 12);
  }
  const refused = compileSpec({ name: 's.gan', text: spec('E[normal(1)] + [1, 2]') }).diagnostics.map((d) => d.code);
  expect(refused).toEqual(['GAN4025']);
});

describe('accumulate', () => {
  test('the gradients of n batches make one update: that of one batch n times as large', () => {
    const text = (batch: number, more: string) => `game {
  D minimizes E[(D(x) - 1)^2]
  G minimizes -E[D(G(z))]
}
train { batch ${batch} steps 2 ${more}\n ${lines} }`;
    const parts = compiled(text(4, 'accumulate 3'));
    expect(called(parts, 2)).toEqual([
      ['gradient.D', 'gradient.D', 'update.D', 'gradient.G', 'gradient.G', 'update.G'],
      ['gradient.D', 'gradient.D', 'update.D', 'gradient.G', 'gradient.G', 'update.G'],
    ]);
    const whole = new Simulation(compiled(text(12, '')));
    const run = new Simulation(parts);
    for (let step = 0; step < 2; step++) {
      whole.call('update.D', step, new Map(), fields(rows(12, step)));
      for (const [i, entry] of ['gradient.D', 'gradient.D', 'update.D'].entries()) {
        const some = rows(12, step).data.slice(i * 12, (i + 1) * 12);
        run.call(entry, step * 3 + i, new Map(), fields({ shape: [4, 3], dtype: 'f32', data: some }));
      }
      for (const name of ['D.linear.weight', 'D.linear#2.bias'])
        for (const [i, v] of (run.variables.get(name) as Tensor).data.entries()) expect(v).toBeCloseTo(whole.variables.get(name)?.data[i] as number, 12);
    }
  });

  test('each batch has a counter of its own, so its own draws and rows', () => {
    const module = compiled(`${game}train { batch 4 steps 2 accumulate 2\n D with sgd(lr: 0.1), times 2\n G with sgd(lr: 0.1) }`);
    const schedule = new Schedule(lower(module), module.train as TrainPlan, { seed: 0n, rows: 100 });
    const calls = [...schedule.step(0), ...schedule.step(1)].filter((call) => call.player === 'D');
    expect(calls.map((call) => call.counter)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(new Set(calls.map((call) => call.rows?.join())).size).toBe(8);
    expect(calls.map((call) => call.last)).toEqual([false, false, false, true, false, false, false, true]);
  });

  test('does not go with what is evaluated once a step', () => {
    const shared = 'game {\n  shared fake = G(z)\n  D minimizes E[D(fake)] - E[D(x)]\n  G minimizes -E[D(fake)]\n}\n';
    expect(mistakes(`${shared}train { batch 4 steps 2 accumulate 2\n ${lines} }`)).toContainEqual(expect.stringMatching(/^GAN4035 /));
  });
});

describe('phases', () => {
  test('come first, in order; the rest of the steps has the lines outside', () => {
    const module = compiled(`${game}train { batch 4 steps 9
 phase warm steps 2 { D with sgd(lr: 0.1), times 2 }
 phase slow steps 1 { D with sgd(lr: 0.01)\n G with sgd(lr: 0.1) }
 ${lines} }`);
    expect(called(module, 5)).toEqual([
      ['update.D', 'update.D'],
      ['update.D', 'update.D'],
      // The rate of D is another one there; what computes the same is the same entry.
      ['update.D.in_slow', 'update.G'],
      ['update.D', 'update.G'],
      ['update.D', 'update.G'],
    ]);
  });

  test("the optimizer's state and the average go on", () => {
    const module = compiled(`${game}train { batch 4 steps 9
 phase warm steps 2 { D with adam(lr: 0.1)\n G with adam(lr: 0.1) }
 D with adam(lr: 0.01)
 G with adam(lr: 0.01), average 0.9 }`);
    expect(module.variables.filter((v) => v.kind === 'optimizer' && v.name.endsWith('.m')).map((v) => v.name)).toHaveLength(2);
    expect(module.functions.find((f) => f.name === 'update.G.in_warm')?.stores.map((s) => s.variable)).toContain('flat.G.average');
  });

  test('resuming in the middle of one gives what an unbroken training has', () => {
    const module = compiled(`${game}train { batch 4 steps 9\n phase warm steps 3 { D with sgd(lr: 0.1), times 2 }\n ${lines} }`);
    const program = lower(module);
    const one = new Schedule(program, module.train as TrainPlan, { seed: 0n, rows: 100 });
    const all = Array.from({ length: 6 }, (_, i) => one.step(i));
    const before = new Schedule(program, module.train as TrainPlan, { seed: 0n, rows: 100 });
    for (let i = 0; i < 2; i++) before.step(i);
    const after = new Schedule(program, module.train as TrainPlan, { seed: 0n, rows: 100 });
    after.restore(before.done);
    expect(Array.from({ length: 4 }, (_, i) => after.step(i + 2))).toEqual(all.slice(2));
  });

  test('of no steps is left out', () => {
    const plan = (phase: string) => compiled(`${game}train { batch 4 steps 9\n ${phase} ${lines} }`).train as TrainPlan;
    expect(plan('phase warm steps 0 { D with sgd(lr: 0.2), times 2 }\n')).toEqual(plan(''));
  });

  test.each([
    ['batch 0 steps 9', '`batch` is 0'],
    ['batch 4 steps 0', '`steps` is 0'],
    ['batch 4 steps -3', '`steps` is -3'],
    ['batch 4 steps 9 accumulate 0', '`accumulate` is 0'],
    ['batch 4 steps 9\n phase warm steps 2 { D with sgd(lr: 0.1), times 0 }', '`times` is 0'],
    ['batch 4 steps 9\n phase warm steps -1 { D with sgd(lr: 0.1) }', "a phase's `steps` is -1"],
  ])('%s is too small, and nothing else is wrong', (settings, message) => {
    expect(mistakes(`${game}train { ${settings}\n ${lines} }`)).toEqual([`GAN4075 ${message}`]);
  });

  test('refusals', () => {
    const train = (text: string) => mistakes(`${game}train { batch 4 steps 9\n ${text} }`);
    expect(train(`phase warm steps 10 { D with sgd(lr: 0.1) }\n ${lines}`)).toEqual([expect.stringMatching(/^GAN4032 the phases have 10 steps/)]);
    expect(train('phase warm steps 5 { D with sgd(lr: 0.1)\n G with sgd(lr: 0.1) }')).toEqual([expect.stringMatching(/^GAN4033 /)]);
    expect(train('phase warm steps 9 { D with sgd(lr: 0.1)\n G with sgd(lr: 0.1) }')).toEqual([]);
    expect(train(`phase warm steps 2 { batch 3 }\n ${lines}`)).toEqual([expect.stringMatching(/^GAN4034 /)]);
    expect(train(`phase a steps 2 { D with sgd(lr: 0.1) }\n phase a steps 2 { D with sgd(lr: 0.1) }\n ${lines}`)).toEqual([expect.stringMatching(/^GAN2017 /)]);
    expect(train(`phase warm steps 2 { E with sgd(lr: 0.1) }\n ${lines}`)).toEqual([expect.stringMatching(/^GAN4002 /)]);
    expect(train('D with sgd(lr: 0.1), average 2\n G with sgd(lr: 0.1), tmes 2')).toEqual([
      expect.stringMatching(/^GAN4025 /),
      expect.stringMatching(/^GAN4012 /),
    ]);
    expect(train('D with sgd(lr: 0.1), steps 2\n G with sgd(lr: 0.1)\n times 2')).toEqual([
      "GAN4012 a player's line has no `steps`",
      'GAN4012 `train` has no `times` of its own',
    ]);
    expect(train(`batch 3\n ${lines}`)).toEqual([expect.stringMatching(/^GAN4031 /)]);
  });
});
