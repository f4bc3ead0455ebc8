/**
 * Results that are more than a GPU is sure to bind at once become parts along one axis, the batch where there is one. Each is computed from parts of what it is
 * computed from: elementwise work, index maps, contractions with the axis among those of the result. What is summed over that axis (statistics of a batch, a
 * weight's gradient, a loss) is the sum of the parts' sums, in their order. Results that are small enough again are joined, by writing them side by side.
 *
 * What no part of can be had stays whole: a weight, a gradient as long as one, and what is computed from neighbours along the only axis that is long enough.
 */
import { Builder } from '../graph/builder.js';
import { GROUP_ALIGNMENT, type GraphFunction, type Node, roots, size, topological } from '../graph/node.js';
import { concatStarts } from '../graph/ops/joining.js';
import { affine } from '../kernels/affine.js';
import { type Cut, carried, cuttable, evenBounds, follows, isAnchor, isVirtual, parts, reshaped, sourceAxis, summedAxes, union } from './cut-axes.js';
import { computed, isZero, withoutReshape } from './prune.js';

const ELEMENT_BYTES = 4;
/** Results so many times smaller than a part may be are joined at once: more kernels would cost more than they save. */
const SMALL_SHARE = 16;

/** The function with no result over `most` bytes that can be cut. */
export function cut(fn: GraphFunction, most: number): GraphFunction {
  return new Cutter(fn, most).run();
}

interface Parts extends Cut {
  readonly nodes: readonly Node[];
}

class Cutter {
  private readonly builder = new Builder();
  private readonly made = new Map<Node, Node>();
  private readonly parted = new Map<Node, Parts>();
  private readonly kept = new Set<Node>();
  private readonly outputs: ReadonlySet<Node>;

  constructor(
    private readonly fn: GraphFunction,
    private readonly most: number,
  ) {
    this.outputs = new Set(fn.outputs.map(({ node }) => node));
    // Variables are in one piece, and so is what is written over them or into a vector of gradients.
    const whole = fn.stores.map(({ node }) => node);
    for (const node of topological(roots(fn))) if (node.operation.op === 'pack' && node.operation.tight === undefined) whole.push(...node.inputs);
    while (whole.length > 0) {
      const node = whole.pop() as Node;
      if (!this.isLarge(node) || this.kept.has(node)) continue;
      this.kept.add(node);
      if (!isAnchor(node)) whole.push(...node.inputs);
    }
  }

  run(): GraphFunction {
    const { fn, builder } = this;
    for (const node of topological(roots(fn))) {
      builder.origin = node.origin;
      this.make(node);
    }
    return {
      name: fn.name,
      outputs: fn.outputs.map(({ name, node }) => ({ name, node: this.whole(node) })),
      stores: fn.stores.map(({ variable, node }) => ({ variable, node: this.whole(node) })),
    };
  }

  private isLarge(node: Node): boolean {
    return size(node.shape) * ELEMENT_BYTES > this.most;
  }

  private make(node: Node): void {
    const own = this.cutOf(node);
    if (own === undefined) {
      this.made.set(node, this.summed(node) ?? this.built(node));
      return;
    }
    const nodes = parts(own).map(([from, to]) => this.part(node, own.axis, from, to));
    if (nodes.length === 1) this.made.set(node, nodes[0]);
    else this.parted.set(node, { ...own, nodes });
  }

  private built(node: Node): Node {
    const inputs = node.inputs.map((input) => this.whole(input));
    return this.builder.make(node.operation, inputs, { shape: node.shape, dtype: node.dtype });
  }

  // Where a node is cut

