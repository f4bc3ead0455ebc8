/** What samples look like: pictures as a grid, points as a scatter plot. */
import type { SamplePlan } from '../../compiler/program/types.js';
import type { TensorData } from '../execute/tensor.js';
import { imageGrid } from './grid.js';
import type { Image } from './image.js';
import { scatter } from './scatter.js';

export type SampleOutput = SamplePlan['outputs'][number];

export interface PictureOptions {
  /** Real points [n, 2] to show behind sampled ones. */
  readonly real?: ArrayLike<number>;
  readonly columns?: number;
  readonly scale?: number;
}

/** A picture of samples [count, ...], or undefined where there is no way to show them as one. */
export function picture(samples: TensorData, output: Pick<SampleOutput, 'type' | 'range'>, options: PictureOptions = {}): Image | undefined {
  const { shape } = samples;
  if (shape[0] === 0) return undefined;
  if (shape.length === 4 && (shape[1] === 1 || shape[1] === 3) && (output.type === 'image' || output.type === undefined)) {
    return imageGrid(samples.data, shape, { range: output.range, columns: options.columns, scale: options.scale });
  }
  if (shape.length === 2 && shape[1] === 2) return scatter(samples.data, options.real);
  return undefined;
}
