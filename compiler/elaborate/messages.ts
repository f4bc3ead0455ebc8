/** Every message of elaboration, with its code: `GAN2000-2999` names and values, `GAN3000-3999` shapes, `GAN4000-4999` the game, its schedule and data. */
export * from './messages/fields.js';
export * from './messages/game.js';
export * from './messages/judges.js';
export * from './messages/names.js';
export * from './messages/schedule.js';
export * from './messages/shapes.js';
export type { Problem } from './messages/words.js';
