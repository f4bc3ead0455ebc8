/** What is damaged, missing, hostile or not what it is said to be: always one clear error that names the file, and its line where it has lines, with a mend. */

import { Buffer } from 'node:buffer';
import { execFileSync } from 'node:child_process';
import { chmod, mkdir, symlink } from 'node:fs/promises';
import fc from 'fast-check';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DataRequest } from '../../compiler/program/types.js';
import { DataError } from '../../runtime/data/index.js';
import { writeSafetensors } from '../../runtime/train/safetensors.js';
import { ganc } from '../cli/support.js';
import { Folder, grey, moving, tone } from './folder.js';
import { audio, image, label, request, tokens, vector, video } from './requests.js';

let folder: Folder;
beforeAll(async () => {
  folder = await Folder.make();
});
afterAll(() => folder.remove());

/** A case makes its files in a folder of its own, and asks for data there. */
interface Damage {
  readonly make: (at: string) => Promise<unknown>;
  readonly ask: (at: string) => DataRequest;
  /** What is said; `AT/` stands for the folder. */
  readonly says: readonly (string | RegExp)[];
}

const x = video('x', 1, 4, 4, 4);
const clips =
  (...fields: Parameters<typeof request>[2][]) =>
  (at: string) =>
    request('clips', { path: at }, ...(fields.length > 0 ? fields : [x]));
const said = clips(x, tokens('t', 6, 32));
const heard = clips(x, audio('a', 4, 4));
const gif = () => moving([10, 40, 80, 120]);

/** A good clip, and a caption file of it. */
const captioned = (content: string | Uint8Array, name = 'captions.jsonl') => ({
  make: async (at: string) => {
    await folder.put(`${at}/a.gif`, await gif());
    await folder.put(`${at}/${name}`, content);
  },
});

/** A good clip and a line that names a sound; `content` of it. */
const sounding = (content: Uint8Array | undefined, sound = 'a.wav') => ({
  ask: heard,
  make: async (at: string) => {
    await folder.put(`${at}/a.gif`, await gif());
    await folder.put(`${at}/captions.jsonl`, JSON.stringify({ file: 'a.gif', sound }));
    if (content !== undefined) await folder.put(`${at}/${sound}`, content);
  },
});

const holding = (name: string, content: () => Promise<Uint8Array | string> | Uint8Array | string) => ({
  make: async (at: string) => folder.put(`${at}/${name}`, await content()),
});

function crc(bytes: Uint8Array): number {
  let value = 0xffffffff;
  for (const byte of bytes) {
    value ^= byte;
    for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ (value & 1 ? 0xedb88320 : 0);
  }
  return ~value >>> 0;
}

/** A PNG whose header claims this size, and that holds one pixel. */
async function claiming(width: number, height: number): Promise<Buffer> {
  const file = Buffer.from(await grey(9, { width: 1, height: 1 }));
  file.writeUInt32BE(width, 16);
  file.writeUInt32BE(height, 20);
  file.writeUInt32BE(crc(file.subarray(12, 29)), 29);
  return file;
}

function idx(shape: number[], bytes: number): Buffer {
  const file = Buffer.alloc(4 + 4 * shape.length + bytes);
  file[2] = 8;
  file[3] = shape.length;
  for (const [i, n] of shape.entries()) file.writeUInt32BE(n, 4 + 4 * i);
  return file;
}

const pictures = (at: string) => request('images', { path: at }, image('x', 1, 4, 4));
const digits = (at: string) => request('idx', { images: `${at}/pictures`, labels: `${at}/labels` }, image('x', 1, 2, 2), label('y', 10));
const stored = (at: string) => request('tensors', { path: `${at}/t.safetensors` }, vector('v', 2));

