/** Where the parts of a row lie: the frames of a clip side by side, a picture, rows of sound in step with the frames above them. */
import type { Colour, Image } from './image.js';

const SILENT: Colour = [29, 31, 54];
const LOUD: Colour = [255, 200, 87];
const BETWEEN: Colour = [206, 212, 218];
const NOT_A_NUMBER: Colour = [255, 0, 255];
export const WIDTH = 1100;
/** Frames that a strip shows; of longer clips some between. */
const MOST_FRAMES = 16;

/** What is drawn: a field of a row, or a sample. */
export interface Part {
  readonly type: string;
  readonly shape: readonly number[];
}

export interface Layout {
  readonly width: number;
  readonly height: number;
  /** `values`: levels 0..255 of frames and pictures, rows of sound as they are. */
  readonly draw: (image: Image, left: number, top: number, values: ArrayLike<number>) => void;
}

/** Of a part of type video, image or audio. Sounds are as wide as the frames above them, which are among `all` parts. */
export function layoutOf(part: Part, all: readonly Part[]): Layout {
  if (part.type === 'audio') return audioLayout(part, all);
  const [channels, frames, height, width] = part.type === 'video' ? part.shape : [part.shape[0], 1, ...part.shape.slice(1)];
  const { every, shown, scale } = stripOf(frames, width);
  const gap = 1;
  return {
    width: shown * (width * scale + gap) - gap,
    height: height * scale,
    draw: (image, left, top, values) => {
      image.rectangle(left, top, shown * (width * scale + gap) - gap, height * scale, BETWEEN);
      for (let k = 0; k < shown; k++)
        drawFrame(image, left + k * (width * scale + gap), top, { values, channels, frames, height, width, frame: k * every, scale });
    },
  };
}

/** One frame of a clip [channels, frames, height, width] of levels 0..255, each of its pixels a square. What is no number is magenta. */
export function drawFrame(
  image: Image,
  left: number,
  top: number,
  clip: {
    readonly values: ArrayLike<number>;
    readonly channels: number;
    readonly frames: number;
    readonly height: number;
    readonly width: number;
    readonly frame: number;
    readonly scale: number;
  },
): void {
  const { values, channels, frames, height, width, frame, scale } = clip;
  const plane = height * width;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = (c: number) => values[(c * frames + frame) * plane + y * width + x];
      image.rectangle(left + x * scale, top + y * scale, scale, scale, colourOf(at, channels));
    }
  }
}

function stripOf(frames: number, width: number): { every: number; shown: number; scale: number } {
  const every = Math.ceil(frames / MOST_FRAMES);
  const shown = Math.ceil(frames / every);
  const most = shown === 1 ? 96 : WIDTH;
  return { every, shown, scale: Math.max(1, Math.min(4, Math.floor(most / (shown * (width + 1))))) };
}

function audioLayout(part: Part, all: readonly Part[]): Layout {
  const [rows, bands] = part.shape;
  const video = all.find(({ type }) => type === 'video');
  const { every, shown, scale } = stripOf(video?.shape[1] ?? rows, video?.shape[3] ?? 24);
  const step = (video?.shape[3] ?? 24) * scale + 1;
  const tall = Math.max(1, Math.round(60 / bands));
  // A clip's row of sound stands under its frame; what a strip leaves out is left out here, too.
  const rowsEach = (rows / (video?.shape[1] ?? rows)) * every;
  return {
    width: shown * step - 1,
    height: bands * tall,
    draw: (image, left, top, values) => {
      const [low, high] = bands === 2 ? [0, 1] : [-1, 1];
      for (let x = 0; x < shown * step - 1; x++) {
        const row = Math.min(rows - 1, Math.floor(every === 1 ? (x / step) * rowsEach : Math.floor(x / step) * rowsEach));
        for (let band = 0; band < bands; band++) {
          const loud = Math.min(1, Math.max(0, (values[row * bands + band] - low) / (high - low)));
          const colour = SILENT.map((dark, c) => Math.round(dark + (LOUD[c] - dark) * loud)) as unknown as Colour;
          image.rectangle(left + x, top + (bands - 1 - band) * tall, 1, tall, colour);
        }
      }
    },
  };
}

/** Grey, colours, or colours over white paper; of other numbers of channels the first. */
function colourOf(at: (channel: number) => number, channels: number): Colour {
  const shown: Colour = channels >= 3 && channels <= 4 ? [at(0), at(1), at(2)] : [at(0), at(0), at(0)];
  if (shown.some(Number.isNaN)) return NOT_A_NUMBER;
  if (channels !== 4) return shown;
  const opacity = at(3) / 255;
  const over = (c: number) => Math.round(at(c) * opacity + 255 * (1 - opacity));
  return [over(0), over(1), over(2)];
}
