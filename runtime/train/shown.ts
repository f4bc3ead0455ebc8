/** Of samples that were made from something, the first few each as a picture or clip of its own, small as they are: for the page of a run. */
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { SamplePlan } from '../../compiler/program/types.js';
import type { TensorData } from '../execute/tensor.js';
import { encodeAnimation } from '../show/animation.js';
import { encodePng, Image } from '../show/image.js';
import { drawFrame } from '../show/strip.js';
import { writeAtomic } from './files.js';
import { type About, isClip, isPicture, levelsOf, RATE } from './write-samples.js';

const MOST = 8;

export interface Shown {
  readonly step: number;
  readonly each: readonly { readonly lines: readonly string[]; readonly ending: string; readonly bytes: Uint8Array }[];
}

interface Listed {
  readonly ending: string;
  readonly lines: readonly (readonly string[])[];
}

/** Writes those of each output into `folder`, and removes what was there of other steps but the first. */
export async function writeShown(folder: string, plan: SamplePlan, step: number, samples: ReadonlyMap<string, TensorData>, about: About): Promise<void> {
  const { linesOf } = about;
  if (linesOf === undefined) return;
  for (const output of plan.outputs) {
    const clip = isClip(output);
    if (!clip && !(output.shape.length === 3 && isPicture(output))) continue;
    const [channels, frames, height, width] = clip ? output.shape : [output.shape[0], 1, ...output.shape.slice(1)];
    const tensor = samples.get(output.name) as TensorData;
    const name = shownName(plan, output.name);
    const ending = clip ? '.gif' : '.png';
    const count = Math.min(MOST, tensor.shape[0]);
    await mkdir(folder, { recursive: true });
    for (let k = 0; k < count; k++) {
      const values = levelsOf(tensor, k, output.range);
      const images = Array.from({ length: frames }, (_, frame) => {
        const image = new Image(width, height);
        drawFrame(image, 0, 0, { values, channels, frames, height, width, frame, scale: 1 });
        return image;
      });
      await writeAtomic(
        join(folder, file(name, step, k, ending)),
        clip ? await encodeAnimation('.gif', images, about.framesPerSecond ?? RATE) : encodePng(images[0]),
      );
    }
    const listed: Listed = { ending, lines: Array.from({ length: count }, (_, k) => linesOf(k)) };
    await writeAtomic(join(folder, list(name, step)), JSON.stringify(listed));
    const [first, ...others] = await stepsOf(folder, name);
    for (const old of others) if (old !== step && first !== step) await removeStep(folder, name, old);
  }
}

/** The first and the last that there are of an output, in this order. */
export async function readShown(folder: string, name: string): Promise<Shown[]> {
  const steps = await stepsOf(folder, name);
  const ends = steps.length > 1 ? [steps[0], steps[steps.length - 1]] : steps;
  return Promise.all(
    ends.map(async (step) => {
      const { ending, lines }: Listed = JSON.parse(await readFile(join(folder, list(name, step)), 'utf8'));
      const each = await Promise.all(lines.map(async (said, k) => ({ lines: said, ending, bytes: await readFile(join(folder, file(name, step, k, ending))) })));
      return { step, each };
    }),
  );
}

/** An output's own name where a sample has several. */
export function shownName(plan: SamplePlan, output: string): string {
  return plan.outputs.length === 1 ? plan.name : `${plan.name}-${output}`;
}

async function stepsOf(folder: string, name: string): Promise<number[]> {
  const entries = await readdir(folder).catch(() => [] as string[]);
  const steps = entries.flatMap((entry) =>
    entry.startsWith(`${name}-`) && /^\d+\.json$/.test(entry.slice(name.length + 1)) ? [Number.parseInt(entry.slice(name.length + 1), 10)] : [],
  );
  return steps.sort((a, b) => a - b);
}

/** The list goes first: what it names is whole. */
async function removeStep(folder: string, name: string, step: number): Promise<void> {
  await rm(join(folder, list(name, step)), { force: true });
  for (const entry of await readdir(folder)) if (entry.startsWith(`${name}-${step}-`)) await rm(join(folder, entry), { force: true });
}

const list = (name: string, step: number): string => `${name}-${step}.json`;
const file = (name: string, step: number, k: number, ending: string): string => `${name}-${step}-${k + 1}${ending}`;
