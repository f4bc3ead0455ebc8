/** `ganc watch`: what its page says, what it is told when a file grows, to whom it answers, and that a browser follows. */
import { appendFileSync, mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Browser, chromium } from '../browser.js';
import { ringSpec } from './ring.js';
import { ganc, temporaryFolder } from './support.js';
import { get, Listening, startWatch, type Watch } from './watching.js';

const cwd = temporaryFolder();
const TINY = ringSpec({ width: '8', steps: 30, more: 'metric far = E[abs(G(z))]\nvariant fast { train { G with adam(lr: 1e-2) } }\n' });
const watches: Watch[] = [];
const watching = async (...args: string[]): Promise<string> => {
  const watch = await startWatch(args, cwd);
  watches.push(watch);
  return watch.url;
};
const page = async (url: string, path = '/'): Promise<string> => (await get(url, path)).body.toString();
const versionOf = (html: string): string => /data-version="([^"]*)"/.exec(html)?.[1] as string;
const metrics = join(cwd, 'runs/one/metrics.jsonl');
const lineOf = (step: number, D = 1): string => `${JSON.stringify({ step, seconds: step / 10, losses: { D, G: 0.5 } })}\n`;

beforeAll(async () => {
  writeFileSync(join(cwd, 'tiny.gan'), TINY);
  expect(await ganc(['train', 'tiny.gan', '-q', '--out', 'runs/one', '--checkpoint-every', '15', '--metrics'], { cwd })).toMatchObject({ code: 0 });
  expect(await ganc(['compare', 'tiny.gan', '--seeds', '1', '--budget', '5 steps', '--out', 'runs/all', '-q'], { cwd })).toMatchObject({ code: 0 });
});
afterAll(() => Promise.all(watches.map((watch) => watch.end())));

test('the page of a run: what index.html says, under a policy that lets nothing in; its pictures', async () => {
  const url = await watching('runs/one');
  const { code, headers, body } = await get(url, '/');
  expect(code).toBe(200);
  const html = body.toString();
  const policy = headers['content-security-policy'] as string;
  expect(policy).toMatch(/^default-src 'none'; script-src 'sha256-[^']+'; style-src 'sha256-[^']+'; img-src 'self' data:; connect-src 'self';/);
  expect(policy).not.toMatch(/unsafe|http|\*/);
  const own = readFileSync(join(cwd, 'runs/one/index.html'), 'utf8');
  const mainOf = (text: string): string => /<header>[\s\S]*<\/main>/.exec(text)?.[0] as string;
  expect(mainOf(html)).toBe(mainOf(own));
  expect(html).toContain('<noscript><meta http-equiv="refresh"');
  expect(html).not.toMatch(/https?:\/\/(?!www\.w3\.org\/2000\/svg)/);
  const links = [...html.matchAll(/(?:src|href)="(samples\/[^"]*)"/g)].map(([, path]) => path);
  expect(links.length).toBeGreaterThan(0);
  for (const path of links) {
    const picture = await get(url, `/${path}`);
    expect(picture.headers['content-type']).toBe('image/png');
    expect(picture.body.equals(readFileSync(join(cwd, 'runs/one', path)))).toBe(true);
  }
});

test('events: nothing while nothing changes, then the parts of the page that a line changes; a line half written waits; a file cut short is read again', async () => {
  const before = readFileSync(metrics, 'utf8');
  const url = await watching('runs/one');
  const listening = await Listening.to(url, `/events?from=${versionOf(await page(url))}`);
  await setTimeout(2500);
  expect(listening.changes).toEqual([]);
  appendFileSync(metrics, lineOf(31));
  const change = await listening.next();
  expect(Object.keys(change.parts)).toHaveLength(2);
  expect(change.parts[0]).toMatch(/<dt>Steps<\/dt><dd>31</);
  expect(Object.values(change.parts)[1]).toMatch(/^<section>\n<h2>Losses<\/h2>/);
  const half = lineOf(32);
  appendFileSync(metrics, half.slice(0, 20));
  await setTimeout(2500);
  expect(listening.changes).toEqual([]);
  appendFileSync(metrics, half.slice(20));
  expect((await listening.next()).parts[0]).toMatch(/<dt>Steps<\/dt><dd>32</);
  writeFileSync(metrics, `${before}${lineOf(40)}`);
  expect((await listening.next()).parts[0]).toMatch(/<dt>Steps<\/dt><dd>40</);
  // Who comes back with an old version gets what has changed since: all.
  const again = await Listening.to(url, `/events?from=${change.version}`);
  const all = await again.next();
  expect(Object.keys(all.parts)).toHaveLength(all.count);
  expect(all.parts[0]).toContain('<dd>40<');
  writeFileSync(metrics, before);
  listening.end();
  again.end();
});

