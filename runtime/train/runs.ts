/** Runs side by side: what lies in a folder, found, filtered and put in order by what it came to. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { suggest } from '../../grammar/suggest.js';
import { RunError } from './errors.js';
import type { Filter } from './filter.js';
import { type RunRecord, readRecord, runPaths } from './folder.js';
import { isLocked } from './lock.js';
import { readRecords } from './metrics.js';

/** `interrupted`: it says that it is running, and no process has it. */
export type FoundStatus = RunRecord['status'] | 'interrupted';

export interface FoundRun {
  readonly folder: string;
  readonly name: string;
  readonly hash: string;
  /** Every hyper. */
  readonly settings: RunRecord['hyper'];
  readonly seed: string;
  readonly status: FoundStatus;
  readonly message?: string;
  /** Done, and to be done. */
  readonly step: number;
  readonly steps: number;
  /** Of training, in all; undefined where it is not known. */
  readonly seconds?: number;
  /** Of the last step. */
  readonly losses: Readonly<Record<string, number>>;
  /** The last of each that is a number, of points their modes too. */
  readonly metrics: Readonly<Record<string, number>>;
  /** What guards said. */
  readonly guards: readonly string[];
  readonly device: string;
  readonly began: string;
  readonly ended?: string;
}

/** Folders in folders that are looked through. */
const DEPTH = 4;

/** All runs in a folder and the folders in it, those begun last first. `damaged` hears of what cannot be read. */
export async function findRuns(folder: string, damaged: (reason: string) => void = () => undefined): Promise<FoundRun[]> {
  const folders = await foldersWith(folder, 'run.json');
  const found = await Promise.all(
    folders.map((own) =>
      readRun(own).catch((error: unknown) => {
        if (!(error instanceof RunError)) throw error;
        damaged(error.message);
        return undefined;
      }),
    ),
  );
  return found.filter((run) => run !== undefined).sort(byTime);
}

/** Those begun last first. */
export function byTime(a: FoundRun, b: FoundRun): number {
  return b.began.localeCompare(a.began) || a.folder.localeCompare(b.folder, 'en', { numeric: true });
}

/** The folder, and folders in it, that hold a file of this name. What lies in a run belongs to it, and links are not followed. */
export async function foldersWith(folder: string, name: string, depth = DEPTH): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const holds = (file: string): boolean => entries.some((entry) => entry.isFile() && entry.name === file);
  const own = holds(name) ? [folder] : [];
  if (holds('run.json') || depth === 0) return own;
  const inner = entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.') && entry.name !== 'node_modules');
  return [...own, ...(await Promise.all(inner.map((entry) => foldersWith(join(folder, entry.name), name, depth - 1)))).flat()];
}

/** One run. Throws RunError where the folder holds none. */
export async function readRun(folder: string): Promise<FoundRun> {
  const record = await readRecord(folder);
  const lines = await readRecords(runPaths(folder).metrics);
  const last = lines.findLast(({ losses }) => losses !== undefined);
  const metrics: Record<string, number> = {};
  for (const { metrics: measured = {}, figures } of lines) {
    for (const [name, value] of Object.entries(measured)) if (typeof value === 'number') metrics[name] = value;
    if (figures !== undefined) Object.assign(metrics, { modes: figures.modes, near: figures.near });
  }
  const gone = record.status === 'running' && !(await isLocked(folder));
  return {
    folder,
    name: record.name,
    hash: record.hash,
    settings: record.hyper,
    seed: record.seed,
    status: gone ? 'interrupted' : record.status,
    message: record.message,
    step: Math.max(record.step, last?.step ?? 0),
    steps: record.steps,
    seconds: record.seconds ?? (record.resumed === undefined ? last?.seconds : undefined),
    losses: Object.fromEntries(Object.entries(last?.losses ?? {}).map(([player, loss]) => [player, Number(loss)])),
    metrics,
    guards: (record.guards ?? []).map(({ what }) => what),
    device: record.device,
    began: record.started,
    ended: record.ended,
  };
}

const FACTS = ['name', 'status', 'seed', 'step', 'steps', 'seconds', 'began', 'folder', 'device'] as const;

/** What a filter or order calls a run by: a fact, a setting, a metric, or a player's loss. */
function factOf(run: FoundRun, key: string): string | number | boolean | undefined {
  const known = FACTS.find((name) => name === key);
  return known === undefined ? (run.metrics[key] ?? run.settings[key] ?? run.losses[key]) : run[known];
}

/** Throws RunError where no run has something of this name. */
function checkKey(runs: readonly FoundRun[], key: string): void {
  const known = new Set<string>(FACTS);
  for (const { metrics, settings, losses } of runs) for (const names of [metrics, settings, losses]) for (const name of Object.keys(names)) known.add(name);
  if (known.has(key) || runs.length === 0) return;
  const near = suggest(key, [...known]);
  throw new RunError(`no run here has '${key}'`, `there are ${[...known].join(', ')}`, near === undefined ? '' : `did you mean '${near}'?`);
}

/** Those that all filters let through. Numbers are compared as numbers; in texts * stands for anything, and case is one. Throws RunError. */
export function filterRuns(runs: readonly FoundRun[], filters: readonly Filter[]): FoundRun[] {
  for (const { key } of filters) checkKey(runs, key);
  return runs.filter((run) => filters.every((filter) => passes(factOf(run, filter.key), filter)));
}

function passes(value: string | number | boolean | undefined, { operator, value: wanted }: Filter): boolean {
  if (value === undefined) return operator === '!=';
  if (operator === '=' || operator === '!=') {
    const numbers = typeof value !== 'boolean' && wanted !== '' && Number.isFinite(Number(wanted)) && Number.isFinite(Number(value));
    const pattern = new RegExp(`^${wanted.split('*').map(escapePattern).join('.*')}$`, 'i');
    return (numbers ? Number(value) === Number(wanted) : pattern.test(String(value))) === (operator === '=');
  }
  const [a, b] = Number.isNaN(Number(wanted)) ? [String(value), wanted] : [Number(value), Number(wanted)];
  return operator === '<' ? a < b : operator === '<=' ? a <= b : operator === '>' ? a > b : a >= b;
}

function escapePattern(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/** By what this names, the highest first; `NAME:low`: the lowest first. Runs without it, or with a NaN, come last. Throws RunError. */
export function sortRuns(runs: readonly FoundRun[], by: string): FoundRun[] {
  const key = by.replace(/:low$/, '');
  const sign = by.endsWith(':low') ? 1 : -1;
  checkKey(runs, key);
  const of = (run: FoundRun): string | number | undefined => {
    const value = factOf(run, key);
    const number = Number(value);
    return value === undefined || value === '' || (typeof value === 'number' && Number.isNaN(value))
      ? undefined
      : Number.isNaN(number)
        ? String(value)
        : number;
  };
  return [...runs].sort((a, b) => {
    const [x, y] = [of(a), of(b)];
    if (x === undefined || y === undefined) return Number(x === undefined) - Number(y === undefined);
    return sign * (typeof x === 'number' && typeof y === 'number' ? x - y : String(x).localeCompare(String(y), 'en', { numeric: true }));
  });
}

/** Of settings that not all runs of a name have alike, those of a run. */
export function ownSettings(run: FoundRun, runs: readonly FoundRun[]): [string, number | boolean | string][] {
  const alike = runs.filter(({ name }) => name === run.name);
  return Object.entries(run.settings).filter(([name, value]) => alike.some(({ settings }) => settings[name] !== value));
}
