/**
 * A profile as a trace: JSON in the Trace Event Format ("Trace Event Format", Google, 2016), which Perfetto and chrome://tracing open. The GPU's track has
 * steps, in them the calls of entries, in those the dispatches; the host's has its work, and above it the waits.
 */
import type { Purpose } from '../../compiler/plan/purpose.js';
import type { Command, Program } from '../../compiler/program/types.js';
import type { TimedPass, TimedSubmit } from '../execute/profile.js';
import type { Interval } from '../execute/stamps.js';
import { type Place, placesOf } from './profile-figures.js';

/** `ts` and `dur` in microseconds. `X`: complete, `b` and `e`: begin and end of what may overlap, `M`: names of tracks. */
export interface TraceEvent {
  readonly ph: 'X' | 'b' | 'e' | 'M';
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  readonly ts?: number;
  readonly dur?: number;
  readonly cat?: string;
  readonly id?: number;
  readonly args?: Readonly<Record<string, unknown>>;
}

const HOST = { pid: 1, tid: 1 } as const;
const GPU = { pid: 2, tid: 1 } as const;

interface Step {
  readonly number: number;
  readonly split: boolean;
  readonly times: TimedSubmit;
  readonly end: number;
}

export class TraceWriter {
  private readonly steps: Step[] = [];
  private readonly places: ReadonlyMap<Command, Place>;

  constructor(
    private readonly program: Program,
    private readonly purposes: ReadonlyMap<Command, Purpose>,
  ) {
    this.places = placesOf(program);
  }

  /** Adds a step; `end`: when the host had its results. */
  step(number: number, split: boolean, times: TimedSubmit, end: number): void {
    this.steps.push({ number, split, times, end });
  }

  /** Everything in order of time, an event before those inside it. */
  events(): TraceEvent[] {
    const { steps } = this;
    const origin = Math.min(...steps.flatMap(({ times }) => times.host.map(({ from }) => from)));
    // To whole nanoseconds, so that what ends where another begins does so in the file.
    const micro = (ms: number): number => Math.round((ms - origin) * 1e6) / 1e3;
    const shift = clockShift(steps);
    const events: TraceEvent[] = [];
    const add = (track: typeof HOST | typeof GPU, name: string, cat: string, { from, to }: Interval, args?: TraceEvent['args']): void => {
      const ts = micro(from);
      events.push({ ph: 'X', name, cat, ...track, ts, dur: Math.round((micro(to) - ts) * 1e3) / 1e3, ...(args && { args }) });
    };
    for (const { number, split, times, end } of steps) {
      const name = `step ${number}${split ? '' : ' (plain)'}`;
      for (const { what, ...interval } of times.host) add(HOST, what, 'host', interval, { step: number });
      const sent = times.host.find(({ what }) => what === 'submit');
      const read = times.host.find(({ what }) => what === 'read');
      if (sent) {
        const wait = { name: 'wait', cat: 'wait', ...HOST, id: number };
        events.push({ ...wait, ph: 'b', ts: micro(sent.to), args: { step: number } }, { ...wait, ph: 'e', ts: micro(Math.max(sent.to, read?.from ?? end)) });
      }
      const passes = times.passes.map((pass) => ({ ...pass, from: pass.from + shift, to: pass.to + shift }));
      if (passes.length === 0) continue;
      add(GPU, name, 'step', hull(passes));
      if (!split) for (const pass of passes) add(GPU, 'compute pass', 'pass', pass);
      else
        for (const call of this.calls(passes)) {
          add(GPU, (this.places.get(call[0].command) as Place).entry, 'call', hull(call));
          for (const pass of call) this.dispatch(pass, (interval, kernel, args) => add(GPU, kernel, 'dispatch', interval, args));
        }
    }
    events.sort((a, b) => (a.ts as number) - (b.ts as number) || (b.dur ?? 0) - (a.dur ?? 0));
    const track = (at: typeof HOST | typeof GPU, process: string, thread: string): TraceEvent[] => [
      { ph: 'M', name: 'process_name', ...at, args: { name: process } },
      { ph: 'M', name: 'thread_name', ...at, args: { name: thread } },
    ];
    return [...track(HOST, 'host', 'JavaScript'), ...track(GPU, 'GPU', 'queue'), ...events];
  }

  private dispatch({ command, from, to }: TimedPass, add: (interval: Interval, kernel: string, args: TraceEvent['args']) => void): void {
    const { flops, bytes, label } = command;
    const { command: index } = this.places.get(command) as Place;
    add({ from, to }, this.program.kernels[command.kernel].id, { layer: label, ...this.purposes.get(command), command: index, flops, bytes });
  }

  /** The passes of each call: one begins where the entry changes or its list of commands begins again. */
  private calls(passes: readonly TimedPass[]): TimedPass[][] {
    const calls: TimedPass[][] = [];
    let before: Place | undefined;
    for (const pass of passes) {
      const place = this.places.get(pass.command) as Place;
      if (before === undefined || place.entry !== before.entry || place.command <= before.command) calls.push([]);
      calls[calls.length - 1].push(pass);
      before = place;
    }
    return calls;
  }
}

function hull(intervals: readonly Interval[]): Interval {
  return { from: Math.min(...intervals.map(({ from }) => from)), to: Math.max(...intervals.map(({ to }) => to)) };
}

/**
 * What to add to the GPU's clock to have the host's: 0 where that fits, as on software GPUs, whose clocks are one. Else such that no step begins before it
 * is submitted, and the one that began soonest began at once.
 */
function clockShift(steps: readonly Step[]): number {
  let least = Number.NEGATIVE_INFINITY;
  let most = Number.POSITIVE_INFINITY;
  for (const { times, end } of steps) {
    const sent = times.host.find(({ what }) => what === 'submit');
    if (!sent || times.passes.length === 0) continue;
    const { from, to } = hull(times.passes);
    least = Math.max(least, sent.from - from);
    most = Math.min(most, end - to);
  }
  return least <= 0 && most >= 0 ? 0 : Number.isFinite(least) ? least : 0;
}
