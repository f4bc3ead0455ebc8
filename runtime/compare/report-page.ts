/** A comparison as one page: which is better, by how much, at what cost, what they make, and in what they differ. Needs no network and no script. */
import { type DocumentFacts, documentOf, factList, image, section } from '../show/document.js';
import { escapeText } from '../show/escape.js';
import { bytes, count, duration, magnitude } from '../show/quantities.js';
import type { GuardWay } from '../train/guards.js';
import { budgetText } from './budget.js';
import { figuresOf, firstOf, kindsOf, labelOf, leaderboardOf, ROWS, runsOf, shortText, table, trainedOf } from './report-board.js';
import type { SampleCell, SampleRow, SampleSheet } from './report-samples.js';
import { REPORT_STYLE } from './report-style.js';
import type { CompareEntry, CompareResults } from './results.js';
import type { DiffLine } from './spec-diff.js';

export interface Chart {
  readonly title: string;
  readonly note: string;
  readonly svg: string;
}

/** How an entry differs from the first one. */
export interface Change {
  readonly entry: CompareEntry;
  readonly hyper: readonly { readonly name: string; readonly before: string; readonly after: string }[];
  /** Absent where a text is missing. */
  readonly diff?: readonly DiffLine[];
}

export interface ReportFacts {
  readonly results: CompareResults;
  /** Those in the charts and among the samples, the best first. */
  readonly drawn: readonly CompareEntry[];
  /** How many are not. */
  readonly left: number;
  readonly curves: readonly Chart[];
  readonly costs: readonly Chart[];
  readonly sheets: readonly SampleSheet[];
  readonly first?: { readonly entry: CompareEntry; readonly text?: string };
  readonly changes: readonly Change[];
}

/** Lines of a diff that is shown at once. */
const OPEN_LINES = 60;
const OPEN_CHANGES = 4;
/** Seeds from which a test can find a difference: of five pairs the clearest has p = 2 / 2^5. */
const TESTABLE = 6;

export function reportPage(facts: ReportFacts): string {
  return documentOf(reportDocument(facts));
}

