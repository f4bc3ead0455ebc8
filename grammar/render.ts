/** Shows diagnostics: framed for people, a line each for tools that read lines, JSON for programs. */
import picocolors from 'picocolors';
import type { Diagnostic } from './diagnostics.js';
import { lineText, position, type Span } from './source.js';

export type Format = 'pretty' | 'plain' | 'json';

export interface RenderOptions {
  readonly format: Format;
  readonly color: boolean;
}

type Colors = ReturnType<typeof picocolors.createColors>;

/** Diagnostics in the order of their places, each text's together. `pretty` ends with a line that counts them; no diagnostics give an empty text (`[]` in JSON). */
export function renderDiagnostics(list: readonly Diagnostic[], options: RenderOptions): string {
  const sorted = inOrder(list);
  if (options.format === 'json') return JSON.stringify(sorted.map(toJson), null, 2);
  if (sorted.length === 0) return '';
  if (options.format === 'plain') return sorted.map(plain).join('\n');
  const colors = picocolors.createColors(options.color);
  return [...sorted.map((d) => pretty(d, colors)), count(sorted)].join('\n\n');
}

function inOrder(list: readonly Diagnostic[]): Diagnostic[] {
  const names = [...new Set(list.map((d) => d.span.source.name))];
  return [...list].sort((a, b) => names.indexOf(a.span.source.name) - names.indexOf(b.span.source.name) || a.span.start - b.span.start);
}

function plain(d: Diagnostic): string {
  return `${place(d.span)}: ${d.severity} ${d.code}: ${oneLine(d.message)}${d.help === undefined ? '' : ` (${oneLine(d.help)})`}`;
}

function place(span: Span): string {
  const { line, column } = position(span.source, span.start);
  return `${span.source.name}:${line}:${column}`;
}

function oneLine(text: string): string {
  return text.replace(/\s*[\r\n]+\s*/g, ' ');
}

function toJson(d: Diagnostic): object {
  return {
    ...range(d.span),
    code: d.code,
    severity: d.severity,
    message: d.message,
    label: d.label ?? null,
    help: d.help ?? null,
    notes: (d.notes ?? []).map((note) => ({ message: note.message, ...(note.span === undefined ? {} : range(note.span)) })),
  };
}

/** `endColumn` is that of the first character after the span. */
function range(span: Span): { file: string; line: number; column: number; endLine: number; endColumn: number } {
  const start = position(span.source, span.start);
  const end = position(span.source, Math.max(span.start, span.end));
  return { file: span.source.name, line: start.line, column: start.column, endLine: end.line, endColumn: end.column };
}

// ---------------------------------------------------------------- pretty

function pretty(d: Diagnostic, colors: Colors): string {
  const paint = d.severity === 'error' ? colors.red : colors.yellow;
  const lines = [`${colors.bold(place(d.span))}: ${paint(colors.bold(`${d.severity} ${d.code}`))}: ${colors.bold(d.message)}`];
  const width = gutter([d.span, ...(d.notes ?? []).flatMap((n) => (n.span === undefined ? [] : [n.span]))]);
  lines.push(...frame(d.span, width, d.label, '^', paint, colors));
  if (d.help !== undefined) lines.push(remark(width, 'help', d.help, colors));
  for (const note of d.notes ?? []) {
    if (note.span === undefined) {
      lines.push(remark(width, 'note', note.message, colors));
      continue;
    }
    lines.push(remark(width, 'note', `${note.message} ${colors.dim(`(${place(note.span)})`)}`, colors));
    lines.push(...frame(note.span, width, undefined, '-', colors.cyan, colors));
  }
  return lines.join('\n');
}

function gutter(spans: readonly Span[]): number {
  return Math.max(...spans.map((span) => String(position(span.source, span.start).line).length));
}

/** `   = help: text`, further lines of the text set below its first. */
function remark(width: number, kind: 'help' | 'note', text: string, colors: Colors): string {
  const head = `${' '.repeat(width + 1)}= ${kind}: `;
  const [first, ...rest] = text.split('\n');
  const paint = kind === 'help' ? colors.green : colors.cyan;
  return [`${' '.repeat(width + 1)}${colors.dim('=')} ${paint(`${kind}:`)} ${first}`, ...rest.map((line) => ' '.repeat(head.length) + line)].join('\n');
}