const cases: Record<string, Damage> = {
  'a folder that is not there': { make: async () => 0, ask: clips(), says: ['AT as a folder of clips', 'there is no such folder'] },
  'a file where the folder should be': { make: (at) => folder.put(at, 'text'), ask: clips(), says: ['AT as a folder of clips', 'it is a file, not a folder'] },
  'an empty folder': { make: (at) => mkdir(folder.path(at), { recursive: true }), ask: clips(), says: ['no clips in AT', 'it is empty'] },
  'a folder without clips': { ...holding('movie.txt', () => 'text'), ask: clips(), says: ['no clips in AT', '.gif, .webp, .mp4'] },
  'frames that lie in the root': { ...holding('1.png', () => grey(3)), ask: clips(), says: ['no clips in AT', '1.png lies in no folder of its own'] },

  'a GIF that is cut short': { ...holding('a.gif', async () => (await gif()).subarray(0, -30)), ask: clips(), says: ['AT/a.gif: it is cut short'] },
  'a GIF that is cut between two frames': { ...holding('a.gif', async () => (await gif()).subarray(0, -1)), ask: clips(), says: ['AT/a.gif: it is cut short'] },
  'a GIF with damage in the middle': {
    ...holding('a.gif', async () => Buffer.from(await gif()).fill(0x55, 40, 70)),
    ask: clips(),
    says: [/AT\/a\.gif: it is (damaged|cut short)/],
  },
  'a GIF of 65535 x 65535': {
    ...holding('a.gif', async () => {
      const file = Buffer.from(await gif());
      file.writeUInt32LE(0xffffffff, 6);
      return file;
    }),
    ask: clips(),
    says: ['AT/a.gif: it has frames of 65535 x 65535 pixels, more than'],
  },
  'a GIF without a frame': {
    ...holding('a.gif', () => Buffer.from('GIF89a\x08\x00\x08\x00\x00\x00\x00;', 'latin1')),
    ask: clips(),
    says: ['AT/a.gif: it has no frame'],
  },
  'an empty GIF': { ...holding('a.gif', () => ''), ask: clips(), says: ['AT/a.gif: it is empty'] },
  'text named .gif': { ...holding('a.gif', () => 'hello world, hello'), ask: clips(), says: ['AT/a.gif: it is no GIF or WebP animation'] },
  'a WebP that is cut short': {
    ...holding('a.webp', async () => (await moving([10, 40, 80, 120], { kind: 'webp' })).subarray(0, -20)),
    ask: clips(),
    says: ['AT/a.webp: it is damaged or cut short'],
  },
  'a WebP of 16384 x 16384': {
    ...holding('a.webp', async () => {
      const file = Buffer.from(await moving([10, 40, 80, 120], { kind: 'webp' }));
      file.fill(0xff, 24, 27).fill(0xff, 27, 30);
      file[26] = file[29] = 0;
      file.writeUIntLE(16383, 24, 3);
      file.writeUIntLE(16383, 27, 3);
      return file;
    }),
    ask: clips(),
    says: ['AT/a.webp: it', /pixels, more than|damaged or cut short/],
  },
  'a video shorter than asked': {
    ...holding('a.gif', () => moving([10, 40])),
    ask: clips(),
    says: ['AT/a.gif: it has 2 frames where 4 are wanted', 'short: "hold"'],
  },
  'a frame of 100,000 x 100,000': {
    ...holding('a/1.png', () => claiming(100_000, 100_000)),
    ask: clips(video('x', 1, 1, 4, 4)),
    says: ['AT/a: 1.png: it has 100000 x 100000 pixels, more than'],
  },
  'a frame that is cut short': {
    ...holding('a/1.png', async () => (await grey(7)).subarray(0, 60)),
    ask: clips(),
    says: ['AT/a: 1.png: it is damaged or cut short'],
  },
  'frames of mixed sizes': {
    make: async (at) => {
      await folder.put(`${at}/a/1.png`, await grey(7));
      await folder.put(`${at}/a/2.png`, await grey(7, { width: 9 }));
    },
    ask: clips(),
    says: ['AT/a: 2.png: it has 9 x 8 pixels where 1.png has 8 x 8'],
  },
  'a frame that is missing': {
    make: async (at) => {
      for (const i of [1, 2, 4]) await folder.put(`${at}/a/${i}.png`, await grey(i));
    },
    ask: clips(),
    says: ['AT/a as a clip', 'after 2.png comes 4.png: a frame is missing'],
  },
  'a frame without number': { ...holding('a/first.png', () => grey(1)), ask: clips(), says: ['AT/a as a clip', 'first.png has no number'] },
  'two frames of one number': {
    make: async (at) => {
      for (const name of ['1', '01']) await folder.put(`${at}/a/${name}.png`, await grey(1));
    },
    ask: clips(),
    says: ['AT/a as a clip', '01.png and 1.png have the same number'],
  },
  'a link that leads out': {
    make: async (at) => {
      await folder.put('outside/a.gif', await gif());
      await mkdir(folder.path(at));
      await symlink(folder.path('outside/a.gif'), folder.path(`${at}/a.gif`));
    },
    ask: clips(),
    says: ['AT/a.gif as a clip', 'it is a link'],
  },
  'a link to a folder': {
    make: async (at) => {
      await folder.put('outside/a.gif', await gif());
      await mkdir(folder.path(at));
      await symlink(folder.path('outside'), folder.path(`${at}/more`));
    },
    ask: clips(),
    says: ['AT/more as a clip', 'it is a link'],
  },
  'clips of 5 TiB': {
    ...holding('a.gif', gif),
    ask: clips(video('x', 3, 4, 100_000, 100_000)),
    says: ["field 'x' asks for video[3, 4, 100000, 100000]", 'GiB are possible'],
  },
  'clips of two channels': { ...holding('a.gif', gif), ask: clips(video('x', 2, 4, 4, 4)), says: ["field 'x'", 'not 2', 'video[3, 4, 4, 4]'] },

  'no captions': { ...holding('a.gif', gif), ask: said, says: ["field 't'", 'AT has no captions.jsonl or captions.csv'] },
  'captions of no clip': {
    ...captioned('{"file": "a.gif", "caption": "a b"}\n{"file": "b.gif", "caption": "a b"}\n{"id": "c", "caption": "a b"}'),
    ask: said,
    says: ['AT/captions.jsonl', 'line 2: AT/b.gif is no clip: no such file', "line 3: there is no clip of the id 'c'"],
  },
  'a clip without caption': {
    make: async (at) => {
      for (const name of ['a', 'b', 'c']) await folder.put(`${at}/${name}.gif`, await gif());
      await folder.put(`${at}/captions.jsonl`, '{"id": "b", "caption": "x"}');
    },
    ask: said,
    says: ['AT/captions.jsonl', '2 clips have no line in it: a.gif\n  c.gif'],
  },
  'a path that leaves the folder': {
    ...captioned('{"file": "a.gif", "caption": "a"}\n{"file": "x/../../a.gif", "caption": "a b"}'),
    ask: said,
    says: ['AT/captions.jsonl', 'line 2: ', "its path has '..', and nothing outside of AT is read"],
  },
  'a path from the root of the disk': {
    ...captioned('{"file": "/etc/passwd", "caption": "a b"}'),
    ask: said,
    says: ['AT/captions.jsonl', 'line 1: ', 'its path starts from outside of AT'],
  },
  'an unknown ending': {
    make: async (at) => {
      await folder.put(`${at}/a.gif`, await gif());
      await folder.put(`${at}/b.xyz`, 'text');
      await folder.put(`${at}/captions.jsonl`, '{"file": "a.gif", "caption": "a"}\n{"file": "b.xyz", "caption": "b"}');
    },
    ask: said,
    says: ['AT/captions.jsonl', 'line 2: AT/b.xyz is no clip: the ending .xyz is unknown', '.webm'],
  },
  'a clip captioned twice': {
    ...captioned('{"id": "a", "caption": "one"}\n{"file": "a.gif", "caption": "two"}'),
    ask: said,
    says: ['AT/captions.jsonl', 'line 2: the clip a.gif is captioned twice, first in line 1'],
  },
  'an id of two clips': {
    make: async (at) => {
      await folder.put(`${at}/a.gif`, await gif());
      await folder.put(`${at}/a.webp`, await moving([1, 2, 3, 4], { kind: 'webp' }));
      await folder.put(`${at}/captions.jsonl`, '{"id": "a", "caption": "a"}');
    },
    ask: said,
    says: ['AT/captions.jsonl', "line 1: the id 'a' is that of a.gif and a.webp"],
  },
  'a line that is not UTF-8': {
    ...captioned(Buffer.from('{"file": "a.gif", "caption": "a"}\n{"file": "b.gif", "caption": "caf\xe9"}', 'latin1')),
    ask: said,
    says: ['AT/captions.jsonl', 'line 2 is not UTF-8 text', 'save it as UTF-8'],
  },
  'UTF-16': {
    ...captioned(Buffer.from('\ufefffile,caption\na.gif,a b', 'utf16le'), 'captions.csv'),
    ask: said,
    says: ['AT/captions.csv', 'it is UTF-16 text'],
  },
  'a line that is no JSON': {
    ...captioned('{"file": "a.gif", "caption": "a"}\n\n{"file": "a.gif", caption: "a"}\n[1]\n"a"\n{"file": "a.gif", "caption": "a"'),
    ask: said,
    says: ['AT/captions.jsonl', 'line 3: it is not JSON', 'line 4: it is not an object', 'line 5: it is not an object', 'line 6: it is not JSON'],
  },
  'fields that are missing or misspelt': {
    ...captioned('{"file": "a.gif"}\n{"caption": "a b"}\n{"file": "a.gif", "captoin": "a"}\n{"file": "a.gif", "id": "a", "caption": "a"}'),
    ask: said,
    says: [
      "line 1: it has no 'caption'",
      "line 2: it has neither 'file' nor 'id'",
      "line 3: it has no 'caption': is 'captoin' meant?",
      "line 4: it has both 'file' and 'id'",
    ],
  },
  'fields of wrong types': {
    ...captioned('{"file": "a.gif", "caption": 5}\n{"file": ["a.gif"], "caption": "a"}\n{"id": null, "caption": "a"}'),
    ask: said,
    says: ["line 1: 'caption' must be text, not 5", `line 2: 'file' must be text, not ["a.gif"]`, "line 3: 'id' must be text or a whole number, not null"],
  },
  'empty captions': {
    ...captioned('{"file": "a.gif", "caption": ""}\n{"file": "a.gif", "caption": " \\t"}'),
    ask: said,
    says: ["line 1: 'caption' is empty", "line 2: 'caption' is empty"],
  },
  'a caption without words': {
    ...captioned('{"file": "a.gif", "caption": "\\u200b\\u200b"}'),
    ask: said,
    says: ['AT/captions.jsonl', 'line 1: its caption has no word'],
  },
  'a caption of more words than asked': {
    ...captioned('{"file": "a.gif", "caption": "one two three four five six seven."}'),
    ask: said,
    says: ["field 't' asks for tokens[6, words: 32]", 'AT/captions.jsonl', 'line 1: its caption has 8 words', 'write t: tokens[8, words: 32]'],
  },
  'an empty file of captions': { ...captioned('\n\n'), ask: said, says: ['AT/captions.jsonl', 'it is empty', '{"file":"clip1.gif","caption":"a dog runs"}'] },
  'a folder named captions.jsonl': {
    make: async (at) => {
      await folder.put(`${at}/a.gif`, await gif());
      await mkdir(folder.path(`${at}/captions.jsonl`));
    },
    ask: said,
    says: ['AT/captions.jsonl', 'it is a folder'],
  },
  'two files of captions': {
    make: async (at) => {
      await folder.put(`${at}/a.gif`, await gif());
      await folder.put(`${at}/captions.jsonl`, '');
      await folder.put(`${at}/captions.csv`, '');
    },
    ask: said,
    says: ['captions in AT', 'it has captions.jsonl and captions.csv', 'remove one'],
  },
  'CSV of uneven lines': {
    ...captioned('file,caption\na.gif,a b\nb.gif\n"c.gif","a, b",c\n', 'captions.csv'),
    ask: said,
    says: ['AT/captions.csv', 'line 3: it has 1 cells where the first line names 2 columns', 'line 4: it has 3 cells'],
  },
  'CSV with an open quote': { ...captioned('file,caption\na.gif,"a b\n', 'captions.csv'), ask: said, says: ['AT/captions.csv', /line \d: it is not CSV/] },
  'CSV with semicolons': {
    ...captioned('file;caption\na.gif;a b\n', 'captions.csv'),
    ask: said,
    says: ['AT/captions.csv', 'line 1', 'separate them by commas'],
  },
  'CSV with an empty cell': { ...captioned('file,caption\na.gif,\n', 'captions.csv'), ask: said, says: ['AT/captions.csv', "line 2: it has no 'caption'"] },
  'CSV with a column twice': {
    ...captioned('file,caption,file\na.gif,a,b\n', 'captions.csv'),
    ask: said,
    says: ['AT/captions.csv', "two columns are named 'file'"],
  },
  'a class over the last': {
    ...captioned('{"file": "a.gif", "y": 3}'),
    ask: clips(x, label('y', 3)),
    says: ['AT/captions.jsonl', "line 1: 'y' is 3, where 0 to 2 are possible", 'write y: class[4]'],
  },
  'a class that is no whole number': {
    ...captioned('{"file": "a.gif", "y": 0.5}\n{"file": "a.gif", "y": -1}'),
    ask: clips(x, label('y', 3)),
    says: ['AT/captions.jsonl', "line 1: 'y' must be a whole number from 0 on, or text, not 0.5", 'line 2'],
  },
  'classes by name, of another number': {
    ...captioned('{"file": "a.gif", "y": "dog"}'),
    ask: clips(x, label('y', 3)),
    says: ['AT/captions.jsonl names 1 classes: dog', 'write y: class[1]'],
  },
  'classes partly by name': {
    make: async (at) => {
      for (const name of ['a', 'b']) await folder.put(`${at}/${name}.gif`, await gif());
      await folder.put(`${at}/captions.jsonl`, '{"id": "a", "y": 1}\n{"id": "b", "y": "dog"}');
    },
    ask: clips(label('y', 2)),
    says: ['AT/captions.jsonl', `line 2: 'y' is "dog", in line 1 it is a number`],
  },

  'a WAV that is cut short': { ...sounding(tone(440, 0.4).subarray(0, -100)), says: ['AT/a.wav as sound', 'it is cut short'] },
  'a WAV of length zero': { ...sounding(tone(440, 0)), says: ['AT/a.wav as sound', 'of length zero'] },
  'an empty WAV': { ...sounding(Buffer.alloc(0)), says: ['AT/a.wav as sound', 'it is empty'] },
  'an MP3 named WAV': { ...sounding(Buffer.from('ID3\x03\x00 and more of it')), says: ['AT/a.wav as sound', 'does not start as WAV files do', 'ffmpeg -i'] },
  'a sound that is not there': { ...sounding(undefined), says: ['AT/a.wav', 'no such file', 'captions.jsonl line 1'] },
  'a sound outside of the folder': { ...sounding(undefined, '../a.wav'), says: ["its path has '..'", 'captions.jsonl line 1'] },
  'a sound that is a folder': {
    ...sounding(undefined, 'sounds'),
    make: async (at) => {
      await sounding(undefined, 'sounds').make(at);
      await mkdir(folder.path(`${at}/sounds`));
    },
    says: ['AT/sounds', 'it is a folder', 'captions.jsonl line 1'],
  },
  'a sound that is a link': {
    ...sounding(undefined),
    make: async (at) => {
      await sounding(undefined).make(at);
      await folder.put('outside/a.wav', tone(440, 1));
      await symlink(folder.path('outside/a.wav'), folder.path(`${at}/a.wav`));
    },
    says: ['AT/a.wav', 'it is a link', 'captions.jsonl line 1'],
  },
  'a line without sound': { ...captioned('{"file": "a.gif"}'), ask: heard, says: ['AT/captions.jsonl', "line 1: it has no 'sound'", '"sound":"clip1.wav"'] },
  'sounds of two rates': {
    make: async (at) => {
      for (const [name, rate] of [
        ['a', 8000],
        ['b', 16_000],
      ] as const) {
        await folder.put(`${at}/${name}.gif`, await gif());
        await folder.put(`${at}/${name}.wav`, tone(440, 0.4, rate));
      }
      await folder.put(`${at}/captions.jsonl`, '{"id": "a", "sound": "a.wav"}\n{"id": "b", "sound": "b.wav"}');
    },
    ask: heard,
    says: ['AT/a.wav', 'AT/b.wav', '8000', '16000', 'ffmpeg -i old.wav -ar'],
  },

  'a picture of 100,000 x 100,000': {
    ...holding('a.png', () => claiming(100_000, 100_000)),
    ask: pictures,
    says: ['AT/a.png: it has 100000 x 100000 pixels, more than'],
  },
  'a picture that is cut short': {
    ...holding('a.jpg', async () =>
      (
        await sharp(await grey(9, { width: 64, height: 64 }))
          .jpeg()
          .toBuffer()
      ).subarray(0, 200),
    ),
    ask: pictures,
    says: ['AT/a.jpg: it is damaged or cut short'],
  },
  'text named .png': { ...holding('a.png', () => 'hello'), ask: pictures, says: ['AT/a.png: it is no PNG, JPEG, GIF or WebP picture'] },
  'a file where the folder of pictures should be': {
    make: (at) => folder.put(at, ''),
    ask: pictures,
    says: ['AT as a folder of pictures', 'it is a file, not a folder'],
  },

  'pictures and labels of another number': {
    make: async (at) => {
      await folder.put(`${at}/pictures`, idx([3, 2, 2], 12));
      await folder.put(`${at}/labels`, idx([4], 4));
    },
    ask: digits,
    says: ['AT/pictures and AT/labels do not belong together', 'one has 3 pictures, the other 4 labels'],
  },
  'an IDX file with too few bytes': {
    ...holding('pictures', () => idx([3, 2, 2], 11)),
    ask: digits,
    says: ['AT/pictures as an IDX file', 'holds 11 bytes where', 'says 12: it is cut short'],
  },
  'an IDX file of 100,000 x 100,000': {
    ...holding('pictures', () => idx([9, 100_000, 100_000], 4)),
    ask: digits,
    says: ['AT/pictures as an IDX file', 'more than the'],
  },
  'a folder where an IDX file should be': {
    make: (at) => mkdir(folder.path(`${at}/pictures`), { recursive: true }),
    ask: digits,
    says: ['AT/pictures as an IDX file', 'it is a folder'],
  },
  'a folder without digits': {
    make: (at) => mkdir(folder.path(at), { recursive: true }),
    ask: (at) => request('mnist', { path: at }, image('x', 1, 28, 28)),
    says: ['no digits in AT', 'train-images-idx3-ubyte'],
  },

  'NaN in a tensor': {
    make: async (at) => {
      await mkdir(folder.path(at));
      await writeSafetensors(folder.path(`${at}/t.safetensors`), new Map([['v', { dtype: 'f32', shape: [2, 2], data: Float32Array.of(1, 2, Number.NaN, 4) }]]));
    },
    ask: stored,
    says: ["field 'v'", 'AT/t.safetensors', 'holds NaN'],
  },
  'a tensor of another shape': {
    make: async (at) => {
      await mkdir(folder.path(at));
      await writeSafetensors(folder.path(`${at}/t.safetensors`), new Map([['v', { dtype: 'f32', shape: [4], data: Float32Array.of(1, 2, 3, 4) }]]));
    },
    ask: stored,
    says: ["field 'v'", 'AT/t.safetensors is [4], not [rows, 2]'],
  },
  'a tensor file that is cut short': {
    ...holding('t.safetensors', () => {
      const head = Buffer.from(JSON.stringify({ v: { dtype: 'F32', shape: [2, 2], data_offsets: [0, 16] } }));
      const size = Buffer.alloc(8);
      size.writeUInt32LE(head.byteLength);
      return Buffer.concat([size, head, Buffer.alloc(9)]);
    }),
    ask: stored,
    says: ['AT/t.safetensors'],
  },
  'a tensor file whose header claims all memory': { ...holding('t.safetensors', () => Buffer.alloc(64, 0x7f)), ask: stored, says: ['AT/t.safetensors'] },
  'a tensor file that is not there': { make: async () => 0, ask: stored, says: ['AT/t.safetensors'] },
};

