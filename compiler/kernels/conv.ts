/**
 * Convolution as an implicit matrix product: rows are output channels, columns are positions of the whole batch, and the sum runs over input channels and
 * taps, gathered by index arithmetic. One generator serves the forward pass, the data gradient (input dilation, split by phase: see conv-index) and the weight
 * gradient (channels and batch exchanged by the strides of the operands).
 */
import { convTerms } from './conv-index.js';
import { convProblem, type Operand, type Problem } from './conv-problem.js';
import type { Emitter } from './emitter.js';
import { addVariants, DEPTH, declareSums, describe, type Launch, laneRow, multiply, openTile, range, rowGroups, sink, withFallback } from './gemm-tile.js';
import { type GeneratedKernel, type Group, KernelBuilder, type Site } from './kernel.js';

/** Length of an axis of an operand, as a parameter. */
function length(e: Emitter, operand: Operand, axis: number): string {
  return e.axis(operand.node, operand.order[axis]).text;
}

/** Names of one spatial axis inside a kernel. u32, but `start` (i32): the coordinate that tap 0 reads at position 0 of the phase. */
interface AxisNames {
  readonly positions: string;
  readonly taps: string;
  readonly start: string;
  readonly advance: string;
  readonly reach: string;
  /** Tap number from the number within the phase, as text. */
  readonly tap: (within: string) => string;
  /** Output position from the number within the phase, as text. */
  readonly position: (within: string) => string;
}

/** Sizes of an axis, or of the phase `phase` of it. */
function axisNames(e: Emitter, p: Problem, i: number, phase: string | undefined): AxisNames {
  const { writer } = e;
  const axis = p.axes[i];
  const size = e.axis(p.anchor, 3 + i).text;
  const taps = length(e, p.kernel, 3 + i);
  const advance = e.parameter(`advance ${i}`, axis.advance);
  const reach = e.parameter(`reach ${i}`, axis.reach);
  const padding = `i32(${e.parameter(`padding ${i}`, axis.padding >>> 0)})`;
  if (phase === undefined) {
    return { positions: size, taps, start: writer.let(`-${padding}`), advance, reach, tap: (within) => within, position: (within) => within };
  }
  const phases = e.parameter(`phases ${i}`, axis.phases);
  const step = e.parameter(`tap step ${i}`, axis.tapStep);
  const holes = e.parameter(`input dilation ${i}`, axis.inputDilation);
  const stride = e.parameter(`stride ${i}`, axis.stride);
  const dilation = e.parameter(`dilation ${i}`, axis.dilation);
  // The padding modulo the input dilation, so that the remainder is taken of what is not negative.
  const shift = e.parameter(`shift ${i}`, ((-axis.padding % axis.inputDilation) + axis.inputDilation) % axis.inputDilation);
  const first = `first${i}`;
  writer.line(`var search${i} = 0u;`);
  writer.line(`while (search${i} < ${step} && (${phase} * ${stride} + search${i} * ${dilation} + ${shift}) % ${holes} != 0u) { search${i}++; }`);
  writer.letNamed(first, `search${i}`);
  const none = `${first} >= min(${step}, ${taps})`;
  return {
    positions: writer.let(`(${size} + ${phases} - 1u - ${phase}) / ${phases}`),
    taps: writer.let(`select((${taps} + ${step} - 1u - ${first}) / ${step}, 0u, ${none})`),
    start: writer.let(`(i32(${phase} * ${stride} + ${first} * ${dilation}) - ${padding}) / i32(${holes})`),
    advance,
    reach,
    tap: (within) => `(${first} + ${within} * ${step})`,
    position: (within) => `${phase} + ${within} * ${phases}`,
  };
}

/** Coordinates of a column: batch, then positions within the phase. */
function columnCoordinates(e: Emitter, column: string, axes: readonly AxisNames[]): string[] {
  const names: string[] = [];
  let rest = column;
  for (let i = axes.length - 1; i >= 0; i--) {
    if (axes[i].positions === '1u') {
      names.unshift('0u');
      continue;
    }
    const quotient = e.writer.let(`${rest} / ${axes[i].positions}`);
    names.unshift(e.writer.let(`${rest} - ${quotient} * ${axes[i].positions}`));
    rest = quotient;
  }
  return [rest, ...names];
}

/** Coordinates of the column after: one position on, with carry. */
function nextColumn(e: Emitter, coordinates: readonly string[], axes: readonly AxisNames[]): string[] {
  const next = [...coordinates];
  let carry = '1u';
  for (let i = axes.length - 1; i >= 0; i--) {
    if (axes[i].positions === '1u') continue;
    const moved = e.writer.let(`${coordinates[i + 1]} + ${carry}`);
    next[i + 1] = e.writer.let(`select(${moved}, 0u, ${moved} == ${axes[i].positions})`);
    carry = e.writer.let(`select(0u, 1u, ${moved} == ${axes[i].positions})`);
  }
  next[0] = e.writer.let(`${coordinates[0]} + ${carry}`);
  return next;
}

