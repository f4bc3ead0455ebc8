import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Spec } from '../../grammar/ast.js';
import { Diagnostics } from '../../grammar/diagnostics.js';
import { parse } from '../../grammar/parser.js';
import { format, print } from '../../grammar/printer.js';
import { tokenize } from '../../grammar/tokens.js';
import { spec, stripSpans } from './arbitrary.js';
import { examples } from './examples.js';

function read(text: string): Spec {
  const diagnostics = new Diagnostics();
  const tree = parse({ name: 'a.gan', text }, diagnostics);
  expect(diagnostics.list.map((d) => `${d.message} at ${d.span.start}\n${text}`)).toEqual([]);
  return tree;
}

function formatted(text: string): string {
  const diagnostics = new Diagnostics();
  const result = format({ name: 'a.gan', text }, diagnostics);
  expect(diagnostics.list).toEqual([]);
  return result as string;
}

describe('the printed text reads back as the tree', () => {
  for (const source of examples) {
    test(source.name, () => {
      const tree = read(source.text);
      const text = print(tree);
      expect(stripSpans(read(text))).toEqual(stripSpans(tree));
      expect(print(read(text))).toBe(text);
    });
  }

  test('for random trees', () => {
    fc.assert(
      fc.property(spec, (tree) => {
        expect(stripSpans(read(print(tree)))).toEqual(stripSpans(tree));
      }),
      { numRuns: 300 },
    );
  });
});

describe('formatting', () => {
  for (const source of examples) {
    test(`keeps the tree and every comment of ${source.name}, and is stable`, () => {
      const text = formatted(source.text);
      expect(stripSpans(read(text))).toEqual(stripSpans(read(source.text)));
      const comments = (t: string): string[] => (t.match(/\/\/.*/g) ?? []).map((c) => c.trimEnd());
      expect(comments(text)).toEqual(comments(source.text));
      expect(formatted(text)).toBe(text);
    });
  }

  test('keeps comments wherever they stand', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...examples),
        fc.array(fc.record({ at: fc.nat(200), alone: fc.boolean() }), { minLength: 1, maxLength: 6 }),
        ({ text }, places) => {
          const lines = text.split('\n');
          for (const [i, { at, alone }] of places.entries()) {
            const line = at % lines.length;
            if (alone) lines.splice(line, 0, `  // added ${i}`);
            else lines[line] += ` // added ${i}`;
          }
          const given = lines.join('\n');
          const once = formatted(given);
          const comments = (t: string): string[] => tokenize(t).comments.map((c) => c.image.trim());
          expect(comments(once)).toEqual(comments(given));
          const bare = (t: string): unknown => JSON.parse(JSON.stringify(stripSpans(read(t)), (key, value) => (key === 'doc' ? undefined : value)));
          expect(bare(once)).toEqual(bare(given));
          expect(formatted(once)).toBe(once);
        },
      ),
      { numRuns: 100 },
    );
  }, 60_000);

  test('keeps single blank lines, settings on one line and bodies on several', () => {
    const text = 'net D(x) {\n  a = x\n\n  a\n}\n\ntrain {\n  batch 3   steps 4\n}\n';
    expect(formatted(text)).toBe(text);
    expect(formatted('net   D(x){x|>relu}\ntrain {batch 3 steps 4\n}')).toBe('net D(x) { x |> relu }\n\ntrain {\n  batch 3   steps 4\n}\n');
  });

  test('a chain that is too long goes on in the next line, as much on each as fits; so do the calls of a set', () => {
    const layer = 'conv(64, kernel: 3, padding: 1)';
    const row = (count: number, what = `|> ${layer}`): string => Array(count).fill(what).join(' ');
    expect(formatted(`net D(x) { x ${row(6)} }`)).toBe(`net D(x) {\n  x ${row(3)}\n    ${row(3)}\n}\n`);
    expect(formatted(`net D(x) { x ${row(8, '+ something_with_a_name')} }`)).toBe(
      `net D(x) {\n  x ${row(4, '+ something_with_a_name')}\n    ${row(4, '+ something_with_a_name')}\n}\n`,
    );
    const call = 'conv(weight: spectral_norm, init: glorot_uniform(), bias: 0)';
    expect(formatted(`set ${call}, ${call}`)).toBe(`set ${call},\n  ${call}\n`);
  });

  test('comments at the ends of lines that follow each other stand below each other', () => {
    const text = 'hyper a = 1    // one\nhyper bcd = 2  // two\n// alone\nhyper e = 3  // three\nhyper f = 4\nhyper g = 10  // ten\n';
    expect(formatted(text.replaceAll(/ +\/\/ (?!alone)/g, ' // '))).toBe(text);
    const far = `hyper a = 1  // one\nhyper ${'b'.repeat(50)} = 2  // two\n`;
    expect(formatted(far)).toBe(far);
  });

  test('every spec is laid out so', () => {
    const folder = fileURLToPath(new URL('../../specs/', import.meta.url));
    for (const name of readdirSync(folder).filter((file) => file.endsWith('.gan'))) {
      const text = readFileSync(folder + name, 'utf8');
      expect(text, name).toBe(formatted(text));
    }
  });

  test('refuses a text with mistakes', () => {
    const diagnostics = new Diagnostics();
    expect(format({ name: 'a.gan', text: 'hyper = 3' }, diagnostics)).toBeUndefined();
    expect(diagnostics.failed).toBe(true);
  });
});
