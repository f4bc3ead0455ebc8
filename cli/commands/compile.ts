/** `ganc compile SPEC -o DIR`: the artifact, as plain files. */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { compileSpec } from '../../compiler/compile.js';
import { lower } from '../../compiler/plan/lower.js';
import { toFiles } from '../../compiler/program/serialise.js';
import { FileError } from '../errors.js';
import { accept, compileOptions, readSource, type SpecOptions } from '../source.js';
import { bytes, count, err, out } from '../terminal.js';

export interface CompileOptions extends SpecOptions {
  readonly out: string;
}

export function compile(spec: string, options: CompileOptions): void {
  const { module, diagnostics } = compileSpec(readSource(spec), { ...compileOptions(options), noisesGiven: true });
  const program = lower(accept(module, diagnostics, options));
  const files = toFiles(program);
  prepare(options.out);
  for (const [path, text] of files) {
    const target = join(options.out, path);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, text);
  }
  out(`${options.out}\n`);
  if (options.quiet) return;
  const size = [...files.values()].reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  err(`${program.kernels.length} kernels, ${count(files.size)} files, ${bytes(size)}; train it with: ganc train ${options.out}\n`);
}

/** An artifact written before is replaced; a folder with anything else in it is left alone. */
function prepare(folder: string): void {
  mkdirSync(folder, { recursive: true });
  const entries = readdirSync(folder);
  if (entries.length > 0 && !entries.includes('program.json')) {
    throw new FileError(`${folder} holds other files`, 'give a folder of its own: -o build/NAME');
  }
  rmSync(join(folder, 'program.json'), { force: true });
  rmSync(join(folder, 'kernels'), { recursive: true, force: true });
}
