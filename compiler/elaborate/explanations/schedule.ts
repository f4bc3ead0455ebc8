/** `every`, phases and `accumulate`: GAN403x. */
import type { Explanation } from '../explanations.js';

export const schedule: Readonly<Record<string, Explanation>> = {
  GAN4030: {
    about:
      '`every(n, e)` is n e in each n-th update of a player, and neither computed nor added in the others. In a net, a sample or a report there is no update to count.',
    wrong: 'net D(x) { x |> flatten |> linear(1) }\ngame { D minimizes E[D(x)^2] }\nsample score = every(16, D(x))',
    right: 'net D(x) { x |> flatten |> linear(1) }\ngame { D minimizes E[D(x)^2] + every(16, E[abs(D(x))]) }\nsample score = D(x)',
  },
  GAN4031: {
    about: "`train` gives one of its settings two values. A child's or a variant's takes the place of its parent's; two in one text do not.",
    wrong: 'game { G minimizes E[G(z)^2] }\ntrain {\n  batch 64   steps 1000   batch 32\n  G with adam(lr: 2e-4)\n}',
    right: 'game { G minimizes E[G(z)^2] }\ntrain {\n  batch 64   steps 1000\n  G with adam(lr: 2e-4)\n}',
  },
  GAN4032: {
    about: '`steps` counts all steps of the training, those of its phases too, and the phases alone have more.',
    wrong: 'game { G minimizes E[G(z)^2] }\ntrain {\n  batch 64   steps 1000\n  phase warm steps 2000 { G with adam(lr: 2e-3) }\n  G with adam(lr: 2e-4)\n}',
    right: 'game { G minimizes E[G(z)^2] }\ntrain {\n  batch 64   steps 3000\n  phase warm steps 2000 { G with adam(lr: 2e-3) }\n  G with adam(lr: 2e-4)\n}',
  },
  GAN4033: {
    about: 'After the phases come the steps of the lines outside of them. Here steps are left over, and there are no such lines, so nothing would move.',
    wrong: 'game { G minimizes E[G(z)^2] }\ntrain {\n  batch 64   steps 3000\n  phase warm steps 2000 { G with adam(lr: 2e-3) }\n}',
    right: 'game { G minimizes E[G(z)^2] }\ntrain {\n  batch 64   steps 3000\n  phase warm steps 2000 { G with adam(lr: 2e-3) }\n  G with adam(lr: 2e-4)\n}',
  },
  GAN4034: {
    about: 'A phase lists the players that move in its steps, each with its optimizer, and nothing else. Batch and steps are those of the whole training.',
    wrong:
      'game { G minimizes E[G(z)^2] }\ntrain {\n  batch 64   steps 3000\n  phase warm steps 2000 {\n    batch 16\n    G with adam(lr: 2e-3)\n  }\n  G with adam(lr: 2e-4)\n}',
    right: 'game { G minimizes E[G(z)^2] }\ntrain {\n  batch 64   steps 3000\n  phase warm steps 2000 { G with adam(lr: 2e-3) }\n  G with adam(lr: 2e-4)\n}',
  },
  GAN4035: {
    about: '`accumulate n` averages the gradients of n batches for one update, and a `shared` binding has one batch for the whole step.',
    wrong: 'game {\n  shared fake = G(z)\n  G minimizes E[fake^2]\n}\ntrain {\n  batch 64   steps 1000   accumulate 4\n  G with adam(lr: 2e-4)\n}',
    right: 'game {\n  fake = G(z)\n  G minimizes E[fake^2]\n}\ntrain {\n  batch 64   steps 1000   accumulate 4\n  G with adam(lr: 2e-4)\n}',
  },
  GAN4036: {
    about:
      "All that an objective reads of its player's weights stands in `every`, so most updates would have no gradient, and the optimizer would still move the weights by its momentum.",
    wrong: 'game { G minimizes every(16, E[G(z)^2]) }',
    right: 'game { G minimizes E[G(z)^2] + every(16, E[abs(G(z))]) }',
  },
  GAN4048: {
    about:
      'A training goes on from weights in a file where `start` names one, as text; the path starts from the folder of the spec. `ganc export RUN -o FILE` writes such a file. Without `start`, weights are drawn.',
    wrong: 'game { G minimizes E[G(z)^2] }\ntrain {\n  batch 64   steps 3000   start 2000\n  G with adam(lr: 2e-4)\n}',
    right: 'game { G minimizes E[G(z)^2] }\ntrain {\n  batch 64   steps 3000   start "gan.safetensors"\n  G with adam(lr: 2e-4)\n}',
  },
  GAN4075: {
    about:
      'Batch, steps, batches to `accumulate` and `times` are whole numbers from 1. A phase may have no steps: it is left out, so that a hyper can say how long it is, or that there is none.',
    wrong: 'game { G minimizes E[G(z)^2] }\ntrain {\n  batch 0   steps 3000\n  G with adam(lr: 2e-4)\n}',
    right: 'game { G minimizes E[G(z)^2] }\ntrain {\n  batch 64   steps 3000\n  phase warm steps 0 { G with adam(lr: 2e-3) }\n  G with adam(lr: 2e-4)\n}',
  },
};
