/** The sum of a convolution through workgroup memory: at each tap a product over the channels. For GPUs; see gemm-stage. */
import { type AxisNames, columnCoordinates, length, Places } from './conv-axes.js';
import type { Problem } from './conv-problem.js';
import type { Emitter } from './emitter.js';
import { type Staged, StagedProduct } from './gemm-stage.js';
import { type Launch, range } from './gemm-tile.js';

export class StagedSum {
  private readonly places: Places;
  private readonly channels: string;
  /** Numbers of the tap, one an axis, within the loops over them. */
  private readonly taps: string[] = [];

  constructor(
    private readonly e: Emitter,
    private readonly launch: Launch,
    private readonly p: Problem,
    private readonly group: string,
    private readonly axes: readonly AxisNames[],
  ) {
    this.places = new Places(e, p);
    this.channels = length(e, p.input, 2);
  }

  write(): void {
    const product = new StagedProduct(this.e, this.launch, { left: this.kernelValues(), right: this.inputValues() });
    this.over(0, product);
  }

  private over(axis: number, product: StagedProduct): void {
    if (axis === this.axes.length) {
      product.over(this.channels);
      return;
    }
    const at = (tap: string): void => {
      this.taps[axis] = tap;
      this.over(axis + 1, product);
    };
    if (this.axes[axis].taps === '1u') at('0u');
    else this.e.loop(this.axes[axis].taps, at);
  }

  /** Four channels of a row at the tap. */
  private kernelValues(): Staged {
    const { e, p, places } = this;
    const kernel = e.array(p.kernel.view.leaf);
    return {
      as: 'along',
      load: (outer, term) => {
        const row = e.let(`min(${outer}, ${length(e, p.kernel, 1)} - 1u)`);
        let place = places.plus(places.plus(places.offset('kernel'), places.times(this.group, 'kernel', 0)), places.times(row, 'kernel', 1));
        for (const [i, tap] of this.taps.entries()) place = places.plus(place, places.times(this.axes[i].tap(tap), 'kernel', 3 + i));
        return this.four('kernel', kernel, place, term, undefined);
      },
    };
  }

  /** Four channels of what a column reads at the tap. */
  private inputValues(): Staged {
    const { e, p, places } = this;
    const input = e.array(p.input.view.leaf);
    return {
      as: 'along',
      load: (outer, term) => {
        const [image, ...positions] = columnCoordinates(e, outer, this.axes);
        // Columns beyond the last read some image, and are not written.
        const known = p.batch === 1 ? '0u' : e.let(`min(${image}, ${length(e, p.input, 0)} - 1u)`);
        let place = places.plus(places.plus(places.offset('input'), places.times(known, 'input', 0)), places.times(this.group, 'input', 1));
        let inside: string | undefined;
        for (const [i, { start, advance, reach }] of this.axes.entries()) {
          const first = positions[i] === '0u' ? start : e.let(`i32(${positions[i]} * ${advance}) + ${start}`);
          const tap = this.taps[i];
          const at = e.let(tap === '0u' ? `u32(${first})` : `u32(${first} + i32(${tap} * ${reach}))`);
          place = places.plus(place, places.times(at, 'input', 3 + i));
          const here = e.let(`${at} < ${length(e, p.input, 3 + i)}`);
          inside = inside === undefined ? here : e.let(`${inside} && ${here}`);
        }
        return this.four('input', input, place, term, inside);
      },
    };
  }

  private four(operand: 'input' | 'kernel', array: string, place: string, term: string, inside: string | undefined): string {
    const { e, places } = this;
    const elements = range(4).map((i) => {
      const channel = e.let(i === 0 ? term : `${term} + ${i}u`);
      const real = e.let(`${channel} < ${this.channels}`);
      const good = inside === undefined ? real : e.let(`${inside} && ${real}`);
      const at = e.let(`select(0u, ${places.plus(place, places.times(channel, operand, 2))}, ${good})`);
      return `select(0.0, ${array}[${at}], ${good})`;
    });
    return `vec4<f32>(${elements.join(', ')})`;
  }
}
