/**
 * Guards: whether a training still is one, judged by what it gives anyway. Of losses by their size against that at their start, over windows, so that
 * nothing depends on which loss it is; of samples by how much they differ. Few false alarms are worth more than early ones: what is told has gone on for
 * hundreds of steps, or was seen twice in a row.
 */
import type { Program } from '../../compiler/program/types.js';
import { entryOf } from '../execute/packing.js';
import type { Line } from './metrics.js';

/** What follows an alarm. Numbers that are none stop a training in any case, unless it goes back. */
export type GuardWay = 'off' | 'warn' | 'stop' | 'rollback';
export const GUARD_WAYS: readonly GuardWay[] = ['warn', 'stop', 'rollback', 'off'];

export interface Alarm {
  /** `numbers`: some are NaN or infinite. `discriminator`: it has won. `generator`: it makes one thing only. `losses`: they grow without end. */
  readonly guard: 'numbers' | 'discriminator' | 'generator' | 'losses';
  readonly step: number;
  /** The last step that was sound, as far as is known. */
  readonly sound: number;
  /** What was seen. */
  readonly what: string;
  /** What usually helps. */
  readonly help: string;
}

/** An alarm and what was done: kept in run.json. */
export interface GuardReport extends Alarm {
  readonly done: 'warned' | 'stopped' | 'went back';
  /** The step that it went back to. */
  readonly to?: number;
}

/** Of one sample line at a sample time. */
export interface Variety {
  /** Mean absolute difference of outputs that differ in their noise alone. */
  readonly noise: number;
  /** That of two rows of the data, where samples can be held against these. */
  readonly data?: number;
}

/** Steps at the start whose median is a loss's first size. */
const FIRST = 20;
/** Losses are looked at every so many steps; a median is over as many. */
const EVERY = 50;
/** Steps over which a discriminator must have won. */
const WON_STEPS = 300;
/** Share of a loss's first size that is next to nothing. */
const NOTHING = 0.03;
/** A loss that is so many times its first size is far from where it began. */
const FAR = 3;
/** Middle half of a loss's values, against their median: less is flat. */
const FLAT = 0.05;
/** Losses over so many times the largest median of the first steps grow without end. */
const GROWTH = 100;
/** Steps that count as the first for that, at least; and the share of all steps. */
const EARLY = 200;
const EARLY_SHARE = 0.1;
/** Samples that differ less, of the difference of two rows of the data, or of the greatest so far, are all alike. */
const ALIKE_DATA = 0.02;
const ALIKE_BEFORE = 0.05;
/** Share of the points that are near a mode, from which on modes found are the generator's choice. */
const NEAR = 0.5;

/** Numbers of one player's loss. */
class Course {
  readonly values: number[] = [];
  /** Of |loss| over the first steps, once these are there. */
  start: number | undefined;
  /** Largest median of the early windows, and how many values these had. */
  early = 0;
  count = 0;
  /** Windows in a row that were over all bounds. */
  over = 0;

  add(value: number): void {
    this.values.push(value);
    if (this.values.length > WON_STEPS) this.values.shift();
    this.count++;
    if (this.count === FIRST) this.start = quantile(sizes(this.values), 0.5);
  }
}

export interface GuardPlan {
  /** Players whose nets samples are made with, and the others. */
  readonly makers: readonly string[];
  readonly critics: readonly string[];
  readonly steps: number;
}

export class Guards {
  private readonly courses = new Map<string, Course>();
  private readonly varieties = new Map<string, { greatest: number; low: number; sound: number }>();
  private modes = { most: 0, few: 0, sound: 0 };

  constructor(private readonly plan: GuardPlan) {}

  /** Takes the losses of a step. */
  losses(step: number, losses: Readonly<Record<string, number>>): Alarm | undefined {
    for (const [player, value] of Object.entries(losses)) {
      let course = this.courses.get(player);
      if (course === undefined) this.courses.set(player, (course = new Course()));
      course.add(Number(value));
    }
    if (step % EVERY !== 0) return undefined;
    return this.growing(step) ?? this.won(step);
  }

  /** Goes through the records of a run up to here, without a word. */
  restore(records: readonly Line[]): void {
    for (const { step, losses, variety, figures } of records) {
      if (losses !== undefined) this.losses(step, losses);
      for (const [name, found] of Object.entries(variety ?? {})) this.variety(step, name, found);
      if (figures !== undefined) this.found(step, figures);
    }
  }

  /** Takes how much samples of a line differ. The first time says nothing: a generator that has learned nothing makes what it makes. */
  variety(step: number, name: string, { noise, data }: Variety): Alarm | undefined {
    const known = this.varieties.get(name);
    if (known === undefined) {
      this.varieties.set(name, { greatest: noise, low: 0, sound: step });
      return undefined;
    }
    const least = Math.max(ALIKE_BEFORE * known.greatest, ALIKE_DATA * (data ?? 0));
    const alike = noise < least && step >= EARLY;
    this.varieties.set(name, { greatest: Math.max(known.greatest, noise), low: alike ? known.low + 1 : 0, sound: alike ? known.sound : step });
    if (!alike || known.low === 0) return undefined;
    const against = data !== undefined && noise < ALIKE_DATA * data ? `two rows of the data by ${figure(data)}` : `at their best by ${figure(known.greatest)}`;
    return {
      guard: 'generator',
      step,
      sound: known.sound,
      what: `the generator has collapsed: two samples of ${name} that differ in their noise alone differ by ${figure(noise)} on average, ${against}`,
      help: COLLAPSED,
    };
  }

