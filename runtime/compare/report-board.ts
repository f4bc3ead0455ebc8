/** The leaderboard of a comparison, and all its figures, as HTML tables. */
import { escapeText } from '../show/escape.js';
import { bytes, count, duration, figureText, magnitude } from '../show/quantities.js';
import type { GuardReport } from '../train/guards.js';
import { COLOURS, dashOf } from './charts.js';
import { inOrder } from './ranking.js';
import type { CompareEntry, CompareResults, CompareRun, CompareStatus, Measured, Paired, Summary } from './results.js';

type Rows = Measured['rows'];

export const ROWS: Readonly<Record<Rows, string>> = { held_out: 'held-out rows', unseen: 'unseen rows', training: 'training rows', none: '' };
const STATUS: readonly CompareStatus[] = ['finished', 'pruned', 'running', 'waiting', 'stopped', 'diverged', 'failed'];

/** Kinds of rows that a figure was measured on, that of the ranking first. */
export function kindsOf({ runs, entries }: CompareResults, name: string): Rows[] {
  const first = runs.find(({ measured }) => measured?.[0] !== undefined)?.measured?.[0].rows;
  const found = (Object.keys(ROWS) as Rows[]).filter((kind) => entries.some(({ summary }) => summary?.[kind]?.[name] !== undefined));
  return found.sort((a, b) => Number(b === first) - Number(a === first));
}

export function firstOf({ entries }: CompareResults): CompareEntry | undefined {
  return entries.find(({ mistake }) => mistake === undefined);
}

/** Over the runs that have begun. */
export function meanOf(runs: readonly CompareRun[], of: (run: CompareRun) => number): number | undefined {
  const begun = runs.filter(({ status }) => status !== 'waiting');
  return begun.length === 0 ? undefined : begun.reduce((sum, run) => sum + of(run), 0) / begun.length;
}

export function trainedOf({ parameters }: CompareEntry): number | undefined {
  return parameters && Object.values(parameters).reduce((a, b) => a + b, 0);
}

/** The entry's name after a stroke of the colour that it has in the charts. */
export function labelOf({ entries }: CompareResults, { id, label, mistake }: CompareEntry): string {
  const index = entries.findIndex((entry) => entry.id === id);
  const dash = dashOf(index).join(' ');
  const stroke = `<svg class="swatch" viewBox="0 0 22 8" aria-hidden="true"><line x2="22" y1="4" y2="4" stroke="var(--series-${index % COLOURS})" stroke-width="4"${dash && ` stroke-dasharray="${dash}"`}/></svg>`;
  return `${mistake === undefined ? stroke : ''}${escapeText(label)}`;
}

