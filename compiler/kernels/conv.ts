/**
 * Convolution as an implicit matrix product: rows are output channels, columns are positions of the whole batch, and the sum runs over input channels and
 * taps, gathered by index arithmetic. One generator serves the forward pass, the data gradient (input dilation, split by phase: see conv-index) and the weight
 * gradient (channels and batch exchanged by the strides of the operands).
 */
import type { Node } from '../graph/node.js';
import { type AxisNames, axisNames, columnCoordinates, length, nextColumn, Places } from './conv-axes.js';
import { convTerms } from './conv-index.js';
import { columnsOf, convProblem, type Problem } from './conv-problem.js';
import { RowSum } from './conv-rows.js';
import { StagedSum } from './conv-staged.js';
import type { Emitter } from './emitter.js';
import {
  addVariants,
  DEPTH,
  declareSums,
  describe,
  type Extent,
  type Launch,
  laneRow,
  multiply,
  openTile,
  range,
  rowGroups,
  sink,
  withFallback,
} from './gemm-tile.js';
import { type GeneratedKernel, type Group, KernelBuilder, type Site } from './kernel.js';
import { overMergedPositions } from './merge-axes.js';

/** Terms of a sum to which what follows it is no small matter. */
const SHORT_SUM = 64;

/** One convolution and its epilogue. Throws where an operand is no affine view of a stored value: fusion leaves only such. */
export function conv(group: Group, site: Site): GeneratedKernel {
  const generate = (over: Group, at: Site, anchor: Node): GeneratedKernel => withFallback((vectors) => build(over, at, anchor, vectors));
  const [anchor] = group.anchors;
  const { swapped, axes, channels, window } = convProblem(anchor, site);
  // Columns in order are positions in order.
  const inOrder = !swapped && axes.every((axis) => axis.phases === 1);
  const positions = axes.reduce((product, axis) => product * axis.size, 1);
  // What follows the sum then goes by fours, which matters where that is not long.
  const long = window !== undefined && axes.reduce((product, axis) => product * axis.taps, channels) > SHORT_SUM;
  const gains = inOrder && !long && axes[axes.length - 1].size % 4 !== 0 && positions % 4 === 0 && !convProblem(anchor, site, false).swapped;
  return (gains ? overMergedPositions(group, site, generate) : undefined) ?? generate(group, site, anchor);
}

/** `anchor`: the convolution; the group's may be the same, counted over positions. */
function build(group: Group, site: Site, anchor: Node, vectors: boolean): KernelBuilder {
  const kernel = new KernelBuilder(group, site);
  const p = convProblem(anchor, site, anchor === group.anchors[0]);
  addVariants(kernel, extentOf(p), p.channels, (e, launch) => write(e, launch, p, vectors));
  const phased = p.axes.some((axis) => axis.inputDilation > 1) ? '_phases' : '';
  const flops = 2 * p.batch * p.groups * p.rows * p.channels * convTerms(p.axes);
  describe(kernel, `conv${p.axes.length}d_${p.window === undefined ? p.inner : 'rows'}${phased}${p.swapped ? '_swapped' : ''}`, flops);
  return kernel;
}

/** Columns are positions of one phase, and phases are layers. */
function extentOf(p: Problem): Extent {
  return { rows: p.rows, columns: columnsOf(p), layers: p.axes.reduce((product, axis) => product * axis.phases, p.groups) };
}

/** What a column reads of the input: where its channel 0 starts, and for each axis the coordinate at tap 0 (i32). */
interface Column {
  readonly place: string;
  readonly starts: readonly string[];
}

/** Place in the input (u32), so far as the taps of the outer loops say, and whether all those taps lie in it. */
interface Reach {
  readonly place: string;
  readonly inside: string | undefined;
}

/** Writes one text, and gives its grid. */
function write(e: Emitter, launch: Launch, p: Problem, vectors: boolean): readonly [number, number, number] {
  const { layer, workgroups } = openTile(e, launch, extentOf(p));
  const { group, axes: own } = openLayer(e, p, layer);
  const axes = p.window === undefined ? own : byFours(e, p, own);
  const rowCount = length(e, p.kernel, 1);
  const columnCount = e.let([length(e, p.input, 0), ...axes.map((axis) => axis.positions)].join(' * '));
  declareSums(launch.tile, e.writer);
  if (launch.staged !== undefined) new StagedSum(e, launch, p, group, axes).write();
  else if (p.window === undefined) {
    const sum = new Sum(e, launch, p, group, axes);
    const reaches = sum.columns.map((column) => ({ place: column.place, inside: undefined }));
    sum.nest(0, reaches, sum.rows);
  } else new RowSum(e, launch, p, p.window, group, axes, vectors).write();

  /** Coordinates of an element of the result, by its column and row. */
  const place = (column: string): ((row: string) => string[]) => {
    if (e.domain !== p.anchor) {
      const [image, position] = columnCoordinates(e, column, [{ positions: e.axis(e.domain, 3).text }]);
      return (row) => [image, group, row, position];
    }
    const [image, ...positions] = columnCoordinates(e, column, axes);
    const space = positions.map((position, i) => {
      const size = e.axis(p.anchor, 3 + i).text;
      if (size === '1u') return '0u';
      const forward = e.let(axes[i].position(position));
      return p.swapped ? e.let(`${size} - 1u - ${forward}`) : forward;
    });
    return (row) => (p.swapped ? [row, group, image, ...space] : [image, group, row, ...space]);
  };
  const quads = vectors && !p.swapped && p.axes[p.axes.length - 1].phases === 1;
  const present = axes === own ? undefined : presentOf(e, own, axes, columnCount);
  sink(e, launch.tile, e.domain, { rowCount, columnCount, place, quads, present });
  return workgroups;
}

