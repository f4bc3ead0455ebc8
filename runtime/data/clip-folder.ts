/** The clips of a folder, by name. Nothing outside of the folder is read: links are refused, and so are paths that leave it. */
import type { Dirent, Stats } from 'node:fs';
import { lstat, readdir, stat } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { fileReason } from '../train/files.js';
import { DataError } from './error.js';

export interface FoundClip {
  /** From the root, with `/`: of the file, or of the folder that holds its frames. */
  readonly name: string;
  readonly kind: 'animation' | 'frames' | 'video';
  /** Of `frames`, by number: names in the folder. */
  readonly frames: readonly string[];
}

const ANIMATIONS = ['.gif', '.webp'];
/** Read by ffmpeg, and the format that it is told to expect: left to guess, it would follow playlists to other files. */
export const VIDEO_FORMATS: ReadonlyMap<string, string> = new Map([
  ['.mp4', 'mov'],
  ['.m4v', 'mov'],
  ['.mov', 'mov'],
  ['.webm', 'matroska'],
  ['.mkv', 'matroska'],
  ['.avi', 'avi'],
  ['.mpg', 'mpeg'],
  ['.mpeg', 'mpeg'],
  ['.ogv', 'ogg'],
]);
/** In words. */
const KINDS = `${[...ANIMATIONS, ...VIDEO_FORMATS.keys()].join(', ')} files and folders of numbered PNG pictures`;
const MAX_FILES = 5_000_000;
const MAX_DEPTH = 64;

/**
 * All clips in the folder and below it, in the order of their characters' codes. What begins with a dot, and files of other endings, do not count.
 * A folder that holds PNG pictures is a clip of its own, but not the root. Throws DataError.
 */
export async function findClips(root: string): Promise<FoundClip[]> {
  await checkRoot(root);
  const clips: FoundClip[] = [];
  let files = 0;
  let loose: string | undefined;
  const walk = async (folder: string, depth: number): Promise<void> => {
    if (depth > MAX_DEPTH)
      throw new DataError(`cannot use ${root} as a folder of clips`, `its folders lie more than ${MAX_DEPTH} deep in each other`, 'put the clips higher');
    const frames: string[] = [];
    for (const entry of await list(join(root, folder))) {
      if (entry.name.startsWith('.')) continue;
      const name = folder === '' ? entry.name : `${folder}/${entry.name}`;
      const ending = extname(name).toLowerCase();
      const counts = ending === '.png' || ANIMATIONS.includes(ending) || VIDEO_FORMATS.has(ending);
      if (++files > MAX_FILES) throw new DataError(`cannot use ${root} as a folder of clips`, `it holds more than ${MAX_FILES} files`);
      if (entry.isSymbolicLink() && (counts || (await leadsToFolder(join(root, name)))))
        throw new DataError(`cannot use ${join(root, name)} as a clip`, 'it is a link, and links are not followed', 'put a copy in its place');
      if (entry.isDirectory()) await walk(name, depth + 1);
      else if (!counts || entry.isSymbolicLink()) continue;
      else if (!entry.isFile()) throw new DataError(`cannot use ${join(root, name)} as a clip`, 'it is not a regular file', 'remove it');
      else if (ending === '.png') frames.push(entry.name);
      else clips.push({ name, kind: VIDEO_FORMATS.has(ending) ? 'video' : 'animation', frames: [] });
    }
    if (frames.length > 0 && folder === '') loose = frames[0];
    else if (frames.length > 0) clips.push({ name: folder, kind: 'frames', frames: inOrder(join(root, folder), frames) });
  };
  await walk('', 0);
  if (clips.length > 0) return clips.sort((a, b) => (a.name < b.name ? -1 : 1));
  if (loose !== undefined)
    throw new DataError(`there are no clips in ${root}`, `${loose} lies in no folder of its own`, 'put the frames of each clip in a folder inside of it');
  throw new DataError(
    `there are no clips in ${root}`,
    files === 0 ? 'it is empty' : `clips are ${KINDS}`,
    'name the folder that holds them; paths start from the spec',
  );
}

/** A file that a line of captions names. Throws DataError naming it where it is not a regular file inside of the folder, reached without links. */
export async function fileInside(root: string, name: string): Promise<string> {
  const reason = await whyNotInside(root, name);
  if (reason !== undefined) throw new DataError(`cannot use ${join(root, name)}`, reason, `name a file that lies in ${root}, or below it`);
  return join(root, name);
}

/** Why a path of a line of captions names no file inside of the folder. */
export async function whyNotInside(root: string, name: string): Promise<string | undefined> {
  if (name.includes('\0') || name.includes('\\')) return 'its path has a letter that paths in captions do not have; folders are parted by /';
  if (name.startsWith('/') || /^[A-Za-z]:/.test(name)) return `its path starts from outside of ${root}; paths start from there`;
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) return `its path has '..', and nothing outside of ${root} is read`;
  let info: Stats | undefined;
  for (let i = 1; i <= parts.length; i++) {
    const path = join(root, ...parts.slice(0, i));
    try {
      info = await lstat(path);
    } catch (error) {
      return fileReason(error);
    }
    if (info.isSymbolicLink()) return `${i < parts.length ? `${path} is` : 'it is'} a link, and links are not followed`;
  }
  if (info === undefined || info.isDirectory()) return 'it is a folder';
  return info.isFile() ? undefined : 'it is not a regular file';
}

/** Why a path inside of the folder is no clip. */
export async function whyNoClip(root: string, name: string): Promise<string> {
  const reason = await whyNotInside(root, name);
  if (reason === 'it is a folder') return 'it is a folder without PNG pictures';
  if (reason !== undefined) return reason;
  const ending = extname(name);
  return `${ending === '' ? 'it has no ending' : `the ending ${ending} is unknown`}: clips are ${KINDS}`;
}

/** By the number that ends their names, which goes up in equal steps. */
function inOrder(folder: string, names: readonly string[]): string[] {
  const bad = (reason: string, mend?: string) => new DataError(`cannot use ${folder} as a clip`, reason, mend);
  const numbered = names.map((name) => {
    const number = /(\d{1,15})\.png$/i.exec(name)?.[1];
    if (number === undefined) throw bad(`${name} has no number, which says its place`, 'name the frames 0001.png, 0002.png and so on');
    return { name, number: Number(number) };
  });
  numbered.sort((a, b) => a.number - b.number || (a.name < b.name ? -1 : 1));
  const step = numbered.length > 1 ? numbered[1].number - numbered[0].number : 1;
  for (let i = 1; i < numbered.length; i++) {
    const [before, now] = [numbered[i - 1], numbered[i]];
    if (before.number === now.number) throw bad(`${before.name} and ${now.name} have the same number`, 'give each frame a number of its own');
    if (now.number - before.number !== step) throw bad(`after ${before.name} comes ${now.name}: a frame is missing`, 'number the frames without gaps');
  }
  return numbered.map(({ name }) => name);
}

async function checkRoot(root: string): Promise<void> {
  let info: Stats;
  try {
    info = await stat(root);
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    const mend = missing ? 'paths start from the folder of the spec' : undefined;
    throw new DataError(`cannot use ${root} as a folder of clips`, missing ? 'there is no such folder' : fileReason(error), mend);
  }
  if (!info.isDirectory())
    throw new DataError(`cannot use ${root} as a folder of clips`, `it is a file, not a folder`, `put ${basename(root)} into a folder, and name that`);
}

async function list(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    throw new DataError(`cannot read the folder ${folder}`, fileReason(error));
  }
}

async function leadsToFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() === true;
}
