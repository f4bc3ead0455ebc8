// Builds dist/: embeds the prelude, compiles, removes what no longer has a source, and embeds the prelude's trees.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import embedPrelude from './prelude.mjs';
import embedTrees from './prelude-trees.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, 'dist');
const started = new Date();

embedPrelude();
const tsc = spawnSync(process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', root], { stdio: 'inherit' });
if (tsc.error) throw tsc.error;
if (tsc.status !== 0) process.exit(tsc.status ?? 1);

mkdirSync(dist, { recursive: true });
for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
  const match = /^(.*)\.js(\.map)?$/.exec(entry.name);
  if (!entry.isFile() || !match) continue;
  const source = join(root, relative(dist, entry.parentPath ?? entry.path), `${match[1]}.ts`);
  if (!existsSync(source)) rmSync(join(entry.parentPath ?? entry.path, entry.name));
}
await embedTrees(dist);
chmodSync(join(dist, 'cli', 'main.js'), 0o755);

// A source changed while the build ran must count as newer.
const stamp = join(dist, '.stamp');
writeFileSync(stamp, started.toISOString());
utimesSync(stamp, started, started);
