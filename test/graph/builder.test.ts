import { describe, expect, it } from 'vitest';
import { Builder } from '../../compiler/graph/builder.js';
import { interpret } from '../../compiler/graph/interpret.js';
import type { GraphFunction, Node } from '../../compiler/graph/node.js';
import { verify } from '../../compiler/graph/verify.js';
import { environment, numbersOf, tensorOf } from './numeric.js';

describe('builder', () => {
  it('shares equal nodes, whoever asks', () => {
    const b = new Builder();
    const x = b.input('x', [2], 'f32');
    const first = b.unary('exp', x);
    b.origin = { path: 'later' };
    expect(b.unary('exp', x)).toBe(first);
    expect(b.input('x', [2], 'f32')).toBe(x);
    expect(b.input('x', [2], 'i32')).not.toBe(x);
    expect(b.sum(b.reshape(x, [2, 1]), [1, 0])).toBe(b.sum(b.reshape(x, [2, 1]), [0, 1]));
    expect(b.constant(0)).not.toBe(b.constant(-0));
    expect(b.constant(Number.NaN)).toBe(b.constant(Number.NaN));
    expect(first.origin).toEqual({});
  });

  it('tells draws apart by path alone', () => {
    const b = new Builder();
    expect(b.random('D.z', [2])).toBe(b.random('D.z', [2]));
    expect(b.random('D.z', [2])).not.toBe(b.random('G.z', [2]));
  });

  it('asks the rewrite once, and checks what it says', () => {
    let asked = 0;
    const b = new Builder({
      rewrite: (builder, operation, inputs) => {
        if (operation.op !== 'unary' || operation.name !== 'abs') return undefined;
        asked++;
        return builder.unary('exp', inputs[0]);
      },
    });
    const x = b.input('x', [2], 'f32');
    expect(b.unary('abs', x)).toBe(b.unary('exp', x));
    expect(b.unary('abs', x)).toBe(b.unary('exp', x));
    expect(asked).toBe(1);
    const wrong = new Builder({ rewrite: (builder, operation) => (operation.op === 'unary' ? builder.constant(1) : undefined) });
    expect(() => wrong.unary('exp', wrong.input('x', [2], 'f32'))).toThrow('made f32[] of f32[2]');
  });

  it('broadcasts by the rule of NumPy', () => {
    const b = new Builder();
    const x = b.input('x', [3, 1], 'f32');
    const inputs = { x: tensorOf([3, 1], [1, 2, 3]) };
    expect(numbersOf(b.broadcastTo(x, [2, 3, 2]), inputs)).toEqual([1, 1, 2, 2, 3, 3, 1, 1, 2, 2, 3, 3]);
    expect(b.broadcastTo(x, [3, 1])).toBe(x);
    expect(() => b.broadcastTo(x, [2, 2])).toThrow('[3, 1] does not repeat to [2, 2]');
    expect(() => b.broadcastTo(x, [3])).toThrow('more axes');
  });

  it.each<[string, (b: Builder, x: Node) => unknown]>([
    ['add takes equal shapes, not [2, 3] and [3, 2]', (b, x) => b.binary('add', x, b.permute(x, [1, 0]))],
    ['exp takes f32, not i32[2]', (b) => b.unary('exp', b.input('i', [2], 'i32'))],
    ['add takes equal dtypes', (b, x) => b.binary('add', x, b.fill(b.cast(x, 'i32'), 1))],
    ["select's condition takes bool", (b, x) => b.select(x, x, x)],
    ['[2, 3] has 6 elements, [4] has 4', (b, x) => b.reshape(x, [4])],
    ['must name each of the 2 axes', (b, x) => b.permute(x, [0, 0])],
    ['1:4 is not within axis 1 of [2, 3]', (b, x) => b.slice(x, [0, 1], [2, 4])],
    ['low [-1, 0] must be integers of at least 0', (b, x) => b.pad(x, [-1, 0], [0, 0])],
    ['[2, 3], [1, 2] differ in another axis', (b, x) => b.concat([x, b.constant(0, [1, 2])], 0)],
    ['[2, 3] has no axis 2', (b, x) => b.sum(x, [2])],
    ['each named once', (b, x) => b.max(x, [1, 1])],
    ['there is nothing to choose from', (b) => b.max(b.constant(0, [2, 0]), [1])],
    ['matmul takes [B, M, K] and [B, K, N], not [2, 3] and [2, 3]', (b, x) => b.matmul(x, x)],
    ['overlaps the one before it', (b, x) => b.pack([x, x], [0, 4], 64)],
    ['constant 0.5 is no i32', (b) => b.constant(0.5, [], 'i32')],
    ['[2, -1] is no shape', (b) => b.constant(0, [2, -1])],
  ])('refuses: %s', (message, make) => {
    const b = new Builder();
    expect(() => make(b, b.input('x', [2, 3], 'f32'))).toThrow(message);
  });
});

