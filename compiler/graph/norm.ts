/** The Euclidean norm with derivative 0 at 0, to any order. */
import type { Builder } from './builder.js';
import type { Node } from './node.js';

/**
 * sqrt(sum of x^2 over `axes`), the axes dropped. Where the sum is 0, the square root is taken of 1 instead and not used: every derivative
 * is then a product with an exact 0 and no infinity, so 0 and never NaN.
 */
export function safeNorm(builder: Builder, x: Node, axes: readonly number[]): Node {
  const total = builder.sum(builder.binary('mul', x, x), axes);
  const zero = builder.fill(total, 0);
  const none = builder.compare('eq', total, zero);
  const root = builder.unary('sqrt', builder.select(none, builder.fill(total, 1), total));
  return builder.select(none, zero, root);
}
