/** Runs in a table, each with how far it is and a link to its own page. */
import { escapeText } from '../show/escape.js';
import { count, figureText } from '../show/quantities.js';
import { type FoundRun, ownSettings } from '../train/runs.js';

export interface Row {
  readonly run: FoundRun;
  /** What it is called here, and where its page is. */
  readonly name: string;
  readonly link: string;
}

/** Columns that say nothing are left out. */
export function runsTable(rows: readonly Row[]): string {
  const all = rows.map(({ run }) => run);
  const columns: readonly (readonly [string, (row: Row) => string])[] = [
    ['Spec', ({ run, name }) => (name.includes(run.name) ? '' : escapeText(run.name))],
    [
      'Settings',
      ({ run }) =>
        escapeText(
          ownSettings(run, all)
            .map(([name, value]) => `${name}=${value}`)
            .join(' '),
        ),
    ],
    ['Seed', ({ run }) => escapeText(run.seed)],
    ['Steps', ({ run }) => stepsOf(run)],
    ['Status', ({ run }) => statusOf(run)],
    ['Losses', ({ run }) => figuresOf(run.losses)],
    ['Figures', ({ run }) => figuresOf(run.metrics)],
    ['Began', ({ run }) => escapeText(run.began.slice(0, 16).replace('T', ' '))],
  ];
  const kept = columns.map(([name, of]) => ({ name, cells: rows.map(of) })).filter(({ cells }) => cells.some((cell) => cell !== ''));
  const head = ['Run', ...kept.map(({ name }) => name)].map((name) => `<th scope="col">${name}</th>`).join('');
  const body = rows.map(
    ({ name, link }, i) =>
      `<tr><th scope="row"><a href="${escapeText(link)}">${escapeText(name)}</a></th>${kept.map(({ cells }) => `<td>${cells[i]}</td>`).join('')}</tr>`,
  );
  return `<div class="wide"><table class="runs">\n<thead><tr>${head}</tr></thead>\n<tbody>\n${body.join('\n')}\n</tbody>\n</table></div>`;
}

function stepsOf({ step, steps }: FoundRun): string {
  // Under a budget of time nobody knows how many there will be.
  if (steps < step) return count(step);
  return step === steps ? count(step) : `<progress max="${steps}" value="${step}">${count(step)}</progress> ${count(step)} of ${count(steps)}`;
}

function statusOf({ status, message, guards }: FoundRun): string {
  const said = [...(message === undefined ? [] : [message]), ...guards];
  return `<span class="${status}">${status}</span>${[...new Set(said)].map((text) => ` <small>${escapeText(text)}</small>`).join('')}`;
}

function figuresOf(values: Readonly<Record<string, number>>): string {
  return Object.entries(values)
    .map(([name, value]) => `<span class="figure">${escapeText(name)} ${figureText(value)}</span>`)
    .join(' ');
}
