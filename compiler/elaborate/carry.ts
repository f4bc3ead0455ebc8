/** The shared part of a step runs once, in a function of its own; what later updates read of it is carried over in variables. */
import type { Builder } from '../graph/builder.js';
import { type GraphFunction, type Node, roots, size, topological, type Variable } from '../graph/node.js';
import { rectifiersOf } from '../rewrite/masks.js';

export interface Carried {
  readonly functions: readonly GraphFunction[];
  readonly variables: readonly Variable[];
  /** What the shared function stores for the others. */
  readonly stores: GraphFunction['stores'];
}

/**
 * Cuts `functions` where they read nodes of the shared part: each such node becomes a variable that the shared function stores, or is computed once more from
 * what is carried anyway. Leaves that mean the same in both (weights, constants, rows of the step's batch) are read again instead; `advanced` names the states
 * that do not, for the shared part advances them.
 */
export function carry(builder: Builder, sharedRoots: readonly Node[], functions: readonly GraphFunction[], advanced: ReadonlySet<string>): Carried {
  const order = topological(sharedRoots);
  const cut = new Cut(order, advanced);
  for (const fn of functions) {
    const tops = roots(fn);
    for (const node of tops) cut.want(node);
    for (const node of topological(tops, cut.shared)) if (!cut.shared.has(node)) for (const input of node.inputs) cut.want(input);
  }
  const masks = cut.shrink(order);
  const names = new Map([...cut.wanted].map((node, i) => [node, `carry.${i}`]));
  const replaced = new Map<Node, Node>([...names].map(([node, name]) => [node, builder.variable(name, node.shape, node.dtype)]));
  const rebuild = (top: Node): Node => {
    const { origin } = builder;
    for (const node of topological([top], { has: (node) => replaced.has(node) || masks.has(node) })) {
      if (replaced.has(node)) continue;
      builder.origin = node.origin;
      const rectifier = masks.get(node);
      const before = rectifier ? [node.inputs[0], rectifier] : node.inputs;
      const inputs = before.map((input) => replaced.get(input) ?? rebuild(input));
      const same = inputs.every((input, i) => input === node.inputs[i]);
      replaced.set(node, same ? node : builder.make(node.operation, inputs, { shape: node.shape, dtype: node.dtype }));
    }
    builder.origin = origin;
    return replaced.get(top) as Node;
  };
  return {
    variables: [...names].map(([node, name]) => ({ name, kind: 'carry', shape: node.shape, dtype: node.dtype })),
    stores: [...names].map(([node, name]) => ({ variable: name, node })),
    functions: functions.map((fn) => ({
      name: fn.name,
      outputs: fn.outputs.map((o) => ({ name: o.name, node: rebuild(o.node) })),
      stores: fn.stores.map((s) => ({ variable: s.variable, node: rebuild(s.node) })),
    })),
  };
}

const LEAVES: readonly string[] = ['constant', 'iota', 'input', 'field', 'variable'];
const ELEMENTWISE: readonly string[] = ['unary', 'binary', 'compare', 'select', 'cast'];
/** Of these no element is stored twice, or in another order. */
const VIEWS: readonly string[] = ['broadcast', 'reshape'];
const MOVEMENT: readonly string[] = ['permute', 'reverse', 'slice'];
/** Functions in a row that are computed once more, and by how much what they need must be smaller than what they give. */
const DEEPEST = 6;
const WORTH = 4;

/** Which nodes of the shared part are carried over. */
class Cut {
  readonly shared: ReadonlySet<Node>;
  readonly wanted = new Set<Node>();

  constructor(
    order: readonly Node[],
    private readonly advanced: ReadonlySet<string>,
  ) {
    this.shared = new Set(order);
  }

  want(node: Node): void {
    if (this.shared.has(node) && !this.isReread(node)) this.wanted.add(node);
  }

  /** Rows that a draw has chosen are the shared function's own, an update would choose others; and what the host feeds it is sent to it alone. */
  private isReread({ operation }: Node): boolean {
    if (operation.op === 'field') return operation.rows === undefined;
    if (operation.op === 'input') return !operation.name.startsWith('shared.');
    if (operation.op === 'variable') return !this.advanced.has(operation.name);
    return LEAVES.includes(operation.op);
  }

  /**
   * Leaves out what is computed from the rest: views of something, elementwise functions of what is carried, and the masks of rectifiers that are. Gives those
   * masks, each with its rectifier.
   */
  shrink(order: readonly Node[]): ReadonlyMap<Node, Node> {
    const rectifiers = rectifiersOf(order);
    const masks = new Map<Node, Node>();
    for (const node of order.toReversed()) {
      if (!this.wanted.delete(node)) continue;
      const rectifier = rectifiers.get(node);
      if (rectifier && this.wanted.has(rectifier)) {
        masks.set(node, rectifier);
        continue;
      }
      const sources = this.sourcesOf(node, 0);
      const isView = VIEWS.includes(node.operation.op);
      const isWorth = !sources.includes(node) && (isView || total(sources) * WORTH <= size(node.shape));
      for (const source of isWorth ? sources : [node]) this.wanted.add(source);
    }
    return masks;
  }

  /** What must be carried beside the rest so that the node can be computed once more: itself, if that is least. */
  private sourcesOf(node: Node, depth: number): readonly Node[] {
    if (this.wanted.has(node) || this.isReread(node)) return [];
    const { op } = node.operation;
    if (VIEWS.includes(op)) return this.sourcesOf(node.inputs[0], depth);
    if (MOVEMENT.includes(op) && this.sourcesOf(node.inputs[0], depth).length === 0) return [];
    if (!ELEMENTWISE.includes(op) || depth === DEEPEST) return [node];
    const sources = [...new Set(node.inputs.flatMap((input) => this.sourcesOf(input, depth + 1)))];
    return total(sources) < size(node.shape) ? sources : [node];
  }
}

function total(nodes: readonly Node[]): number {
  return nodes.reduce((sum, node) => sum + size(node.shape), 0);
}
