/**
 * Sums and maxima in a fixed order: the same bits at each run. One thread a result, or a team of threads where there are few results;
 * longer sums are split before (rewrite/split.ts). Fours along the last axis wherever that is whole: as four partial sums where it is summed,
 * as four results where it is kept.
 */
import { type Node, size } from '../graph/node.js';
import { wgslConstant } from '../graph/wgsl.js';
import { ZERO } from './coordinates.js';
import { BindingConflict, type Emitter } from './emitter.js';
import { laneAxis, lanesWhole } from './evaluate.js';
import { type GeneratedKernel, type Group, grid, KernelBuilder, MAX_STORAGE_BINDINGS, type Site } from './kernel.js';
import { innerNodes, kernelName, operationCount } from './naming.js';

const WORKGROUP = 64;
/** Threads that join first, in the second stage of a team's sum. */
const STAGE = 8;
/** Threads of a team on software GPUs with vectors of 8. */
const SOFTWARE_LANES = 8;
/** Fewer results than this, of sums at least so long, are done by a workgroup each, if neighbouring threads then read neighbouring elements. */
const TEAM_RESULTS = 1024;
const TEAM_LENGTH = 256;
/** So few kept elements side by side are neighbours still. */
const NARROW = 16;

/** `partial`: the last axis is summed, four sums side by side; `results`: it is kept, four results side by side; `single`: one by one. */
type Lanes = 'partial' | 'results' | 'single';

interface Shape {
  readonly input: Node;
  readonly axes: readonly number[];
  readonly lanes: Lanes;
  /** Threads that share the sum of one result. */
  readonly team: number;
  readonly results: number;
  readonly length: number;
}

function axesOf(anchor: Node): readonly number[] {
  const { operation } = anchor;
  if (operation.op !== 'sum' && operation.op !== 'max') throw new Error(`${operation.op} is no reduction`);
  return operation.axes;
}

/** True where the sum goes over neighbouring elements, or nearly so. */
export function sumsLanes(input: Node, axes: readonly number[]): boolean {
  let kept = 1;
  for (let axis = input.shape.length - 1; axis >= 0 && !axes.includes(axis); axis--) kept *= input.shape[axis];
  return kept <= NARROW;
}

function shapeOf(group: Group, vectors: boolean): Shape {
  const [anchor] = group.anchors;
  const [input] = anchor.inputs;
  const axes = axesOf(anchor);
  const results = size(anchor.shape);
  const length = axes.reduce((product, axis) => product * input.shape[axis], 1);
  const team = results < TEAM_RESULTS && length >= TEAM_LENGTH && sumsLanes(input, axes);
  let lanes: Lanes = 'single';
  if (vectors && lanesWhole(input)) {
    if (axes.includes(laneAxis(input))) lanes = 'partial';
    else if (!team && group.outputs.every(lanesWhole)) lanes = 'results';
  }
  return { input, axes, lanes, team: team ? WORKGROUP : 1, results, length };
}

/** Neighbouring summed axes, joined: one loop each. */
function runsOf(shape: Shape): number[][] {
  const runs: number[][] = [];
  let last = -2;
  shape.input.shape.forEach((length, axis) => {
    if (length === 1) {
      if (last === axis - 1) last = axis;
    } else if (shape.axes.includes(axis)) {
      if (last === axis - 1) runs[runs.length - 1].push(axis);
      else runs.push([axis]);
      last = axis;
    }
  });
  return runs;
}

function start(anchor: Node): string {
  if (anchor.operation.op === 'sum') return wgslConstant(0, anchor.dtype);
  return wgslConstant(anchor.dtype === 'f32' ? -Infinity : anchor.dtype === 'i32' ? -2147483648 : 0, anchor.dtype);
}

function join(anchor: Node, a: string, b: string): string {
  return anchor.operation.op === 'sum' ? `${a} + ${b}` : `max(${a}, ${b})`;
}

/** The four lanes of a partial sum as one. */
function collapse(e: Emitter, anchor: Node, name: string): string {
  return e.let(join(anchor, `(${join(anchor, `${name}.x`, `${name}.y`)})`, `(${join(anchor, `${name}.z`, `${name}.w`)})`));
}

/**
 * The loops over the runs, and which of them a team shares: the innermost if that has work for all (neighbours in the team then read neighbours in memory), for
 * the few threads of a software GPU the outermost, else all as one, at the price of divisions.
 */
function shareOf(shape: Shape, runs: readonly number[][], step: number): { readonly loops: readonly number[][]; readonly shared: number } {
  if (shape.team === 1) return { loops: runs, shared: -1 };
  const count = (run: readonly number[] = []): number => run.reduce((product, axis) => product * shape.input.shape[axis], 1);
  const outer = count(runs[0]);
  if (shape.team === SOFTWARE_LANES && runs.length > 1 && (outer % SOFTWARE_LANES === 0 || outer >= 4 * SOFTWARE_LANES)) return { loops: runs, shared: 0 };
  if (count(runs[runs.length - 1]) < shape.team * step) return { loops: [runs.flat()], shared: 0 };
  return { loops: runs, shared: runs.length - 1 };
}

