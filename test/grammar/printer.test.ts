import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Spec } from '../../grammar/ast.js';
import { Diagnostics } from '../../grammar/diagnostics.js';
import { parse } from '../../grammar/parser.js';
import { format, print } from '../../grammar/printer.js';
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
});
