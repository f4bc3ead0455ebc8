/** A comparison in words: the table of its entries, what it will take, and what came of a run. */
import { budgetText } from '../../runtime/compare/budget.js';
import type { Estimate } from '../../runtime/compare/estimate.js';
import { figureOf, inOrder } from '../../runtime/compare/ranking.js';
import type { CompareEntry, CompareResults, CompareRun, Summary } from '../../runtime/compare/results.js';
import { bytes, count, duration, magnitude, roughly, table } from '../terminal.js';

const BARS = '▁▂▃▄▅▆▇█';

/** A bar for each value, between the lowest and the highest of all `values`; a dot where it is no number. */
export function sparkline(values: readonly number[], [low, high] = extent(values)): string {
  return values
    .map((value) => {
      if (!Number.isFinite(value)) return '.';
      return BARS[high > low ? Math.min(BARS.length - 1, Math.floor(((value - low) / (high - low)) * BARS.length)) : BARS.length >> 1];
    })
    .join('');
}

function extent(values: readonly number[]): [number, number] {
  const finite = values.filter(Number.isFinite);
  return [Math.min(...finite), Math.max(...finite)];
}

/** Four digits that count. */
export function figureText(value: number): string {
  if (!Number.isFinite(value) || Number.isInteger(value)) return String(value);
  const size = Math.abs(value);
  return size < 1e-3 || size >= 1e5 ? value.toExponential(3) : value.toPrecision(4);
}

/** Kind of rows that the ranking is by: that of the first figures of a run. */
function rowsOf({ runs }: CompareResults): string | undefined {
  return runs.find(({ measured }) => measured !== undefined)?.measured?.[0]?.rows;
}

/** The metric's mean over seeds at each checkpoint that all of the entry's runs have come to. */
function curveOf(runs: readonly CompareRun[]): number[] {
  const begun = runs.filter(({ curve }) => curve.length > 0);
  const [first] = begun;
  if (first === undefined) return [];
  return first.curve.flatMap((_, i) => {
    const values = begun.flatMap(({ curve }) => (curve[i] === undefined ? [] : [curve[i].value]));
    return values.length < begun.length ? [] : [values.reduce((a, b) => a + b, 0) / values.length];
  });
}

/** How far the runs of an entry are, and in how many guards spoke: `3`, `2 of 3`, `2 of 3, 1 diverged, guards in 1`. */
function progressOf(runs: readonly CompareRun[]): string {
  const done = runs.filter(({ status }) => status === 'finished').length;
  const others = (['pruned', 'diverged', 'failed'] as const).flatMap((status) => {
    const n = runs.filter((run) => run.status === status).length;
    return n === 0 ? [] : [`${n} ${status}`];
  });
  const guarded = runs.filter(({ guards }) => guards?.length).length;
  const told = guarded === 0 ? [] : [`guards in ${guarded}`];
  return [done === runs.length ? String(done) : `${done} of ${runs.length}`, ...others, ...told].join(', ');
}

/** The table of all entries, the best first. */
export function leaderboard(results: CompareResults): string {
  const { entries, runs, metric } = results;
  const rows = rowsOf(results);
  const summaryOf = (entry: CompareEntry, kind = rows): Summary | undefined => (metric && kind ? entry.summary?.[kind]?.[metric.name] : undefined);
  const unseen = rows !== 'unseen' && entries.some((entry) => summaryOf(entry, 'unseen') !== undefined);
  const tested = entries.some((entry) => summaryOf(entry)?.paired?.p !== undefined);
  const tie = metric?.tie;
  const curves = entries.map((entry) => curveOf(runs.filter((run) => run.entry === entry.id)));
  const scale = extent(curves.flat());
  const first = entries.find((entry) => entry.mistake === undefined);
  const several = entries.filter((entry) => entry.mistake === undefined).length > 1;
  const head = [
    '',
    'entry',
    ...(metric ? [metric.name, 'deviation', 'least..most'] : []),
    ...(tie === undefined ? [] : [tie]),
    ...(unseen ? ['unseen'] : []),
    ...(metric && several ? [`against ${first?.label}`] : []),
    ...(tested ? ['p (Holm)'] : []),
    ...(metric ? ['curve'] : []),
    'seeds',
    'FLOPs',
    'time',
  ];
  const body = inOrder(entries).map((entry) => {
    const own = runs.filter((run) => run.entry === entry.id);
    const one = summaryOf(entry);
    const other = unseen ? summaryOf(entry, 'unseen') : undefined;
    const tied = tie === undefined || rows === undefined ? undefined : entry.summary?.[rows]?.[tie];
    const done = own.filter(({ status }) => status !== 'waiting');
    const mean = (of: (run: CompareRun) => number): number => done.reduce((sum, run) => sum + of(run), 0) / Math.max(1, done.length);
    if (entry.mistake !== undefined) return ['-', entry.label, ...head.slice(2, -3).map(() => ''), 'none: the spec is wrong', '', ''];
    return [
      entry.rank === undefined ? '-' : String(entry.rank),
      entry.label,
      ...(metric
        ? [
            one ? figureText(one.mean) : '',
            one?.deviation === undefined ? '' : figureText(one.deviation),
            one ? `${figureText(one.least)}..${figureText(one.most)}` : '',
          ]
        : []),
      ...(tie === undefined ? [] : [tied ? figureText(tied.mean) : '']),
      ...(unseen ? [other ? figureText(other.mean) : ''] : []),
      ...(metric && several ? [pairedText(one)] : []),
      ...(tested ? [one?.paired?.adjusted === undefined ? '' : pText(one.paired.adjusted)] : []),
      ...(metric ? [sparkline(curves[entries.indexOf(entry)], scale)] : []),
      progressOf(own),
      done.length === 0 ? '' : magnitude(mean(({ flops }) => flops)),
      done.length === 0 ? '' : duration(mean(({ seconds }) => seconds)),
    ];
  });
  const numbers = head.flatMap((name, i) => (['', metric?.name, 'deviation', tie, 'unseen', 'p (Holm)', 'FLOPs', 'time'].includes(name) ? [i] : []));
  return table([head, ...body], numbers);
}

