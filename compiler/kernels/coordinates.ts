/**
 * Index arithmetic of one kernel. A coordinate is the name of a u32 value. Two operations join and split coordinates (row-major), and
 * both remember what they did, so that what was joined is split without division and what was split is joined without multiplication.
 */
import type { Writer } from './writer.js';

/** Length of an axis: its number for deciding, its text (a parameter) for computing. */
export interface Size {
  readonly value: number;
  readonly text: string;
}

export const ZERO = '0u';

interface Parts {
  readonly coords: readonly string[];
  readonly sizes: readonly Size[];
}

export class Coordinates {
  private readonly parts = new Map<string, Parts[]>();

  /** `product`: the parameter for the product of lengths. */
  constructor(
    private readonly writer: Writer,
    readonly product: (sizes: readonly Size[]) => Size,
  ) {}

  /** Row-major position of `coords` in a block of `sizes`. */
  join(coords: readonly string[], sizes: readonly Size[]): string {
    let { names, lengths } = this.shorten(coords, sizes);
    // What was split in two ways is found by way of the whole.
    for (let again = this.shorten(names, lengths); again.names.length < names.length; again = this.shorten(names, lengths)) ({ names, lengths } = again);
    if (names.length === 0) return ZERO;
    let position = names[0];
    for (let k = 1; k < names.length; k++) {
      const scaled = `${atom(position)} * ${lengths[k].text}`;
      position = names[k] === ZERO ? scaled : `${scaled} + ${names[k]}`;
    }
    if (isName(position)) return position;
    const name = this.writer.let(position, 'i');
    this.relate(name, names, lengths);
    return name;
  }

  /** The fewest names that make the position, going by what was joined and split before. */
  private shorten(coords: readonly string[], sizes: readonly Size[]): { names: string[]; lengths: Size[] } {
    const flat: Parts = this.flatten(coords, sizes);
    // Leading zeros do not move the position.
    let first = 0;
    while (first < flat.coords.length && flat.coords[first] === ZERO) first++;
    const names = flat.coords.slice(first);
    const lengths = flat.sizes.slice(first);
    while (this.joinRun(names, lengths));
    return { names, lengths };
  }

  /** Replaces the longest run of neighbours that has a name already by that name. */
  private joinRun(names: string[], lengths: Size[]): boolean {
    for (let count = names.length; count > 1; count--) {
      for (let k = 0; k + count <= names.length; k++) {
        const known = this.writer.recall(joinKey(names.slice(k, k + count), lengths.slice(k, k + count)));
        if (known === undefined) continue;
        names.splice(k, count, known);
        lengths.splice(k, count, this.product(lengths.slice(k, k + count)));
        return true;
      }
    }
    return false;
  }

  /** Coordinates in a block of `sizes` of what lies at a row-major position. */
  split(position: string, sizes: readonly Size[]): string[] {
    const result: string[] = new Array(sizes.length).fill(ZERO);
    if (position === ZERO) return result;
    const axes = sizes.map((_, axis) => axis).filter((axis) => sizes[axis].value !== 1);
    if (axes.length === 0) return result;
    const parts = this.splitSquare(
      position,
      axes.map((axis) => sizes[axis]),
    );
    axes.forEach((axis, k) => {
      result[axis] = parts[k];
    });
    return result;
  }

  private splitSquare(position: string, sizes: readonly Size[]): string[] {
    if (sizes.length === 1) return [position];
    const key = `split ${position} ${sizes.map((s) => s.text).join(' ')}`;
    const known = this.writer.recall(key);
    if (known !== undefined) return known.split(' ');
    for (const { coords, sizes: lengths } of this.known(position)) {
      const groups = regroup(lengths, sizes);
      // One group of several axes would come back to this very split.
      if (groups === undefined || groups.length < 2) continue;
      const names = this.convert(coords, lengths, sizes);
      this.relate(position, names, sizes);
      return names;
    }
    const names = sizes.map(() => this.writer.fresh('c'));
    let rest = position;
    for (let k = sizes.length - 1; k > 0; k--) {
      const quotient = k === 1 ? names[0] : this.writer.fresh('q');
      const { value, text } = sizes[k];
      if (isShift(value)) {
        // Software GPUs divide lane by lane, which takes longer than to load what is found there.
        this.writer.letNamed(quotient, `${rest} >> ${this.writer.let(`countTrailingZeros(${text})`)}`);
        this.writer.letNamed(names[k], `${rest} & ${this.writer.let(`${text} - 1u`)}`);
      } else {
        this.writer.letNamed(quotient, `${rest} / ${text}`);
        this.writer.letNamed(names[k], `${rest} - ${quotient} * ${text}`);
      }
      rest = quotient;
      if (k > 1) this.relate(quotient, names.slice(0, k), sizes.slice(0, k));
    }
    this.relate(position, names, sizes);
    this.writer.remember(key, names.join(' '), position);
    return names;
  }

