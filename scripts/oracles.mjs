// Runs the oracle cases of test/oracles/ on folders of the command line: builds what they need, then hands over.
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import embedPrelude from './prelude.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
embedPrelude();
const tsc = spawnSync(process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', join(root, 'test', 'oracles')], { stdio: 'inherit' });
if (tsc.status !== 0) process.exit(tsc.status ?? 1);
await import('../dist/test/oracles/main.js');
