import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { explanations } from '../../compiler/elaborate/explanations.js';
import { messages } from '../../grammar/messages.js';
import { ganc, temporaryFolder } from './support.js';

const folder = temporaryFolder();

test('a code: what it is about, a wrong example and a right one; in lower case too', async () => {
  const { code, stdout } = await ganc(['explain', 'GAN2003']);
  expect(code).toBe(0);
  const { about, wrong, right } = explanations.GAN2003;
  expect(stdout.replace(/\s+/g, ' ')).toContain(about);
  expect(stdout).toContain(`wrong:\n\n    ${wrong}\n\nright:\n\n    ${right}\n`);
  expect(stdout).not.toContain('\u001b');
  expect((await ganc(['explain', 'gan2003'])).stdout).toBe(stdout);
  expect((await ganc(['explain', 'GAN2003'], { env: { NO_COLOR: '', FORCE_COLOR: '1' } })).stdout).toContain('\u001b[');
});

test('--json holds the same', async () => {
  const { about, wrong, right } = messages.hashComment;
  expect(JSON.parse((await ganc(['explain', 'GAN1006', '--json'])).stdout)).toEqual({ code: 'GAN1006', about, wrong, right });
});

test('without a code: every code on a line', async () => {
  const { code, stdout } = await ganc(['explain']);
  expect(code).toBe(0);
  const codes = [...Object.values(messages).map((m) => m.code), ...Object.keys(explanations)].sort();
  const lines = stdout.trimEnd().split('\n');
  expect(lines.map((line) => line.slice(0, 7))).toEqual(codes);
  for (const line of lines) expect(line).toMatch(/^GAN\d{4} {2}\S.*\.$/);
  const rows = JSON.parse((await ganc(['explain', '--json'])).stdout) as { code: string }[];
  expect(rows.map((row) => row.code)).toEqual(codes);
});

test('an unknown code or name: the nearest, exit 2, nothing on stdout', async () => {
  for (const [topic, words] of [
    ['GAN3099', 'did you mean GAN3009?'],
    ['bach_norm', 'did you mean batch_norm?'],
    ['reshape', 'docs/language.md'],
    ['xylophone', 'docs/prelude.md'],
  ]) {
    const result = await ganc(['explain', topic]);
    expect(result).toMatchObject({ code: 2, stdout: '' });
    expect(result.stderr).toContain(words);
  }
});

test('a block of the prelude: printed whole, it is a spec of its own', async () => {
  const { code, stdout } = await ganc(['explain', 'batch_norm']);
  expect(code).toBe(0);
  expect(stdout).toContain('Ioffe and Szegedy 2015');
  const block = JSON.parse((await ganc(['explain', 'batch_norm', '--json'])).stdout) as { text: string };
  for (const line of block.text.split('\n')) expect(stdout).toContain(`    ${line}`.trimEnd());
  const path = join(folder, 'own.gan');
  writeFileSync(path, `${block.text}\nnet F(x: [3, 4]) { x |> batch_norm }\n`);
  expect((await ganc(['check', path])).code).toBe(0);
});

test('a mistake shown in full ends with where to read more', async () => {
  const path = join(folder, 'wrong.gan');
  writeFileSync(path, 'net F(x: [8]) { x |> linear }\n');
  expect((await ganc(['inspect', path])).stderr).toMatch(/1 error\n`ganc explain GAN2003` says more\n$/);
  expect((await ganc(['check', path])).stdout).not.toContain('ganc explain');
});