test('a training in another process: from its first files, while it runs, and when it is resumed', async () => {
  mkdirSync(join(cwd, 'runs/later'));
  const url = await watching('runs/later');
  expect(await page(url)).toContain('There are none yet');
  let stop: () => void = () => undefined;
  const training = (...args: string[]) =>
    ganc(['train', ...args, '--steps', '1000000', '--checkpoint-every', '100'], { cwd, watch: (_, kill) => void (stop = () => kill('SIGINT')) });
  const first = training('tiny.gan', '--out', 'runs/later');
  while (!(await page(url)).includes('status running')) await setTimeout(100);
  const listening = await Listening.to(url, `/events?from=${versionOf(await page(url))}`);
  await listening.next((_, text) => /<dt>Pace<\/dt><dd>[\d.]+ steps a second, about [\d.]+ \w+ left/.test(text));
  await listening.next((_, text) => text.includes('<h2>Samples: point'));
  stop();
  await listening.next((_, text) => text.includes('status stopped'));
  expect(await first).toMatchObject({ code: 130 });
  const on = training('--resume', 'runs/later');
  await listening.next((_, text) => text.includes('status running'));
  await listening.next((_, text) => text.includes('<h2>Losses'));
  stop();
  await listening.next((_, text) => text.includes('status stopped'));
  expect(await on).toMatchObject({ code: 130 });
  listening.end();
});

test('a run that was killed is interrupted; a folder that is gone leaves what was seen, and why', async () => {
  const folder = join(cwd, 'runs/killed');
  let sent = false;
  const killed = await ganc(['train', 'tiny.gan', '--out', 'runs/killed', '--steps', '1000000'], {
    cwd,
    watch: (stderr, kill) => {
      if (sent || !/step|run /.test(stderr)) return;
      sent = true;
      void (async () => {
        while (!readdirSync(folder).includes('metrics.jsonl')) await setTimeout(20);
        kill('SIGKILL');
      })();
    },
  });
  expect(killed.code).not.toBe(0);
  const url = await watching('runs/killed');
  const html = await page(url);
  expect(html).toContain('status interrupted');
  const listening = await Listening.to(url, `/events?from=${versionOf(html)}`);
  renameSync(folder, `${folder}-away`);
  const gone = await listening.next();
  expect(gone).toMatchObject({ parts: {}, trouble: expect.stringContaining('runs/killed holds no run: run.json: no such file') });
  expect(await page(url)).toContain('status interrupted');
  renameSync(`${folder}-away`, folder);
  expect((await listening.next()).trouble).toBeUndefined();
  listening.end();
});

test('a run of many thousand steps is a small page, and another line little work', async () => {
  mkdirSync(join(cwd, 'runs/long'), { recursive: true });
  const record = JSON.parse(readFileSync(join(cwd, 'runs/one/run.json'), 'utf8'));
  writeFileSync(join(cwd, 'runs/long/run.json'), JSON.stringify({ ...record, steps: 100_000, step: 60_000 }));
  const path = join(cwd, 'runs/long/metrics.jsonl');
  writeFileSync(path, Array.from({ length: 60_000 }, (_, i) => lineOf(i + 1, Math.sin(i))).join(''));
  const url = await watching('runs/long');
  const html = await page(url);
  expect(html).toContain('60,000 of 100,000');
  expect(html.length).toBeLessThan(200_000);
  const listening = await Listening.to(url, `/events?from=${versionOf(html)}`);
  await setTimeout(200);
  const began = performance.now();
  appendFileSync(path, lineOf(60_001));
  expect((await listening.next()).parts[0]).toContain('60,001 of 100,000');
  expect(performance.now() - began).toBeLessThan(5000);
  listening.end();
});

