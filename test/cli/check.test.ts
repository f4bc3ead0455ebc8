import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ganc, root, temporaryFolder } from './support.js';

const folder = temporaryFolder();
const wrong = join(root, 'test', 'errors', 'misspelt-layer.gan');

test('a good spec: nothing on stdout, exit 0', async () => {
  const result = await ganc(['check', 'specs/mnist-mlp.gan']);
  expect(result).toMatchObject({ code: 0, stdout: '' });
  expect(result.stderr).toContain('ok specs/mnist-mlp.gan');
});

test('mistakes are lines on stdout with place and code, exit 1; good specs beside them are still checked', async () => {
  const result = await ganc(['check', wrong, 'specs/mnist-mlp.gan']);
  expect(result.code).toBe(1);
  expect(result.stdout).toMatch(/misspelt-layer\.gan:6:\d+: error GAN\d{4}: /);
  expect(result.stderr).toContain('ok specs/mnist-mlp.gan');
});

test('--format json is a list that a program reads', async () => {
  const list = JSON.parse((await ganc(['check', wrong, '--format', 'json'])).stdout);
  expect(list).toHaveLength(1);
  expect(list[0]).toMatchObject({ severity: 'error', code: expect.stringMatching(/^GAN\d{4}$/) });
  expect((await ganc(['check', 'specs/mnist-mlp.gan', '--format', 'json'])).stdout.trim()).toBe('[]');
});

test('a warning is shown, and is no failure', async () => {
  const warned = join(root, 'test', 'errors', 'fake-range.gan');
  const list = JSON.parse((await ganc(['check', warned, '--format', 'json'])).stdout);
  expect(list).toMatchObject([{ severity: 'warning', code: 'GAN4070', line: 8 }]);
  const plain = await ganc(['check', warned, '--format', 'plain']);
  expect(plain.code).toBe(0);
  expect(plain.stdout).toMatch(/fake-range\.gan:8:\d+: warning GAN4070: /);
  expect(plain.stderr).toContain('ok ');
  expect((await ganc(['check', warned, '--quiet'])).stdout).toBe('');
});

test('stdin', async () => {
  const result = await ganc(['check', '-', '--format', 'plain'], { input: 'net G(z) { z |> \n' });
  expect(result.code).toBe(1);
  expect(result.stdout).toContain('<stdin>:');
});

test('--set is checked', async () => {
  expect((await ganc(['check', 'specs/mnist-mlp.gan', '--set', 'drop=0.5'])).code).toBe(0);
  const unknown = await ganc(['check', 'specs/mnist-mlp.gan', '--set', 'dorp=0.5']);
  expect(unknown.code).not.toBe(0);
  expect(unknown.stdout + unknown.stderr).toContain('drop');
  expect((await ganc(['check', 'specs/mnist-mlp.gan', '--set', 'drop'])).code).toBe(2);
});

test('files that are no specs get a sentence and exit 1, never a stack trace', async () => {
  writeFileSync(join(folder, 'binary.gan'), Buffer.from([0x7f, 0x45, 0, 1]));
  writeFileSync(join(folder, 'latin.gan'), Buffer.from([0x2f, 0x2f, 0xe9, 0x0a]));
  mkdirSync(join(folder, 'dir with space'), { recursive: true });
  writeFileSync(join(folder, 'digits.gan'), '');
  for (const [path, words] of [
    ['binary.gan', 'is not text'],
    ['latin.gan', 'UTF-8'],
    ['dir with space', 'folder'],
    ['digit.gan', 'did you mean digits.gan?'],
  ]) {
    const result = await ganc(['check', path], { cwd: folder });
    expect(result.code).toBe(1);
    expect(result.stderr).toContain(words);
    expect(result.stderr).not.toMatch(/\n\s+at /);
  }
});
