/** Elementwise functions take records field by field; those of two or three arguments as well. */
import { describe, expect, test } from 'vitest';
import { compileRun } from '../../compiler/compile.js';
import { output } from './net.js';

const of = (expression: string, x: readonly number[] = [-2, 3]): readonly number[] =>
  output(`  v = {a: x, b: {c: 2 * x, d: -x}}\n  r = ${expression}\n  concat(r.a, r.b.c, r.b.d)`, x, [2]);

const fault = (expression: string) => {
  const text = `net F(x: [2]) {\n  v = {a: x, b: x}\n  r = ${expression}\n  r.a\n}`;
  const made = compileRun({ name: 'f.gan', text }, 'F', { batch: 1, training: false, vjp: false, vjp2: false, inputs: new Map() });
  return made.diagnostics.map((d) => [d.code, text.slice(d.span.start, d.span.end)]);
};

describe('records field by field', () => {
  test('where: condition, branches, or all of them', () => {
    expect(of('where(v > 0, v, 0)')).toEqual([0, 3, 0, 6, 2, 0]);
    expect(of('where(x > 0, v, 10 * v)')).toEqual([-20, 3, -40, 6, 20, -3]);
    expect(of('where(v > 0, 1, 0)')).toEqual([0, 1, 0, 1, 1, 0]);
    expect(of('where({a: true, b: v.b > 0}, v, -v)')).toEqual([-2, 3, 4, 6, 2, 3]);
  });

  test('blocks made of it: relu, leaky_relu; max and min of two', () => {
    expect(of('relu(v)')).toEqual([0, 3, 0, 6, 2, 0]);
    expect(of('leaky_relu(v, 0.5)')).toEqual([-1, 3, -2, 6, 2, -1.5]);
    expect(of('max(v, 0)')).toEqual([0, 3, 0, 6, 2, 0]);
    expect(of('min(v, {a: 1, b: x})')).toEqual([-2, 1, -4, 3, -2, -3]);
  });

  test('what does not fit: other fields, a field of another shape', () => {
    expect(fault('where(v > 0, v, {a: x, c: x})')).toEqual([['GAN2014', 'where(v > 0, v, {a: x, c: x})']]);
    expect(fault('where({a: x > 0}, v, 0)')).toEqual([['GAN2014', 'where({a: x > 0}, v, 0)']]);
    expect(fault('max(v, {a: x})')).toEqual([['GAN2014', 'max(v, {a: x})']]);
    expect(fault('where(v > 0, v, {a: x, b: concat(x, x, x)})')).toEqual([['GAN3002', 'where(v > 0, v, {a: x, b: concat(x, x, x)})']]);
  });

  test('a hinge of a record of scores is that of each', () => {
    const d = '  D = {frame: x, clip: 2 * x}\n  M = {frame: -x, clip: x}\n';
    const hinge = (real: number, made: number): number => Math.max(0, 1 - real) + Math.max(0, 1 + made);
    const [frame, clip] = output(`${d}  h = hinge(D, M)\n  [h.frame, h.clip] + 0 * x`, [0.75], [1]);
    expect(frame).toBeCloseTo(hinge(0.75, -0.75), 12);
    expect(clip).toBeCloseTo(hinge(1.5, 0.75), 12);
  });
});
