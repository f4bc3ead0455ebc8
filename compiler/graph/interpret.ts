/** The float64 interpreter: the oracle of every test. */
import { type GraphFunction, type Node, roots, topological } from './node.js';
import { primitiveOf } from './ops/index.js';
import type { Environment, Tensor } from './tensor.js';

export type { Environment, Tensor } from './tensor.js';

/**
 * What a function returns and stores, by name. All reads see the values of `environment`. Throws `GraphError` where a variable,
 * input or field is missing or of another shape or dtype.
 */
export function interpret(fn: GraphFunction, environment: Environment): { outputs: Map<string, Tensor>; stores: Map<string, Tensor> } {
  const values = evaluate(roots(fn), environment);
  const computed = (node: Node): Tensor => values.get(node) as Tensor;
  return {
    outputs: new Map(fn.outputs.map(({ name, node }) => [name, computed(node)])),
    stores: new Map(fn.stores.map(({ variable, node }) => [variable, computed(node)])),
  };
}

/** The values of some nodes. What no later node reads is let go on the way. */
export function evaluate(wanted: readonly Node[], environment: Environment): Map<Node, Tensor> {
  const order = topological(wanted);
  const lastUse = new Map<Node, Node>();
  for (const node of order) for (const input of node.inputs) lastUse.set(input, node);
  const keep = new Set(wanted);
  const values = new Map<Node, Tensor>();
  for (const node of order) {
    const inputs = node.inputs.map((input) => values.get(input) as Tensor);
    values.set(node, primitiveOf(node).interpret(node, inputs, environment));
    for (const input of node.inputs) if (lastUse.get(input) === node && !keep.has(input)) values.delete(input);
  }
  return values;
}
