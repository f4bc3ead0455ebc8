/**
 * Which elements of a stored value a chain of index maps reads: where the flat position is `offset + sum of coordinate * stride`, a
 * contraction loads operands through strides and needs no copy. Strides may be 0 (broadcast) or negative (reverse).
 */
import type { Node, Shape } from '../graph/node.js';

export interface Affine {
  /** The stored value, row-major in its buffer. */
  readonly leaf: Node;
  /** In elements. */
  readonly offset: number;
  /** One an axis of the value asked for, in elements. */
  readonly strides: readonly number[];
}

export function rowMajor(shape: Shape): number[] {
  const strides: number[] = new Array(shape.length);
  let step = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = step;
    step *= shape[axis];
  }
  return strides;
}

/** `undefined` where the value is no affine view of a stored one (arithmetic, padding, a reshape across strides). */
export function affine(node: Node, isStored: (node: Node) => boolean): Affine | undefined {
  if (isStored(node)) return { leaf: node, offset: 0, strides: rowMajor(node.shape) };
  const operation = node.operation;
  if (!['permute', 'broadcast', 'slice', 'reverse', 'reshape'].includes(operation.op) && !(operation.op === 'unary' && operation.name === 'stop'))
    return undefined;
  const source = node.inputs[0];
  const under = affine(source, isStored);
  if (under === undefined) return undefined;
  const { leaf, offset, strides } = under;
  switch (operation.op) {
    case 'permute':
      return { leaf, offset, strides: operation.axes.map((axis) => strides[axis]) };
    case 'broadcast':
      return { leaf, offset, strides: strides.map((stride, axis) => (source.shape[axis] === 1 ? 0 : stride)) };
    case 'slice':
      return {
        leaf,
        offset: offset + strides.reduce((sum, stride, axis) => sum + stride * operation.start[axis], 0),
        strides: strides.map((stride, axis) => stride * operation.step[axis]),
      };
    case 'reverse':
      return {
        leaf,
        offset: offset + operation.axes.reduce((sum, axis) => sum + strides[axis] * (source.shape[axis] - 1), 0),
        strides: strides.map((stride, axis) => (operation.axes.includes(axis) ? -stride : stride)),
      };
    case 'reshape': {
      const reshaped = reshapeStrides(source.shape, strides, operation.shape);
      return reshaped && { leaf, offset, strides: reshaped };
    }
    default:
      return under;
  }
}

/** Strides of `to` over the elements that `from` and `strides` describe, or `undefined` where an axis would need two. */
export function reshapeStrides(from: Shape, strides: readonly number[], to: Shape): number[] | undefined {
  const result: number[] = new Array(to.length).fill(0);
  if (from.includes(0) || to.includes(0)) return rowMajor(to);
  // Axes of length 1 say nothing; the rest is split into the smallest groups of equal product.
  const source = from.map((length, axis) => ({ length, stride: strides[axis] })).filter((axis) => axis.length > 1);
  const target = to.map((length, axis) => ({ length, axis })).filter((axis) => axis.length > 1);
  let i = 0;
  let j = 0;
  while (i < source.length && j < target.length) {
    const firstSource = i;
    const firstTarget = j;
    let left = source[i++].length;
    let right = target[j++].length;
    while (left !== right) {
      if (left < right) left *= source[i++].length;
      else right *= target[j++].length;
    }
    for (let k = firstSource; k + 1 < i; k++) if (source[k].stride !== source[k + 1].stride * source[k + 1].length) return undefined;
    let stride = source[i - 1].stride;
    for (let k = j - 1; k >= firstTarget; k--) {
      result[target[k].axis] = stride;
      stride *= target[k].length;
    }
  }
  return result;
}

/** The view that a contraction takes of its operand; strides of axes of length 1 are 0. Throws where there is none: fusion leaves only affine operands to contractions. */
export function operandView(node: Node, site: { stored(node: Node): boolean }): Affine {
  const view = affine(node, (other) => site.stored(other));
  if (view === undefined) throw new Error(`operand of a contraction is neither stored nor an affine view: ${node.operation.op} [${node.shape.join(', ')}]`);
  return { ...view, strides: view.strides.map((stride, axis) => (node.shape[axis] === 1 ? 0 : stride)) };
}
