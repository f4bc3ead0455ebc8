/**
 * Products whose factors go through workgroup memory, for GPUs that have it in hardware: every value that a workgroup needs is loaded from memory once, in
 * `vec4`s by neighbouring threads, and read many times from where it is near. 16 terms of the sum at a time: all threads load, wait for each other,
 * and multiply. (On software GPUs, where workgroup memory is memory and a barrier a switch of stacks, this is the slowest form.)
 */
import type { Emitter } from './emitter.js';
import { DEPTH, type Launch, multiply, range } from './gemm-tile.js';

/** Terms of the sum that are in workgroup memory at a time. */
export const STAGE = 16;

/** Quads of terms in a stage. */
const TERM_QUADS = STAGE / DEPTH;

/**
 * One factor. `outer` is a row of the left factor or a column of the right one. What is staged is a `vec4` over four terms of one outer (`along`), or over four
 * neighbouring outers at one term (`across`).
 */
export interface Staged {
  readonly as: 'along' | 'across';
  /**
   * The `vec4` from this outer and this term on (both u32 values; multiples of 4 of what it goes over). Beyond the last term it must be zero; beyond the last
   * outer it may be anything that is finite where the others are.
   */
  readonly load: (outer: string, term: string) => string;
}

/** Where a factor's quads lie in workgroup memory. */
class Stage {
  private readonly memory: string;
  private readonly pieces: number;

  constructor(
    private readonly e: Emitter,
    private readonly threads: number,
    private readonly outers: number,
    private readonly factor: Staged,
  ) {
    const quads = (outers * STAGE) / 4;
    this.pieces = Math.ceil(quads / threads);
    // Along: a block of four outers takes a quad more than it needs, so that threads beside each other read from different banks.
    this.memory = e.shared(`array<vec4<f32>, ${factor.as === 'along' ? quads + outers / 4 : quads}>`);
  }

  /** What this thread loads of the stage that begins at `term`; `first`: the workgroup's first outer. */
  load(first: string, term: string): string[] {
    const { e, outers, factor } = this;
    return range(this.pieces).map((piece) => {
      const i = this.index(piece);
      if (factor.as === 'along')
        return e.let(factor.load(e.let(`${first} + ${e.let(`${i} / ${TERM_QUADS}u`)}`), e.let(`${term} + ${i} % ${TERM_QUADS}u * 4u`)));
      return e.let(factor.load(e.let(`${first} + ${e.let(`${i} % ${outers / 4}u * 4u`)}`), e.let(`${term} + ${i} / ${outers / 4}u`)));
    });
  }

  store(values: readonly string[]): void {
    values.forEach((value, piece) => {
      const i = this.index(piece);
      const block = TERM_QUADS * 4;
      this.e.line(`${this.memory}[${this.factor.as === 'along' ? this.e.let(`${i} + ${i} / ${block}u`) : i}] = ${value};`);
    });
  }

  private index(piece: number): string {
    return piece === 0 ? 'local' : this.e.let(`local + ${piece * this.threads}u`);
  }

  /** Four terms, from quad of terms `q` on, of the outer `4 * block + i`. */
  along(block: string, i: number, q: string): string {
    return `${this.memory}[${this.e.let(`${block} * ${TERM_QUADS * 4 + 1}u`)} + ${i * TERM_QUADS}u + ${q}]`;
  }

  /** Four outers, block `block` of them, at term `4 * q + k`. */
  across(block: string, k: number, q: string): string {
    return `${this.memory}[(${q} * 4u + ${k}u) * ${this.outers / 4}u + ${block}]`;
  }
}

/** Adds the products of both factors over `terms` to `sum0`.. (see `declareSums`), a stage at a time. Called where all threads of a workgroup come. */
export class StagedProduct {
  private readonly left: Stage;
  private readonly right: Stage;
  private readonly firstRow: string;
  private readonly firstColumn: string;

  constructor(
    private readonly e: Emitter,
    private readonly launch: Launch,
    private readonly factors: { readonly left: Staged; readonly right: Staged },
  ) {
    const threads = launch.workgroupSize[0] * launch.workgroupSize[1];
    this.left = new Stage(e, threads, launch.rows, factors.left);
    this.right = new Stage(e, threads, launch.columns, factors.right);
    this.firstRow = e.let(`row0 - local_id.y * ${launch.tile.rows}u`);
    this.firstColumn = e.let('column0 - local_id.x * 4u');
  }

  over(terms: string): void {
    const { e } = this;
    e.loop(
      terms,
      (term) => {
        const left = this.left.load(this.firstRow, term);
        const right = this.right.load(this.firstColumn, term);
        e.line('workgroupBarrier();');
        this.left.store(left);
        this.right.store(right);
        e.line('workgroupBarrier();');
        e.loop(`${TERM_QUADS}u`, (q) => this.turn(q));
      },
      '0u',
      `${STAGE}u`,
    );
  }

  /** `DEPTH` terms of those staged. */
  private turn(q: string): void {
    const { e, factors } = this;
    const { tile } = this.launch;
    const blocks = tile.rows / 4;
    const block = (n: number): string => (blocks === 1 ? 'local_id.y' : e.let(`local_id.y * ${blocks}u + ${n}u`));
    const { writer } = e;
    if (factors.left.as === 'along') {
      for (const row of range(tile.rows)) writer.letNamed(`left${row}`, this.left.along(block(row >> 2), row & 3, q));
    } else {
      for (const k of range(DEPTH)) for (const quad of range(blocks)) writer.letNamed(`left${k}_${quad}`, this.left.across(block(quad), k, q));
    }
    if (factors.right.as === 'across') {
      for (const k of range(DEPTH)) writer.letNamed(`right${k}`, this.right.across('local_id.x', k, q));
    } else {
      const columns = range(4).map((column) => e.let(this.right.along('local_id.x', column, q)));
      for (const k of range(DEPTH)) writer.letNamed(`right${k}`, `vec4<f32>(${columns.map((column) => `${column}[${k}]`).join(', ')})`);
    }
    multiply(tile, factors.left.as === 'across' ? 'together' : 'apart', writer);
  }
}
