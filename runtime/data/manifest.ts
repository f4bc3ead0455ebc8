/**
 * What the numbers of a data set mean: words of captions, names of classes, time of sounds and frames. A run keeps it as `data.json`, so that it can be
 * gone on with and sampled from where the data has changed or is gone.
 */
import type { FieldRequest } from '../../compiler/program/types.js';
import { DataError } from './error.js';
import { Vocabulary } from './text.js';

export const MANIFEST_FORMAT = 'ganc-data/1';

export interface DataManifest {
  readonly format: typeof MANIFEST_FORMAT;
  readonly source: string;
  /** By field; those of which there is nothing to say are left out. */
  readonly fields: Readonly<Record<string, FieldFacts>>;
}

export type FieldFacts =
  /** Words by number: see `Vocabulary`. `length`: the most words of a caption. */
  | { readonly type: 'tokens'; readonly length: number; readonly words: readonly string[] }
  /** Names of the classes by number. */
  | { readonly type: 'class'; readonly names: readonly string[] }
  /** `seconds`: of a whole clip; `rate`: samples a second of the sounds that the rows were made from. */
  | { readonly type: 'audio'; readonly frames: number; readonly bands: number; readonly seconds: number; readonly rate: number }
  | { readonly type: 'video'; readonly framesPerSecond: number };

type Facts<T extends FieldFacts['type']> = Extract<FieldFacts, { type: T }>;

export function manifestOf(source: string, fields: DataManifest['fields']): DataManifest {
  return { format: MANIFEST_FORMAT, source, fields };
}

/** What a manifest says of a field, if it says that it is of this type. */
export function factsOf<T extends FieldFacts['type']>(manifest: DataManifest | undefined, field: string, type: T): Facts<T> | undefined {
  const facts = manifest === undefined || !Object.hasOwn(manifest.fields, field) ? undefined : manifest.fields[field];
  return facts?.type === type ? (facts as Facts<T>) : undefined;
}

/** The vocabulary of a field of type tokens. */
export function vocabularyOf(manifest: DataManifest | undefined, field: string): Vocabulary | undefined {
  const facts = factsOf(manifest, field, 'tokens');
  return facts && new Vocabulary(facts.words);
}

/**
 * The vocabulary that a field's captions are numbered by: that of a run's manifest where there is one, else that of `captions`, within the field's
 * `words`. Of captions in a run's manifest `warn` hears how many words it lacks.
 */
export function vocabularyFor(
  field: FieldRequest,
  captions: Iterable<string>,
  { manifest, warn }: { readonly manifest?: DataManifest; readonly warn?: (text: string) => void },
): Vocabulary {
  const kept = vocabularyOf(manifest, field.name);
  if (kept === undefined) return Vocabulary.of(captions, field.args.words, warn);
  const strange = new Set<string>();
  for (const caption of captions) for (const word of kept.lacks(caption)) strange.add(word);
  if (strange.size > 0) warn?.(`${strange.size} words of the captions are unknown to this run: ${[...strange].slice(0, 5).join(', ')}`);
  return kept;
}

/** Reads what `JSON.stringify` of a manifest wrote. Throws DataError, naming `path`. */
export function parseManifest(text: string, path: string): DataManifest {
  const bad = (reason: string): never => {
    throw new DataError(`${path} cannot be used`, reason, 'it belongs to the run: copy it anew from where the run was made');
  };
  let value: DataManifest;
  try {
    value = JSON.parse(text) as DataManifest;
  } catch {
    return bad('it is not JSON');
  }
  if (value?.format !== MANIFEST_FORMAT) bad(`it is not of the format ${MANIFEST_FORMAT}`);
  if (typeof value.source !== 'string' || typeof value.fields !== 'object' || value.fields === null) bad('it names no source or no fields');
  for (const [name, facts] of Object.entries(value.fields)) {
    const reason = misfit(facts);
    if (reason !== undefined) bad(`field '${name}' ${reason}`);
  }
  return value;
}

function misfit(facts: FieldFacts): string | undefined {
  const texts = (list: unknown) => Array.isArray(list) && list.every((text) => typeof text === 'string');
  const positive = (...values: unknown[]) => values.every((value) => typeof value === 'number' && value > 0 && Number.isFinite(value));
  switch (facts?.type) {
    case 'tokens':
      if (!texts(facts.words) || !positive(facts.length)) return 'has no list of words, or no length';
      try {
        return void new Vocabulary(facts.words);
      } catch (error) {
        return (error as Error).message;
      }
    case 'class':
      return texts(facts.names) ? undefined : 'has no names of classes';
    case 'audio':
      return positive(facts.frames, facts.bands, facts.seconds, facts.rate) ? undefined : 'has no proper frames, bands, seconds or rate';
    case 'video':
      return positive(facts.framesPerSecond) ? undefined : 'has no proper number of frames a second';
    default:
      return 'is of no known type';
  }
}
