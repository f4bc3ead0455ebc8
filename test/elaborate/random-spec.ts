/** Random specs that mean something: every part of the language, mostly right, with a slip here and there. */

type Pick = (n: number) => number;

const LAYERS = [
  'relu',
  'leaky_relu(0.2)',
  'sigmoid',
  'tanh',
  'softplus',
  'silu',
  'dropout(0.3)',
  'batch_norm',
  'layer_norm',
  'pixel_norm',
  'minibatch_stddev',
  'flatten',
  'linear(6)',
  'linear(width)',
  'linear(4) as named',
  'linear(3, weight: spectral_norm)',
  'linear(3, weight: equalized(_, 0.5))',
  'conv(width, kernel: 3, padding: 1)',
  'conv(4, kernel: 4, stride: 2, padding: 1)',
  'conv(3, kernel: [1, 3], groups: 1, bias: false)',
  'conv_transpose(2, kernel: 4, stride: 2, padding: 1)',
  'residual_down(4)',
  'residual_up(3)',
  'self_attention(reduction: 1)',
  'average_pool(2)',
  'max_pool(2)',
  'upsample(2)',
  'upsample(2, mode: "linear")',
  'reshape(none)',
  'reshape(2, none)',
  'permute(1, 0)',
  'expand(2, 3)',
  'own(3)',
  'own(width, slope: 0.1)',
  'each(linear(_, 3), axis: 0)',
  'each(own(_, 2))',
  'residual(own(_, 3))',
  'embedding(4)',
  'one_hot(5)',
  'lstm(3)',
  'gru(3, bidirectional: true)',
  'group_norm(1)',
  'glu(axis: 0)',
  'softmax',
  'log_softmax',
  'clamp(-1, 1)',
  'stop',
  'normalize',
  'global_average_pool',
  'reverse(axis: 0)',
  'slice(0, 0, 1)',
  'concat(z)',
  'einsum("i,j->ij", _)',
  'mean(axis: 0)',
  'sum',
  'max(axis: -1, keep: true)',
] as const;

const FUNCTIONS = [
  'log',
  'sqrt',
  'exp',
  'abs',
  'norm',
  'sign',
  'floor',
  'mean',
  'sum',
  'softplus',
  'sigmoid',
  'relu',
  'size',
  'rank',
  'shape',
  'fresh',
  'present',
  'mask',
  'summary',
  'mismatch',
  'E_',
];
const OPERATORS = ['+', '-', '*', '/', '^', '%', '<', '==', 'and', '..'];
const TYPES = [
  'image[1, 8, 8]',
  'image[3, 4, 4]',
  'video[1, 4, 4, 4]',
  'vector[6]',
  'class[5]',
  'tokens[4, words: 9]',
  'audio[4, 3] optional 0.2',
  'tensor[2, 3]',
];
const NOISES = ['normal[8]', 'uniform[2] in -1..1', 'one_hot[5]', 'normal[2, 3]'];
const OPTIMIZERS = [
  'adam(lr: 1e-3)',
  'adam(lr: linear_decay(1e-3, over: 10), beta1: 0)',
  'sgd(lr: 0.1, momentum: 0.9)',
  'rmsprop(lr: 1e-3 * (1 - step / 10))',
  'adamw(lr: 1e-3, clip_norm: 1)',
  'signs()',
];
const LOSSES = [
  'E[log(right)] + E[log(1 - wrong)]',
  'hinge(right, wrong)',
  'least_squares(right, wrong)',
  'wasserstein(right, wrong) + 10 * gradient_penalty(D(mix), mix)',
  'logistic(right, wrong) + every(4, r1(right, x))',
  'E[softplus(-right)] + every(2, E[sum(grad(right, x)^2)]) + every(3, E[wrong^2])',
  '{real: E[right], made: -E[wrong]}',
  '{a: 1, b: 0.5} * {a: E[right], b: E[wrong]}',
  'relativistic_average(right, wrong)',
  'E[right] - E[wrong] + level',
];

