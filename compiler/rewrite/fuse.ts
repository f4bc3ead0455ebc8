/**
 * Which values are written to memory, and by which kernel. Every kernel is a cluster of units: at most one anchor (a contraction, or reductions
 * side by side over the same axes), elementwise units aligned to its result, and elementwise units computed where they are needed.
 *
 *   1. Reductions over the same axes of values that share something become one kernel.
 *   2. An elementwise unit joins the kernel of what it reads at the same element: an anchor's epilogue, or an elementwise kernel.
 *   3. An elementwise kernel that one other kernel alone reads is computed inside that one, where that repeats no dear work.
 *   4. What is cheap to compute again from one value that is in memory anyway is not written.
 *   5. Elementwise kernels of one shape that read something in common become one.
 *
 * Reads of a variable come before its store wherever the graph allows it, so that the plan can write in place.
 */

import { type GraphFunction, type Node, size, type Variable } from '../graph/node.js';
import { sameShape } from '../graph/primitive.js';
import { type Group, MAX_STORAGE_BINDINGS } from '../kernels/kernel.js';
import { isElementwise } from '../kernels/naming.js';
import { Clusters } from './clusters.js';
import { CHEAP, MOVED_COST, operationCost, SMALL_LOADS, SMALL_SHARE, TINY_WORK } from './cost.js';
import { kindOf, Units, variableOf } from './units.js';

export interface Fused {
  /** In the order of execution. A `pack` is no kernel: its inputs are written into it. */
  readonly groups: readonly Group[];
  /** What some kernel writes. */
  readonly materialised: ReadonlySet<Node>;
}

const MAX_UNITS = 160;
/** Reductions look so far up for something in common. */
const SHARING_DEPTH = 4;

function reductionKey(node: Node): string {
  const { operation, inputs } = node;
  return operation.op === 'sum' || operation.op === 'max' ? `${operation.axes.join(',')} of ${inputs[0].shape.join(',')}` : '';
}

class Fusion {
  private readonly graph: Units;
  private readonly units: readonly Node[];
  private readonly clusters: Clusters<Node>;
  /** Not written although other kernels need them: these compute them again. */
  private readonly repeated = new Set<Node>();
  /** Units computed inside a kernel at other elements than the kernel's own. */
  private readonly absorbed = new Set<number>();
  /** How often the elements of a unit are computed, all together. */
  private readonly evaluations: number[];

  constructor(fn: GraphFunction, variables: readonly Variable[]) {
    this.graph = new Units(fn, variables);
    this.units = this.graph.list;
    this.clusters = new Clusters(this.units, this.graph.after);
    this.evaluations = this.units.map((unit) => (kindOf(unit) === 'reduce' ? size(unit.inputs[0].shape) : size(unit.shape)));
  }

  // Clusters

  private anchorsOf(cluster: number): Node[] {
    return this.clusters
      .members(cluster)
      .map((i) => this.units[i])
      .filter((unit) => kindOf(unit) === 'reduce' || kindOf(unit) === 'contraction');
  }

  private isPack(cluster: number): boolean {
    return this.units[this.clusters.members(cluster)[0]].operation.op === 'pack';
  }

  private domainSize(cluster: number): number {
    const anchor = this.anchorsOf(cluster)[0];
    const members = this.clusters.members(cluster);
    return size((anchor ?? this.units[members[members.length - 1]]).shape);
  }

  /** True where a unit is read by another kernel, or must be in memory. */
  private isWritten(unit: number): boolean {
    const node = this.units[unit];
    if (this.graph.demanded.has(node)) return true;
    if (this.repeated.has(node)) return false;
    const home = this.clusters.find(unit);
    return this.graph.users[unit].some((user) => this.needsMemory(user, home));
  }

  /** True where a reader of a value of kernel `home` is another kernel, or is computed again by another. */
  private needsMemory(user: number, home: number): boolean {
    if (this.clusters.find(user) !== home) return true;
    return this.repeated.has(this.units[user]) && this.graph.users[user].some((next) => this.needsMemory(next, home));
  }

  /** Storage bindings of the kernel that all these units would be. */
  private bindings(members: readonly number[]): number {
    const own = new Set(members);
    const loads = new Set<string>();
    const visit = (unit: number): void => {
      for (const leaf of this.graph.leaves[unit].keys()) loads.add(leaf);
      for (const { unit: dependency } of this.graph.dependencies[unit]) {
        if (own.has(dependency)) continue;
        if (this.repeated.has(this.units[dependency])) visit(dependency);
        else loads.add(`unit ${dependency}`);
      }
    };
    for (const member of members) visit(member);
    let writes = 0;
    for (const member of members) {
      const node = this.units[member];
      const written = this.graph.demanded.has(node) || (!this.repeated.has(node) && this.graph.users[member].some((user) => this.usedOutside(user, own)));
      if (written && !this.replacesOld(node, members, loads)) writes++;
    }
    return loads.size + writes;
  }

