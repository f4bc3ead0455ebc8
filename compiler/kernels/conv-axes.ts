/** Statements of a convolution that turn columns of the tile into positions, and positions and taps into coordinates of the input. */
import type { Operand, Problem } from './conv-problem.js';
import type { Emitter } from './emitter.js';

/** Length of an axis of an operand, as a parameter. */
export function length(e: Emitter, operand: Operand, axis: number): string {
  return e.axis(operand.node, operand.order[axis]).text;
}

/** Names of one spatial axis inside a kernel. u32, but `start` (i32): the coordinate that tap 0 reads at position 0 of the phase. */
export interface AxisNames {
  readonly positions: string;
  readonly taps: string;
  readonly start: string;
  readonly advance: string;
  readonly reach: string;
  /** Tap number from the number within the phase, as text. */
  readonly tap: (within: string) => string;
  /** Output position from the number within the phase, as text. */
  readonly position: (within: string) => string;
}

/** Sizes of an axis, or of the phase `phase` of it. */
export function axisNames(e: Emitter, p: Problem, i: number, phase: string | undefined): AxisNames {
  const { writer } = e;
  const axis = p.axes[i];
  const size = e.axis(p.anchor, 3 + i).text;
  const taps = length(e, p.kernel, 3 + i);
  const advance = e.parameter(`advance ${i}`, axis.advance);
  const reach = e.parameter(`reach ${i}`, axis.reach);
  const padding = `i32(${e.parameter(`padding ${i}`, axis.padding >>> 0)})`;
  if (phase === undefined) {
    return { positions: size, taps, start: writer.let(`-${padding}`), advance, reach, tap: (within) => within, position: (within) => within };
  }
  const phases = e.parameter(`phases ${i}`, axis.phases);
  const step = e.parameter(`tap step ${i}`, axis.tapStep);
  const holes = e.parameter(`input dilation ${i}`, axis.inputDilation);
  const stride = e.parameter(`stride ${i}`, axis.stride);
  const dilation = e.parameter(`dilation ${i}`, axis.dilation);
  // The padding modulo the input dilation, so that the remainder is taken of what is not negative.
  const shift = e.parameter(`shift ${i}`, ((-axis.padding % axis.inputDilation) + axis.inputDilation) % axis.inputDilation);
  const first = `first${i}`;
  writer.line(`var search${i} = 0u;`);
  writer.line(`while (search${i} < ${step} && (${phase} * ${stride} + search${i} * ${dilation} + ${shift}) % ${holes} != 0u) { search${i}++; }`);
  writer.letNamed(first, `search${i}`);
  const none = `${first} >= min(${step}, ${taps})`;
  return {
    positions: writer.let(`(${size} + ${phases} - 1u - ${phase}) / ${phases}`),
    taps: writer.let(`select((${taps} + ${step} - 1u - ${first}) / ${step}, 0u, ${none})`),
    start: writer.let(`(i32(${phase} * ${stride} + ${first} * ${dilation}) - ${padding}) / i32(${holes})`),
    advance,
    reach,
    tap: (within) => `(${first} + ${within} * ${step})`,
    position: (within) => `${phase} + ${within} * ${phases}`,
  };
}

/** Coordinates of a column: batch, then positions within the phase. */
export function columnCoordinates(e: Emitter, column: string, axes: readonly Pick<AxisNames, 'positions'>[]): string[] {
  const names: string[] = [];
  let rest = column;
  for (let i = axes.length - 1; i >= 0; i--) {
    if (axes[i].positions === '1u') {
      names.unshift('0u');
      continue;
    }
    const quotient = e.writer.let(`${rest} / ${axes[i].positions}`);
    names.unshift(e.writer.let(`${rest} - ${quotient} * ${axes[i].positions}`));
    rest = quotient;
  }
  return [rest, ...names];
}

/** Coordinates of the column after: one position on, with carry. */
export function nextColumn(e: Emitter, coordinates: readonly string[], axes: readonly AxisNames[]): string[] {
  const next = [...coordinates];
  let carry = '1u';
  for (let i = axes.length - 1; i >= 0; i--) {
    if (axes[i].positions === '1u') continue;
    const moved = e.writer.let(`${coordinates[i + 1]} + ${carry}`);
    next[i + 1] = e.writer.let(`select(${moved}, 0u, ${moved} == ${axes[i].positions})`);
    carry = e.writer.let(`select(0u, 1u, ${moved} == ${axes[i].positions})`);
  }
  next[0] = e.writer.let(`${coordinates[0]} + ${carry}`);
  return next;
}

/** Statements that compute places in the operands. */
export class Places {
  constructor(
    private readonly e: Emitter,
    private readonly p: Problem,
  ) {}

  offset(operand: 'input' | 'kernel'): string {
    return this.e.parameter(`${operand} offset`, this.p[operand].view.offset);
  }

  plus(a: string, b: string): string {
    if (b === '0u') return a;
    return this.e.let(`${a} + ${b}`);
  }

  /** So many steps along an axis of an operand, in elements. */
  times(count: string, operand: 'input' | 'kernel', axis: number): string {
    const stride = this.p[operand].view.strides[axis];
    if (count === '0u' || stride === 1) return count;
    return this.e.let(`${count} * ${this.e.parameter(`${operand} stride ${axis}`, stride >>> 0)}`);
  }
}
