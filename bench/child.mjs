/** A peer as a process of its own: driven by messages, stopped while others are at work. */
import { spawn, spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const script = (name) => join(here, 'peers', name);
const pausable = process.platform !== 'win32';
const running = new Set();

/** Why a peer cannot be measured; its message is what the report says. */
export class PeerError extends Error {}

/** The first Python that has PyTorch: `PYTHON`, `python3` of the path, the system's. */
function findPython() {
  const names = [process.env.PYTHON, 'python3', '/usr/bin/python3'].filter(Boolean);
  return names.find((name) => spawnSync(name, ['-c', 'import torch'], { stdio: 'ignore' }).status === 0);
}
let python;

/** Threads of OpenBLAS under PyTorch: what was fastest for each workload; and those of PyTorch itself that are tried. */
export function torchThreads(workload) {
  const cores = availableParallelism();
  return { blas: workload === 'W2' || workload === 'W4' ? 1 : cores, choice: cores === 1 ? [1] : [1, cores] };
}

function commandOf(peer, workload) {
  if (peer !== 'torch') {
    const [file, ...rest] = { ganc: ['ganc.mjs'], tfjs_webgpu: ['tfjs.mjs'], jax_js_webgpu: ['jax.mjs', 'webgpu'], jax_js_wasm: ['jax.mjs', 'wasm'] }[peer];
    return { command: process.execPath, args: [script(file), ...rest], env: {} };
  }
  python ??= findPython() ?? '';
  if (python === '') throw new PeerError('no Python here has the package torch');
  const { blas } = torchThreads(workload);
  return { command: python, args: [script('pytorch.py')], env: { OPENBLAS_NUM_THREADS: String(blas), MKL_NUM_THREADS: String(blas) } };
}

export class Child {
  #process;
  #waiting;
  #ended;
  #errors = '';

  /** Starts the process. Throws PeerError where it cannot be. */
  constructor(peer, workload, env = {}) {
    const { command, args, env: own } = commandOf(peer, workload);
    this.peer = peer;
    this.#process = spawn(command, args, { env: { ...process.env, ...own, ...env }, stdio: ['pipe', 'pipe', 'pipe'] });
    running.add(this);
    const note = (text) => {
      this.#errors = (this.#errors + text).slice(-4000);
    };
    // Dawn writes its complaints to stdout.
    createInterface({ input: this.#process.stdout }).on('line', (line) => {
      if (line.startsWith('{"ok":')) this.#waiting?.resolve(JSON.parse(line));
      else note(`${line}\n`);
    });
    this.#process.stderr.on('data', note);
    this.#process.stdin.on('error', () => undefined);
    this.#process.on('error', (error) => this.#end(error.message));
    this.#process.on('exit', (code, signal) => this.#end(`its process ended (${signal ?? `exit code ${code}`})`));
  }

  #end(reason) {
    running.delete(this);
    this.#ended = reason;
    const said = this.#errors.trim().split('\n').filter(Boolean).at(-1);
    this.#waiting?.reject(new PeerError(said ? `${reason}: ${said}` : reason));
  }

  /** Sends a message, and the answer to it. The process runs until then, and is stopped after. Throws PeerError. */
  async ask(message, limitSeconds) {
    if (this.#ended !== undefined) throw new PeerError(this.#ended);
    this.#signal('SIGCONT');
    let timer;
    try {
      const answer = await new Promise((resolve, reject) => {
        this.#waiting = { resolve, reject };
        timer = setTimeout(() => reject(new PeerError(`${message.action} took more than ${limitSeconds} s`)), 1000 * limitSeconds);
        this.#process.stdin.write(`${JSON.stringify(message)}\n`);
      });
      if (!answer.ok) throw new PeerError(answer.reason);
      return answer;
    } finally {
      clearTimeout(timer);
      this.#waiting = undefined;
      this.#signal('SIGSTOP');
    }
  }

  #signal(name) {
    if (pausable && this.#ended === undefined) this.#process.kill(name);
  }

  close() {
    running.delete(this);
    this.#process.kill('SIGKILL');
  }
}

process.on('exit', () => {
  for (const child of running) child.close();
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130));
