/**
 * What a function computes and nothing else: `stop` has done its work when derivatives are made, a store of a variable to itself does
 * nothing, and leaves that are results become copies, so that each result is computed by some kernel.
 */
import type { Builder } from '../graph/builder.js';
import type { GraphFunction, Node } from '../graph/node.js';
import { remake } from './remake.js';

const LEAVES: readonly string[] = ['variable', 'input', 'constant', 'iota'];

export function prune(fn: GraphFunction): GraphFunction {
  const stores = fn.stores.filter(({ variable, node }) => !(node.operation.op === 'variable' && node.operation.name === variable));
  return remake(
    { ...fn, stores },
    (builder, node, inputs) => {
      const { operation } = node;
      if (operation.op === 'unary' && operation.name === 'stop') return inputs[0];
      // Gaps of a pack are zero already.
      if (operation.op === 'pack')
        return builder.make(
          operation,
          inputs.map((input) => (isZero(input) ? withoutReshape(input) : computed(builder, input))),
        );
      return undefined;
    },
    computed,
  );
}

/** A constant 0, whatever its shape. */
export function isZero(node: Node): boolean {
  const { operation } = withoutReshape(node);
  return operation.op === 'constant' && operation.value === 0;
}

export function computed(builder: Builder, node: Node): Node {
  const inner = withoutReshape(node);
  return LEAVES.includes(inner.operation.op) ? builder.make({ op: 'reshape', shape: node.shape }, [inner]) : node;
}

/** The value that lies in memory exactly as this one: under reshapes. */
export function withoutReshape(node: Node): Node {
  let inner = node;
  while (inner.operation.op === 'reshape') inner = inner.inputs[0];
  return inner;
}

/** What a kernel writes where this node is wanted: reshapes are free, but a leaf in a reshape is a copy of its own. */
export function written(node: Node): Node {
  let inner = node;
  while (inner.operation.op === 'reshape' && !LEAVES.includes(inner.inputs[0].operation.op)) inner = inner.inputs[0];
  return inner;
}
