/** The shared part of a step runs once, in a function of its own; what later updates read of it is carried over in variables. */
import type { Builder } from '../graph/builder.js';
import { type GraphFunction, type Node, roots, topological, type Variable } from '../graph/node.js';

export interface Carried {
  readonly functions: readonly GraphFunction[];
  readonly variables: readonly Variable[];
  /** What the shared function stores for the others. */
  readonly stores: GraphFunction['stores'];
}

/**
 * Cuts `functions` where they read nodes of the shared part: each such node becomes a variable that the shared function stores. Leaves
 * that mean the same in both (weights, constants, rows of the step's batch) are read again instead.
 */
export function carry(builder: Builder, sharedRoots: readonly Node[], functions: readonly GraphFunction[]): Carried {
  const shared = new Set(topological(sharedRoots));
  const cut = new Map<Node, string>();
  const leaves = new Set(['constant', 'iota', 'input', 'field', 'variable']);
  // Rows that a draw has chosen are the shared function's own: an update would choose others.
  const rereadable = ({ operation }: Node): boolean => leaves.has(operation.op) && !(operation.op === 'field' && operation.rows !== undefined);
  const mark = (node: Node): void => {
    if (shared.has(node) && !rereadable(node) && !cut.has(node)) cut.set(node, `carry.${cut.size}`);
  };
  for (const fn of functions) {
    const tops = roots(fn);
    tops.forEach(mark);
    for (const node of topological(tops)) if (!shared.has(node)) node.inputs.forEach(mark);
  }
  const variables: Variable[] = [...cut].map(([node, name]) => ({ name, kind: 'carry', shape: node.shape, dtype: node.dtype }));
  const replaced = new Map<Node, Node>([...cut].map(([node, name]) => [node, builder.variable(name, node.shape, node.dtype)]));
  const rebuild = (top: Node): Node => {
    const { origin } = builder;
    for (const node of topological([top])) {
      if (replaced.has(node)) continue;
      const inputs = node.inputs.map((input) => replaced.get(input) as Node);
      const same = inputs.every((input, i) => input === node.inputs[i]);
      builder.origin = node.origin;
      replaced.set(node, same ? node : builder.make(node.operation, inputs, { shape: node.shape, dtype: node.dtype }));
    }
    builder.origin = origin;
    return replaced.get(top) as Node;
  };
  return {
    variables,
    stores: [...cut].map(([node, name]) => ({ variable: name, node })),
    functions: functions.map((fn) => ({
      name: fn.name,
      outputs: fn.outputs.map((o) => ({ name: o.name, node: rebuild(o.node) })),
      stores: fn.stores.map((s) => ({ variable: s.variable, node: rebuild(s.node) })),
    })),
  };
}
