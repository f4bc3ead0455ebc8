/**
 * The sum of a convolution where a lane's four columns are neighbours along the last axis: they share the coordinates of the other axes, and the elements of the
 * input that four columns read at neighbouring taps are a window, 10 elements for the 16 products of 4 taps at stride 2, of which each is read once.
 * Channels are the outermost loop, so that the kernel is read as it lies in memory.
 */
import { type AxisNames, columnCoordinates, length, Places } from './conv-axes.js';
import { phasesOf, staysInside } from './conv-index.js';
import { type Problem, type Window, wholeWindows } from './conv-problem.js';
import type { Emitter } from './emitter.js';
import { type Launch, laneRow, leftName, multiply, range, rowGroups } from './gemm-tile.js';

/** Place in the input (u32), so far as the outer loops say, and whether what is read there lies in it, as far as those axes go. */
interface Reach {
  readonly place: string;
  readonly inside: string | undefined;
}

/** A channel of the input that is in turn, and whether there is such a one where that is not sure. */
interface Channel {
  readonly number: string;
  readonly inside: string | undefined;
}

/** A value, or zero where the condition does not hold. */
type Masked = (zero: string, value: string, condition: string | undefined) => string;

/** From so many of four neighbours on, software GPUs read all four in less time. */
const MOST_OF_FOUR = 3;

export class RowSum {
  private readonly last: number;
  private readonly places: Places;
  private readonly input: string;
  private readonly kernel: string;
  private readonly channels: string;
  /** The kernel is read by fours along the last axis. */
  private readonly fours: boolean;
  /** Of an input that is read by fours: which of its four the first element of a window is. */
  private readonly inputFours: number | undefined;
  /** Taps of the last axis, in the phase that has most, and whether every phase has a whole number of windows of them. */
  private readonly most: number;
  private readonly exact: boolean;

  constructor(
    private readonly e: Emitter,
    private readonly launch: Launch,
    private readonly p: Problem,
    private readonly window: Window,
    private readonly group: string,
    private readonly axes: readonly AxisNames[],
    vectors: boolean,
  ) {
    this.last = axes.length - 1;
    this.places = new Places(e, p);
    this.most = Math.max(...phasesOf(p.axes[this.last]).map((phase) => phase.taps));
    this.exact = wholeWindows(p.axes[this.last], window.taps);
    const { strides, offset } = p.kernel.view;
    this.fours =
      vectors &&
      window.taps === 4 &&
      window.channels === 1 &&
      p.axes[this.last].phases === 1 &&
      p.axes[this.last].tapStep === 1 &&
      p.axes[this.last].taps % 4 === 0 &&
      strides[strides.length - 1] === 1 &&
      [offset, ...strides.slice(0, -1)].every((number) => number % 4 === 0);
    this.inputFours = vectors ? fourOfFirst(p, window, this.most) : undefined;
    this.input = e.array(p.input.view.leaf, this.inputFours !== undefined);
    this.kernel = e.array(p.kernel.view.leaf, this.fours);
    this.channels = length(e, p.input, 2);
  }

  /** Leaves the sums behind. */
  write(): void {
    const { e, p, axes, places } = this;
    const [first, ...coordinates] = columnCoordinates(e, 'column0', axes);
    // Columns beyond the last read some image, and are not written.
    const image = p.batch === 1 ? '0u' : e.let(`min(${first}, ${length(e, p.input, 0)} - 1u)`);
    const starts = axes.map((axis, i) => (coordinates[i] === '0u' ? axis.start : e.let(`i32(${coordinates[i]} * ${axis.advance}) + ${axis.start}`)));
    const base = places.plus(places.plus(places.offset('input'), places.times(image, 'input', 0)), places.times(this.group, 'input', 1));
    const kernelBase = places.plus(places.offset('kernel'), places.times(this.group, 'kernel', 0));
    const rows = range(rowGroups(this.launch.tile)).map((part) => {
      const row = e.let(`min(row0 + ${laneRow(this.launch.tile, part)}, ${length(e, p.kernel, 1)} - 1u)`);
      return places.plus(kernelBase, places.times(row, 'kernel', 1));
    });
    this.turns((c, taps, t) => {
      const ragged = p.channels % this.window.channels !== 0;
      const channels = range(this.window.channels).map((i) =>
        i === 0 || !ragged
          ? { number: i === 0 ? c : e.let(`${c} + ${i}u`), inside: undefined }
          : { number: e.let(`min(${c} + ${i}u, ${this.channels} - 1u)`), inside: e.let(`${c} + ${i}u < ${this.channels}`) },
      );
      let reach: Reach = { place: base, inside: undefined };
      let places = rows;
      taps.forEach((tap, i) => {
        reach = this.along(reach, starts[i], i, tap);
        places = places.map((place) => this.places.plus(place, this.places.times(axes[i].tap(tap), 'kernel', 3 + i)));
      });
      this.turn(t, starts[this.last], reach, places, channels);
    });
  }

