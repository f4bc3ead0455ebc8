/**
 * Syntax trees as short JSON, so that a build can embed the prelude's. A node is an array: the number of its shape, then its values; a shape is the node's kind
 * and keys, which most nodes share with many. A list begins with 0, a span is two values.
 */
import type { Source, Span } from '../../grammar/source.js';

interface Shape {
  readonly kind?: string;
  readonly keys: readonly string[];
}

export interface Packed {
  /** Shape n is `shapes[n - 1]`. */
  readonly shapes: readonly Shape[];
  /** JSON of each tree, by name. */
  readonly trees: Readonly<Record<string, string>>;
}

/** Trees of one source each, by name. Fields that are undefined are left out. */
export function pack(trees: ReadonlyMap<string, object>): Packed {
  const shapes: Shape[] = [];
  const numbers = new Map<string, number>();
  const numberOf = (shape: Shape): number => {
    const text = JSON.stringify(shape);
    const known = numbers.get(text) ?? shapes.push(shape);
    numbers.set(text, known);
    return known;
  };
  const packed = (value: unknown): unknown => {
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return [0, ...value.map(packed)];
    const { kind, ...rest } = value as { kind?: string };
    const entries = Object.entries(rest).filter(([, part]) => part !== undefined);
    const values = entries.flatMap(([key, part]: [string, unknown]) => (key === 'span' ? [(part as Span).start, (part as Span).end] : [packed(part)]));
    return [numberOf({ kind, keys: entries.map(([key]) => key) }), ...values];
  };
  const texts = [...trees].map(([name, tree]) => [name, JSON.stringify(packed(tree))]);
  return { shapes, trees: Object.fromEntries(texts) };
}

/** A tree with its spans in `source`. */
export function unpack({ shapes, trees }: Packed, name: string, source: Source): object {
  const whole = (packed: unknown): unknown => {
    if (!Array.isArray(packed)) return packed;
    if (packed[0] === 0) return packed.slice(1).map(whole);
    const { kind, keys } = shapes[packed[0] - 1];
    const node: Record<string, unknown> = kind === undefined ? {} : { kind };
    let at = 1;
    for (const key of keys) node[key] = key === 'span' ? { source, start: packed[at++], end: packed[at++] } : whole(packed[at++]);
    return node;
  };
  return whole(JSON.parse(trees[name])) as object;
}
