/** `ganc sample RUN`: new samples from the last checkpoint of a run. */
import { mkdirSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
import { onGpu } from '../../runtime/train/executor.js';
import { runPaths } from '../../runtime/train/folder.js';
import type { GivenInputs } from '../../runtime/train/given.js';
import { sampleRun } from '../../runtime/train/sample.js';
import { SAMPLE_ENDINGS, writeSamples } from '../../runtime/train/write-samples.js';
import { UsageError } from '../errors.js';
import { figuresText, ProgressLine } from '../progress.js';
import { count, err, out } from '../terminal.js';

export interface SampleCommandOptions extends GivenInputs {
  readonly count?: number;
  readonly seed?: bigint;
  readonly out?: string;
  readonly name?: string;
  readonly checkpoint?: string;
  readonly truncation?: number;
  readonly interpolate?: number;
  readonly nearest?: boolean;
  readonly quiet?: boolean;
}

export async function sample(run: string, options: SampleCommandOptions): Promise<void> {
  if (options.out !== undefined && !['', ...SAMPLE_ENDINGS].includes(extname(options.out).toLowerCase()))
    throw new UsageError(`samples are not written as ${extname(options.out)}`, `give -o a name that ends in ${SAMPLE_ENDINGS.join(', ')}`);
  if (options.interpolate !== undefined && options.count !== undefined)
    throw new UsageError('--interpolate says how many samples there are', 'leave out --count');
  const line = new ProgressLine();
  const warn = (text: string) => {
    line.clear();
    err(`${err.colors.yellow('warning')}: ${text}\n`);
  };
  const loading = (text: string) => options.quiet || line.working(text);
  const { text, audio, class: classes, in: given, quiet, out: path, ...rest } = options;
  const made = await sampleRun(run, { ...rest, open: onGpu({ choice: { warn } }), inputs: { text, audio, class: classes, in: given }, loading, warn });
  line.clear();
  const to = path ?? join(runPaths(run).samples, made.plan.name);
  mkdirSync(dirname(to), { recursive: true });
  const { files, figures } = await writeSamples(to, made.plan, made.outputs, made.about);
  for (const file of files) out(`${file}\n`);
  if (quiet) return;
  const [{ shape }] = made.outputs.values();
  err(`${count(shape[0])} samples of ${made.program.name}, trained ${count(made.step)} steps\n`);
  if (figures) err(`${figuresText(figures)}\n`);
}
