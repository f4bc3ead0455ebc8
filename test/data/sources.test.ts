import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DataRequest } from '../../compiler/program/types.js';
import { mixtureOf, modeStatistics, points, ring } from '../../runtime/data/gaussians.js';
import { readIdx } from '../../runtime/data/idx.js';
import { DataError, type DataSet, loadData } from '../../runtime/data/index.js';
import { writeSafetensors } from '../../runtime/train/safetensors.js';
import { image, label, request, vector } from './requests.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ganc-data-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const load = (asked: DataRequest, seed = 1n) => loadData(asked, { seed, base: folder });

async function refusal(asked: DataRequest): Promise<string> {
  const error = await load(asked).then(
    () => undefined,
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(DataError);
  return String(error);
}

function floats(set: DataSet, name: string): Float32Array {
  const bytes = set.fields.get(name)!.bytes;
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
}

function ints(set: DataSet, name: string): Int32Array {
  const bytes = set.fields.get(name)!.bytes;
  return new Int32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
}

describe('the packaged digits', () => {
  test('ten thousand pictures with their labels, mixed, a tenth held out', async () => {
    const set = await load(request('mnist', {}, image('x', 1, 28, 28), label('y', 10)));
    expect([set.count, set.heldOut]).toEqual([9000, 1000]);
    expect(set.describe).toBe('mnist: 9000 rows (1000 held out), x: image[1, 28, 28], y: class[10]');
    const x = set.fields.get('x')!;
    expect([x.count, x.rowBytes, x.bytes.byteLength]).toEqual([10000, 784, 7840000]);
    const y = ints(set, 'y');
    expect(new Set(y.subarray(0, 60)).size).toBe(10);
    expect([...y].filter((v) => v === 1).length).toBe(1127);
    // A one is a thin stroke, a zero a wide ring: the labels belong to the pictures.
    const ink = (digit: number) => {
      let sum = 0;
      let n = 0;
      for (let i = 0; i < 10000; i++) {
        if (y[i] !== digit) continue;
        n++;
        for (let j = 0; j < 784; j++) sum += x.bytes[784 * i + j];
      }
      return sum / n / 255;
    };
    expect(ink(1)).toBeLessThan(70);
    expect(ink(0)).toBeGreaterThan(120);
  });

  test('what they cannot deliver is refused with what to write', async () => {
    expect(await refusal(request('mnist', {}, image('x', 1, 32, 32)))).toBe(
      "field 'x' asks for image[1, 32, 32]\n  reason: mnist delivers image[1, 28, 28] and does not resize\n  mend: write x: image[1, 28, 28]",
    );
    expect(await refusal(request('mnist', {}, label('y', 12)))).toBe(
      "field 'y' asks for class[12]\n  reason: mnist has 10 classes\n  mend: write y: class[10]",
    );
    expect(await refusal(request('mnist', {}, { ...image('x', 1, 28, 28), type: 'imgae' }))).toBe(
      "field 'x' asks for imgae[1, 28, 28]\n  reason: mnist delivers fields of type image and class\n  mend: did you mean 'image'?",
    );
    expect(await refusal(request('mnsit', {}, image('x', 1, 28, 28)))).toBe(
      "there is no data source 'mnsit'\n  reason: there are mnist, idx, images, bouncing_mnist, clips, ring, grid, tensors\n  mend: did you mean 'mnist'?",
    );
    expect(await refusal(request('mnist', { pth: 'x' }, image('x', 1, 28, 28)))).toContain("has no argument 'pth'");
    expect(await refusal(request('mnist', { count: 10001 }, image('x', 1, 28, 28)))).toContain('there are 10000 rows');
    expect(await refusal(request('mnist', { held_out: 1 }, image('x', 1, 28, 28)))).toContain('must be below 1');
  });
});

function idx(shape: number[], data: Uint8Array): Buffer {
  const head = Buffer.alloc(4 + 4 * shape.length);
  head[2] = 8;
  head[3] = shape.length;
  for (const [i, n] of shape.entries()) head.writeUInt32BE(n, 4 + 4 * i);
  return Buffer.concat([head, data]);
}

describe('IDX files', () => {
  const pictures = Uint8Array.from({ length: 20 * 6 }, (_, i) => i);
  const labels = Uint8Array.from({ length: 20 }, (_, i) => i % 10);

  test('a folder of digits, gzipped or plain', async () => {
    const digits = Uint8Array.from({ length: 20 * 784 }, (_, i) => Math.floor(i / 784));
    await writeFile(join(folder, 'train-images-idx3-ubyte.gz'), gzipSync(idx([20, 28, 28], digits)));
    await writeFile(join(folder, 'train-labels.idx1-ubyte'), idx([20], labels));
    const set = await load(request('mnist', { path: '.' }, image('x', 1, 28, 28), label('y', 10)));
    expect([set.count, set.heldOut]).toEqual([18, 2]);
    const x = set.fields.get('x')!;
    const y = ints(set, 'y');
    for (let i = 0; i < 20; i++) expect(x.bytes[784 * i] % 10).toBe(y[i]);
    expect(await refusal(request('mnist', { path: 'none' }, image('x', 1, 28, 28)))).toContain('has no file train-images-idx3-ubyte');
  });

  test('files by name; odd rows are padded to words', async () => {
    await writeFile(join(folder, 'p'), idx([20, 2, 3], pictures));
    await writeFile(join(folder, 'l'), idx([20], labels));
    const set = await load(request('idx', { images: 'p', labels: 'l', held_out: 0 }, image('x', 1, 2, 3), label('y', 10)));
    const x = set.fields.get('x')!;
    expect([set.count, x.rowBytes]).toEqual([20, 8]);
    const y = ints(set, 'y');
    for (let i = 0; i < 20; i++) {
      const [first] = x.bytes.subarray(8 * i);
      expect([...x.bytes.subarray(8 * i, 8 * i + 8)]).toEqual([0, 1, 2, 3, 4, 5].map((j) => first + j).concat(0, 0));
      expect((first / 6) % 10).toBe(y[i]);
    }
    expect(await refusal(request('idx', { images: 'l' }, image('x', 1, 2, 3)))).toContain('is this the file of labels, not of pictures?');
    expect(await refusal(request('idx', { images: 'p' }, label('y', 10)))).toContain('write idx(labels: "file")');
    await writeFile(join(folder, 'fewer'), idx([19], labels.subarray(0, 19)));
    expect(await refusal(request('idx', { images: 'p', labels: 'fewer' }, image('x', 1, 2, 3), label('y', 10)))).toContain(
      'one has 20 pictures, the other 19 labels',
    );
  });

  test.each([
    ['empty', Buffer.alloc(0), 'does not start as IDX files do'],
    ['not IDX', Buffer.from('hello world'), 'does not start as IDX files do'],
    ['floats', Buffer.from('00000d03', 'hex'), 'its elements are 32-bit floats'],
    ['header cut', Buffer.from('0000080300000001', 'hex'), 'its header is cut short'],
    ['data cut', idx([20, 2, 3], pictures.subarray(1)), 'it holds 119 bytes where its header (20 x 2 x 3) says 120: it is cut short'],
    ['too long', idx([20, 2, 3], Buffer.concat([pictures, Buffer.from([0])])), 'it holds more than the 120 bytes that its header (20 x 2 x 3) says'],
    ['huge claim', idx([4294967295, 28, 28], pictures), 'more than the 1073741824 that are allowed'],
    ['no rows', idx([0, 28, 28], new Uint8Array(0)), 'it is empty: 0 x 28 x 28'],
    ['gzip cut', gzipSync(idx([20, 2, 3], pictures)).subarray(0, 40), 'its gzip data is damaged or cut short'],
    ['a gzip bomb', gzipSync(Buffer.concat([idx([1, 2, 3], new Uint8Array(6)), Buffer.alloc(1 << 22)])), 'it holds more than the 6 bytes'],
  ])('damage: %s', async (name, bytes, reason) => {
    const path = join(folder, name.replace(' ', '-'));
    await writeFile(path, bytes);
    await expect(readIdx(path, [3]).catch((e: unknown) => Promise.reject(new Error(String(e))))).rejects.toThrow(reason);
  });

  test('a property: damage never crashes', async () => {
    const whole = [idx([4, 2, 3], pictures.subarray(0, 24)), gzipSync(idx([4, 2, 3], pictures.subarray(0, 24)))];
    const path = join(folder, 'damaged');
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...whole), fc.nat(), fc.nat(255), fc.nat(), async (bytes, at, value, cut) => {
        const copy = Buffer.from(bytes);
        copy[at % copy.length] = value;
        await writeFile(path, copy.subarray(0, copy.length - (cut % 8)));
        await readIdx(path, [3, 4]).catch((error: unknown) => expect(error).toBeInstanceOf(DataError));
      }),
      { numRuns: 100 },
    );
  });
});

