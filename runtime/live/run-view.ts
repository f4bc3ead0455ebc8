/** A run while it is trained, and after: its page, made of what is in the folder by now. */
import { join } from 'node:path';
import type { Program } from '../../compiler/program/types.js';
import type { DocumentFacts } from '../show/document.js';
import { runDocument } from '../show/page.js';
import { roughly } from '../show/quantities.js';
import { readProgramFolder, readRecord, runPaths } from '../train/folder.js';
import { isLocked } from '../train/lock.js';
import type { Line } from '../train/metrics.js';
import { pageFacts } from '../train/page.js';
import { Tail } from './tail.js';
import { stampOf, stampOfFolder, type View } from './view.js';

/** What the page is made of. */
const WATCHED = ['run.json', 'metrics.jsonl', 'spec.gan', 'program/program.json', 'samples', 'samples/shown'];
/** Steps whose time tells the pace. */
const PACE = 200;

export class RunView implements View {
  private readonly tail: Tail;
  private known: { readonly stamp: string; readonly program: Program | undefined } | undefined;

  constructor(private readonly folder: string) {
    this.tail = new Tail(runPaths(folder).metrics);
  }

  stamp(): Promise<string> {
    return stampOfFolder(this.folder, WATCHED);
  }

  async document(): Promise<DocumentFacts> {
    const record = await readRecord(this.folder);
    const [lines, program, locked] = await Promise.all([this.tail.read(), this.program(), isLocked(this.folder)]);
    const page = await pageFacts(this.folder, record, program, lines);
    const running = record.status === 'running';
    const pace = running && locked ? paceOf(lines, record.steps) : undefined;
    const [steps, ...others] = page.facts;
    return runDocument({
      ...page,
      status: running && !locked ? 'interrupted' : page.status,
      facts: pace === undefined ? page.facts : [steps, ['Pace', pace], ...others],
    });
  }

  /** Undefined until it is whole. It stays as it is: read once. */
  private async program(): Promise<Program | undefined> {
    const folder = runPaths(this.folder).program;
    const stamp = await stampOf([join(folder, 'program.json')]);
    if (this.known?.stamp !== stamp) this.known = { stamp, program: await readProgramFolder(folder).catch(() => undefined) };
    return this.known.program;
  }
}

/** `12.3 steps a second, about 4.0 minutes left`, by the last steps of this session. */
export function paceOf(lines: readonly Line[], steps: number): string | undefined {
  const last = lines.findLast(({ losses }) => losses !== undefined);
  if (last?.seconds === undefined) return undefined;
  let first = last;
  let seen = 0;
  for (let i = lines.length - 1; i >= 0 && seen < PACE; i--) {
    const { losses, seconds = 0, step } = lines[i];
    if (losses === undefined) continue;
    // Time and steps fall from one line to the next only where a training went on or went back.
    if (seconds > (first.seconds ?? 0) || step > first.step) break;
    first = lines[i];
    seen++;
  }
  const took = last.seconds - (first.seconds ?? 0);
  if (took <= 0 || last.step <= first.step) return undefined;
  const rate = (last.step - first.step) / took;
  const text = rate >= 1 ? `${rate.toPrecision(3)} steps a second` : `${(1 / rate).toPrecision(3)} seconds a step`;
  return steps > last.step ? `${text}, about ${roughly((steps - last.step) / rate)} left` : text;
}
