/** Rows that an entry's draws choose for a call, beside the batch's own: those of `mismatch` and `match`. */
import { drawKey } from '../../compiler/graph/threefry.js';
import type { Program } from '../../compiler/program/types.js';
import type { DataSet } from '../data/index.js';
import { ByValue } from '../data/mismatch.js';
import { type Call, entryOf } from '../execute/packing.js';
import { RunError } from './errors.js';

export class ChosenRows {
  private readonly fields = new Map<string, ByValue>();

  /** `seed`: of all draws. Throws RunError where an entry asks for rows that differ and all are alike. */
  constructor(
    private readonly program: Program,
    private readonly data: DataSet | undefined,
    private readonly seed: bigint,
    entries: readonly string[],
  ) {
    for (const { name, inputs } of program.entries) {
      if (!entries.includes(name)) continue;
      for (const { differs } of inputs) {
        if (differs !== undefined && !this.rowsBy('mismatch', differs).differ) {
          throw new RunError(
            `\`mismatch(${differs})\` has nothing to choose from`,
            `all training rows have the same \`${differs}\``,
            'give it data with several, or leave the term out',
          );
        }
      }
    }
  }

  /** By the draw's path. Undefined where the call's entry has no such draws. */
  of(call: Call): Record<string, Uint32Array> | undefined {
    const { rows } = call;
    const draws = entryOf(this.program, call.entry).inputs.filter((input) => input.differs !== undefined || input.agrees !== undefined);
    if (rows === undefined || draws.length === 0) return undefined;
    return Object.fromEntries(
      draws.map(({ name, differs, agrees }) => {
        const key = drawKey(this.seed, name);
        if (differs !== undefined) return [name, this.rowsBy('mismatch', differs).differing(key, call.counter, rows)];
        return [name, this.rowsBy('match', agrees as string).agreeing(key, call.counter, rows)];
      }),
    );
  }

  private rowsBy(callee: string, field: string): ByValue {
    const known = this.fields.get(field);
    if (known !== undefined) return known;
    const rows = this.data?.fields.get(field);
    if (this.data === undefined || rows === undefined) {
      throw new RunError(`\`${callee}(${field})\` chooses from the training rows`, 'there are none here', 'leave out the inputs that were given');
    }
    const made = new ByValue(rows, this.data.count);
    this.fields.set(field, made);
    return made;
  }
}
