import { describe, expect, it } from 'vitest';
import { Builder } from '../../compiler/graph/builder.js';
import { derivative } from '../../compiler/graph/derivative.js';
import type { Node, Variable } from '../../compiler/graph/node.js';
import type { DataRequest } from '../../compiler/program/types.js';
import { tensorOf } from '../graph/numeric.js';
import { check, fn, weight } from './support.js';

describe('lowered functions on the GPU equal the interpreter', () => {
  it('elementwise, flat, with a tail', async () => {
    const b = new Builder();
    const x = b.input('x', [3, 5], 'f32');
    const y = b.input('y', [15], 'f32');
    const z = b.binary('add', b.unary('tanh', b.scale(x, 0.7)), b.reshape(y, [3, 5]));
    const program = await check(fn('run', { z, mask: b.cast(b.compare('lt', x, b.fill(x, 0)), 'f32') }));
    expect(program.entries[0].commands.length).toBe(1);
  });

  it('rows with a broadcast bias and a permuted one', async () => {
    const b = new Builder();
    const x = b.input('x', [2, 6, 8], 'f32');
    const c = b.input('c', [6], 'f32');
    const p = b.input('p', [8, 6, 2], 'f32');
    const bias = b.broadcastTo(b.reshape(c, [6, 1]), [2, 6, 8]);
    const program = await check(fn('run', { y: b.binary('add', b.binary('mul', x, bias), b.permute(p, [2, 1, 0])) }));
    expect(program.entries[0].commands.length).toBe(1);
  });

  it('pad, slice, concat, reverse', async () => {
    const b = new Builder();
    const x = b.input('x', [4, 6], 'f32');
    const y = b.input('y', [4, 3], 'f32');
    const padded = b.pad(x, [1, 0], [0, 2], [1, 0]);
    const joined = b.concat([b.slice(x, [0, 1], [4, 6], [1, 2]), y, b.reverse(y, [0, 1])], 1);
    await check(fn('run', { a: padded, c: joined, d: b.unary('neg', b.slice(padded, [1, 2], [7, 8])) }));
  });

  it('gather: of computed rows by computed numbers, beyond the ends too, before and after sums and products, and its derivative', async () => {
    const b = new Builder();
    for (const width of [1, 3, 8]) {
      const x = b.input(`x${width}`, [2, 5, width], 'f32');
      const at = b.input(`at${width}`, [2, 9], 'f32');
      const index = b.cast(b.scale(at, 6), 'i32');
      const rows = b.gather(b.unary('tanh', x), index);
      const loss = b.sum(b.binary('mul', rows, rows), [0, 1, 2]);
      const [g] = derivative(b, [loss], [b.constant(1)], [x]);
      const summed = b.gather(b.reshape(b.sum(b.reshape(x, [2, 5, width, 1]), [3]), [2, 5, width]), index);
      const product = b.matmul(b.permute(rows, [0, 2, 1]), rows);
      await check(
        fn('run', { rows, plus: b.binary('add', rows, b.fill(rows, 1)), g, totals: b.sum(rows, [1]), summed, product, turned: b.reverse(rows, [1]) }),
      );
    }
  });

  it('one number as a whole and as a real one in a kernel', async () => {
    const b = new Builder();
    const x = b.input('x', [3, 8], 'f32');
    const capped = b.binary('min', b.iota([3, 8], 1, 'i32'), b.constant(4, [3, 8], 'i32'));
    await check(fn('run', { y: b.binary('add', b.binary('min', x, b.fill(x, 4)), b.cast(capped, 'f32')) }));
  });

  it('reductions: rows, columns, all, several at once, with prologue and epilogue', async () => {
    const b = new Builder();
    const x = b.input('x', [8, 16, 12], 'f32');
    const square = b.binary('mul', x, x);
    const rows = b.sum(x, [2]);
    const moments = b.sum(square, [0, 2]);
    const means = b.scale(b.sum(x, [0, 2]), 1 / 96);
    const variance = b.binary('sub', b.scale(moments, 1 / 96), b.binary('mul', means, means));
    await check(fn('run', { rows, means, variance, columns: b.max(x, [0]), all: b.sum(b.unary('exp', x), [0, 1, 2]) }));
  });

  it('a long sum in two passes', async () => {
    const b = new Builder();
    const x = b.input('x', [64, 3, 1000], 'f32');
    const program = await check(fn('run', { all: b.scale(b.sum(x, [0, 1, 2]), 1 / 192000), channels: b.sum(x, [0, 2]) }));
    expect(program.entries[0].commands.length).toBeLessThanOrEqual(4);
  });

  it('draws, iota and comparisons', async () => {
    const b = new Builder();
    const r = b.random('G.z', [5, 8]);
    const i = b.iota([5, 8], 1, 'f32');
    const x = b.select(b.compare('le', i, b.scale(r, 8)), r, b.unary('neg', i));
    await check(fn('run', { x, r: b.sum(b.random('D.z', [7, 3]), [0]) }), [], { counter: 3 });
  });

  it('data fields: bytes, floats and numbers', async () => {
    const b = new Builder();
    const image = b.field('image', [3, 2, 6], 'f32');
    const odd = b.field('odd', [3, 5], 'f32');
    const label = b.field('label', [3], 'i32');
    const data: DataRequest = {
      name: 'd',
      source: 'test',
      args: {},
      fields: [
        { name: 'image', type: 'image', shape: [2, 6], args: {}, storage: { kind: 'u8', scale: 2 / 255, offset: -1 } },
        { name: 'odd', type: 'vector', shape: [5], args: {}, storage: { kind: 'u8', scale: 0.5, offset: 1 } },
        { name: 'label', type: 'class', shape: [], args: {}, storage: { kind: 'i32' } },
      ],
    };
    const rows = [2, 0, 2];
    const bytes = Uint8Array.from({ length: 36 }, (_, i) => (i * 37) % 256);
    const oddBytes = Uint8Array.from({ length: 24 }, (_, i) => i);
    const labels = Int32Array.from([5, 6, 7]);
    const gather = (from: ArrayLike<number>, stride: number, count: number, f: (v: number) => number): number[] =>
      rows.flatMap((row) => Array.from({ length: count }, (_, j) => f(from[row * stride + j])));
    const fields = {
      image: {
        count: 3,
        bytes,
        gathered: tensorOf(
          [3, 2, 6],
          gather(bytes, 12, 12, (v) => v * Math.fround(2 / 255) - 1),
        ),
      },
      odd: {
        count: 3,
        bytes: oddBytes,
        gathered: tensorOf(
          [3, 5],
          gather(oddBytes, 8, 5, (v) => v * 0.5 + 1),
        ),
      },
      label: {
        count: 3,
        bytes: new Uint8Array(labels.buffer),
        gathered: tensorOf(
          [3],
          gather(labels, 1, 1, (v) => v),
          'i32',
        ),
      },
    };
    const picked = b.binary('mul', image, b.broadcastTo(b.reshape(b.cast(label, 'f32'), [3, 1, 1]), [3, 2, 6]));
    await check(fn('run', { image, picked, odd: b.sum(odd, [1]), label }), [], { fields, rows }, data);
  });

  it('an update: flat weights, moments and average in place, packed gradients, views', async () => {
    const b = new Builder();
    const group = (kind: string): Variable[] => [
      { ...weight(`D.a.${kind}`, [6, 10], `D.${kind}`), kind: kind === 'weights' ? 'weight' : 'optimizer' },
      { ...weight(`D.b.${kind}`, [10], `D.${kind}`), kind: kind === 'weights' ? 'weight' : 'optimizer' },
      { name: `D.${kind}`, kind: 'flat', shape: [128], dtype: 'f32', group: `D.${kind}` },
    ];
    const variables = [...group('weights'), ...group('m'), ...group('v'), ...group('average')];
    const x = b.input('x', [4, 6], 'f32');
    const a = b.variable('D.a.weights', [6, 10], 'f32');
    const c = b.variable('D.b.weights', [10], 'f32');
    const h = b.binary('add', b.reshape(b.matmul(b.reshape(x, [1, 4, 6]), b.reshape(a, [1, 6, 10])), [4, 10]), b.broadcastTo(c, [4, 10]));
    const loss = b.scale(b.sum(b.unary('softplus', h), [0, 1]), 1 / 40);
    const gradients = derivative(b, [loss], [b.constant(1)], [a, c]);
    const flat = (name: string): Node => b.variable(name, [128], 'f32');
    const g = b.pack(gradients, [0, 64], 128);
    const t = b.binary('add', b.input('step', [], 'f32'), b.constant(1));
    const m = b.binary('add', b.scale(flat('D.m'), 0.5), b.scale(g, 0.5));
    const v = b.binary('add', b.scale(flat('D.v'), 0.9), b.scale(b.binary('mul', g, g), 0.1));
    const rate = b.binary('div', b.constant(0.01), b.binary('sub', b.constant(1), b.binary('pow', b.constant(0.5), t)));
    const change = b.binary('div', b.binary('mul', b.broadcastTo(rate, [128]), m), b.binary('add', b.unary('sqrt', b.unary('abs', v)), b.fill(v, 1e-3)));
    const w = b.binary('sub', flat('D.weights'), change);
    const average = b.binary('add', b.scale(flat('D.average'), 0.99), b.scale(w, 0.01));
    const nonfinite = b.sum(b.select(b.unary('finite', w), b.fill(w, 0), b.fill(w, 1)), [0]);
    const stores = { 'D.weights': w, 'D.m': m, 'D.v': v, 'D.average': average };
    const program = await check(fn('update.D', { loss, nonfinite }, stores), variables, { step: 4 });
    const { commands } = program.entries[0];
    expect(commands.filter((command) => command.kind === 'copy')).toEqual([]);
    const written = commands.flatMap((command) =>
      command.kind === 'dispatch' ? [command.bindings.filter((_, i) => program.kernels[command.kernel].bindings[i] === 'read_write').length] : [],
    );
    expect(Math.max(...written)).toBe(4);
  });

  it('stores that need the old value elsewhere are copied, swaps too', async () => {
    const b = new Builder();
    const variables = [weight('p', [8], 'g'), weight('q', [8], 'g'), weight('r', [8])];
    const p = b.variable('p', [8], 'f32');
    const q = b.variable('q', [8], 'f32');
    const r = b.variable('r', [8], 'f32');
    const program = await check(fn('run', { old: b.scale(p, 3) }, { p: q, q: p, r: b.binary('add', r, b.reverse(r, [0])) }), variables);
    expect(program.entries[0].commands.some((command) => command.kind === 'copy')).toBe(true);
  });
});
