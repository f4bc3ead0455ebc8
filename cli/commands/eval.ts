/** `ganc eval RUN`: the metrics of a run. */
import { evaluateRun } from '../../runtime/train/evaluate.js';
import { onGpu } from '../../runtime/train/executor.js';
import { ProgressLine } from '../progress.js';
import { count, err, out } from '../terminal.js';

export interface EvalCommandOptions {
  readonly examples: number;
  readonly seed?: bigint;
  readonly checkpoint?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

export async function evaluate(run: string, options: EvalCommandOptions): Promise<void> {
  const line = new ProgressLine();
  const warn = (text: string): void => {
    line.clear();
    err(`${err.colors.yellow('warning')}: ${text}\n`);
  };
  const loading = (text: string): void => {
    if (!options.quiet && !options.json) line.working(text);
  };
  const found = await evaluateRun(run, {
    open: onGpu({ choice: { warn } }),
    examples: options.examples,
    seed: options.seed,
    checkpoint: options.checkpoint,
    loading,
    warn,
  });
  line.clear();
  const { name, step, examples, judges, heldOut, metrics } = found;
  if (options.json) {
    out(`${JSON.stringify({ name, step, examples, judges, metrics })}\n`);
    return;
  }
  if (!options.quiet) err(`${name}, trained ${count(step)} steps; ${count(examples)} examples\n`);
  const lines: [string, string][] = Object.entries(metrics).map(([metric, value]) => [metric, [value].flat().map(figure).join('  ')]);
  const width = Math.max(...lines.map(([metric]) => metric.length));
  for (const [metric, value] of lines) out(`${metric.padEnd(width)}  ${value}\n`);
  for (const [judge, fields] of Object.entries(judges))
    for (const [field, share] of Object.entries(fields))
      out(
        `judge ${judge} is right about ${field} in ${(share * 100).toFixed(1)} % of ${count(heldOut > 0 ? Math.min(heldOut, examples) : examples)} ${heldOut > 0 ? 'held-out' : 'training'} rows\n`,
      );
}

/** Four digits that count. */
function figure(value: number): string {
  if (!Number.isFinite(value) || Number.isInteger(value)) return String(value);
  const size = Math.abs(value);
  return size < 1e-3 || size >= 1e5 ? value.toExponential(3) : value.toPrecision(4);
}
