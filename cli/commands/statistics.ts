/** `ganc inspect RUN`: the last statistics of a run, of layers, weights and gradients. */
import { runPaths } from '../../runtime/train/folder.js';
import { readStatistics, type StatsLine } from '../../runtime/train/statistics.js';
import { FileError, UsageError } from '../errors.js';
import { count, out, table } from '../terminal.js';
import type { InspectOptions } from './inspect.js';

export async function statistics(run: string, options: InspectOptions): Promise<void> {
  if (options.set !== undefined || options.variant !== undefined || options.graph !== undefined)
    throw new UsageError(`${run} is a run: --set, --variant and --graph are for a spec`, `its own is ${runPaths(run).spec}`);
  const lines = await readStatistics(runPaths(run).stats);
  if (lines.length === 0) throw new FileError(`${run} has no statistics`, 'train with --stats 100 for some every 100 steps; or inspect a spec');
  const latest = new Map(lines.map((line) => [line.player, line]));
  if (options.json) out(`${JSON.stringify([...latest.values()], null, 2)}\n`);
  else for (const line of latest.values()) show(line);
}

function show({ step, player, layers, weights }: StatsLine): void {
  const { bold } = out.colors;
  out(`${bold(`${player === 'shared' ? 'Shared part' : `Update of ${player}`}, step ${count(step)}`)}\n`);
  const ofLayers = Object.entries(layers).map(([name, s]) => [name, ...[s.mean, s.std, s.min, s.max].map(figure), percent(s.zeros)]);
  out(table([['output of', 'mean', 'std', 'min', 'max', 'zeros'], ...ofLayers], [1, 2, 3, 4, 5], '  '));
  const ofWeights = Object.entries(weights).map(([name, w]) => [name, figure(w.norm), figure(w.gradient), figure(Number(w.gradient) / Number(w.norm))]);
  if (ofWeights.length > 0) out(table([['weight', 'norm', 'gradient', 'gradient/norm'], ...ofWeights], [1, 2, 3], '  '));
}

/** Numbers that JSON has not are texts. */
function figure(value: number | string): string {
  const number = Number(value);
  if (number === 0 || !Number.isFinite(number)) return String(number);
  const size = Math.abs(number);
  return size < 1e-3 || size >= 1e5 ? number.toExponential(1) : number.toPrecision(3);
}

function percent(share: number): string {
  return `${(100 * Number(share)).toFixed(1)} %`;
}
