// Embeds compiler/prelude/*.gan in a TypeScript module, so that the compiler needs no files at run time.
import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = join(dirname(dirname(fileURLToPath(import.meta.url))), 'compiler', 'prelude');
const target = join(folder, 'text.ts');

/** Writes compiler/prelude/text.ts, only where its content changes. Serves vitest as its global set-up, too. */
export default function embedPrelude() {
  const names = readdirSync(folder)
    .filter((name) => name.endsWith('.gan'))
    .sort();
  const entries = names.map((name) => {
    const text = readFileSync(join(folder, name), 'utf8');
    return `  { name: ${JSON.stringify(`prelude/${name}`)}, text: ${JSON.stringify(text)} },\n`;
  });
  const content = `// Made by scripts/prelude.mjs from the .gan files beside it.
export const prelude: readonly { readonly name: string; readonly text: string }[] = [
${entries.join('')}];
`;
  if (read(target) === content) return;
  const temporary = `${target}.${process.pid}`;
  writeFileSync(temporary, content);
  renameSync(temporary, target);
}

function read(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
