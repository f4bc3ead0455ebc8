/** What the compiler says about a text: one record a mistake. Rendering is in `render.ts`. */
import type { Source, Span } from './source.js';

export interface Note {
  readonly message: string;
  readonly span?: Span;
}

export interface Diagnostic {
  /** Stable: `GAN1000-1999` syntax, `GAN2000-2999` names and values, `GAN3000-3999` shapes, `GAN4000-4999` game, schedule and data. */
  readonly code: string;
  readonly severity: 'error' | 'warning';
  /** One sentence: what is wrong. */
  readonly message: string;
  readonly span: Span;
  /** A few words under the underlined part. */
  readonly label?: string;
  /** What to write instead. */
  readonly help?: string;
  /** The chain of blocks that led there, other places, frames of the prelude. */
  readonly notes?: readonly Note[];
}

/** Collects diagnostics; one a place, code and message. */
export class Diagnostics {
  readonly list: Diagnostic[] = [];
  private readonly known = new Map<Source, Set<string>>();

  add(diagnostic: Diagnostic): void {
    const { span, code, message } = diagnostic;
    let known = this.known.get(span.source);
    if (known === undefined) this.known.set(span.source, (known = new Set()));
    const key = `${span.start} ${span.end} ${code} ${message}`;
    if (known.has(key)) return;
    known.add(key);
    this.list.push(diagnostic);
  }

  get failed(): boolean {
    return this.list.some((d) => d.severity === 'error');
  }
}
