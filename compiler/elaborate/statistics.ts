/** What an update computes, in numbers: of each layer's output and each weight. A function beside the update, with the same draws, that moves nothing. */
import type { Builder } from '../graph/builder.js';
import { type Node, size } from '../graph/node.js';

/** The output of a use of a net or block in an evaluation. */
export interface Watched {
  /** `G.up#2.relu`; a field of a record has its name after it: `D.video`. */
  readonly path: string;
  readonly node: Node;
}

type Output = { readonly name: string; readonly node: Node };

/**
 * `mean D.fc1`, `std`, `min`, `max`, `zeros`: over all elements and examples; the second call of a layer is `D.fc1 (2)`. What only hands on or reshapes an
 * output has none of its own.
 */
export function layerStatistics(g: Builder, watched: readonly Watched[]): Output[] {
  const calls = new Map<string, number>();
  const seen = new Set<Node>();
  return watched.flatMap(({ path, node }) => {
    let values = node;
    while (values.operation.op === 'reshape') values = values.inputs[0];
    if (node.dtype !== 'f32' || size(node.shape) === 0 || seen.has(values)) return [];
    seen.add(values);
    const call = (calls.get(path) ?? 0) + 1;
    calls.set(path, call);
    const name = call === 1 ? path : `${path} (${call})`;
    const total = size(node.shape);
    const mean = g.binary('mul', sum(g, node), g.constant(1 / total));
    const off = g.binary('sub', node, spread(g, mean, node));
    const zero = g.select(g.compare('eq', node, g.constant(0, node.shape)), g.constant(1, node.shape), g.constant(0, node.shape));
    return [
      { name: `mean ${name}`, node: mean },
      { name: `std ${name}`, node: g.unary('sqrt', g.binary('mul', sum(g, g.binary('mul', off, off)), g.constant(1 / total))) },
      { name: `min ${name}`, node: g.unary('neg', most(g, g.unary('neg', node))) },
      { name: `max ${name}`, node: most(g, node) },
      { name: `zeros ${name}`, node: g.binary('mul', sum(g, zero), g.constant(1 / total)) },
    ];
  });
}

/** `norm D.fc1.weight` and `gradient D.fc1.weight`: L2 norms of a weight and of its gradient. */
export function weightStatistics(g: Builder, weights: readonly { readonly name: string; readonly value: Node; readonly gradient: Node }[]): Output[] {
  const norm = (node: Node): Node => g.unary('sqrt', sum(g, g.binary('mul', node, node)));
  return weights.flatMap(({ name, value, gradient }) => [
    { name: `norm ${name}`, node: norm(value) },
    { name: `gradient ${name}`, node: norm(gradient) },
  ]);
}

function sum(g: Builder, node: Node): Node {
  return g.sum(node, [...node.shape.keys()]);
}

/** Example by example first: many short reductions side by side, then one of few. */
function most(g: Builder, node: Node): Node {
  const axes = [...node.shape.keys()];
  return axes.length < 2 ? g.max(node, axes) : g.max(g.max(node, axes.slice(1)), [0]);
}

function spread(g: Builder, value: Node, like: Node): Node {
  return g.broadcastTo(
    g.reshape(
      value,
      like.shape.map(() => 1),
    ),
    like.shape,
  );
}
