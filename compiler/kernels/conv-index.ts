/**
 * Index arithmetic of convolutions. A convolution whose input is dilated by d reads, at output position p, only the taps k with
 * (p * stride + k * dilation - padding) divisible by d: with P = d / gcd(d, stride), all positions of equal remainder modulo P (a phase) use the
 * same taps, which lie T = d / gcd(d, dilation) apart. Each phase is then a convolution without input dilation, of stride
 * P * stride / d and dilation T * dilation / d, over the positions and taps of its own: no multiplication by the zeros between elements.
 */
import type { ConvAttrs } from '../graph/node.js';
import { range } from './gemm-tile.js';

export interface Axis {
  /** Output positions, input elements, taps. */
  readonly size: number;
  readonly input: number;
  readonly taps: number;
  readonly stride: number;
  readonly dilation: number;
  readonly padding: number;
  readonly inputDilation: number;
  /** P, T and the stride and dilation within a phase. */
  readonly phases: number;
  readonly tapStep: number;
  readonly advance: number;
  readonly reach: number;
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}

/** `input` and `taps`: spatial shapes of both operands. */
export function convAxes(attrs: ConvAttrs, input: readonly number[], taps: readonly number[]): Axis[] {
  return range(attrs.size.length).map((i) => {
    const stride = attrs.stride[i];
    const dilation = attrs.dilation[i];
    const inputDilation = attrs.inputDilation[i];
    const phases = inputDilation / gcd(inputDilation, stride);
    const tapStep = inputDilation / gcd(inputDilation, dilation);
    return {
      size: attrs.size[i],
      input: input[i],
      taps: taps[i],
      stride,
      dilation,
      padding: attrs.padding[i],
      inputDilation,
      phases,
      tapStep,
      advance: (phases * stride) / inputDilation,
      reach: (tapStep * dilation) / inputDilation,
    };
  });
}

/** Multiplications that the convolution needs, counted over phases; elements outside of the input count too. */
export function convTerms(axes: readonly Axis[]): number {
  return axes.reduce((product, axis) => {
    let pairs = 0;
    for (let phase = 0; phase < axis.phases; phase++) {
      const positions = Math.ceil((axis.size - phase) / axis.phases);
      const first = range(axis.tapStep).find((k) => (phase * axis.stride + k * axis.dilation - axis.padding) % axis.inputDilation === 0);
      if (positions > 0 && first !== undefined && first < axis.taps) pairs += positions * Math.ceil((axis.taps - first) / axis.tapStep);
    }
    return product * pairs;
  }, 1);
}
