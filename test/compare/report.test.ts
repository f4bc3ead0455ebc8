/** `report.html` of a comparison: what it says, that it says it safely, and that a browser shows it. */
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, test } from 'vitest';
import { writeReport } from '../../runtime/compare/report.js';
import { readResults } from '../../runtime/compare/results.js';
import { diffOf } from '../../runtime/compare/spec-diff.js';
import { ganc, temporaryFolder } from '../cli/support.js';
import { CAPTIONS, type MadeUp, madeUp } from './made-up.js';

const folder = temporaryFolder();
const HOSTILE = '<img src=x onerror="document.title=1">&\'';
const first: MadeUp = {
  label: 'base',
  text: 'hyper width = 32\nnet G(z) { z |> linear(width) }\n// end\n',
  values: [0.5, 0.6, 0.7],
  flopsPerStep: 1e9,
  parameters: { G: 1000, D: 500 },
};
const better: MadeUp = {
  label: `better ${HOSTILE}`,
  text: 'hyper width = 64\nnet G(z) { z |> linear(width) }\n// <b>end</b>\n',
  values: [0.75, 0.75, 0.9],
  flopsPerStep: 2e9,
  parameters: { G: 4000, D: 500 },
};
const unsure: MadeUp = { ...first, label: 'unsure', values: [0.1, undefined, 0.2], flopsPerStep: 3e9 };
const wrong: MadeUp = { ...first, label: 'wrong', values: [], mistake: 'wrong.gan:3:1: error GAN2001: nothing is called <relu>\n  mend: relu' };
const entries = [first, better, unsure, wrong];

/** Cells of the rows of the leaderboard as text, lines apart. */
function board(html: string): string[][] {
  const table = /<table class="board">[\s\S]*?<\/table>/.exec(html)?.[0] ?? '';
  return [...table.matchAll(/<tr[^>]*>(.*?)<\/tr>/gs)].map(([, row]) => [...row.matchAll(/<t([dh])[^>]*>(.*?)<\/t\1>/gs)].map(([, , cell]) => plain(cell)));
}

function plain(html: string): string {
  const text = html
    .replace(/<svg.*?<\/svg>/gs, '')
    .replace(/ ?<small>/g, '|')
    .replace(/<[^>]*>/g, '');
  return text
    .replace(/&lt;/g, '<')
    .replace(/&gt;/g, '>')
    .replace(/&quot;/g, '"')
    .replace(/&amp;/g, '&');
}

function sectionOf(html: string, title: string): string {
  return html.split('<section>').find((part) => part.includes(`<h2>${title}`)) ?? '';
}

let html = '';
beforeAll(async () => {
  const results = await madeUp(folder, entries);
  const path = await writeReport(folder, results);
  expect(path).toBe(join(folder, 'report.html'));
  html = readFileSync(path, 'utf8');
});

