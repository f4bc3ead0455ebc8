/** What the captions of a folder say of its clips: which line is of which clip, words, classes. */
import { join } from 'node:path';
import type { FieldRequest } from '../../compiler/program/types.js';
import type { CaptionLine, Captions } from './captions.js';
import { CAPTION_FILES } from './captions.js';
import { type FoundClip, whyNoClip } from './clip-folder.js';
import { checkColumn, classesOf, type FieldRows, packColumn, typeText } from './columns.js';
import { DataError } from './error.js';
import { type DataManifest, type FieldFacts, factsOf, vocabularyFor } from './manifest.js';
import { wordsOf } from './text.js';

/** Things that are wrong which a message names. */
const NAMED = 8;

export function listed(reasons: readonly string[]): string {
  const shown = reasons.slice(0, NAMED);
  if (reasons.length > NAMED) shown.push(`and ${reasons.length - NAMED} more`);
  return shown.join('\n  ');
}

/** The line of each clip. Throws DataError where a line has no clip, a clip no line or more than one. */
export async function linesOf(root: string, clips: readonly FoundClip[], { path, lines }: Captions): Promise<CaptionLine[]> {
  const byName = new Map<string, number[]>();
  for (const [i, { name, kind }] of clips.entries()) {
    for (const key of new Set([`file ${name}`, `id ${kind === 'frames' ? name : name.slice(0, name.lastIndexOf('.'))}`]))
      byName.set(key, [...(byName.get(key) ?? []), i]);
  }
  const found = new Array<CaptionLine | undefined>(clips.length);
  const wrong: string[] = [];
  for (const line of lines) {
    const given = (line.file ?? line.id) as string;
    const name = given.replace(/^(\.\/)+/, '').replace(/\/+$/, '');
    const places = byName.get(line.file === undefined ? `id ${name}` : `file ${name}`) ?? [];
    const [place] = places;
    const at = `line ${line.line}:`;
    if (place === undefined)
      wrong.push(
        line.file === undefined ? `${at} there is no clip of the id '${given}'` : `${at} ${join(root, given)} is no clip: ${await whyNoClip(root, given)}`,
      );
    else if (places.length > 1) wrong.push(`${at} the id '${given}' is that of ${places.map((i) => clips[i].name).join(' and ')}: name its 'file'`);
    else if (found[place] !== undefined) wrong.push(`${at} the clip ${clips[place].name} is captioned twice, first in line ${found[place].line}`);
    else found[place] = line;
  }
  if (wrong.length > 0) throw new DataError(`cannot use ${path}`, listed(wrong), 'mend these lines, or remove them');
  const bare = clips.filter((_, i) => found[i] === undefined).map(({ name }) => name);
  if (bare.length > 0) {
    const many = bare.length > 1 ? `${bare.length} clips have no line` : 'a clip has no line';
    throw new DataError(`cannot use ${path}`, `${many} in it: ${listed(bare)}`, 'write a line for each clip, or move the others out of the folder');
  }
  return found as CaptionLine[];
}

/** Refuses fields that come from captions where the folder has none. */
export function captionsFor(root: string, fields: readonly FieldRequest[], captions: Captions | undefined): void {
  const field = fields.find(({ type }) => type !== 'video');
  if (field === undefined || captions !== undefined) return;
  throw new DataError(
    `field '${field.name}' asks for ${typeText(field)}`,
    `${root} has no ${CAPTION_FILES.join(' or ')}`,
    `write one: a line of ${CAPTION_FILES[0]} is {"file": "clip1.gif", "caption": "a dog runs"}`,
  );
}

