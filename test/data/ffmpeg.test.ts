import { execFileSync } from 'node:child_process';
import { chmod, readFile } from 'node:fs/promises';
import { delimiter, dirname } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findFfmpeg, readVideo } from '../../runtime/data/ffmpeg.js';
import { Folder, floats, moving, row, tone } from './folder.js';
import { audio, request, video } from './requests.js';

let folder: Folder;
const path = process.env.PATH;
beforeAll(async () => {
  folder = await Folder.make();
  // Stands in for the real one: the video says what it does. Frames come in pieces that end anywhere.
  await folder.put(
    'bin/ffmpeg',
    `#!${process.execPath}
const { readFileSync, writeSync } = require('node:fs');
const args = process.argv.slice(2);
const after = (name) => args[args.indexOf(name) + 1];
const plan = JSON.parse(readFileSync(after('-i').replace(/^file:/, ''), 'utf8'));
if (plan.log) console.error(plan.log);
if (plan.sleep) setTimeout(() => {}, 60000);
const wanted = Number(after('-frames:v'));
const fps = args.includes('-vf') ? Number(/fps=fps=([0-9.]+):round=up/.exec(after('-vf'))[1]) : plan.rate;
const frames = [];
for (let i = 0; i < wanted && i / fps < plan.levels.length / plan.rate; i++) {
  const level = plan.levels[Math.floor((i / fps) * plan.rate + 1e-9)];
  const pixels = Buffer.alloc(4 * plan.width * plan.height, level);
  for (let p = 3; p < pixels.length; p += 4) pixels[p] = 255;
  const head = ['P7', 'WIDTH ' + (plan.claim ?? plan.width), 'HEIGHT ' + (plan.claim ?? plan.height), 'DEPTH 4', 'MAXVAL 255', 'TUPLTYPE RGB_ALPHA', 'ENDHDR', ''].join('\\n');
  frames.push(Buffer.from(head, 'latin1'), pixels);
}
let all = plan.garbage ? Buffer.from(plan.garbage) : Buffer.concat(frames);
if (plan.cut) all = all.subarray(0, all.length - plan.cut);
for (let at = 0, n = 1; at < all.length; at += n, n = (n * 7) % 97 + 1) writeSync(1, all.subarray(at, Math.min(at + n, all.length)));
console.error('Stream #0:0(und): Video: pam, rgba, ' + plan.width + 'x' + plan.height + ', q=2-31, 200 kb/s, ' + fps + ' fps, 10 tbn, 10 tbc');
if (!plan.sleep) process.exitCode = plan.status ?? 0;
`,
  );
  await chmod(folder.path('bin/ffmpeg'), 0o755);
  process.env.PATH = [folder.path('bin'), 'relative', path].join(delimiter);
});
afterAll(async () => {
  process.env.PATH = path;
  await folder.remove();
});

const plan = (more: object) => JSON.stringify({ width: 6, height: 4, rate: 10, levels: [10, 40, 80, 120, 200], ...more });
const asked = (at: string, args: object = {}) => request('clips', { path: at, held_out: 0, ...args }, video('x', 1, 3, 2, 2));
const frames = async (at: string, args: object = {}) => {
  const set = await folder.load(asked(at, args));
  return Array.from({ length: set.count }, (_, i) => row(set, 'x', i, 12).filter((_, j) => j % 4 === 0)).sort((a, b) => a[0] - b[0]);
};

test('videos beside animations, at their own rate or at the one asked for; the rate is known for sounds', async () => {
  await folder.put('both/a.mp4', plan({}));
  await folder.put('both/b c;$(touch x).webm', plan({ levels: [20, 50, 90, 130, 210] }));
  await folder.put('both/c.gif', await moving([30, 60, 100, 140, 220]));
  await folder.put('both/a.wav', tone(440, 0.3));
  await folder.put('both/captions.jsonl', ['a', 'b c;$(touch x)', 'c'].map((id) => JSON.stringify({ id, sound: 'a.wav' })).join('\n'));
  expect(await frames('both')).toEqual([
    [10, 40, 80],
    [20, 50, 90],
    [30, 60, 100],
  ]);
  expect(await frames('both', { fps: 5 })).toEqual([
    [10, 80, 200],
    [20, 90, 210],
    [30, 100, 220],
  ]);
  const set = await folder.load(request('clips', { path: 'both' }, video('x', 1, 3, 2, 2), audio('a', 3, 4)));
  expect(set.manifest?.fields).toEqual({ x: { type: 'video', framesPerSecond: 10 }, a: { type: 'audio', frames: 3, bands: 4, seconds: 0.3, rate: 8000 } });
  expect(Math.max(...floats(set, 'a', 0).subarray(8))).toBeGreaterThan(0);
});

