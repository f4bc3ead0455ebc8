/**
 * Syntax trees of the prelude's blocks. A build writes this module anew in dist/ (scripts/prelude-trees.mjs), so that an installed compiler need not parse its
 * own library each time; run from its sources it has none, and parses.
 */
import type { Packed } from './packed.js';

export const packed: Packed = { shapes: [], trees: {} };
