/**
 * `captions.jsonl` or `captions.csv`: what is known of each clip of a folder. One object or row for each, with `file` (from the folder, ending
 * included) or `id` (the same without the ending), `caption`, `sound` (a WAV file), and a column for each class field; others do not count.
 */
import { lstat, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ErrorObject, ValidateFunction } from 'ajv';
import { suggest } from '../../grammar/suggest.js';
import { fileReason } from '../train/files.js';
import { DataError } from './error.js';

export interface CaptionLine {
  /** Where it ends in the file, from 1. */
  readonly line: number;
  readonly file?: string;
  readonly id?: string;
  readonly caption?: string;
  readonly sound?: string;
  /** By the name of the class field. */
  readonly classes: ReadonlyMap<string, number | string>;
}

export interface Captions {
  readonly path: string;
  readonly lines: readonly CaptionLine[];
}

/** What the fields of a spec need of every line. */
export interface CaptionNeeds {
  readonly caption: boolean;
  readonly sound: boolean;
  readonly classes: readonly string[];
}

export const CAPTION_FILES = ['captions.jsonl', 'captions.csv'] as const;

const MAX_BYTES = 2 ** 28;
const MAX_CAPTION = 10_000;
/** Wrong lines that a message names. */
const NAMED = 8;

/** The folder's file of captions, undefined where it has none. Throws DataError naming the lines that are wrong. */
export async function readCaptions(root: string, needs: CaptionNeeds): Promise<Captions | undefined> {
  const there = (await Promise.all(CAPTION_FILES.map(async (name) => ({ name, info: await lstat(join(root, name)).catch(() => undefined) })))).filter(
    ({ info }) => info !== undefined,
  );
  if (there.length === 0) return undefined;
  if (there.length > 1) throw new DataError(`cannot use the captions in ${root}`, `it has ${CAPTION_FILES.join(' and ')}`, 'remove one of them');
  const [{ name, info }] = there;
  const path = join(root, name);
  const bad = (reason: string, mend = exampleOf(name, needs)) => new DataError(`cannot use ${path}`, reason, mend);
  if (info?.isDirectory()) throw bad('it is a folder', 'give it another name');
  if (info?.isSymbolicLink()) throw bad('it is a link, and links are not followed', 'put a copy in its place');
  if (!info?.isFile()) throw bad('it is not a regular file', 'put one in its place');
  if (info.size > MAX_BYTES) throw bad(`it has ${info.size} bytes, more than the ${MAX_BYTES} that are read`);
  const file = await readFile(path).catch((error: unknown) => {
    throw bad(`it cannot be read: ${fileReason(error)}`, 'make it readable');
  });
  const text = decode(file, bad);
  const rows = name === 'captions.csv' ? await csvRows(text, bad) : jsonRows(text);
  if (rows.length === 0) throw bad('it is empty');
  const check = await checker(needs);
  const wrong = rows.flatMap(({ line, value, reason }) => {
    const why = reason ?? complaint(check, value);
    return why === undefined ? [] : [`line ${line}: ${why}`];
  });
  if (wrong.length > 0) {
    const shown = wrong.slice(0, NAMED);
    if (wrong.length > NAMED) shown.push(`and ${wrong.length - NAMED} more lines`);
    throw bad(shown.join('\n  '));
  }
  return { path, lines: rows.map(({ line, value }) => lineOf(line, value as Record<string, unknown>, needs)) };
}

type Bad = (reason: string, mend?: string) => DataError;

interface Row {
  readonly line: number;
  readonly value?: unknown;
  /** Why there is no value. */
  readonly reason?: string;
}

function decode(file: Buffer, bad: Bad): string {
  const whole = utf8(file);
  if (whole !== undefined) return whole;
  if ((file[0] === 0xff && file[1] === 0xfe) || (file[0] === 0xfe && file[1] === 0xff)) throw bad('it is UTF-16 text', 'save it as UTF-8');
  for (let line = 1, from = 0; ; line++) {
    const end = file.indexOf(10, from);
    if (utf8(file.subarray(from, end < 0 ? undefined : end)) === undefined) throw bad(`line ${line} is not UTF-8 text`, 'save it as UTF-8');
    from = end + 1;
  }
}

function utf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function jsonRows(text: string): Row[] {
  return text.split(/\r\n|\n/).flatMap((line, i): Row[] => {
    if (line.trim() === '') return [];
    try {
      return [{ line: i + 1, value: JSON.parse(line) }];
    } catch (error) {
      return [{ line: i + 1, reason: `it is not JSON (${(error as Error).message})` }];
    }
  });
}

