/** Metrics: the figures that a spec's `metric` lines name, of the weights that are on the device. */
import type { ComparisonPlan, MetricPlan, Program } from '../../compiler/program/types.js';
import { type DataSet, type RowKind, rowsOfKind } from '../data/index.js';
import { entryOf } from '../execute/packing.js';
import type { TensorData } from '../execute/tensor.js';
import { COMPARISONS } from '../figures/sets.js';
import { RunError } from './errors.js';
import type { TrainExecutor } from './executor.js';
import type { RowFeeder } from './rows.js';
import { presence, rowsInTurn } from './samples.js';

/** How many examples metrics are about, unless said otherwise. */
export const EXAMPLES = 1000;

/** Numbers of a set of features, and pairs of its rows times their length: 512 MiB, and some minutes. */
const MOST_NUMBERS = 2 ** 27;
const MOST_PRODUCTS = 2 ** 37;

/** The entries of the metrics. */
export function metricEntries({ begin, passes, result }: MetricPlan): string[] {
  return [begin, ...passes, result];
}

export interface MeasureOptions {
  /** Default `EXAMPLES`; rounded up to whole batches. */
  readonly examples?: number;
  /** Default: held-out rows, where there are any, else training rows. */
  readonly rows?: RowKind;
}

/** Each figure by name, a number or a few, over so many examples. Throws RunError where there are too many to be compared, or too few. */
export async function measure(
  executor: Pick<TrainExecutor, 'submit'>,
  program: Program,
  plan: MetricPlan,
  data: DataSet | undefined,
  feeder: RowFeeder,
  { examples = EXAMPLES, rows }: MeasureOptions = {},
): Promise<Map<string, TensorData>> {
  const batches = Math.ceil(examples / plan.batch);
  const found = new Comparisons(plan, batches, data && rowsOfKind(data, rows).count);
  await executor.submit([{ entry: plan.begin, counter: 0 }]);
  for (const [pass, name] of plan.passes.entries()) {
    const entry = entryOf(program, name);
    const wanted = entry.inputs.map((input) => input.name);
    const tensors = { ...presence(entry, new Set()), ...found.before(pass, wanted) };
    for (let k = 0; k < batches; k++) {
      const [{ outputs }] = await executor.submit(feeder.prepare([{ entry: name, counter: k, rows: rowsInTurn(entry, data, k, rows), tensors }]));
      found.take(pass, k, outputs);
    }
  }
  const wanted = entryOf(program, plan.result).inputs.map((input) => input.name);
  const [{ outputs }] = await executor.submit([{ entry: plan.result, counter: 0, tensors: found.before(plan.passes.length, wanted) }]);
  return new Map(plan.figures.map(({ name }) => [name, outputs[name]]));
}

/** Sets of features as the batches give them, and what is found when they are compared. */
class Comparisons {
  private readonly sets = new Map<string, { readonly rows: Float32Array; readonly n: number }>();
  private readonly known = new Map<string, TensorData>();

  /** `rows`: how many rows of the data the batches go through, again and again. */
  constructor(
    private readonly plan: MetricPlan,
    batches: number,
    private readonly rows: number | undefined,
  ) {
    for (const { name, shape, fixed } of plan.features ?? []) {
      const [each, n] = shape;
      const parts = each / plan.batch;
      const count = parts * (fixed ? Math.min(batches * plan.batch, rows ?? Number.POSITIVE_INFINITY) : batches * plan.batch);
      const asked = (plan.compared ?? []).filter(({ real, made }) => real === name || made === name);
      const pairs = asked.some(({ way }) => way !== 'frechet');
      if (count * n > MOST_NUMBERS || (pairs && count * count * n > MOST_PRODUCTS))
        throw new RunError(
          `${count} vectors of ${n} features cannot be compared`,
          pairs ? 'every one is held against every other' : 'they are to be in memory',
          'measure fewer examples: --examples 1000; or take fewer features',
        );
      const least = Math.max(2, ...asked.map(({ neighbours }) => neighbours + 1));
      if (count < least) throw new RunError(`${count} vectors of features cannot be compared`, `at least ${least} are needed`, 'give more rows or --examples');
      this.sets.set(name, { rows: new Float32Array(count * n), n });
    }
  }

  /** Outputs of batch `k` of a pass. A row that comes round again counts once where its features are the same. */
  take(pass: number, k: number, outputs: Readonly<Record<string, TensorData>>): void {
    for (const feature of this.plan.features ?? []) {
      const set = this.sets.get(feature.name);
      if (feature.pass !== pass || set === undefined) continue;
      const at = k * feature.shape[0] * set.n;
      const room = set.rows.length - at;
      if (room > 0) set.rows.set((outputs[feature.name].data as Float32Array).subarray(0, room), at);
    }
  }

  /** What is known before a pass, of the inputs that it wants. */
  before(pass: number, wanted: readonly string[]): Record<string, TensorData> {
    const ended = (name: string): boolean => (this.plan.features ?? []).some((feature) => feature.name === name && feature.pass < pass);
    const all = (this.plan.compared ?? []).filter(({ name, real, made }) => wanted.includes(name) && ended(real) && ended(made));
    return Object.fromEntries(all.map((comparison) => [comparison.name, this.find(comparison)]));
  }

  private find({ name, way, real, made, neighbours }: ComparisonPlan): TensorData {
    const known = this.known.get(name);
    if (known !== undefined) return known;
    const [a, b] = [this.sets.get(real), this.sets.get(made)];
    const compare = COMPARISONS[way];
    if (a === undefined || b === undefined || compare === undefined)
      throw new RunError(`the program asks for a comparison '${way}'`, 'this ganc does not know it');
    const numbers = compare(a, b, neighbours);
    const tensor: TensorData = { dtype: 'f32', shape: numbers.length === 1 ? [] : [numbers.length], data: Float32Array.from(numbers) };
    this.known.set(name, tensor);
    return tensor;
  }
}