describe('interpreter', () => {
  it('index maps', () => {
    const b = new Builder();
    const x = b.input('x', [2, 3], 'f32');
    const inputs = { x: tensorOf([2, 3], [1, 2, 3, 4, 5, 6]) };
    const value = (node: Node): number[] => numbersOf(node, inputs);
    expect(value(b.permute(x, [1, 0]))).toEqual([1, 4, 2, 5, 3, 6]);
    expect(value(b.slice(x, [0, 0], [2, 3], [1, 2]))).toEqual([1, 3, 4, 6]);
    expect(value(b.pad(x, [0, 1], [1, 0], [0, 1]))).toEqual([0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 0, 0, 0, 0, 0]);
    expect(value(b.reverse(x, [1]))).toEqual([3, 2, 1, 6, 5, 4]);
    expect(value(b.concat([x, x], 1))).toEqual([1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6]);
    expect(value(b.sum(x, [0]))).toEqual([5, 7, 9]);
    expect(value(b.max(x, [1]))).toEqual([3, 6]);
    expect(value(b.max(b.unary('neg', x), [0, 1]))).toEqual([-1]);
    expect(value(b.matmul(b.reshape(x, [1, 2, 3]), b.reshape(x, [1, 3, 2])))).toEqual([22, 28, 49, 64]);
    expect(value(b.iota([2, 3], 1, 'i32'))).toEqual([0, 1, 2, 0, 1, 2]);
    expect(value(b.iota([2, 3], 0, 'f32'))).toEqual([0, 0, 0, 1, 1, 1]);
    expect(value(b.pack([b.sum(x, [0]), b.sum(x, [1])], [1, 6], 9))).toEqual([0, 5, 7, 9, 0, 0, 6, 15, 0]);
  });

  it('integers wrap, casts clamp, modulo has the sign of the divisor, rounding is to even', () => {
    const b = new Builder();
    const i = (v: number, dtype: 'i32' | 'u32' = 'i32'): Node => b.constant(v, [], dtype);
    expect(numbersOf(b.binary('mul', i(65536), i(65537)))).toEqual([65536]);
    expect(numbersOf(b.binary('sub', i(0, 'u32'), i(1, 'u32')))).toEqual([4294967295]);
    expect(numbersOf(b.binary('div', i(-7), i(2)))).toEqual([-3]);
    expect(numbersOf(b.binary('mod', i(-7), i(3)))).toEqual([2]);
    expect(numbersOf(b.cast(b.constant(-3.7), 'i32'))).toEqual([-3]);
    expect(numbersOf(b.cast(b.constant(1e12), 'i32'))).toEqual([2147483647]);
    expect(numbersOf(b.cast(b.constant(-1), 'u32'))).toEqual([0]);
    expect(numbersOf(b.unary('round', b.input('r', [4], 'f32')), { r: tensorOf([4], [0.5, 1.5, -2.5, 2.4]) })).toEqual([0, 2, -2, 2]);
    expect(numbersOf(b.unary('finite', b.input('r', [3], 'f32')), { r: tensorOf([3], [1, Number.NaN, Number.POSITIVE_INFINITY]) })).toEqual([1, 0, 0]);
  });

  it('erf to 1e-14', () => {
    const b = new Builder();
    const x = b.input('x', [6], 'f32');
    const values = numbersOf(b.unary('erf', x), { x: tensorOf([6], [0, 0.5, 1, 2.9, 3.1, -6]) });
    [0, 0.5204998778130465, 0.8427007929497149, 0.9999589021219005, 0.9999883513426328, -1].forEach((v, i) => {
      expect(values[i]).toBeCloseTo(v, 14);
    });
  });

  it('says what the environment lacks', () => {
    const b = new Builder();
    const fn = (node: Node): GraphFunction => ({ name: 'run', outputs: [{ name: 'y', node }], stores: [] });
    expect(() => interpret(fn(b.field('x', [2], 'f32')), environment())).toThrow("no field 'x'");
    expect(() => interpret(fn(b.input('x', [2], 'f32')), environment({ x: tensorOf([3], [1, 2, 3]) }))).toThrow(
      'f32[3] (3 elements) in the environment and f32[2]',
    );
  });

  it('stores what was computed from the values before', () => {
    const b = new Builder();
    const w = b.variable('w', [1], 'f32');
    const fn: GraphFunction = {
      name: 'step',
      outputs: [{ name: 'before', node: w }],
      stores: [{ variable: 'w', node: b.scale(w, 2) }],
    };
    const { outputs, stores } = interpret(fn, environment({}, { w: tensorOf([1], [3]) }));
    expect([...(outputs.get('before')?.data ?? [])]).toEqual([3]);
    expect([...(stores.get('w')?.data ?? [])]).toEqual([6]);
  });
});