  /** True where a reader is outside of these units, or is computed again outside. */
  private usedOutside(user: number, own: ReadonlySet<number>): boolean {
    if (!own.has(user)) return true;
    return this.repeated.has(this.units[user]) && this.graph.users[user].some((next) => this.usedOutside(next, own));
  }

  /** True where the kernel of these units is sure to write the node over the old value that it reads: one binding for both. */
  private replacesOld(node: Node, members: readonly number[], loads: ReadonlySet<string>): boolean {
    const variable = this.graph.storedTo.get(node);
    if (variable === undefined || !loads.has(`variable ${variable}`)) return false;
    for (const load of loads) {
      const name = variableOf(load);
      if (name !== undefined && name !== variable && this.graph.sharesMemory(name, variable)) return false;
    }
    let direct = false;
    for (const member of members) {
      if (!this.graph.leaves[member].has(`variable ${variable}`)) continue;
      if (this.graph.leavesElsewhere[member].has(`variable ${variable}`) || this.absorbed.has(member)) return false;
      direct = true;
    }
    // Otherwise it is read by what is computed again here.
    return direct;
  }

  private edgesAligned(a: number, b: number): boolean {
    const across = (from: number, to: number): boolean =>
      this.clusters.members(from).every((member) => this.graph.dependencies[member].every((d) => this.clusters.find(d.unit) !== to || d.aligned));
    return across(a, b) && across(b, a);
  }

  private tryMerge(a: number, b: number): boolean {
    const members = [...this.clusters.members(a), ...this.clusters.members(b)];
    if (members.length > MAX_UNITS || this.isPack(a) || this.isPack(b)) return false;
    if (this.bindings(members) > MAX_STORAGE_BINDINGS || !this.clusters.mergeable(a, b)) return false;
    this.clusters.merge(a, b);
    return true;
  }

  // The passes

  private mergeReductions(): void {
    const families = new Map<string, number[]>();
    this.units.forEach((unit, i) => {
      const key = reductionKey(unit);
      if (key !== '') families.set(key, [...(families.get(key) ?? []), i]);
    });
    for (const family of families.values()) {
      const sources = new Map(family.map((unit) => [unit, this.sources(unit)]));
      family.forEach((unit, k) => {
        for (const other of family.slice(0, k)) {
          const [a, b] = [this.clusters.find(unit), this.clusters.find(other)];
          if (a === b) continue;
          const shares = [...(sources.get(unit) as Set<string>)].some((s) => sources.get(other)?.has(s));
          if (shares && this.tryMerge(a, b)) break;
        }
      });
    }
  }

  /** What a reduction reads, through a few elementwise units and reductions: the parts of two sums come from one kernel, and so may their sums. */
  private sources(unit: number): Set<string> {
    const found = new Set<string>();
    const visit = (at: number, depth: number): void => {
      for (const leaf of this.graph.leaves[at].keys()) found.add(leaf);
      for (const { unit: dependency } of this.graph.dependencies[at]) {
        if (size(this.units[dependency].shape) <= 1) continue;
        found.add(`unit ${dependency}`);
        if (depth < SHARING_DEPTH && !['contraction', 'pack'].includes(kindOf(this.units[dependency]))) visit(dependency, depth + 1);
      }
    };
    visit(unit, 0);
    return found;
  }

  private mergeAligned(): void {
    const rank = (cluster: number): number => {
      const [anchor] = this.anchorsOf(cluster);
      if (anchor === undefined) return 2;
      return kindOf(anchor) === 'contraction' ? 0 : 1;
    };
    this.units.forEach((node, unit) => {
      if (kindOf(node) !== 'elementwise') return;
      const near = this.graph.dependencies[unit].filter((d) => d.aligned).map((d) => d.unit);
      near.sort((x, y) => rank(this.clusters.find(x)) - rank(this.clusters.find(y)) || y - x);
      for (const dependency of near) {
        const [a, b] = [this.clusters.find(dependency), this.clusters.find(unit)];
        if (a === b || (rank(a) < 2 && rank(b) < 2) || !this.edgesAligned(a, b)) continue;
        this.tryMerge(a, b);
      }
    });
  }

