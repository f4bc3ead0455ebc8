import { describe, expect, test } from 'vitest';
import type { Expr, Item, NetItem, Statement } from '../../grammar/ast.js';
import { Diagnostics } from '../../grammar/diagnostics.js';
import { SpecParser } from '../../grammar/items.js';
import { parse, parseExpression } from '../../grammar/parser.js';
import { makeLexer } from '../../grammar/tokens.js';
import { stripSpans } from './arbitrary.js';
import { examples } from './examples.js';

function items(text: string): readonly Item[] {
  const diagnostics = new Diagnostics();
  const tree = parse({ name: 'a.gan', text }, diagnostics);
  expect(diagnostics.list.map((d) => d.message)).toEqual([]);
  return tree.items;
}

function expr(text: string): Expr {
  const diagnostics = new Diagnostics();
  const tree = parseExpression({ name: 'set', text }, diagnostics);
  expect(diagnostics.list.map((d) => d.message)).toEqual([]);
  return tree;
}

/** A tree in short: `(+ a (* b c))`. */
function short(e: Expr): string {
  switch (e.kind) {
    case 'number':
      return String(e.value);
    case 'name':
      return e.name;
    case 'unary':
      return `(${e.op} ${short(e.value)})`;
    case 'binary':
      return `(${e.op} ${short(e.left)} ${short(e.right)})`;
    case 'range':
      return `(.. ${short(e.from)} ${short(e.to)})`;
    case 'pipe':
      return `(|> ${short(e.left)} ${short(e.right)}${e.alias === undefined ? '' : ` as ${e.alias.text}`})`;
    case 'call':
      return `${short(e.callee)}(${e.args.map((a) => (a.afterBar === true ? '| ' : '') + (a.name === undefined ? '' : `${a.name.text}: `) + short(a.value)).join(' ')})${e.alias === undefined ? '' : ` as ${e.alias.text}`}`;
    case 'field':
      return `${short(e.target)}.${e.name.text}`;
    case 'index':
      return `${short(e.target)}[${e.items.map((i) => (i.kind === 'at' ? short(i.value) : [i.from, i.to, i.step].map((p) => (p === undefined ? '' : short(p))).join(':'))).join(' ')}]`;
    case 'none':
    case 'hole':
      return e.kind;
    default:
      return e.kind;
  }
}

function body(text: string): readonly Statement[] {
  return (items(`net N(x) {\n${text}\n}`)[0] as NetItem).body.statements;
}

test('the grammar has no ambiguity that its gates do not settle', () => {
  expect(() => new SpecParser(true)).not.toThrow();
  expect(() => makeLexer(true)).not.toThrow();
  expect(makeLexer(true).lexerDefinitionErrors).toEqual([]);
});

describe('the specs parse without a message', () => {
  for (const source of examples) {
    test(source.name, () => {
      const diagnostics = new Diagnostics();
      const tree = parse(source, diagnostics);
      expect(diagnostics.list).toEqual([]);
      expect(tree.items.length).toBeGreaterThan(4);
    });
  }
});

