/** `ganc diff A B`: two specs, or runs, beside each other: their texts, settings and sizes, what they cost, and what they came to. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createTwoFilesPatch, FILE_HEADERS_ONLY } from 'diff';
import { compileSpec } from '../../compiler/compile.js';
import { lower } from '../../compiler/plan/lower.js';
import { stepCost } from '../../compiler/program/cost.js';
import { memoryPlan } from '../../compiler/program/memory.js';
import { trainingEntries } from '../../compiler/program/schedule.js';
import type { Program } from '../../compiler/program/types.js';
import { Diagnostics } from '../../grammar/diagnostics.js';
import { format } from '../../grammar/printer.js';
import { figureText } from '../../runtime/show/quantities.js';
import { readProgramFolder, runPaths } from '../../runtime/train/folder.js';
import { type FoundRun, readRun } from '../../runtime/train/runs.js';
import { accept, compileOptions, readSource, resolvedText } from '../source.js';
import { bytes, count, duration, magnitude, out, table } from '../terminal.js';

export interface DiffOptions {
  /** Of the two specs, one after another; an empty one is none. */
  readonly variants?: readonly string[];
  readonly json?: boolean;
}

interface Side {
  readonly title: string;
  /** In the one layout; absent of a run of a compiled program. */
  readonly text?: string;
  readonly program: Program;
  readonly run?: FoundRun;
}

/** A figure of both, as numbers or texts; undefined where a side has none. */
interface Row {
  readonly name: string;
  readonly a?: number | string | boolean;
  readonly b?: number | string | boolean;
}

const OF_RUNS: readonly string[] = ['Run', 'Losses', 'Metrics'];

interface Section {
  readonly title: string;
  readonly rows: readonly Row[];
  readonly shown: (value: number) => string;
}

export async function diff(first: string, second: string, { variants = [], json }: DiffOptions): Promise<void> {
  const a = await sideOf(first, variants[0] || undefined);
  const b = await sideOf(second, variants[1] || undefined);
  const patch = a.text === undefined || b.text === undefined ? undefined : patchOf(a, b);
  const sections = sectionsOf(a, b);
  if (json) {
    const figures = sections.map(({ title, rows }) => [title.toLowerCase(), Object.fromEntries(rows.map((row) => [row.name, { a: row.a, b: row.b }]))]);
    out(`${JSON.stringify({ a: a.title, b: b.title, same: a.program.hash === b.program.hash, text: patch, ...Object.fromEntries(figures) }, jsonNumber, 2)}\n`);
    return;
  }
  if (a.program.hash === b.program.hash) out('the specs and their settings are the same\n');
  if (patch !== undefined) showPatch(patch);
  else out('of a run of a compiled program there is no text to hold beside the other\n');
  // What follows from the program alone is the same of equal ones.
  const told = a.program.hash === b.program.hash ? sections.filter(({ title }) => OF_RUNS.includes(title)) : sections;
  for (const section of told) show(section, a.title, b.title);
}

function jsonNumber(_key: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
}

async function sideOf(path: string, variant: string | undefined): Promise<Side> {
  if (existsSync(join(path, 'run.json'))) {
    const run = await readRun(path);
    const { spec, program } = runPaths(path);
    const text = existsSync(spec) ? laidOut(spec, readFileSync(spec, 'utf8')) : undefined;
    return { title: path, text, program: await readProgramFolder(program), run };
  }
  const source = readSource(path);
  const options = { variant };
  const { module, diagnostics } = compileSpec(source, { ...compileOptions(options), noisesGiven: true });
  const made = accept(module, diagnostics, { quiet: true });
  return { title: variant === undefined ? path : `${path} (${variant})`, text: laidOut(path, resolvedText(source, options)), program: lower(made) };
}

/** So that no difference is one of layout. */
function laidOut(name: string, text: string): string {
  return format({ name, text }, new Diagnostics()) ?? text;
}

/** The lines that differ, in the unified form; empty where there are none. */
function patchOf(a: Side, b: Side): string {
  if (a.text === b.text) return '';
  return createTwoFilesPatch(a.title, b.title, a.text as string, b.text as string, undefined, undefined, { context: 2, headerOptions: FILE_HEADERS_ONLY });
}

