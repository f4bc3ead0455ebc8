/**
 * `images("folder")`: a folder of pictures, each decoded, resized and cropped to the size that the field asks for. With a field of type class,
 * each sub-folder is a class (as torchvision's ImageFolder has it), numbered in the order of their names.
 */
import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { FieldRequest } from '../../compiler/program/types.js';
import { fileReason } from '../train/files.js';
import { classesOf, type FieldRows, rowBytesOf, typeText } from './columns.js';
import { DataError } from './error.js';
import { KeptFile } from './kept.js';
import { epochOrder } from './order.js';
import { DECODER, PictureError, type PictureShape, pictureReader } from './picture.js';
import { findPictures, type PictureFiles } from './picture-folder.js';

export interface ImagesOptions {
  readonly crop: PictureShape['crop'];
  /** Rows wanted; default all. */
  readonly count?: number;
  readonly progress?: (text: string) => void;
  readonly warn?: (text: string) => void;
}

const LARGEST_FILE = 2 ** 30;
/** What one array of Node holds. */
const LARGEST_SET = 2 ** 32 - 2 ** 16;
/** Damaged files that a message names. */
const NAMED = 8;

/**
 * The rows of each field, of types image and class, mixed by a permutation that depends on the number of pictures alone. Throws DataError, naming
 * every picture that cannot be read.
 */
export async function imageRows(root: string, fields: readonly FieldRequest[], options: ImagesOptions): Promise<Map<string, FieldRows>> {
  const found = await findPictures(
    root,
    fields.some((field) => field.type === 'class'),
  );
  const all = found.names.length;
  const count = options.count ?? all;
  if (count > all) throw new DataError(`images(count: ${count}) is not possible`, `${root} has ${all} pictures`);
  const order = epochOrder(0n, 'data.mixed', 0, all);
  const names = Array.from({ length: count }, (_, i) => found.names[order.at(i)]);
  // What can be refused at once is, before minutes are spent on decoding.
  const shapes = new Map(fields.filter((field) => field.type === 'image').map((field) => [field, shapeOf(field, options.crop, count)]));
  const rows = new Map<string, FieldRows>();
  for (const field of fields) if (field.type === 'class') rows.set(field.name, labels(field, found, names));
  if (shapes.size > 0) {
    const hashes = await hashFiles(root, names, options);
    for (const [field, shape] of shapes) rows.set(field.name, await pictures(root, field, shape, names, hashes, options));
  }
  return rows;
}

function shapeOf(field: FieldRequest, crop: PictureShape['crop'], count: number): PictureShape {
  const [channels, height, width] = field.shape;
  if (channels !== 1 && channels !== 3 && channels !== 4) {
    throw new DataError(
      `field '${field.name}' asks for ${typeText(field)}`,
      `pictures have 1 channel (grey), 3 (colour) or 4 (colour and opacity), not ${channels}`,
      `write ${field.name}: image[3, ${height}, ${width}]`,
    );
  }
  const bytes = rowBytesOf(field) * count;
  if (bytes > LARGEST_SET) {
    throw new DataError(
      `field '${field.name}' asks for ${typeText(field)}`,
      `${count} pictures of that size take ${(bytes / 2 ** 30).toFixed(1)} GiB; ${(LARGEST_SET / 2 ** 30).toFixed(0)} GiB are possible`,
      'ask for smaller pictures, or for fewer: images("folder", count: 10000)',
    );
  }
  return { channels, height, width, crop };
}

function labels(field: FieldRequest, { root, classes = [] }: PictureFiles, names: readonly string[]): FieldRows {
  if (classesOf(field) !== classes.length) {
    throw new DataError(
      `field '${field.name}' asks for ${typeText(field)}`,
      `${root} has ${classes.length} sub-folders: ${classes.slice(0, 6).join(', ')}${classes.length > 6 ? ', ...' : ''}`,
      `write ${field.name}: class[${classes.length}]`,
    );
  }
  const place = new Map(classes.map((name, i) => [name, i]));
  const values = Int32Array.from(names, (name) => place.get(name.slice(0, name.indexOf('/'))) as number);
  return { count: names.length, bytes: new Uint8Array(values.buffer), rowBytes: 4 };
}

/** SHA-256 of each file: what a cache goes by. */
function hashFiles(root: string, names: readonly string[], options: ImagesOptions): Promise<string[]> {
  return eachFile(root, names, options, 'looking through pictures', async (file) => createHash('sha256').update(file).digest('base64'));
}

async function pictures(
  root: string,
  field: FieldRequest,
  shape: PictureShape,
  names: readonly string[],
  hashes: readonly string[],
  options: ImagesOptions,
): Promise<FieldRows> {
  const rowBytes = rowBytesOf(field);
  const cache = new KeptFile('pictures', [DECODER, shape, rowBytes, hashes]);
  const known = await cache.read(names.length * rowBytes);
  if (known !== undefined) return { count: names.length, bytes: known, rowBytes };
  const bytes = new Uint8Array(names.length * rowBytes);
  const read = await pictureReader();
  await eachFile(root, names, options, 'decoding pictures', async (file, i) => bytes.set(await read(file, shape), i * rowBytes));
  const reason = await cache.write(bytes);
  if (reason !== undefined) options.warn?.(`the decoded pictures cannot be kept for the next time: ${reason}`);
  return { count: names.length, bytes, rowBytes };
}

/** Does something with each file, some at a time. Throws DataError naming those that cannot be read, after all were tried. */
async function eachFile<T>(
  root: string,
  names: readonly string[],
  { progress }: ImagesOptions,
  what: string,
  work: (file: Buffer, index: number) => Promise<T>,
): Promise<T[]> {
  const results = new Array<T>(names.length);
  const bad: { name: string; reason: string }[] = [];
  let next = 0;
  let done = 0;
  const worker = async (): Promise<void> => {
    while (next < names.length) {
      const i = next++;
      try {
        results[i] = await work(await readPicture(join(root, names[i])), i);
      } catch (error) {
        bad.push({ name: names[i], reason: error instanceof PictureError ? error.message : fileReason(error) });
      }
      progress?.(`${what} ${++done}/${names.length}`);
    }
  };
  await Promise.all(Array.from({ length: Math.min(names.length, 2 * availableParallelism()) }, worker));
  if (bad.length === 0) return results;
  bad.sort((a, b) => (a.name < b.name ? -1 : 1));
  const shown = bad.slice(0, NAMED).map(({ name, reason }) => `${join(root, name)}: ${reason}`);
  if (shown.length < bad.length) shown.push(`and ${bad.length - shown.length} more`);
  throw new DataError(
    bad.length === 1 ? 'a picture cannot be used' : `${bad.length} of ${names.length} pictures cannot be used`,
    shown.join('\n  '),
    bad.length === 1 ? 'replace or remove it' : 'replace or remove them',
  );
}

async function readPicture(path: string): Promise<Buffer> {
  const { size } = await stat(path);
  if (size > LARGEST_FILE) throw new PictureError(`it has ${size} bytes, more than the ${LARGEST_FILE} that are read`);
  return readFile(path);
}
