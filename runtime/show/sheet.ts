/** A sheet of rows of a data set as a picture: clips as strips of frames, pictures in a grid, sounds below in step, and what is said of each under it. */
import type { DataRequest, FieldRequest } from '../../compiler/program/types.js';
import type { DataSet } from '../data/index.js';
import { factsOf, vocabularyOf } from '../data/manifest.js';
import { numbersOf } from '../data/report.js';
import { type Colour, encodePng, Image } from './image.js';
import { scatter } from './scatter.js';

const PAPER: Colour = [255, 255, 255];
const SILENT: Colour = [29, 31, 54];
const LOUD: Colour = [255, 200, 87];
const BETWEEN: Colour = [206, 212, 218];
const WIDTH = 1100;
const MARGIN = 12;
const LINE = 17;
const FONT = 13;
/** Of a letter, roughly: rather too much. */
const LETTER = 8;
/** Frames that a strip shows; of longer clips some between. */
const MOST_FRAMES = 16;
const POINTS = 4000;

export type SheetRow = { readonly row: number; readonly part: 'training' | 'held out' | 'unseen' };

/** Training rows from the first on; where there are others, a quarter of the rows each. */
export function sheetRows({ count, heldOut, unseen = 0 }: Pick<DataSet, 'count' | 'heldOut' | 'unseen'>, most: number): SheetRow[] {
  const others = [heldOut, unseen].map((rows) => Math.min(rows, Math.floor(most / 4)));
  const list = (part: SheetRow['part'], first: number, rows: number) => Array.from({ length: rows }, (_, i): SheetRow => ({ row: first + i, part }));
  return [
    ...list('training', 0, Math.min(count, most - others[0] - others[1])),
    ...list('held out', count, others[0]),
    ...list('unseen', count + heldOut, others[1]),
  ];
}

/** How many rows a sheet of this data shows unless told; undefined where there is nothing to show. */
export function sheetSize({ fields }: DataRequest): number | undefined {
  const has = (type: string) => fields.some((field) => field.type === type);
  if (has('video') || has('audio')) return 8;
  if (has('image')) return 60;
  return fields.some(isPoint) ? POINTS : undefined;
}

/** The sheet's PNG. Its text is drawn by sharp in a font of the machine. */
export async function dataSheet(request: DataRequest, data: DataSet, most: number): Promise<Buffer> {
  const shown = request.fields.filter(({ type }) => type === 'video' || type === 'image' || type === 'audio');
  const points = request.fields.find(isPoint);
  if (shown.length === 0 && points) return encodePng(scatter(numbersOf(points, data, 0, Math.min(data.count, most)), undefined, { most }));
  const rows = sheetRows(data, most);
  const layouts = shown.map((field) => layoutOf(field, shown));
  const wide = Math.max(...layouts.map(({ width }) => width));
  const columns = shown.some(({ type }) => type !== 'image') ? 1 : Math.max(1, Math.min(rows.length, Math.floor((WIDTH + MARGIN) / (wide + MARGIN))));
  const cell = Math.max(wide, columns === 1 ? Math.min(WIDTH, 420) : 0);
  const texts = rows.map((at) => wrapped(saidOf(request, data, at), Math.max(8, Math.floor(cell / LETTER))));
  const picture = layouts.reduce((sum, { height }) => sum + height + 3, 0);
  const lines = (line: number) => Math.max(...texts.slice(line * columns, (line + 1) * columns).map((text) => text.length));
  const heights = Array.from({ length: Math.ceil(rows.length / columns) }, (_, line) => picture + lines(line) * LINE + MARGIN);
  const tops = heights.map((_, line) => MARGIN + heights.slice(0, line).reduce((a, b) => a + b, 0));
  const image = new Image(2 * MARGIN + columns * (cell + MARGIN) - MARGIN, MARGIN + heights.reduce((a, b) => a + b, 0), PAPER);
  const labels: string[] = [];
  for (const [i, { row }] of rows.entries()) {
    const left = MARGIN + (i % columns) * (cell + MARGIN);
    let top = tops[Math.floor(i / columns)];
    for (const layout of layouts) {
      layout.draw(image, left, top, numbersOf(layout.field, data, row, row + 1));
      top += layout.height + 3;
    }
    for (const [line, text] of texts[i].entries()) labels.push(`<text x="${left}" y="${top + FONT + line * LINE}">${escapeText(text)}</text>`);
  }
  const { default: sharp } = await import('sharp');
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${image.width}" height="${image.height}" font-family="sans-serif" font-size="${FONT}" fill="#212529">${labels.join('')}</svg>`;
  return sharp(image.pixels, { raw: { width: image.width, height: image.height, channels: 3 } })
    .composite([{ input: Buffer.from(svg) }])
    .png()
    .toBuffer();
}

