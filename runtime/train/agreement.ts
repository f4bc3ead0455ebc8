/** How far numbers of a GPU may be from those of the interpreter in float64, and how far they are. */
import { type Tensor, workOf } from '../../compiler/graph/interpret.js';
import type { Node, OpName } from '../../compiler/graph/node.js';

/**
 * `exact`: whole numbers, and what a call must not touch. `elements`: |error| <= 1e-5 + 1e-4 |x| for each. `loss`: 1e-5 max(1, |x|). `gradient`: relative
 * error in L2 of 1e-4, where gradients much smaller than the player's whole gradient count as a thousandth of it: they are rounding, mostly. `change`: what
 * an optimizer moves, 1e-3 in L2 of the move itself, however small it is beside the value, and `elements` besides.
 */
export type GateName = 'exact' | 'elements' | 'loss' | 'gradient' | 'change';

export const GATES: Readonly<Record<GateName, string>> = {
  exact: 'exact',
  elements: '1e-5 + 1e-4 |x|',
  loss: '1e-5 max(1, |x|)',
  gradient: 'L2 1e-4',
  change: 'L2 1e-3 of change',
};

/** Rounding of a result and of what went into it: of the value itself, in f32. */
const ROUNDING = 2 ** -22;
const SMALL_GRADIENT = 1e-3;

export interface Agreement {
  /** Largest |actual - wanted|; NaN where one of them alone is none. */
  readonly maxAbs: number;
  /** L2 norm of the differences by that of what is wanted; 0 where there are none. */
  readonly relL2: number;
  readonly ok: boolean;
}

export interface Reference {
  /** For `gradient`: L2 norm of all gradients of the update. */
  readonly whole?: number;
  /** For `change`: the values before. */
  readonly before?: ArrayLike<number>;
}

/** Compares as a gate says. A number that is not finite agrees with its equal only. */
export function compare(gate: GateName, actual: ArrayLike<number>, wanted: ArrayLike<number>, { whole = 0, before }: Reference = {}): Agreement {
  let maxAbs = 0;
  let squares = 0;
  let wantedSquares = 0;
  let changeSquares = 0;
  let elements = actual.length === wanted.length;
  let losses = elements;
  for (let i = 0; i < wanted.length; i++) {
    const a = actual[i];
    const w = wanted[i];
    if (Object.is(a, w) || a === w) {
      if (!Number.isFinite(w)) continue;
    } else {
      const off = Math.abs(a - w);
      // Also where it is NaN.
      maxAbs = Math.max(maxAbs, off);
      if (!(off <= 1e-5 + 1e-4 * Math.abs(w))) elements = false;
      if (!(off <= 1e-5 * Math.max(1, Math.abs(w)))) losses = false;
      squares += off * off;
    }
    wantedSquares += w * w;
    if (before) changeSquares += (w - before[i]) ** 2;
  }
  const error = Math.sqrt(squares);
  const norm = Math.sqrt(wantedSquares);
  const ok = {
    exact: maxAbs === 0,
    elements,
    loss: losses,
    gradient: error <= 1e-4 * Math.max(norm, SMALL_GRADIENT * whole) + Number.MIN_VALUE,
    change: elements && error <= 1e-3 * Math.sqrt(changeSquares) + ROUNDING * norm,
  }[gate];
  return { maxAbs, relL2: error === 0 ? 0 : error / norm, ok: ok && actual.length === wanted.length };
}

export function norm(lists: Iterable<ArrayLike<number>>): number {
  let squares = 0;
  for (const list of lists) for (let i = 0; i < list.length; i++) squares += list[i] * list[i];
  return Math.sqrt(squares);
}

/**
 * Float32 on purpose: the result of each arithmetic operation moved by a pseudo-random share of the error that computing it in f32 may make, a sum of n by sqrt(n)
 * of them. How far results then are from those of float64 says what an error of a GPU is worth: where a variance of two examples is nearly 0, much.
 */
export function rounding(seed: number): (node: Node, value: Tensor) => Tensor {
  let state = (seed * 2654435761 + 12345) >>> 0;
  const random = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
  return (node, value) => {
    if (value.dtype !== 'f32' || !ROUNDED.has(node.operation.op)) return value;
    const amplitude = 2 ** -23 * Math.sqrt(workOf(node) / Math.max(1, value.data.length));
    return { ...value, data: value.data.map((v) => v * (1 + amplitude * random())) };
  };
}

const ROUNDED: ReadonlySet<OpName> = new Set(['unary', 'binary', 'sum', 'matmul', 'conv']);
/** An error so many times what `rounding` makes is still rounding. */
const ALLOWANCE = 8;

/** Whether an error is no more than float32 makes of the same operations, as some roundings of them show. */
export function isRounding(actual: ArrayLike<number>, wanted: ArrayLike<number>, rounded: readonly ArrayLike<number>[]): boolean {
  const off = compare('exact', actual, wanted);
  const others = rounded.map((values) => compare('exact', values, wanted));
  const most = (of: (agreement: Agreement) => number): number => ALLOWANCE * Math.max(...others.map(of));
  return off.maxAbs <= most((o) => o.maxAbs) && off.relL2 <= most((o) => o.relL2);
}
