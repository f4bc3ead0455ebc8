/** Rows that differ from given ones in a field: what `mismatch(t)` reads. */
import { createHash } from 'node:crypto';
import { type Pair, threefry2x32 } from '../../compiler/graph/threefry.js';
import type { FieldRows } from './columns.js';

/** Longer rows are known by their hash. */
const LONGEST_KEY = 64;

/** The training rows of a field in the order of their values, so that those of another value than one row's are two stretches. */
export class Differing {
  /** Value of every row, numbered as they first appear; held-out rows may have values that no training row has. */
  private readonly values: Uint32Array;
  /** Training rows by value, then by number. */
  private readonly rows: Uint32Array;
  /** Where in `rows` each value starts; behind the last its end. */
  private readonly starts: number[] = [];

  /** `count`: training rows, which come first. */
  constructor(field: FieldRows, count: number) {
    const known = new Map<string, number>();
    this.values = Uint32Array.from({ length: field.count }, (_, row) => {
      const key = keyOf(field.bytes.subarray(row * field.rowBytes, (row + 1) * field.rowBytes));
      const value = known.get(key) ?? known.size;
      known.set(key, value);
      return value;
    });
    const sizes = new Uint32Array(known.size);
    for (let row = 0; row < count; row++) sizes[this.values[row]]++;
    let at = 0;
    for (const size of sizes) {
      this.starts.push(at);
      at += size;
    }
    this.starts.push(at);
    const next = [...this.starts];
    this.rows = new Uint32Array(count);
    for (let row = 0; row < count; row++) this.rows[next[this.values[row]]++] = row;
  }

  /** Whether every row has one that differs: whether the training rows have two values. */
  get possible(): boolean {
    return this.starts.filter((start, value) => start < this.starts[value + 1]).length > 1;
  }

  /** For each row a training row of another value, all alike likely. A function of the draw's key, the call's counter and the place in the batch. */
  pick(key: Pair, counter: number, rows: Uint32Array): Uint32Array {
    return rows.map((row, i) => {
      const value = this.values[row];
      const [from, to] = [this.starts[value], this.starts[value + 1]];
      const [high, low] = threefry2x32(key, [i, counter]);
      const uniform = (high * 2 ** 21 + (low >>> 11)) * 2 ** -53;
      const place = Math.floor(uniform * (this.rows.length - (to - from)));
      return this.rows[place < from ? place : place + (to - from)];
    });
  }
}

function keyOf(bytes: Uint8Array): string {
  return bytes.length > LONGEST_KEY ? createHash('sha256').update(bytes).digest('base64') : Buffer.from(bytes).toString('latin1');
}
