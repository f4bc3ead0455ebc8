/**
 * Serves what is watched to browsers on this machine: pages, their events, and pictures of samples; nothing else, and to nobody else. It listens on the loopback
 * address alone, and answers only who asked for it by a name of this machine: a page from elsewhere that has its own name lead here (DNS rebinding) is refused.
 */
import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, extname, join, relative, resolve, sep } from 'node:path';
import { RESULTS } from '../compare/results.js';
import { runPaths } from '../train/folder.js';
import { foldersWith } from '../train/runs.js';
import { Channel, type Source } from './channel.js';
import { CompareView } from './compare-view.js';
import { FolderView } from './folder-view.js';
import { livePage } from './page.js';
import { RunView } from './run-view.js';
import { kindOf } from './view.js';

const HOST = '127.0.0.1';
/** Names by which a browser on this machine, or at the other end of a tunnel to it, asks. */
const NAMES = ['127.0.0.1', 'localhost', '[::1]'];
/** Endings of samples. */
const TYPES: Readonly<Record<string, string>> = {
  '.png': 'image/png',
  '.gif': 'image/gif',
  '.webp': 'image/webp',
  '.mp4': 'video/mp4',
  '.wav': 'audio/wav',
  '.safetensors': 'application/octet-stream',
};
/** Milliseconds between signs of life to a listener, and after which a page that nobody listens to is forgotten. */
const BEAT = 15_000;
const IDLE = 60_000;

export interface Watcher {
  readonly url: string;
  close(): Promise<void>;
}

/** Rejects with the system's error where the port cannot be had. `port` 0: any that is free. */
export async function watchFolder(folder: string, port: number): Promise<Watcher> {
  const site = new Site(folder);
  const server = createServer((request, response) => {
    site.answer(request, response).catch((error: unknown) => {
      if (!response.headersSent) say(response, 500, error instanceof Error ? error.message : String(error));
      else response.destroy();
    });
  });
  await new Promise<void>((done, failed) => {
    server.once('error', failed);
    server.listen(port, HOST, () => {
      server.off('error', failed);
      done();
    });
  });
  return { url: `http://${HOST}:${(server.address() as AddressInfo).port}/`, close: () => closed(server) };
}

function closed(server: Server): Promise<void> {
  return new Promise((done) => {
    server.close(() => done());
    server.closeAllConnections();
  });
}

class Site {
  private readonly channels = new Map<string, Channel>();

  constructor(private readonly root: string) {}

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const refusal = refused(request);
    if (refusal !== undefined) return say(response, ...refusal);
    const [path, query = ''] = (request.url ?? '/').split('?');
    const words = segments(path);
    if (words === undefined) return say(response, 400, 'this is no path');
    const inside = words[0] === 'in';
    const rest = inside ? words.slice(1) : words;
    const sample = rest.at(-2) === 'samples' && rest.at(-1) !== '' ? rest.at(-1) : undefined;
    const own = rest.slice(0, sample === undefined ? -1 : -2);
    const what = sample === undefined ? rest.at(-1) : 'sample';
    const named = inside === own.length > 0;
    const folder = named ? await this.folderOf(own) : undefined;
    if (folder !== undefined && sample !== undefined) return sendSample(folder, sample, request, response);
    if (folder !== undefined && what === '') return this.page(folder, request, response);
    if (folder !== undefined && what === 'events') return this.events(folder, query, request, response);
    // A folder without the slash at its end.
    if (!inside || rest.at(-1) === '' || (await this.folderOf(rest)) === undefined) return say(response, 404, NOTHING);
    response.writeHead(308, { ...HEADERS, Location: `${path}/` }).end();
  }

  private async page(folder: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { html, policy } = livePage(await this.channel(folder).now(), await this.trailOf(folder));
    response.writeHead(200, { ...HEADERS, 'Content-Type': 'text/html; charset=utf-8', 'Content-Security-Policy': policy });
    response.end(request.method === 'HEAD' ? undefined : html);
  }

  private async events(folder: string, query: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.writeHead(200, { ...HEADERS, 'Content-Type': 'text/event-stream' });
    if (request.method === 'HEAD') return void response.end();
    response.write('retry: 2000\n\n');
    const from = request.headers['last-event-id'] ?? new URLSearchParams(query).get('from') ?? undefined;
    let end: (() => void) | undefined;
    let gone = false;
    const beat = setInterval(() => response.write(': still here\n\n'), BEAT);
    response.on('close', () => {
      gone = true;
      clearInterval(beat);
      end?.();
    });
    end = await this.channel(folder).listen(
      {
        changed: (version, change) => response.write(`event: parts\nid: ${version}\ndata: ${JSON.stringify(change)}\n\n`),
        other: () => response.write('event: other\ndata: {}\n\n'),
      },
      typeof from === 'string' ? from : undefined,
    );
    if (gone) end();
  }

  private channel(folder: string): Channel {
    const known = this.channels.get(folder);
    if (known !== undefined) return known;
    const channel = new Channel(folder, () => this.source(folder));
    this.channels.set(folder, channel);
    // What a page holds of a long run is let go when nobody looks any more.
    const forget = setInterval(() => {
      if (channel.watched) return;
      clearInterval(forget);
      this.channels.delete(folder);
    }, IDLE);
    forget.unref();
    return channel;
  }

  private async source(folder: string): Promise<Source> {
    const kind = await kindOf(folder);
    const linkOf = (own: string): string => this.linkOf(own);
    if (kind === 'run') return { kind, view: new RunView(folder) };
    return { kind, view: kind === 'comparison' ? new CompareView(folder, linkOf) : new FolderView(folder, linkOf) };
  }

  /** The root, or a run or comparison in it: nothing else has a page. What is looked at already may be gone. */
  private async folderOf(words: readonly string[]): Promise<string | undefined> {
    if (words.length === 0) return this.root;
    const folder = join(this.root, ...words);
    if (this.channels.get(folder)?.watched) return folder;
    const found = (await Promise.all(['run.json', RESULTS].map((name) => foldersWith(this.root, name)))).flat();
    return found.find((one) => resolve(one) === resolve(folder));
  }

  /** The pages of the folders that this one lies in. */
  private async trailOf(folder: string): Promise<{ name: string; link: string }[]> {
    const words = this.wordsOf(folder);
    const trail = words.length === 0 ? [] : [{ name: basename(resolve(this.root)), link: '/' }];
    let from = 0;
    for (let n = 1; n < words.length; n++) {
      const outer = await this.folderOf(words.slice(0, n));
      if (outer === undefined) continue;
      trail.push({ name: words.slice(from, n).join('/'), link: this.linkOf(outer) });
      from = n;
    }
    return trail;
  }

  private wordsOf(folder: string): string[] {
    return relative(this.root, folder)
      .split(sep)
      .filter((word) => word !== '');
  }

  private linkOf(folder: string): string {
    const words = this.wordsOf(folder);
    return words.length === 0 ? '/' : `/in/${words.map(encodeURIComponent).join('/')}/`;
  }
}

