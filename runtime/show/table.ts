/** Numbers in rows and columns, each cell shaded by its number: what a frame looked at among the words of a caption. */
import { type Colour, Image } from './image.js';
import { type Label, LINE, lettered, wrapped } from './lettering.js';

export interface Table {
  /** Row after row. */
  readonly values: ArrayLike<number>;
  readonly rows: number;
  readonly columns: number;
  /** Above the columns; '' where there is nothing to say. */
  readonly names?: readonly string[];
  /** Under the table. */
  readonly lines: readonly string[];
}

const WIDTH = 1200;
const MARGIN = 12;
const CELL = 58;
const ROW = LINE + 2;
const FULL: Colour = [255, 200, 87];
const NOT_A_NUMBER: Colour = [255, 0, 255];

/** Tables of one shape beside and below each other. A cell is the darker the nearer its number is to the greatest of its table, and white at 0 and below. */
export async function drawTables(tables: readonly Table[]): Promise<Image> {
  const [{ rows, columns }] = tables;
  const side = rows > 1 ? CELL : 0;
  const wide = side + columns * CELL;
  const beside = Math.max(1, Math.min(tables.length, Math.floor((WIDTH + MARGIN) / (wide + MARGIN))));
  const texts = tables.map(({ lines }) => wrapped(lines, wide));
  const head = tables.some(({ names }) => names !== undefined) ? ROW : 0;
  const tall = head + rows * ROW + 3 + Math.max(...texts.map((text) => text.length)) * LINE + MARGIN;
  const image = new Image(2 * MARGIN + beside * (wide + MARGIN) - MARGIN, MARGIN + Math.ceil(tables.length / beside) * tall);
  const labels: Label[] = [];
  tables.forEach(({ values, names = [] }, k) => {
    const left = MARGIN + (k % beside) * (wide + MARGIN);
    const top = MARGIN + Math.floor(k / beside) * tall;
    const most = Math.max(...Array.from({ length: rows * columns }, (_, i) => values[i]).filter((v) => !Number.isNaN(v)), 0);
    labels.push(...names.slice(0, columns).map((text, column) => ({ text, x: left + side + column * CELL + 2, y: top })));
    for (let row = 0; row < rows; row++) {
      const y = top + head + row * ROW;
      if (side > 0) labels.push({ text: String(row + 1), x: left, y: y + 1 });
      for (let column = 0; column < columns; column++) {
        const value = values[row * columns + column];
        const x = left + side + column * CELL;
        image.rectangle(x, y, CELL - 1, ROW - 1, Number.isNaN(value) ? NOT_A_NUMBER : shade(most > 0 ? value / most : 0));
        labels.push({ text: shown(value), x: x + 4, y: y + 1 });
      }
    }
    labels.push(...texts[k].map((text, line) => ({ text, x: left, y: top + head + rows * ROW + 3 + line * LINE })));
  });
  return lettered(image, labels);
}

function shade(share: number): Colour {
  const s = Math.min(1, Math.max(0, share));
  return FULL.map((full) => Math.round(255 + (full - 255) * s)) as unknown as Colour;
}

/** At most five signs. */
function shown(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  return Math.abs(value) >= 0.005 && Math.abs(value) < 1000 ? value.toFixed(Math.abs(value) < 10 ? 2 : 0) : value === 0 ? '0' : value.toExponential(0);
}
