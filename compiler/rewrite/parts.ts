/**
 * A GPU is sure to bind 128 MiB at once, and the weights of a player are one flat vector, as are their gradients, averages and optimizer states. Where it is
 * longer, it becomes several, each of whole weights and in a buffer of its own, and what is computed from it element by element is computed from each. Sums over
 * the whole vector, such as a gradient's length, are sums of the parts' sums. What fits into none of that reads the parts side by side.
 */
import { Builder } from '../graph/builder.js';
import type { Module } from '../graph/module.js';
import { type GraphFunction, groupLayout, type Node, roots, size, topological, type Variable } from '../graph/node.js';

/** Where the parts of a flat vector begin, in elements, and its end. */
type Cuts = readonly number[];

const ELEMENT_BYTES = 4;
const ELEMENTWISE: readonly string[] = ['unary', 'binary', 'compare', 'select', 'cast'];

/** The module with no group of variables over `most` bytes, but for single variables that are larger. The same module where none is. */
export function partition(module: Module, most: number): Module {
  const groups = new Map<string, Cuts>();
  for (const { group } of module.variables) {
    if (group === undefined || groups.has(group)) continue;
    const cuts = cutsOf(membersOf(module.variables, group), most);
    // Weights and their averages are cut alike, by the same object.
    groups.set(group, [...groups.values()].find((other) => String(other) === String(cuts)) ?? cuts);
  }
  const long = [...groups].filter(([, cuts]) => cuts.length > 2);
  if (long.length === 0) return module;
  /** Of the variables that are cut. */
  const cuts = new Map<string, Cuts>();
  const variables = module.variables.flatMap((variable): Variable[] => {
    const { name, group, kind, shape, player } = variable;
    const own = group === undefined ? vectorCuts(variable, long, module.variables) : groups.get(group);
    if (own === undefined || own.length <= 2) return [variable];
    if (group !== undefined && kind !== 'flat') return [{ ...variable, group: partName(group, partOf(own, offsetIn(module.variables, group, name))) }];
    if (shape.length !== 1 || shape[0] !== own[own.length - 1]) throw new Error(`'${name}' of ${player ?? 'no player'} is no flat vector of its group`);
    cuts.set(name, own);
    return lengths(own).map((length, i) => ({
      ...variable,
      name: partName(name, i),
      shape: [length],
      ...(group !== undefined && { group: partName(group, i) }),
    }));
  });
  return { ...module, variables, functions: module.functions.map((fn) => new Parts(fn, cuts).run()) };
}

function membersOf(variables: readonly Variable[], group: string): Variable[] {
  return variables.filter((v) => v.group === group && v.kind !== 'flat');
}

function offsetIn(variables: readonly Variable[], group: string, name: string): number {
  const members = membersOf(variables, group);
  return groupLayout(members.map((m) => m.shape)).offsets[members.findIndex((m) => m.name === name)];
}

/** As many members to a part as fit. */
function cutsOf(members: readonly Variable[], most: number): Cuts {
  const { offsets, total } = groupLayout(members.map((m) => m.shape));
  const cuts = [0];
  offsets.forEach((offset, i) => {
    const end = offsets[i + 1] ?? total;
    if (offset > cuts[cuts.length - 1] && (end - cuts[cuts.length - 1]) * ELEMENT_BYTES > most) cuts.push(offset);
  });
  return [...cuts, total];
}

/** Of a variable that is laid out as its player's weights are: a state of the optimizer, the sum of gradients. */
function vectorCuts({ kind, player, shape }: Variable, long: readonly (readonly [string, Cuts])[], all: readonly Variable[]): Cuts | undefined {
  if (player === undefined || shape.length !== 1 || (kind !== 'optimizer' && kind !== 'carry' && kind !== 'judge')) return undefined;
  return long.find(([group, cuts]) => cuts[cuts.length - 1] === shape[0] && all.some((v) => v.group === group && v.player === player))?.[1];
}

function lengths(cuts: Cuts): number[] {
  return cuts.slice(1).map((end, i) => end - cuts[i]);
}

/** The part in which an element lies. */
function partOf(cuts: Cuts, element: number): number {
  return cuts.findIndex((start, i) => start <= element && element < cuts[i + 1]);
}

function partName(name: string, part: number): string {
  return part === 0 ? name : `${name}.part${part + 1}`;
}

/** A function over variables in parts. */
class Parts {
  private readonly builder = new Builder();
  private readonly made = new Map<Node, Node>();
  private readonly parted = new Map<Node, { readonly cuts: Cuts; readonly nodes: readonly Node[] }>();
  /** All cuts of variables that the function reads or stores to. */
  private readonly met: ReadonlySet<Cuts>;

