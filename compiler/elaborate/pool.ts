/**
 * Sums over more examples than one call computes. A metric is about a thousand examples, taken a batch at a time: where it reduces over the batch, a pool
 * gathers what the batches give, and the metric goes on with the whole.
 */
import type { Builder } from '../graph/builder.js';
import { type GraphFunction, type Node, topological, type Variable } from '../graph/node.js';

interface Part {
  readonly variable: Variable;
  readonly kind: 'sum' | 'max';
  /** Of one batch. */
  readonly node: Node;
  /** Passes over all examples that must have ended before it can be computed: a sum of distances from the mean needs the mean. */
  readonly depth: number;
}

/** Below any figure, and finite, as WGSL wants its constants. */
const LOWEST = -3.4e38;

export class Pool {
  private readonly parts: Part[] = [];

  constructor(
    private readonly builder: Builder,
    /** Examples in a batch. */
    private readonly batch: number,
  ) {}

  /** The sum over all batches of `node`, which is computed from one; or the greatest, element by element. */
  gather(kind: Part['kind'], node: Node): Node {
    const same = this.parts.find((part) => part.kind === kind && part.node === node);
    const part = same ?? this.add(kind, node);
    return this.builder.variable(part.variable.name, part.variable.shape, 'f32');
  }

  /** How many examples there are. */
  get count(): Node {
    return this.gather('sum', this.builder.constant(this.batch));
  }

  private add(kind: Part['kind'], node: Node): Part {
    let depth = 0;
    for (const { operation } of topological([node]))
      if (operation.op === 'variable') for (const part of this.parts) if (part.variable.name === operation.name) depth = Math.max(depth, part.depth + 1);
    const name = `pool.${this.parts.length}`;
    const part: Part = { variable: { name, kind: 'carry', shape: node.shape, dtype: 'f32' }, kind, node, depth };
    this.parts.push(part);
    return part;
  }

  get variables(): Variable[] {
    return this.parts.map((part) => part.variable);
  }

  /** Empties the pool. */
  begin(name: string): GraphFunction {
    const stores = this.parts.map(({ variable, kind }) => ({
      variable: variable.name,
      node: this.builder.constant(kind === 'sum' ? 0 : LOWEST, variable.shape),
    }));
    return { name, outputs: [], stores };
  }

  /** What each pass does with a batch, in the order of the passes. */
  passes(name: string): GraphFunction[] {
    const depth = Math.max(-1, ...this.parts.map((part) => part.depth));
    return Array.from({ length: depth + 1 }, (_, pass) => ({
      name: `${name}.${pass}`,
      outputs: [],
      stores: this.parts
        .filter((part) => part.depth === pass)
        .map(({ variable, kind, node }) => ({
          variable: variable.name,
          node: this.builder.binary(kind === 'sum' ? 'add' : 'max', this.builder.variable(variable.name, variable.shape, 'f32'), node),
        })),
    }));
  }
}
