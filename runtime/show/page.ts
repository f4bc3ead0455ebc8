/** A run as one page, `index.html`: what it makes, at first and now, how its losses went, what was measured, and how to go on. Needs no network and no script. */
import { type DocumentFacts, documentOf, image, type Picture, section } from './document.js';
import { escapeText } from './escape.js';

/** Samples after so many steps. */
export interface Look {
  readonly step: number;
  /** All of them in one picture, and the file that it is. */
  readonly whole?: Picture & { readonly file: string };
  /** The first few each by itself, under what it was made from. */
  readonly each: readonly { readonly lines: readonly string[]; readonly picture: Picture }[];
  /** Files with all of them. */
  readonly files: readonly string[];
}

export interface PageFacts {
  readonly name: string;
  /** `finished`, `running`, ... */
  readonly status: string;
  /** What went wrong. */
  readonly message?: string;
  /** What guards saw, and what helps. */
  readonly guards?: readonly { readonly what: string; readonly help: string }[];
  /** Named and said in a line each. */
  readonly facts: readonly (readonly [string, string])[];
  /** By sample line, in the order of their steps. */
  readonly samples: readonly { readonly name: string; readonly looks: readonly Look[] }[];
  /** The training went on from weights of the first look. */
  readonly wentOn: boolean;
  /** SVG texts. */
  readonly plots: readonly { readonly title: string; readonly svg: string }[];
  /** What was measured: names, and a figure for each of the steps. */
  readonly figures?: { readonly steps: readonly number[]; readonly rows: readonly { readonly name: string; readonly values: readonly string[] }[] };
  /** What to do next: a command, and what it does. */
  readonly commands: readonly { readonly command: string; readonly about: string }[];
  readonly spec?: string;
  /** While it is true, the page loads itself anew. */
  readonly growing: boolean;
}

export function runPage(page: PageFacts): string {
  return documentOf(runDocument(page));
}

export function runDocument(page: PageFacts): DocumentFacts {
  const { name, status, message, guards, facts, samples, plots, figures, commands, spec, growing } = page;
  return {
    name,
    status,
    message,
    guards,
    facts,
    growing,
    style: STYLE,
    sections: [
      ...samples.map((sample) => section(`Samples: ${sample.name}`, looks(sample.looks, page.wentOn))),
      ...plots.map(({ title, svg }) => section(title, `<div class="plot">${svg.trim()}</div>`)),
      figures === undefined ? '' : section('Figures', figureTable(figures)),
      section(
        'Next',
        `<dl class="next">\n${commands.map(({ command, about }) => `<dt><code>${escapeText(command)}</code></dt><dd>${escapeText(about)}</dd>`).join('\n')}\n</dl>`,
      ),
      spec === undefined ? '' : section('Spec', `<details><summary>What was trained</summary>\n<pre>${escapeText(spec.trimEnd())}</pre></details>`),
    ],
  };
}

/** The first beside the latest; below, all between. */
function looks(all: readonly Look[], wentOn: boolean): string {
  const latest = all[all.length - 1];
  const first = all.length > 1 ? all[0] : undefined;
  const heads = [first && `${wentOn ? 'Before' : 'At first'}, ${steps(first.step)}`, `${wentOn ? 'After' : 'Now'}, ${steps(latest.step)}`];
  const parts = [latest.each.length > 0 ? cards(first, latest, heads) : pair(first, latest, heads)];
  const files = latest.files.map((file) => `<a href="${escapeText(file)}">${escapeText(file)}</a>`);
  if (files.length > 0) parts.push(`<p class="files">Files: ${files.join(', ')}</p>`);
  const between = all.filter((look) => look.whole !== undefined);
  if (between.length > 2)
    parts.push(
      `<details><summary>Step by step</summary>\n<div class="steps">\n${between
        .map(
          ({ step, whole }) => `<figure>${whole === undefined ? '' : image({ ...whole, source: whole.file })}<figcaption>${steps(step)}</figcaption></figure>`,
        )
        .join('\n')}\n</div></details>`,
    );
  return parts.join('\n');
}

/** A card for each sample: the pictures, and what they were made from. */
function cards(first: Look | undefined, latest: Look, heads: readonly (string | undefined)[]): string {
  const made = latest.each.map(({ lines, picture }, k) => {
    const [caption = '', ...more] = lines;
    const words = `${escapeText(caption)}${more.map((line) => ` <small>${escapeText(line)}</small>`).join('')}`;
    const shown = [first?.each[k]?.picture, picture].flatMap((one, i) =>
      one === undefined ? [] : [`<figure>${image(one)}<figcaption>${escapeText(heads[i] as string)}</figcaption></figure>`],
    );
    return `<li><p>${words}</p><div>${shown.join('')}</div></li>`;
  });
  return `<ul class="cards">\n${made.join('\n')}\n</ul>`;
}

function pair(first: Look | undefined, latest: Look, heads: readonly (string | undefined)[]): string {
  const figures = [first, latest].flatMap((look, i) =>
    look?.whole === undefined ? [] : [`<figure><figcaption>${escapeText(heads[i] as string)}</figcaption>${image(look.whole)}</figure>`],
  );
  return `<div class="pair">\n${figures.join('\n')}\n</div>`;
}

function figureTable({ steps: at, rows: lines }: NonNullable<PageFacts['figures']>): string {
  const head = at.map((step) => `<th scope="col">${steps(step)}</th>`).join('');
  const body = lines.map(
    ({ name, values }) => `<tr><th scope="row">${escapeText(name)}</th>${values.map((text) => `<td>${escapeText(text)}</td>`).join('')}</tr>`,
  );
  return `<div class="wide"><table class="figures">\n<thead><tr><td></td>${head}</tr></thead>\n<tbody>\n${body.join('\n')}\n</tbody>\n</table></div>`;
}

function steps(step: number): string {
  return `${step.toLocaleString('en')} step${step === 1 ? '' : 's'}`;
}

const STYLE = `
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(19rem, 100%), 1fr)); gap: 1rem; margin: 0; padding: 0; list-style: none; }
.cards li { display: flex; flex-direction: column; justify-content: space-between; padding: 0.9rem 1rem; background: var(--card); border-radius: 8px; }
.cards p { margin: 0 0 0.6rem; }
.cards div { display: flex; gap: 0.75rem; }
.cards figure { flex: 0 1 50%; }
.cards img { display: block; width: 100%; image-rendering: pixelated; }
.pair { display: flex; flex-wrap: wrap; gap: 1.5rem; }
.pair figure { flex: 1 1 22rem; }
.steps { display: grid; grid-template-columns: repeat(auto-fill, minmax(18rem, 1fr)); gap: 1rem; margin-top: 1rem; }
.files { color: var(--soft); font-size: 0.85rem; }
.next dt { margin-top: 0.75rem; }
.next code { color: var(--ink); }
`;