  /**
   * One loop over channels, the taps of each axis before the last, and windows of taps of the last: drivers carry all sums round each loop, so that a nest of
   * short ones is dear.
   */
  private turns(body: (channel: string, taps: readonly string[], tap: string) => void): void {
    const { e, window } = this;
    const { taps: lastTaps } = this.axes[this.last];
    const counters: { name: string; step: number; end: string; turns: string }[] = [];
    const counter = (step: number, end: string): string => {
      if (end === '1u') return '0u';
      const name = e.variable('u32', '0u', 't');
      counters.push({ name, step, end, turns: step === 1 ? end : e.let(`(${end} + ${step - 1}u) / ${step}u`) });
      return name;
    };
    const c = counter(window.channels, this.channels);
    const taps = this.axes.slice(0, -1).map((axis) => counter(1, axis.taps));
    const t = this.most <= window.taps ? '0u' : counter(window.taps, lastTaps);
    if (counters.length === 0) {
      body(c, taps, t);
      return;
    }
    e.loop(e.let(counters.map(({ turns }) => turns).join(' * ')), () => {
      body(c, taps, t);
      let carry: string | undefined;
      [...counters].reverse().forEach(({ name, step, end }, i) => {
        e.line(`${name} += ${carry === undefined ? `${step}u` : `select(0u, ${step}u, ${carry})`};`);
        if (i === counters.length - 1) return;
        carry = e.writer.fresh('carry');
        e.line(`let ${carry} = ${name} >= ${end};`);
        e.line(`${name} = select(${name}, 0u, ${carry});`);
      });
    });
  }

  /** What is read at tap `t` of axis `i`, from what is read by the axes before. */
  private along(reach: Reach, start: string, i: number, t: string): Reach {
    const { e, p, places } = this;
    const at = e.let(t === '0u' ? `u32(${start})` : `u32(${start} + i32(${t} * ${this.axes[i].reach}))`);
    const inside = staysInside(p.axes[i]) ? undefined : e.let(`${at} < ${length(e, p.input, 3 + i)}`);
    const both = reach.inside !== undefined && inside !== undefined ? e.let(`${reach.inside} && ${inside}`) : (inside ?? reach.inside);
    return { place: places.plus(reach.place, places.times(at, 'input', 3 + i)), inside: both };
  }

