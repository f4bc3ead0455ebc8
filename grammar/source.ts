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

/** 1-based line and column of an offset. */
export function position(source: Source, offset: number): { line: number; column: number } {
  const before = source.text.slice(0, offset);
  const line = before.split('\n').length;
  return { line, column: offset - before.lastIndexOf('\n') };
}

/** The smallest span that covers both. */
export function join(a: Span, b: Span): Span {
  return { source: a.source, start: Math.min(a.start, b.start), end: Math.max(a.end, b.end) };
}
