/** What is looked at when a spec has been evaluated whole: values outside of a domain, and what is never used. */
import type { Explanation } from '../explanations.js';

export const checks: Readonly<Record<string, Explanation>> = {
  GAN2050: {
    about:
      'A warning: a logarithm, root or power takes what may be negative, and is not a number there. Between which ends a value lies is known from what it is made of: a `sigmoid` is 0 to 1, a picture -1 to 1, a convolution any number. One such number in a batch, and the gradient of every weight is lost.',
    wrong: 'net D(x) { x |> flatten |> linear(1) }\ngame {\n  D maximizes E[log(D(x))] + E[log(1 - D(G(z)))]\n  G maximizes E[D(G(z))]\n}',
    right: 'net D(x) { x |> flatten |> linear(1) |> sigmoid }\ngame {\n  D maximizes E[log(D(x))] + E[log(1 - D(G(z)))]\n  G maximizes E[D(G(z))]\n}',
  },
  GAN2051: {
    about: 'A warning: a logarithm or reciprocal root takes what is often exactly its limit, such as 0 behind a `relu`, and is infinite there.',
    wrong: 'game { G minimizes E[log(relu(G(z)))] }',
    right: 'game { G minimizes E[log(relu(G(z)) + 1e-8)] }',
  },
  GAN4070: {
    about:
      'A warning: a net makes values that cannot be where those of the data are, so the other player can tell them apart by that alone. Pictures are -1 to 1: `tanh` ends a generator of them.',
    wrong:
      'net G(z) { z |> linear(784) |> sigmoid |> reshape(1, 28, 28) }\ngame {\n  D maximizes E[log(D(x))] + E[log(1 - D(G(z)))]\n  G maximizes E[log(D(G(z)))]\n}',
    right:
      'net G(z) { z |> linear(784) |> tanh |> reshape(1, 28, 28) }\ngame {\n  D maximizes E[log(D(x))] + E[log(1 - D(G(z)))]\n  G maximizes E[log(D(G(z)))]\n}',
  },
  GAN4071: {
    about: 'A layer has weights, and what its net returns does not depend on it. Most often its result was not bound to the name that goes on.',
    wrong: 'net F(x: [8]) {\n  h = linear(x, 16) |> relu\n  g = linear(h, 16) |> relu\n  linear(h, 1)\n}',
    right: 'net F(x: [8]) {\n  h = linear(x, 16) |> relu\n  g = linear(h, 16) |> relu\n  linear(g, 1)\n}',
  },
  GAN4072: {
    about: 'A warning: weights that belong to a player have no gradient in its objective, and keep their first values.',
    wrong: 'net Words(z) { z |> linear(8) }\nnet G(z) { z |> linear(4) }\ngame {\n  player G = G, Words\n  G minimizes E[G(stop(Words(z)))^2]\n}',
    right: 'net Words(z) { z |> linear(8) }\nnet G(z) { z |> linear(4) }\ngame {\n  player G = G, Words\n  G minimizes E[G(Words(z))^2]\n}',
  },
  GAN4073: {
    about: 'A warning: neither the game, nor a sample, nor another net calls a net.',
    wrong: 'net Words(z) { z |> linear(8) }\ngame { G minimizes E[G(z)^2] }',
    right: 'net Words(z) { z |> linear(8) }\nnet G(z) { Words(z) |> linear(4) }\ngame { G minimizes E[G(z)^2] }',
  },
  GAN4074: {
    about:
      'A warning: a weight that is declared in a `for` is the same in every round. Each use of a block has weights of its own, so what each round is to have for itself belongs in a block; what all rounds share is declared before the `for`.',
    wrong: 'net F(x: [8]) {\n  for i in range(3) {\n    weight scale: [8] = 1\n    x = tanh(x * scale)\n  }\n  x\n}',
    right: 'block scaled(x) {\n  weight scale: [8] = 1\n  tanh(x * scale)\n}\nnet F(x: [8]) {\n  for i in range(3) { x = scaled(x) }\n  x\n}',
  },
};
