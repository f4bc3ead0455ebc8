/**
 * A transposed product is the product of the transposed factors in the other order: contractions read factors through strides, so this
 * costs nothing, where a transposed result would be written twice. Weight gradients are such: [in, out] as they come, [out, in] as they are kept.
 */
import type { Builder } from '../graph/builder.js';
import { type GraphFunction, type Node, roots, topological } from '../graph/node.js';
import { isElementwise } from '../kernels/naming.js';
import { remake } from './remake.js';

export function transpose(fn: GraphFunction): GraphFunction {
  const users = new Map<Node, number>();
  for (const root of roots(fn)) users.set(root, (users.get(root) ?? 0) + 1);
  for (const node of topological(roots(fn))) for (const input of node.inputs) users.set(input, (users.get(input) ?? 0) + 1);
  // Nodes that disappear with a transposition must be of no use elsewhere, which is known of the graph as it was.
  const single = new Set<Node>();
  return remake(fn, (builder, node, inputs) => {
    const { operation } = node;
    const made = isSwap(node) ? transposed(builder, inputs[0], (n) => single.has(n)) : undefined;
    if (made !== undefined) return made;
    const same = builder.make(operation, inputs, { shape: node.shape, dtype: node.dtype });
    if (users.get(node) === 1) single.add(same);
    return same;
  });
}

/** The exchange of the last two axes, others of length 1. */
function isSwap(node: Node): boolean {
  const { operation, shape } = node;
  if (operation.op !== 'permute') return false;
  const order = operation.axes.join(' ');
  return order === '1 0' || (order === '0 2 1' && shape[0] === 1);
}

/**
 * The transpose of a matrix ([M, N] or [1, M, N]) made of products, each used here alone, and constants; `undefined` where it is made of
 * anything else.
 */
function transposed(builder: Builder, node: Node, isSingle: (node: Node) => boolean): Node | undefined {
  const { operation, inputs, shape } = node;
  const rank = shape.length;
  const turned = [...shape.slice(0, -2), shape[rank - 1], shape[rank - 2]];
  if (operation.op === 'constant') return builder.make(operation, [], { shape: turned, dtype: node.dtype });
  if (!isSingle(node)) return undefined;
  if (operation.op === 'reshape') {
    const [input] = inputs;
    const isMatrix = input.shape.length === 2 || (input.shape.length === 3 && input.shape[0] === 1);
    if (!isMatrix || input.shape.slice(-2).join() !== shape.slice(-2).join()) return undefined;
    const inner = transposed(builder, input, isSingle);
    return inner && builder.make({ op: 'reshape', shape: turned }, [inner]);
  }
  if (operation.op === 'matmul') {
    if (shape[0] !== 1) return undefined;
    const turn = (factor: Node): Node => builder.make({ op: 'permute', axes: [0, 2, 1] }, [factor]);
    return builder.make({ op: 'matmul' }, [turn(inputs[1]), turn(inputs[0])]);
  }
  if (!isElementwise(node)) return undefined;
  const parts = inputs.map((input) => transposed(builder, input, isSingle));
  return parts.every((part) => part !== undefined) ? builder.make(operation, parts) : undefined;
}
