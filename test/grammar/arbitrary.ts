/** Random syntax trees: every tree here is one that some text parses to. Spans are all empty; compare with `stripSpans`. */
import fc from 'fast-check';
import type {
  Argument,
  Body,
  CallExpr,
  DataField,
  Expr,
  GameLine,
  IndexItem,
  Item,
  Name,
  Param,
  ResultType,
  Spec,
  Statement,
  TrainLine,
  TypeExpr,
} from '../../grammar/ast.js';
import type { Span } from '../../grammar/source.js';
import { reservedWords } from '../../grammar/tokens.js';

const span: Span = { source: { name: '', text: '' }, start: 0, end: 0 };

/** A tree without spans and without absent parts, for comparison. */
export function stripSpans(tree: unknown): unknown {
  return JSON.parse(JSON.stringify(tree, (key, value) => (key === 'span' ? undefined : value)));
}

/** Spellings of other languages that the parser reads as ours, with a message. */
const foreign = new Set('True False None null nil elif def function func fn class module let var const val return while import from f r'.split(' '));

/** Words of the language that can be names, and names. */
const wordText = fc.oneof(
  fc.constantFrom(...'x y z h G D E fake real k i frames width conv linear batch_norm relu op e1 _x'.split(' ')),
  fc.constantFrom(
    ...'net block set state weight require extends hyper data noise game train sample variant judge metric player shared maximizes minimizes report with phase steps optional batch axis times average'.split(
      ' ',
    ),
  ),
  fc.stringMatching(/^[a-zA-Z_][a-zA-Z0-9_]{0,6}$/).filter((s) => s !== '_' && !reservedWords.has(s) && !foreign.has(s)),
);
const name: fc.Arbitrary<Name> = wordText.map((text) => ({ text, span }));

const text = fc.string({ unit: fc.constantFrom('a', ' ', '{', '}', '"', '\\', '\n', '%', '/', "'", '#', 'é', '字'), maxLength: 8 });
const stringExpr = text.map((t) => ({ kind: 'string' as const, span, text: t }));

const number: fc.Arbitrary<Expr> = fc.oneof(
  fc.nat(4096).map((value): Expr => ({ kind: 'number', span, value, exact: true })),
  fc.constantFrom(0.5, 1e-3, 2e-4, 0, 3, 1e21, 1e-300, 123456789, 0.1).map((value): Expr => ({ kind: 'number', span, value, exact: false })),
  fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }).map((value): Expr => ({ kind: 'number', span, value: Math.abs(value), exact: false })),
  fc.constantFrom(2 ** 53, 1e21).map((value): Expr => ({ kind: 'number', span, value, exact: true })),
);

const some = <T>(item: fc.Arbitrary<T>, most = 3, least = 0): fc.Arbitrary<T[]> => fc.array(item, { minLength: least, maxLength: most, size: 'max' });
const maybe = <K extends string, T>(key: K, item: fc.Arbitrary<T>): fc.Arbitrary<{ [k in K]?: T }> =>
  fc.option(item, { nil: undefined }).map((value) => (value === undefined ? {} : { [key]: value }) as { [k in K]?: T });

const doc = fc
  .array(
    fc.string({ unit: fc.constantFrom('a', ' ', '/', '"', '{', '-'), maxLength: 8 }).map((s) => s.trimEnd()),
    { minLength: 1, maxLength: 3 },
  )
  .map((lines) => lines.join('\n'))
  .filter((s) => s.trim() !== '');

const operators = ['+', '-', '*', '/', '%', '^', '==', '!=', '<', '<=', '>', '>=', 'and', 'or'] as const;

interface Parts {
  expr: Expr;
  args: Argument[];
  body: Body;
  statement: Statement;
  type: TypeExpr;
  net: Item;
  set: Item;
  block: Item;
}

/** Every call makes trees no deeper than this. */
const maxDepth = 4;

