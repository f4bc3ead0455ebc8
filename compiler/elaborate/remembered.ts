/**
 * Calls of nets that evaluations of one kind share. An update by `every` is evaluated once for each set of periods that can be due, samples and metrics one
 * after the other over the same draws: there a net is mostly called on what it has been called on before, and its result is the same nodes.
 */
import type { Node } from '../graph/node.js';
import type { Elaborator, Evaluation } from './elaborator.js';
import type { Frame } from './scope.js';
import type { ArgumentValue, NetValue, Value } from './values.js';

interface Call {
  readonly args: readonly ArgumentValue[];
  readonly defaults: NetValue['defaults'];
  /** The path of the call's draws; absent where it draws nothing, so that only its arguments and the states matter. */
  readonly draws?: string;
  readonly before: Moment;
  /** By how much each net's calls have become more. */
  readonly calls: ReadonlyMap<string, number>;
  readonly advanced: ReadonlyMap<string, Node>;
  readonly result: Value;
}

/** What a call reads of its evaluation. */
interface Moment {
  readonly calls: ReadonlyMap<string, number>;
  readonly advanced: ReadonlyMap<string, Node>;
}

/** By the net's path. Evaluations that share one differ in nothing but what is due. */
export type Remembered = Map<string, Call[]>;

/** The result of an equal call before, whose states advance again; else that of `work`. */
export function remembered(e: Elaborator, net: NetValue, frame: Frame, args: readonly ArgumentValue[], work: () => Value): Value {
  const { evaluation } = e;
  // A net that is declared in a block belongs to that block's use, a net's first call shows its layers, and statistics want each layer's output anew.
  if (!evaluation.remembered || evaluation.watched || e.tracing || net.path.includes('.') || (!net.defaults && frame.defaults.size > 0)) return work();
  const known = evaluation.remembered.get(net.path) ?? [];
  const before = momentOf(evaluation);
  const call = known.find((other) => other.defaults === net.defaults && sameArguments(other.args, args) && sameMoment(other, before, frame.drawPath));
  if (call) {
    for (const [name, more] of call.calls) evaluation.calls.set(name, (evaluation.calls.get(name) ?? 0) + more);
    for (const [name, node] of call.advanced) evaluation.advanced.set(name, node);
    return call.result;
  }
  const asked = evaluation.periods?.asked;
  const { draws } = e;
  const result = work();
  if (result.kind === 'poison' || evaluation.periods?.asked !== asked) return result;
  const calls = new Map([...evaluation.calls].map(([name, count]) => [name, count - (before.calls.get(name) ?? 0)]));
  const drawn = e.draws === draws && !drawsLater(result) ? {} : { draws: frame.drawPath };
  evaluation.remembered.set(net.path, [...known, { args, defaults: net.defaults, ...drawn, before, calls, advanced: new Map(evaluation.advanced), result }]);
  return result;
}

function momentOf({ calls, advanced }: Evaluation): Moment {
  return { calls: new Map(calls), advanced: new Map(advanced) };
}

/** Draws in nets that a call calls are named after how often those have been called. */
function sameMoment({ draws, before }: Call, now: Moment, path: string): boolean {
  return sameEntries(before.advanced, now.advanced) && (draws === undefined || (draws === path && sameEntries(before.calls, now.calls)));
}

function sameEntries<T>(a: ReadonlyMap<string, T>, b: ReadonlyMap<string, T>): boolean {
  return a.size === b.size && [...a].every(([key, value]) => b.get(key) === value);
}

function sameArguments(a: readonly ArgumentValue[], b: readonly ArgumentValue[]): boolean {
  return a.length === b.length && a.every((argument, i) => argument.name === b[i].name && sameValue(argument.value, b[i].value));
}

/** Whether a draw that is not made yet is handed on. */
function drawsLater(value: Value): boolean {
  if (value.kind === 'draw') return !value.made;
  if (value.kind === 'list') return value.items.some(drawsLater);
  return value.kind === 'record' && [...value.fields.values()].some(drawsLater);
}

/** Whether they are surely the same. */
function sameValue(a: Value, b: Value): boolean {
  if (a === b) return true;
  if (a.kind === 'tensor' && b.kind === 'tensor') return a.node === b.node && a.batched === b.batched && a.type === b.type;
  if (a.kind === 'number' && b.kind === 'number') return a.value === b.value && a.exact === b.exact;
  if (a.kind === 'draw' && b.kind === 'draw') return a.made !== undefined && b.made !== undefined && sameValue(a.made, b.made);
  return false;
}