export function reportDocument(facts: ReportFacts): DocumentFacts {
  const { results, drawn, curves, costs, sheets, changes } = facts;
  const several = results.seeds.length > 1;
  return {
    name: `Comparison: ${results.name}`,
    status: results.status,
    facts: headOf(results),
    growing: results.status === 'running',
    style: REPORT_STYLE,
    sections: [
      verdictOf(results),
      section('Leaderboard', `${leaderboardOf(results)}\n${notesOf(results).map(note).join('\n')}${folded('All figures', figuresOf(results))}`),
      curves.length === 0
        ? ''
        : section(
            'Curves',
            `${legendOf(facts)}\n${chartsOf(curves)}\n${note(several ? `A line is the mean over seeds, each seed drawn through at most 200 points; the band around it reaches from the least to the most of the ${results.seeds.length} seeds. Losses of objectives that differ cannot be held against each other.` : 'One seed: there is no spread to be shown.')}`,
          ),
      costs.length === 0
        ? ''
        : section(
            'Cost against quality',
            `${chartsOf(costs)}\n${note(`Filled: no other is as good at less cost, or better at no more (Pareto's front).${several ? ' A bar reaches from the least to the most over seeds.' : ''}`)}`,
          ),
      ...samplesOf(results, drawn, sheets),
      changes.length === 0 ? '' : section(`Differences to ${facts.first?.entry.label ?? ''}`, changes.map((change) => changeOf(facts, change)).join('\n')),
      facts.first?.text === undefined
        ? ''
        : section(`Spec of ${facts.first.entry.label}`, folded('What the others are held against', `<pre>${escapeText(facts.first.text.trimEnd())}</pre>`)),
      results.runs.length === 0 ? '' : section('Runs', folded(`All ${results.runs.length} runs`, runsOf(results))),
      section('To repeat it', repeatOf(results)),
    ],
  };
}

function headOf(results: CompareResults): [string, string][] {
  const { metric, seeds, budget, entries, runs, started, ended, machine, status, asked } = results;
  const wrong = entries.filter(({ mistake }) => mistake !== undefined).length;
  const [kind] = metric === undefined ? [] : kindsOf(results, metric.name);
  const took = ended === undefined ? Number.NaN : (Date.parse(ended) - Date.parse(started)) / 1000;
  const facts: [string, string | undefined][] = [
    [
      'Ranked by',
      metric &&
        `${[metric.name, kind && ROWS[kind] && `on ${ROWS[kind]}`].filter(Boolean).join(' ')}; ${metric.lowest ? 'less' : 'more'} is better${metric.tie === undefined ? '' : `; where equal, more of ${metric.tie}`}`,
    ],
    ['Budget of each run', budgetText(budget)],
    ['Entries', `${count(entries.length)}${wrong === 0 ? '' : `, ${wrong} of them cannot be trained`}`],
    ['Seeds', seeds.length > 8 ? `${seeds.length}: ${seeds[0]} to ${seeds[seeds.length - 1]}` : seeds.join(', ')],
    ['Runs', `${runs.filter((run) => run.status === 'finished').length} of ${runs.length} finished`],
    ['Guards', asked.guard && GUARD_WAYS[asked.guard]],
    ['Began', started.slice(0, 16).replace('T', ' ')],
    ['As of', status === 'running' ? new Date().toISOString().slice(0, 19).replace('T', ' ') : undefined],
    ['Took', Number.isFinite(took) ? duration(took) : undefined],
    ['Machine', machine.device],
  ];
  return facts.filter((fact): fact is [string, string] => fact[1] !== undefined);
}

const GUARD_WAYS: Readonly<Record<GuardWay, string>> = {
  warn: 'they warn',
  stop: 'they stop a run, which counts as diverged',
  rollback: 'a run goes back, once',
  off: 'off',
};

/** The best by the metric, and how it stands to the first entry, in a sentence. */
function verdictOf(results: CompareResults): string {
  const { entries, metric, status } = results;
  const [kind] = metric === undefined ? [] : kindsOf(results, metric.name);
  const sofar = status === 'finished' ? '' : ' so far';
  const best = entries.filter(({ rank }) => rank === 1);
  if (metric === undefined || kind === undefined || best.length === 0) return '';
  if (best.length > 1 && best.length === entries.filter(({ rank }) => rank !== undefined).length)
    return `<p class="verdict">By ${escapeText(metric.name)} all are equal${sofar}.</p>`;
  const said = best.map(({ label, summary }) => {
    const figure = summary?.[kind]?.[metric.name];
    if (figure === undefined) return `<b>${escapeText(label)}</b>`;
    const { mean, least, most, n, paired } = figure;
    const over =
      n === 1 ? ' with one seed' : least === most ? ` (alike in ${n} seeds)` : ` (${shortText(Number(least))}..${shortText(Number(most))} over ${n} seeds)`;
    const first = firstOf(results);
    const better = paired && (metric.lowest ? paired.smaller : paired.greater);
    const against = paired === undefined || first === undefined ? '' : `; better than ${escapeText(first.label)} in ${better} of ${paired.n} seeds`;
    return `<b>${escapeText(label)}</b>, ${shortText(Number(mean))}${over}${against}`;
  });
  return `<p class="verdict">Best${sofar} by ${escapeText(metric.name)}: ${said.join('; and ')}.</p>`;
}

/** What is to be known about the figures. */
function notesOf({ metric, seeds, entries, runs, repeats, asked }: CompareResults): string[] {
  const compared = entries.filter(({ mistake }) => mistake === undefined).length;
  const tested = entries.some(({ summary }) =>
    Object.values(summary ?? {}).some((figures) => Object.values(figures).some(({ paired }) => paired?.p !== undefined)),
  );
  const lost = runs.some(({ status }) => status === 'diverged' || status === 'failed');
  const n = seeds.length;
  return [
    ...(metric === undefined ? ['No spec has a metric: nothing ranks them.'] : []),
    ...(n > 1
      ? [
          'After ± stands the standard deviation over seeds; below, the least and the most. Differences are taken seed by seed, so that what a seed does to all alike drops out.',
        ]
      : []),
    ...(compared < 2
      ? []
      : tested
        ? [
            `p is that of Wilcoxon's signed-rank test over seeds, two-sided and exact; by Holm's correction for as many comparisons as there are with the first entry.`,
          ]
        : n < TESTABLE
          ? [
              `No p-values: with ${n === 1 ? 'one seed' : `${n} seeds`} ${n === 1 ? 'there is nothing to test' : `even differences that all go one way come about by chance with p = ${shortText(2 / 2 ** n)}, so that none can be under 0.05`}; six seeds are the least (p = 0.03125).`,
            ]
          : []),
    ...(lost ? ['Entries with runs that diverged or failed come after those without.'] : []),
    ...(runs.some(({ guards }) => guards?.length) ? ['Guards of the trainings spoke: what they saw, and what usually helps, stands with the runs below.'] : []),
    ...(runs.some(({ guards }) => guards?.some(({ done }) => done === 'went back'))
      ? ['A run that went back took other draws from there, so that its rows are not those of the others any more.']
      : []),
    ...(asked.halving
      ? [
          'The poor ones were stopped early (asynchronous successive halving): entries rank by how far they came, then by the metric, and differences are taken only between runs that came equally far.',
        ]
      : []),
    ...(repeats ? [] : [TIME_NOTE]),
  ];
}

const TIME_NOTE =
  'A budget in minutes does not repeat exactly: how many steps are done in it depends on the machine and on what else it does. A budget of steps or FLOPs does.';

function note(text: string): string {
  return `<p class="note">${escapeText(text)}</p>`;
}

function folded(summary: string, html: string): string {
  return html === '' ? '' : `<details><summary>${escapeText(summary)}</summary>\n${html}\n</details>`;
}

function legendOf({ results, drawn, left }: ReportFacts): string {
  const items = drawn.map((entry) => `<li>${labelOf(results, entry)}</li>`);
  return `<ul class="legend">${items.join('')}${left === 0 ? '' : `<li>and ${left} more, not drawn</li>`}</ul>`;
}

function chartsOf(charts: readonly Chart[]): string {
  const figures = charts.map(
    ({ title, note, svg }) => `<figure><figcaption>${escapeText(title)} <small>${escapeText(note)}</small></figcaption>${svg}</figure>`,
  );
  return `<div class="charts">\n${figures.join('\n')}\n</div>`;
}

/** Those of the first seed at once, of the others on demand. */
function samplesOf(results: CompareResults, drawn: readonly CompareEntry[], sheets: readonly SampleSheet[]): string[] {
  const names = [...new Set(sheets.map(({ name }) => name))];
  return names.map((name) => {
    const [first, ...others] = sheets.filter((sheet) => sheet.name === name);
    const intro = first.rows.some(({ lines }) => lines.length > 0)
      ? `In each row the same caption and, where the nets take the same noise, the same noise, with seed ${first.seed}.`
      : `Made of the same noises where the nets take the same, with seed ${first.seed}.`;
    const more = others.map((sheet) => folded(`Seed ${sheet.seed}`, sheetOf(results, drawn, sheet)));
    return section(`Samples: ${name}`, [note(intro), sheetOf(results, drawn, first), ...more].join('\n'));
  });
}

function sheetOf(results: CompareResults, drawn: readonly CompareEntry[], { rows }: SampleSheet): string {
  const columns = drawn.filter(({ id }) => rows.some(({ cells }) => cells.has(id)));
  const head = (entry: CompareEntry, own: readonly SampleRow[]): string => `${labelOf(results, entry)}${small(stepsOf(own, entry))}`;
  const said = rows.filter(({ lines }) => lines.length > 0);
  const whole = rows.filter(({ lines }) => lines.length === 0);
  const tiles = whole.map((row) => {
    const figures = columns.map((entry) => `<figure><figcaption>${head(entry, [row])}</figcaption>${cellOf(row.cells.get(entry.id))}</figure>`);
    return `<div class="tiles">\n${figures.join('\n')}\n</div>`;
  });
  if (said.length === 0) return tiles.join('\n');
  const body = said.map(({ lines: [caption, ...more], cells }) => {
    const name = `<th scope="row">${escapeText(caption)}${more.map((line) => small(escapeText(line))).join('')}</th>`;
    return `<tr>${name}${columns.map(({ id }) => `<td>${cellOf(cells.get(id))}</td>`).join('')}</tr>`;
  });
  return [table('sheet', ['<td></td>', ...columns.map((entry) => `<th scope="col">${head(entry, said)}</th>`)], body), ...tiles].join('\n');
}

function stepsOf(rows: readonly SampleRow[], { id }: CompareEntry): string {
  const steps = [...new Set(rows.flatMap(({ cells }) => cells.get(id)?.step ?? []))].sort((a, b) => a - b);
  return steps.length === 0 ? '' : `after ${steps.map(count).join(', ')} step${steps.length === 1 && steps[0] === 1 ? '' : 's'}`;
}

function cellOf(cell: SampleCell | undefined): string {
  if (cell === undefined) return small('none');
  return cell.picture === undefined ? small(`too large for this page: ${escapeText(cell.file)}`) : image(cell.picture);
}

function small(html: string): string {
  return html === '' ? '' : ` <small>${html}</small>`;
}

function changeOf({ results, first, changes }: ReportFacts, { entry, hyper, diff }: Change): string {
  const rows: [string, string, string, string][] = hyper.map(({ name, before, after }) => [name, before, after, '']);
  if (first !== undefined) {
    const nets = [...new Set([...Object.keys(first.entry.parameters ?? {}), ...Object.keys(entry.parameters ?? {})])];
    for (const net of nets) rows.push(ratioRow(`parameters of ${net}`, first.entry.parameters?.[net], entry.parameters?.[net], count));
    rows.push(ratioRow('parameters in all', trainedOf(first.entry), trainedOf(entry), count));
    rows.push(ratioRow('FLOPs a step', first.entry.flopsPerStep, entry.flopsPerStep, magnitude));
    rows.push(ratioRow('memory', first.entry.memory, entry.memory, bytes));
    rows.push(ratioRow('steps', first.entry.steps, entry.steps, count));
  }
  const body = rows
    .filter(([, before, after]) => before !== '' || after !== '')
    .map(([name, ...cells]) => `<tr><th scope="row">${escapeText(name)}</th>${cells.map((text) => `<td>${escapeText(text)}</td>`).join('')}</tr>`);
  const facts = table('facts-beside', ['<td></td>', '<th scope="col">first</th>', '<th scope="col">this</th>', '<th scope="col">ratio</th>'], body);
  const lines = diff?.map(({ kind, text }) => `<span class="${kind}">${escapeText(text)}</span>`);
  const text = lines === undefined ? note('The text is missing.') : lines.length === 0 ? note('The text is the same.') : `<pre>${lines.join('')}</pre>`;
  const added = diff?.filter(({ kind }) => kind === 'added').length ?? 0;
  const removed = diff?.filter(({ kind }) => kind === 'removed').length ?? 0;
  const open = changes.length <= OPEN_CHANGES && (diff?.length ?? 0) <= OPEN_LINES;
  const settings = Object.entries(entry.settings).map(([name, value]) => `${name} = ${value}`);
  const said = [`+${added} -${removed} lines`, ...settings].map(escapeText).join('; ');
  return `<details${open ? ' open' : ''}><summary><b>${labelOf(results, entry)}</b> ${said}</summary>\n<div class="change">${text}${facts}</div></details>`;
}

function ratioRow(name: string, before: number | undefined, after: number | undefined, text: (value: number) => string): [string, string, string, string] {
  const ratio = before && after !== undefined ? (before === after ? '=' : `× ${(after / before).toPrecision(3)}`) : '';
  return [name, before === undefined ? '' : text(before), after === undefined ? '' : text(after), ratio];
}

function repeatOf({ command, cwd, repeats, machine, versions, request, seeds }: CompareResults): string {
  const { device, cpu, cores, memory, platform } = machine;
  const facts = factList([
    ['Device', device],
    ['Processor', `${cpu}, ${cores} cores`],
    ['Memory', bytes(memory)],
    ['Platform', platform],
    ...Object.entries(versions).map(([name, version]): [string, string] => [name, version]),
    ['Request', `SHA-256 ${request}`],
  ]);
  const said = repeats
    ? `The same programs, seeds (${seeds.length === 1 ? seeds[0] : `${seeds[0]} to ${seeds[seeds.length - 1]}`}) and budget give the same figures on the same device with the same choice of kernels.`
    : TIME_NOTE;
  return `<pre>cd ${escapeText(quoted(cwd))}\n${escapeText(command)}</pre>\n${note(said)}\n${facts}`;
}

/** A path as one word of a shell. */
function quoted(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
