/**
 * The order of things on one executor. Jobs start in the order of their coming: a submit as soon as there is a place in flight; an exclusive job
 * holds up what comes after it until it has ended; a write is done where it starts. What the GPU does keeps that order by itself.
 */
interface Job {
  readonly kind: 'submit' | 'exclusive' | 'write';
  readonly start: () => Promise<void> | void;
  readonly reject: (error: Error) => void;
}

export class Order {
  readonly #waiting: Job[] = [];
  #running = 0;
  #exclusive = false;

  /** `inFlight`: submits that may be unfinished at a time. */
  constructor(private readonly inFlight: number) {}

  /** Whether a write would have to wait. */
  get busy(): boolean {
    return this.#waiting.length > 0 || this.#exclusive;
  }

  /** The result of `work`, which runs in its turn. */
  add<T>(kind: 'submit' | 'exclusive', work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ kind, reject, start: () => work().then(resolve) });
      this.#next();
    });
  }

  /** Runs `work` in its turn: at once, mostly, so that its errors are thrown to the caller. */
  write(work: () => void): void {
    if (this.busy) this.#waiting.push({ kind: 'write', start: work, reject: () => {} });
    else work();
  }

  /** Rejects all that have not started. */
  clear(error: Error): void {
    for (const job of this.#waiting.splice(0)) job.reject(error);
  }

  #next(): void {
    while (this.#waiting.length > 0 && !this.#exclusive) {
      const job = this.#waiting[0];
      if (job.kind === 'submit' && this.#running >= this.inFlight) return;
      this.#waiting.shift();
      if (job.kind === 'write') {
        try {
          job.start();
        } catch {
          // The device has failed; whatever is called next says so.
        }
        continue;
      }
      this.#running++;
      if (job.kind === 'exclusive') this.#exclusive = true;
      (async () => job.start())()
        .catch(job.reject)
        .finally(() => {
          this.#running--;
          if (job.kind === 'exclusive') this.#exclusive = false;
          this.#next();
        });
    }
  }
}
