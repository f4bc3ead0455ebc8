/** Bounds how deep a tree can become, so that no text exhausts the stack of the parser or of what reads its tree. */
import type { TokenType } from 'chevrotain';
import type { Diagnostics } from './diagnostics.js';
import type { LaidOut } from './layout.js';
import { messages, report } from './messages.js';
import type { Source } from './source.js';
import * as t from './tokens.js';

/** Brackets in one another. */
const deepest = 100;
/** Operators, calls and the like in a row, whose tree leans to one side, summed over the open brackets. */
const longest = 500;
/** An `else if` is a level for the parser, as a bracket is. */
const elseWeight = 5;

function weight(type: TokenType): number {
  if (type === t.Else) return elseWeight;
  const counts = type === t.Pipe || type === t.Dot || type === t.Not || type === t.LParen || type === t.LSquare || t.isA(type, t.BinaryOperator);
  return counts ? 1 : 0;
}

/** The text itself, or an empty one with a message where it is too deep. */
export function limitDepth(text: LaidOut, source: Source, diagnostics: Diagnostics): LaidOut {
  const chains = [0];
  let sum = 0;
  for (const token of text.tokens) {
    const type = token.tokenType;
    if (type === t.RParen || type === t.RSquare || type === t.RCurly) {
      sum -= chains.pop() ?? 0;
    } else if (type === t.Comma || type === t.Newline) {
      sum -= chains[chains.length - 1];
      chains[chains.length - 1] = 0;
    } else {
      chains[chains.length - 1] += weight(type);
      sum += weight(type);
    }
    if (type === t.LParen || type === t.LSquare || type === t.LCurly) chains.push(0);
    if (chains.length > deepest || sum > longest) {
      report(diagnostics, messages.tooDeep, { source, start: token.startOffset, end: t.endOf(token) }, []);
      return { tokens: [], closers: new Map() };
    }
  }
  return text;
}
