/** Text to syntax tree. */
import type { Expr, Spec } from './ast.js';
import { pairBrackets } from './brackets.js';
import { docReader, readComments } from './comments.js';
import { limitDepth } from './depth.js';
import { Diagnostics } from './diagnostics.js';
import { explainFaults } from './faults.js';
import { SpecParser } from './items.js';
import { layOut } from './layout.js';
import { Lines } from './lines.js';
import { mend } from './mend.js';
import { messages, report } from './messages.js';
import type { Source } from './source.js';
import { tokenize } from './tokens.js';
import { checkItems } from './toplevel.js';

/** Made at start-up: what Chevrotain has to find out about the grammar is the same for all texts. */
const parser = new SpecParser();

/** Reads a text, or a part of it. Always gives a tree: what could not be read is left out or `broken`, and every mistake is in `diagnostics`. */
export function parse(source: Source, diagnostics: Diagnostics, part?: { readonly start: number; readonly end: number }): Spec {
  return read(source, diagnostics, (p) => p.spec(), checkItems, part);
}

/** Reads one expression, as in `--set width=8`. */
export function parseExpression(source: Source, diagnostics: Diagnostics): Expr {
  return read(
    source,
    diagnostics,
    (p) => p.whole(),
    (text) => ({ tokens: text.tokens.slice(1), closers: new Map([...text.closers].map(([token, at]) => [token, at - 1])) }),
  );
}

function read<T>(
  source: Source,
  diagnostics: Diagnostics,
  rule: (parser: SpecParser) => T,
  check: typeof checkItems,
  part = { start: 0, end: source.text.length },
): T {
  const found = new Diagnostics();
  const { tokens, comments, strays } = tokenize(source.text.slice(part.start, part.end), part.start);
  for (const { start, end } of strays) report(found, messages.strayCharacter, { source, start, end }, [visible(source.text.slice(start, end))]);
  const bracketed = pairBrackets(mend(tokens, source, found), source, found);
  const loose = found.list.some((d) => d.code === messages.strayCloser.code);
  const laidOut = check(limitDepth(layOut(bracketed), source, found), source, found, loose);
  const lines = new Lines(laidOut);
  parser.begin(source, laidOut, docReader(readComments(comments, source), source), found);
  const tree = rule(parser);
  const faults = explainFaults(parser.errors, source, lines);
  parser.finish();
  for (const d of lines.pick(found.list, faults)) diagnostics.add(d);
  return tree;
}

/** Control characters by number, and no more than a few characters. */
function visible(text: string): string {
  const shown = [...text]
    .slice(0, 12)
    .map((c) => (/[\p{C}\p{Z}]/u.test(c) ? `U+${(c.codePointAt(0) as number).toString(16).toUpperCase().padStart(4, '0')}` : c));
  return shown.join('') + ([...text].length > 12 ? '...' : '');
}
