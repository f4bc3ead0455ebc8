/** Replaces what other languages write by what this one does, with a message at each place, so that the parser reads the rest of the line as meant. */
import type { IToken, TokenType } from 'chevrotain';
import type { Diagnostics } from './diagnostics.js';
import { messages, report } from './messages.js';
import { indentAt, type Source, type Span } from './source.js';
import * as t from './tokens.js';

const operators: ReadonlyMap<TokenType, readonly [TokenType, string]> = new Map([
  [t.StarStar, [t.Caret, '^'] as const],
  [t.AmpersandAmpersand, [t.And, 'and'] as const],
  [t.BarBar, [t.Or, 'or'] as const],
  [t.Bang, [t.Not, 'not'] as const],
]);

/** Pairs of neighbouring signs that other languages write as one. */
const doubled: readonly { readonly first: TokenType; readonly second: TokenType; readonly ours: TokenType; readonly text: string }[] = [
  { first: t.Colon, second: t.Equals, ours: t.Equals, text: '=' },
  { first: t.EqualEqual, second: t.Equals, ours: t.EqualEqual, text: '==' },
  { first: t.NotEqual, second: t.Equals, ours: t.NotEqual, text: '!=' },
  { first: t.Less, second: t.Greater, ours: t.NotEqual, text: '!=' },
];

const literals: ReadonlyMap<string, readonly [TokenType, string]> = new Map([
  ['True', [t.True, 'true'] as const],
  ['False', [t.False, 'false'] as const],
  ['None', [t.None, 'none'] as const],
  ['null', [t.None, 'none'] as const],
  ['nil', [t.None, 'none'] as const],
]);

const declaring: ReadonlySet<string> = new Set(['def', 'function', 'func', 'fn', 'class', 'module']);
const binding: ReadonlySet<string> = new Set(['let', 'var', 'const', 'val']);
const arithmetic: ReadonlySet<TokenType> = new Set([t.Plus, t.Minus, t.Star, t.Slash, t.Percent, t.Caret]);
const headers: ReadonlySet<TokenType> = new Set([t.Net, t.Block, t.Judge, t.If, t.Else, t.For, t.Game, t.Train, t.Variant]);

export function mend(tokens: readonly IToken[], source: Source, diagnostics: Diagnostics): IToken[] {
  return indented(new Mender(tokens, source, diagnostics).run(), source, diagnostics);
}

function spanOf(source: Source, first: IToken, last = first): Span {
  return { source, start: first.startOffset, end: t.endOf(last) };
}

function touching(a: IToken, b: IToken | undefined): b is IToken {
  return b !== undefined && t.endOf(a) === b.startOffset;
}

class Mender {
  private readonly out: IToken[] = [];
  private at = 0;

  constructor(
    private readonly tokens: readonly IToken[],
    private readonly source: Source,
    private readonly diagnostics: Diagnostics,
  ) {}

  run(): IToken[] {
    for (this.at = 0; this.at < this.tokens.length; this.at++) {
      const token = this.tokens[this.at];
      if (!this.sign(token) && !this.text(token) && !this.word(token)) this.out.push(token);
    }
    return this.out;
  }

  private get next(): IToken | undefined {
    return this.tokens[this.at + 1];
  }

  private span(first: IToken, last = first): Span {
    return spanOf(this.source, first, last);
  }

  private put(token: IToken, type: TokenType, image: string): void {
    this.out.push({ ...t.retype(token, type), image });
  }

  private sign(token: IToken): boolean {
    const { next, diagnostics } = this;
    const operator = operators.get(token.tokenType);
    if (operator !== undefined) {
      report(diagnostics, messages.foreignOperator, this.span(token), [token.image, operator[1]]);
      this.put(token, ...operator);
      return true;
    }
    if (token.tokenType === t.Hash) {
      report(diagnostics, messages.hashComment, this.span(token), []);
      return true;
    }
    if (token.tokenType === t.Semicolon) {
      report(diagnostics, messages.semicolon, this.span(token), []);
      this.put(token, t.Newline, ';');
      return true;
    }
    if (!touching(token, next)) return false;
    const pair = doubled.find((d) => d.first === token.tokenType && d.second === next.tokenType);
    if (pair !== undefined) {
      report(diagnostics, messages.foreignOperator, this.span(token, next), [token.image + next.image, pair.text]);
      this.put(token, pair.ours, pair.text);
      this.at++;
      return true;
    }
    const before = this.out[this.out.length - 1];
    if (arithmetic.has(token.tokenType) && next.tokenType === t.Equals && before !== undefined && t.isA(before.tokenType, t.Word)) {
      report(diagnostics, messages.foreignAssignment, this.span(token, next), [before.image, token.image]);
      this.put(next, t.Equals, '=');
      this.at++;
      return true;
    }
    return false;
  }

