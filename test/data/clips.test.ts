import { readdir, readFile, rm, stat, symlink, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { framesAt } from '../../runtime/data/clip.js';
import { logMel } from '../../runtime/data/mel.js';
import { decodeWav } from '../../runtime/data/wav.js';
import { ganc } from '../cli/support.js';
import { Folder, floats, grey, ints, moving, row, tone } from './folder.js';
import { audio, label, request, tokens, video } from './requests.js';

let folder: Folder;
beforeAll(async () => {
  folder = await Folder.make();
});
afterAll(() => folder.remove());

const clips = (args: Parameters<typeof request>[1], ...fields: Parameters<typeof request>[2][]) => request('clips', { held_out: 0, ...args }, ...fields);

/** The grey of each frame of a row [1, T, H, W] whose frames are of one grey each. */
async function levels(args: Parameters<typeof request>[1], shape: readonly [number, number, number, number] = [1, 4, 2, 2]): Promise<number[][]> {
  const set = await folder.load(clips(args, video('x', ...shape)));
  const area = shape[2] * shape[3];
  return Array.from({ length: set.count }, (_, i) => {
    const bytes = row(set, 'x', i, shape[1] * area);
    const frames = Array.from({ length: shape[1] }, (_, t) => bytes.slice(t * area, (t + 1) * area));
    for (const frame of frames) expect(new Set(frame).size).toBe(1);
    return frames.map(([level]) => level);
  });
}

const sorted = (rows: number[][]) => rows.sort((a, b) => a[0] - b[0]);

test('GIF, WebP and folders of pictures: the frames in their order, of long clips the first ones', async () => {
  await folder.put('kinds/a.gif', await moving([10, 40, 80, 120, 200]));
  await folder.put('kinds/deep/b.WEBP', await moving([20, 60, 90, 130, 210], { kind: 'webp' }));
  for (const [i, level] of [30, 70, 100, 140, 220].entries()) await folder.put(`kinds/c/frame ${i + 8}.png`, await grey(level));
  await folder.put('kinds/readme.txt', 'not a clip');
  await folder.put('kinds/.hidden.gif', 'not a clip');
  expect(sorted(await levels({ path: 'kinds' }))).toEqual([
    [10, 40, 80, 120],
    [20, 60, 90, 130],
    [30, 70, 100, 140],
  ]);
});

test('rows: [channels, frames, height, width], mixed in a fixed order by name; a part is the start of the whole; a tenth is held out', async () => {
  for (let i = 0; i < 20; i++) {
    const frames = [0, 1].map((t) =>
      sharp({ create: { width: 2, height: 2, channels: 3, background: { r: 10 * i, g: 100 + t, b: 7 } } })
        .png()
        .toBuffer(),
    );
    await folder.put(
      `many/c${String(i).padStart(2, '0')}.webp`,
      await sharp(await Promise.all(frames), { join: { animated: true } })
        .webp({ lossless: true })
        .toBuffer(),
    );
  }
  const asked = request('clips', { path: 'many' }, video('x', 3, 2, 2, 2));
  const set = await folder.load(asked);
  expect([set.count, set.heldOut, set.describe]).toEqual([18, 2, 'clips: 18 rows (2 held out), x: video[3, 2, 2, 2]']);
  const reds = Array.from({ length: 20 }, (_, i) => {
    const bytes = row(set, 'x', i, 24);
    expect(bytes).toEqual([...Array(8).fill(bytes[0]), 100, 100, 100, 100, 101, 101, 101, 101, ...Array(8).fill(7)]);
    return bytes[0];
  });
  expect([...reds].sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => 10 * i));
  expect(reds).not.toEqual([...reds].sort((a, b) => a - b));
  const part = await folder.load(request('clips', { path: 'many', count: 5, held_out: 0 }, video('x', 3, 2, 2, 2)));
  expect([0, 1, 2, 3, 4].map((i) => row(part, 'x', i, 1)[0])).toEqual(reds.slice(0, 5));
  expect(set.manifest?.fields.x).toEqual({ type: 'video', framesPerSecond: 10 });
});

