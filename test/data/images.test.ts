import { chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { PNG } from 'pngjs';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DataError, type DataSet, loadData } from '../../runtime/data/index.js';
import { image, label, request } from './requests.js';

let base = '';
const cache = process.env.XDG_CACHE_HOME;
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'ganc-images-'));
  process.env.XDG_CACHE_HOME = join(base, 'cache');
});
afterAll(async () => {
  if (cache === undefined) delete process.env.XDG_CACHE_HOME;
  else process.env.XDG_CACHE_HOME = cache;
  await rm(base, { recursive: true, force: true });
});

const load = (asked: Parameters<typeof loadData>[0], progress?: (text: string) => void) => loadData(asked, { seed: 1n, base, progress });

async function refusal(asked: Parameters<typeof loadData>[0]): Promise<string> {
  const error = await load(asked).then(
    () => undefined,
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(DataError);
  return String(error);
}

async function put(path: string, content: Uint8Array | string): Promise<void> {
  await mkdir(dirname(join(base, path)), { recursive: true });
  await writeFile(join(base, path), content);
}

/** A PNG by pngjs, of the colour that `at` gives each pixel: red, green, blue, opacity. */
function png(width: number, height: number, at: (x: number, y: number) => readonly number[]): Buffer {
  const picture = new PNG({ width, height });
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [r, g, b, a = 255] = at(x, y);
      picture.data.set([r, g, b, a], 4 * (y * width + x));
    }
  }
  return PNG.sync.write(picture);
}

const solid = (r: number, g: number, b: number) => sharp({ create: { width: 10, height: 10, channels: 3, background: { r, g, b } } });

/** A row's bytes, without what pads it to words. */
function row(set: DataSet, field: string, i: number, elements: number): number[] {
  const { bytes, rowBytes } = set.fields.get(field)!;
  return [...bytes.subarray(i * rowBytes, i * rowBytes + elements)];
}

function classOf(set: DataSet, field: string, i: number): number {
  const { bytes } = set.fields.get(field)!;
  return new Int32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)[i];
}

test('a picture of the very size keeps its bytes, planes after one another, each at the place that its name has in the mixed order', async () => {
  // Red says which picture, so that rows can be matched.
  for (let i = 0; i < 20; i++)
    await put(
      `exact/p${String(i).padStart(2, '0')}.png`,
      png(3, 2, (x, y) => [10 * i, 40 * x, 90 * y]),
    );
  const asked = request('images', { path: 'exact' }, image('x', 3, 2, 3));
  const set = await load(asked);
  expect([set.count, set.heldOut, set.describe]).toEqual([18, 2, 'images: 18 rows (2 held out), x: image[3, 2, 3]']);
  expect(set.fields.get('x')!.rowBytes).toBe(20);
  const seen = Array.from({ length: 20 }, (_, i) => row(set, 'x', i, 18));
  for (const [red, ...rest] of seen) expect(rest).toEqual([red, red, red, red, red, 0, 40, 80, 0, 40, 80, 0, 0, 0, 90, 90, 90]);
  expect(seen.map((r) => r[0]).sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => 10 * i));
  expect(seen.map((r) => r[0])).not.toEqual(Array.from({ length: 20 }, (_, i) => 10 * i));
  expect(
    await load(request('images', { path: 'exact', count: 5 }, image('x', 3, 2, 3))).then((few) => [0, 1, 2, 3, 4].map((i) => row(few, 'x', i, 18))),
  ).toEqual(seen.slice(0, 5));
});

