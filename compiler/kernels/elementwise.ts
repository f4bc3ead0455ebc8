/** Kernels without an anchor: every element of the outputs on its own, four at a time where they lie together. */
import { type Node, size } from '../graph/node.js';
import { BindingConflict, type Emitter } from './emitter.js';
import { lanesWhole } from './evaluate.js';
import { type GeneratedKernel, type Group, grid, KernelBuilder, MAX_STORAGE_BINDINGS, type Site } from './kernel.js';
import { innerNodes, kernelName, operationCount } from './naming.js';

const WORKGROUP = 64;
/** On software GPUs with vectors of 8, one such vector a workgroup and many turns of a loop go at twice the rate. */
const SOFTWARE_LANES = 8;
const TURNS = 64;

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

/** Computes and writes what begins at a position: one element, or four. */
function element(e: Emitter, mode: Mode, first: string): void {
  const domain = e.domain;
  e.if(`${first} < ${e.total(domain)}`, () => {
    const coords = e.coords(domain, first);
    if (mode === 'single') e.storeOutputs(coords);
    else e.storeOutputs4(coords, size(domain.shape) % 4 !== 0);
  });
}

/** One element or four a thread. */
function addPortable(kernel: KernelBuilder, mode: Mode): void {
  const e = kernel.emitter();
  e.flat = mode === 'flat';
  const thread = e.invocation(WORKGROUP);
  element(e, mode, mode === 'single' ? thread : e.let(`${thread} * 4u`));
  const threads = mode === 'single' ? size(e.domain.shape) : Math.ceil(size(e.domain.shape) / 4);
  e.finish({ name: mode, workgroupSize: [WORKGROUP, 1, 1], workgroups: grid(Math.ceil(threads / WORKGROUP)) });
}

function addSoftware(kernel: KernelBuilder, mode: Mode): void {
  const e = kernel.emitter();
  e.flat = mode === 'flat';
  const start = e.let(`${e.workgroupIndex()} * ${SOFTWARE_LANES * TURNS}u + local`);
  e.loop(`${TURNS}u`, (turn) => element(e, mode, e.let(`(${start} + ${turn} * ${SOFTWARE_LANES}u) * 4u`)));
  const workgroups = grid(Math.ceil(size(e.domain.shape) / (4 * SOFTWARE_LANES * TURNS)));
  e.finish({ name: `${mode}_lanes${SOFTWARE_LANES}`, workgroupSize: [SOFTWARE_LANES, 1, 1], workgroups, requires: { subgroupSize: SOFTWARE_LANES } });
}

export function generateElementwise(group: Group, site: Site): GeneratedKernel {
  const attempt = (mode: Mode): GeneratedKernel | undefined => {
    const kernel = new KernelBuilder(group, site);
    const inner = innerNodes(group, site);
    kernel.describe(kernelName('elementwise', inner), operationCount(inner));
    addPortable(kernel, mode);
    if (mode !== 'single') addSoftware(kernel, mode);
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
