/**
 * `clips("folder")`: a user's own videos, with captions, classes and sounds where `captions.jsonl` or `captions.csv` names them. Frames are decoded,
 * resized and cropped once, and kept in the user's cache by the content of the files.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { FieldRequest } from '../../compiler/program/types.js';
import { fileReason } from '../train/files.js';
import { readCaptions } from './captions.js';
import { CLIP_DECODER, type ClipShape, clipReader, ShortClip } from './clip.js';
import { type FoundClip, fileInside, findClips } from './clip-folder.js';
import { captionsFor, classRows, linesOf, listed, tokenRows } from './clip-labels.js';
import { type ClipSound, soundNow, soundRows } from './clip-sounds.js';
import { type FieldRows, packColumn, rowBytesOf, typeText } from './columns.js';
import { DataError } from './error.js';
import { type Ffmpeg, findFfmpeg } from './ffmpeg.js';
import type { Context, Loaded } from './index.js';
import { KeptFile } from './kept.js';
import { type FieldFacts, factsOf } from './manifest.js';
import { epochOrder } from './order.js';
import { PictureError } from './picture.js';

export interface ClipsOptions extends Pick<Context, 'manifest' | 'progress' | 'warn'> {
  readonly crop: ClipShape['crop'];
  readonly fps?: number;
  readonly short: ClipShape['short'];
  /** Rows wanted; default all. */
  readonly count?: number;
}

/** What one array of Node holds. */
const LARGEST_SET = 2 ** 32 - 2 ** 16;

/** All fields, of types video, tokens, class and audio, mixed by a permutation that depends on the number of clips alone. Throws DataError. */
export async function clipRows(root: string, fields: readonly FieldRequest[], options: ClipsOptions): Promise<Loaded> {
  const clips = await findClips(root);
  const of = (type: string) => fields.filter((field) => field.type === type);
  const needs = { caption: of('tokens').length > 0, sound: of('audio').length > 0, classes: of('class').map(({ name }) => name) };
  const captions = await readCaptions(root, needs);
  captionsFor(root, fields, captions);
  const count = options.count ?? clips.length;
  if (count > clips.length) throw new DataError(`clips(count: ${count}) is not possible`, `${root} has ${clips.length} clips`);
  const lines = captions && (await linesOf(root, clips, captions));
  const order = epochOrder(0n, 'data.mixed', 0, clips.length);
  const places = Array.from({ length: count }, (_, i) => order.at(i));
  const chosen = places.map((place) => clips[place]);
  // What can be refused at once is, before minutes are spent on decoding.
  const shapes = of('video').map((field) => ({ field, shape: shapeOf(field, options, count) }));
  const rows = new Map<string, FieldRows>();
  const facts: Record<string, FieldFacts> = {};
  const add = (field: FieldRequest, made: { rows: FieldRows; facts?: FieldFacts }) => {
    rows.set(field.name, made.rows);
    if (made.facts !== undefined) facts[field.name] = made.facts;
  };
  const own = lines && places.map((place) => lines[place]);
  if (captions !== undefined && own !== undefined) {
    for (const field of of('tokens')) add(field, tokenRows(field, captions, own, options));
    for (const field of of('class')) add(field, classRows(field, captions, own, options.manifest));
  }
  const files = needs.sound ? await Promise.all((own ?? []).map((line) => soundFile(root, `${captions?.path} line ${line.line}`, line.sound as string))) : [];
  const times = await videoRows(root, chosen, shapes, options, add);
  let soundOf: Loaded['soundOf'];
  if (needs.sound) {
    const { fps, length, periods } = timing(of('audio')[0], shapes[0]?.shape.frames, times, options);
    const seconds = length / fps;
    const hashes = await each(root, files, options, 'looking through sounds', hashFile);
    const sounds = files.map((name, i): ClipSound => ({ path: join(root, name), hash: hashes[i], period: periods?.[i] }));
    for (const field of of('audio')) {
      const [frames, bands] = field.shape;
      const { bytes, rate } = await soundRows(field, sounds, {
        seconds,
        rate: factsOf(options.manifest, field.name, 'audio')?.rate,
        each: (what, work) => each(root, files, options, what, (_, i) => work(sounds[i], i)),
        warn: options.warn,
      });
      add(field, { rows: { count, bytes, rowBytes: rowBytesOf(field) }, facts: { type: 'audio', frames, bands, seconds, rate } });
    }
    soundOf = (row) => soundNow(sounds[row], seconds);
  }
  return { fields: rows, facts, soundOf };
}

