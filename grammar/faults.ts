/** Makes diagnostics of what Chevrotain's parser raises. */
import type { IRecognitionException, IToken } from 'chevrotain';
import type { Diagnostic } from './diagnostics.js';
import type { Lines } from './lines.js';
import { diagnostic, messages } from './messages.js';
import type { Source, Span } from './source.js';
import { suggest } from './suggest.js';
import * as t from './tokens.js';

/** How the line of each rule is written. */
const forms: Readonly<Record<string, string>> = {
  extends: 'extends "base.gan"',
  hyper: 'hyper name = value',
  data: 'data name = source() { field: type[sizes] }',
  dataField: 'field: type[sizes]',
  noise: 'noise name: type[sizes]',
  net: 'net Name(inputs) { ... }',
  block: 'block name(inputs) { ... }',
  judge: 'judge Name(inputs) -> {field} { ... }',
  game: 'game { ... }',
  train: 'train { ... }',
  variant: 'variant name { ... }',
  sample: 'sample name = value',
  metric: 'metric name = value',
  set: 'set layer(argument: value)',
  state: 'state name: [sizes] = start',
  weight: 'weight name: [sizes] ~ normal(0, 1)',
  loop: 'for name in range(n) { ... }',
  choice: 'if condition { ... } else { ... }',
  player: 'player G = Net, Net',
  shared: 'shared name = value',
  report: 'report name = value',
  phase: 'phase name steps 500 { ... }',
  update: 'D with adam(lr: 2e-4)',
  resultOption: '-> type[sizes]',
  record: '{name: value, name: value}',
};

/** Rules that are parts of the form around them. */
const within: ReadonlySet<string> = new Set(['bind', 'params', 'origin', 'type', 'body', 'trainLines', 'condition']);

const statementWords = ['state', 'weight', 'require', 'for', 'set', 'net', 'block', 'if'];
const reservedTypes = new Set([t.If, t.Else, t.For, t.In, t.As, t.And, t.Or, t.Not, t.True, t.False, t.None]);

/** One diagnostic a fault; which of them are shown, `Lines.pick` decides. */
export function explainFaults(faults: readonly IRecognitionException[], source: Source, lines: Lines): Diagnostic[] {
  return faults.map((fault) => explain(fault, source, lines));
}

function explain(fault: IRecognitionException, source: Source, lines: Lines): Diagnostic {
  const { token } = fault;
  const before = lines.before(token);
  const span = place(token, before, source);
  const found = describe(token);
  const stack = fault.context.ruleStack;
  const form = stack.reduce<string | undefined>((last, rule) => forms[rule] ?? last, undefined);
  const rule = stack[stack.length - 1];
  const own = forms[rule] ?? (within.has(rule) ? form : undefined);
  if (token.tokenType === t.LeftArrow) return diagnostic(messages.arrowInExpression, span, []);
  if (fault.name !== 'MismatchedTokenException') {
    if (fault.message === 'expression' || fault.message === 'indexItem' || fault.message === 'statement') {
      if (misused(token)) return diagnostic(messages.reservedName, span, [token.image]);
      return diagnostic(messages.expectedExpression, span, [found, text(before)]);
    }
    const [where, help] = places[fault.message] ?? ['here', own === undefined ? undefined : `the form is \`${own}\``];
    return diagnostic(messages.unexpected, span, [found, where, help]);
  }
  switch (fault.message) {
    case 'Word':
      if (reservedTypes.has(token.tokenType)) return diagnostic(messages.reservedName, span, [token.image]);
      return diagnostic(messages.expectedWord, span, [found, before === undefined ? 'a name' : `a name after \`${text(before)}\``, own]);
    case 'EOF':
      return diagnostic(messages.expectedEnd, span, [found, endHelp(token, before, lines.first(span.start))]);
    case 'RCurly':
      if (rule === 'record') return diagnostic(messages.expectedSign, span, ['`,` or `}`', found, own]);
      if (before === undefined || before.tokenType === t.Newline || before.tokenType === t.LCurly)
        return diagnostic(messages.unexpected, span, [found, ...(places[rule] ?? ['here', undefined])]);
      return diagnostic(messages.expectedEnd, span, [found, endHelp(token, before, lines.first(span.start))]);
    case 'RParen':
    case 'RSquare':
      if (misused(token)) return diagnostic(messages.reservedName, span, [token.image]);
      if (before?.tokenType === t.LParen || before?.tokenType === t.LSquare) return diagnostic(messages.expectedExpression, span, [found, before.image]);
      if (fault.message === 'RSquare') return diagnostic(messages.expectedSign, span, ['`,` or `]`', found, undefined]);
      return diagnostic(messages.expectedSign, span, [rule === 'atom' ? '`)`' : '`,` or `)`', found, undefined]);
    case 'LCurly':
      if (token.tokenType === t.Colon) return diagnostic(messages.headerColon, span, [before?.image ?? 'this']);
      return diagnostic(messages.expectedSign, span, ['`{`', found, own]);
    default:
      return diagnostic(messages.expectedSign, span, [signs[fault.message] ?? fault.message, found, own]);
  }
}

