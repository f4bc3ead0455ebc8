/** The game, its schedule, data and samples: GAN4000-4999. */
import type { Explanation } from '../explanations.js';

export const game: Readonly<Record<string, Explanation>> = {
  GAN4001: {
    about:
      'A player moves its weights along the gradient of one number. An objective that still has axes is no such number: `E[v]` is the mean over all elements and examples. A record of numbers is summed, and each field logged.',
    wrong: 'game { G minimizes mean(G(z)^2, axis: batch) }',
    right: 'game { G minimizes E[G(z)^2] }',
  },
  GAN4002: {
    about: 'A line names a player that the game does not have. The players are the names left of `maximizes` and `minimizes`.',
    wrong: 'game {\n  G minimizes E[G(z)^2]\n  report size = E[abs(G(z))] in Gen\n}',
    right: 'game {\n  G minimizes E[G(z)^2]\n  report size = E[abs(G(z))] in G\n}',
  },
  GAN4003: {
    about:
      'A player moves the net of its own name, and the nets reached through that alone. This player has no net of its name, so the game must say which it moves.',
    wrong: 'net Critic(x) { x |> flatten |> linear(1) }\ngame { D minimizes E[Critic(x)^2] }',
    right: 'net Critic(x) { x |> flatten |> linear(1) }\ngame {\n  player D = Critic\n  D minimizes E[Critic(x)^2]\n}',
  },
  GAN4004: {
    about: 'A player has one objective: two lines could mean their sum, or that the second replaces the first.',
    wrong: 'game {\n  D maximizes E[log(D(x))]\n  D maximizes E[log(1 - D(G(z)))]\n  G maximizes E[log(D(G(z)))]\n}',
    right: 'game {\n  D maximizes E[log(D(x))] + E[log(1 - D(G(z)))]\n  G maximizes E[log(D(G(z)))]\n}',
  },
  GAN4005: {
    about: 'The game gives a player an objective, and no line of `train` says with which optimizer it moves: it would stay as it was drawn.',
    wrong:
      'game {\n  D maximizes E[log(D(x))] + E[log(1 - D(G(z)))]\n  G maximizes E[log(D(G(z)))]\n}\ntrain {\n  batch 16   steps 100\n  D with adam(lr: 2e-4)\n}',
    right:
      'game {\n  D maximizes E[log(D(x))] + E[log(1 - D(G(z)))]\n  G maximizes E[log(D(G(z)))]\n}\ntrain {\n  batch 16   steps 100\n  D with adam(lr: 2e-4)\n  G with adam(lr: 2e-4)\n}',
  },
  GAN4006: {
    about: 'A line of `train` moves a player that has no objective, so there is no gradient to move it along.',
    wrong: 'game { G minimizes E[D(G(z))^2] }\ntrain {\n  batch 16   steps 100\n  D with adam(lr: 2e-4)\n  G with adam(lr: 2e-4)\n}',
    right:
      'game {\n  D minimizes E[D(x)^2]\n  G minimizes E[D(G(z))^2]\n}\ntrain {\n  batch 16   steps 100\n  D with adam(lr: 2e-4)\n  G with adam(lr: 2e-4)\n}',
  },
  GAN4007: {
    about:
      "Two players move the same net, and two optimizers would pull at its weights. Any player may call any net: gradients pass through the nets of others, and only the player's own weights move.",
    wrong: 'game {\n  player D = D, G\n  player G = G\n  D minimizes E[D(G(z))^2]\n  G minimizes E[G(z)^2]\n}',
    right: 'game {\n  player D = D\n  player G = G\n  D minimizes E[D(G(z))^2]\n  G minimizes E[G(z)^2]\n}',
  },
  GAN4008: {
    about:
      'A net with weights is reached from several players, or from the game itself, and none says that it moves it. Without an owner it would keep its first weights; which player owns it is for the spec to say.',
    wrong: 'net Words(z) { z |> linear(8) }\nnet G(z) { z |> linear(4) }\ngame { G minimizes E[G(Words(z))^2] }',
    right: 'net Words(z) { z |> linear(8) }\nnet G(z) { z |> linear(4) }\ngame {\n  player G = G, Words\n  G minimizes E[G(Words(z))^2]\n}',
  },
  GAN4009: {
    about:
      'An objective reads none of the weights that its player moves, so its gradient is zero. Often it calls the net of another player, or `stop` stands in the way.',
    wrong: 'game {\n  D minimizes E[G(z)^2]\n  G minimizes E[D(G(z))^2]\n}',
    right: 'game {\n  D minimizes E[D(x)^2]\n  G minimizes E[D(G(z))^2]\n}',
  },
  GAN4010: {
    about:
      '`grad(y, x)` differentiates by the very value that `y` was computed from. An expression written twice is two values, and the derivative by the second is zero: bind it to a name, and use that name in both places.',
    wrong: 'game {\n  fake = G(z)\n  D minimizes E[norm(grad(D(0.5 * x + 0.5 * fake), x + fake))]\n  G minimizes -E[D(fake)]\n}',
    right: 'game {\n  fake = G(z)\n  mix = 0.5 * x + 0.5 * fake\n  D minimizes E[norm(grad(D(mix), mix))]\n  G minimizes -E[D(fake)]\n}',
  },
  GAN4011: {
    about: '`train` must say how many examples an update sees (`batch`) and how long to train (`steps`).',
    wrong: 'game { G minimizes E[G(z)^2] }\ntrain {\n  steps 1000\n  G with adam(lr: 2e-4)\n}',
    right: 'game { G minimizes E[G(z)^2] }\ntrain {\n  batch 64   steps 1000\n  G with adam(lr: 2e-4)\n}',
  },
  GAN4012: {
    about: "A setting of `train`, or an option of a player's line, that the schedule does not know.",
    wrong: 'game { G minimizes E[G(z)^2] }\ntrain {\n  batch 64   steps 1000   epochs 5\n  G with adam(lr: 2e-4)\n}',
    right: 'game { G minimizes E[G(z)^2] }\ntrain {\n  batch 64   steps 1000\n  G with adam(lr: 2e-4)\n}',
  },
  GAN4013: {
    about: "A spec has one `data`, one `game` and one `train`. A parent's and a child's are merged line by line; two in one text are not.",
    wrong: 'data digits = mnist() { x: image[1, 28, 28] }\ndata labels = mnist() { y: class[10] }',
    right: 'data digits = mnist() {\n  x: image[1, 28, 28]\n  y: class[10]\n}',
  },
  GAN4014: {
    about:
      'A field, parameter or noise has a type of another name than those that there are: image, video, audio, vector, tensor, tokens and class for fields, normal, uniform and one_hot for noises.',
    wrong: 'data digits = mnist() { x: picture[1, 28, 28] }',
    right: 'data digits = mnist() { x: image[1, 28, 28] }',
  },
  GAN4015: {
    about: 'A type, or a form of the language, is written with other parts than it has: the message says which. An image has channels, height and width.',
    wrong: 'data digits = mnist() { x: image[28, 28] }',
    right: 'data digits = mnist() { x: image[1, 28, 28] }',
  },
  GAN4016: {
    about:
      '`ganc run` computes one net by itself, so the shape of each input must be known: from the type of the parameter, a field of its name, or the file given with `--in`.',
    wrong: '// ganc run gan.gan F --in x.safetensors --out y.safetensors, and the file has no h\nnet F(h) { h |> linear(3) }',
    right: '// ganc run gan.gan F --in x.safetensors --out y.safetensors\nnet F(h: [8]) { h |> linear(3) }',
  },
  GAN4017: {
    about: 'A net is named that the spec does not have, by `player` or on the command line.',
    wrong: 'game {\n  player G = G, Wrods\n  G minimizes E[G(z)^2]\n}',
    right: 'game {\n  player G = G\n  G minimizes E[G(z)^2]\n}',
  },
  GAN4018: {
    about:
      'What is `shared` is evaluated once a step, before the first update. A player that has moved since would make it stale: the later update would use the gradient of weights that are no longer there. Updates run in the order of the lines of `train`.',
    wrong:
      'game {\n  shared fake = G(z)\n  D maximizes E[log(D(x))] + E[log(1 - D(fake))]\n  G maximizes E[log(D(fake))]\n}\ntrain {\n  batch 16   steps 100\n  G with adam(lr: 2e-4)\n  D with adam(lr: 2e-4)\n}',
    right:
      'game {\n  shared fake = G(z)\n  D maximizes E[log(D(x))] + E[log(1 - D(fake))]\n  G maximizes E[log(D(fake))]\n}\ntrain {\n  batch 16   steps 100\n  D with adam(lr: 2e-4)\n  G with adam(lr: 2e-4)\n}',
  },
  GAN4021: {
    about:
      'Behind `with` stands an optimizer: a block whose first two parameters are called `w` and `g`, the flat weights and gradient of the player, and whose result are new weights of that shape.',
    wrong: 'game { G minimizes E[G(z)^2] }\ntrain {\n  batch 64   steps 1000\n  G with relu()\n}',
    right: 'game { G minimizes E[G(z)^2] }\ntrain {\n  batch 64   steps 1000\n  G with adam()\n}',
  },
  GAN4023: {
    about: 'An objective has one value for each example. `E[v]` averages over them; a sum would make the step depend on the size of the batch.',
    wrong: 'game { G minimizes sum(G(z)^2) }',
    right: 'game { G minimizes E[sum(G(z)^2)] }',
  },
  GAN4024: {
    about:
      'A warning: no objective and no report reads a binding, which is most often a name written wrong elsewhere. It costs nothing: only what is read is computed.',
    wrong: 'game {\n  fake = G(z)\n  size = E[abs(fake)]\n  G minimizes E[fake^2]\n}',
    right: 'game {\n  fake = G(z)\n  G minimizes E[fake^2]\n  report size = E[abs(fake)]\n}',
  },
  GAN4025: {
    about:
      '`average d` keeps a running average of the weights, a <- d a + (1 - d) w, for sampling. With d = 0 it is the weights themselves, with 1 it would never move.',
    wrong: 'game { G minimizes E[G(z)^2] }\ntrain {\n  batch 64   steps 1000\n  G with adam(lr: 2e-4), average 1\n}',
    right: 'game { G minimizes E[G(z)^2] }\ntrain {\n  batch 64   steps 1000\n  G with adam(lr: 2e-4), average 0.999\n}',
  },
  GAN4026: {
    about: 'A player has one line in `train`: two optimizers would each count for themselves. Several updates in a row are `times n`.',
    wrong: 'game { G minimizes E[G(z)^2] }\ntrain {\n  batch 64   steps 1000\n  G with adam(lr: 2e-4)\n  G with adam(lr: 2e-4)\n}',
    right: 'game { G minimizes E[G(z)^2] }\ntrain {\n  batch 64   steps 1000\n  G with adam(lr: 2e-4), times 2\n}',
  },
  GAN4027: {
    about: 'A sample is drawn many times, so it must be a value for each example, or a record of such values. `E` and `axis: batch` take the examples away.',
    wrong: 'sample digit = mean(G(z), axis: batch)',
    right: 'sample digit = G(z)',
  },
  GAN4029: {
    about: '`--variant` names a variant that the spec does not have.',
    wrong: '// ganc train gan.gan --variant no_drop\nhyper drop = 0.3\nvariant no_dropout { drop = 0 }',
    right: '// ganc train gan.gan --variant no_dropout\nhyper drop = 0.3\nvariant no_dropout { drop = 0 }',
  },
};
