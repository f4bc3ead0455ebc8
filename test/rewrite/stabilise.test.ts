import { describe, expect, it } from 'vitest';
import { Builder } from '../../compiler/graph/builder.js';
import { type Node, topological } from '../../compiler/graph/node.js';
import { safeNorm } from '../../compiler/graph/norm.js';
import { rules } from '../../compiler/rewrite/rules.js';
import { gradient, numbersOf, tensorOf } from '../graph/numeric.js';

const POINTS = [-1000, -100, -30, -3, -0.5, 0, 0.5, 3, 30, 100, 1000];
const sigmoid = (a: number): number => 1 / (1 + Math.exp(-a));
const softplus = (a: number): number => Math.max(a, 0) + Math.log1p(Math.exp(-Math.abs(a)));

type Make = (b: Builder, a: Node) => Node;
const one = (b: Builder, a: Node): Node => b.fill(a, 1);
const sig: Make = (b, a) => b.unary('sigmoid', a);
const exp: Make = (b, a) => b.unary('exp', a);
const log: Make = (b, a) => b.unary('log', a);
const neg: Make = (b, a) => b.unary('neg', a);
const tanh: Make = (b, a) => b.unary('tanh', a);
const column: Make = (b, a) => b.reshape(a, [a.shape[0], 1]);
const rest: Make = (b, a) => b.binary('sub', one(b, a), a);
const plusOne: Make = (b, a) => b.binary('add', one(b, a), a);

function expectClose(actual: number, expected: number, what: string): void {
  if (actual !== expected) expect(Math.abs(actual - expected), what).toBeLessThanOrEqual(1e-12 * Math.abs(expected) + 1e-60);
}

/** Name, formula as a paper has it, its value and derivative in closed form. */
const FORMS: [string, Make, (a: number) => number, (a: number) => number][] = [
  ['log(sigmoid)', (b, a) => log(b, sig(b, a)), (a) => -softplus(-a), (a) => sigmoid(-a)],
  ['log(1 - sigmoid)', (b, a) => log(b, rest(b, sig(b, a))), (a) => -softplus(a), (a) => -sigmoid(a)],
  ['log(1 - reshaped sigmoid)', (b, a) => log(b, rest(b, column(b, sig(b, a)))), (a) => -softplus(a), (a) => -sigmoid(a)],
  [
    'log(permuted, sliced sigmoid)',
    (b, a) => log(b, b.slice(b.permute(column(b, sig(b, a)), [1, 0]), [0, 0], [1, POINTS.length])),
    (a) => -softplus(-a),
    (a) => sigmoid(-a),
  ],
  ['log(-sigmoid + 1)', (b, a) => log(b, plusOne(b, neg(b, sig(b, a)))), (a) => -softplus(a), (a) => -sigmoid(a)],
  ['log1p(-sigmoid)', (b, a) => b.unary('log1p', neg(b, sig(b, a))), (a) => -softplus(a), (a) => -sigmoid(a)],
  ['log(1 / (1 + exp(-a)))', (b, a) => log(b, b.binary('div', one(b, a), plusOne(b, exp(b, neg(b, a))))), (a) => -softplus(-a), (a) => sigmoid(-a)],
  ['log(exp a / (1 + exp a))', (b, a) => log(b, b.binary('div', exp(b, a), plusOne(b, exp(b, a)))), (a) => -softplus(-a), (a) => sigmoid(-a)],
  ['1 / (1 + exp(-a))', (b, a) => b.binary('div', one(b, a), plusOne(b, exp(b, neg(b, a)))), sigmoid, (a) => sigmoid(a) - sigmoid(a) ** 2],
  ['log(1 + exp a)', (b, a) => log(b, plusOne(b, exp(b, a))), softplus, sigmoid],
  ['log1p(exp a)', (b, a) => b.unary('log1p', exp(b, a)), softplus, sigmoid],
  ['log(exp a)', (b, a) => log(b, exp(b, a)), (a) => a, () => 1],
  ['log((1 + tanh a) / 2)', (b, a) => log(b, b.binary('div', plusOne(b, tanh(b, a)), b.fill(a, 2))), (a) => -softplus(-2 * a), (a) => 2 * sigmoid(-2 * a)],
  ['log(tanh(a) / 2 + 1/2)', (b, a) => log(b, b.binary('add', b.scale(tanh(b, a), 0.5), b.fill(a, 0.5))), (a) => -softplus(-2 * a), (a) => 2 * sigmoid(-2 * a)],
  ['log(1 - tanh a)', (b, a) => log(b, rest(b, tanh(b, a))), (a) => Math.LN2 - softplus(2 * a), (a) => -2 * sigmoid(2 * a)],
  [
    'log(1 - tanh(a)^2)',
    (b, a) => log(b, rest(b, b.binary('pow', tanh(b, a), b.fill(a, 2)))),
    (a) => 2 * Math.LN2 - softplus(2 * a) - softplus(-2 * a),
    (a) => -2 * Math.tanh(a),
  ],
  ['log(0.3 sigmoid)', (b, a) => log(b, b.scale(sig(b, a), 0.3)), (a) => Math.log(0.3) - softplus(-a), (a) => sigmoid(-a)],
  ['log(exp a + exp(-a))', (b, a) => log(b, b.binary('add', exp(b, a), exp(b, neg(b, a)))), (a) => softplus(2 * a) - a, (a) => Math.tanh(a)],
  ['1 - exp a', (b, a) => rest(b, exp(b, a)), (a) => -Math.expm1(a), (a) => -Math.exp(a)],
];

