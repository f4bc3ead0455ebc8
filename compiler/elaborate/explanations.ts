/**
 * What is behind each message of `messages.ts`, by its code: for `ganc explain`. The syntax messages carry theirs with them (`grammar/messages.ts`).
 * `wrong` gives this code first when compiled and `right` gives no message, in the frame of what they leave out: a test holds every entry to that.
 */
import { checks } from './explanations/checks.js';
import { fields } from './explanations/fields.js';
import { game } from './explanations/game.js';
import { judges } from './explanations/judges.js';
import { names } from './explanations/names.js';
import { schedule } from './explanations/schedule.js';
import { shapes } from './explanations/shapes.js';

export interface Explanation {
  /** What the mistake is and why the language has it so; its first sentence stands for it in a list. */
  readonly about: string;
  /** A spec, or as much of one as matters. A first line that is a comment says how it is called, where that matters. */
  readonly wrong: string;
  readonly right: string;
}

export const explanations: Readonly<Record<string, Explanation>> = { ...names, ...shapes, ...game, ...schedule, ...fields, ...judges, ...checks };
