/** What it costs to compute a value again where it is needed, rather than to write it once and read it. In simple operations an element. */
import type { Node } from '../graph/node.js';

const UNARY: Readonly<Record<string, number>> = {
  sqrt: 4,
  rsqrt: 4,
  exp: 8,
  expm1: 10,
  log: 12,
  log1p: 12,
  sin: 12,
  cos: 12,
  tanh: 12,
  sigmoid: 12,
  softplus: 24,
  erf: 16,
};
const BINARY: Readonly<Record<string, number>> = { div: 4, mod: 8, pow: 24 };

/** Up to this, computing is cheaper than a read of memory. */
export const CHEAP = 3;
/** Work of a dispatch that costs less than starting another one. */
export const TINY_WORK = 8192;

/** Up to this, work moves from one kernel to the only one that needs it. */
export const MOVED_COST = 12;
/** A value this many times smaller than another is loaded for nothing beside it; kernels take a few such more. */
export const SMALL_SHARE = 16;
export const SMALL_LOADS = 2;

export function operationCost(node: Node): number {
  const { operation } = node;
  switch (operation.op) {
    case 'unary':
      return UNARY[operation.name] ?? 1;
    case 'binary':
      return BINARY[operation.name] ?? 1;
    case 'compare':
    case 'select':
    case 'cast':
      return 1;
    case 'random':
      return 60;
    case 'field':
      return 4;
    default:
      return 0;
  }
}
