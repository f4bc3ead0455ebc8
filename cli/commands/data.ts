/** `ganc data SPEC|RUN`: what the nets see of the data, in figures and as a picture. */
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, extname, join } from 'node:path';
import { compileSpec } from '../../compiler/compile.js';
import type { DataRequest } from '../../compiler/program/types.js';
import { type DataSet, loadData } from '../../runtime/data/index.js';
import { type DataReport, type FieldReport, reportData } from '../../runtime/data/report.js';
import { encodeWav, joinedSounds, type Sound } from '../../runtime/data/wav.js';
import { dataSheet, rowsSaying, type SheetRow, saidOf, sheetRows, sheetSize } from '../../runtime/show/sheet.js';
import { writeAtomic } from '../../runtime/train/files.js';
import { readProgramFolder, readRecord, readRunManifest, runPaths } from '../../runtime/train/folder.js';
import { PAUSE } from '../../runtime/train/write-samples.js';
import { FileError, UsageError } from '../errors.js';
import { ProgressLine } from '../progress.js';
import { accept, compileOptions, readSource, type SpecOptions, STDIN } from '../source.js';
import { bytes, count, err, out, table, wrap } from '../terminal.js';

export interface DataCommandOptions extends SpecOptions {
  readonly seed?: bigint;
  readonly count?: number;
  /** Only rows whose caption has these words. */
  readonly text?: string;
  /** A file for each row. */
  readonly each?: boolean;
  readonly out?: string;
  readonly json?: boolean;
}

/** Words and classes that are listed. */
const LISTED = 60;

export async function data(spec: string, options: DataCommandOptions): Promise<void> {
  const ending = options.out === undefined ? undefined : extname(options.out).toLowerCase();
  if (ending !== undefined && ending !== '.png' && ending !== '.wav')
    throw new UsageError(`a sheet is not written as ${ending || 'a file without an ending'}`, 'give -o a name that ends in .png, or in .wav for the sounds');
  if (options.each && ending !== '.wav')
    throw new UsageError('--each writes the sounds of rows, each to a file of its own', 'give -o a name that ends in .wav');
  if (options.text !== undefined && ending === undefined) throw new UsageError('--text chooses rows to be written', 'give -o sheet.png or -o sounds.wav');
  const { request, load } = await wanted(spec, options);
  const line = new ProgressLine();
  const set = await load({
    progress: (text) => options.quiet || line.working(text),
    warn: (text) => {
      line.clear();
      err(`${err.colors.yellow('warning')}: ${text}\n`);
    },
  });
  line.clear();
  const report = reportData(request, set);
  if (options.json) out(`${JSON.stringify(report, null, 2)}\n`);
  else show(report, set);
  if (options.out === undefined) return;
  await mkdir(dirname(options.out), { recursive: true });
  const rows = options.count ?? sheetSize(request);
  const chosen = options.text === undefined ? undefined : saying(options.text, request, set, rows ?? 8);
  const files = [options.out];
  if (ending === '.wav') {
    const sounds = soundsOf(spec, request, set, chosen ?? sheetRows(set, rows ?? 8));
    if (options.each) files.splice(0, 1, ...sounds.map((_, i) => `${options.out?.slice(0, -ending.length)}-${i + 1}${ending}`));
    for (const [i, file] of files.entries()) await writeAtomic(file, encodeWav(options.each ? sounds[i] : joinedSounds(sounds, PAUSE)));
  } else if (rows === undefined)
    throw new UsageError(`there is nothing to draw of ${spec}`, 'a sheet is of fields of type image, video, audio, or vector[2]; leave out -o');
  else await writeAtomic(options.out, await dataSheet(request, set, rows, chosen));
  for (const file of files) (options.json ? err : out)(`${file}\n`);
}

type Load = (told: { progress: (text: string) => void; warn: (text: string) => void }) => Promise<DataSet>;

/** The data of a spec, or of a run by what its folder says. */
async function wanted(spec: string, options: DataCommandOptions): Promise<{ request: DataRequest; load: Load }> {
  if (existsSync(join(spec, 'run.json'))) {
    if (options.set !== undefined || options.variant !== undefined || options.seed !== undefined)
      throw new UsageError(`${spec} is a run: --set, --variant and --seed are for a spec`, `its own is ${runPaths(spec).spec}`);
    const record = await readRecord(spec);
    const request = requestOf((await readProgramFolder(runPaths(spec).program)).data, spec);
    const manifest = await readRunManifest(spec);
    return { request, load: (told) => loadData(request, { seed: BigInt(record.seed), base: record.base, manifest, judged: true, ...told }) };
  }
  const source = readSource(spec);
  const { module, diagnostics } = compileSpec(source, compileOptions(options));
  const request = requestOf(accept(module, diagnostics, options).data, spec);
  const base = source.name === STDIN ? '.' : dirname(source.name);
  return { request, load: (told) => loadData(request, { seed: options.seed ?? 0n, base, judged: true, ...told }) };
}

