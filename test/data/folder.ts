/** A temporary folder with a cache of its own, and files in it: pictures, clips, sounds. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { expect } from 'vitest';
import type { DataRequest } from '../../compiler/program/types.js';
import { DataError, type DataSet, type LoadOptions, loadData } from '../../runtime/data/index.js';
import { encodeWav } from '../../runtime/data/wav.js';

export class Folder {
  private constructor(
    readonly base: string,
    private readonly before: string | undefined,
  ) {}

  static async make(): Promise<Folder> {
    const folder = new Folder(await mkdtemp(join(tmpdir(), 'ganc-folder-')), process.env.XDG_CACHE_HOME);
    process.env.XDG_CACHE_HOME = join(folder.base, 'cache');
    return folder;
  }

  async remove(): Promise<void> {
    if (this.before === undefined) delete process.env.XDG_CACHE_HOME;
    else process.env.XDG_CACHE_HOME = this.before;
    await rm(this.base, { recursive: true, force: true });
  }

  path(name: string): string {
    return join(this.base, name);
  }

  async put(name: string, content: Uint8Array | string): Promise<void> {
    await mkdir(dirname(this.path(name)), { recursive: true });
    await writeFile(this.path(name), content);
  }

  load(asked: DataRequest, options: Partial<LoadOptions> = {}): Promise<DataSet> {
    return loadData(asked, { seed: 1n, base: this.base, ...options });
  }

  /** What is said where the data cannot be had. */
  async refusal(asked: DataRequest): Promise<string> {
    const error = await this.load(asked).then(
      () => undefined,
      (e: unknown) => e,
    );
    expect(error).toBeInstanceOf(DataError);
    return String(error);
  }
}

export interface PictureOptions {
  readonly width?: number;
  readonly height?: number;
}

/** A PNG of one grey. */
export function grey(level: number, { width = 8, height = 8 }: PictureOptions = {}): Promise<Buffer> {
  return sharp({ create: { width, height, channels: 3, background: { r: level, g: level, b: level } } })
    .png()
    .toBuffer();
}

/** An animation of frames of one grey each; two equal ones in a row would become one. */
export async function moving(
  levels: readonly number[],
  { kind = 'gif', delay = 100, ...size }: PictureOptions & { kind?: 'gif' | 'webp'; delay?: number | number[] } = {},
): Promise<Buffer> {
  const stills = await Promise.all(levels.map((level) => grey(level, size)));
  const frames = stills.length > 1 ? sharp(stills, { join: { animated: true } }) : sharp(stills[0]);
  return kind === 'gif' ? frames.gif({ delay }).toBuffer() : frames.webp({ lossless: true, effort: 0, delay }).toBuffer();
}

/** A WAV of `seconds` of a tone. */
export function tone(hertz: number, seconds: number, rate = 8000): Buffer {
  return Buffer.from(
    encodeWav({ rate, samples: Float32Array.from({ length: Math.round(rate * seconds) }, (_, i) => Math.sin((2 * Math.PI * hertz * i) / rate)) }),
  );
}

/** A row's bytes, without what pads it to words. */
export function row(set: DataSet, field: string, i: number, elements: number): number[] {
  const { bytes, rowBytes } = set.fields.get(field)!;
  return [...bytes.subarray(i * rowBytes, i * rowBytes + elements)];
}

export function floats(set: DataSet, field: string, i: number): Float32Array {
  const { bytes, rowBytes } = set.fields.get(field)!;
  return new Float32Array(bytes.slice(i * rowBytes, (i + 1) * rowBytes).buffer);
}

export function ints(set: DataSet, field: string, i: number): number[] {
  const { bytes, rowBytes } = set.fields.get(field)!;
  return [...new Int32Array(bytes.slice(i * rowBytes, (i + 1) * rowBytes).buffer)];
}
