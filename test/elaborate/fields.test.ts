/** Fields of words, sound and video: masks, masked reductions, attention over words, `present`, `summary`, `mismatch`. */
import { describe, expect, test } from 'vitest';
import { compileRun, compileSpec } from '../../compiler/compile.js';
import type { Tensor } from '../../compiler/graph/interpret.js';
import type { Module } from '../../compiler/graph/module.js';
import { type Node, roots, topological } from '../../compiler/graph/node.js';
import { Simulation } from '../../compiler/graph/simulate.js';
import { lower } from '../../compiler/plan/lower.js';
import { fromFiles, toFiles } from '../../compiler/program/serialise.js';
import { examples } from '../grammar/examples.js';
import { generator } from '../graph/numeric.js';

type Numbers = readonly number[];

const f32 = (shape: Numbers, data: Numbers): Tensor => ({ shape, dtype: 'f32', data: Float64Array.from(data) });
const i32 = (shape: Numbers, data: Numbers): Tensor => ({ shape, dtype: 'i32', data: Float64Array.from(data) });

/** Outputs of `net F(params) { lines }`; parameters have the shapes of what is given. */
function run(params: string, lines: string, given: Readonly<Record<string, Tensor>>, options: { vjp?: boolean; cotangent?: Tensor } = {}) {
  const batch = Object.values(given)[0].shape[0];
  const source = { name: 'f.gan', text: `net F(${params}) {\n${lines}\n}` };
  const { module, diagnostics } = compileRun(source, 'F', { batch, training: false, vjp: options.vjp ?? false, vjp2: false, inputs: new Map() });
  expect(diagnostics.map((d) => d.message)).toEqual([]);
  const simulation = new Simulation(module as Module);
  const inputs = new Map(Object.entries(given));
  if (options.cotangent) inputs.set('cotangent.result', options.cotangent);
  return { outputs: simulation.call('run', 0, inputs), simulation };
}

const result = (...args: Parameters<typeof run>): Numbers => [...(run(...args).outputs.get('result') as Tensor).data];

const BATCH = 3;
const WORDS = [5, 9, 2, 0, 7, 0, 0, 0, 0, 0, 0, 0];
const t = i32([BATCH, 4], WORDS);
const random = generator(11);
const v = f32(
  [BATCH, 4, 2],
  Array.from({ length: 24 }, () => random() * 2 - 1),
);
const at = (b: number, i: number, j: number): number => v.data[(b * 4 + i) * 2 + j];
const there = (b: number): number[] => [0, 1, 2, 3].filter((i) => WORDS[4 * b + i] !== 0);
const PARAMS = 't: tokens[4, words: 10], v: [4, 2]';

/** For each example and column, a number of the words that are there. */
function columns(f: (values: number[]) => number): number[] {
  return Array.from({ length: BATCH * 2 }, (_, k) => f(there(Math.floor(k / 2)).map((i) => at(Math.floor(k / 2), i, k % 2))));
}

function close(found: Numbers, wanted: Numbers): void {
  expect(found.length).toBe(wanted.length);
  found.forEach((x, i) => {
    expect(x, `element ${i}`).toBeCloseTo(wanted[i], 6);
  });
}

const total = (values: Numbers): number => values.reduce((a, b) => a + b, 0);

