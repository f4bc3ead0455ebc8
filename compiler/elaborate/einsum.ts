/** `einsum("ij,jk->ik", a, b)`: sums of products over named axes, as in NumPy and PyTorch, the batch being understood. */
import type { Node } from '../graph/node.js';
import { asFloat, toTensor } from './arithmetic.js';
import type { Bound } from './builtins.js';
import type { Elaborator } from './elaborator.js';
import * as messages from './messages.js';
import { describe, logicalShape, POISON, tensor, type Value } from './values.js';

/** Names the batch, where a factor has one. Axes that `...` stands for are named by numbers, counted from the last: they are aligned right. */
const BATCH = 'batch';

/** A tensor whose axes have names. */
interface Named {
  readonly node: Node;
  readonly axes: readonly string[];
}

/** A fault in the equation; the message says what. */
class Fault extends Error {}

/**
 * Letters name axes; those that the result does not name are summed over, a letter twice in a factor is a diagonal, `...` stands for any number
 * of axes, and without `->` the result has the letters that occur once, in alphabetical order. An axis of length 1 goes with any length.
 */
export function einsum(e: Elaborator, args: Bound): Value {
  const equation = args.value('equation');
  if (equation.kind !== 'string')
    return e.fail(args.span('equation'), messages.einsumForm(`an equation is a text such as "ij,jk->ik", not ${describe(equation)}`));
  const factors: Named[] = [];
  try {
    const { terms, result } = readEquation(equation.text);
    if (terms.length !== args.rest.length) throw new Fault(`"${equation.text}" has ${terms.length} factors, and ${args.rest.length} are given`);
    let spread = 0;
    for (const [i, argument] of args.rest.entries()) {
      const value = toTensor(e, argument.value, argument.span);
      if (!value) return POISON;
      const rank = logicalShape(value).length;
      const axes = namesOf(terms[i], rank);
      spread = Math.max(spread, axes.filter((axis) => /\d/.test(axis)).length);
      factors.push(diagonals(e, { node: asFloat(e, value.node), axes: [...(value.batched ? [BATCH] : []), ...axes] }));
    }
    const batched = factors.some(({ axes }) => axes.includes(BATCH));
    const kept = [...(batched ? [BATCH] : []), ...(result ?? implied(terms)).flatMap((name) => (name === '...' ? numbersTo(spread) : [name]))];
    for (const name of kept) if (!factors.some(({ axes }) => axes.includes(name))) throw new Fault(`"${name}" of the result is in no factor`);
    return tensor(turned(e, product(e, factors, kept), kept).node, batched);
  } catch (error) {
    if (error instanceof Fault) return e.fail(args.call.span, messages.einsumForm(error.message));
    throw error;
  }
}

/** "ij,...k->i..." to [[i, j], [..., k]] and [i, ...]. */
function readEquation(text: string): { terms: string[][]; result?: string[] } {
  const [left, right, ...more] = text.replaceAll(' ', '').split('->');
  if (more.length > 0) throw new Fault(`"${text}" has more than one "->"`);
  const lettersOf = (term: string): string[] => {
    const parts = term.match(/\.\.\.|./g) ?? [];
    if (parts.some((p) => !/^([A-Za-z]|\.\.\.)$/.test(p)) || parts.filter((p) => p === '...').length > 1)
      throw new Fault(`"${term}" names axes by one letter each, with at most one "..."`);
    return parts;
  };
  const result = right === undefined ? undefined : lettersOf(right);
  if (result && new Set(result).size !== result.length) throw new Fault(`the result "${right}" names an axis twice`);
  return { terms: left.split(',').map(lettersOf), result };
}

function implied(terms: readonly (readonly string[])[]): string[] {
  const letters = terms.flat();
  const once = letters.filter((letter) => letter !== '...' && letters.indexOf(letter) === letters.lastIndexOf(letter)).sort();
  return letters.includes('...') ? ['...', ...once] : once;
}

/** Names of `count` axes from the left: the last one is "0". */
function numbersTo(count: number): string[] {
  return Array.from({ length: count }, (_, i) => String(count - 1 - i));
}

function namesOf(term: readonly string[], rank: number): string[] {
  const own = term.filter((name) => name !== '...').length;
  if (own > rank || (own < rank && !term.includes('...'))) throw new Fault(`"${term.join('')}" does not name the ${rank} axes of its factor`);
  return term.flatMap((name) => (name === '...' ? numbersTo(rank - own) : [name]));
}

