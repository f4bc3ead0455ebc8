/** Fields of data that another row gives or that may be absent: GAN405x. */
import type { Explanation } from '../explanations.js';

export const fields: Readonly<Record<string, Explanation>> = {
  GAN4050: {
    about:
      '`mismatch(t)` is the field `t` of another training row, so it takes a field by its name. What is computed from a field is computed from the mismatched one just so.',
    wrong:
      'data clips = tensors(path: "clips.safetensors") {\n  x: vector[8]\n  a: audio[4, 3]\n}\nnet D(x, s) { linear(concat(x, s), 1) }\ngame { D minimizes E[D(x, mismatch(summary(a)))^2] }',
    right:
      'data clips = tensors(path: "clips.safetensors") {\n  x: vector[8]\n  a: audio[4, 3]\n}\nnet D(x, s) { linear(concat(x, s), 1) }\ngame { D minimizes E[D(x, summary(mismatch(a)))^2] }',
  },
  GAN4051: {
    about:
      '`present(a)` asks of an optional field whether the example has it. Of a value computed from such a field that cannot be said: it has a value either way.',
    wrong:
      'data clips = tensors(path: "clips.safetensors") {\n  x: vector[8]\n  a: audio[4, 3] optional 0.2\n}\nnet D(x, s) { linear(concat(x, flatten(s), present(s)), 1) }\ngame { D minimizes E[D(x, 2 * a)^2] }',
    right:
      'data clips = tensors(path: "clips.safetensors") {\n  x: vector[8]\n  a: audio[4, 3] optional 0.2\n}\nnet D(x, s) { linear(concat(x, flatten(2 * s), present(s)), 1) }\ngame { D minimizes E[D(x, a)^2] }',
  },
  GAN4052: {
    about: '`optional 0.2` leaves a field out of one example in five, so that a net learns to do without. The share is from 0 to below 1.',
    wrong:
      'data clips = tensors(path: "clips.safetensors") {\n  x: vector[8]\n  a: audio[4, 3] optional 20\n}\nnet D(x, s) { linear(concat(x, summary(s)), 1) }\ngame { D minimizes E[D(x, a)^2] }',
    right:
      'data clips = tensors(path: "clips.safetensors") {\n  x: vector[8]\n  a: audio[4, 3] optional 0.2\n}\nnet D(x, s) { linear(concat(x, summary(s)), 1) }\ngame { D minimizes E[D(x, a)^2] }',
  },
};
