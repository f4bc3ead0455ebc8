/** What a message is made of. */
import type { Note } from '../../../grammar/diagnostics.js';
import { suggest } from '../../../grammar/suggest.js';
import type { Shape } from '../../graph/node.js';

export interface Problem {
  readonly code: string;
  readonly message: string;
  readonly label?: string;
  readonly help?: string;
  readonly notes?: readonly Note[];
}

export const shown = (shape: Shape): string => `[${shape.join(', ')}]`;
export const names = (list: Iterable<string>): string => [...list].map((n) => `\`${n}\``).join(', ');
export const meant = (name: string, candidates: Iterable<string>): string | undefined => {
  const nearest = suggest(name, candidates);
  return nearest && `did you mean \`${nearest}\`?`;
};
export const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

/** What is handed over uncalled, as `describe` says it, most often should have been called. */
export const callIt = (what: string): string | undefined => {
  const callable = /^(?:net|block) (\w+)$/.exec(what)?.[1];
  return callable && `call it: \`${callable}(...)\``;
};
