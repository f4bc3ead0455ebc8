/** Rows by their number: the one index map whose places are values. */
import type { Builder } from '../builder.js';
import { type Node, size } from '../node.js';
import { expectDType, expectInputs, GraphError, type Primitive, showShape } from '../primitive.js';
import { empty } from '../tensor.js';

/** From so many numbers on the table of hits is not written to memory for a matrix product. */
const LARGE_TABLE = 2 ** 22;

/**
 * For each row of x what is added up there, in the order of the places: sum over m of [index[b, m] = n] g[b, m, k]. A product with the table of hits,
 * or, where that is large or the rows are single numbers, a sum that computes it as it goes.
 */
function scatterAdd(b: Builder, g: Node, index: Node, rows: number): Node {
  const [batch, places, width] = g.shape;
  const hits = (shape: readonly number[]): Node => {
    const wide = b.broadcastTo(b.reshape(index, [batch, 1, places, ...shape.slice(3).map(() => 1)]), shape);
    return b.compare('eq', b.iota(shape, 1, 'i32'), wide);
  };
  if (width > 1 && batch * rows * places <= LARGE_TABLE) return b.matmul(b.cast(hits([batch, rows, places]), 'f32'), g);
  const shape = [batch, rows, places, width];
  const wide = b.broadcastTo(b.reshape(g, [batch, 1, places, width]), shape);
  return b.sum(b.select(hits(shape), wide, b.fill(wide, 0)), [2]);
}

export const gather: Primitive<{ readonly op: 'gather' }> = {
  infer(_, inputs) {
    expectInputs('gather', inputs, 2);
    const [x, index] = inputs;
    expectDType('gather', index, ['i32']);
    if (x.shape.length !== 3 || index.shape.length !== 2 || x.shape[0] !== index.shape[0] || x.shape[1] === 0) {
      throw new GraphError(`gather: [B, N, K] and [B, M] are wanted, not ${showShape(x.shape)} and ${showShape(index.shape)}`);
    }
    return { shape: [x.shape[0], index.shape[1], x.shape[2]], dtype: x.dtype };
  },
  vjp(b, node, g) {
    const [x, index] = node.inputs;
    const held = b.binary('min', b.binary('max', index, b.fill(index, 0)), b.fill(index, x.shape[1] - 1));
    return [scatterAdd(b, g, held, x.shape[1]), undefined];
  },
  interpret(node, [x, index]) {
    const result = empty(node.shape, node.dtype);
    const [, rows, width] = x.shape;
    const places = index.shape[1];
    for (let i = 0; i < size(index.shape); i++) {
      const from = (Math.floor(i / places) * rows + Math.min(Math.max(index.data[i], 0), rows - 1)) * width;
      result.data.set(x.data.subarray(from, from + width), i * width);
    }
    return result;
  },
};
