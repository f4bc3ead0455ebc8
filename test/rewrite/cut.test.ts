/** Results in parts: a training whose results are cut is the training whose results are whole. */
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { compileSpec } from '../../compiler/compile.js';
import { Builder } from '../../compiler/graph/builder.js';
import { type Environment, interpret, type Tensor } from '../../compiler/graph/interpret.js';
import type { Module } from '../../compiler/graph/module.js';
import { type GraphFunction, type Node, roots, size, topological } from '../../compiler/graph/node.js';
import { Simulation } from '../../compiler/graph/simulate.js';
import { verify } from '../../compiler/graph/verify.js';
import { lower, lowerTraced } from '../../compiler/plan/lower.js';
import type { DataRequest, Program } from '../../compiler/program/types.js';
import { cut } from '../../compiler/rewrite/cut.js';
import { partition } from '../../compiler/rewrite/parts.js';
import { prune } from '../../compiler/rewrite/prune.js';
import { Executor } from '../../runtime/execute/executor.js';
import { rowBytes } from '../../runtime/execute/memory.js';
import { environment, generator, gradient, randomTensor, weigh } from '../graph/numeric.js';
import { randomGraph } from '../plan/random-graph.js';
import { device, fn as functionOf, moduleOf, weight } from '../plan/support.js';

function givenTo(fn: GraphFunction, random: () => number): Environment {
  const inputs: Record<string, Tensor> = {};
  const variables: Record<string, Tensor> = {};
  for (const { operation, shape } of topological(roots(fn))) {
    if (operation.op === 'input') inputs[operation.name] ??= randomTensor(shape, random);
    if (operation.op === 'variable') variables[operation.name] ??= randomTensor(shape, random);
  }
  return environment(inputs, variables);
}

/** True where cutting changed the function. Fails where that changed what it computes. */
function sameInParts(fn: GraphFunction, most: number, random: () => number): boolean {
  const given = givenTo(fn, random);
  const small = cut(fn, most);
  verify(small);
  const [wanted, got] = [fn, small].map((f) => interpret(f, given));
  for (const key of ['outputs', 'stores'] as const) {
    for (const [name, { data, shape }] of wanted[key]) {
      const found = got[key].get(name) as Tensor;
      expect(found.shape).toEqual(shape);
      for (let i = 0; i < size(shape); i++) {
        const off = Math.abs(found.data[i] - data[i]);
        if (!Object.is(found.data[i], data[i]) && !(off <= 1e-9 * Math.max(1, Math.abs(data[i]))))
          expect.fail(`${name}[${i}] is ${found.data[i]}, wanted ${data[i]}`);
      }
    }
  }
  return topological(roots(small)).length !== topological(roots(fn)).length;
}

describe('the same values in parts', () => {
  it('of random graphs', () => {
    let changed = 0;
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 60 }), fc.integer({ min: 2, max: 60 }), (seed, steps, elements) => {
        const random = generator(seed);
        if (sameInParts(prune(randomGraph((n) => Math.floor(random() * n), steps).fn), elements * 4, random)) changed++;
      }),
      { numRuns: 300 },
    );
    expect(changed).toBeGreaterThan(200);
  });

  /** A contraction between elementwise work, and its derivatives by both factors. */
  const contraction = (random: () => number): GraphFunction => {
    const pick = (n: number): number => 1 + Math.floor(random() * n);
    const b = new Builder();
    const [n, g, o, c] = [pick(4), pick(2), pick(4), pick(4)];
    let x: Node;
    let w: Node;
    let y: (left: Node, right: Node) => Node;
    if (random() < 0.4) {
      const [m, k, l] = [pick(5), pick(5), pick(5)];
      x = b.input('x', [n, m, k], 'f32');
      w = b.input('w', [n, k, l], 'f32');
      y = (left, right) => b.matmul(left, right);
    } else {
      const [length, taps, stride, holes, padding] = [2 + pick(4), pick(3), pick(2), pick(2), pick(2)];
      x = b.input('x', [n, g, c, length, 2], 'f32');
      w = b.input('w', [g, o, c, taps, 1], 'f32');
      const results = Math.floor((holes * (length - 1) + 2 * padding + 1 - taps) / stride) + 1;
      const attrs = { stride: [stride, 1], padding: [padding, 0], dilation: [1, 1], inputDilation: [holes, 1], size: [results, 2] };
      y = (left, right) => b.conv(left, right, attrs);
    }
    const result = b.unary('tanh', y(b.unary('sin', x), b.binary('mul', w, w)));
    const [dx, dw] = gradient(b, weigh(b, result), [x, w]);
    return prune(functionOf('run', { result, dx, dw: b.scale(dw, 2), most: b.max(result, [0]), dx2: gradient(b, weigh(b, dw), [x])[0] }));
  };

  it('of contractions and their derivatives', () => {
    let changed = 0;
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 2, max: 40 }), (seed, elements) => {
        const random = generator(seed);
        if (sameInParts(contraction(random), elements * 4, random)) changed++;
      }),
      { numRuns: 400 },
    );
    expect(changed).toBeGreaterThan(300);
  });
});

