/** Kernels without an anchor: every element of the outputs on its own, four at a time where they lie together. */
import { type Node, size } from '../graph/node.js';
import { BindingConflict, type Emitter } from './emitter.js';
import { lanesWhole } from './evaluate.js';
import { type GeneratedKernel, type Group, grid, KernelBuilder, MAX_STORAGE_BINDINGS, type Site } from './kernel.js';
import { innerNodes, kernelName, operationCount } from './naming.js';

const WORKGROUP = 64;

type Mode = 'flat' | 'rows' | 'single';

/** `flat`: everything follows the outputs' order (or is one element for all); `rows`: fours along the last axis; `single`: one by one. */
function modeOf(group: Group, site: Site): Mode {
  const domain = group.outputs[0];
  if (size(domain.shape) < 4) return 'single';
  if (followsDomain(group, site)) return 'flat';
  return group.outputs.every(lanesWhole) ? 'rows' : 'single';
}

function followsDomain(group: Group, site: Site): boolean {
  const seen = new Set<Node>();
  const visit = (node: Node): boolean => {
    if (seen.has(node)) return true;
    seen.add(node);
    if (site.stored(node)) return true;
    switch (node.operation.op) {
      case 'constant':
      case 'random':
        return true;
      case 'reshape':
      case 'unary':
      case 'binary':
      case 'compare':
      case 'select':
      case 'cast':
        return node.inputs.every(visit);
      case 'broadcast':
        return size(node.inputs[0].shape) === 1 || (size(node.inputs[0].shape) === size(node.shape) && visit(node.inputs[0]));
      default:
        return false;
    }
  };
  return group.outputs.every(visit);
}

function body(e: Emitter, mode: Mode): number {
  const domain = e.domain;
  const count = size(domain.shape);
  const threads = mode === 'single' ? count : Math.ceil(count / 4);
  const thread = e.invocation(WORKGROUP);
  const total = e.total(domain);
  e.flat = mode === 'flat';
  const first = mode === 'single' ? thread : e.let(`${thread} * 4u`);
  e.if(`${first} < ${total}`, () => {
    const coords = e.coords(domain, first);
    if (mode === 'single') e.storeOutputs(coords);
    else e.storeOutputs4(coords, count % 4 !== 0);
  });
  return Math.ceil(threads / WORKGROUP);
}

export function generateElementwise(group: Group, site: Site): GeneratedKernel {
  const attempt = (mode: Mode): GeneratedKernel | undefined => {
    const kernel = new KernelBuilder(group, site);
    const e = kernel.emitter();
    const inner = innerNodes(group, site);
    kernel.describe(kernelName('elementwise', inner), operationCount(inner));
    const workgroups = body(e, mode);
    e.finish({ name: mode, workgroupSize: [WORKGROUP, 1, 1], workgroups: grid(workgroups) });
    return kernel.slots.length > MAX_STORAGE_BINDINGS && mode !== 'single' ? undefined : kernel.finish();
  };
  const mode = modeOf(group, site);
  try {
    return attempt(mode) ?? (attempt('single') as GeneratedKernel);
  } catch (error) {
    if (!(error instanceof BindingConflict)) throw error;
    return attempt('single') as GeneratedKernel;
  }
}
