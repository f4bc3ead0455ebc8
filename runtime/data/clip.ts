/** One clip to one row of bytes: animations and folders of pictures by sharp, other videos by ffmpeg. */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { FoundClip } from './clip-folder.js';
import { type Ffmpeg, readVideo } from './ffmpeg.js';
import { checkGif } from './gif.js';
import { DECODER, damaged, loadSharp, PictureError, type PictureReader, type PictureShape, pictureReader, pictureRow } from './picture.js';

export interface ClipShape extends PictureShape {
  readonly frames: number;
  /** Frames a second: the picture that is seen at each instant is taken. Without it, the clip's own frames are, one after the other. */
  readonly fps?: number;
  /** What becomes of a clip of fewer frames: an error; its last frame stays; it starts anew. */
  readonly short: 'refuse' | 'hold' | 'loop';
}

export interface Clip {
  /** [channels, frames, height, width]. */
  readonly row: Uint8Array;
  /** Frames that the clip itself had, of those wanted. */
  readonly own: number;
  /** Frames a second, where known. */
  readonly rate?: number;
}

/** What makes two rows of the same file and shape differ: part of a cache's name. */
export const CLIP_DECODER = `${DECODER}/clip-1`;

/** Of one frame: what a screen of 8K has. */
export const MAX_FRAME_PIXELS = 2 ** 25;
const MAX_ANIMATION_BYTES = 2 ** 28;
const MAX_ANIMATION_FRAMES = 100_000;
/** Decoded at a time. */
const CHUNK_PIXELS = 2 ** 24;
/** Of a frame that names no time or next to none, as browsers have it. */
const DEFAULT_MS = 100;

export type ClipReader = (clip: FoundClip, shape: ClipShape) => Promise<Clip>;

/** A clip of fewer frames than are wanted. */
export class ShortClip extends PictureError {}

/** Reads clips of the folder `root`; `ffmpeg` is asked for when a video comes. The reader throws PictureError, or DataError where a decoder is missing. */
export async function clipReader(root: string, ffmpeg: () => Promise<Ffmpeg>): Promise<ClipReader> {
  const sharp = await loadSharp();
  const read = await pictureReader();
  return async (clip, shape) => {
    const path = join(root, clip.name);
    if (clip.kind === 'frames') return fromPictures(path, clip.frames, shape, sharp, read);
    if (clip.kind === 'animation') return fromAnimation(path, shape, sharp);
    const { frames, rate } = await readVideo(await ffmpeg(), path, shape, MAX_FRAME_PIXELS, (pixels, width, height) =>
      pictureRow(sharp(pixels, { raw: { width, height, channels: 4 } }), shape),
    );
    return assemble(frames, shape, rate);
  };
}

type SharpModule = Awaited<ReturnType<typeof loadSharp>>;

async function fromPictures(folder: string, names: readonly string[], shape: ClipShape, sharp: SharpModule, read: PictureReader): Promise<Clip> {
  const frames: Uint8Array[] = [];
  let first: string | undefined;
  for (const name of names.slice(0, shape.frames)) {
    try {
      const file = await readBounded(join(folder, name));
      const { width, height } = await sharp(file, { limitInputPixels: false }).metadata();
      const size = `${width} x ${height}`;
      if (width * height > MAX_FRAME_PIXELS) throw new PictureError(`it has ${size} pixels, more than the ${MAX_FRAME_PIXELS} that are read`);
      first ??= size;
      if (size !== first) throw new PictureError(`it has ${size} pixels where ${names[0]} has ${first}`);
      frames.push(await read(file, shape));
    } catch (error) {
      throw new PictureError(`${name}: ${said(error)}`);
    }
  }
  return assemble(frames, shape, undefined);
}

function said(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'EACCES' ? 'permission denied' : damaged(error).message;
}

async function readBounded(path: string): Promise<Buffer> {
  const { size } = await stat(path);
  if (size > MAX_ANIMATION_BYTES) throw new PictureError(`it has ${size} bytes, more than the ${MAX_ANIMATION_BYTES} that are read`);
  if (size === 0) throw new PictureError('it is empty');
  return readFile(path);
}

