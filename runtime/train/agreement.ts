/** How far numbers of a GPU may be from those of the interpreter in float64, and how far they are. */

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
