/**
 * Pairs the brackets of a text before it is parsed, so that the parser only ever sees balanced ones: a missing closer is put in where it most
 * likely belongs, a stray one is left out, and each is reported once, at that place, with a note at the opening bracket.
 */
import type { IToken, TokenType } from 'chevrotain';
import type { Diagnostics } from './diagnostics.js';
import { messages, report } from './messages.js';
import { indentAt, position, type Source, type Span } from './source.js';
import * as t from './tokens.js';

/** What a bracket holds decides what a newline within it means. */
export type Kind = 'round' | 'square' | 'record' | 'body';

export interface Bracketed {
  readonly tokens: readonly IToken[];
  /** The kind of every opening and closing bracket. */
  readonly kinds: ReadonlyMap<IToken, Kind>;
}

const closerOf: ReadonlyMap<TokenType, TokenType> = new Map([
  [t.LParen, t.RParen],
  [t.LSquare, t.RSquare],
  [t.LCurly, t.RCurly],
]);
const closers: ReadonlySet<TokenType> = new Set(closerOf.values());
const closerText: ReadonlyMap<TokenType, string> = new Map([
  [t.LParen, ')'],
  [t.LSquare, ']'],
  [t.LCurly, '}'],
]);

/** After one of these an operand must follow, so a `{` begins a record and a newline is nothing. */
const wanting: ReadonlySet<TokenType> = new Set([
  t.Pipe,
  t.Bar,
  t.LeftArrow,
  t.RightArrow,
  t.Equals,
  t.Comma,
  t.Colon,
  t.Tilde,
  t.Dot,
  t.If,
  t.In,
  t.Not,
  t.As,
  t.LParen,
  t.LSquare,
]);

export function wantsOperand(type: TokenType): boolean {
  return wanting.has(type) || t.isA(type, t.BinaryOperator);
}

/** Before one of these a newline is nothing. */
export function continues(type: TokenType): boolean {
  return type === t.Pipe || type === t.Bar || type === t.Comma || type === t.Else || type === t.RightArrow || type === t.Dot || t.isA(type, t.BinaryOperator);
}

/** Behind one of these `{name: ` is a record. */
const goals: ReadonlySet<TokenType> = new Set([t.Maximizes, t.Minimizes]);

/** Words that begin an item when they stand first on a line, with what may follow them. */
const itemWords: ReadonlySet<TokenType> = new Set([
  t.Extends,
  t.Hyper,
  t.Data,
  t.Noise,
  t.Net,
  t.Block,
  t.Game,
  t.Train,
  t.Sample,
  t.Variant,
  t.Judge,
  t.Metric,
]);

interface Open {
  readonly token: IToken;
  readonly kind: Kind;
  /** Column at which the line of the opening bracket begins. */
  readonly indent: number;
  /** Column of the first line within, where that is further in. */
  inner?: number;
}

export function pairBrackets(tokens: readonly IToken[], source: Source, diagnostics: Diagnostics): Bracketed {
  return new Pairing(tokens, source, undefined).run() ?? (new Pairing(tokens, source, diagnostics).run() as Bracketed);
}

/** With no diagnostics to write to, gives up at the first imbalance; with them, mends it. Only then are guesses made, so a good text never meets one. */
class Pairing {
  private readonly out: IToken[] = [];
  private readonly kinds = new Map<IToken, Kind>();
  private readonly stack: Open[] = [];
  /** Bracket nesting is lost after a stray brace: further ones are dropped in silence. */
  private strayBrace = false;

  constructor(
    private readonly tokens: readonly IToken[],
    private readonly source: Source,
    private readonly diagnostics: Diagnostics | undefined,
  ) {}

  run(): Bracketed | undefined {
    const { tokens, stack, diagnostics } = this;
    for (let i = 0; i < tokens.length; i++) {
      const token = tokens[i];
      const type = token.tokenType;
      if (closerOf.has(type)) {
        const kind: Kind = type === t.LParen ? 'round' : type === t.LSquare ? 'square' : this.braceKind(i);
        stack.push({ token, kind, indent: diagnostics === undefined ? 0 : indentAt(this.source, token.startOffset) });
        this.kinds.set(token, kind);
        this.out.push(token);
      } else if (closers.has(type)) {
        if (!this.close(token)) return undefined;
      } else {
        if (diagnostics !== undefined && type === t.Newline) this.guess(i);
        this.out.push(token);
      }
    }
    if (stack.length > 0) {
      if (diagnostics === undefined) return undefined;
      this.closeDownTo(0);
    }
    return { tokens: this.out, kinds: this.kinds };
  }

  private top(): Open | undefined {
    return this.stack[this.stack.length - 1];
  }

  private braceKind(index: number): Kind {
    let at = this.out.length - 1;
    const enclosing = this.top()?.kind;
    const newline = at >= 0 && this.out[at].tokenType === t.Newline;
    while (at >= 0 && this.out[at].tokenType === t.Newline) at--;
    const before = this.out[at];
    if (before === undefined) return 'body';
    if (wantsOperand(before.tokenType)) return 'record';
    if (before.tokenType === t.LCurly) return 'record';
    if (goals.has(before.tokenType) && this.fieldNext(index + 1)) return 'record';
    if (newline && enclosing === 'body') return 'record';
    if (before.tokenType === t.RCurly && this.kinds.get(before) === 'body' && enclosing !== undefined) return 'record';
    return 'body';
  }

