/** A browser of this machine, driven by its DevTools protocol over two pipes: without it, tests that look at a page say so and skip. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';

/** The command, or undefined where there is none. */
export const chromium = ['chromium', 'google-chrome', 'chrome'].find((name) => spawnSync(name, ['--version']).status === 0);

type Message = { id?: number; method?: string; params?: Record<string, unknown>; result?: Record<string, unknown>; error?: { message: string } };

/** One page in a browser of its own. */
export class Browser {
  /** What the page's console and its security policy complained of. */
  readonly complaints: string[] = [];
  private readonly waiting = new Map<number, (message: Message) => void>();
  private session: string | undefined;
  private sent = 0;

  private constructor(
    private readonly child: ChildProcess,
    private readonly folder: string,
  ) {
    let text = '';
    (child.stdio[4] as Readable).setEncoding('utf8').on('data', (part: string) => {
      const messages = `${text}${part}`.split('\0');
      text = messages.pop() as string;
      for (const message of messages) this.hear(JSON.parse(message));
    });
  }

  static async open(url: string, width = 1300, height = 1000): Promise<Browser> {
    const folder = mkdtempSync(join(tmpdir(), 'ganc-browser-'));
    const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--remote-debugging-pipe', `--user-data-dir=${folder}`, `--window-size=${width},${height}`];
    const browser = new Browser(spawn(chromium as string, [...flags, 'about:blank'], { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] }), folder);
    const { targetInfos } = (await browser.send('Target.getTargets')) as { targetInfos: { targetId: string; type: string }[] };
    const page = targetInfos.find(({ type }) => type === 'page');
    const { sessionId } = await browser.send('Target.attachToTarget', { targetId: page?.targetId, flatten: true });
    browser.session = sessionId as string;
    for (const domain of ['Page', 'Runtime', 'Log']) await browser.send(`${domain}.enable`);
    await browser.send('Page.navigate', { url });
    await browser.until('document.readyState === "complete" && location.href !== "about:blank"');
    return browser;
  }

  /** The value of an expression in the page. */
  async value<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = (await this.send('Runtime.evaluate', { expression, returnByValue: true, awaitPromise: true })) as {
      result: { value: T };
      exceptionDetails?: { text: string };
    };
    if (exceptionDetails !== undefined) throw new Error(`${expression}: ${exceptionDetails.text}`);
    return result.value;
  }

  /** Waits until an expression is true in the page. */
  async until(expression: string, seconds = 20): Promise<void> {
    for (const end = Date.now() + 1000 * seconds; !(await this.value<boolean>(expression)); await new Promise((done) => setTimeout(done, 50)))
      if (Date.now() > end) throw new Error(`not so after ${seconds} seconds: ${expression}; the page says: ${await this.value('document.body.innerText')}`);
  }

  async close(): Promise<void> {
    const gone = new Promise((done) => this.child.once('close', done));
    this.child.kill('SIGKILL');
    await gone;
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  private send(method: string, params: Record<string, unknown> = {}): Promise<Record<string, unknown>> {
    const id = ++this.sent;
    const { session } = this;
    (this.child.stdio[3] as Writable).write(`${JSON.stringify({ id, method, params, ...(session !== undefined && { sessionId: session }) })}\0`);
    return new Promise((resolve, reject) => {
      this.waiting.set(id, ({ result, error }) => (error === undefined ? resolve(result ?? {}) : reject(new Error(`${method}: ${error.message}`))));
    });
  }

  private hear(message: Message): void {
    if (message.id !== undefined) {
      this.waiting.get(message.id)?.(message);
      this.waiting.delete(message.id);
    } else if (message.method === 'Log.entryAdded' || message.method === 'Runtime.exceptionThrown') this.complaints.push(JSON.stringify(message.params));
  }
}
