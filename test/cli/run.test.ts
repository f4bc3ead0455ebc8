/** `ganc run`: one net, its outputs and derivatives against the float64 formulas written out here. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import type { TensorData } from '../../runtime/execute/tensor.js';
import { readSafetensors, writeSafetensors } from '../../runtime/train/safetensors.js';
import { ganc, temporaryFolder } from './support.js';

const cwd = temporaryFolder();
const f32 = (shape: number[], data: number[]): TensorData => ({ dtype: 'f32', shape, data: Float32Array.from(data) });
const write = (name: string, tensors: Record<string, TensorData>) => writeSafetensors(join(cwd, name), new Map(Object.entries(tensors)));
const read = async (name: string) => new Map([...(await readSafetensors(join(cwd, name)))].map(([key, { shape, data }]) => [key, { shape, data: [...data] }]));

function close(got: number[], want: number[]): void {
  expect(got.length).toBe(want.length);
  for (const [i, w] of want.entries()) expect(Math.abs(got[i] - w), `element ${i}: ${got[i]}, wanted ${w}`).toBeLessThanOrEqual(1e-5 + 1e-4 * Math.abs(w));
}

const x = [0.5, -1, 2, 0.25, 1.5, -0.75];
const w = [0.3, -0.2, 0.7, 0.1, 0.4, -0.6];
const b = [0.05, -0.1];
const c = [1, -2, 0.5, 1.5];

beforeAll(async () => {
  writeFileSync(
    join(cwd, 'nets.gan'),
    `net F(x: [3]) { x |> linear(2) as fc |> tanh }
net Pair(x: [3], y: [3]) {
  { sum: x + y, product: x * y }
}
net First(x: [3], y: [3]) { x * 2 }
net Norm(x: [2]) { x |> batch_norm }
`,
  );
  await write('x.safetensors', { x: f32([2, 3], x) });
  await write('w.safetensors', { 'F.fc.weight': f32([2, 3], w), 'F.fc.bias': f32([2], b), 'F.more': f32([1], [0]) });
  await write('c.safetensors', { result: f32([2, 2], c) });
  await write('v.safetensors', { x: f32([2, 3], [0.2, 0.4, -0.1, 1, -1, 0.5]) });
});

/** y = tanh(W x + b), row by row. */
function forward(input: number[]): number[] {
  const y: number[] = [];
  for (let n = 0; n < 2; n++) for (let o = 0; o < 2; o++) y.push(Math.tanh(b[o] + [0, 1, 2].reduce((sum, i) => sum + w[o * 3 + i] * input[n * 3 + i], 0)));
  return y;
}

test('outputs, first and second derivatives', async () => {
  const result = await ganc(
    [
      'run',
      'nets.gan',
      'F',
      '--in',
      'x.safetensors',
      '--weights',
      'w.safetensors',
      '--out',
      'o.safetensors',
      '--vjp',
      'c.safetensors',
      '--vjp2',
      'v.safetensors',
    ],
    { cwd },
  );
  expect(result.code).toBe(0);
  const out = await read('o.safetensors');
  expect([...out.keys()].sort()).toEqual(['grad.F.fc.bias', 'grad.F.fc.weight', 'grad.x', 'grad2.cotangent.result', 'grad2.x', 'result']);
  const y = forward(x);
  close(out.get('result')!.data, y);
  // d = c (1 - y^2); grad.x = d W, grad.weight = d^T x.
  const d = c.map((ci, i) => ci * (1 - y[i] ** 2));
  const gx = x.map((_, k) => [0, 1].reduce((sum, o) => sum + d[Math.floor(k / 3) * 2 + o] * w[o * 3 + (k % 3)], 0));
  close(out.get('grad.x')!.data, gx);
  close(
    out.get('grad.F.fc.weight')!.data,
    w.map((_, k) => [0, 1].reduce((sum, n) => sum + d[n * 2 + Math.floor(k / 3)] * x[n * 3 + (k % 3)], 0)),
  );
  close(out.get('grad.F.fc.bias')!.data, [d[0] + d[2], d[1] + d[3]]);
  // s = <grad.x, v> = sum c (1 - y^2) (W v): by c it is (1 - y^2) (W v), by x it is W^T (-2 y (1 - y^2) c (W v)).
  const v = [0.2, 0.4, -0.1, 1, -1, 0.5];
  const wv = c.map((_, i) => [0, 1, 2].reduce((sum, k) => sum + w[(i % 2) * 3 + k] * v[Math.floor(i / 2) * 3 + k], 0));
  close(
    out.get('grad2.cotangent.result')!.data,
    wv.map((u, i) => (1 - y[i] ** 2) * u),
  );
  close(
    out.get('grad2.x')!.data,
    x.map((_, k) =>
      [0, 1].reduce((sum, o) => {
        const i = Math.floor(k / 3) * 2 + o;
        return sum - 2 * y[i] * (1 - y[i] ** 2) * c[i] * wv[i] * w[o * 3 + (k % 3)];
      }, 0),
    ),
  );
});

