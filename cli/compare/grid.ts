/** What is compared: specs, each with its variants, each with every value of a sweep; compiled. */
import { createHash } from 'node:crypto';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import { compileSpec } from '../../compiler/compile.js';
import { merge } from '../../compiler/elaborate/merge.js';
import { hyperRanges } from '../../compiler/hypers.js';
import { placesOf } from '../../compiler/plan/purpose.js';
import { type Diagnostic, Diagnostics } from '../../grammar/diagnostics.js';
import { parse } from '../../grammar/parser.js';
import { renderDiagnostics } from '../../grammar/render.js';
import type { Source } from '../../grammar/source.js';
import { suggest } from '../../grammar/suggest.js';
import type { Candidate } from '../../runtime/compare/candidate.js';
import type { CompareEntry, CompareRequest } from '../../runtime/compare/results.js';
import { FileError, Reported, UsageError } from '../errors.js';
import { compiledSpec } from '../programs.js';
import { compileOptions, readSource, type SpecOptions, STDIN, showDiagnostics } from '../source.js';
import { err } from '../terminal.js';
import { drawnSettings } from './search.js';

/** More than can be waited for, and looked at. */
const MOST = 1000;

/** Every entry, compiled or with its mistake; mistakes are shown as they are met, equal ones once. Throws UsageError. */
export async function gridOf(request: CompareRequest, cwd: string, working: (text: string) => void): Promise<Candidate[]> {
  const sources = request.specs.map((path) => sourceOf(path, cwd));
  const variants = variantsOf(request, sources);
  const sweep = settingsOf(request.sweep ?? {});
  const points = sources.flatMap(({ path, source }, i) =>
    variants[i].flatMap((variant) => {
      const drawn = drawnOf(request, path, source, variant);
      return sweep.flatMap((settings) => [{}, ...drawn].map((more) => ({ path, source, variant, settings: { ...settings, ...more } })));
    }),
  );
  if (points.length > MOST) throw new UsageError(`${points.length} entries are too many to be compared`, `${MOST} are the most; sweep or draw fewer values`);
  const names = namesOf(request.specs);
  const labels = unique(
    points.map(({ path, variant, settings }) => labelOf(names.get(path) as string, variant, settings)),
    (label, n) => `${label} #${n}`,
  );
  const ids = unique(labels.map(idOf), (id, n) => `${id}-${n}`);
  const told = new Set<string>();
  const candidates: Candidate[] = [];
  for (const [i, { path, source, variant, settings }] of points.entries()) {
    working(`compiling ${labels[i]} (${i + 1} of ${points.length})`);
    const entry: CompareEntry = { id: ids[i], label: labels[i], spec: path, ...(variant !== undefined && { variant }), settings };
    candidates.push(await candidateOf(entry, source, { set: { ...request.set, ...settings }, variant }, told));
  }
  return candidates;
}

interface Named {
  readonly path: string;
  /** Or why it cannot be read. */
  readonly source: Source | FileError;
}

function sourceOf(path: string, cwd: string): Named {
  if (path === '-') throw new UsageError(`a comparison reads its specs again when it goes on, and ${STDIN} can be read once`, 'save the spec to a file');
  try {
    return { path, source: readSource(isAbsolute(path) || cwd === process.cwd() ? path : join(cwd, path)) };
  } catch (error) {
    if (error instanceof FileError) return { path, source: error };
    throw error;
  }
}

/** Of each spec: itself, which is undefined, then its variants. A spec that cannot be read or has mistakes has none but itself. */
function variantsOf({ variants: asked, specs, sweep, search }: CompareRequest, sources: readonly Named[]): (string | undefined)[][] {
  const known = sources.map(({ source }) => (source instanceof FileError ? [] : declared(source)));
  const all = asked === 'all' || (asked === undefined && specs.length === 1 && sweep === undefined && search === undefined);
  const wanted = (asked === undefined || asked === 'none' ? '' : asked).split(',').flatMap((name) => (name.trim() === '' ? [] : [name.trim()]));
  const there = [...new Set(known.flat())];
  const missing = all ? undefined : wanted.find((name) => !there.includes(name));
  if (missing !== undefined) {
    const near = suggest(missing, there);
    const mend =
      there.length === 0 ? 'no spec has one: leave out --variants' : near === undefined ? `there are ${there.join(', ')}` : `did you mean '${near}'?`;
    throw new UsageError(`no spec has a variant '${missing}'`, mend);
  }
  return known.map((names) => [undefined, ...names.filter((name) => all || wanted.includes(name))]);
}

function declared(source: Source): string[] {
  const diagnostics = new Diagnostics();
  const { spec } = merge(parse(source, diagnostics), source, diagnostics, compileOptions({}));
  return diagnostics.failed ? [] : spec.items.flatMap((item) => (item.kind === 'variant' ? [item.name.text] : []));
}