  constructor(
    private readonly fn: GraphFunction,
    private readonly cuts: ReadonlyMap<string, Cuts>,
  ) {
    const read = topological(roots(fn)).map((node) => this.cutsOfVariable(node));
    const stored = fn.stores.map(({ variable }) => cuts.get(variable));
    this.met = new Set([...read, ...stored].filter((found) => found !== undefined));
  }

  run(): GraphFunction {
    const { fn, builder } = this;
    if (this.met.size === 0) return fn;
    for (const node of topological(roots(fn))) {
      builder.origin = node.origin;
      this.make(node);
    }
    const stores = fn.stores.flatMap(({ variable, node }) => {
      const cuts = this.cuts.get(variable);
      builder.origin = node.origin;
      if (cuts === undefined) return [{ variable, node: this.whole(node) }];
      return this.parts(node, cuts).map((part, i) => ({ variable: partName(variable, i), node: part }));
    });
    return { name: fn.name, outputs: fn.outputs.map(({ name, node }) => ({ name, node: this.whole(node) })), stores };
  }

  private cutsOfVariable({ operation }: Node): Cuts | undefined {
    return operation.op === 'variable' ? this.cuts.get(operation.name) : undefined;
  }

  /** Makes the node: in parts where that is how it is computed, else as it is. */
  private make(node: Node): void {
    const { builder } = this;
    const { operation, inputs } = node;
    const keep = (cuts: Cuts, nodes: readonly Node[]) => this.parted.set(node, { cuts, nodes });
    const first = inputs.map((input) => this.parted.get(input)).find((found) => found !== undefined);
    switch (operation.op) {
      case 'variable': {
        const { name } = operation;
        const cuts = this.cuts.get(name);
        if (cuts === undefined) break;
        keep(
          cuts,
          lengths(cuts).map((length, i) => builder.variable(partName(name, i), [length], node.dtype)),
        );
        return;
      }
      case 'pack': {
        const { offsets, total } = operation;
        const cuts = [...this.met].find((own) => own[own.length - 1] === total && fits(own, offsets, inputs));
        if (cuts === undefined) break;
        keep(
          cuts,
          lengths(cuts).map((length, part) => {
            const own = inputs.map((_, i) => i).filter((i) => partOf(cuts, offsets[i]) === part);
            if (own.length === 0) return builder.constant(0, [length]);
            return builder.pack(
              own.map((i) => this.whole(inputs[i])),
              own.map((i) => offsets[i] - cuts[part]),
              length,
            );
          }),
        );
        return;
      }
      case 'sum':
      case 'max':
        if (first === undefined) break;
        this.made.set(
          node,
          first.nodes.map((part) => builder.make(operation, [part])).reduce((a, b) => builder.binary(operation.op === 'sum' ? 'add' : 'max', a, b)),
        );
        return;
      case 'slice': {
        const [start, stop] = [operation.start[0], operation.stop[0]];
        const part = first === undefined ? -1 : partOf(first.cuts, start);
        if (first === undefined || part < 0 || stop > first.cuts[part + 1]) break;
        const from = first.cuts[part];
        this.made.set(node, builder.slice(first.nodes[part], [start - from], [stop - from], operation.step));
        return;
      }
      default:
        if (first === undefined || !ELEMENTWISE.includes(operation.op)) break;
        keep(
          first.cuts,
          inputs
            .map((input) => this.parts(input, first.cuts))
            .reduce<Node[][]>((rows, parts) => parts.map((part, i) => [...(rows[i] ?? []), part]), [])
            .map((row) => builder.make(operation, row)),
        );
        return;
    }
    this.made.set(
      node,
      builder.make(
        operation,
        inputs.map((input) => this.whole(input)),
        { shape: node.shape, dtype: node.dtype },
      ),
    );
  }

  /** The parts side by side. */
  private whole(node: Node): Node {
    const known = this.made.get(node);
    if (known !== undefined) return known;
    const joined = this.builder.concat((this.parted.get(node) as { nodes: readonly Node[] }).nodes, 0);
    this.made.set(node, joined);
    return joined;
  }

  private parts(node: Node, cuts: Cuts): readonly Node[] {
    const known = this.parted.get(node);
    if (known?.cuts === cuts) return known.nodes;
    const { builder } = this;
    const { operation, inputs, dtype } = node;
    const nodes = lengths(cuts).map((length, i) => {
      if (operation.op === 'constant') return builder.constant(operation.value, [length], dtype);
      if (operation.op === 'broadcast' && size(inputs[0].shape) === 1) return builder.broadcastTo(this.whole(inputs[0]), [length]);
      return builder.slice(this.whole(node), [cuts[i]], [cuts[i + 1]]);
    });
    return nodes;
  }
}

/** True where every input of a pack lies within a part. */
function fits(cuts: Cuts, offsets: readonly number[], inputs: readonly Node[]): boolean {
  return offsets.every((offset, i) => offset + size(inputs[i].shape) <= cuts[partOf(cuts, offset) + 1]);
}
