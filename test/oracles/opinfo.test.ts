/** Operators as specs against PyTorch, forward and to second order, in the float64 interpreter. `npm run oracles` does the same on the GPU. */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { interpreter } from './back-end.js';
import { Call } from './call.js';
import { type Case, readCases, type Stored } from './case.js';
import { near, nearFirst, nearSecond } from './gates.js';
import { runCase } from './run.js';

const cases = readCases(join(import.meta.dirname, 'opinfo-grads'));

describe('operators of PyTorch', () => {
  test.each(cases.map((c): [string, Case] => [c.id, c]))('%s', async (_, subject) => {
    expect(await runCase(subject, interpreter)).toEqual({ id: subject.id, op: subject.op, outcome: 'passed', reason: undefined });
  });
});

describe('a wrong result is seen', () => {
  const subject = cases.find((c) => c.op === 'nn.functional.linear') as Case;
  const spoilt = (t: Stored): Stored => ({ ...t, data: t.data.map((v, i) => (i === 0 ? v + 0.01 * (1 + Math.abs(v)) : v)) });
  const spoilFirst = (map: ReadonlyMap<number, Stored>): Map<number, Stored> => new Map([...map].map(([i, t]) => [i, spoilt(t)]));
  const gradients = subject.gradients!;
  const second = gradients.second!;
  test.each<[string, Case]>([
    ['output 0', { ...subject, outputs: [spoilt(subject.outputs[0]!)] }],
    ['gradient of input 0', { ...subject, gradients: { ...gradients, first: spoilFirst(gradients.first) } }],
    ['second derivative of input 0', { ...subject, gradients: { ...gradients, second: { ...second, inputs: spoilFirst(second.inputs) } } }],
    ['second derivative of the cotangent', { ...subject, gradients: { ...gradients, second: { ...second, cotangent: spoilt(second.cotangent) } } }],
  ])('%s', async (what, wrong) => {
    expect((await runCase(wrong, interpreter)).outcome).toBe('failed');
    expect((await runCase(wrong, interpreter)).reason).toMatch(new RegExp(`^${what}:`));
  });

  test('what the prelude has no words for is skipped with the reason', async () => {
    expect(await runCase({ ...subject, op: 'nn.functional.no_such' }, interpreter)).toMatchObject({ outcome: 'skipped', reason: 'no no_such in the prelude' });
    expect(() => new Call(subject).bind('input')).toThrow('arguments, of which input are known');
  });

  test('NaN and infinity pass only where the reference has them', () => {
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
