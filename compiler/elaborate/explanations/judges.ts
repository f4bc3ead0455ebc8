/** Judges and metrics: GAN4037 and on. */
import type { Explanation } from '../explanations.js';

export const judges: Readonly<Record<string, Explanation>> = {
  GAN4037: {
    about: 'A judge learns class fields of the data from real rows, and says which behind `->`. Without them it would have nothing to learn.',
    wrong: 'data digits = mnist() {\n  x: image[1, 28, 28]\n  y: class[10]\n}\njudge J(x) { x |> flatten |> linear(64) |> relu |> linear(10) }',
    right: 'data digits = mnist() {\n  x: image[1, 28, 28]\n  y: class[10]\n}\njudge J(x) -> {y} { x |> flatten |> linear(64) |> relu |> linear(10) }',
  },
  GAN4038: {
    about: 'What a judge learns are fields of type `class[n]`, by their names in `data`; a name that the block does not have is asked of the data as classes.',
    wrong: 'data digits = mnist() {\n  x: image[1, 28, 28]\n  y: class[10]\n}\njudge J(x) -> {x} { x |> flatten |> linear(64) |> relu |> linear(10) }',
    right: 'data digits = mnist() {\n  x: image[1, 28, 28]\n  y: class[10]\n}\njudge J(x) -> {y} { x |> flatten |> linear(64) |> relu |> linear(10) }',
  },
  GAN4039: {
    about:
      'A judge learns from rows of the data, so its parameters are named after fields. In a metric it may be given anything of that shape, such as what a net made.',
    wrong:
      'data digits = mnist() {\n  x: image[1, 28, 28]\n  y: class[10]\n}\njudge J(picture) -> {y} { picture |> flatten |> linear(64) |> relu |> linear(10) }',
    right: 'data digits = mnist() {\n  x: image[1, 28, 28]\n  y: class[10]\n}\njudge J(x) -> {y} { x |> flatten |> linear(64) |> relu |> linear(10) }',
  },
  GAN4040: {
    about:
      'A judge is apart from the game, so that runs of several specs can share it. A net is moved by a player of the game; a block gives the judge weights of its own.',
    wrong:
      'data digits = mnist() {\n  x: image[1, 28, 28]\n  y: class[10]\n}\nnet Features(x) { x |> flatten |> linear(64) |> relu }\njudge J(x) -> {y} { Features(x) |> linear(10) }',
    right:
      'data digits = mnist() {\n  x: image[1, 28, 28]\n  y: class[10]\n}\nblock features(x) { x |> flatten |> linear(64) |> relu }\njudge J(x) -> {y} { features(x) |> linear(10) }',
  },
  GAN4041: {
    about: 'A judge ends in one score for each class of its field, before any softmax; for several fields, in a record of them.',
    wrong: 'data digits = mnist() {\n  x: image[1, 28, 28]\n  y: class[10]\n}\njudge J(x) -> {y} { x |> flatten |> linear(64) }',
    right: 'data digits = mnist() {\n  x: image[1, 28, 28]\n  y: class[10]\n}\njudge J(x) -> {y} { x |> flatten |> linear(64) |> relu |> linear(10) }',
  },
  GAN4042: {
    about: 'A judge measures what has come out. A player that learned from it would learn to please the measure: give the game a net instead.',
    wrong:
      'data digits = mnist() {\n  x: image[1, 28, 28]\n  y: class[10]\n}\njudge J(x) -> {y} { x |> flatten |> linear(64) |> relu |> linear(10) }\ngame { G minimizes E[J(G(z))] }',
    right:
      'data digits = mnist() {\n  x: image[1, 28, 28]\n  y: class[10]\n}\njudge J(x) -> {y} { x |> flatten |> linear(64) |> relu |> linear(10) }\ngame { G minimizes E[(x - G(z))^2] }\nmetric found = classes_found(J(G(z)))',
  },
  GAN4043: {
    about:
      'A metric is averaged over many examples, and shown as one number, a small tensor, or a record of these. `E[v]` and `axis: batch` take the examples away.',
    wrong: 'data digits = mnist() {\n  x: image[1, 28, 28]\n  y: class[10]\n}\nmetric size = abs(G(z))',
    right: 'data digits = mnist() {\n  x: image[1, 28, 28]\n  y: class[10]\n}\nmetric size = E[abs(G(z))]',
  },
  GAN4044: {
    about:
      'A figure such as the Frechet distance is of all examples at once, thousands of them, and is computed on the host when a metric is measured. It has no derivative, and no value in a game or a net.',
    wrong: 'data points = ring() { x: vector[2] }\nnoise z: normal[4]\nnet G(z) { z |> linear(2) }\ngame { G minimizes frechet_distance(x, G(z)) }',
    right:
      'data points = ring() { x: vector[2] }\nnoise z: normal[4]\nnet G(z) { z |> linear(2) }\ngame { G minimizes feature_matching(x, G(z)) }\nmetric distance = frechet_distance(x, G(z))',
  },
  GAN4045: {
    about:
      'Sets are compared by features, a vector [n] for each example; [parts, n] is several vectors, such as one for each frame. What has no value of its own for each example is no set.',
    wrong: 'data points = ring() { x: vector[2] }\nnoise z: normal[4]\nnet G(z) { z |> linear(2) }\nmetric distance = frechet_distance(E[x], G(z))',
    right: 'data points = ring() { x: vector[2] }\nnoise z: normal[4]\nnet G(z) { z |> linear(2) }\nmetric distance = frechet_distance(x, G(z))',
  },
  GAN4046: {
    about: 'Features are compared number by number, so both sets have the same: those of one judge, asked twice.',
    wrong: 'data points = ring() { x: vector[2] }\nnoise z: normal[4]\nnet G(z) { z |> linear(2) }\nmetric distance = kernel_distance(x, concat(G(z), G(z)))',
    right: 'data points = ring() { x: vector[2] }\nnoise z: normal[4]\nnet G(z) { z |> linear(2) }\nmetric distance = kernel_distance(x, G(z))',
  },
  GAN4047: {
    about:
      'The host holds the features of all examples and compares them in float64. With very many numbers an example that takes long and says little: sets of a thousand examples are sparse in so large a space.',
    wrong:
      'data digits = mnist() { x: image[1, 28, 28] }\nnoise z: normal[4]\nnet G(z) { z |> linear(784) |> tanh |> reshape(1, 28, 28) }\nmetric distance = frechet_distance(flatten(upsample(x, 2)), flatten(upsample(G(z), 2)))',
    right:
      'data digits = mnist() { x: image[1, 28, 28] }\nnoise z: normal[4]\nnet G(z) { z |> linear(784) |> tanh |> reshape(1, 28, 28) }\nmetric distance = frechet_distance(flatten(average_pool(x, 2)), flatten(average_pool(G(z), 2)))',
  },
};
