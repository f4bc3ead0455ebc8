/**
 * Where the digits of bouncing MNIST are, and what is said of them: the Single- and Two-Digit Bouncing MNIST clips of Sync-DRAW (Mittal, Marwah and
 * Balasubramanian 2017), which TGANs-C (Pan et al. 2017) uses, too.
 *
 * As their published code has it: a digit starts anywhere, uniformly on both axes, and moves along one of them by a fifth of the way between the walls a frame.
 * The first frame shows it after a first step. A step that reaches a wall or would go beyond ends at the wall, and the next one goes back. Of two digits the
 * brighter pixel shows. The captions are theirs but for a slip ("the digits 7 is moving").
 * Not as there: their code calls up and down what moves left and right, and the other way round; here captions are right. There all digits set out
 * downward or to the right; here either way, alike likely. There positions are cut to whole pixels, so that a digit may show at the top or left wall a frame
 * before it bounces; here they are rounded, and a digit touches a wall in the frame of its bounce alone.
 * Motions with a direction ("up then down") are those of the Moving MNIST captions of MAGE (Hu et al. 2022); speed words are our own.
 */
import { drawKey, threefry2x32 } from '../../compiler/graph/threefry.js';
import type { Bounce } from './index.js';

export const DIGITS = 10;

/** Words of the motions by their number in a class field. The first half moves up and down, the second left and right. */
export const MOTIONS = {
  two: ['up and down', 'left and right'],
  directed: ['up then down', 'down then up', 'left then right', 'right then left'],
} as const;

/** Words of the speeds by their number in a class field: half of the speed, and the speed. */
export const SPEEDS = ['slowly', 'quickly'] as const;

export interface Settings {
  /** In a clip. */
  readonly digits: 1 | 2;
  readonly motions: keyof typeof MOTIONS;
  /** Whether captions say how fast digits move, of which there are two ways then. */
  readonly speeds: boolean;
  readonly frames: number;
  /** Pixels a side of a frame, and of a digit. */
  readonly size: number;
  readonly digitSize: number;
  /** Pixels a frame. */
  readonly speed: number;
  /** How many pairs of digit and motion are kept from training. */
  readonly heldPairs: number;
}

export interface Pair {
  readonly digit: number;
  readonly motion: number;
}

/** A digit of a clip. */
export interface Mover extends Pair {
  /** Which of the pictures. */
  readonly picture: number;
  /** Number of its speed; 1 where captions say none. */
  readonly pace: number;
  /** Pixels from the left and from the top, before the first frame. */
  readonly x: number;
  readonly y: number;
  /** Of the first step along its axis: -1 is up or left. */
  readonly direction: 1 | -1;
}

/** A digit's way: whole pixels from the left and the top in each frame, and the walls that it meets. */
export interface Track {
  readonly x: Int32Array;
  readonly y: Int32Array;
  readonly hits: readonly Pick<Bounce, 'frame' | 'wall'>[];
}

/** The order in which digits lose a motion to the held-out pairs: the four of the pairs that are held out by default come first. */
const HELD_DIGITS = [1, 4, 6, 9, 0, 2, 3, 5, 7, 8];

/** Most pairs that can be held out, so that every digit is seen in a motion. */
export function mostHeldPairs(motions: Settings['motions']): number {
  return DIGITS * (MOTIONS[motions].length - 1);
}

/**
 * The first `count` of a fixed list of pairs, in which digits and motions take turns: 1 up and down, 4 left and right, 6 up and down, 9 left and right,
 * ... With ten of them each digit has one motion in training and the other kept from it, as in the published split.
 */
export function heldPairs(motions: Settings['motions'], count: number): Pair[] {
  return Array.from({ length: count }, (_, i) => ({ digit: HELD_DIGITS[i % DIGITS], motion: (i + Math.floor(i / DIGITS)) % MOTIONS[motions].length }));
}

export function vertical(motions: Settings['motions'], motion: number): boolean {
  return motion < MOTIONS[motions].length / 2;
}

/** Which rows a clip belongs to: each part has draws of its own, so that a row is the same however many others there are. */
export type Part = 'training' | 'held_out' | 'unseen';

/** Numbers of the draws of a digit; the digits of a clip are so many apart. */
const DRAW = { pair: 0, picture: 1, x: 2, y: 3, direction: 4, pace: 5, each: 8 } as const;
/** Draw of a clip as a whole, after those of two digits. */
const WHICH = 2 * DRAW.each;

/** Clips by part and number, a function of the seed. */
export class Scenes {
  private readonly seen: readonly Pair[];
  private readonly held: readonly Pair[];

  /** `pictures`: for each part and digit the numbers of the pictures to choose from. */
  constructor(
    private readonly settings: Settings,
    private readonly seed: bigint,
    private readonly pictures: (part: Part, digit: number) => ArrayLike<number>,
  ) {
    this.held = heldPairs(settings.motions, settings.heldPairs);
    const kept = new Set(this.held.map(({ digit, motion }) => `${digit} ${motion}`));
    this.seen = Array.from({ length: DIGITS * MOTIONS[settings.motions].length }, (_, i) => ({ digit: i % DIGITS, motion: Math.floor(i / DIGITS) })).filter(
      ({ digit, motion }) => !kept.has(`${digit} ${motion}`),
    );
  }

