/** What a spec declares and nothing uses: weights that no result depends on or no gradient reaches, and nets that nothing calls. */
import type { Span } from '../../grammar/source.js';
import { type Node, topological } from '../graph/node.js';
import type { Declared, Elaborator } from './elaborator.js';
import type { Problem } from './messages.js';
import type { Frame } from './scope.js';
import type { Items } from './spec.js';
import { averageName } from './update.js';
import * as warnings from './warnings.js';

/** A use of a block, or a statement, that declares weights. */
interface Use {
  /** `G.linear#2`. */
  readonly path: string;
  readonly span: Span;
  /** In which it is written. */
  readonly frame: Frame;
  /** A weight that the user declares, and no block of the prelude. */
  readonly own: boolean;
}

/** Call it when everything has been evaluated without an error. `owned` are the weights of each player. */
export function checkUnused(e: Elaborator, items: Items, owned: ReadonlyMap<string, readonly Declared[]>, variant: boolean): void {
  const weights = [...e.declared.values()].filter((d) => d.kind === 'weight');
  const read = weightsRead(e);
  const dead = weights.filter((w) => !read.has(w.name));
  for (const [net, uses] of byNet(e, dead)) {
    // What comes last takes with it what feeds it alone.
    const [last, ...others] = uses.reverse();
    const notes = others.map(({ path, span }) => ({ message: `neither are those of \`${path}\``, span }));
    report(e, last, last.own ? warnings.unusedWeight(last.path, net, notes) : warnings.unusedUse(last.path, net, notes), 'error');
  }
  for (const [player, own] of owned) {
    const still = own.filter((w) => read.has(w.name) && !e.noted.moved.has(w.name));
    for (const [net, uses] of byNet(e, still)) {
      const whole = own.every((w) => w.owner !== net || still.includes(w));
      const item = items.nets.get(net)?.item;
      // A parent's nets, or those of the spec that this is a variant of, may be more than it wants.
      if (whole && item) {
        if (!variant) e.fail(item.name.span, warnings.unmovedNet(net, player), 'warning');
      } else {
        const [last, ...others] = uses.reverse();
        const notes = others.map(({ path, span }) => ({ message: `neither are those of \`${path}\``, span }));
        report(e, last, warnings.unmovedWeights(last.path, player, notes), 'warning');
      }
    }
  }
  if (!items.game) return;
  const { source } = items.game.span;
  for (const [name, { item }] of items.nets)
    if (!e.callers.has(name) && item.span.source === source && !variant) e.fail(item.name.span, warnings.uncalledNet(name), 'warning');
}

/** The weights that the result of a net is computed from, or what a state becomes that a result reads. */
function weightsRead(e: Elaborator): Set<string> {
  const average = averageName('');
  const read = new Set<string>();
  const visit = (nodes: readonly Node[]): void => {
    for (const { operation } of topological(nodes)) {
      if (operation.op !== 'variable') continue;
      const name = operation.name.startsWith(average) ? operation.name.slice(average.length) : operation.name;
      if (read.has(name)) continue;
      read.add(name);
      visit(e.noted.advances.get(name) ?? []);
    }
  };
  visit([...e.noted.results.keys()]);
  return read;
}

/** The uses, as the user wrote them, all of whose weights are in `weights`, by the net that they are in. */
function byNet(e: Elaborator, weights: readonly Declared[]): Map<string, Use[]> {
  const nets = new Map<string, Use[]>();
  const others = new Set([...e.declared.values()].filter((d) => d.kind === 'weight' && !weights.includes(d)).map((d) => useOf(e, d).path));
  for (const weight of weights) {
    const use = useOf(e, weight);
    const uses = nets.get(weight.owner) ?? [];
    if (others.has(use.path) || uses.some(({ path }) => path === use.path)) continue;
    nets.set(weight.owner, [...uses, use]);
  }
  return nets;
}

function useOf(e: Elaborator, weight: Declared): Use {
  let path = weight.name;
  let { span, frame } = weight;
  while (e.preludeSources.has(span.source) && frame.callSpan && frame.caller) {
    path = frame.weightPath;
    span = frame.callSpan;
    frame = frame.caller;
  }
  return { path, span, frame, own: path === weight.name };
}

function report(e: Elaborator, { span, frame }: Use, problem: Problem, severity: 'error' | 'warning'): void {
  e.within({ frame }, () => e.fail(span, problem, severity));
}