test('fps: what is seen at each instant', async () => {
  await folder.put('times/a.gif', await moving([10, 40, 80, 120, 200, 240], { delay: [100, 100, 200, 100, 300, 100] }));
  expect(await levels({ path: 'times' })).toEqual([[10, 40, 80, 120]]);
  expect(await levels({ path: 'times', fps: 10 }, [1, 9, 2, 2])).toEqual([[10, 40, 80, 80, 120, 200, 200, 200, 240]]);
  expect(await levels({ path: 'times', fps: 5 })).toEqual([[10, 80, 120, 200]]);
  expect(await levels({ path: 'times', fps: 20 })).toEqual([[10, 10, 40, 40]]);
  expect(await folder.refusal(clips({ path: 'times', fps: 10 }, video('x', 1, 10, 2, 2)))).toMatch(
    /a\.gif: it has 9 frames at 10 a second where 10 are wanted\n {2}mend: .*short: "hold"/,
  );
  // Six frames in 0.9 seconds.
  const set = await folder.load(clips({ path: 'times' }, video('x', 1, 4, 2, 2)));
  expect(set.manifest?.fields.x).toEqual({ type: 'video', framesPerSecond: 6000 / 900 });
});

test('a property: frames at instants are those that a plain search finds', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 11, max: 400 }), { minLength: 1, maxLength: 12 }),
      fc.integer({ min: 1, max: 60 }),
      fc.integer({ min: 1, max: 30 }),
      (delays, fps, frames) => {
        const ends = delays.map((_, i) => delays.slice(0, i + 1).reduce((a, b) => a + b, 0));
        const wanted: number[] = [];
        for (let i = 0; i < frames; i++) {
          // In whole numbers: i / fps seconds < end milliseconds.
          const place = ends.findIndex((end) => 1000 * i < end * fps);
          if (place < 0) break;
          wanted.push(place);
        }
        expect(framesAt(delays, { frames, fps })).toEqual(wanted);
      },
    ),
  );
});

test('short: an error, the last frame, or from the start again', async () => {
  await folder.put('short/a.webp', await moving([10, 40, 80], { kind: 'webp' }));
  expect(await folder.refusal(clips({ path: 'short' }, video('x', 1, 8, 2, 2)))).toBe(
    `a clip cannot be used\n  reason: ${folder.path('short/a.webp')}: it has 3 frames where 8 are wanted\n  mend: ask for fewer frames, or write clips("folder", short: "hold"), by which the last frame stays, or short: "loop"`,
  );
  expect(await levels({ path: 'short', short: 'hold' }, [1, 8, 2, 2])).toEqual([[10, 40, 80, 80, 80, 80, 80, 80]]);
  expect(await levels({ path: 'short', short: 'loop' }, [1, 8, 2, 2])).toEqual([[10, 40, 80, 10, 40, 80, 10, 40]]);
  await folder.put('still/a.gif', await moving([90]));
  expect(await levels({ path: 'still', short: 'hold' })).toEqual([[90, 90, 90, 90]]);
});

test('crop: the middle is kept, or the sides are scaled each for itself', async () => {
  const wide = await sharp({ create: { width: 12, height: 4, channels: 3, background: '#000' } })
    .composite([{ input: { create: { width: 4, height: 4, channels: 3, background: '#fff' } }, left: 4, top: 0 }])
    .png()
    .toBuffer();
  await folder.put('wide/a/1.png', wide);
  await folder.put('wide/a/2.png', wide);
  await folder.put(
    'wider/a.webp',
    await sharp([wide, await sharp(wide).negate({ alpha: false }).png().toBuffer()], { join: { animated: true } })
      .webp({ lossless: true })
      .toBuffer(),
  );
  const get = async (args: Parameters<typeof request>[1], shape: [number, number, number, number]) =>
    row(
      await folder.load(clips(args, video('x', ...shape))),
      'x',
      0,
      shape.reduce((a, b) => a * b),
    );
  expect(await get({ path: 'wide' }, [1, 2, 4, 4])).toEqual(Array(32).fill(255));
  expect(await get({ path: 'wide', crop: 'none' }, [1, 2, 4, 12])).toEqual(Array(8).fill([0, 0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 0]).flat());
  expect(await get({ path: 'wider', crop: 'center' }, [1, 2, 4, 4])).toEqual([...Array(16).fill(255), ...Array(16).fill(0)]);
  const squeezed = await get({ path: 'wide', crop: 'none' }, [1, 1, 4, 6]);
  expect(squeezed[0]).toBeLessThan(30);
  expect(squeezed[2]).toBeGreaterThan(225);
});

