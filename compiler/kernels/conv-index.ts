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

/** One phase of an axis: its positions, its taps, and the coordinate that its first tap reads at its first position. */
export interface Phase {
  readonly positions: number;
  readonly taps: number;
  readonly start: number;
}

export function phasesOf(axis: Axis): Phase[] {
  return range(axis.phases).map((phase) => {
    const positions = Math.max(0, Math.ceil((axis.size - phase) / axis.phases));
    const first = range(axis.tapStep).find((k) => (phase * axis.stride + k * axis.dilation - axis.padding) % axis.inputDilation === 0);
    if (first === undefined || first >= axis.taps) return { positions, taps: 0, start: 0 };
    return {
      positions,
      taps: Math.ceil((axis.taps - first) / axis.tapStep),
      start: (phase * axis.stride + first * axis.dilation - axis.padding) / axis.inputDilation,
    };
  });
}

/** Whether all that is read along the axis lies in the input: no padding. */
export function staysInside(axis: Axis): boolean {
  return phasesOf(axis).every(
    ({ positions, taps, start }) => taps === 0 || (start >= 0 && start + (positions - 1) * axis.advance + (taps - 1) * axis.reach < axis.input),
  );
}

/** Multiplications that the convolution needs, counted over phases; elements outside of the input count too. */
export function convTerms(axes: readonly Axis[]): number {
  return axes.reduce((product, axis) => product * phasesOf(axis).reduce((sum, { positions, taps }) => sum + positions * taps, 0), 1);
}
