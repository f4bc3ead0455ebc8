/** WAV files: any PCM or float format, A-law, mu-law and ADPCM in; 16-bit PCM out. The package wavefile decodes; what a file claims is checked before. */
import { readFile, stat } from 'node:fs/promises';
import wavefile from 'wavefile';
import { fileReason } from '../train/files.js';
import { DataError } from './error.js';

export interface Sound {
  /** Samples a second. */
  readonly rate: number;
  /** Mono, the mean of all channels; full scale is -1..1. */
  readonly samples: Float32Array;
}

/** Twelve minutes of CD sound. */
export const MAX_WAV_BYTES = 2 ** 27;
const MAX_CHANNELS = 64;
const RATES = { least: 100, most: 1_000_000 } as const;
const FORMATS: Readonly<Record<number, string>> = { 1: 'PCM', 3: 'float', 6: 'A-law', 7: 'mu-law', 17: 'ADPCM', 65534: 'extensible' };

/** Reads a WAV file. Throws DataError naming it. */
export async function readWav(path: string): Promise<Sound> {
  const bad = (reason: string, mend = 'save the sound as WAV anew') => new DataError(`cannot use ${path} as sound`, reason, mend);
  let file: Buffer;
  try {
    const info = await stat(path);
    if (!info.isFile()) throw bad(info.isDirectory() ? 'it is a folder' : 'it is not a regular file');
    if (info.size > MAX_WAV_BYTES) throw bad(`it has ${info.size} bytes, more than the ${MAX_WAV_BYTES} that are read`, 'cut it to the length of its clip');
    file = await readFile(path);
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw bad(`it cannot be read: ${fileReason(error)}`);
  }
  try {
    return decodeWav(file);
  } catch (error) {
    if (error instanceof WavError) throw bad(error.message, error.mend);
    throw bad(`it is damaged (${(error as Error).message})`);
  }
}

/** What is wrong with a WAV file, in words that follow its name. */
export class WavError extends Error {
  constructor(
    message: string,
    readonly mend?: string,
  ) {
    super(message);
  }
}

/** The sound of a whole WAV file in memory. Throws WavError. */
export function decodeWav(file: Buffer): Sound {
  const { channels, rate } = checkHeader(file);
  const wave = new wavefile.WaveFile(file);
  if (wave.bitDepth === '8a') wave.fromALaw();
  else if (wave.bitDepth === '8m') wave.fromMuLaw();
  else if (wave.bitDepth === '4') wave.fromIMAADPCM();
  const values = wave.getSamples(true);
  const { scale, offset } = scaleOf(wave.bitDepth);
  const samples = new Float32Array(Math.floor(values.length / channels));
  for (let i = 0; i < samples.length; i++) {
    let sum = 0;
    for (let channel = 0; channel < channels; channel++) sum += values[i * channels + channel];
    const mean = (sum / channels - offset) * scale;
    if (!Number.isFinite(mean)) throw new WavError(`its sample ${i + 1} is ${mean}`);
    samples[i] = mean;
  }
  return { rate, samples };
}

/** A mono 16-bit WAV file; what is over full scale is clipped. */
export function encodeWav({ rate, samples }: Sound): Uint8Array {
  const wave = new wavefile.WaveFile();
  wave.fromScratch(
    1,
    rate,
    '16',
    Int16Array.from(samples, (sample) => Math.min(Math.max(Math.round(sample * 32768), -32768), 32767)),
  );
  return wave.toBuffer();
}

/** Sounds of one rate, after each so many seconds of silence. Throws DataError where their rates differ. */
export function joinedSounds(sounds: readonly Sound[], pause: number): Sound {
  const [{ rate }] = sounds;
  const silence = Math.round(rate * pause);
  const samples = new Float32Array(sounds.reduce((sum, sound) => sum + sound.samples.length + silence, 0));
  let at = 0;
  for (const sound of sounds) {
    if (sound.rate !== rate)
      throw new DataError('these sounds cannot be written one after another', `they have ${rate} and ${sound.rate} samples a second`, 'write fewer: --count 1');
    samples.set(sound.samples, at);
    at += sound.samples.length + silence;
  }
  return { rate, samples };
}