/** A clip of noise and class, judged: 3-D convolutions, batch norm, dropout, pooling, a penalty on the slope, batches summed up. */
const video = `
data d = tensors(path: "p") { x: video[1, 4, 8, 8]  y: class[3] }
noise z: normal[6]
net G(z, y) -> video[1, 4, 8, 8] {
  concat(z, one_hot(y, 3)) |> linear(6 * 2 * 4 * 4) |> reshape(6, 2, 4, 4) |> batch_norm |> relu
    |> conv_transpose(4, kernel: 4, stride: 2, padding: 1) |> batch_norm |> relu |> conv(1, kernel: 3, padding: 1) |> tanh
}
net D(x, y) {
  x |> conv(4, kernel: 3, padding: 1) |> leaky_relu |> average_pool(2) |> conv(6, kernel: 4, stride: 2, padding: 1) |> batch_norm |> leaky_relu
    |> dropout(0.3) |> flatten |> projection(one_hot(y, 3))
}
game {
  fake = G(z, y)
  D minimizes E[softplus(-D(x, y))] + E[softplus(D(fake, y))] + 0.5 * r1(D(x, y), x)
  G minimizes E[softplus(-D(fake, y))]
  report spread = E[abs(fake)] in D
}
train {
  batch 6 steps 3 accumulate 2
  D with sgd(lr: 1e-2, momentum: 0.9)
  G with sgd(lr: 1e-2), average 0.9
}
sample clip = G(z, y)
metric largest = E[max(G(z, y))]
`;

/** Pictures by attention, pools, groups and nearest neighbours, words by a recurrence, real and made ones in one batch, WGAN-GP. */
const pictures = `
data d = tensors(path: "p") { x: image[2, 8, 8]  t: tokens[4, words: 7]  y: class[3] }
noise z: normal[6]
net Words(t) { t |> embedding(8) |> gru(8, mask: mask(t), result: "last") }
net G(z, s) -> image[2, 8, 8] {
  concat(z, s) |> linear(8 * 4 * 4) |> reshape(8, 4, 4) |> group_norm(2) |> relu |> upsample(2) |> self_attention(reduction: 2)
    |> conv(6, kernel: 3, padding: 1) |> adaptive_instance_norm(s) |> relu |> conv(2, kernel: 3, padding: 1) |> tanh
}
net D(x, s) {
  set conv(weight: spectral_norm)
  h = x |> conv(6, kernel: 3, padding: 1) |> leaky_relu |> max_pool(2) |> conv(8, kernel: 3, padding: 1) |> minibatch_stddev |> leaky_relu
  h |> resize([2, 2]) |> flatten |> projection(s)
}
game {
  player G = G, Words
  s = Words(t)
  fake = G(z, s)
  other = mismatch(t)
  mix = between(x, fake)
  D minimizes E[D(fake, s)] - E[D(x, s)] + 0.5 * E[D(x, Words(other))] + 10 * gradient_penalty(D(mix, stop(s)), mix)
  G minimizes -E[D(fake, s)]
}
train {
  batch 6 steps 3
  D with sgd(lr: 1e-3)
  G with sgd(lr: 1e-2)
}
sample s = G(z, Words(t))
`;

function compiled(text: string): Module {
  const { module, diagnostics } = compileSpec({ name: 'cut.gan', text }, { samples: 8 });
  expect(diagnostics.map((d) => d.message)).toEqual([]);
  return module as Module;
}