describe('verifier', () => {
  const b = new Builder();
  b.origin = { path: 'G.fc1' };
  const x = b.input('x', [2, 3], 'f32');
  const y = b.unary('exp', x);
  const fn = (node: Node, more: Partial<GraphFunction> = {}): GraphFunction => ({ name: 'update.D', outputs: [{ name: 'y', node }], stores: [], ...more });

  it('accepts what the builder makes', () => {
    expect(() => verify(fn(b.matmul(b.reshape(y, [1, 2, 3]), b.reshape(x, [1, 3, 2]))))).not.toThrow();
  });

  it('finds a wrong shape, with node and place', () => {
    expect(() => verify(fn({ ...y, shape: [6] }))).toThrow(/update\.D: node \d+ \(unary, from G\.fc1\) claims f32\[6\] and is f32\[2, 3\]/);
    expect(() => verify(fn({ ...y, operation: { op: 'unary', name: 'not' } }))).toThrow('not takes bool');
  });

  it('finds one name of two types, double outputs, stores of another shape', () => {
    const other = new Builder().input('x', [5], 'f32');
    expect(() =>
      verify(
        fn(y, {
          outputs: [
            { name: 'a', node: y },
            { name: 'b', node: other },
          ],
        }),
      ),
    ).toThrow("input 'x'");
    expect(() =>
      verify(
        fn(y, {
          outputs: [
            { name: 'a', node: y },
            { name: 'a', node: x },
          ],
        }),
      ),
    ).toThrow("two values for output 'a'");
    const w = b.variable('w', [2], 'f32');
    expect(() => verify(fn(w, { stores: [{ variable: 'w', node: y }] }))).toThrow("is stored as f32[2, 3] to variable 'w', which is read as f32[2]");
  });

  it('finds a cycle', () => {
    const inputs: Node[] = [x];
    const loop: Node = { ...y, id: 99, inputs };
    inputs[0] = loop;
    expect(() => verify(fn(loop))).toThrow('reads it in turn');
  });
});
