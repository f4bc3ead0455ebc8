/** `ganc export RUN -o FILE`: what a run has learned, as one small file to be handed on. */
import { mkdirSync, statSync } from 'node:fs';
import { dirname, extname } from 'node:path';
import { exportWeights } from '../../runtime/train/weights.js';
import { UsageError } from '../errors.js';
import { bytes, count, err, out } from '../terminal.js';

export interface ExportCommandOptions {
  readonly out: string;
  readonly half?: boolean;
  readonly optimizer?: boolean;
  readonly checkpoint?: string;
  readonly quiet?: boolean;
}

export async function exported(run: string, { out: path, quiet, ...options }: ExportCommandOptions): Promise<void> {
  if (extname(path).toLowerCase() !== '.safetensors')
    throw new UsageError(`weights are not written as ${extname(path) || 'a file without an ending'}`, 'give -o a name that ends in .safetensors');
  mkdirSync(dirname(path), { recursive: true });
  const made = await exportWeights(run, path, { ...options, warn: (text) => err(`${err.colors.yellow('warning')}: ${text}\n`) });
  out(`${path}\n`);
  if (quiet) return;
  err(`${count(made.tensors)} tensors of ${made.name}, ${count(made.values)} numbers, ${bytes(statSync(path).size)}, trained ${count(made.step)} steps\n`);
}