function showPatch(patch: string): void {
  if (patch === '') {
    out('the texts are the same\n');
    return;
  }
  const { red, green, cyan, bold } = out.colors;
  const colour = (line: string): string => {
    if (/^(---|\+\+\+) /.test(line)) return bold(line);
    return line.startsWith('-') ? red(line) : line.startsWith('+') ? green(line) : line.startsWith('@@') ? cyan(line) : line;
  };
  out(`${patch.trimEnd().split('\n').map(colour).join('\n')}\n`);
}

function sectionsOf(a: Side, b: Side): Section[] {
  const both = <T extends number | string | boolean>(of: (side: Side) => Readonly<Record<string, T>>): Row[] => {
    const [x, y] = [of(a), of(b)];
    return [...new Set([...Object.keys(x), ...Object.keys(y)])].map((name) => ({ name, a: x[name], b: y[name] }));
  };
  const settings = both(({ program }) => program.hyper);
  const sections: Section[] = [
    { title: 'Settings', rows: settings, shown: String },
    { title: 'Parameters', rows: both(({ program }) => parametersOf(program)), shown: count },
    { title: 'A step', rows: both(({ program }) => stepOf(program)), shown: magnitude },
    { title: 'Memory', rows: both(({ program }) => memoryOf(program)), shown: bytes },
    { title: 'Run', rows: both(({ run }) => runOf(run)), shown: figureText },
    { title: 'Losses', rows: both(({ run }) => run?.losses ?? {}), shown: figureText },
    { title: 'Metrics', rows: both(({ run }) => run?.metrics ?? {}), shown: figureText },
  ];
  return sections.filter(({ rows }) => rows.length > 0);
}

/** Weights of each net, and of all. */
function parametersOf(program: Program): Record<string, number> {
  const nets: Record<string, number> = {};
  for (const { kind, name, shape } of program.variables) {
    if (kind !== 'weight') continue;
    const net = name.split('.')[0];
    nets[net] = (nets[net] ?? 0) + shape.reduce((x, y) => x * y, 1);
  }
  return { ...nets, all: Object.values(nets).reduce((x, y) => x + y, 0) };
}

function stepOf(program: Program): Record<string, number> {
  const cost = stepCost(program);
  return cost === undefined ? {} : { FLOPs: cost.flops, dispatches: cost.dispatches };
}

/** Of a training, with data on top. */
function memoryOf(program: Program): Record<string, number> {
  const { train, samples } = program;
  if (train === undefined) return {};
  const { weights, optimizer, results, total } = memoryPlan(program, [train.init, ...trainingEntries(train), ...samples.map((sample) => sample.entry)]);
  return { weights, optimizer, results, all: total };
}

function runOf(run: FoundRun | undefined): Record<string, number | string> {
  if (run === undefined) return {};
  const { seed, status, step, steps, seconds, device } = run;
  const time: Record<string, number | string> = seconds === undefined ? {} : { time: duration(seconds), 'steps a second': step / Math.max(seconds, 1e-3) };
  return { status, steps: `${count(step)} of ${count(steps)}`, seed, ...time, device };
}

/** Of settings only those that differ, as there may be many; and of machines. */
function show({ title, rows, shown }: Section, first: string, second: string): void {
  const told = rows.filter(({ name, a, b }) => (title !== 'Settings' && name !== 'device') || a !== b);
  if (told.length === 0) return;
  const text = (value: Row['a']): string => (value === undefined ? '-' : typeof value === 'number' ? shown(value) : String(value));
  out(`\n${out.colors.bold(title)}\n`);
  out(table([['', first, second, ''], ...told.map((row) => [row.name, text(row.a), text(row.b), change(row)])], [1, 2, 3], '  '));
}

/** `+12.5 %` from the first to the second. */
function change({ a, b }: Row): string {
  if (typeof a !== 'number' || typeof b !== 'number' || a === b || a === 0) return '';
  const share = (100 * (b - a)) / Math.abs(a);
  return `${share > 0 ? '+' : ''}${Math.abs(share) >= 1000 ? share.toExponential(1) : share.toFixed(1)} %`;
}
