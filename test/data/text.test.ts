/** Captions to numbers and back: the rules of words, vocabulary and padding; what a run keeps of them. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { FieldRequest } from '../../compiler/program/types.js';
import { checkColumn, packColumn, rowBytesOf } from '../../runtime/data/columns.js';
import { DataError } from '../../runtime/data/error.js';
import { factsOf, manifestOf, parseManifest, vocabularyFor, vocabularyOf } from '../../runtime/data/manifest.js';
import { Vocabulary, wordsOf } from '../../runtime/data/text.js';

const tokens = (length: number, words?: number): FieldRequest => ({
  name: 't',
  type: 'tokens',
  shape: [length],
  args: words === undefined ? {} : { words },
  storage: { kind: 'i32' },
});

test('words: lower case, composed, signs apart, nothing of blanks and controls', () => {
  expect(wordsOf('The digit 7 is moving up and down.')).toEqual(['the', 'digit', '7', 'is', 'moving', 'up', 'and', 'down', '.']);
  expect(wordsOf("  A dog's well-known\ttrick,\u0000 (twice)! ")).toEqual(['a', "dog's", 'well-known', 'trick', ',', '(', 'twice', ')', '!']);
  // é as one character and as e with an accent are one word.
  expect(wordsOf('CAFE\u0301')).toEqual(wordsOf('café'));
  expect(wordsOf('日本 ☃ <padding>')).toEqual(['日本', '☃', '<', 'padding', '>']);
  expect(wordsOf(' \n')).toEqual([]);
});

test('words stay themselves when a caption of theirs is cut anew', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const words = wordsOf(text);
      expect(wordsOf(words.join(' '))).toEqual(words);
    }),
  );
});

test('a vocabulary: padding, unknown, then words by falling count and the alphabet', () => {
  const v = Vocabulary.of(['b a a c .', 'c a d .']);
  expect(v.words).toEqual(['<padding>', '<unknown>', 'a', '.', 'c', 'b', 'd']);
  expect([v.has('a'), v.has('z'), v.has('<unknown>'), v.has('<padding>')]).toEqual([true, false, false, false]);
  expect([...v.encode('a Z d.', 6)]).toEqual([2, 1, 6, 3, 0, 0]);
  expect([...v.encode('a a a a', 2)]).toEqual([2, 2]);
  expect(v.decode([2, 1, 6, 3, 0, 0])).toBe('a <unknown> d .');
  expect(v.lacks('a zebra and a zebra')).toEqual(['zebra', 'and']);
  expect(new Vocabulary(JSON.parse(JSON.stringify(v.words))).encode('d c b', 4)).toEqual(v.encode('d c b', 4));
});

test('more words than numbers: the rarest are unknown, and a warning says so', () => {
  const said: string[] = [];
  const v = Vocabulary.of(['b a a c .', 'c a d .'], 5, (text) => said.push(text));
  expect(v.words).toEqual(['<padding>', '<unknown>', 'a', '.', 'c']);
  expect([...v.encode('d b c', 3)]).toEqual([1, 1, 4]);
  expect(said).toEqual(['2 of 5 words of the captions are unknown to the nets: b, d (words: 7 would hold all)']);
  expect(Vocabulary.of(['a a'], 3, (text) => said.push(text)).size).toBe(3);
  expect(said).toHaveLength(1);
});

test('the nearest words to one that is missing', () => {
  const v = Vocabulary.of(['moving left and right', 'going up']);
  expect(v.nearest('movign')[0]).toBe('moving');
  expect(v.nearest('Rigth', 1)).toEqual(['right']);
});

test('token, clip and sound columns reach the layout that the device reads', () => {
  const words = { kind: 'tokens', length: 3, words: 9, data: Int32Array.of(2, 8, 0, 3, 0, 0) } as const;
  checkColumn(tokens(3, 9), words, 'clips');
  const rows = packColumn(tokens(3, 9), words, Uint32Array.of(1, 0));
  expect([rows.count, rows.rowBytes, rowBytesOf(tokens(3, 9))]).toEqual([2, 12, 12]);
  expect([...new Int32Array(rows.bytes.buffer)]).toEqual([3, 0, 0, 2, 8, 0]);
  expect(() => checkColumn(tokens(3, 8), words, 'clips')).toThrow(DataError);
  expect(() => checkColumn(tokens(4, 9), words, 'clips')).toThrow("field 't' asks for tokens[4, words: 9]");

  const clip: FieldRequest = { name: 'x', type: 'video', shape: [1, 2, 1, 3], args: {}, storage: { kind: 'u8', scale: 2 / 255, offset: -1 }, range: [-1, 1] };
  const video = { kind: 'video', shape: [1, 2, 1, 3], data: Uint8Array.from({ length: 12 }, (_, i) => i) } as const;
  checkColumn(clip, video, 'clips');
  // Rows are padded to whole words.
  expect([...packColumn(clip, video, Uint32Array.of(1)).bytes]).toEqual([6, 7, 8, 9, 10, 11, 0, 0]);
  const floats = packColumn({ ...clip, storage: { kind: 'f32' } }, { ...video, data: Uint8Array.of(0, 255, 0, 255, 0, 255) }, Uint32Array.of(0));
  expect([...new Float32Array(floats.bytes.buffer)]).toEqual([-1, 1, -1, 1, -1, 1]);
  expect(() => checkColumn(clip, { ...video, shape: [1, 2, 3, 1] }, 'clips')).toThrow(DataError);

  const heard: FieldRequest = { name: 'a', type: 'audio', shape: [2, 2], args: {}, storage: { kind: 'f32' } };
  const sound = { kind: 'audio', shape: [2, 2], data: Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8) } as const;
  expect([...new Float32Array(packColumn(heard, sound, Uint32Array.of(1)).bytes.buffer)]).toEqual([5, 6, 7, 8]);
});

test("a run's manifest comes back as it was, decides the numbers of words, and is refused where it is damaged", () => {
  const first = Vocabulary.of(['up and down']);
  const made = manifestOf('clips', {
    t: { type: 'tokens', length: 4, words: first.words },
    y: { type: 'class', names: ['up', 'down'] },
    a: { type: 'audio', frames: 8, bands: 20, seconds: 1, rate: 16000 },
    x: { type: 'video', framesPerSecond: 8 },
  });
  const back = parseManifest(JSON.stringify(made), 'data.json');
  expect(back).toEqual(made);
  expect(factsOf(back, 'a', 'audio')?.seconds).toBe(1);
  expect([factsOf(back, 'a', 'video'), factsOf(back, 'toString', 'video'), factsOf(undefined, 'a', 'audio')]).toEqual([undefined, undefined, undefined]);
  expect(vocabularyOf(back, 't')?.words).toEqual(first.words);

  const said: string[] = [];
  const again = vocabularyFor(tokens(4), ['down and left and left'], { manifest: back, warn: (text) => said.push(text) });
  expect([...again.encode('down and left', 4)]).toEqual([...first.encode('down and', 2), 1, 0]);
  expect(said).toEqual(['1 words of the captions are unknown to this run: left']);

  const refused = (change: (m: Record<string, unknown>) => unknown) => {
    const copy = JSON.parse(JSON.stringify(made));
    expect(() => parseManifest(JSON.stringify(change(copy)), 'run/data.json')).toThrow(DataError);
  };
  refused(() => null);
  refused((m) => ({ ...m, format: 'ganc-data/9' }));
  refused((m) => ({ ...m, fields: null }));
  refused((m) => ({ ...m, fields: { t: { type: 'tokens', length: 4, words: ['up'] } } }));
  refused((m) => ({ ...m, fields: { t: { type: 'tokens', length: 4, words: [1] } } }));
  refused((m) => ({ ...m, fields: { a: { type: 'audio', frames: 8, bands: 20, seconds: 0, rate: 16000 } } }));
  refused((m) => ({ ...m, fields: { q: { type: 'smell' } } }));
  expect(() => parseManifest('{', 'run/data.json')).toThrow('run/data.json cannot be used');
});
