/** `metrics.jsonl`: one line a step, the record of a run. Appended in blocks; what a resumed run repeats is cut off first. */
import { appendFile, readFile } from 'node:fs/promises';
import { writeAtomic } from './files.js';
import type { Variety } from './guards.js';

export interface StepMetrics {
  /** Counted from 1: steps done after this one. */
  readonly step: number;
  /** Since the training (or its resumption) began. */
  readonly seconds: number;
  /** Objective of each player as written, in its last update of the step. */
  readonly losses: Readonly<Record<string, number>>;
  /** Fields of objectives that are records: `D.real`. */
  readonly parts?: Readonly<Record<string, number>>;
  readonly reports?: Readonly<Record<string, number>>;
}

/** A line of any kind: of a step, of samples, of what was measured. */
export interface Line extends Partial<StepMetrics> {
  readonly step: number;
  /** At a checkpoint, by name. */
  readonly metrics?: Readonly<Record<string, number | readonly number[] | string>>;
  /** Of points from a mixture of Gaussians. */
  readonly figures?: { readonly modes: number; readonly of: number; readonly near: number };
  /** How much samples differ over noise, by sample line. */
  readonly variety?: Readonly<Record<string, Variety>>;
}

/** Lines kept back at most before they are appended, and for how long, in milliseconds: who looks on sees a slow training too. */
const BLOCK = 64;
const LONGEST = 1000;

export class MetricsLog {
  private lines: string[] = [];
  private writing: Promise<void> = Promise.resolve();
  private flushed = performance.now();

  constructor(private readonly path: string) {}

  add(record: object): void {
    this.lines.push(`${JSON.stringify(record, plainNumbers)}\n`);
    if (this.lines.length >= BLOCK || performance.now() - this.flushed >= LONGEST) void this.flush().catch(() => undefined);
  }

  /** Resolves when all lines are in the file; rejects where one could not be written, now or before. */
  flush(): Promise<void> {
    const text = this.lines.join('');
    this.lines = [];
    this.flushed = performance.now();
    this.writing = this.writing.then(() => (text === '' ? undefined : appendFile(this.path, text)));
    return this.writing;
  }
}

/** JSON has no NaN; a text says it better than null. Seven digits are all that f32 has. */
function plainNumbers(_key: string, value: unknown): unknown {
  if (typeof value !== 'number') return value;
  if (Number.isInteger(value)) return value;
  return Number.isFinite(value) ? Number(value.toPrecision(8)) : String(value);
}

/** All records: of steps, of samples, of what was measured. */
export async function readRecords(path: string): Promise<Line[]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text.split('\n').flatMap((line) => parseLine(line) ?? []);
}

/** The records of steps; other lines, and one that a crash cut short, are left out. */
export async function readMetrics(path: string): Promise<StepMetrics[]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text.split('\n').flatMap((line) => {
    const record = parseLine(line);
    return record !== undefined && record.losses !== undefined ? [record as StepMetrics] : [];
  });
}

/** What was measured at checkpoints. */
export async function readFigures(path: string): Promise<{ step: number; metrics: Record<string, number | number[] | string> }[]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text.split('\n').flatMap((line) => {
    // Most lines are steps.
    const record = line.includes('"metrics"') ? (parseLine(line) as { step: number; metrics?: Record<string, number> } | undefined) : undefined;
    return record?.metrics === undefined ? [] : [{ step: record.step, metrics: record.metrics }];
  });
}

/** Removes the lines of steps after `step`, and broken ones. */
export async function cutMetrics(path: string, step: number): Promise<void> {
  const text = await readFile(path, 'utf8').catch(() => '');
  const kept = text.split('\n').filter((line) => {
    const record = parseLine(line);
    return record !== undefined && record.step <= step;
  });
  const result = kept.map((line) => `${line}\n`).join('');
  if (result !== text) await writeAtomic(path, result);
}

/** Undefined for what is no record: a line that was cut short. */
export function parseLine(line: string): Line | undefined {
  try {
    const record = JSON.parse(line) as Line;
    return typeof record?.step === 'number' ? record : undefined;
  } catch {
    return undefined;
  }
}
