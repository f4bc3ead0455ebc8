/** The uses of nets and blocks that the user wrote, and what flows between them: for `inspect`. */

import type { Span } from '../../grammar/source.js';
import type { Layer } from '../graph/module.js';
import type { Node, Shape } from '../graph/node.js';
import type { Elaborator } from './elaborator.js';
import { type Frame, numbered } from './scope.js';
import type { Watched } from './statistics.js';
import { type ArgumentValue, logicalShape, type NetValue, type Value } from './values.js';

/** The first call of a net, while it is evaluated: which layer, parameter or call of another net each value came from. */
export interface Tracing {
  readonly net: string;
  readonly sources: Map<Node, string>;
  readonly uses: Map<string, number>;
  /** Uses that have ended: a net declared in a block may be called again. */
  readonly ended: Set<string>;
}

/** Notes a use, before the uses inside it. Only a net's first call is noted: the others share its layers. */
export function noteLayer(e: Elaborator, frame: Frame, args: readonly ArgumentValue[]): void {
  if (!frame.net || frame.optimizer || e.initialising || !frame.callSpan || e.preludeSources.has(frame.callSpan.source) || e.layers.has(frame.weightPath))
    return;
  let depth = 0;
  for (let f = frame.caller; f; f = f.caller) if (f.kind !== 'game') depth++;
  e.layers.set(frame.weightPath, {
    path: frame.weightPath,
    block: frame.name,
    span: frame.callSpan,
    depth,
    parameters: 0,
    inputs: args.flatMap((a) => shapesIn(a.value)),
    output: [],
    from: args.flatMap((a) => sourcesOf(e, a.value)).filter(first),
  });
}

/** A use with nothing of the user's inside is where values come from; of others it is what is inside. */
export function noteOutput(e: Elaborator, frame: Frame, result: Value): void {
  e.tracing?.ended.add(frame.weightPath);
  const layer = e.layers.get(frame.weightPath);
  if (!layer) return;
  e.evaluation.watched?.push(...watchedIn(frame.weightPath, result));
  if (layer.output.length > 0) return;
  e.layers.set(frame.weightPath, { ...layer, output: shapesIn(result) });
  const inside = `${layer.path}.`;
  const steps = e.layers.get(e.tracing?.net ?? '')?.net?.steps ?? [];
  if ([...e.layers.keys()].some((path) => path.startsWith(inside)) || steps.some((step) => `${step.within}.`.startsWith(inside))) return;
  mark(e, result, layer.path);
}

/** Evaluates a net's body, `parameters` bound; follows its values if this is its first call. `result` gives what it returns. */
export function traced(e: Elaborator, net: NetValue, parameters: readonly (readonly [string, Value])[], result: () => Value): Value {
  // A net that is declared in a block belongs to that block's use.
  if (net.path.includes('.')) return result();
  const outer = e.tracing;
  const from = outer ? parameters.flatMap(([, value]) => sourcesOf(e, value)).filter(first) : [];
  const layer = e.layers.get(net.path);
  e.tracing = layer && !layer.net ? { net: net.path, sources: new Map(), uses: new Map(), ended: new Set() } : undefined;
  let value: Value;
  try {
    value = layer && e.tracing ? followed(e, layer, parameters, result) : result();
  } finally {
    e.tracing = outer;
  }
  noteStep(e, net.path, 'net', e.frame.caller?.weightPath ?? '', value, from);
  return value;
}

/** Notes a function of tensors that the user called in a net: `tanh`, `concat`. What depends on no layer or parameter is none of the flow. */
export function noteFunction(e: Elaborator, name: string, args: readonly ArgumentValue[], span: Span, result: Value): void {
  // What `each` folds into the batch flows through the uses inside.
  if (name === 'each' || !e.tracing || e.tracing.ended.has(e.frame.weightPath) || e.preludeSources.has(span.source) || nodesIn(result).length === 0) return;
  const from = args.flatMap((a) => sourcesOf(e, a.value)).filter(first);
  if (from.length > 0) noteStep(e, name, 'function', e.frame.weightPath, result, from);
}

function noteStep(e: Elaborator, name: string, kind: 'net' | 'function', within: string, result: Value, from: readonly string[]): void {
  const { tracing } = e;
  if (!tracing) return;
  const path = numbered(tracing.uses, `${within}>${name}`);
  change(e, tracing.net, (own) => ({ ...own, steps: [...own.steps, { path, within, kind, name, output: shapesIn(result), from }] }));
  mark(e, result, path);
}

function followed(e: Elaborator, layer: Layer, parameters: readonly (readonly [string, Value])[], result: () => Value): Value {
  for (const [name, value] of parameters) mark(e, value, `${layer.path}(${name})`);
  const shapes = parameters.map(([name, value]) => ({ name, shapes: shapesIn(value) })).filter((p) => p.shapes.length > 0);
  e.layers.set(layer.path, { ...layer, from: [], net: { parameters: shapes, ends: [], steps: [] } });
  const value = result();
  change(e, layer.path, (own) => ({ ...own, ends: sourcesOf(e, value).filter(first) }));
  return value;
}

function change(e: Elaborator, net: string, to: (own: NonNullable<Layer['net']>) => NonNullable<Layer['net']>): void {
  const layer = e.layers.get(net);
  if (layer?.net) e.layers.set(net, { ...layer, net: to(layer.net) });
}

function mark(e: Elaborator, value: Value, path: string): void {
  const sources = e.tracing?.sources;
  if (!sources) return;
  for (const result of nodesIn(value)) {
    sources.set(result, path);
    // Simplification looks through reshapes: what is made of the result may be made of what it was reshaped from.
    for (let node = result; node.operation.op === 'reshape' && !sources.has(node.inputs[0]); node = node.inputs[0]) sources.set(node.inputs[0], path);
  }
}

/** The nearest sources that a value was computed from, in the order in which they are met. */
function sourcesOf(e: Elaborator, value: Value): string[] {
  const { tracing } = e;
  if (!tracing) return [];
  const found: string[] = [];
  const seen = new Set<Node>();
  const open = nodesIn(value).reverse();
  for (let node = open.pop(); node; node = open.pop()) {
    if (seen.has(node)) continue;
    seen.add(node);
    const source = tracing.sources.get(node);
    if (source === undefined) open.push(...[...node.inputs].reverse());
    else found.push(source);
  }
  return found;
}

function watchedIn(path: string, value: Value): Watched[] {
  if (value.kind === 'tensor') return [{ path, node: value.node }];
  return value.kind === 'record' ? [...value.fields].flatMap(([name, field]) => watchedIn(`${path}.${name}`, field)) : [];
}

function nodesIn(value: Value): Node[] {
  if (value.kind === 'tensor') return [value.node];
  if (value.kind === 'record') return [...value.fields.values()].flatMap(nodesIn);
  return value.kind === 'list' ? value.items.flatMap(nodesIn) : [];
}

function shapesIn(value: Value): Shape[] {
  if (value.kind === 'tensor') return [logicalShape(value)];
  return value.kind === 'record' ? [...value.fields.values()].flatMap(shapesIn) : [];
}

function first(path: string, at: number, all: readonly string[]): boolean {
  return all.indexOf(path) === at;
}