describe('what it says', () => {
  test('the leaderboard: ranks, spread over seeds on both kinds of rows, differences seed by seed, costs, what came of the runs', () => {
    const [head, ...rows] = board(html);
    expect(head.slice(0, 6)).toEqual(['Rank', 'Entry', 'score|held-out rows', 'against the first|base', 'score|unseen rows', 'against the first|base']);
    expect(rows.map(([rank, name]) => [rank, name])).toEqual([
      ['1', better.label],
      ['2', 'base'],
      ['3', 'unsure'],
      ['-', 'wrong'],
    ]);
    expect(rows[0].slice(2)).toEqual([
      '0.8 ± 0.087|0.75..0.9, 3 seeds',
      '+0.2 ± 0.05|of 3: 3 greater, 0 smaller',
      '0.4 ± 0.043|0.375..0.45, 3 seeds',
      '+0.1 ± 0.025|of 3: 3 greater, 0 smaller',
      '4,500',
      '2.00 G',
      '24.0 G',
      '2.0 MiB',
      '4.1 s|4.0 s..4.2 s',
      '3 finished',
    ]);
    expect(rows[1][3]).toBe('|the first');
    expect(rows[2][2]).toBe('0.15 ± 0.071|0.1..0.2, 2 seeds');
    expect(rows[2][3]).toBe('-0.45 ± 0.071|of 2: 0 greater, 2 smaller');
    expect(rows[2].at(-1)).toBe('2 finished, 1 diverged');
    expect(rows[3][2]).toBe(wrong.mistake);
  });

  test('p from six seeds up, and below why there is none', async () => {
    expect(html).toContain('No p-values: with 3 seeds even differences that all go one way come about by chance with p = 0.25');
    expect(board(html).flat().join()).not.toContain('p =');
    const six = temporaryFolder();
    const values = [1, 2, 3, 4, 5, 6];
    const results = await madeUp(six, [
      { ...first, values },
      { ...better, values: values.map((v) => v + v / 10) },
    ]);
    const page = readFileSync(await writeReport(six, results), 'utf8');
    // Six differences of one sign: 2 / 2^6.
    expect(board(page)[1][3]).toMatch(/of 6: 6 greater, 0 smaller\|p = 0\.031, by Holm 0\.031$/);
    expect(page).not.toContain('No p-values');
  });

  test('where less is better, the least is best', async () => {
    expect(plain(html)).toContain(`Best by score: ${better.label}, 0.8 (0.75..0.9 over 3 seeds); better than base in 3 of 3 seeds.`);
    const low = temporaryFolder();
    const results = await madeUp(low, [first, better, { ...first, label: 'low', values: [0.1, 0.2, 0.9], flopsPerStep: 5e8 }], {
      metric: { name: 'score', lowest: true },
    });
    const page = readFileSync(await writeReport(low, results), 'utf8');
    expect(plain(page)).toContain('Best by score: low, 0.4 (0.1..0.9 over 3 seeds); better than base in 2 of 3 seeds.');
    expect(page).toMatch(/score against FLOPs of a run <small>on the front: low</);
  });

  test('what a run costs is that of runs that were measured: one that diverged early makes nothing cheaper', async () => {
    const early = temporaryFolder();
    const lame: MadeUp = { ...first, label: 'lame', values: [0.4, undefined, 0.4], flopsPerStep: 1.2e9 };
    const page = readFileSync(await writeReport(early, await madeUp(early, [first, lame])), 'utf8');
    expect(page).toContain('score against FLOPs of a run <small>on the front: base</small>');
  });

  test('curves of the metric and of each loss, and the front of cost and quality', () => {
    const titles = [...html.matchAll(/<figcaption>([^<]*) <small>([^<]*)<\/small><\/figcaption><svg/g)].map(([, title, note]) => [title, plain(note)]);
    expect(titles).toEqual([
      ['score over steps', 'more is better; held-out rows'],
      ['score over FLOPs spent', 'more is better; held-out rows'],
      ['loss of D', ''],
      ['loss of G', ''],
      ['score against FLOPs of a run', `on the front: base, ${better.label}`],
      ['score against seconds of a run', `on the front: base, ${better.label}`],
      ['score against parameters', `on the front: base, ${better.label}`],
    ]);
  });

  test('the same captions side by side, the first seed at once and the others below', () => {
    const part = sectionOf(html, 'Samples: clip');
    const [sheet, ...others] = part.split('<table class="sheet">').slice(1);
    expect(others).toHaveLength(2);
    const rows = [...sheet.matchAll(/<tr><th scope="row">(.*?)<\/th>(.*?)<\/tr>/gs)];
    expect(rows.map(([, caption]) => plain(caption))).toEqual(CAPTIONS);
    const data = [...sheet.matchAll(/<img src="data:image\/gif;base64,([^"]*)"/g)].map(([, base64]) => base64);
    // Three entries and two captions, each a clip of its own.
    expect(new Set(data).size).toBe(6);
    expect(data[1]).toBe(readFileSync(join(folder, 'runs/entry-0-seed-0/samples/shown/clip-12-1.gif')).toString('base64'));
    expect(sectionOf(html, 'Samples: grid').match(/<img src="data:image\/png/g)).toHaveLength(9);
  });

  test('the texts against the first, beside what changed in size and cost', () => {
    const part = sectionOf(html, 'Differences to base');
    expect(part).toContain('<span class="removed">-hyper width = 32</span><span class="added">+hyper width = 64</span>');
    expect(part).toContain('+// &lt;b&gt;end&lt;/b&gt;');
    expect(part).toContain('<th scope="row">width</th><td>32</td><td>64</td>');
    expect(part).toContain('<th scope="row">parameters of G</th><td>1,000</td><td>4,000</td><td>× 4.00</td>');
    expect(part).toContain('<th scope="row">FLOPs a step</th><td>1.00 G</td><td>2.00 G</td><td>× 2.00</td>');
    expect(part).toContain('The text is the same.');
  });

  test('machine, versions, and the command that repeats it, from its folder', async () => {
    const part = sectionOf(html, 'To repeat it');
    const [, command] = /<pre>([\s\S]*?)<\/pre>/.exec(part) ?? [];
    expect(plain(command)).toBe("cd '/home/it'\\''s here'\nganc compare a.gan --seeds 3 --budget '12 steps'");
    for (const text of ['a &lt;device&gt;', 'a cpu, 2 cores', '16.0 GiB', 'linux x64', '0.1.0']) expect(part).toContain(text);
    expect(html).not.toContain('does not repeat exactly');
    const timed = temporaryFolder();
    const results = await madeUp(timed, entries, { budget: { kind: 'seconds', seconds: 120 }, repeats: false });
    const page = readFileSync(await writeReport(timed, results), 'utf8');
    expect(page).toContain('<dd>2 minutes</dd>');
    for (const title of ['Leaderboard', 'To repeat it']) expect(sectionOf(page, title)).toContain('A budget in minutes does not repeat exactly');
  });

  test('of a comparison that has just begun, what there is; the same from the file as from memory', async () => {
    expect(readFileSync(await writeReport(folder, await readResults(folder)), 'utf8')).toBe(html);
    const begun = temporaryFolder();
    const results = await madeUp(begun, entries);
    const waiting = results.runs.map((run) => ({
      ...run,
      status: 'waiting' as const,
      step: 0,
      measured: undefined,
      message: undefined,
      curve: [],
      folder: 'runs/none',
    }));
    const plainEntries = results.entries.map(({ summary: _, rank: __, ...entry }) => entry);
    const page = readFileSync(await writeReport(begun, { ...results, status: 'running', ended: undefined, runs: waiting, entries: plainEntries }), 'utf8');
    expect(page).toContain('3 waiting');
    expect(page).toContain('http-equiv="refresh"');
    expect(page).not.toMatch(/NaN|undefined/);
  });
});

test('the command line writes it, also where a spec is wrong', async () => {
  const cwd = temporaryFolder();
  const spec = (layer: string) => `noise z: normal[2]
net G(z) -> vector[2] { z |> linear(8) |> ${layer} |> linear(2) }
net D(x) { x |> linear(8) |> relu |> linear(1) }
data points = ring(modes: 8, radius: 2, std: 0.05) { x: vector[2] }
game {
  D minimizes E[softplus(-D(x))] + E[softplus(D(G(z)))]
  G minimizes E[softplus(-D(G(z)))]
}
train { batch 8   steps 9   D with adam()   G with adam() }
sample point = G(z)
`;
  writeFileSync(join(cwd, 'good.gan'), spec('relu'));
  writeFileSync(join(cwd, 'bad.gan'), spec('reluu'));
  const { code, stderr } = await ganc(['compare', 'good.gan', 'bad.gan', '--seeds', '2', '--budget', '3 steps'], { cwd });
  expect(code).toBe(1);
  const [, path] = /report +(\S+report\.html)/.exec(stderr) ?? [];
  const page = readFileSync(join(cwd, path), 'utf8');
  const rows = board(page).slice(1);
  expect(rows.map(([, name]) => name)).toEqual(['good', 'bad']);
  expect(rows[0].at(-1)).toBe('2 finished');
  expect(rows[1][2]).toMatch(/bad\.gan:2:\d+: .*nothing is called `reluu`/);
  expect(page.match(/<figcaption>(?:modes over steps|loss of [DG]) /g)).toHaveLength(3);
  expect(sectionOf(page, 'Samples: point').match(/<img src="data:image\/png/g)).toHaveLength(2);
});

test('a diff is what diff(1) says', () => {
  const before = join(folder, 'before');
  const after = join(folder, 'after');
  const text = Array.from({ length: 40 }, (_, i) => `line ${i}`);
  const changed = [...text.slice(0, 5), 'new', ...text.slice(6, 30), ...text.slice(32), 'last'];
  writeFileSync(before, `${text.join('\n')}\n`);
  writeFileSync(after, `${changed.join('\n')}\n`);
  const { stdout } = spawnSync('diff', ['-U3', before, after], { encoding: 'utf8' });
  const wanted = stdout.trimEnd().split('\n').slice(2);
  expect(diffOf(readFileSync(before, 'utf8'), readFileSync(after, 'utf8')).map(({ text }) => text)).toEqual(wanted);
  expect(diffOf('same\n', 'same\n')).toEqual([]);
});

describe('that it is one file, and safe', () => {
  test('nothing comes from elsewhere and nothing runs', () => {
    expect(html).not.toMatch(/<script|https?:|\/\/[a-z]+\.|@import|url\(|<link(?! rel="icon" href="data:,")|<iframe|<object/i);
    expect([...html.matchAll(/(?:src|href)="([^"]{0,5})/g)].filter(([, start]) => start !== 'data:')).toEqual([]);
    expect(html.match(/<img /g)?.length).toBe(html.match(/<img [^>]*alt="[^"]+"/g)?.length);
  });

  test('no text of a comparison is markup', () => {
    expect(html).not.toMatch(/<b>(?:goes|end)|<img src=x|<became|<device|<relu/);
    expect(html).toContain('better &lt;img src=x onerror=&quot;document.title=1&quot;&gt;&amp;');
  });
});

const chromium = ['chromium', 'google-chrome', 'chrome'].find((name) => spawnSync(name, ['--version']).status === 0);
if (chromium === undefined) console.warn('no chromium: the report is not looked at in a browser');

describe.skipIf(chromium === undefined)('in a browser', () => {
  const browse = (args: readonly string[], file: string, width: number): string => {
    const flags = [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--hide-scrollbars',
      '--virtual-time-budget=5000',
      `--user-data-dir=${join(folder, 'browser')}`,
    ];
    return execFileSync(chromium as string, [...flags, `--window-size=${width},1600`, ...args, `file://${file}`], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  };
  /** Looks from inside, in a copy with all that is folded open: what a reader would see. */
  const LOOK = `<script>addEventListener('load', () => {
    const images = [...document.images];
    const charts = [...document.querySelectorAll('.charts svg')];
    const seen = {
      title: document.title,
      images: images.length,
      shown: images.filter((image) => image.naturalWidth === 6 && image.getBoundingClientRect().width > 60).length,
      charts: charts.map((svg) => svg.getBoundingClientRect().width),
      strokes: [...new Set([...document.querySelectorAll('.charts [stroke^="var(--series"]')].map((line) => getComputedStyle(line).stroke))],
      page: document.documentElement.scrollWidth,
      window: innerWidth,
      ground: getComputedStyle(document.body).backgroundColor,
      ink: getComputedStyle(document.querySelector('.charts text')).fill,
      names: [...document.querySelectorAll('.board:first-of-type tbody tr > th')].slice(0, 4).map((cell) => cell.textContent),
    };
    const text = document.createElement('pre');
    text.id = 'seen';
    text.textContent = btoa(unescape(encodeURIComponent(JSON.stringify(seen))));
    document.body.append(text);
  });</script>`;
  const look = (width: number, ...flags: string[]) => {
    const copy = join(folder, 'look.html');
    writeFileSync(copy, html.replaceAll('<details>', '<details open>').replaceAll(' loading="lazy"', '').replace('</body>', `${LOOK}</body>`));
    const [, seen] = /<pre id="seen">([^<]*)</.exec(browse(['--dump-dom', ...flags], copy, width)) ?? [];
    return JSON.parse(Buffer.from(seen, 'base64').toString('utf8'));
  };

  test('every picture and chart is there, names are as they were given, and nothing but tables is wider than the window', () => {
    for (const width of [1300, 600]) {
      const seen = look(width);
      // Two samples, three entries and seeds: two clips and a picture each.
      expect(seen).toMatchObject({ title: 'Comparison: made-up - ganc', images: 27, shown: 27, ground: 'rgb(255, 255, 255)' });
      expect(seen.charts).toHaveLength(7);
      for (const chart of seen.charts) expect(chart).toBeGreaterThan(400);
      expect(seen.strokes).toEqual(expect.arrayContaining(['rgb(0, 114, 178)', 'rgb(213, 94, 0)', 'rgb(0, 158, 115)']));
      expect(seen.page).toBeLessThanOrEqual(seen.window);
      expect(seen.names.slice(0, 3)).toEqual([better.label, 'base', 'unsure']);
    }
  });

  test('dark where the reader has it dark', async () => {
    const seen = look(1300, '--blink-settings=preferredColorScheme=0');
    expect(seen.ground).toBe('rgb(20, 23, 28)');
    expect(seen.ink).toBe('rgb(154, 164, 178)');
    expect(seen.strokes).not.toContain('rgb(0, 114, 178)');
    const picture = join(folder, 'dark.png');
    browse([`--screenshot=${picture}`, '--blink-settings=preferredColorScheme=0'], join(folder, 'report.html'), 1300);
    const { channels, dominant } = await sharp(picture).stats();
    expect(dominant.r).toBeLessThan(50);
    expect(channels[0].max).toBeGreaterThan(200);
  });
});
