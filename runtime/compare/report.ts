/** `report.html` of a comparison, made of `results.json` and of what is in the run folders that it names. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeAtomic } from '../train/files.js';
import { runPaths } from '../train/folder.js';
import { readMetrics, type StepMetrics } from '../train/metrics.js';
import { bandOf, type RunCurve } from './bands.js';
import { bandChart, costChart, type Series } from './charts.js';
import { onFront } from './front.js';
import { inOrder } from './ranking.js';
import { firstOf, kindsOf, meanOf, ROWS, trainedOf } from './report-board.js';
import { type Change, type Chart, type ReportFacts, reportPage } from './report-page.js';
import { sheetsOf } from './report-samples.js';
import { type CompareEntry, type CompareResults, type CompareRun, REPORT } from './results.js';
import { diffOf } from './spec-diff.js';

/** Entries in charts and among the samples: the best ones, and the first. */
const CHARTED = 12;
/** Costs that differ by less say nothing. */
const SAME = 1.02;

/** Writes the report into the folder of a comparison, and returns its path. Of a comparison under way it shows what there is. */
export async function writeReport(folder: string, results: CompareResults): Promise<string> {
  const path = join(folder, REPORT);
  await writeAtomic(path, reportPage(await reportFacts(folder, results)));
  return path;
}

export async function reportFacts(folder: string, results: CompareResults): Promise<ReportFacts> {
  const first = firstOf(results);
  const able = inOrder(results.entries.filter(({ mistake }) => mistake === undefined));
  const drawn = able.filter((entry, i) => i < CHARTED || entry.id === first?.id);
  const [losses, texts, sheets] = await Promise.all([
    lossesOf(folder, results.runs),
    textsOf(folder, results.entries),
    sheetsOf(folder, drawn, results.runs, results.seeds),
  ]);
  return {
    results,
    drawn,
    left: able.length - drawn.length,
    curves: [...(await metricCharts(results, drawn)), ...(await lossCharts(results, drawn, losses))],
    costs: await costCharts(results, drawn),
    sheets,
    first: first && { entry: first, text: texts.get(first.id) },
    changes: first === undefined ? [] : changesOf(first, able, texts),
  };
}

/** The losses of each run, by its folder. */
async function lossesOf(folder: string, runs: readonly CompareRun[]): Promise<Map<string, StepMetrics[]>> {
  const found = new Map<string, StepMetrics[]>();
  for (const run of runs) found.set(run.folder, await readMetrics(runPaths(join(folder, run.folder)).metrics));
  return found;
}

/** The texts that were trained, by the entry's id. */
async function textsOf(folder: string, entries: readonly CompareEntry[]): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const { id, text } of entries) {
    const read = text === undefined ? undefined : await readFile(join(folder, text), 'utf8').catch(() => undefined);
    if (read !== undefined) found.set(id, read);
  }
  return found;
}

/** A series for each entry, of one curve a run. */
function seriesOf({ entries, runs }: CompareResults, drawn: readonly CompareEntry[], pointsOf: (run: CompareRun) => RunCurve['points']): Series[] {
  return drawn.map(({ id }) => ({
    index: entries.findIndex((entry) => entry.id === id),
    points: bandOf(
      runs.filter((run) => run.entry === id).map((run) => ({ points: pointsOf(run), whole: run.status !== 'diverged' && run.status !== 'failed' })),
    ),
  }));
}

async function chartOf(title: string, note: string, series: readonly Series[], x: string, y: string): Promise<Chart[]> {
  return series.every(({ points }) => points.length === 0) ? [] : [{ title, note, svg: await bandChart(series, { x, y }) }];
}

/** The ranking metric against steps, and against arithmetic where a step costs one entry more than another. */
async function metricCharts(results: CompareResults, drawn: readonly CompareEntry[]): Promise<Chart[]> {
  const { metric, runs } = results;
  if (metric === undefined) return [];
  const [kind] = kindsOf(results, metric.name);
  const note = [metric.lowest ? 'less is better' : 'more is better', kind && ROWS[kind]].filter(Boolean).join('; ');
  const against = (scale: (run: CompareRun) => number) =>
    seriesOf(results, drawn, (run) => run.curve.map(({ step, value }) => ({ x: step * scale(run), y: Number(value) })));
  return [
    ...(await chartOf(
      `${metric.name} over steps`,
      note,
      against(() => 1),
      'step',
      metric.name,
    )),
    ...(differ(runs.map(({ flopsPerStep }) => flopsPerStep))
      ? await chartOf(
          `${metric.name} over FLOPs spent`,
          note,
          against((run) => run.flopsPerStep),
          'FLOPs',
          metric.name,
        )
      : []),
  ];
}

