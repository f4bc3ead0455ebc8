/** What a search may draw a spec's hypers from: `hyper width = 16 in [8, 16, 32]`, `in 0.1..0.9`, `in log(1e-5, 1e-3)`. */
import type { Expr, HyperItem } from '../grammar/ast.js';
import { Diagnostics } from '../grammar/diagnostics.js';
import { parse } from '../grammar/parser.js';
import type { Source } from '../grammar/source.js';
import type { CompileOptions } from './compile.js';
import { Elaborator } from './elaborate/elaborator.js';
import { evaluate } from './elaborate/evaluate.js';
import { merge } from './elaborate/merge.js';
import { loadPrelude } from './elaborate/prelude.js';
import type { Value } from './elaborate/values.js';

export type HyperRange = { readonly name: string } & (
  | { readonly kind: 'list'; readonly values: readonly (number | boolean | string)[] }
  /** `whole`: its ends and the spec's own value are whole numbers, and so is what is drawn. */
  | { readonly kind: 'range'; readonly low: number; readonly high: number; readonly whole: boolean }
  | { readonly kind: 'log'; readonly low: number; readonly high: number }
);

/** Those of a spec that compiles, with its parents and the variant, in its order. */
export function hyperRanges(source: Source, options: Pick<CompileOptions, 'variant' | 'resolve'>): HyperRange[] {
  const diagnostics = new Diagnostics();
  const { spec } = merge(parse(source, diagnostics), source, diagnostics, options);
  const { sources, scope } = loadPrelude();
  const e = new Elaborator(diagnostics, sources, scope);
  const found: HyperRange[] = [];
  for (const item of spec.items) {
    if (item.kind !== 'hyper') continue;
    // A range may be written in terms of hypers above it.
    const value = evaluate(e, item.value, e.scope);
    e.scope.names.set(item.name.text, value);
    const range = rangeOf(e, item, value);
    if (range !== undefined) found.push(range);
  }
  return found;
}

function rangeOf(e: Elaborator, { name: { text: name }, choices }: HyperItem, value: Value): HyperRange | undefined {
  if (choices === undefined) return undefined;
  const plain = (expr: Expr): number | boolean | string => {
    const found = evaluate(e, expr, e.scope);
    return found.kind === 'number' || found.kind === 'bool' ? found.value : found.kind === 'string' ? found.text : Number.NaN;
  };
  if (choices.kind === 'list') return { name, kind: 'list', values: choices.items.map(plain) };
  if (choices.kind === 'range') {
    const [low, high] = [Number(plain(choices.from)), Number(plain(choices.to))];
    return { name, kind: 'range', low, high, whole: [low, high, value.kind === 'number' ? value.value : Number.NaN].every(Number.isInteger) };
  }
  if (choices.kind !== 'call') return undefined;
  const [low, high] = choices.args.map((argument) => Number(plain(argument.value)));
  return { name, kind: 'log', low, high };
}
