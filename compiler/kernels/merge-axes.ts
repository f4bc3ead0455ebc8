/**
 * Neighbouring axes that every value of a kernel treats alike become one axis, and axes of length 1 vanish: the height and width of a picture under batch norm,
 * all axes of an optimizer's values. So a position is taken apart by fewer divisions, fours along the last axis are whole more often (7 x 4, 14 x 14), and
 * kernels whose pictures and vectors differ only in their number of axes are one text.
 *
 * A boundary between two axes is known by how many elements lie inside of it. The operations say which boundaries of their inputs and results are the same,
 * and which must stay; what none needs goes.
 */
import { Builder } from '../graph/builder.js';
import { type Node, type Shape, size, topological } from '../graph/node.js';
import type { GeneratedKernel, Group, Resource, Site } from './kernel.js';
import { isElementwise } from './naming.js';

/** Where an axis of a result comes from: an axis of the input, a repetition (or, of an input's axis, a sum), or nothing that an axis beside it shares. */
type Source = number | 'alike' | 'own';

class Boundaries {
  private readonly parent = new Map<string, string>();
  private readonly kept = new Set<string>();

  /** Number of the elements inside of each boundary of a shape, outermost first; axes of length 1 have none. */
  static of(shape: Shape): number[] {
    const long = shape.filter((length) => length !== 1);
    return long.slice(1).map((_, i) => size(long.slice(i + 1)));
  }

  keep(node: Node, inside: number): void {
    this.kept.add(this.find(`${node.id} ${inside}`));
  }

  keepAll(node: Node): void {
    for (const inside of Boundaries.of(node.shape)) this.keep(node, inside);
  }

  same(a: Node, insideA: number, b: Node, insideB: number): void {
    const [left, right] = [this.find(`${a.id} ${insideA}`), this.find(`${b.id} ${insideB}`)];
    if (left === right) return;
    this.parent.set(right, left);
    if (this.kept.has(right)) this.kept.add(left);
  }

  /** The boundaries that both values have are the same. */
  shared(a: Node, b: Node): void {
    const others = Boundaries.of(b.shape);
    for (const inside of Boundaries.of(a.shape)) if (others.includes(inside)) this.same(a, inside, b, inside);
  }

  isKept(node: Node, inside: number): boolean {
    return this.kept.has(this.find(`${node.id} ${inside}`));
  }

  /** `sources`: of each axis of `to`, what it is in `from`. Boundaries between neighbours in both are the same. */
  along(to: Node, from: Node, sources: readonly Source[]): void {
    const long = (node: Node): number[] => node.shape.map((_, axis) => axis).filter((axis) => node.shape[axis] !== 1);
    const [axes, others] = [long(to), long(from)];
    const [insides, otherInsides] = [Boundaries.of(to.shape), Boundaries.of(from.shape)];
    for (let k = 1; k < axes.length; k++) {
      const [before, after] = [sources[axes[k - 1]], sources[axes[k]]];
      if (before === 'alike' && after === 'alike') continue;
      const at = typeof after === 'number' ? others.indexOf(after) : -1;
      if (at > 0 && others[at - 1] === before) this.same(to, insides[k - 1], from, otherInsides[at - 1]);
      else this.keep(to, insides[k - 1]);
    }
  }

  private find(key: string): string {
    let root = key;
    for (let up = this.parent.get(root); up !== undefined; up = this.parent.get(root)) root = up;
    return root;
  }
}

/** Of each axis of the result, where it comes from in input `i`; `undefined` for operations that are taken as they are. */
function sourcesOf(node: Node, input: Node): Source[] | undefined {
  const { operation } = node;
  const alongAll = (own: (axis: number) => boolean): Source[] => node.shape.map((_, axis) => (own(axis) ? 'own' : axis));
  if (isElementwise(node)) return alongAll(() => false);
  switch (operation.op) {
    case 'broadcast':
      return node.shape.map((_, axis) => (input.shape[axis] === 1 ? 'alike' : axis));
    case 'permute':
      return [...operation.axes];
    case 'slice':
    case 'pad':
      return alongAll((axis) => node.shape[axis] !== input.shape[axis]);
    case 'concat':
      return alongAll((axis) => axis === operation.axis);
    case 'reverse':
      return alongAll((axis) => operation.axes.includes(axis));
    case 'sum':
    case 'max':
      return input.shape.map((_, axis) => axis).filter((axis) => !operation.axes.includes(axis));
    default:
      return undefined;
  }
}