/** A chart for each player. */
async function lossCharts(results: CompareResults, drawn: readonly CompareEntry[], losses: ReadonlyMap<string, readonly StepMetrics[]>): Promise<Chart[]> {
  const players = [...new Set([...losses.values()].flatMap((steps) => Object.keys(steps[0]?.losses ?? {})))];
  const charts: Chart[] = [];
  for (const player of players) {
    const series = seriesOf(results, drawn, (run) => (losses.get(run.folder) ?? []).map(({ step, losses }) => ({ x: step, y: Number(losses[player]) })));
    charts.push(...(await chartOf(`loss of ${player}`, '', series, 'step', 'loss')));
  }
  return charts;
}

/** The ranking metric against what it cost, for each cost in which the entries differ. */
async function costCharts(results: CompareResults, drawn: readonly CompareEntry[]): Promise<Chart[]> {
  const { metric, runs, entries } = results;
  const kind = metric && kindsOf(results, metric.name)[0];
  if (metric === undefined || kind === undefined) return [];
  const costs: readonly [string, string, (entry: CompareEntry, own: readonly CompareRun[]) => number | undefined][] = [
    ['FLOPs of a run', 'FLOPs', (_, own) => meanOf(own, ({ flops }) => flops)],
    ['seconds of a run', 'seconds', (_, own) => meanOf(own, ({ seconds }) => seconds)],
    ['parameters', 'parameters', (entry) => trainedOf(entry)],
  ];
  const charts: Chart[] = [];
  for (const [name, unit, costOf] of costs) {
    const offers = drawn.flatMap((entry) => {
      const summary = entry.summary?.[kind]?.[metric.name];
      const cost = costOf(
        entry,
        // What the quality is of: a run that ended early cost little and made nothing.
        runs.filter((run) => run.entry === entry.id && run.measured !== undefined),
      );
      if (summary === undefined || cost === undefined || !Number.isFinite(Number(summary.mean))) return [];
      const [value, least, most] = [Number(summary.mean), Number(summary.least), Number(summary.most)];
      return [{ index: entries.indexOf(entry), label: entry.label, cost, value, least, most }];
    });
    if (offers.length < 2 || !differ(offers.map(({ cost }) => cost))) continue;
    const front = onFront(offers, metric.lowest);
    const svg = await costChart(
      offers.map((offer, i) => ({ ...offer, front: front[i] })),
      { x: unit, y: metric.name },
    );
    const worth = offers.filter((_, i) => front[i]).sort((a, b) => a.cost - b.cost);
    charts.push({ title: `${metric.name} against ${name}`, note: `on the front: ${worth.map(({ label }) => label).join(', ')}`, svg });
  }
  return charts;
}

function differ(values: readonly number[]): boolean {
  return values.length > 1 && Math.max(...values) > SAME * Math.min(...values);
}

/** What is not as in the first entry. */
function changesOf(first: CompareEntry, able: readonly CompareEntry[], texts: ReadonlyMap<string, string>): Change[] {
  const before = texts.get(first.id);
  return able.flatMap((entry): Change[] => {
    if (entry.id === first.id) return [];
    const after = texts.get(entry.id);
    const names = [...new Set([...Object.keys(first.hyper ?? {}), ...Object.keys(entry.hyper ?? {})])];
    const hyper = names.flatMap((name): Change['hyper'] => {
      const [a, b] = [first.hyper?.[name], entry.hyper?.[name]];
      return a === b ? [] : [{ name, before: a === undefined ? '-' : String(a), after: b === undefined ? '-' : String(b) }];
    });
    return [{ entry, hyper, diff: before === undefined || after === undefined ? undefined : diffOf(before, after) }];
  });
}
