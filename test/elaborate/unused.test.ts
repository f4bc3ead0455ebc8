/** What is declared and hardly meant so: weights that no result depends on are an error; weights without gradient, nets without caller and weights shared by the rounds of a loop are warnings. */
import { describe, expect, test } from 'vitest';
import { type CompileOptions, compileSpec } from '../../compiler/compile.js';

const head = 'data d = mnist() { x: image[1, 4, 4]  y: class[3] }\nnoise z: normal[8]\n';
const train = (...players: string[]): string => `train {\n  batch 4   steps 2\n${players.map((p) => `  ${p} with adam(lr: 1e-3)\n`).join('')}}\n`;

/** Code, severity and underlined text of what is said. */
function found(text: string, options: CompileOptions = {}): string[] {
  return compileSpec({ name: 'spec.gan', text }, options).diagnostics.map(
    (d) => `${d.severity} ${d.code} ${d.span.source.text.slice(d.span.start, d.span.end)}`,
  );
}

/** One player whose net is `body`. */
const alone = (body: string, objective = 'E[F(x)^2]'): string =>
  `${head}net F(x) {\n${body}\n}\ngame { F minimizes ${objective} }\n${train('F')}sample y = F(x)\n`;

describe('weights that no result depends on', () => {
  test.each([
    ['  weight w: [] = 1\n  x |> flatten |> linear(3)', ['error GAN4071 weight w: [] = 1']],
    ['  h = x |> flatten |> linear(8)\n  x |> flatten |> linear(3)', ['error GAN4071 linear(8)']],
    // What feeds it alone goes with it.
    ['  h = x |> flatten |> linear(8) |> batch_norm\n  x |> flatten |> linear(3)', ['error GAN4071 batch_norm']],
    ['  h = x |> flatten |> linear(8)\n  state s: [] = 0\n  if training { s <- E[h] }\n  x |> flatten |> linear(3)', ['error GAN4071 linear(8)']],
  ])('%s', (body, expected) => expect(found(alone(`${body}\n`))).toEqual(expected));

  test.each([
    '  weight w: [] = 1\n  w * (x |> flatten |> linear(3))',
    // Read in training, or in a sample, alone.
    '  h = x |> flatten |> linear(8) |> batch_norm\n  h |> linear(3)',
    '  h = x |> flatten |> linear(3)\n  state s: [3] = 0\n  if training { s <- mean(h, axis: batch) }\n  h - s',
    '  { a: x |> flatten |> linear(3), b: x |> flatten |> linear(2) }',
  ])('%s', (body) => expect(found(alone(body, body.includes('a:') ? 'E[F(x).a^2] + E[F(x).b^2]' : undefined))).toEqual([]));

  test('one error a net, with what else goes', () => {
    const { diagnostics } = compileSpec({
      name: 'spec.gan',
      text: alone('  h = x |> flatten |> linear(8) |> relu |> linear(5)\n  weight w: [] = 1\n  x |> flatten |> linear(3)'),
    });
    expect(diagnostics.map((d) => d.message)).toEqual(['the weight `F.w` is never used: what `F` returns does not depend on it']);
    expect(diagnostics[0].notes?.map((note) => note.message)).toEqual(['neither are those of `F.linear#2`', 'neither are those of `F.linear`']);
  });

  test('also in a net that nothing calls, by the types of its parameters', () => {
    expect(found('net F(x: [8]) { h = linear(x, 3)\n x * 2 }')).toEqual(['error GAN4071 linear(x, 3)']);
  });
});

