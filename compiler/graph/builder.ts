/** The only maker of nodes: shape rules, sharing of equal nodes, rewriting at construction. */
import type { BinaryName, ChosenRows, CompareName, ConvAttrs, DType, Node, Operation, Origin, Shape, UnaryName } from './node.js';
import { primitive } from './ops/index.js';
import { GraphError, sameShape, showShape, showType, type Type } from './primitive.js';

/**
 * A better node for an operation about to be built, or undefined. It has the same shape, dtype and value.
 * It may build with the builder, but not what it was called for.
 */
export type Rewrite = (builder: Builder, operation: Operation, inputs: readonly Node[]) => Node | undefined;

export class Builder {
  /** Stamped on new nodes; a node found again keeps its first. */
  origin: Origin = {};
  private readonly rewrite: Rewrite | undefined;
  private readonly nodes = new Map<string, Node>();
  private readonly rewritten = new Map<string, Node>();
  private readonly kept = new Set<Node>();

  constructor(options: { rewrite?: Rewrite } = {}) {
    this.rewrite = options.rewrite;
  }

  /**
   * The node of an operation on inputs: checked by the shape rule, shared with an equal one, rewritten if a rule applies.
   * `given` speaks for leaves. Throws `GraphError` on a bad shape, dtype or attribute.
   */
  make(operation: Operation, inputs: readonly Node[], given: Partial<Type> = {}): Node {
    let key = keyOf(operation, inputs);
    // The type tells leaves apart; elsewhere it follows from the rest.
    if (inputs.length === 0) key += typeKey(primitive(operation).infer(operation, inputs, given));
    const known = this.rewritten.get(key) ?? this.nodes.get(key);
    if (known !== undefined) return known;
    const type = primitive(operation).infer(operation, inputs, given);
    const better = this.rewrite?.(this, operation, inputs);
    if (better !== undefined) {
      if (better.dtype !== type.dtype || !sameShape(better.shape, type.shape)) {
        throw new GraphError(`a rewrite of ${operation.op} made ${showType(better)} of ${showType(type)}`);
      }
      this.rewritten.set(key, better);
      return better;
    }
    const node: Node = { id: this.nodes.size, operation, inputs, shape: type.shape, dtype: type.dtype, origin: this.origin };
    this.nodes.set(key, node);
    return node;
  }

  /**
   * Rules do not look through this node from now on, so what is built on it really reads it. For a value that will be
   * differentiated by: `log(s)` of an `s = sigmoid(a)` would otherwise become `-softplus(-a)`, and the derivative by `s` zero.
   * Call it when the value is made, before its users are.
   */
  keep(node: Node): Node {
    if (!this.kept.has(node)) {
      this.kept.add(node);
      this.rewritten.clear();
    }
    return node;
  }

  isKept(node: Node): boolean {
    return this.kept.has(node);
  }

  constant(value: number, shape: Shape = [], dtype: DType = 'f32'): Node {
    return this.make({ op: 'constant', value }, [], { shape, dtype });
  }

  /** A constant shaped like another node. */
  fill(like: Node, value: number): Node {
    return this.constant(value, like.shape, like.dtype);
  }

  iota(shape: Shape, axis: number, dtype: 'i32' | 'f32'): Node {
    return this.make({ op: 'iota', axis }, [], { shape, dtype });
  }

  input(name: string, shape: Shape, dtype: DType): Node {
    return this.make({ op: 'input', name }, [], { shape, dtype });
  }

  /** `chosen`: rows to be read instead of the batch's own. */
  field(name: string, shape: Shape, dtype: DType, chosen?: ChosenRows): Node {
    return this.make({ op: 'field', field: name, ...chosen }, [], { shape, dtype });
  }

  variable(name: string, shape: Shape, dtype: DType): Node {
    return this.make({ op: 'variable', name }, [], { shape, dtype });
  }

  random(path: string, shape: Shape): Node {
    return this.make({ op: 'random', path }, [], { shape, dtype: 'f32' });
  }

  unary(name: UnaryName, a: Node): Node {
    return this.make({ op: 'unary', name }, [a]);
  }

  binary(name: BinaryName, a: Node, b: Node): Node {
    return this.make({ op: 'binary', name }, [a, b]);
  }