describe('a mask', () => {
  test('is true at words and false at padding', () => {
    expect(result(PARAMS, '  mask(t) * 1 + 0 * sum(v)', { t, v })).toEqual(WORDS.map((w) => Number(w !== 0)));
  });

  test.each<[string, (values: number[]) => number]>([
    ['sum', total],
    ['mean', (values) => total(values) / Math.max(1, values.length)],
    ['max', (values) => (values.length === 0 ? 0 : Math.max(...values))],
    ['min', (values) => (values.length === 0 ? 0 : Math.min(...values))],
    ['norm', (values) => Math.hypot(...values)],
  ])('%s over an axis reads what it lets through; nothing is 0', (name, f) => {
    const wanted = columns(f);
    expect(there(2)).toEqual([]);
    close(result(PARAMS, `  ${name}(v, axis: 0, mask: mask(t))`, { t, v }), wanted);
    close(result(PARAMS, `  reshape(${name}(v, axis: 0, mask: mask(t), keep: true), 2)`, { t, v }), wanted);
    close(result(PARAMS, `  ${name}(v, axis: 0, mask: reshape(mask(t), 4, 1))`, { t, v }), wanted);
  });

  test('goes with every element where it has the shape of the value, and with the batch', () => {
    const positive = [...v.data].map((x) => x > 0);
    const all = [...v.data].filter((_, i) => positive[i]);
    close(result(PARAMS, '  mean(v, axes: [batch, 0, 1], mask: v > 0) + 0 * sum(t)', { t, v }), new Array(BATCH).fill(total(all) / all.length));
    const ofFirst = [0, 1].map((j) => {
      const rows = [0, 1, 2].filter((b) => WORDS[4 * b] !== 0);
      return total(rows.map((b) => at(b, 0, j))) / rows.length;
    });
    close(result(PARAMS, '  mean(v[0], axis: batch, mask: mask(t)[0]) + 0 * sum(t)', { t, v }), [...ofFirst, ...ofFirst, ...ofFirst]);
  });

  test('of each example on a value that all share', () => {
    const wanted = Array.from({ length: BATCH }, (_, b) => total(there(b)) / Math.max(1, there(b).length));
    close(result('t: tokens[4, words: 10]', '  mean(iota(4), axis: 0, mask: mask(t))', { t }), wanted);
  });

  test('lets no gradient through where it is false', () => {
    const cotangent = f32([BATCH, 2], new Array(BATCH * 2).fill(1));
    const { outputs } = run(PARAMS, '  mean(v, axis: 0, mask: mask(t))', { t, v }, { vjp: true, cotangent });
    const wanted = WORDS.flatMap((w, k) => new Array<number>(2).fill(w === 0 ? 0 : 1 / there(Math.floor(k / 4)).length));
    close([...(outputs.get('grad.v') as Tensor).data], wanted);
  });

  test('softmax is that of what it lets through, and 0 elsewhere', () => {
    const wanted = WORDS.map((w, k) => {
      const b = Math.floor(k / 4);
      return w === 0 ? 0 : Math.exp(at(b, k % 4, 0)) / total(there(b).map((i) => Math.exp(at(b, i, 0))));
    });
    close(result(PARAMS, '  softmax(v[:, 0], mask: mask(t))', { t, v }), wanted);
  });

  test('of another length is refused', () => {
    const { diagnostics } = compileRun({ name: 'f.gan', text: 'net F(v: [9, 16], t: tokens[8, words: 4]) { mean(v, axis: 0, mask: mask(t)) }' }, 'F', {
      batch: 2,
      training: false,
      vjp: false,
      vjp2: false,
      inputs: new Map(),
    });
    expect(diagnostics.map((d) => [d.code, d.message])).toEqual([['GAN3030', 'a mask of shape [8] does not fit a value of shape [9, 16]']]);
  });
});

test('attend: each place of a clip sees the words that are there', () => {
  const channels = 3;
  const places = 8;
  const h = f32(
    [BATCH, channels, 2, 2, 2],
    Array.from({ length: BATCH * channels * places }, () => random() * 2 - 1),
  );
  const { outputs, simulation } = run(`h: [${channels}, 2, 2, 2], t: tokens[4, words: 10], v: [4, 2]`, '  attend(h, v, mask: mask(t))', { h, t, v });
  const weight = (simulation.variables.get('F.attend.words.weight') as Tensor).data;
  const wanted: number[] = [];
  for (let b = 0; b < BATCH; b++) {
    const rows = [0, 1, 2, 3].map((i) => Array.from({ length: channels }, (_, c) => weight[2 * c] * at(b, i, 0) + weight[2 * c + 1] * at(b, i, 1)));
    for (let c = 0; c < channels; c++) {
      for (let p = 0; p < places; p++) {
        const place = Array.from({ length: channels }, (_, k) => h.data[(b * channels + k) * places + p]);
        const scores = there(b).map((i) => Math.exp(total(place.map((x, k) => x * rows[i][k]))));
        wanted.push(total(there(b).map((i, k) => (scores[k] / total(scores)) * rows[i][c])));
      }
    }
  }
  close([...(outputs.get('result') as Tensor).data], wanted);
});

test('summary: mean and deviation of each band', () => {
  const a = f32([1, 3, 2], [1, 5, 2, 5, 6, 5]);
  const deviation = Math.sqrt(((1 - 3) ** 2 + (2 - 3) ** 2 + (6 - 3) ** 2) / 3 + 1e-5);
  close(result('a: audio[3, 2]', '  summary(a)', { a }), [3, 5, deviation, Math.sqrt(1e-5)]);
});