/** What a column reads of the input: where its channel 0 starts, and for each axis the coordinate at tap 0 (i32). */
interface ColumnReads {
  readonly place: string;
  readonly starts: readonly string[];
}

/** Place in memory (u32), so far as the taps of the outer loops say, and whether all those taps lie in the input. */
interface Reach {
  readonly place: string;
  readonly inside: string | undefined;
}

function write(e: Emitter, launch: Launch, p: Problem, vectors: boolean): readonly [number, number, number] {
  const { writer } = e;
  const { tile } = launch;
  const rank = p.axes.length;
  const batch = length(e, p.input, 0);
  const groups = length(e, p.input, 1);
  const channels = length(e, p.input, 2);
  const rowCount = length(e, p.kernel, 1);
  const { layer: first, workgroups } = openTile(e, launch, {
    rows: p.rows,
    columns: p.batch * p.axes.reduce((product, axis) => product * Math.ceil(axis.size / axis.phases), 1),
    layers: p.groups * p.axes.reduce((product, axis) => product * axis.phases, 1),
  });

  // Layers of the grid: the group, then the phase of each axis that has some.
  let layer = first;
  let group = '0u';
  if (p.groups > 1) {
    group = p.axes.some((axis) => axis.phases > 1) ? writer.let(`${layer} % ${groups}`) : layer;
    layer = writer.let(`${layer} / ${groups}`);
  }
  const axes = p.axes.map((axis, i) => {
    if (axis.inputDilation === 1) return axisNames(e, p, i, undefined);
    if (axis.phases === 1) return axisNames(e, p, i, '0u');
    const phases = e.parameter(`phases ${i}`, axis.phases);
    const phase = writer.let(`${layer} % ${phases}`);
    layer = writer.let(`${layer} / ${phases}`);
    return axisNames(e, p, i, phase);
  });
  const columnCount = writer.let([batch, ...axes.map((axis) => axis.positions)].join(' * '));

  const x = e.array(p.input.view.leaf);
  const w = e.array(p.kernel.view.leaf);
  const stride = (role: 'input' | 'kernel', axis: number): string => e.parameter(`${role} stride ${axis}`, p[role].view.strides[axis] >>> 0);
  const start = (role: 'input' | 'kernel'): string => e.parameter(`${role} offset`, p[role].view.offset);
  const plus = (a: string, b: string): string => (a === '0u' ? b : b === '0u' ? a : writer.let(`${a} + ${b}`));
  const times = (a: string, b: string): string => (a === '0u' || b === '0u' ? '0u' : a === '1u' ? b : b === '1u' ? a : writer.let(`${a} * ${b}`));

  const columns: ColumnReads[] = [];
  let coordinates = columnCoordinates(e, 'column0', axes);
  for (const j of range(4)) {
    if (j > 0) coordinates = nextColumn(e, coordinates, axes);
    const image = p.batch === 1 ? '0u' : times(writer.let(`min(${coordinates[0]}, ${batch} - 1u)`), stride('input', 0));
    columns.push({
      place: plus(plus(start('input'), image), times(group, stride('input', 1))),
      starts: axes.map((axis, i) => (coordinates[i + 1] === '0u' ? axis.start : writer.let(`i32(${coordinates[i + 1]} * ${axis.advance}) + ${axis.start}`))),
    });
  }
  const rows = range(rowGroups(tile)).map((part) =>
    plus(
      plus(start('kernel'), times(group, stride('kernel', 0))),
      times(writer.let(`min(row0 + ${laneRow(tile, part)}, ${rowCount} - 1u)`), stride('kernel', 1)),
    ),
  );
  declareSums(tile, writer);

  /** What a column reads at tap `t` of axis `i`, from what it reads by the axes before. */
  const along = (reach: Reach, column: ColumnReads, i: number, t: string): Reach => {
    const at = writer.let(t === '0u' ? `u32(${column.starts[i]})` : `u32(${column.starts[i]} + i32(${t} * ${axes[i].reach}))`);
    const inside = writer.let(`${at} < ${length(e, p.input, 3 + i)}`);
    return {
      place: plus(reach.place, times(at, stride('input', 3 + i))),
      inside: reach.inside === undefined ? inside : writer.let(`${reach.inside} && ${inside}`),
    };
  };
  const tapPlace = (place: string, i: number, t: string): string => plus(place, times(axes[i].tap(t), stride('kernel', 3 + i)));
  const load = (reach: Reach, channel: string): string => {
    // Outside of the input the place is anywhere: the column's own start is read instead, and not used.
    const element = `${x}[${plus(reach.place, channel)}]`;
    return reach.inside === undefined ? element : `select(0.0, ${element}, ${reach.inside})`;
  };

  const turnChannels = (reaches: readonly Reach[], taps: readonly string[], c: string): void => {
    const ragged = p.channels % DEPTH !== 0;
    const channel = range(DEPTH).map((i) => writer.let(i === 0 ? c : ragged ? `min(${c} + ${i}u, ${channels} - 1u)` : `${c} + ${i}u`));
    const inside = range(DEPTH).map((i) => (i === 0 || !ragged ? undefined : writer.let(`${c} + ${i}u < ${channels}`)));
    taps.forEach((place, part) => {
      const elements = range(DEPTH).map((i) => {
        const element = `${w}[${plus(place, times(channel[i], stride('kernel', 2)))}]`;
        return inside[i] === undefined ? element : `select(0.0, ${element}, ${inside[i]})`;
      });
      writer.letNamed(`left${part}`, `vec4<f32>(${elements.join(', ')})`);
    });
    for (const i of range(DEPTH)) {
      const offset = times(channel[i], stride('input', 2));
      const value = `vec4<f32>(${reaches.map((reach) => load(reach, offset)).join(', ')})`;
      writer.letNamed(`right${i}`, inside[i] === undefined ? value : `select(vec4<f32>(), ${value}, ${inside[i]})`);
    }
    multiply(tile, 'apart', writer);
  };

  const turnTaps = (reaches: readonly Reach[], taps: readonly string[], t: string, c: string): void => {
    const last = rank - 1;
    const count = axes[last].taps;
    const numbers = range(DEPTH).map((i) => writer.let(i === 0 ? t : `${t} + ${i}u`));
    taps.forEach((place, part) => {
      const elements = numbers.map((number, i) => {
        const known = i === 0 ? number : writer.let(`min(${number}, ${count} - 1u)`);
        const element = `${w}[${plus(tapPlace(place, last, known), times(c, stride('kernel', 2)))}]`;
        return i === 0 ? element : `select(0.0, ${element}, ${writer.let(`${number} < ${count}`)})`;
      });
      writer.letNamed(`left${part}`, `vec4<f32>(${elements.join(', ')})`);
    });
    numbers.forEach((number, i) => {
      const values = columns.map((column, j) => {
        const reach = safe(along(reaches[j], column, last, number), column);
        return load(i === 0 ? reach : { place: reach.place, inside: writer.let(`${reach.inside} && ${number} < ${count}`) }, times(c, stride('input', 2)));
      });
      writer.letNamed(`right${i}`, `vec4<f32>(${values.join(', ')})`);
    });
    multiply(tile, 'apart', writer);
  };

  const safe = (reach: Reach, column: ColumnReads): Reach => ({
    place: writer.let(`select(${column.place}, ${reach.place}, ${reach.inside})`),
    inside: reach.inside,
  });

  /** Loops over the taps of axis `i` and those after it, then over channels. */
  const nest = (i: number, reaches: readonly Reach[], taps: readonly string[]): void => {
    const last = rank - 1;
    if (i === last && p.inner === 'taps') {
      e.loop(channels, (c) => {
        e.loop(axes[last].taps, (t) => turnTaps(reaches, taps, t, c), '0u', `${DEPTH}u`);
      });
    } else if (i > last) {
      const known = reaches.map((reach, j) => safe(reach, columns[j]));
      e.loop(channels, (c) => turnChannels(known, taps, c), '0u', `${DEPTH}u`);
    } else {
      const tap = (t: string): void =>
        nest(
          i + 1,
          reaches.map((reach, j) => along(reach, columns[j], i, t)),
          taps.map((place) => tapPlace(place, i, t)),
        );
      if (axes[i].taps === '1u') tap('0u');
      else e.loop(axes[i].taps, tap);
    }
  };
  nest(
    0,
    columns.map((column) => ({ place: column.place, inside: undefined })),
    rows,
  );

  /** Coordinates of an element of the result, by its column and row. */
  const place = (column: string): ((row: string) => string[]) => {
    const [image, ...positions] = columnCoordinates(e, column, axes);
    const space = positions.map((position, i) => {
      const size = e.axis(p.anchor, 3 + i).text;
      if (size === '1u') return '0u';
      const forward = writer.let(axes[i].position(position));
      return p.swapped ? writer.let(`${size} - 1u - ${forward}`) : forward;
    });
    return (row) => (p.swapped ? [row, group, image, ...space] : [image, group, row, ...space]);
  };
  sink(e, tile, p.anchor, { rowCount, columnCount, place, quads: vectors && !p.swapped && p.axes[rank - 1].phases === 1 });
  return workgroups;
}

/** One convolution and its epilogue. Throws where an operand is no affine view of a stored value: fusion leaves only such. */
export function conv(group: Group, site: Site): GeneratedKernel {
  return withFallback((vectors) => build(group, site, vectors));
}

function build(group: Group, site: Site, vectors: boolean): KernelBuilder {
  const kernel = new KernelBuilder(group, site);
  const p = convProblem(group.anchors[0], site);
  addVariants(kernel, p.rows, (e, launch) => write(e, launch, p, vectors));
  const phased = p.axes.some((axis) => axis.inputDilation > 1) ? '_phases' : '';
  const flops = 2 * p.batch * p.groups * p.rows * p.channels * convTerms(p.axes);
  describe(kernel, `conv${p.axes.length}d_${p.inner}${phased}${p.swapped ? '_swapped' : ''}`, flops);
  return kernel;
}
