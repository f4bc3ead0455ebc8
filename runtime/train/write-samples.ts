/** Samples as files: pictures, clips that play, strips of frames, sounds, numbers. */
import { extname } from 'node:path';
import type { DataRequest, SamplePlan } from '../../compiler/program/types.js';
import { type Mixture, type ModeStatistics, mixtureOf, modeStatistics } from '../data/gaussians.js';
import type { DataSet } from '../data/index.js';
import { soundOfMel } from '../data/mel.js';
import { encodeWav, joinedSounds, type Sound } from '../data/wav.js';
import type { TensorData } from '../execute/tensor.js';
import { ANIMATIONS, encodeAnimation } from '../show/animation.js';
import { drawCells } from '../show/cells.js';
import { clipGrid, type ShownClip } from '../show/clips.js';
import { encodePng, type Image, writePng } from '../show/image.js';
import { FONT, lettered } from '../show/lettering.js';
import { picture } from '../show/picture.js';
import { layoutOf, type Part } from '../show/strip.js';
import { drawTables } from '../show/table.js';
import { RunError } from './errors.js';
import { writeAtomic } from './files.js';
import type { Near } from './nearest.js';
import { writeSafetensors } from './safetensors.js';

/** What samples are compared with: the modes of a mixture, real points to show behind. */
export interface Background {
  readonly mixture?: Mixture;
  readonly real?: Float32Array;
}

export function backgroundOf(request: DataRequest | undefined, data: DataSet | undefined): Background {
  const field = request?.fields.find((f) => f.shape.length === 1 && f.shape[0] === 2 && f.storage.kind === 'f32');
  const rows = field && data?.fields.get(field.name);
  return {
    mixture: request && mixtureOf(request),
    real: rows && new Float32Array(rows.bytes.buffer, rows.bytes.byteOffset, Math.min(rows.count, 4000) * 2),
  };
}

/** What is known of samples beside their numbers. */
export interface About {
  readonly background?: Background;
  /** Of clips; default 8. */
  readonly framesPerSecond?: number;
  /** What is said of sample k: its caption, its class. */
  readonly linesOf?: (k: number) => readonly string[];
  /** The words of sample k's caption, one for each place; '' at padding. */
  readonly wordsOf?: (k: number) => readonly string[];
  /** Frames of the data's clips: a table with a row for each is about frames. */
  readonly frames?: number;
  /** Sample k was made under condition k % conditions, which is shown once for all of its samples. Absent: each has its own. */
  readonly conditions?: number;
  /** The sound that sample k was given, as samples and as rows. */
  readonly soundOf?: (k: number) => Sound;
  readonly soundRows?: { readonly part: Part; readonly of: (k: number) => ArrayLike<number> };
  /** What is known of the data's log-mel rows: a sample of the same shape and of type audio is a sound like them. */
  readonly audio?: readonly { readonly frames: number; readonly bands: number; readonly seconds: number; readonly rate: number }[];
  /** By output, to be shown beside each sample. */
  readonly nearest?: ReadonlyMap<string, readonly Near[]>;
}

export interface Written {
  readonly files: string[];
  /** Of points, where the data is a known mixture. */
  readonly figures?: ModeStatistics;
}

type Output = SamplePlan['outputs'][number];

export const SAMPLE_ENDINGS: readonly string[] = ['.png', ...ANIMATIONS, '.wav', '.safetensors'];
/** Frames a second of clips whose own rate is unknown. */
export const RATE = 8;
/** Clips in a grid; strips below each other, and those beside a grid that was not asked for by name. */
const MOST_CLIPS = 256;
const MOST_STRIPS = 64;
const FEW_STRIPS = 8;
/** Pairs of samples before and after. */
const BESIDE = 8;
/** Seconds of silence between sounds. */
export const PAUSE = 0.5;

/** Of type video, [channels, frames, height, width]. */
export function isClip({ type, shape }: Pick<Output, 'type' | 'shape'>): boolean {
  return shape.length === 4 && (type === 'video' || (type === undefined && [1, 3, 4].includes(shape[0])));
}

/**
 * Writes each output that can be of the kind that the ending of `path` says: to `path` itself where it is one, else with its name put before the ending. Without an
 * ending clips become a `.gif` and a `.png`, pictures and points a `.png`, all else `.safetensors`. Throws RunError where nothing can be of the kind.
 */
export async function writeSamples(path: string, plan: SamplePlan, samples: ReadonlyMap<string, TensorData>, about: About): Promise<Written> {
  const ending = extname(path).toLowerCase();
  const figures = pointFigures(samples, about.background);
  if (ending === '.safetensors') {
    await writeSafetensors(path, samples);
    return { files: [path], figures };
  }
  if (ending === '.wav') {
    await writeAtomic(path, encodeWav(joinedSounds(soundsOf(plan, samples, about), PAUSE)));
    return { files: [path], figures };
  }
  const stem = ending === '' ? path : path.slice(0, -ending.length);
  const fit = plan.outputs.filter((output) => ending === '' || fits(output, ending));
  if (fit.length === 0) throw unfit(plan, ending);
  const files: string[] = [];
  for (const output of fit) {
    const tensor = samples.get(output.name) as TensorData;
    const own = (ending === '' ? plan.outputs : fit).length === 1 ? stem : `${stem}-${output.name}`;
    if (isClip(output)) files.push(...(await writeClips(own, ending, output, tensor, about)));
    else if (isTable(output)) files.push(await writeTables(own, output, tensor, about));
    else files.push(...(await writePicture(own, output, tensor, about)));
  }
  return { files, figures };
}

