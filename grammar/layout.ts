/**
 * Decides what newlines mean: the parser gets one `Newline` token before each statement or item and no other.
 *
 * A newline is nothing inside ( ), [ ] and a record, after an operator, `|>`, comma, `=`, `<-`, `->`, `:` or `{`, and before `|>`, a binary operator
 * or `}`. After the `}` of a body a statement may follow on the same line, so a newline is put in there.
 */
import type { IToken, TokenType } from 'chevrotain';
import { type Bracketed, continues, type Kind, wantsOperand } from './brackets.js';
import * as t from './tokens.js';

const openers: ReadonlySet<TokenType> = new Set([t.LParen, t.LSquare, t.LCurly]);
const closers: ReadonlySet<TokenType> = new Set([t.RParen, t.RSquare, t.RCurly]);

export interface LaidOut {
  readonly tokens: IToken[];
  /** Index of the closing partner of each opening token. */
  readonly closers: ReadonlyMap<IToken, number>;
}

export function layOut({ tokens, kinds }: Bracketed): LaidOut {
  const out: IToken[] = [];
  const stack: IToken[] = [];
  const pairs = new Map<IToken, number>();
  let pending: IToken | undefined;
  for (const token of tokens) {
    const type = token.tokenType;
    if (type === t.Newline) {
      pending ??= token;
      continue;
    }
    const before = out[out.length - 1];
    const holder = stack[stack.length - 1];
    const inBody = holder === undefined || kinds.get(holder) === 'body';
    if (inBody && separates(before, pending !== undefined, token, holder === undefined, kinds)) {
      out.push(pending ?? t.virtual(t.Newline, before === undefined ? token.startOffset : t.endOf(before)));
    }
    pending = undefined;
    if (openers.has(type)) stack.push(token);
    else if (closers.has(type)) {
      const opener = stack.pop();
      if (opener !== undefined) pairs.set(opener, out.length);
    }
    out.push(token);
  }
  return { tokens: out, closers: pairs };
}

/** Whether a statement begins with `token`, which follows `before` in a body or at the top level. */
function separates(before: IToken | undefined, newline: boolean, token: IToken, top: boolean, kinds: ReadonlyMap<IToken, Kind>): boolean {
  const type = token.tokenType;
  if (before === undefined) return true;
  if (before.tokenType === t.LCurly) return type !== t.RCurly;
  if (type === t.RCurly || continues(type) || wantsOperand(before.tokenType)) return false;
  if (newline) return !(top && type === t.LCurly);
  return before.tokenType === t.RCurly && kinds.get(before) === 'body' && beginsStatement(type) && !(top && type === t.LCurly);
}

function beginsStatement(type: TokenType): boolean {
  return (
    openers.has(type) ||
    type === t.If ||
    type === t.For ||
    type === t.Not ||
    type === t.NumberLiteral ||
    type === t.StringLiteral ||
    type === t.True ||
    type === t.False ||
    type === t.None ||
    type === t.Hole ||
    t.isA(type, t.Word)
  );
}
