/** What the runs of a comparison made, side by side: each row the same caption and noise. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { dataUri, type Picture } from '../show/document.js';
import { runPaths } from '../train/folder.js';
import { readShown } from '../train/shown.js';
import type { CompareEntry, CompareRun } from './results.js';

/** Of one picture, and of all pictures that are part of the page. */
const MOST_BYTES = 1 << 20;
const ALL_BYTES = 12 << 20;

export interface SampleCell {
  readonly picture?: Picture;
  /** Steps after which it was made. */
  readonly step: number;
  /** Of a picture that is too large to be part of the page: where it is, seen from the comparison's folder. */
  readonly file: string;
}

export interface SampleRow {
  /** What it was made from; none for all samples in one picture. */
  readonly lines: readonly string[];
  /** By the entry's id. */
  readonly cells: ReadonlyMap<string, SampleCell>;
}

/** Samples of one name with one seed. */
export interface SampleSheet {
  readonly name: string;
  readonly seed: string;
  readonly rows: readonly SampleRow[];
}

/** Of all seeds, the first one first. Pictures are in the page until there are too many bytes of them; of those that follow it is said where they are. */
export async function sheetsOf(
  folder: string,
  entries: readonly CompareEntry[],
  runs: readonly CompareRun[],
  seeds: readonly string[],
): Promise<SampleSheet[]> {
  const sheets: SampleSheet[] = [];
  let bytes = 0;
  const embed = (file: string, read: Uint8Array, about: string): Picture | undefined => {
    if (read.length > MOST_BYTES || bytes + read.length > ALL_BYTES) return undefined;
    bytes += read.length;
    return { source: dataUri(file, read), about };
  };
  for (const seed of seeds) {
    const names = new Map<string, Map<string, { readonly lines: readonly string[]; readonly cells: Map<string, SampleCell> }>>();
    for (const { id, label } of entries) {
      const run = runs.find((one) => one.entry === id && one.seed === seed);
      if (run === undefined) continue;
      const put = (name: string, key: string, lines: readonly string[], cell: SampleCell): void => {
        const rows = names.get(name) ?? new Map();
        names.set(name, rows);
        const row = rows.get(key) ?? { lines, cells: new Map() };
        rows.set(key, row);
        row.cells.set(id, cell);
      };
      for (const { name, file, step } of await latest(join(folder, run.folder))) {
        const path = `${run.folder}/samples/${file}`;
        const shown = (await readShown(runPaths(join(folder, run.folder)).shown, name)).at(-1);
        if (shown === undefined) {
          const { size } = await stat(join(folder, path));
          const read = size > MOST_BYTES ? undefined : await readFile(join(folder, path));
          put(name, '', [], { step, file: path, picture: read && embed(file, read, `samples of ${label} with seed ${seed} after ${step} steps`) });
          continue;
        }
        for (const [k, { lines, ending, bytes: read }] of shown.each.entries()) {
          const about = `${ending === '.gif' ? 'clip' : 'picture'} of ${label} made from "${lines.join('; ')}" with seed ${seed} after ${shown.step} steps`;
          put(name, JSON.stringify([k, lines]), lines, { step: shown.step, file: path, picture: embed(ending, read, about) });
        }
      }
    }
    for (const [name, rows] of names) sheets.push({ name, seed, rows: [...rows.values()] });
  }
  return sheets;
}

/** Of each name, the picture after the most steps; a clip goes before its strip. */
async function latest(folder: string): Promise<{ name: string; file: string; step: number }[]> {
  const found = new Map<string, { name: string; file: string; step: number }>();
  for (const file of (await readdir(runPaths(folder).samples).catch(() => [] as string[])).sort()) {
    const match = /^(.+?)-(\d{8,15})(-.+)?\.(gif|png)$/.exec(file);
    if (match === null) continue;
    const name = `${match[1]}${match[3] ?? ''}`;
    const step = Number(match[2]);
    const known = found.get(name);
    if (known === undefined || step > known.step) found.set(name, { name, file, step });
  }
  return [...found.values()];
}