function fits(output: Output, ending: string): boolean {
  return isClip(output) || (ending === '.png' && (isPicture(output) || isTable(output)));
}

export function isPicture({ type, shape }: Output): boolean {
  return (shape.length === 3 && (shape[0] === 1 || shape[0] === 3) && (type === 'image' || type === undefined)) || (shape.length === 1 && shape[0] === 2);
}

/** Rows of numbers, few enough to be read. */
export function isTable({ type, shape }: Output): boolean {
  return shape.length === 2 && type === undefined && shape[0] <= 64 && shape[1] <= 32;
}

function unfit({ name, outputs }: SamplePlan, ending: string): RunError {
  const shapes = outputs.map((output) => `${outputs.length === 1 ? '' : `${output.name} `}[${output.shape.join(', ')}]`).join(', ');
  if (!SAMPLE_ENDINGS.includes(ending)) return new RunError(`cannot write samples as ${ending}`, `there are ${SAMPLE_ENDINGS.join(', ')}`);
  if (ending === '.png')
    return new RunError(
      `'${name}' cannot be shown as a picture`,
      `a sample of it is ${shapes}; pictures are [1, h, w] or [3, h, w], points [2], tables [rows, columns] up to 64 by 32, clips [1, 3 or 4, frames, h, w]`,
      'write the numbers: -o samples.safetensors',
    );
  return new RunError(
    `'${name}' cannot be shown as ${ending}`,
    `a sample of it is ${shapes}; what plays is a clip, [1, 3 or 4, frames, h, w]`,
    outputs.some(isPicture) ? 'write a picture: -o samples.png' : 'write the numbers: -o samples.safetensors',
  );
}

async function writePicture(own: string, output: Output, tensor: TensorData, about: About): Promise<string[]> {
  const near = about.nearest?.get(output.name);
  const captioned = about.conditions !== undefined && about.linesOf !== undefined;
  const image =
    output.shape.length === 3 && isPicture(output) && (near !== undefined || captioned)
      ? (await gridOf({ ...output, shape: [output.shape[0], 1, ...output.shape.slice(1)] }, tensor, about))[0]
      : await pictureOf(tensor, output, about.background?.real);
  const path = `${own}${image === undefined ? '.safetensors' : '.png'}`;
  if (image === undefined) await writeSafetensors(path, new Map([[output.name, tensor]]));
  else await writePng(path, image);
  return [path];
}

/** Over points it is said which are which. */
async function pictureOf(tensor: TensorData, output: Output, real: Float32Array | undefined): Promise<Image | undefined> {
  const plain = picture(tensor, output, { real });
  const points = plain !== undefined && real !== undefined && output.shape.length === 1;
  return points ? lettered(plain, [{ text: 'red: samples; grey: rows of the data', x: Math.round(plain.width / 14), y: FONT }]) : plain;
}

/** With the words over the columns, where there is one for each word of the caption. */
async function writeTables(
  own: string,
  { shape: [rows, columns] }: Output,
  { data, shape }: TensorData,
  { linesOf = () => [], wordsOf, frames }: About,
): Promise<string> {
  if (shape[0] > MOST_STRIPS) throw tooMany(shape[0], MOST_STRIPS, 'tables');
  const tables = Array.from({ length: shape[0] }, (_, k) => {
    const words = wordsOf?.(k);
    return {
      values: data.subarray(k * rows * columns, (k + 1) * rows * columns),
      rows,
      columns,
      names: words?.length === columns ? words : undefined,
      row: rows === frames ? 'frame' : undefined,
      lines: linesOf(k),
    };
  });
  await writePng(`${own}.png`, await drawTables(tables));
  return `${own}.png`;
}

async function writeClips(own: string, ending: string, output: Output, tensor: TensorData, about: About): Promise<string[]> {
  const count = tensor.shape[0];
  const files: string[] = [];
  if (ending !== '.png') {
    if (count > MOST_CLIPS) throw tooMany(count, MOST_CLIPS);
    const path = `${own}${ending === '' ? '.gif' : ending}`;
    await writeAtomic(path, await encodeAnimation(ending === '' ? '.gif' : ending, await gridOf(output, tensor, about), about.framesPerSecond ?? RATE));
    files.push(path);
  }
  if (ending === '.png' || ending === '') {
    if (ending === '.png' && count > MOST_STRIPS) throw tooMany(count, MOST_STRIPS);
    await writePng(`${own}.png`, await strips(output, tensor, about, ending === '' ? Math.min(count, FEW_STRIPS) : count));
    files.push(`${own}.png`);
  }
  return files;
}

