/** Rows of data on the device: all of them once where they fit, else those of each submit. */
import type { Program } from '../../compiler/program/types.js';
import type { DataSet } from '../data/index.js';
import { InputError } from '../device/error.js';
import type { Call } from '../execute/packing.js';
import type { ChosenRows } from './chosen.js';
import type { TrainExecutor } from './executor.js';

/** Data fields that the named entries read on the device. */
export function usedFields(program: Program, entries: readonly string[]): string[] {
  const names = new Set<string>();
  for (const entry of program.entries) {
    if (!entries.includes(entry.name)) continue;
    for (const command of entry.commands) {
      for (const { buffer } of command.kind === 'dispatch' ? command.bindings : []) {
        const { field } = program.buffers[buffer];
        if (field !== undefined) names.add(field);
      }
    }
  }
  return [...names];
}

export class RowFeeder {
  /** True where every submit brings its own rows. */
  readonly streaming: boolean;
  private capacity = 0;
  private readonly data: DataSet | undefined;
  private readonly fields: readonly string[];

  /** `limit`: bytes of one field that fit on the device. */
  constructor(
    private readonly executor: Pick<TrainExecutor, 'setField'>,
    { data, fields }: { readonly data?: DataSet; readonly fields: readonly string[] },
    private readonly chosen: Pick<ChosenRows, 'of'>,
    limit: number,
  ) {
    this.data = data;
    this.fields = fields;
    const sizes = fields.map((name) => this.rowsOf(name).bytes.byteLength);
    this.streaming = sizes.some((size) => size > limit);
    if (!this.streaming) for (const name of fields) executor.setField(name, this.rowsOf(name));
  }

  /**
   * The calls of one submit with the rows that their draws choose, all of them readable: numbered as in the data, or, when streaming, by their places in
   * what was sent. The buffer keeps the size of the largest submit so far, so that it is not made anew each time.
   */
  prepare<C extends Call>(calls: readonly C[]): C[] {
    const whole = calls.map((call): C => {
      const chosen = this.chosen.of(call);
      return chosen === undefined ? call : { ...call, chosen };
    });
    const wanted = whole.flatMap(({ rows, chosen }) => [...(rows === undefined ? [] : [rows]), ...Object.values(chosen ?? {})]);
    const total = wanted.reduce((sum, rows) => sum + rows.length, 0);
    if (!this.streaming || total === 0) return whole;
    this.capacity = Math.max(this.capacity, total);
    for (const name of this.fields) {
      const { bytes, rowBytes } = this.rowsOf(name);
      const packed = new Uint8Array(this.capacity * rowBytes);
      let at = 0;
      for (const rows of wanted) {
        for (const row of rows) {
          packed.set(bytes.subarray(row * rowBytes, (row + 1) * rowBytes), at);
          at += rowBytes;
        }
      }
      this.executor.setField(name, { count: this.capacity, bytes: packed });
    }
    let next = 0;
    const places = (rows: Uint32Array): Uint32Array => rows.map(() => next++);
    return whole.map((call): C => {
      const rows = call.rows && places(call.rows);
      const chosen = call.chosen && Object.fromEntries(Object.entries(call.chosen).map(([name, own]) => [name, places(own)]));
      return { ...call, rows, chosen };
    });
  }

  private rowsOf(name: string) {
    const rows = this.data?.fields.get(name);
    if (rows === undefined) throw new InputError(`the program reads the data field "${name}", which its data does not have`);
    return rows;
  }
}
