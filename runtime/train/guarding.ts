/** What a training does about its guards: tells, stops, or goes back once; and keeps what they said. */
import type { SamplePlan } from '../../compiler/program/types.js';
import type { ModeStatistics } from '../data/gaussians.js';
import type { Opened } from './executor.js';
import { type Alarm, type GuardReport, Guards, type GuardWay, guardPlan } from './guards.js';
import type { MetricsLog } from './metrics.js';
import { readRecords } from './metrics.js';
import type { Prepared } from './prepare.js';
import type { RowFeeder } from './rows.js';
import { varietyOf } from './variety.js';

export class Guarding {
  /** Of the whole run. */
  readonly reports: GuardReport[];
  /** What ends this stretch of the training. */
  alarm: Alarm | undefined;
  private guards: Guards | undefined;

  constructor(
    readonly way: GuardWay,
    private readonly prepared: Prepared,
    private readonly told: (report: GuardReport) => void,
  ) {
    this.reports = [...(prepared.past?.guards ?? [])];
  }

  /** Begins to watch, after what these records say was before. */
  async begin(metrics: string): Promise<void> {
    this.alarm = undefined;
    if (this.way === 'off') return;
    const { program, plan, seconds, steps } = this.prepared;
    // Where time is what ends it, the spec says how long it is meant to be.
    this.guards = new Guards(guardPlan(program, seconds === undefined ? steps : plan.steps));
    this.guards.restore(await readRecords(metrics));
  }

  losses(step: number, losses: Readonly<Record<string, number>>): void {
    this.hear(this.guards?.losses(step, losses));
  }

  /** Measures how much samples of a line differ, and takes how many modes they were found at. */
  async samples(step: number, plan: SamplePlan, figures: ModeStatistics | undefined, { executor }: Opened, feeder: RowFeeder, log: MetricsLog): Promise<void> {
    if (this.guards === undefined) return;
    const { program, data, seed } = this.prepared;
    const variety = await varietyOf(executor, program, plan, data, feeder, seed);
    if (variety !== undefined) {
      log.add({ step, variety: { [plan.name]: variety } });
      this.hear(this.guards.variety(step, plan.name, variety));
    }
    if (figures !== undefined) this.hear(this.guards.found(step, { modes: figures.found, of: figures.modes, near: figures.near }));
  }

  /** Whether it may go back: once in a run. */
  get goesBack(): boolean {
    return this.way === 'rollback' && !this.reports.some(({ done }) => done === 'went back');
  }

  note(alarm: Alarm, done: GuardReport['done'], to?: number): GuardReport {
    const report: GuardReport = { ...alarm, done, ...(to !== undefined && { to }) };
    this.reports.push(report);
    this.told(report);
    return report;
  }

  /** Each guard is heard once, and once more after going back. */
  private hear(alarm: Alarm | undefined): void {
    if (alarm === undefined || this.alarm !== undefined) return;
    const since = this.reports.slice(this.reports.findLastIndex(({ done }) => done === 'went back') + 1);
    if (since.some(({ guard }) => guard === alarm.guard)) return;
    if (this.way === 'stop' || this.goesBack) this.alarm = alarm;
    else this.note(alarm, 'warned');
  }
}
