/** A sheet of rows of a data set as a picture: clips as strips of frames, pictures in a grid, sounds below in step, and what is said of each under it. */
import type { DataRequest, FieldRequest } from '../../compiler/program/types.js';
import type { DataSet } from '../data/index.js';
import { factsOf, vocabularyOf } from '../data/manifest.js';
import { numbersOf } from '../data/report.js';
import { wordsOf } from '../data/text.js';
import { drawCells } from './cells.js';
import { encodePng } from './image.js';
import { scatter } from './scatter.js';
import { layoutOf } from './strip.js';

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

/** The first rows whose caption has these words one after another, the training rows first. */
export function rowsSaying(text: string, fields: readonly FieldRequest[], data: DataSet, most: number): SheetRow[] {
  const captions = fields.filter(({ type }) => type === 'tokens');
  const wanted = ` ${wordsOf(text).join(' ')} `;
  return sheetRows(data, 4 * (data.count + data.heldOut + (data.unseen ?? 0)))
    .filter(({ row }) => saidOf(captions, data, row).some((caption) => ` ${wordsOf(caption).join(' ')} `.includes(wanted)))
    .slice(0, most);
}

/** How many rows a sheet of this data shows unless told; undefined where there is nothing to show. */
export function sheetSize({ fields }: DataRequest): number | undefined {
  const has = (type: string) => fields.some((field) => field.type === type);
  if (has('video') || has('audio')) return 8;
  if (has('image')) return 60;
  return fields.some(isPoint) ? POINTS : undefined;
}

/** The sheet's PNG, of these rows or of so many. Its text is drawn by sharp in a font of the machine. */
export async function dataSheet(request: DataRequest, data: DataSet, most: number, rows: readonly SheetRow[] = sheetRows(data, most)): Promise<Buffer> {
  const shown = request.fields.filter(({ type }) => type === 'video' || type === 'image' || type === 'audio');
  const points = request.fields.find(isPoint);
  if (shown.length === 0 && points) return encodePng(scatter(numbersOf(points, data, 0, Math.min(data.count, most)), undefined, { most }));
  const cells = rows.map(({ row, part }) => ({
    parts: shown.map((field) => numbersOf(field, data, row, row + 1)),
    lines: saidOf(request.fields, data, row, part === 'training' ? [] : [part]),
  }));
  const layouts = shown.map((field) => layoutOf(field, shown));
  return encodePng(await drawCells(cells, layouts, { single: shown.some(({ type }) => type !== 'image') }));
}

function isPoint({ shape, storage }: FieldRequest): boolean {
  return shape.length === 1 && shape[0] === 2 && storage.kind === 'f32';
}

/** The captions of a row, then in a line its classes and what else is to be said of it. */
export function saidOf(fields: readonly FieldRequest[], data: DataSet, row: number, more: readonly string[] = []): string[] {
  const said = fields.flatMap((field): string[] => {
    if (field.type !== 'tokens') return [];
    const ids = numbersOf(field, data, row, row + 1);
    return [vocabularyOf(data.manifest, field.name)?.decode(ids) ?? Array.from(ids).join(' ')];
  });
  const classes = fields.flatMap((field): string[] => {
    if (field.type !== 'class') return [];
    const [value] = numbersOf(field, data, row, row + 1);
    return [`${field.name} ${factsOf(data.manifest, field.name, 'class')?.names[value] ?? value}`];
  });
  const about = [...classes, ...more].join(', ');
  return about === '' ? said : [...said, about];
}
