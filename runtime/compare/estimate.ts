/** How long a comparison will take: by what its programs took before on this device, or by their first steps now and their FLOPs. */
import { KeptFile } from '../data/kept.js';
import type { Progress } from '../train/options.js';
import { isOver } from './compare.js';
import type { CompareResults, CompareRun } from './results.js';
import { MOST_AT_ONCE } from './slots.js';

/** Pace files that are kept: those written last. */
const MOST = 512;
/** Steps, or seconds of them, after which a pace can be told. */
const TELLING_STEPS = 20;
const TELLING_SECONDS = 4;

export interface Estimate {
  /** What is left. */
  readonly seconds: number;
  /** What it stands on. `flops`: at least one entry was never timed, and is guessed by its FLOPs from others. */
  readonly by: 'budget' | 'paces' | 'flops';
}

/** Seconds a step of the entries, as far as they are known, with their share of what is measured and drawn at checkpoints. */
export class Paces {
  /** By hash of the program. */
  private readonly known = new Map<string, number>();
  /** First steps of runs, by folder. */
  private readonly began = new Map<string, { readonly step: number; readonly at: number }>();

  private constructor(
    private readonly device: string,
    private atOnce: number,
  ) {}

  /** With what was kept of these programs. `atOnce`: runs under way at a time, which make each other slower; the number that proved fastest unless given. */
  static async of({ entries, machine }: CompareResults, atOnce?: number): Promise<Paces> {
    const hashes = entries.flatMap(({ hash }) => hash ?? []);
    const counts = atOnce === undefined ? Array.from({ length: MOST_AT_ONCE }, (_, i) => i + 1) : [atOnce];
    const kept = await Promise.all(counts.map((count) => Paces.kept(machine.device, count, hashes)));
    const work = ({ atOnce, known }: Paces): number => (known.size < hashes.length ? 0 : atOnce / [...known.values()].reduce((a, b) => a + b, 0));
    return kept.reduce((best, paces) => (work(paces) > work(best) ? paces : best));
  }

  private static async kept(device: string, atOnce: number, hashes: readonly string[]): Promise<Paces> {
    const paces = new Paces(device, atOnce);
    for (const hash of hashes) {
      const bytes = await paces.fileOf(hash).read();
      const pace = bytes && Number(Buffer.from(bytes).toString());
      if (pace !== undefined && pace > 0) paces.known.set(hash, pace);
    }
    return paces;
  }

  /** From now on so many are under way at a time. */
  beside(atOnce: number): void {
    this.atOnce = atOnce;
    this.began.clear();
  }

  private fileOf(hash: string): KeptFile {
    return new KeptFile('paces', [this.device, hash, ...(this.atOnce === 1 ? [] : [this.atOnce])]);
  }

  /** Hears of every step; true where it made a pace known that was not. */
  step(hash: string | undefined, run: CompareRun, { step, rate }: Progress): boolean {
    if (hash === undefined) return false;
    const now = performance.now() / 1000;
    // Drivers compile in the first steps: a pace that is known counts from the second one.
    let began = this.began.get(run.folder);
    if (began === undefined || rate <= 0 || step < began.step) {
      began = { step, at: now };
      this.began.set(run.folder, began);
    }
    const [steps, seconds] = [step - began.step, now - began.at];
    if (steps === 0 || (steps < TELLING_STEPS && seconds < TELLING_SECONDS)) return false;
    const fresh = !this.known.has(hash);
    this.known.set(hash, seconds / steps);
    return fresh;
  }

  /** Keeps the pace of a run that has ended. */
  async keep(hash: string | undefined): Promise<void> {
    const pace = hash === undefined ? undefined : this.known.get(hash);
    if (hash !== undefined && pace !== undefined) await this.fileOf(hash).write(Buffer.from(String(pace)), MOST);
  }

  /** What is left to train; undefined while nothing was timed. `now`: steps of the runs under way, by folder. */
  left({ runs, entries, budget }: CompareResults, now?: ReadonlyMap<string, number>): Estimate | undefined {
    const open = runs.filter((run) => !isOver(run));
    const atOnce = Math.max(this.atOnce, runs.filter(({ status }) => status === 'running').length);
    if (budget.kind === 'seconds') return { seconds: open.reduce((sum, run) => sum + Math.max(0, budget.seconds - run.seconds), 0) / atOnce, by: 'budget' };
    const timed = entries.flatMap(({ hash, flopsPerStep }) => {
      const pace = hash === undefined ? undefined : this.known.get(hash);
      return pace === undefined || !flopsPerStep ? [] : [pace / flopsPerStep];
    });
    const perFlop = timed.length === 0 ? undefined : timed.reduce((a, b) => a + b, 0) / timed.length;
    let by: Estimate['by'] = 'paces';
    let seconds = 0;
    for (const run of open) {
      const entry = entries.find(({ id }) => id === run.entry);
      const known = entry?.hash === undefined ? undefined : this.known.get(entry.hash);
      const pace = known ?? (perFlop === undefined ? undefined : perFlop * run.flopsPerStep);
      if (pace === undefined) return undefined;
      if (known === undefined) by = 'flops';
      const done = Math.max(run.step, now?.get(run.folder) ?? 0);
      seconds += pace * Math.max(0, (run.steps ?? 0) - done);
    }
    return { seconds: seconds / atOnce, by };
  }
}