/** The axes where columns are counted as if the last axis had a multiple of four positions, in each phase. The same where it has. */
function byFours(e: Emitter, p: Problem, axes: AxisNames[]): AxisNames[] {
  const { phases, size } = p.axes[p.axes.length - 1];
  if (phases === 1 && size % 4 === 0) return axes;
  const last = axes[axes.length - 1];
  return [...axes.slice(0, -1), { ...last, positions: e.let(`(${last.positions} + 3u) / 4u * 4u`) }];
}

/** How many of the four columns of a lane are positions of the result. */
function presentOf(e: Emitter, own: readonly AxisNames[], axes: readonly AxisNames[], columnCount: string): string {
  const first = columnCoordinates(e, 'column0', axes)[axes.length];
  const { positions } = own[own.length - 1];
  return e.let(`select(0u, min(4u, max(${positions}, ${first}) - ${first}), column0 < ${columnCount})`);
}

/** Layers of the grid: the group, then the phase of each axis that has several. */
function openLayer(e: Emitter, p: Problem, first: string): { readonly group: string; readonly axes: AxisNames[] } {
  let layer = first;
  let group = '0u';
  if (p.groups > 1) {
    const groups = length(e, p.input, 1);
    group = p.axes.some((axis) => axis.phases > 1) ? e.let(`${layer} % ${groups}`) : layer;
    layer = e.let(`${layer} / ${groups}`);
  }
  const axes = p.axes.map((axis, i) => {
    if (axis.inputDilation === 1) return axisNames(e, p, i, undefined);
    if (axis.phases === 1) return axisNames(e, p, i, '0u');
    const phases = e.parameter(`phases ${i}`, axis.phases);
    const phase = e.let(`${layer} % ${phases}`);
    layer = e.let(`${layer} / ${phases}`);
    return axisNames(e, p, i, phase);
  });
  return { group, axes };
}

/** The loops over taps and channels. */
class Sum {
  readonly columns: readonly Column[];
  /** Where each row that this lane reads starts in the kernel. */
  readonly rows: readonly string[];
  private readonly input: string;
  private readonly kernel: string;
  private readonly channels: string;
  private readonly places: Places;

  constructor(
    private readonly e: Emitter,
    private readonly launch: Launch,
    private readonly p: Problem,
    group: string,
    private readonly axes: readonly AxisNames[],
  ) {
    this.places = new Places(e, p);
    this.input = e.array(p.input.view.leaf);
    this.kernel = e.array(p.kernel.view.leaf);
    this.channels = length(e, p.input, 2);
    const columns: Column[] = [];
    let coordinates = columnCoordinates(e, 'column0', axes);
    for (const j of range(4)) {
      if (j > 0) coordinates = nextColumn(e, coordinates, axes);
      // Columns beyond the last read some image, and are not written.
      const image = p.batch === 1 ? '0u' : e.let(`min(${coordinates[0]}, ${length(e, p.input, 0)} - 1u)`);
      columns.push({
        place: this.places.plus(this.places.plus(this.places.offset('input'), this.places.times(image, 'input', 0)), this.places.times(group, 'input', 1)),
        starts: axes.map((axis, i) => (coordinates[i + 1] === '0u' ? axis.start : e.let(`i32(${coordinates[i + 1]} * ${axis.advance}) + ${axis.start}`))),
      });
    }
    this.columns = columns;
    const base = this.places.plus(this.places.offset('kernel'), this.places.times(group, 'kernel', 0));
    this.rows = range(rowGroups(launch.tile)).map((part) => {
      const row = e.let(`min(row0 + ${laneRow(launch.tile, part)}, ${length(e, p.kernel, 1)} - 1u)`);
      return this.places.plus(base, this.places.times(row, 'kernel', 1));
    });
  }