const NOTHING = 'there is nothing here';
const HEADERS = {
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cross-Origin-Opener-Policy': 'same-origin',
} as const;

function say(response: ServerResponse, code: number, text: string): void {
  response.writeHead(code, { ...HEADERS, 'Content-Type': 'text/plain; charset=utf-8', 'Content-Security-Policy': "default-src 'none'" }).end(`${text}\n`);
}

/** Why a request gets no answer: its code, and the reason. */
function refused({ method, headers }: IncomingMessage): [number, string] | undefined {
  if (method !== 'GET' && method !== 'HEAD') return [405, 'this can be read, and nothing else'];
  if (!isOwn(headers.host)) return [403, `this machine is not called ${headers.host ?? 'nothing'}: ask for http://${HOST}`];
  const { origin } = headers;
  const site = headers['sec-fetch-site'];
  const elsewhere = site !== undefined && site !== 'same-origin' && site !== 'none' && headers['sec-fetch-mode'] !== 'navigate';
  if (elsewhere || (origin !== undefined && !isOwn(origin.replace(/^http:\/\//, '')))) return [403, 'this is not for pages from elsewhere'];
  return undefined;
}

function isOwn(host: string | undefined): boolean {
  return host !== undefined && NAMES.includes(host.toLowerCase().replace(/:\d+$/, ''));
}

/** Between the slashes, decoded; undefined where one would not be the name of a file. */
function segments(path: string): string[] | undefined {
  try {
    const words = path.split('/').slice(1).map(decodeURIComponent);
    return path.startsWith('/') && words.every((word) => !/^\.\.?$|[/\\\0]/.test(word)) ? words : undefined;
  } catch {
    return undefined;
  }
}

/** One of the files that the run has drawn: what is not in that list is not looked for. */
async function sendSample(folder: string, name: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { samples } = runPaths(folder);
  const type = TYPES[extname(name)];
  const entries = await readdir(samples, { withFileTypes: true }).catch(() => []);
  if (type === undefined || !entries.some((entry) => entry.isFile() && entry.name === name && !name.startsWith('.'))) return say(response, 404, NOTHING);
  const file = createReadStream(join(samples, name));
  file.on('error', () => (response.headersSent ? response.destroy() : say(response, 404, NOTHING)));
  file.on('open', () => {
    response.writeHead(200, { ...HEADERS, 'Content-Type': type, 'Content-Security-Policy': "default-src 'none'; sandbox" });
    if (request.method !== 'HEAD') return void file.pipe(response);
    file.destroy();
    response.end();
  });
}
