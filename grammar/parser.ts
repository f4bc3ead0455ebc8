/** Text to syntax tree. */
import type { Expr, Spec } from './ast.js';
import { pairBrackets } from './brackets.js';
import { docReader, readComments } from './comments.js';
import type { Diagnostics } from './diagnostics.js';
import { reportFaults } from './faults.js';
import { SpecParser } from './items.js';
import { layOut } from './layout.js';
import { mend } from './mend.js';
import { messages, report } from './messages.js';
import type { Source } from './source.js';
import { tokenize } from './tokens.js';

let parser: SpecParser | undefined;

/** Reads a text. Always gives a tree: what could not be read is left out or `broken`, and every mistake is in `diagnostics`. */
export function parse(source: Source, diagnostics: Diagnostics): Spec {
  return read(source, diagnostics, (p) => p.spec());
}

/** Reads one expression, as in `--set width=8`. */
export function parseExpression(source: Source, diagnostics: Diagnostics): Expr {
  return read(source, diagnostics, (p) => p.whole());
}

function read<T>(source: Source, diagnostics: Diagnostics, rule: (parser: SpecParser) => T): T {
  parser ??= new SpecParser();
  const { tokens, comments, strays } = tokenize(source.text);
  for (const { start, end } of strays) report(diagnostics, messages.strayCharacter, { source, start, end }, [source.text.slice(start, end)]);
  const laidOut = layOut(pairBrackets(mend(tokens, source, diagnostics), source, diagnostics));
  parser.begin(source, laidOut, docReader(readComments(comments, source), source), diagnostics);
  const tree = rule(parser);
  reportFaults(parser.errors, source, diagnostics);
  parser.finish();
  return tree;
}
