/** How rules look at nodes. A node that the builder keeps (it will be differentiated by) is opaque: nothing here sees through it. */
import type { Builder } from '../graph/builder.js';
import type { BinaryName, CompareName, Node, Operation, OpName, UnaryName } from '../graph/node.js';

type OperationOf<K extends OpName> = Extract<Operation, { op: K }>;

/** The operation of a node, if it is this one and may be looked through. */
export function operationOf<K extends OpName>(b: Builder, node: Node, op: K): OperationOf<K> | undefined {
  return node.operation.op === op && !b.isKept(node) ? (node.operation as OperationOf<K>) : undefined;
}

/** The number that fills a constant. */
export function constantOf(b: Builder, node: Node): number | undefined {
  return operationOf(b, node, 'constant')?.value;
}

export function isConstant(b: Builder, node: Node, value: number): boolean {
  return constantOf(b, node) === value;
}

/** x of `name(x)`. */
export function unaryOf(b: Builder, node: Node, name: UnaryName): Node | undefined {
  return operationOf(b, node, 'unary')?.name === name ? node.inputs[0] : undefined;
}

/** [x, y] of `name(x, y)`. */
export function binaryOf(b: Builder, node: Node, name: BinaryName): readonly [Node, Node] | undefined {
  return operationOf(b, node, 'binary')?.name === name ? [node.inputs[0], node.inputs[1]] : undefined;
}

/** [x, y] of a comparison. */
export function compareOf(b: Builder, node: Node, name: CompareName): readonly [Node, Node] | undefined {
  return operationOf(b, node, 'compare')?.name === name ? [node.inputs[0], node.inputs[1]] : undefined;
}

/** x and c of `name(x, c)` with a constant on the right, where the rules put it. */
export function withConstant(b: Builder, node: Node, name: BinaryName): { readonly x: Node; readonly c: number } | undefined {
  const pair = binaryOf(b, node, name);
  const c = pair && constantOf(b, pair[1]);
  return pair !== undefined && c !== undefined ? { x: pair[0], c } : undefined;
}

/** x and c of `c - x` or `c / x`. */
export function fromConstant(b: Builder, node: Node, name: 'sub' | 'div'): { readonly x: Node; readonly c: number } | undefined {
  const pair = binaryOf(b, node, name);
  const c = pair && constantOf(b, pair[0]);
  return pair !== undefined && c !== undefined ? { x: pair[1], c } : undefined;
}

/** Index maps of one input whose result holds nothing but elements of it: every elementwise function commutes with them. */
export const MOVEMENT: ReadonlySet<OpName> = new Set<OpName>(['reshape', 'permute', 'broadcast', 'slice', 'reverse']);

/** The input of an index map, and how to apply the map to another tensor of the input's shape. */
export function movementOf(b: Builder, node: Node): { readonly inner: Node; readonly apply: (other: Node) => Node } | undefined {
  if (!MOVEMENT.has(node.operation.op) || b.isKept(node)) return undefined;
  return { inner: node.inputs[0], apply: (other) => b.make(node.operation, [other]) };
}

/** What is under a chain of index maps, and how to apply the chain. */
export function underMovement(b: Builder, node: Node): { readonly core: Node; readonly apply: (other: Node) => Node } {
  const outer = movementOf(b, node);
  if (outer === undefined) return { core: node, apply: (other) => other };
  const rest = underMovement(b, outer.inner);
  return { core: rest.core, apply: (other) => outer.apply(rest.apply(other)) };
}
