/** What the commands of a program are for: the layer and the line of the spec that each works for, and in which part of an update. For profiles. */
import { position, type Source, type Span } from '../../grammar/source.js';
import type { Module } from '../graph/module.js';
import { type GraphFunction, type Node, type OpName, roots, topological } from '../graph/node.js';
import { prelude } from '../prelude/text.js';
import type { Command } from '../program/types.js';
import type { Trace } from './entry.js';
import type { Lowered } from './lower.js';

/** `forward`: what losses, reports, states and shared bindings are computed from. `backward`: what else gradients are. `optimizer`: what follows them. */
export type Phase = 'forward' | 'backward' | 'optimizer';

export interface Purpose {
  readonly phase: Phase;
  /** `gan.gan:12`: of the layer's call, or of the formula; absent of what is not in the user's text, such as an optimizer's. */
  readonly place?: string;
}

/** What a kernel does at most one of, or several alike. */
const ANCHORS: ReadonlySet<OpName> = new Set(['matmul', 'conv', 'sum', 'max']);

/** The line of the spec that a weight's, result's or command's path belongs to: that of the innermost layer in it. */
export function placesOf(module: Module): (path: string) => string | undefined {
  const layers = layersOf(module);
  return (path) => {
    const span = layerOf(layers, path);
    return span && placeOf(span);
  };
}

function layersOf(module: Module): Map<string, Span> {
  return new Map(module.layers.map((layer) => [layer.path, layer.span]));
}

/** The purpose of every command of the program. */
export function purposes(module: Module, { program, entries }: Lowered): Map<Command, Purpose> {
  const layers = layersOf(module);
  const ours = new Set<Source>(prelude);
  const kinds = new Map(module.variables.map(({ name, kind }) => [name, kind]));
  const found = new Map<Command, Purpose>();
  entries.forEach(({ fn, traces }, i) => {
    const phase = phasesOf(fn, (variable) => kinds.get(variable) === 'optimizer');
    program.entries[i].commands.forEach((command, place) => {
      const own = insideOf(traces[place]);
      const label = command.kind === 'dispatch' ? command.label : undefined;
      const labelled = own.filter(({ origin }) => origin.path === label);
      // A kernel is named after its product or sum; what it writes may be the beginning of the next layer, or of the way back.
      const node = labelled.find(({ operation }) => ANCHORS.has(operation.op)) ?? labelled[labelled.length - 1] ?? own[own.length - 1];
      const span = layerOf(layers, label ?? node.origin.path ?? '') ?? theirs(labelled, ours);
      found.set(command, { phase: phase(node), ...(span && { place: placeOf(span) }) });
    });
  });
  return found;
}

/** The phase of each node of a function. */
function phasesOf(fn: GraphFunction, isOptimizers: (variable: string) => boolean): (node: Node) => Phase {
  const updated = new Set<Node>();
  const packs: Node[] = [];
  for (const node of topological(roots(fn))) {
    if (node.operation.op === 'pack') packs.push(node);
    if (node.operation.op === 'pack' || node.inputs.some((input) => updated.has(input))) updated.add(node);
  }
  const told = fn.outputs.filter(({ name, node }) => !updated.has(node) && !name.startsWith('grad.')).map(({ node }) => node);
  const states = fn.stores.filter(({ variable, node }) => !isOptimizers(variable) && !updated.has(node)).map(({ node }) => node);
  const forward = new Set(topological([...told, ...states]));
  const gradient = new Set(topological(packs));
  return (node) => (forward.has(node) ? 'forward' : !updated.has(node) && gradient.has(node) ? 'backward' : 'optimizer');
}

/** The innermost use of a net or block that holds the label. A net itself is called in several places, and its own lines say more. */
function layerOf(layers: ReadonlyMap<string, Span>, label: string): Span | undefined {
  for (let path = label; path.includes('.'); path = path.slice(0, path.lastIndexOf('.'))) {
    const span = layers.get(path);
    if (span) return span;
  }
  return undefined;
}

/** The first of the user's formulas among nodes. */
function theirs(nodes: readonly Node[], ours: ReadonlySet<Source>): Span | undefined {
  return nodes.flatMap(({ origin: { span } }) => (span && !ours.has(span.source) ? [span] : []))[0];
}

/** What a command computes: all that its results are made of, down to what it reads. Of a copy, what it copies. */
export function insideOf({ reads, writes }: Trace): Node[] {
  const written = writes.map(({ node }) => node);
  const ends = new Set(reads.map(({ node }) => node).filter((node) => !written.includes(node)));
  return topological(written, ends).filter((node) => !ends.has(node));
}

function placeOf({ source, start }: Span): string {
  return `${source.name}:${position(source, start).line}`;
}