/** RFC 4180 with commas; the first row names the columns. Empty cells count as absent. */
async function csvRows(text: string, bad: Bad): Promise<Row[]> {
  const { parse } = await import('csv-parse/sync');
  let records: { info: { lines: number }; record: string[] }[];
  try {
    records = parse(text, { info: true, relax_column_count: true, skip_empty_lines: true, max_record_size: 2 ** 20 }) as unknown as typeof records;
  } catch (error) {
    const { message, lines } = error as Error & { lines?: number };
    throw bad(
      `${lines === undefined ? '' : `line ${lines}: `}it is not CSV (${message})`,
      'put a cell that holds quotes, commas or line ends in "quotes", and quotes in it twice',
    );
  }
  const [head, ...rest] = records;
  if (head === undefined) return [];
  const names = head.record.map((name) => name.trim());
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw bad(`line ${head.info.lines}: two columns are named '${twice}'`, 'name each once');
  if (names.length === 1 && names[0].includes(';')) throw bad(`line ${head.info.lines}: its columns are separated by semicolons`, 'separate them by commas');
  return rest.map(({ info, record }): Row => {
    if (record.length !== names.length) return { line: info.lines, reason: `it has ${record.length} cells where the first line names ${names.length} columns` };
    return { line: info.lines, value: Object.fromEntries(names.flatMap((name, i) => (record[i] === '' ? [] : [[name, record[i]]]))) };
  });
}

async function checker(needs: CaptionNeeds): Promise<ValidateFunction> {
  const { Ajv2020 } = await import('ajv/dist/2020.js');
  const text = { type: 'string', minLength: 1 };
  const label = { anyOf: [{ type: 'integer', minimum: 0 }, text] };
  const schema = {
    type: 'object',
    properties: {
      ...Object.fromEntries(needs.classes.map((name) => [name, label])),
      file: text,
      id: { anyOf: [text, { type: 'integer' }] },
      caption: { type: 'string', pattern: '\\S', maxLength: MAX_CAPTION },
      sound: text,
    },
    required: [...(needs.caption ? ['caption'] : []), ...(needs.sound ? ['sound'] : []), ...needs.classes],
  };
  return new Ajv2020({ strict: true, allowUnionTypes: true }).compile(schema);
}

/** What is wrong with a line, in words; undefined where nothing is. */
function complaint(check: ValidateFunction, value: unknown): string | undefined {
  if (!check(value)) return inWords((check.errors as ErrorObject[])[0], value);
  const { file, id } = value as Record<string, unknown>;
  if (file === undefined && id === undefined) return `it has neither 'file' nor 'id'${near('file', value)}`;
  if (file !== undefined && id !== undefined) return "it has both 'file' and 'id', where one says which clip";
  return undefined;
}

function inWords({ keyword, instancePath, params }: ErrorObject, value: unknown): string {
  const name = instancePath.slice(1);
  const held = (value as Record<string, unknown> | null)?.[name];
  if (name === '' && keyword === 'type') return 'it is not an object: { ... }';
  if (keyword === 'required') {
    const { missingProperty } = params as { missingProperty: string };
    return `it has no '${missingProperty}'${near(missingProperty, value)}`;
  }
  if (keyword === 'maxLength') return `'${name}' has more than ${MAX_CAPTION} letters`;
  if (typeof held === 'string') return `'${name}' is empty`;
  const wanted = ['caption', 'file', 'sound'].includes(name) ? 'text' : name === 'id' ? 'text or a whole number' : 'a whole number from 0 on, or text';
  return `'${name}' must be ${wanted}, not ${short(held)}`;
}

function short(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 40 ? `${text.slice(0, 40)}...` : text;
}

function near(name: string, value: unknown): string {
  const other = suggest(name, Object.keys(value as object));
  return other === undefined ? '' : `: is '${other}' meant?`;
}

function exampleOf(name: string, needs: CaptionNeeds): string {
  const columns: [string, string | number][] = [['file', 'clip1.gif']];
  if (needs.caption) columns.push(['caption', 'a dog runs']);
  if (needs.sound) columns.push(['sound', 'clip1.wav']);
  for (const label of needs.classes) columns.push([label, 0]);
  if (name === 'captions.jsonl') return `a line is ${JSON.stringify(Object.fromEntries(columns))}`;
  return `the first line names the columns: ${columns.map(([column]) => column).join(',')}; the others are like ${columns.map(([, cell]) => cell).join(',')}`;
}

function lineOf(line: number, value: Record<string, unknown>, needs: CaptionNeeds): CaptionLine {
  const text = (name: string) => (value[name] === undefined ? undefined : String(value[name]));
  return {
    line,
    file: text('file'),
    id: text('id'),
    caption: text('caption'),
    sound: text('sound'),
    classes: new Map(needs.classes.map((name) => [name, value[name] as number | string])),
  };
}