/** The other way round: of each axis of the input, where it goes in the result. */
function inverse(node: Node, input: Node, sources: readonly Source[]): Source[] {
  const reduction = node.operation.op === 'sum' || node.operation.op === 'max';
  return input.shape.map((_, axis) => {
    const at = sources.indexOf(axis);
    return at >= 0 ? at : reduction ? 'alike' : 'own';
  });
}

/** Which boundaries stay. `undefined` where a value has no elements, or a sum is over axes of length 1 alone. */
function boundariesOf(nodes: readonly Node[], group: Group, stored: (node: Node) => boolean): Boundaries | undefined {
  const boundaries = new Boundaries();
  for (const node of nodes) {
    if (size(node.shape) === 0) return undefined;
    if (stored(node)) continue;
    const { op } = node.operation;
    if (op === 'constant' || op === 'random') continue;
    if (op === 'reshape') boundaries.shared(node, node.inputs[0]);
    else if (op === 'iota' || op === 'field' || op === 'gather') for (const rigid of [node, ...node.inputs]) boundaries.keepAll(rigid);
    else {
      if ((op === 'sum' || op === 'max') && node.operation.axes.every((axis) => node.inputs[0].shape[axis] === 1)) return undefined;
      for (const input of node.inputs) {
        const sources = sourcesOf(node, input);
        if (sources === undefined) return undefined;
        boundaries.along(node, input, sources);
        boundaries.along(input, node, inverse(node, input, sources));
      }
    }
  }
  // Results are counted together.
  const [domain] = [...group.anchors, ...group.outputs];
  for (const node of [...group.anchors, ...group.outputs]) boundaries.shared(domain, node);
  for (const anchor of group.anchors) boundaries.shared(group.anchors[0].inputs[0], anchor.inputs[0]);
  return boundaries;
}

/** Runs of the axes of a node that become one each. `apart`: axes that stay by themselves, of length 1 too. */
function runsOf(node: Node, boundaries: Boundaries, apart: (axis: number) => boolean = () => false): number[][] {
  const runs: number[][] = [];
  let open = false;
  node.shape.forEach((length, axis) => {
    if (apart(axis)) runs.push([axis]);
    else if (length === 1) return;
    else if (open && !boundaries.isKept(node, size(node.shape.slice(axis)))) runs[runs.length - 1].push(axis);
    else runs.push([axis]);
    open = !apart(axis);
  });
  return runs;
}

function mergedShape(shape: Shape, runs: readonly (readonly number[])[]): number[] {
  return runs.map((run) => size(run.map((axis) => shape[axis])));
}

/** The graph of a kernel over merged axes, built anew. */
class Merging {
  private readonly builder = new Builder();
  private readonly made = new Map<Node, Node>();
  /** New leaves and results -> the values that they stand for. */
  private readonly leaves = new Map<Node, Node>();
  private readonly results = new Map<Node, Node>();

  constructor(
    private readonly boundaries: Boundaries,
    private readonly original: Site,
  ) {}

  add(node: Node): void {
    this.made.set(node, this.original.stored(node) ? this.leaf(node) : this.builder.reshape(this.computed(node), this.shapeOf(node)));
  }

  of(node: Node): Node {
    return this.made.get(node) as Node;
  }

