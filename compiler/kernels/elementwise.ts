/** Kernels without an anchor: every element of the outputs on its own, four at a time where they lie together. */
import { type Node, size } from '../graph/node.js';
import { ZERO } from './coordinates.js';
import { BindingConflict, type Emitter } from './emitter.js';
import { laneAxis, lanesWhole } from './evaluate.js';
import { type GeneratedKernel, type Group, grid, KernelBuilder, MAX_STORAGE_BINDINGS, type Site } from './kernel.js';
import { innerNodes, kernelName, operationCount } from './naming.js';

const WORKGROUP = 64;
/** On software GPUs with vectors of 8, one such vector a workgroup and many turns of a loop go at twice the rate. */
const SOFTWARE_LANES = 8;
const TURNS = 64;
/** There, a thread takes a whole row where rows are at least so long and so many. */
const ROW_LENGTH = 16;
const ROWS = 64;

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

/** Many turns of a loop over positions. */
function addTurns(kernel: KernelBuilder, mode: Mode): void {
  const e = kernel.emitter();
  e.flat = mode === 'flat';
  const step = mode === 'single' ? 1 : 4;
  const start = e.let(`${e.workgroupIndex()} * ${SOFTWARE_LANES * TURNS}u + local`);
  e.loop(`${TURNS}u`, (turn) => {
    const at = `${start} + ${turn} * ${SOFTWARE_LANES}u`;
    element(e, mode, e.let(step === 1 ? at : `(${at}) * ${step}u`));
  });
  const workgroups = grid(Math.ceil(size(e.domain.shape) / (step * SOFTWARE_LANES * TURNS)));
  e.finish({ name: `${mode}_lanes${SOFTWARE_LANES}`, workgroupSize: [SOFTWARE_LANES, 1, 1], workgroups, requires: { subgroupSize: SOFTWARE_LANES } });
}

/** A thread goes along the last axis: what depends on the others alone, positions and values for a channel, is computed once a row. */
function addRows(kernel: KernelBuilder, mode: Mode): void {
  const e = kernel.emitter();
  const { domain } = e;
  const lane = laneAxis(domain);
  const sizes = e.sizes(domain);
  const outer = sizes.slice(0, lane);
  const thread = e.invocation(SOFTWARE_LANES);
  e.if(`${thread} < ${e.product(outer).text}`, () => {
    const row = e.coordinates.split(thread, outer);
    const store = (index: string): void => {
      const coords = domain.shape.map((_, axis) => (axis < lane ? row[axis] : axis === lane ? index : ZERO));
      if (mode === 'single') e.storeOutputs(coords);
      else e.storeOutputs4(coords);
    };
    e.loop(sizes[lane].text, store, ZERO, mode === 'single' ? '1u' : '4u');
  });
  const workgroups = grid(Math.ceil(size(domain.shape.slice(0, lane)) / SOFTWARE_LANES));
  e.finish({ name: `${mode}_along${SOFTWARE_LANES}`, workgroupSize: [SOFTWARE_LANES, 1, 1], workgroups, requires: { subgroupSize: SOFTWARE_LANES } });
}

/** For software GPUs, whose divisions and loads of single elements cost more than arithmetic, and a workgroup more than a turn of a loop. */
function addSoftware(kernel: KernelBuilder, mode: Mode): void {
  const { shape } = kernel.group.outputs[0];
  const length = shape[laneAxis(kernel.group.outputs[0])] ?? 1;
  if (mode !== 'flat' && length >= ROW_LENGTH && size(shape) / length >= ROWS) addRows(kernel, mode);
  else addTurns(kernel, mode);
}

export function generateElementwise(group: Group, site: Site): GeneratedKernel {
  const attempt = (mode: Mode): GeneratedKernel | undefined => {
    const kernel = new KernelBuilder(group, site);
    const inner = innerNodes(group, site);
    kernel.describe(kernelName('elementwise', inner), operationCount(inner));
    addPortable(kernel, mode);
    addSoftware(kernel, mode);
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
