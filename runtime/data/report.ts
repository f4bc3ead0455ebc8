/** What the nets will see of a data set, in figures: its rows, each field's type and values, the words of captions, the shares of classes. */
import type { DataRequest, FieldRequest } from '../../compiler/program/types.js';
import { classesOf, typeText } from './columns.js';
import type { DataSet } from './index.js';
import { factsOf, vocabularyOf } from './manifest.js';

export interface DataReport {
  readonly source: string;
  readonly rows: { readonly training: number; readonly heldOut: number; readonly unseen: number };
  readonly notes: readonly string[];
  readonly fields: readonly FieldReport[];
}

export interface FieldReport {
  readonly name: string;
  /** As a spec writes it. */
  readonly type: string;
  /** Of all rows, as they lie in memory. */
  readonly bytes: number;
  /** Of the training rows, as the nets have them. */
  readonly values: { readonly least: number; readonly most: number; readonly mean: number };
  /** Share of examples without it. */
  readonly absent?: number;
  /** Only a judge reads it. */
  readonly judged?: true;
  readonly framesPerSecond?: number;
  /** Of a sound: how long a clip is, and its samples a second. */
  readonly seconds?: number;
  readonly rate?: number;
  /** Training rows of each class. */
  readonly classes?: readonly { readonly name: string; readonly count: number }[];
  readonly captions?: CaptionReport;
}

/** Of the training rows. */
export interface CaptionReport {
  /** Words in a caption. */
  readonly length: { readonly least: number; readonly most: number; readonly mean: number };
  readonly different: number;
  /** By number, with how often each occurs; 0 and 1 are left out. Without a vocabulary words are their numbers. */
  readonly words: readonly { readonly id: number; readonly word: string; readonly count: number }[];
  /** Words without a number of their own, and the captions that have such. */
  readonly unknown: { readonly words: number; readonly captions: number };
}

export function reportData(request: DataRequest, data: DataSet): DataReport {
  const { count: training, heldOut, unseen = 0, notes = [] } = data;
  return { source: request.source, rows: { training, heldOut, unseen }, notes, fields: request.fields.map((field) => reportField(field, data)) };
}

function reportField(field: FieldRequest, data: DataSet): FieldReport {
  const { name, optional, judged } = field;
  const { bytes } = data.fields.get(name) as { bytes: Uint8Array };
  const audio = factsOf(data.manifest, name, 'audio');
  return {
    name,
    type: typeText(field),
    bytes: bytes.byteLength,
    values: valuesOf(field, data),
    ...(optional !== undefined && { absent: optional }),
    ...(judged && { judged }),
    framesPerSecond: factsOf(data.manifest, name, 'video')?.framesPerSecond,
    ...(audio && { seconds: audio.seconds, rate: audio.rate }),
    ...(field.type === 'class' && { classes: classCounts(field, data) }),
    ...(field.type === 'tokens' && { captions: captionsOf(field, data) }),
  };
}

/** The numbers of rows `from` to `to` as they are stored, without what pads a row. */
export function numbersOf(field: FieldRequest, data: DataSet, from: number, to: number): Uint8Array | Int32Array | Float32Array {
  const { bytes, rowBytes } = data.fields.get(field.name) as { bytes: Uint8Array; rowBytes: number };
  const { kind } = field.storage;
  const elements = field.type === 'class' ? 1 : field.shape.reduce((a, b) => a * b, 1);
  if (kind !== 'u8') {
    const [offset, length] = [bytes.byteOffset + from * rowBytes, ((to - from) * rowBytes) / 4];
    return kind === 'i32' ? new Int32Array(bytes.buffer, offset, length) : new Float32Array(bytes.buffer, offset, length);
  }
  if (elements === rowBytes) return bytes.subarray(from * rowBytes, to * rowBytes);
  const packed = new Uint8Array((to - from) * elements);
  for (let row = from; row < to; row++) packed.set(bytes.subarray(row * rowBytes, row * rowBytes + elements), (row - from) * elements);
  return packed;
}

function valuesOf(field: FieldRequest, data: DataSet): FieldReport['values'] {
  const numbers = numbersOf(field, data, 0, data.count);
  let [least, most, sum] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0];
  for (let i = 0; i < numbers.length; i++) {
    const value = numbers[i];
    if (value < least) least = value;
    if (value > most) most = value;
    sum += value;
  }
  const { scale, offset } = field.storage.kind === 'u8' ? field.storage : { scale: 1, offset: 0 };
  return { least: least * scale + offset, most: most * scale + offset, mean: (sum / numbers.length) * scale + offset };
}

function classCounts(field: FieldRequest, data: DataSet): FieldReport['classes'] {
  const names = factsOf(data.manifest, field.name, 'class')?.names;
  const counts = new Array<number>(classesOf(field) ?? 0).fill(0);
  for (const value of numbersOf(field, data, 0, data.count)) counts[value]++;
  return counts.map((count, i) => ({ name: names?.[i] ?? String(i), count }));
}

function captionsOf(field: FieldRequest, data: DataSet): CaptionReport {
  const vocabulary = vocabularyOf(data.manifest, field.name);
  const numbers = numbersOf(field, data, 0, data.count);
  const [length] = field.shape;
  const counts = new Map<number, number>();
  const different = new Set<string>();
  let [least, most, words, strange] = [Number.POSITIVE_INFINITY, 0, 0, 0];
  for (let row = 0; row < data.count; row++) {
    const ids = numbers.subarray(row * length, (row + 1) * length);
    different.add(ids.join());
    let own = 0;
    for (const id of ids) {
      if (id === 0) continue;
      own++;
      counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    if (vocabulary && ids.includes(1)) strange++;
    least = Math.min(least, own);
    most = Math.max(most, own);
    words += own;
  }
  const unknown = vocabulary ? (counts.get(1) ?? 0) : 0;
  if (vocabulary) {
    counts.delete(1);
    // Words that no training row has are numbered all the same.
    for (let id = 2; id < vocabulary.size; id++) if (!counts.has(id)) counts.set(id, 0);
  }
  return {
    length: { least, most, mean: words / data.count },
    different: different.size,
    words: [...counts].sort(([a], [b]) => a - b).map(([id, count]) => ({ id, word: vocabulary?.words[id] ?? String(id), count })),
    unknown: { words: unknown, captions: strange },
  };
}
