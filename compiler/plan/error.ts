import type { Node } from '../graph/node.js';
import { showType } from '../graph/primitive.js';

/** A program that cannot be laid out: too big for a GPU's bindings, or variables that do not fit what reads and writes them. */
export class PlanError extends Error {
  override name = 'PlanError';
}

/** A node as messages name it: `f32[64, 100] of G.fc1 (matmul)`. */
export function describe(node: Node): string {
  return `${showType(node)}${node.origin.path === undefined ? '' : ` of ${node.origin.path}`} (${node.operation.op})`;
}