async function fromAnimation(path: string, shape: ClipShape, sharp: SharpModule): Promise<Clip> {
  const file = await readBounded(path);
  if (file.toString('latin1', 0, 4) === 'GIF8') checkGif(file, MAX_FRAME_PIXELS);
  else if (file.toString('latin1', 0, 4) !== 'RIFF' || file.toString('latin1', 8, 12) !== 'WEBP') throw new PictureError('it is no GIF or WebP animation');
  try {
    const { width, height, pages = 1, delay = [] } = await sharp(file, { limitInputPixels: false }).metadata();
    if (width * height > MAX_FRAME_PIXELS) throw new PictureError(`it has ${width} x ${height} pixels, more than the ${MAX_FRAME_PIXELS} that are read`);
    if (pages > MAX_ANIMATION_FRAMES) throw new PictureError(`it has ${pages} frames, more than the ${MAX_ANIMATION_FRAMES} that are read`);
    const delays = Array.from({ length: pages }, (_, i) => (delay[i] > 10 ? delay[i] : DEFAULT_MS));
    const rate = (1000 * pages) / delays.reduce((a, b) => a + b, 0);
    return assemble(await decodePages(file, framesAt(delays, shape), width * height, shape, sharp), shape, rate);
  } catch (error) {
    throw damaged(error);
  }
}

/** Which of the frames are seen, `delays` milliseconds each, at the instants wanted. */
export function framesAt(delays: readonly number[], { frames, fps }: Pick<ClipShape, 'frames' | 'fps'>): number[] {
  if (fps === undefined) return Array.from({ length: Math.min(frames, delays.length) }, (_, i) => i);
  const picked: number[] = [];
  let end = delays[0];
  for (let frame = 0; picked.length < frames; picked.push(frame)) {
    // A thousandth of a millisecond: what rounding leaves where an instant is a border.
    const at = (1000 * picked.length) / fps + 1e-3;
    while (frame < delays.length && end <= at) end += delays[++frame];
    if (frame === delays.length) break;
  }
  return picked;
}

/** The frames numbered by `picked`, which never goes down. A stretch at a time, since each decoding starts from the file's first frame. */
async function decodePages(file: Buffer, picked: readonly number[], area: number, shape: ClipShape, sharp: SharpModule): Promise<Uint8Array[]> {
  const most = Math.max(1, Math.floor(CHUNK_PIXELS / area));
  const frames: Uint8Array[] = [];
  while (frames.length < picked.length) {
    const from = picked[frames.length];
    let to = frames.length;
    while (to + 1 < picked.length && picked[to + 1] - from < most) to++;
    const pages = picked[to] - from + 1;
    const { data, info } = await sharp(file, { failOn: 'error', page: from, pages, limitInputPixels: pages * area })
      .toColourspace('srgb')
      .ensureAlpha()
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    if (data.byteLength !== 4 * area * pages) throw new PictureError(`it decodes to ${data.byteLength / area / 4} frames where ${pages} are expected`);
    const [width, height] = [info.width, info.height / pages];
    let last: { page: number; row: Uint8Array } | undefined;
    while (frames.length <= to) {
      const page = picked[frames.length] - from;
      if (last?.page !== page) {
        const pixels = data.subarray(4 * area * page, 4 * area * (page + 1));
        last = { page, row: await pictureRow(sharp(pixels, { raw: { width, height, channels: 4 } }), shape) };
      }
      frames.push(last.row);
    }
  }
  return frames;
}

/** Frames [channels, height, width] to a row, with what `short` says after the last. */
function assemble(frames: readonly Uint8Array[], shape: ClipShape, rate: number | undefined): Clip {
  const { channels, height, width, short } = shape;
  if (frames.length === 0) throw new PictureError('it has no frame');
  if (frames.length < shape.frames && short === 'refuse')
    throw new ShortClip(
      `it has ${frames.length} frame${frames.length === 1 ? '' : 's'}${shape.fps === undefined ? '' : ` at ${shape.fps} a second`} where ${shape.frames} are wanted`,
    );
  const area = height * width;
  const row = new Uint8Array(channels * shape.frames * area);
  for (let i = 0; i < shape.frames; i++) {
    const frame = frames[i < frames.length ? i : short === 'loop' ? i % frames.length : frames.length - 1];
    for (let c = 0; c < channels; c++) row.set(frame.subarray(c * area, (c + 1) * area), (c * shape.frames + i) * area);
  }
  return { row, own: frames.length, rate: shape.fps ?? rate };
}