function shapeOf(field: FieldRequest, { crop, fps, short }: ClipsOptions, count: number): ClipShape {
  const [channels, frames, height, width] = field.shape;
  if (channels !== 1 && channels !== 3 && channels !== 4) {
    throw new DataError(
      `field '${field.name}' asks for ${typeText(field)}`,
      `clips have 1 channel (grey), 3 (colour) or 4 (colour and opacity), not ${channels}`,
      `write ${field.name}: video[3, ${frames}, ${height}, ${width}]`,
    );
  }
  const bytes = rowBytesOf(field) * count;
  if (bytes > LARGEST_SET) {
    throw new DataError(
      `field '${field.name}' asks for ${typeText(field)}`,
      `${count} clips of that size take ${(bytes / 2 ** 30).toFixed(1)} GiB; ${(LARGEST_SET / 2 ** 30).toFixed(0)} GiB are possible`,
      'ask for smaller clips, or for fewer: clips("folder", count: 1000)',
    );
  }
  return { channels, frames, height, width, crop, fps, short };
}

/** Of each clip: how many of the wanted frames it had, and its frames a second, 0 where that is unknown. */
type Times = readonly { readonly own: number; readonly rate: number }[];

/** Rows of each field of type video. Times are those of the first field. */
async function videoRows(
  root: string,
  clips: readonly FoundClip[],
  shapes: readonly { field: FieldRequest; shape: ClipShape }[],
  options: ClipsOptions,
  add: (field: FieldRequest, made: { rows: FieldRows; facts?: FieldFacts }) => void,
): Promise<Times> {
  if (shapes.length === 0) return [];
  const names = clips.map(({ name }) => name);
  const most = Math.max(...shapes.map(({ shape }) => shape.frames));
  const hashes = await each(root, names, options, 'looking through clips', (_, i) => hashClip(root, clips[i], most));
  let first: Times | undefined;
  for (const { field, shape } of shapes) {
    const { bytes, times } = await decodeClips(root, clips, hashes, shape, options);
    const elements = field.shape.reduce((a, b) => a * b, 1);
    const order = Uint32Array.from(clips, (_, i) => i);
    const rows =
      field.storage.kind === 'u8' && rowBytesOf(field) === elements
        ? { count: clips.length, bytes, rowBytes: elements }
        : packColumn(field, { kind: 'video', shape: field.shape, data: bytes }, order);
    first ??= times;
    const rate = options.fps ?? commonRate(times);
    add(field, { rows, facts: rate === undefined ? undefined : { type: 'video', framesPerSecond: rate } });
  }
  return first as Times;
}

async function decodeClips(root: string, clips: readonly FoundClip[], hashes: readonly string[], shape: ClipShape, options: ClipsOptions) {
  const elements = shape.channels * shape.frames * shape.height * shape.width;
  const size = clips.length * elements;
  // Behind the rows two numbers for each clip.
  const cache = new KeptFile('clips', [CLIP_DECODER, shape, hashes]);
  let all = await cache.read(size + 16 * clips.length);
  if (all === undefined) {
    all = await decodeAnew(root, clips, shape, elements, options);
    const reason = await cache.write(all);
    if (reason !== undefined) options.warn?.(`the decoded clips cannot be kept for the next time: ${reason}`);
  }
  const numbers = new DataView(all.buffer, all.byteOffset + size);
  const times = clips.map((_, i) => ({ own: numbers.getFloat64(16 * i, true), rate: numbers.getFloat64(16 * i + 8, true) }));
  return { bytes: all.subarray(0, size), times };
}

async function decodeAnew(root: string, clips: readonly FoundClip[], shape: ClipShape, elements: number, options: ClipsOptions): Promise<Uint8Array> {
  const video = clips.find(({ kind }) => kind === 'video');
  // Looked for before the first of many clips is decoded.
  const ffmpeg = video && (await findFfmpeg(join(root, video.name)));
  const read = await clipReader(root, async () => ffmpeg as Ffmpeg);
  const size = clips.length * elements;
  const all = new Uint8Array(size + 16 * clips.length);
  const numbers = new DataView(all.buffer, size);
  const names = clips.map(({ name }) => name);
  await each(root, names, options, 'decoding clips', async (_, i) => {
    const { row, own, rate } = await read(clips[i], shape);
    all.set(row, i * elements);
    numbers.setFloat64(16 * i, own, true);
    numbers.setFloat64(16 * i + 8, rate ?? 0, true);
  });
  return all;
}