  /** `undefined`: it is not. */
  private cutOf(node: Node): Cut | undefined {
    const { operation, inputs, shape } = node;
    const isLeaf = ['variable', 'input', 'pack'].includes(withoutReshape(node).operation.op);
    if (this.kept.has(node) || size(shape) === 0 || isLeaf) return undefined;
    const large = this.isLarge(node);
    const hands = follows(node) && size(shape) * ELEMENT_BYTES * SMALL_SHARE > this.most;
    const cuts = inputs.flatMap((input, i) => {
      const found = this.parted.get(input);
      const own = found !== undefined && (hands || this.isLarge(input)) ? carried(node, i, found) : undefined;
      return own === undefined ? [] : [own];
    });
    if (cuts.length > 0) {
      const { axis } = cuts.reduce((a, b) => (b.bounds.length > a.bounds.length ? b : a));
      const fine = this.refined(node, axis, union(cuts.filter((other) => other.axis === axis).map(({ bounds }) => bounds)));
      if (fine !== undefined) return fine;
    }
    const heavy = inputs.some((input) => this.isHeavy(node, input));
    if (large) return isVirtual(node) && !heavy && !this.outputs.has(node) ? undefined : (this.fresh(node, heavy) ?? this.fresh(node, false));
    if (!heavy || operation.op === 'sum' || operation.op === 'max') return undefined;
    const summed = summedAxes(node);
    if (summed !== undefined && inputs.some((input, i) => this.isLarge(input) && this.parted.get(input)?.axis === summed[i])) return undefined;
    return this.fresh(node, true);
  }

  /** True where this input is more in memory than can be bound. A contraction's factors lie in memory, under what index maps strides can follow. */
  private isHeavy(node: Node, input: Node): boolean {
    if (!this.isLarge(input)) return false;
    if (this.parted.has(input)) return true;
    if (summedAxes(node) === undefined) return false;
    const base = affine(input, (n) => !isVirtual(n) || n.operation.op === 'pad' || n.operation.op === 'concat' || this.parted.has(n))?.leaf ?? input;
    return this.isLarge(base) && base.operation.op !== 'variable' && base.operation.op !== 'input';
  }

  /** Along the first axis that parts can be had of; `inputs`: of heavy inputs too. */
  private fresh(node: Node, inputs: boolean): Cut | undefined {
    const heavy = inputs ? node.inputs.map((input, i) => ({ input, i })).filter(({ input }) => this.isHeavy(node, input)) : [];
    for (const [axis, length] of node.shape.entries()) {
      if (length === 1 || !cuttable(node, axis) || heavy.some(({ i }) => sourceAxis(node, i, axis) === undefined)) continue;
      const bytes = Math.max(...[node, ...heavy.map(({ input }) => input)].map(({ shape }) => size(shape))) * ELEMENT_BYTES;
      const units = Math.floor((this.most * length) / bytes);
      if (units >= 1) return { axis, bounds: evenBounds(length, units) };
    }
    return undefined;
  }

  /** The cut with parts between that are small enough. */
  private refined(node: Node, axis: number, bounds: readonly number[]): Cut | undefined {
    const units = Math.floor((this.most * node.shape[axis]) / (size(node.shape) * ELEMENT_BYTES));
    if (units < 1) return undefined;
    const pieces = parts({ axis, bounds }).map(([from, to]) => evenBounds(to - from, units).map((bound) => from + bound));
    return { axis, bounds: union([bounds, ...pieces]) };
  }

  // Sums over the axis that is cut

  private summed(node: Node): Node | undefined {
    const { builder } = this;
    const { operation, inputs } = node;
    if (operation.op === 'sum' || operation.op === 'max') {
      const found = this.parted.get(inputs[0]);
      if (found === undefined || !this.isLarge(inputs[0]) || !operation.axes.includes(found.axis)) return undefined;
      return found.nodes.map((part) => builder.make(operation, [part])).reduce((a, b) => builder.binary(operation.op === 'sum' ? 'add' : 'max', a, b));
    }
    const axes = summedAxes(node);
    if (axes === undefined || !inputs.some((input) => this.isHeavy(node, input))) return undefined;
    const bounds = inputs.flatMap((input, i) => {
      const found = this.parted.get(input);
      return found !== undefined && this.isLarge(input) && found.axis === axes[i] ? [found.bounds] : [];
    });
    const length = inputs[0].shape[axes[0]];
    const units = Math.floor((this.most * length) / (Math.max(...inputs.map(({ shape }) => size(shape))) * ELEMENT_BYTES));
    if (bounds.length === 0 && units < 1) return undefined;
    return parts({ axis: axes[0], bounds: bounds.length > 0 ? union(bounds) : evenBounds(length, units) })
      .map(([from, to]) =>
        builder.make(
          operation,
          inputs.map((input, i) => this.range(input, axes[i], from, to)),
        ),
      )
      .reduce((a, b) => builder.binary('add', a, b));
  }