  /** All channels and taps of a window, from tap `t` on. */
  private turn(t: string, start: string, reach: Reach, rows: readonly string[], channels: readonly Channel[]): void {
    const { e, p, places, last } = this;
    const { taps } = this.window;
    const numbers = range(taps).map((i) => (i === 0 ? t : e.let(`${t} + ${i}u`)));
    // Of taps that are none, the kernel's last is read, and counts as zero.
    const count = this.axes[last].taps;
    const exist = numbers.map((number) => (this.exact ? undefined : e.let(`${number} < ${count}`)));
    const known = numbers.map((number) => (this.exact ? number : e.let(`min(${number}, max(${count}, 1u) - 1u)`)));
    const both = (a: string | undefined, b: string | undefined): string | undefined => (a !== undefined && b !== undefined ? e.let(`${a} && ${b}`) : (a ?? b));
    const masked: Masked = (zero, value, condition) => (condition === undefined ? value : `select(${zero}, ${value}, ${condition})`);
    const terms = channels.flatMap((channel) => range(taps).map((tap) => ({ channel, tap, inside: both(channel.inside, exist[tap]) })));

    rows.forEach((row, part) => {
      if (this.fours) {
        const place = places.plus(places.plus(row, places.times(channels[0].number, 'kernel', 2)), places.times(t, 'kernel', 3 + last));
        e.writer.letNamed(`left${part}`, `${this.kernel}[${e.let(`${place} / 4u`)}]`);
        return;
      }
      const elements = terms.map(({ channel, tap, inside }) => {
        const place = places.plus(row, places.times(this.axes[last].tap(known[tap]), 'kernel', 3 + last));
        return masked('0.0', `${this.kernel}[${places.plus(place, places.times(channel.number, 'kernel', 2))}]`, inside);
      });
      for (let first = 0; first < elements.length; first += 4) {
        const four = range(4).map((i) => elements[first + i] ?? '0.0');
        e.writer.letNamed(leftName(part, first), `vec4<f32>(${four.join(', ')})`);
      }
    });

    const { advance, reach: step } = p.axes[last];
    const offset = (column: number, tap: number): number => column * advance + tap * step;
    const needed = [...new Set(range(4).flatMap((column) => range(taps).map((tap) => offset(column, tap))))];
    const at = e.let(t === '0u' ? `u32(${start})` : `u32(${start} + i32(${t} * ${step}u))`);
    const free = staysInside(p.axes[last]);
    const insideFrom = (o: number): string | undefined => both(free ? undefined : e.let(`${shifted(at, o)} < ${length(e, p.input, 3 + last)}`), reach.inside);
    const row = places.plus(reach.place, places.times(at, 'input', 3 + last));
    channels.forEach((channel, i) => {
      const place = places.plus(row, places.times(channel.number, 'input', 2));
      const elements = this.inputFours === undefined ? this.single(needed, place, insideFrom, masked) : this.byFours(needed, place, insideFrom, masked);
      for (const tap of range(taps)) {
        const value = `vec4<f32>(${range(4)
          .map((column) => elements.get(offset(column, tap)))
          .join(', ')})`;
        e.writer.letNamed(`right${i * taps + tap}`, masked('vec4<f32>()', value, both(channel.inside, exist[tap])));
      }
    });
    multiply(this.launch.tile, 'apart', e.writer, terms.length);
  }

  /** The elements of a window, by their distance from its first. */
  private single(needed: readonly number[], place: string, inside: (o: number) => string | undefined, masked: Masked): Map<number, string> {
    const { e, places, last } = this;
    const at = (o: number): string => (o === 0 ? place : places.plus(place, places.times(`${o}u`, 'input', 3 + last)));
    return new Map(needed.map((o) => [o, e.let(masked('0.0', `${this.input}[${at(o)}]`, inside(o)))]));
  }

  /** The same, of an input whose rows are whole fours: those of which most is needed are read at once. A four lies in the input or outside of it. */
  private byFours(needed: readonly number[], place: string, inside: (o: number) => string | undefined, masked: Masked): Map<number, string> {
    const { e } = this;
    const fours = new Map<number, number[]>();
    for (const o of needed) {
      const four = Math.floor((o + (this.inputFours as number)) / 4);
      fours.set(four, [...(fours.get(four) ?? []), o]);
    }
    const elements = new Map<number, string>();
    for (const [four, members] of fours) {
      const first = four * 4 - (this.inputFours as number);
      const element = `${this.input}[${e.let(`${shifted(place, first)} / 4u`)}]`;
      const condition = inside(members[0]);
      if (members.length < MOST_OF_FOUR) for (const o of members) elements.set(o, e.let(masked('0.0', `${element}[${o - first}]`, condition)));
      else {
        const whole = e.let(masked('vec4<f32>()', element, condition));
        for (const o of members) elements.set(o, `${whole}[${o - first}]`);
      }
    }
    return elements;
  }
}

/** Which of four neighbours in the input the first element of every window is, where rows are whole fours, and that is the same for all. */
function fourOfFirst(p: Problem, window: Window, most: number): number | undefined {
  const axis = p.axes[p.axes.length - 1];
  const { strides, offset } = p.input.view;
  const whole = [offset, ...strides.slice(0, -1)].every((number) => number % 4 === 0) && axis.input % 4 === 0;
  const alike = axis.phases === 1 && (most <= window.taps || (window.taps * axis.reach) % 4 === 0);
  if (strides[strides.length - 1] !== 1 || !whole || !alike) return undefined;
  return ((phasesOf(axis)[0].start % 4) + 4) % 4;
}

/** `name` and a constant. */
function shifted(name: string, by: number): string {
  return by === 0 ? name : `(${name} ${by < 0 ? '-' : '+'} ${Math.abs(by)}u)`;
}
