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
  /** What a row is, where that is known: `frame`. */
  readonly row?: string;
  /** Above the table. */
  readonly lines: readonly string[];
}

const WIDTH = 1240;
const MARGIN = 12;
const CELL = 58;
const ROW = LINE + 3;
/** White, through the colours of embers: seen by all eyes, and in grey as well. */
const SCALE: readonly Colour[] = [
  [255, 255, 255],
  [255, 226, 158],
  [250, 170, 80],
  [224, 104, 60],
];
const NOT_A_NUMBER: Colour = [255, 0, 255];
const LINES: Colour = [226, 230, 236];

/**
 * Tables of one shape beside and below each other. A cell is the darker the nearer its number is to the greatest of its table, and white at 0 and below. Rows of
 * shares, which are 1 in sum, are shown in percent.
 */
export async function drawTables(tables: readonly Table[]): Promise<Image> {
  const [{ rows, columns, row: what }] = tables;
  const side = rows > 1 ? (what === undefined ? 26 : CELL + 10) : 0;
  const wide = side + columns * CELL;
  const beside = Math.max(1, Math.min(tables.length, Math.floor((WIDTH + MARGIN) / (wide + 2 * MARGIN))));
  const texts = tables.map(({ lines, ...table }) =>
    wrapped([...lines, ...(isShares(table) ? [`shares of each ${what === undefined ? 'row' : what}, in percent`] : [])], wide),
  );
  const named = tables.some(({ names }) => names !== undefined);
  const head = Math.max(...texts.map((text) => text.length)) * LINE + (named ? ROW : 4);
  const tall = head + rows * ROW + 2 * MARGIN;
  const image = new Image(MARGIN + beside * (wide + 2 * MARGIN), MARGIN + Math.ceil(tables.length / beside) * tall);
  const labels: Label[] = [];
  tables.forEach((table, k) => {
    const { values, names = [] } = table;
    const left = MARGIN + (k % beside) * (wide + 2 * MARGIN);
    const top = MARGIN + Math.floor(k / beside) * tall;
    const shares = isShares(table);
    const most = Math.max(...Array.from({ length: rows * columns }, (_, i) => values[i]).filter((v) => !Number.isNaN(v)), 0);
    labels.push(...texts[k].map((text, line) => ({ text, x: left, y: top + line * LINE })));
    labels.push(...names.slice(0, columns).map((text, column) => ({ text, x: left + side + column * CELL + 4, y: top + head - ROW })));
    image.rectangle(left + side, top + head, columns * CELL + 1, rows * ROW + 1, LINES);
    for (let row = 0; row < rows; row++) {
      const y = top + head + row * ROW;
      if (side > 0) labels.push({ text: `${what === undefined ? '' : `${what} `}${row + 1}`, x: left, y: y + 1 });
      for (let column = 0; column < columns; column++) {
        const value = values[row * columns + column];
        const x = left + side + column * CELL;
        image.rectangle(x + 1, y + 1, CELL - 1, ROW - 1, Number.isNaN(value) ? NOT_A_NUMBER : shade(most > 0 ? value / most : 0));
        labels.push({ text: shares ? percent(value) : shown(value), x: x + 6, y: y + 1 });
      }
    }
  });
  return lettered(image, labels);
}

/** Whether each row is parts of a whole. */
function isShares({ values, rows, columns }: Pick<Table, 'values' | 'rows' | 'columns'>): boolean {
  for (let row = 0; row < rows; row++) {
    const own = Array.from({ length: columns }, (_, column) => values[row * columns + column]);
    if (!own.every((v) => v >= 0) || Math.abs(own.reduce((a, b) => a + b, 0) - 1) > 0.01) return false;
  }
  return columns > 1;
}

function shade(share: number): Colour {
  const at = Math.min(1, Math.max(0, share)) * (SCALE.length - 1);
  const from = Math.min(SCALE.length - 2, Math.floor(at));
  return SCALE[from].map((low, c) => Math.round(low + (SCALE[from + 1][c] - low) * (at - from))) as unknown as Colour;
}

/** What is less than half a percent is left out: it is not what is looked for. */
function percent(value: number): string {
  return value < 0.005 ? '' : String(Math.round(100 * value));
}

/** At most five signs. */
function shown(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  return Math.abs(value) >= 0.005 && Math.abs(value) < 1000 ? value.toFixed(Math.abs(value) < 10 ? 2 : 0) : value === 0 ? '0' : value.toExponential(0);
}
