/** The declared noises of samples, drawn by the host, so that one can be scaled, kept from clip to clip, or lie between two others. */
import { drawKey, uniform } from '../../compiler/graph/threefry.js';
import type { NoiseRequest, Program, SamplePlan } from '../../compiler/program/types.js';
import { entryOf } from '../execute/packing.js';
import type { TensorData } from '../execute/tensor.js';

/** A noise by its number, or the way from one to another: `share` of it is behind. */
export type NoiseAt = number | { readonly from: number; readonly to: number; readonly share: number };

export interface NoiseOptions {
  readonly seed: bigint;
  /** Which noise sample k has; default noise k. */
  readonly of?: (k: number) => NoiseAt;
  /** Factor on normal noises; default 1. */
  readonly truncation?: number;
}

/** `sample.z`, `sample.z#2`: the second is another draw of the same noise. */
const INPUT = /^sample\.([^.#]+)(?:#\d+)?$/;

/** The noises that an entry is given, by the name of the input. Programs that draw them themselves have none. */
export function noiseInputs(program: Program, plan: SamplePlan): Map<string, NoiseRequest> {
  const found = new Map<string, NoiseRequest>();
  for (const { kind, name } of entryOf(program, plan.entry).inputs) {
    const noise = kind === 'tensor' ? program.noises.find((known) => known.name === INPUT.exec(name)?.[1]) : undefined;
    if (noise !== undefined) found.set(name, noise);
  }
  return found;
}

/**
 * The noises of call `call` of a sample entry, whose row i is sample k = call * plan.count + i. Noise number n is what a program that draws for itself
 * has as row n % plan.count of its call floor(n / plan.count), up to rounding.
 */
export function noisesOf(program: Program, plan: SamplePlan, call: number, { seed, of = (k) => k, truncation = 1 }: NoiseOptions): Record<string, TensorData> {
  const { count } = plan;
  return Object.fromEntries(
    [...noiseInputs(program, plan)].map(([path, noise]) => {
      const size = noise.shape.reduce((a, b) => a * b, 1);
      const key = drawKey(seed, path);
      const number = (n: number) => drawn(noise, size, (element) => uniform(key, element, Math.floor(n / count)), n % count);
      const data = new Float32Array(count * size);
      for (let i = 0; i < count; i++) {
        const at = of(call * count + i);
        const values = typeof at === 'number' ? number(at) : between(noise, number(at.from), number(at.to), at.share);
        for (let j = 0; j < size; j++) data[i * size + j] = noise.family === 'normal' ? values[j] * truncation : values[j];
      }
      return [path, { dtype: 'f32', shape: [count, ...noise.shape], data }];
    }),
  );
}

/** Row `row` of a draw. */
function drawn({ family, range = [0, 1] }: NoiseRequest, size: number, uniformAt: (element: number) => number, row: number): Float64Array {
  if (family === 'one_hot') {
    const which = Math.floor(uniformAt(row) * size);
    return Float64Array.from({ length: size }, (_, i) => (i === which ? 1 : 0));
  }
  const [low, high] = range;
  const value = family === 'normal' ? gaussian : (u: number) => low + u * (high - low);
  return Float64Array.from({ length: size }, (_, j) => value(uniformAt(row * size + j)));
}

/**
 * On the way from `a` to `b`: normal noises turn along the arc between their directions while their lengths change evenly, so that those between are no less
 * likely (Shoemake 1985; White 2016, "Sampling generative networks"); uniform ones go straight; of classes the nearer end is taken. At shares 0 and 1
 * it is an end exactly.
 */
export function between({ family }: Pick<NoiseRequest, 'family'>, a: Float64Array, b: Float64Array, share: number): Float64Array {
  if (share === 0 || share === 1 || family === 'one_hot') return share < 0.5 ? a : b;
  const straight = () => a.map((value, i) => (1 - share) * value + share * b[i]);
  if (family !== 'normal') return straight();
  const [long, wide] = [a, b].map((v) => Math.sqrt(v.reduce((sum, value) => sum + value * value, 0)));
  const cosine = a.reduce((sum, value, i) => sum + value * b[i], 0) / (long * wide);
  // Opposite ends have no one arc between them; those of one direction need none.
  if (!(Math.abs(cosine) < 1 - 1e-9)) return straight();
  const angle = Math.acos(cosine);
  const length = (1 - share) * long + share * wide;
  const [first, second] = [Math.sin((1 - share) * angle) / (long * Math.sin(angle)), Math.sin(share * angle) / (wide * Math.sin(angle))];
  return a.map((value, i) => length * (first * value + second * b[i]));
}

/** A standard normal number of a uniform one in (0, 1), as the prelude's `gaussian` (Giles 2010) has it. */
function gaussian(u: number): number {
  const x = 2 * u - 1;
  const w = -Math.log((1 - x) * (1 + x));
  const [at, factors] = w < 5 ? [w - 2.5, NEAR] : [Math.sqrt(w) - 3, FAR];
  return Math.SQRT2 * x * factors.reduceRight((sum, factor) => sum * at + factor, 0);
}

const NEAR = [1.50140941, 0.246640727, -0.00417768164, -0.00125372503, 0.00021858087, -4.39150654e-6, -3.5233877e-6, 3.43273939e-7, 2.81022636e-8];
const FAR = [2.83297682, 1.00167406, 0.00943887047, -0.0076224613, 0.00573950773, -0.00367342844, 0.00134934322, 0.000100950558, -0.000200214257];
