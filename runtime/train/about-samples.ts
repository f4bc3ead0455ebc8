/** What is known of samples from what they were made of: captions, classes, sounds, frames a second. */
import type { FieldRequest, Program, SamplePlan } from '../../compiler/program/types.js';
import type { DataSet } from '../data/index.js';
import { type DataManifest, type FieldFacts, factsOf, vocabularyOf } from '../data/manifest.js';
import { numbersOf } from '../data/report.js';
import { saidOf } from '../show/sheet.js';
import type { Given } from './given.js';
import { usedFields } from './rows.js';
import { rowOfSample } from './samples.js';
import { type About, backgroundOf, isClip } from './write-samples.js';

export interface SampleSource {
  /** Of the run: what was read where nothing was given. */
  readonly data?: DataSet;
  readonly given?: Given;
  readonly manifest?: DataManifest;
  readonly conditions?: number;
  /** Held-out rows that were read in turn. */
  readonly rows?: number;
}

export function aboutSamples(program: Program, plan: SamplePlan, { data, given, manifest, conditions, rows }: SampleSource): About {
  const requests = program.data?.fields ?? [];
  const shown = given?.data ?? data;
  const names = usedFields(program, [plan.entry]);
  const read = shown === undefined ? [] : requests.filter(({ name }) => names.includes(name) && !given?.absent.has(name));
  const sound = read.find(({ type }) => type === 'audio');
  const rowOf = (k: number) => rowOfSample(shown, k, rows);
  const soundOf = given === undefined ? sound && data?.soundOf : given.soundOf;
  return {
    background: backgroundOf(program.data, data),
    framesPerSecond: framesPerSecond(plan, requests, manifest),
    linesOf: read.length === 0 ? undefined : (k) => saidOf(read, shown as DataSet, rowOf(k), given?.labelsOf(rowOf(k))),
    wordsOf: wordsOf(read, shown, rowOf),
    frames: requests.find(({ type }) => type === 'video')?.shape[1],
    conditions,
    soundOf: soundOf && ((k) => soundOf(rowOf(k))),
    soundRows: sound && { part: sound, of: (k) => numbersOf(sound, shown as DataSet, rowOf(k), rowOf(k) + 1) },
    audio: requests.flatMap(({ name }) => factsOf(manifest, name, 'audio') ?? []),
  };
}

/** Of the only caption that is read. */
function wordsOf(read: readonly FieldRequest[], shown: DataSet | undefined, rowOf: (k: number) => number): About['wordsOf'] {
  const captions = read.filter(({ type }) => type === 'tokens');
  const [field] = captions;
  const vocabulary = captions.length === 1 ? vocabularyOf(shown?.manifest, field.name) : undefined;
  return vocabulary && shown && ((k) => Array.from(numbersOf(field, shown, rowOf(k), rowOf(k) + 1), (id) => vocabulary.decode([id])));
}

/** That of the data's clips of the same shape, else of any. */
function framesPerSecond({ outputs }: SamplePlan, requests: readonly FieldRequest[], manifest: DataManifest | undefined): number | undefined {
  const clip = outputs.find(isClip);
  const known = requests.flatMap((field): (Extract<FieldFacts, { type: 'video' }> & { shape: string })[] => {
    const facts = factsOf(manifest, field.name, 'video');
    return facts === undefined ? [] : [{ ...facts, shape: String(field.shape) }];
  });
  return (known.find(({ shape }) => shape === String(clip?.shape)) ?? known[0])?.framesPerSecond;
}
