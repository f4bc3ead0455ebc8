/** `report.html` and `results.json` while a comparison runs: written again when a run has ended, and now and then between. A comparison does not end for want of them. */
import { writeReport } from './report.js';
import type { CompareResults } from './results.js';

const EVERY = 30;
/** A writing takes this share of the time at most: of that between the ends of runs, and of that in their midst. */
const SHARE_ENDED = 1 / 10;
const SHARE = 1 / 50;

export interface Growing {
  readonly folder: string;
  readonly writeResults: () => Promise<void>;
  readonly warn?: (text: string) => void;
  /** Seconds between two writings where no run has ended; default 30. */
  readonly every?: number;
}

export class GrowingReport {
  private ended = false;
  private writing: Promise<void> | undefined;
  /** Milliseconds: when the last writing ended, and how long it took. */
  private last = performance.now();
  private took = 0;
  private warned = false;

  constructor(private readonly to: Growing) {}

  /** Something has come of the comparison; `ended`: a run is over. Returns at once. */
  note(results: CompareResults, ended = false): void {
    this.ended ||= ended;
    const due = this.ended ? this.took / SHARE_ENDED : Math.max(1000 * (this.to.every ?? EVERY), this.took / SHARE);
    if (this.writing === undefined && performance.now() - this.last >= due)
      this.writing = this.write(results, this.to.writeResults).finally(() => {
        this.writing = undefined;
      });
  }

  /** Writes what it has come to in the end. */
  async end(results: CompareResults): Promise<void> {
    await this.writing;
    await this.write(results, async () => undefined);
  }

  private async write(results: CompareResults, before: () => Promise<void>): Promise<void> {
    const began = performance.now();
    this.ended = false;
    try {
      await before();
      await writeReport(this.to.folder, results);
    } catch (error) {
      // Once is enough: what hinders it hinders it each time.
      if (!this.warned) this.to.warn?.(`the report could not be written: ${error instanceof Error ? error.message : String(error)}`);
      this.warned = true;
    }
    this.last = performance.now();
    this.took = this.last - began;
  }
}
