/**
 * Which rows an update sees, as a pure function of seed, stream, update number and batch: nothing to save but counters, and a resumed run sees the same rows.
 * Row p of a stream lies in epoch floor(p / count) at place p mod count of that epoch's permutation, so every epoch visits each row once.
 *
 * The permutation is a generalised Feistel network (Black and Rogaway, "Ciphers with Arbitrary Finite Domains", 2002) on the a x b
 * rectangle, a = ceil(sqrt(count)), b = ceil(count / a), whose few surplus places are walked over (cycle walking). Its round function is Threefry.
 */
import { drawKey, threefry2x32 } from '../../compiler/graph/threefry.js';

const ROUNDS = 8;

/** A permutation of 0..count-1, given by two u32 of key. */
export class Permutation {
  private readonly a: number;
  private readonly b: number;

  constructor(
    private readonly key: [number, number],
    readonly count: number,
  ) {
    if (!Number.isInteger(count) || count < 1 || count > 2 ** 31) throw new Error(`a permutation needs 1 to 2^31 rows, not ${count}`);
    this.a = Math.ceil(Math.sqrt(count));
    this.b = Math.ceil(count / this.a);
  }

  /** Where `index` goes. */
  at(index: number): number {
    let value = index;
    do value = this.encipher(value);
    while (value >= this.count);
    return value;
  }

  /** One pass through the network, a bijection of 0..a*b-1. Left and right take turns as numbers below a and below b. */
  private encipher(value: number): number {
    let left = value % this.a;
    let right = Math.floor(value / this.a);
    for (let round = 0; round < ROUNDS; round++) {
      const size = round % 2 === 0 ? this.a : this.b;
      const mixed = (left + threefry2x32(this.key, [right, round])[0]) % size;
      left = right;
      right = mixed;
    }
    return left + right * this.a;
  }
}

/** The permutation of one epoch of a stream. */
export function epochOrder(seed: bigint, stream: string, epoch: number, count: number): Permutation {
  return new Permutation(threefry2x32(drawKey(seed, `rows.${stream}`), [epoch >>> 0, Math.floor(epoch / 2 ** 32)]), count);
}

/**
 * Rows of update `update` (0, 1, ...) of a stream, `batch` of them out of `count`. A batch may reach into the next epoch.
 * A stream is a player's name, or the step's where all players see one batch.
 */
export function rowsFor(seed: bigint, stream: string, update: number, batch: number, count: number): Uint32Array {
  const rows = new Uint32Array(batch);
  let epoch = -1;
  let order: Permutation | undefined;
  for (let i = 0; i < batch; i++) {
    const position = update * batch + i;
    const of = Math.floor(position / count);
    if (order === undefined || of !== epoch) {
      order = epochOrder(seed, stream, of, count);
      epoch = of;
    }
    rows[i] = order.at(position % count);
  }
  return rows;
}
