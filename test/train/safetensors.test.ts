import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TensorData } from '../../runtime/execute/tensor.js';
import {
  decodeSafetensors,
  encodeSafetensors,
  readSafetensors,
  readSafetensorsFile,
  SafetensorsError,
  writeSafetensors,
} from '../../runtime/train/safetensors.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ganc-safetensors-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function file(header: string, data = 0): Uint8Array {
  const text = Buffer.from(header, 'utf8');
  const bytes = Buffer.alloc(8 + text.byteLength + data);
  bytes.writeBigUInt64LE(BigInt(text.byteLength), 0);
  text.copy(bytes, 8);
  return bytes;
}

function reasonOf(bytes: Uint8Array): string {
  try {
    decodeSafetensors(bytes, 'w.safetensors');
  } catch (error) {
    expect(error).toBeInstanceOf(SafetensorsError);
    expect((error as SafetensorsError).file).toBe('w.safetensors');
    return (error as SafetensorsError).reason;
  }
  return 'read';
}

const sample = new Map<string, TensorData>([
  ['D.fc1.weight', { dtype: 'f32', shape: [2, 3], data: Float32Array.of(1, -2, 0.5, 1e-30, Number.NaN, Number.POSITIVE_INFINITY) }],
  ['mask', { dtype: 'bool', shape: [3], data: Uint32Array.of(1, 0, 1) }],
  ['ids', { dtype: 'i32', shape: [2], data: Int32Array.of(-7, 2147483647) }],
  ['scalar', { dtype: 'u32', shape: [], data: Uint32Array.of(4294967295) }],
  ['none', { dtype: 'f32', shape: [0, 4], data: new Float32Array(0) }],
]);

test('what is written is read: names, shapes, types, bits and metadata', async () => {
  const path = join(folder, 'a.safetensors');
  await writeSafetensors(
    path,
    sample,
    new Map([
      ['step', '37'],
      ['who', 'D "and" G'],
    ]),
  );
  const { tensors, metadata } = await readSafetensorsFile(path);
  expect([...metadata]).toEqual([
    ['step', '37'],
    ['who', 'D "and" G'],
  ]);
  expect(new Set(tensors.keys())).toEqual(new Set(sample.keys()));
  for (const [name, tensor] of sample) {
    const read = tensors.get(name);
    expect([read?.dtype, read?.shape, read?.data]).toEqual([tensor.dtype, tensor.shape, tensor.data]);
  }
  const bytes = await readFile(path);
  expect(Number(bytes.readBigUInt64LE(0)) % 8).toBe(0);
  expect(await readdir(folder)).toEqual(['a.safetensors']);
});

test('the same tensors give the same bytes, in the order given', () => {
  const bytes = () => Buffer.concat(encodeSafetensors(sample));
  expect(bytes().equals(bytes())).toBe(true);
  expect([...decodeSafetensors(bytes(), 'x').tensors.keys()]).toEqual(['D.fc1.weight', 'ids', 'scalar', 'none', 'mask']);
});

test('a property: any tensors survive', () => {
  const tensor = fc.array(fc.nat(4), { maxLength: 4 }).chain((shape) => {
    const length = shape.reduce((a, b) => a * b, 1);
    return fc
      .array(fc.float({ noNaN: true }), { minLength: length, maxLength: length })
      .map((v): TensorData => ({ dtype: 'f32', shape, data: Float32Array.from(v) }));
  });
  const name = fc.string({ minLength: 1, unit: 'binary' }).filter((n) => !['__proto__', 'constructor', 'prototype', '__metadata__'].includes(n));
  fc.assert(
    fc.property(fc.array(fc.tuple(name, tensor), { maxLength: 5 }), (list) => {
      const tensors = new Map(list);
      const read = decodeSafetensors(Buffer.concat(encodeSafetensors(tensors)), 'x').tensors;
      expect([...read].map(([n, t]) => [n, t.shape, t.data])).toEqual([...tensors].map(([n, t]) => [n, t.shape, t.data]));
    }),
    { numRuns: 60 },
  );
});

test('a property: damage is an error with a reason, never a crash', () => {
  const whole = Buffer.concat(encodeSafetensors(sample, new Map([['a', 'b']])));
  const damage = fc.oneof(
    fc.record({ at: fc.nat(whole.length - 1), byte: fc.nat(255) }).map(({ at, byte }) => {
      const copy = Buffer.from(whole);
      copy[at] = byte;
      return copy;
    }),
    fc.nat(whole.length).map((length) => whole.subarray(0, length)),
    fc.uint8Array({ maxLength: 64 }).map((tail) => Buffer.concat([whole, tail])),
    fc.uint8Array({ maxLength: 64 }),
    fc.json().map((text) => file(text)),
    fc
      .string({ unit: fc.constantFrom('{', '}', '"', ':', ',', '[', ']', '0', '8', 'F32', '"dtype"', '"shape"', '"data_offsets"', 'a', '\\') })
      .map((text) => file(text, 8)),
  );
  fc.assert(
    fc.property(damage, (bytes) => {
      try {
        for (const tensor of decodeSafetensors(bytes, 'x').tensors.values()) tensor.data;
      } catch (error) {
        expect(error).toBeInstanceOf(SafetensorsError);
        expect((error as SafetensorsError).reason).not.toBe('');
      }
    }),
    { numRuns: 500 },
  );
});