function turned(e: Elaborator, { node, axes }: Named, order: readonly string[]): Named {
  const at = order.map((name) => axes.indexOf(name));
  return { node: at.every((from, to) => from === to) ? node : e.builder.permute(node, at), axes: order };
}

/** An axis named twice becomes its diagonal. */
function diagonals(e: Elaborator, given: Named): Named {
  const double = given.axes.findIndex((name, i) => given.axes.indexOf(name) < i);
  if (double < 0) return given;
  const g = e.builder;
  const name = given.axes[double];
  const first = given.axes.indexOf(name);
  const rest = given.axes.filter((_, i) => i !== first && i !== double);
  const others = given.axes.map((_, i) => i).filter((i) => i !== first && i !== double);
  const moved = g.permute(given.node, [...others, first, double]);
  const [n, m] = moved.shape.slice(-2);
  if (n !== m) throw new Fault(`"${name}" twice in a factor has the lengths ${n} and ${m}`);
  const lead = moved.shape.slice(0, -2);
  const flat = g.reshape(moved, [...lead, n * n]);
  const node = g.slice(
    flat,
    flat.shape.map(() => 0),
    flat.shape,
    [...lead.map(() => 1), n + 1],
  );
  return diagonals(e, { node, axes: [...rest, name] });
}

/** The factors multiplied from the left on, what no later factor and no result names being summed as soon as it can. */
function product(e: Elaborator, factors: readonly Named[], kept: readonly string[]): Named {
  let whole = factors[0];
  for (let i = 1; i < factors.length; i++) {
    const needed = new Set([...kept, ...factors.slice(i + 1).flatMap(({ axes }) => axes)]);
    whole = pair(e, whole, factors[i], needed);
  }
  return summed(e, whole, (name) => kept.includes(name));
}

function summed(e: Elaborator, { node, axes }: Named, needed: (name: string) => boolean): Named {
  const gone = axes.flatMap((name, i) => (needed(name) ? [] : [i]));
  return { node: e.builder.sum(node, gone), axes: axes.filter(needed) };
}

/** Two factors, as a matrix product where they share an axis that goes. */
function pair(e: Elaborator, left: Named, right: Named, needed: ReadonlySet<string>): Named {
  const g = e.builder;
  const a = summed(e, left, (name) => needed.has(name) || right.axes.includes(name));
  const b = summed(e, right, (name) => needed.has(name) || left.axes.includes(name));
  const lengths = new Map<string, number>();
  for (const { node, axes } of [a, b]) {
    for (const [i, name] of axes.entries()) {
      const known = lengths.get(name) ?? 1;
      if (known !== 1 && node.shape[i] !== 1 && known !== node.shape[i]) throw new Fault(`the axis "${name}" has the lengths ${known} and ${node.shape[i]}`);
      lengths.set(name, Math.max(known, node.shape[i]));
    }
  }
  const common = a.axes.filter((name) => b.axes.includes(name));
  const shared = common.filter((name) => needed.has(name));
  const contracted = common.filter((name) => !needed.has(name));
  const [rows, columns] = [a, b].map(({ axes }) => axes.filter((name) => !common.includes(name)));
  const shapeOf = (names: readonly string[]): number[] => names.map((name) => lengths.get(name) as number);
  const count = (names: readonly string[]): number => shapeOf(names).reduce((x, y) => x * y, 1);
  const order = [...shared, ...rows, ...columns];
  if (contracted.length === 0) {
    const aligned = (factor: Named): Node => {
      const own = turned(
        e,
        factor,
        order.filter((name) => factor.axes.includes(name)),
      );
      const lined = g.reshape(
        own.node,
        order.map((name) => (factor.axes.includes(name) ? own.node.shape[own.axes.indexOf(name)] : 1)),
      );
      return g.broadcastTo(lined, shapeOf(order));
    };
    return { node: g.binary('mul', aligned(a), aligned(b)), axes: order };
  }
  const matrix = (factor: Named, names: readonly string[], sizes: readonly number[]): Node =>
    g.reshape(g.broadcastTo(turned(e, factor, names).node, shapeOf(names)), sizes);
  const x = matrix(a, [...shared, ...rows, ...contracted], [count(shared), count(rows), count(contracted)]);
  const y = matrix(b, [...shared, ...contracted, ...columns], [count(shared), count(contracted), count(columns)]);
  return { node: g.reshape(g.matmul(x, y), shapeOf(order)), axes: order };
}
