/** The sound of bouncing MNIST: a tone at each bounce, whose pitch tells the wall. */
import type { Bounce } from './index.js';
import { logMel, type MelShape } from './mel.js';
import type { Sound } from './wav.js';

/** Samples a second. */
export const SOUND_RATE = 16_000;

/** In Hz. More than an octave apart, so that few bands tell them apart; what is higher up sounds higher. */
export const PITCHES: Readonly<Record<Bounce['wall'], number>> = { bottom: 300, left: 800, right: 1800, top: 4000 };

/** Of one tone; two at once stay below full scale. */
const LOUDNESS = 0.45;
/** Shares of a frame's stretch: before the tone, until it is loudest, and until it has fallen to 1/e. */
const WAIT = 0.05;
const ATTACK = 0.02;
const DECAY = 0.2;

export type BounceTime = Pick<Bounce, 'frame' | 'wall'>;

/** The samples of a clip: each tone begins and ends within the stretch of its frame. */
export function bounceSound(bounces: readonly BounceTime[], frames: number, framesPerSecond: number): Sound {
  const stretch = SOUND_RATE / framesPerSecond;
  const samples = new Float32Array(Math.round(frames * stretch));
  for (const { frame, wall } of bounces) {
    const from = Math.round(frame * stretch);
    const length = Math.round((frame + 1) * stretch) - from;
    for (let i = 0; i < length; i++) {
      const time = i / length - WAIT;
      if (time < 0) continue;
      const swell = Math.min(1, time / ATTACK) * Math.exp(-time / DECAY) * (1 - time / (1 - WAIT));
      samples[from + i] += LOUDNESS * swell * Math.sin((2 * Math.PI * PITCHES[wall] * i) / SOUND_RATE);
    }
  }
  return { rate: SOUND_RATE, samples };
}

/** Log-mel rows [frames, bands] of a clip. */
export function melRows(bounces: readonly BounceTime[], shape: MelShape, framesPerSecond: number): Float32Array {
  const { rate, samples } = bounceSound(bounces, shape.frames, framesPerSecond);
  return logMel(samples, rate, shape, shape.frames / framesPerSecond);
}

/** Rows [frames, 2]: 1 in the first column at the frame of a bounce from the top or left wall, in the second from the bottom or right wall; else 0. */
export function wallRows(bounces: readonly BounceTime[], frames: number): Float32Array {
  const rows = new Float32Array(frames * 2);
  for (const { frame, wall } of bounces) rows[frame * 2 + (wall === 'top' || wall === 'left' ? 0 : 1)] = 1;
  return rows;
}
