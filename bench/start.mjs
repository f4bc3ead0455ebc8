/** W6: processes from their start to the first finished step of W1; cold with empty caches of shaders and programs, then warm with what the cold run left. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Child, PeerError } from './child.mjs';
import { writeData } from './data.mjs';
import { median, preparation } from './measure.mjs';
import { START, WORKLOADS } from './workloads.mjs';

const here = dirname(fileURLToPath(import.meta.url));
/** A peer whose cold start takes longer is started cold once. */
const LONG_MS = 20_000;

/** Milliseconds until `ganc train` tells of its first step. */
function startGanc(env, out, limit) {
  const args = [
    join(dirname(here), 'dist', 'cli', 'main.js'),
    'train',
    join(here, 'specs', WORKLOADS[START.of].spec),
    '--steps',
    '1',
    '--out',
    out,
    '--json',
    '--quiet',
  ];
  return new Promise((resolve, reject) => {
    const start = performance.now();
    const child = spawn(process.execPath, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, 1000 * limit);
    let found;
    let errors = '';
    createInterface({ input: child.stdout }).on('line', (line) => {
      const { event, step } = JSON.parse(line);
      if (event === 'progress' && step === 1) found ??= performance.now() - start;
    });
    child.stderr.on('data', (data) => {
      errors += data;
    });
    // The next start must not run beside the end of this one.
    child.on('exit', (code, signal) => {
      clearTimeout(timer);
      if (found !== undefined) resolve(found);
      else if (late) reject(new PeerError(`no step was finished after ${limit} s`));
      else reject(new PeerError(`ganc train ended (${signal ?? code}) before a step: ${errors.trim().split('\n').at(-1)}`));
    });
  });
}

async function startPeer(peer, env, message, limit) {
  const start = performance.now();
  const child = new Child(peer, START.of, env);
  try {
    await child.ask(message, limit);
    await child.ask({ action: 'steps', count: 1 }, limit);
    return performance.now() - start;
  } finally {
    child.close();
  }
}

/** Medians of cold and warm starts by peer, in milliseconds. */
export async function measureStart(peers, { rounds, limit, folder, device, say }) {
  const data = await writeData(folder, START.of, WORKLOADS[START.of]);
  const times = { cold: {}, warm: {} };
  const absent = {};
  const most = Math.min(rounds, 3);
  for (let round = 0; round < most; round++) {
    for (const peer of peers) {
      if (absent[peer] !== undefined || times.cold[peer]?.[0] > LONG_MS) continue;
      say(`${START.name}: ${peer}: start ${round + 1} of ${most}`);
      const caches = mkdtempSync(join(tmpdir(), 'ganc-bench-'));
      const env = { MESA_SHADER_CACHE_DIR: caches, XDG_CACHE_HOME: caches, ...(device && { GANC_DEVICE: device }) };
      try {
        for (const kind of ['cold', 'warm', 'warm']) {
          const message = preparation(peer, START.of, data, device);
          const took = await (peer === 'ganc' ? startGanc(env, join(caches, `run-${kind}-${performance.now()}`), limit) : startPeer(peer, env, message, limit));
          times[kind][peer] = [...(times[kind][peer] ?? []), took];
        }
      } catch (error) {
        if (!(error instanceof PeerError)) throw error;
        absent[peer] = error.message;
        delete times.cold[peer];
        delete times.warm[peer];
      } finally {
        rmSync(caches, { recursive: true, force: true });
      }
    }
  }
  const medians = (kind) => Object.fromEntries(Object.entries(times[kind]).map(([peer, values]) => [peer, median(values)]));
  const spread = (kind) => Object.fromEntries(Object.entries(times[kind]).map(([peer, values]) => [peer, [Math.min(...values), Math.max(...values)]]));
  const samples = Object.fromEntries(Object.entries(times.warm).map(([peer, values]) => [peer, values.length]));
  return { title: START.title, cold: medians('cold'), coldSpread: spread('cold'), medians: medians('warm'), spread: spread('warm'), samples, absent };
}
