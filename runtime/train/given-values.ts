/** What a user says on the command line, as rows of a field: captions, sounds, classes. */
import { extname } from 'node:path';
import type { FieldRequest } from '../../compiler/program/types.js';
import { suggest } from '../../grammar/suggest.js';
import { classesOf, type FieldRows, rowBytesOf, typeText } from '../data/columns.js';
import { type DataManifest, factsOf, vocabularyOf } from '../data/manifest.js';
import { logMel } from '../data/mel.js';
import { tensorFields } from '../data/tensors.js';
import { wordsOf } from '../data/text.js';
import { readWav, resampled, type Sound } from '../data/wav.js';
import { RunError } from './errors.js';

export interface GivenField {
  readonly rows: FieldRows;
  /** Of each row, to tell it from others in a picture; captions and classes say it themselves. */
  readonly labels?: readonly string[];
  /** Of each row, as long as its clip. */
  readonly sounds?: readonly Sound[];
}

export interface ValueOptions {
  readonly manifest?: DataManifest;
  readonly warn?: (text: string) => void;
}

/** A row for each text, of whatever type the field is. Throws RunError or DataError. */
export async function givenField(field: FieldRequest, texts: readonly string[], options: ValueOptions): Promise<GivenField> {
  if (texts.length === 1 && extname(texts[0]).toLowerCase() === '.safetensors') return { rows: await oneTensor(field, texts[0]) };
  switch (field.type) {
    case 'tokens':
      return { rows: whole(field, texts, (text) => caption(field, text, options.manifest)) };
    case 'class':
      return { rows: whole(field, texts, (text) => Int32Array.of(classOf(field, text, options.manifest))) };
    case 'audio':
      return sounds(field, texts, options);
    default:
      throw new RunError(
        `field '${field.name}' cannot be given as ${JSON.stringify(texts[0])}`,
        `it is ${typeText(field)}: numbers`,
        `give them in a file: --in ${field.name}=numbers.safetensors`,
      );
  }
}

/** The tensor of the field's name, or the only one that there is. */
async function oneTensor(field: FieldRequest, path: string): Promise<FieldRows> {
  return (await tensorFields(path, [field])).get(field.name) as FieldRows;
}

function whole(field: FieldRequest, texts: readonly string[], encode: (text: string) => Int32Array): FieldRows {
  const rowBytes = rowBytesOf(field);
  const bytes = new Uint8Array(texts.length * rowBytes);
  texts.forEach((text, i) => {
    bytes.set(new Uint8Array(encode(text).buffer), i * rowBytes);
  });
  return { count: texts.length, bytes, rowBytes };
}

/** The numbers of a caption's words, all of which the run knows. */
function caption(field: FieldRequest, text: string, manifest: DataManifest | undefined): Int32Array {
  const refuse = (reason: string, mend: string): never => {
    throw new RunError(`the caption ${JSON.stringify(text)} cannot be used`, reason, mend);
  };
  const [length] = field.shape;
  const vocabulary = vocabularyOf(manifest, field.name);
  if (vocabulary === undefined)
    return refuse(`the data of this run has no words: '${field.name}' is made of numbers`, `give the numbers of the words: --in ${field.name}=t.safetensors`);
  const words = wordsOf(text);
  if (words.length === 0) refuse('it has no words', 'say what is to be seen, like the captions that `ganc data RUN` counts');
  const strange = vocabulary.lacks(text);
  if (strange.length > 0) {
    const each = strange.map((word) => `'${word}' (nearest: ${vocabulary.nearest(word).join(', ') || 'none'})`);
    refuse(`this run has never met ${each.join(', ')}`, '`ganc data RUN` lists the words that it knows');
  }
  if (words.length > length) refuse(`it has ${words.length} words, punctuation counted, where '${field.name}' has room for ${length}`, 'say it in fewer');
  return vocabulary.encode(text, length);
}

/** By its name, else by its number. */
function classOf(field: FieldRequest, text: string, manifest: DataManifest | undefined): number {
  const classes = classesOf(field) ?? 0;
  const names = factsOf(manifest, field.name, 'class')?.names ?? [];
  const wanted = text.trim().toLowerCase();
  const named = names.findIndex((name) => name.toLowerCase() === wanted);
  if (named >= 0) return named;
  const number = Number(wanted);
  if (/^\d+$/.test(wanted) && number < classes) return number;
  const near = suggest(wanted, names);
  throw new RunError(
    `${JSON.stringify(text)} is no class of '${field.name}'`,
    `there are ${names.length > 0 ? `${names.slice(0, 20).join(', ')}${names.length > 20 ? ', ...' : ''}, or their numbers ` : ''}0 to ${classes - 1}`,
    near === undefined ? '' : `did you mean '${near}'?`,
  );
}

async function sounds(field: FieldRequest, paths: readonly string[], { manifest, warn }: ValueOptions): Promise<GivenField> {
  const [frames, bands] = field.shape;
  const facts = factsOf(manifest, field.name, 'audio');
  if (facts === undefined)
    throw new RunError(
      `${paths[0]} cannot be given as '${field.name}'`,
      `the rows of ${typeText(field)} were not made of sound as samples: ${manifest?.source ?? 'the data'} delivers them as they are`,
      `give rows in their place: --in ${field.name}=rows.safetensors, with a tensor '${field.name}' [clips, ${frames}, ${bands}]`,
    );
  const { seconds, rate } = facts;
  const length = Math.round(rate * seconds);
  const heard: Sound[] = [];
  for (const path of paths) {
    const sound = await readWav(path);
    const long = sound.samples.length / sound.rate;
    if (long > seconds * 1.01) warn?.(`${path} lasts ${Number(long.toFixed(2))} s, of which the first ${seconds} s are heard: a clip is no longer`);
    const cut = { rate: sound.rate, samples: sound.samples.subarray(0, Math.ceil(sound.rate * seconds)) };
    const { samples } = resampled(cut, rate);
    heard.push({ rate, samples: Float32Array.from({ length }, (_, i) => samples[i] ?? 0) });
  }
  const rowBytes = rowBytesOf(field);
  const bytes = new Uint8Array(paths.length * rowBytes);
  heard.forEach(({ samples }, i) => {
    new Float32Array(bytes.buffer, i * rowBytes, frames * bands).set(logMel(samples, rate, { frames, bands }, seconds));
  });
  return { rows: { count: paths.length, bytes, rowBytes }, labels: paths, sounds: heard };
}
