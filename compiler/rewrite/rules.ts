/** The rules that a builder tries on every node, of a net and of its derivatives alike. */
import type { Rewrite } from '../graph/builder.js';
import { simplify } from './simplify.js';
import { stabilise } from './stabilise.js';

/** The stable forms first: they match the formula as it was written. */
export const rules: Rewrite = (b, operation, inputs) => stabilise(b, operation, inputs) ?? simplify(b, operation, inputs);
