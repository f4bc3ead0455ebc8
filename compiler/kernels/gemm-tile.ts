/**
 * What matrix products and convolutions share: a tile of rows x columns of the result, kept in registers. A lane owns four neighbouring
 * columns and all rows of the tile. With one lane a tile (the portable form) every thread reads its own rows; with a whole subgroup a tile, lane l reads every
 * lanes-th row from row l on, and the others get it by `subgroupBroadcast` from a constant lane. The latter is 3 to 6 times as fast on
 * software GPUs, whose loads cost more than arithmetic.
 */
import type { Node } from '../graph/node.js';
import { BindingConflict, type Emitter } from './emitter.js';
import { lanesWhole } from './evaluate.js';
import { type GeneratedKernel, grid, type KernelBuilder, MAX_WORKGROUPS } from './kernel.js';
import { innerNodes, isElementwise, kernelName, operationCount } from './naming.js';
import type { Writer } from './writer.js';

/** Subgroup sizes that get a text of their own: those of software GPUs (4 on SwiftShader, 8 on lavapipe). */
export const SUBGROUP_LANES = [4, 8];
/** Of lavapipe; on SwiftShader textures are slower than buffers. */
const TEXTURE_LANES = 8;

/** Lanes that share a tile's rows (1, or the subgroup size) and the rows of the tile. */
export interface Tile {
  readonly lanes: number;
  readonly rows: number;
}

/** Terms of the sum taken in one turn of the innermost loop. */
export const DEPTH = 4;

export const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

/** Columns of the result that a tile covers. */
export function tileColumns(tile: Tile): number {
  return tile.lanes * 4;
}

/** How many values a lane holds of one column of the left factor. */
export function rowGroups(tile: Tile): number {
  return Math.ceil(tile.rows / tile.lanes);
}

/** How many `vec4f` a lane holds of one column of the left factor whose rows are neighbours in memory. */
export function rowQuads(tile: Tile): number {
  return Math.ceil(tile.rows / 4 / tile.lanes);
}

/** Row, within the tile, of value `group` of this lane. */
export function laneRow(tile: Tile, group: number): string {
  if (tile.lanes === 1) return `${group}u`;
  const lane = tile.rows < tile.lanes ? `subgroup_lane % ${tile.rows}u` : 'subgroup_lane';
  return group === 0 ? lane : `${group * tile.lanes}u + ${lane}`;
}

/** Quad of rows, within the tile, of `vec4f` number `quad` of this lane. */
export function laneQuad(tile: Tile, quad: number): string {
  if (tile.lanes === 1) return `${quad}u`;
  const quads = tile.rows / 4;
  const lane = quads < tile.lanes ? `subgroup_lane % ${quads}u` : 'subgroup_lane';
  return quad === 0 ? lane : `${quad * tile.lanes}u + ${lane}`;
}

export function declareSums(tile: Tile, writer: Writer): void {
  writer.line(
    range(tile.rows)
      .map((row) => `var sum${row} = vec4<f32>();`)
      .join(' '),
  );
}

/** Name of the `vec4` over four values of k, from `first` on, of a row group. */
export function leftName(group: number, first: number): string {
  return first === 0 ? `left${group}` : `left${group}_from${first}`;
}

/**
 * One turn: sum[row] += left[row][k] * right[k] for `depth` values of k. `right0`.. are `vec4` over the columns. `rows: 'apart'`: `left0`.. are `vec4` over
 * four k, one a row group, by their `leftName`; `rows: 'together'`: `left0_0`.. are `vec4` over four neighbouring rows, for each k and quad.
 */
export function multiply(tile: Tile, rows: 'apart' | 'together', writer: Writer, depth = DEPTH): void {
  const broadcast = (value: string, lane: number): string => (tile.lanes === 1 ? value : `subgroupBroadcast(${value}, ${lane}u)`);
  const factor = (row: number, k: number): string => {
    if (rows === 'apart') return broadcast(`${leftName(Math.floor(row / tile.lanes), k & ~3)}[${k & 3}]`, row % tile.lanes);
    const quad = row >> 2;
    return broadcast(`left${k}_${Math.floor(quad / tile.lanes)}[${row & 3}]`, quad % tile.lanes);
  };
  // Blocks of four rows keep few values of the left factor alive at a time.
  for (let first = 0; first < tile.rows; first += 4) {
    for (const k of range(depth)) {
      for (let row = first; row < Math.min(first + 4, tile.rows); row++) {
        writer.line(`sum${row} = fma(vec4<f32>(${factor(row, k)}), right${k}, sum${row});`);
      }
    }
  }
}

/** Where a tile's elements belong: the coordinates in the anchor's result, given the column (a u32), then the row. */
export interface Sink {
  readonly rowCount: string;
  readonly columnCount: string;
  readonly place: (column: string) => (row: string) => string[];
  /** Four columns from a multiple of 4 on are neighbours along the anchor's last axis. */
  readonly quads: boolean;
  /** How many of the four columns of a lane are there, where that is not told by the count of all. */
  readonly present?: string;
}

