/** The specs that show what the language is for compile, without a word of complaint. */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { compileSpec } from '../../compiler/compile.js';
import { lower } from '../../compiler/plan/lower.js';

const root = join(import.meta.dirname, '..', '..');
const folder = join(root, 'test', 'grammar', 'specs');
const source = (path: string) => ({ name: path, text: readFileSync(path, 'utf8') });
/** What wgan-gp.gan builds on is one of our own. */
const resolve = (path: string) => source(join(root, 'specs', path));

describe.each(readdirSync(folder).filter((name) => name.endsWith('.gan')))('%s', (name) => {
  const { module, diagnostics } = compileSpec(source(join(folder, name)), { resolve });

  test('has no mistakes and raises no warning', () => {
    expect(diagnostics.map(({ code, message }) => `${code} ${message}`)).toEqual([]);
  });

  test('becomes a program that trains or samples what it says', () => {
    if (!module) throw new Error('no module');
    const program = lower(module);
    const players: Record<string, readonly string[]> = { 'text-to-video': [] };
    expect(program.train?.updates.map((update) => update.player) ?? []).toEqual(players[basename(name, '.gan')] ?? ['D', 'G']);
    expect(program.samples.length).toBeGreaterThan(0);
  });
});
