/**
 * Calls of nets that evaluations of one kind share. An update by `every` is evaluated once for each set of periods that can be due, and metrics one after
 * the other over the same draws: there a net is mostly called on what it has been called on before, and its result is the same nodes.
 */
import type { Node } from '../graph/node.js';
import type { Elaborator, Evaluation } from './elaborator.js';
import type { Frame } from './scope.js';
import type { ArgumentValue, NetValue, Value } from './values.js';

interface Call {
  readonly net: NetValue;
  readonly args: readonly ArgumentValue[];
  readonly before: Moment;
  readonly after: Moment;
  readonly result: Value;
}

/** What a call reads and changes of its evaluation. */
interface Moment {
  readonly calls: ReadonlyMap<string, number>;
  readonly advanced: ReadonlyMap<string, Node>;
}

/** By path of the call's draws. Evaluations that share one differ in nothing but what is due. */
export type Remembered = Map<string, Call>;

/** The result of an equal call before, whose states advance again; else that of `work`. */
export function remembered(e: Elaborator, net: NetValue, frame: Frame, args: readonly ArgumentValue[], work: () => Value): Value {
  const { evaluation } = e;
  const { remembered: calls } = evaluation;
  // A net that is declared in a block belongs to that block's use, a net's first call shows its layers, and statistics want each layer's output anew.
  if (!calls || evaluation.watched || e.tracing || net.path.includes('.') || (!net.defaults && frame.defaults.size > 0)) return work();
  const before = momentOf(evaluation);
  const known = calls.get(frame.drawPath);
  if (known && known.net.path === net.path && known.net.defaults === net.defaults && sameArguments(known.args, args) && sameMoment(known.before, before)) {
    for (const [name, count] of known.after.calls) evaluation.calls.set(name, count);
    for (const [name, node] of known.after.advanced) evaluation.advanced.set(name, node);
    return known.result;
  }
  const asked = evaluation.periods?.asked;
  const result = work();
  if (result.kind !== 'poison' && evaluation.periods?.asked === asked) calls.set(frame.drawPath, { net, args, before, after: momentOf(evaluation), result });
  return result;
}

function momentOf({ calls, advanced }: Evaluation): Moment {
  return { calls: new Map(calls), advanced: new Map(advanced) };
}

function sameMoment(a: Moment, b: Moment): boolean {
  return sameEntries(a.calls, b.calls) && sameEntries(a.advanced, b.advanced);
}

function sameEntries<T>(a: ReadonlyMap<string, T>, b: ReadonlyMap<string, T>): boolean {
  return a.size === b.size && [...a].every(([key, value]) => b.get(key) === value);
}

function sameArguments(a: readonly ArgumentValue[], b: readonly ArgumentValue[]): boolean {
  return a.length === b.length && a.every((argument, i) => argument.name === b[i].name && sameValue(argument.value, b[i].value));
}

/** Whether they are surely the same. */
function sameValue(a: Value, b: Value): boolean {
  if (a === b) return true;
  if (a.kind === 'tensor' && b.kind === 'tensor') return a.node === b.node && a.batched === b.batched && a.type === b.type;
  if (a.kind === 'number' && b.kind === 'number') return a.value === b.value && a.exact === b.exact;
  if (a.kind === 'draw' && b.kind === 'draw') return a.made !== undefined && b.made !== undefined && sameValue(a.made, b.made);
  return false;
}
