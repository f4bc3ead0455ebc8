/** Whether a result is near enough to its reference. Each gives undefined where it is, else what is wrong. */
import type { Gate } from './case.js';

type Numbers = Float64Array;

/** |e| <= absolute + relative |reference| at every element; infinite and NaN where the reference is. */
export function near(got: Numbers, reference: Numbers, { absolute, relative }: Gate): string | undefined {
  if (got.length !== reference.length) return `${got.length} elements, not ${reference.length}`;
  let worst = -1;
  let excess = 0;
  for (let i = 0; i < got.length; i++) {
    if (Object.is(got[i], reference[i]) || got[i] === reference[i]) continue;
    const over = Math.abs(got[i] - reference[i]) / (absolute + relative * Math.abs(reference[i]));
    // A NaN is over every gate.
    if (over <= 1 || over <= excess) continue;
    worst = i;
    excess = Number.isNaN(over) ? Number.POSITIVE_INFINITY : over;
  }
  return worst < 0 ? undefined : `element ${worst} is ${got[worst].toPrecision(7)}, not ${reference[worst].toPrecision(7)}`;
}

/** |e| / |reference| in the Euclidean norm, over the elements where both are finite; undefined where one alone is. */
function distance(got: Numbers, reference: Numbers): { error: number; size: number } | undefined {
  if (got.length !== reference.length) return undefined;
  let error = 0;
  let size = 0;
  for (let i = 0; i < got.length; i++) {
    if (Object.is(got[i], reference[i])) continue;
    if (!Number.isFinite(got[i]) || !Number.isFinite(reference[i])) return undefined;
    error += (got[i] - reference[i]) ** 2;
    size += reference[i] ** 2;
  }
  return { error: Math.sqrt(error), size: Math.sqrt(size) };
}

/** A first derivative: 1e-4 + 1e-3 |reference| at every element, or a relative L2 distance of 1e-4. */
export function nearFirst(got: Numbers, reference: Numbers): string | undefined {
  const wrong = near(got, reference, { absolute: 1e-4, relative: 1e-3 });
  if (wrong === undefined) return undefined;
  const apart = distance(got, reference);
  return apart && apart.error <= 1e-4 * apart.size ? undefined : wrong;
}

/** A second derivative: a relative L2 distance of 1e-3. Where the reference is zero, rounding of its neighbours may remain: 1e-5. */
export function nearSecond(got: Numbers, reference: Numbers): string | undefined {
  const apart = distance(got, reference);
  if (apart && apart.error <= 1e-3 * apart.size + 1e-5) return undefined;
  return near(got, reference, { absolute: 1e-5, relative: 1e-3 }) ?? `${apart?.error} off in the norm, of ${apart?.size}`;
}
