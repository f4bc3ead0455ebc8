/** A function's graph built anew, node by node, inputs first, with what `change` gives in place of a node. Node numbers then depend on the function alone. */
import { Builder } from '../graph/builder.js';
import { type GraphFunction, type Node, roots, topological } from '../graph/node.js';

/** The replacement of a node over its already replaced inputs; `undefined` keeps it. */
export type Change = (builder: Builder, node: Node, inputs: readonly Node[]) => Node | undefined;

export function remake(fn: GraphFunction, change: Change, root: (builder: Builder, node: Node) => Node = (_, node) => node): GraphFunction {
  const builder = new Builder();
  const made = new Map<Node, Node>();
  for (const node of topological(roots(fn))) {
    const inputs = node.inputs.map((input) => made.get(input) as Node);
    builder.origin = node.origin;
    made.set(node, change(builder, node, inputs) ?? builder.make(node.operation, inputs, { shape: node.shape, dtype: node.dtype }));
  }
  const replaced = (node: Node): Node => {
    builder.origin = node.origin;
    return root(builder, made.get(node) as Node);
  };
  return {
    name: fn.name,
    outputs: fn.outputs.map(({ name, node }) => ({ name, node: replaced(node) })),
    stores: fn.stores.map(({ variable, node }) => ({ variable, node: replaced(node) })),
  };
}