test('PNG, JPEG, GIF and WebP, of any ending and letter case; the first picture of an animation; what is no picture does not count', async () => {
  const colour = [200, 60, 120] as const;
  await put(
    'kinds/a.PNG',
    await solid(...colour)
      .png()
      .toBuffer(),
  );
  await put(
    'kinds/deep/er/b.jpg',
    await solid(...colour)
      .jpeg({ quality: 100 })
      .toBuffer(),
  );
  await put(
    'kinds/c.gif',
    await solid(...colour)
      .gif()
      .toBuffer(),
  );
  await put(
    'kinds/d.webp',
    await solid(...colour)
      .webp({ lossless: true })
      .toBuffer(),
  );
  await put(
    'kinds/e.jpeg',
    await solid(...colour)
      .png()
      .toBuffer(),
  );
  const frames = [solid(...colour), solid(0, 0, 0)].map((f) => f.png().toBuffer());
  await put(
    'kinds/moving.gif',
    await sharp(await Promise.all(frames), { join: { animated: true } })
      .gif()
      .toBuffer(),
  );
  await put('kinds/notes.txt', 'no picture');
  await put('kinds/.hidden.png', 'nor this');
  const set = await load(request('images', { path: 'kinds' }, image('x', 3, 4, 4)));
  expect(set.count + set.heldOut).toBe(6);
  for (let i = 0; i < 6; i++) {
    const values = row(set, 'x', i, 48);
    for (const [j, value] of values.entries()) expect(Math.abs(value - colour[Math.floor(j / 16)])).toBeLessThanOrEqual(3);
  }
});

test('center keeps the middle, none keeps all and the ratio of sides goes', async () => {
  // Three squares side by side: 0, 100, 200.
  await put(
    'wide/w.png',
    png(24, 8, (x) => Array(3).fill(100 * Math.floor(x / 8)) as number[]),
  );
  const middle = await load(request('images', { path: 'wide' }, image('x', 1, 4, 4)));
  expect(row(middle, 'x', 0, 16).every((v) => Math.abs(v - 100) < 25)).toBe(true);
  expect(row(middle, 'x', 0, 16).every((v, i) => i % 4 === 0 || i % 4 === 3 || Math.abs(v - 100) < 5)).toBe(true);
  const whole = row(await load(request('images', { path: 'wide', crop: 'none' }, image('x', 1, 4, 6))), 'x', 0, 24);
  expect(whole.slice(0, 6).map((v) => Math.round(v / 100))).toEqual([0, 0, 1, 1, 2, 2]);
  expect(await refusal(request('images', { path: 'wide', crop: 'centre' }, image('x', 1, 4, 4)))).toBe(
    'images(crop: centre) is not possible\n  reason: crop, the way to the wanted ratio of sides, is one of "center", "none"',
  );
});

test('channels: grey, colour over white, colour and opacity; a photo is turned as its EXIF says', async () => {
  const half = png(1, 1, () => [255, 0, 0, 128]);
  await put('channels/half.png', half);
  const [one, three, four] = await Promise.all([1, 3, 4].map((c) => load(request('images', { path: 'channels' }, image('x', c, 1, 1)))));
  expect(row(three, 'x', 0, 3)).toEqual([255, 127, 127]);
  expect(row(four, 'x', 0, 4)).toEqual([255, 0, 0, 128]);
  expect(row(one, 'x', 0, 1)[0]).toBeGreaterThan(127);
  await put(
    'channels/half.png',
    png(1, 1, () => [77, 77, 77]),
  );
  expect(row(await load(request('images', { path: 'channels' }, image('x', 1, 1, 1))), 'x', 0, 1)).toEqual([77]);

  // Two pixels, the upper white, stored lying on its side.
  const lying = sharp(Buffer.from([0, 0, 0, 255, 255, 255]), { raw: { width: 2, height: 1, channels: 3 } });
  await put('turned/t.png', await lying.withMetadata({ orientation: 8 }).png().toBuffer());
  expect(row(await load(request('images', { path: 'turned' }, image('x', 1, 2, 1))), 'x', 0, 2)).toEqual([255, 0]);
});

