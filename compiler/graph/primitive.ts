/** What each primitive must say about itself. The registry in `ops/index.ts` has one entry for each operation. */
import type { Builder } from './builder.js';
import type { DType, Node, Operation, Shape } from './node.js';
import type { Environment, Tensor } from './tensor.js';

/** A graph that cannot be: a bug of the caller, or caught by elaboration and shown as a diagnostic. */
export class GraphError extends Error {
  override name = 'GraphError';
}

export interface Type {
  readonly shape: Shape;
  readonly dtype: DType;
}

export type NodeOf<O extends Operation> = Node & { readonly operation: O };

export interface Primitive<O extends Operation> {
  /** Shape and dtype of the result; `given` speaks for leaves. Throws `GraphError`. */
  infer(operation: O, inputs: readonly Node[], given: Partial<Type>): Type;
  /**
   * The cotangent of each input whose `wanted` is true, from the cotangent of the result, in primitives again.
   * Undefined entries are zeros. Absent for an operation that no derivative passes through.
   */
  vjp?(builder: Builder, node: NodeOf<O>, cotangent: Node, wanted: readonly boolean[]): readonly (Node | undefined)[];
  /** False where this very operation lets no derivative through (`stop`, `floor`). Absent: true where `vjp` is. */
  flows?(operation: O): boolean;
  /** The value in float64, inputs in order. */
  interpret(node: NodeOf<O>, inputs: readonly Tensor[], environment: Environment): Tensor;
  /** Of elementwise operations: the scalar expression over WGSL expressions of the inputs. `bool` is WGSL's `bool`. */
  wgsl?(node: NodeOf<O>, args: readonly string[]): string;
}

export function showShape(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}

export function showType(node: Type): string {
  return `${node.dtype}${showShape(node.shape)}`;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((n, i) => n === b[i]);
}

export function expectInputs(what: string, inputs: readonly Node[], count: number): void {
  if (inputs.length !== count) throw new GraphError(`${what} takes ${count} input${count === 1 ? '' : 's'}, not ${inputs.length}`);
}

export function expectDType(what: string, node: Node, allowed: readonly DType[]): void {
  if (!allowed.includes(node.dtype)) throw new GraphError(`${what} takes ${allowed.join(' or ')}, not ${showType(node)}`);
}

/** All inputs of one shape: elementwise operations do not broadcast by themselves. */
export function expectEqualShapes(what: string, inputs: readonly Node[]): void {
  for (const input of inputs) {
    if (!sameShape(input.shape, inputs[0].shape)) {
      throw new GraphError(`${what} takes equal shapes, not ${inputs.map((i) => showShape(i.shape)).join(' and ')}`);
    }
  }
}

export function expectShape(what: string, shape: Shape): void {
  if (!shape.every((n) => Number.isSafeInteger(n) && n >= 0))
    throw new GraphError(`${what}: ${showShape(shape)} is no shape: sizes are integers of at least 0`);
}

/** Axes of a tensor: in range, each once, ascending. */
export function expectAxes(what: string, axes: readonly number[], shape: Shape): void {
  axes.forEach((axis, i) => {
    if (!Number.isInteger(axis) || axis < 0 || axis >= shape.length) throw new GraphError(`${what}: ${showShape(shape)} has no axis ${axis}`);
    if (i > 0 && axes[i - 1] >= axis) throw new GraphError(`${what}: axes [${axes.join(', ')}] must ascend, each named once`);
  });
}

export function expectLength(what: string, name: string, list: readonly number[], rank: number, least: number): void {
  if (list.length !== rank) throw new GraphError(`${what}: ${name} [${list.join(', ')}] must have ${rank} entries, one an axis`);
  for (const n of list) {
    if (!Number.isSafeInteger(n) || n < least)
      throw new GraphError(`${what}: ${name} [${list.join(', ')}] must be integers${least > -Infinity ? ` of at least ${least}` : ''}`);
  }
}
