/** Reverse-mode differentiation, graph to graph. The result is made of the same primitives: call it again for higher orders. */
import type { Builder } from './builder.js';
import { type Node, topological } from './node.js';
import { primitiveOf } from './ops/index.js';
import { GraphError, sameShape, showShape } from './primitive.js';

/**
 * For each node of `wrt`, the sum over `outputs` of the cotangent times the output's derivative by it, shaped like the node. Any f32
 * node may be differentiated by, also one in the middle of a graph; a zero constant where nothing reaches. Only what `wrt` needs is built.
 *
 * A cotangent that is the constant 0 goes no further: 0 times a local derivative is 0, also where that derivative is infinite.
 * New nodes take the origin of the node that they are the derivative of.
 *
 * Throws `GraphError` where lengths, shapes or dtypes do not match, or at an operation without derivative (`pack`).
 */
export function derivative(builder: Builder, outputs: readonly Node[], cotangents: readonly Node[], wrt: readonly Node[]): Node[] {
  if (outputs.length !== cotangents.length) throw new GraphError(`derivative: ${outputs.length} outputs with ${cotangents.length} cotangents`);
  outputs.forEach((output, i) => {
    if (!sameShape(output.shape, cotangents[i].shape) || cotangents[i].dtype !== 'f32' || output.dtype !== 'f32') {
      throw new GraphError(
        `derivative: output ${output.dtype}${showShape(output.shape)} with cotangent ${cotangents[i].dtype}${showShape(cotangents[i].shape)}; both are f32 of one shape`,
      );
    }
  });
  for (const target of wrt) {
    if (target.dtype !== 'f32') throw new GraphError(`derivative by a value of dtype ${target.dtype}: only f32 has one`);
  }

  const order = topological(outputs);
  const reached = reachable(order, new Set(wrt));
  const sums = new Map<Node, Node>();
  const add = (node: Node, cotangent: Node): void => {
    if (isZero(cotangent)) return;
    const before = sums.get(node);
    sums.set(node, before === undefined ? cotangent : builder.binary('add', before, cotangent));
  };
  outputs.forEach((output, i) => {
    add(output, cotangents[i]);
  });

  const origin = builder.origin;
  try {
    for (let i = order.length - 1; i >= 0; i--) {
      const node = order[i];
      const cotangent = sums.get(node);
      if (cotangent === undefined || !reached.has(node)) continue;
      const wanted = node.inputs.map((input) => reached.has(input));
      if (!wanted.includes(true)) continue;
      const rule = primitiveOf(node);
      if (rule.vjp === undefined || rule.flows?.(node.operation) === false) continue;
      builder.origin = node.origin;
      rule.vjp(builder, node, cotangent, wanted).forEach((part, k) => {
        if (part !== undefined && wanted[k]) add(node.inputs[k], part);
      });
    }
  } finally {
    builder.origin = origin;
  }
  return wrt.map((target) => sums.get(target) ?? builder.fill(target, 0));
}

/** The nodes of which `outputs` have a derivative that is not 0 for want of a path. */
export function reachedFrom(outputs: readonly Node[]): Set<Node> {
  const reached = new Set(outputs);
  for (const node of reached) if (flows(node)) for (const input of node.inputs) reached.add(input);
  return reached;
}

function flows(node: Node): boolean {
  const rule = primitiveOf(node);
  return node.dtype === 'f32' && rule.vjp !== undefined && rule.flows?.(node.operation) !== false;
}

/** The nodes through which a change of a target reaches an output. */
function reachable(order: readonly Node[], targets: ReadonlySet<Node>): Set<Node> {
  const reached = new Set<Node>();
  for (const node of order) {
    if (targets.has(node) || (flows(node) && node.inputs.some((input) => reached.has(input)))) reached.add(node);
  }
  return reached;
}

function isZero(node: Node): boolean {
  return node.operation.op === 'constant' && node.operation.value === 0;
}
