/** The registry: every operation has its entry, or this does not compile. */
import type { Node, Operation, OpName } from '../node.js';
import type { Primitive } from '../primitive.js';
import { binary, cast, compare, select } from './binary.js';
import { conv } from './conv.js';
import { gather } from './gather.js';
import { concat, pack, pad } from './joining.js';
import { constant, field, input, iota, random, variable } from './leaves.js';
import { matmul } from './matmul.js';
import { broadcast, permute, reshape, reverse, slice } from './movement.js';
import { max, sum } from './reduction.js';
import { unary } from './unary.js';

export const primitives = {
  constant,
  iota,
  input,
  field,
  variable,
  random,
  unary,
  binary,
  compare,
  select,
  cast,
  broadcast,
  reshape,
  permute,
  slice,
  pad,
  concat,
  reverse,
  gather,
  sum,
  max,
  matmul,
  conv,
  pack,
} satisfies { readonly [K in OpName]: Primitive<Extract<Operation, { op: K }>> };

/** An operation's entry, typed for an operation not known statically. */
export function primitive(operation: Operation): Primitive<Operation> {
  return primitives[operation.op] as unknown as Primitive<Operation>;
}

export function primitiveOf(node: Node): Primitive<Operation> {
  return primitive(node.operation);
}
