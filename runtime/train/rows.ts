/** Rows of data on the device: all of them once where they fit, else those of each submit. */
import type { Program } from '../../compiler/program/types.js';
import type { DataSet } from '../data/index.js';
import { InputError } from '../device/error.js';
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

  /** `limit`: bytes of one field that fit on the device. */
  constructor(
    private readonly executor: Pick<TrainExecutor, 'setField'>,
    private readonly data: DataSet | undefined,
    private readonly fields: readonly string[],
    limit: number,
  ) {
    const sizes = fields.map((name) => this.rowsOf(name).bytes.byteLength);
    this.streaming = sizes.some((size) => size > limit);
    if (!this.streaming) for (const name of fields) executor.setField(name, this.rowsOf(name));
  }

  /**
   * Makes the rows of one submit's calls readable and gives the numbers to call with: the rows themselves, or, when streaming, their places
   * in what was sent. The buffer keeps the size of the largest submit so far, so that it is not made anew each time.
   */
  prepare(calls: readonly (Uint32Array | undefined)[]): (Uint32Array | undefined)[] {
    if (!this.streaming) return [...calls];
    const total = calls.reduce((sum, rows) => sum + (rows?.length ?? 0), 0);
    if (total === 0) return [...calls];
    this.capacity = Math.max(this.capacity, total);
    for (const name of this.fields) {
      const { bytes, rowBytes } = this.rowsOf(name);
      const packed = new Uint8Array(this.capacity * rowBytes);
      let at = 0;
      for (const rows of calls) {
        for (const row of rows ?? []) {
          packed.set(bytes.subarray(row * rowBytes, (row + 1) * rowBytes), at);
          at += rowBytes;
        }
      }
      this.executor.setField(name, { count: this.capacity, bytes: packed });
    }
    let next = 0;
    return calls.map((rows) => rows && Uint32Array.from(rows, () => next++));
  }

  private rowsOf(name: string) {
    const rows = this.data?.fields.get(name);
    if (rows === undefined) throw new InputError(`the program reads the data field "${name}", which its data does not have`);
    return rows;
  }
}