  /** Coordinates of the same row-major position in another shape of as many elements. */
  convert(coords: readonly string[], from: readonly Size[], to: readonly Size[]): string[] {
    const result: string[] = new Array(to.length).fill(ZERO);
    const groups = regroup(from, to);
    if (groups === undefined) return this.split(this.join(coords, from), to);
    for (const { source, target } of groups) {
      const group = target.map((axis) => to[axis]);
      const names =
        source.length === 1 && target.length === 1
          ? [coords[source[0]]]
          : this.split(
              this.join(
                source.map((axis) => coords[axis]),
                source.map((axis) => from[axis]),
              ),
              group,
            );
      target.forEach((axis, k) => {
        result[axis] = names[k];
      });
    }
    return result;
  }

  /** States that `position` is the joint of `coords`. */
  relate(position: string, coords: readonly string[], sizes: readonly Size[]): void {
    const axes = coords.map((_, axis) => axis).filter((axis) => sizes[axis].value !== 1);
    const names = axes.map((axis) => coords[axis]);
    const lengths = axes.map((axis) => sizes[axis]);
    if (names.length < 2) return;
    const list = this.known(position);
    if (!list.some((parts) => parts.coords.join(' ') === names.join(' '))) this.parts.set(position, [...list, { coords: names, sizes: lengths }]);
    this.writer.remember(joinKey(names, lengths), position, names.join(' '));
  }

  private known(position: string): Parts[] {
    return (this.parts.get(position) ?? []).filter((parts) => parts.coords.every((name) => this.writer.alive(name)));
  }

  /** Without axes of length 1, joints replaced by what they join. */
  private flatten(coords: readonly string[], sizes: readonly Size[]): Parts {
    const names: string[] = [];
    const lengths: Size[] = [];
    coords.forEach((coord, axis) => {
      if (sizes[axis].value === 1) return;
      // A coordinate may serve axes of several lengths (a slice from 0): only parts of this very length replace it.
      const parts = this.known(coord).find((p) => p.sizes.reduce((product, s) => product * s.value, 1) === sizes[axis].value);
      if (parts !== undefined) {
        const deep = this.flatten(parts.coords, parts.sizes);
        names.push(...deep.coords);
        lengths.push(...deep.sizes);
      } else {
        names.push(coord);
        lengths.push(sizes[axis]);
      }
    });
    return { coords: names, sizes: lengths };
  }
}

/**
 * Strides and their like, which are the same wherever a kernel of this structure is used. Of larger powers of two that is not so: kernels of equal structure would be
 * two texts.
 */
function isShift(value: number): boolean {
  return value === 2 || value === 4;
}

/** The first length does not matter for the position. */
function joinKey(coords: readonly string[], sizes: readonly Size[]): string {
  return `join ${coords.join(' ')} : ${sizes
    .slice(1)
    .map((s) => s.value)
    .join(' ')}`;
}

function isName(text: string): boolean {
  return /^\w+$/.test(text);
}

function atom(text: string): string {
  return isName(text) ? text : `(${text})`;
}

/** The smallest groups of neighbouring axes of equal product; axes of length 1 belong to none. `undefined` where a length is 0 or products differ. */
export function regroup(from: readonly Size[], to: readonly Size[]): { source: number[]; target: number[] }[] | undefined {
  const source = from.map((_, axis) => axis).filter((axis) => from[axis].value !== 1);
  const target = to.map((_, axis) => axis).filter((axis) => to[axis].value !== 1);
  const groups: { source: number[]; target: number[] }[] = [];
  let i = 0;
  let j = 0;
  while (i < source.length && j < target.length) {
    const group = { source: [source[i]], target: [target[j]] };
    let left = from[source[i++]].value;
    let right = to[target[j++]].value;
    if (left === 0 || right === 0) return undefined;
    while (left !== right) {
      if (left < right) {
        if (i === source.length) return undefined;
        group.source.push(source[i]);
        left *= from[source[i++]].value;
      } else {
        if (j === target.length) return undefined;
        group.target.push(target[j]);
        right *= to[target[j++]].value;
      }
    }
    groups.push(group);
  }
  return i === source.length && j === target.length ? groups : undefined;
}
