/** `npm run bench -- [W1 W2 W3 W4 W5 W6] [--json] [--rounds N] [--peers a,b] [--limit SECONDS]`: see README.md beside this file. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { cpus, loadavg, release } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const here = dirname(fileURLToPath(import.meta.url));
const folder = join(here, '.data');
const ROUNDS = 7;
const LIMIT_S = 300;

function fail(message) {
  process.stderr.write(`bench: ${message}\n`);
  process.exit(2);
}

function say(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
  else process.stderr.write(`${text}\n`);
}

/** The peers' packages, at first use and where package-lock.json has changed. */
function install() {
  const packages = (path) => {
    try {
      return JSON.parse(readFileSync(path, 'utf8')).packages;
    } catch {
      return {};
    }
  };
  const wanted = packages(join(here, 'package-lock.json'));
  const there = packages(join(here, 'node_modules', '.package-lock.json'));
  if (Object.entries(wanted).every(([path, { version }]) => path === '' || there[path]?.version === version)) return;
  say("installing the peers' packages\n");
  const { status, stderr } = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: here,
    encoding: 'utf8',
    shell: process.platform === 'win32',
  });
  if (status !== 0) fail(`npm ci in bench/ failed\n${stderr}`);
}

function options() {
  const { values, positionals } = (() => {
    try {
      return parseArgs({
        allowPositionals: true,
        options: { json: { type: 'boolean' }, rounds: { type: 'string' }, peers: { type: 'string' }, limit: { type: 'string' } },
      });
    } catch (error) {
      return fail(error.message);
    }
  })();
  const count = (name, standard) => {
    const value = Number(values[name] ?? standard);
    return Number.isInteger(value) && value > 0 ? value : fail(`--${name} is a whole number from 1`);
  };
  return { json: values.json ?? false, rounds: count('rounds', ROUNDS), limit: count('limit', LIMIT_S), peers: values.peers?.split(','), names: positionals };
}

const asked = options();
install();
const { WORKLOADS, START, PEERS } = await import('./workloads.mjs');
const known = [...Object.keys(WORKLOADS), START.name];
for (const name of asked.names) if (!known.includes(name)) fail(`there is no workload ${name}; there are ${known.join(', ')}`);
for (const peer of asked.peers ?? []) if (!PEERS.includes(peer)) fail(`there is no peer ${peer}; there are ${PEERS.join(', ')}`);
if (!existsSync(join(here, '..', 'dist', 'cli', 'main.js'))) fail('ganc is not built: npm run build');

const { openDevice } = await import('../dist/runtime/device/open.js');
const { measure } = await import('./measure.mjs');
const { measureStart } = await import('./start.mjs');
const { writeClips } = await import('./data.mjs');
const { asJson, asTable } = await import('./report.mjs');

// Every peer is told which device ganc takes.
const gpu = await openDevice();
const device = ['gpu', 'lavapipe', 'swiftshader'].find((kind) => kind === gpu.kind);
const adapter = gpu.name;
gpu.close();

mkdirSync(folder, { recursive: true });
writeClips(folder);
const peers = PEERS.filter((peer) => asked.peers === undefined || asked.peers.includes(peer));
const how = { ...asked, folder, device, say };
const load = [loadavg()[0]];
const results = {};
for (const name of asked.names.length > 0 ? asked.names : known) {
  results[name] = name === START.name ? await measureStart(peers, how) : await measure(name, peers, how);
}
load.push(loadavg()[0]);
if (process.stderr.isTTY) say('');

const machine = { adapter, cpu: cpus()[0]?.model, cores: cpus().length, kernel: release(), node: process.versions.node };
const about = { ...machine, date: new Date().toISOString().slice(0, 10), rounds: asked.rounds, loadBefore: load[0], loadAfter: load[1] };
if (asked.json)
  process.stdout.write(
    `${JSON.stringify({ ...about, ...Object.fromEntries(Object.entries(results).map(([name, r]) => [name, { adapter, ...asJson(r) }])) }, null, 2)}\n`,
  );
else {
  process.stdout.write(`${asTable(results)}\n\n${adapter}; ${about.cpu}, ${about.cores} cores; Node ${about.node}; ${about.date}; `);
  process.stdout.write(`${about.rounds} rounds; load ${load.map((l) => l.toFixed(1)).join(' before, ')} after. In brackets: times as long as ganc.\n`);
}
process.exit(0);
