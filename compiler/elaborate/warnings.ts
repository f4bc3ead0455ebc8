/** Messages of the checks at the end of elaboration: values outside of a domain, fakes in another range than the data, what is never used. */
import type { Note } from '../../grammar/diagnostics.js';
import type { Problem } from './messages.js';

const domainHelp = (name: string): string => {
  if (name === 'log') return '`log(sigmoid(a))` and `log(softmax(a))` are safe for any `a`';
  if (name === 'log1p') return '`log1p(v)` is the log of 1 + v: it takes what is above -1';
  if (name === 'rsqrt') return 'square first, or hold it above 0: `rsqrt(max(v, 0) + 1e-8)`';
  return 'square first, or hold it at 0: `max(v, 0)`; the length of a vector is `norm(v)`';
};
const ofFunction = (name: string): string => (name.startsWith('^') ? `a power (\`${name}\`)` : `\`${name}\``);

export const outsideOfDomain = (name: string, least: number, range: string): Problem => ({
  code: 'GAN2050',
  message: `${ofFunction(name)} of what may be ${least === 0 ? 'negative' : `below ${least}`} is not a number there`,
  label: range,
  help: domainHelp(name),
});
export const netOutsideOfDomain = (name: string, net: string, range: string, notes: readonly Note[]): Problem => ({
  code: 'GAN2050',
  message: `${ofFunction(name)} of what may be negative is not a number there: \`${net}\` has no bound below`,
  label: range,
  help: name === 'log' ? `end \`${net}\` in \`sigmoid\`, or take a loss on scores: \`logistic\`, \`hinge\` or \`wasserstein\`` : domainHelp(name),
  notes,
});
export const infiniteAt = (name: string, at: number): Problem => ({
  code: 'GAN2051',
  message: `${ofFunction(name)} of what is often exactly ${at} is infinite there`,
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
export const unusedWeights = (path: string, net: string, notes: readonly Note[]): Problem => ({
  code: 'GAN4071',
  message: `\`${path}\` is never used: what \`${net}\` returns does not depend on it`,
  label: 'its result goes nowhere',
  help: 'take it out, or give its result a name and use that',
  notes,
});
export const unmovedNet = (net: string, player: string): Problem => ({
  code: 'GAN4072',
  message: `no update moves \`${net}\`: the objective of ${player} has no gradient for its weights`,
  label: 'keeps its first weights',
  help: 'a value behind `stop`, times 0, or in a report alone has no gradient',
});
export const unmovedWeights = (path: string, player: string, notes: readonly Note[]): Problem => ({
  code: 'GAN4072',
  message: `no update moves the weights of \`${path}\`: the objective of ${player} has no gradient for them`,
  label: 'keeps its first weights',
  help: 'a value behind `stop`, times 0, or in a report alone has no gradient',
  notes,
});
export const uncalledNet = (net: string): Problem => ({
  code: 'GAN4073',
  message: `nothing calls net \`${net}\``,
  label: 'never used',
  help: 'call it in the game, or take it out',
});
