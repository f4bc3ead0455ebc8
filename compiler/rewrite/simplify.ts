/**
 * Simplification when a node is built: small local rules, each with a reason of its own, that keep values up to rounding. They end:
 * each makes a graph with fewer or cheaper operations, or puts a constant or an older node where the others expect it.
 */
import type { Rewrite } from '../graph/builder.js';
import { simplifyBinary, simplifyCast, simplifyCompare, simplifySelect, simplifyUnary } from './arithmetic.js';
import {
  joinPaddings,
  simplifyBroadcast,
  simplifyConcat,
  simplifyEmpty,
  simplifyPad,
  simplifyPermute,
  simplifyReduction,
  simplifyReshape,
  simplifyReverse,
  simplifySlice,
} from './movement.js';

export const simplify: Rewrite = (b, operation, inputs) => {
  const constant = simplifyEmpty(b, operation, inputs);
  if (constant) return constant;
  const [x, y] = inputs;
  switch (operation.op) {
    case 'unary':
      return simplifyUnary(b, operation.name, x);
    case 'binary':
      return simplifyBinary(b, operation.name, x, y) ?? (operation.name === 'add' ? joinPaddings(b, x, y) : undefined);
    case 'compare':
      return simplifyCompare(b, operation.name, x, y);
    case 'select':
      return simplifySelect(b, x, y, inputs[2]);
    case 'cast':
      return simplifyCast(b, x, operation.to);
    case 'reshape':
      return simplifyReshape(b, x, operation.shape);
    case 'broadcast':
      return simplifyBroadcast(b, x, operation.shape);
    case 'permute':
      return simplifyPermute(b, x, operation.axes);
    case 'slice':
      return simplifySlice(b, x, operation);
    case 'pad':
      return simplifyPad(b, x, operation);
    case 'concat':
      return simplifyConcat(b, inputs, operation.axis);
    case 'reverse':
      return simplifyReverse(b, x, operation.axes);
    case 'sum':
    case 'max':
      return simplifyReduction(b, operation.op, x, operation.axes);
    default:
      return undefined;
  }
};
