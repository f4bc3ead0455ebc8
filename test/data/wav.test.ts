import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import wavefile from 'wavefile';
import { DataError } from '../../runtime/data/error.js';
import { decodeWav, encodeWav, joinedSounds, readWav, resampled, WavError } from '../../runtime/data/wav.js';

let base = '';
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'ganc-wav-'));
});
afterAll(() => rm(base, { recursive: true, force: true }));

/** A PCM file, written byte by byte after the format's description. */
function pcm(bits: number, channels: number, samples: readonly number[], { code = 1, rate = 8000 } = {}): Buffer {
  const bytes = bits / 8;
  const data = Buffer.alloc(samples.length * bytes);
  for (const [i, sample] of samples.entries()) {
    if (code === 3) bits === 32 ? data.writeFloatLE(sample, i * 4) : data.writeDoubleLE(sample, i * 8);
    else if (bits === 8) data.writeUInt8(sample, i);
    else data.writeIntLE(sample, i * bytes, bytes);
  }
  const head = Buffer.alloc(44);
  head.write('RIFF', 0, 'latin1');
  head.writeUInt32LE(36 + data.byteLength, 4);
  head.write('WAVEfmt ', 8, 'latin1');
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(code, 20);
  head.writeUInt16LE(channels, 22);
  head.writeUInt32LE(rate, 24);
  head.writeUInt32LE(rate * channels * bytes, 28);
  head.writeUInt16LE(channels * bytes, 32);
  head.writeUInt16LE(bits, 34);
  head.write('data', 36, 'latin1');
  head.writeUInt32LE(data.byteLength, 40);
  return Buffer.concat([head, data]);
}

test('8, 16, 24 and 32 bits and floats of both sizes give the same samples', () => {
  const wanted = [0, 0.5, -0.5, -1];
  const files = [
    pcm(8, 1, [128, 192, 64, 0]),
    pcm(16, 1, [0, 16384, -16384, -32768]),
    pcm(24, 1, [0, 2 ** 22, -(2 ** 22), -(2 ** 23)]),
    pcm(32, 1, [0, 2 ** 30, -(2 ** 30), -(2 ** 31)]),
    pcm(32, 1, wanted, { code: 3 }),
    pcm(64, 1, wanted, { code: 3 }),
  ];
  for (const file of files) expect([...decodeWav(file).samples]).toEqual(wanted);
  expect(decodeWav(pcm(16, 1, [1], { rate: 44_100 })).rate).toBe(44_100);
});

test('channels are averaged', () => {
  expect([...decodeWav(pcm(16, 2, [16384, 0, -16384, 16384])).samples]).toEqual([0.25, 0]);
});

test('A-law, mu-law and big-endian files are decoded', () => {
  const wave = new wavefile.WaveFile();
  const samples = Int16Array.from({ length: 800 }, (_, i) => Math.round(20_000 * Math.sin(i / 5)));
  const close = (file: Uint8Array, by: number) => {
    const got = decodeWav(Buffer.from(file)).samples;
    expect(got.length).toBe(800);
    for (let i = 0; i < 800; i++) expect(Math.abs(got[i] - samples[i] / 32768)).toBeLessThan(by);
  };
  wave.fromScratch(1, 8000, '16', samples, { container: 'RIFX' });
  close(wave.toBuffer(), 1e-9);
  wave.fromScratch(1, 8000, '16', samples);
  wave.toALaw();
  close(wave.toBuffer(), 0.03);
  wave.fromScratch(1, 8000, '16', samples);
  wave.toMuLaw();
  close(wave.toBuffer(), 0.03);
});

test('what is written is read again, to half a step of 16 bits, and clipped at full scale', () => {
  fc.assert(
    fc.property(fc.array(fc.float({ min: -2, max: 2, noNaN: true }), { minLength: 1, maxLength: 50 }), fc.integer({ min: 100, max: 96_000 }), (list, rate) => {
      const back = decodeWav(Buffer.from(encodeWav({ rate, samples: Float32Array.from(list) })));
      expect(back.rate).toBe(rate);
      expect(back.samples.length).toBe(list.length);
      for (const [i, value] of list.entries()) expect(Math.abs(back.samples[i] - Math.min(Math.max(value, -1), 1))).toBeLessThan(1.01 / 32768);
    }),
  );
});

