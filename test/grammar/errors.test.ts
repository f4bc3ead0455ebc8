import { describe, expect, test } from 'vitest';
import type { NetItem } from '../../grammar/ast.js';
import { Diagnostics } from '../../grammar/diagnostics.js';
import { parse } from '../../grammar/parser.js';
import { print } from '../../grammar/printer.js';
import { renderDiagnostics } from '../../grammar/render.js';

function read(text: string) {
  const diagnostics = new Diagnostics();
  const tree = parse({ name: 'a.gan', text }, diagnostics);
  return { tree, list: diagnostics.list };
}

function shown(text: string): string {
  return renderDiagnostics(read(text).list, { format: 'pretty', color: false });
}

const good = [
  'hyper a = 3',
  'net G(z) {',
  '  h = z |> linear(3)',
  '  h |> relu',
  '}',
  'game {',
  '  fake = G(z)',
  '  D maximizes E[x]',
  '}',
  'train { batch 3 }',
];

test('three mistakes give three messages, and all the rest of the tree', () => {
  const text =
    'hyper a = 3 4\nhyper b = 5\nnet G(z) {\n  h = z |> linear(3 4)\n  k = h |>\n  state = * 3\n  h |> relu\n}\ngame {\n  D maximises E[x]\n  fake = G(z)\n}\ntrain { batch 3 }';
  const { tree, list } = read(text.replace('k = h |>\n', 'k = h\n'));
  expect(list.map((d) => d.code)).toEqual(['GAN1301', 'GAN1203', 'GAN1201', 'GAN1404']);
  expect(tree.items.map((i) => i.kind)).toEqual(['hyper', 'hyper', 'net', 'game', 'train']);
  expect((tree.items[2] as NetItem).body.statements.map((s) => s.kind)).toEqual(['bind', 'bind', 'bind', 'expr']);
  expect(tree.items[3]).toMatchObject({ lines: [{ kind: 'objective', goal: 'maximizes' }, { kind: 'binding' }] });
});

describe('a mistake in one line leaves the other items alone', () => {
  const lines: [number, string][] = [
    [0, 'hyper a ='],
    [0, 'hyper = 3'],
    [0, 'hiper a = 3'],
    [1, 'net G(z { '],
    [1, 'net G z) {'],
    [1, 'net (z) {'],
    [2, '  h = z |> linear(3'],
    [2, '  h = z |> linear 3'],
    [2, '  h = z |> "a'],
    [2, '  h = z]'],
    [2, '  h = = z'],
    [2, '  h == z + )'],
    [2, '  if h = 3 { z }'],
    [2, '  for in range(3) { z }'],
    [7, '  D maximizes E[x'],
    [7, '  D maximize E[x]'],
    [7, '  maximizes E[x]'],
    [9, 'train { batch }'],
    [9, 'train { batch 3 D wth adam() }'],
    [9, 'train { batch 3'],
  ];
  for (const [at, line] of lines) {
    test(line.trim(), () => {
      const { tree, list } = read(good.map((l, i) => (i === at ? line : l)).join('\n'));
      expect(list.length).toBe(1);
      const kinds = ['hyper', 'net', 'game', 'train'];
      const lost = kinds.filter((kind) => !tree.items.some((i) => i.kind === kind));
      expect(lost.length).toBeLessThanOrEqual(at <= 1 ? 1 : 0);
    });
  }
});

test('a text in the manner of Python says so once for each habit', () => {
  const { tree, list } = read(
    "# GAN\ndef up(x, width):\n    # block\n    if width > 2:\n        x = conv(x, 64)\n    else:\n        x = x ** 2\n    return relu(x)\n\nhyper b = 'a'\nhyper c = 'b'\n",
  );
  expect(list.map((d) => d.code)).toEqual(['GAN1006', 'GAN1011', 'GAN1010', 'GAN1007', 'GAN1011', 'GAN1005']);
  expect(list[2].notes).toEqual([{ message: 'the same on lines 4, 6' }]);
  expect(print(tree)).toBe('block up(x, width) {\n  if width > 2 { x = conv(x, 64) } else { x = x^2 }\n  relu(x)\n}\n\nhyper b = "a"\nhyper c = "b"\n');
});

