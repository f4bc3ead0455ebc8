/** `stats.jsonl`: now and then, how the outputs of a training's layers are distributed, and how large weights and gradients are. */
import { readFile } from 'node:fs/promises';
import type { CallResult } from '../execute/executor.js';
import { MetricsLog } from './metrics.js';
import type { PlannedCall } from './schedule.js';

/** Of a layer's output, over all elements and examples; `zeros` is their share. */
export interface LayerFigures {
  readonly mean: number;
  readonly std: number;
  readonly min: number;
  readonly max: number;
  readonly zeros: number;
}

/** L2 norms of a weight, and of its gradient in the update that the line is of. */
export interface WeightFigures {
  readonly norm: number;
  readonly gradient: number;
}

/** A line: one update of a player, with the weights before it. A layer that is called again is there as `D.fc1 (2)`. */
export interface StatsLine {
  /** Counted from 1. */
  readonly step: number;
  /** `shared`: what all updates of the step share. */
  readonly player: string;
  readonly layers: Readonly<Record<string, LayerFigures>>;
  readonly weights: Readonly<Record<string, WeightFigures>>;
}

const OF_WEIGHTS: readonly string[] = ['norm', 'gradient'];

export class Statistics {
  private readonly log: MetricsLog;

  /** `every`: steps between; the first step and the last count as well. */
  constructor(
    path: string,
    private readonly every: number,
  ) {
    this.log = new MetricsLog(path);
  }

  /** Whether they are wanted of step `step` of `steps`, counted from 1. */
  wants(step: number, steps: number): boolean {
    return step === 1 || step === steps || step % this.every === 0;
  }

  /** Takes the results of a step, and writes a line for each player that was watched. */
  record(step: number, calls: readonly PlannedCall[], results: readonly CallResult[]): void {
    for (const [i, { stats: player }] of calls.entries()) {
      if (player === undefined) continue;
      const layers: Record<string, Record<string, number>> = {};
      const weights: Record<string, Record<string, number>> = {};
      for (const [output, { data }] of Object.entries(results[i].outputs)) {
        const space = output.indexOf(' ');
        const [what, name] = [output.slice(0, space), output.slice(space + 1)];
        const of = OF_WEIGHTS.includes(what) ? weights : layers;
        of[name] = { ...of[name], [what]: data[0] };
      }
      this.log.add({ step, player, layers, weights });
    }
  }

  flush(): Promise<void> {
    return this.log.flush();
  }
}

/** The lines of a run, in their order; what a crash cut short is left out. */
export async function readStatistics(path: string): Promise<StatsLine[]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text.split('\n').flatMap((line) => {
    try {
      const record = JSON.parse(line) as StatsLine;
      return typeof record?.step === 'number' && record.layers !== undefined && record.weights !== undefined ? [record] : [];
    } catch {
      return [];
    }
  });
}