/** The words of the rows, numbered by all captions, so that a part of the rows has the same numbers. */
export function tokenRows(
  field: FieldRequest,
  { path, lines }: Captions,
  rows: readonly CaptionLine[],
  options: { readonly manifest?: DataManifest; readonly warn?: (text: string) => void },
): { rows: FieldRows; facts: FieldFacts } {
  const [length] = field.shape;
  const counts = lines.map(({ line, caption }) => ({ line, words: wordsOf(caption as string).length }));
  const longest = counts.reduce((most, { words }) => Math.max(most, words), 0);
  const wrong = counts.filter(({ words }) => words > length || words === 0);
  if (wrong.length > 0) {
    const reasons = wrong.map(({ line, words }) => (words === 0 ? `line ${line}: its caption has no word` : `line ${line}: its caption has ${words} words`));
    const words = field.args.words === undefined ? '' : `, words: ${field.args.words}`;
    const mend = longest > length ? `write ${field.name}: tokens[${longest}${words}], or shorten the captions` : 'write what is to be seen';
    throw new DataError(`field '${field.name}' asks for ${typeText(field)}`, `${path}\n  ${listed(reasons)}`, mend);
  }
  const vocabulary = vocabularyFor(
    field,
    lines.map(({ caption }) => caption as string),
    options,
  );
  const data = new Int32Array(rows.length * length);
  for (const [i, { caption }] of rows.entries()) data.set(vocabulary.encode(caption as string, length), i * length);
  return packed(field, { kind: 'tokens', length, words: vocabulary.size, data }, rows.length, path, { type: 'tokens', length, words: vocabulary.words });
}

/** Whole numbers as they are; else the place of each name among all names, in the order of their characters' codes. */
export function classRows(
  field: FieldRequest,
  { path, lines }: Captions,
  rows: readonly CaptionLine[],
  manifest: DataManifest | undefined,
): { rows: FieldRows; facts?: FieldFacts } {
  const classes = classesOf(field) ?? 0;
  const value = (line: CaptionLine) => line.classes.get(field.name) as number | string;
  const asks = `field '${field.name}' asks for ${typeText(field)}`;
  const numbers = lines.filter((line) => typeof value(line) === 'number' || /^\d{1,9}$/.test(value(line) as string));
  if (numbers.length === lines.length) {
    const wrong = lines.filter((line) => Number(value(line)) >= classes).map((line) => `line ${line.line}: '${field.name}' is ${value(line)}`);
    if (wrong.length > 0) {
      const most = lines.reduce((a, line) => Math.max(a, Number(value(line))), 0);
      throw new DataError(asks, `${path}\n  ${listed(wrong)}, where 0 to ${classes - 1} are possible`, `write ${field.name}: class[${most + 1}]`);
    }
    const data = Int32Array.from(rows, (line) => Number(value(line)));
    return packed(field, { kind: 'class', classes, data }, rows.length, path);
  }
  if (numbers.length > 0) {
    const named = lines.find((line) => !numbers.includes(line)) as CaptionLine;
    throw new DataError(
      asks,
      `${path}\n  line ${named.line}: '${field.name}' is ${JSON.stringify(value(named))}, in line ${numbers[0].line} it is a number`,
      'name all classes, or number all',
    );
  }
  const names = factsOf(manifest, field.name, 'class')?.names ?? [...new Set(lines.map((line) => value(line) as string))].sort();
  const places = new Map(names.map((name, i) => [name, i]));
  const strange = lines
    .filter((line) => !places.has(value(line) as string))
    .map((line) => `line ${line.line}: '${field.name}' is ${JSON.stringify(value(line))}`);
  if (strange.length > 0) throw new DataError(asks, `${path}\n  ${listed(strange)}, which this run does not know`);
  if (names.length !== classes) {
    const shown = `${names.slice(0, 6).join(', ')}${names.length > 6 ? ', ...' : ''}`;
    throw new DataError(asks, `${path} names ${names.length} classes: ${shown}`, `write ${field.name}: class[${names.length}]`);
  }
  const data = Int32Array.from(rows, (line) => places.get(value(line) as string) as number);
  return { ...packed(field, { kind: 'class', classes, data }, rows.length, path), facts: { type: 'class', names } };
}

function packed<F extends FieldFacts | undefined>(field: FieldRequest, column: Parameters<typeof checkColumn>[1], count: number, source: string, facts?: F) {
  checkColumn(field, column, source);
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  return { rows: packColumn(field, column, order), facts: facts as F };
}