describe('weights without gradient', () => {
  const game = (lines: string, players = ['D', 'G']): string => `${head}
net D(x) { f = x |> flatten |> linear(4) |> relu
  { score: f |> linear(1) as score, kind: f |> linear(3) as kind } }
net G(z) { z |> linear(16) |> tanh |> reshape(1, 4, 4) }
game {
  fake = G(z)
  ${lines}
  G maximizes E[D(fake).score]
}
${train(...players)}sample s = G(z)\n`;

  test('a head that no objective reads, also where a report does', () => {
    expect(found(game('D maximizes E[D(x).score] - E[D(fake).score]'))).toEqual(['warning GAN4072 linear(3) as kind']);
    const report = 'report r = E[cross_entropy(D(x).kind, y)] in D';
    expect(found(game(`D maximizes E[D(x).score] - E[D(fake).score]\n  ${report}`))).toEqual(['warning GAN4072 linear(3) as kind']);
    expect(found(game('D maximizes E[D(x).score] - E[cross_entropy(D(x).kind, y)]'))).toEqual([]);
  });

  test('behind stop; not times a hyper that is 0', () => {
    expect(found(game('D maximizes E[D(x).score] - E[stop(cross_entropy(D(x).kind, y))]'))).toEqual(['warning GAN4072 linear(3) as kind']);
    expect(found(`hyper w = 0\n${game('D maximizes E[D(x).score] - w * E[cross_entropy(D(x).kind, y)]')}`)).toEqual([]);
  });

  test('in any of the updates that `every` makes is enough', () => {
    expect(found(game('D maximizes E[D(x).score] - every(4, E[cross_entropy(D(x).kind, y)])'))).toEqual([]);
  });

  test('a whole net', () => {
    const text = game('player D = D, Q\n  D maximizes E[D(x).score] + E[D(x).kind] + stop(E[Q(x)])').replace(
      'game {',
      'net Q(x) { x |> flatten |> linear(1) }\ngame {',
    );
    expect(found(text)).toEqual(['warning GAN4072 Q']);
    expect(found(`${text}variant other { hyper unheard = 1 }`, { variant: 'other' })).toEqual([]);
  });

  test('an objective that has no gradient at all is an error', () => {
    expect(found(alone('x |> flatten |> linear(3)', 'E[stop(F(x))]'))).toEqual(['error GAN4009 F']);
    expect(found(alone('x |> flatten |> linear(3)', 'E[F(x) > 0]'))).toEqual(['error GAN4009 F']);
  });
});

describe('nets that nothing calls', () => {
  const text = (more: string): string => `${alone('  x |> flatten |> linear(3)')}net Q(x) { x |> flatten |> linear(3) }\n${more}`;
  test('are said, where there is a game', () => {
    expect(found(text(''))).toEqual(['warning GAN4073 Q']);
    expect(found('net Q(x: [4]) { x |> linear(3) }')).toEqual([]);
  });
  test('a sample or a metric is a caller', () => {
    expect(found(text('sample q = Q(x)'))).toEqual([]);
    expect(found(text('metric q = E[Q(x)]'))).toEqual([]);
  });
  test('of a parent, or where a variant is chosen, they may rest', () => {
    const base = text('variant other { game { F minimizes E[abs(F(x))] } }');
    expect(found(base, { variant: 'other' })).toEqual([]);
    expect(found('extends "base.gan"\ngame { F minimizes E[abs(F(x))] }', { resolve: () => ({ name: 'base.gan', text: base }) })).toEqual([]);
  });
});

describe('weights in a loop', () => {
  const looped = (body: string, before = ''): string => alone(`  h = flatten(x)\n${before}  for i in range(3) { ${body} }\n  linear(h, 3)`);
  test('one that all rounds share is said to be, once', () => {
    expect(found(looped('weight w: [16] = 1\n h = h * w'))).toEqual(['warning GAN4074 weight w: [16] = 1']);
  });
  test.each([
    ['names of their own', looped('weight w as "w_{i}": [16] = 1\n h = h * w')],
    ['a block', looped('h = prelu(h)')],
    ['one before the loop', looped('h = h * w', '  weight w: [16] = 1\n')],
    ['a net that is called again', alone('  h = flatten(x)\n  weight w: [16] = 1\n  linear(h * w, 3)', 'E[F(x)^2 + F(-x)^2]')],
  ])('none is shared that is not meant: %s', (_, text) => {
    expect(found(text)).toEqual([]);
  });
});