const parts = fc.letrec<Parts>((tie) => {
  const expr = tie('expr');
  const call: fc.Arbitrary<CallExpr> = fc
    .record({
      callee: fc.oneof({ weight: 4, arbitrary: name.map((n): Expr => ({ kind: 'name', span, name: n.text })) }, { weight: 1, arbitrary: expr }),
      args: tie('args'),
      rest: maybe('alias', name),
    })
    .map(({ callee, args, rest }) => ({ kind: 'call', span, callee, args, ...rest }));
  const nameExpr = wordText.map((n): Expr => ({ kind: 'name', span, name: n }));
  const field = fc.record({ target: expr, name }).map((r): Expr => ({ kind: 'field', span, ...r }));
  const indexItem: fc.Arbitrary<IndexItem> = fc.oneof(
    expr.map((value): IndexItem => ({ kind: 'at', span, value })),
    fc.tuple(maybe('from', expr), maybe('to', expr), maybe('step', expr)).map(([a, b, c]): IndexItem => ({ kind: 'slice', span, ...a, ...b, ...c })),
  );
  const state = fc.record({ name, shape: expr, initial: expr }).map((r): Statement => ({ kind: 'state', span, ...r }));
  return {
    expr: fc.oneof(
      { maxDepth, withCrossShrink: true },
      nameExpr,
      number,
      text.map((t): Expr => ({ kind: 'string', span, text: t })),
      fc.boolean().map((value): Expr => ({ kind: 'bool', span, value })),
      fc.constantFrom<Expr>({ kind: 'none', span }, { kind: 'hole', span }),
      some(expr).map((items): Expr => ({ kind: 'list', span, items })),
      some(fc.record({ name, value: expr })).map((fields): Expr => ({ kind: 'record', span, fields })),
      fc.record({ op: fc.constantFrom('-' as const, 'not' as const), value: expr }).map((r): Expr => ({ kind: 'unary', span, ...r })),
      fc.record({ op: fc.constantFrom(...operators), left: expr, right: expr }).map((r): Expr => ({ kind: 'binary', span, ...r })),
      fc.record({ op: fc.constantFrom(...operators), left: expr, right: expr }).map((r): Expr => ({ kind: 'binary', span, ...r })),
      fc.record({ from: expr, to: expr }).map((r): Expr => ({ kind: 'range', span, ...r })),
      call,
      fc.record({ left: expr, right: call }).map((r): Expr => ({ kind: 'pipe', span, ...r })),
      fc
        .tuple(fc.record({ left: expr, right: fc.oneof(nameExpr, field) }), maybe('alias', name))
        .map(([r, alias]): Expr => ({ kind: 'pipe', span, ...r, ...alias })),
      fc.record({ target: expr, items: some(indexItem, 3, 1) }).map((r): Expr => ({ kind: 'index', span, ...r })),
      field,
      fc.tuple(expr, tie('body'), maybe('otherwise', tie('body'))).map(([condition, then, o]): Expr => ({ kind: 'if', span, condition, then, ...o })),
    ),
    args: fc
      .tuple(some(fc.record({ value: expr, rest: maybe('name', name) })), fc.nat(6))
      .map(([list, bar]): Argument[] => list.map(({ value, rest }, i) => ({ span, value, ...rest, ...(i > 0 && i === bar ? { afterBar: true } : {}) }))),
    body: some(tie('statement'), 3).map((statements): Body => ({ span, statements })),
    statement: fc.oneof(
      { maxDepth, withCrossShrink: true },
      expr.map((value): Statement => ({ kind: 'expr', span, value })),
      fc.record({ name, value: expr }).map((r): Statement => ({ kind: 'bind', span, ...r })),
      fc.record({ name, value: expr }).map((r): Statement => ({ kind: 'advance', span, ...r })),
      state,
      fc
        .tuple(fc.record({ name, shape: expr, initial: expr, drawn: fc.boolean() }), maybe('stored', stringExpr))
        .map(([r, stored]): Statement => ({ kind: 'weight', span, ...r, ...stored })),
      fc.tuple(expr, maybe('message', stringExpr)).map(([condition, message]): Statement => ({ kind: 'require', span, condition, ...message })),
      fc.record({ name, over: expr, body: tie('body') }).map((r): Statement => ({ kind: 'for', span, ...r })),
      tie('net') as fc.Arbitrary<Statement>,
      tie('block') as fc.Arbitrary<Statement>,
      tie('set') as fc.Arbitrary<Statement>,
    ),
    type: fc
      .tuple(maybe('name', name), some(fc.tuple(expr, maybe('name', name)).map(([value, n]): Argument => ({ span, value, ...n }))))
      .map(([n, args]): TypeExpr => ({ kind: 'type', span, ...n, args })),
    net: fc
      .tuple(name, some(param()), maybe('result', result()), tie('body'), maybe('doc', doc))
      .map(([n, params, r, body, d]): Item => ({ kind: 'net', span, name: n, params, ...r, body, ...d })),
    block: fc
      .tuple(name, some(param()), tie('body'), maybe('doc', doc))
      .map(([n, params, body, d]): Item => ({ kind: 'block', span, name: n, params, body, ...d })),
    set: some(
      fc
        .record({ callee: name.map((n): Expr => ({ kind: 'name', span, name: n.text })), args: tie('args') })
        .map((r): CallExpr => ({ kind: 'call', span, ...r })),
      2,
      1,
    ).map((calls): Item => ({ kind: 'set', span, calls })),
  };

  function param(): fc.Arbitrary<Param> {
    return fc.tuple(name, maybe('annotation', expr)).map(([n, a]) => ({ span, name: n, ...a }));
  }

  function result(): fc.Arbitrary<ResultType> {
    return fc.oneof(
      tie('type').map((type): ResultType => ({ kind: 'typed', span, type })),
      some(name, 2, 1).map((names): ResultType => ({ kind: 'fields', span, names })),
    );
  }
});

