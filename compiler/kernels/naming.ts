/** Names of kernels from what they compute, and how much they compute. */
import { type Node, size } from '../graph/node.js';
import type { Group, Site } from './kernel.js';

const WORDS_IN_NAME = 4;

/** What a kernel computes and does not load, inputs before users; the anchors are the last of what lies before the epilogue. */
export function innerNodes(group: Group, site: Site): Node[] {
  const seen = new Set<Node>();
  const order: Node[] = [];
  const visit = (node: Node): void => {
    if (seen.has(node)) return;
    seen.add(node);
    if (site.stored(node)) return;
    for (const input of node.inputs) visit(input);
    order.push(node);
  };
  for (const output of group.outputs) visit(output);
  return order;
}

export function isElementwise(node: Node): boolean {
  return ['unary', 'binary', 'compare', 'select', 'cast'].includes(node.operation.op);
}

function word(node: Node): string | undefined {
  const { operation } = node;
  switch (operation.op) {
    case 'unary':
    case 'binary':
    case 'compare':
      return operation.name === 'stop' ? undefined : operation.name;
    case 'constant':
    case 'reshape':
    case 'broadcast':
      return undefined;
    default:
      return operation.op;
  }
}

/** `head` and the operations in order, without repetition, shortened to a few words: `elementwise_mul_add`. */
export function kernelName(head: string, inner: readonly Node[]): string {
  const words = [...new Set(inner.map(word).filter((w) => w !== undefined))];
  const kept = words.length === 0 ? ['copy'] : words.slice(0, WORDS_IN_NAME);
  return [head, ...kept, ...(words.length > WORDS_IN_NAME ? ['more'] : [])].join('_');
}

/** Elementwise operations and sums of a kernel, in operations a dispatch. Contractions count their own. */
export function operationCount(inner: readonly Node[]): number {
  let count = 0;
  for (const node of inner) {
    if (isElementwise(node)) count += size(node.shape);
    else if (node.operation.op === 'sum' || node.operation.op === 'max') count += size(node.inputs[0].shape);
  }
  return count;
}
