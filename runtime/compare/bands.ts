/** Curves of several seeds as one: their mean, and the least and the most of them. */

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface RunCurve {
  /** By rising x. What is no number is left out. */
  readonly points: readonly Point[];
  /** It went as far as it was to go. */
  readonly whole: boolean;
}

export interface BandPoint {
  readonly x: number;
  readonly mean: number;
  readonly least: number;
  readonly most: number;
}

/**
 * Curves with more than `most` points are first drawn as the means of as many equal stretches of x. Between two points a curve is a line, so that seeds that were
 * measured at different steps can be held against each other. The band ends where the first of the whole curves ends: beyond, its mean would jump because a seed is
 * missing. Curves that broke off are part of it as far as they went.
 */
export function bandOf(curves: readonly RunCurve[], most = 200): BandPoint[] {
  const finite = curves.map(({ points, whole }) => ({ points: points.filter(({ x, y }) => Number.isFinite(x) && Number.isFinite(y)), whole }));
  const begun = finite.filter(({ points }) => points.length > 0);
  if (begun.length === 0) return [];
  const ends = begun.map(({ points, whole }) => ({ last: points[points.length - 1].x, whole }));
  const whole = ends.filter((end) => end.whole);
  const end = whole.length > 0 ? Math.min(...whole.map(({ last }) => last)) : Math.max(...ends.map(({ last }) => last));
  const width = Math.max(...ends.map(({ last }) => last)) / most;
  const drawn = begun.map(({ points }) => (points.length > most ? stretches(points, width) : points));
  const xs = [...new Set(drawn.flatMap((points) => points.map(({ x }) => x)))].filter((x) => x <= end).sort((a, b) => a - b);
  const step = Math.max(1, Math.ceil(xs.length / (2 * most)));
  return xs.flatMap((x, i) => {
    if (i % step !== 0 && i !== xs.length - 1) return [];
    const values = drawn.flatMap((points) => valueAt(points, x) ?? []);
    return values.length === 0 ? [] : [{ x, mean: values.reduce((a, b) => a + b, 0) / values.length, least: Math.min(...values), most: Math.max(...values) }];
  });
}

/** The mean of x and y in each stretch of x. */
function stretches(points: readonly Point[], width: number): Point[] {
  const found: { x: number; y: number; n: number; at: number }[] = [];
  for (const { x, y } of points) {
    const at = Math.ceil(x / width);
    const last = found[found.length - 1];
    if (last?.at === at) {
      last.x += x;
      last.y += y;
      last.n++;
    } else found.push({ x, y, n: 1, at });
  }
  return found.map(({ x, y, n }) => ({ x: x / n, y: y / n }));
}

/** On the line between the points beside x; undefined before the first and after the last. */
function valueAt(points: readonly Point[], x: number): number | undefined {
  let low = 0;
  let high = points.length - 1;
  if (x < points[low].x || x > points[high].x) return undefined;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (points[middle].x <= x) low = middle;
    else high = middle;
  }
  const [a, b] = [points[low], points[high]];
  if (x === b.x || a.x === b.x) return b.y;
  return a.y + ((b.y - a.y) * (x - a.x)) / (b.x - a.x);
}
