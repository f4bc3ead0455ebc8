/** `ganc sample RUN --text ... --in ...`: fields given by the user in place of held-out rows. */
import type { FieldRequest, Program, SamplePlan } from '../../compiler/program/types.js';
import { suggest } from '../../grammar/suggest.js';
import { type FieldRows, rowBytesOf, typeText } from '../data/columns.js';
import type { DataSet } from '../data/index.js';
import type { DataManifest } from '../data/manifest.js';
import { tensorFields } from '../data/tensors.js';
import type { Sound } from '../data/wav.js';
import { entryOf } from '../execute/packing.js';
import { RunError } from './errors.js';
import { type GivenField, givenField } from './given-values.js';
import { usedFields } from './rows.js';
import { readSafetensors } from './safetensors.js';
import { PRESENT } from './samples.js';

/** What was given, as it was written. */
export interface GivenInputs {
  /** Captions. */
  readonly text?: readonly string[];
  /** WAV files. */
  readonly audio?: readonly string[];
  /** Names or numbers of classes. */
  readonly class?: readonly string[];
  /** `NAME=VALUE`, of any field; or a safetensors file with fields by name. */
  readonly in?: readonly string[];
}

export interface Given {
  /** A row for each condition; what is absent is zeros. */
  readonly data: DataSet;
  /** Optional fields that were left out. */
  readonly absent: ReadonlySet<string>;
  /** True where the conditions come from a file: it may have many, so each has a noise of its own. */
  readonly many: boolean;
  /** What is to be said of a condition beside its captions and classes. */
  readonly labelsOf: (row: number) => string[];
  /** Sounds by condition, where some were given as such. */
  readonly soundOf?: (row: number) => Sound;
}

/** The option that fills the only field of a type. */
const OPTIONS = [
  { key: 'text', type: 'tokens', example: '--text "..."' },
  { key: 'audio', type: 'audio', example: '--audio file.wav' },
  { key: 'class', type: 'class', example: '--class 3' },
] as const;

export interface GivenContext {
  readonly program: Program;
  readonly plan: SamplePlan;
  readonly manifest?: DataManifest;
  readonly warn?: (text: string) => void;
}

/**
 * The conditions that were given: undefined where none was. Fields with one row go with all rows of the others. What the sample reads is all there, but for
 * optional fields. Throws RunError, SafetensorsError or DataError.
 */
export async function readGiven(inputs: GivenInputs, context: GivenContext): Promise<Given | undefined> {
  const { program, plan } = context;
  const requests = program.data?.fields ?? [];
  const read = new Set([...usedFields(program, [plan.entry]), ...entryOf(program, plan.entry).inputs.flatMap(({ name }) => PRESENT.exec(name)?.[1] ?? [])]);
  const readable = requests.filter((field) => read.has(field.name));
  const found = new Map<string, GivenField & { readonly by: string }>();
  const add = (field: FieldRequest, by: string, made: GivenField) => {
    const before = found.get(field.name);
    if (before !== undefined) throw new RunError(`field '${field.name}' is given twice`, `by ${before.by} and by ${by}`, 'leave one out');
    found.set(field.name, { ...made, by });
  };
  for (const { key, type, example } of OPTIONS) {
    const texts = inputs[key] ?? [];
    if (texts.length > 0) {
      const field = onlyField(readable, requests, plan, { key, type });
      add(field, example, await givenField(field, texts, context));
    }
  }
  const { values, files } = sorted(inputs.in ?? [], requests, plan);
  for (const [name, texts] of values) {
    const field = requests.find((request) => request.name === name) as FieldRequest;
    add(field, `--in ${name}=...`, await givenField(field, texts, context));
  }
  for (const path of files) for (const [field, rows] of await fileFields(path, requests, plan)) add(field, path, { rows });
  if (found.size === 0) return undefined;
  return assemble(found, readable, files.length > 0, context);
}

function onlyField(
  readable: readonly FieldRequest[],
  all: readonly FieldRequest[],
  plan: SamplePlan,
  { key, type }: Pick<(typeof OPTIONS)[number], 'key' | 'type'>,
): FieldRequest {
  const fields = readable.filter((field) => field.type === type);
  if (fields.length === 1) return fields[0];
  const list = (some: readonly FieldRequest[]) => some.map(({ name }) => name).join(', ');
  if (fields.length === 0)
    throw new RunError(
      `--${key} has nothing to fill`,
      `the sample '${plan.name}' reads no field of type ${type}${
        readable.length > 0 ? `; it reads ${readable.map((field) => `${field.name}: ${typeText(field)}`).join(', ')}` : ', nor any other field'
      }${all.some((field) => field.type === type) ? `; the data has ${list(all.filter((field) => field.type === type))}, which it does not read` : ''}`,
      'leave it out',
    );
  throw new RunError(
    `--${key} could fill several fields`,
    `the sample '${plan.name}' reads ${list(fields)} of type ${type}`,
    `say which: ${fields.map(({ name }) => `--in ${name}=...`).join(' ')}`,
  );
}

