/** The training rows that samples are most like, to see whether a net has learned them by heart. */
import type { Program, SamplePlan } from '../../compiler/program/types.js';
import { typeText } from '../data/columns.js';
import type { DataSet } from '../data/index.js';
import { numbersOf } from '../data/report.js';
import type { TensorData } from '../execute/tensor.js';
import { saidOf } from '../show/sheet.js';
import { RunError } from './errors.js';
import { levelsOf } from './write-samples.js';

/** Training rows that are looked through. */
export const SEARCHED = 20_000;

export interface Near {
  readonly row: number;
  /** Levels 0..255 of the row. */
  readonly values: Uint8Array;
  /** Root of the mean squared difference of levels. */
  readonly distance: number;
  /** `nearest training row (812, off by 21 of 255): the digit 3 is moving up and down .` */
  readonly text: string;
}

/**
 * For each sample of an output the training row whose bytes differ least from it, by the mean square, among the first `SEARCHED`: `warn` hears where there are more.
 * Throws RunError where the output is no picture or clip, or the data has none of its shape.
 */
export function nearestRows(
  program: Program,
  output: SamplePlan['outputs'][number],
  samples: TensorData,
  data: DataSet | undefined,
  warn: (text: string) => void = () => undefined,
): Near[] {
  const field = program.data?.fields.find(({ storage, shape }) => storage.kind === 'u8' && String(shape) === String(output.shape));
  if (data === undefined || field === undefined) {
    const fields = program.data?.fields.map((own) => `${own.name}: ${typeText(own)}`).join(', ');
    throw new RunError(
      `nothing real is near to '${output.name}'`,
      `a sample is [${output.shape.join(', ')}], and the data has no pictures or clips of that shape${fields ? `: ${fields}` : ''}`,
      'leave out --nearest',
    );
  }
  const rows = Math.min(data.count, SEARCHED);
  if (rows < data.count) warn(`the nearest are sought among the first ${rows} of ${data.count} training rows`);
  const bytes = numbersOf(field, data, 0, rows) as Uint8Array;
  const elements = output.shape.reduce((a, b) => a * b, 1);
  return Array.from({ length: samples.shape[0] }, (_, k): Near => {
    const { row, sum } = leastOff(Int16Array.from(levelsOf(samples, k, output.range)), bytes, elements, rows);
    const distance = Math.sqrt(sum / elements);
    const said = saidOf(
      (program.data?.fields ?? []).filter(({ type }) => type === 'tokens'),
      data,
      row,
    );
    const text = [`nearest training row (${row}, off by ${distance.toFixed(0)} of 255)`, ...said].join(': ');
    return { row, distance, values: bytes.slice(row * elements, (row + 1) * elements), text };
  });
}

/** A row is left as soon as it is further than the nearest so far. */
function leastOff(sample: Int16Array, bytes: Uint8Array, elements: number, rows: number): { row: number; sum: number } {
  let [best, least] = [0, Number.POSITIVE_INFINITY];
  for (let row = 0; row < rows; row++) {
    let sum = 0;
    for (let from = 0; from < elements && sum < least; from += STRETCH) {
      const to = Math.min(elements, from + STRETCH);
      for (let i = from; i < to; i++) {
        const off = sample[i] - bytes[row * elements + i];
        sum += off * off;
      }
    }
    if (sum < least) [best, least] = [row, sum];
  }
  return { row: best, sum: least };
}

/** Elements between two looks at the sum. */
const STRETCH = 256;