describe('damaged data', () => {
  test.each(Object.entries(cases))('%s', async (name, { make, ask, says }) => {
    const at = `damaged/${name.replaceAll(/[^\w]+/g, '-')}`;
    await folder.put('damaged/.keep', '');
    await make(at);
    const text = await folder.refusal(ask(at));
    for (const part of says) {
      if (typeof part === 'string') expect(text).toContain(part.replaceAll('AT', folder.path(at)));
      else expect(text).toMatch(new RegExp(part.source.replaceAll('AT', folder.path(at).replaceAll('.', '\\.'))));
    }
    expect(text).toMatch(/^[^\n]+\n {2}reason: [\s\S]+\n {2}mend: [^\n]+$/);
    expect(text).not.toMatch(/undefined|NaN (?!,)\w|\[object|\n +at /);
  });

  test('there are forty of them and more', () => expect(Object.keys(cases).length).toBeGreaterThan(40));

  test.skipIf(process.getuid?.() === 0)('a clip and captions without permission', async () => {
    await folder.put('closed/a.gif', await gif());
    await folder.put('closed/captions.jsonl', '{"id": "a", "caption": "a"}');
    await chmod(folder.path('closed/captions.jsonl'), 0);
    expect(await folder.refusal(said('closed'))).toMatch(/captions\.jsonl\n {2}reason: it cannot be read: permission denied/);
    await chmod(folder.path('closed/captions.jsonl'), 0o644);
    await chmod(folder.path('closed/a.gif'), 0);
    expect(await folder.refusal(said('closed'))).toMatch(/a\.gif: permission denied/);
  });

  test.skipIf(process.platform === 'win32')('a pipe, which would be waited for without end', async () => {
    await folder.put('pipes/a.gif', await gif());
    execFileSync('mkfifo', [folder.path('pipes/b.gif')]);
    expect(await folder.refusal(clips()('pipes'))).toMatch(/b\.gif as a clip\n {2}reason: it is not a regular file\n {2}mend/);
    await folder.put('piped/a.gif', await gif());
    execFileSync('mkfifo', [folder.path('piped/captions.jsonl')]);
    expect(await folder.refusal(said('piped'))).toMatch(/captions\.jsonl\n {2}reason: it is not a regular file\n {2}mend/);
  });
});

test('a property: whatever bytes of a clip, a sound or captions are changed or cut, rows or a DataError come', async () => {
  const files: Record<string, Buffer> = {
    'a.gif': await gif(),
    'b.webp': await moving([10, 40, 80, 120], { kind: 'webp' }),
    'c/1.png': await grey(5),
    'a.wav': tone(440, 0.02),
    'captions.csv': Buffer.from('file,caption,sound\na.gif,"a ""b"" c",a.wav\nb.webp,d,a.wav\nc,"e\nf",a.wav\n'),
  };
  const asked = request('clips', { path: 'fuzzed', fps: 10, short: 'loop' }, x, tokens('t', 6, 32), audio('a', 4, 4));
  for (const [name, content] of Object.entries(files)) await folder.put(`fuzzed/${name}`, content);
  await folder.load(asked);
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...Object.keys(files)),
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 }),
      fc.option(fc.nat(), { freq: 3 }),
      async (name, changes, cut) => {
        const bytes = Buffer.from(files[name]);
        for (const [at, value] of changes) bytes[at % bytes.byteLength] = value;
        await folder.put(`fuzzed/${name}`, cut === null ? bytes : bytes.subarray(0, cut % bytes.byteLength));
        const reason = await folder.load(asked).catch((error: unknown) => error);
        await folder.put(`fuzzed/${name}`, files[name]);
        if (reason instanceof Error) expect(reason).toBeInstanceOf(DataError);
      },
    ),
    { numRuns: 60 },
  );
});

