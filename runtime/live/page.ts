/** The page that a browser gets: the parts as they are now, and the script that puts others in their place. Without script it loads itself anew. */
import { createHash } from 'node:crypto';
import { REPORT_STYLE } from '../compare/report-style.js';
import { mainOf, PAGE_STYLE, pageOf } from '../show/document.js';
import { escapeText } from '../show/escape.js';
import type { Shown } from './channel.js';
import { CLIENT } from './client.js';

const LIVE_STYLE = `
nav { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0.25rem 1.5rem; margin-bottom: 1.25rem; font-size: 0.85rem; }
#live { margin: 0; color: var(--soft); }
#live::before { content: ''; display: inline-block; width: 0.6rem; height: 0.6rem; margin-right: 0.45rem; border-radius: 50%; background: currentColor; }
#live.on::before { background: var(--good); }
#live.off { color: var(--bad); }
.running { color: var(--good); }
.interrupted { color: var(--bad); }
.runs { width: 100%; font-size: 0.88rem; font-variant-numeric: tabular-nums; }
.runs th, .runs td { padding: 0.45rem 1rem 0.45rem 0; vertical-align: top; }
.runs tbody th { min-width: 9rem; font-weight: 600; overflow-wrap: anywhere; }
.runs small { display: block; max-width: 26rem; }
#live:empty::before { content: none; }
.runs progress { vertical-align: middle; width: 5rem; height: 0.55rem; margin-right: 0.35rem; }
.runs td { white-space: nowrap; }
.runs td small, .runs td:has(.figure) { white-space: normal; }
.figure { margin-right: 0.6rem; white-space: nowrap; }
`;

export interface LivePage {
  readonly html: string;
  /** Its Content-Security-Policy: nothing but what is in it, and the events and pictures of this server. */
  readonly policy: string;
}

/** `trail`: the pages of what this one is part of, the widest first. */
export function livePage(shown: Shown, trail: readonly { readonly name: string; readonly link: string }[]): LivePage {
  const report = shown.kind === 'comparison' ? REPORT_STYLE : '';
  const style = `${PAGE_STYLE}${report.trimStart()}${shown.style === report ? '' : shown.style.trimStart()}${LIVE_STYLE.trimStart()}`;
  const [header, ...sections] = shown.parts;
  const way = trail.map(({ name, link }) => `<a href="${escapeText(link)}">${escapeText(name)}</a> / `).join('');
  const state = shown.trouble === undefined ? '<noscript>loaded anew every 20 seconds</noscript>' : `cannot be read: ${escapeText(shown.trouble)}`;
  const html = pageOf({
    name: shown.title,
    head: `<noscript><meta http-equiv="refresh" content="20"></noscript>\n<style>${style}</style>`,
    version: shown.version,
    body: `<nav><span>${way}</span><p id="live" role="status">${state}</p></nav>\n${header}\n${mainOf(sections)}\n<script>${CLIENT}</script>`,
  });
  const policy = [
    "default-src 'none'",
    `script-src '${hashOf(CLIENT)}'`,
    `style-src '${hashOf(style)}'`,
    "img-src 'self' data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
  return { html, policy };
}

function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}