  // Parts

  /** All of a value, side by side where it is in parts. */
  private whole(node: Node): Node {
    const known = this.made.get(node);
    if (known !== undefined) return known;
    const { builder } = this;
    const { axis, bounds, nodes } = this.parted.get(node) as Parts;
    const before = builder.origin;
    builder.origin = node.origin;
    const unit = size(node.shape.slice(axis + 1));
    const offsets = bounds.slice(0, -1).map((bound) => bound * unit);
    // Parts that lie one after another in memory are written there by the kernels that compute them; where WebGPU binds no part there, they are copied.
    const inPlace =
      node.dtype === 'f32' &&
      size(node.shape.slice(0, axis)) === 1 &&
      (this.isLarge(node) || offsets.every((offset) => offset % GROUP_ALIGNMENT === 0)) &&
      !nodes.some((part) => isZero(part));
    const total = size(node.shape);
    const joined = inPlace
      ? builder.reshape(
          builder.make(
            { op: 'pack', offsets, total, tight: true },
            nodes.map((part) => computed(builder, part)),
          ),
          node.shape,
        )
      : builder.concat(nodes, axis);
    builder.origin = before;
    this.made.set(node, joined);
    return joined;
  }

  private slice(made: Node, axis: number, from: number, to: number): Node {
    const { shape } = made;
    if (from === 0 && to === shape[axis]) return made;
    return this.builder.slice(
      made,
      shape.map((_, own) => (own === axis ? from : 0)),
      shape.map((length, own) => (own === axis ? to : length)),
    );
  }

  /** Some of a value along an axis, of whichever parts it has. */
  private range(node: Node, axis: number, from: number, to: number): Node {
    const found = this.parted.get(node);
    if (found === undefined)
      return isVirtual(node) && to - from < node.shape[axis] ? this.part(node, axis, from, to) : this.slice(this.whole(node), axis, from, to);
    const spans = parts(found);
    if (found.axis === axis) {
      const exact = spans.findIndex(([first, end]) => first === from && end === to);
      if (exact >= 0) return found.nodes[exact];
    }
    if (!this.isLarge(node)) return this.slice(this.whole(node), axis, from, to);
    if (found.axis !== axis) {
      const pieces = found.nodes.map((part) => this.slice(part, axis, from, to));
      return this.builder.concat(pieces, found.axis);
    }
    const pieces = spans.flatMap(([first, end], i) =>
      first < to && from < end ? [this.slice(found.nodes[i], axis, Math.max(0, from - first), Math.min(end, to) - first)] : [],
    );
    return pieces.length === 1 ? pieces[0] : this.builder.concat(pieces, axis);
  }

