/** The pictures of bouncing MNIST: digits of the size asked, and the frames that they move in. */
import type { Settings, Track } from './bouncing-scene.js';

/**
 * Pictures [count, from, from] scaled to [count, to, to] by the mean over the area that each new pixel covers, times `brightness`, up to white. A picture of the
 * very size keeps its bytes.
 */
export function scaleDigits(pictures: Uint8Array, from: number, to: number, brightness: number): Uint8Array {
  if (from === to && brightness === 1) return pictures;
  const count = pictures.length / (from * from);
  const { first, length, weights } = spansOf(from, to);
  const most = weights.length / to;
  const result = new Uint8Array(count * to * to);
  // First down each column, then along each row.
  const column = new Float64Array(to * from);
  for (let n = 0; n < count; n++) {
    for (let y = 0; y < to; y++) {
      for (let x = 0; x < from; x++) {
        let sum = 0;
        for (let k = 0; k < length[y]; k++) sum += weights[y * most + k] * pictures[(n * from + first[y] + k) * from + x];
        column[y * from + x] = sum;
      }
    }
    for (let y = 0; y < to; y++) {
      for (let x = 0; x < to; x++) {
        let sum = 0;
        for (let k = 0; k < length[x]; k++) sum += weights[x * most + k] * column[y * from + first[x] + k];
        result[(n * to + y) * to + x] = Math.min(255, Math.round(sum * brightness));
      }
    }
  }
  return result;
}

/** Which old pixels each new one covers, and how much each of them counts, [to, most of them]; the weights of a new pixel add up to 1. */
function spansOf(from: number, to: number): { first: Int32Array; length: Int32Array; weights: Float64Array } {
  const most = Math.ceil(from / to) + 1;
  const first = new Int32Array(to);
  const length = new Int32Array(to);
  const weights = new Float64Array(to * most);
  for (let i = 0; i < to; i++) {
    // In units of 1 / to of an old pixel: whole numbers, so that no sliver of a neighbour comes in by rounding.
    const [low, high] = [i * from, (i + 1) * from];
    first[i] = Math.floor(low / to);
    length[i] = Math.ceil(high / to) - first[i];
    for (let k = 0; k < length[i]; k++) weights[i * most + k] = (Math.min(high, (first[i] + k + 1) * to) - Math.max(low, (first[i] + k) * to)) / from;
  }
  return { first, length, weights };
}

/** Draws a clip [frames, size, size] to `target`, which is black: each digit where its track has it, the brighter of two where they meet. */
export function drawClip(target: Uint8Array, digits: readonly Uint8Array[], tracks: readonly Track[], { frames, size, digitSize }: Settings): void {
  for (const [n, { x, y }] of tracks.entries()) {
    const digit = digits[n];
    for (let frame = 0; frame < frames; frame++) {
      for (let j = 0; j < digitSize; j++) {
        const to = (frame * size + y[frame] + j) * size + x[frame];
        for (let i = 0; i < digitSize; i++) {
          const value = digit[j * digitSize + i];
          if (value > target[to + i]) target[to + i] = value;
        }
      }
    }
  }
}
