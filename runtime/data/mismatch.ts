/** Rows that differ from given ones in a field, or agree with them: what `mismatch(t)` and `match(t)` read. */
import { createHash } from 'node:crypto';
import { type Pair, threefry2x32 } from '../../compiler/graph/threefry.js';
import type { FieldRows } from './columns.js';

/** Longer rows are known by their hash. */
const LONGEST_KEY = 64;

/** The rows of a field in the order of their values, so that those of a row's own value are a stretch, and those of other values two. */
export class ByValue {
  /** Value of every row, numbered as they first appear; held-out rows may have values that no training row has. */
  private readonly values: Uint32Array;
  private readonly training: Stretches;
  /** Those that are kept from training. */
  private readonly others: Stretches;

  /** `count`: training rows, which come first. */
  constructor(field: FieldRows, count: number) {
    const known = new Map<string, number>();
    this.values = Uint32Array.from({ length: field.count }, (_, row) => {
      const key = keyOf(field.bytes.subarray(row * field.rowBytes, (row + 1) * field.rowBytes));
      const value = known.get(key) ?? known.size;
      known.set(key, value);
      return value;
    });
    this.training = stretchesOf(this.values, known.size, 0, count);
    this.others = stretchesOf(this.values, known.size, count, field.count);
  }

  /** Whether every row has one that differs: whether the training rows have two values. */
  get differ(): boolean {
    const { starts } = this.training;
    return starts.filter((start, value) => start < starts[value + 1]).length > 1;
  }

  /** For each row a training row of another value, all alike likely. A function of the draw's key, the call's counter and the place in the batch. */
  differing(key: Pair, counter: number, rows: Uint32Array): Uint32Array {
    const { rows: all, starts } = this.training;
    return rows.map((row, i) => {
      const value = this.values[row];
      const [from, to] = [starts[value], starts[value + 1]];
      const place = Math.floor(uniform(key, i, counter) * (all.length - (to - from)));
      return all[place < from ? place : place + (to - from)];
    });
  }

  /**
   * For each row another one of the same value, all alike likely: a training row, where none has that value one of the others, and the row itself where
   * there is none either. A function as `differing` is one.
   */
  agreeing(key: Pair, counter: number, rows: Uint32Array): Uint32Array {
    return rows.map((row, i) => {
      for (const { rows: all, starts } of [this.training, this.others]) {
        const [from, to] = [starts[this.values[row]], starts[this.values[row] + 1]];
        const alike = all.subarray(from, to);
        const own = alike.indexOf(row);
        const count = alike.length - (own < 0 ? 0 : 1);
        if (count === 0) continue;
        const place = Math.floor(uniform(key, i, counter) * count);
        return alike[own < 0 || place < own ? place : place + 1];
      }
      return row;
    });
  }
}

interface Stretches {
  /** By value, then by number. */
  readonly rows: Uint32Array;
  /** Where in `rows` each value starts; behind the last its end. */
  readonly starts: readonly number[];
}

/** The rows from `from` to before `to`. */
function stretchesOf(values: Uint32Array, count: number, from: number, to: number): Stretches {
  const sizes = new Uint32Array(count);
  for (let row = from; row < to; row++) sizes[values[row]]++;
  const starts: number[] = [];
  let at = 0;
  for (const size of sizes) {
    starts.push(at);
    at += size;
  }
  starts.push(at);
  const next = [...starts];
  const rows = new Uint32Array(to - from);
  for (let row = from; row < to; row++) rows[next[values[row]]++] = row;
  return { rows, starts };
}

function uniform(key: Pair, place: number, counter: number): number {
  const [high, low] = threefry2x32(key, [place, counter]);
  return (high * 2 ** 21 + (low >>> 11)) * 2 ** -53;
}

function keyOf(bytes: Uint8Array): string {
  return bytes.length > LONGEST_KEY ? createHash('sha256').update(bytes).digest('base64') : Buffer.from(bytes).toString('latin1');
}
