/** Pictures one after another as a file that plays: GIF and WebP by sharp, MP4 by h264-mp4-encoder. The same pictures give the same bytes. */
import type { Image } from './image.js';
import { fixedTimes } from './mp4-times.js';

/** Endings of files that play. */
export const ANIMATIONS: readonly string[] = ['.gif', '.webp', '.mp4'];

/** `ending`: one of `ANIMATIONS`. GIF and WebP start anew at their end. */
export async function encodeAnimation(ending: string, frames: readonly Image[], framesPerSecond: number): Promise<Uint8Array> {
  if (ending === '.mp4') return encodeMp4(frames, framesPerSecond);
  const [{ width, height }] = frames;
  const pixels = Buffer.concat(frames.map((frame) => frame.pixels));
  const { default: sharp } = await import('sharp');
  const all = sharp(pixels, { raw: { width, height: height * frames.length, channels: 3, pageHeight: height } });
  const delay = delays(frames.length, framesPerSecond, ending === '.gif' ? 10 : 1);
  // Lossless: few frames of few colours, and grey that stays grey.
  if (ending === '.webp') return all.webp({ loop: 0, delay, lossless: true }).toBuffer();
  return all.gif({ loop: 0, delay, dither: 0, effort: 7 }).toBuffer();
}

/** Milliseconds of each frame, in whole units, so that the whole is as long as it should be. */
function delays(frames: number, framesPerSecond: number, unit: number): number[] {
  const end = (frame: number) => Math.round((1000 * frame) / framesPerSecond / unit);
  return Array.from({ length: frames }, (_, frame) => unit * Math.max(1, end(frame + 1) - end(frame)));
}

/** H.264 goes by pairs of pixels: an odd last row or column is white. */
async function encodeMp4(frames: readonly Image[], framesPerSecond: number): Promise<Uint8Array> {
  const { createH264MP4Encoder } = await loadEncoder();
  const [width, height] = [frames[0].width, frames[0].height].map((side) => side + (side % 2));
  const encoder = await createH264MP4Encoder();
  try {
    Object.assign(encoder, { width, height, frameRate: framesPerSecond, quantizationParameter: QUALITY, groupOfPictures: frames.length });
    encoder.initialize();
    for (const frame of frames) {
      const pixels = new Uint8Array(4 * width * height).fill(255);
      for (let y = 0; y < frame.height; y++)
        for (let x = 0; x < frame.width; x++) pixels.set(frame.pixels.subarray(3 * (y * frame.width + x), 3 * (y * frame.width + x) + 3), 4 * (y * width + x));
      encoder.addFrameRgba(pixels);
    }
    encoder.finalize();
    return fixedTimes(encoder.FS.readFile(encoder.outputFilename));
  } finally {
    encoder.delete();
  }
}

/** H.264's quantization parameter, 10 (best) to 51: letters stay sharp. */
const QUALITY = 16;

/** The encoder wants to hear of every uncaught error of the process, which is not its business. */
async function loadEncoder(): Promise<typeof import('h264-mp4-encoder')> {
  const events = ['uncaughtException', 'unhandledRejection'] as const;
  const before = events.map((event) => process.listeners(event as 'uncaughtException'));
  const { default: encoder } = (await import('h264-mp4-encoder')) as unknown as { default: typeof import('h264-mp4-encoder') };
  return {
    ...encoder,
    createH264MP4Encoder: async () => {
      const made = await encoder.createH264MP4Encoder();
      events.forEach((event, i) => {
        for (const listener of process.listeners(event as 'uncaughtException')) if (!before[i].includes(listener)) process.removeListener(event, listener);
      });
      return made;
    },
  };
}
