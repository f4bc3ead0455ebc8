/** Counts the time in steps: what lies between them, such as checkpoints, pictures and metrics, is left out. */
export class Clock {
  /** Milliseconds, and since when it goes on. */
  private total: number;
  private since: number | undefined;

  /** `seconds`: counted before. */
  constructor(seconds: number) {
    this.total = seconds * 1000;
  }

  get seconds(): number {
    return (this.total + (this.since === undefined ? 0 : performance.now() - this.since)) / 1000;
  }

  start(): void {
    this.since ??= performance.now();
  }

  stop(): void {
    this.total = this.seconds * 1000;
    this.since = undefined;
  }

  /** Stands still during this work. */
  async without<T>(work: () => Promise<T>): Promise<T> {
    const going = this.since !== undefined;
    this.stop();
    try {
      return await work();
    } finally {
      if (going) this.start();
    }
  }
}