test('a long animation in stretches of frames is the same as at once', async () => {
  // 2048 x 2048 pixels are decoded four at a time.
  await folder.put('large/a.webp', await moving([10, 40, 80, 120, 200], { kind: 'webp', width: 2048, height: 2048 }));
  expect(await levels({ path: 'large' }, [1, 5, 1, 1])).toEqual([[10, 40, 80, 120, 200]]);
  expect(await levels({ path: 'large', fps: 2.5, short: 'hold' }, [1, 3, 1, 1])).toEqual([[10, 200, 200]]);
});

test.each(['jsonl', 'csv'])('captions, classes by number and by name, sounds: %s', async (kind) => {
  const at = `full-${kind}`;
  const rows = [
    { file: 'b.gif', caption: 'A dog, running.', kind: 'dog', digit: 3, sound: 'sounds/b.wav' },
    { file: 'a.gif', caption: 'a "grey" cat runs', kind: 'cat', digit: 0, sound: 'sounds/a.wav' },
    { id: 'deep/c', caption: 'a cat', kind: 'cat', digit: 2, sound: 'sounds/a.wav' },
  ];
  if (kind === 'jsonl') await folder.put(`${at}/captions.jsonl`, `\ufeff${rows.map((r) => JSON.stringify(r)).join('\r\n\r\n')}\r\n`);
  else
    await folder.put(
      `${at}/captions.csv`,
      'sound,caption,file,id,digit,kind,ignored\nsounds/b.wav,"A dog, running.",b.gif,,3,dog,x\nsounds/a.wav,"a ""grey"" cat runs",a.gif,,0,cat,\nsounds/a.wav,a cat,,deep/c,2,cat,\n',
    );
  await folder.put(`${at}/a.gif`, await moving([10, 40, 80, 120]));
  await folder.put(`${at}/b.gif`, await moving([20, 50, 90, 130]));
  await folder.put(`${at}/deep/c.gif`, await moving([30, 60, 100, 140]));
  await folder.put(`${at}/sounds/a.wav`, tone(440, 0.4));
  await folder.put(`${at}/sounds/b.wav`, tone(1500, 0.2));
  const fields = [video('x', 1, 4, 2, 2), tokens('t', 6, 16), label('kind', 2), label('digit', 4), audio('a', 8, 12)];
  const warned: string[] = [];
  const set = await folder.load(clips({ path: at }, ...fields), { warn: (text) => warned.push(text) });
  expect(warned).toEqual([]);
  const facts = set.manifest?.fields as Record<string, { words: string[] }>;
  expect(facts).toEqual({
    x: { type: 'video', framesPerSecond: 10 },
    t: { type: 'tokens', length: 6, words: expect.arrayContaining(['a', 'cat', 'dog', '"', ',']) },
    kind: { type: 'class', names: ['cat', 'dog'] },
    a: { type: 'audio', frames: 8, bands: 12, seconds: 0.4, rate: 8000 },
  });
  const said = (i: number) => ints(set, 't', i).map((id) => facts.t.words[id]);
  for (let i = 0; i < 3; i++) {
    const [level] = row(set, 'x', i, 1);
    const name = level === 10 ? 'a' : level === 20 ? 'b' : 'c';
    const wav = tone(name === 'b' ? 1500 : 440, name === 'b' ? 0.2 : 0.4);
    expect(ints(set, 'kind', i)).toEqual([name === 'b' ? 1 : 0]);
    expect(ints(set, 'digit', i)).toEqual([{ a: 0, b: 3, c: 2 }[name]]);
    expect(said(i)).toEqual(
      { a: ['a', '"', 'grey', '"', 'cat', 'runs'], b: ['a', 'dog', ',', 'running', '.', '<padding>'], c: ['a', 'cat', ...Array(4).fill('<padding>')] }[name],
    );
    expect(floats(set, 'a', i)).toEqual(logMel(decodeWav(wav).samples, 8000, { frames: 8, bands: 12 }, 0.4));
    const sound = set.soundOf?.(i);
    expect([sound?.rate, sound?.samples.length]).toEqual([8000, 3200]);
    expect(sound?.samples.slice(0, 1600)).toEqual(decodeWav(wav).samples.slice(0, 1600));
    if (name === 'b') expect(Math.max(...floats(set, 'a', i).subarray(48))).toBe(-1);
  }
  // A resumed run's own numbers, also where the captions have changed.
  const manifest = {
    ...set.manifest!,
    fields: { ...facts, t: { ...facts.t, words: ['<padding>', '<unknown>', 'cat', 'a'] }, kind: { type: 'class', names: ['dog', 'cat'] } },
  };
  const again = await folder.load(clips({ path: at }, tokens('t', 6, 16), label('kind', 2)), { manifest: manifest as NonNullable<typeof set.manifest> });
  const c = [0, 1, 2].find((i) => ints(again, 't', i)[2] === 0) as number;
  expect(ints(again, 't', c)).toEqual([3, 2, 0, 0, 0, 0]);
  expect(ints(again, 'kind', c)).toEqual([1]);
});