function requestOf(request: DataRequest | undefined, spec: string): DataRequest {
  if (request === undefined) throw new FileError(`${spec} has no data`, 'add it, like: data digits = mnist() { x: image[1, 28, 28] }');
  return request;
}

function saying(text: string, request: DataRequest, set: DataSet, most: number): SheetRow[] {
  const rows = rowsSaying(text, request.fields, set, most);
  if (rows.length > 0) return rows;
  const [example] = saidOf(
    request.fields.filter(({ type }) => type === 'tokens'),
    set,
    0,
  );
  throw new UsageError(`no caption has the words: ${text}`, example === undefined ? `${request.source} has no captions here` : `one reads: ${example}`);
}

/** The sounds of rows. */
function soundsOf(spec: string, request: DataRequest, set: DataSet, rows: readonly SheetRow[]): Sound[] {
  const { soundOf } = set;
  if (soundOf === undefined) throw new UsageError(`there is nothing to hear of ${spec}`, `${request.source} has no sounds here; -o sheet.png draws a picture`);
  return rows.map(({ row }) => soundOf(row));
}

function show({ source, rows, notes, fields }: DataReport, set: DataSet): void {
  const { bold, dim } = out.colors;
  const parts = [
    ['for training', rows.training],
    ['held out', rows.heldOut],
    ['unseen', rows.unseen],
  ] as const;
  out(
    `${bold(`Rows of ${source}`)}\n${table(
      parts.filter(([name, n]) => n > 0 || name === 'for training').map(([name, n]) => [name, count(n)]),
      [1],
      '  ',
    )}`,
  );
  for (const note of notes) out(`  ${note}\n`);
  out(`${bold('Fields')} ${dim('(values of the training rows)')}\n`);
  out(
    table(
      fields.map((field) => [field.name, field.type, bytes(field.bytes), about(field)]),
      [2],
      '  ',
    ),
  );
  for (const field of fields) {
    if (field.captions) showCaptions(field, field.captions, set);
    if (field.classes) {
      const listed = field.classes.slice(0, LISTED).map(({ name, count: n }) => `${name} (${count(n)})`);
      out(`${bold(`Classes of ${field.name}`)}\n${indented(listed, field.classes.length)}`);
    }
  }
}

function about({ values, absent, judged, framesPerSecond, seconds, rate, captions, classes }: FieldReport): string {
  const parts = captions || classes ? [] : [`${figure(values.least)} to ${figure(values.most)}, mean ${figure(values.mean)}`];
  if (captions) parts.push(`${count(captions.different)} different captions`);
  if (framesPerSecond !== undefined) parts.push(`${figure(framesPerSecond)} frames a second`);
  if (seconds !== undefined && rate !== undefined) parts.push(`${figure(seconds)} s at ${count(rate)} Hz`);
  if (absent !== undefined) parts.push(`absent in ${figure(100 * absent)} % of the examples`);
  if (judged) parts.push('for a judge');
  return parts.join('; ');
}

function showCaptions({ name, type }: FieldReport, { length, words, unknown }: NonNullable<FieldReport['captions']>, set: DataSet): void {
  const { bold, dim } = out.colors;
  const lengths = length.least === length.most ? `${length.most}` : `${length.least} to ${length.most}, mean ${length.mean.toFixed(1)}`;
  out(`${bold(`Words of ${name}`)} ${dim(`(${type}; words in a caption: ${lengths})`)}\n`);
  const sorted = [...words].sort((a, b) => b.count - a.count || a.id - b.id);
  out(
    indented(
      sorted.slice(0, LISTED).map(({ word, count: n }) => `${word} (${count(n)})`),
      words.length,
    ),
  );
  if (unknown.words > 0) out(`  unknown: ${count(unknown.words)} words in ${count(unknown.captions)} captions\n`);
  if (set.manifest === undefined) out('  the source names no words: these are their numbers\n');
}

/** `7 1,080   the 10,800   ...`, broken to lines; `all` there are. */
function indented(list: readonly string[], all: number): string {
  const more = all > list.length ? [`and ${count(all - list.length)} more`] : [];
  // A word stays with its number.
  const text = [...list, ...more].map((item) => item.replaceAll(' ', '\u0001')).join(', ');
  return `  ${wrap(text, Math.max(40, out.width - 2))
    .replaceAll('\n', '\n  ')
    .replaceAll('\u0001', ' ')}\n`;
}

function figure(value: number): string {
  return String(Number(value.toPrecision(4)));
}
