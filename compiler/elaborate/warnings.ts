/** Messages of what is no mistake and hardly meant: values outside of a domain, fakes in another range than the data, what is never used, weights shared by the rounds of a loop. */
import type { Note } from '../../grammar/diagnostics.js';
import type { Problem } from './messages.js';

const domainHelp = (name: string): string => {
  if (name === 'log') return '`log(sigmoid(a))` and `log(softmax(a))` are safe for any `a`';
  if (name === 'log1p') return '`log1p(v)` is the log of 1 + v: it takes what is above -1';
  if (name === 'rsqrt') return 'square first, or hold it above 0: `rsqrt(max(v, 0) + 1e-8)`';
  return 'square first, or hold it at 0: `max(v, 0)`; the length of a vector is `norm(v)`';
};
const takes = (name: string): string => {
  if (name === 'log' || name === 'rsqrt') return `\`${name}\` takes numbers above 0`;
  if (name === 'log1p') return '`log1p` takes numbers above -1';
  return `${name === 'sqrt' ? '`sqrt`' : `a power that is no whole number (\`${name}\`)`} takes numbers from 0 up`;
};
const below = (name: string): string => (name === 'log1p' ? 'lower' : 'negative');

export const outsideOfDomain = (name: string, range: string): Problem => ({
  code: 'GAN2050',
  message: `${takes(name)}, and this may be ${below(name)}`,
  label: range,
  help: domainHelp(name),
});
export const netOutsideOfDomain = (name: string, net: string, range: string, notes: readonly Note[]): Problem => ({
  code: 'GAN2050',
  message: `${takes(name)}, and with what \`${net}\` returns this may be ${below(name)}`,
  label: range,
  help: name === 'log' ? `end \`${net}\` in \`sigmoid\`, or take a loss on scores: \`logistic\`, \`hinge\` or \`wasserstein\`` : domainHelp(name),
  notes,
});
export const infiniteAt = (name: string, at: number): Problem => ({
  code: 'GAN2051',
  message: `\`${name}(${at})\` is infinite, and this is often exactly ${at}`,
  label: `often ${at}`,
  help: `add a small number: \`${name}(v + 1e-8)\``,
});
export const fakeRange = (net: string, made: string, data: string, wanted: string, tanh: boolean, notes: Problem['notes']): Problem => ({
  code: 'GAN4070',
  message: `what \`${net}\` makes is ${made}, and ${data} ${wanted}`,
  label: made,
  help: tanh ? `end \`${net}\` in \`tanh\`` : `bring what \`${net}\` makes to ${wanted}`,
  notes,
});
export const unusedUse = (path: string, net: string, notes: readonly Note[]): Problem => ({
  code: 'GAN4071',
  message: `the weights of \`${path}\` are never used: what \`${net}\` returns does not depend on them`,
  label: 'its result goes nowhere',
  help: 'use its result in what follows, or take it out',
  notes,
});
export const unusedWeight = (path: string, net: string, notes: readonly Note[]): Problem => ({
  code: 'GAN4071',
  message: `the weight \`${path}\` is never used: what \`${net}\` returns does not depend on it`,
  label: 'never used',
  help: 'use it, or take it out',
  notes,
});
export const unmovedNet = (net: string, player: string): Problem => ({
  code: 'GAN4072',
  message: `no update moves \`${net}\`: the objective of ${player} has no gradient for its weights`,
  label: 'keeps its first weights',
  help: 'behind `stop`, or in a report alone, a value has no gradient',
});
export const unmovedWeights = (path: string, player: string, notes: readonly Note[]): Problem => ({
  code: 'GAN4072',
  message: `no update moves the weights of \`${path}\`: the objective of ${player} has no gradient for them`,
  label: 'keeps its first weights',
  help: 'behind `stop`, or in a report alone, a value has no gradient',
  notes,
});
export const uncalledNet = (net: string): Problem => ({
  code: 'GAN4073',
  message: `nothing calls net \`${net}\``,
  label: 'never used',
  help: 'call it in the game, or take it out',
});
export const sharedWeight = (name: string): Problem => ({
  code: 'GAN4074',
  message: `\`${name}\` is one weight in all rounds of this \`for\``,
  label: 'declared in the first round, the same in the others',
  help: `for one in each round, declare it in a block that the round calls; for one in all of them, declare it before the \`for\``,
});