test('a looped clip has its sound looped in step', async () => {
  await folder.put('loop/a.gif', await moving([10, 40]));
  await folder.put('loop/click.wav', Buffer.concat([tone(440, 0.1), Buffer.alloc(0)]));
  await folder.put('loop/captions.jsonl', '{"id": "a", "sound": "click.wav"}');
  const rows = async (short: string) => {
    const set = await folder.load(clips({ path: 'loop', short }, video('x', 1, 6, 2, 2), audio('a', 6, 4)));
    return Array.from({ length: 6 }, (_, t) => Math.max(...floats(set, 'a', 0).subarray(4 * t, 4 * t + 4)) > -1);
  };
  expect(await rows('loop')).toEqual([true, false, true, false, true, false]);
  expect(await rows('hold')).toEqual([true, false, false, false, false, false]);
});

test('sound in step needs a rate of frames, and as many rows as frames or a multiple', async () => {
  await folder.put('rates/a.gif', await moving([10, 40]));
  await folder.put('rates/b.gif', await moving([10, 40], { delay: 50 }));
  await folder.put('rates/a.wav', tone(440, 0.2));
  await folder.put('rates/captions.jsonl', '{"id": "a", "sound": "a.wav"}\n{"id": "b", "sound": "a.wav"}');
  expect(await folder.refusal(clips({ path: 'rates' }, video('x', 1, 2, 2, 2), audio('a', 2, 4)))).toMatch(/differ in how many frames a second.*\n.*fps: 10/);
  expect(await folder.refusal(clips({ path: 'rates' }, audio('a', 2, 4)))).toMatch(/do not say how many frames a second/);
  expect(await folder.refusal(clips({ path: 'rates', fps: 10 }, video('x', 1, 2, 2, 2), audio('a', 3, 4)))).toMatch(/write a: audio\[4, 4\]/);
  const set = await folder.load(clips({ path: 'rates', fps: 10, short: 'hold' }, video('x', 1, 2, 2, 2), audio('a', 2, 4)));
  expect(set.manifest?.fields.a).toEqual({ type: 'audio', frames: 2, bands: 4, seconds: 0.2, rate: 8000 });
});

test('the same folder gives the same bytes, from the files or from the cache; a changed file is noticed, a changed time is not', async () => {
  for (const [i, name] of ['a', 'b', 'c'].entries()) await folder.put(`kept/${name}.gif`, await moving([10 * i + 5, 100, 200, 250]));
  await folder.put('kept/a.wav', tone(440, 0.4));
  await folder.put('kept/captions.jsonl', ['a', 'b', 'c'].map((id) => JSON.stringify({ id, sound: 'a.wav' })).join('\n'));
  const asked = clips({ path: 'kept' }, video('x', 1, 4, 3, 2), audio('a', 4, 4));
  const loaded = async () => {
    const said: string[] = [];
    const set = await folder.load(asked, { progress: (text) => said.push(text.replace(/ \d.*/, '')) });
    return { x: [...set.fields.get('x')!.bytes], a: [...set.fields.get('a')!.bytes], said: [...new Set(said)], facts: set.manifest?.fields };
  };
  const first = await loaded();
  expect(first.said).toEqual(['looking through clips', 'decoding clips', 'looking through sounds', 'listening to clips']);
  const kept = await loaded();
  expect({ ...kept, said: first.said }).toEqual(first);
  expect(kept.said).toEqual(['looking through clips', 'looking through sounds']);
  await utimes(folder.path('kept/a.gif'), 1, 1);
  expect((await loaded()).said).toEqual(kept.said);
  await folder.put('kept/b.gif', await moving([77, 100, 200, 250]));
  const changed = await loaded();
  expect(changed.said).toContain('decoding clips');
  expect(changed.x.filter((value, i) => value !== first.x[i]).length).toBe(6);
  await folder.put('kept/a.wav', tone(880, 0.4));
  expect((await loaded()).a).not.toEqual(first.a);
  // Without a cache: from the files, the same.
  const cache = join(folder.base, 'cache', 'ganc');
  expect((await readdir(join(cache, 'clips'))).length).toBeGreaterThan(0);
  await rm(cache, { recursive: true });
  const { x } = await loaded();
  expect(x).toEqual(changed.x);
});

