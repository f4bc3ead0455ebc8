/** `ganc init [dir]`: writes a first spec, ready to train. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FileError } from '../errors.js';
import { err, out } from '../terminal.js';

const SPEC = `// A first GAN: it learns to write digits. Train it with \`ganc train\`.

data digits = mnist() {                     // real digits, 28 x 28
  x: image[1, 28, 28]                       // an image lies between -1 and 1
}

hyper width = 256                           // try --set width=512
hyper drop = 0.3

noise z: normal[100]                        // what G starts from: 100 numbers

net G(z) -> image[1, 28, 28] {              // the generator: noise in, picture out
  z |> linear(width)     as fc1 |> relu
    |> linear(width * 2) as fc2 |> relu
    |> linear(width * 4) as fc3 |> relu
    |> linear(784)       as fc4 |> tanh |> reshape(1, 28, 28)
}

net D(x) {                                  // the discriminator: near 1 for a real picture, near 0 for a fake
  x |> flatten |> linear(1024) as fc1 |> leaky_relu(0.2) |> dropout(drop) |> linear(1) as fc2 |> sigmoid
}

game {                                      // the formulas of the paper; the stable form is found by the compiler
  fake = G(z)
  D maximizes E[log(D(x))] + E[log(1 - D(fake))]
  G maximizes E[log(D(fake))]               // the paper's first form: G minimizes E[log(1 - D(fake))]
  report d_real = E[D(x)] in D
  report d_fake = E[D(fake)]
}

train {
  batch 64   steps 10000
  D with adam(lr: 2e-4, beta1: 0.5)
  G with adam(lr: 2e-4, beta1: 0.5)
}

sample digit = G(z)                         // what the pictures of a training show
`;

/** Never overwrites: a spec is somebody's work. */
export function init(dir: string): void {
  const path = join(dir, 'gan.gan');
  mkdirSync(dir, { recursive: true });
  try {
    writeFileSync(path, SPEC, { flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST')
      throw new FileError(`${path} exists already, and stays as it is`, 'give another folder: ganc init my-gan');
    throw error;
  }
  out(`${path}\n`);
  const quoted = /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
  err(`Look at it, then:\n  ganc check ${quoted}\n  ganc train ${quoted}\n`);
}
