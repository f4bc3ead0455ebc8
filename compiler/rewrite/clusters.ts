/** Units of a graph gathered into clusters, one kernel each, with the check that no merge makes kernels wait for each other in a circle. */

export class Clusters<Unit> {
  private readonly parent: number[];
  private readonly membersOf: number[][];
  private readonly first: number[];
  private readonly last: number[];

  /** Units in a topological order; `after[i]`: units that must come later than unit i, by number. */
  constructor(
    readonly units: readonly Unit[],
    private readonly after: readonly (readonly number[])[],
  ) {
    this.parent = units.map((_, i) => i);
    this.membersOf = units.map((_, i) => [i]);
    this.first = units.map((_, i) => i);
    this.last = units.map((_, i) => i);
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

  /** Every cluster's root, in the order of its first unit. */
  roots(): number[] {
    return this.parent.map((_, i) => i).filter((i) => this.find(i) === i).sort((a, b) => this.first[a] - this.first[b]);
  }

  /** Clusters that come directly after. */
  successors(cluster: number): Set<number> {
    const result = new Set<number>();
    for (const member of this.membersOf[cluster]) for (const next of this.after[member]) result.add(this.find(next));
    result.delete(cluster);
    return result;
  }

  /** True where a way leads from one cluster to the other; `around`: one that passes a third cluster. */
  reaches(from: number, to: number, around: boolean): boolean {
    const seen = new Set<number>([from]);
    const stack: number[] = [];
    for (const next of this.successors(from)) {
      if (next !== to) stack.push(next);
      else if (!around) return true;
    }
    while (stack.length > 0) {
      const cluster = stack.pop() as number;
      if (cluster === to) return true;
      // Edges go forward in the order of units: a cluster that begins behind the goal's last unit cannot lead to it.
      if (seen.has(cluster) || this.first[cluster] > this.last[to]) continue;
      seen.add(cluster);
      stack.push(...this.successors(cluster));
    }
    return false;
  }

  /** True where the two may become one kernel: nothing outside lies between them. */
  mergeable(a: number, b: number): boolean {
    return a !== b && !this.reaches(a, b, true) && !this.reaches(b, a, true);
  }

  merge(a: number, b: number): number {
    const [root, other] = a < b ? [a, b] : [b, a];
    this.parent[other] = root;
    this.membersOf[root] = [...this.membersOf[root], ...this.membersOf[other]].sort((x, y) => x - y);
    this.membersOf[other] = [];
    this.first[root] = Math.min(this.first[root], this.first[other]);
    this.last[root] = Math.max(this.last[root], this.last[other]);
    return root;
  }

  /** Clusters in an order in which each comes after all that it waits for; among those that are free, the one with the earliest last unit. */
  order(): number[] {
    const roots = this.roots();
    const waiting = new Map<number, number>(roots.map((root) => [root, 0]));
    const next = new Map<number, Set<number>>();
    for (const root of roots) {
      const successors = this.successors(root);
      next.set(root, successors);
      for (const successor of successors) waiting.set(successor, (waiting.get(successor) ?? 0) + 1);
    }
    const free = roots.filter((root) => waiting.get(root) === 0);
    const result: number[] = [];
    while (free.length > 0) {
      let best = 0;
      for (let i = 1; i < free.length; i++) if (this.last[free[i]] < this.last[free[best]]) best = i;
      const [root] = free.splice(best, 1);
      result.push(root);
      for (const successor of next.get(root) as Set<number>) {
        const left = (waiting.get(successor) as number) - 1;
        waiting.set(successor, left);
        if (left === 0) free.push(successor);
      }
    }
    if (result.length !== roots.length) throw new Error('kernels wait for each other in a circle');
    return result;
  }
}