describe('from the command line: exit code 1, three lines, no stack', () => {
  const spec = (source: string, fields: string, input = 'x') => `
data clips = ${source} { ${fields} }
noise z: normal[4]
net G(z) -> video[1, 4, 4, 4] { z |> linear(64) |> tanh |> reshape(1, 4, 4, 4) }
net D(${input}) { ${input} |> flatten |> linear(1) }
game {
  fake = G(z)
  D minimizes logistic(D(x), D(fake))
  G minimizes logistic_generator(D(fake))
}
train { batch 2 steps 1  D with adam(lr: 1e-3)  G with adam(lr: 1e-3) }
`;
  test.each([
    ['a GIF that is cut short', () => folder.put('cli1/a.gif', new Uint8Array(30).fill(71)), 'cli1', 'x: video[1, 4, 4, 4]', /cli1\/a\.gif: it is no GIF/],
    ['an empty folder', () => mkdir(folder.path('cli2')), 'cli2', 'x: video[1, 4, 4, 4]', /no clips in .*cli2/],
    [
      'bad captions',
      async () => {
        await folder.put('cli3/a.gif', await gif());
        await folder.put('cli3/captions.jsonl', '{"id": "a", "caption": "a"}\n{"id": ');
      },
      'cli3',
      'x: video[1, 4, 4, 4]  t: tokens[4, words: 9]',
      /captions\.jsonl\n.*line 2: it is not JSON/,
    ],
  ] as const)('%s', async (_, make, path, fields, reason) => {
    await make();
    await folder.put(`${path}.gan`, spec(`clips("${path}")`, fields));
    const { code, stdout, stderr } = await ganc(['train', folder.path(`${path}.gan`), '--out', folder.path(`${path}-run`)], { cwd: folder.base });
    expect(stderr).toMatch(reason);
    expect(stderr).toMatch(/^error: [^\n]+\n {2}[^\n]+\n {2}[^\n]+\n$/m);
    expect(stderr).not.toMatch(/^ +at /m);
    expect([code, stdout]).toEqual([1, '']);
  });
});
