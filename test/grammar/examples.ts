/** Specs that exercise the whole of the language. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Source } from '../../grammar/source.js';

const folder = fileURLToPath(new URL('specs/', import.meta.url));

export const examples: readonly Source[] = readdirSync(folder)
  .filter((file) => file.endsWith('.gan'))
  .map((file) => ({ name: file, text: readFileSync(folder + file, 'utf8') }));
