/** Reads specs and shows what the compiler says of them. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, isAbsolute, join } from 'node:path';
import type { CompileOptions } from '../compiler/compile.js';
import { merge } from '../compiler/elaborate/merge.js';
import type { Spec } from '../grammar/ast.js';
import { type Diagnostic, Diagnostics } from '../grammar/diagnostics.js';
import { parse } from '../grammar/parser.js';
import { print } from '../grammar/printer.js';
import { renderDiagnostics } from '../grammar/render.js';
import type { Source } from '../grammar/source.js';
import { suggest } from '../grammar/suggest.js';
import { FileError, Reported } from './errors.js';
import { err, type Output } from './terminal.js';

/** No spec is larger: what is was given by mistake. */
const LARGEST_SPEC = 4 << 20;
export const STDIN = '<stdin>';

/** The text of a spec; `-` is stdin. Throws FileError for what is missing, a folder or no text. */
export function readSource(path: string): Source {
  if (path === '-') return { name: STDIN, text: decode(STDIN, readFileSync(0)) };
  let size: number;
  try {
    const stat = statSync(path);
    if (stat.isDirectory()) throw new FileError(`${path} is a folder, not a spec`, specsIn(path));
    size = stat.size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw new FileError(`there is no file ${path}`, neighbour(path));
    throw error;
  }
  if (size > LARGEST_SPEC) throw new FileError(`${path} has ${size} bytes: that is no spec`);
  return { name: path, text: decode(path, readFileSync(path)) };
}

/** UTF-8 only; a byte-order mark is dropped. */
function decode(name: string, data: Buffer): string {
  if (data.includes(0)) throw new FileError(`${name} is not text`, 'a spec is a text file that ends in .gan');
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(data);
  } catch {
    throw new FileError(`${name} is not UTF-8 text`, 'save it as UTF-8');
  }
}

/** What the options of every command that compiles say. */
export interface SpecOptions {
  readonly set?: Record<string, string>;
  readonly variant?: string;
  readonly quiet?: boolean;
  /** Hears what the compiler says, in place of stderr. */
  readonly diagnosed?: (list: readonly Diagnostic[]) => void;
}

/** For the compiler: new values, the variant, and how to read what `extends` names, seen from the file that says so. */
export function compileOptions(options: SpecOptions): CompileOptions {
  return {
    set: options.set,
    variant: options.variant,
    resolve: (path, from) => readSource(from.name === STDIN || isAbsolute(path) ? path : join(dirname(from.name), path)),
  };
}

/**
 * The text that a run keeps: the spec as written, comments and all, or, where it extends another or a variant was chosen, everything in one.
 * Values given on the command line are noted on top.
 */
export function resolvedText(source: Source, options: SpecOptions): string {
  const extended = options.variant !== undefined || parse(source, new Diagnostics()).items.some((item) => item.kind === 'extends');
  const settings = Object.entries(options.set ?? {}).map(([name, value]) => `// --set ${name}=${value}\n`);
  return settings.join('') + (extended ? print(mergedSpec(source, options)) : source.text);
}

/** A spec that compiles, with its parents and the variant. */
export function mergedSpec(source: Source, options: SpecOptions): Spec {
  const diagnostics = new Diagnostics();
  return merge(parse(source, diagnostics), source, diagnostics, compileOptions(options)).spec;
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function specsIn(folder: string): string {
  const specs = list(folder).filter((name) => name.endsWith('.gan'));
  return specs.length === 0
    ? ''
    : `specs in it: ${specs
        .slice(0, 5)
        .map((name) => join(folder, name))
        .join(', ')}`;
}

/** The file next to it that was perhaps meant. */
function neighbour(path: string): string {
  const folder = dirname(path);
  const names = list(folder);
  const wanted = basename(path);
  const exact = names.find((name) => name === `${wanted}.gan` || name.toLowerCase() === wanted.toLowerCase());
  const guess = exact ?? suggest(wanted, names);
  if (guess) return `did you mean ${folder === '.' ? guess : join(folder, guess)}?`;
  return folder === '.' ? specsIn(folder) : names.length === 0 ? `there is no folder ${folder} with files either` : specsIn(folder);
}

/** Shows mistakes as fits the output: in full on a terminal, else a line each. */
export function showDiagnostics(list: readonly Diagnostic[], to: Output, format: 'pretty' | 'plain' | 'json' = to.terminal ? 'pretty' : 'plain'): void {
  if (list.length === 0 && format !== 'json') return;
  const text = renderDiagnostics(list, { format, color: format === 'pretty' && to.colors.isColorSupported });
  to(text.endsWith('\n') ? text : `${text}\n`);
  const first = list.find((d) => d.severity === 'error');
  if (format === 'pretty' && first) to(to.colors.dim(`\`ganc explain ${first.code}\` says more\n`));
}

/** The value of a compilation; its mistakes, if any, are shown on stderr and end the command. */
export function accept<T>(value: T | undefined, diagnostics: readonly Diagnostic[], options: Pick<SpecOptions, 'quiet' | 'diagnosed'> = {}): T {
  const failed = value === undefined || diagnostics.some((d) => d.severity === 'error');
  if (options.diagnosed) options.diagnosed(diagnostics);
  else if (failed || !options.quiet) showDiagnostics(diagnostics, err, 'pretty');
  if (failed) throw new Reported();
  return value;
}
