/** `ganc sample RUN`: new samples from the last checkpoint of a run. */
import { mkdirSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
import { onGpu } from '../../runtime/train/executor.js';
import { runPaths } from '../../runtime/train/folder.js';
import { sampleRun } from '../../runtime/train/sample.js';
import { writeSamples } from '../../runtime/train/samples.js';
import { UsageError } from '../errors.js';
import { figuresText, ProgressLine } from '../progress.js';
import { count, err, out } from '../terminal.js';

export interface SampleCommandOptions {
  readonly count: number;
  readonly seed?: bigint;
  readonly out?: string;
  readonly name?: string;
  readonly checkpoint?: string;
  readonly in?: string;
  readonly quiet?: boolean;
}

export async function sample(run: string, options: SampleCommandOptions): Promise<void> {
  if (options.out !== undefined && !['.png', '.safetensors', ''].includes(extname(options.out).toLowerCase())) {
    throw new UsageError(`samples are not written as ${extname(options.out)}`, 'give -o a name that ends in .png or .safetensors');
  }
  const line = new ProgressLine();
  const warn = (text: string) => {
    line.clear();
    err(`${err.colors.yellow('warning')}: ${text}\n`);
  };
  const loading = (text: string) => options.quiet || line.working(text);
  const made = await sampleRun(run, {
    open: onGpu({ choice: { warn } }),
    count: options.count,
    seed: options.seed,
    name: options.name,
    checkpoint: options.checkpoint,
    inputs: options.in,
    loading,
    warn,
  });
  line.clear();
  const path = options.out ?? join(runPaths(run).samples, made.plan.name);
  mkdirSync(dirname(path), { recursive: true });
  const { files, figures } = await writeSamples(path, made.plan, made.outputs, made.background);
  for (const file of files) out(`${file}\n`);
  if (options.quiet) return;
  err(`${count(options.count)} samples of ${made.program.name}, trained ${count(made.step)} steps\n`);
  if (figures) err(`${figuresText(figures)}\n`);
}
