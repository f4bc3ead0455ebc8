/** Judges and metrics: figures over many batches are those of all examples at once. */
import { describe, expect, test } from 'vitest';
import { compileSpec } from '../../compiler/compile.js';
import type { Tensor } from '../../compiler/graph/interpret.js';
import type { Module } from '../../compiler/graph/module.js';
import { topological } from '../../compiler/graph/node.js';
import { Simulation } from '../../compiler/graph/simulate.js';

const head = `
data d = tensors(path: "p") { x: vector[3]  y: class[4] }
noise z: normal[2]
net G(z) { z |> linear(3) }
net D(x) { x |> linear(1) }
game {
  D minimizes E[D(G(z))] - E[D(x)]
  G minimizes -E[D(G(z))]
}
train { batch 4 steps 2
  D with sgd(lr: 0.1)
  G with sgd(lr: 0.1), average 0.9 }
`;
const judge = 'judge J(x) -> {y} { x |> linear(8) |> relu |> linear(4) }\n';

function compiled(text: string): Module {
  const { module, diagnostics } = compileSpec({ name: 'spec.gan', text: head + text });
  expect(diagnostics.map((d) => d.message)).toEqual([]);
  return module as Module;
}

function mistakes(text: string): string[] {
  return compileSpec({ name: 'spec.gan', text: head + text }).diagnostics.map((d) => `${d.code} ${d.message}`);
}

/** Batches of rows, and what the metrics are over them. */
function measure(module: Module, batches: readonly Float64Array[], y: (i: number) => number = (i) => i % 4): Map<string, Tensor> {
  const { metrics } = module;
  if (!metrics) throw new Error('no metrics');
  const run = new Simulation(module);
  run.call(metrics.begin, 0);
  for (const pass of metrics.passes)
    batches.forEach((data, k) => {
      const fields = new Map<string, Tensor>([
        ['x', { shape: [metrics.batch, 3], dtype: 'f32', data }],
        ['y', { shape: [metrics.batch], dtype: 'i32', data: Float64Array.from({ length: metrics.batch }, (_, i) => y(k * metrics.batch + i)) }],
      ]);
      run.call(pass, k, new Map(), fields);
    });
  return run.call(metrics.result, 0);
}

const rows = (k: number, n = 100): Float64Array => Float64Array.from({ length: n * 3 }, (_, i) => Math.sin(1 + i * 1.7 + k * 31) * (k + 1) + (i % 3));
const batches = [0, 1, 2].map((k) => rows(k));
const column = (c: number): number[] => batches.flatMap((b) => [...b].filter((_, i) => i % 3 === c));
const mean = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0) / list.length;

