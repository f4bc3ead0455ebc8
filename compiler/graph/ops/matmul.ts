/** Batched matrix product [B, M, K] x [B, K, N] -> [B, M, N]. */
import { expectDType, expectInputs, GraphError, type Primitive, showShape } from '../primitive.js';
import { empty } from '../tensor.js';

export const matmul: Primitive<{ readonly op: 'matmul' }> = {
  infer(_operation, inputs) {
    expectInputs('matmul', inputs, 2);
    for (const input of inputs) expectDType('matmul', input, ['f32']);
    const [a, b] = inputs.map((i) => i.shape);
    if (a.length !== 3 || b.length !== 3 || a[0] !== b[0] || a[2] !== b[1]) {
      throw new GraphError(`matmul takes [B, M, K] and [B, K, N], not ${showShape(a)} and ${showShape(b)}`);
    }
    return { shape: [a[0], a[1], b[2]], dtype: 'f32' };
  },
  vjp(b, node, g, wanted) {
    const [x, w] = node.inputs;
    return [wanted[0] ? b.matmul(g, b.permute(w, [0, 2, 1])) : undefined, wanted[1] ? b.matmul(b.permute(x, [0, 2, 1]), g) : undefined];
  },
  interpret(node, [a, b]) {
    const result = empty(node.shape, 'f32');
    const [batch, rows, columns] = node.shape;
    const inner = a.shape[2];
    for (let n = 0; n < batch; n++) {
      for (let i = 0; i < rows; i++) {
        const row = result.data.subarray((n * rows + i) * columns, (n * rows + i + 1) * columns);
        for (let k = 0; k < inner; k++) {
          const left = a.data[(n * rows + i) * inner + k];
          const at = (n * inner + k) * columns;
          for (let j = 0; j < columns; j++) row[j] += left * b.data[at + j];
        }
      }
    }
    return result;
  },
};
