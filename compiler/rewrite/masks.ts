/**
 * Where a rectifier is positive its input is: `0 < h` is `0 < y` for `y = 0 < h ? h : c h` with c >= 0. The derivative asks for the first,
 * and `y` is in memory for the next layer, while `h` and its mask need not be. Exact for every number, NaN too.
 */
import type { Builder } from '../graph/builder.js';
import { type GraphFunction, type Node, roots, topological } from '../graph/node.js';
import { remake } from './remake.js';

export function masks(fn: GraphFunction): GraphFunction {
  const rectifiers = rectifiersOf(topological(roots(fn)));
  return remake(fn, (builder, node, inputs) => {
    const changed = node.inputs.map((input, i) => {
      const rectifier = rectifiers.get(input);
      return rectifier === undefined || isRectifier(node) ? inputs[i] : maskOf(builder, rectifier, inputs[i]);
    });
    return changed.some((input, i) => input !== inputs[i]) ? builder.make(node.operation, changed, { shape: node.shape, dtype: node.dtype }) : undefined;
  });
}

/** Masks, each with the first rectifier that it belongs to: the mask is `0 < y` for that one, too. */
export function rectifiersOf(nodes: readonly Node[]): ReadonlyMap<Node, Node> {
  const rectifiers = new Map<Node, Node>();
  for (const node of nodes) {
    const [mask] = node.inputs;
    if (isRectifier(node) && !rectifiers.has(mask)) rectifiers.set(mask, node);
  }
  return rectifiers;
}

/** `select(0 < h, h, c h)` or `select(0 < h, h, 0)`. */
function isRectifier(node: Node): boolean {
  if (node.operation.op !== 'select' || node.dtype !== 'f32') return false;
  const [mask, h, other] = node.inputs;
  if (mask.operation.op !== 'compare' || mask.operation.name !== 'lt' || !isConstant(mask.inputs[0], 0) || mask.inputs[1] !== h) return false;
  return isConstant(other, 0) || slope(other, h) !== undefined;
}

function isConstant(node: Node, value: number): boolean {
  return node.operation.op === 'constant' && node.operation.value === value;
}

/** Which input of `c h` is the constant c >= 0. */
function slope(node: Node, h: Node): number | undefined {
  if (node.operation.op !== 'binary' || node.operation.name !== 'mul') return undefined;
  const at = node.inputs.findIndex((input, i) => input.operation.op === 'constant' && input.operation.value >= 0 && node.inputs[1 - i] === h);
  return at < 0 ? undefined : at;
}

/** `0 < y`, with the rectifier y made over the replaced mask. */
function maskOf(builder: Builder, rectifier: Node, mask: Node): Node {
  const [zero, h] = mask.inputs;
  const [, old, other] = rectifier.inputs;
  const below = isConstant(other, 0)
    ? builder.make(other.operation, [], { shape: other.shape, dtype: other.dtype })
    : builder.make(
        other.operation,
        other.inputs.map((input) => (input === old ? h : builder.make(input.operation, [], { shape: input.shape, dtype: input.dtype }))),
      );
  return builder.make({ op: 'compare', name: 'lt' }, [zero, builder.make({ op: 'select' }, [mask, h, below])]);
}