const head = 'data d = tensors(path: "none") {\n  x: vector[2]\n  t: tokens[4, words: 10]\n  a: audio[3, 2] optional 0.25\n}\nnoise z: normal[2]\n';
const nets = 'net D(x, t, a) { concat(x, sum(embedding(t, 3), axis: 0), present(a), summary(a)) |> linear(1) }\nnet G(z) { z |> linear(2) }\n';
const train = 'train {\n  batch 8   steps 4\n  D with sgd()\n  G with sgd()\n}\n';

function compiled(game: string, more = ''): Module {
  const { module, diagnostics } = compileSpec({ name: 'f.gan', text: `${head}${nets}game {\n${game}\n  G minimizes E[G(z)^2]\n}\n${train}${more}` });
  expect(diagnostics.map((d) => d.message)).toEqual([]);
  return module as Module;
}

function reads(module: Module, name: string): (Node['operation'] & { op: 'field' })[] {
  const fn = module.functions.find((f) => f.name === name);
  return topological(roots(fn as NonNullable<typeof fn>)).flatMap(({ operation }) => (operation.op === 'field' ? [operation] : []));
}

describe('mismatch', () => {
  test('is the field at rows of a draw; two fields come from one row; each call is a draw', () => {
    const module = compiled(
      '  other = mismatch(t)\n  pair = mismatch(t, a)\n  D minimizes E[D(x | other, a)] + E[D(x | pair.t, pair.a)] + E[D(x | mismatch(a), a)]'.replace(
        'mismatch(a), a',
        't, mismatch(a)',
      ),
    );
    expect(new Set(reads(module, 'update.D').map(({ field, rows, differs }) => `${field} at ${rows ?? 'its own'}, by ${differs}`))).toEqual(
      new Set([
        'x at its own, by undefined',
        't at its own, by undefined',
        'a at its own, by undefined',
        't at D.other, by t',
        't at D.pair, by t',
        'a at D.pair, by t',
        'a at D.objective, by a',
      ]),
    );
  });

  test('stands in the program with its fields, and comes back from files', () => {
    const program = lower(compiled('  pair = mismatch(t, a)\n  D minimizes E[D(x | pair.t, pair.a)]'));
    const inputs = program.entries.find((e) => e.name === 'update.D')?.inputs.filter((i) => i.kind === 'rows');
    expect(inputs?.map(({ name, fields, differs, offset }) => ({ name, fields: [...(fields ?? [])].sort(), differs, offset }))).toEqual([
      { name: 'rows', fields: ['x'], differs: undefined, offset: 256 },
      { name: 'D.pair', fields: ['a', 't'], differs: 't', offset: 256 + 8 * 4 },
    ]);
    const files = toFiles(program);
    expect(fromFiles(files)).toEqual(JSON.parse(JSON.stringify(program)));
    const json = files.get('program.json')?.replaceAll('"differs":"t"', '"differs":"u"') as string;
    expect(() => fromFiles(new Map([...files, ['program.json', json]]))).toThrow(/input 'D.pair' of 'update.D' is of the data field 'u'/);
  });

  test('in a shared binding is chosen once a step, and carried over', () => {
    const module = compiled('  shared other = mismatch(t)\n  D minimizes E[D(x | other, a)] + E[D(x | t, a)]');
    expect(reads(module, 'shared').map((r) => r.rows)).toEqual(['shared.other']);
    expect(reads(module, 'update.D').filter((r) => r.rows !== undefined)).toEqual([]);
    expect(module.variables.filter((variable) => variable.kind === 'carry').map((variable) => variable.shape)).toEqual([[8, 4]]);
  });

  test.each([
    ['mismatch(z)', 'GAN4050', '`mismatch` takes fields of the data, and this is a value of shape [2] for each example'],
    ['mismatch(mismatch(t))', 'GAN4050', '`mismatch` takes fields of the data, and this is a value of shape [4] for each example'],
    ['mismatch(t, t)', 'GAN2005', '`mismatch` was given `t` twice'],
    ['mismatch()', 'GAN2003', '`mismatch` needs `field`'],
  ])('%s is refused', (call, code, message) => {
    const text = `${head}${nets}game {\n  D minimizes E[D(x | ${call}, a)]\n  G minimizes E[G(z)^2]\n}\n${train}`;
    const { diagnostics } = compileSpec({ name: 'f.gan', text });
    expect(diagnostics.map((d) => [d.code, d.message])).toEqual([[code, message]]);
  });
});

