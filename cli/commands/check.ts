/** `ganc check SPEC...`: the mistakes of specs. They are its result: stdout. */
import { compileSpec } from '../../compiler/compile.js';
import type { Diagnostic } from '../../grammar/diagnostics.js';
import { EXIT, report } from '../errors.js';
import { compileOptions, readSource, type SpecOptions, showDiagnostics } from '../source.js';
import { err, out } from '../terminal.js';

export interface CheckOptions extends SpecOptions {
  readonly format?: 'pretty' | 'plain' | 'json';
}

export function check(specs: readonly string[], options: CheckOptions): void {
  const all: Diagnostic[] = [];
  let code: number = EXIT.good;
  for (const path of specs) {
    try {
      const source = readSource(path);
      const { diagnostics } = compileSpec(source, compileOptions(options));
      all.push(...diagnostics);
      const errors = diagnostics.filter((d) => d.severity === 'error').length;
      if (errors > 0) code = Math.max(code, EXIT.spec);
      else if (!options.quiet && options.format !== 'json') err(`${err.colors.green('ok')} ${source.name}\n`);
    } catch (error) {
      code = Math.max(code, report(error));
    }
  }
  const shown = options.quiet ? all.filter((d) => d.severity === 'error') : all;
  showDiagnostics(shown, out, options.format);
  process.exitCode = code;
}
