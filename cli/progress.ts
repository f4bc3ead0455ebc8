/** How a training shows on stderr: one line that is rewritten on a terminal, else a plain line every some seconds. */
import type { ModeStatistics } from '../runtime/data/gaussians.js';
import type { Progress } from '../runtime/train/options.js';
import { count, duration, err, roughly } from './terminal.js';

/** Between lines where there is no terminal. */
const PLAIN_SECONDS = 10;
/** Between rewrites on a terminal. */
const LIVE_SECONDS = 0.1;

export class ProgressLine {
  private shown = 0;
  private live = '';

  update(progress: Progress): void {
    const now = performance.now() / 1000;
    const last = progress.step >= progress.steps;
    if (this.shown > 0 && !last && now - this.shown < (err.terminal ? LIVE_SECONDS : PLAIN_SECONDS)) return;
    this.shown = now;
    this.show(progressText(progress));
  }

  /** A passing state before the first step. */
  show(text: string): void {
    if (!err.terminal) {
      err(`${text}\n`);
      return;
    }
    const line = text.slice(0, Math.max(20, err.width - 1));
    err(`\r${line}${' '.repeat(Math.max(0, this.live.length - line.length))}`);
    this.live = line;
  }

  /** How far something long has come: rewritten, or a line every some seconds. */
  working(text: string): void {
    const now = performance.now() / 1000;
    if (now - this.shown < (err.terminal ? LIVE_SECONDS : PLAIN_SECONDS)) return;
    this.shown = now;
    this.show(text);
  }

  /** Only where the line is rewritten: too much for a log. */
  passing(text: string): void {
    if (err.terminal) this.show(text);
  }

  /** Leaves the line as it is and goes below it. */
  end(): void {
    if (this.live !== '') err('\n');
    this.live = '';
  }

  /** Takes the line away, for something else to be said. */
  clear(): void {
    if (this.live !== '') err(`\r${' '.repeat(this.live.length)}\r`);
    this.live = '';
  }
}

/** Steps, or seconds of them, after which a training's length can be told; shorter ones are not spoken of. */
const TELLING_STEPS = 20;
const TELLING_SECONDS = 4;
const SHORT_SECONDS = 60;

/** Tells, once, how long a training will take here: by its first steps. */
export class Estimate {
  private began: { readonly step: number; readonly at: number } | undefined;
  private done = false;

  /** Seconds that are left, at the first step that can tell; undefined before and after, and where there is little left. */
  of({ step, steps, rate, eta }: Progress): number | undefined {
    const now = performance.now() / 1000;
    this.began ??= { step, at: now };
    const enough = step - this.began.step >= TELLING_STEPS || now - this.began.at >= TELLING_SECONDS;
    if (this.done || rate <= 0 || step >= steps || !enough) return undefined;
    this.done = true;
    return eta >= SHORT_SECONDS ? eta : undefined;
  }
}

/** `about 2.3 hours for 2,400 steps here, by the first 5`. */
export function estimateText(seconds: number, { step, steps }: Progress, first: number): string {
  return `about ${roughly(seconds)} for the ${count(steps - step)} steps that are left, by the first ${count(step - first)}; Ctrl-C stops, --resume goes on`;
}

/** `step 1,200/20,000  35.2/s  8:54 left  D 1.2031  G 0.7412  d_real 0.61`. */
export function progressText({ step, steps, rate, eta, losses, reports }: Progress): string {
  const speed = rate > 0 ? `${rate >= 100 ? Math.round(rate) : rate.toPrecision(3)}/s` : '';
  const left = Number.isFinite(eta) && rate > 0 && step < steps ? `${duration(eta)} left` : '';
  const numbers = [...Object.entries(losses), ...Object.entries(reports)].map(([name, value]) => `${name} ${number(value)}`);
  return [`step ${count(step)}/${count(steps)}`, speed, left, ...numbers].filter((part) => part !== '').join('  ');
}

export function number(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  return size !== 0 && (size < 1e-3 || size >= 1e5) ? value.toExponential(2) : value.toFixed(4);
}

/** `8 of 8 modes, 97.2 % of 2,000 samples near one`. */
export function figuresText({ found, modes, near, samples }: ModeStatistics): string {
  return `${found} of ${modes} modes, ${(near * 100).toFixed(1)} % of ${count(samples)} samples within 3 standard deviations of one`;
}