  private absorb(): void {
    for (const cluster of [...this.clusters.order()].reverse()) {
      if (this.clusters.find(cluster) !== cluster || this.isPack(cluster) || this.anchorsOf(cluster).length > 0) continue;
      const members = this.clusters.members(cluster);
      if (members.some((member) => this.graph.demanded.has(this.units[member]))) continue;
      const readers = new Set(members.flatMap((member) => this.graph.users[member]).map((user) => this.clusters.find(user)));
      readers.delete(cluster);
      if (readers.size !== 1) continue;
      const [reader] = readers;
      const evaluations = this.evaluationsInside(cluster, reader);
      if (evaluations === undefined) continue;
      const cost = members.reduce((sum, member) => sum + operationCost(this.units[member]), 0);
      const domain = this.domainSize(cluster);
      const repeated = cost * Math.max(0, evaluations - domain);
      const loads = new Set(
        members.flatMap((member) => [
          ...this.graph.leaves[member].keys(),
          ...this.graph.dependencies[member].filter((d) => this.clusters.find(d.unit) !== cluster).map((d) => d.unit),
        ]),
      );
      // A small value that is spread over a large one: as well computed there as loaded.
      const light = cost <= 2 && loads.size <= SMALL_LOADS && domain * SMALL_SHARE <= evaluations;
      if (repeated > CHEAP * domain && repeated > TINY_WORK && !light) continue;
      if (!this.tryMerge(cluster, reader)) continue;
      for (const member of members) {
        this.evaluations[member] = evaluations;
        this.absorbed.add(member);
      }
    }
  }

  /** How often an element of the cluster would be computed inside its only reader, over all; `undefined` where it must be in memory. */
  private evaluationsInside(cluster: number, reader: number): number | undefined {
    const ways = new Map<string, number>();
    for (const member of this.clusters.members(reader)) {
      for (const { unit, way, stored } of this.graph.dependencies[member]) {
        if (this.clusters.find(unit) !== cluster) continue;
        if (stored) return undefined;
        // A reduction reads at its input's elements, the others at their own.
        const where = kindOf(this.units[member]) === 'reduce' ? `reduced ${way}` : way;
        ways.set(where, Math.max(ways.get(where) ?? 0, this.evaluations[member]));
      }
    }
    return [...ways.values()].reduce((a, b) => a + b, 0);
  }

  /**
   * Takes values from memory that their readers compute again for less: counted in passes over memory, of a write and a read by each reader,
   * against the reads of what the value is computed from.
   */
  private repeatCheap(): void {
    this.units.forEach((node, unit) => {
      if (!isElementwise(node) || this.graph.demanded.has(node) || !this.isWritten(unit)) return;
      const expression = this.expression(unit);
      if (expression === undefined) return;
      const readers = this.readersOf(unit);
      if (readers === undefined) return;
      const loads = [...expression.loads];
      const full = loads.filter(([, length]) => length * SMALL_SHARE > size(node.shape)).map(([name]) => name);
      if (loads.length - full.length > SMALL_LOADS) return;
      let passes = 0;
      for (const reader of readers) {
        const known = this.loadsOf(reader);
        passes += full.filter((name) => !known.has(name)).length;
      }
      const moved = readers.size === 1 && this.graph.users[unit].every((user) => this.clusters.find(user) !== this.clusters.find(unit));
      if (expression.cost > (moved ? MOVED_COST : CHEAP) || passes > (moved ? 2 : readers.size)) return;
      // The readers then read old values of variables themselves: before their stores, as the unit did.
      const stores = this.storesAfter(loads.map(([name]) => name));
      if ([...readers].some((reader) => stores.some((store) => !this.clusters.before(reader, this.clusters.find(store))))) return;
      const added = expression.units.map((i) => this.units[i]).filter((inner) => !this.repeated.has(inner));
      for (const inner of added) this.repeated.add(inner);
      const tooMany = [...readers].some((cluster) => this.bindings(this.clusters.members(cluster)) > MAX_STORAGE_BINDINGS);
      if (tooMany) for (const inner of added) this.repeated.delete(inner);
      else for (const reader of readers) for (const store of stores) this.clusters.wait(this.clusters.members(reader)[0], store);
    });
  }

  /** Units that are stored in place, or nearly, over variables among these loads. */
  private storesAfter(loads: readonly string[]): number[] {
    const read = loads.map(variableOf).filter((name) => name !== undefined);
    return [...this.graph.storedTo]
      .filter(([, variable]) => read.some((name) => this.graph.sharesMemory(name, variable)))
      .map(([node]) => this.graph.number.get(node) as number);
  }

