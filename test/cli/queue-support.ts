/** A Redis of the test's own, on loopback, and workers on this machine. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterAll } from 'vitest';
import { root } from './support.js';

const found = spawnSync('redis-server', ['--version']).status === 0;
/** For the name of a test that is skipped. */
export const noRedis = found ? false : 'no redis-server on the PATH: apt-get install redis-server';
export const PASSWORD = 'secret-of-the-test';

/** Ended with the test file, whatever became of it. */
const started = new Set<ChildProcess>();
afterAll(() => {
  for (const child of started) child.kill('SIGKILL');
});

function start(command: string, args: readonly string[], options: { cwd: string; env?: Record<string, string> }): ChildProcess {
  const child = spawn(command, args, { ...options, env: { ...process.env, NO_COLOR: '1', ...options.env }, stdio: ['ignore', 'pipe', 'pipe'] });
  started.add(child);
  child.once('close', () => started.delete(child));
  return child;
}

export interface Certificate {
  readonly certificate: string;
  readonly key: string;
}

/** One for this machine, signed by itself; undefined without openssl, or with a redis-server that was built without TLS. */
export function newCertificate(folder: string): Certificate | undefined {
  const { stdout, stderr } = spawnSync('redis-server', ['--tls-port', 'x']);
  if (!found || `${stdout}${stderr}`.includes('Bad directive')) return undefined;
  const [certificate, key] = ['certificate.pem', 'key.pem'].map((name) => join(folder, name));
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  const made = spawnSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', certificate, '-days', '2', ...names]);
  return made.status === 0 ? { certificate, key } : undefined;
}

export class Server {
  private child: ChildProcess | undefined;

  private constructor(
    readonly port: number,
    private readonly cwd: string,
    private readonly tls?: Certificate,
  ) {}

  /** `tls`: by TLS alone, with this certificate. */
  static async begin(cwd: string, tls?: Certificate): Promise<Server> {
    const port = await new Promise<number>((resolve) => {
      const probe = createServer().listen(0, '127.0.0.1', () => {
        const { port } = probe.address() as { port: number };
        probe.close(() => resolve(port));
      });
    });
    const server = new Server(port, cwd, tls);
    await server.start();
    return server;
  }

  get url(): string {
    return `${this.tls ? 'rediss' : 'redis'}://:${PASSWORD}@127.0.0.1:${this.port}`;
  }

  get shown(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Begins, or begins again, with nothing in it. */
  async start(): Promise<void> {
    const { tls } = this;
    const ways = tls
      ? ['--port', '0', '--tls-port', String(this.port), '--tls-cert-file', tls.certificate, '--tls-key-file', tls.key]
      : ['--port', String(this.port)];
    if (tls) ways.push('--tls-ca-cert-file', tls.certificate, '--tls-auth-clients', 'no');
    const args = [...ways, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--requirepass', PASSWORD, '--dir', this.cwd];
    this.child = start('redis-server', args, { cwd: this.cwd });
    const client = this.client();
    client.on('error', () => undefined);
    await client.ping();
    client.disconnect();
  }

  async kill(): Promise<void> {
    const child = this.child as ChildProcess;
    const closed = new Promise((resolve) => child.once('close', resolve));
    child.kill('SIGKILL');
    await closed;
  }

  client(): Redis {
    return new Redis(this.url, { ...(this.tls && { tls: { ca: readFileSync(this.tls.certificate) } }), maxRetriesPerRequest: null, retryStrategy: () => 50 });
  }
}

export class WorkerProcess {
  stderr = '';
  readonly closed: Promise<number | null>;

  private constructor(private readonly child: ChildProcess) {
    child.stderr?.setEncoding('utf8').on('data', (text) => {
      this.stderr += text;
    });
    this.closed = new Promise((resolve) => child.once('close', resolve));
  }

  /** One that listens. */
  static async begin(cwd: string, env: Record<string, string>, ...args: string[]): Promise<WorkerProcess> {
    const worker = new WorkerProcess(start(join(root, 'ganc'), ['worker', '--lost-after', '5', ...args], { cwd, env }));
    await worker.until(/takes trainings from/);
    return worker;
  }

  async until(what: RegExp): Promise<void> {
    while (!what.test(this.stderr)) {
      if (this.child.exitCode !== null) throw new Error(`the worker ended: ${this.stderr}`);
      await sleep(20);
    }
  }

  get pid(): number {
    return this.child.pid as number;
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }
}

/** Waits until a snapshot of a run at a checkpoint is in the queue, and gives the process number of the worker that has it. */
export async function snapshotAt(client: Redis, step: number): Promise<number> {
  for (;;) {
    for (const key of await client.keys('ganc:job:*')) {
      const { files, worker } = await client.hgetall(key);
      if (files?.startsWith(`{"step":${step},`)) return Number(worker.split(':')[1]);
    }
    await sleep(10);
  }
}
