/** Binds a flat row of operands and operators into a tree, by the powers in `operators.ts`. */
import type { IToken } from 'chevrotain';
import type { BinaryOp, Expr } from './ast.js';
import { binary, power } from './operators.js';
import type { Source } from './source.js';
import { endOf } from './tokens.js';

/** `start` and `end` take in the parentheses around an operand, which its own span leaves out. */
export type Part =
  | { readonly kind: 'prefix'; readonly token: IToken }
  | { readonly kind: 'infix'; readonly token: IToken }
  | { readonly kind: 'operand'; readonly expr: Expr; readonly start: number; readonly end: number };

interface Bound {
  readonly expr: Expr;
  readonly start: number;
  readonly end: number;
}

/** `refused` hears of the operators that do not chain; they are then bound from the left. A row is `(prefix* operand infix)* prefix* operand`. */
export function climb(parts: readonly Part[], source: Source, refused: (operator: IToken) => void): Expr {
  let next = 0;

  const broken = (at: number): Bound => ({ expr: { kind: 'broken', span: { source, start: at, end: at } }, start: at, end: at });

  const primary = (): Bound => {
    const part = parts[next];
    if (part === undefined || part.kind === 'infix') {
      const before = parts[next - 1];
      return broken(before === undefined ? 0 : before.kind === 'operand' ? before.end : endOf(before.token));
    }
    next++;
    if (part.kind === 'operand') return part;
    const op = part.token.image === '-' ? '-' : 'not';
    const value = climbFrom(op === '-' ? power.minus : power.comparison);
    const start = part.token.startOffset;
    return { expr: { kind: 'unary', span: { source, start, end: value.end }, op, value: value.expr }, start, end: value.end };
  };

  const climbFrom = (least: number): Bound => {
    let left = primary();
    let last: number | undefined;
    for (;;) {
      const part = parts[next];
      if (part === undefined || part.kind !== 'infix') return left;
      const op = part.token.image as BinaryOp | '..';
      const { power: strength, side } = binary[op];
      if (strength < least) return left;
      if (side === 'none' && last === strength) refused(part.token);
      next++;
      const right = climbFrom(side === 'right' ? strength : strength + 1);
      const place = { start: left.start, end: Math.max(left.start, right.end) };
      const span = { source, ...place };
      left = {
        expr: op === '..' ? { kind: 'range', span, from: left.expr, to: right.expr } : { kind: 'binary', span, op, left: left.expr, right: right.expr },
        ...place,
      };
      last = side === 'none' ? strength : undefined;
    }
  };

  return climbFrom(0).expr;
}
