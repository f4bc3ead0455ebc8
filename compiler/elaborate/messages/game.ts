/** The game, its schedule, data and samples: GAN4000-4999. */
import type { Note } from '../../../grammar/diagnostics.js';
import { callIt, meant, names, type Problem } from './words.js';

export const notAScalar = (player: string, what: string): Problem => ({
  code: 'GAN4001',
  message: `the objective of ${player} is one number, and this is ${what}`,
  label: 'not a scalar',
  help: 'average over examples and elements: `E[...]`',
});
export const unknownPlayer = (name: string, known: readonly string[]): Problem => ({
  code: 'GAN4002',
  message: `no player is called \`${name}\``,
  help: meant(name, known) ?? (known.length > 0 ? `the players are ${names(known)}` : undefined),
});
export const noNetOfPlayer = (name: string, nets: readonly string[]): Problem => ({
  code: 'GAN4003',
  message: `player \`${name}\` moves no net: there is no net of that name`,
  help: meant(name, nets) ?? `say which nets it moves: \`player ${name} = ${nets[0] ?? 'Net'}\``,
});
export const secondObjective = (player: string, first: Note): Problem => ({
  code: 'GAN4004',
  message: `${player} has two objectives`,
  label: 'second objective',
  help: 'add them up in one line',
  notes: [first],
});
export const neverTrained = (player: string): Problem => ({
  code: 'GAN4005',
  message: `${player} has an objective, and no line of \`train\` moves it`,
  help: `add \`${player} with adam(lr: 2e-4)\``,
});
export const noObjective = (player: string): Problem => ({
  code: 'GAN4006',
  message: `\`train\` moves ${player}, and the game gives it no objective`,
  help: `add \`${player} minimizes ...\` to the game`,
});
export const twoOwners = (net: string, a: string, b: string, first: Note): Problem => ({
  code: 'GAN4007',
  message: `net \`${net}\` is moved by two players, ${a} and ${b}`,
  label: `moved by ${b}`,
  help: `one player moves a net, and any may call it: take \`${net}\` out of one of the two lines`,
  notes: [first],
});
export const noOwner = (net: string, callers: readonly string[]): Problem => ({
  code: 'GAN4008',
  message: `no player moves net \`${net}\`, which has weights`,
  help:
    callers.length > 0
      ? `it is reached from ${callers.map((caller) => (caller === 'game' ? 'the game' : `\`${caller}\``)).join(', ')}: say who moves it, such as \`player ${callers[0] === 'game' ? 'G' : callers[0]} = ${callers[0] === 'game' ? 'G' : callers[0]}, ${net}\``
      : undefined,
});
export const readsNothing = (player: string): Problem => ({
  code: 'GAN4009',
  message: `the objective of ${player} has no gradient for any weight that ${player} moves`,
  label: 'nothing to learn here',
  help: `call a net of ${player} in it; behind \`stop\` or a comparison nothing is learned`,
});
export const gradUnreached = (): Problem => ({
  code: 'GAN4010',
  message: 'the first value does not depend on the second, so the gradient is zero',
  label: 'not reached',
  help: 'bind the value first, and call the net on that very name: `mix = ...`, `grad(D(mix), mix)`',
});
export const settingMissing = (name: string, example: string): Problem => ({
  code: 'GAN4011',
  message: `\`train\` says no \`${name}\``,
  help: `add \`${example}\``,
});
export const unknownSetting = (name: string, known: readonly string[]): Problem => ({
  code: 'GAN4012',
  message: `\`train\` knows no \`${name}\``,
  help: meant(name, known) ?? `it knows ${names(known)}`,
});
export const optionAsSetting = (name: string): Problem => ({
  code: 'GAN4012',
  message: `\`train\` has no \`${name}\` of its own`,
  help: `it is an option of a player, after a comma on the player's line: \`G with adam(lr: 2e-4), ${name} value\``,
});
export const settingAsOption = (name: string): Problem => ({
  code: 'GAN4012',
  message: `a player's line has no \`${name}\``,
  help: `it is of the whole training: write \`${name} value\` on a line of its own`,
});
export const onlyOnce = (what: string): Problem => ({
  code: 'GAN4013',
  message: `a spec has one \`${what}\``,
  label: 'second one',
  help: 'put all its lines into one',
});
export const unknownType = (name: string, known: readonly string[]): Problem => ({
  code: 'GAN4014',
  message: `there is no field type \`${name}\``,
  help: meant(name, known) ?? `types are ${names(known)}`,
});
export const typeForm = (name: string, form: string): Problem => ({ code: 'GAN4015', message: `\`${name}\` is written ${form}` });
export const untypedParam = (net: string, param: string): Problem => ({
  code: 'GAN4016',
  message: `the shape of \`${param}\` of net \`${net}\` is not known`,
  help: `give it one: \`net ${net}(${param}: [3, 8])\``,
});
export const unknownNet = (name: string, nets: readonly string[]): Problem => ({
  code: 'GAN4017',
  message: `this spec has no net \`${name}\``,
  help: meant(name, nets) ?? (nets.length > 0 ? `its nets are ${names(nets)}` : undefined),
});
export const movedBeforeUse = (binding: string, player: string): Problem => ({
  code: 'GAN4018',
  message: `\`shared ${binding}\` would be used after ${player} has moved a net in it`,
  help: `let ${player} come last in \`train\`, or bind it without \`shared\``,
});
export const notAnOptimizer = (name: string): Problem => ({
  code: 'GAN4021',
  message: `\`${name}\` is not an optimizer: one takes the weights and their gradient, and returns new weights`,
  help: 'such as `adam(lr: 2e-4)` or `sgd(lr: 0.01)`',
});
export const batchedObjective = (player: string): Problem => ({
  code: 'GAN4023',
  message: `the objective of ${player} has one value for each example`,
  label: 'batched',
  help: 'average over examples: `E[...]`',
});
export const unusedBinding = (name: string): Problem => ({
  code: 'GAN4024',
  message: `nothing reads \`${name}\``,
  label: 'never used',
  help: 'read it in an objective or report, or take it out',
});
export const averageDecay = (what: string): Problem => ({
  code: 'GAN4025',
  message: `the decay of an average is a number from 0 to below 1, or made of \`step\`, and this is ${what}`,
  help: 'such as `average 0.999`',
});
export const updatedTwice = (player: string): Problem => ({
  code: 'GAN4026',
  message: `${player} has two lines in \`train\``,
  help: `for several updates in a row write \`${player} with ..., times 5\``,
});
export const sampleValue = (what: string): Problem => ({
  code: 'GAN4027',
  message: `a sample is a value for each example, or a record of them, and this is ${what}`,
  help: callIt(what) ?? 'such as `sample digit = G(z)`',
});
export const unknownVariant = (name: string, known: readonly string[]): Problem => ({
  code: 'GAN4029',
  message: `this spec has no variant \`${name}\``,
  help: meant(name, known) ?? (known.length > 0 ? `its variants are ${names(known)}` : 'it declares none'),
});