describe('precedence', () => {
  const cases: [string, string][] = [
    ['a + b * c', '(+ a (* b c))'],
    ['a - b - c', '(- (- a b) c)'],
    ['a ^ b ^ c', '(^ a (^ b c))'],
    ['-a ^ 2', '(- (^ a 2))'],
    ['2 ^ -x ^ 2', '(^ 2 (- (^ x 2)))'],
    ['2 ^ -x * y', '(* (^ 2 (- x)) y)'],
    ['-a * b', '(* (- a) b)'],
    ['a * -b', '(* a (- b))'],
    ['not a == b', '(not (== a b))'],
    ['not a and b or c', '(or (and (not a) b) c)'],
    ['a < b + 1 and c', '(and (< a (+ b 1)) c)'],
    ['-1..1', '(.. (- 1) 1)'],
    ['0..n - 1', '(.. 0 (- n 1))'],
    ['1..2', '(.. 1 2)'],
    ['.5..1.5', '(.. 0.5 1.5)'],
    ['a + b |> f', '(|> (+ a b) f)'],
    ['z |> linear(32) as fc1 |> relu as r', '(|> (|> z linear(32) as fc1) relu as r)'],
    ['f(x)(y).z[0]', 'f(x)(y).z[0]'],
    ['op.conv(x, w)', 'op.conv(x w)'],
    ['D(x | t, a)', 'D(x | t a)'],
    ['f(kernel: 3, x |> g)', 'f(kernel: 3 (|> x g))'],
    ['x[:, 1:, :-1, ::2, a:b:c, none]', 'x[:: 1:: :(- 1): ::2 a:b:c none]'],
    ['E[log(D(x))]', 'E[log(D(x))]'],
    ['f(batch: 3, in_: 4, axis: batch).steps', 'f(batch: 3 in_: 4 axis: batch).steps'],
    ['(a + b) * c', '(* (+ a b) c)'],
    ['head(_, s)', 'head(hole s)'],
  ];
  for (const [text, tree] of cases) test(text, () => expect(short(expr(text))).toBe(tree));
});

describe('numbers', () => {
  test('a size is exact', () => expect(expr('32')).toMatchObject({ value: 32, exact: true }));
  for (const [text, value] of [
    ['0.5', 0.5],
    ['.5', 0.5],
    ['1e-3', 1e-3],
    ['2e-4', 2e-4],
    ['2.0', 2],
    ['1E+2', 100],
  ] as const) {
    test(`${text} is not`, () => expect(expr(text)).toMatchObject({ value, exact: false }));
  }
});

test('strings undo their escapes', () => {
  expect(expr('"a \\"b\\" {c} \\\\ \\n"')).toMatchObject({ kind: 'string', text: 'a "b" {c} \\ \n' });
});

describe('ends of statements', () => {
  const same: [string, string][] = [
    ['x |> a\n  |> b', 'x |> a |> b'],
    ['y = a +\n b', 'y = a + b'],
    ['y = a\n - b', 'y = a - b'],
    ['y = a\n and b', 'y = a and b'],
    ['y =\n a', 'y = a'],
    ['f(a,\n\n b\n)', 'f(a, b)'],
    ['y = [1,\n 2,\n]', 'y = [1, 2]'],
    ['y = {\n a: 1,\n b: 2,\n}', 'y = {a: 1, b: 2}'],
    ['if a { x }\nelse { y }', 'if a { x } else { y }'],
    ['if a { b = 1 } c', 'if a { b = 1 }\nc'],
    ['for i in range(2) { f = g } f', 'for i in range(2) { f = g }\nf'],
    ['{ a: x,\n b: y }', '{a: x, b: y}'],
    ['x // a comment\n  |> f // another', 'x |> f'],
    ['x\r\n  |> f\r\n', 'x |> f'],
  ];
  for (const [one, other] of same) test(JSON.stringify(one), () => expect(stripSpans(body(one))).toEqual(stripSpans(body(other))));

  test('two lines are two statements', () => expect(body('a\nb\n(c)\n[d]\nnot e').map((s) => s.kind)).toEqual(['expr', 'expr', 'expr', 'expr', 'expr']));
  test('a body in parentheses keeps its own', () => expect(short((body('y = (if a {\n b = 1\n b\n} else { 0 })')[0] as { value: Expr }).value)).toBe('if'));
});

test('words of the language are names where nothing else can stand', () => {
  const kinds = body('state = 1\nweight = state\nset = f(net)\nrequire = 2\nblock <- net\nx.data + x.sample[game]\nf(steps: 1, weight: 2, init: 3)').map(
    (s) => s.kind,
  );
  expect(kinds).toEqual(['bind', 'bind', 'bind', 'bind', 'advance', 'expr', 'expr']);
});

