/** How the page of a comparison looks, beside what all pages share. */
import { COLOURS } from './charts.js';

/** Told apart also by those who see red and green alike (Okabe and Ito, 2008); on a dark ground lighter. */
const LIGHT = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#b58900', '#3a9bd9', '#6b6b6b'];
const DARK = ['#4fa8e0', '#ff8f57', '#3fcf9f', '#e6a6cc', '#e6c04d', '#93d2f6', '#b0b0b0'];

const named = (colours: readonly string[]): string =>
  colours
    .slice(0, COLOURS)
    .map((colour, i) => `--series-${i}: ${colour};`)
    .join(' ');

export const REPORT_STYLE = `
:root { ${named(LIGHT)} --added: #e3f5ea; --removed: #fdeaea; }
@media (prefers-color-scheme: dark) { :root { ${named(DARK)} --added: #143524; --removed: #42201f; } }
body { max-width: 84rem; }
.verdict { margin: 1.25rem 0 0; font-size: 1.1rem; }
.note { max-width: 60rem; margin: 0.5rem 0; color: var(--soft); font-size: 0.88rem; }
.board { width: 100%; font-size: 0.88rem; font-variant-numeric: tabular-nums; }
.board th, .board td { padding: 0.5rem 0.8rem 0.5rem 0; white-space: nowrap; }
.board thead th { vertical-align: bottom; white-space: normal; }
.board td:last-child { white-space: normal; }
.board .number { text-align: right; }
.board td small, .board th small { display: block; }
.board tbody th { min-width: 11rem; max-width: 16rem; font-weight: 600; white-space: normal; overflow-wrap: anywhere; }
.board .best > * { background: var(--card); }
.board td:first-child, .board th:first-child { padding-left: 0.6rem; }
.board .mistake { white-space: normal; }
.mistake pre { max-width: 60rem; margin: 0; padding: 0; background: none; color: var(--bad); white-space: pre-wrap; overflow-wrap: anywhere; }
.legend { display: flex; flex-wrap: wrap; gap: 0.3rem 1.25rem; margin: 0 0 0.75rem; padding: 0; list-style: none; font-size: 0.88rem; }
.swatch { width: 22px; height: 8px; margin-right: 0.45rem; vertical-align: middle; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(34rem, 100%), 1fr)); gap: 1.25rem; }
.charts figure { padding: 0.75rem 0.75rem 0.5rem; background: var(--card); border-radius: 8px; --ground: var(--card); }
.charts figcaption { margin: 0 0 0.25rem 0.25rem; color: var(--ink); font-size: 0.95rem; font-weight: 600; }
.charts figcaption small { font-weight: 400; }
.charts svg { display: block; width: 100%; height: auto; }
.sheet { margin-bottom: 1rem; }
.sheet th, .sheet td { padding: 0.4rem 1rem 0.4rem 0; }
.sheet thead th { max-width: 11rem; color: var(--ink); font-weight: 600; vertical-align: bottom; overflow-wrap: anywhere; }
.sheet tbody th { min-width: 9rem; max-width: 16rem; font-size: 0.88rem; }
.sheet small { display: block; font-weight: 400; }
.sheet img { display: block; width: 8rem; image-rendering: pixelated; border-radius: 4px; background: #fff; }
.tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(19rem, 100%), 1fr)); gap: 1rem; }
.tiles figcaption { padding-bottom: 0.4rem; color: var(--ink); font-weight: 600; }
.tiles small { display: block; font-weight: 400; }
.tiles img { display: block; width: 100%; }
.change { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: 1.25rem; align-items: start; margin: 0.75rem 0 1.5rem; }
@media (max-width: 60rem) { .change { grid-template-columns: minmax(0, 1fr); } }
.change pre { margin: 0; padding: 0.75rem 0; }
.change pre span { display: block; padding: 0 1rem; min-height: 1.5em; }
.change table { font-size: 0.88rem; }
.change td, .change thead th { text-align: right; font-variant-numeric: tabular-nums; }
.added { background: var(--added); }
.removed { background: var(--removed); }
.place { color: var(--soft); }
details { margin: 0.5rem 0; }
summary b { color: var(--ink); font-weight: 600; }
`;
