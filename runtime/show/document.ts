/** What the pages of runs and of comparisons have in common: one HTML file that needs no network and no script, light or dark as the reader has it. */
import { escapeText } from './escape.js';

export interface Picture {
  /** A path beside the page, or a data URI. */
  readonly source: string;
  /** What it shows, for those who do not see it. */
  readonly about: string;
}

export interface DocumentFacts {
  readonly name: string;
  /** `finished`, `running`, ... */
  readonly status: string;
  /** What went wrong. */
  readonly message?: string;
  /** What was seen to go wrong on the way, and what helps. */
  readonly guards?: readonly { readonly what: string; readonly help: string }[];
  /** Named and said in a line each. */
  readonly facts: readonly (readonly [string, string])[];
  /** As `section` makes them; empty ones are left out. */
  readonly sections: readonly string[];
  /** Rules beside those of all pages. */
  readonly style: string;
  /** While it is true, the page loads itself anew. */
  readonly growing: boolean;
}

/** Seconds after which the page of a training under way is read again. */
const AGAIN = 20;
/** Signs of a fact that stands in a line of its own. */
const LONG = 48;

export function documentOf({ style, growing, ...facts }: DocumentFacts): string {
  const [header, ...sections] = partsOf(facts);
  const again = growing ? `<meta http-equiv="refresh" content="${AGAIN}">\n` : '';
  const grows = growing
    ? `<p class="growing">Still under way: this page is written again as it goes on, and loads itself anew every ${AGAIN} seconds.</p>\n`
    : '';
  return pageOf({ name: facts.name, head: `${again}<style>${PAGE_STYLE}${style.trimStart()}</style>`, body: `${grows}${header}\n${mainOf(sections)}` });
}

/** The page's parts, an element each: its header, then its sections. */
export function partsOf({ name, status, message, guards = [], facts, sections }: Omit<DocumentFacts, 'style' | 'growing'>): string[] {
  const header = `<header>
<h1>${escapeText(name)} <span class="status ${escapeText(status)}">${escapeText(status)}</span></h1>
${message === undefined ? '' : `<p class="message">${escapeText(message)}</p>\n`}${guards.map(({ what, help }) => `<p class="guard">${escapeText(what)} <small>${escapeText(help)}</small></p>\n`).join('')}${factList(facts)}
</header>`;
  return [header, ...sections.filter((part) => part !== '')];
}

export function mainOf(sections: readonly string[]): string {
  return `<main>\n${sections.join('\n')}\n</main>`;
}

/** A whole HTML file. `version`: of what is in it, for a script. */
export function pageOf({
  name,
  head,
  body,
  version,
}: {
  readonly name: string;
  readonly head: string;
  readonly body: string;
  readonly version?: string;
}): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeText(name)} - ganc</title>
<link rel="icon" href="data:,">
${head}
</head>
<body${version === undefined ? '' : ` data-version="${escapeText(version)}"`}>
${body}
</body>
</html>
`;
}

export function factList(facts: readonly (readonly [string, string])[]): string {
  const items = facts.map(([term, text]) => `<div${text.length > LONG ? ' class="long"' : ''}><dt>${escapeText(term)}</dt><dd>${escapeText(text)}</dd></div>`);
  return `<dl class="facts">\n${items.join('\n')}\n</dl>`;
}

export function section(title: string, body: string): string {
  return `<section>\n<h2>${escapeText(title)}</h2>\n${body}\n</section>`;
}

export function image({ source, about }: Picture): string {
  return `<img src="${escapeText(source)}" alt="${escapeText(about)}" loading="lazy">`;
}

/** A picture as part of the page; of a file or its ending, `.gif` or `.png`. */
export function dataUri(file: string, bytes: Uint8Array): string {
  return `data:image/${file.endsWith('.gif') ? 'gif' : 'png'};base64,${Buffer.from(bytes).toString('base64')}`;
}

/** Rules of all pages. */
export const PAGE_STYLE = `
:root { color-scheme: light dark; --ink: #1d2129; --soft: #5c6573; --line: #d9dee6; --ground: #fff; --card: #f5f7fa; --good: #1a7f4b; --bad: #b3261e; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ee; --soft: #9aa4b2; --line: #333a45; --ground: #14171c; --card: #1d2129; --good: #5fd39a; --bad: #ff8a80; }
  .plot svg { filter: invert(0.9) hue-rotate(180deg); }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 66rem; padding: 2rem 1.25rem 4rem; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
h1 { margin: 0 0 1rem; font-size: 1.75rem; overflow-wrap: anywhere; }
h2 { margin: 2.5rem 0 0.75rem; font-size: 1.15rem; }
.status { margin-left: 0.5rem; padding: 0.1rem 0.6rem; border: 1px solid; border-radius: 1rem; color: var(--soft); font-size: 0.8rem; font-weight: 500; vertical-align: middle; }
.finished { color: var(--good); }
.diverged, .failed, .message, .guard { color: var(--bad); }
.growing { margin: 0 0 1.25rem; color: var(--soft); font-size: 0.85rem; }
.guard { overflow-wrap: anywhere; }
.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); gap: 0.75rem 1.5rem; margin: 0; }
.long { grid-column: 1 / -1; }
dt { color: var(--soft); font-size: 0.8rem; }
dd { margin: 0; overflow-wrap: anywhere; }
table { border-collapse: collapse; }
th, td { padding: 0.5rem 1rem 0.5rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: middle; font-weight: 400; }
thead th { color: var(--soft); font-size: 0.8rem; }
small { color: var(--soft); }
figure { margin: 0; }
figcaption { color: var(--soft); font-size: 0.8rem; }
figure img { max-width: 100%; background: #fff; border-radius: 4px; }
a { color: inherit; }
.plot, .wide { overflow-x: auto; }
.plot svg { max-width: 100%; height: auto; border-radius: 4px; }
.figures td, .figures thead th { text-align: right; font-variant-numeric: tabular-nums; }
code, pre { font: 0.85rem/1.5 ui-monospace, monospace; }
pre { overflow-x: auto; padding: 1rem; background: var(--card); border-radius: 6px; }
summary { cursor: pointer; color: var(--soft); }
`;