describe('a hostile header is refused with its reason', () => {
  const f32 = (shape: string, from: number, to: number) => `{"dtype":"F32","shape":${shape},"data_offsets":[${from},${to}]}`;
  test.each([
    ['too short', Buffer.alloc(3), 'it has 3 bytes; a safetensors file has at least 8'],
    [
      'a huge header',
      Buffer.from('ffffffffffffff7f', 'hex'),
      'its header would be 9223372036854775807 bytes long: this is not a safetensors file, or it is damaged',
    ],
    ['a header beyond the file', Buffer.from('1000000000000000', 'hex'), 'its header says 16 bytes, but only 0 follow: the file is cut short or damaged'],
    ['a name twice', file(`{"a":${f32('[1]', 0, 4)},"a":${f32('[1]', 4, 8)}}`, 8), 'the name "a" is given twice'],
    ['__proto__', file(`{"__proto__":${f32('[1]', 0, 4)}}`, 4), '"__proto__" cannot be the name of a tensor'],
    ['an escaped __proto__', file(`{"__pr\\u006fto__":${f32('[1]', 0, 4)}}`, 4), '"__proto__" cannot be the name of a tensor'],
    ['overlap', file(`{"a":${f32('[2]', 0, 8)},"b":${f32('[1]', 4, 8)}}`, 8), 'tensors "a" and "b" overlap'],
    ['a hole', file(`{"a":${f32('[1]', 4, 8)}}`, 8), '4 bytes before tensor "a" belong to no tensor'],
    ['a tail', file(`{"a":${f32('[1]', 0, 4)}}`, 8), 'the last 4 bytes belong to no tensor'],
    ['out of the file', file(`{"a":${f32('[4]', 0, 16)}}`, 8), 'tensor "a" reaches to byte 16 of the data, but the file holds 8: it is cut short or damaged'],
    ['shape and range differ', file(`{"a":${f32('[3]', 0, 8)}}`, 8), 'tensor "a" is F32 [3], which is 12 bytes, but its data_offsets span 8'],
    ['a product beyond 2^53', file(`{"a":${f32('[4294967296,4294967296,0]', 0, 0)}}`, 0), 'read'],
    [
      'a huge product',
      file(`{"a":${f32('[9007199254740991,9007199254740991]', 0, 8)}}`, 8),
      'tensor "a" claims the shape [9007199254740991, 9007199254740991], more than any file holds',
    ],
    [
      'unknown dtype',
      file('{"a":{"dtype":"toString","shape":[],"data_offsets":[0,0]}}'),
      'tensor "a" has the unknown dtype "toString" (known: F64, I64, U64, F32, I32, U32, F16, BF16, I16, U16, I8, U8, BOOL)',
    ],
    ['negative', file('{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,0]}}'), 'the shape of tensor "a" is not a list of whole numbers'],
    ['lacking', file('{"a":{"dtype":"F32","shape":[1]}}'), 'tensor "a" lacks data_offsets'],
    ['metadata not text', file('{"__metadata__":{"a":1}}'), 'the value of "a" in __metadata__ is not text'],
    ['deep nesting', file('['.repeat(100000)), 'its header is not as it should be: at byte 0 of it there is "[" where "{" belongs'],
    [
      'not text',
      Buffer.concat([Buffer.from('0200000000000000', 'hex'), Buffer.from([0xff, 0xfe])]),
      'its header is not UTF-8 text: this is not a safetensors file, or it is damaged',
    ],
  ])('%s', (_, bytes, reason) => expect(reasonOf(bytes)).toBe(reason));
});

test('other types are converted, values that do not fit are refused', () => {
  const one = (dtype: string, hex: string) => {
    const data = Buffer.from(hex, 'hex');
    const head = file(`{"a":{"dtype":"${dtype}","shape":[1],"data_offsets":[0,${data.byteLength}]}}`);
    return decodeSafetensors(Buffer.concat([head, data]), 'w').tensors.get('a')!;
  };
  expect(one('F16', '003c').data[0]).toBe(1);
  expect(one('F16', '0100').data[0]).toBe(2 ** -24);
  expect(one('F16', '00fc').data[0]).toBe(Number.NEGATIVE_INFINITY);
  expect(one('BF16', '80bf').data[0]).toBe(-1);
  expect(one('F64', '000000000000e0bf').data[0]).toBe(-0.5);
  expect(one('I64', 'feffffffffffffff').data[0]).toBe(-2);
  expect(one('U8', 'ff').as('i32').data[0]).toBe(255);
  expect(() => one('F64', '000000000000007f').data).toThrow('which is too large for f32');
  expect(() => one('I64', '0000000001000000').data).toThrow('w: tensor "a" holds 4294967296, which does not fit in i32');
  expect(() => one('I32', 'ffffffff').as('u32')).toThrow('w: tensor "a" holds -1, which does not fit in u32');
  expect(() => one('F32', '00000000').as('i32')).toThrow('w: tensor "a" is F32, where i32 is needed');
  expect(() => one('I64', '0000000000000000').as('f32')).toThrow('w: tensor "a" is I64, where f32 is needed');
  expect(() => one('BOOL', '02').data).toThrow('w: tensor "a" is BOOL but holds the byte 2');
});

test('files that are not there or not files say so', async () => {
  await expect(readSafetensors(join(folder, 'absent'))).rejects.toThrow(/absent: it cannot be read: no such file$/);
  await expect(readSafetensors(folder)).rejects.toThrow(/: it is a folder, not a safetensors file$/);
  await writeFile(join(folder, 'text'), 'hello, I am no tensor');
  await expect(readSafetensors(join(folder, 'text'))).rejects.toThrow(/its header would be \d+ bytes long/);
  await expect(writeSafetensors(join(folder, 'no', 'such', 'folder'), sample)).rejects.toThrow(/it cannot be written: no such file$/);
});
