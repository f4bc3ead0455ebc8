/**
 * Matrix products, [B, M, K] x [B, K, N] -> [B, M, N], with what follows them elementwise. Operands are read through strides, so that a transposed,
 * broadcast or sliced one costs no copy. Where the result is narrow, rows and columns change roles.
 */
import { type Node, size } from '../graph/node.js';
import { OPERAND_ROWS, OPERAND_TEXELS } from '../program/types.js';
import { type Affine, operandView } from './affine.js';
import type { Emitter } from './emitter.js';
import { type Staged, StagedProduct } from './gemm-stage.js';
import {
  addVariants,
  DEPTH,
  declareSums,
  depthOf,
  describe,
  type Extent,
  type Launch,
  laneQuad,
  laneRow,
  leftName,
  multiply,
  openTile,
  range,
  rowGroups,
  rowQuads,
  sink,
  subgroupLaunch,
  withFallback,
} from './gemm-tile.js';
import { type GeneratedKernel, type Group, KernelBuilder, type Site } from './kernel.js';

/**
 * How four values are read. `along`: one `vec4` over four terms of the sum; `across`: one `vec4` over four neighbouring rows (of the left factor) or
 * columns (of the right one); `single`: one by one.
 */
type Reading = 'along' | 'across' | 'single';

/** One factor, as the tile sees it; strides in elements. `outer` is the row of the left factor or the column of the right one. */
interface Factor {
  readonly role: 'left' | 'right';
  readonly view: Affine;
  readonly batch: number;
  readonly outer: number;
  readonly term: number;
  readonly reading: Reading;
}

interface Problem {
  readonly anchor: Node;
  readonly batch: number;
  readonly rows: number;
  readonly columns: number;
  readonly terms: number;
  readonly left: Factor;
  readonly right: Factor;
  /** The tile's rows are the columns of the result. */
  readonly swapped: boolean;
  readonly vectors: boolean;
}

/** One matrix product and its epilogue. Throws where an operand is no affine view of a stored value: fusion leaves only such. */
export function matmul(group: Group, site: Site): GeneratedKernel {
  // Vectors where memory allows it: not where an operand is also written here, nor beyond the limit of bindings (one of each type).
  return withFallback((vectors) => build(group, site, vectors));
}

function build(group: Group, site: Site, vectors: boolean): KernelBuilder {
  const kernel = new KernelBuilder(group, site);
  const p = problem(group.anchors[0], site, vectors);
  addVariants(kernel, extentOf(p), p.terms, (e, launch) => write(e, launch, p), isTextured(p, site));
  const letter = (factor: Factor): string => ({ along: 'k', across: factor.role === 'left' ? 'm' : 'n', single: 's' })[factor.reading];
  describe(kernel, `matmul_${letter(p.left)}${letter(p.right)}${p.swapped ? '_swapped' : ''}`, 2 * size(p.anchor.shape) * p.terms);
  return kernel;
}

/** Narrower results, and shorter sums, are not worth the copies of the factors. */
const TEXTURED_SIDE = 32;
const TEXTURED_WORK = 4e6;

/** True where both factors are read by fours, from memory that holds little else. */
function isTextured({ batch, rows, columns, terms, left, right }: Problem, site: Site): boolean {
  if (Math.min(rows, columns) < TEXTURED_SIDE || batch * rows * columns * terms < TEXTURED_WORK || terms % 8 !== 0) return false;
  return [left, right].every(({ reading, view, role }) => {
    const elements = size(view.leaf.shape);
    const used = batch * terms * (role === 'left' ? rows : columns);
    const fits = elements <= Math.min(2 * used, 4 * OPERAND_TEXELS * OPERAND_ROWS);
    return reading !== 'single' && fits && site.access({ kind: 'value', node: view.leaf }) === 'read';
  });
}

function extentOf({ rows, columns, batch }: Problem): Extent {
  return { rows, columns, layers: batch };
}