describe('Gaussians in the plane', () => {
  test('a ring: eight modes with equal shares, the right spread, classes that fit', async () => {
    const set = await load(request('ring', { count: 8000, held_out: 0 }, vector('x', 2), label('m', 8)));
    const xy = floats(set, 'x');
    const m = ints(set, 'm');
    const mixture = mixtureOf(request('ring', {}))!;
    const statistics = modeStatistics(mixture, xy);
    expect(statistics.found).toBe(8);
    expect(Math.min(...statistics.counts)).toBeGreaterThan(960);
    // Within 3 standard deviations in the plane: 1 - exp(-9/2).
    expect(Math.abs(statistics.near - (1 - Math.exp(-4.5)))).toBeLessThan(0.005);
    let square = 0;
    for (let i = 0; i < 8000; i++) square += (xy[2 * i] - mixture.centres[m[i]][0]) ** 2 + (xy[2 * i + 1] - mixture.centres[m[i]][1]) ** 2;
    expect(Math.abs(Math.sqrt(square / 16000) / 0.02 - 1)).toBeLessThan(0.02);
  });

  test('the seed decides, and a longer set begins with the shorter', () => {
    const mixture = ring(8, 2, 0.02);
    expect(points(mixture, 3n, 50)).toEqual(points(mixture, 3n, 100).subarray(0, 100));
    expect(points(mixture, 3n, 50)).not.toEqual(points(mixture, 4n, 50));
  });

  test('a grid of 25 around the origin', async () => {
    const set = await load(request('grid', { count: 1000 }, vector('x', 2)));
    expect(modeStatistics(mixtureOf(request('grid', {}))!, floats(set, 'x')).found).toBe(25);
    expect(mixtureOf(request('grid', {}))!.centres[0]).toEqual([-4, -4]);
  });

  test('modes are counted as found only where samples are near', () => {
    const statistics = modeStatistics(ring(4, 1, 0.1), Float32Array.of(1, 0, 1.05, 0, 0, 0.65, Number.NaN, 0));
    expect(statistics).toEqual({ found: 1, modes: 4, near: 0.5, counts: [2, 0, 0, 0], samples: 4 });
    const stray = Float32Array.from([...Array.from({ length: 100 }, () => [1, 0]).flat(), 0, 1]);
    expect(modeStatistics(ring(4, 1, 0.1), stray)).toMatchObject({ found: 1, near: 1 });
  });

  test('wrong arguments', async () => {
    expect(await refusal(request('ring', { modes: 2.5 }, vector('x', 2)))).toBe(
      'ring(modes: 2.5) is not possible\n  reason: modes, the number of modes, must be a whole number from 1 to 10000',
    );
    expect(await refusal(request('ring', { std: 0 }, vector('x', 2)))).toContain('must be over 0');
    expect(await refusal(request('ring', {}, vector('x', 3)))).toContain('write x: vector[2]');
  });
});