  private fieldNext(at: number): boolean {
    let name = at;
    while (this.tokens[name]?.tokenType === t.Newline) name++;
    return this.tokens[name + 1]?.tokenType === t.Colon;
  }

  /** False to give up. */
  private close(token: IToken): boolean {
    const { stack, diagnostics } = this;
    if (diagnostics !== undefined && token.tokenType === t.RCurly && this.beginsLine(token)) this.closeIndented(this.columnOf(token) + 1);
    const top = this.top();
    if (top !== undefined && closerOf.get(top.token.tokenType) === token.tokenType) {
      this.pop(token);
      return true;
    }
    if (diagnostics === undefined) return false;
    let partner = stack.length - 1;
    while (partner >= 0 && closerOf.get(stack[partner].token.tokenType) !== token.tokenType) {
      // A round or square closer never reaches out of the body it stands in.
      if (token.tokenType !== t.RCurly && stack[partner].kind === 'body') partner = 0;
      partner--;
    }
    if (partner >= 0) {
      this.closeDownTo(partner + 1);
      this.pop(token);
    } else if (top !== undefined && top.kind !== 'body' && token.tokenType !== t.RCurly) {
      const closer = closerText.get(top.token.tokenType) as string;
      report(diagnostics, messages.wrongCloser, this.span(token), [top.token.image, token.image, closer], [this.opened(top)]);
      this.pop(t.retype({ ...token }, closerOf.get(top.token.tokenType) as TokenType));
    } else {
      if (!(this.strayBrace && token.tokenType === t.RCurly)) report(diagnostics, messages.strayCloser, this.span(token), [token.image]);
      if (token.tokenType === t.RCurly) this.strayBrace = true;
    }
    return true;
  }

  private pop(token: IToken): void {
    const open = this.stack.pop() as Open;
    this.kinds.set(token, open.kind);
    this.out.push(token);
  }

  /** Puts in the closers that are missing above a depth, before the newlines at the end; the innermost is the mistake, the others mostly follow from it. */
  private closeDownTo(depth: number): void {
    const innermost = this.top();
    if (innermost === undefined || this.stack.length <= depth) return;
    const newlines: IToken[] = [];
    while (this.out.length > 0 && this.out[this.out.length - 1].tokenType === t.Newline) newlines.unshift(this.out.pop() as IToken);
    const end = t.endOf(this.out[this.out.length - 1]);
    const closer = closerText.get(innermost.token.tokenType) as string;
    report(
      this.diagnostics as Diagnostics,
      messages.unclosed,
      { source: this.source, start: end, end },
      [innermost.token.image, closer],
      [this.opened(innermost)],
    );
    for (let open = this.top(); open !== undefined && this.stack.length > depth; open = this.top()) {
      this.pop(t.virtual(closerOf.get(open.token.tokenType) as TokenType, end));
    }
    this.out.push(...newlines);
  }

  /**
   * At the end of a line of a text whose brackets do not pair: closes round, square and record brackets where two operands would meet without a comma,
   * and bodies where a line stands as far out as their header, or where an item begins in the first column.
   */
  private guess(at: number): void {
    const { tokens, stack } = this;
    const next = tokens[at + 1];
    const top = this.top();
    if (top === undefined || next === undefined || next.tokenType === t.Newline) return;
    const column = this.columnOf(next);
    if (column === 0 && itemWords.has(next.tokenType) && this.looksLikeItem(at + 1)) {
      this.closeDownTo(0);
      return;
    }
    const before = this.out[this.out.length - 1];
    if (next.tokenType === t.RCurly || wantsOperand(before.tokenType) || (continues(next.tokenType) && next.tokenType !== t.Else)) return;
    if (top.kind !== 'body') {
      if (before.tokenType === t.LCurly || next.tokenType === t.Else || closers.has(next.tokenType)) return;
      let depth = stack.length;
      while (depth > 0 && stack[depth - 1].kind !== 'body') depth--;
      this.closeDownTo(depth);
    }
    const body = this.top();
    if (body !== undefined && body.inner === undefined && (column > body.indent || before !== body.token)) body.inner = Math.max(column, body.indent + 1);
    this.closeIndented(column);
  }

  /** Closes the bodies, written with indentation, whose header begins at a column or further in. */
  private closeIndented(column: number): void {
    let depth = this.stack.length;
    while (depth > 0 && this.stack[depth - 1].kind === 'body' && this.stack[depth - 1].inner !== undefined && this.stack[depth - 1].indent >= column) depth--;
    if (depth < this.stack.length) this.closeDownTo(depth);
  }

  private looksLikeItem(at: number): boolean {
    const type = this.tokens[at].tokenType;
    const after = this.tokens[at + 1]?.tokenType;
    if (type === t.Game || type === t.Train) return after === t.LCurly;
    if (type === t.Extends) return after === t.StringLiteral;
    return after !== undefined && t.isA(after, t.Word);
  }

  private columnOf(token: IToken): number {
    return position(this.source, token.startOffset).column - 1;
  }

  private beginsLine(token: IToken): boolean {
    return this.columnOf(token) === indentAt(this.source, token.startOffset);
  }

  private span(token: IToken): Span {
    return { source: this.source, start: token.startOffset, end: t.endOf(token) };
  }

  private opened(open: Open): { message: string; span: Span } {
    return { message: 'opened here', span: this.span(open.token) };
  }
}
