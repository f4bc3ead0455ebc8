/** The blocks of the prelude as a reader meets them: signature, comment and text. */
import { Diagnostics } from '../../grammar/diagnostics.js';
import { parse } from '../../grammar/parser.js';
import { prelude } from './text.js';

export interface PreludeFile {
  /** `layers`, for `layers.gan`. */
  readonly subject: string;
  /** The comment that the file begins with. */
  readonly comment: string;
  readonly blocks: readonly PreludeBlock[];
}

export interface PreludeBlock {
  readonly name: string;
  readonly subject: string;
  /** `linear(x, features, bias: true)`, as written. */
  readonly signature: string;
  /** The comment above it, without `//`: shapes, formula, source. */
  readonly comment: string;
  /** The whole block, as written, without its comment. */
  readonly text: string;
}

/** Every file of the prelude by name, its blocks in program order. */
export function preludeFiles(): PreludeFile[] {
  return prelude.map((source) => {
    const subject = source.name.replace(/^.*\/|\.gan$/g, '');
    const blocks = parse(source, new Diagnostics()).items.flatMap((item): PreludeBlock[] => {
      if (item.kind !== 'block') return [];
      const slice = (from: number, to: number): string => source.text.slice(from, to).trim();
      const { name, span, body, doc } = item;
      return [{ name: name.text, subject, signature: slice(name.span.start, body.span.start), comment: doc ?? '', text: slice(span.start, span.end) }];
    });
    const lead = /^(?:\/\/.*\n)+/.exec(source.text)?.[0] ?? '';
    return { subject, comment: lead.replace(/^\/\/ ?/gm, '').trim(), blocks };
  });
}