  /**
   * A convolution over operands as they are, and the node that its results are counted in: that of [N, G, O, positions]. `undefined` where the other values of the
   * kernel are read from an operand's memory too, which would be bound twice.
   */
  convolution(node: Node): { readonly node: Node; readonly counted: Node } | undefined {
    const operands = node.inputs.map((input) => this.view(input));
    const read = [...this.leaves].map(([, value]) => value);
    if (new Set(read).size < read.length) return undefined;
    const { builder } = this;
    const shape = [...node.shape.slice(0, 3), size(node.shape.slice(3))];
    const counted: Node = { ...builder.input('result', shape, node.dtype), operation: node.operation, inputs: operands };
    this.made.set(node, builder.reshape(counted, this.shapeOf(node)));
    return { node: builder.make(node.operation, operands), counted };
  }

  /** An operand's index maps over memory, as they are. */
  private view(node: Node): Node {
    if (!this.original.stored(node))
      return this.builder.make(
        node.operation,
        node.inputs.map((input) => this.view(input)),
        { shape: node.shape, dtype: node.dtype },
      );
    const leaf = this.builder.input(`operand ${node.id}`, node.shape, node.dtype);
    this.leaves.set(leaf, node);
    return leaf;
  }

  /** A node of its own for each result, though another value or result may be the same over merged axes. */
  result(node: Node): Node {
    let made = this.of(node);
    while (this.leaves.has(made) || this.results.has(made)) made = this.builder.make({ op: 'reshape', shape: made.shape }, [made]);
    this.results.set(made, node);
    return made;
  }

  /** What the generators ask about the new nodes. */
  get site(): Site {
    const { original } = this;
    return {
      stored: (node) => this.leaves.has(node),
      access: (resource) => original.access(this.restore(resource)),
      replaces: (output) => {
        const old = original.replaces(this.results.get(output) ?? output);
        return old && (this.made.get(old) ?? this.leaf(old));
      },
      draw: (path) => original.draw(path),
      rows: (draw) => original.rows(draw),
      field: (name) => original.field(name),
    };
  }

  restore(resource: Resource): Resource {
    if (resource.kind !== 'value') return resource;
    return { kind: 'value', node: this.leaves.get(resource.node) ?? this.results.get(resource.node) ?? resource.node };
  }

  private leaf(node: Node): Node {
    const leaf = this.builder.input(`value ${node.id}`, this.shapeOf(node), node.dtype);
    this.leaves.set(leaf, node);
    this.made.set(node, leaf);
    return leaf;
  }

  private shapeOf(node: Node): number[] {
    return mergedShape(node.shape, runsOf(node, this.boundaries));
  }

  private computed(node: Node): Node {
    const { builder } = this;
    const { operation } = node;
    switch (operation.op) {
      case 'constant':
      case 'random':
        return builder.make(operation, [], { shape: this.shapeOf(node), dtype: node.dtype });
      case 'reshape':
        return this.of(node.inputs[0]);
      case 'broadcast': {
        const runs = runsOf(node, this.boundaries);
        const from = builder.reshape(this.of(node.inputs[0]), mergedShape(node.inputs[0].shape, runs));
        return builder.broadcastTo(from, mergedShape(node.shape, runs));
      }
      case 'permute': {
        const starts = runsOf(node, this.boundaries).map((run) => operation.axes[run[0]]);
        return builder.permute(
          this.of(node.inputs[0]),
          starts.map((start) => starts.filter((other) => other < start).length),
        );
      }
      case 'sum':
      case 'max': {
        const runs = runsOf(node.inputs[0], this.boundaries);
        const from = builder.reshape(this.of(node.inputs[0]), mergedShape(node.inputs[0].shape, runs));
        const axes = runs.map((_, i) => i).filter((i) => operation.axes.includes(runs[i][0]));
        return builder.make({ op: operation.op, axes }, [from]);
      }
      case 'slice':
      case 'pad':
      case 'concat':
      case 'reverse':
        return this.moved(node);
      default:
        if (isElementwise(node))
          return builder.make(
            operation,
            node.inputs.map((input) => this.of(input)),
          );
        // Field, gather, iota: over their own axes.
        return builder.make(
          operation,
          node.inputs.map((input) => builder.reshape(this.of(input), input.shape)),
          { shape: node.shape, dtype: node.dtype },
        );
    }
  }

