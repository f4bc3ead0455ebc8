/** The picture files of a folder, by name, and the classes that its sub-folders are. */
import type { Dirent } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { extname, join, relative, sep } from 'node:path';
import { fileReason } from '../train/files.js';
import { DataError } from './error.js';

export interface PictureFiles {
  readonly root: string;
  /** From `root`, with `/`, in the order of their characters' codes. */
  readonly names: readonly string[];
  /** Sub-folders of `root`, sorted; a file's class is the place of its first folder. Undefined where classes are not asked for. */
  readonly classes?: readonly string[];
}

const ENDINGS = ['.png', '.jpg', '.jpeg', '.gif', '.webp'];
/** More than anyone keeps in one folder of files. */
const MAX_FILES = 5_000_000;

/**
 * Files that end in .png, .jpg, .jpeg, .gif or .webp, in the folder and all below it; other files, and what begins with a dot, do not count. With `classed`
 * every picture lies in a sub-folder, and none of these is without. A link may lead to a picture inside the folder, nowhere else. Throws DataError.
 */
export async function findPictures(root: string, classed: boolean): Promise<PictureFiles> {
  const real = await realRoot(root);
  const names: string[] = [];
  let others = 0;
  const walk = async (folder: string): Promise<void> => {
    for (const entry of await list(join(root, folder))) {
      if (entry.name.startsWith('.')) continue;
      const name = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) await walk(name);
      else if (!entry.isSymbolicLink() && !entry.isFile()) others++;
      else if (entry.isSymbolicLink() && !(await leadsToFile(root, real, name))) others++;
      else if (ENDINGS.includes(extname(name).toLowerCase())) names.push(name);
      else others++;
      if (names.length > MAX_FILES) throw new DataError(`cannot use ${root} as a folder of pictures`, `it holds more than ${MAX_FILES} of them`);
    }
  };
  await walk('');
  if (names.length === 0) {
    const reason = others === 0 ? 'it is empty' : `none of its ${others} files ends in ${ENDINGS.join(', ')}`;
    throw new DataError(`there are no pictures in ${root}`, reason, 'name the folder that holds them; paths start from the spec');
  }
  names.sort(byCode);
  if (!classed) return { root, names };
  const loose = names.find((name) => !name.includes('/'));
  if (loose !== undefined)
    throw new DataError(
      `the pictures in ${root} have no classes`,
      `${loose} lies in none of its sub-folders; with a field of type class, each sub-folder is a class`,
      'put each picture into the folder of its class, or leave the field out',
    );
  const found = new Set(names.map((name) => name.slice(0, name.indexOf('/'))));
  const folders = (await list(root)).filter((entry) => entry.isDirectory() && !entry.name.startsWith('.')).map((entry) => entry.name);
  const bare = folders.sort(byCode).find((folder) => !found.has(folder));
  if (bare !== undefined)
    throw new DataError(`there are no pictures in ${join(root, bare)}`, `each sub-folder of ${root} is a class`, 'fill the folder or remove it');
  return { root, names, classes: folders };
}

async function realRoot(root: string): Promise<string> {
  try {
    if (!(await stat(root)).isDirectory())
      throw new DataError(`cannot use ${root} as a folder of pictures`, 'it is a file, not a folder', 'name the folder that it lies in');
    return await realpath(root);
  } catch (error) {
    if (error instanceof DataError) throw error;
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new DataError(
      `cannot use ${root} as a folder of pictures`,
      missing ? 'there is no such folder' : fileReason(error),
      missing ? 'paths start from the folder of the spec' : undefined,
    );
  }
}

async function list(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    throw new DataError(`cannot read the folder ${folder}`, fileReason(error));
  }
}

/** Whether a link leads to a file; what it leads to must lie inside the folder, so that a data set is what its folder holds. */
async function leadsToFile(root: string, real: string, name: string): Promise<boolean> {
  const refused = (reason: string) => new DataError(`cannot use ${join(root, name)} as a picture`, reason, 'put a copy in its place');
  let target: string;
  try {
    target = await realpath(join(root, name));
    const inside = relative(real, target);
    if (inside === '' || inside === '..' || inside.startsWith(`..${sep}`)) throw refused(`it is a link to ${target}, outside of ${root}`);
    const info = await stat(target);
    if (info.isDirectory()) throw refused(`it is a link to the folder ${target}, whose pictures would count twice`);
    return info.isFile();
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw refused(`it is a link that leads nowhere: ${fileReason(error)}`);
  }
}

function byCode(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
