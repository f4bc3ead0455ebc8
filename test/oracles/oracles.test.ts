/**
 * Operators as specs against PyTorch (forward and to second order) and ONNX, in the float64 interpreter. `npm run oracles` does the same on the GPU.
 * None is wrong; of the cases of a GAN's operators nine in ten pass; what is skipped says why.
 */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type BackEnd, interpreter } from './back-end.js';
import { Call } from './call.js';
import { type Case, readCases, type Stored } from './case.js';
import { kindOf, shares } from './gan-operators.js';
import { near, nearFirst, nearSecond } from './gates.js';
import { runCase, type Verdict } from './run.js';

const folders = ['opinfo-grads', 'opinfo-more', 'onnx-cases'].map((name) => ({ name, cases: readCases(join(import.meta.dirname, name)) }));
const cases = folders[0].cases;
const verdicts: Verdict[] = [];

/** Why a case may be skipped: the language has no words for it, another generator drew its numbers, or its own numbers are wrong. */
const reasons = [
  /^not expressible: a mask drawn by another generator$/,
  /^not expressible: an axis of length 0$/,
  /^not expressible: \w+ beyond 32 bits$/,
  /^not expressible: (weighted observations|a result of nothing|two values for one place)$/,
  /^finite differences refute the stored second derivative/,
];

describe.each(folders)('$name', ({ cases: own }) => {
  test.each(own.map((c): [string, Case] => [c.id, c]))('%s', async (_, subject) => {
    const verdict = await runCase(subject, interpreter);
    verdicts.push(verdict);
    if (verdict.outcome === 'skipped')
      expect(
        reasons.some((reason) => reason.test(verdict.reason ?? '')),
        verdict.reason,
      ).toBe(true);
    else expect(verdict).toEqual({ id: subject.id, op: subject.op, outcome: 'passed', reason: undefined });
  });
});

test('of the cases of each kind of operators of GANs nine in ten pass', () => {
  expect(verdicts).toHaveLength(folders.reduce((n, f) => n + f.cases.length, 0));
  const found = shares(verdicts);
  expect(found).toHaveLength(14);
  for (const { kind, passed, failed, skipped } of found) expect(passed / (passed + failed + skipped), kind).toBeGreaterThanOrEqual(0.9);
});

test("an operator has a kind, or is none of a GAN's", () => {
  expect(kindOf('nn.functional.conv2d')).toBe('convolutions');
  expect(kindOf('add')).toBeUndefined();
});

/** A back end that is wrong in the first element of one result. */
function wrongIn(result: string): BackEnd {
  return {
    ...interpreter,
    async run(...args) {
      const results = await interpreter.run(...args);
      const { data } = results.get(result)!;
      data[0] += 0.01 * (1 + Math.abs(data[0]));
      return results;
    },
  };
}

describe('the runner', () => {
  const subject = cases.find((c) => c.op === 'nn.functional.linear') as Case;

  test.each([
    ['y0', 'output 0'],
    ['grad.x0', 'gradient of input 0'],
    ['grad.x1', 'gradient of input 1'],
    ['grad2.x1', 'second derivative of input 1'],
    ['grad2.cotangent.y0', 'second derivative of the cotangent'],
  ])('sees a wrong %s', async (result, what) => {
    expect(await runCase(subject, wrongIn(result))).toMatchObject({ outcome: 'failed', reason: expect.stringMatching(new RegExp(`^${what}: element`)) });
  });

  test('sees a wrong second derivative of the reference', async () => {
    const { second } = subject.gradients!;
    const spoilt = new Map([...second!.inputs].map(([i, t]): [number, Stored] => [i, { ...t, data: t.data.map((v) => v + 0.1) }]));
    const verdict = await runCase({ ...subject, gradients: { ...subject.gradients!, second: { ...second!, inputs: spoilt } } }, interpreter);
    expect(verdict).toMatchObject({ outcome: 'skipped', reason: expect.stringContaining('refute') });
  });

  test('says why it skips', async () => {
    expect(await runCase({ ...subject, op: 'nn.functional.no_such' }, interpreter)).toMatchObject({
      outcome: 'skipped',
      reason: 'not expressible: no no_such in the prelude',
    });
    expect(() => new Call(subject).bind('input')).toThrow('arguments, of which input are known');
  });

  test('lets NaN and infinity pass only where the reference has them', () => {
    const of = (...v: number[]): Float64Array => Float64Array.from(v);
    const gate = { absolute: 1e-5, relative: 1e-4 };
    for (const compare of [(a: Float64Array, b: Float64Array) => near(a, b, gate), nearFirst, nearSecond]) {
      expect(compare(of(1, Number.NaN, Number.POSITIVE_INFINITY), of(1, Number.NaN, Number.POSITIVE_INFINITY))).toBeUndefined();
      expect(compare(of(Number.NaN), of(1))).toContain('NaN');
      expect(compare(of(1), of(Number.NaN))).toContain('NaN');
      expect(compare(of(Number.POSITIVE_INFINITY), of(1))).toContain('Infinity');
      expect(compare(of(1), of(Number.NEGATIVE_INFINITY))).toContain('-Infinity');
      expect(compare(of(1, 2), of(1))).toBeDefined();
    }
  });
});