/** A text; `pick(n)` gives a random integer from 0 to n - 1. */
export function randomSpec(pick: Pick): string {
  const one = <T>(list: readonly T[]): T => list[pick(list.length)];
  const often = (text: string, of = 4): string => (pick(of) === 0 ? '' : text);
  const rarely = (text: string, of = 4): string => (pick(of) === 0 ? text : '');
  const names = [
    'x',
    'y',
    't',
    'a',
    'z',
    'u',
    'fake',
    'right',
    'wrong',
    'mix',
    'width',
    'step',
    'batch',
    '0',
    '1',
    '2.5',
    '-1',
    'none',
    'true',
    '"text"',
    '[1, 2]',
    '{a: 1, b: x}',
    '_',
    'G',
    'D',
    'own',
    'training',
  ];
  const expression = (depth: number): string => {
    const inner = (): string => expression(depth - 1);
    if (depth === 0) return one(names);
    switch (pick(10)) {
      case 0:
        return `(${inner()} ${one(OPERATORS)} ${inner()})`;
      case 1:
        return `${one(FUNCTIONS)}(${inner()})`.replace('E_(', 'E[').replace(/^E\[(.*)\)$/s, 'E[$1]');
      case 2:
        return `${inner()} |> ${one(LAYERS)}`;
      case 3:
        return `${one(['D', 'G', 'own', 'concat', 'where', 'lerp', 'matmul', 'grad', 'every', 'max', 'cross_entropy'])}(${inner()}, ${inner()}${rarely(`, ${inner()}`)})`;
      case 4:
        return `${one(names)}[${one(['0', '1:', ':-1', ':, 0', 'none', inner()])}]`;
      case 5:
        return `{ a: ${inner()}, b: ${inner()} }${rarely('.a')}`;
      case 6:
        return `if ${one(['deep', 'training', 'width > 2', inner()])} { ${inner()} } else { ${inner()} }`;
      case 7:
        return `${one(['normal', 'uniform'])}(${one(['', '3', 'like: x', inner()])})`;
      default:
        return one(names);
    }
  };
  /** What is there mostly, or now and then anything. */
  const slip = (text: string, of = 60): string => (pick(of) === 0 ? expression(2) : text);
  const chain = (from: string, most: number): string => [from, ...Array.from({ length: pick(most + 1) }, () => one(LAYERS))].join(' |> ');
  const statements = (): string =>
    Array.from({ length: pick(3) }, () =>
      one([
        `weight w: [${one(['3', 'dim(h, 0)', 'width'])}] ${one(['~ normal(0, 0.02)', '= 1', '~ orthogonal()', '~ he_normal()'])}${often('\n  h = h * mean(w)', 6)}`,
        'state s: [] = 0\n  if training { s <- lerp(s, E[h], 0.1) }',
        `h = ${slip(chain('h', 2), 4)}`,
        `for i in ${one(['range(2)', '0..1', '[1, 2]', 'range(width)'])} { h = ${chain('h', 1)} }`,
        `if ${one(['deep', 'training', 'width > 2'])} { h = ${chain('h', 1)} }`,
        `require ${one(['width > 0', 'dim(h, 0) > 0', 'deep'])}, "width is {width}"`,
        one(['set conv(init: normal(0, 0.02))', 'set linear(bias: false)', 'set batch_norm(eps: 1e-3)', 'set own(slope: 0.3)', 'set own(eps: 1)']),
        'net Cell(v) { v |> linear(3) }\n  h = h |> flatten |> Cell',
        'block twice(v) { v + v }\n  h = twice(h)',
        `h = h + ${one(['noise_of(h)', 'normal(like: h)', '0.1 * h'])}`,
      ]),
    )
      .map((line) => `  ${line}\n`)
      .join('');
  const image = one(TYPES.slice(0, 4));
  const lengths = image.replace(/^\w+\[/, '').replace(']', '');
  const total = lengths.split(', ').reduce((n, length) => n * Number(length), 1);
  const withQ = pick(4) === 0;
  const withLevel = pick(3) === 0;
  const objective = (loss: string): string => slip(`${loss}${rarely(` + 0.1 * ${expression(2)}`, 8)}`, 12);
  const update = (player: string): string => `${player} with ${one(OPTIMIZERS)}${rarely(', times 2', 6)}${rarely(', average 0.9')}`;
  return `${rarely('extends "base.gan"\n', 12)}hyper width = ${one(['2', '4', '3', slip('8')])}${rarely(' in [2, 4]')}
hyper deep = ${one(['true', 'false'])}
${rarely(`set ${one(['conv(init: normal(0, 0.02))', 'linear(weight: spectral_norm)', 'linear(bias: 0), conv(bias: false)'])}\n`)}data d = ${one(['mnist()', 'ring(modes: 8)', 'tensors(path: "f.safetensors")'])} {
  x: ${slip(image)}
  y: class[5]
  t: tokens[4, words: 9]
${often(`  a: ${one(TYPES)}\n`, 2)}}
noise z: ${slip(one(NOISES.slice(0, 3)), 40)}
noise u: ${one(NOISES)}
block own(v, channels, slope: 0.2) { ${slip('v |> flatten |> linear(channels) |> leaky_relu(slope)', 10)} }
block noise_of(v) { 0.1 * normal(like: v) }
block signs(w, g, lr: 1e-3) { w - lr * sign(g) }
net G(z${rarely(', u', 30)}) ${often(`-> ${image} `, 2)}{
  h = ${one(['z', 'concat(z, normal(2))', 'z |> linear(6)'])}
${statements()}  ${slip(`${chain('h', 1)} |> flatten |> linear(${total}) |> ${one(['tanh', 'tanh', 'sigmoid', 'relu'])} |> reshape(${lengths})`)}
}
net D(h) {
${statements()}  ${slip(`${chain('h', 2)} |> flatten |> linear(1)${often(' |> sigmoid', 2)}`)}
}
${withQ ? 'net Q(h) { h |> flatten |> linear(5) }\n' : ''}game {
${withQ ? '  player G = G, Q\n' : ''}  ${rarely('shared ', 6)}fake = ${slip('G(z)')}
  right = ${slip('D(x)')}
  wrong = ${slip('D(fake)')}
${withQ ? '  guess = Q(fake)\n' : ''}  e = uniform()
  mix = e * x + (1 - e) * fake
${withLevel ? '  state level: [] = 0\n  level <- lerp(level, E[right], 0.1)\n' : ''}  D ${one(['minimizes', 'maximizes'])} ${objective(one(withLevel ? LOSSES : LOSSES.slice(0, -1)))}
  G ${one(['minimizes', 'maximizes'])} ${objective(one(['E[wrong]', 'E[log(wrong)]', '-E[D(fake)]', 'least_squares_generator(wrong)', 'E[wrong] + every(8, E[path_length(fake, z)])', ...(withQ ? ['E[wrong] - E[cross_entropy(guess, y)]'] : [])]))}
${rarely(`  report gap = ${slip('E[right] - E[wrong]')}${rarely(' in D')}\n`, 2)}}
train {
  batch ${one(['4', '2', 'width'])}   steps ${one(['10', '4 * 5'])}
${rarely(`  accumulate ${one(['2', '3'])}\n`, 6)}${rarely(`  phase warm steps ${one(['3', '3', '3', '5', '5', '5', '20'])} { ${update('D')} }\n`, 6)}  ${update('D')}
  ${update('G')}
}
sample s = ${slip('G(z)')}
${rarely(`judge J(x) -> {${one(['y', 'y', 'y', 'y, t', 'x'])}} { ${slip('x |> flatten |> linear(5)')} }\nmetric m = ${one(['purity(J(G(z)), y)', 'E[J(x)]', expression(2)])}\n`, 4)}${rarely(`metric n = ${slip('E[D(G(z))]', 6)}\n`, 6)}variant other { width = ${one(['1', '5'])}\n  game { D minimizes ${objective(one(withLevel ? LOSSES : LOSSES.slice(0, -1)))} } }
`;
}