  /** Kernels that load a unit; `undefined` where one must have it in memory, or reads each element so often that computing it there is dear. */
  private readersOf(unit: number): Set<number> | undefined {
    const node = this.units[unit];
    const home = this.clusters.find(unit);
    const readers = new Set<number>();
    const visit = (at: number): boolean =>
      this.graph.users[at].every((user) => {
        const cluster = this.clusters.find(user);
        if (cluster !== home) {
          readers.add(cluster);
          const dear = this.evaluations[user] > 2 * size(node.shape) && operationCost(node) > 1;
          return this.graph.dependencies[user].every((d) => d.unit !== at || !(d.stored || (dear && !d.aligned)));
        }
        return !this.repeated.has(this.units[user]) || visit(user);
      });
    return visit(unit) ? readers : undefined;
  }

  /** What it takes to compute a unit from what is in memory anyway; `undefined` where that is not enough. */
  private expression(unit: number): { cost: number; loads: Map<string, number>; units: number[] } | undefined {
    const loads = new Map<string, number>();
    let cost = 0;
    const seen = new Set<number>();
    const visit = (at: number): boolean => {
      if (seen.has(at)) return true;
      seen.add(at);
      const node = this.units[at];
      if (!isElementwise(node)) return false;
      cost += operationCost(node);
      for (const [leaf, length] of this.graph.leaves[at]) loads.set(leaf, length);
      return this.graph.dependencies[at].every(({ unit: dependency }) => {
        if (this.isInMemoryAnyway(dependency, at)) {
          loads.set(`unit ${dependency}`, size(this.units[dependency].shape));
          return true;
        }
        return cost <= MOVED_COST && visit(dependency);
      });
    };
    return visit(unit) ? { cost, loads, units: [...seen] } : undefined;
  }

  /** In memory even if `user` were not computed from it. */
  private isInMemoryAnyway(unit: number, user: number): boolean {
    const node = this.units[unit];
    if (this.graph.demanded.has(node)) return true;
    if (this.repeated.has(node)) return false;
    const home = this.clusters.find(unit);
    return this.graph.users[unit].some((other) => other !== user && this.needsMemory(other, home)) || this.clusters.find(user) !== home;
  }

  private mergeSiblings(): void {
    const families = new Map<string, number[]>();
    for (const cluster of this.clusters.order()) {
      if (this.isPack(cluster) || this.anchorsOf(cluster).length > 0) continue;
      const outputs = this.outputsOf(cluster);
      if (outputs.length === 0) continue;
      const { shape } = outputs[0];
      if (!outputs.every((output) => sameShape(output.shape, shape))) continue;
      const keys = size(shape) === 1 ? ['one'] : [...this.loadsOf(cluster)].map((load) => `${shape.join(',')} ${load}`);
      for (const key of keys) families.set(key, [...(families.get(key) ?? []), cluster]);
    }
    for (const family of families.values()) {
      for (let k = 1; k < family.length; k++) {
        const [a, b] = [this.clusters.find(family[k - 1]), this.clusters.find(family[k])];
        if (a !== b && this.edgesAligned(a, b)) this.tryMerge(a, b);
      }
    }
  }

  private loadsOf(cluster: number): Set<string> {
    const loads = new Set<string>();
    for (const member of this.clusters.members(cluster)) {
      for (const leaf of this.graph.leaves[member].keys()) if (leaf.startsWith('variable') || leaf.startsWith('input')) loads.add(leaf);
      for (const { unit } of this.graph.dependencies[member])
        if (this.clusters.find(unit) !== cluster && size(this.units[unit].shape) > 1) loads.add(`unit ${unit}`);
    }
    return loads;
  }

  private outputsOf(cluster: number): Node[] {
    return this.clusters
      .members(cluster)
      .filter((member) => this.isWritten(member))
      .map((member) => this.units[member]);
  }

  run(): Fused {
    this.mergeReductions();
    this.mergeAligned();
    this.absorb();
    this.repeatCheap();
    this.mergeSiblings();
    const groups: Group[] = [];
    const materialised = new Set<Node>();
    for (const cluster of this.clusters.order()) {
      const outputs = this.outputsOf(cluster);
      for (const output of outputs) materialised.add(output);
      if (outputs.length === 0 || this.isPack(cluster)) continue;
      const anchors = this.anchorsOf(cluster);
      const op = anchors[0]?.operation.op;
      const kind = op === undefined ? 'elementwise' : op === 'matmul' || op === 'conv' ? op : 'reduce';
      groups.push({ kind, anchors, outputs });
    }
    return { groups, materialised };
  }
}

/** The function's kernels. `variables`: which of them share memory. */
export function fuse(fn: GraphFunction, variables: readonly Variable[]): Fused {
  return new Fusion(fn, variables).run();
}
