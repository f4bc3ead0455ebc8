/** What a page that is watched shows: a run, a comparison, or a folder with several of them. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { RESULTS } from '../compare/results.js';
import type { DocumentFacts } from '../show/document.js';
import { isLocked } from '../train/lock.js';

export interface View {
  /** Changes when the document may be another one. Cheap. */
  stamp(): Promise<string>;
  /** Rejects while what is there cannot be read: half written, or gone. */
  document(): Promise<DocumentFacts>;
}

export type Kind = 'run' | 'comparison' | 'folder';

/** By the file that tells: a folder may become a run or a comparison while it is watched. */
export async function kindOf(folder: string): Promise<Kind> {
  if (await isFile(join(folder, RESULTS))) return 'comparison';
  return (await isFile(join(folder, 'run.json'))) ? 'run' : 'folder';
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() === true;
}

/** Of files and folders: another one when one of them was written, replaced, or has gone. */
export async function stampOf(paths: readonly string[]): Promise<string> {
  const stamps = await Promise.all(
    paths.map(async (path) => {
      const found = await stat(path).catch(() => undefined);
      return found === undefined ? '-' : `${found.mtimeMs},${found.size},${found.ino}`;
    }),
  );
  return stamps.join(';');
}

/** `stampOf`, and whether a process has the folder: one that is killed changes no file. */
export async function stampOfFolder(folder: string, names: readonly string[]): Promise<string> {
  return `${await stampOf(names.map((name) => join(folder, name)))};${await isLocked(folder)}`;
}
