/** The float64 interpreter: the oracle of every test. */
import { type GraphFunction, type Node, roots, size, topological } from './node.js';
import { primitiveOf } from './ops/index.js';
import type { Environment, Tensor } from './tensor.js';

export type { Environment, Tensor } from './tensor.js';

export interface InterpretOptions {
  /** Values to take for these nodes, instead of computing them. */
  readonly given?: ReadonlyMap<Node, Tensor>;
  /** Changes what a node computes, as a device of less precision would. */
  readonly perturb?: (node: Node, value: Tensor) => Tensor;
  /** Called after each node, with the work done so far, in the unit of `workOf`. */
  readonly progress?: (work: number) => void;
}

export interface Interpreted {
  readonly outputs: Map<string, Tensor>;
  readonly stores: Map<string, Tensor>;
}

/**
 * What a function returns and stores, by name. All reads see the values of `environment`. Throws `GraphError` where a variable,
 * input or field is missing or of another shape or dtype.
 */
export function interpret(fn: GraphFunction, environment: Environment, options: InterpretOptions = {}): Interpreted {
  const values = evaluate(roots(fn), environment, options);
  const computed = (node: Node): Tensor => values.get(node) as Tensor;
  return {
    outputs: new Map(fn.outputs.map(({ name, node }) => [name, computed(node)])),
    stores: new Map(fn.stores.map(({ variable, node }) => [variable, computed(node)])),
  };
}

/** The values of some nodes. What no later node reads is let go on the way. */
export function evaluate(
  wanted: readonly Node[],
  environment: Environment,
  { given = new Map(), perturb, progress }: InterpretOptions = {},
): Map<Node, Tensor> {
  const order = topological(wanted, given);
  const lastUse = new Map<Node, Node>();
  for (const node of order) if (!given.has(node)) for (const input of node.inputs) lastUse.set(input, node);
  const keep = new Set(wanted);
  const values = new Map<Node, Tensor>();
  let work = 0;
  for (const node of order) {
    const known = given.get(node);
    if (known !== undefined) {
      values.set(node, known);
      continue;
    }
    const inputs = node.inputs.map((input) => values.get(input) as Tensor);
    const value = primitiveOf(node).interpret(node, inputs, environment);
    values.set(node, perturb ? perturb(node, value) : value);
    for (const input of node.inputs) if (lastUse.get(input) === node && !keep.has(input)) values.delete(input);
    if (progress) progress((work += workOf(node)));
  }
  return values;
}

/** How much there is to do for a node, roughly: elements visited, or products of a contraction. */
export function workOf({ operation, inputs, shape }: Node): number {
  switch (operation.op) {
    case 'matmul':
      return size(shape) * inputs[0].shape[2];
    case 'conv':
      return size(shape) * size(inputs[1].shape.slice(2));
    case 'sum':
    case 'max':
      return size(inputs[0].shape);
    default:
      return size(shape);
  }
}
