import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Diagnostics } from '../../grammar/diagnostics.js';
import { parse, parseExpression } from '../../grammar/parser.js';
import { format, print } from '../../grammar/printer.js';
import { renderDiagnostics } from '../../grammar/render.js';
import { tokenize } from '../../grammar/tokens.js';
import { stripSpans } from './arbitrary.js';
import { examples } from './examples.js';

/** Every span of a tree or message lies in its text. */
function checkSpans(value: unknown, length: number): void {
  if (typeof value !== 'object' || value === null) return;
  if ('start' in value && 'end' in value && 'source' in value) {
    const { start, end } = value as { start: number; end: number };
    if (!(Number.isInteger(start) && Number.isInteger(end) && start >= 0 && start <= end && end <= length))
      throw new Error(`a span from ${start} to ${end} in a text of ${length}`);
    return;
  }
  for (const inner of Object.values(value)) checkSpans(inner, length);
}

/** Any text gives a tree; without messages it is one that prints and reads back, with messages they are located and can be shown. */
function survives(text: string): void {
  const source = { name: 'damaged.gan', text };
  const diagnostics = new Diagnostics();
  const tree = parse(source, diagnostics);
  checkSpans(tree, text.length);
  checkSpans(diagnostics.list, text.length);
  if (diagnostics.list.length === 0) {
    const again = new Diagnostics();
    expect(stripSpans(parse({ name: 'b.gan', text: print(tree) }, again))).toEqual(stripSpans(tree));
    expect(again.list).toEqual([]);
    format(source, new Diagnostics());
  }
  for (const style of ['pretty', 'plain', 'json'] as const) renderDiagnostics(diagnostics.list, { format: style, color: false });
  expect(JSON.stringify(diagnostics.list.map((d) => [d.message, d.label, d.help]))).not.toMatch(/undefined|NaN|\[object/);
}

const example = fc.constantFrom(...examples);
const pieces = 'net block game train variant if else for in as and not state weight set ( ) [ ] { } |> | , : = == <- -> .. . ~ + - * ^ _ x 3 0.5 "s" true none'
  .split(' ')
  .concat(['\n', '#', ';', "'", '"', '&&', '@', '\\', '\u0000', '字', '+=', ':=']);

interface Damage {
  kind: 'delete' | 'double' | 'replace' | 'insert' | 'swap';
  at: number;
  piece: string;
}

const damage: fc.Arbitrary<Damage> = fc.record({
  kind: fc.constantFrom('delete' as const, 'double' as const, 'replace' as const, 'insert' as const, 'swap' as const),
  at: fc.nat(10000),
  piece: fc.constantFrom(...pieces),
});

function damaged(text: string, { kind, at, piece }: Damage): string {
  const { tokens } = tokenize(text);
  if (tokens.length < 2) return text + piece;
  const token = tokens[at % (tokens.length - 1)];
  const next = tokens[(at % (tokens.length - 1)) + 1];
  const start = token.startOffset;
  const end = start + token.image.length;
  const [before, after] = [text.slice(0, start), text.slice(end)];
  if (kind === 'delete') return before + after;
  if (kind === 'double') return `${before}${token.image} ${token.image}${after}`;
  if (kind === 'replace') return `${before}${piece}${after}`;
  if (kind === 'insert') return `${before}${piece} ${token.image}${after}`;
  return before + next.image + text.slice(end, next.startOffset) + token.image + text.slice(next.startOffset + next.image.length);
}

test('a damaged token never breaks the parser', () => {
  fc.assert(
    fc.property(example, fc.array(damage, { minLength: 1, maxLength: 4 }), ({ text }, list) => survives(list.reduce(damaged, text))),
    { numRuns: 200 },
  );
}, 60_000);

test('a truncated text never breaks the parser', () => {
  fc.assert(
    fc.property(example, fc.double({ min: 0, max: 1, noNaN: true }), ({ text }, part) => survives(text.slice(0, Math.floor(part * text.length)))),
    { numRuns: 60 },
  );
}, 60_000);

test('random words never break the parser', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...pieces, 'game', 'train', 'data', 'hyper', 'player', 'maximizes', 'with'), { maxLength: 40 }), (list) => {
      survives(list.join(' '));
      parseExpression({ name: 'set', text: list.join(' ') }, new Diagnostics());
    }),
    { numRuns: 300 },
  );
}, 60_000);

test('random characters never break the parser', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 60 }), survives), { numRuns: 100 });
});

const hostile: [string, string][] = [
  ['open parentheses', '('.repeat(20_000)],
  ['open braces', 'net G(z) '.repeat(1) + '{'.repeat(20_000)],
  ['closing brackets', ')]}'.repeat(7_000)],
  ['nested lists', `hyper a = ${'['.repeat(20_000)}1${']'.repeat(20_000)}`],
  ['a row of operators', `hyper a = 1${' + 1'.repeat(30_000)}`],
  ['a row of powers', `hyper a = 1${' ^ 1'.repeat(30_000)}`],
  ['a row of minus signs', `hyper a = ${'-'.repeat(30_000)}1`],
  ['a row of nots', `hyper a = ${'not '.repeat(30_000)}true`],
  ['a row of pipes', `net G(z) { z${' |> relu'.repeat(30_000)} }`],
  ['a row of calls', `hyper a = f${'()'.repeat(30_000)}`],
  ['a row of fields', `hyper a = f${'.x'.repeat(30_000)}`],
  ['a row of else if', `net G(z) { ${'if a { b } else '.repeat(5_000)} { c } }`],
  ['nested ifs', `net G(z) { ${'if a { '.repeat(5_000)} b ${'}'.repeat(5_000)} }`],
  ['a long list', `hyper a = [${'1, '.repeat(30_000)}1]`],
  ['many commas', `hyper a = f(${','.repeat(20_000)})`],
  ['many items', 'hyper a = 1\n'.repeat(10_000)],
  ['many mistakes', 'hyper a = = 1\n'.repeat(2_000)],
  ['many bad lines', 'net G(z) { (\n'.repeat(1_000)],
  ['many quotes', '"\n'.repeat(5_000)],
  ['a long word', 'x'.repeat(200_000)],
  ['a long digit', `hyper a = ${'9'.repeat(100_000)}`],
  ['python blocks', `${Array.from({ length: 300 }, (_, i) => `${' '.repeat(i)}if a:`).join('\n')}\n`],
];

for (const [what, text] of hostile) {
  test(`survives ${what}`, () => {
    const diagnostics = new Diagnostics();
    const tree = parse({ name: 'a.gan', text }, diagnostics);
    if (diagnostics.list.length === 0) print(tree);
    renderDiagnostics(diagnostics.list, { format: 'pretty', color: false });
  }, 10_000);
}
