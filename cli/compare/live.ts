/** Lines at the bottom of a terminal that are drawn again and again in their place. */
import type { Output } from '../terminal.js';

/** Between drawings. */
const SECONDS = 0.2;

export class LiveLines {
  private shown = 0;
  private drawn = 0;

  constructor(
    private readonly to: Output,
    private readonly height = () => process.stderr.rows || 24,
  ) {}

  /** At most so often as eyes can follow; `now`: in any case. */
  draw(text: () => string, now = false): void {
    const at = performance.now() / 1000;
    if (!this.to.terminal || (!now && at - this.drawn < SECONDS)) return;
    this.drawn = at;
    const all = text().replace(/\n$/, '').split('\n');
    const most = Math.max(4, this.height() - 2);
    // The last line says what is under way.
    const lines = all.length <= most ? all : [...all.slice(0, most - 2), `... and ${all.length - most + 1} more`, all[all.length - 1]];
    this.to(`${this.back()}${lines.map((line) => `${line.slice(0, this.to.width - 1)}\n`).join('')}`);
    this.shown = lines.length;
  }

  /** Takes the lines away, for something else to be said. */
  clear(): void {
    if (this.shown > 0) this.to(this.back());
    this.shown = 0;
  }

  /** Up to the first line, and all from there on blank. */
  private back(): string {
    return this.shown === 0 ? '' : `\x1b[${this.shown}A\x1b[J`;
  }
}