export function leaderboardOf(results: CompareResults): string {
  const { entries, runs, metric } = results;
  const kinds = metric === undefined ? [] : kindsOf(results, metric.name);
  const tie = metric?.tie;
  const first = firstOf(results);
  const uneven = new Set(runs.filter(({ status }) => status === 'finished' || status === 'pruned').map(({ step }) => step)).size > 1;
  const compared = entries.filter(({ mistake }) => mistake === undefined).length > 1;
  const head = [
    cell('th', 'Rank'),
    cell('th', 'Entry'),
    ...kinds.flatMap((kind) => [
      number('th', `${escapeText(metric?.name ?? '')}${small(ROWS[kind])}`),
      ...(compared ? [number('th', `against the first${small(escapeText(first?.label ?? ''))}`)] : []),
    ]),
    ...(tie === undefined ? [] : [number('th', escapeText(tie))]),
    ...['Parameters', 'FLOPs a step', 'FLOPs a run', 'Memory', 'Time a run', ...(uneven ? ['Steps'] : [])].map((text) => number('th', text)),
    cell('th', 'Runs'),
  ];
  const body = inOrder(entries).map((entry) => {
    const { rank, mistake, summary, flopsPerStep, memory } = entry;
    const name = `<th scope="row">${labelOf(results, entry)}</th>`;
    if (mistake !== undefined)
      return `<tr>${cell('td', '-')}${name}<td class="mistake" colspan="${head.length - 2}"><pre>${escapeText(mistake)}</pre></td></tr>`;
    const own = runs.filter((run) => run.entry === entry.id);
    const seconds = own.filter(({ status }) => status !== 'waiting').map((run) => run.seconds);
    const trained = trainedOf(entry);
    const cells = [
      cell('td', rank === undefined ? '-' : String(rank)),
      name,
      ...kinds.flatMap((kind) => {
        const figure = summary?.[kind]?.[metric?.name ?? ''];
        return [
          number('td', summaryText(figure)),
          ...(compared ? [number('td', entry.id === first?.id ? small('the first') : pairedText(figure?.paired))] : []),
        ];
      }),
      ...(tie === undefined ? [] : [number('td', summaryText(kinds[0] && summary?.[kinds[0]]?.[tie]))]),
      number('td', trained === undefined ? '' : count(trained)),
      number('td', flopsPerStep === undefined ? '' : magnitude(flopsPerStep)),
      number(
        'td',
        shown(
          meanOf(own, ({ flops }) => flops),
          magnitude,
        ),
      ),
      number('td', memory === undefined ? '' : bytes(memory)),
      number(
        'td',
        `${shown(
          meanOf(own, (run) => run.seconds),
          timeText,
        )}${seconds.length > 1 ? small(`${timeText(Math.min(...seconds))}..${timeText(Math.max(...seconds))}`) : ''}`,
      ),
      ...(uneven
        ? [
            number(
              'td',
              shown(
                meanOf(own, ({ step }) => step),
                (value) => count(Math.round(value)),
              ),
            ),
          ]
        : []),
      cell('td', `${statusText(own)}${small(escapeText(guardedText(own)))}`),
    ];
    return `<tr${rank === 1 ? ' class="best"' : ''}>${cells.join('')}</tr>`;
  });
  return table('board', head, body);
}

/** Every figure of every entry, by kind of rows. */
export function figuresOf(results: CompareResults): string {
  const { entries } = results;
  const keys = [
    ...new Set(
      entries.flatMap(({ summary }) => Object.entries(summary ?? {}).flatMap(([rows, figures]) => Object.keys(figures).map((name) => `${rows} ${name}`))),
    ),
  ];
  if (keys.length === 0) return '';
  const ordered = inOrder(entries).filter(({ summary }) => summary !== undefined);
  const head = [cell('th', 'Figure'), ...ordered.map((entry) => number('th', labelOf(results, entry)))];
  const body = keys.map((key) => {
    const [rows, name] = [key.slice(0, key.indexOf(' ')), key.slice(key.indexOf(' ') + 1)];
    const cells = ordered.map(({ summary }) => number('td', summaryText(summary?.[rows]?.[name])));
    return `<tr><th scope="row">${escapeText(name)}${small(ROWS[rows as Rows] ?? escapeText(rows))}</th>${cells.join('')}</tr>`;
  });
  return table('board', head, body);
}

/** Every run: how far it came, and what happened. */
export function runsOf({ entries, runs, metric }: CompareResults): string {
  const head = [
    cell('th', 'Entry'),
    ...['Seed', 'Steps', 'Time', metric?.name ?? ''].map((text) => number('th', escapeText(text))),
    cell('th', 'Status'),
    cell('th', 'Folder'),
  ];
  const body = runs.map((run) => {
    const { seed, step, steps, seconds, status, message, folder, measured, guards = [] } = run;
    const told = [...(message === undefined ? [] : [message]), ...guards.map(guardText)];
    const figure = metric && measured?.[0]?.metrics[metric.name];
    const label = entries.find(({ id }) => id === run.entry)?.label ?? run.entry;
    const cells = [
      number('td', escapeText(seed)),
      number('td', `${count(step)}${steps === undefined || steps === step ? '' : small(`of ${count(steps)}`)}`),
      number('td', timeText(seconds)),
      number('td', figure === undefined || typeof figure === 'object' ? '' : shortText(Number(figure))),
      `<td class="mistake"><span class="${status}">${status}</span>${told.map((text) => `<pre>${escapeText(text)}</pre>`).join('')}</td>`,
      cell('td', `<code>${escapeText(folder)}</code>`),
    ];
    return `<tr><th scope="row">${escapeText(label)}</th>${cells.join('')}</tr>`;
  });
  return table('board', head, body);
}

