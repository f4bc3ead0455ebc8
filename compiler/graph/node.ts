/**
 * The graph: static single assignment over about thirty tensor primitives. Every value has a concrete shape
 * (the batch, where there is one, is axis 0), a dtype and the place of the spec that it came from.
 * Nodes are immutable and hash-consed by the `Builder`: equal operation on equal inputs is the same object,
 * which is the sharing of common subexpressions. Only draws differ, by their path.
 */
import type { Span } from '../../grammar/source.js';

/** `bool` is stored as u32 0 or 1. */
export type DType = 'f32' | 'i32' | 'u32' | 'bool';
export type Shape = readonly number[];

/** Where a value comes from: the place in the text, and the layer (`G.fc1`, `D.block#2.conv`) that it belongs to. */
export interface Origin {
  readonly span?: Span;
  readonly path?: string;
}

export type UnaryName =
  | 'neg'
  | 'abs'
  | 'sign'
  | 'exp'
  | 'expm1'
  | 'log'
  | 'log1p'
  | 'sqrt'
  | 'rsqrt'
  | 'sin'
  | 'cos'
  | 'tanh'
  | 'sigmoid'
  | 'softplus'
  | 'erf'
  | 'floor'
  | 'ceil'
  | 'round'
  | 'not' // bool -> bool
  | 'finite' // f32 -> bool, by the bit test: neither NaN nor infinite
  | 'stop'; // the identity; its derivative is zero
export type BinaryName = 'add' | 'sub' | 'mul' | 'div' | 'pow' | 'max' | 'min' | 'mod' | 'and' | 'or';
export type CompareName = 'lt' | 'le' | 'eq';

/** Convolution's numbers, one entry a spatial axis. See `conv` below. */
export interface ConvAttrs {
  readonly stride: readonly number[];
  /** Padding before the first element; negative crops. What lies after the last follows from `size`. */
  readonly padding: readonly number[];
  /** Distance between neighbouring taps of the kernel. */
  readonly dilation: readonly number[];
  /** Distance between neighbouring elements of the input (zeros between): the stride of a transposed convolution. */
  readonly inputDilation: readonly number[];
  /** Spatial size of the result. Reads outside of the (dilated) input are zero. */
  readonly size: readonly number[];
}

/**
 * Other rows than the batch's own: those that the draw of this path has chosen, for each of the batch's rows one that differs from it in the field `differs`,
 * or has the same in the field `agrees`.
 */
export interface ChosenRows {
  readonly rows: string;
  readonly differs?: string;
  readonly agrees?: string;
}

/** Of the `of` rows of a call those from number `from` on, as many as the value's first axis is long. */
export interface SomeRows {
  readonly from: number;
  readonly of: number;
}

/** Every operation: its name, its attributes, and in the comment its inputs and result. */
export type Operation =
  // leaves
  | { readonly op: 'constant'; readonly value: number } // any shape, filled; i32/u32/bool hold integers
  | { readonly op: 'iota'; readonly axis: number } // index along the axis, i32 or f32
  | { readonly op: 'input'; readonly name: string } // what the host sends with each call (`step`, tensors of a file)
  | ({ readonly op: 'field'; readonly field: string } & Partial<ChosenRows> & Partial<SomeRows>) // [batch, ...]: this call's rows of a data field, decoded to f32 or i32
  | { readonly op: 'variable'; readonly name: string } // a weight, state, optimizer state or average, as it was before the call
  | { readonly op: 'random'; readonly path: string; readonly from?: number } // f32 uniform in (0, 1), Threefry by seed, path, call counter and element, counted from `from`
  // elementwise, all inputs of the result's shape
  | { readonly op: 'unary'; readonly name: UnaryName }
  | { readonly op: 'binary'; readonly name: BinaryName }
  | { readonly op: 'compare'; readonly name: CompareName } // -> bool
  | { readonly op: 'select' } // (bool condition, a, b): a where the condition holds
  | { readonly op: 'cast'; readonly to: DType }
  // index maps
  | { readonly op: 'broadcast'; readonly shape: Shape } // same rank; axes of length 1 are repeated
  | { readonly op: 'reshape'; readonly shape: Shape }
  | { readonly op: 'permute'; readonly axes: readonly number[] } // result axis i is input axis axes[i]
  | { readonly op: 'slice'; readonly start: readonly number[]; readonly stop: readonly number[]; readonly step: readonly number[] } // step >= 1
  | { readonly op: 'pad'; readonly low: readonly number[]; readonly high: readonly number[]; readonly interior: readonly number[] } // with zeros, all >= 0; interior: zeros between neighbours
  | { readonly op: 'concat'; readonly axis: number } // n inputs
  | { readonly op: 'reverse'; readonly axes: readonly number[] }
  | { readonly op: 'gather' } // (x [B, N, K], i32 index [B, M]) -> [B, M, K]: rows by number, numbers held within 0..N-1
  // reductions: the named axes are dropped. Order of summation is fixed.
  | { readonly op: 'sum'; readonly axes: readonly number[] }
  | { readonly op: 'max'; readonly axes: readonly number[] }
  // contractions
  | { readonly op: 'matmul' } // [B, M, K] x [B, K, N] -> [B, M, N]
  /**
   * x [N, G, C, ...S] with w [G, O, C, ...K] -> y [N, G, O, ...size]:
   * y[n,g,o,p] = sum over c, k of xd[n,g,c, p*stride + k*dilation - padding] * w[g,o,c,k], where xd is x with inputDilation-1
   * zeros between neighbours. Closed under its own derivatives: the data gradient swaps stride with inputDilation, the
   * weight gradient swaps stride with dilation and the batch with the channels.
   */
  | ({ readonly op: 'conv' } & ConvAttrs)
  /**
   * Inputs laid one after another in a flat f32 vector of `total` elements, input i at `offsets[i]`; gaps are zero.
   * The layout of a player's gradients. Not differentiable. `tight`: there are no gaps, as between the parts of one value.
   */
  | { readonly op: 'pack'; readonly offsets: readonly number[]; readonly total: number; readonly tight?: true };