const ROWS = 11;

/** What is computed and stored over two calls of each entry. */
async function run(program: Program, names: readonly string[]): Promise<Map<string, readonly number[]>> {
  const executor = await Executor.create(await device(), program, { seed: 3n, entries: names });
  const found = new Map<string, readonly number[]>();
  const random = generator(4);
  try {
    for (const field of program.data?.fields ?? []) {
      const bytes = new Uint8Array(ROWS * rowBytes(field));
      if (field.storage.kind === 'u8') for (let i = 0; i < bytes.length; i++) bytes[i] = Math.floor(random() * 256);
      else new Int32Array(bytes.buffer).forEach((_, i, words) => void (words[i] = Math.floor(random() * 3)));
      executor.setField(field.name, { count: ROWS, bytes });
    }
    for (const [counter, name] of [...names, ...names].entries()) {
      const { inputs } = program.entries.find((entry) => entry.name === name) as Program['entries'][number];
      if (name === 'init' && counter > 0) continue;
      const chosen = Object.fromEntries(
        inputs
          .filter(({ kind }) => kind === 'rows')
          .map((input) => [input.name, Uint32Array.from({ length: input.shape[0] }, (_, i) => (i * 7 + counter + input.name.length) % ROWS)]),
      );
      const [{ outputs }] = await executor.submit([{ entry: name, counter, step: counter, rows: chosen.rows, chosen }]);
      for (const [output, { data }] of Object.entries(outputs)) found.set(`${name} ${counter} ${output}`, [...data]);
    }
    for (const [name, { data }] of await executor.read()) found.set(name, [...data]);
  } finally {
    executor.close();
  }
  return found;
}

/** Bytes of the largest thing that a dispatch binds, data and parameters left aside. */
function bound({ entries, buffers }: Program): number {
  let most = 0;
  for (const { commands } of entries)
    for (const command of commands)
      for (const { buffer, size: bytes } of command.kind === 'dispatch' ? command.bindings : [])
        if (['variables', 'scratch', 'outputs'].includes(buffers[buffer].kind)) most = Math.max(most, bytes);
  return most;
}

describe.each([
  ['clips', video, 12288],
  ['clips, an example at a time,', video, 7168],
  ['pictures and words', pictures, 20000],
])('a training of %s in parts', (_, text, most) => {
  const module = compiled(text);
  const whole = lower(module);
  const parts = lowerTraced(partition(module, most), { most });

  test('is made of small results', () => {
    expect(bound(whole)).toBeGreaterThan(3 * most);
    expect(bound(parts.program)).toBeLessThanOrEqual(most);
  });

  test('is the same in float64', () => {
    const runs = [module, { ...partition(module, most), functions: parts.entries.map(({ fn }) => fn) }].map((m) => {
      const simulation = new Simulation(m, 5n);
      const random = generator(6);
      const outputs = ['update.D', 'update.G', 'update.D', ...module.samples.map(({ entry }) => entry)].flatMap((name, counter) => {
        const fields = new Map<string, Tensor>();
        for (const node of topological(roots(module.functions.find((f) => f.name === name) as GraphFunction))) {
          const { operation, shape, dtype } = node;
          if (operation.op !== 'field') continue;
          const key = operation.rows === undefined ? operation.field : `${operation.field}@${operation.rows}`;
          const data = Float64Array.from({ length: size(shape) }, () => (dtype === 'f32' ? 2 * random() - 1 : Math.floor(3 * random())));
          if (!fields.has(key)) fields.set(key, { shape, dtype, data });
        }
        return [...simulation.call(name, counter, new Map([['step', { shape: [], dtype: 'f32', data: Float64Array.of(counter) }]]), fields)].map(
          ([output, { data }]) => [`${name} ${counter} ${output}`, data] as const,
        );
      });
      return [...outputs, ...[...simulation.variables].map(([name, { data }]) => [name, data] as const)];
    });
    const [wanted, got] = runs.map((list) => joined(new Map(list.map(([name, data]) => [name, [...data]]))));
    expectSame(wanted, got, 1e-8);
  });

  test('is the same on the GPU', async () => {
    const names = module.functions.map(({ name }) => name).filter((name) => name === 'init' || /^(gradient|update|sample)/.test(name));
    const [wanted, got] = [await run(whole, names), joined(await run(parts.program, names))];
    expectSame(wanted, got, 2e-4);
  }, 300_000);
});

