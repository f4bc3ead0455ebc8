import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ganc, temporaryFolder } from './support.js';

const folder = temporaryFolder();
const untidy = '// a comment\nhyper   width=8\nnet F( x:[8] ){ x|>linear( width ) }   // beside\n';

test('one layout, comments kept; a second time changes nothing; --check tells', async () => {
  const path = join(folder, 'untidy.gan');
  writeFileSync(path, untidy);
  expect(await ganc(['fmt', '--check', path])).toMatchObject({ code: 1 });
  expect(readFileSync(path, 'utf8')).toBe(untidy);
  expect((await ganc(['fmt', path])).code).toBe(0);
  const text = readFileSync(path, 'utf8');
  expect(text).toContain('hyper width = 8');
  expect(text).toContain('// a comment');
  expect(text).toContain('// beside');
  expect(await ganc(['fmt', '--check', path])).toMatchObject({ code: 0, stdout: '' });
});

test('a text with mistakes stays as it is; stdin goes to stdout', async () => {
  const path = join(folder, 'broken.gan');
  writeFileSync(path, 'net F(x: [8]) { x |>');
  expect((await ganc(['fmt', path])).code).toBe(1);
  expect(readFileSync(path, 'utf8')).toBe('net F(x: [8]) { x |>');
  expect(await ganc(['fmt', '-'], { input: 'hyper a=1\n' })).toMatchObject({ code: 0, stdout: 'hyper a = 1\n' });
});
