import fc from 'fast-check';
import { describe, it } from 'vitest';
import { verify } from '../../compiler/graph/verify.js';
import { lower } from '../../compiler/plan/lower.js';
import { generator } from '../graph/numeric.js';
import { randomGraph } from './random-graph.js';
import { check, moduleOf } from './support.js';

function graphOf(seed: number, steps: number): ReturnType<typeof randomGraph> {
  const random = generator(seed);
  return randomGraph((n) => Math.floor(random() * n), steps);
}

describe('random graphs', () => {
  it('lower to a plan that verifies, the same each time', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 60 }), (seed, steps) => {
        const { fn, variables } = graphOf(seed, steps);
        verify(fn);
        const first = JSON.stringify(lower(moduleOf([fn], variables)));
        return first === JSON.stringify(lower(moduleOf([graphOf(seed, steps).fn], variables)));
      }),
      { numRuns: 60 },
    );
  });

  it('give on the GPU what the interpreter gives', async () => {
    for (let seed = 1; seed <= 6; seed++) {
      const { fn, variables } = graphOf(seed, 12);
      await check(fn, variables).catch((error: Error) => {
        throw new Error(`seed ${seed}: ${error.message}`);
      });
    }
  });
});