  /** Index maps that move some axes: these stay by themselves. */
  private moved(node: Node): Node {
    const { builder } = this;
    const { operation } = node;
    const sources = node.inputs.map((input) => sourcesOf(node, input) as Source[]);
    const runs = runsOf(node, this.boundaries, (axis) => sources.some((source) => source[axis] === 'own'));
    const inputs = node.inputs.map((input) => builder.reshape(this.of(input), mergedShape(input.shape, runs)));
    /** Numbers of the axes that are by themselves; of the others, that nothing moves. */
    const pick = (numbers: readonly number[], unmoved: number | readonly number[]): number[] =>
      runs.map((run, i) => (sources[0][run[0]] === 'own' ? numbers[run[0]] : typeof unmoved === 'number' ? unmoved : unmoved[i]));
    switch (operation.op) {
      case 'slice':
        return builder.slice(inputs[0], pick(operation.start, 0), pick(operation.stop, inputs[0].shape), pick(operation.step, 1));
      case 'pad':
        return builder.pad(inputs[0], pick(operation.low, 0), pick(operation.high, 0), pick(operation.interior, 0));
      case 'concat':
        return builder.concat(
          inputs,
          runs.findIndex((run) => run[0] === operation.axis),
        );
      case 'reverse':
        return builder.make({ op: 'reverse', axes: operation.axes.map((axis) => runs.findIndex((run) => run[0] === axis)) }, inputs);
      default:
        throw new Error(`${operation.op} moves no axes`);
    }
  }
}

/** The kernel that `generate` makes of the group over merged axes. For groups without contractions. */
export function overMergedAxes(group: Group, site: Site, generate: (group: Group, site: Site) => GeneratedKernel): GeneratedKernel {
  const nodes = topological([...group.outputs, ...group.anchors], { has: (node) => site.stored(node) });
  const boundaries = boundariesOf(nodes, group, (node) => site.stored(node));
  if (boundaries === undefined) return generate(group, site);
  const merging = new Merging(boundaries, site);
  for (const node of nodes) merging.add(node);
  const outputs = group.outputs.map((node) => merging.result(node));
  const kernel = generate({ kind: group.kind, anchors: group.anchors.map((node) => merging.of(node)), outputs }, merging.site);
  return { ...kernel, bindings: kernel.bindings.map(({ resource, access }) => ({ resource: merging.restore(resource), access })) };
}

/**
 * The kernel that `generate` makes of a convolution whose spatial axes are one in all that follows it: its positions, four of which are neighbours in memory more
 * often. `generate` gets the group, whose anchor is counted [N, G, O, positions], and the convolution itself. `undefined` where what follows tells the axes apart.
 */
export function overMergedPositions(
  group: Group,
  site: Site,
  generate: (group: Group, site: Site, convolution: Node) => GeneratedKernel,
): GeneratedKernel | undefined {
  const [anchor] = group.anchors;
  const given = (node: Node): boolean => node === anchor || site.stored(node);
  const nodes = topological([anchor, ...group.outputs], { has: given });
  const boundaries = boundariesOf(nodes, group, given);
  const inside = (axis: number): number => size(anchor.shape.slice(axis));
  for (const axis of [1, 2, 3]) boundaries?.keep(anchor, inside(axis));
  const apart = (axis: number): boolean => boundaries?.isKept(anchor, inside(axis)) === true && inside(axis) !== 1 && inside(axis) !== inside(3);
  if (boundaries === undefined || anchor.shape.some((_, axis) => axis > 3 && apart(axis))) return undefined;
  const merging = new Merging(boundaries, site);
  for (const node of nodes) if (site.stored(node)) merging.add(node);
  const made = merging.convolution(anchor);
  if (made === undefined) return undefined;
  for (const node of nodes) if (!given(node)) merging.add(node);
  const outputs = group.outputs.map((node) => merging.result(node));
  const kernel = generate({ kind: group.kind, anchors: [made.counted], outputs }, merging.site, made.node);
  return { ...kernel, bindings: kernel.bindings.map(({ resource, access }) => ({ resource: merging.restore(resource), access })) };
}
