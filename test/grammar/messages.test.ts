import { describe, expect, test } from 'vitest';
import { Diagnostics } from '../../grammar/diagnostics.js';
import { messages } from '../../grammar/messages.js';
import { parse } from '../../grammar/parser.js';

function codes(text: string): string[] {
  const diagnostics = new Diagnostics();
  parse({ name: 'a.gan', text }, diagnostics);
  return diagnostics.list.map((d) => d.code);
}

describe('every message', () => {
  for (const [name, { code, wrong, right, about }] of Object.entries(messages)) {
    test(`${code} ${name}: its example shows it alone, and the mend is clean`, () => {
      expect(about).not.toBe('');
      expect(codes(wrong)).toEqual([code]);
      expect(codes(right)).toEqual([]);
    });
  }

  test('has a code of its own', () => {
    const all = Object.values(messages).map((m) => m.code);
    expect(new Set(all).size).toBe(all.length);
  });
});
