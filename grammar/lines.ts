/** Which statement a place belongs to, and which of the messages about one statement are shown. */
import type { IToken } from 'chevrotain';
import type { Diagnostic } from './diagnostics.js';
import type { LaidOut } from './layout.js';
import { messages } from './messages.js';
import { position } from './source.js';
import * as t from './tokens.js';

/** After these the rest of the statement was read as meant, so that a fault in it is one of its own. */
const mended: ReadonlySet<string> = new Set(
  [
    messages.badEscape,
    messages.hugeNumber,
    messages.singleQuotes,
    messages.hashComment,
    messages.foreignOperator,
    messages.foreignWord,
    messages.semicolon,
    messages.headerColon,
    messages.foreignStatement,
    messages.foreignAssignment,
  ].map((m) => m.code),
);

/** After these the rest of the statement cannot be trusted. */
const final: ReadonlySet<string> = new Set(
  [messages.strayCharacter, messages.openString, messages.unclosed, messages.wrongCloser, messages.strayCloser].map((m) => m.code),
);

/** A habit rather than a slip: said once for the text, with the other lines. */
const habits: ReadonlySet<string> = new Set(
  [messages.hashComment, messages.semicolon, messages.headerColon, messages.reservedName, messages.singleQuotes].map((m) => m.code),
);

export class Lines {
  private readonly starts: IToken[] = [];
  private readonly tokens: readonly IToken[];
  private places: Map<IToken, number> | undefined;

  constructor({ tokens }: LaidOut) {
    this.tokens = tokens;
    let begins = true;
    for (const token of tokens) {
      const type = token.tokenType;
      if (type === t.Newline) begins = true;
      else if (begins) {
        this.starts.push(token);
        begins = false;
      }
    }
  }

  private index(offset: number): number {
    let low = 0;
    let high = this.starts.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.starts[middle].startOffset <= offset) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** The first token of the statement at an offset. */
  first(offset: number): IToken | undefined {
    return this.starts[this.index(offset)];
  }

  /** The token before one; before the end of the text, the last. */
  before(token: IToken): IToken | undefined {
    this.places ??= new Map(this.tokens.map((other, i) => [other, i]));
    return this.tokens[(this.places.get(token) ?? this.tokens.length) - 1];
  }

  /**
   * What is shown, in the order of the text: one message of a kind for a statement, a parser's fault only where nothing else is wrong with its statement,
   * and nothing behind a fault, since the parser had to skip from there.
   */
  pick(found: readonly Diagnostic[], faults: readonly Diagnostic[]): Diagnostic[] {
    const isFault = new Set(faults);
    const troubled = new Set<number>();
    const closed = new Set<number>();
    const shown = new Map<string, Diagnostic[]>();
    for (const d of found) for (const note of d.notes ?? []) if (note.span !== undefined) troubled.add(this.index(note.span.start));
    for (const d of [...found, ...faults].sort((a, b) => a.span.start - b.span.start)) {
      const line = this.index(d.span.start);
      if (!mended.has(d.code)) {
        if (closed.has(line) || (isFault.has(d) && troubled.has(line))) continue;
        troubled.add(line);
        if (isFault.has(d) || final.has(d.code)) closed.add(line);
      }
      const kind = habits.has(d.code) ? `${d.code} ${d.code === messages.reservedName.code ? d.message : ''}` : `${d.code} ${line}`;
      const same = shown.get(kind);
      if (same === undefined) shown.set(kind, [d]);
      else if (habits.has(d.code)) same.push(d);
    }
    return [...shown.values()].map(([first, ...more]) => (more.length === 0 ? first : { ...first, notes: [...(first.notes ?? []), alsoOn(first, more)] }));
  }
}

function alsoOn(first: Diagnostic, more: readonly Diagnostic[]): { message: string } {
  const lineOf = (d: Diagnostic): number => position(d.span.source, d.span.start).line;
  const lines = [...new Set(more.map(lineOf))].filter((line) => line !== lineOf(first));
  if (lines.length === 0) return { message: 'and again on this line' };
  const listed = lines.slice(0, 8).join(', ') + (lines.length > 8 ? ' and more' : '');
  return { message: `the same on line${lines.length === 1 ? '' : 's'} ${listed}` };
}
