/** Points in the plane: real ones faint behind, samples strong before. */
import { drawNumber, textWidth } from './digits.js';
import { type Colour, Image } from './image.js';
import { ticks, tickText } from './ticks.js';

const REAL: Colour = [120, 134, 156];
const SAMPLE: Colour = [214, 51, 108];
const LINE: Colour = [229, 232, 238];
const FRAME: Colour = [173, 181, 194];
const TEXT: Colour = [73, 80, 92];

export interface ScatterOptions {
  /** Pixels a side; default 640. */
  readonly size?: number;
  /** Points of each kind at most; default 4,000. More hide each other. */
  readonly most?: number;
}

/** A square plot of real points and samples, each [n, 2]. The axes follow the real points, with room around; samples far outside are not shown. */
export function scatter(samples: ArrayLike<number>, real: ArrayLike<number> | undefined, options: ScatterOptions = {}): Image {
  const size = options.size ?? 640;
  const most = options.most ?? 4000;
  const margin = Math.round(size / 14);
  const side = size - 2 * margin;
  const image = new Image(size, size);
  const { x: cx, y: cy, half } = extent(real !== undefined && real.length > 1 ? real : samples);
  const toX = (x: number) => margin + ((x - cx) / half + 1) * 0.5 * side;
  const toY = (y: number) => margin + (1 - ((y - cy) / half + 1) * 0.5) * side;
  const scale = Math.max(1, Math.round(size / 320));
  for (const tick of ticks(cx - half, cx + half)) {
    const x = Math.round(toX(tick));
    image.rectangle(x, margin, 1, side, LINE);
    const text = tickText(tick);
    drawNumber(image, text, Math.round(x - textWidth(text, scale) / 2), margin + side + 4 * scale, scale, TEXT);
  }
  for (const tick of ticks(cy - half, cy + half)) {
    const y = Math.round(toY(tick));
    image.rectangle(margin, y, side, 1, LINE);
    const text = tickText(tick);
    drawNumber(image, text, margin - 4 * scale - textWidth(text, scale), Math.round(y - 2.5 * scale), scale, TEXT);
  }
  const dots = (points: ArrayLike<number>, radius: number, colour: Colour, opacity: number) => {
    const n = Math.min(most, Math.floor(points.length / 2));
    for (let i = 0; i < n; i++) {
      const x = toX(points[2 * i]);
      const y = toY(points[2 * i + 1]);
      if (x >= margin && x <= margin + side && y >= margin && y <= margin + side) image.disc(x, y, radius, colour, opacity);
    }
  };
  if (real !== undefined) dots(real, size / 320, REAL, 0.25);
  dots(samples, size / 290, SAMPLE, 0.5);
  for (const [x, y, width, height] of [
    [margin, margin, side, 1],
    [margin, margin + side, side + 1, 1],
    [margin, margin, 1, side],
    [margin + side, margin, 1, side],
  ]) {
    image.rectangle(x, y, width, height, FRAME);
  }
  return image;
}

/** Centre and half side of a square around the points, with a fifth more on each side. */
function extent(points: ArrayLike<number>): { x: number; y: number; half: number } {
  const low = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  const high = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let i = 0; i < points.length; i++) {
    if (!Number.isFinite(points[i])) continue;
    low[i % 2] = Math.min(low[i % 2], points[i]);
    high[i % 2] = Math.max(high[i % 2], points[i]);
  }
  if (!(low[0] <= high[0] && low[1] <= high[1])) return { x: 0, y: 0, half: 1 };
  return { x: (low[0] + high[0]) / 2, y: (low[1] + high[1]) / 2, half: (Math.max(high[0] - low[0], high[1] - low[1]) / 2) * 1.2 || 1 };
}
