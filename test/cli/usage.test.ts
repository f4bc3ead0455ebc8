import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ganc, root, temporaryFolder } from './support.js';

const commands = ['init', 'check', 'inspect', 'compile', 'train', 'sample', 'run', 'explain', 'doctor'];

test('help goes to stdout with examples, for every command', async () => {
  const help = await ganc(['--help']);
  expect(help.code).toBe(0);
  for (const command of commands) {
    expect(help.stdout).toContain(`  ${command}`);
    const own = await ganc([command, '--help']);
    expect(own.code).toBe(0);
    expect(own.stdout).toContain('Examples:');
  }
});

test('version', async () => {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  expect(await ganc(['--version'])).toMatchObject({ code: 0, stdout: `${version}\n` });
});

test('usage errors: exit 2, a suggestion, nothing on stdout', async () => {
  for (const [args, words] of [
    [[], 'Usage'],
    [['chek'], 'check'],
    [['check'], "missing required argument 'spec'"],
    [['check', 'x.gan', '--formt', 'json'], '--format'],
    [['train', 'x.gan', '--steps', '-3'], '--steps'],
    [['train', 'x.gan', '--seed', 'abc'], 'seed'],
    [['compile', 'x.gan'], '--out'],
    [['sample', 'runs/x', '--count', '0'], '--count'],
  ] as [string[], string][]) {
    const result = await ganc(args);
    expect(result.code, args.join(' ')).toBe(2);
    expect(result.stdout).toBe('');
    expect(result.stderr).toContain(words);
  }
});

test('init writes a spec that checks, and never overwrites', async () => {
  const cwd = temporaryFolder();
  const made = await ganc(['init', 'my gan'], { cwd });
  expect(made).toMatchObject({ code: 0, stdout: `${join('my gan', 'gan.gan')}\n` });
  expect(made.stderr).toContain("ganc train 'my gan/gan.gan'");
  const text = readFileSync(join(cwd, 'my gan', 'gan.gan'), 'utf8');
  expect((await ganc(['check', 'my gan/gan.gan'], { cwd })).code).toBe(0);
  const again = await ganc(['init', 'my gan'], { cwd });
  expect(again.code).toBe(1);
  expect(again.stderr).toContain('exists already');
  expect(readFileSync(join(cwd, 'my gan', 'gan.gan'), 'utf8')).toBe(text);
});
