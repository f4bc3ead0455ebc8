/** What every run of a comparison may use: steps, time or arithmetic. */
import { stepsWithin } from '../../compiler/program/cost.js';
import type { Program } from '../../compiler/program/types.js';
import { suggest } from '../../grammar/suggest.js';
import { RunError } from '../train/errors.js';
import type { Budget } from './results.js';

/** Seconds of the units of time. */
const TIME: Readonly<Record<string, number>> = { seconds: 1, minutes: 60, hours: 3600 };
const UNITS = ['steps', 'flops', ...Object.keys(TIME)];

/** `500 steps`, `5 minutes`, `1e12 flops`. Throws RunError. */
export function readBudget(text: string): Budget {
  const refuse = (reason: string, mend = 'write, for example, --budget "500 steps", "5 minutes" or "1e12 flops"'): never => {
    throw new RunError(`'${text}' is no budget`, reason, mend);
  };
  const match = /^\s*(\d[\d_,]*(?:\.\d+)?(?:e\+?\d+)?)\s*([a-z]*)\s*$/i.exec(text);
  if (match === null) return refuse('a budget is a number and what is counted');
  const amount = Number(match[1].replace(/[_,]/g, ''));
  const word = match[2].toLowerCase();
  if (word === '') return refuse('it does not say of what');
  const unit = UNITS.find((name) => name === word || name.slice(0, -1) === word);
  if (unit === undefined) {
    const near = suggest(word, UNITS);
    return refuse(`there is no unit '${match[2]}': there are ${UNITS.join(', ')}`, near && `did you mean '${near}'?`);
  }
  if (!(amount > 0) || !Number.isFinite(amount)) return refuse('nothing can be trained with it');
  if (unit === 'flops') return { kind: 'flops', flops: amount };
  if (unit !== 'steps') return { kind: 'seconds', seconds: amount * TIME[unit] };
  if (!Number.isSafeInteger(amount)) return refuse('steps are a whole number');
  return { kind: 'steps', steps: amount };
}

/** Steps of a program under a budget; undefined where only time ends it. Throws RunError where it is not enough for one, or never used up. */
export function stepsOf(budget: Budget, program: Program): number | undefined {
  switch (budget.kind) {
    case 'own':
      return program.train?.steps;
    case 'steps':
      return budget.steps;
    case 'seconds':
      return undefined;
    case 'flops': {
      const steps = stepsWithin(program, budget.flops);
      if (steps >= 1 && Number.isFinite(steps)) return steps;
      const reason = steps < 1 ? `one step of ${program.name} needs more` : `steps of ${program.name} have none`;
      throw new RunError(
        `a budget of ${budget.flops.toExponential()} FLOPs ends no training`,
        reason,
        'give another --budget; `ganc inspect` says the FLOPs of a step',
      );
    }
  }
}

/** `500 steps`, `5 minutes`, `1.00e+12 FLOPs`, `the steps of each spec`. */
export function budgetText(budget: Budget): string {
  switch (budget.kind) {
    case 'own':
      return 'the steps of each spec';
    case 'steps':
      return `${budget.steps.toLocaleString('en')} steps`;
    case 'seconds': {
      const [unit, size] = Object.entries(TIME).findLast(([, size]) => budget.seconds >= size && Number.isInteger(budget.seconds / size)) ?? ['seconds', 1];
      const amount = budget.seconds / size;
      return `${amount} ${amount === 1 ? unit.slice(0, -1) : unit}`;
    }
    case 'flops':
      return `${budget.flops.toExponential(2)} FLOPs`;
  }
}