/** Longest part of a source line that is shown. */
const widest = 160;
const tab = 4;

/** The first line of a span, underlined. */
function frame(span: Span, width: number, label: string | undefined, mark: '^' | '-', paint: (text: string) => string, colors: Colors): string[] {
  const { line, column } = position(span.source, span.start);
  const text = lineText(span.source, line);
  const from = Math.min(column - 1, text.length);
  const last = position(span.source, Math.max(span.start, span.end)).line > line;
  const to = Math.max(from, Math.min(text.length, last ? text.trimEnd().length : from + (span.end - span.start)));
  const cut = window(text, from, to);
  const before = columns(text.slice(cut.from, from), 0);
  const marked = Math.max(1, columns(text.slice(from, Math.min(to, cut.to)), before) - before);
  const lead = cut.from > 0 ? '... ' : '';
  const shown = lead + spread(text.slice(cut.from, cut.to)) + (cut.to < text.length ? ' ...' : '');
  const bar = colors.dim('|');
  const under = ' '.repeat(lead.length + before) + paint(mark.repeat(marked) + (label === undefined ? '' : ` ${label}`));
  return [`${colors.dim(`${String(line).padStart(width)} |`)} ${shown}`.trimEnd(), `${' '.repeat(width)} ${bar} ${under}`];
}

/** The part of a long line that is shown: all of a line of usual length. */
function window(text: string, from: number, to: number): { from: number; to: number } {
  if (text.length <= widest) return { from: 0, to: text.length };
  const start = Math.max(0, Math.min(from - 40, Math.max(to, from + 1) + 20 - widest));
  const begin = from < widest - 40 ? 0 : Math.max(start, from - 40);
  return { from: begin, to: Math.min(text.length, begin + widest) };
}

/** Tabs to spaces; characters that would move the cursor to a replacement of one column. */
function spread(text: string): string {
  let out = '';
  let at = 0;
  for (const char of text) {
    if (char === '\t') {
      const step = tab - (at % tab);
      out += ' '.repeat(step);
      at += step;
    } else {
      const shown = isControl(char) ? '\ufffd' : char;
      out += shown;
      at += cells(shown);
    }
  }
  return out;
}

/** The column that a text reaches, begun at column `at`. */
function columns(text: string, at: number): number {
  let reached = at;
  for (const char of text) reached += char === '\t' ? tab - (reached % tab) : cells(isControl(char) ? '\ufffd' : char);
  return reached;
}

function isControl(char: string): boolean {
  const code = char.codePointAt(0) as number;
  return code < 0x20 || (code >= 0x7f && code < 0xa0) || (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

/** Terminal cells of a character: none for combining marks and joiners, two for East Asian wide ones and pictographs. */
function cells(char: string): number {
  const code = char.codePointAt(0) as number;
  if (code < 0x300) return 1;
  if (/\p{Mn}|\p{Me}|\p{Cf}/u.test(char)) return 0;
  const wide =
    (code >= 0x1100 && code <= 0x115f) ||
    (code >= 0x2e80 && code <= 0xa4cf) ||
    (code >= 0xac00 && code <= 0xd7a3) ||
    (code >= 0xf900 && code <= 0xfaff) ||
    (code >= 0xfe30 && code <= 0xfe6f) ||
    (code >= 0xff00 && code <= 0xff60) ||
    (code >= 0xffe0 && code <= 0xffe6) ||
    (code >= 0x1f300 && code <= 0x1faff) ||
    (code >= 0x20000 && code <= 0x3fffd);
  return wide ? 2 : 1;
}

function count(list: readonly Diagnostic[]): string {
  const errors = list.filter((d) => d.severity === 'error').length;
  const warnings = list.length - errors;
  const said = (n: number, word: string): string[] => (n === 0 ? [] : [`${n} ${word}${n === 1 ? '' : 's'}`]);
  return [...said(errors, 'error'), ...said(warnings, 'warning')].join(', ');
}