/** The rate that all clips have, if they have one. */
function commonRate(times: Times): number | undefined {
  const [{ rate }] = times;
  return rate > 0 && times.every((other) => Math.abs(other.rate - rate) <= 1e-3 * rate) ? rate : undefined;
}

/** How long a clip is, for sounds to be cut to. */
function timing(
  field: FieldRequest,
  frames: number | undefined,
  times: Times,
  { fps, short }: ClipsOptions,
): { fps: number; length: number; periods?: number[] } {
  const [rows] = field.shape;
  const asks = `field '${field.name}' asks for ${typeText(field)}`;
  if (frames !== undefined && rows % frames !== 0) {
    const near = Math.max(1, Math.round(rows / frames)) * frames;
    throw new DataError(asks, `the clips have ${frames} frames, and sound is in step with them`, `write ${field.name}: audio[${near}, ${field.shape[1]}]`);
  }
  const rate = fps ?? (times.length > 0 ? commonRate(times) : undefined);
  if (rate === undefined) {
    const reason =
      times.length > 0 && times.every((time) => time.rate > 0)
        ? 'the clips differ in how many frames a second they have'
        : 'the clips do not say how many frames a second they have';
    throw new DataError(asks, `${reason}, so it is not known how much of a sound a frame lasts`, 'say it: clips("folder", fps: 10)');
  }
  return { fps: rate, length: frames ?? rows, periods: short === 'loop' ? times.map(({ own }) => own / rate) : undefined };
}

async function soundFile(root: string, line: string, name: string): Promise<string> {
  try {
    await fileInside(root, name);
    return name;
  } catch (error) {
    if (error instanceof DataError) throw new DataError(error.message, `${error.reason} (${line})`, error.mend);
    throw error;
  }
}

function hashFile(path: string): Promise<string> {
  return hashFiles([path]);
}

async function hashFiles(paths: readonly string[]): Promise<string> {
  const whole = createHash('sha256');
  for (const path of paths) {
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
    whole.update(hash.digest());
  }
  return whole.digest('base64');
}

/** Of the frames only those that are read. */
async function hashClip(root: string, { name, kind, frames }: FoundClip, most: number): Promise<string> {
  const paths = kind === 'frames' ? frames.slice(0, most).map((frame) => join(root, name, frame)) : [join(root, name)];
  return `${kind} ${await hashFiles(paths)}`;
}

/** Does something with each file, some at a time. Throws DataError naming those that cannot be read, after all were tried. */
async function each<T>(
  root: string,
  names: readonly string[],
  { progress }: ClipsOptions,
  what: string,
  work: (path: string, index: number) => Promise<T>,
): Promise<T[]> {
  const results = new Array<T>(names.length);
  const bad: { name: string; reason: string; short: boolean }[] = [];
  let next = 0;
  let done = 0;
  const worker = async (): Promise<void> => {
    while (next < names.length) {
      const i = next++;
      try {
        results[i] = await work(join(root, names[i]), i);
      } catch (error) {
        if (error instanceof DataError) {
          next = names.length;
          throw error;
        }
        bad.push({ name: names[i], reason: error instanceof PictureError ? error.message : fileReason(error), short: error instanceof ShortClip });
      }
      progress?.(`${what} ${++done}/${names.length}`);
    }
  };
  await Promise.all(Array.from({ length: Math.min(names.length, availableParallelism()) }, worker));
  if (bad.length === 0) return results;
  bad.sort((a, b) => (a.name < b.name ? -1 : 1));
  throw new DataError(
    bad.length === 1 ? 'a clip cannot be used' : `${bad.length} of ${names.length} clips cannot be used`,
    listed(bad.map(({ name, reason }) => `${join(root, name)}: ${reason}`)),
    bad.every(({ short }) => short)
      ? 'ask for fewer frames, or write clips("folder", short: "hold"), by which the last frame stays, or short: "loop"'
      : bad.length === 1
        ? 'replace or remove it'
        : 'replace or remove them',
  );
}
