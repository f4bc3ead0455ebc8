/** Mistakes that people make, and every word of what they are told: NAME.gan gives NAME.txt. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { compileSpec } from '../../compiler/compile.js';
import { renderDiagnostics } from '../../grammar/render.js';

const folder = import.meta.dirname;
const names = readdirSync(folder).filter((name) => name.endsWith('.gan'));

describe('wrong specs', () => {
  test.each(names)('%s', async (name) => {
    const source = { name, text: readFileSync(join(folder, name), 'utf8') };
    const { diagnostics } = compileSpec(source, {});
    expect(diagnostics.some((d) => d.severity === 'error')).toBe(true);
    await expect(renderDiagnostics(diagnostics, { format: 'pretty', color: false })).toMatchFileSnapshot(join(folder, name.replace(/gan$/, 'txt')));
  });
});
