/** Names, values and text: GAN2000-2999. */
import type { Explanation } from '../explanations.js';

export const names: Readonly<Record<string, Explanation>> = {
  GAN2001: {
    about:
      'A name is read that nothing declares here. Names come from hypers, nets, blocks, bindings above the line, the parameters of the net or block, and the prelude. A net sees no field and no noise: what it reads is handed to it.',
    wrong: 'net F(x: [8]) { x |> linaer(3) }',
    right: 'net F(x: [8]) { x |> linear(3) }',
  },
  GAN2002: {
    about: 'A call names an argument that the net, block or function does not have. `ganc explain conv` shows those of a block of the prelude.',
    wrong: 'net F(x: image[3, 8, 8]) { x |> conv(4, kernal: 3) }',
    right: 'net F(x: image[3, 8, 8]) { x |> conv(4, kernel: 3) }',
  },
  GAN2003: {
    about: 'A call leaves out an argument that has no default. What stands left of `|>` is the first argument, and the rest follow it.',
    wrong: 'net F(x: [8]) { x |> linear }',
    right: 'net F(x: [8]) { x |> linear(3) }',
  },
  GAN2004: {
    about: 'A call gives more arguments than there are parameters. What stands left of `|>` counts as one of them.',
    wrong: 'net F(x: [8]) { x |> relu(0.2) }',
    right: 'net F(x: [8]) { x |> leaky_relu(0.2) }',
  },
  GAN2005: {
    about:
      'One argument, or one field of a record, is given twice: once in its place and once by name, or twice by name. Which of the two counts would be a guess.',
    wrong: 'net F(x: [8]) { x |> linear(3, features: 4) }',
    right: 'net F(x: [8]) { x |> linear(4) }',
  },
  GAN2006: {
    about: 'Only nets, blocks, functions and calls with a hole (`f(_, 3)`) can be called, handed to `each`, or given to `set`.',
    wrong: 'hyper width = 3\nnet F(x: [8]) { x |> width }',
    right: 'hyper width = 3\nnet F(x: [8]) { x |> linear(width) }',
  },
  GAN2007: {
    about:
      'An operation on tensors was given something else: a text, a block, a record, `none`. Often a block stands there that was to be called. Numbers and lists of numbers count as tensors.',
    wrong: 'net F(x: [8]) { concat(x, relu) }',
    right: 'net F(x: [8]) { concat(x, relu(x)) }',
  },
  GAN2008: {
    about:
      'An operator was given a value that it has no meaning for. Arithmetic takes numbers, lists, records and tensors; `and`, `or` and `not` take `true` and `false`, or tensors.',
    wrong: 'net F(x: [8]) { x + "1" }',
    right: 'net F(x: [8]) { x + 1 }',
  },
  GAN2009: {
    about: 'Arithmetic on numbers known at compile time gave infinity or no number, as a division by zero does. It would reach every weight in the first step.',
    wrong: 'hyper rate = 1 / 0',
    right: 'hyper rate = 1 / 100',
  },
  GAN2010: {
    about: 'A function of a number known at compile time has no finite value there, such as the root or logarithm of a negative number.',
    wrong: 'hyper bound = sqrt(-2)',
    right: 'hyper bound = sqrt(2)',
  },
  GAN2011: {
    about:
      'A size, an axis or a count is a whole number that came from whole numbers. Sizes are never rounded: a division that leaves a rest would change the architecture without a word. Where rounding is meant, write `floor(a / b)` or `ceil(a / b)`.',
    wrong: 'net F(x: [7]) { x |> linear(dim(x, 0) / 2) }',
    right: 'net F(x: [7]) { x |> linear(ceil(dim(x, 0) / 2)) }',
  },
  GAN2012: {
    about:
      'A number is wanted that is known at compile time: a size, an axis, a padding, the first value of a state. A tensor has its values only when the program runs, and a text is no number.',
    wrong: 'net F(x: [8]) { x |> linear("16") }',
    right: 'net F(x: [8]) { x |> linear(16) }',
  },
  GAN2013: {
    about:
      'The condition of `if` and `require` is decided at compile time, for all examples at once: a hyper, a size, `training`. What depends on data is chosen element by element with `where`.',
    wrong: 'net F(x: [8]) { if x > 0 { x } else { 0.1 * x } }',
    right: 'net F(x: [8]) { where(x > 0, x, 0.1 * x) }',
  },
  GAN2014: {
    about: 'Arithmetic on two records goes field by field, so both must have the same fields. A field that stands in one of them alone would be lost.',
    wrong: 'net F(x: [8]) { {clip: x, frame: 2 * x} + {clip: x} }',
    right: 'net F(x: [8]) { {clip: x, frame: 2 * x} + {clip: x, frame: x} }',
  },
  GAN2015: {
    about:
      'A record, or the namespace `op`, has no field of that name, or the value has no fields at all. A net that says `-> {digit, motion}` must return a record with those fields.',
    wrong: 'net F(x: [8]) {\n  r = {score: x, feature: 2 * x}\n  r.features\n}',
    right: 'net F(x: [8]) {\n  r = {score: x, feature: 2 * x}\n  r.feature\n}',
  },
  GAN2016: {
    about:
      'A `require` of a net or block does not hold: it says in its own words what it counts on. The message is that of whoever wrote the block, with the values put in for `{name}`.',
    wrong: 'net F(x: image[6, 8, 8]) { x |> group_norm(4) }',
    right: 'net F(x: image[6, 8, 8]) { x |> group_norm(3) }',
  },
  GAN2017: {
    about: 'Two declarations have the same name where one is meant: nets, blocks, hypers, fields, noises, bindings or reports. Neither silently wins.',
    wrong: 'net F(x: [8]) { x |> relu }\nnet F(x: [8]) { x |> tanh }',
    right: 'net F(x: [8]) { x |> relu }\nnet H(x: [8]) { x |> tanh }',
  },
  GAN2018: {
    about: 'The last line of a body is its result, and this one ends in a binding, a state, a loop, or an `if` without `else` whose condition is false.',
    wrong: 'net F(x: [8]) {\n  h = linear(x, 3)\n}',
    right: 'net F(x: [8]) {\n  h = linear(x, 3)\n  h\n}',
  },
  GAN2019: {
    about: 'Lists and tensors are indexed, a list by one index at a time. A number, a record or a block has no elements; the field of a record is `r.name`.',
    wrong: 'net F(x: [8]) {\n  sizes = [[4, 2], [3, 1]]\n  x |> linear(sizes[0, 1])\n}',
    right: 'net F(x: [8]) {\n  sizes = [[4, 2], [3, 1]]\n  x |> linear(sizes[0][1])\n}',
  },
  GAN2021: {
    about: '`for` repeats its body at compile time, once for each item of a list or of a range. A number says how often only inside `range(n)`.',
    wrong: 'net F(x: [8]) {\n  h = x\n  for i in 4 { h = h |> linear(8) |> relu }\n  h\n}',
    right: 'net F(x: [8]) {\n  h = x\n  for i in range(4) { h = h |> linear(8) |> relu }\n  h\n}',
  },
  GAN2022: {
    about:
      'A net or block calls itself, directly or through others, and nothing known at compile time ends it. Nets are unrolled before anything runs. A block may call itself where an `if` ends it; repetition is most often a `for`.',
    wrong: 'block deeper(x) { x |> linear(8) |> relu |> deeper }\nnet F(x: [8]) { deeper(x) }',
    right: 'block deeper(x, times) { if times == 0 { x } else { x |> linear(8) |> relu |> deeper(times - 1) } }\nnet F(x: [8]) { deeper(x, 3) }',
  },
  GAN2023: {
    about: '`name <- value` gives a state its next value, and only a state that the same body declares. A name is bound with `=`.',
    wrong: 'net F(x: [8]) {\n  h = linear(x, 3)\n  h <- relu(h)\n  h\n}',
    right: 'net F(x: [8]) {\n  h = linear(x, 3)\n  h = relu(h)\n  h\n}',
  },
  GAN2024: {
    about:
      'A variant or `--set` gives a value to a hyper that the spec does not have. It would change nothing, and the run would not be the one that was meant.',
    wrong: '// ganc train gan.gan --set widht=32\nhyper width = 16\nnet F(x: [8]) { x |> linear(width) }',
    right: '// ganc train gan.gan --set width=32\nhyper width = 16\nnet F(x: [8]) { x |> linear(width) }',
  },
  GAN2025: {
    about:
      'A hyper is one number, truth value or text: what `--set` can write on the command line and a comparison can put in a table. What may be chosen from follows `in`.',
    wrong: 'hyper width = [64, 128]',
    right: 'hyper width = 64 in [64, 128]',
  },
  GAN2026: {
    about:
      "What is asked for has no meaning here, though the words are the language's: the message says what and what to write. `fresh` makes a second draw of a noise, and of nothing else.",
    wrong: 'net F(x: [8]) { x + fresh(x) }',
    right: 'net F(x: [8]) { x + normal(like: x) }',
  },
  GAN2027: {
    about: 'A state has one value for all examples, and this next value has one for each. Reduce it over the batch first.',
    wrong: 'net F(x: [8]) {\n  state centre: [8] = 0\n  centre <- x\n  x - centre\n}',
    right: 'net F(x: [8]) {\n  state centre: [8] = 0\n  centre <- mean(x, axis: batch)\n  x - centre\n}',
  },
  GAN2028: {
    about:
      'Weights and states are owned by a net: that gives them their names, and a player that moves them. A layer called in the game or in `sample` has no net around it.',
    wrong: 'game {\n  fake = G(z) |> linear(4)\n  G minimizes E[fake^2]\n}',
    right: 'net G(z) { z |> linear(8) |> linear(4) }\ngame {\n  fake = G(z)\n  G minimizes E[fake^2]\n}',
  },
  GAN2029: {
    about: 'A spec extends itself, directly or through its parents, so there is no first text to begin with.',
    wrong: '// in gan.gan\nextends "gan.gan"',
    right: '// in gan.gan\nextends "base.gan"',
  },
  GAN2030: {
    about: 'The text that `extends` names cannot be read. Its path is seen from the file that says so, not from the folder in which ganc was started.',
    wrong: 'extends "bas.gan"',
    right: 'extends "base.gan"',
  },
  GAN2031: {
    about:
      'Right of `~` stands a distribution that is given the shape: `normal(0, 0.02)`, `uniform(-1, 1)`, `orthogonal()`, or a block of your own whose first parameter is called `shape` and that returns that shape. A fixed value follows `=`.',
    wrong: 'net F(x: [8]) {\n  weight scale: [8] ~ "normal"\n  x * scale\n}',
    right: 'net F(x: [8]) {\n  weight scale: [8] ~ normal(1, 0.02)\n  x * scale\n}',
  },
  GAN2032: {
    about: 'Lists and loops are unrolled at compile time, so one of tens of thousands of items is a mistake, or would take longer to compile than to train.',
    wrong: 'net F(x: [8]) {\n  h = x\n  for i in range(100000) { h = h + 1 }\n  h\n}',
    right: 'net F(x: [8]) { x + 100000 }',
  },
  GAN2040: {
    about:
      'A weight is stored under a computed name, `weight w as "weight_l{layer}": ...`, and what comes out is no name. Weights are found again by it in files, so it has letters, digits and `_` alone.',
    wrong: 'net F(x: [8]) {\n  weight w as "scale {i}": [8] = 1\n  x * w\n}',
    right: 'net F(x: [8]) {\n  i = 0\n  weight w as "scale_{i}": [8] = 1\n  x * w\n}',
  },
  GAN2041: {
    about:
      'After `in` stands what a search may draw the hyper from: a list of values of the same kind, the ends of a range, or `log(a, b)`, between which orders of magnitude are alike likely. It does not bound what `--set` may say.',
    wrong: 'hyper width = 16 in [8, true]',
    right: 'hyper width = 16 in [8, 16, 32]\nhyper rate = 1e-4 in log(1e-5, 1e-3)',
  },
  GAN2043: {
    about: 'In `set` each argument has its name: it changes a default, wherever that argument stands in a call.',
    wrong: 'set conv(normal(0, 0.02))\nnet F(x: [3, 8, 8]) { x |> conv(4) }',
    right: 'set conv(init: normal(0, 0.02))\nnet F(x: [3, 8, 8]) { x |> conv(4) }',
  },
  GAN2044: {
    about: '`set` changes defaults of blocks. Functions such as `sum` have no defaults to change, and the parameters of a net have none at all.',
    wrong: 'set sum(axis: 0)\nnet F(x: [8]) { sum(x) }',
    right: 'set linear(init: normal(0, 0.02))\nnet F(x: [8]) { x |> linear(1) }',
  },
  GAN2045: {
    about: 'Sizes of kernels, strides, paddings and the like are one number for all axes of space, or a list with one for each.',
    wrong: 'net F(x: [3, 8, 8]) { x |> conv(4, kernel: [3, 3, 3]) }',
    right: 'net F(x: [3, 8, 8]) { x |> conv(4, kernel: [3, 5]) }',
  },
};
