/** A folder with runs and comparisons in it: what is under way, and links to the pages of all. */
import { access } from 'node:fs/promises';
import { basename, relative, resolve } from 'node:path';
import { RESULTS, readResults } from '../compare/results.js';
import { type DocumentFacts, section } from '../show/document.js';
import { escapeText } from '../show/escape.js';
import { count } from '../show/quantities.js';
import { RunError } from '../train/errors.js';
import { isLocked } from '../train/lock.js';
import { byTime, foldersWith } from '../train/runs.js';
import { FoundRuns } from './found.js';
import { runsTable } from './runs-table.js';
import { stampOf, stampOfFolder, type View } from './view.js';

export class FolderView implements View {
  private readonly found = new FoundRuns();

  /** `linkOf`: where the page of a folder is. */
  constructor(
    private readonly folder: string,
    private readonly linkOf: (folder: string) => string,
  ) {}

  async stamp(): Promise<string> {
    const [runs, comparisons] = await this.folders();
    const stamps = comparisons.map(async (own) => `${own} ${await stampOfFolder(own, [RESULTS])}`);
    return [await stampOf([this.folder]), ...(await Promise.all(stamps)), await this.found.stamp(runs)].join('\n');
  }

  async document(): Promise<DocumentFacts> {
    await access(this.folder).catch(() => {
      throw new RunError(`there is no folder ${this.folder}`);
    });
    const [folders, comparisons] = await this.folders();
    const runs = (await this.found.of(folders)).sort(byTime);
    const going = runs.filter(({ status }) => status === 'running');
    const rest = runs.filter(({ status }) => status !== 'running');
    const rowsOf = (list: typeof runs) =>
      runsTable(list.map((run) => ({ run, name: relative(this.folder, run.folder) || '.', link: this.linkOf(run.folder) })));
    const links = await Promise.all(
      comparisons.map(
        async (own) => `<li><a href="${escapeText(this.linkOf(own))}">${escapeText(relative(this.folder, own))}</a>${escapeText(await this.stateOf(own))}</li>`,
      ),
    );
    return {
      name: basename(resolve(this.folder)),
      status: going.length > 0 ? 'running' : 'nothing under way',
      growing: false,
      style: '',
      facts: [
        ['Runs', count(runs.length)],
        ['Under way', count(going.length)],
        ...(comparisons.length > 0 ? ([['Comparisons', count(comparisons.length)]] as const) : []),
      ],
      sections: [
        going.length === 0 ? '' : section('Under way', rowsOf(going)),
        links.length === 0 ? '' : section('Comparisons', `<ul>${links.join('')}</ul>`),
        rest.length === 0 ? '' : section('Runs', rowsOf(rest)),
        runs.length > 0 ? '' : section('Runs', '<p>There are none yet: what is trained in this folder appears here.</p>'),
      ],
    };
  }

  /** `: ring, running, 3 of 8 runs have ended`. */
  private async stateOf(folder: string): Promise<string> {
    const results = await readResults(folder).catch(() => undefined);
    if (results === undefined) return '';
    const { name, status, runs } = results;
    const ended = runs.filter((run) => !['waiting', 'running', 'stopped'].includes(run.status)).length;
    const now = status === 'running' && !(await isLocked(folder)) ? 'interrupted' : status;
    return `: ${name}, ${now}, ${count(ended)} of ${count(runs.length)} runs have ended`;
  }

  /** Of runs, and of comparisons. */
  private folders(): Promise<[string[], string[]]> {
    return Promise.all([foldersWith(this.folder, 'run.json'), foldersWith(this.folder, RESULTS)]);
  }
}