type Values = ReadonlyMap<string, readonly number[]>;

/** As far as numbers of the tensor's size go. */
function expectSame(wanted: Values, got: Values, gate: number): void {
  expect([...got.keys()].sort()).toEqual([...wanted.keys()].sort());
  for (const [name, values] of wanted) {
    const scale = values.reduce((a, b) => Math.max(a, Math.abs(b)), 1e-2);
    const found = got.get(name) as readonly number[];
    expect(found.length, name).toBe(values.length);
    values.forEach((value, i) => void (Math.abs(value - found[i]) <= gate * scale || expect.fail(`${name}[${i}] is ${found[i]}, wanted ${value}`)));
  }
}

/** Flat vectors in parts are one again. */
function joined(values: ReadonlyMap<string, readonly number[]>): Map<string, readonly number[]> {
  const all = new Map<string, readonly number[]>();
  for (const [name, data] of values) {
    const whole = name.replace(/\.part\d+$/, '');
    all.set(whole, [...(all.get(whole) ?? []), ...data]);
  }
  return all;
}

test('draws and rows in parts are the same draws and rows', async () => {
  const b = new Builder();
  const draw = b.random('draw', [31, 64]);
  const draws = functionOf('run', { y: b.unary('neg', draw), first: b.slice(draw, [7, 3], [29, 60], [2, 3]) });
  const [whole, parts] = [lower(moduleOf([draws])), lower(moduleOf([draws]), { most: 640 })];
  expect(bound(whole)).toBe(31 * 64 * 4);
  expect(bound(parts)).toBeLessThanOrEqual(640);
  expect(await run(parts, ['run'])).toEqual(await run(whole, ['run']));
});

test('rows of data in parts are the rows of the call', async () => {
  const b = new Builder();
  const [pixels, words] = [b.field('x', [6, 8], 'f32'), b.field('y', [6, 3], 'f32', { rows: 'D.other' })];
  const graph = functionOf('run', { x: b.unary('tanh', pixels), last: b.slice(pixels, [5, 1], [6, 8]), y: b.unary('neg', words) });
  const module = moduleOf([graph], [], {
    name: 'd',
    source: 'tensors',
    args: {},
    fields: [
      { name: 'x', shape: [8], optional: false, storage: { kind: 'u8', scale: 2 / 255, offset: -1 } },
      { name: 'y', shape: [3], optional: false, storage: { kind: 'f32' } },
    ],
  } as unknown as DataRequest);
  const [whole, parts] = [lower(module), lower(module, { most: 48 })];
  expect(bound(whole)).toBe(6 * 8 * 4);
  expect(bound(parts)).toBeLessThanOrEqual(48);
  expect(parts.entries[0].inputs).toEqual(whole.entries[0].inputs);
  expect(await run(parts, ['run'])).toEqual(await run(whole, ['run']));
});

test('where nothing is too large nothing changes', () => {
  const module = compiled(video);
  expect(JSON.stringify(lower(module, { most: 1 << 20 })) === JSON.stringify(lower(module))).toBe(true);
});

test('what cannot be cut stays whole: a weight, its gradient, and what reads neighbours along the only axis that is long', () => {
  const b = new Builder();
  const [w, x] = [b.variable('w', [40, 40], 'f32'), b.input('x', [8, 40], 'f32')];
  const step = functionOf(
    'step',
    {},
    { w: b.binary('sub', w, b.reshape(b.matmul(b.reshape(b.permute(x, [1, 0]), [1, 40, 8]), b.reshape(x, [1, 8, 40])), [40, 40])) },
  );
  const wide = b.conv(b.unary('tanh', b.input('long', [1, 1, 1, 2000], 'f32')), b.input('k', [1, 1, 1, 3], 'f32'), {
    stride: [1],
    padding: [1],
    dilation: [1],
    inputDilation: [1],
    size: [2000],
  });
  const module = moduleOf([step, functionOf('wide', { y: b.sum(b.unary('exp', wide), [3]) })], [weight('w', [40, 40])]);
  expect(JSON.stringify(lower(module, { most: 4096 })) === JSON.stringify(lower(module))).toBe(true);
});