  /** The elements `from` to `to` of a node along an axis, computed from no more than they need. */
  private part(node: Node, axis: number, from: number, to: number): Node {
    const { builder } = this;
    const { operation, inputs, dtype } = node;
    const shape = node.shape.map((length, own) => (own === axis ? to - from : length));
    const source = (i: number): Node => {
      const own = sourceAxis(node, i, axis);
      return own === undefined ? this.whole(inputs[i]) : this.range(inputs[i], own, from, to);
    };
    const attribute = (list: readonly number[], value: number): number[] => list.map((old, own) => (own === axis ? value : old));
    switch (operation.op) {
      case 'constant':
        return builder.constant(operation.value, shape, dtype);
      case 'iota': {
        const counted = builder.make(operation, [], { shape, dtype });
        return operation.axis === axis && from > 0 ? builder.binary('add', counted, builder.fill(counted, from)) : counted;
      }
      case 'random':
        return builder.make({ ...operation, from: (operation.from ?? 0) + from * size(shape.slice(axis + 1)) }, [], { shape, dtype });
      case 'field':
        return builder.make({ ...operation, from: (operation.from ?? 0) + from, of: operation.of ?? node.shape[0] }, [], { shape, dtype });
      case 'broadcast':
        return builder.make({ op: 'broadcast', shape }, [source(0)]);
      case 'reshape': {
        const under = reshaped(node.shape, inputs[0].shape, { axis, bounds: [0, from, to, node.shape[axis]] });
        if (under !== undefined) return builder.reshape(this.range(inputs[0], under.axis, under.bounds[1], under.bounds[2]), shape);
        return builder.reshape(this.elements(node, axis, from, to), shape);
      }
      case 'permute':
        return builder.permute(source(0), operation.axes);
      case 'slice': {
        const { start, step } = operation;
        const first = start[axis] + from * step[axis];
        const end = start[axis] + (to - 1) * step[axis] + 1;
        return builder.slice(this.range(inputs[0], axis, first, end), attribute(start, 0), attribute(operation.stop, end - first), step);
      }
      case 'pad': {
        const { low, high, interior } = operation;
        const step = interior[axis] + 1;
        const first = Math.max(0, Math.ceil((from - low[axis]) / step));
        const end = Math.min(inputs[0].shape[axis], Math.ceil((to - low[axis]) / step));
        if (first >= end) return builder.constant(0, shape, dtype);
        const before = low[axis] + first * step - from;
        const after = to - from - before - ((end - first - 1) * step + 1);
        return builder.pad(this.range(inputs[0], axis, first, end), attribute(low, before), attribute(high, after), interior);
      }
      case 'concat': {
        if (axis !== operation.axis)
          return builder.concat(
            inputs.map((_, i) => source(i)),
            operation.axis,
          );
        const starts = concatStarts(inputs, axis);
        const pieces = inputs.flatMap((input, i) => {
          const [first, end] = [Math.max(from, starts[i]) - starts[i], Math.min(to, starts[i] + input.shape[axis]) - starts[i]];
          return first < end ? [this.range(input, axis, first, end)] : [];
        });
        return pieces.length === 1 ? pieces[0] : builder.concat(pieces, axis);
      }
      case 'reverse': {
        const length = node.shape[axis];
        return builder.reverse(operation.axes.includes(axis) ? this.range(inputs[0], axis, length - to, length - from) : source(0), operation.axes);
      }
      default:
        return builder.make(
          operation,
          inputs.map((_, i) => source(i)),
          { shape, dtype },
        );
    }
  }

  /** Part of a reshape whose parts are none along an axis of its input: what lies in memory from the first to the last of its elements. */
  private elements(node: Node, axis: number, from: number, to: number): Node {
    const { builder } = this;
    const [input] = node.inputs;
    const found = this.parted.get(input);
    const unit = size(node.shape.slice(axis + 1));
    if (found === undefined || !this.isLarge(input) || size(node.shape.slice(0, axis)) > 1 || size(input.shape.slice(0, found.axis)) > 1)
      return this.slice(this.built(node), axis, from, to);
    const own = size(input.shape.slice(found.axis + 1));
    const pieces = parts(found).flatMap(([start, stop], i) => {
      const [first, end] = [Math.max(from * unit, start * own), Math.min(to * unit, stop * own)];
      return first < end ? [this.slice(builder.reshape(found.nodes[i], [(stop - start) * own]), 0, first - start * own, end - start * own)] : [];
    });
    return pieces.length === 1 ? pieces[0] : builder.concat(pieces, 0);
  }
}
