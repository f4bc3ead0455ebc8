/** Units of a graph gathered into clusters, one kernel each, with the check that no merge makes kernels wait for each other in a circle. */

export class Clusters<Unit> {
  private readonly parent: number[];
  private readonly membersOf: number[][];
  /** All clusters, each after those that it waits for. Kept at each merge, so that a search looks only at what lies between two clusters. */
  private readonly sequence: number[];
  private readonly position: number[];

  /** Units in a topological order; `after[i]`: units that must come later than unit i, by number. */
  constructor(
    readonly units: readonly Unit[],
    private readonly after: readonly number[][],
  ) {
    this.parent = units.map((_, i) => i);
    this.membersOf = units.map((_, i) => [i]);
    this.sequence = units.map((_, i) => i);
    this.position = units.map((_, i) => i);
  }

  find(unit: number): number {
    let root = unit;
    while (this.parent[root] !== root) root = this.parent[root];
    while (this.parent[unit] !== root) {
      const up = this.parent[unit];
      this.parent[unit] = root;
      unit = up;
    }
    return root;
  }

  /** Units of a cluster, in topological order. */
  members(cluster: number): readonly number[] {
    return this.membersOf[cluster];
  }

  /** All clusters, each after those that it waits for. */
  order(): readonly number[] {
    return [...this.sequence];
  }

  /** True where the one stands before the other, so that `wait` may make it stay so. */
  before(a: number, b: number): boolean {
    return this.position[a] < this.position[b];
  }

  /** From now on the second unit must come later than the first, whose cluster stands before its own. */
  wait(first: number, second: number): void {
    if (!this.before(this.find(first), this.find(second))) throw new Error('these clusters stand the other way round');
    this.after[first].push(second);
  }

  /** Clusters that come directly after. */
  private successors(cluster: number): Set<number> {
    const result = new Set<number>();
    for (const member of this.membersOf[cluster]) for (const next of this.after[member]) result.add(this.find(next));
    result.delete(cluster);
    return result;
  }

  /** Clusters that must come after `from`, as far as they stand before `to`; `undefined` where one of these must come before `to`. */
  private between(from: number, to: number): Set<number> | undefined {
    const found = new Set<number>();
    const stack = [from];
    while (stack.length > 0) {
      const cluster = stack.pop() as number;
      for (const next of this.successors(cluster)) {
        if (next === to) {
          if (cluster !== from) return undefined;
        } else if (!found.has(next) && this.position[next] < this.position[to]) {
          found.add(next);
          stack.push(next);
        }
      }
    }
    return found;
  }

  /** True where the two may become one kernel: none must come after one and before the other. */
  mergeable(a: number, b: number): boolean {
    if (a === b) return false;
    const [first, second] = this.position[a] < this.position[b] ? [a, b] : [b, a];
    return this.between(first, second) !== undefined;
  }

  /** Makes one cluster of two that are `mergeable`, and returns its number. */
  merge(a: number, b: number): number {
    const [first, second] = this.position[a] < this.position[b] ? [a, b] : [b, a];
    const later = this.between(first, second);
    if (later === undefined) throw new Error('these clusters cannot be merged');
    const root = Math.min(a, b);
    const other = Math.max(a, b);
    // What must come after the first moves behind the merged cluster; the rest stays before it.
    const start = this.position[first];
    const region = this.sequence.slice(start, this.position[second] + 1).filter((cluster) => cluster !== a && cluster !== b);
    const renewed = [...region.filter((cluster) => !later.has(cluster)), root, ...region.filter((cluster) => later.has(cluster))];
    this.sequence.splice(start, region.length + 2, ...renewed);
    for (let i = start; i < this.sequence.length; i++) this.position[this.sequence[i]] = i;
    this.parent[other] = root;
    this.membersOf[root] = [...this.membersOf[root], ...this.membersOf[other]].sort((x, y) => x - y);
    this.membersOf[other] = [];
    return root;
  }
}
