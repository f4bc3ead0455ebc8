/** One picture file to one row of bytes, by sharp: PNG, JPEG, GIF and WebP, told apart by their first bytes, whatever their name says. */
import type { Sharp } from 'sharp';
import { DataError } from './error.js';

/** What a row is to be. */
export interface PictureShape {
  /** 1: grey. 3: colour over white. 4: colour and opacity, not premultiplied. */
  readonly channels: 1 | 3 | 4;
  readonly height: number;
  readonly width: number;
  /** `center`: scaled until the shape is covered, the middle kept. `none`: width and height scaled each for itself. */
  readonly crop: 'center' | 'none';
}

/** A picture of more is refused: it would take gigabytes to decode. */
export const MAX_PIXELS = 2 ** 27;
/** What makes two decodings differ: part of a cache's name. */
export const DECODER = 'sharp-0.35.5/1';

export type PictureReader = (file: Buffer, shape: PictureShape) => Promise<Uint8Array>;

/** What is wrong with a picture's file, in words that follow its name. */
export class PictureError extends Error {}

/**
 * Loads the decoder. It gives [channels, height, width], 0..255 in sRGB, and throws PictureError. The first picture of an animation counts; a photo is turned
 * as its EXIF says; 16 bits are rounded to 8. Larger pictures are made smaller by Lanczos filtering, a picture of the very size keeps its bytes.
 */
export async function pictureReader(): Promise<PictureReader> {
  const sharp = await loadSharp();
  return async (file, shape) => {
    if (!isPicture(file)) throw new PictureError(file.byteLength === 0 ? 'it is empty' : 'it is no PNG, JPEG, GIF or WebP picture');
    // `error`: cut short or damaged; mere warnings, of which cameras leave many, are not heeded.
    const options = { failOn: 'error', limitInputPixels: MAX_PIXELS } as const;
    try {
      const { width, height } = await sharp(file, { ...options, limitInputPixels: false }).metadata();
      if (width * height > MAX_PIXELS) throw new PictureError(`it has ${width} x ${height} pixels, more than the ${MAX_PIXELS} that are read`);
      return await pictureRow(sharp(file, options), shape);
    } catch (error) {
      throw damaged(error);
    }
  };
}

/** The decoder itself. Throws DataError where npm has not brought it. */
export async function loadSharp(): Promise<typeof import('sharp').default> {
  let sharp: typeof import('sharp').default;
  try {
    ({ default: sharp } = await import('sharp'));
  } catch (error) {
    throw new DataError('pictures cannot be decoded', `the npm package sharp could not be loaded: ${(error as Error).message.split('\n')[0]}`, 'npm install');
  }
  // Many pictures at a time, each by one thread; none is decoded twice.
  sharp.concurrency(1);
  sharp.cache(false);
  return sharp;
}

/** [channels, height, width] of a picture that is being decoded. */
export async function pictureRow(picture: Sharp, shape: PictureShape): Promise<Uint8Array> {
  return planes(await pixels(picture, shape), shape);
}

/** What the decoder said, as a PictureError. */
export function damaged(error: unknown): PictureError {
  if (error instanceof PictureError) return error;
  return new PictureError(`it is damaged or cut short (${(error as Error).message.trim().split('\n')[0]})`);
}

function isPicture(file: Buffer): boolean {
  const starts = (text: string, at = 0) => file.toString('latin1', at, at + text.length) === text;
  return starts('\x89PNG\r\n\x1a\n') || starts('\xff\xd8\xff') || starts('GIF8') || (starts('RIFF') && starts('WEBP', 8));
}

/** Interleaved bytes of the wanted size. */
function pixels(picture: Sharp, { channels, height, width, crop }: PictureShape): Promise<Buffer> {
  const sized = picture.autoOrient().resize(width, height, { fit: crop === 'center' ? 'cover' : 'fill', position: 'centre' });
  const coloured =
    channels === 4 ? sized.toColourspace('srgb').ensureAlpha() : sized.flatten({ background: '#ffffff' }).toColourspace(channels === 1 ? 'b-w' : 'srgb');
  return coloured.raw({ depth: 'uchar' }).toBuffer();
}

function planes(interleaved: Buffer, { channels, height, width }: PictureShape): Uint8Array {
  const area = height * width;
  if (interleaved.byteLength !== channels * area) throw new PictureError(`it decodes to ${interleaved.byteLength / area} channels`);
  if (channels === 1) return interleaved;
  const result = new Uint8Array(channels * area);
  for (let c = 0; c < channels; c++) for (let i = 0; i < area; i++) result[c * area + i] = interleaved[i * channels + c];
  return result;
}
