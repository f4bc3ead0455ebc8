/**
 * A kernel binds few buffers, and index maps are no kernels of their own: what lies side by side in a `concat` is read by one kernel. So a
 * `concat` of many becomes a tree of small ones, which fusion may write to memory where a kernel would read too much.
 */
import type { Builder } from '../graph/builder.js';
import type { GraphFunction, Node } from '../graph/node.js';
import { remake } from './remake.js';

/** Values that one index map may read: with an operand or two beside them and a result, a kernel's storage buffers. */
export const MAX_SOURCES = 5;

export function narrow(fn: GraphFunction): GraphFunction {
  return remake(fn, (builder, { operation }, inputs) =>
    operation.op === 'concat' && inputs.length > MAX_SOURCES ? tree(builder, inputs, operation.axis) : undefined,
  );
}

function tree(builder: Builder, parts: readonly Node[], axis: number): Node {
  if (parts.length <= MAX_SOURCES) return parts.length === 1 ? parts[0] : builder.concat(parts, axis);
  const joined: Node[] = [];
  for (let i = 0; i < parts.length; i += MAX_SOURCES) joined.push(tree(builder, parts.slice(i, i + MAX_SOURCES), axis));
  return tree(builder, joined, axis);
}
