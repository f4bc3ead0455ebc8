/** The prelude's reference is made from the prelude, and says something of every block. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { preludeFiles } from '../../compiler/prelude/blocks.js';
import { preludeReference } from '../../scripts/prelude-reference.mjs';

const files = preludeFiles();

test('docs/prelude.md is up to date', () => {
  const text = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'prelude.md'), 'utf8');
  expect(text === preludeReference(files), 'the prelude has changed: run `npm run docs`').toBe(true);
});

test('every file and every block begins with a comment of its own', () => {
  for (const { subject, comment, blocks } of files) {
    expect(comment, subject).not.toBe('');
    expect(blocks.length, subject).toBeGreaterThan(0);
    for (const block of blocks) {
      expect(block.comment, block.name).not.toBe('');
      expect(block.comment, block.name).not.toContain(comment);
    }
  }
});

test('a block is read whole', () => {
  const layers = files.find((file) => file.subject === 'layers');
  expect(layers?.blocks.find((block) => block.name === 'flatten')).toEqual({
    name: 'flatten',
    subject: 'layers',
    signature: 'flatten(x)',
    comment: 'All axes to one.',
    text: 'block flatten(x) { reshape(x, size(x)) }',
  });
});