function problem(anchor: Node, site: Site, vectors: boolean): Problem {
  const [a, b] = anchor.inputs;
  const [batch, m, terms] = a.shape;
  const n = b.shape[2];
  const views = [operandView(a, site), operandView(b, site)];
  const work = (rows: number, columns: number): number => {
    const launch = subgroupLaunch(rows, 8);
    return Math.ceil(rows / launch.rows) * (launch.rows + 6) * Math.ceil(columns / launch.columns);
  };
  const shared = { anchor, batch, terms, vectors };
  return work(n, m) < work(m, n)
    ? {
        ...shared,
        rows: n,
        columns: m,
        left: factor('left', views[1], [0, 2, 1], n, terms, vectors),
        right: factor('right', views[0], [0, 1, 2], m, terms, vectors),
        swapped: true,
      }
    : {
        ...shared,
        rows: m,
        columns: n,
        left: factor('left', views[0], [0, 1, 2], m, terms, vectors),
        right: factor('right', views[1], [0, 2, 1], n, terms, vectors),
        swapped: false,
      };
}

/** `axes`: which axis of the operand is the batch, the outer one, and the one summed over. */
function factor(role: 'left' | 'right', view: Affine, axes: readonly [number, number, number], outerLength: number, terms: number, vectors: boolean): Factor {
  const [batch, outer, term] = axes.map((axis) => view.strides[axis]);
  const aligned = (...numbers: number[]): boolean => numbers.every((number) => vectors && number % 4 === 0);
  let reading: Reading = 'single';
  if (term === 1 && aligned(batch, outer, view.offset, terms)) reading = 'along';
  else if (outer === 1 && aligned(batch, term, view.offset, outerLength)) reading = 'across';
  return { role, view, batch, outer, term, reading };
}

function write(e: Emitter, launch: Launch, p: Problem): readonly [number, number, number] {
  const { writer } = e;
  const { tile } = launch;
  const [m, n] = [1, 2].map((axis) => e.axis(p.anchor, axis).text);
  const rowCount = p.swapped ? n : m;
  const columnCount = p.swapped ? m : n;
  const terms = e.axis(p.anchor.inputs[0], 2).text;
  const { layer, workgroups } = openTile(e, launch, extentOf(p));
  const batch = p.batch === 1 ? '0u' : layer;
  const depth = depthOf(launch);
  declareSums(tile, writer);
  const left = new Reader(e, launch, p, p.left, rowCount, batch);
  const right = new Reader(e, launch, p, p.right, columnCount, batch);
  const place =
    (column: string) =>
    (row: string): string[] =>
      p.swapped ? [batch, column, row] : [batch, row, column];
  const to = { rowCount, columnCount, place, quads: p.vectors && !p.swapped };
  if (launch.staged) {
    new StagedProduct(e, launch, { left: left.staged(terms), right: right.staged(terms) }).over(terms);
    sink(e, tile, p.anchor, to);
    return workgroups;
  }
  e.loop(
    terms,
    (k) => {
      const term = (i: number): string => writer.let(i === 0 ? k : left.ragged ? `min(${k} + ${i}u, ${terms} - 1u)` : `${k} + ${i}u`);
      const inside = (i: number): string => writer.let(`${k} + ${i}u < ${terms}`);
      left.readLeft(term, inside);
      right.readRight(term, inside);
      multiply(tile, p.left.reading === 'across' ? 'together' : 'apart', writer, depth);
    },
    '0u',
    `${depth}u`,
  );
  sink(e, tile, p.anchor, to);
  return workgroups;
}

/** Statements that read one factor. */
class Reader {
  /** The sum's length is no multiple of `DEPTH`: the last turn reads fewer terms. */
  readonly ragged: boolean;
  private readonly array: string;
  private readonly base: string;

  constructor(
    private readonly e: Emitter,
    private readonly launch: Launch,
    p: Problem,
    private readonly factor: Factor,
    private readonly count: string,
    batch: string,
  ) {
    this.ragged = p.terms % DEPTH !== 0;
    this.array = launch.textures ? e.texture(factor.view.leaf) : e.array(factor.view.leaf, factor.reading !== 'single');
    const start = this.size('offset', factor.view.offset);
    this.base = e.writer.let(batch === '0u' ? start : `${start} + ${batch} * ${this.size('batch stride', factor.batch)}`);
  }

  /** A number of elements as a parameter, counted in what one load reads. */
  private size(name: string, elements: number): string {
    return this.e.parameter(`${this.factor.role} ${name}`, (this.factor.reading === 'single' ? elements : elements / 4) >>> 0);
  }

  /** Index of a row, a column, or a quad of them, at term 0; beyond the last one, of the last. */
  private place(outer: string): string {
    const { writer } = this.e;
    const across = this.factor.reading === 'across';
    const clamped = writer.let(`min(${outer}, ${across ? `${this.count} / 4u` : this.count} - 1u)`);
    const index = across ? clamped : `${clamped} * ${this.size('outer stride', this.factor.outer)}`;
    return writer.let(`${this.base} + ${index}`);
  }