/** What a search draws of a spec that is right: hypers that are swept or set keep their values. Throws UsageError where it declares no range. */
function drawnOf({ search, seed, sweep = {}, set = {} }: CompareRequest, path: string, source: Source | FileError, variant: string | undefined) {
  if (search === undefined || source instanceof FileError) return [];
  const ranges = hyperRanges(source, compileOptions({ variant }));
  const open = ranges.filter(({ name }) => sweep[name] === undefined && set[name] === undefined);
  if (open.length === 0 && !failed(source, variant)) {
    const mend = ranges.length > 0 ? 'all that it declares are swept or set' : 'declare one, as in: hyper width = 16 in [8, 16, 32]';
    throw new UsageError(`${path} has no hyper with a range to search`, mend);
  }
  return drawnSettings(open, search, BigInt(seed));
}

function failed(source: Source, variant: string | undefined): boolean {
  return compileSpec(source, compileOptions({ variant })).diagnostics.some(({ severity }) => severity === 'error');
}

/** Every combination of the values. */
function settingsOf(sweep: Readonly<Record<string, readonly string[]>>): Record<string, string>[] {
  let all: Record<string, string>[] = [{}];
  for (const [name, values] of Object.entries(sweep)) all = all.flatMap((settings) => values.map((value) => ({ ...settings, [name]: value })));
  return all;
}

/** Of each path the file's name; more of it where others have the same. */
function namesOf(paths: readonly string[]): Map<string, string> {
  const short = (path: string): string => basename(path).replace(/\.gan$/, '');
  return new Map(paths.map((path) => [path, paths.some((other) => other !== path && short(other) === short(path)) ? path.replace(/\.gan$/, '') : short(path)]));
}

function labelOf(name: string, variant: string | undefined, settings: Readonly<Record<string, string>>): string {
  const values = Object.entries(settings).map(([key, value]) => ` ${key}=${value}`);
  return `${name}${variant === undefined ? '' : `:${variant}`}${values.join('')}`;
}

/** Fit for a file's name on every system. */
function idOf(label: string): string {
  return label.replace(/[^\p{L}\p{N}_.]+/gu, '-').replace(/^[-.]+|[-.]+$/g, '') || 'spec';
}

function unique(names: readonly string[], numbered: (name: string, n: number) => string): string[] {
  const taken = new Set<string>();
  return names.map((name) => {
    let own = name;
    for (let n = 2; taken.has(own.toLowerCase()); n++) own = numbered(name, n);
    taken.add(own.toLowerCase());
    return own;
  });
}

async function candidateOf(entry: CompareEntry, source: Source | FileError, options: SpecOptions, told: Set<string>): Promise<Candidate> {
  const base = source instanceof FileError ? '.' : dirname(source.name);
  if (source instanceof FileError) {
    err(`${err.colors.red('error')}: ${source.message}\n${source.mend === '' ? '' : `  ${source.mend}\n`}`);
    return { entry: { ...entry, mistake: [source.message, source.mend].filter((text) => text !== '').join('\n  ') }, base };
  }
  let mistake = '';
  const diagnosed = (list: readonly Diagnostic[]): void => {
    mistake = renderDiagnostics(list, { format: 'plain', color: false }).trimEnd();
    if (!told.has(mistake)) showDiagnostics(list, err, 'pretty');
    told.add(mistake);
  };
  try {
    const { program, text } = await compiledSpec(source, { ...options, diagnosed }, { noisesGiven: true });
    const places = () => {
      const { module } = compileSpec(source, compileOptions(options));
      return module ? placesOf(module) : () => undefined;
    };
    return { entry: { ...entry, text: `specs/${entry.id}.gan` }, program, text, set: options.set, base, places };
  } catch (error) {
    if (error instanceof Reported) return { entry: { ...entry, mistake }, base };
    // It is a good spec, but no GPU can hold it.
    const { message, mend, exitCode } = error as { message: string; mend?: string; exitCode?: unknown };
    if (typeof exitCode !== 'number') throw error;
    throw new FileError(`${entry.label} cannot be trained: ${message}`, `${mend ? `${mend}; or ` : ''}compare without it (nothing was trained)`);
  }
}

/** Equal requests of equal programs go on with each other. */
export function requestHash(request: CompareRequest, candidates: readonly Candidate[]): string {
  const entries = candidates.map(({ entry, program, base }) => [entry.label, program?.hash ?? entry.mistake, program?.train?.steps, resolve(base)]);
  const { specs: _, ...rest } = request;
  return createHash('sha256')
    .update(JSON.stringify([rest, entries]))
    .digest('hex');
}
