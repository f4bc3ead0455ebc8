/** Comments of a text: kept apart from the tokens, found again by place. */
import type { IToken } from 'chevrotain';
import { position, type Source } from './source.js';

export interface Comment {
  /** Without `//` and one space after it. */
  readonly text: string;
  readonly start: number;
  readonly end: number;
  /** 1-based. */
  readonly line: number;
  /** True where nothing but space stands before it on its line. */
  readonly alone: boolean;
}

export function readComments(tokens: readonly IToken[], source: Source): Comment[] {
  return tokens.map((token) => {
    const start = token.startOffset;
    const { line, column } = position(source, start);
    const before = source.text.slice(start - column + 1, start);
    const text = token.image.replace(/^(\/\/|#) ?/, '').trimEnd();
    return { text, start, end: start + token.image.length, line, alone: before.trim() === '' };
  });
}

/** Finds the comment block that ends on the line above a token: its text, a line each, or undefined where there is none. */
export function docReader(comments: readonly Comment[], source: Source): (token: IToken) => string | undefined {
  const alone = new Map(comments.filter((c) => c.alone).map((c) => [c.line, c]));
  return (token) => {
    if (alone.size === 0 || Number.isNaN(token.startOffset)) return undefined;
    const { line, column } = position(source, token.startOffset);
    if (source.text.slice(token.startOffset - column + 1, token.startOffset).trim() !== '') return undefined;
    const block: string[] = [];
    for (let above = alone.get(line - 1); above !== undefined; above = alone.get(above.line - 1)) block.unshift(above.text);
    const text = block.join('\n');
    return text.trim() === '' ? undefined : text;
  };
}