test('sub-folders are classes in the order of their names', async () => {
  for (const [name, grey] of [
    ['b10', 20],
    ['B', 10],
    ['b9', 30],
  ] as const)
    for (let i = 0; i < 6; i++)
      await put(
        `classes/${name}/${i}/p.png`,
        png(2, 2, () => [grey, grey, grey]),
      );
  const set = await load(request('images', { path: 'classes' }, image('x', 1, 2, 2), label('y', 3)));
  expect([set.count, set.heldOut]).toEqual([17, 1]);
  for (let i = 0; i < 18; i++) expect(row(set, 'x', i, 4)).toEqual(Array(4).fill(10 * (classOf(set, 'y', i) + 1)));

  expect(await refusal(request('images', { path: 'classes' }, image('x', 1, 2, 2), label('y', 10)))).toBe(
    `field 'y' asks for class[10]\n  reason: ${join(base, 'classes')} has 3 sub-folders: B, b10, b9\n  mend: write y: class[3]`,
  );
  await mkdir(join(base, 'classes/c'));
  expect(await refusal(request('images', { path: 'classes' }, label('y', 4)))).toContain(`there are no pictures in ${join(base, 'classes/c')}`);
  await put(
    'classes/loose.png',
    png(2, 2, () => [0, 0, 0]),
  );
  expect(await refusal(request('images', { path: 'classes' }, label('y', 3)))).toContain('loose.png lies in none of its sub-folders');
  // Without a field of classes both are fine.
  expect((await load(request('images', { path: 'classes' }, image('x', 1, 2, 2)))).count).toBe(18);
});

test('the second time pictures come from the cache; a changed picture, another size or a damaged cache decode anew', async () => {
  for (let i = 0; i < 5; i++)
    await put(
      `kept/${i}.png`,
      png(2, 2, () => [i, i, i]),
    );
  const asked = request('images', { path: 'kept' }, image('x', 1, 2, 2));
  const all = (set: DataSet) => [...set.fields.get('x')!.bytes];
  const talk: string[] = [];
  const again = async (what = asked) => {
    talk.length = 0;
    return load(what, (text) => talk.push(text));
  };
  const decoded = () => talk.filter((text) => text.startsWith('decoding')).length;
  const files = () => readdir(join(base, 'cache/ganc/pictures'));
  const before = new Set(await files());
  const first = all(await again());
  expect(decoded()).toBe(5);
  expect(talk.at(-1)).toBe('decoding pictures 5/5');
  const made = (await files()).filter((name) => !before.has(name));
  expect(made).toHaveLength(1);
  expect(all(await again())).toEqual(first);
  expect(decoded()).toBe(0);

  await again(request('images', { path: 'kept' }, image('x', 1, 1, 1)));
  expect(decoded()).toBe(5);

  const path = join(base, 'cache/ganc/pictures', made[0]);
  const bytes = await readFile(path);
  bytes[0] ^= 255;
  await writeFile(path, bytes);
  expect(all(await again())).toEqual(first);
  expect(decoded()).toBe(5);
  await truncate(path, 7);
  expect(all(await again())).toEqual(first);
  expect(decoded()).toBe(5);

  await put(
    'kept/3.png',
    png(2, 2, () => [99, 99, 99]),
  );
  const changed = all(await again());
  expect(decoded()).toBe(5);
  expect(changed.filter((v) => v === 99)).toHaveLength(4);
});

test('folders that cannot be used', async () => {
  const of = (path: string) => refusal(request('images', { path }, image('x', 3, 4, 4)));
  expect(await of('nowhere')).toBe(
    `cannot use ${join(base, 'nowhere')} as a folder of pictures\n  reason: there is no such folder\n  mend: paths start from the folder of the spec`,
  );
  await mkdir(join(base, 'empty/inside'), { recursive: true });
  expect(await of('empty')).toContain('reason: it is empty');
  await put('texts/a.txt', 'a');
  expect(await of('texts')).toContain('none of its 1 files ends in .png, .jpg, .jpeg, .gif, .webp');
  expect(await of('texts/a.txt')).toContain('it is a file, not a folder');
  expect(await refusal(request('images', {}, image('x', 3, 4, 4)))).toContain("the data source 'images' needs 'path'");
  await put(
    'one/a.png',
    png(2, 2, () => [1, 2, 3]),
  );
  expect(await refusal(request('images', { path: 'one' }, image('x', 2, 4, 4)))).toContain(
    'pictures have 1 channel (grey), 3 (colour) or 4 (colour and opacity), not 2',
  );
  expect(await refusal(request('images', { path: 'one', count: 2 }, image('x', 3, 4, 4)))).toContain('has 1 pictures');
});

