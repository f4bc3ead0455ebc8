/** How tightly operators bind: the one table of the parser and the printer. Higher binds tighter. */
import type { BinaryOp } from './ast.js';

export const power = {
  pipe: 0,
  /** An `if` needs no parentheses to be read, but is printed in them beside an operator. */
  choice: 0,
  or: 1,
  and: 2,
  not: 3,
  comparison: 4,
  range: 5,
  sum: 6,
  product: 7,
  minus: 8,
  power: 9,
  postfix: 10,
} as const;

export type Side = 'left' | 'right' | 'none';

const comparison = { power: power.comparison, side: 'none' } as const;
const sum = { power: power.sum, side: 'left' } as const;
const product = { power: power.product, side: 'left' } as const;

/** `side: 'none'` where `a op b op c` is refused. */
export const binary: Readonly<Record<BinaryOp | '..', { readonly power: number; readonly side: Side }>> = {
  or: { power: power.or, side: 'left' },
  and: { power: power.and, side: 'left' },
  '==': comparison,
  '!=': comparison,
  '<': comparison,
  '<=': comparison,
  '>': comparison,
  '>=': comparison,
  '..': { power: power.range, side: 'none' },
  '+': sum,
  '-': sum,
  '*': product,
  '/': product,
  '%': product,
  '^': { power: power.power, side: 'right' },
};
