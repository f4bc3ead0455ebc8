/** Every message has an explanation whose example is true. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type CompileOptions, compileRun, compileSpec } from '../../compiler/compile.js';
import { explanations } from '../../compiler/elaborate/explanations.js';
import { messages } from '../../grammar/messages.js';
import { root } from '../cli/support.js';

const BASE = 'net Base(x: [8]) { x |> linear(3) }\n';

/** What an example leaves out of a whole spec: data, a noise, the nets of its players, and how they train. */
function framed(example: string): string {
  const has = (start: string): boolean => new RegExp(`^${start}\\b`, 'm').test(example);
  const parts: string[] = [];
  if (!has('extends')) {
    if (!has('data')) parts.push('data digits = mnist() { x: image[1, 28, 28] }');
    if (!has('noise')) parts.push('noise z: normal[8]');
    if (/\bG\(/.test(example) && !has('net G')) parts.push('net G(z) -> image[1, 28, 28] { z |> linear(784) |> tanh |> reshape(1, 28, 28) }');
    if (/\bD\(/.test(example) && !has('net D')) parts.push('net D(x) { x |> flatten |> linear(1) |> sigmoid }');
    const players = new Set([...example.matchAll(/^.*?(\w+) (?:minimizes|maximizes) /gm)].map((match) => match[1]));
    const updates = [...players].map((player) => `  ${player} with adam(lr: 2e-4)\n`);
    if (has('game') && !has('train')) parts.push(`train {\n  batch 16   steps 100\n${updates.join('')}}`);
  }
  return [example, ...parts].join('\n');
}

/** The codes that an example gives, called as its first line says. */
function codes(example: string): string[] {
  const called = example.startsWith('// ganc ') ? example.split('\n')[0] : '';
  const set = /--set (\w+)=(\S+)/.exec(called);
  const source = { name: 'gan.gan', text: framed(example) };
  const options: CompileOptions = {
    variant: /--variant (\w+)/.exec(called)?.[1],
    set: set ? { [set[1]]: set[2] } : undefined,
    resolve: (path) => {
      if (path === 'gan.gan') return source;
      if (path === 'base.gan') return { name: path, text: BASE };
      throw new Error(`there is no file ${path}`);
    },
  };
  const net = /^\/\/ ganc run \S+ (\w+)/.exec(called)?.[1];
  const run = { batch: 1, training: false, vjp: false, vjp2: false, inputs: new Map() };
  const { diagnostics } = net ? compileRun(source, net, { ...options, ...run }) : compileSpec(source, options);
  return diagnostics.map((d) => d.code);
}

describe('every explanation', () => {
  for (const [code, { about, wrong, right }] of Object.entries(explanations)) {
    test(`${code}: its example shows it, and the mend is clean`, () => {
      expect(about).toMatch(/^[A-Z`].*\.$/s);
      expect(codes(wrong)[0]).toBe(code);
      expect(codes(right)).toEqual([]);
    });
  }
});

test('every code that the compiler can raise has one explanation, and no explanation is without a code', () => {
  const raised = ['grammar', 'compiler'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts') && !path.includes('explanations'))
      .flatMap((path) => [...readFileSync(join(root, folder, path), 'utf8').matchAll(/'(GAN\d{4})'/g)].map((match) => match[1])),
  );
  const explained = [...Object.values(messages).map((m) => m.code), ...Object.keys(explanations)];
  expect(explained.sort()).toEqual([...new Set(raised)].sort());
});
