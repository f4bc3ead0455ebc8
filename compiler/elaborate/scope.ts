/** Names in sight, and the use of a net or block that is being evaluated. */
import type { Span } from '../../grammar/source.js';
import type { ArgumentValue, Value } from './values.js';

/** A lexical scope: what a name means here. `if` and `for` open none. */
export class Scope {
  readonly names = new Map<string, Value>();
  /** Names whose values are made at the first use: data fields and noises. */
  readonly lazy = new Map<string, () => Value>();

  constructor(readonly parent?: Scope) {}

  find(name: string): Value | undefined {
    const known = this.names.get(name);
    if (known) return known;
    const make = this.lazy.get(name);
    if (!make) return this.parent?.find(name);
    const value = make();
    this.names.set(name, value);
    return value;
  }

  /** Every name in sight, for suggestions. */
  *visible(): Iterable<string> {
    yield* this.names.keys();
    yield* this.lazy.keys();
    if (this.parent) yield* this.parent.visible();
  }
}

/** One use of a net or block. */
export interface Frame {
  readonly kind: 'game' | 'net' | 'block';
  readonly name: string;
  /** Where its weights and states are named: `G.up#2`. */
  readonly weightPath: string;
  /** Where its draws are named: `D.G#2.up#2`. */
  readonly drawPath: string;
  /** The net whose weights it declares; undefined in a game. */
  readonly net?: string;
  /** True in an optimizer: its states belong to a player. */
  readonly optimizer?: boolean;
  /** Names in its body by which something is differentiated. */
  readonly differentiated?: ReadonlySet<string>;
  readonly callSpan?: Span;
  readonly caller?: Frame;
  /** How many uses of each name so far, to number them from the second. */
  readonly uses: Map<string, number>;
  readonly drawUses: Map<string, number>;
  /** Nets declared in a block are shared within each use: this use's own. */
  readonly depth: number;
  /** Defaults changed by `set`, by name of the callable; the innermost wins. */
  defaults: ReadonlyMap<string, readonly ArgumentValue[]>;
  /** States declared in this use: local name to variable. */
  readonly states: Map<string, string>;
  /** Weights declared in this use: variables. */
  readonly weights: Set<string>;
}

/** `name`, then `name#2`, `name#3`... */
export function numbered(uses: Map<string, number>, name: string): string {
  const count = (uses.get(name) ?? 0) + 1;
  uses.set(name, count);
  return count === 1 ? name : `${name}#${count}`;
}