/** `+0.12, 3 up 1 down`: the mean difference to the first entry, and in how many seeds it is greater and smaller. */
function pairedText(summary: Summary | undefined): string {
  const pairs = summary?.paired;
  if (pairs === undefined) return '';
  const sign = pairs.mean > 0 ? '+' : '';
  return `${sign}${figureText(pairs.mean)}, ${pairs.greater} up ${pairs.smaller} down`;
}

function pText(p: number): string {
  return p < 1e-3 ? p.toExponential(1) : p.toFixed(3);
}

/** What is to be known about the figures, a line each. */
export function caveats({ metric, seeds, repeats, entries, runs }: CompareResults): string[] {
  const compared = entries.filter((entry) => entry.mistake === undefined).length;
  const devices = new Set(runs.flatMap(({ device }) => (device === undefined ? [] : [device])));
  const lost = runs.some(({ status }) => status === 'diverged' || status === 'failed');
  return [
    ...(metric === undefined ? ['no spec has a metric: nothing ranks them; add a line such as `metric brightness = E[G(z)]`'] : []),
    ...(metric && compared > 1 && seeds.length < 6
      ? [`${seeds.length === 1 ? 'one seed is' : `${seeds.length} seeds are`} too few for a test of significance: --seeds 6 is the least`]
      : []),
    ...(lost ? ['entries with runs that diverged or failed come after those without'] : []),
    ...(devices.size > 1 ? [`runs were done on different devices (${[...devices].join('; ')}): part of what differs may come from that`] : []),
    ...(repeats ? [] : ['a budget of time does not repeat exactly: another time, or beside other programs, there are more or fewer steps']),
  ];
}

/** Before it begins: entries with steps, FLOPs, parameters and memory. */
export function demandTable({ entries, seeds, budget }: CompareResults): string {
  const rows = entries.flatMap(({ label, mistake, steps, flopsPerStep = 0, parameters = {}, memory = 0 }) => {
    if (mistake !== undefined) return [];
    const all = steps === undefined ? '' : magnitude(steps * flopsPerStep * seeds.length);
    const trained = Object.values(parameters).reduce((a, b) => a + b, 0);
    return [[label, steps === undefined ? budgetText(budget) : count(steps), magnitude(flopsPerStep), all, count(trained), bytes(memory)]];
  });
  return table(
    [['entry', budget.kind === 'seconds' ? 'time' : 'steps', 'FLOPs a step', 'FLOPs, all seeds', 'parameters', 'memory'], ...rows],
    [1, 2, 3, 4, 5],
    '  ',
  );
}

/** `about 12 minutes of training, by what these took before on this device`. */
export function estimateText(estimate: Estimate | undefined): string {
  if (estimate === undefined) return 'not known before the first steps';
  const ways = {
    budget: 'the budget; measuring and drawing come on top',
    paces: 'by what these programs took before on this device',
    flops: 'a guess, by the FLOPs of those that were never timed here',
  };
  return `${estimate.by === 'budget' ? '' : 'about '}${roughly(estimate.seconds)}: ${ways[estimate.by]}`;
}

/** `run 3 of 12  ring:plain, seed 1`. */
export function placeText(results: CompareResults, run: CompareRun): string {
  const at = results.runs.findIndex((other) => other.folder === run.folder);
  const entry = results.entries.find(({ id }) => id === run.entry);
  return `run ${at + 1} of ${results.runs.length}  ${entry?.label ?? run.entry}, seed ${run.seed}`;
}

/** What came of a run that has ended. */
export function outcomeText({ metric }: CompareResults, run: CompareRun): string {
  const value = metric && figureOf(run, metric.name);
  const figure = metric === undefined || value === undefined ? '' : `${metric.name} ${figureText(value)}  `;
  const done = `${count(run.step)} steps in ${duration(run.seconds)}`;
  return run.status === 'finished' ? `${figure}${done}` : `${run.status}${run.message === undefined ? '' : `: ${run.message}`} (${done})`;
}