describe('tensors of a file', () => {
  test('fields by name, in the file', async () => {
    await writeSafetensors(
      join(folder, 't.safetensors'),
      new Map([
        ['x', { dtype: 'f32', shape: [4, 2], data: Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8) }],
        ['y', { dtype: 'i32', shape: [4], data: Int32Array.of(0, 1, 2, 1) }],
        ['short', { dtype: 'f32', shape: [3, 2], data: new Float32Array(6) }],
        ['bad', { dtype: 'f32', shape: [4, 2], data: Float32Array.of(0, 0, 0, 0, 0, 0, 0, Number.NaN) }],
      ]),
    );
    const tensors = (...fields: Parameters<typeof request>[2][]) => request('tensors', { path: 't.safetensors' }, ...fields);
    const set = await load(tensors(vector('x', 2), label('y', 3)));
    expect([...floats(set, 'x')]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect([...ints(set, 'y')]).toEqual([0, 1, 2, 1]);
    expect([set.count, set.heldOut]).toEqual([4, 0]);
    expect(await refusal(tensors(label('y', 2)))).toContain('holds 2, outside of 0 to 1');
    expect(await refusal(tensors(vector('x', 2), vector('short', 2)))).toContain("'x' has 4 rows, 'short' has 3");
    expect(await refusal(tensors(vector('x', 3)))).toContain('is [4, 2], not [rows, 3]');
    expect(await refusal(tensors(vector('bad', 2)))).toContain('holds NaN');
    expect(await refusal(tensors(vector('shrot', 2)))).toContain("did you mean 'short'?");
    expect(await refusal(tensors({ ...image('x', 2) }))).toContain('it is kept as bytes, but the tensor');
    expect(await refusal(tensors({ ...vector('y'), storage: { kind: 'f32' } }))).toContain('is I32, where f32 is needed');
    expect(await refusal(request('tensors', { path: 'gone' }, vector('x', 2)))).toContain('no such file');
    expect(await refusal(request('tensors', {}, vector('x', 2)))).toContain('write tensors(path: "...")');
  });

  test('bytes stay bytes, and become floats where floats are asked', async () => {
    const header = Buffer.from('{"x":{"dtype":"U8","shape":[2,1,1,3],"data_offsets":[0,6]}}      ', 'utf8').subarray(0, 64);
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(header.byteLength));
    await writeFile(join(folder, 'u8'), Buffer.concat([length, header, Buffer.from([0, 128, 255, 1, 2, 3])]));
    const asBytes = await load(request('tensors', { path: 'u8' }, image('x', 1, 1, 3)));
    expect([...asBytes.fields.get('x')!.bytes]).toEqual([0, 128, 255, 0, 1, 2, 3, 0]);
    expect([...floats(await load(request('tensors', { path: 'u8' }, vector('x', 1, 1, 3))), 'x')]).toEqual([0, 128, 255, 1, 2, 3]);
  });
});

test('a set is loaded once for several runs', async () => {
  const cache = new Map<string, Promise<DataSet>>();
  const asked = request('ring', { count: 10 }, vector('x', 2));
  const a = await loadData(asked, { seed: 1n, cache });
  expect(await loadData(asked, { seed: 1n, cache })).toBe(a);
  expect(await loadData(asked, { seed: 2n, cache })).not.toBe(a);
});