describe('a metric', () => {
  test('averages over all batches', () => {
    const found = measure(compiled('metric m = E[x]\nmetric each = mean(x, axis: batch)\nmetric total = sum(x, axes: [batch, 0])'), batches);
    const columns = [0, 1, 2].map(column);
    expect(found.get('m')?.data[0]).toBeCloseTo(mean(columns.flat()), 10);
    expect([...(found.get('each') as Tensor).data]).toEqual(columns.map((c) => expect.closeTo(mean(c), 10)));
    expect(found.get('total')?.data[0]).toBeCloseTo(
      columns.flat().reduce((a, b) => a + b, 0),
      8,
    );
  });

  test('takes the extremes and lengths of all batches', () => {
    const found = measure(compiled('metric high = max(x, axis: batch)\nmetric low = min(x, axis: batch)\nmetric n = norm(x, axis: batch)'), batches);
    for (const c of [0, 1, 2]) {
      expect(found.get('high')?.data[c]).toBe(Math.max(...column(c)));
      expect(found.get('low')?.data[c]).toBe(Math.min(...column(c)));
      expect(found.get('n')?.data[c]).toBeCloseTo(Math.hypot(...column(c)), 8);
    }
  });

  test('that averages what has an average in it goes over the examples twice', () => {
    const module = compiled('metric variance = mean((x - mean(x, axis: batch))^2, axis: batch)');
    expect(module.metrics?.passes.length).toBe(2);
    const found = measure(module, batches);
    for (const c of [0, 1, 2]) {
      const m = mean(column(c));
      expect(found.get('variance')?.data[c]).toBeCloseTo(mean(column(c).map((v) => (v - m) ** 2)), 8);
    }
  });

  test('is of averaged weights, and two metrics see the same examples', () => {
    const module = compiled('metric a = E[G(z)]\nmetric b = E[G(z)] + 1');
    const run = new Simulation(module);
    for (const [name, value] of run.variables) if (name.startsWith('average.')) value.data.fill(0);
    run.variables.get('average.G.linear.bias')?.data.fill(2);
    const { metrics } = module;
    run.call(metrics?.begin as string, 0);
    for (const k of [0, 1]) run.call(metrics?.passes[0] as string, k);
    const found = run.call(metrics?.result as string, 0);
    expect(found.get('a')?.data[0]).toBeCloseTo(2, 10);
    expect(found.get('b')?.data[0]).toBeCloseTo(3, 10);
  });

  test('counts what a judge says', () => {
    // The greatest of x says the class; class 3 is never said.
    const module = compiled(
      `block say(x) { concat(reshape(x, 3), reshape(0 * sum(x) - 1, 1)) }
metric share = shares(say(x))
metric found = classes_found(say(x))
metric largest = largest_share(say(x))
metric right = accuracy(say(x), y)
metric pure = purity(say(x), one_hot(y))`,
    );
    const hot = Float64Array.from({ length: 300 }, (_, i) => (Math.floor(i / 3) % 3 === i % 3 ? 1 : 0));
    const found = measure(module, [hot, hot], (i) => (i % 100) % 4);
    expect([...(found.get('share') as Tensor).data]).toEqual([0.34, 0.33, 0.33, 0].map((v) => expect.closeTo(v, 10)));
    expect(found.get('found')?.data[0]).toBe(3);
    expect(found.get('largest')?.data[0]).toBeCloseTo(0.34, 10);
    const say = (i: number): number => i % 3;
    const label = (i: number): number => i % 4;
    const hundred = Array.from({ length: 100 }, (_, i) => i);
    expect(found.get('right')?.data[0]).toBeCloseTo(mean(hundred.map((i) => (say(i) === label(i) ? 1 : 0))), 10);
    const most = [0, 1, 2, 3].map((l) => Math.max(...[0, 1, 2].map((s) => hundred.filter((i) => label(i) === l && say(i) === s).length)));
    expect(found.get('pure')?.data[0]).toBeCloseTo(most.reduce((a, b) => a + b, 0) / 100, 10);
  });

  test('hands features to the host, in the pass in which they are known, and goes on with what it finds', () => {
    const { metrics, functions } = compiled(`metric plain = frechet_distance(x, G(z)) / 2
metric again = frechet_distance(x, G(z))
metric centred = precision_recall(x - mean(x, axis: batch), match(y, x).x, k: 4).recall
metric weighed = E[x * kernel_distance(x, G(z))]`);
    expect(metrics?.features).toEqual([
      { name: 'features.0', shape: [100, 3], pass: 0, fixed: true },
      { name: 'features.1', shape: [100, 3], pass: 0 },
      { name: 'features.2', shape: [100, 3], pass: 1, fixed: true },
      { name: 'features.3', shape: [100, 3], pass: 0 },
    ]);
    expect(metrics?.compared).toEqual([
      { name: 'compared.0', way: 'frechet', real: 'features.0', made: 'features.1', neighbours: 1 },
      { name: 'compared.1', way: 'precision_recall', real: 'features.2', made: 'features.3', neighbours: 4 },
      { name: 'compared.2', way: 'kernel', real: 'features.0', made: 'features.1', neighbours: 1 },
    ]);
    expect(functions.filter((f) => f.name.startsWith('metric.pass')).map((f) => f.outputs.map((o) => o.name))).toEqual([
      ['features.0', 'features.1', 'features.3'],
      ['features.2'],
    ]);
  });

  test('knows whether it reads rows', () => {
    const { metrics } = compiled('metric a = E[G(z)]\nmetric b = E[x]\nmetric c = max(G(z) * E[x], axis: batch)\nmetric d = kernel_distance(G(z), x) + 1');
    expect(metrics?.figures.map((figure) => [figure.name, figure.rows])).toEqual([
      ['a', undefined],
      ['b', true],
      ['c', true],
      ['d', true],
    ]);
  });

  test('takes fields of rows that agree or differ, each by a draw of its own', () => {
    const { functions } = compiled('metric a = E[(x - match(y, x).x)^2]\nmetric b = E[(x - mismatch(y, x).x)^2] + E[mismatch(x)]');
    const pass = functions.find((f) => f.name === 'metric.pass.0');
    const reads = topological(pass?.stores.map((s) => s.node) ?? []).flatMap(({ operation: o }) =>
      o.op === 'field' && o.rows ? [[o.field, o.rows, o.agrees, o.differs]] : [],
    );
    expect(reads).toEqual([
      ['x', 'metric.match.y', 'y', undefined],
      ['x', 'metric.mismatch.y', undefined, 'y'],
      ['x', 'metric.mismatch.x', undefined, 'x'],
    ]);
  });

  test('counts those that are right in all fields, and nearest to their own caption', () => {
    // Of a hundred examples class and key are those of their number; what is said is right but for each fifth, or each fourth, or what the key of another says.
    const module = compiled(`block hot(c) { one_hot(c, 4) }
metric all = all_right({a: hot(y), b: hot(where(x[0] > 0, y, (y + 1) % 4))}, {a: y, b: y})
metric some = all_right({a: hot(y), b: hot((y + 1) % 4)}, {a: y})
metric near = r_precision(concat(x[1:2], x[2:3]), concat(x[1:2], x[2:3]))
metric far = r_precision(concat(x[1:2], x[2:3]), shuffled(concat(x[1:2], x[2:3])))
metric like = r_precision(concat(x[1:2], x[2:3]), shuffled(concat(x[1:2], x[2:3])), t: where(y >= 0, 0, 0))
metric apart = diversity(x, shuffled(x))`);
    const angle = (i: number): number => (2 * Math.PI * (i % 100)) / 100;
    const data = Float64Array.from({ length: 300 }, (_, at) => {
      const i = Math.floor(at / 3);
      return [i % 5 === 0 ? -1 : 1, Math.cos(angle(i)), 3 * Math.sin(angle(i))][at % 3];
    });
    const found = measure(module, [data]);
    const number = (name: string): number => found.get(name)?.data[0] as number;
    expect(number('all')).toBeCloseTo(0.8, 10);
    expect(number('some')).toBe(1);
    expect(number('near')).toBe(1);
    expect(number('far')).toBe(0);
    expect(number('like')).toBe(1);
    const apart = Array.from({ length: 100 }, (_, i) => Math.hypot(...[0, 1, 2].map((c) => data[3 * i + c] - data[(3 * i + 3 + c) % 300])));
    expect(number('apart')).toBeCloseTo(mean(apart), 10);
  });

  test('hears whether a clip turns where it clicks', () => {
    // A point of light goes down and up between two walls 4 apart, a pixel a frame: it turns in frames 3 and 7 of 10, or a frame or two late.
    const text = head.replace('x: vector[3]', 'x: video[1, 10, 5, 5] a: tensor[10, 2]').replace('z |> linear(3)', 'z |> linear(250) |> reshape(1, 10, 5, 5)');
    const spec = `${text.replace('x |> linear(1)', 'x |> flatten |> linear(1)')}metric near = bounces(x, a)
metric exact = bounces(x, a, within: 0)
metric loud = bounces(x, a, loud: 2)`;
    const { module } = compileSpec({ name: 'spec.gan', text: spec });
    const { metrics } = module as Module;
    const run = new Simulation(module as Module);
    const count = metrics?.batch as number;
    const late = (i: number): number => i % 4;
    const x = new Float64Array(count * 250).fill(-1);
    const a = new Float64Array(count * 20);
    for (let i = 0; i < count; i++)
      for (let t = 0; t < 10; t++) {
        const phase = (t + 1) % 8;
        x[i * 250 + t * 25 + (phase < 4 ? phase : 8 - phase) * 5 + 2] = 1;
        // The way turns at phases 4 and 0: frames 3 and 7. Clicks come late; the last may be in the last frame.
        const click = [3 + late(i), 7 + late(i)].indexOf(t);
        if (click >= 0) a[i * 20 + t * 2 + click] = 1;
      }
    const fields = new Map<string, Tensor>([
      ['x', { shape: [count, 1, 10, 5, 5], dtype: 'f32', data: x }],
      ['a', { shape: [count, 10, 2], dtype: 'f32', data: a }],
    ]);
    run.call(metrics?.begin as string, 0);
    for (const pass of metrics?.passes ?? []) run.call(pass, 0, new Map(), fields);
    const found = run.call(metrics?.result as string, 0);
    const number = (name: string): number => found.get(name)?.data[0] as number;
    // Late by 0 and 1: both are met. By 2: clicks at 5 and in the last frame, which counts for no click. By 3: a click at 6, a frame before the second turn.
    expect(number('near.clicks')).toBeCloseTo(5 / 6, 10);
    expect(number('near.turns')).toBeCloseTo(5 / 8, 10);
    expect(number('exact.clicks')).toBeCloseTo(2 / 6, 10);
    expect(number('exact.turns')).toBeCloseTo(2 / 8, 10);
    expect([number('loud.clicks'), number('loud.turns')]).toEqual([0, 0]);
  });

  test('that is no figure is refused', () => {
    expect(mistakes('metric m = G(z)')).toEqual([expect.stringMatching(/^GAN4043 a metric is one number or a few/)]);
    expect(mistakes('metric m = {a: E[x], b: {c: E[reshape(x, 4)]}}')).toEqual([expect.stringMatching(/^GAN3003 /)]);
  });
});