test('a folder of runs and a comparison: each has its page, and is told of', async () => {
  const url = await watching('runs');
  const html = await page(url);
  for (const [path, name] of [
    ['/in/one/', 'one'],
    ['/in/all/', 'all'],
    ['/in/all/runs/tiny-fast-seed-0/', 'all/runs/tiny-fast-seed-0'],
  ])
    expect(html).toContain(`<a href="${path}">${name}</a>`);
  expect(await page(url, '/in/one/')).toContain('<h2>Losses</h2>');
  expect((await get(url, '/in/one')).headers.location).toBe('/in/one/');
  const [, picture] = /href="(samples\/[^"]*)"/.exec(await page(url, '/in/one/')) ?? [];
  expect((await get(url, `/in/one/${picture}`)).code).toBe(200);
  const comparison = await page(url, '/in/all/');
  expect(comparison).toContain('<h2>Leaderboard</h2>');
  expect(comparison).toContain('<a href="/in/all/runs/tiny-fast-seed-0/">tiny:fast</a>');
  expect(await page(url, '/in/all/runs/tiny-fast-seed-0/')).toContain('<nav><span><a href="/">runs</a> / <a href="/in/all/">all</a> / </span>');
  expect(html).toContain('</a>: tiny, finished, 2 of 2 runs have ended</li>');
  const listening = await Listening.to(url, `/in/one/events?from=${versionOf(await page(url, '/in/one/'))}`);
  const all = await Listening.to(url, `/events?from=${versionOf(html)}`);
  const before = readFileSync(metrics, 'utf8');
  appendFileSync(metrics, lineOf(31, 77));
  expect((await listening.next()).parts[0]).toContain('<dd>31<');
  expect(Object.values((await all.next()).parts).join()).toContain('D 77');
  writeFileSync(metrics, before);
  listening.end();
  all.end();
});

describe('to whom it answers', () => {
  let url = '';
  beforeAll(async () => {
    symlinkSync('/etc/passwd', join(cwd, 'runs/one/samples/link.png'));
    writeFileSync(join(cwd, 'runs/one/samples/.hidden.png'), '');
    writeFileSync(join(cwd, 'runs/secret.png'), '');
    url = await watching('runs');
  });

  test.each([
    [{ host: 'evil.example' }, 403],
    [{ host: 'evil.example:80' }, 403],
    [{ host: '127.0.0.1.evil.example' }, 403],
    [{ host: 'localhost:1' }, 200],
    [{ host: '127.0.0.1' }, 200],
    [{ host: '[::1]:9' }, 200],
    [{ origin: 'http://evil.example' }, 403],
    [{ origin: 'null' }, 403],
    [{ 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'cors' }, 403],
    [{ 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }, 200],
    [{ 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'cors' }, 200],
  ])('%j: %i', async (headers, code) => {
    for (const path of ['/', '/in/one/']) expect((await get(url, path, headers as Record<string, string>)).code).toBe(code);
  });

  test('nothing is written', async () => {
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) expect((await get(url, '/', {}, method)).code).toBe(405);
    expect((await get(url, '/', {}, 'HEAD')).body).toHaveLength(0);
  });

  test.each([
    '/run.json',
    '/in/one/run.json',
    '/in/one/checkpoints/latest.safetensors',
    '/in/one/samples/',
    '/in/one/samples/../run.json',
    '/in/one/samples/..%2frun.json',
    '/in/one/samples/%2e%2e/run.json',
    '/in/one/samples/..%5crun.json',
    '/in/one/samples/link.png',
    '/in/one/samples/.hidden.png',
    '/in/one/samples/shown',
    '/in/one/samples/point.png%00',
    '/in/one/../../tiny.gan',
    '/in/one/samples/%2e%2e%2f%2e%2e%2fsecret.png',
    '/samples/secret.png',
    '/in/one%2fsamples/',
    '/in/../',
    '/in/',
    '/in/one/samples//etc/passwd',
    '/in/nothing/',
    '/one/',
    '/%',
    '//evil.example/',
  ])('no %s', async (path) => {
    const { code, body } = await get(url, path);
    expect([400, 404]).toContain(code);
    expect(body.length).toBeLessThan(60);
  });
});