describe('messages in full', () => {
  test('a missing parenthesis points at the opening one', () => {
    expect(shown('net G(z) {\n  z |> linear(32, bias: false\n    |> relu\n  z\n}')).toBe(`a.gan:3:12: error GAN1101: \`(\` is never closed
3 |     |> relu
  |            ^ \`)\` expected here
  = note: opened here (a.gan:2:14)
2 |   z |> linear(32, bias: false
  |              -

1 error`);
  });

  test('a missing brace at the end of the text', () => {
    expect(shown('net G(z) {\n  z |> relu\n')).toBe(`a.gan:2:12: error GAN1101: \`{\` is never closed
2 |   z |> relu
  |            ^ \`}\` expected here
  = note: opened here (a.gan:1:10)
1 | net G(z) {
  |          -

1 error`);
  });

  test('a missing brace before the next item', () => {
    expect(shown('net G(z) {\n  if a {\n    z\n  z |> relu\n}\nnet D(x) { x }')).toBe(`a.gan:3:6: error GAN1101: \`{\` is never closed
3 |     z
  |      ^ \`}\` expected here
  = note: opened here (a.gan:2:8)
2 |   if a {
  |        -

1 error`);
  });

  test('a missing comma', () => {
    expect(shown('net G(z) {\n  z |> conv(64 kernel: 3)\n}')).toBe(`a.gan:2:16: error GAN1203: a comma is missing between two arguments
2 |   z |> conv(64 kernel: 3)
  |                ^^^^^^ comma expected before this
  = help: write \`, kernel\`

1 error`);
  });

  test('an argument with an equals sign', () => {
    expect(shown('hyper a = f(kernel = 4)')).toBe(`a.gan:1:20: error GAN1204: \`kernel\` takes a colon here, not \`=\`
1 | hyper a = f(kernel = 4)
  |                    ^ \`:\` expected
  = help: write \`kernel: ...\`

1 error`);
  });

  test('a misspelt objective', () => {
    expect(shown('game {\n  D maximises E[x]\n}')).toBe(`a.gan:2:5: error GAN1404: unknown \`maximises\` in a game
2 |   D maximises E[x]
  |     ^^^^^^^^^
  = help: did you mean \`maximizes\`?

1 error`);
  });

  test.each(['G times 5 with adam(lr: 1)', 'G, times 5 with adam(lr: 1)', 'G times 5, average 0.9 with adam(lr: 1)'])('options before `with`: %s', (line) => {
    const { tree, list } = read(`train {\n  batch 3\n  ${line}\n  steps 9\n}`);
    expect(list.map((d) => `${d.code} ${d.message}`)).toEqual(['GAN1408 `times` stands before `with`']);
    expect(tree.items[0]).toMatchObject({ lines: [{ kind: 'setting' }, { kind: 'update' }, { kind: 'setting' }] });
  });

  test('settings by name on the line of an update are no options', () => {
    const { tree, list } = read('train { batch n steps m D with adam(lr: 1) }');
    expect(list).toEqual([]);
    expect(tree.items[0]).toMatchObject({ lines: [{ kind: 'setting' }, { kind: 'setting' }, { kind: 'update' }] });
  });

  test('a misspelt item', () => {
    expect(shown('gaem { D maximizes E[x] }')).toBe(`a.gan:1:1: error GAN1401: \`gaem\` begins no item
1 | gaem { D maximizes E[x] }
  | ^^^^
  = help: did you mean \`game\`?

1 error`);
  });

  test('a reserved word as a name', () => {
    expect(shown('net G(z) {\n  in = z\n  in |> relu\n}')).toBe(`a.gan:2:3: error GAN1202: \`in\` is a word of the language and cannot be a name
2 |   in = z
  |   ^^ reserved
  = help: choose another name, such as \`in_\`
  = note: the same on line 3

1 error`);
  });

  test('an open string', () => {
    expect(shown('data d = images("pictures) { x: image[3, 32, 32] }\nhyper a = 3')).toContain('a.gan:1:17: error GAN1002: this string has no end');
  });

  test('the end of the text', () => {
    expect(shown('hyper a =')).toBe(`a.gan:1:10: error GAN1201: expected an expression after \`=\`, found the end of the text
1 | hyper a =
  |          ^ expression expected

1 error`);
  });

  test('a pipe into an operation', () => {
    expect(shown('net D(x) {\n  x |> linear(3) + 1\n}')).toBe(`a.gan:2:8: error GAN1207: the right side of \`|>\` must be a call or a name
2 |   x |> linear(3) + 1
  |        ^^^^^^^^^^^^^ \`|>\` binds loosest: this whole side is its target
  = help: put the pipe in parentheses: \`(x |> f(...)) + y\`

1 error`);
  });
});