export type OpName = Operation['op'];

export interface Node {
  readonly id: number;
  readonly operation: Operation;
  readonly inputs: readonly Node[];
  readonly shape: Shape;
  readonly dtype: DType;
  readonly origin: Origin;
}

/** A persistent tensor. */
export interface Variable {
  /** `G.fc1.weight`, `D.bn.running_mean`, `D.optimizer.m`, `G.average.fc1.weight`, and `D.weights` for a flat view. */
  readonly name: string;
  /** `flat` views a whole group. `judge`: of a judge, its optimizer's too. Of these, and `carry`, nothing is in a run's checkpoints. */
  readonly kind: 'weight' | 'state' | 'optimizer' | 'average' | 'judge' | 'flat' | 'carry';
  readonly player?: string;
  readonly shape: Shape;
  readonly dtype: DType;
  /** Variables of one group lie in one buffer, in the order of declaration, each at a multiple of 64 elements. Without: a buffer of its own. */
  readonly group?: string;
}

/** Elements between the starts of neighbours in a group are rounded up to this: 256 bytes, WebGPU's binding alignment. */
export const GROUP_ALIGNMENT = 64;

/** Where each member of a group starts, in elements, and the group's whole length. */
export function groupLayout(shapes: readonly Shape[]): { offsets: number[]; total: number } {
  const offsets: number[] = [];
  let total = 0;
  for (const shape of shapes) {
    offsets.push(total);
    total += Math.ceil(Math.max(1, size(shape)) / GROUP_ALIGNMENT) * GROUP_ALIGNMENT;
  }
  return { offsets, total };
}

/** One callable piece of a program: what it returns to the host, and what it writes to variables. All reads see the values from before. */
export interface GraphFunction {
  readonly name: string;
  readonly outputs: readonly { readonly name: string; readonly node: Node }[];
  readonly stores: readonly { readonly variable: string; readonly node: Node }[];
}

/** The shape of a field as a call has it, of whose rows the node may read some. */
export function fieldShape({ operation, shape }: Node): Shape {
  return operation.op === 'field' && operation.of !== undefined ? [operation.of, ...shape.slice(1)] : shape;
}

export function size(shape: Shape): number {
  return shape.reduce((a, b) => a * b, 1);
}

/** Inputs before users, each node once; deterministic. What only those in `ends` need is left out. */
export function topological(roots: readonly Node[], ends?: { has(node: Node): boolean }): Node[] {
  const seen = new Set<Node>();
  const order: Node[] = [];
  const stack: { node: Node; next: number }[] = [];
  for (const root of roots) {
    if (seen.has(root)) continue;
    seen.add(root);
    stack.push({ node: root, next: 0 });
    while (stack.length > 0) {
      const top = stack[stack.length - 1];
      if (top.next < top.node.inputs.length && !ends?.has(top.node)) {
        const input = top.node.inputs[top.next++];
        if (!seen.has(input)) {
          seen.add(input);
          stack.push({ node: input, next: 0 });
        }
      } else {
        order.push(top.node);
        stack.pop();
      }
    }
  }
  return order;
}

export function roots(fn: GraphFunction): Node[] {
  return [...fn.outputs.map((o) => o.node), ...fn.stores.map((s) => s.node)];
}