test('what is kept needs no ffmpeg; what is not names the file and how to get it', async () => {
  await folder.put('kept/a.mp4', plan({}));
  const before = await frames('kept');
  await folder.put('new/a.mov', plan({ levels: [1, 2, 3, 4] }));
  await folder.put('empty/readme', '');
  const there = process.env.PATH;
  process.env.PATH = folder.path('empty');
  try {
    expect(await frames('kept')).toEqual(before);
    expect(await folder.refusal(asked('new'))).toBe(
      `cannot read ${folder.path('new/a.mov')}\n  reason: .mov files are read by the program ffmpeg, which is not on PATH\n  mend: install it (apt-get install ffmpeg, brew install ffmpeg, winget install ffmpeg), or turn the clips into GIF, WebP or folders of PNG pictures`,
    );
  } finally {
    process.env.PATH = there;
  }
});

test.each([
  [
    'fails',
    { status: 1, levels: [], log: '[mov @ 0x55] moov atom not found\nx.mp4: Invalid data found when processing input' },
    /ffmpeg cannot read it \(x\.mp4: Invalid data/,
  ],
  ['breaks off in a frame', { cut: 5 }, /ffmpeg stopped in the middle of a frame/],
  ['breaks off in a header', { cut: 3 * 4 * 24 + 40 }, /ffmpeg stopped in the middle of a frame/],
  ['gives something else', { garbage: `HTTP/1.1 200 OK${' '.repeat(2000)}` }, /something else than pictures/],
  ['claims too much', { claim: 100_000 }, /it has 100000 x 100000 pixels, more than/],
  [
    'finds it too large',
    { levels: [], status: 1, log: '[h264 @ 0x1] Picture size 16384x16384 exceeds specified max pixel count 33554432' },
    /it has 16384 x 16384 pixels/,
  ],
  ['finds it cut short', { log: '[matroska,webm @ 0x1] File ended prematurely' }, /it is cut short/],
  ['finds no frame', { levels: [] }, /it has no frame/],
  ['finds few frames', { levels: [7] }, /it has 1 frame where 3 are wanted\n {2}mend: .*short: "hold"/],
])('ffmpeg %s', async (name, more, reason) => {
  await folder.put(`bad/${name}/x.mp4`, plan(more));
  const said = await folder.refusal(asked(`bad/${name}`));
  expect(said).toMatch(reason);
  expect(said).toContain(folder.path(`bad/${name}/x.mp4`));
});

test('one that does not end is stopped', async () => {
  await folder.put('slow.mp4', plan({ sleep: true }));
  const { path: program } = await findFfmpeg('slow.mp4');
  expect(program).toBe(folder.path('bin/ffmpeg'));
  const reading = readVideo({ path: program, limit: 1 }, folder.path('slow.mp4'), { frames: 3 }, 1000, async (pixels) => pixels);
  await expect(reading).rejects.toThrow('ffmpeg was not done with it after 1 seconds');
});

/** The real one, where the machine has it. */
const real = await findFfmpeg('x.mp4').catch(() => undefined);

test.skipIf(real === undefined)('the real ffmpeg: the frames that are seen at each instant, and a damaged file', async () => {
  const program = real!.path;
  const make = (...args: string[]) => execFileSync(program, ['-v', 'error', '-y', '-f', 'lavfi', ...args]);
  await folder.put('real/readme', '');
  make('-i', 'testsrc=size=64x48:rate=25:duration=1', '-c:v', 'mpeg4', folder.path('real/a.mp4'));
  const seen = async (fps?: number) => {
    const ids: string[] = [];
    const { rate } = await readVideo(real!, folder.path('real/a.mp4'), { frames: 100, fps }, 10_000, async (pixels, width, height) => {
      expect([width, height]).toEqual([64, 48]);
      ids.push(pixels.toString('base64'));
      return pixels;
    });
    return { ids, rate };
  };
  const all = await seen();
  expect([all.ids.length, all.rate]).toEqual([25, 25]);
  for (const fps of [10, 7, 60]) {
    const { ids } = await seen(fps);
    expect(ids.map((id) => all.ids.indexOf(id))).toEqual(Array.from({ length: fps }, (_, i) => Math.floor((25 * i) / fps)));
  }
  await folder.put('broken/a.mp4', (await readFile(folder.path('real/a.mp4'))).subarray(0, 2000));
  process.env.PATH = dirname(program);
  try {
    expect(await folder.refusal(asked('broken'))).toMatch(/a\.mp4: ffmpeg cannot read it/);
  } finally {
    process.env.PATH = [folder.path('bin'), path].join(delimiter);
  }
});