  private element(index: string): string {
    return this.launch.textures ? this.e.texel(this.array, index) : `${this.array}[${index}]`;
  }

  private load(place: string, k: number, term: (i: number) => string, inside: (i: number) => string): string {
    const element = this.element(`${place} + ${this.e.writer.let(`${term(k)} * ${this.size('term stride', this.factor.term)}`)}`);
    if (!this.ragged || k === 0) return element;
    return `select(${this.factor.reading === 'across' ? 'vec4<f32>()' : '0.0'}, ${element}, ${inside(k)})`;
  }

  /** For a product through workgroup memory: four at once as memory has them, or one by one in whichever direction they lie nearer. */
  staged(terms: string): Staged {
    const { e, factor, array } = this;
    const { reading } = factor;
    const as = reading === 'single' ? (Math.abs(factor.outer) < Math.abs(factor.term) ? 'across' : 'along') : reading;
    const places = reading === 'single' && as === 'across' ? range(4) : [0];
    const numbers = reading === 'single' && as === 'along' ? range(4) : [0];
    return {
      as,
      load: (outer, term) => {
        const elements = places.flatMap((i) => {
          const place = this.place(reading === 'across' ? `${outer} / 4u` : i === 0 ? outer : `${outer} + ${i}u`);
          return numbers.map((j) => {
            const at = e.let(j === 0 ? term : `${term} + ${j}u`);
            const inside = e.let(`${at} < ${terms}`);
            const known = e.let(`select(0u, ${at}, ${inside})`);
            const offset = reading === 'along' ? e.let(`${known} / 4u`) : e.let(`${known} * ${this.size('term stride', factor.term)}`);
            return `select(${reading === 'single' ? '0.0' : 'vec4<f32>()'}, ${array}[${place} + ${offset}], ${inside})`;
          });
        });
        return elements.length === 1 ? elements[0] : `vec4<f32>(${elements.join(', ')})`;
      },
    };
  }

  /** The first of each four terms of a turn. */
  private fours(): number[] {
    return range(depthOf(this.launch) / 4).map((i) => 4 * i);
  }

  /** Leaves `left0`.. or `left0_0`.. behind, as `multiply` takes them. */
  readLeft(term: (i: number) => string, inside: (i: number) => string): void {
    const { tile } = this.launch;
    const { writer } = this.e;
    if (this.factor.reading === 'across') {
      for (const quad of range(rowQuads(tile))) {
        const place = this.place(`row0 / 4u + ${laneQuad(tile, quad)}`);
        for (const k of range(depthOf(this.launch))) writer.letNamed(`left${k}_${quad}`, this.load(place, k, term, inside));
      }
      return;
    }
    for (const group of range(rowGroups(tile))) {
      const place = this.place(`row0 + ${laneRow(tile, group)}`);
      const single = (): string =>
        `vec4<f32>(${range(DEPTH)
          .map((k) => this.load(place, k, term, inside))
          .join(', ')})`;
      if (this.factor.reading === 'single') writer.letNamed(leftName(group, 0), single());
      else for (const first of this.fours()) writer.letNamed(leftName(group, first), this.element(`${place} + ${term(first)} / 4u`));
    }
  }

  /** Leaves `right0`.. behind. */
  readRight(term: (i: number) => string, inside: (i: number) => string): void {
    const { writer } = this.e;
    if (this.factor.reading === 'across') {
      const place = this.place('column0 / 4u');
      for (const k of range(depthOf(this.launch))) writer.letNamed(`right${k}`, this.load(place, k, term, inside));
      return;
    }
    const places = range(4).map((column) => this.place(column === 0 ? 'column0' : `column0 + ${column}u`));
    if (this.factor.reading === 'single') {
      for (const k of range(DEPTH)) writer.letNamed(`right${k}`, `vec4<f32>(${places.map((place) => this.load(place, k, term, inside)).join(', ')})`);
      return;
    }
    for (const first of this.fours()) {
      const quads = places.map((place) => writer.let(this.element(`${place} + ${term(first)} / 4u`)));
      for (const k of range(4)) writer.letNamed(`right${first + k}`, `vec4<f32>(${quads.map((quad) => `${quad}[${k}]`).join(', ')})`);
    }
  }
}
