/** Clips beside each other, which play at the same time, with what is said of each or of several under them. */
import { Image } from './image.js';
import { type Label, LINE, lettered, wrapped } from './lettering.js';
import { drawFrame } from './strip.js';

export interface ShownClip {
  /** Levels 0..255 of [channels, frames, height, width]. */
  readonly values: ArrayLike<number>;
  readonly lines: readonly string[];
  /** Another clip, to the right of it. */
  readonly beside?: ArrayLike<number>;
}

/** Pixels of a clip's width, roughly, and of the whole grid. */
const CLIP = 144;
const GRID = 1200;
const MARGIN = 10;
/** Between clips, and between the two of a pair. */
const GAP = 8;
const PAIR = 2;
/** Clips of one group in a row, and pairs. */
const IN_A_ROW = 8;
const PAIRS_IN_A_ROW = 4;

interface Row {
  readonly clips: readonly number[];
  /** Under the whole row. */
  readonly lines: readonly string[];
}

/**
 * The frames of a grid of clips of one shape [channels, frames, height, width]. With `groups`, the lines of each, clip k is of group k % groups.length: a group's
 * clips stand in rows of their own, over its lines. The frames of a shape with one frame are a picture.
 */
export async function clipGrid(clips: readonly ShownClip[], shape: readonly number[], groups?: readonly (readonly string[])[]): Promise<Image[]> {
  const [channels, frames, height, width] = shape;
  const pair = clips.some(({ beside }) => beside !== undefined);
  const rows = rowsOf(clips.length, groups, pair ? PAIRS_IN_A_ROW : IN_A_ROW);
  const columns = Math.max(...rows.map((row) => row.clips.length));
  const each = columns * (pair ? 2 : 1);
  const scale = Math.max(1, Math.min(Math.round(CLIP / width), Math.floor((GRID - columns * GAP) / (each * width))));
  const cell = pair ? 2 * width * scale + PAIR : width * scale;
  const all = columns * (cell + GAP) - GAP;
  const labels: Label[] = [];
  const places: { left: number; top: number }[] = [];
  let top = MARGIN;
  for (const row of rows) {
    const texts = row.clips.map((k) => wrapped(clips[k].lines, cell));
    const under = top + height * scale + 3;
    row.clips.forEach((k, column) => {
      const left = MARGIN + column * (cell + GAP);
      places[k] = { left, top };
      labels.push(...texts[column].map((text, line) => ({ text, x: left, y: under + line * LINE })));
    });
    const below = under + LINE * Math.max(0, ...texts.map((lines) => lines.length));
    const about = wrapped(row.lines, Math.max(all, CLIP));
    labels.push(...about.map((text, line) => ({ text, x: MARGIN, y: below + line * LINE })));
    top = below + about.length * LINE + GAP;
  }
  const ground = await lettered(new Image(Math.max(all, CLIP) + 2 * MARGIN, top - GAP + MARGIN), labels);
  return Array.from({ length: frames }, (_, frame) => {
    const image = new Image(ground.width, ground.height);
    image.pixels.set(ground.pixels);
    clips.forEach(({ values, beside }, k) => {
      const { left, top: at } = places[k];
      const drawn = { channels, frames, height, width, frame, scale };
      drawFrame(image, left, at, { ...drawn, values });
      if (beside !== undefined) drawFrame(image, left + width * scale + PAIR, at, { ...drawn, values: beside });
    });
    return image;
  });
}

function rowsOf(count: number, groups: readonly (readonly string[])[] | undefined, most: number): Row[] {
  const numbers = Array.from({ length: count }, (_, k) => k);
  const inRows = (clips: readonly number[], columns: number, lines: readonly string[]): Row[] => {
    const rows = Math.ceil(clips.length / columns);
    return Array.from({ length: rows }, (_, i) => ({ clips: clips.slice(i * columns, (i + 1) * columns), lines: i === rows - 1 ? lines : [] }));
  };
  if (groups === undefined) return inRows(numbers, Math.ceil(Math.sqrt(count)), []);
  return groups.flatMap((lines, group) => {
    const own = numbers.filter((k) => k % groups.length === group);
    return inRows(own, Math.min(own.length, groups.length === 1 ? Math.max(most, Math.ceil(Math.sqrt(own.length))) : most), lines);
  });
}
