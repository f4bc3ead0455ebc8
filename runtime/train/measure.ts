/** Metrics: the figures that a spec's `metric` lines name, of the weights that are on the device. */
import type { MetricPlan, Program } from '../../compiler/program/types.js';
import type { DataSet } from '../data/index.js';
import { entryOf } from '../execute/packing.js';
import type { TensorData } from '../execute/tensor.js';
import type { TrainExecutor } from './executor.js';
import type { RowFeeder } from './rows.js';
import { heldOutRows, presence } from './samples.js';

/** How many examples metrics are about, unless said otherwise. */
export const EXAMPLES = 1000;

/** The entries of the metrics. */
export function metricEntries({ begin, passes, result }: MetricPlan): string[] {
  return [begin, ...passes, result];
}

/** Each figure by name, a number or a few, over `examples` (rounded up to whole batches). Rows are held-out ones, where there are any. */
export async function measure(
  executor: Pick<TrainExecutor, 'submit'>,
  program: Program,
  plan: MetricPlan,
  data: DataSet | undefined,
  feeder: RowFeeder,
  examples: number = EXAMPLES,
): Promise<Map<string, TensorData>> {
  await executor.submit([{ entry: plan.begin, counter: 0 }]);
  for (const name of plan.passes) {
    const entry = entryOf(program, name);
    const tensors = presence(entry, new Set());
    for (let k = 0; k * plan.batch < examples; k++)
      await executor.submit(feeder.prepare([{ entry: name, counter: k, rows: heldOutRows(entry, data, k), tensors }]));
  }
  const [{ outputs }] = await executor.submit([{ entry: plan.result, counter: 0 }]);
  return new Map(plan.figures.map(({ name }) => [name, outputs[name]]));
}
