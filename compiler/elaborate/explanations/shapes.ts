/** Shapes: GAN3000-3999. Shapes are without the batch. */
import type { Explanation } from '../explanations.js';

export const shapes: Readonly<Record<string, Explanation>> = {
  GAN3001: {
    about:
      'Two shapes do not broadcast. They are compared from the last axis: each pair of lengths must be equal or have a 1, and missing first axes count as 1. To go with a picture, a vector of channels needs axes of length 1 behind it.',
    wrong: 'net F(x: image[3, 8, 8]) {\n  weight scale: [3] = 1\n  x * scale\n}',
    right: 'net F(x: image[3, 8, 8]) {\n  weight scale: [3] = 1\n  x * scale[:, none, none]\n}',
  },
  GAN3002: {
    about: 'Several values that become one must have the same shape, or broadcast to it: the three of `where`, the items of a list of tensors.',
    wrong: 'net F(x: [8]) { where(x > 0, x, linear(x, 3)) }',
    right: 'net F(x: [8]) { where(x > 0, x, linear(x, 8)) }',
  },
  GAN3003: {
    about:
      'Reshaping keeps all elements in their order, so there must be as many before as after. The batch is not counted. One length may be `none`: what is left.',
    wrong: 'net G(z: [100]) { z |> linear(748) |> reshape(1, 28, 28) }',
    right: 'net G(z: [100]) { z |> linear(784) |> reshape(1, 28, 28) }',
  },
  GAN3004: {
    about:
      'The value has no axis of that number. Axes are counted from 0 without the batch, so the channels of a picture are axis 0; -1 is the last. The batch is named: `axis: batch`.',
    wrong: 'net F(x: image[3, 8, 8]) { mean(x, axis: 3) }',
    right: 'net F(x: image[3, 8, 8]) { mean(x, axis: 2) }',
  },
  GAN3005: {
    about: 'An index lies outside of its axis or list. Indices begin with 0, so the last of n is n - 1, or -1 from the end.',
    wrong: 'net F(x: [8]) { x[8] }',
    right: 'net F(x: [8]) { x[7] }',
  },
  GAN3006: {
    about: 'A slice holds nothing: it ends where it begins or before, begins past the end, or its step is below 1. No tensor has an axis of length 0.',
    wrong: 'net F(x: [8]) { x[4:4] }',
    right: 'net F(x: [8]) { x[4:5] }',
  },
  GAN3007: {
    about: 'There are more indices than axes. The batch is not counted and not indexed. `none` makes an axis and takes none.',
    wrong: 'net F(x: [8]) { x[:, 0] }',
    right: 'net F(x: [8]) { x[0] }',
  },
  GAN3008: {
    about: 'A product of matrices sums over the last axis of the left and the second to last of the right, so these must be equal; axes before them broadcast.',
    wrong: 'net F(x: [4, 8]) {\n  weight w: [3, 8] ~ normal(0, 0.1)\n  matmul(x, w)\n}',
    right: 'net F(x: [4, 8]) {\n  weight w: [3, 8] ~ normal(0, 0.1)\n  matmul(x, permute(w, 1, 0))\n}',
  },
  GAN3009: {
    about:
      "A convolution does not fit: the kernel is larger than the padded input, its channels are not the input's, groups do not divide the channels, or there are not one to three axes of space behind the channels.",
    wrong: 'net F(x: image[3, 4, 4]) { x |> conv(8, kernel: 5) }',
    right: 'net F(x: image[3, 4, 4]) { x |> conv(8, kernel: 5, padding: 2) }',
  },
  GAN3010: {
    about:
      'Values are joined along one axis (0 unless named), and must be equal along the others. To join a vector to a picture, spread it over all places first.',
    wrong: 'net F(x: image[3, 8, 8], s: [5]) { concat(x, s) }',
    right: 'net F(x: image[3, 8, 8], s: [5]) { concat(x, tile(s, like: x)) }',
  },
  GAN3011: {
    about: "A net declares the shape of its result, and its body ends in another. One of the two is wrong: the underlined line is the body's last.",
    wrong: 'net G(z: [100]) -> image[1, 28, 28] { z |> linear(64) |> reshape(1, 8, 8) }',
    right: 'net G(z: [100]) -> image[1, 28, 28] { z |> linear(784) |> reshape(1, 28, 28) }',
  },
  GAN3012: {
    about:
      'A net owns its weights and every call shares them, so a second call with an input of another shape would need weights of another shape. What may differ from call to call is a block, or goes through layers without weights first.',
    wrong: 'net Head(h) { h |> linear(1) }\nnet F(x: [8]) { Head(x) + Head(x[:4]) }',
    right: 'block head(h) { h |> linear(1) }\nnet F(x: [8]) { head(x) + head(x[:4]) }',
  },
  GAN3013: {
    about: 'The first value of a weight or state must have its shape or broadcast to it; so must the next value that `<-` gives a state.',
    wrong: 'net F(x: [8]) {\n  weight shift: [8] = iota(4)\n  x + shift\n}',
    right: 'net F(x: [8]) {\n  weight shift: [8] = iota(8)\n  x + shift\n}',
  },
  GAN3014: {
    about:
      'A length comes out as zero or less, most often where sizes are computed from hypers or a picture has been halved too often. Paddings of `pad` are not negative: cut with a slice.',
    wrong: 'hyper depth = 4\nnet F(x: [8]) { x |> linear(8 - 2 * depth) }',
    right: 'hyper depth = 3\nnet F(x: [8]) { x |> linear(8 - 2 * depth) }',
  },
  GAN3015: {
    about:
      'A rule of the primitive operations does not hold for these values; the message says which. Only float values have a derivative: `grad` by a class or by words has none, by their embedding it has.',
    wrong: 'net F(k: class[10]) {\n  h = k |> embedding(4)\n  grad(sum(h^2), k)\n}',
    right: 'net F(k: class[10]) {\n  h = k |> embedding(4)\n  grad(sum(h^2), h)\n}',
  },
  GAN3016: {
    about: 'A net says what shape its parameter has, and this call gives it another.',
    wrong: 'net Head(h: [4]) { h |> linear(1) }\nnet F(x: [8]) { Head(x) }',
    right: 'net Head(h: [4]) { h |> linear(1) }\nnet F(x: [8]) { Head(linear(x, 4)) }',
  },
  GAN3020: {
    about: 'Examples of a batch are put in groups of equal size, so the size of a group must divide the batch. It is met with `minibatch_stddev`.',
    wrong: 'net D(x) { x |> minibatch_stddev(group: 5) |> flatten |> linear(1) }\ngame { D minimizes E[D(x)^2] }',
    right: 'net D(x) { x |> minibatch_stddev(group: 4) |> flatten |> linear(1) }\ngame { D minimizes E[D(x)^2] }',
  },
  GAN3021: {
    about:
      'How many classes or words there are decides how many weights there are, so it must be known: from the type of the field (`class[10]`, `tokens[9, words: 32]`) or from an argument.',
    wrong: 'net F(k: [3]) { k |> embedding(16) }',
    right: 'net F(k: [3]) { k |> embedding(16, words: 32) }',
  },
  GAN3023: {
    about:
      '`examples(v)` puts the values that all examples of the batch have of `v` along a new first axis, for comparisons within the batch. A weight or a number has one value for all of them.',
    wrong: 'net F(x: [3]) {\n  weight scale: [3] = 1\n  x + sum(examples(scale))\n}',
    right: 'net F(x: [3]) {\n  weight scale: [3] = 1\n  x + sum(examples(x * scale), axis: 0)\n}',
  },
  GAN3030: {
    about: 'A mask says which elements count in a reduction. It has the lengths of the axes that are reduced, or goes with every element of the value.',
    wrong: 'net F(words: [9, 16], t: tokens[8, words: 32]) { mean(words, axis: 0, mask: mask(t)) }',
    right: 'net F(words: [9, 16], t: tokens[9, words: 32]) { mean(words, axis: 0, mask: mask(t)) }',
  },
  GAN3040: {
    about:
      'The equation of `einsum` names the axes of each factor by a letter each, and after `->` those of the result; what the result does not name is summed over. The batch is understood and has no letter.',
    wrong: 'net F(x: [3, 4], y: [4, 5]) { einsum("ij,jk->il", x, y) }',
    right: 'net F(x: [3, 4], y: [4, 5]) { einsum("ij,jk->ik", x, y) }',
  },
  GAN3041: {
    about:
      '`op.gather(x, index, shared: n)` takes rows of x by number, for each place of the first n axes of its own. Those axes are the same in both, and x has rows after them.',
    wrong: 'net F(x: [3, 8], i: [2, 4]) { op.gather(x, i, shared: 1) }',
    right: 'net F(x: [3, 8], i: [3, 4]) { op.gather(x, i, shared: 1) }',
  },
  GAN3022: {
    about: 'A block asks for one entry for each axis, and the number of axes that it names cannot be one: below 0, or beyond any tensor.',
    wrong: 'net F(x: [8]) {\n  kernel = per_axis(3, rank(x) - 2)\n  x * kernel[0]\n}',
    right: 'net F(x: [8]) {\n  kernel = per_axis(3, rank(x))\n  x * kernel[0]\n}',
  },
};