  /** Takes how many modes samples were found at. */
  found(step: number, { modes, of, near }: { readonly modes: number; readonly of: number; readonly near: number }): Alarm | undefined {
    const { most, few, sound } = this.modes;
    const fewer = 2 * modes < most;
    const never = near >= NEAR && 4 * modes <= of && 2 * step >= this.plan.steps;
    const low = fewer || never;
    this.modes = { most: Math.max(most, modes), few: low ? few + 1 : 0, sound: low ? sound : step };
    if (!low || few === 0) return undefined;
    return {
      guard: 'generator',
      step,
      sound,
      what: `the generator has collapsed: its samples are at ${modes} of ${of} modes${fewer ? `, and were at ${most}` : ''}`,
      help: COLLAPSED,
    };
  }

  private growing(step: number): Alarm | undefined {
    const early = Math.max(EARLY, EARLY_SHARE * this.plan.steps);
    for (const course of this.courses.values()) {
      if (course.count >= EVERY && course.count <= early) course.early = Math.max(course.early, median(course));
    }
    const scale = Math.max(...[...this.courses.values()].map((course) => course.early));
    for (const [player, course] of this.courses) {
      if (course.count <= early || !(scale > 0)) continue;
      const now = median(course);
      course.over = now > GROWTH * scale ? course.over + 1 : 0;
      if (course.over < 2) continue;
      return {
        guard: 'losses',
        step,
        sound: Math.max(0, step - 3 * EVERY),
        what: `the losses diverge: that of ${player} is ${figure(now)} in size, the median of ${EVERY} steps; in the first ${number(early)} steps the largest was ${figure(scale)}`,
        help: 'What usually helps: lower learning rates, most of all that of the player whose loss grows first; bounds on the discriminator (spectral_norm, a gradient penalty such as r1 or that of WGAN-GP); beta1 of 0.5 or 0 in adam.',
      };
    }
    return undefined;
  }

  private won(step: number): Alarm | undefined {
    const { critics, makers } = this.plan;
    const still = (name: string): string | undefined => {
      const course = this.courses.get(name);
      if (course?.start === undefined || course.count < WON_STEPS + FIRST) return undefined;
      const now = quantile(sizes(course.values), 0.5);
      if (now < NOTHING * course.start) return `that of ${name} is so, too`;
      if (now > FAR * course.start) return `that of ${name} is ${figure(now / course.start)} times what it was at first`;
      const half = quantile(course.values, 0.75) - quantile(course.values, 0.25);
      return half < FLAT * now ? `that of ${name} does not move` : undefined;
    };
    for (const critic of critics) {
      const course = this.courses.get(critic);
      if (course?.start === undefined || course.count < WON_STEPS + FIRST) continue;
      // In three steps of four: a discriminator that is often wrong teaches something.
      const least = quantile(sizes(course.values), 0.75);
      if (!(least < NOTHING * course.start)) continue;
      const others = makers.map(still);
      if (others.length === 0 || others.some((other) => other === undefined)) continue;
      return {
        guard: 'discriminator',
        step,
        sound: step - WON_STEPS,
        what: `the discriminator has won: over the last ${WON_STEPS} steps the loss of ${critic} was next to nothing (below ${figure(least)} in three of four, ${figure(course.start)} at first), and ${others.join(', ')}`,
        help: 'What usually helps: an objective of the generator whose slope does not vanish (maximize E[log(D(fake))], hinge, or WGAN-GP); a lower rate or fewer updates of the discriminator; dropout, spectral_norm or a gradient penalty (r1) in it.',
      };
    }
    return undefined;
  }
}

const COLLAPSED =
  'What usually helps: a gradient penalty (r1) or spectral_norm in the discriminator; a term that rewards difference over noise; minibatch statistics in the discriminator; a lower rate of the generator; a larger batch.';

/** Which players samples are made with. Those whose weights, or averages of them, a sample's commands read. */
export function guardPlan(program: Program, steps: number): GuardPlan {
  const players = [
    ...new Set([...(program.train?.updates ?? []), ...(program.train?.phases ?? []).flatMap((phase) => phase.updates)].map(({ player }) => player)),
  ];
  const read = program.samples.flatMap(({ entry }) =>
    entryOf(program, entry).commands.flatMap((c) => (c.kind === 'dispatch' ? c.bindings : [{ ...c.from, size: c.size }])),
  );
  const makers = players.filter((player) =>
    program.variables.some(
      (v) =>
        v.player === player &&
        (v.kind === 'weight' || v.kind === 'average') &&
        read.some((b) => b.buffer === v.buffer && b.offset < v.offset + 4 * v.shape.reduce((x, y) => x * y, 1) && v.offset < b.offset + b.size),
    ),
  );
  return { makers, critics: players.filter((player) => !makers.includes(player)), steps };
}

function median({ values }: Course): number {
  return quantile(sizes(values.slice(-EVERY)), 0.5);
}

function sizes(values: readonly number[]): number[] {
  return values.map(Math.abs);
}

/** The value below which so large a share of them lies. */
function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}

function figure(value: number): string {
  return String(Number(value.toPrecision(2)));
}

function number(value: number): string {
  return Math.round(value).toLocaleString('en');
}