/** Adds all that the coordinates of the summed axes reach to one accumulator an anchor. */
function accumulate(e: Emitter, group: Group, shape: Shape, coords: readonly string[]): string[] {
  const { input, lanes } = shape;
  const runs = runsOf(shape);
  const vector = lanes !== 'single';
  const sums = group.anchors.map((anchor) => {
    const type = vector ? `vec4<${anchor.dtype}>` : anchor.dtype;
    return e.variable(type, vector ? `${type}(${start(anchor)})` : start(anchor));
  });
  const at = [...coords];
  const place = (run: readonly number[], position: string): void => {
    const lengths = run.map((axis) => e.axis(input, axis));
    e.coordinates.split(position, lengths).forEach((coord, i) => {
      at[run[i]] = coord;
    });
  };
  const term = (): void => {
    const values = group.anchors.map((anchor) => (vector ? e.value4(anchor.inputs[0], at) : e.value(anchor.inputs[0], at)));
    group.anchors.forEach((anchor, i) => {
      e.line(`${sums[i]} = ${join(anchor, sums[i], values[i])};`);
    });
  };
  const lengthOf = (run: readonly number[]): string => e.product(run.map((axis) => e.axis(input, axis))).text;
  const step = lanes === 'partial' ? 4 : 1;
  const { loops, shared } = shareOf(shape, runs, step);
  const nest = (depth: number): void => {
    if (depth === loops.length) {
      term();
      return;
    }
    const last = depth === loops.length - 1;
    const width = last ? step : 1;
    const own = depth === shared;
    const first = own ? e.let(width === 1 ? 'local' : `local * ${width}u`) : ZERO;
    e.loop(
      lengthOf(loops[depth]),
      (index) => {
        place(loops[depth], index);
        nest(depth + 1);
      },
      first,
      `${own ? shape.team * width : width}u`,
    );
  };
  nest(0);
  return sums;
}

/** Coordinates of the input: those of the result, and 0 where axes are summed. */
function spread(shape: Shape, coords: readonly string[]): string[] {
  let next = 0;
  return shape.input.shape.map((_, axis) => (shape.axes.includes(axis) ? ZERO : coords[next++]));
}

function threadBody(e: Emitter, group: Group, shape: Shape): number {
  const { anchors } = group;
  const fours = shape.lanes === 'results';
  const threads = fours ? shape.results / 4 : shape.results;
  const thread = e.invocation(WORKGROUP);
  const first = fours ? e.let(`${thread} * 4u`) : thread;
  e.if(`${first} < ${e.total(anchors[0])}`, () => {
    const coords = e.coords(anchors[0], first);
    const sums = accumulate(e, group, shape, spread(shape, coords));
    anchors.forEach((anchor, i) => {
      if (fours) e.define4(anchor, coords, e.let(sums[i]));
      else e.define(anchor, coords, shape.lanes === 'partial' ? collapse(e, anchor, sums[i]) : e.let(sums[i]));
    });
    if (fours) e.storeOutputs4(coords);
    else e.storeOutputs(coords);
  });
  return Math.ceil(threads / WORKGROUP);
}

function teamBody(e: Emitter, group: Group, shape: Shape): number {
  const { anchors } = group;
  const coords = e.coords(anchors[0], e.workgroupIndex());
  const sums = accumulate(e, group, shape, spread(shape, coords));
  const shared = anchors.map((anchor, i) => {
    const memory = e.shared(`array<${anchor.dtype}, ${shape.team}>`);
    e.line(`${memory}[local] = ${shape.lanes === 'partial' ? collapse(e, anchor, sums[i]) : sums[i]};`);
    return memory;
  });
  const joinRange = (anchor: Node, memory: string, base: string, stride: string, count: number): string => {
    const total = e.variable(anchor.dtype, `${memory}[${base}]`);
    e.loop(`${count}u`, (index) => e.line(`${total} = ${join(anchor, total, `${memory}[${base} + ${index} * ${stride}]`)};`), '1u');
    return total;
  };
  e.line('workgroupBarrier();');
  if (shape.team > STAGE) {
    e.if(`local < ${STAGE}u`, () => {
      anchors.forEach((anchor, i) => {
        e.line(`${shared[i]}[local] = ${joinRange(anchor, shared[i], 'local', `${STAGE}u`, shape.team / STAGE)};`);
      });
    });
    e.line('workgroupBarrier();');
  }
  e.if('local == 0u', () => {
    anchors.forEach((anchor, i) => {
      e.define(anchor, coords, e.let(joinRange(anchor, shared[i], '0u', '1u', STAGE)));
    });
    e.storeOutputs(coords);
  });
  return shape.results;
}

/** The variants of a sum by teams: for software GPUs one of few threads, whose barriers cost little, each with much to add. */
function addTeams(kernel: KernelBuilder, shape: Shape): void {
  for (const team of [WORKGROUP, SOFTWARE_LANES]) {
    const e = kernel.emitter();
    const workgroups = grid(teamBody(e, kernel.group, { ...shape, team }));
    const portable = { name: `team_${shape.lanes}`, workgroupSize: [team, 1, 1] as const, workgroups };
    e.finish(team === WORKGROUP ? portable : { ...portable, name: `${portable.name}${team}`, requires: { subgroupSize: team } });
  }
}

export function generateReduce(group: Group, site: Site): GeneratedKernel {
  const attempt = (vectors: boolean): GeneratedKernel | undefined => {
    const kernel = new KernelBuilder(group, site);
    const shape = shapeOf(group, vectors);
    const inner = innerNodes(group, site);
    kernel.describe(kernelName('reduce', inner), operationCount(inner));
    if (shape.team > 1) addTeams(kernel, shape);
    else {
      const e = kernel.emitter();
      const workgroups = threadBody(e, group, shape);
      e.finish({ name: shape.lanes, workgroupSize: [WORKGROUP, 1, 1], workgroups: grid(workgroups) });
    }
    return kernel.slots.length > MAX_STORAGE_BINDINGS && vectors ? undefined : kernel.finish();
  };
  try {
    return attempt(true) ?? (attempt(false) as GeneratedKernel);
  } catch (error) {
    if (!(error instanceof BindingConflict)) throw error;
    return attempt(false) as GeneratedKernel;
  }
}