const GUARDS: Readonly<Record<GuardReport['guard'], string>> = {
  numbers: 'numbers that are none',
  discriminator: 'the discriminator has won',
  generator: 'the generator has collapsed',
  losses: 'losses diverge',
};

/** `guards in 2: the discriminator has won, went back`. */
export function guardedText(runs: readonly CompareRun[]): string {
  const told = runs.flatMap(({ guards = [] }) => guards);
  const n = runs.filter(({ guards }) => guards?.length).length;
  const what = [...new Set(told.map(({ guard }) => GUARDS[guard] ?? guard))];
  const done = [...new Set(told.flatMap((report) => (report.done === 'warned' ? [] : [report.done])))];
  return n === 0 ? '' : `guards in ${n}: ${[...what, ...done].join(', ')}`;
}

function guardText({ step, what, help, done, to }: GuardReport): string {
  const then = done === 'warned' ? '' : `; ${done}${to === undefined ? '' : ` to step ${count(to)}`}`;
  return `step ${count(step)}: ${what}${then}\n${help}`;
}

/** `7.8 ± 0.4`, below it least..most and the number of seeds. */
function summaryText(summary: Summary | undefined): string {
  if (summary === undefined) return '';
  const { n, mean, least, most, deviation } = summary;
  const range = n === 1 ? 'one seed' : least === most ? `alike in ${n} seeds` : `${shortText(Number(least))}..${shortText(Number(most))}, ${n} seeds`;
  return `${spreadText(mean, deviation)}${small(range)}`;
}

/** `+0.12 ± 0.03`, below it in how many seeds it was greater and smaller, and p where there are seeds enough. */
function pairedText(pairs: Paired | undefined): string {
  if (pairs === undefined) return '';
  const { n, mean, deviation, greater, smaller, p, adjusted } = pairs;
  const test = p === undefined ? '' : small(`p = ${pText(p)}${adjusted === undefined ? '' : `, by Holm ${pText(adjusted)}`}`);
  return `${Number(mean) > 0 ? '+' : ''}${spreadText(mean, deviation)}${small(`of ${n}: ${greater} greater, ${smaller} smaller`)}${test}`;
}

/** Of results read from a file, what is not a number is a text. */
function spreadText(mean: number, deviation: number | undefined): string {
  return `${shortText(Number(mean))}${deviation === undefined ? '' : ` ± ${shortText(Number(Number(deviation).toPrecision(2)))}`}`;
}

/** As `figureText`, without zeros at the end. */
export function shortText(value: number): string {
  return figureText(value)
    .replace(/(\.\d*?)0+(?=e|$)/, '$1')
    .replace(/\.(?=e|$)/, '');
}

function pText(p: number): string {
  return p < 1e-3 ? p.toExponential(1) : p.toFixed(3);
}

/** `3 finished, 1 diverged`. */
function statusText(runs: readonly CompareRun[]): string {
  return STATUS.flatMap((status) => {
    const n = runs.filter((run) => run.status === status).length;
    return n === 0 ? [] : [`<span class="${status}">${n} ${status}</span>`];
  }).join(', ');
}

/** `8.3 s`, `12:34`. */
export function timeText(seconds: number): string {
  return seconds < 60 ? `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s` : duration(seconds);
}

function shown(value: number | undefined, text: (value: number) => string): string {
  return value === undefined ? '' : text(value);
}

function small(text: string): string {
  return text === '' ? '' : ` <small>${text}</small>`;
}

function cell(tag: 'td' | 'th', html: string): string {
  return tag === 'th' ? `<th scope="col">${html}</th>` : `<td>${html}</td>`;
}

function number(tag: 'td' | 'th', html: string): string {
  return tag === 'th' ? `<th scope="col" class="number">${html}</th>` : `<td class="number">${html}</td>`;
}

export function table(kind: string, head: readonly string[], body: readonly string[]): string {
  return `<div class="wide"><table class="${kind}">\n<thead><tr>${head.join('')}</tr></thead>\n<tbody>\n${body.join('\n')}\n</tbody>\n</table></div>`;
}
