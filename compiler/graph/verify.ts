/** Checks that a graph is what it claims to be; runs after every pass. */
import { fieldShape, type GraphFunction, type Node, roots, topological } from './node.js';
import { primitive } from './ops/index.js';
import { GraphError, sameShape, showType, type Type } from './primitive.js';

/**
 * Throws `GraphError`, naming function, node and place, where a node's shape or dtype is not what its rule says, a graph has a cycle,
 * one leaf is read with two types, or two outputs or stores share a name.
 */
export function verify(fn: GraphFunction): void {
  unique(
    fn,
    'output',
    fn.outputs.map((o) => o.name),
  );
  unique(
    fn,
    'store to',
    fn.stores.map((s) => s.variable),
  );
  const leaves = new Map<string, Node>();
  const seen = new Set<Node>();
  for (const node of topological(roots(fn))) {
    const early = node.inputs.find((input) => !seen.has(input));
    if (early !== undefined) throw fault(fn, node, `reads node ${early.id}, which reads it in turn`);
    seen.add(node);
    let type: Type;
    try {
      type = primitive(node.operation).infer(node.operation, node.inputs, node.inputs.length === 0 ? node : {});
    } catch (error) {
      if (error instanceof GraphError) throw fault(fn, node, error.message);
      throw error;
    }
    if (type.dtype !== node.dtype || !sameShape(type.shape, node.shape)) throw fault(fn, node, `claims ${showType(node)} and is ${showType(type)}`);
    checkLeaf(fn, node, leaves);
  }
  for (const { variable, node } of fn.stores) {
    const read = leaves.get(`variable '${variable}'`);
    if (read !== undefined && (read.dtype !== node.dtype || !sameShape(read.shape, node.shape))) {
      throw fault(fn, node, `is stored as ${showType(node)} to variable '${variable}', which is read as ${showType(read)}`);
    }
  }
}

function unique(fn: GraphFunction, what: string, names: readonly string[]): void {
  const double = names.find((name, i) => names.indexOf(name) !== i);
  if (double !== undefined) throw new GraphError(`${fn.name}: two values for ${what} '${double}'`);
}

/** Inputs, fields and variables: one name, one type. */
function checkLeaf(fn: GraphFunction, node: Node, leaves: Map<string, Node>): void {
  const { operation } = node;
  let name: string;
  if (operation.op === 'input' || operation.op === 'variable') name = `${operation.op} '${operation.name}'`;
  else if (operation.op === 'field') name = `field '${operation.field}'`;
  else return;
  const other = leaves.get(name);
  if (other !== undefined && (other.dtype !== node.dtype || !sameShape(fieldShape(other), fieldShape(node)))) {
    throw fault(fn, node, `reads ${name} as ${showType(node)}, which node ${other.id} reads as ${showType(other)}`);
  }
  leaves.set(name, node);
}

function fault(fn: GraphFunction, node: Node, why: string): GraphError {
  const { span, path } = node.origin;
  const place = [path, span === undefined ? undefined : `${span.source.name}, offset ${span.start}`].filter((part) => part !== undefined);
  return new GraphError(`${fn.name}: node ${node.id} (${node.operation.op}${place.length > 0 ? `, from ${place.join(', ')}` : ''}) ${why}`);
}
