/** Samples side by side. */
import { type Colour, Image } from './image.js';

export interface GridOptions {
  /** Values that become black and white; default -1..1. */
  readonly range?: readonly [number, number];
  /** Pixels a side of one sample's pixel. Default: the largest whole number with which the grid stays within 1,000 pixels. */
  readonly scale?: number;
  /** Samples in a row. Default: as many as make the grid about square. */
  readonly columns?: number;
}

/** Between samples, and around them: dark enough to frame white ground, light enough to frame black. */
const GAP: Colour = [128, 132, 140];
const NOT_A_NUMBER: Colour = [255, 0, 255];

/**
 * A grid of `count` pictures [count, channels, height, width] with 1 channel (grey) or 3 (red, green, blue), row by row.
 * Values beyond the range are clipped; one that is no number is shown in magenta.
 */
export function imageGrid(samples: ArrayLike<number>, shape: readonly number[], options: GridOptions = {}): Image {
  const [count, channels, height, width] = shape;
  if (shape.length !== 4 || (channels !== 1 && channels !== 3))
    throw new Error(`a picture grid needs [count, 1 or 3, height, width], not [${shape.join(', ')}]`);
  const columns = Math.max(1, Math.min(count, options.columns ?? Math.ceil(Math.sqrt((count * height) / width))));
  const rows = Math.max(1, Math.ceil(count / columns));
  const scale = options.scale ?? Math.min(8, Math.max(1, Math.floor(1000 / Math.max(columns * (width + 1), rows * (height + 1)))));
  const gap = scale > 2 ? 2 : 1;
  const image = new Image(columns * (width * scale + gap) + gap, rows * (height * scale + gap) + gap, GAP);
  const [low, high] = options.range ?? [-1, 1];
  const plane = height * width;
  for (let n = 0; n < count; n++) {
    const left = gap + (n % columns) * (width * scale + gap);
    const top = gap + Math.floor(n / columns) * (height * scale + gap);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const at = n * channels * plane + y * width + x;
        const level = (c: number) => Math.round((255 * (samples[at + (channels === 1 ? 0 : c) * plane] - low)) / (high - low));
        const values = [level(0), level(1), level(2)];
        const colour: Colour = values.some(Number.isNaN) ? NOT_A_NUMBER : [clip(values[0]), clip(values[1]), clip(values[2])];
        image.rectangle(left + x * scale, top + y * scale, scale, scale, colour);
      }
    }
  }
  return image;
}

function clip(level: number): number {
  return Math.min(255, Math.max(0, level));
}
