import { describe, expect, it } from 'vitest';
import { Builder, type Rewrite } from '../../compiler/graph/builder.js';
import type { Node } from '../../compiler/graph/node.js';
import { safeNorm } from '../../compiler/graph/norm.js';
import { rules } from '../../compiler/rewrite/rules.js';
import { finiteDifference, generator, gradient, numbersOf, randomTensor, relativeError } from './numeric.js';

const BATCH = 2;

/** A small critic: strided convolution, a smooth activation, a second convolution, a linear layer. [2, 1, 5, 5] -> [2]. */
function critic(b: Builder, x: Node, weights: Record<string, Node>): Node {
  const attrs = { dilation: [1, 1], inputDilation: [1, 1] };
  const grouped = b.reshape(x, [BATCH, 1, 1, 5, 5]);
  const first = b.conv(grouped, weights.w1, { ...attrs, stride: [2, 2], padding: [1, 1], size: [3, 3] });
  const biased = b.binary('add', first, b.broadcastTo(b.reshape(weights.b1, [1, 2, 1, 1]), first.shape));
  const h = b.unary('softplus', biased);
  const second = b.unary('tanh', b.conv(h, weights.w2, { ...attrs, stride: [1, 1], padding: [0, 0], size: [2, 2] }));
  const flat = b.reshape(second, [1, BATCH, 8]);
  return b.reshape(b.matmul(flat, b.permute(weights.w3, [0, 2, 1])), [BATCH]);
}

/** The loss of a critic with a penalty on its gradient at x, and its gradient by every weight, checked by differences of the loss. */
function check(rewrite: Rewrite | undefined, penalty: (b: Builder, g: Node) => Node): void {
  const b = new Builder({ rewrite });
  const shapes = { w1: [1, 2, 1, 3, 3], b1: [2], w2: [1, 2, 2, 2, 2], w3: [1, 1, 8] };
  const weights = Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, b.input(name, shape, 'f32')]));
  const x = b.input('x', [BATCH, 1, 5, 5], 'f32');
  const real = critic(b, x, weights);
  const [g] = gradient(b, b.sum(real, [0]), [x]);
  const loss = b.binary('add', b.scale(b.sum(b.unary('softplus', real), [0]), 0.5), penalty(b, g));
  const random = generator(11);
  const inputs = Object.fromEntries(Object.entries({ ...shapes, x: x.shape }).map(([name, shape]) => [name, randomTensor(shape, random)]));
  const names = Object.keys(shapes);
  const grads = gradient(
    b,
    loss,
    names.map((n) => weights[n]),
  );
  names.forEach((name, i) => {
    expect(relativeError(numbersOf(grads[i], inputs), finiteDifference(loss, inputs, name, 1e-3)), name).toBeLessThan(1e-5);
  });
}

/** R1: the mean over examples of the squared norm of the gradient. */
const r1 = (b: Builder, g: Node): Node => b.scale(b.sum(b.binary('mul', g, g), [0, 1, 2, 3]), 5 / BATCH);

/** WGAN-GP: the mean over examples of (norm - 1)^2. */
const gradientPenalty = (b: Builder, g: Node): Node => {
  const norm = safeNorm(b, g, [1, 2, 3]);
  return b.scale(b.sum(b.binary('pow', b.binary('sub', norm, b.fill(norm, 1)), b.fill(norm, 2)), [0]), 10 / BATCH);
};

describe('penalties on the gradient, by weights, against finite differences', () => {
  for (const [how, rewrite] of [
    ['as built', undefined],
    ['with rules', rules],
  ] as const) {
    it(`R1, ${how}`, () => check(rewrite, r1));
    it(`gradient penalty, ${how}`, () => check(rewrite, gradientPenalty));
  }
});