describe('a judge', () => {
  test('learns from real rows, apart from the run', () => {
    const module = compiled(`${judge}metric found = classes_found(J(G(z)))`);
    const [plan] = module.judges ?? [];
    expect(plan.name).toBe('J');
    expect(plan.fields).toEqual(['y']);
    expect(module.train?.updates.map((u) => u.player)).toEqual(['D', 'G']);
    const mine = module.variables.filter((v) => v.player === 'J' && v.kind !== 'flat').map((v) => [v.name, v.kind]);
    expect(mine).toContainEqual(['J.linear.weight', 'judge']);
    expect(mine.every(([, kind]) => kind === 'judge')).toBe(true);
    expect(module.functions.find((f) => f.name === 'init')?.stores.some((s) => s.variable.startsWith('J.'))).toBe(false);
    const run = new Simulation(module);
    run.call(plan.train.init, 0);
    const before = run.variables.get('J.linear.weight')?.data.slice();
    const x = { shape: [plan.train.batch, 3], dtype: 'f32', data: rows(0, plan.train.batch) } as const;
    const y = { shape: [plan.train.batch], dtype: 'i32', data: Float64Array.from({ length: plan.train.batch }, (_, i) => i % 4) } as const;
    const fields = new Map<string, Tensor>([
      ['x', x],
      ['y', y],
    ]);
    const losses = Array.from(
      { length: 60 },
      (_, i) =>
        run.call(plan.train.updates[0].entry, i, new Map([['step', { shape: [], dtype: 'f32', data: Float64Array.of(i) }]]), fields).get('loss')
          ?.data[0] as number,
    );
    expect(run.variables.get('J.linear.weight')?.data).not.toEqual(before);
    expect(losses[59]).toBeLessThan(losses[0]);
  });

  test('is the same judge in specs that differ elsewhere, and another one when its text differs', () => {
    const hash = (text: string): string | undefined => compiled(text).judges?.[0].hash;
    const own = hash(judge);
    expect(hash(`${judge}metric m = E[x]\n// a comment\n`)).toBe(own);
    expect(hash(judge.replace('linear(8)', 'linear(9)'))).not.toBe(own);
    expect(hash(judge.replace('relu', 'tanh'))).not.toBe(own);
  });

  test('has a figure of its own for each field: how often it is right', () => {
    const { metrics } = compiled('judge J(x) -> {y} { { y: x |> linear(4), more: x } }');
    expect(metrics?.figures).toEqual([{ name: 'J.y', shape: [], rows: true }]);
  });

  test('is refused where it does not fit', () => {
    expect(mistakes('judge J(x) { x |> linear(4) }')).toEqual([expect.stringMatching(/^GAN4037 .*which class fields it learns/)]);
    expect(mistakes('judge J(x) -> {x} { x |> linear(4) }')).toEqual([expect.stringMatching(/^GAN4038 .*class fields of the data, and `x` is none/)]);
    expect(mistakes('judge J(w) -> {y} { w |> linear(4) }')).toEqual([expect.stringMatching(/^GAN4039 .*no field `w`/)]);
    expect(mistakes('judge J(x) -> {y} { D(x) |> linear(4) }')).toEqual([expect.stringMatching(/^GAN4040 .*calls net `D`/)]);
    expect(mistakes('judge J(x) -> {y} { x |> linear(5) }')).toEqual([expect.stringMatching(/^GAN4041 .*is to give 4 scores of `y`/)]);
    const inGame = head.replace('E[D(G(z))] - E[D(x)]', 'E[D(G(z))] - E[D(x)] + E[J(x)]') + judge;
    expect(compileSpec({ name: 'spec.gan', text: inGame }).diagnostics.map((d) => d.code)).toEqual(['GAN4042']);
  });
});