  /** The digits of a clip. In an unseen clip one of them, any, has a held-out pair. */
  scene(part: Part, row: number): Mover[] {
    const key = drawKey(this.seed, `bouncing_mnist.${part}`);
    const uniform = (draw: number): number => {
      const [high, low] = threefry2x32(key, [row, draw]);
      return (high * 2 ** 21 + (low >>> 11)) * 2 ** -53;
    };
    const { digits } = this.settings;
    const strange = part === 'unseen' ? Math.floor(uniform(WHICH) * digits) : -1;
    return Array.from({ length: digits }, (_, i) => this.mover(part, i === strange ? this.held : this.seen, (draw) => uniform(i * DRAW.each + draw)));
  }

  private mover(part: Part, pairs: readonly Pair[], uniform: (draw: number) => number): Mover {
    const { settings } = this;
    const choose = <T>(list: ArrayLike<T>, draw: number): T => list[Math.floor(uniform(draw) * list.length)];
    const { digit, motion } = choose(pairs, DRAW.pair);
    const pace = settings.speeds ? choose([0, 1], DRAW.pace) : 1;
    const range = settings.size - settings.digitSize;
    const start = { x: uniform(DRAW.x) * range, y: uniform(DRAW.y) * range };
    const picture = choose(this.pictures(part, digit), DRAW.picture);
    if (settings.motions === 'two') return { digit, motion, picture, pace, ...start, direction: uniform(DRAW.direction) < 0.5 ? -1 : 1 };
    // "Up then down" must be seen to go up: it starts more than a step from the wall that it makes for.
    const direction = motion % 2 === 0 ? -1 : 1;
    const step = stepOf(settings, pace);
    const axis = vertical(settings.motions, motion) ? 'y' : 'x';
    const way = range - uniform(axis === 'y' ? DRAW.y : DRAW.x) * (range - step);
    return { digit, motion, picture, pace, ...start, [axis]: direction === -1 ? way : range - way, direction };
  }
}

/** Pixels that a digit moves in a frame. */
export function stepOf({ speed }: Settings, pace: number): number {
  return pace === 0 ? speed / 2 : speed;
}

/** What rounding may add up to on the way from wall to wall, far below a pixel. */
const SLACK = 1e-6;

export function trackOf(mover: Mover, settings: Settings): Track {
  const { frames, size, digitSize, motions } = settings;
  const range = size - digitSize;
  const upright = vertical(motions, mover.motion);
  const moving = new Int32Array(frames);
  const still = new Int32Array(frames).fill(Math.round(upright ? mover.x : mover.y));
  const hits: Track['hits'][number][] = [];
  let at = upright ? mover.y : mover.x;
  let step = stepOf(settings, mover.pace) * mover.direction;
  for (let frame = 0; frame < frames; frame++) {
    at += step;
    if (at > SLACK && at < range - SLACK) {
      moving[frame] = Math.max(1, Math.min(range - 1, Math.round(at)));
      continue;
    }
    const low = at <= SLACK;
    at = low ? 0 : range;
    step = -step;
    moving[frame] = at;
    hits.push({ frame, wall: upright ? (low ? 'top' : 'bottom') : low ? 'left' : 'right' });
  }
  return { x: upright ? still : moving, y: upright ? moving : still, hits };
}

/** Bounces of all digits in the order of their frames. */
export function bouncesOf(tracks: readonly Track[]): Bounce[] {
  return tracks.flatMap(({ hits }, digit) => hits.map((hit) => ({ ...hit, digit }))).sort((a, b) => a.frame - b.frame || a.digit - b.digit);
}

/** `the digit 7 is moving up and down .`, `digit 7 is moving left and right and digit 5 is moving up and down .`. */
export function captionOf(movers: readonly Pick<Mover, 'digit' | 'motion' | 'pace'>[], { motions, speeds }: Pick<Settings, 'motions' | 'speeds'>): string {
  const says = movers.map(({ digit, motion, pace }) => `digit ${digit} is moving ${speeds ? `${SPEEDS[pace]} ` : ''}${MOTIONS[motions][motion]}`);
  return `${movers.length === 1 ? 'the ' : ''}${says.join(' and ')} .`;
}

/** Every caption that there can be, once: what words are counted in, so that a word has the same number whatever was drawn. */
export function allCaptions(settings: Settings): string[] {
  const paces = settings.speeds ? [0, 1] : [1];
  const one = MOTIONS[settings.motions].flatMap((_, motion) =>
    paces.flatMap((pace) => Array.from({ length: DIGITS }, (_, digit): Pick<Mover, 'digit' | 'motion' | 'pace'> => ({ digit, motion, pace }))),
  );
  if (settings.digits === 1) return one.map((mover) => captionOf([mover], settings));
  return one.flatMap((first) => one.map((second) => captionOf([first, second], settings)));
}
