/** Checks what fusion made: every kernel can compute its outputs from what is in memory by then, and within the limits. */
import { type GraphFunction, type Node, roots, size } from '../graph/node.js';
import { affine } from '../kernels/affine.js';
import { MAX_STORAGE_BINDINGS } from '../kernels/kernel.js';
import type { Fused } from './fuse.js';
import { isZero, written } from './prune.js';

const ANCHORS: readonly string[] = ['sum', 'max', 'matmul', 'conv'];

function fault(fn: GraphFunction, what: string): Error {
  return new Error(`fusion of '${fn.name}' is wrong: ${what}`);
}

export function verifyGroups(fn: GraphFunction, { groups, materialised }: Fused): void {
  const done = new Set<Node>();
  const inMemory = (node: Node): boolean => node.operation.op === 'variable' || node.operation.op === 'input' || done.has(node);
  const complete = (node: Node): boolean => {
    if (node.operation.op === 'pack') return node.inputs.every((input) => isZero(input) || complete(written(input)));
    return inMemory(node);
  };
  const name = (node: Node): string => `${node.operation.op} ${node.id} [${node.shape.join(', ')}]`;
  for (const group of groups) {
    const bindings = new Set<string>();
    const seen = new Set<Node>();
    const load = (node: Node): void => {
      if (!complete(node)) throw fault(fn, `${name(group.outputs[0])} needs ${name(node)}, which is written later`);
      bindings.add(`node ${node.id}`);
    };
    const visit = (node: Node): void => {
      if (seen.has(node)) return;
      seen.add(node);
      const { operation } = node;
      if (inMemory(node) || (materialised.has(node) && !group.outputs.includes(node))) {
        load(node);
        return;
      }
      if (ANCHORS.includes(operation.op) && !group.anchors.includes(node))
        throw fault(fn, `${name(node)} is needed in the kernel of ${name(group.outputs[0])} and not in memory`);
      if (operation.op === 'random') bindings.add('keys').add('call');
      if (operation.op === 'field') bindings.add(`field ${operation.field}`).add('call');
      if (operation.op === 'matmul' || operation.op === 'conv') {
        for (const input of node.inputs) {
          const view = affine(input, (n) => n.operation.op === 'variable' || n.operation.op === 'input' || materialised.has(n));
          if (view === undefined) throw fault(fn, `an operand of ${name(node)} is no view of a value in memory`);
          load(view.leaf);
        }
      } else for (const input of node.inputs) visit(input);
    };
    const domain = group.anchors[0] ?? group.outputs[0];
    for (const anchor of group.anchors) visit(anchor);
    for (const output of group.outputs) {
      visit(output);
      if (size(output.shape) !== size(domain.shape)) throw fault(fn, `${name(output)} is written by the kernel of ${name(domain)}`);
    }
    const inPlace = fn.stores.filter(
      ({ variable, node }) => group.outputs.includes(written(node)) && [...seen].some((n) => n.operation.op === 'variable' && n.operation.name === variable),
    ).length;
    const count = bindings.size + group.outputs.length - inPlace;
    if (count > MAX_STORAGE_BINDINGS) throw fault(fn, `the kernel of ${name(domain)} needs ${count} storage buffers`);
    for (const output of group.outputs) done.add(output);
  }
  for (const root of roots(fn)) if (!complete(written(root))) throw fault(fn, `nothing writes the result ${name(root)}`);
}
