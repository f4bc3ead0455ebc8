/** `index.html` of a run, made of what is in its folder. */
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Program } from '../../compiler/program/types.js';
import { type Curve, curvePlot } from '../show/curves.js';
import { dataUri, type Picture } from '../show/document.js';
import { type Look, type PageFacts, runPage } from '../show/page.js';
import { writeAtomic } from './files.js';
import { type RunRecord, runPaths } from './folder.js';
import type { GuardReport } from './guards.js';
import { type Line, readMetrics, readRecords, type StepMetrics } from './metrics.js';
import { readShown, shownName } from './shown.js';

/** Checkpoints whose figures stand beside each other. */
const MOST_FIGURES = 6;
/** Of a picture that is part of the page. */
const MOST_BYTES = 1 << 20;

export async function writePage(folder: string, record: RunRecord, program: Program): Promise<void> {
  const paths = runPaths(folder);
  await writeAtomic(paths.page, runPage(await pageFacts(folder, record, program, await readRecords(paths.metrics))));
}

/** What the page says, of the folder's files and the lines of its metrics. Without a program, which may not be whole yet, there are no samples. */
export async function pageFacts(folder: string, record: RunRecord, program: Program | undefined, lines: readonly Line[]): Promise<PageFacts> {
  const steps = lines.filter((line): line is StepMetrics => line.losses !== undefined);
  const measured = measuredOf(lines);
  const spec = await readFile(runPaths(folder).spec, 'utf8').catch(() => undefined);
  const samples = program === undefined ? [] : await samplesOf(folder, program);
  return {
    name: record.name,
    status: record.status,
    // What stopped it stands with the guard that did.
    message: record.guards?.some(({ what }) => what === record.message) ? undefined : record.message,
    guards: record.guards?.map(guardOf),
    facts: factsOf(record, steps),
    samples,
    wentOn: record.start !== undefined,
    plots: plotsOf(steps),
    figures: measured.length === 0 ? undefined : figuresOf(measured),
    commands: commandsOf(folder, record, program, samples),
    spec,
    growing: record.status === 'running',
  };
}

type Figures = Readonly<Record<string, number | readonly number[] | string>>;

/** Figures of each checkpoint: metrics, and of points from a mixture how many modes they are at. */
function measuredOf(lines: readonly Line[]): { readonly step: number; readonly metrics: Figures }[] {
  const found = new Map<number, Figures>();
  for (const { step, metrics, figures } of lines) {
    if (metrics === undefined && figures === undefined) continue;
    const modes = figures && { modes: `${figures.modes} of ${figures.of}`, near: figures.near };
    found.set(step, { ...found.get(step), ...metrics, ...modes });
  }
  return [...found].map(([step, metrics]) => ({ step, metrics }));
}

/** `losses.svg`, of the whole run. */
export async function writePlot(folder: string, name: string): Promise<void> {
  const paths = runPaths(folder);
  const steps = await readMetrics(paths.metrics);
  const players = [...new Set(steps.flatMap((s) => Object.keys(s.losses)))];
  const curves = players.map((player) => ({ name: player, points: steps.map((s) => ({ x: s.step, y: Number(s.losses[player]) })) }));
  if (steps.length > 0) await writeAtomic(paths.losses, curvePlot(curves, { title: `${name}: losses` }));
}

/** What a guard said, and what was done. */
function guardOf({ what, help, step, done, to }: GuardReport): { what: string; help: string } {
  const then = { warned: '', stopped: ' The training was stopped.', 'went back': ` The training went back to step ${number(to ?? 0)} and took other draws.` };
  return { what: `Step ${number(step)}: ${what}.${then[done]}`, help };
}

function factsOf(record: RunRecord, steps: readonly StepMetrics[]): [string, string][] {
  const { start, hyper } = record;
  const step = Math.max(record.step, steps[steps.length - 1]?.step ?? 0);
  const settings = Object.entries(hyper).map(([name, value]) => `${name} = ${value}`);
  const facts: [string, string | undefined][] = [
    // Under a budget of time nobody knows how many there will be.
    ['Steps', record.steps < step ? number(step) : `${number(step)} of ${number(record.steps)}`],
    ['Went on from', start && `${basename(start.path)}, trained ${number(start.step)} steps`],
    ['Began with', record.init?.map((source) => basename(source)).join(', ')],
    ['Time', record.resumed === undefined && steps.length > 0 ? `${duration(steps[steps.length - 1].seconds)} (h:mm:ss)` : undefined],
    ['Began', record.started.slice(0, 16).replace('T', ' ')],
    ['Seed', record.seed],
    ['Best checkpoint', record.best && `${record.best.metric} ${figure(record.best.value)} at step ${number(record.best.step)}`],
    ['Machine', record.device],
    ['Data', record.data],
    ['Settings', settings.length > 0 ? settings.join(', ') : undefined],
  ];
  return facts.filter((fact): fact is [string, string] => fact[1] !== undefined);
}