  /** Loops over the taps of axis `i` and of those after it, then over channels; `reaches` and `taps` say what the outer ones chose. */
  nest(i: number, reaches: readonly Reach[], taps: readonly string[]): void {
    const { e, p } = this;
    const last = this.axes.length - 1;
    if (i === last && p.inner === 'taps') {
      e.loop(this.channels, (c) => e.loop(this.axes[last].taps, (t) => this.turnTaps(reaches, taps, t, c), '0u', `${DEPTH}u`));
      return;
    }
    if (i > last) {
      const safe = reaches.map((reach, j) => this.safe(reach, this.columns[j]));
      e.loop(this.channels, (c) => this.turnChannels(safe, taps, c), '0u', `${DEPTH}u`);
      return;
    }
    const tap = (t: string): void =>
      this.nest(
        i + 1,
        reaches.map((reach, j) => this.along(reach, this.columns[j], i, t)),
        taps.map((place) => this.tapPlace(place, i, t)),
      );
    if (this.axes[i].taps === '1u') tap('0u');
    else e.loop(this.axes[i].taps, tap);
  }

  /** What a column reads at tap `t` of axis `i`, from what it reads by the axes before. */
  private along(reach: Reach, column: Column, i: number, t: string): Reach {
    const { e } = this;
    const at = e.let(t === '0u' ? `u32(${column.starts[i]})` : `u32(${column.starts[i]} + i32(${t} * ${this.axes[i].reach}))`);
    const inside = e.let(`${at} < ${length(e, this.p.input, 3 + i)}`);
    return {
      place: this.places.plus(reach.place, this.places.times(at, 'input', 3 + i)),
      inside: reach.inside === undefined ? inside : e.let(`${reach.inside} && ${inside}`),
    };
  }

  private tapPlace(place: string, i: number, t: string): string {
    return this.places.plus(place, this.places.times(this.axes[i].tap(t), 'kernel', 3 + i));
  }

  /** Outside of the input the place is anywhere: there the column's own start is read instead, and not used. */
  private safe(reach: Reach, column: Column): Reach {
    return { place: this.e.let(`select(${column.place}, ${reach.place}, ${reach.inside})`), inside: reach.inside };
  }

  private load(reach: Reach, channel: string): string {
    return `select(0.0, ${this.input}[${this.places.plus(reach.place, channel)}], ${reach.inside})`;
  }

  /** `DEPTH` channels at the taps chosen. */
  private turnChannels(reaches: readonly Reach[], taps: readonly string[], c: string): void {
    const { e, p } = this;
    const ragged = p.channels % DEPTH !== 0;
    const channel = range(DEPTH).map((i) => e.let(i === 0 ? c : ragged ? `min(${c} + ${i}u, ${this.channels} - 1u)` : `${c} + ${i}u`));
    const inside = range(DEPTH).map((i) => (i === 0 || !ragged ? undefined : e.let(`${c} + ${i}u < ${this.channels}`)));
    taps.forEach((place, part) => {
      const elements = range(DEPTH).map((i) => {
        const element = `${this.kernel}[${this.places.plus(place, this.places.times(channel[i], 'kernel', 2))}]`;
        return inside[i] === undefined ? element : `select(0.0, ${element}, ${inside[i]})`;
      });
      e.writer.letNamed(`left${part}`, `vec4<f32>(${elements.join(', ')})`);
    });
    for (const i of range(DEPTH)) {
      const offset = this.places.times(channel[i], 'input', 2);
      const value = `vec4<f32>(${reaches.map((reach) => this.load(reach, offset)).join(', ')})`;
      e.writer.letNamed(`right${i}`, inside[i] === undefined ? value : `select(vec4<f32>(), ${value}, ${inside[i]})`);
    }
    multiply(this.launch.tile, 'apart', e.writer);
  }

  /** `DEPTH` taps of the last axis, of channel `c`. */
  private turnTaps(reaches: readonly Reach[], taps: readonly string[], t: string, c: string): void {
    const { e } = this;
    const last = this.axes.length - 1;
    const count = this.axes[last].taps;
    const numbers = range(DEPTH).map((i) => e.let(i === 0 ? t : `${t} + ${i}u`));
    const inside = numbers.map((number, i) => (i === 0 ? undefined : e.let(`${number} < ${count}`)));
    taps.forEach((place, part) => {
      const elements = numbers.map((number, i) => {
        const known = i === 0 ? number : e.let(`min(${number}, ${count} - 1u)`);
        const element = `${this.kernel}[${this.places.plus(this.tapPlace(place, last, known), this.places.times(c, 'kernel', 2))}]`;
        return inside[i] === undefined ? element : `select(0.0, ${element}, ${inside[i]})`;
      });
      e.writer.letNamed(`left${part}`, `vec4<f32>(${elements.join(', ')})`);
    });
    numbers.forEach((number, i) => {
      const values = this.columns.map((column, j) => {
        const reach = this.safe(this.along(reaches[j], column, last, number), column);
        return this.load(inside[i] === undefined ? reach : { ...reach, inside: e.let(`${reach.inside} && ${inside[i]}`) }, this.places.times(c, 'input', 2));
      });
      e.writer.letNamed(`right${i}`, `vec4<f32>(${values.join(', ')})`);
    });
    multiply(this.launch.tile, 'apart', e.writer);
  }
}
