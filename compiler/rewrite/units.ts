/**
 * The units that fusion gathers into kernels: every node that computes something, and every value that must be in memory. How they read each
 * other through index maps, and in which order they may run.
 */
import { type GraphFunction, type Node, roots, size, topological, type Variable } from '../graph/node.js';
import { affine } from '../kernels/affine.js';
import { isElementwise } from '../kernels/naming.js';
import { MAX_SOURCES } from './narrow.js';
import { isZero, written } from './prune.js';

/** One way from a unit to a unit that it reads. */
export interface Dependency {
  readonly unit: number;
  /** At the same element: nothing but reshapes between. */
  readonly aligned: boolean;
  /** The index maps between, so that equal ways are known. */
  readonly way: string;
  /** An operand of a contraction, or an input of `pack`: it must be in memory. */
  readonly stored: boolean;
}

export type Kind = 'elementwise' | 'reduce' | 'contraction' | 'pack';

export function kindOf(node: Node): Kind {
  const { op } = node.operation;
  if (op === 'sum' || op === 'max') return 'reduce';
  if (op === 'matmul' || op === 'conv') return 'contraction';
  return op === 'pack' ? 'pack' : 'elementwise';
}

/** Nodes that compute something; the others are index maps and leaves. */
function computes(node: Node): boolean {
  const { op } = node.operation;
  return isElementwise(node) || op === 'random' || op === 'field' || kindOf(node) !== 'elementwise';
}

function isMemory(node: Node): boolean {
  return node.operation.op === 'variable' || node.operation.op === 'input';
}

/** Names of what lies in memory before, as units read it: `variable G.fc1.weight`, `input step`. */
function leafName(node: Node): string | undefined {
  const { operation } = node;
  return operation.op === 'variable' || operation.op === 'input' ? `${operation.op} ${operation.name}` : undefined;
}

/** Of a leaf's name, if it is a variable's. */
export function variableOf(leaf: string): string | undefined {
  return leaf.startsWith('variable ') ? leaf.slice('variable '.length) : undefined;
}

export class Units {
  /** In a topological order in which readers of a variable come before its store, where no circle forbids it. */
  readonly list: readonly Node[];
  readonly number = new Map<Node, number>();
  /** Must be in memory. */
  readonly demanded = new Set<Node>();
  readonly dependencies: Dependency[][] = [];
  readonly users: number[][] = [];
  /** Names of leaves that a unit reads itself, and how many elements these have. */
  readonly leaves: Map<string, number>[] = [];
  /** Those of them that it reads at other elements than its own. */
  readonly leavesElsewhere: Set<string>[] = [];
  /** Variable that a unit is stored to, where all that read the old value may come before. */
  readonly storedTo = new Map<Node, string>();
  /** Units that must come later than each: its users, and stores over what it reads. */
  readonly after: number[][];
  private readonly nodes: readonly Node[];
  private readonly variables: ReadonlyMap<string, Variable>;
  /** Reader -> stored nodes that must come after it. */
  private readonly lateStores = new Map<Node, Node[]>();

  constructor(
    private readonly fn: GraphFunction,
    variables: readonly Variable[],
  ) {
    this.variables = new Map(variables.map((v) => [v.name, v]));
    this.nodes = topological(roots(fn));
    this.demand();
    const isUnit = (node: Node): boolean => computes(node) || this.demanded.has(node);
    this.list = this.inOrder(this.nodes.filter(isUnit));
    this.list.forEach((unit, i) => {
      this.number.set(unit, i);
    });
    this.list.forEach((unit, i) => {
      this.users.push([]);
      this.leaves.push(new Map());
      this.leavesElsewhere.push(new Set());
      this.dependencies.push(this.dependenciesOf(unit, i, isUnit));
      for (const { unit: dependency } of this.dependencies[i]) if (!this.users[dependency].includes(i)) this.users[dependency].push(i);
    });
    this.after = this.users.map((users, i) => [...users, ...(this.lateStores.get(this.list[i]) ?? []).map((node) => this.number.get(node) as number)]);
  }

  /** True where a store to one variable changes what the other reads. */
  sharesMemory(a: string, b: string): boolean {
    if (a === b) return true;
    const [left, right] = [this.variables.get(a), this.variables.get(b)];
    return left?.group !== undefined && left.group === right?.group && (left.kind === 'flat' || right?.kind === 'flat');
  }

  private demand(): void {
    for (const root of roots(this.fn)) this.demanded.add(written(root));
    for (const node of this.nodes) {
      if (node.operation.op !== 'pack') continue;
      this.demanded.add(node);
      for (const input of node.inputs) if (!isZero(input)) this.demanded.add(written(input));
    }
    // What is demanded for one contraction may stand between another and what that reads.
    for (let before = -1; before < this.demanded.size; ) {
      before = this.demanded.size;
      for (const node of this.nodes) {
        if (kindOf(node) !== 'contraction') continue;
        for (const input of node.inputs) {
          const base = this.operandBase(input);
          if (!isMemory(base)) this.demanded.add(written(base));
        }
      }
    }
    this.demandWide();
  }