describe('an optional field', () => {
  const report =
    '  D minimizes E[D(x | t, a)]\n  report rate = E[present(a)] in D\n  report heard = E[abs(a)] in D\n  report loud = max(sum(abs(a)) * (1 - present(a)[0]), axis: batch) in D';

  test('is zero and not present where its draw says so, and keeps its values elsewhere', () => {
    const simulation = new Simulation(compiled(report));
    const fields = new Map([
      ['x', f32([8, 2], new Array(16).fill(0.5))],
      ['t', i32([8, 4], new Array(32).fill(1))],
      ['a', f32([8, 3, 2], new Array(48).fill(2))],
    ]);
    let rate = 0;
    for (let call = 0; call < 100; call++) {
      const outputs = simulation.call('update.D', call, new Map(), fields);
      const value = (name: string): number => (outputs.get(`report.${name}`) as Tensor).data[0];
      expect(value('heard')).toBeCloseTo(2 * value('rate'), 6);
      expect(value('loud')).toBe(0);
      rate += value('rate') / 100;
    }
    // 800 draws at 0.75: a standard deviation of 0.015.
    expect(Math.abs(rate - 0.75)).toBeLessThan(0.06);
  });

  test('is what the host says in a sample', () => {
    const module = compiled('  D minimizes E[D(x | t, a)]', 'sample heard = concat(present(a), summary(a))\n');
    const simulation = new Simulation(module);
    const a = f32([64, 3, 2], new Array(384).fill(2));
    const present = f32(
      [64],
      Array.from({ length: 64 }, (_, i) => i % 2),
    );
    const heard = simulation.call('sample.heard', 0, new Map([['sample.a.present', present]]), new Map([['a', a]])).get('heard') as Tensor;
    close([...heard.data.slice(0, 10)], [0, 0, 0, 0, 0, 1, 2, 2, Math.sqrt(1e-5), Math.sqrt(1e-5)]);
  });

  test('its absence cannot be asked of what is computed from it', () => {
    const text = `${head}${nets}game {\n  D minimizes E[D(x | t, 2 * a)]\n  G minimizes E[G(z)^2]\n}\n${train}`;
    expect(compileSpec({ name: 'f.gan', text }).diagnostics.map((d) => d.code)).toEqual(['GAN4051', 'GAN4051']);
  });

  test.each(['1', '-0.5', '20'])('optional %s is refused', (share) => {
    const text = `data d = tensors(path: "none") { a: audio[3, 2] optional ${share} }\nnet G(a) { mean(a) }\nsample s = G(a)\n`;
    expect(compileSpec({ name: 'f.gan', text }).diagnostics.map((d) => d.code)).toEqual(['GAN4052']);
  });
});

describe('the specs of video', () => {
  const spec = (name: string) => examples.find((e) => e.name === name) as (typeof examples)[number];

  test('tgans-c: three discriminators on one trunk, a wrong caption, one pass over the clip for all terms', () => {
    const { module, diagnostics } = compileSpec(spec('tgans-c.gan'));
    expect(diagnostics.map((d) => d.message)).toEqual([]);
    const d = module?.functions.find((f) => f.name === 'update.D');
    const loss = d?.outputs.filter((o) => o.name.startsWith('loss')).map((o) => o.name);
    expect(loss).toEqual(['loss', 'loss.video', 'loss.frame', 'loss.motion']);
    expect(reads(module as Module, 'update.D').map((r) => r.rows ?? 'own')).toEqual(expect.arrayContaining(['own', 'D.wrong']));
    expect(module?.layers.find((l) => l.path === 'Words')?.output).toEqual([[256]]);
    expect(module?.samples[0].outputs).toEqual([{ name: 'clip', type: 'video', shape: [1, 16, 48, 48], range: [-1, 1] }]);
  });

  test('text-to-video: words, attention over a clip, and a sound that may be absent', () => {
    for (const attention of ['true', 'false']) {
      const { module, diagnostics } = compileSpec(spec('text-to-video.gan'), { set: { attention } });
      expect(diagnostics.map((d) => d.message)).toEqual([]);
      expect(module?.layers.some((l) => l.block === 'attend')).toBe(attention === 'true');
      const inputs = lower(module as Module).entries.find((e) => e.name === 'sample.clip')?.inputs;
      expect(inputs?.filter((i) => i.kind === 'tensor').map((i) => [i.name, i.shape])).toEqual([['sample.a.present', [64]]]);
    }
  });
});