test('every picture that is damaged is named, with what is wrong with it', async () => {
  const noise = Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => (i * 7919) % 251);
  const picture = () => sharp(noise, { raw: { width: 64, height: 64, channels: 3 } });
  const cut = (file: Buffer) => file.subarray(0, Math.floor(file.length * 0.7));
  await put('damaged/good.png', await picture().png().toBuffer());
  await put('damaged/cut.jpg', cut(await picture().jpeg().toBuffer()));
  await put('damaged/cut.png', cut(await picture().png().toBuffer()));
  await put('damaged/cut.gif', cut(await picture().gif().toBuffer()));
  await put('damaged/cut.webp', cut(await picture().webp().toBuffer()));
  await put('damaged/empty.png', '');
  await put('damaged/page.jpg', '<html>404</html>');
  await put('damaged/drawing.png', '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>');
  // 30,000 x 30,000 in a few bytes: the size stands in the header, so that nothing is decoded.
  const huge = png(1, 1, () => [0, 0, 0]);
  huge.writeUInt32BE(30000, 16);
  huge.writeUInt32BE(30000, 20);
  await put('damaged/huge.png', withHeaderSum(huge));
  const told = await refusal(request('images', { path: 'damaged' }, image('x', 3, 8, 8)));
  const at = (name: string) => `${join(base, 'damaged', name)}: `;
  const lines = told.split('\n').map((line) => line.trim().replace(/^reason: /, ''));
  expect(lines[0]).toBe('8 of 9 pictures cannot be used');
  for (const name of ['cut.jpg', 'cut.png', 'cut.gif', 'cut.webp'])
    expect(
      lines.some((line) => line.startsWith(`${at(name)}it is damaged or cut short`)),
      name,
    ).toBe(true);
  expect(lines).toContain(`${at('empty.png')}it is empty`);
  expect(lines).toContain(`${at('page.jpg')}it is no PNG, JPEG, GIF or WebP picture`);
  expect(lines).toContain(`${at('drawing.png')}it is no PNG, JPEG, GIF or WebP picture`);
  expect(lines).toContain(`${at('huge.png')}it has 30000 x 30000 pixels, more than the 134217728 that are read`);
  expect(lines.at(-1)).toBe('mend: replace or remove them');
});

/** A PNG whose header was changed, with the sum that it must have. */
function withHeaderSum(file: Buffer): Buffer {
  let sum = ~0;
  for (const byte of file.subarray(12, 29)) {
    sum ^= byte;
    for (let k = 0; k < 8; k++) sum = sum & 1 ? (sum >>> 1) ^ 0xedb88320 : sum >>> 1;
  }
  file.writeUInt32BE(~sum >>> 0, 29);
  return file;
}

test('links lead to pictures inside of the folder only', async () => {
  await put(
    'outside.png',
    png(2, 2, () => [1, 1, 1]),
  );
  await put(
    'links/a.png',
    png(2, 2, () => [2, 2, 2]),
  );
  const asked = request('images', { path: 'links' }, image('x', 1, 2, 2));
  await symlink('a.png', join(base, 'links/b.png'));
  expect((await load(asked)).count).toBe(2);
  const refusedWith = async (target: string, text: string) => {
    await symlink(target, join(base, 'links/c.png'));
    expect(await refusal(asked)).toContain(`cannot use ${join(base, 'links/c.png')} as a picture\n  reason: ${text}`);
    await rm(join(base, 'links/c.png'));
  };
  await refusedWith('../outside.png', `it is a link to ${join(base, 'outside.png')}, outside of`);
  await refusedWith('/etc/hostname', 'it is a link to /etc/hostname, outside of');
  await refusedWith('gone.png', 'it is a link that leads nowhere: no such file');
  await mkdir(join(base, 'links/deep'));
  await refusedWith('deep', 'it is a link to the folder');
  // The folder itself may be a link.
  await symlink('links', join(base, 'by-link'));
  expect((await load(request('images', { path: 'by-link' }, image('x', 1, 2, 2)))).count).toBe(2);
});

test.skipIf(process.getuid?.() === 0)('a picture that may not be read is named', async () => {
  await put(
    'locked/a.png',
    png(2, 2, () => [1, 1, 1]),
  );
  await chmod(join(base, 'locked/a.png'), 0);
  expect(await refusal(request('images', { path: 'locked' }, image('x', 1, 2, 2)))).toContain(`${join(base, 'locked/a.png')}: permission denied`);
});