test('a port of its own, and Ctrl-C ends it well', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await new Promise((done) => taken.once('listening', done));
  const { port } = taken.address() as { port: number };
  const refused = await ganc(['watch', 'runs/one', '--port', String(port)], { cwd });
  expect(refused).toMatchObject({ code: 2, stdout: '' });
  expect(refused.stderr).toContain(`port ${port} is taken by another program\n  choose another, or leave out --port`);
  await new Promise((done) => taken.close(done));
  const watch = await startWatch(['runs/one', '--port', String(port)], cwd);
  expect(watch.url).toBe(`http://127.0.0.1:${port}/`);
  const listening = await Listening.to(watch.url, '/events');
  await listening.next();
  expect(await watch.end()).toBe(0);
  for (const [args, code, text] of [
    [['watch', 'nowhere'], 1, 'there is no folder nowhere'],
    [['watch', 'tiny.gan'], 1, 'tiny.gan is a file'],
    [['watch', 'runs', '--port', '99999'], 2, 'A port is a whole number from 1 to 65535'],
  ] as const) {
    const made = await ganc([...args], { cwd });
    expect(made.code).toBe(code);
    expect(made.stderr).toContain(text);
  }
});

if (chromium === undefined) console.warn('no chromium: the page of ganc watch is not looked at in a browser');

test.skipIf(chromium === undefined)(
  'in a browser: it follows the files by itself, what was folded open stays so, and it says when the server is gone',
  async () => {
    const watch = await startWatch(['runs/one'], cwd);
    const before = readFileSync(metrics, 'utf8');
    const browser = await Browser.open(watch.url);
    try {
      const live = "document.getElementById('live')";
      await browser.until(`${live}.className === 'on'`);
      expect(await browser.value('[...document.images].every((image) => image.naturalWidth > 0)')).toBe(true);
      expect(await browser.value('getComputedStyle(document.querySelector(".facts")).display')).toBe('grid');
      await browser.value("document.querySelectorAll('details').forEach((fold) => { fold.open = true; }); window.same = true");
      const drawn = await browser.value("document.querySelector('.plot polyline').outerHTML");
      // A section that is new moves those below it, the folded one among them.
      const grown = { step: 31, seconds: 3, losses: { D: 1, G: 0.5 }, reports: { bright: 0.5 } };
      appendFileSync(metrics, `${JSON.stringify(grown)}\n${JSON.stringify({ step: 31, metrics: { new_one: 4.25 } })}\n`);
      await browser.until("document.querySelector('.facts').textContent.includes('31')");
      expect(await browser.value("document.querySelector('.plot polyline').outerHTML")).not.toBe(drawn);
      expect(await browser.value('[...document.querySelectorAll("h2")].map((title) => title.textContent)')).toEqual([
        'Samples: point',
        'Losses',
        'Reports',
        'Figures',
        'Next',
        'Spec',
      ]);
      expect(await browser.value("document.querySelector('.figures').textContent")).toContain('4.25');
      expect(await browser.value("[...document.querySelectorAll('details')].every((fold) => fold.open) && window.same")).toBe(true);
      expect(browser.complaints).toEqual([]);
      expect(await browser.value('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
      await watch.end();
      await browser.until(`${live}.className === 'off' && ${live}.textContent.includes('has ended')`);
    } finally {
      writeFileSync(metrics, before);
      await browser.close();
      await watch.end();
    }
  },
);