const signs: Readonly<Record<string, string>> = Object.fromEntries(t.vocabulary.map((type) => [type.name, type.LABEL ?? type.name]));

/** By the `ERR_MSG` of the rule: where, and what may stand there. */
const places: Readonly<Record<string, readonly [string, string]>> = {
  'weight start': ['after the shape of a weight', 'write `~ normal(0, 1)` for a drawn start or `= 0` for a value'],
  'result type': ['after `->`', 'write `-> video[1, 8, 32, 32]` or `-> {digit, motion}`'],
  type: ['in place of the sizes of a type', 'write `video[1, 8, 32, 32]` or `[3, 8]`'],
  item: [
    'at the beginning of an item',
    'an item begins with one of: extends, hyper, data, noise, net, block, set, game, train, sample, judge, metric, variant',
  ],
  'game line': [
    'in a game',
    'a line of a game is `name = value`, `D maximizes value`, `G minimizes value`, `player G = nets`, `shared name = value` or `report name = value`',
  ],
  goal: ['in a game', 'write `name = value`, or `D maximizes value`'],
  'train line': ['in the schedule', 'write `batch 64`, `steps 20000`, `D with adam(lr: 2e-4)` or `phase warm steps 500 { ... }`'],
  'variant line': ['in a variant', 'write `name = value` for a hyper, or an item such as `game { ... }`'],
  colon: ['after the name', 'write `name: value`'],
  args: ['in a call', 'arguments are separated by commas'],
  set: ['after `set`', 'write `set layer(argument: value)`'],
  player: ['in a player', 'write `player G = Net, Net`'],
  data: ['in the fields of a data set', 'write `name: type[sizes]`'],
  trainLines: ['in the schedule', 'write `batch 64`, `steps 20000`, `D with adam(lr: 2e-4)` or `phase warm steps 500 { ... }`'],
};

/** At the end of a line or of the text, just behind what stands before; else the token. */
function place(token: IToken, before: IToken | undefined, source: Source): Span {
  if (Number.isFinite(token.startOffset) && token.tokenType !== t.Newline && token.image !== '')
    return { source, start: token.startOffset, end: t.endOf(token) };
  const end = before === undefined ? 0 : t.endOf(before);
  return { source, start: end, end };
}

function describe(token: IToken): string {
  if (!Number.isFinite(token.startOffset)) return 'the end of the text';
  if (token.tokenType === t.Newline) return 'the end of the line';
  if (token.tokenType === t.NumberLiteral) return `the number ${token.image}`;
  if (token.tokenType === t.StringLiteral) return 'a string';
  return token.image === '' ? `\`${signs[token.tokenType.name].replaceAll('`', '')}\`` : `\`${token.image}\``;
}

function text(token: IToken | undefined): string | undefined {
  return token === undefined || token.tokenType === t.Newline || token.image === '' ? undefined : token.image;
}

function misused(token: IToken): boolean {
  return token.tokenType === t.In || token.tokenType === t.As || token.tokenType === t.For;
}

function endHelp(token: IToken, before: IToken | undefined, first: IToken | undefined): string | undefined {
  if (token.tokenType === t.RightArrow) return 'the pipe is written `|>`';
  if (token.tokenType === t.If) return 'a choice between two values is `if condition { a } else { b }`';
  if (token.tokenType === t.Else) return '`else` follows the `}` of an `if`';
  if (token.tokenType === t.Colon) return 'a colon belongs to a named argument, a field or a type; a binding is `name = value`';
  if (token.tokenType === t.As) return '`as` follows a call: `linear(32) as fc1`';
  if (before?.tokenType === t.NumberLiteral && t.isA(token.tokenType, t.Word)) return `a product is written \`${before.image} * ${token.image}\``;
  const near = first !== undefined && first.tokenType === t.Identifier && before === first ? suggest(first.image, statementWords) : undefined;
  if (near !== undefined) return `did you mean \`${near}\`?`;
  return 'give each statement a line of its own, or put an operator between the two';
}
