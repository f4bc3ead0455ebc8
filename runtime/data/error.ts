/** What a data set cannot deliver, or a file that is not what it should be: one sentence, why, and what to write instead. Exit code 1. */
export class DataError extends Error {
  override readonly name = 'DataError';
  readonly exitCode = 1;

  constructor(
    message: string,
    readonly reason: string,
    readonly mend?: string,
  ) {
    super(message);
  }

  /** All there is to say, in up to three lines. */
  override toString(): string {
    return [this.message, `  reason: ${this.reason}`, ...(this.mend === undefined ? [] : [`  mend: ${this.mend}`])].join('\n');
  }
}
