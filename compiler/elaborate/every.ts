/** `every(n, e)`: n * e in each n-th update of a player, else neither computed nor added (lazy regularisation, Karras et al. 2020, section 3.1). */
import type { CallExpr } from '../../grammar/ast.js';
import { binary } from './arithmetic.js';
import type { Elaborator } from './elaborator.js';
import { evaluate } from './evaluate.js';
import * as messages from './messages.js';
import type { Rests } from './names.js';
import type { Scope } from './scope.js';
import { sizeOf } from './sizes.js';
import { number, POISON, type Value } from './values.js';

/** Which periods count as due in an evaluation of an update, and those that it met. */
export interface Periods {
  readonly due: (period: number) => boolean;
  readonly met: Set<number>;
  /** How often they have been asked for. */
  asked: number;
}

export function isEvery(call: CallExpr, scope: Scope): boolean {
  return call.callee.kind === 'name' && call.callee.name === 'every' && !scope.find('every');
}

/** The call is a form of its own: its second argument is looked at only where it is due. */
export function evaluateEvery(e: Elaborator, call: CallExpr, scope: Scope): Value {
  const [period, value] = call.args;
  if (call.args.length !== 2 || period.name || value.name) return e.fail(call.span, messages.typeForm('every', '`every(16, value)`'));
  const n = sizeOf(e, evaluate(e, period.value, scope), period.value.span);
  if (n === undefined) return POISON;
  const { periods } = e.evaluation;
  if (!periods) return e.fail(call.span, messages.everyOutside());
  periods.met.add(n);
  periods.asked++;
  if (!periods.due(n)) return number(0);
  return binary(e, '*', number(n), e.force(evaluate(e, value.value, scope)), call.span);
}

/** The calls of `every` in the lines of a game that rest in this evaluation: what only they read is not computed. */
export function resting(e: Elaborator, scope: Scope): Rests {
  const { periods } = e.evaluation;
  return (call) => {
    if (!periods || call.args.length !== 2 || !isEvery(call, scope)) return false;
    const period = evaluate(e, call.args[0].value, scope);
    return period.kind === 'number' && !periods.due(period.value);
  };
}

/** Every set of `periods` that can be due in one update, largest first. Update 0 has them all. */
export function dueTogether(periods: ReadonlySet<number>): number[][] {
  const sorted = [...periods].sort((a, b) => a - b);
  const sets: number[][] = [[]];
  for (const n of sorted) for (const set of [...sets]) sets.push([...set, n]);
  const divisor = (a: number, b: number): number => (b === 0 ? a : divisor(b, a % b));
  return sets
    .filter((set) => {
      const together = set.reduce((a, b) => (a / divisor(a, b)) * b, 1);
      return sorted.every((n) => set.includes(n) || together % n !== 0);
    })
    .sort((a, b) => b.length - a.length);
}
