/** `index.html` of a run: what a training leaves to be looked at. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, test } from 'vitest';
import { runPage } from '../../runtime/show/page.js';
import { ganc, temporaryFolder } from './support.js';

const cwd = temporaryFolder();
const spec = (steps: string, rate = '1e-3') => `// 1 < 2 & "so on"
data clips = bouncing_mnist(digits: 1, digit_size: 8, speed: 2, count: 40) {
  x: video[1, 6, 16, 16]
  t: tokens[9, words: 32]
}
noise z: normal[4]
net G(z, t) -> video[1, 6, 16, 16] { concat(z, mean(embedding(t, 8), axis: 0, mask: mask(t))) |> linear(1536) |> tanh |> reshape(1, 6, 16, 16) }
net D(x) { x |> flatten |> linear(1) }
game {
  fake = G(z | t)
  D minimizes logistic(D(x), D(fake))
  G minimizes logistic_generator(D(fake))
  report bright = E[fake]
}
train {
  batch 4   steps ${steps}
  D with adam(lr: ${rate})
  G with adam(lr: ${rate})
}
sample clip = G(z, t)
metric light = {made: E[G(z, t)], real: E[x]}
`;
const page = (run: string): string => readFileSync(join(cwd, run, 'index.html'), 'utf8');
const cards = (html: string) =>
  [...html.matchAll(/<li><p>(.*?)<\/p><div>(.*?)<\/div><\/li>/g)].map(([, caption, pictures]) => ({
    caption,
    pictures: [...pictures.matchAll(/<img src="data:image\/gif;base64,([^"]*)" alt="([^"]*)"[^>]*><figcaption>([^<]*)</g)].map(([, data, alt, head]) => ({
      data,
      alt,
      head,
    })),
  }));

beforeAll(async () => {
  writeFileSync(join(cwd, 'first.gan'), spec('4'));
  expect(await ganc(['train', 'first.gan', '-q', '--out', 'first', '--checkpoint-every', '2', '--metrics'], { cwd })).toMatchObject({ code: 0 });
  expect(await ganc(['export', 'first', '-o', 'first.safetensors', '-q'], { cwd })).toMatchObject({ code: 0 });
  writeFileSync(join(cwd, 'on.gan'), spec('6   start "first.safetensors"'));
});

/** Nothing of a page comes from elsewhere, nothing runs, and what it names is there. */
function selfContained(run: string): void {
  const html = page(run);
  expect(html).not.toMatch(/<script|https?:\/\/(?!www\.w3\.org\/2000\/svg)/);
  for (const [, path] of html.matchAll(/(?:src|href)="(?!data:)([^"]*)"/g))
    expect([path, existsSync(join(cwd, run, decodeURIComponent(path)))]).toEqual([path, true]);
  expect(html.match(/<img /g)?.length).toBe(html.match(/<img [^>]*alt="[^"]+"/g)?.length);
}

describe('a run of its own', () => {
  test('the first samples beside the latest, each under its caption, as clips that play', async () => {
    selfContained('first');
    const found = cards(page('first'));
    expect(found).toHaveLength(8);
    for (const { caption, pictures } of found) {
      expect(caption).toMatch(/^the digit \d is moving (up and down|left and right) \.$/);
      expect(pictures.map(({ head }) => head)).toEqual(['At first, 2 steps', 'Now, 4 steps']);
      expect(pictures[0].alt).toContain(caption);
      expect(pictures[0].data).not.toBe(pictures[1].data);
      for (const { data } of pictures) expect(await sharp(Buffer.from(data, 'base64')).metadata()).toMatchObject({ pages: 6, width: 16, height: 16 });
    }
    expect(readdirSync(join(cwd, 'first/samples')).filter((name) => name.includes('before'))).toEqual([]);
  });

  test('losses and reports as curves, figures of each checkpoint, the spec with its signs, how to go on', () => {
    const html = page('first');
    expect(html.match(/<svg /g)).toHaveLength(2);
    expect(html).toMatch(/<th scope="col">2 steps<\/th><th scope="col">4 steps<\/th>/);
    expect(html).toMatch(/<th scope="row">light\.made<\/th><td>-?[\d.]+<\/td><td>-?[\d.]+<\/td>/);
    expect(html).toContain('// 1 &lt; 2 &amp; &quot;so on&quot;');
    expect(html).toContain('ganc sample first --text &quot;the digit');
    expect(html).toContain('finished');
    expect(html).not.toContain('http-equiv="refresh"');
  });

  test('gone on with, it keeps the first and shows the new latest', async () => {
    expect(await ganc(['train', '--resume', 'first', '--steps', '5', '-q'], { cwd })).toMatchObject({ code: 0 });
    selfContained('first');
    expect(cards(page('first'))[0].pictures.map(({ head }) => head)).toEqual(['At first, 2 steps', 'Now, 5 steps']);
    expect(readdirSync(join(cwd, 'first/samples/shown')).filter((name) => name.endsWith('.json'))).toEqual(['clip-2.json', 'clip-5.json']);
    expect(page('first')).toContain('Step by step');
  });
});

test('of a training that goes on from weights: before and after, and both in one file that plays', async () => {
  const { code, stderr } = await ganc(['train', 'on.gan', '--out', 'on'], { cwd });
  expect(code).toBe(0);
  expect(stderr).toContain('on/index.html');
  expect(stderr).toContain('on/samples/clip-before-after.gif');
  selfContained('on');
  expect(cards(page('on'))[0].pictures.map(({ head }) => head)).toEqual(['Before, 4 steps', 'After, 6 steps']);
  expect(page('on')).toContain('first.safetensors, trained 4 steps');
  expect((await sharp(join(cwd, 'on/samples/clip-before-after.gif')).metadata()).pages).toBe(6);
});

test('of a training that diverged: what happened', async () => {
  writeFileSync(join(cwd, 'wild.gan'), spec('9', '1e30'));
  expect(await ganc(['train', 'wild.gan', '--out', 'wild', '-q'], { cwd })).toMatchObject({ code: 4 });
  selfContained('wild');
  expect(page('wild')).toMatch(/class="status diverged".*\n<p class="message">[^<]*(?:NaN|infinite)/);
});

test('no text of a run is markup', () => {
  const bad = '<b onclick="x">&';
  const look = { step: 1, whole: { source: bad, file: bad, about: bad }, each: [{ lines: [bad, bad], picture: { source: bad, about: bad } }], files: [bad] };
  const html = runPage({
    name: bad,
    status: bad,
    message: bad,
    facts: [[bad, bad]],
    samples: [{ name: bad, looks: [look, look, look] }],
    wentOn: false,
    plots: [{ title: bad, svg: '<svg/>' }],
    figures: { steps: [1], rows: [{ name: bad, values: [bad] }] },
    commands: [{ command: bad, about: bad }],
    spec: bad,
    growing: true,
  });
  expect(html).not.toContain('<b ');
  expect(html).not.toContain('"x"');
  expect(html).toContain('http-equiv="refresh"');
});
