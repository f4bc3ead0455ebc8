/** `ganc watch` in a process of its own, and who looks at it: requests as they are written, and events as they come. */
import { spawn } from 'node:child_process';
import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import type { Change } from '../../runtime/live/channel.js';
import { root } from './support.js';

export interface Watch {
  readonly url: string;
  /** Ends it as Ctrl-C does, and gives its exit code. */
  end(signal?: NodeJS.Signals): Promise<number | null>;
}

/** Resolves once it says where the page is. */
export function startWatch(args: readonly string[], cwd: string): Promise<Watch> {
  return new Promise((resolve, reject) => {
    const child = spawn(join(root, 'ganc'), ['watch', ...args], { cwd, env: { ...process.env, NO_COLOR: '1' } });
    let said = '';
    child.stderr.on('data', (text) => {
      said += text;
    });
    const closed = new Promise<number | null>((done) => child.on('close', done));
    void closed.then((code) => reject(new Error(`ended with ${code}: ${said}`)));
    child.stdout.once('data', (text) =>
      resolve({
        url: String(text).trim(),
        end: (signal = 'SIGINT') => {
          child.kill(signal);
          return closed;
        },
      }),
    );
  });
}

export interface Answer {
  readonly code: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

function asked(url: string, path: string, headers: Record<string, string>, method = 'GET'): Promise<IncomingMessage> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    request({ host: hostname, port, path, method, headers, agent: false }, resolve).on('error', reject).end();
  });
}

/** The path as it is given: nothing in it is made simpler. */
export async function get(url: string, path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
  const response = await asked(url, path, headers, method);
  const parts: Buffer[] = [];
  for await (const part of response) parts.push(part as Buffer);
  return { code: response.statusCode as number, headers: response.headers, body: Buffer.concat(parts) };
}

/** Events of a page, one after another. */
export class Listening {
  readonly changes: (Change & { readonly version: string })[] = [];

  private constructor(private readonly response: IncomingMessage) {
    let text = '';
    response.setEncoding('utf8').on('data', (part: string) => {
      const events = `${text}${part}`.split('\n\n');
      text = events.pop() as string;
      for (const event of events) {
        const fields = new Map(event.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]));
        if (fields.get('event') === 'parts') this.changes.push({ ...JSON.parse(fields.get('data') as string), version: fields.get('id') as string });
      }
    });
    response.on('error', () => undefined);
  }

  static async to(url: string, path: string): Promise<Listening> {
    return new Listening(await asked(url, path, {}));
  }

  /** The next change of which this is so; those before it are dropped. */
  async next(wanted: (change: Change, text: string) => boolean = () => true, seconds = 45): Promise<Change & { readonly version: string }> {
    for (const end = Date.now() + 1000 * seconds; Date.now() < end; await new Promise((done) => setTimeout(done, 20))) {
      while (this.changes.length > 0) {
        const change = this.changes.shift() as Change & { readonly version: string };
        if (wanted(change, Object.values(change.parts).join('\n'))) return change;
      }
    }
    throw new Error(`no such change in ${seconds} seconds`);
  }

  end(): void {
    this.response.destroy();
  }
}
