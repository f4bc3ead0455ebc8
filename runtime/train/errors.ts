/** A run that cannot start or go on as asked: a folder in use, a spec that changed, a file that does not fit. Exit code 1. */
export class RunError extends Error {
  override readonly name = 'RunError';
  readonly exitCode = 1;

  constructor(
    message: string,
    readonly reason = '',
    readonly mend = '',
  ) {
    super(message);
  }

  /** All there is to say, in up to three lines. */
  override toString(): string {
    return [this.message, this.reason && `  reason: ${this.reason}`, this.mend && `  mend: ${this.mend}`].filter(Boolean).join('\n');
  }
}

export const DIVERGED_HELP = 'lower the learning rate, add a gradient penalty or normalisation, or look for a division or logarithm that can reach 0';

/** Numbers stopped being numbers. The state before is in the last checkpoint. Exit code 4. */
export class DivergedError extends Error {
  override readonly name = 'DivergedError';
  readonly exitCode = 4;
  readonly reason: string;
  readonly mend: string;

  constructor(
    readonly player: string,
    /** The step in which it was seen, counted from 1. */
    readonly step: number,
    /** `its loss is NaN`, `12 of its new weights and gradients are NaN or infinite`. */
    readonly what: string,
    /** Path of the last checkpoint, if one was written. */
    readonly checkpoint: string | undefined,
    /** Where that began, and what helps against it. */
    readonly origin?: { readonly text: string; readonly help: string },
  ) {
    super(`the training diverged: ${player}, step ${step}: ${what}`);
    const state = checkpoint === undefined ? 'no checkpoint had been written yet' : `the last good state is ${checkpoint}`;
    this.reason = origin === undefined ? state : `${origin.text}; ${state}`;
    this.mend = origin?.help ?? DIVERGED_HELP;
  }

  /** As it is, with where it began. */
  with(origin: { readonly text: string; readonly help: string }): DivergedError {
    return new DivergedError(this.player, this.step, this.what, this.checkpoint, origin);
  }

  override toString(): string {
    return `${this.message}\n  reason: ${this.reason}\n  mend: ${this.mend}`;
  }
}
