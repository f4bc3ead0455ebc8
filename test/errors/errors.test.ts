/** Mistakes that people make, and every word of what they are told, which may be a warning: NAME.gan gives NAME.txt. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { compileSpec } from '../../compiler/compile.js';
import { renderDiagnostics } from '../../grammar/render.js';
import type { Source } from '../../grammar/source.js';

const folder = import.meta.dirname;
const names = readdirSync(folder).filter((name) => name.endsWith('.gan'));

describe('wrong specs', () => {
  test.each(names)('%s', async (name) => {
    const source = { name, text: readFileSync(join(folder, name), 'utf8') };
    const resolve = (path: string, from: Source): Source => {
      const found = join(dirname(from.name), path);
      return { name: found, text: readFileSync(join(folder, found), 'utf8') };
    };
    const { diagnostics } = compileSpec(source, { resolve });
    await expect(renderDiagnostics(diagnostics, { format: 'pretty', color: false })).toMatchFileSnapshot(join(folder, name.replace(/gan$/, 'txt')));
  });
});