test('a record gives its fields; --training gives the states', async () => {
  await write('xy.safetensors', { x: f32([1, 3], [1, 2, 3]), y: f32([1, 3], [4, 5, 6]) });
  expect((await ganc(['run', 'nets.gan', 'Pair', '--in', 'xy.safetensors', '--out', 'pair.safetensors'], { cwd })).code).toBe(0);
  const pair = await read('pair.safetensors');
  close(pair.get('sum')!.data, [5, 7, 9]);
  close(pair.get('product')!.data, [4, 10, 18]);
  // A parameter that the result does not depend on is still a parameter.
  await write('c1.safetensors', { result: f32([1, 3], [1, 1, 1]) });
  const unused = await ganc(['run', 'nets.gan', 'First', '--in', 'xy.safetensors', '--out', 'first.safetensors', '--vjp', 'c1.safetensors'], { cwd });
  expect(unused.code).toBe(0);
  close((await read('first.safetensors')).get('grad.y')!.data, [0, 0, 0]);

  await write('n.safetensors', { x: f32([4, 2], [1, 10, 2, 20, 3, 30, 4, 40]) });
  expect((await ganc(['run', 'nets.gan', 'Norm', '--training', '--in', 'n.safetensors', '--out', 'norm.safetensors'], { cwd })).code).toBe(0);
  const norm = await read('norm.safetensors');
  close(norm.get('state.Norm.batch_norm.running_mean')!.data, [0.25, 2.5]);
  close(norm.get('state.Norm.batch_norm.running_var')!.data, [0.9 + 0.1 * (5 / 3), 0.9 + 0.1 * (500 / 3)]);
});

test('whatever does not fit is named, all at once: exit 1', async () => {
  await write('wide.safetensors', { x: f32([2, 4], Array(8).fill(0)) });
  await write('named.safetensors', { z: f32([2, 3], x) });
  await write('renamed.safetensors', { 'F.fc1.weight': f32([2, 3], w), 'F.fc.bias': f32([3], [0, 0, 0]) });
  await write('integers.safetensors', { x: { dtype: 'i32', shape: [2, 3], data: new Int32Array(6) } });
  await write('ragged.safetensors', { x: f32([2, 3], x), y: f32([1, 3], [1, 2, 3]) });
  const plain = ['--in', 'x.safetensors', '--out', 'no.safetensors'];
  for (const [args, words] of [
    [
      ['F', '--in', 'wide.safetensors', '--out', 'no.safetensors'],
      ['[3]', '[4]'],
    ],
    [['F', '--in', 'named.safetensors', '--out', 'no.safetensors'], ['x']],
    [['F', '--in', 'integers.safetensors', '--out', 'no.safetensors'], ['I32']],
    [['Pair', '--in', 'ragged.safetensors', '--out', 'no.safetensors'], ['x holds 2 examples, y 1']],
    [['Pair', ...plain], ['y']],
    [['E', ...plain], ['F']],
    [
      ['F', ...plain, '--weights', 'renamed.safetensors'],
      ["F.fc.weight [2, 3] is missing; is it the file's F.fc1.weight?", 'F.fc.bias is [3]; wanted is [2]'],
    ],
    [
      ['F', ...plain, '--vjp', 'x.safetensors'],
      ['result', 'x is not asked for'],
    ],
    [
      ['F', '--in', 'none.safetensors', '--out', 'no.safetensors'],
      ['none.safetensors', 'no such file'],
    ],
  ] as [string[], string[]][]) {
    const result = await ganc(['run', 'nets.gan', ...args], { cwd });
    for (const word of words) expect(result.stderr, args.join(' ')).toContain(word);
    expect(result.code, args.join(' ')).toBe(1);
    expect(result.stderr).not.toMatch(/fault of ganc|\n\s+at /);
  }
  expect((await ganc(['run', 'nets.gan', 'F', ...plain, '--vjp2', 'v.safetensors'], { cwd })).code).toBe(2);
});