  private text(token: IToken): boolean {
    const { next, diagnostics } = this;
    if (token.tokenType === t.SingleQuoted) {
      const inner = token.image
        .slice(1, -1)
        .replace(/\\'/g, "'")
        .replace(/(?<!\\)"/g, '\\"');
      report(diagnostics, messages.singleQuotes, this.span(token), [`"${inner}"`]);
      this.put(token, t.StringLiteral, `"${inner}"`);
      return true;
    }
    if (token.tokenType === t.OpenString) {
      report(diagnostics, messages.openString, { ...this.span(token), end: token.startOffset + 1 }, []);
      // Closing brackets at the end of the line were most likely meant to stand outside.
      const tail = /[\s)\]},]*$/.exec(token.image)?.[0] ?? '';
      const cut = token.image.length - tail.length;
      this.out.push({ ...t.retype(token, t.StringLiteral), image: `${token.image.slice(0, cut).replace(/\\$/, '')}"`, endOffset: token.startOffset + cut - 1 });
      const from = token.startOffset + cut;
      for (const rest of t.tokenize(tail).tokens)
        this.out.push({ ...rest, startOffset: rest.startOffset + from, endOffset: (rest.endOffset as number) + from });
      return true;
    }
    if (token.tokenType === t.Identifier && /^[fr]$/.test(token.image) && touching(token, next) && next.tokenType === t.StringLiteral) {
      report(diagnostics, messages.foreignWord, this.span(token), [`${token.image}"..."`, '"..."']);
      return true;
    }
    return false;
  }

  private word(token: IToken): boolean {
    if (token.tokenType !== t.Identifier) return false;
    const { next, diagnostics } = this;
    const before = this.out[this.out.length - 1]?.tokenType;
    const begins = before === undefined || before === t.Newline || before === t.LCurly || before === t.RCurly;
    const follows = next?.tokenType;
    const literal = literals.get(token.image);
    if (literal !== undefined && before !== t.Dot && follows !== t.Colon && follows !== t.Equals && follows !== t.LParen) {
      report(diagnostics, messages.foreignWord, this.span(token), [token.image, literal[1]]);
      this.put(token, ...literal);
      return true;
    }
    if (!begins || next === undefined || follows === t.Equals || follows === t.Newline) return false;
    const say = (help: string): void => report(diagnostics, messages.foreignStatement, this.span(token), [token.image, help]);
    if (token.image === 'elif') {
      report(diagnostics, messages.foreignWord, this.span(token), ['elif', 'else if']);
      this.put(token, t.Else, 'else');
      this.put({ ...token, startOffset: t.endOf(token) }, t.If, 'if');
      return true;
    }
    if (declaring.has(token.image) && t.isA(next.tokenType, t.Word)) {
      say('declare a net with `net Name(...) { ... }` and a reusable piece with `block name(...) { ... }`');
      this.put(token, /^[A-Z]/.test(next.image) ? t.Net : t.Block, token.image);
      return true;
    }
    if (binding.has(token.image) && t.isA(next.tokenType, t.Word)) {
      say(`write \`${next.image} = ...\``);
      return true;
    }
    if (token.image === 'return' && follows !== t.LeftArrow && follows !== t.Dot) {
      say('the last expression of a body is its result: leave out `return`');
      return true;
    }
    if (token.image === 'while' && follows !== t.LParen) {
      say('loops are static: `for i in range(n) { ... }`');
      this.put(token, t.If, 'while');
      return true;
    }
    if ((token.image === 'import' || token.image === 'from') && (t.isA(next.tokenType, t.Word) || follows === t.StringLiteral)) {
      say('every layer is known without an import; to build on another text write `extends "base.gan"`');
      while (this.next !== undefined && this.next.tokenType !== t.Newline) this.at++;
      return true;
    }
    return false;
  }
}

/** Bodies written as in Python, a colon and an indented block, get their braces. */
function indented(tokens: readonly IToken[], source: Source, diagnostics: Diagnostics): IToken[] {
  const out: IToken[] = [];
  /** Indents of the headers whose blocks are open. */
  const open: number[] = [];
  let depth = 0;
  let header: IToken | undefined;
  let lineBegins = true;
  tokens.forEach((token, i) => {
    const type = token.tokenType;
    if (type === t.Newline) {
      lineBegins = true;
      out.push(token);
      return;
    }
    if (lineBegins && depth === 0) {
      const indent = indentAt(source, token.startOffset);
      while (open.length > 0 && open[open.length - 1] >= indent) {
        open.pop();
        out.push(t.virtual(t.RCurly, token.startOffset));
      }
      header = headers.has(type) ? token : undefined;
    }
    lineBegins = false;
    if (type === t.LCurly) header = undefined;
    if (type === t.LParen || type === t.LSquare) depth++;
    if (type === t.RParen || type === t.RSquare) depth = Math.max(0, depth - 1);
    const after = tokens[i + 1]?.tokenType;
    const named = tokens[i - 1] === header && header?.tokenType !== t.Else;
    if (type === t.Colon && header !== undefined && !named && depth === 0 && (after === undefined || after === t.Newline || after === t.LCurly)) {
      report(diagnostics, messages.headerColon, spanOf(source, token), [header.image]);
      if (after !== t.LCurly) {
        open.push(indentAt(source, header.startOffset));
        out.push(t.virtual(t.LCurly, token.startOffset));
      }
      return;
    }
    out.push(token);
  });
  out.push(...open.map(() => t.virtual(t.RCurly, source.text.length)));
  return out;
}
