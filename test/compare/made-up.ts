/** A comparison with made-up figures, and run folders small enough to be written in a test. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ranked } from '../../runtime/compare/ranking.js';
import { COMPARE_FORMAT, type CompareEntry, type CompareResults, type CompareRun, writeResults } from '../../runtime/compare/results.js';
import { encodeAnimation } from '../../runtime/show/animation.js';
import { encodePng, Image } from '../../runtime/show/image.js';

export interface MadeUp {
  readonly label: string;
  readonly text: string;
  /** The metric, a number a seed; none of a run that diverged. */
  readonly values: readonly (number | undefined)[];
  readonly flopsPerStep: number;
  readonly parameters: Readonly<Record<string, number>>;
  readonly mistake?: string;
}

const STEPS = 12;
export const CAPTIONS = ['a digit <b>goes</b> "up" & left', 'a digit goes down'];

/** Writes the comparison into `folder`. Colours of pictures tell entries and seeds apart. */
export async function madeUp(folder: string, entries: readonly MadeUp[], over: Partial<CompareResults> = {}): Promise<CompareResults> {
  const seeds = entries[0].values.map((_, seed) => String(seed));
  mkdirSync(join(folder, 'specs'), { recursive: true });
  const list = entries.map(({ label, text, flopsPerStep, parameters, mistake }, i): CompareEntry => {
    const facts = { id: `entry-${i}`, label, spec: `${label}.gan`, settings: i === 0 ? {} : { width: String(32 * i) } };
    if (mistake !== undefined) return { ...facts, mistake };
    writeFileSync(join(folder, 'specs', `entry-${i}.gan`), text);
    return { ...facts, text: `specs/entry-${i}.gan`, hyper: { width: 32 * (i + 1), rate: 1 }, parameters, flopsPerStep, memory: 2 ** (20 + i), steps: STEPS };
  });
  const runs: CompareRun[] = [];
  for (const seed of seeds) {
    for (const [i, { values, flopsPerStep, parameters, mistake }] of entries.entries()) {
      if (mistake !== undefined) continue;
      const value = values[Number(seed)];
      const steps = value === undefined ? 5 : STEPS;
      const run: CompareRun = {
        entry: `entry-${i}`,
        spec: list[i].spec,
        settings: list[i].settings,
        seed,
        folder: `runs/entry-${i}-seed-${seed}`,
        text: list[i].text as string,
        status: value === undefined ? 'diverged' : 'finished',
        ...(value === undefined && { message: 'D <became> NaN' }),
        step: steps,
        steps: STEPS,
        seconds: 2 * (i + 1) + Number(seed) / 10,
        flopsPerStep,
        flops: steps * flopsPerStep,
        parameters: Object.values(parameters).reduce((a, b) => a + b, 0),
        memory: 2 ** 20,
        ...(value !== undefined && {
          measured: [
            { rows: 'held_out', examples: 9, metrics: { score: value, other: [1, 2] } },
            { rows: 'unseen', examples: 9, metrics: { score: value / 2 } },
          ],
        }),
        curve: value === undefined ? [] : [4, 8, 12].map((step) => ({ step, value: (value * step) / 12 })),
      };
      runs.push(run);
      await writeRun(join(folder, run.folder), steps, i, Number(seed));
    }
  }
  const results = ranked({
    format: COMPARE_FORMAT,
    name: 'made-up',
    status: 'finished',
    started: '2026-01-02T03:04:05.000Z',
    ended: '2026-01-02T03:05:35.000Z',
    request: 'ab'.repeat(32),
    command: `ganc compare a.gan --seeds ${seeds.length} --budget '12 steps'`,
    cwd: "/home/it's here",
    asked: { specs: ['a.gan'], seeds: seeds.length, seed: '0', budget: '12 steps' },
    budget: { kind: 'steps', steps: STEPS },
    repeats: true,
    seeds,
    metric: { name: 'score' },
    machine: { device: 'a <device>', cpu: 'a cpu', cores: 2, memory: 2 ** 34, platform: 'linux x64' },
    versions: { ganc: '0.1.0', node: '20' },
    entries: list,
    runs,
    ...over,
  });
  await writeResults(folder, results);
  return results;
}

/** Losses of each step, clips under captions, and a picture of all. */
async function writeRun(folder: string, steps: number, entry: number, seed: number): Promise<void> {
  const shown = join(folder, 'samples', 'shown');
  mkdirSync(shown, { recursive: true });
  const lines = Array.from({ length: steps }, (_, i) =>
    JSON.stringify({ step: i + 1, seconds: i, losses: { D: 2 + entry + seed / 10, G: i === 3 ? 'NaN' : 1 } }),
  );
  writeFileSync(join(folder, 'metrics.jsonl'), `${lines.join('\n')}\n`);
  const image = (level: number): Image => {
    const one = new Image(6, 6);
    one.rectangle(0, 0, 6, 6, [40 * (entry + 1), 60 * (seed + 1), level]);
    return one;
  };
  for (const k of CAPTIONS.keys()) writeFileSync(join(shown, `clip-${steps}-${k + 1}.gif`), await encodeAnimation('.gif', [image(50 * k), image(250)], 8));
  writeFileSync(join(shown, `clip-${steps}.json`), JSON.stringify({ ending: '.gif', lines: CAPTIONS.map((caption) => [caption]) }));
  const name = String(steps).padStart(8, '0');
  writeFileSync(join(folder, 'samples', `clip-${name}.gif`), 'not read: each clip is there by itself');
  writeFileSync(join(folder, 'samples', 'grid-00000001.png'), encodePng(image(0)));
  writeFileSync(join(folder, 'samples', `grid-${name}.png`), encodePng(image(99)));
}
