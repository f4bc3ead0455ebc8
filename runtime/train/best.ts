/** `--best METRIC`: the checkpoint that a figure calls the best so far is kept. */
import type { Program } from '../../compiler/program/types.js';
import { suggest } from '../../grammar/suggest.js';
import type { TensorData } from '../execute/tensor.js';
import { RunError } from './errors.js';
import type { RunRecord } from './folder.js';

export interface BestRule {
  readonly metric: string;
  /** True where less is better. */
  readonly lowest?: boolean;
}

/** Reads `purity` or `distance:low`. Throws RunError where the program has no such figure, or it is more than one number. */
export function readBest(text: string, program: Program): BestRule {
  const lowest = text.endsWith(':low');
  const metric = lowest ? text.slice(0, -':low'.length) : text;
  const figures = program.metrics?.figures ?? [];
  const found = figures.find((figure) => figure.name === metric);
  if (found === undefined) {
    const single = figures.filter((figure) => figure.shape.length === 0).map((figure) => figure.name);
    const near = suggest(metric, single);
    throw new RunError(
      `${program.name} has no metric '${metric}'`,
      single.length > 0 ? `it has ${single.join(', ')}` : 'its spec has no metric line',
      near === undefined ? '' : `did you mean '${near}'?`,
    );
  }
  if (found.shape.length > 0) throw new RunError(`metric '${metric}' cannot decide which checkpoint is best`, `it has ${found.shape.join(' x ')} numbers`);
  return { metric, ...(lowest && { lowest }) };
}

/** The record after a measurement at `step`; the same object where it was not better. NaN is never better. */
export function better(rule: BestRule, best: RunRecord['best'], figures: ReadonlyMap<string, TensorData>, step: number): RunRecord['best'] {
  const value = figures.get(rule.metric)?.data[0] ?? Number.NaN;
  const known = best?.metric === rule.metric ? best.value : undefined;
  const wins = known === undefined ? !Number.isNaN(value) : rule.lowest ? value < known : value > known;
  return wins ? { ...rule, value, step } : best;
}
