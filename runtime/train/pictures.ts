/** Samples of every sample line while a run trains, each time of the same draws, so that progress can be seen. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ModeStatistics } from '../data/gaussians.js';
import type { TensorData } from '../execute/tensor.js';
import { aboutSamples } from './about-samples.js';
import type { Opened } from './executor.js';
import type { runPaths } from './folder.js';
import type { Guarding } from './guarding.js';
import type { MetricsLog } from './metrics.js';
import type { Prepared } from './prepare.js';
import type { RowFeeder } from './rows.js';
import { CLIPS, TABLES } from './sample.js';
import { collectSamples } from './samples.js';
import { writeShown } from './shown.js';
import { isClip, isTable, writeBeside, writeSamples } from './write-samples.js';

/** Samples in a picture, and points for a plot and its figures. */
const PICTURES = 64;
const POINTS = 2000;

export interface Drawn {
  readonly files: readonly string[];
  readonly figures?: ModeStatistics;
}

function sampleName(sample: string, step: number): string {
  return `${sample}-${String(step).padStart(8, '0')}`;
}

export class Pictures {
  /** Of a training that goes on from given weights: its samples before it began, by sample line. */
  private readonly before = new Map<string, ReadonlyMap<string, TensorData>>();

  constructor(
    private readonly prepared: Prepared,
    private readonly paths: ReturnType<typeof runPaths>,
    private readonly opened: Opened,
    private readonly feeder: RowFeeder,
    private readonly metrics: MetricsLog,
    private readonly guarding: Guarding,
  ) {}

  /** Whether the samples of a step are there. */
  async has(step: number): Promise<boolean> {
    const names = await readdir(this.paths.samples).catch(() => []);
    return this.prepared.program.samples.every(({ name }) => names.some((file) => file.startsWith(sampleName(name, step))));
  }

  /** Writes what the nets make after `step` steps, and beside it what they made before, where the training ends and began with weights. */
  async draw(step: number): Promise<Drawn> {
    const { program, data, seed } = this.prepared;
    const files: string[] = [];
    let figures: ModeStatistics | undefined;
    for (const plan of program.samples) {
      const points = plan.outputs.every((output) => output.shape.length === 1 && output.shape[0] === 2);
      const count = points ? POINTS : plan.outputs.every(isTable) ? TABLES : plan.outputs.some(isClip) ? CLIPS : PICTURES;
      const tensors = await collectSamples(this.opened.executor, program, plan, count, data, this.feeder, { noises: { seed } });
      const path = join(this.paths.samples, sampleName(plan.name, step));
      const about = aboutSamples(program, plan, { data, manifest: data?.manifest });
      const written = await writeSamples(path, plan, tensors, about);
      await writeShown(this.paths.shown, plan, step, tensors, about);
      const first = this.prepared.start?.step;
      if (step === first) this.before.set(plan.name, tensors);
      const before = this.before.get(plan.name);
      if (before !== undefined && first !== undefined && step === this.prepared.steps) {
        const note = `left: after ${first} steps, right: after ${step}`;
        files.push(...(await writeBeside(join(this.paths.samples, `${plan.name}-before-after`), plan, [before, tensors], about, note)));
      }
      files.push(...written.files);
      figures ??= written.figures;
      await this.guarding.samples(step, plan, written.figures, this.opened, this.feeder, this.metrics);
    }
    if (figures !== undefined) this.metrics.add({ step, figures: { modes: figures.found, of: figures.modes, near: figures.near, samples: figures.samples } });
    return { files, figures };
  }
}
