/** Every example of the language reference compiles. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { compileSpec } from '../../compiler/compile.js';

const text = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'language.md'), 'utf8');
const examples = [...text.matchAll(/```gan\n(.*?)```/gs)].map((match) => ({ line: text.slice(0, match.index).split('\n').length + 1, text: match[1] }));

test.each(examples)('the example at line $line', ({ text: example }) => {
  const { module, diagnostics } = compileSpec({ name: 'example.gan', text: example });
  expect(diagnostics.map((d) => d.message)).toEqual([]);
  expect(module).toBeDefined();
});

test('there are examples', () => expect(examples.length).toBeGreaterThan(8));