  /** Index maps that gather from many values are written to memory until every node reads few through them. */
  private demandWide(): void {
    /** What a node reads through index maps. */
    const sources = new Map<Node, ReadonlySet<Node>>();
    const inMemory = (node: Node): boolean => computes(node) || isMemory(node) || this.demanded.has(written(node));
    const read = (node: Node): Set<Node> => new Set(node.inputs.flatMap((input) => (inMemory(input) ? [written(input)] : [...(sources.get(input) ?? [])])));
    for (const node of this.nodes) {
      if (kindOf(node) === 'pack') continue;
      let found = read(node);
      while (found.size > MAX_SOURCES) {
        const widest = node.inputs
          .filter((input) => !inMemory(input) && (sources.get(input)?.size ?? 0) > 1)
          .sort((a, b) => (sources.get(b)?.size ?? 0) - (sources.get(a)?.size ?? 0))[0];
        if (widest === undefined) break;
        this.demanded.add(written(widest));
        found = read(node);
      }
      sources.set(node, found);
    }
  }

  /** What a contraction reads through strides: the value under an operand's index maps, or the operand itself. */
  private operandBase(operand: Node): Node {
    const view = affine(
      operand,
      (node) => this.demanded.has(node) || computes(node) || isMemory(node) || node.operation.op === 'pad' || node.operation.op === 'concat',
    );
    return view?.leaf ?? operand;
  }

  /** Units in a topological order in which readers of a variable come before its store, where no circle forbids it. */
  private inOrder(units: readonly Node[]): Node[] {
    const unitSet = new Set(units);
    const users = new Map<Node, Set<Node>>(units.map((unit) => [unit, new Set()]));
    /** Variable -> units that read it. */
    const readers = new Map<string, Set<Node>>();
    for (const unit of units) {
      const seen = new Set<Node>();
      const visit = (node: Node): void => {
        if (seen.has(node)) return;
        seen.add(node);
        if (unitSet.has(node)) {
          users.get(node)?.add(unit);
          return;
        }
        if (node.operation.op === 'variable') readers.set(node.operation.name, (readers.get(node.operation.name) ?? new Set()).add(unit));
        for (const input of node.inputs) visit(input);
      };
      for (const input of unit.inputs) visit(input);
    }
    const reaches = (from: Node, to: Node): boolean => {
      const seen = new Set<Node>();
      const stack = [from];
      while (stack.length > 0) {
        const node = stack.pop() as Node;
        if (node === to) return true;
        if (seen.has(node)) continue;
        seen.add(node);
        stack.push(...(users.get(node) ?? []));
      }
      return false;
    };
    for (const { variable, node } of this.fn.stores) {
      const store = written(node);
      const all = new Set([...readers].filter(([name]) => this.sharesMemory(name, variable)).flatMap(([, units]) => [...units]));
      const before = [...all].filter((reader) => reader !== store && !users.get(reader)?.has(store));
      if (before.some((reader) => reaches(store, reader))) continue;
      this.storedTo.set(store, variable);
      for (const reader of before) {
        users.get(reader)?.add(store);
        this.lateStores.set(reader, [...(this.lateStores.get(reader) ?? []), store]);
      }
    }
    // Depth first from the last: stays near the order given.
    const waiting = new Map<Node, number>(units.map((unit) => [unit, 0]));
    for (const next of users.values()) for (const user of next) waiting.set(user, (waiting.get(user) as number) + 1);
    const position = new Map(units.map((unit, i) => [unit, i]));
    const free = units.filter((unit) => waiting.get(unit) === 0).reverse();
    const order: Node[] = [];
    while (free.length > 0) {
      const unit = free.pop() as Node;
      order.push(unit);
      const freed = [...(users.get(unit) as Set<Node>)].filter((user) => {
        const left = (waiting.get(user) as number) - 1;
        waiting.set(user, left);
        return left === 0;
      });
      freed.sort((a, b) => (position.get(b) as number) - (position.get(a) as number));
      free.push(...freed);
    }
    return order;
  }

  private dependenciesOf(unit: Node, number: number, isUnit: (node: Node) => boolean): Dependency[] {
    const list: Dependency[] = [];
    const kind = kindOf(unit);
    const stored = kind === 'contraction' || kind === 'pack';
    const seen = new Set<string>();
    const visit = (node: Node, aligned: boolean, way: string): void => {
      const key = `${node.id} ${way}`;
      if (seen.has(key)) return;
      seen.add(key);
      if (isUnit(node)) {
        list.push({ unit: this.number.get(node) as number, aligned: aligned && kind === 'elementwise', way, stored });
        return;
      }
      const { operation } = node;
      const leaf = leafName(node);
      if (leaf !== undefined) {
        this.leaves[number].set(leaf, size(node.shape));
        if (!aligned || kind !== 'elementwise') this.leavesElsewhere[number].add(leaf);
      }
      const same = operation.op === 'reshape' || (operation.op === 'broadcast' && size(node.shape) === size(node.inputs[0].shape));
      for (const input of node.inputs) visit(input, aligned && same, same ? way : `${way} ${node.id}`);
    };
    const { operation } = unit;
    if (operation.op === 'random') for (const key of ['keys', 'call']) this.leaves[number].set(key, 1);
    if (operation.op === 'field') for (const key of [`field ${operation.field}`, 'call']) this.leaves[number].set(key, size(unit.shape));
    // An index map that is written has inputs at other elements.
    const direct = computes(unit) || operation.op === 'reshape';
    for (const input of unit.inputs) visit(input, direct, direct ? '' : `${unit.id}`);
    return list;
  }
}