function isPoint({ shape, storage }: FieldRequest): boolean {
  return shape.length === 1 && shape[0] === 2 && storage.kind === 'f32';
}

interface Layout {
  readonly field: FieldRequest;
  readonly width: number;
  readonly height: number;
  readonly draw: (image: Image, left: number, top: number, values: ArrayLike<number>) => void;
}

/** Where the parts of a row lie. Sounds are as wide as the frames above them. */
function layoutOf(field: FieldRequest, all: readonly FieldRequest[]): Layout {
  if (field.type === 'audio') return audioLayout(field, all);
  const [channels, frames, height, width] = field.type === 'video' ? field.shape : [field.shape[0], 1, ...field.shape.slice(1)];
  const { every, shown, scale } = stripOf(frames, width);
  const gap = 1;
  return {
    field,
    width: shown * (width * scale + gap) - gap,
    height: height * scale,
    draw: (image, left, top, values) => {
      const plane = height * width;
      image.rectangle(left, top, shown * (width * scale + gap) - gap, height * scale, BETWEEN);
      for (let k = 0; k < shown; k++) {
        for (let y = 0; y < height; y++) {
          for (let x = 0; x < width; x++) {
            const at = (c: number) => values[(c * frames + k * every) * plane + y * width + x];
            image.rectangle(left + k * (width * scale + gap) + x * scale, top + y * scale, scale, scale, colourOf(at, channels));
          }
        }
      }
    },
  };
}

function stripOf(frames: number, width: number): { every: number; shown: number; scale: number } {
  const every = Math.ceil(frames / MOST_FRAMES);
  const shown = Math.ceil(frames / every);
  const most = shown === 1 ? 96 : WIDTH;
  return { every, shown, scale: Math.max(1, Math.min(4, Math.floor(most / (shown * (width + 1))))) };
}

function audioLayout(field: FieldRequest, all: readonly FieldRequest[]): Layout {
  const [rows, bands] = field.shape;
  const video = all.find(({ type }) => type === 'video');
  const { every, shown, scale } = stripOf(video?.shape[1] ?? rows, video?.shape[3] ?? 24);
  const step = (video?.shape[3] ?? 24) * scale + 1;
  const tall = Math.max(1, Math.round(60 / bands));
  // A clip's row of sound stands under its frame; what a strip leaves out is left out here, too.
  const rowsEach = (rows / (video?.shape[1] ?? rows)) * every;
  return {
    field,
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
  if (channels === 3) return [at(0), at(1), at(2)];
  if (channels !== 4) return [at(0), at(0), at(0)];
  const opacity = at(3) / 255;
  const over = (c: number) => Math.round(at(c) * opacity + 255 * (1 - opacity));
  return [over(0), over(1), over(2)];
}

/** The captions and classes of a row; of one that is not for training, what it is. */
function saidOf({ fields }: DataRequest, data: DataSet, { row, part }: SheetRow): string[] {
  const said = fields.flatMap((field): string[] => {
    if (field.type === 'tokens') {
      const ids = numbersOf(field, data, row, row + 1);
      return [vocabularyOf(data.manifest, field.name)?.decode(ids) ?? Array.from(ids).join(' ')];
    }
    return [];
  });
  const classes = fields.flatMap((field): string[] => {
    if (field.type !== 'class') return [];
    const [value] = numbersOf(field, data, row, row + 1);
    return [`${field.name} ${factsOf(data.manifest, field.name, 'class')?.names[value] ?? value}`];
  });
  const about = [...classes, ...(part === 'training' ? [] : [part])].join(', ');
  return about === '' ? said : [...said, about];
}

/** Lines of at most so many letters, broken between words. */
function wrapped(lines: readonly string[], most: number): string[] {
  return lines.flatMap((line) => {
    const broken: string[] = [];
    let now = '';
    for (const word of line.split(' ')) {
      if (now !== '' && now.length + 1 + word.length > most) {
        broken.push(now);
        now = word;
      } else now = now === '' ? word : `${now} ${word}`;
    }
    return [...broken, now];
  });
}

function escapeText(text: string): string {
  return text.replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c] as string);
}
