// Parses the blocks of the prelude with the compiler that has just been built, and embeds their trees in dist/compiler/prelude/trees.js.
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

export default async function embedTrees(dist) {
  const load = (...path) => import(pathToFileURL(join(dist, 'compiler', ...path)).href);
  const { loadPrelude } = await load('elaborate', 'prelude.js');
  const { pack } = await load('prelude', 'packed.js');
  const { scope } = loadPrelude();
  const { shapes, trees } = pack(new Map([...scope.lazy.keys()].map((name) => [name, scope.find(name).item])));
  // In single quotes few characters need an escape, and the module is read sooner.
  const lines = Object.entries(trees).map(([name, tree]) => `    ${name}: '${tree.replace(/[\\']/g, '\\$&')}',\n`);
  const target = join(dist, 'compiler', 'prelude', 'trees.js');
  const temporary = `${target}.${process.pid}`;
  writeFileSync(temporary, `export const packed = {\n  shapes: ${JSON.stringify(shapes)},\n  trees: {\n${lines.join('')}  },\n};\n`);
  renameSync(temporary, target);
}
