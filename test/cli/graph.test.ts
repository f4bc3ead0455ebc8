import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { ganc, temporaryFolder } from './support.js';

const folder = temporaryFolder();

interface Facts {
  readonly layers: readonly { readonly path: string; readonly block: string; readonly output: readonly (readonly number[])[]; readonly parameters: number }[];
}

/** What is written in each box of the picture, by the name of the box. */
function boxes(svg: string): Map<string, string[]> {
  const plain = (text: string): string =>
    text
      .replace(/&#160;/g, ' ')
      .replace(/&gt;/g, '>')
      .replace(/&lt;/g, '<')
      .replace(/&#45;/g, '-')
      .replace(/&amp;/g, '&');
  return new Map(
    [...svg.matchAll(/<g id="[^"]*" class="node">\s*<title>(.*?)<\/title>(.*?)<\/g>/gs)].map(([, title, body]) => [
      plain(title),
      [...body.matchAll(/<text[^>]*>(.*?)<\/text>/g)].map((match) => plain(match[1])),
    ]),
  );
}

function edges(svg: string): Set<string> {
  const plain = (text: string): string => text.replace(/&gt;/g, '>').replace(/&#45;/g, '-');
  return new Set([...svg.matchAll(/class="edge">\s*<title>(.*?)<\/title>/g)].map((match) => plain(match[1])));
}

/** About the width of a text in DejaVu Sans, the widest font that it is shown in, as a multiple of its size. */
function ems(text: string): number {
  return [...text].reduce(
    (sum, char) => sum + (/[\s,.:;|'()[\]ijlft]/.test(char) ? 0.39 : /[mwMW%]/.test(char) ? 0.97 : /[A-Z=+]/.test(char) ? 0.75 : 0.63),
    0,
  );
}

test('the picture shows every layer with its shape and weights, and how they follow each other', async () => {
  const path = join(folder, 'dcgan.svg');
  expect(await ganc(['inspect', 'specs/dcgan.gan', '--graph', path])).toMatchObject({ code: 0, stdout: `${path}\n`, stderr: '' });
  const svg = readFileSync(path, 'utf8');
  const { width = 0, height = 0 } = await sharp(Buffer.from(svg)).metadata();
  expect(Math.min(width, height)).toBeGreaterThan(300);
  expect(Math.max(width, height)).toBeLessThan(3000);

  const found = boxes(svg);
  const facts = JSON.parse((await ganc(['inspect', 'specs/dcgan.gan', '--json'])).stdout) as Facts;
  const layers = facts.layers.filter((layer) => layer.path.includes('.'));
  expect(layers.length).toBeGreaterThan(12);
  for (const { path: name, output, parameters } of layers) {
    const text = found.get(name);
    expect(text, name).toEqual([
      name.slice(name.indexOf('.') + 1),
      `[${output[0].join(', ')}]`,
      ...(parameters > 0 ? [`${parameters.toLocaleString('en-US')} weights`] : []),
    ]);
  }
  expect(found.get('G>tanh')).toEqual(['tanh', '[1, 28, 28]']);
  const chain = ['G(z)', 'G.linear', 'G>reshape', 'G.batch_norm', 'G.relu', 'G.conv_transpose', 'G.batch_norm#2', 'G.relu#2', 'G.conv_transpose#2', 'G>tanh'];
  const lines = edges(svg);
  for (const [i, to] of [...chain.slice(1), 'G result'].entries()) expect(lines).toContain(`${chain[i]}->${to}`);

  expect(found.get('input x')).toEqual(['x', 'image [1, 28, 28]']);
  expect(found.get('input z')).toEqual(['z', 'normal [100]']);
  expect(found.get('game wrong')).toEqual(['wrong', 'D(fake)', '[1]']);
  expect(found.get('objective D')).toEqual(['D maximizes', 'E[log(right)] + E[log(1 - wrong)]']);
  for (const line of ['input z->game fake', 'game fake->game wrong', 'input x->game right', 'game right->objective D', 'game wrong->objective G'])
    expect(lines).toContain(line);
  expect(lines).not.toContain('game right->objective G');
});

test('a net has the colour of the player who moves it, wherever it is called', async () => {
  const path = join(folder, 'infogan.svg');
  expect((await ganc(['inspect', 'test/grammar/specs/infogan.gan', '--graph', path])).code).toBe(0);
  const svg = readFileSync(path, 'utf8');
  const stroke = (title: string): string | undefined => new RegExp(`<title>${title}</title>\\s*<(?:path|polygon|ellipse)[^>]* stroke="(#\\w+)"`).exec(svg)?.[1];
  const [d, g] = [stroke('objective D'), stroke('objective G')];
  expect(d).toMatch(/^#/);
  expect(g).not.toBe(d);
  expect([stroke('cluster D'), stroke('cluster Trunk'), stroke('game hx')]).toEqual([d, d, d]);
  expect([stroke('cluster G'), stroke('cluster Q'), stroke('game fake'), stroke('game code')]).toEqual([g, g, g, g]);
});

test('no two boxes overlap, and text stays in its box in a wide font', async () => {
  const path = join(folder, 'video.svg');
  expect((await ganc(['inspect', 'test/grammar/specs/tgans-c.gan', '--graph', path])).code).toBe(0);
  const svg = readFileSync(path, 'utf8');
  const found = [...svg.matchAll(/<g id="[^"]*" class="node">\s*<title>(.*?)<\/title>(.*?)<\/g>/gs)].flatMap(([, title, body]) => {
    const points = /<(?:polygon|path)[^>]* (?:points|d)="([^"]*)"/.exec(body)?.[1].match(/-?[\d.]+,-?[\d.]+/g);
    if (!points) return [];
    const [xs, ys] = [0, 1].map((axis) => points.map((point) => Number(point.split(',')[axis])));
    const texts = [...body.matchAll(/<text[^>]*?( font-weight="bold")?[^>]*? font-size="([\d.]+)"[^>]*>(.*?)<\/text>/g)].map(
      ([, bold, size, text]) => Number(size) * (bold ? 1.1 : 1) * ems(text.replace(/&#?\w+;/g, '_')),
    );
    return [{ title, left: Math.min(...xs), right: Math.max(...xs), top: Math.min(...ys), bottom: Math.max(...ys), texts }];
  });
  expect(found.length).toBeGreaterThan(40);
  for (const [i, a] of found.entries()) {
    for (const b of found.slice(i + 1))
      expect(a.right <= b.left || b.right <= a.left || a.bottom <= b.top || b.bottom <= a.top, `${a.title} and ${b.title}`).toBe(true);
    for (const wide of a.texts) expect(wide, a.title).toBeLessThan(a.right - a.left);
  }
});

test('.dot is the picture as Graphviz reads it', async () => {
  const path = join(folder, 'ring.dot');
  expect((await ganc(['inspect', 'specs/ring.gan', '--graph', path])).code).toBe(0);
  const dot = readFileSync(path, 'utf8');
  expect(dot).toMatch(/^digraph "ring" \{\n/);
  expect(dot).toContain('"input z" -> "game fake"');
});

test('a path that cannot be: a sentence, exit 2', async () => {
  mkdirSync(join(folder, 'taken.svg'));
  for (const [name, words] of [
    ['gan.png', '--graph writes .svg or .dot'],
    ['gan', 'such as --graph gan.svg'],
    [join('nowhere', 'gan.svg'), 'there is no folder'],
    ['taken.svg', 'it is a folder'],
  ]) {
    const result = await ganc(['inspect', 'specs/ring.gan', '--graph', join(folder, name)]);
    expect(result).toMatchObject({ code: 2, stdout: '' });
    expect(result.stderr).toContain(words);
    expect(result.stderr).not.toMatch(/\n\s+at /);
  }
});
