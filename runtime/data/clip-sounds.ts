/** The sounds of clips as rows of log-mel spectra, in step with their frames. */
import { readFileSync } from 'node:fs';
import type { FieldRequest } from '../../compiler/program/types.js';
import { rowBytesOf, typeText } from './columns.js';
import { DataError } from './error.js';
import { KeptFile } from './kept.js';
import { logMel, MEL } from './mel.js';
import { decodeWav, readWav, type Sound } from './wav.js';

/** Of one row: its file, and after how many seconds it starts anew, if it does. */
export interface ClipSound {
  readonly path: string;
  readonly hash: string;
  readonly period?: number;
}

export interface SoundRows {
  readonly bytes: Uint8Array;
  /** Samples a second of all files. */
  readonly rate: number;
}

export interface SoundOptions {
  /** Of a whole clip. */
  readonly seconds: number;
  /** Of a run's own data. */
  readonly rate?: number;
  readonly each: <T>(what: string, work: (sound: ClipSound, index: number) => Promise<T>) => Promise<T[]>;
  readonly warn?: (text: string) => void;
}

/** Rows of a field of type audio. Throws DataError, also where the files are of different rates: their bands would not mean the same. */
export async function soundRows(field: FieldRequest, sounds: readonly ClipSound[], { seconds, rate, each, warn }: SoundOptions): Promise<SoundRows> {
  const [frames, bands] = field.shape;
  const rowBytes = rowBytesOf(field);
  const size = sounds.length * rowBytes;
  const cache = new KeptFile('sounds', [MEL, frames, bands, seconds, sounds.map(({ hash, period }) => [hash, period ?? 0])]);
  const known = await cache.read(size + 8);
  if (known !== undefined) {
    const rows = { bytes: known.subarray(0, size), rate: new DataView(known.buffer, known.byteOffset + size).getFloat64(0, true) };
    checkRate(field, sounds[0].path, rows.rate, rate);
    return rows;
  }
  const kept = new Uint8Array(size + 8);
  const values = new Float32Array(kept.buffer, 0, size / 4);
  let first: { path: string; rate: number } | undefined;
  await each('listening to clips', async (entry, i) => {
    const sound = await readWav(entry.path);
    first ??= { path: entry.path, rate: sound.rate };
    checkRate(field, entry.path, sound.rate, rate ?? first.rate, rate === undefined ? first.path : undefined);
    values.set(logMel(fitted(sound, seconds, entry.period).samples, sound.rate, { frames, bands }, seconds), (i * rowBytes) / 4);
  });
  const common = (first as unknown as { rate: number }).rate;
  new DataView(kept.buffer).setFloat64(size, common, true);
  const reason = await cache.write(kept);
  if (reason !== undefined) warn?.(`the sounds cannot be kept for the next time: ${reason}`);
  return { bytes: kept.subarray(0, size), rate: common };
}

/** The samples of a row, as long as its clip. */
export function soundNow(entry: ClipSound, seconds: number): Sound {
  return fitted(decodeWav(readFileSync(entry.path)), seconds, entry.period);
}

function fitted({ rate, samples }: Sound, seconds: number, period: number | undefined): Sound {
  const length = Math.round(rate * seconds);
  const turn = period === undefined ? length : Math.max(1, Math.round(rate * period));
  return { rate, samples: Float32Array.from({ length }, (_, i) => samples[i % turn] ?? 0) };
}

function checkRate(field: FieldRequest, path: string, rate: number, wanted: number | undefined, other?: string): void {
  if (wanted === undefined || rate === wanted) return;
  throw new DataError(
    `field '${field.name}' asks for ${typeText(field)}`,
    `${path} has ${rate} samples a second, ${other ?? 'what this run was trained on'} has ${wanted}: a band would not be the same pitch`,
    `bring it to that rate: ffmpeg -i old.wav -ar ${wanted} new.wav`,
  );
}
