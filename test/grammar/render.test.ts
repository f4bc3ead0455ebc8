import { describe, expect, test } from 'vitest';
import type { Diagnostic } from '../../grammar/diagnostics.js';
import { renderDiagnostics } from '../../grammar/render.js';
import type { Source } from '../../grammar/source.js';
import { lineText, position } from '../../grammar/source.js';

const source: Source = { name: 'gan.gan', text: 'hyper a = 3\n\tb = "字" + c\nlast line' };
const at = (text: string, from: Source = source) => ({ source: from, start: from.text.indexOf(text), end: from.text.indexOf(text) + text.length });
const error = (part: Partial<Diagnostic>): Diagnostic => ({ code: 'GAN2001', severity: 'error', message: 'wrong', span: at('3'), ...part });
const pretty = (...list: Diagnostic[]): string => renderDiagnostics(list, { format: 'pretty', color: false });

describe('pretty', () => {
  test('a frame with label, help and notes', () => {
    expect(
      pretty(error({ label: 'here', help: 'write 4', notes: [{ message: 'because' }, { message: 'see', span: at('last') }] })),
    ).toBe(`gan.gan:1:11: error GAN2001: wrong
1 | hyper a = 3
  |           ^ here
  = help: write 4
  = note: because
  = note: see (gan.gan:3:1)
3 | last line
  | ----

1 error`);
  });

  test('tabs and wide characters', () => {
    expect(pretty(error({ span: at('c\n') }))).toContain('2 |     b = "字" + c\n  |                ^');
  });

  test('a span over several lines is underlined on its first', () => {
    expect(pretty(error({ span: { source, start: 6, end: source.text.length } }))).toContain('1 | hyper a = 3\n  |       ^^^^^\n');
  });

  test('an empty span at the end of the text', () => {
    expect(pretty(error({ span: { source, start: source.text.length, end: source.text.length } }))).toContain('3 | last line\n  |          ^\n');
  });

  test('a long line is cut around the place', () => {
    const long: Source = { name: 'l', text: `${'a '.repeat(300)}HERE${' b'.repeat(300)}` };
    const [, line, under] = pretty(error({ span: at('HERE', long) })).split('\n');
    expect(line.length).toBeLessThan(180);
    expect(line.slice(under.indexOf('^'), under.indexOf('^') + 4)).toBe('HERE');
  });

  test('control characters do not reach the terminal', () => {
    const sly: Source = { name: 's', text: 'a \u001b[31m b' };
    expect(pretty(error({ span: at('b', sly) }))).not.toContain('\u001b');
  });

  test('in the order of the text, and counted', () => {
    const text = pretty(error({ span: at('last') }), error({ severity: 'warning', message: 'odd' }), error({ span: at('c\n') }));
    expect(text.match(/^gan.*$/gm)).toEqual(['gan.gan:1:11: warning GAN2001: odd', 'gan.gan:2:12: error GAN2001: wrong', 'gan.gan:3:1: error GAN2001: wrong']);
    expect(text.endsWith('\n2 errors, 1 warning')).toBe(true);
  });

  test('colours only when asked for', () => {
    expect(pretty(error({}))).not.toContain('\u001b');
    expect(renderDiagnostics([error({})], { format: 'pretty', color: true })).toContain('\u001b[31m');
  });

  test('nothing to say', () => expect(pretty()).toBe(''));
});

test('plain is a line each', () => {
  expect(renderDiagnostics([error({ help: 'write 4' }), error({ span: at('last'), message: 'two\nlines' })], { format: 'plain', color: false })).toBe(
    'gan.gan:1:11: error GAN2001: wrong (write 4)\ngan.gan:3:1: error GAN2001: two lines',
  );
});

test('json has every part', () => {
  const list = JSON.parse(renderDiagnostics([error({ label: 'l', notes: [{ message: 'n', span: at('last') }] })], { format: 'json', color: false }));
  expect(list).toEqual([
    {
      file: 'gan.gan',
      line: 1,
      column: 11,
      endLine: 1,
      endColumn: 12,
      code: 'GAN2001',
      severity: 'error',
      message: 'wrong',
      label: 'l',
      help: null,
      notes: [{ message: 'n', file: 'gan.gan', line: 3, column: 1, endLine: 3, endColumn: 5 }],
    },
  ]);
  expect(renderDiagnostics([], { format: 'json', color: false })).toBe('[]');
});

test('positions with every kind of line end', () => {
  const text: Source = { name: 'e', text: 'a\r\nbc\rd\n\ne' };
  expect([0, 1, 3, 4, 6, 8, 9].map((o) => position(text, o))).toEqual([
    { line: 1, column: 1 },
    { line: 1, column: 2 },
    { line: 2, column: 1 },
    { line: 2, column: 2 },
    { line: 3, column: 1 },
    { line: 4, column: 1 },
    { line: 5, column: 1 },
  ]);
  expect([1, 2, 3, 4, 5].map((line) => lineText(text, line))).toEqual(['a', 'bc', 'd', '', 'e']);
});
