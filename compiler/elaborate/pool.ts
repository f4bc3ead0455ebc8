/**
 * Sums over more examples than one call computes. A metric is about a thousand examples, taken a batch at a time: where it reduces over the batch, a pool
 * gathers what the batches give, and the metric goes on with the whole. What only all examples together can tell, such as which is nearest, the host
 * computes from rows that it is handed, and gives back as an input.
 */
import type { Builder } from '../graph/builder.js';
import { type GraphFunction, type Node, topological, type Variable } from '../graph/node.js';
import type { MetricPlan } from '../program/types.js';

interface Part {
  readonly variable: Variable;
  readonly kind: 'sum' | 'max';
  /** Of one batch. */
  readonly node: Node;
  /** Passes over all examples that must have ended before it can be computed: a sum of distances from the mean needs the mean. */
  readonly depth: number;
}

/** Rows of features that the host is given, batch by batch. */
interface FeatureRows {
  readonly name: string;
  /** [rows, n] of one batch. */
  readonly node: Node;
  readonly depth: number;
}

/** What the host computes of two sets of them. */
interface Comparison {
  readonly name: string;
  readonly way: string;
  readonly real: FeatureRows;
  readonly made: FeatureRows;
  readonly neighbours: number;
}

/** Below any figure, and finite, as WGSL wants its constants. */
const LOWEST = -3.4e38;

export class Pool {
  private readonly parts: Part[] = [];
  private readonly sets: FeatureRows[] = [];
  private readonly comparisons: Comparison[] = [];

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

  /** What the host finds when it compares two sets of features, rows [rows, n] of one batch: it is handed them from all batches. */
  compare(way: string, sets: { readonly real: Node; readonly made: Node }, neighbours: number, shape: readonly number[]): Node {
    const [real, made] = [this.rowsOf(sets.real), this.rowsOf(sets.made)];
    const same = this.comparisons.find((c) => c.way === way && c.real === real && c.made === made && c.neighbours === neighbours);
    const comparison = same ?? { name: `compared.${this.comparisons.length}`, way, real, made, neighbours };
    if (!same) this.comparisons.push(comparison);
    return this.builder.input(comparison.name, shape, 'f32');
  }

  private rowsOf(node: Node): FeatureRows {
    const known = this.sets.find((set) => set.node === node);
    if (known) return known;
    const set = { name: `features.${this.sets.length}`, node, depth: this.depthOf(node) };
    this.sets.push(set);
    return set;
  }

  private add(kind: Part['kind'], node: Node): Part {
    const name = `pool.${this.parts.length}`;
    const part: Part = { variable: { name, kind: 'carry', shape: node.shape, dtype: 'f32' }, kind, node, depth: this.depthOf(node) };
    this.parts.push(part);
    return part;
  }

  private depthOf(node: Node): number {
    let depth = 0;
    for (const { operation } of topological([node])) {
      if (operation.op === 'variable') for (const part of this.parts) if (part.variable.name === operation.name) depth = Math.max(depth, part.depth + 1);
      if (operation.op === 'input')
        for (const { name, real, made } of this.comparisons) if (name === operation.name) depth = Math.max(depth, real.depth + 1, made.depth + 1);
    }
    return depth;
  }

  /** Whether a value depends on the rows of the data. */
  readsRows(top: Node): boolean {
    return topological([top]).some(({ operation }) => {
      if (operation.op === 'field') return true;
      if (operation.op === 'variable') return this.parts.some(({ variable, node }) => variable.name === operation.name && this.readsRows(node));
      if (operation.op !== 'input') return false;
      return this.comparisons.some(({ name, real, made }) => name === operation.name && (this.readsRows(real.node) || this.readsRows(made.node)));
    });
  }

  /** What the host is to do for it. */
  get plan(): Pick<MetricPlan, 'features' | 'compared'> {
    if (this.comparisons.length === 0) return {};
    const drawn = (top: Node): boolean => topological([top]).some(({ operation: o }) => o.op === 'random' || (o.op === 'field' && o.rows !== undefined));
    return {
      features: this.sets.map(({ name, node, depth }) => ({ name, shape: node.shape, pass: depth, ...(!drawn(node) && { fixed: true }) })),
      compared: this.comparisons.map(({ name, way, real, made, neighbours }) => ({ name, way, real: real.name, made: made.name, neighbours })),
    };
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
    const depth = Math.max(-1, ...[...this.parts, ...this.sets].map((part) => part.depth));
    return Array.from({ length: depth + 1 }, (_, pass) => ({
      name: `${name}.${pass}`,
      outputs: this.sets.filter((set) => set.depth === pass).map((set) => ({ name: set.name, node: set.node })),
      stores: this.parts
        .filter((part) => part.depth === pass)
        .map(({ variable, kind, node }) => ({
          variable: variable.name,
          node: this.builder.binary(kind === 'sum' ? 'add' : 'max', this.builder.variable(variable.name, variable.shape, 'f32'), node),
        })),
    }));
  }
}
