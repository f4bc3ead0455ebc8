/** Cells in a grid: in each, parts below each other, and lines of text under them. */
import { Image } from './image.js';
import { type Label, LINE, lettered, wrapped } from './lettering.js';
import { type Layout, WIDTH } from './strip.js';

export const MARGIN = 12;

export interface Cell {
  /** What each layout draws; undefined leaves its place empty. */
  readonly parts: readonly (ArrayLike<number> | undefined)[];
  readonly lines: readonly string[];
}

/** As wide as they fit beside each other; with `single` one below the other. */
export async function drawCells(cells: readonly Cell[], layouts: readonly Layout[], { single }: { readonly single: boolean }): Promise<Image> {
  const wide = Math.max(...layouts.map(({ width }) => width));
  const columns = single ? 1 : Math.max(1, Math.min(cells.length, Math.floor((WIDTH + MARGIN) / (wide + MARGIN))));
  const cell = Math.max(wide, columns === 1 ? Math.min(WIDTH, 420) : 0);
  const texts = cells.map(({ lines }) => wrapped(lines, cell));
  const picture = layouts.reduce((sum, { height }) => sum + height + 3, 0);
  const lines = (row: number) => Math.max(...texts.slice(row * columns, (row + 1) * columns).map((text) => text.length));
  const heights = Array.from({ length: Math.ceil(cells.length / columns) }, (_, row) => picture + lines(row) * LINE + MARGIN);
  const tops = heights.map((_, row) => MARGIN + heights.slice(0, row).reduce((a, b) => a + b, 0));
  const image = new Image(2 * MARGIN + columns * (cell + MARGIN) - MARGIN, MARGIN + heights.reduce((a, b) => a + b, 0));
  const labels: Label[] = [];
  for (const [i, { parts }] of cells.entries()) {
    const left = MARGIN + (i % columns) * (cell + MARGIN);
    let top = tops[Math.floor(i / columns)];
    for (const [part, layout] of layouts.entries()) {
      const values = parts[part];
      if (values !== undefined) layout.draw(image, left, top, values);
      top += layout.height + 3;
    }
    labels.push(...texts[i].map((text, line) => ({ text, x: left, y: top + line * LINE })));
  }
  return lettered(image, labels);
}
