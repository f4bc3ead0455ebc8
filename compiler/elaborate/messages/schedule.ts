/** `every`, phases, `accumulate` and `start`: GAN403x, GAN4048, GAN4075. */
import type { Problem } from './words.js';

export const everyOutside = (): Problem => ({
  code: 'GAN4030',
  message: '`every` counts the updates of a player, and this is not part of an objective',
  label: 'no update here',
  help: 'write it in the game, in a line with `minimizes` or `maximizes`, or in what such a line reads',
});
export const settingTwice = (name: string): Problem => ({
  code: 'GAN4031',
  message: `\`train\` says \`${name}\` twice`,
  label: 'said before',
  help: 'take one of the two out',
});
export const phasesTooLong = (phases: number, steps: number): Problem => ({
  code: 'GAN4032',
  message: `the phases have ${phases} steps, and the whole training ${steps}`,
  label: 'too long',
  help: `\`steps\` counts those of the phases too: write \`steps ${phases}\` or more`,
});
export const nothingAfterPhases = (phases: number, steps: number): Problem => ({
  code: 'GAN4033',
  message: `the phases end after ${phases} of ${steps} steps, and then no player moves`,
  help: `write \`steps ${phases}\`, or the players' lines for the rest`,
});
export const countTooSmall = (what: string, count: number, least: number): Problem => ({
  code: 'GAN4075',
  message: `${what} is ${count}`,
  label: 'too small',
  help: `a whole number from ${least}`,
});
export const notInPhase = (what: string): Problem => ({
  code: 'GAN4034',
  message: `a phase lists the players that move, and this is ${what}`,
  help: 'as in `phase warm steps 500 { D with adam(lr: 2e-4) }`',
});
export const accumulateShared = (name: string): Problem => ({
  code: 'GAN4035',
  message: `\`shared ${name}\` is evaluated once a step, and \`accumulate\` wants several batches in a step`,
  help: 'leave one of the two out',
});
export const startFile = (what: string): Problem => ({
  code: 'GAN4048',
  message: `\`start\` names a file of weights, and this is ${what}`,
  help: 'as in `start "gan.safetensors"`, which `ganc export RUN -o gan.safetensors` writes; it is looked for beside the spec',
});
export const idleUpdates = (player: string): Problem => ({
  code: 'GAN4036',
  message: `the objective of ${player} is nothing but \`every\`, so in most updates there is nothing to move`,
  help: 'take a term out of `every`, or let the player move less often',
});
