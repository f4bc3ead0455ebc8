/** Which of several are worth their cost. */

export interface Offer {
  readonly cost: number;
  readonly value: number;
}

/**
 * Pareto's front: true for each that no other beats, by being as good at less cost or better at no more. `lowest`: less of the value is better. What is no number
 * is not on it.
 */
export function onFront(offers: readonly Offer[], lowest = false): boolean[] {
  const good = ({ value }: Offer): number => (lowest ? -value : value);
  return offers.map((own) => {
    if (!Number.isFinite(own.cost) || Number.isNaN(own.value)) return false;
    return !offers.some((other) => other.cost <= own.cost && good(other) >= good(own) && (other.cost < own.cost || good(other) > good(own)));
  });
}