/**
 * Hands the tile's results on to the epilogue and memory, in loops, four columns at a time where memory allows it: what follows a product is written once,
 * which matters where compiling costs more than running.
 */
export function sink(e: Emitter, tile: Tile, anchor: Node, to: Sink): void {
  const { writer } = e;
  const sums = range(tile.rows).map((row) => `sum${row}`);
  writer.line(`var sums = array<vec4<f32>, ${tile.rows}>(${sums.join(', ')});`);
  const rows = within(e, tile.rows, 'row0', to.rowCount);
  const value = (element: string): string => {
    const name = writer.fresh('value');
    writer.line(`let ${name} = ${element};`);
    return name;
  };
  if (to.quads && quadsFollow(e, anchor)) {
    e.if(`column0 < ${to.columnCount}`, () => {
      const place = to.place('column0');
      e.loop(rows, (i) => {
        const coordinates = place(e.let(`row0 + ${i}`));
        e.define4(anchor, coordinates, value(`sums[${i}]`));
        e.storeOutputs4(coordinates);
      });
    });
    return;
  }
  e.loop(to.present ?? within(e, 4, 'column0', to.columnCount), (j) => {
    const place = to.place(e.let(`column0 + ${j}`));
    e.loop(rows, (i) => {
      const coordinates = place(e.let(`row0 + ${i}`));
      e.define(anchor, coordinates, value(`sums[${i}][${j}]`));
      e.storeOutputs(coordinates);
    });
  });
}

/** How many of `most`, from `first` on, lie before `count`. Compilers do not unroll a loop over it. */
function within(e: Emitter, most: number, first: string, count: string): string {
  return e.let(`min(${most}u, max(${count}, ${first}) - ${first})`);
}

/** True where four neighbours of the anchor's last axis stay together in everything that the epilogue makes of them. */
function quadsFollow(e: Emitter, anchor: Node): boolean {
  // The tile's columns are the very last axis, which may be of length 1.
  if (anchor.shape[anchor.shape.length - 1] % 4 !== 0) return false;
  const derived = new Set([anchor]);
  for (const node of innerNodes(e.kernel.group, e.kernel.site)) if (node.inputs.some((input) => derived.has(input))) derived.add(node);
  return [...derived].every(lanesWhole);
}

/** The shape of the launch: threads of a workgroup, and rows and columns of the result that it covers. */
export interface Launch {
  readonly name: string;
  readonly tile: Tile;
  readonly workgroupSize: readonly [number, number, number];
  readonly rows: number;
  readonly columns: number;
  /** The factors go through workgroup memory (gemm-stage.ts): for hardware or, where this keeps little of it busy, if measured to be faster. */
  readonly staged?: 'hardware' | 'never';
  /** The factors are read from textures, `TEXTURE_DEPTH` terms in a turn. */
  readonly textures?: true;
}

/** Terms in one turn where a load is so cheap that more of them at a time pay. */
const TEXTURE_DEPTH = 8;

/** Terms of the sum that a text takes in one turn. */
export function depthOf({ textures }: Launch): number {
  return textures ? TEXTURE_DEPTH : DEPTH;
}

/** Portable: 64 threads over 32 x 32 of the result, or 4 x 256 where there are few rows. */
export function portableLaunch(rowCount: number): Launch {
  const tile = { lanes: 1, rows: rowCount === 1 ? 1 : 4 };
  const name = 'portable';
  return rowCount <= 4
    ? { name, tile, workgroupSize: [64, 1, 1], rows: tile.rows, columns: 256 }
    : { name, tile, workgroupSize: [8, 8, 1], rows: 32, columns: 32 };
}

/** Narrower results, and shorter sums, are not staged: most of what a workgroup loads would be of no use. */
const STAGED_ROWS = 24;
const STAGED_COLUMNS = 48;
const STAGED_TERMS = 16;
/** From so many workgroups on a GPU is busy: larger tiles, which load less, are taken only where there are as many. With fewer than `FEW`, smaller ones are better. */
const BUSY = 256;
const FEW = 32;

/** 128 x 64, 64 x 64 or 32 x 64 of the result, by 16 threads a row, each 8 x 4 or 4 x 4 of it; `undefined` where it does not pay. */
export function stagedLaunch({ rows, columns, layers }: Extent, terms: number): Launch | undefined {
  if (rows < STAGED_ROWS || columns < STAGED_COLUMNS || terms < STAGED_TERMS) return undefined;
  const across = Math.ceil(columns / 64);
  const shapes = [
    { threads: 16, each: 8 },
    { threads: 16, each: 4 },
    { threads: 8, each: 4 },
  ];
  const workgroups = ({ threads, each }: (typeof shapes)[number]): number => across * Math.ceil(rows / (threads * each)) * layers;
  const shape = shapes.find((some) => rows > (some.threads * some.each) / 2 && workgroups(some) >= BUSY) ?? shapes[2];
  const { threads, each } = shape;
  const staged = workgroups(shape) < FEW ? 'never' : 'hardware';
  return { name: 'workgroup', tile: { lanes: 1, rows: each }, workgroupSize: [16, threads, 1], rows: threads * each, columns: 64, staged };
}

