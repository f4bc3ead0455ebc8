/** Results go to stdout, talk to stderr; colours where a terminal shows them and NO_COLOR is not set. */
import type { WriteStream } from 'node:tty';
import colours from 'picocolors';

export { bytes, count, duration, magnitude, roughly } from '../runtime/show/quantities.js';

export type Colours = ReturnType<typeof colours.createColors>;

export interface Output {
  (text: string): void;
  readonly colors: Colours;
  readonly terminal: boolean;
  /** Columns of the terminal; 100 where there is none. */
  readonly width: number;
}

function output(stream: NodeJS.WriteStream): Output {
  const terminal = Boolean(stream.isTTY) && process.env.TERM !== 'dumb';
  const { NO_COLOR, FORCE_COLOR } = process.env;
  const coloured = NO_COLOR ? false : FORCE_COLOR ? FORCE_COLOR !== '0' : terminal;
  const write = (text: string) => void stream.write(text);
  return Object.defineProperties(write, {
    colors: { value: colours.createColors(coloured) },
    terminal: { value: terminal },
    width: { get: () => (stream as WriteStream).columns || 100 },
  }) as Output;
}

export const out: Output = output(process.stdout);
export const err: Output = output(process.stderr);

/** A reader that closes the pipe (`| head`) is no error. */
export function forgiveClosedPipes(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit(process.exitCode ?? 0);
      throw error;
    });
  }
}

/** Columns padded to their widest cell; `right` names the columns that hold numbers. */
export function table(rows: readonly (readonly string[])[], right: readonly number[] = [], indent = ''): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  }
  const line = (row: readonly string[]) => row.map((cell, i) => (right.includes(i) ? cell.padStart(widths[i]) : cell.padEnd(widths[i]))).join('  ');
  return rows.map((row) => `${indent}${line(row).trimEnd()}\n`).join('');
}

/** Lines of at most `width` columns, broken between words. */
export function wrap(text: string, width: number): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/)) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line].join('\n');
}

/** `[1, 28, 28]`. */
export function shapeText(shape: readonly number[]): string {
  return `[${shape.join(', ')}]`;
}
