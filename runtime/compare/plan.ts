/** Everything about a comparison that is known, and refused, before it begins: steps, FLOPs, memory, what ranks. */
import { stepCost } from '../../compiler/program/cost.js';
import { memoryPlan } from '../../compiler/program/memory.js';
import type { Program } from '../../compiler/program/types.js';
import { DataError, type DataSet } from '../data/index.js';
import { RunError } from '../train/errors.js';
import { type Prepared, prepare } from '../train/prepare.js';
import { SafetensorsError } from '../train/safetensors.js';
import { stepsOf } from './budget.js';
import { type Candidate, type Compiled, isCompiled } from './candidate.js';
import { figuresOf, rankMetric } from './metric.js';
import type { Budget, CompareEntry, RankMetric } from './results.js';
import type { Demand, Survey } from './survey.js';

export interface PlanOptions {
  readonly budget: Budget;
  /** As `--metric` has it. */
  readonly metric?: string;
  readonly seed: bigint;
  readonly survey: Survey;
  readonly cache: Map<string, Promise<DataSet>>;
  readonly loading?: (text: string) => void;
  readonly warn?: (text: string) => void;
}

export interface Plan {
  readonly entries: readonly CompareEntry[];
  readonly metric?: RankMetric;
  readonly device: string;
}

/** Throws RunError where there is nothing to compare or no such metric, GpuError where an entry does not fit on the device. */
export async function planComparison(candidates: readonly Candidate[], options: PlanOptions): Promise<Plan> {
  const { budget, seed, cache, loading, warn } = options;
  const entries: CompareEntry[] = [];
  const demands: Demand[] = [];
  const programs: Program[] = [];
  for (const candidate of candidates) {
    if (!isCompiled(candidate)) {
      entries.push(candidate.entry);
      continue;
    }
    const { program, entry, places } = candidate;
    try {
      const steps = stepsOf(budget, program);
      const prepared = await prepare({ ...trainedAs(candidate), seed, steps, cache, loading, warn, open: unopened });
      const fields = prepared.fields.map((name) => prepared.data?.fields.get(name)?.bytes.byteLength ?? 0);
      entries.push({ ...entry, ...factsOf(prepared, fields), ...(steps !== undefined && { steps }) });
      demands.push({ label: entry.label, program, entries: prepared.entries, fields, places });
      programs.push(program);
    } catch (error) {
      if (!(error instanceof RunError || error instanceof DataError || error instanceof SafetensorsError)) throw error;
      entries.push({ ...entry, mistake: mistakeText(error) });
    }
  }
  const metric = rankMetric(options.metric, programs);
  for (const [i, program] of programs.entries())
    if (metric !== undefined && !figuresOf(program).includes(metric.name)) warn?.(`${demands[i].label} has no metric '${metric.name}', and no rank`);
  return { entries, metric, device: programs.length === 0 ? '' : await options.survey(demands) };
}

/** What every run of a comparison has in common: all begin from nothing, also where a spec names weights to start from, and all are measured. */
export function trainedAs({ program, text, base }: Compiled) {
  return { program, spec: text, base, fromNothing: true, metrics: program.metrics === undefined ? undefined : true };
}

function unopened(): never {
  throw new Error('a plan opens no device');
}

function factsOf({ program, entries, data }: Prepared, fields: readonly number[]): Partial<CompareEntry> {
  const parameters: Record<string, number> = {};
  for (const { kind, name, shape } of program.variables) {
    if (kind !== 'weight') continue;
    const net = name.split('.')[0];
    parameters[net] = (parameters[net] ?? 0) + shape.reduce((a, b) => a * b, 1);
  }
  const rows = data === undefined ? 0 : fields.reduce((a, b) => a + b, 0);
  return {
    hash: program.hash,
    hyper: program.hyper,
    parameters,
    flopsPerStep: stepCost(program)?.flops ?? 0,
    memory: memoryPlan(program, entries, rows).total,
  };
}

function mistakeText({ message, reason, mend }: { message: string; reason?: string; mend?: string }): string {
  return [message, reason, mend].filter((text) => text !== undefined && text !== '').join('\n  ');
}