/** One subgroup a workgroup. The fewer rows in a tile, the less is shared; the more, the more is wasted at the edge. */
export function subgroupLaunch(rowCount: number, lanes: number): Launch {
  const cost = (rows: number): number => Math.ceil(rowCount / rows) * (rows + 6);
  const rows = [32, 16, 8, 4].reduce((best, candidate) => (cost(candidate) < cost(best) ? candidate : best));
  const tile = { lanes, rows };
  return { name: `subgroup${lanes}`, tile, workgroupSize: [lanes, 1, 1], rows, columns: tileColumns(tile) };
}

/** Numbers of a result: so many rows and columns, `layers` times. */
export interface Extent {
  readonly rows: number;
  readonly columns: number;
  readonly layers: number;
}

/**
 * Names `row0` and `column0`, the first of this lane's, and gives the layer's number and the grid. Where a dimension of the grid would be too long, workgroups
 * are counted through.
 */
export function openTile(e: Emitter, launch: Launch, extent: Extent): { readonly layer: string; readonly workgroups: readonly [number, number, number] } {
  const { tile } = launch;
  const tiles: [number, number, number] = [Math.ceil(extent.columns / launch.columns), Math.ceil(extent.rows / launch.rows), extent.layers];
  let [x, y, z] = ['workgroup.x', 'workgroup.y', 'workgroup.z'];
  let workgroups = tiles;
  if (tiles.some((count) => count > MAX_WORKGROUPS)) {
    const count = tiles[0] * tiles[1] * tiles[2];
    workgroups = grid(count);
    const index = e.workgroupIndex();
    e.line(`if (${index} >= ${e.parameter(`tiles of ${launch.columns}`, count)}) { return; }`);
    const across = e.parameter(`tiles across of ${launch.columns}`, tiles[0]);
    const down = e.parameter(`tiles down of ${launch.rows}`, tiles[1]);
    x = e.let(`${index} % ${across}`);
    y = e.let(`${index} / ${across} % ${down}`);
    z = e.let(`${index} / ${across} / ${down}`);
  }
  e.writer.letNamed('row0', `${y} * ${launch.rows}u${tile.lanes > 1 ? '' : ` + local_id.y * ${tile.rows}u`}`);
  e.writer.letNamed('column0', `${x} * ${launch.columns}u + ${tile.lanes > 1 ? 'subgroup_lane' : 'local_id.x'} * 4u`);
  return { layer: z, workgroups };
}

/**
 * Texts of a contraction over `terms`, and what they require: the portable one, one through workgroup memory where it pays, one for each subgroup size, and,
 * `textured`, one that reads its factors from textures: lavapipe loads from there at half the price, the copies included where results are large.
 */
export function addVariants(
  kernel: KernelBuilder,
  extent: Extent,
  terms: number,
  write: (e: Emitter, launch: Launch) => readonly [number, number, number],
  textured = false,
): void {
  const staged = stagedLaunch(extent, terms);
  const launches = [
    portableLaunch(extent.rows),
    ...(staged === undefined ? [] : [staged]),
    ...SUBGROUP_LANES.map((lanes) => subgroupLaunch(extent.rows, lanes)),
    ...(textured ? [{ ...subgroupLaunch(extent.rows, TEXTURE_LANES), name: `texture${TEXTURE_LANES}`, textures: true as const }] : []),
  ];
  for (const launch of launches) {
    const { lanes } = launch.tile;
    const slots = kernel.slots.length;
    const e = kernel.emitter();
    if (lanes > 1) e.directive('enable subgroups;');
    const workgroups = write(e, launch);
    if (launch.textures) {
      e.directive('requires readonly_and_readwrite_storage_textures;');
      // What follows the product reads a factor as a buffer, too.
      if (kernel.slots.length > slots) {
        kernel.slots.length = slots;
        continue;
      }
    }
    e.finish({
      name: launch.name,
      workgroupSize: launch.workgroupSize,
      workgroups,
      ...(lanes === 1 ? {} : { requires: { features: ['subgroups'], subgroupSize: lanes } }),
      ...(launch.staged === undefined ? {} : { table: launch.staged }),
    });
  }
}

/** The kernel with loads and stores of four values, or without: where memory that is written would be bound under two types, or too often. */
export function withFallback(build: (vectors: boolean) => KernelBuilder): GeneratedKernel {
  try {
    const kernel = build(true);
    if (!kernel.full) return kernel.finish();
  } catch (error) {
    if (!(error instanceof BindingConflict)) throw error;
  }
  return build(false).finish();
}

/** Names the kernel after its contraction and epilogue; `flops` are the contraction's own. */
export function describe(kernel: KernelBuilder, head: string, flops: number): void {
  const epilogue = innerNodes(kernel.group, kernel.site).filter(isElementwise);
  kernel.describe(epilogue.length === 0 ? head : kernelName(head, epilogue), flops + operationCount(epilogue));
}