/** The same sound at another rate, by windowed sinc interpolation; what the new rate cannot hold is filtered out before. */
export function resampled(sound: Sound, rate: number): Sound {
  if (sound.rate === rate) return sound;
  const wave = new wavefile.WaveFile();
  wave.fromScratch(1, sound.rate, '64', Float64Array.from(sound.samples));
  wave.toSampleRate(rate, { method: 'sinc' });
  return { rate, samples: Float32Array.from(wave.getSamples(true)) };
}

function scaleOf(depth: string): { scale: number; offset: number } {
  if (depth === '32f' || depth === '64') return { scale: 1, offset: 0 };
  // 8 bits are unsigned, in WAV alone.
  if (depth === '8') return { scale: 1 / 128, offset: 128 };
  return { scale: 2 ** (1 - Number(depth)), offset: 0 };
}

/** Walks the chunks, so that a decoder never meets sizes that the file does not have. */
function checkHeader(file: Buffer): { channels: number; rate: number } {
  if (file.byteLength === 0) throw new WavError('it is empty');
  const container = file.toString('latin1', 0, 4);
  if (!['RIFF', 'RIFX', 'RF64'].includes(container) || file.toString('latin1', 8, 12) !== 'WAVE')
    throw new WavError('it does not start as WAV files do: RIFF, its size, WAVE', 'only WAV is read: ffmpeg -i sound.mp3 sound.wav makes one');
  const u16 = (at: number) => (container === 'RIFX' ? file.readUInt16BE(at) : file.readUInt16LE(at));
  const u32 = (at: number) => (container === 'RIFX' ? file.readUInt32BE(at) : file.readUInt32LE(at));
  let format: { channels: number; rate: number } | undefined;
  for (let at = 12; at + 8 <= file.byteLength; ) {
    const id = file.toString('latin1', at, at + 4);
    const size = u32(at + 4);
    const held = file.byteLength - at - 8;
    if (id === 'data') {
      if (format === undefined) throw new WavError('its samples come before their format');
      const wanted = container === 'RF64' && size === 0xffffffff ? held : size;
      if (wanted > held) throw new WavError(`it holds ${held} bytes of sound where its header says ${wanted}: it is cut short`);
      if (wanted === 0) throw new WavError('it is of length zero: it has no sample');
      return format;
    }
    if (size > held) throw new WavError(`its part '${printable(id)}' claims ${size} bytes where ${held} are left: it is damaged or cut short`);
    if (id === 'fmt ') format = checkFormat(at + 8, size, u16, u32);
    at += 8 + size + (size % 2);
  }
  throw new WavError(format === undefined ? 'it has no description of its format: it is cut short' : 'it has no samples: it is cut short');
}

function checkFormat(at: number, size: number, u16: (at: number) => number, u32: (at: number) => number): { channels: number; rate: number } {
  if (size < 16) throw new WavError(`the description of its format has ${size} bytes where 16 are the least`);
  const code = u16(at);
  const channels = u16(at + 2);
  const rate = u32(at + 4);
  const bits = u16(at + 14);
  if (!(code in FORMATS)) throw new WavError(`its format ${code} is unknown`, `${Object.values(FORMATS).slice(0, 5).join(', ')} are read`);
  if (code === 0xfffe && (size < 40 || ![1, 3].includes(u16(at + 24)))) throw new WavError('its extensible format is neither PCM nor float');
  if (channels < 1 || channels > MAX_CHANNELS) throw new WavError(`it claims ${channels} channels, where 1 to ${MAX_CHANNELS} are possible`);
  if (rate < RATES.least || rate > RATES.most) throw new WavError(`it claims ${rate} samples a second, where ${RATES.least} to ${RATES.most} are possible`);
  const possible = code === 3 ? [32, 64] : code === 6 || code === 7 ? [8] : code === 17 ? [4] : [8, 16, 24, 32, ...(code === 0xfffe ? [64] : [])];
  if (!possible.includes(bits)) throw new WavError(`it claims ${bits} bits a sample, where ${FORMATS[code]} has ${possible.join(', ')}`);
  if (code === 17 && channels !== 1) throw new WavError(`it is ADPCM of ${channels} channels, where one is read`);
  if (code !== 17 && u16(at + 12) !== (channels * bits) / 8)
    throw new WavError(`it claims ${u16(at + 12)} bytes for ${channels} samples of ${bits} bits: it is damaged`);
  return { channels, rate };
}

function printable(id: string): string {
  return id.replace(/[^ -~]/g, '?');
}