/** The first few samples of `before` and of `after`, which were made alike, beside each other over what is said of them: of clips a `.gif`, of pictures a `.png`. */
export async function writeBeside(
  path: string,
  plan: SamplePlan,
  [before, after]: readonly [ReadonlyMap<string, TensorData>, ReadonlyMap<string, TensorData>],
  { linesOf = () => [], framesPerSecond }: About,
  note: string,
): Promise<string[]> {
  const files: string[] = [];
  for (const output of plan.outputs) {
    const clip = isClip(output);
    if (!clip && !(output.shape.length === 3 && isPicture(output))) continue;
    const [left, right] = [before, after].map((samples) => samples.get(output.name) as TensorData);
    const clips = Array.from({ length: Math.min(BESIDE, left.shape[0]) }, (_, k): ShownClip => {
      return { values: levelsOf(left, k, output.range), beside: levelsOf(right, k, output.range), lines: linesOf(k) };
    });
    const shape = clip ? output.shape : [output.shape[0], 1, ...output.shape.slice(1)];
    const images = await clipGrid(clips, shape, [[note]]);
    const file = `${path}${plan.outputs.length === 1 ? '' : `-${output.name}`}${clip ? '.gif' : '.png'}`;
    await writeAtomic(file, clip ? await encodeAnimation('.gif', images, framesPerSecond ?? RATE) : encodePng(images[0]));
    files.push(file);
  }
  return files;
}

function tooMany(count: number, most: number, what = 'clips'): RunError {
  return new RunError(
    `${count} ${what} cannot be seen at once`,
    `${most} are the most in one picture`,
    `give --count ${most}, or write the numbers: -o samples.safetensors`,
  );
}

async function gridOf(output: Output, tensor: TensorData, { linesOf = () => [], conditions, nearest }: About): Promise<Image[]> {
  const near = nearest?.get(output.name);
  const clips = Array.from({ length: tensor.shape[0] }, (_, k): ShownClip => {
    const lines = [...(conditions === undefined ? linesOf(k) : []), ...(near === undefined ? [] : [`right: ${near[k].text}`])];
    return { values: levelsOf(tensor, k, output.range), lines, beside: near?.[k].values };
  });
  const groups = conditions === undefined ? undefined : Array.from({ length: conditions }, (_, i) => linesOf(i));
  return clipGrid(clips, output.shape, groups);
}

/** Each clip a row of frames; its sound below it, and below that the nearest real clip. */
async function strips(output: Output, tensor: TensorData, { linesOf = () => [], soundRows, nearest }: About, count: number): Promise<Image> {
  const near = nearest?.get(output.name);
  const clip: Part = { type: 'video', shape: output.shape };
  const parts = [clip, ...(soundRows === undefined ? [] : [soundRows.part]), ...(near === undefined ? [] : [clip])];
  const cells = Array.from({ length: count }, (_, k) => ({
    parts: [levelsOf(tensor, k, output.range), ...(soundRows === undefined ? [] : [soundRows.of(k)]), ...(near === undefined ? [] : [near[k].values])],
    lines: [...linesOf(k), ...(near === undefined ? [] : [`below: ${near[k].text}`])],
  }));
  return drawCells(
    cells,
    parts.map((part) => layoutOf(part, parts)),
    { single: true },
  );
}

/** Levels 0..255 of sample k; what is no number stays so. `range`: what becomes black and white, default -1..1. */
export function levelsOf({ data, shape }: TensorData, k: number, [low, high]: readonly [number, number] = [-1, 1]): Float32Array {
  const each = shape.slice(1).reduce((a, b) => a * b, 1);
  return Float32Array.from(data.subarray(k * each, (k + 1) * each), (value) => Math.min(255, Math.max(0, Math.round((255 * (value - low)) / (high - low)))));
}

/** The sounds that the samples are, else those that they were given. */
function soundsOf({ name, outputs }: SamplePlan, samples: ReadonlyMap<string, TensorData>, { soundOf, audio = [] }: About): Sound[] {
  for (const { name: output, type, shape } of outputs) {
    const [frames, bands] = shape;
    const facts = type === 'audio' ? audio.find((known) => known.frames === frames && known.bands === bands) : undefined;
    if (facts === undefined) continue;
    const { data } = samples.get(output) as TensorData;
    const { rate, seconds } = facts;
    const rows = (k: number) => data.subarray(k * frames * bands, (k + 1) * frames * bands);
    return Array.from({ length: data.length / (frames * bands) }, (_, k) => ({ rate, samples: soundOfMel(rows(k), rate, { frames, bands }, seconds) }));
  }
  const [{ shape }] = samples.values();
  if (soundOf === undefined)
    throw new RunError(
      `there is nothing to hear of '${name}'`,
      'it makes no log-mel rows of a sound, and was given no sound as samples',
      'give one, --audio file.wav, or write something to see: -o samples.png',
    );
  return Array.from({ length: shape[0] }, (_, k) => soundOf(k));
}

function pointFigures(samples: ReadonlyMap<string, TensorData>, { mixture }: Background = {}): ModeStatistics | undefined {
  const points = [...samples.values()].find((t) => t.dtype === 'f32' && t.shape.length === 2 && t.shape[1] === 2);
  return mixture && points && modeStatistics(mixture, points.data);
}
