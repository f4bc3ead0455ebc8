/** Runs that were found before are read again only where something of them has changed. */
import { type FoundRun, readRun } from '../train/runs.js';
import { stampOfFolder } from './view.js';

export class FoundRuns {
  private readonly known = new Map<string, { readonly stamp: string; readonly run: FoundRun | undefined }>();

  /** Of these folders those that hold a run which can be read. */
  async of(folders: readonly string[]): Promise<FoundRun[]> {
    const runs = await Promise.all(
      folders.map(async (folder) => {
        const stamp = await this.stampOf(folder);
        const before = this.known.get(folder);
        if (before?.stamp === stamp) return before.run;
        const run = await readRun(folder).catch(() => undefined);
        this.known.set(folder, { stamp, run });
        return run;
      }),
    );
    for (const folder of this.known.keys()) if (!folders.includes(folder)) this.known.delete(folder);
    return runs.filter((run) => run !== undefined);
  }

  async stamp(folders: readonly string[]): Promise<string> {
    return (await Promise.all(folders.map((folder) => this.stampOf(folder)))).join('\n');
  }

  private stampOf(folder: string): Promise<string> {
    return stampOfFolder(folder, ['run.json', 'metrics.jsonl']);
  }
}
