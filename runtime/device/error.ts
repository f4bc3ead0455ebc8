/**
 * What the GPU, its driver or the machine refused. The command line shows `message`, `reason` and `mend`, and ends with exit code 3.
 */
export class GpuError extends Error {
  override readonly name = 'GpuError';
  readonly exitCode = 3;
  /** What the driver or the machine said, or which limit was passed. */
  readonly reason: string;
  /** What the user can do about it. */
  readonly mend: string;

  constructor(message: string, reason = '', mend = '') {
    super(message);
    this.reason = reason;
    this.mend = mend;
  }

  /** All there is to say, in up to three lines. */
  override toString(): string {
    return [this.message, this.reason && `  reason: ${this.reason}`, this.mend && `  mend: ${this.mend}`].filter(Boolean).join('\n');
  }
}

/** A caller's data does not fit the program: wrong name, shape, type or row. Exit code 1. */
export class InputError extends Error {
  override readonly name = 'InputError';
  readonly exitCode = 1;
}
