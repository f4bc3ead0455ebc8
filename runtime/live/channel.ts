/** One page that is watched: its parts as they are now, and those who look at it, who are told which parts have changed. */
import { randomBytes } from 'node:crypto';
import { type DocumentFacts, partsOf } from '../show/document.js';
import type { Kind, View } from './view.js';

/** What a listener is told: by their place, the parts that are not as before. */
export interface Change {
  readonly title: string;
  readonly count: number;
  readonly parts: Readonly<Record<number, string>>;
  /** Why what is shown may be old. */
  readonly trouble?: string;
}

export interface Listener {
  changed(version: string, change: Change): void;
  /** The page has become another one altogether. */
  other(): void;
}

/** Of what is shown now. */
export interface Shown {
  readonly version: string;
  readonly kind: Kind;
  readonly title: string;
  readonly style: string;
  readonly parts: readonly string[];
  readonly trouble?: string;
}

export interface Source {
  readonly kind: Kind;
  readonly view: View;
}

/** Milliseconds between looks at the folder; where making the page takes long, so many times as long, up to the most. */
const EVERY = 1000;
const TIMES = 5;
const MOST = 5000;

export class Channel {
  private readonly listeners = new Set<Listener>();
  /** Versions of another process are no versions of this one. */
  private readonly token = randomBytes(6).toString('hex');
  private count = 0;
  private source: Source | undefined;
  private stamp: string | undefined;
  private shown: Shown | undefined;
  private refreshing: Promise<Shown> | undefined;
  private timer: NodeJS.Timeout | undefined;

  /** `look` says what is there now. */
  constructor(
    private readonly name: string,
    private readonly look: () => Promise<Source>,
  ) {}

  /** What there is by now. */
  now(): Promise<Shown> {
    this.refreshing ??= this.refresh().finally(() => {
      this.refreshing = undefined;
    });
    return this.refreshing;
  }

  /** Tells a listener at once what is not as in the version that it has, and from then on what changes; the result ends that. */
  async listen(listener: Listener, version: string | undefined): Promise<() => void> {
    const shown = await this.now();
    if (version !== shown.version) listener.changed(shown.version, { ...about(shown), parts: { ...shown.parts } });
    this.listeners.add(listener);
    this.timer ??= setTimeout(() => void this.tick(), EVERY);
    return () => {
      this.listeners.delete(listener);
      if (this.listeners.size > 0) return;
      clearTimeout(this.timer);
      this.timer = undefined;
    };
  }

  get watched(): boolean {
    return this.listeners.size > 0;
  }

  private async tick(): Promise<void> {
    const began = performance.now();
    await this.now();
    if (this.watched) this.timer = setTimeout(() => void this.tick(), Math.max(EVERY, Math.min(MOST, TIMES * (performance.now() - began))));
  }

  private async refresh(): Promise<Shown> {
    const before = this.shown;
    const source = await this.look();
    // What was there and has gone stays in sight; what has become something else does not.
    if (this.source === undefined || (source.kind !== this.source.kind && source.kind !== 'folder')) {
      this.source = source;
      this.stamp = undefined;
    }
    const { kind, view } = this.source;
    let next: Omit<Shown, 'version'>;
    const stamp = await view.stamp();
    if (before !== undefined && stamp === this.stamp) return before;
    try {
      const facts = await view.document();
      next = { kind, title: facts.name, style: facts.style, parts: partsOf(facts) };
      this.stamp = stamp;
    } catch (error) {
      this.stamp = undefined;
      const { message, reason } = error as { message?: string; reason?: string };
      const trouble = [message, reason].filter(Boolean).join(': ');
      next = before === undefined ? { kind, title: this.name, style: '', parts: partsOf(nothing(this.name)), trouble } : { ...before, trouble };
    }
    const old = before?.parts ?? [];
    const parts = Object.fromEntries(next.parts.flatMap((html, i) => (html === old[i] ? [] : [[i, html]])));
    const same = before !== undefined && Object.keys(parts).length === 0 && next.parts.length === old.length && next.trouble === before.trouble;
    if (same) return before;
    this.count++;
    const shown: Shown = { ...next, version: `${this.token}-${this.count}` };
    this.shown = shown;
    for (const listener of this.listeners) {
      if (before !== undefined && before.kind !== kind) listener.other();
      else listener.changed(shown.version, { ...about(shown), parts });
    }
    return shown;
  }
}

function about({ title, parts, trouble }: Shown): Omit<Change, 'parts'> {
  return { title, count: parts.length, ...(trouble !== undefined && { trouble }) };
}

function nothing(name: string): DocumentFacts {
  return { name, status: 'not readable', facts: [], sections: [], style: '', growing: false };
}
