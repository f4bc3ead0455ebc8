/** One writer a run folder: a file that names the process, so that what a killed process left behind is told from one that lives. */

import { readFileSync } from 'node:fs';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { RunError } from './errors.js';

interface Holder {
  readonly pid: number;
  readonly host: string;
  /** When the process began, in the kernel's ticks, where it can be known: process numbers are used again. */
  readonly began?: string;
  readonly since: string;
}

export interface Lock {
  release(): Promise<void>;
}

/** Whether a process has the folder. */
export async function isLocked(folder: string): Promise<boolean> {
  const holder = parse(await readFile(join(folder, 'lock'), 'utf8').catch(() => ''));
  return holder !== undefined && alive(holder);
}

/** Takes the folder, or throws RunError naming the process that has it. A stale lock is removed, with a warning. */
export async function lockFolder(folder: string, warn: (text: string) => void): Promise<Lock> {
  const path = join(folder, 'lock');
  const own: Holder = { pid: process.pid, host: hostname(), began: beginning(process.pid), since: new Date().toISOString() };
  const text = `${JSON.stringify(own)}\n`;
  for (let attempt = 0; attempt < 5; attempt++) {
    try {
      await writeFile(path, text, { flag: 'wx' });
      return { release: () => release(path, text) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const found = await readFile(path, 'utf8').catch(() => undefined);
    if (found === undefined) continue;
    const holder = parse(found);
    if (holder !== undefined && alive(holder)) {
      throw new RunError(
        `${folder} is in use`,
        `process ${holder.pid} on ${holder.host} has been writing it since ${holder.since}`,
        'wait for it, stop it, or choose another folder with --out',
      );
    }
    warn(`${folder}: removed the lock of a process that is gone${holder === undefined ? '' : ` (${holder.pid})`}`);
    await remove(path, found);
  }
  throw new RunError(`${folder} is in use`, 'other processes are taking its lock', 'choose another folder with --out');
}

async function release(path: string, own: string): Promise<void> {
  if ((await readFile(path, 'utf8').catch(() => undefined)) === own) await rm(path, { force: true });
}

/** Removes the lock that was judged stale, and no other that came in its place meanwhile. */
async function remove(path: string, stale: string): Promise<void> {
  const aside = `${path}.${process.pid}.stale`;
  try {
    await rename(path, aside);
  } catch {
    return;
  }
  if ((await readFile(aside, 'utf8').catch(() => stale)) !== stale) await link(aside, path).catch(() => undefined);
  await rm(aside, { force: true });
}

function parse(text: string): Holder | undefined {
  try {
    const value = JSON.parse(text) as Holder;
    return Number.isInteger(value?.pid) && value.pid > 0 && typeof value.host === 'string' ? value : undefined;
  } catch {
    return undefined;
  }
}

/** A process of another machine (a shared disk) cannot be asked: it counts as alive. */
function alive(holder: Holder): boolean {
  if (holder.host !== hostname()) return true;
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  const began = beginning(holder.pid);
  return began === undefined || holder.began === undefined || began === holder.began;
}

/** Field 22 of Linux's /proc/<pid>/stat; elsewhere unknown. The name before it, in parentheses, may hold anything. */
function beginning(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}