test('a damaged file is refused with its reason', () => {
  const good = pcm(16, 2, [1, 2, 3, 4]);
  const with16 = (at: number, value: number) => {
    const file = Buffer.from(good);
    file.writeUInt16LE(value, at);
    return file;
  };
  const cases: [Buffer, RegExp][] = [
    [Buffer.alloc(0), /it is empty/],
    [Buffer.from('ID3 some mp3 sound'), /does not start as WAV files do/],
    [good.subarray(0, 20), /'fmt ' claims 16 bytes where 0 are left/],
    [good.subarray(0, 36), /has no samples/],
    [good.subarray(0, 12), /no description of its format/],
    [good.subarray(0, good.byteLength - 1), /holds 7 bytes of sound where its header says 8: it is cut short/],
    [pcm(16, 1, []), /length zero/],
    [with16(20, 85), /format 85 is unknown/],
    [with16(22, 0), /0 channels/],
    [with16(34, 17), /17 bits/],
    [with16(32, 3), /3 bytes for 2 samples/],
    [pcm(16, 1, [1], { rate: 2_000_000_000 }), /2000000000 samples a second/],
    [pcm(32, 1, [0, Number.NaN], { code: 3 }), /sample 2 is NaN/],
  ];
  for (const [file, reason] of cases) {
    expect(() => decodeWav(file)).toThrow(WavError);
    expect(() => decodeWav(file)).toThrow(reason);
  }
});

test('whatever bytes are changed or cut, a file is read or refused, in no time', () => {
  const files = [pcm(16, 2, [1, 2, 3, 4, 5, 6]), pcm(32, 1, [0.5, 0.25], { code: 3 })];
  fc.assert(
    fc.property(
      fc.constantFrom(...files),
      fc.array(fc.tuple(fc.nat(55), fc.integer({ min: 0, max: 255 })), { maxLength: 4 }),
      fc.nat(60),
      (file, changes, length) => {
        const bytes = Buffer.from(file);
        for (const [at, value] of changes) if (at < bytes.byteLength) bytes[at] = value;
        try {
          decodeWav(bytes.subarray(0, length + 20));
        } catch (error) {
          if (!(error instanceof WavError)) expect((error as Error).message).not.toMatch(/undefined|null|RangeError/);
        }
      },
    ),
    { numRuns: 400 },
  );
});

test('a file that is not there, a folder, a file without permission: an error that names it', async () => {
  await mkdir(join(base, 'folder.wav'));
  await writeFile(join(base, 'closed.wav'), pcm(16, 1, [1]));
  await chmod(join(base, 'closed.wav'), 0);
  const reason = async (name: string) => {
    const error = await readWav(join(base, name)).then(
      () => undefined,
      (e: unknown) => e,
    );
    expect(error).toBeInstanceOf(DataError);
    expect(String(error)).toContain(name);
    return String(error);
  };
  expect(await reason('none.wav')).toMatch(/no such file/);
  expect(await reason('folder.wav')).toMatch(/it is a folder/);
  if (process.getuid?.() !== 0) expect(await reason('closed.wav')).toMatch(/permission denied/);
});

test('at another rate a sound is as long and as high; what the rate cannot hold is gone', () => {
  const tone = (hertz: number, rate: number) => ({
    rate,
    samples: Float32Array.from({ length: rate / 2 }, (_, i) => 0.5 * Math.sin((2 * Math.PI * hertz * i) / rate)),
  });
  for (const [from, to] of [
    [44_100, 16_000],
    [8_000, 16_000],
  ]) {
    const { rate, samples } = resampled(tone(440, from), to);
    expect([rate, samples.length]).toEqual([to, to / 2]);
    const wanted = tone(440, to).samples;
    // By the best of small shifts, away from the ends: a filter delays.
    const off = (shift: number) => Math.max(...wanted.slice(1000, 3000).map((v, i) => Math.abs(samples[1000 + i + shift] - v)));
    expect(Math.min(...Array.from({ length: 9 }, (_, i) => off(i - 4)))).toBeLessThan(0.1);
  }
  expect(Math.max(...resampled(tone(15_000, 44_100), 16_000).samples.slice(1000, 7000))).toBeLessThan(0.1);
  const same = tone(440, 8000);
  expect(resampled(same, 8000)).toBe(same);
});

test('sounds one after another, each with silence behind it; of one rate', () => {
  const [a, b] = [
    { rate: 4, samples: Float32Array.of(1, 2) },
    { rate: 4, samples: Float32Array.of(3) },
  ];
  expect(joinedSounds([a, b], 0.5)).toEqual({ rate: 4, samples: Float32Array.of(1, 2, 0, 0, 3, 0, 0) });
  expect(() => joinedSounds([a, { ...b, rate: 8 }], 0)).toThrow(DataError);
});