test('only the frames that are read count for the cache', async () => {
  for (const [i, level] of [10, 20, 30].entries()) await folder.put(`growing/a/${i}.png`, await grey(level));
  expect(await levels({ path: 'growing', short: 'loop' })).toEqual([[10, 20, 30, 10]]);
  await folder.put('growing/a/3.png', await grey(40));
  expect(await levels({ path: 'growing', short: 'loop' })).toEqual([[10, 20, 30, 40]]);
  await folder.put('growing/a/4.png', 'not even a picture');
  const said: string[] = [];
  await folder.load(clips({ path: 'growing', short: 'loop' }, video('x', 1, 4, 2, 2)), { progress: (text) => said.push(text) });
  expect(said).toEqual(['looking through clips 1/1']);
});

test('a folder reached by a link is its own, a link in it is refused', async () => {
  await folder.put('real/a.gif', await moving([10, 40, 80, 120]));
  await symlink(folder.path('real'), folder.path('linked'));
  expect(await levels({ path: 'linked' })).toEqual([[10, 40, 80, 120]]);
  await symlink(folder.path('real/a.gif'), folder.path('real/b.gif'));
  expect(await folder.refusal(clips({ path: 'real' }, video('x', 1, 4, 2, 2)))).toMatch(/b\.gif as a clip\n {2}reason: it is a link/);
  expect((await stat(folder.path('real/b.gif'))).isFile()).toBe(true);
});

test('from the command line: a spec that reads clips, captions, classes and sounds trains, and its run keeps what they mean', async () => {
  await folder.put('movies/a.gif', await moving([10, 40, 80, 120]));
  await folder.put('movies/b.gif', await moving([200, 150, 90, 20]));
  await folder.put('movies/tone.wav', tone(440, 0.4));
  await folder.put('movies/captions.csv', 'file,caption,kind,sound\na.gif,it grows brighter,up,tone.wav\nb.gif,it grows darker,down,tone.wav\n');
  await folder.put(
    'movies.gan',
    `
data clips = clips("movies", held_out: 0) { x: video[1, 4, 4, 4]  t: tokens[3, words: 8]  kind: class[2]  a: audio[4, 6] }
noise z: normal[4]
net G(z, t, a) -> video[1, 4, 4, 4] { concat(z, embedding(t, 2) |> flatten, summary(a)) |> linear(64) |> tanh |> reshape(1, 4, 4, 4) }
net D(x, kind) { concat(x |> flatten, embedding(kind, 2) |> flatten) |> linear(1) }
game {
  fake = G(z | t, a)
  D minimizes logistic(D(x | kind), D(fake | kind))
  G minimizes logistic_generator(D(fake | kind))
}
train { batch 2 steps 2  D with adam(lr: 1e-3)  G with adam(lr: 1e-3) }
sample clip = G(z | t, a)
`,
  );
  const { code, stderr } = await ganc(['train', folder.path('movies.gan'), '--out', folder.path('run')], { cwd: folder.base });
  expect(stderr).toContain('clips: 2 rows');
  expect(code).toBe(0);
  const kept = JSON.parse(await readFile(folder.path('run/data.json'), 'utf8'));
  expect(kept.fields).toEqual({
    x: { type: 'video', framesPerSecond: 10 },
    t: { type: 'tokens', length: 3, words: ['<padding>', '<unknown>', 'grows', 'it', 'brighter', 'darker'] },
    kind: { type: 'class', names: ['down', 'up'] },
    a: { type: 'audio', frames: 4, bands: 6, seconds: 0.4, rate: 8000 },
  });
});
