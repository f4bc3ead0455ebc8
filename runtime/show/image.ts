/** A picture in memory, and PNG. Drawing is by coverage: shapes are sampled finely enough that edges are smooth. */
import { PNG } from 'pngjs';
import { writeAtomic } from '../train/files.js';

export type Colour = readonly [number, number, number];

export class Image {
  /** RGB, 0..255, row by row from the top. */
  readonly pixels: Uint8Array;

  constructor(
    readonly width: number,
    readonly height: number,
    background: Colour = [255, 255, 255],
  ) {
    this.pixels = new Uint8Array(3 * width * height);
    for (let i = 0; i < width * height; i++) this.pixels.set(background, 3 * i);
  }

  /** Lays `colour` over a pixel; outside of the picture, nothing. */
  blend(x: number, y: number, colour: Colour, opacity: number): void {
    if (x < 0 || y < 0 || x >= this.width || y >= this.height || opacity <= 0) return;
    const at = 3 * (y * this.width + x);
    for (let c = 0; c < 3; c++) this.pixels[at + c] = Math.round(this.pixels[at + c] * (1 - opacity) + colour[c] * opacity);
  }

  /** Whole pixels from (x, y), width by height. */
  rectangle(x: number, y: number, width: number, height: number, colour: Colour, opacity = 1): void {
    if (opacity === 1) {
      const [left, right] = [Math.max(0, x), Math.min(this.width, x + width)];
      const [red, green, blue] = colour.map(Math.round);
      for (let j = Math.max(0, y); j < Math.min(this.height, y + height); j++) {
        for (let at = 3 * (j * this.width + left); at < 3 * (j * this.width + right); at += 3) {
          this.pixels[at] = red;
          this.pixels[at + 1] = green;
          this.pixels[at + 2] = blue;
        }
      }
      return;
    }
    for (let j = y; j < y + height; j++) for (let i = x; i < x + width; i++) this.blend(i, j, colour, opacity);
  }

  /** A disc around (x, y), whose edge fades over one pixel. */
  disc(x: number, y: number, radius: number, colour: Colour, opacity = 1): void {
    for (let j = Math.floor(y - radius - 1); j <= y + radius + 1; j++) {
      for (let i = Math.floor(x - radius - 1); i <= x + radius + 1; i++) {
        const distance = Math.hypot(i + 0.5 - x, j + 0.5 - y);
        this.blend(i, j, colour, opacity * Math.min(1, Math.max(0, radius + 0.5 - distance)));
      }
    }
  }
}

/** The bytes of a PNG file; the same picture gives the same bytes. */
export function encodePng(image: Image): Buffer {
  const png = new PNG({ width: image.width, height: image.height, colorType: 2 });
  for (let i = 0; i < image.width * image.height; i++) {
    for (let c = 0; c < 3; c++) png.data[4 * i + c] = image.pixels[3 * i + c];
    png.data[4 * i + 3] = 255;
  }
  return PNG.sync.write(png, { colorType: 2, inputColorType: 6 });
}

export async function writePng(path: string, image: Image): Promise<void> {
  await writeAtomic(path, encodePng(image));
}
