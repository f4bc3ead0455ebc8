/** A comparison while it runs, and after: what is under way, and its report. */
import { join } from 'node:path';
import { reportFacts } from '../compare/report.js';
import { reportDocument } from '../compare/report-page.js';
import { type CompareResults, RESULTS, readResults } from '../compare/results.js';
import { type DocumentFacts, section } from '../show/document.js';
import { count } from '../show/quantities.js';
import { isLocked } from '../train/lock.js';
import type { FoundRun } from '../train/runs.js';
import { FoundRuns } from './found.js';
import { runsTable } from './runs-table.js';
import { stampOfFolder, type View } from './view.js';

/** Milliseconds between two drawings of the charts, where only losses have changed. */
const CHARTS_EVERY = 30_000;

export class CompareView implements View {
  private readonly found = new FoundRuns();
  private drawn: { readonly results: string; readonly runs: string; readonly at: number; readonly document: DocumentFacts } | undefined;

  /** `linkOf`: where the page of a run's folder is. */
  constructor(
    private readonly folder: string,
    private readonly linkOf: (folder: string) => string,
  ) {}

  async stamp(): Promise<string> {
    const own = await stampOfFolder(this.folder, [RESULTS]);
    const results = await readResults(this.folder).catch(() => undefined);
    return `${own}\n${results && (await this.found.stamp(this.foldersOf(results)))}\n${this.due()}`;
  }

  async document(): Promise<DocumentFacts> {
    const results = await readResults(this.folder);
    const folders = this.foldersOf(results);
    const [runs, locked, report] = await Promise.all([this.found.of(folders), isLocked(this.folder), this.report(results, folders)]);
    const [verdict, ...rest] = report.sections;
    return {
      ...report,
      status: results.status === 'running' && !locked ? 'interrupted' : results.status,
      sections: [verdict, ...this.runsOf(results, runs), ...rest],
    };
  }

  /** Charts take some tenths of a second: anew where there are new results, and for new losses now and then. */
  private async report(results: CompareResults, folders: readonly string[]): Promise<DocumentFacts> {
    const stamp = { results: await stampOfFolder(this.folder, [RESULTS]), runs: await this.found.stamp(folders) };
    const old = this.drawn;
    if (old !== undefined && old.results === stamp.results && (old.runs === stamp.runs || !this.due())) return old.document;
    const document = reportDocument(await reportFacts(this.folder, results));
    this.drawn = { ...stamp, at: performance.now(), document };
    return document;
  }

  private due(): boolean {
    return this.drawn !== undefined && performance.now() - this.drawn.at > CHARTS_EVERY;
  }

  private runsOf(results: CompareResults, runs: readonly FoundRun[]): string[] {
    const rows = results.runs.flatMap((one) => {
      const run = runs.find(({ folder }) => folder === join(this.folder, one.folder));
      const label = results.entries.find(({ id }) => id === one.entry)?.label ?? one.entry;
      return run === undefined ? [] : [{ run, name: label, link: this.linkOf(run.folder) }];
    });
    const going = rows.filter(({ run }) => run.status === 'running');
    const waiting = results.runs.length - rows.length;
    const others = `<details><summary>Pages of all ${count(rows.length)} runs${waiting > 0 ? `; ${count(waiting)} have not begun` : ''}</summary>\n${runsTable(rows)}\n</details>`;
    if (rows.length === 0) return [];
    return [going.length > 0 ? section('Under way', `${runsTable(going)}\n${others}`) : section('Runs, each with its page', others)];
  }

  private foldersOf({ runs }: CompareResults): string[] {
    return runs.map(({ folder }) => join(this.folder, folder));
  }
}