/** Of each output that was drawn: every step, the first and the last with pictures in the page itself. */
async function samplesOf(folder: string, program: Program): Promise<PageFacts['samples']> {
  const paths = runPaths(folder);
  const entries = (await readdir(paths.samples).catch(() => [] as string[])).sort();
  const found: { name: string; looks: Look[] }[] = [];
  for (const plan of program.samples) {
    for (const output of plan.outputs) {
      const name = shownName(plan, output.name);
      const after = plan.outputs.length === 1 ? '' : `-${output.name}`;
      const files = new Map<number, string[]>();
      for (const entry of entries) {
        const match = /^(.*)-(\d{8,15})(.*)\.(gif|png)$/.exec(entry);
        if (match !== null && match[1] === plan.name && match[3] === after) files.set(Number(match[2]), [...(files.get(Number(match[2])) ?? []), entry]);
      }
      const steps = [...files.keys()].sort((a, b) => a - b);
      const shown = await readShown(paths.shown, name);
      const looks = await Promise.all(
        steps.map(async (step, i): Promise<Look> => {
          const own = files.get(step) as string[];
          const picture = own.find((file) => file.endsWith('.gif')) ?? own[0];
          const each = shown.find((look) => look.step === step)?.each ?? [];
          // What is looked at first is part of the page; it can be sent alone.
          const kept = each.length === 0 && (i === 0 || i === steps.length - 1) ? await readFile(join(paths.samples, picture)) : undefined;
          const file = `samples/${encodeURIComponent(picture)}`;
          const source = kept === undefined || kept.length > MOST_BYTES ? file : dataUri(picture, kept);
          return {
            step,
            whole: { source, file, about: `samples of ${name} after ${number(step)} steps` },
            each: each.map(({ lines, ending, bytes }): Look['each'][number] => ({ lines, picture: pictureOf(name, step, lines, ending, bytes) })),
            files: own.map((name) => `samples/${encodeURIComponent(name)}`),
          };
        }),
      );
      if (looks.length > 0) found.push({ name, looks });
    }
  }
  return found;
}

function pictureOf(name: string, step: number, lines: readonly string[], ending: string, bytes: Uint8Array): Picture {
  return {
    source: dataUri(ending, bytes),
    about: `${ending === '.gif' ? 'clip' : 'picture'} of ${name} made from "${lines.join('; ')}" after ${number(step)} steps`,
  };
}

function plotsOf(steps: readonly StepMetrics[]): PageFacts['plots'] {
  const curves = (of: (metrics: StepMetrics) => Readonly<Record<string, number>> | undefined): Curve[] => {
    const names = [...new Set(steps.flatMap((s) => Object.keys(of(s) ?? {})))];
    return names.map((name) => ({ name, points: steps.flatMap((s) => (of(s)?.[name] === undefined ? [] : [{ x: s.step, y: Number(of(s)?.[name]) }])) }));
  };
  const plots = [
    { title: 'Losses', drawn: curves(({ losses }) => losses) },
    { title: 'Reports', drawn: curves(({ reports }) => reports) },
  ];
  return plots.flatMap(({ title, drawn }) => (drawn.length === 0 ? [] : [{ title, svg: curvePlot(drawn, { width: 960 }) }]));
}

function figuresOf(measured: readonly { readonly step: number; readonly metrics: Figures }[]): PageFacts['figures'] {
  const shown = measured.length > MOST_FIGURES ? [measured[0], ...measured.slice(1 - MOST_FIGURES)] : measured;
  const names = [...new Set(shown.flatMap(({ metrics }) => Object.keys(metrics)))];
  return {
    steps: shown.map(({ step }) => step),
    rows: names.map((name) => ({ name, values: shown.map(({ metrics }) => [metrics[name] ?? ''].flat().map(figure).join('  ')) })),
  };
}

function commandsOf(folder: string, { status, steps }: RunRecord, program: Program | undefined, samples: PageFacts['samples']): PageFacts['commands'] {
  const run = /^[\w./-]+$/.test(folder) ? folder : JSON.stringify(folder);
  const caption = samples.flatMap(({ looks }) => looks[looks.length - 1].each).find(({ lines }) => lines[0] !== undefined)?.lines[0];
  const captioned = caption !== undefined && program?.data?.fields.some(({ type }) => type === 'tokens');
  const more = status === 'finished' ? ` --steps ${2 * steps}` : '';
  return [
    ...(!program?.samples.length
      ? []
      : [
          {
            command: `ganc sample ${run}${captioned ? ` --text ${JSON.stringify(caption)}` : ' --seed 1'}`,
            about: captioned ? 'more of what a caption says' : 'more samples',
          },
        ]),
    ...(program?.metrics === undefined ? [] : [{ command: `ganc eval ${run}`, about: "the spec's metrics, on rows that were held out" }]),
    { command: `ganc train --resume ${run}${more}`, about: 'goes on with the training' },
  ];
}

/** Four digits that count. */
function figure(value: number | string): string {
  return typeof value === 'number' && Number.isFinite(value) ? String(Number(value.toPrecision(4))) : String(value);
}

function number(value: number): string {
  return value.toLocaleString('en');
}

function duration(seconds: number): string {
  const total = Math.round(seconds);
  const two = (n: number) => String(n).padStart(2, '0');
  return `${Math.floor(total / 3600)}:${two(Math.floor(total / 60) % 60)}:${two(total % 60)}`;
}