/** `--in` values by field, and files. */
function sorted(list: readonly string[], requests: readonly FieldRequest[], plan: SamplePlan): { values: Map<string, string[]>; files: string[] } {
  const values = new Map<string, string[]>();
  const files: string[] = [];
  for (const text of list) {
    const [, name, value] = /^([A-Za-z_]\w*)=(.*)$/s.exec(text) ?? [];
    if (name === undefined) files.push(text);
    else {
      known(name, requests, `--in ${text}`, plan);
      values.set(name, [...(values.get(name) ?? []), value]);
    }
  }
  return { values, files };
}

function known(name: string, requests: readonly FieldRequest[], from: string, plan: SamplePlan): void {
  const names = requests.map((field) => field.name);
  if (names.includes(name)) return;
  const near = suggest(name, names);
  throw new RunError(
    `${from} does not fit the sample '${plan.name}'`,
    `${name} is no field of the data`,
    near === undefined ? `fields are ${names.join(', ') || 'none'}` : `did you mean ${near}?`,
  );
}

/** The fields of a safetensors file. */
async function fileFields(path: string, requests: readonly FieldRequest[], plan: SamplePlan): Promise<[FieldRequest, FieldRows][]> {
  const names = [...(await readSafetensors(path)).keys()];
  if (names.length === 0) throw new RunError(`${path} does not fit the sample '${plan.name}'`, 'it holds no tensors');
  for (const name of names) known(name, requests, path, plan);
  const wanted = requests.filter((field) => names.includes(field.name));
  const fields = await tensorFields(path, wanted);
  return wanted.map((field) => [field, fields.get(field.name) as FieldRows]);
}

type Found = ReadonlyMap<string, GivenField & { readonly by: string }>;

function assemble(found: Found, readable: readonly FieldRequest[], many: boolean, { plan, manifest }: GivenContext): Given {
  const left = readable.filter((field) => !found.has(field.name));
  const missing = left.filter((field) => field.optional === undefined);
  if (missing.length > 0) {
    const how = missing.map(({ name, type }) => {
      const option = OPTIONS.find((known) => known.type === type && readable.filter((field) => field.type === type).length === 1);
      return type === 'audio' && manifest?.fields[name]?.type !== 'audio' ? `--in ${name}=rows.safetensors` : (option?.example ?? `--in ${name}=...`);
    });
    throw new RunError(
      `what was given does not suffice for the sample '${plan.name}'`,
      `it leaves out ${missing.map(({ name }) => name).join(', ')}, which the sample reads`,
      `give it, too (${how.join(', ')}), or nothing at all, for held-out rows; what the spec declares \`optional\` may be left out`,
    );
  }
  const longest = [...found].reduce((a, b) => (b[1].rows.count > a[1].rows.count ? b : a));
  const { count } = longest[1].rows;
  const fields = new Map<string, FieldRows>();
  for (const [name, { rows, by }] of found) {
    if (rows.count !== count && rows.count !== 1)
      throw new RunError(
        'what was given does not go together',
        `${longest[1].by} gives ${count} rows of ${longest[0]}, ${by} gives ${rows.count} of ${name}`,
        'give as many of each, or one that goes with all',
      );
    fields.set(name, rows.count === count ? rows : repeated(rows, count));
  }
  for (const field of left) {
    const rowBytes = rowBytesOf(field);
    fields.set(field.name, { count, rowBytes, bytes: new Uint8Array(count * rowBytes) });
  }
  const sounds = [...found.values()].find((given) => given.sounds !== undefined)?.sounds;
  const labels = [...found.values()].flatMap((given) => (given.labels === undefined ? [] : [given.labels]));
  const at = <T>(list: readonly T[], row: number): T => list[list.length === 1 ? 0 : row];
  return {
    data: { count, heldOut: 0, fields, manifest, describe: `${count} rows that were given` },
    absent: new Set(left.map((field) => field.name)),
    many,
    labelsOf: (row) => labels.map((list) => at(list, row)),
    soundOf: sounds && ((row) => at(sounds, row)),
  };
}

function repeated({ bytes, rowBytes }: FieldRows, count: number): FieldRows {
  const all = new Uint8Array(count * rowBytes);
  for (let i = 0; i < count; i++) all.set(bytes, i * rowBytes);
  return { count, rowBytes, bytes: all };
}