test('a comment block above a net or block is its doc', () => {
  const text =
    '// apart\n\n// Two lines\n//   of doc.\nnet A(x) { x } // not doc\nnet B(x) { x }\n\n// inner\nblock c(x) {\n  // of d\n  block d(y) { y }\n  d(x)\n}';
  const [a, b, c] = items(text) as NetItem[];
  expect(a.doc).toBe('Two lines\n  of doc.');
  expect(b.doc).toBeUndefined();
  expect(c.doc).toBe('inner');
  expect((c.body.statements[0] as NetItem).doc).toBe('of d');
});

test('spans cover what was written', () => {
  const text = 'net G(z) {\n  h = (a + b) * c |> f(x) as g\n}';
  const net = items(text)[0] as NetItem;
  const cut = (s: { span: { start: number; end: number } }): string => text.slice(s.span.start, s.span.end);
  const bind = net.body.statements[0] as { span: { start: number; end: number }; value: Expr };
  expect(cut(net)).toBe(text);
  expect(cut(bind)).toBe('h = (a + b) * c |> f(x) as g');
  const pipe = bind.value as Extract<Expr, { kind: 'pipe' }>;
  expect(cut(pipe.left)).toBe('(a + b) * c');
  expect(cut(pipe.right)).toBe('f(x) as g');
});

describe('items', () => {
  test('data fields may share a line', () => {
    expect(items('data d = m(n: 1) { x: image[1, 28, 28]  y: class[10]\n a: audio[8, 20] optional 0.2, t: tokens[9, words: 32] }')[0]).toMatchObject({
      origin: { callee: { name: 'm' } },
      fields: [
        { name: { text: 'x' } },
        { name: { text: 'y' } },
        { name: { text: 'a' }, optional: { value: 0.2 } },
        { type: { args: [{}, { name: { text: 'words' } }] } },
      ],
    });
  });

  test('a schedule', () => {
    const [train] = items(
      'train {\n batch 64   steps 20000\n phase warm steps 500 { D with adam(), times 2 }\n D with adam(lr: 2e-4), times 5, average 0.999\n}',
    );
    expect(train).toMatchObject({
      lines: [
        { kind: 'setting', name: { text: 'batch' } },
        { kind: 'setting', name: { text: 'steps' } },
        { kind: 'phase', name: { text: 'warm' }, lines: [{ kind: 'update' }] },
        { kind: 'update', player: { text: 'D' }, options: [{ name: { text: 'times' } }, { name: { text: 'average' } }] },
      ],
    });
  });

  test('a game', () => {
    const [game] = items(
      'game {\n player G = G, Words\n shared fake = G(z | t)\n wrong = mismatch(t)\n state m: [] = 0\n D maximizes E[x]\n G minimizes -E[x]\n report r = E[x] in D\n m <- 3\n require a == b, "no"\n}',
    );
    expect((game as Extract<Item, { kind: 'game' }>).lines.map((l) => l.kind)).toEqual([
      'player',
      'binding',
      'binding',
      'state',
      'objective',
      'objective',
      'report',
      'advance',
      'require',
    ]);
  });

  test('a variant holds items and values', () => {
    const [variant] = items('variant v { drop = 0\n game { G minimizes E[x] } a = 1\n hyper b = 2 }');
    expect(variant).toMatchObject({ values: [{ name: { text: 'drop' } }, { name: { text: 'a' } }], items: [{ kind: 'game' }, { kind: 'hyper' }] });
  });

  test('results by type and by fields', () => {
    expect(items('net F(x: [3, 8], t: tokens[9, words: 32]) -> [3] { x }')[0]).toMatchObject({
      params: [{ annotation: { kind: 'list' } }, { annotation: { kind: 'index' } }],
      result: { kind: 'typed' },
    });
    expect(items('judge J(x) -> {digit, motion} { x }')[0]).toMatchObject({ result: { kind: 'fields', names: [{ text: 'digit' }, { text: 'motion' }] } });
  });

  test('weights drawn and given', () => {
    expect(body('weight k: [8, 3] ~ normal(0, 1)\nweight s: [] = 0')).toMatchObject([{ drawn: true }, { drawn: false }]);
  });

  test('an empty text has no items', () => expect(items('\n// nothing\n')).toEqual([]));
});
