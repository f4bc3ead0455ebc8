/** A text and where things are in it. */
export interface Source {
  /** What a message calls the text: a path as the user wrote it, or `prelude/layers.gan`. */
  readonly name: string;
  readonly text: string;
}

/** Half-open range of UTF-16 offsets in one source. */
export interface Span {
  readonly source: Source;
  readonly start: number;
  readonly end: number;
}

const lineTables = new WeakMap<Source, readonly number[]>();

/** Offsets at which the lines of a text begin; a line ends with `\n`, `\r\n` or `\r`. */
export function lineStarts(source: Source): readonly number[] {
  let starts = lineTables.get(source);
  if (starts === undefined) {
    starts = [0, ...Array.from(source.text.matchAll(/\r\n|\n|\r/g), (match) => match.index + match[0].length)];
    lineTables.set(source, starts);
  }
  return starts;
}

/** 1-based line and column of an offset; columns count UTF-16 units. */
export function position(source: Source, offset: number): { line: number; column: number } {
  const starts = lineStarts(source);
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (starts[middle] <= offset) low = middle;
    else high = middle - 1;
  }
  return { line: low + 1, column: offset - starts[low] + 1 };
}

/** Line `line` (1-based) without its line end. */
export function lineText(source: Source, line: number): string {
  const starts = lineStarts(source);
  return source.text.slice(starts[line - 1], starts[line]).replace(/[\r\n]+$/, '');
}

/** How many characters of space the line of an offset begins with. */
export function indentAt(source: Source, offset: number): number {
  const text = lineText(source, position(source, offset).line);
  return text.length - text.trimStart().length;
}

/** The smallest span that covers both. */
export function join(a: Span, b: Span): Span {
  return { source: a.source, start: Math.min(a.start, b.start), end: Math.max(a.end, b.end) };
}
