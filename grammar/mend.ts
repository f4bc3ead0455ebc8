/** Replaces what other languages write by what this one does, with a message at each place, so that the parser reads the rest of the line as meant. */
import type { IToken } from 'chevrotain';
import type { Diagnostics } from './diagnostics.js';
import { messages, report } from './messages.js';
import type { Source, Span } from './source.js';
import * as t from './tokens.js';

export function mend(tokens: readonly IToken[], source: Source, diagnostics: Diagnostics): IToken[] {
  const out: IToken[] = [];
  const spanOf = (token: IToken): Span => ({ source, start: token.startOffset, end: t.endOf(token) });
  for (const token of tokens) {
    switch (token.tokenType) {
      case t.Hash:
        report(diagnostics, messages.hashComment, spanOf(token), []);
        break;
      default:
        out.push(token);
    }
  }
  return out;
}
