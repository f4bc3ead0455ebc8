/** Mixtures of Gaussians in the plane, the classic test of mode collapse: `ring(modes: 8, radius: 2, std: 0.02)` and `grid(side: 5, spacing: 2, std: 0.05)`. */
import { drawKey, threefry2x32 } from '../../compiler/graph/threefry.js';
import type { DataRequest } from '../../compiler/program/types.js';

export interface Mixture {
  /** x, y of each mode. */
  readonly centres: readonly (readonly [number, number])[];
  /** Standard deviation of a mode along each axis. */
  readonly std: number;
}

export const RING = { modes: 8, radius: 2, std: 0.02 } as const;
export const GRID = { side: 5, spacing: 2, std: 0.05 } as const;

/** Modes at equal angles, the first on the positive x axis. */
export function ring(modes: number, radius: number, std: number): Mixture {
  const centres = Array.from({ length: modes }, (_, i): [number, number] => {
    const angle = (2 * Math.PI * i) / modes;
    return [radius * Math.cos(angle), radius * Math.sin(angle)];
  });
  return { centres, std };
}

/** side x side modes, `spacing` apart, around the origin; row by row from below. */
export function grid(side: number, spacing: number, std: number): Mixture {
  const at = (i: number) => (i - (side - 1) / 2) * spacing;
  return { centres: Array.from({ length: side * side }, (_, i): [number, number] => [at(i % side), at(Math.floor(i / side))]), std };
}

/** The mixture that a request names, or undefined for another source. Arguments are those that the source has checked. */
export function mixtureOf(request: DataRequest): Mixture | undefined {
  const number = (name: string, otherwise: number) => (typeof request.args[name] === 'number' ? (request.args[name] as number) : otherwise);
  if (request.source === 'ring') return ring(number('modes', RING.modes), number('radius', RING.radius), number('std', RING.std));
  if (request.source === 'grid') return grid(number('side', GRID.side), number('spacing', GRID.spacing), number('std', GRID.std));
  return undefined;
}

/**
 * Point i belongs to mode i mod modes: every mode has its equal share. Its offset is a pair of normals by Box and Muller:
 * with (u, v) uniform in (0, 1) from Threefry at counter (i, 0), r = sqrt(-2 ln u), and r cos(2 pi v), r sin(2 pi v).
 * Result: [count, 2], row-major.
 */
export function points(mixture: Mixture, seed: bigint, count: number): Float32Array {
  const key = drawKey(seed, 'data.points');
  const xy = new Float32Array(2 * count);
  for (let i = 0; i < count; i++) {
    const [a, b] = threefry2x32(key, [i, 0]);
    const r = mixture.std * Math.sqrt(-2 * Math.log(unit(a)));
    const angle = 2 * Math.PI * unit(b);
    const [x, y] = mixture.centres[i % mixture.centres.length];
    xy[2 * i] = x + r * Math.cos(angle);
    xy[2 * i + 1] = y + r * Math.sin(angle);
  }
  return xy;
}

/** 32 bits as a number in (0, 1), never an end of it. */
function unit(bits: number): number {
  return ((bits >>> 0) + 0.5) / 2 ** 32;
}

export interface ModeStatistics {
  /** Modes with at least a tenth of an even share of the samples within 3 standard deviations. */
  readonly found: number;
  readonly modes: number;
  /** Share of samples within 3 standard deviations of their nearest mode. */
  readonly near: number;
  /** Samples near each mode. */
  readonly counts: readonly number[];
  readonly samples: number;
}

/**
 * How well samples [n, 2] cover a mixture: the figures usual since VEEGAN and PacGAN. A sample is near a mode within 3 std of its centre (distance in the plane).
 * Those papers count a mode as found from its first sample; a stray one does not make a mode, so here it takes a tenth of an even share.
 */
export function modeStatistics(mixture: Mixture, samples: ArrayLike<number>): ModeStatistics {
  const n = Math.floor(samples.length / 2);
  const enough = Math.max(1, n / mixture.centres.length / 10);
  const counts = new Array<number>(mixture.centres.length).fill(0);
  let near = 0;
  for (let i = 0; i < n; i++) {
    let best = Number.POSITIVE_INFINITY;
    let mode = -1;
    for (let m = 0; m < mixture.centres.length; m++) {
      const distance = Math.hypot(samples[2 * i] - mixture.centres[m][0], samples[2 * i + 1] - mixture.centres[m][1]);
      if (distance < best) {
        best = distance;
        mode = m;
      }
    }
    if (mode >= 0 && best <= 3 * mixture.std) {
      near++;
      counts[mode]++;
    }
  }
  return { found: counts.filter((c) => c >= enough).length, modes: counts.length, near: n === 0 ? 0 : near / n, counts, samples: n };
}
