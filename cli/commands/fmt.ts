/** `ganc fmt SPEC...`: the one layout, comments kept. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { Diagnostics } from '../../grammar/diagnostics.js';
import { format } from '../../grammar/printer.js';
import { EXIT, report } from '../errors.js';
import { readSource, showDiagnostics } from '../source.js';
import { err, out } from '../terminal.js';

export interface FmtOptions {
  /** Changes nothing; says which files are in another layout. */
  readonly check?: boolean;
}

/** Rewrites the files in place; `-` reads stdin and writes stdout. A text with mistakes stays as it is. */
export function fmt(specs: readonly string[], options: FmtOptions): void {
  let code: number = EXIT.good;
  for (const path of specs) {
    try {
      code = Math.max(code, formatOne(path, options));
    } catch (error) {
      code = Math.max(code, report(error));
    }
  }
  process.exitCode = code;
}

function formatOne(path: string, options: FmtOptions): number {
  const source = readSource(path);
  const diagnostics = new Diagnostics();
  const text = format(source, diagnostics);
  if (text === undefined) {
    showDiagnostics(diagnostics.list, out);
    return EXIT.spec;
  }
  if (options.check) {
    if (text === source.text) return EXIT.good;
    out(`${source.name}\n`);
    return EXIT.spec;
  }
  if (path === '-') out(text);
  else if (text !== readFileSync(path, 'utf8')) {
    const temporary = `${path}.${process.pid}.tmp`;
    writeFileSync(temporary, text);
    renameSync(temporary, path);
    err(`formatted ${source.name}\n`);
  }
  return EXIT.good;
}
