/** Compiled specs, from a folder or kept in the user's cache: a spec that has not changed since is not compiled again. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type CompileOptions, compileSpec } from '../compiler/compile.js';
import { lower } from '../compiler/plan/lower.js';
import type { Program } from '../compiler/program/types.js';
import type { Source } from '../grammar/source.js';
import { KeptFile } from '../runtime/data/kept.js';
import { UsageError } from './errors.js';
import { accept, compileOptions, readSource, resolvedText, type SpecOptions } from './source.js';
import { version } from './version.js';

/** Programs that are kept: those made last. */
const MOST = 64;

export interface CompiledSpec {
  readonly program: Program;
  /** As a run keeps it: see `resolvedText`. */
  readonly text: string;
}

interface Kept extends CompiledSpec {
  /** What the spec extends, as it was. */
  readonly parents: readonly { readonly path: string; readonly hash: string }[];
}

/** The program of a spec. A compilation that has something to say is not kept, so that it says it every time. */
export async function compiledSpec(
  source: Source,
  options: SpecOptions,
  how: Pick<CompileOptions, 'fed' | 'trace' | 'stats' | 'noisesGiven'>,
): Promise<CompiledSpec> {
  const { set, variant } = options;
  const file = new KeptFile('programs', [
    build(),
    source.name,
    source.text,
    set,
    variant,
    how.fed && [...how.fed].sort(),
    how.trace,
    how.stats,
    how.noisesGiven,
  ]);
  const known = await read(file);
  if (known) return known;
  const parents = new Map<string, string>();
  const { resolve, ...rest } = compileOptions(options);
  const { module, diagnostics } = compileSpec(source, {
    ...rest,
    ...how,
    resolve: (path, from) => {
      const parent = (resolve as NonNullable<typeof resolve>)(path, from);
      parents.set(parent.name, hashOf(parent.text));
      return parent;
    },
  });
  const program = lower(accept(module, diagnostics, options));
  const made = { program, text: resolvedText(source, options) };
  const kept: Kept = { ...made, parents: [...parents].map(([path, hash]) => ({ path, hash })) };
  // Where the cache cannot be written, the next call compiles again, no more.
  if (diagnostics.length === 0) await file.write(Buffer.from(JSON.stringify(kept)), MOST);
  return made;
}

/** True where a command is given a folder instead of a spec. */
export function isFolder(path: string): boolean {
  return path !== '-' && existsSync(path) && statSync(path).isDirectory();
}

/** The program that `ganc compile` wrote into a folder. Throws UsageError where options would have to compile it again. */
export async function compiledFolder(path: string, { set, variant }: SpecOptions): Promise<Program> {
  const { readProgramFolder } = await import('../runtime/train/folder.js');
  if (!existsSync(join(path, 'program.json'))) readSource(path);
  if (variant !== undefined || set !== undefined) {
    throw new UsageError(
      `${path} is compiled already: --set and --variant cannot change it`,
      'compile the spec again: ganc compile SPEC --set name=value -o DIR',
    );
  }
  return readProgramFolder(path);
}

async function read(file: KeptFile): Promise<CompiledSpec | undefined> {
  const bytes = await file.read();
  if (!bytes) return undefined;
  const { parents, program, text }: Kept = JSON.parse(Buffer.from(bytes).toString());
  return parents.every(({ path, hash }) => isAsItWas(path, hash)) ? { program, text } : undefined;
}

function isAsItWas(path: string, hash: string): boolean {
  try {
    return hashOf(readSource(path).text) === hash;
  } catch {
    return false;
  }
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** The version, and in a working tree the build: another compiler makes another program. */
function build(): string {
  try {
    return `${version} ${readFileSync(new URL('../.stamp', import.meta.url), 'utf8')}`;
  } catch {
    return version;
  }
}
