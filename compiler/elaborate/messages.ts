/** Every message of elaboration, with its code: `GAN2xxx` names and values, `GAN3xxx` shapes, `GAN4xxx` the game, its schedule and data. */
export * from './messages/fields.js';
export * from './messages/game.js';
export * from './messages/judges.js';
export * from './messages/names.js';
export * from './messages/schedule.js';
export * from './messages/shapes.js';
export type { Problem } from './messages/words.js';