export const expr = parts.expr;
export const statement = parts.statement;

const named = fc.record({ name, value: parts.expr });
const plainCall = fc.tuple(name, parts.args).map(([n, args]): CallExpr => ({ kind: 'call', span, callee: { kind: 'name', span, name: n.text }, args }));
const dataField = fc.tuple(name, parts.type, maybe('optional', parts.expr)).map(([n, type, o]): DataField => ({ span, name: n, type, ...o }));

const gameLine: fc.Arbitrary<GameLine> = fc.oneof(
  fc.record({ name, nets: some(name, 2, 1) }).map((r): GameLine => ({ kind: 'player', span, ...r })),
  fc.record({ name, value: parts.expr, shared: fc.boolean() }).map((r): GameLine => ({ kind: 'binding', span, ...r })),
  fc
    .record({ player: name, goal: fc.constantFrom('maximizes' as const, 'minimizes' as const), value: parts.expr })
    .map((r): GameLine => ({ kind: 'objective', span, ...r })),
  fc.tuple(named, maybe('player', name)).map(([r, p]): GameLine => ({ kind: 'report', span, ...r, ...p })),
  named.map((r): GameLine => ({ kind: 'advance', span, ...r })),
  fc.record({ name, shape: parts.expr, initial: parts.expr }).map((r): GameLine => ({ kind: 'state', span, ...r })),
  parts.expr.map((condition): GameLine => ({ kind: 'require', span, condition })),
);

const trainLine: fc.Arbitrary<TrainLine> = fc.letrec<{ line: TrainLine }>((tie) => ({
  line: fc.oneof(
    { maxDepth: 2 },
    named.map((r): TrainLine => ({ kind: 'setting', span, ...r })),
    fc.record({ player: name, optimizer: plainCall, options: some(named, 2) }).map((r): TrainLine => ({ kind: 'update', span, ...r })),
    // `phase with steps(...)` is an update of a player named `phase`.
    fc
      .record({ name: name.filter((n) => n.text !== 'with'), steps: parts.expr, lines: some(tie('line'), 2) })
      .map((r): TrainLine => ({ kind: 'phase', span, ...r })),
  ),
})).line;

export const item: fc.Arbitrary<Item> = fc.letrec<{ item: Item }>((tie) => ({
  item: fc.oneof(
    { maxDepth: 2 },
    text.map((t): Item => ({ kind: 'extends', span, path: { kind: 'string', span, text: t } })),
    fc.tuple(named, maybe('choices', parts.expr)).map(([r, c]): Item => ({ kind: 'hyper', span, ...r, ...c })),
    fc.record({ name, origin: plainCall, fields: some(dataField) }).map((r): Item => ({ kind: 'data', span, ...r })),
    fc
      .tuple(
        fc.record({ name, type: parts.type }),
        maybe(
          'range',
          fc.record({ from: parts.expr, to: parts.expr }).map((r) => ({ kind: 'range' as const, span, ...r })),
        ),
      )
      .map(([r, range]): Item => ({ kind: 'noise', span, ...r, ...range })),
    parts.net,
    parts.block,
    parts.set,
    some(gameLine).map((lines): Item => ({ kind: 'game', span, lines })),
    some(trainLine).map((lines): Item => ({ kind: 'train', span, lines })),
    fc.record({ kind: fc.constantFrom('sample' as const, 'metric' as const), name, value: parts.expr }).map((r): Item => ({ span, ...r })),
    fc
      .tuple(
        name,
        some(name.map((n): Param => ({ span, name: n }))),
        maybe(
          'result',
          some(name, 2, 1).map((names): ResultType => ({ kind: 'fields', span, names })),
        ),
        parts.body,
      )
      .map(([n, params, result, body]): Item => ({ kind: 'judge', span, name: n, params, ...result, body })),
    fc.record({ name, items: some(tie('item'), 2), values: some(named, 2) }).map((r): Item => ({ kind: 'variant', span, ...r })),
  ),
})).item;

export const spec: fc.Arbitrary<Spec> = some(item, 4).map((items) => ({ kind: 'spec', span, items }));