describe('stable forms', () => {
  for (const [name, make, value, slope] of FORMS) {
    it(name, () => {
      const b = new Builder({ rewrite: rules });
      const a = b.input('a', [POINTS.length], 'f32');
      const y = make(b, a);
      const inputs = { a: tensorOf([POINTS.length], POINTS) };
      const [g] = gradient(b, b.sum(b.reshape(y, [POINTS.length]), [0]), [a]);
      const [values, slopes] = [numbersOf(y, inputs), numbersOf(g, inputs)];
      POINTS.forEach((p, i) => {
        expectClose(values[i], value(p), `value at ${p}`);
        expectClose(slopes[i], slope(p), `slope at ${p}`);
      });
    });
  }

  it('reaches both parts of a concatenation and a choice', () => {
    const b = new Builder({ rewrite: rules });
    const a = b.input('a', [2], 'f32');
    const c = b.input('c', [2], 'f32');
    const joined = log(b, rest(b, b.concat([sig(b, a), sig(b, c)], 0)));
    const inputs = { a: tensorOf([2], [100, -100]), c: tensorOf([2], [50, 0]) };
    expect(numbersOf(joined, inputs)).toEqual([-100, -softplus(-100), -50, -Math.log(2)]);
    const chosen = log(b, b.select(b.compare('lt', a, c), sig(b, a), rest(b, sig(b, c))));
    expect(numbersOf(chosen, inputs)).toEqual([-50, -100]);
  });

  it('log(softmax), shifted or not, at any depth of logits', () => {
    for (const shift of [true, false]) {
      const b = new Builder({ rewrite: rules });
      const z = b.input('z', [2, 3], 'f32');
      const spread = (s: Node): Node => b.broadcastTo(b.reshape(s, [2, 1]), [2, 3]);
      const u = shift ? b.binary('sub', z, spread(b.max(z, [1]))) : z;
      const softmax = b.binary('div', exp(b, u), spread(b.sum(exp(b, u), [1])));
      const y = log(b, softmax);
      const inputs = { z: tensorOf([2, 3], [1000, 0, -1000, 1, 2, 3]) };
      const lse = Math.log(Math.exp(-2) + Math.exp(-1) + 1) + 3;
      const values = numbersOf(y, inputs);
      [0, -1000, -2000, 1 - lse, 2 - lse, 3 - lse].forEach((v, i) => {
        expect(values[i]).toBeCloseTo(v, 10);
      });
      const [g] = gradient(b, b.sum(b.slice(y, [0, 0], [2, 1]), [0, 1]), [z]);
      const p = [1, 2, 3].map((v) => Math.exp(v - lse));
      numbersOf(g, inputs).forEach((v, i) => {
        expect(v).toBeCloseTo([0, 0, 0, 1 - p[0], -p[1], -p[2]][i], 10);
      });
    }
  });

  it('log(sum(exp)) does not overflow; its derivative is the softmax', () => {
    const b = new Builder({ rewrite: rules });
    const z = b.input('z', [3], 'f32');
    const y = log(b, b.sum(exp(b, z), [0]));
    const inputs = { z: tensorOf([3], [1000, 1000, -1000]) };
    expect(numbersOf(y, inputs)[0]).toBeCloseTo(1000 + Math.LN2, 10);
    expect(numbersOf(gradient(b, y, [z])[0], inputs)).toEqual([0.5, 0.5, 0]);
  });

  it('1 - beta^step keeps its digits', () => {
    const b = new Builder({ rewrite: rules });
    const step = b.input('step', [], 'f32');
    const y = rest(b, b.binary('pow', b.constant(0.999), step));
    expect(numbersOf(y, { step: tensorOf([], [1]) })[0]).toBeCloseTo(0.001, 15);
    expect(topological([y]).some((n) => n.operation.op === 'unary' && n.operation.name === 'expm1')).toBe(true);
  });

  it('a squared norm has no root', () => {
    const b = new Builder({ rewrite: rules });
    const x = b.input('x', [2, 3], 'f32');
    const norm = safeNorm(b, x, [1]);
    const squares = b.sum(b.binary('mul', x, x), [1]);
    expect(b.binary('pow', norm, b.fill(norm, 2))).toBe(squares);
    const spread = b.broadcastTo(b.reshape(norm, [2, 1]), [2, 4]);
    expect(b.binary('mul', spread, spread)).toBe(b.broadcastTo(b.reshape(squares, [2, 1]), [2, 4]));
    const s = b.unary('sqrt', b.input('y', [2], 'f32'));
    expect(numbersOf(b.binary('mul', s, s), { y: tensorOf([2], [-1, 4]) })).toEqual([Number.NaN, 4]);
  });

  it('does not look through a value that is differentiated by', () => {
    const b = new Builder({ rewrite: rules });
    const a = b.input('a', [2], 'f32');
    const before = log(b, sig(b, a));
    const s = b.keep(sig(b, a));
    const y = log(b, s);
    expect(y).not.toBe(before);
    expect(numbersOf(gradient(b, b.sum(y, [0]), [s])[0], { a: tensorOf([2], [0, 0]) })).toEqual([2, 2]);
    const wide = b.keep(b.reshape(a, [2, 1]));
    const back = b.reshape(wide, [2]);
    expect(numbersOf(gradient(b, b.sum(b.binary('mul', back, back), [0]), [wide])[0], { a: tensorOf([2], [1, 3]) })).toEqual([2, 6]);
  });
});
