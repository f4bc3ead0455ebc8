/** The comments of a text on their way into its printed form, each handed out once, in the order of the text. */
import type { Comment } from './comments.js';
import { type Doc, hardline, suffix } from './doc.js';
import { position, type Source } from './source.js';

export class Margin {
  private next = 0;

  constructor(
    private readonly comments: readonly Comment[] = [],
    private readonly source: Source = { name: '', text: '' },
  ) {}

  /** Whether any comment stands before an offset that is not yet handed out. */
  pending(offset: number): boolean {
    return this.next < this.comments.length && this.comments[this.next].start < offset;
  }

  /** The comments before an offset: those behind other text of their line, and those on lines of their own. */
  gap(offset: number): { readonly tail: Doc; readonly alone: readonly Comment[] } {
    const tail: Doc[] = [];
    const alone: Comment[] = [];
    for (; this.pending(offset); this.next++) {
      const comment = this.comments[this.next];
      if (comment.alone) alone.push(comment);
      else tail.push(suffix(written(comment)));
    }
    return { tail, alone };
  }

  /** The comments before an offset that stand behind other text of their line, up to the first that stands alone. */
  tail(offset: number): Doc {
    const tail: Doc[] = [];
    for (; this.pending(offset) && !this.comments[this.next].alone; this.next++) tail.push(suffix(written(this.comments[this.next])));
    return tail;
  }

  /** As `gap`, for a place where a line may begin: the lone comments come before it. */
  inside(offset: number): Doc {
    const { tail, alone } = this.gap(offset);
    return [tail, alone.map((comment): Doc => [hardline, written(comment)])];
  }

  /** The comment behind an offset on the same line, where only a comma stands between. */
  behind(offset: number): Doc {
    const comment = this.comments[this.next];
    if (comment === undefined || comment.alone || comment.start < offset || comment.line !== position(this.source, offset).line) return '';
    if (!/^[\s,]*$/.test(this.source.text.slice(offset, comment.start))) return '';
    this.next++;
    return suffix(written(comment));
  }

  /** Whether a blank line stands between two offsets. */
  blank(from: number, to: number): boolean {
    return from < to && /(\r\n|\n|\r)[ \t]*(\r\n|\n|\r)/.test(this.source.text.slice(from, to));
  }

  /** Whether two offsets stand on different lines. */
  apart(from: number, to: number): boolean {
    return from < to && /[\r\n]/.test(this.source.text.slice(from, to));
  }

  /** Whether two different offsets stand on one line. */
  together(from: number, to: number): boolean {
    return from < to && !this.apart(from, to);
  }
}

export function written({ text }: { readonly text: string }): string {
  return text === '' ? '//' : `// ${text}`;
}
