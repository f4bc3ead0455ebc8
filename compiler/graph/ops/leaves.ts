/** Values that come from outside of the graph. */

import { wgslConstant } from '../literal.js';
import { type DType, fieldShape, type Node, type Operation, size } from '../node.js';
import { expectAxes, expectInputs, expectShape, GraphError, type Primitive, sameShape, showShape, type Type } from '../primitive.js';
import { dense, empty, type Tensor, walkRows } from '../tensor.js';
import { drawKey, uniform } from '../threefry.js';

function given(what: string, inputs: readonly Node[], type: Partial<Type>, dtypes: readonly DType[]): Type {
  expectInputs(what, inputs, 0);
  const { shape, dtype } = type;
  if (shape === undefined || dtype === undefined) throw new GraphError(`${what} needs a shape and a dtype`);
  if (!dtypes.includes(dtype)) throw new GraphError(`${what} is ${dtypes.join(' or ')}, not ${dtype}`);
  expectShape(what, shape);
  return { shape, dtype };
}

/** A tensor that the environment holds, of the graph's own shape and dtype. */
function lookUp(what: string, name: string, tensors: ReadonlyMap<string, Tensor>, node: Pick<Node, 'shape' | 'dtype'>): Tensor {
  const tensor = tensors.get(name);
  if (tensor === undefined) throw new GraphError(`the environment has no ${what} '${name}'`);
  if (!sameShape(tensor.shape, node.shape) || tensor.dtype !== node.dtype || tensor.data.length !== node.shape.reduce((a, b) => a * b, 1)) {
    throw new GraphError(
      `${what} '${name}' is ${tensor.dtype}${showShape(tensor.shape)} (${tensor.data.length} elements) in the environment and ${node.dtype}${showShape(node.shape)} in the graph`,
    );
  }
  return tensor;
}

const ANY: readonly DType[] = ['f32', 'i32', 'u32', 'bool'];

export const constant: Primitive<{ readonly op: 'constant'; readonly value: number }> = {
  infer({ value }, inputs, type) {
    const result = given('constant', inputs, type, ANY);
    if (result.dtype !== 'f32' && !Number.isInteger(value)) throw new GraphError(`constant ${value} is no ${result.dtype}`);
    return result;
  },
  interpret(node) {
    const result = empty(node.shape, node.dtype);
    result.data.fill(node.operation.value);
    return result;
  },
  wgsl: (node) => wgslConstant(node.operation.value, node.dtype),
};

export const iota: Primitive<{ readonly op: 'iota'; readonly axis: number }> = {
  infer({ axis }, inputs, type) {
    const result = given('iota', inputs, type, ['i32', 'f32']);
    expectAxes('iota', [axis], result.shape);
    return result;
  },
  interpret(node) {
    const result = empty(node.shape, node.dtype);
    const along = node.shape.map((_, axis) => (axis === node.operation.axis ? 1 : 0));
    walkRows(node.shape, dense(node.shape), { offset: 0, strides: along }, (to, from, count, stepTo, stepFrom) => {
      for (let i = 0; i < count; i++) result.data[to + i * stepTo] = from + i * stepFrom;
    });
    return result;
  },
};

export const input: Primitive<{ readonly op: 'input'; readonly name: string }> = {
  infer: ({ name }, inputs, type) => given(`input '${name}'`, inputs, type, ANY),
  interpret: (node, _inputs, environment) => lookUp('input', node.operation.name, environment.inputs, node),
};

/** In the environment, `t@D.wrong` is the field `t` at the rows that the draw `D.wrong` has chosen. */
export const field: Primitive<Extract<Operation, { op: 'field' }>> = {
  infer: (operation, inputs, type) => given(`field '${operation.field}'`, inputs, type, ['f32', 'i32']),
  interpret(node, _inputs, environment) {
    const { field: name, rows, from } = node.operation;
    const whole = lookUp('field', rows === undefined ? name : `${name}@${rows}`, environment.fields, { shape: fieldShape(node), dtype: node.dtype });
    if (from === undefined) return whole;
    const row = size(node.shape.slice(1));
    return { shape: node.shape, dtype: node.dtype, data: whole.data.slice(from * row, (from + node.shape[0]) * row) };
  },
};

export const variable: Primitive<{ readonly op: 'variable'; readonly name: string }> = {
  infer: ({ name }, inputs, type) => given(`variable '${name}'`, inputs, type, ANY),
  interpret: (node, _inputs, environment) => lookUp('variable', node.operation.name, environment.variables, node),
};

export const random: Primitive<{ readonly op: 'random'; readonly path: string; readonly from?: number }> = {
  infer: ({ path }, inputs, type) => given(`random '${path}'`, inputs, type, ['f32']),
  interpret(node, _inputs, environment) {
    const result = empty(node.shape, 'f32');
    const { path, from = 0 } = node.operation;
    const key = drawKey(environment.seed, path);
    for (let i = 0; i < result.data.length; i++) result.data[i] = uniform(key, from + i, environment.counter);
    return result;
  },
};
