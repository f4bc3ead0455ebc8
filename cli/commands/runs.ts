/** `ganc runs [FOLDER]`: what was trained, and what it came to. */
import { existsSync } from 'node:fs';
import { relative } from 'node:path';
import { figureText } from '../../runtime/show/quantities.js';
import type { Filter } from '../../runtime/train/filter.js';
import { type FoundRun, filterRuns, findRuns, ownSettings, sortRuns } from '../../runtime/train/runs.js';
import { FileError } from '../errors.js';
import { count, duration, err, out, table } from '../terminal.js';

export interface RunsOptions {
  readonly filter?: readonly Filter[];
  readonly sort?: string;
  readonly json?: boolean;
}

export async function runs(folder: string | undefined, { filter = [], sort, json }: RunsOptions): Promise<void> {
  const where = folder ?? 'runs';
  if (!existsSync(where))
    throw new FileError(`there is no folder ${where}`, folder === undefined ? 'train something first, or name the folder: ganc runs DIR' : '');
  const all = await findRuns(where, (reason) => err(`${err.colors.yellow('warning')}: ${reason}\n`));
  const chosen = filterRuns(all, filter);
  const list = sort === undefined ? chosen : sortRuns(chosen, sort);
  if (json) {
    out(`${JSON.stringify(list, jsonNumber, 2)}\n`);
    return;
  }
  if (list.length === 0) {
    err(all.length === 0 ? `no runs in ${where}\n` : `none of the ${count(all.length)} runs in ${where} is so\n`);
    return;
  }
  show(list);
}

/** JSON has no NaN. */
function jsonNumber(_key: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
}

function show(list: readonly FoundRun[]): void {
  const rows = list.map((run) => [
    relative('.', run.folder) || '.',
    run.name,
    ownSettings(run, list)
      .map(([name, value]) => `${name}=${value}`)
      .join(' '),
    run.seed,
    run.step === run.steps ? count(run.steps) : `${count(run.step)}/${count(run.steps)}`,
    run.guards.length > 0 ? `${run.status}*` : run.status,
    run.seconds === undefined ? '' : duration(run.seconds),
    figures(run.losses),
    figures(run.metrics),
    run.began.slice(0, 16).replace('T', ' '),
  ]);
  const heads = ['run', 'spec', 'settings', 'seed', 'steps', 'status', 'time', 'losses', 'metrics', 'began'];
  // A column that says nothing is left out.
  const kept = heads.map((_, i) => i).filter((i) => rows.some((row) => row[i] !== ''));
  const lines = [heads, ...rows].map((row) => kept.map((i) => row[i]));
  const right = [3, 4, 6].map((i) => kept.indexOf(i));
  out(table(lines, right));
  if (list.some(({ guards }) => guards.length > 0)) out('* guards had something to say: see index.html in its folder, or --json\n');
}

function figures(values: Readonly<Record<string, number>>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name} ${figureText(value)}`)
    .join('  ');
}
