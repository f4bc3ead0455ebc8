/** Which parts of an operation's inputs go with a part of its result: what `cut.ts` needs to know of each operation. */
import { type Node, type Shape, size } from '../graph/node.js';
import { concatStarts } from '../graph/ops/joining.js';
import { isElementwise } from '../kernels/naming.js';

/** An axis, and where parts along it begin: 0 first, the axis' length last. */
export interface Cut {
  readonly axis: number;
  readonly bounds: readonly number[];
}

/** Parts as [from, to] pairs. */
export function parts({ bounds }: Cut): [number, number][] {
  return bounds.slice(1).map((to, i) => [bounds[i], to]);
}

/** Parts of at most `most`, of one length where a divisor is near. */
export function evenBounds(length: number, most: number): number[] {
  let step = Math.ceil(length / Math.ceil(length / most));
  for (let divisor = Math.min(length, most); 2 * divisor > most; divisor--) {
    if (length % divisor !== 0) continue;
    step = divisor;
    break;
  }
  return [...Array.from({ length: Math.ceil(length / step) }, (_, i) => i * step), length];
}

/** The cut of the result whose parts need parts of input `i` as it is cut; `undefined` where there is none, as where the axis is summed over. */
export function carried({ operation, inputs, shape }: Node, i: number, cut: Cut): Cut | undefined {
  const { axis, bounds } = cut;
  switch (operation.op) {
    case 'reshape':
      return reshaped(inputs[0].shape, shape, cut);
    case 'permute':
      return { axis: operation.axes.indexOf(axis), bounds };
    case 'slice':
      return moved(axis, shape[axis], bounds, (bound) => Math.ceil((bound - operation.start[axis]) / operation.step[axis]));
    case 'pad':
      return moved(axis, shape[axis], bounds, (bound) => operation.low[axis] + bound * (operation.interior[axis] + 1));
    case 'concat': {
      if (axis !== operation.axis) return cut;
      const start = concatStarts(inputs, axis)[i];
      return moved(axis, shape[axis], [-start, ...bounds, shape[axis] - start], (bound) => start + bound);
    }
    case 'reverse':
      return operation.axes.includes(axis) ? { axis, bounds: bounds.map((bound) => shape[axis] - bound).reverse() } : cut;
    case 'sum':
    case 'max':
      return operation.axes.includes(axis) ? undefined : { axis: axis - operation.axes.filter((other) => other < axis).length, bounds };
    case 'gather':
    case 'matmul':
    case 'conv': {
      const result = shape.findIndex((_, own) => sourceAxis({ operation, inputs, shape }, i, own) === axis);
      return result < 0 ? undefined : { axis: result, bounds };
    }
    case 'broadcast':
      return cut;
    default:
      return inputs[i].shape.length === shape.length && size(inputs[i].shape) === size(shape) ? cut : undefined;
  }
}

/** The axis of input `i` of which a part of the result along `axis` needs a part only; `undefined` where it needs the input whole. */
export function sourceAxis({ operation, inputs, shape }: Pick<Node, 'operation' | 'inputs' | 'shape'>, i: number, axis: number): number | undefined {
  switch (operation.op) {
    case 'reshape':
      return reshaped(shape, inputs[0].shape, { axis, bounds: [0, shape[axis]] })?.axis;
    case 'permute':
      return operation.axes[axis];
    case 'concat':
      return axis === operation.axis ? undefined : axis;
    case 'broadcast':
      return inputs[0].shape[axis] === 1 ? undefined : axis;
    case 'sum':
    case 'max':
      return inputs[0].shape.map((_, own) => own).filter((own) => !operation.axes.includes(own))[axis];
    case 'gather':
      return axis === 0 ? 0 : i === 0 ? [undefined, undefined, 2][axis] : [undefined, 1, undefined][axis];
    case 'matmul':
      return axis === 0 ? 0 : i === 0 ? [undefined, 1, undefined][axis] : [undefined, undefined, 2][axis];
    case 'conv':
      return i === 0 ? [0, 1, undefined][axis] : [undefined, 0, 1][axis];
    default:
      return axis;
  }
}

/** The axes of a contraction's factors that are summed over together. Taps of a convolution are not among them. */
export function summedAxes({ operation }: Node): readonly [number, number] | undefined {
  if (operation.op === 'matmul') return [2, 1];
  return operation.op === 'conv' ? [2, 2] : undefined;
}

/** True where parts along the axis are computed for less than the whole. Along space a convolution's parts would overlap, and draws and rows are numbered. */
export function cuttable({ operation, shape }: Node, axis: number): boolean {
  switch (operation.op) {
    case 'conv':
      return axis < 3;
    case 'random':
      return size(shape.slice(0, axis)) === 1;
    case 'field':
      return axis === 0;
    default:
      return true;
  }
}

/** Nodes that are nothing in memory until something asks for them there: index maps, and leaves that are computed from the place alone. */
export function isVirtual(node: Node): boolean {
  const { op } = node.operation;
  return ['constant', 'iota', 'broadcast', 'reshape', 'permute', 'slice', 'pad', 'concat', 'reverse'].includes(op);
}

export function isAnchor(node: Node): boolean {
  return ['sum', 'max', 'matmul', 'conv'].includes(node.operation.op);
}

/** Work that a part of a kernel's results is handed on to without being joined: it has the same elements. */
export function follows(node: Node): boolean {
  return isElementwise(node) || node.operation.op === 'reshape';
}

/** The same parts after a reshape, where they are parts along an axis there too. */
export function reshaped(from: Shape, to: Shape, { axis, bounds }: Cut): Cut | undefined {
  const before = size(from.slice(0, axis));
  const unit = size(from.slice(axis + 1));
  for (let result = 0, outer = 1; result < to.length && outer <= before; outer *= to[result++]) {
    if (outer !== before || to[result] === 1) continue;
    const step = size(to.slice(result + 1));
    const mapped = bounds.map((bound) => (bound * unit) / step);
    return mapped.every(Number.isInteger) && mapped[mapped.length - 1] === to[result] ? { axis: result, bounds: mapped } : undefined;
  }
  return undefined;
}

/** Bounds under a map, held within the axis, the first at its start and the last at its end. */
function moved(axis: number, length: number, bounds: readonly number[], map: (bound: number) => number): Cut {
  const inner = bounds.slice(1, -1).map((bound) => Math.min(length, Math.max(0, map(bound))));
  return { axis, bounds: union([[0, ...inner, length]]) };
}

/** All bounds, ascending, each once. */
export function union(lists: readonly (readonly number[])[]): number[] {
  return [...new Set(lists.flat())].sort((a, b) => a - b);
}
