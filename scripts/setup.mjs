// What ./ganc does at its first call in a clone, and after sources or dependencies changed: `npm ci` and the build, each where needed.
// Talks on stderr, shows the output of a tool only if it fails, and holds a lock, so that calls at the same time wait for each other.
import { spawnSync } from 'node:child_process';
import { existsSync, linkSync, readdirSync, readFileSync, rmSync, statSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const lock = join(root, '.setup-lock');
/** No set-up takes longer: an older lock was left by a machine that went down. */
const LOCK_LIFETIME_MS = 15 * 60_000;

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 11)) fail(`ganc needs Node.js 20.11 or later; this is ${process.versions.node}. See https://nodejs.org/en/download`);

acquire();
process.on('exit', release);
if (!installed()) {
  say('installing dependencies (first use, about 15 s)');
  run('npm', ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'], 'npm could not install the dependencies');
}
// npm may write its two lock files in either order; ./ganc compares their times.
const now = new Date();
utimesSync(join(root, 'node_modules', '.package-lock.json'), now, now);
if (!built()) {
  say('building');
  run(process.execPath, [join(root, 'scripts', 'build.mjs')], 'ganc does not build');
}

/** Whether node_modules holds what package-lock.json names; optional packages of other platforms are absent. */
function installed() {
  const want = packages(join(root, 'package-lock.json'));
  const have = packages(join(root, 'node_modules', '.package-lock.json'));
  if (!want || !have) return false;
  return Object.entries(want).every(([path, { version, optional }]) => path === '' || (have[path] ? have[path].version === version : optional));
}

function packages(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8')).packages;
  } catch {
    return undefined;
  }
}

function built() {
  const stamp = join(root, 'dist', '.stamp');
  if (!existsSync(stamp)) return false;
  const made = statSync(stamp).mtimeMs;
  const newer = (path) => statSync(path).mtimeMs > made;
  const sources = ['grammar', 'compiler', 'runtime', 'cli', 'scripts'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.name.startsWith('text.ts'))
      .map((entry) => join(entry.parentPath ?? entry.path, entry.name)),
  );
  return ![...sources, join(root, 'package.json'), join(root, 'tsconfig.json')].some(newer);
}

function run(command, args, failure) {
  const result = spawnSync(command, args, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 26, shell: process.platform === 'win32' });
  if (result.error) fail(`${failure}: ${result.error.code === 'ENOENT' ? `there is no \`${command}\` on the PATH` : result.error.message}.`);
  if (result.status !== 0) fail(`${`${result.stdout}${result.stderr}`.trim()}\n\n${failure}; what it said is above.`);
}

/** A lock is made whole, by linking a file that already holds this process's number. */
function acquire() {
  const mine = `${lock}.${process.pid}`;
  writeFileSync(mine, String(process.pid));
  let told = false;
  try {
    for (;;) {
      try {
        linkSync(mine, lock);
        return;
      } catch (error) {
        if (error.code !== 'EEXIST') fail(`cannot write in ${root}: ${error.message}`);
      }
      if (abandoned()) {
        rmSync(lock, { force: true });
        continue;
      }
      if (!told) say('another call is setting ganc up; waiting for it');
      told = true;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
    }
  } finally {
    unlinkSync(mine);
  }
}

function abandoned() {
  try {
    const holder = Number(readFileSync(lock, 'utf8'));
    if (Date.now() - statSync(lock).mtimeMs > LOCK_LIFETIME_MS) return true;
    process.kill(holder, 0);
    return false;
  } catch (error) {
    return error.code === 'ESRCH';
  }
}

function release() {
  rmSync(lock, { force: true });
}

function say(text) {
  process.stderr.write(`ganc: ${text}\n`);
}

function fail(text) {
  process.stderr.write(`${text.startsWith('ganc') ? '' : 'ganc: '}${text}\n`);
  process.exit(3);
}
