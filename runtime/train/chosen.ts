/** Rows that an entry's draws choose for a call, beside the batch's own: those of `mismatch`. */
import { drawKey } from '../../compiler/graph/threefry.js';
import type { Program } from '../../compiler/program/types.js';
import type { DataSet } from '../data/index.js';
import { Differing } from '../data/mismatch.js';
import { type Call, entryOf } from '../execute/packing.js';
import { RunError } from './errors.js';

export class ChosenRows {
  private readonly differing = new Map<string, Differing>();

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
        if (differs !== undefined && !this.differingIn(differs).possible) {
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
    const draws = entryOf(this.program, call.entry).inputs.filter((input) => input.differs !== undefined);
    if (rows === undefined || draws.length === 0) return undefined;
    return Object.fromEntries(draws.map(({ name, differs }) => [name, this.differingIn(differs as string).pick(drawKey(this.seed, name), call.counter, rows)]));
  }

  private differingIn(field: string): Differing {
    const known = this.differing.get(field);
    if (known !== undefined) return known;
    const rows = this.data?.fields.get(field);
    if (this.data === undefined || rows === undefined) {
      throw new RunError(`\`mismatch(${field})\` chooses from the training rows`, 'there are none here', 'leave out the inputs that were given');
    }
    const made = new Differing(rows, this.data.count);
    this.differing.set(field, made);
    return made;
  }
}
