/** A small spec that trains in a moment: points on a ring, and two nets with one hidden layer each. */
export interface RingSpec {
  /** Arguments of the data. */
  readonly ring?: string;
  /** Of the hidden layers; it may name a range. */
  readonly width?: string;
  readonly hinge?: boolean;
  readonly batch?: number;
  readonly steps?: number;
  /** Of G's weights. */
  readonly average?: number;
  /** Lines at the end. */
  readonly more?: string;
}

export function ringSpec({
  ring = 'modes: 4, std: 0.05, count: 400',
  width = '16',
  hinge = false,
  batch = 16,
  steps = 40,
  average,
  more = '',
}: RingSpec = {}): string {
  const [ofD, ofG] = hinge ? ['hinge', 'generator_score'] : ['logistic', 'logistic_generator'];
  return `hyper width = ${width}
data points = ring(${ring}) { x: vector[2] }
noise z: normal[4]
net G(z) { z |> linear(width) |> relu |> linear(2) }
net D(x) { x |> linear(width) |> leaky_relu(0.2) |> linear(1) }
game {
  fake = G(z)
  D minimizes ${ofD}(D(x), D(fake))
  G minimizes ${ofG}(D(fake))
}
train {
  batch ${batch}   steps ${steps}
  D with adam(lr: 1e-3)
  G with adam(lr: 1e-3)${average === undefined ? '' : `, average ${average}`}
}
sample point = G(z)
${more}`;
}