  compare(name: CompareName, a: Node, b: Node): Node {
    return this.make({ op: 'compare', name }, [a, b]);
  }

  select(condition: Node, a: Node, b: Node): Node {
    return this.make({ op: 'select' }, [condition, a, b]);
  }

  cast(a: Node, to: DType): Node {
    return this.make({ op: 'cast', to }, [a]);
  }

  /** Times a number. */
  scale(a: Node, factor: number): Node {
    return this.binary('mul', a, this.fill(a, factor));
  }

  /** NumPy's rule: aligned at the right, new axes at the left, axes of length 1 repeated. */
  broadcastTo(a: Node, shape: Shape): Node {
    if (sameShape(a.shape, shape)) return a;
    const missing = shape.length - a.shape.length;
    if (missing < 0) throw new GraphError(`broadcast: ${showShape(a.shape)} has more axes than ${showShape(shape)}`);
    const aligned = this.reshape(a, [...new Array<number>(missing).fill(1), ...a.shape]);
    return sameShape(aligned.shape, shape) ? aligned : this.make({ op: 'broadcast', shape }, [aligned]);
  }

  reshape(a: Node, shape: Shape): Node {
    return sameShape(a.shape, shape) ? a : this.make({ op: 'reshape', shape }, [a]);
  }

  permute(a: Node, axes: readonly number[]): Node {
    return this.make({ op: 'permute', axes }, [a]);
  }

  slice(a: Node, start: readonly number[], stop: readonly number[], step: readonly number[] = start.map(() => 1)): Node {
    return this.make({ op: 'slice', start, stop, step }, [a]);
  }

  pad(a: Node, low: readonly number[], high: readonly number[], interior: readonly number[] = low.map(() => 0)): Node {
    return this.make({ op: 'pad', low, high, interior }, [a]);
  }

  concat(list: readonly Node[], axis: number): Node {
    return this.make({ op: 'concat', axis }, list);
  }

  reverse(a: Node, axes: readonly number[]): Node {
    return this.make({ op: 'reverse', axes: ascending(axes) }, [a]);
  }

  /** Rows of x [B, N, K] by their numbers [B, M]. */
  gather(x: Node, index: Node): Node {
    return this.make({ op: 'gather' }, [x, index]);
  }

  /** Over the named axes, which are dropped; none is the identity. */
  sum(a: Node, axes: readonly number[]): Node {
    return axes.length === 0 ? a : this.make({ op: 'sum', axes: ascending(axes) }, [a]);
  }

  /** Over the named axes, which are dropped; none is the identity. */
  max(a: Node, axes: readonly number[]): Node {
    return axes.length === 0 ? a : this.make({ op: 'max', axes: ascending(axes) }, [a]);
  }

  matmul(a: Node, b: Node): Node {
    return this.make({ op: 'matmul' }, [a, b]);
  }

  conv(x: Node, w: Node, attrs: ConvAttrs): Node {
    const { stride, padding, dilation, inputDilation, size } = attrs;
    return this.make({ op: 'conv', stride, padding, dilation, inputDilation, size }, [x, w]);
  }

  pack(list: readonly Node[], offsets: readonly number[], total: number): Node {
    return this.make({ op: 'pack', offsets, total }, list);
  }
}

function ascending(axes: readonly number[]): readonly number[] {
  return [...axes].sort((a, b) => a - b);
}

/** Equal keys, and types of leaves, equal nodes. */
function keyOf(operation: Operation, inputs: readonly Node[]): string {
  let key: string = operation.op;
  switch (operation.op) {
    case 'select':
    case 'matmul':
      break;
    case 'unary':
    case 'binary':
    case 'compare':
      key = operation.name;
      break;
    default: {
      const names = Object.keys(operation) as (keyof Operation)[];
      // Who writes two attributes writes `op` first; of more the order is free.
      if (names.length > 2) names.sort();
      for (const name of names) {
        const value: unknown = operation[name];
        key += Object.is(value, -0) ? `;${name}=-0` : `;${name}=${value}`;
      }
    }
  }
  for (const input of inputs) key += `,${input.id}`;
  return key;
}

function typeKey({ dtype, shape }: Type): string {
  return `|${dtype}[${shape}]`;
}
