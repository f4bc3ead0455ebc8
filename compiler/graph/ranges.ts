/** Between which ends the values of a node lie, from those of its leaves: one line for each primitive. */
import {
  ANY,
  absolute,
  add,
  divide,
  greater,
  type Interval,
  interval,
  join,
  lesser,
  meet,
  multiply,
  negate,
  point,
  power,
  remainder,
  rising,
  square,
  subtract,
  TRUTH,
  times,
} from './interval.js';
import { type BinaryName, type Node, size, topological, type UnaryName } from './node.js';
import { erf, roundHalfEven, sigmoid, softplus } from './ops/scalar.js';

/** Ends of a field, input or variable; `ANY` where nothing is known. */
export type Leaf = (node: Node) => Interval;

const NOT_NEGATIVE = interval(0, Infinity);
const WAVE = interval(-1, 1);
/** Ends that are reached by rounding alone. */
const open = ({ low, high }: Interval): Interval => interval(low, high);

const unary: Readonly<Record<UnaryName, (a: Interval) => Interval>> = {
  neg: negate,
  abs: absolute,
  sign: (a) => rising(a, Math.sign, true),
  exp: (a) => open(rising(a, Math.exp)),
  expm1: (a) => rising(a, Math.expm1),
  log: (a) => rising(meet(a, NOT_NEGATIVE), Math.log),
  log1p: (a) => rising(meet(a, interval(-1, Infinity)), Math.log1p),
  sqrt: (a) => rising(meet(a, NOT_NEGATIVE), Math.sqrt),
  rsqrt: (a) => divide(point(1), rising(meet(a, NOT_NEGATIVE), Math.sqrt)),
  sin: () => WAVE,
  cos: () => WAVE,
  tanh: (a) => rising(a, Math.tanh),
  sigmoid: (a) => open(rising(a, (x) => (Math.abs(x) === Infinity ? Number(x > 0) : sigmoid(x)))),
  softplus: (a) => open(rising(a, (x) => (x === Infinity ? x : softplus(x)))),
  erf: (a) => rising(a, (x) => (Math.abs(x) === Infinity ? Math.sign(x) : erf(x))),
  floor: (a) => rising(a, Math.floor, true),
  ceil: (a) => rising(a, Math.ceil, true),
  round: (a) => rising(a, roundHalfEven, true),
  not: () => TRUTH,
  finite: () => TRUTH,
  stop: (a) => a,
};

const binary: Readonly<Record<BinaryName, (a: Interval, b: Interval, same: boolean) => Interval>> = {
  add,
  sub: subtract,
  mul: (a, b, same) => (same ? square(a) : multiply(a, b)),
  div: divide,
  pow: power,
  max: greater,
  min: lesser,
  mod: (_, b) => remainder(b),
  and: () => TRUTH,
  or: () => TRUTH,
};

export class Ranges {
  private readonly known = new Map<Node, Interval>();

  constructor(private readonly leaf: Leaf) {}

  of(node: Node): Interval {
    const known = this.known.get(node);
    if (known) return known;
    for (const part of topological([node])) if (!this.known.has(part)) this.known.set(part, this.compute(part));
    return this.known.get(node) as Interval;
  }

  private compute(node: Node): Interval {
    const { operation, inputs } = node;
    const [a, b] = inputs.map((input) => this.known.get(input) as Interval);
    switch (operation.op) {
      case 'constant':
        return point(operation.value);
      case 'iota':
        return interval(0, Math.max(0, node.shape[operation.axis] - 1), true);
      case 'random':
        return interval(0, 1);
      case 'input':
      case 'field':
      case 'variable':
        return this.leaf(node);
      case 'unary':
        return unary[operation.name](a);
      case 'binary':
        if (operation.name === 'div' && node.dtype !== 'f32') return ANY;
        if (operation.name === 'div' && a.low >= 0 && isShare(node)) return meet(divide(a, b), interval(0, 1));
        if (operation.name === 'add') return this.between(inputs[0], inputs[1]) ?? this.between(inputs[1], inputs[0]) ?? add(a, b);
        return binary[operation.name](a, b, inputs[0] === inputs[1]);
      case 'compare':
        return TRUTH;
      case 'select':
        return join(this.branch(inputs[0], inputs[1], true), this.branch(inputs[0], inputs[2], false));
      case 'cast':
        return operation.to === 'bool' ? TRUTH : node.dtype === 'f32' ? a : operation.to === 'u32' ? interval(0, Infinity) : rising(a, Math.trunc, true);
      case 'broadcast':
      case 'reshape':
      case 'permute':
      case 'slice':
      case 'reverse':
      case 'gather':
      case 'max':
        return a;
      case 'pad':
      case 'pack':
      case 'concat': {
        const filled = operation.op === 'concat' || size(node.shape) === inputs.reduce((sum, input) => sum + size(input.shape), 0);
        return [...(filled ? [] : [point(0)]), ...this.each(inputs)].reduce(join);
      }
      case 'sum':
        return times(
          a,
          operation.axes.reduce((n, axis) => n * inputs[0].shape[axis], 1),
        );
      case 'matmul':
        return times(multiply(a, b), inputs[0].shape[2]);
      // Places outside of the input count 0.
      case 'conv':
        return join(point(0), times(multiply(a, b), size(inputs[1].shape.slice(2))));
    }
  }

  private each(nodes: readonly Node[]): Interval[] {
    return nodes.map((node) => this.known.get(node) as Interval);
  }

  /** a + (c - a) t with t in 0..1 lies between a and c. */
  private between(a: Node, rest: Node): Interval | undefined {
    if (rest.operation.op !== 'binary' || rest.operation.name !== 'mul') return undefined;
    for (const [difference, share] of [rest.inputs, [rest.inputs[1], rest.inputs[0]]]) {
      const { operation, inputs } = difference;
      const { low, high } = this.known.get(share) as Interval;
      if (operation.op === 'binary' && operation.name === 'sub' && inputs[1] === a && low >= 0 && high <= 1)
        return join(this.known.get(a) as Interval, this.known.get(inputs[0]) as Interval);
    }
    return undefined;
  }

  /** A branch of a `select` that is itself what is compared lies on its side of the other: `x` of `where(x > 0, x, 0)`. */
  private branch(condition: Node, node: Node, holds: boolean): Interval {
    const range = this.known.get(node) as Interval;
    const { operation, inputs } = condition;
    if (operation.op === 'unary' && operation.name === 'not') return this.branch(inputs[0], node, !holds);
    if (operation.op !== 'compare') return range;
    const [left, right] = this.each(inputs);
    // Equal by chance alone.
    if (operation.name === 'eq') return holds && !left.atLow && !left.atHigh ? interval(range.low, range.high) : range;
    if (inputs[0] === node) return meet(range, holds ? interval(-Infinity, right.high) : interval(right.low, Infinity));
    if (inputs[1] === node) return meet(range, holds ? interval(left.low, Infinity) : interval(-Infinity, left.high));
    return range;
  }
}

/** x / sum(x) along kept axes: a part of a whole, as a softmax is. */
function isShare(node: Node): boolean {
  const [part, spread] = node.inputs;
  const kept = spread.operation.op === 'broadcast' ? spread.inputs[0] : spread;
  const total = kept.operation.op === 'reshape' ? kept.inputs[0] : kept;
  if (total.operation.op !== 'sum' || total.inputs[0] !== part) return false;
  const { axes } = total.operation;
  return kept.shape.length === part.shape.length && kept.shape.every((length, axis) => length === (axes.includes(axis) ? 1 : part.shape[axis]));
}
