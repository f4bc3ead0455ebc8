/**
 * Every syntax message, in one table: its stable code, what it says, and an example with its mend.
 * `wrong` gives exactly this code when parsed, and `right` gives no message: a test holds every entry to that.
 */
import type { Diagnostic, Diagnostics, Note } from './diagnostics.js';
import type { Span } from './source.js';

export interface Said {
  readonly message: string;
  readonly label?: string;
  readonly help?: string;
}

export interface Message<A extends readonly unknown[]> {
  readonly code: string;
  /** What the mistake is and why the language has it so: for `ganc explain`. */
  readonly about: string;
  readonly wrong: string;
  readonly right: string;
  readonly say: (...args: A) => Said;
}

function message<A extends readonly unknown[]>(code: string, about: string, wrong: string, right: string, say: (...args: A) => Said): Message<A> {
  return { code, about, wrong, right, say };
}

const meant = (suggestion: string | undefined): string | undefined => (suggestion === undefined ? undefined : `did you mean \`${suggestion}\`?`);

export const messages = {
  // ------------------------------------------------------------ GAN10xx: characters and spellings
  strayCharacter: message(
    'GAN1001',
    'The text holds a character that begins nothing in the language. Names are made of letters a-z, digits and `_`.',
    'hyper a = 3 @ 4',
    'hyper a = 3 * 4',
    (text: string) => ({ message: `unexpected character \`${text}\``, label: 'not part of the language', help: strayHelp(text) }),
  ),
  openString: message(
    'GAN1002',
    'A string ends on the line on which it begins. Write `\\n` for a line break and `\\"` for a quote within it.',
    'extends "base.gan',
    'extends "base.gan"',
    () => ({ message: 'this string has no end', label: 'begins here', help: 'close it with `"` on the same line' }),
  ),
  badEscape: message(
    'GAN1003',
    'After a backslash a string knows `\\"`, `\\\\` and `\\n`.',
    'extends "a\\qb.gan"',
    'extends "a\\\\qb.gan"',
    (sequence: string) => ({ message: `unknown escape \`${sequence}\` in a string`, help: 'a backslash itself is written `\\\\`' }),
  ),
  hugeNumber: message(
    'GAN1004',
    'Numbers are 64-bit floats; this one is larger than the largest of them.',
    'hyper a = 1e999',
    'hyper a = 1e30',
    (text: string) => ({ message: `the number ${text} is too large`, help: 'the largest number is about 1.8e308' }),
  ),
  singleQuotes: message('GAN1005', 'Strings stand in double quotes.', "extends 'base.gan'", 'extends "base.gan"', (text: string) => ({
    message: 'strings stand in double quotes',
    help: `write ${text}`,
  })),
  hashComment: message('GAN1006', 'A comment begins with `//`.', 'hyper a = 3 # width', 'hyper a = 3 // width', () => ({
    message: 'a comment begins with `//`, not `#`',
    help: 'write `//` for `#`',
  })),
  foreignOperator: message(
    'GAN1007',
    'Some operators of other languages are spelled otherwise here: `^` for `**`, `and` for `&&`, `or` for `||`, `not` for `!`.',
    'hyper a = 2 ** 3',
    'hyper a = 2 ^ 3',
    (theirs: string, ours: string) => ({ message: `\`${theirs}\` is written \`${ours}\` here`, help: `write \`${ours}\`` }),
  ),
  foreignWord: message(
    'GAN1008',
    'Some words of other languages are spelled otherwise here: `true`, `false`, `none`, `else if`.',
    'hyper a = True',
    'hyper a = true',
    (theirs: string, ours: string) => ({ message: `\`${theirs}\` is written \`${ours}\` here`, help: `write \`${ours}\`` }),
  ),
  semicolon: message('GAN1009', 'A statement ends at the end of its line or at `}`.', 'hyper a = 3;', 'hyper a = 3', () => ({
    message: 'a statement ends with its line, without `;`',
    help: 'delete the `;`, and give each statement a line',
  })),
  headerColon: message(
    'GAN1010',
    'The body of a net, block, `if` or `for` stands in braces; indentation has no meaning.',
    'net D(x):\n  x |> linear(1)\n',
    'net D(x) {\n  x |> linear(1)\n}',
    (word: string) => ({
      message: `the body of \`${word}\` stands in braces`,
      label: '`{` expected',
      help: 'write `{` for `:`, and `}` after the last line of the body',
    }),
  ),
  foreignStatement: message(
    'GAN1011',
    'Nets and blocks are declared with `net` and `block`, names are bound with `name = value`, and the last expression of a body is its result.',
    'net D(x) { return linear(x, 1) }',
    'net D(x) { linear(x, 1) }',
    (word: string, help: string) => ({ message: `there is no \`${word}\` in the language`, help }),
  ),
  foreignAssignment: message(
    'GAN1012',
    '`name = value` binds a name anew, and may use its old value on the right; `+=` and the like are not there.',
    'net D(x) {\n  x += 1\n  x\n}',
    'net D(x) {\n  x = x + 1\n  x\n}',
    (name: string, operator: string) => ({ message: `there is no \`${operator}=\``, help: `write \`${name} = ${name} ${operator} ...\`` }),
  ),

  // ------------------------------------------------------------ GAN11xx: brackets and bodies
  tooDeep: message(
    'GAN1104',
    'A statement is nested, or chained, deeper than any reader could follow, and deeper than the compiler reads.',
    `hyper a = ${'('.repeat(300)}1${')'.repeat(300)}`,
    'hyper a = 1',
    () => ({ message: 'this is nested too deeply', label: 'the rest is not read', help: 'bind parts of it to names, or use `for`' }),
  ),
  unclosed: message(
    'GAN1101',
    'Every `(`, `[` and `{` needs its closing partner.',
    'net D(x) {\n  x |> linear(1\n}',
    'net D(x) {\n  x |> linear(1)\n}',
    (opener: string, closer: string) => ({ message: `\`${opener}\` is never closed`, label: `\`${closer}\` expected here` }),
  ),
  wrongCloser: message(
    'GAN1102',
    'A bracket is closed by its own kind: `(` by `)`, `[` by `]`, `{` by `}`.',
    'hyper a = [1, 2)',
    'hyper a = [1, 2]',
    (opener: string, found: string, closer: string) => ({
      message: `\`${opener}\` is closed by \`${found}\``,
      label: `\`${closer}\` expected`,
      help: `write \`${closer}\``,
    }),
  ),
  strayCloser: message('GAN1103', 'A closing bracket has no partner before it.', 'hyper a = 3)', 'hyper a = 3', (closer: string) => ({
    message: `this \`${closer}\` closes nothing`,
    help: `delete it, or write the missing \`${{ ')': '(', ']': '[', '}': '{' }[closer]}\``,
  })),

  // ------------------------------------------------------------ GAN12xx: expressions
  expectedExpression: message(
    'GAN1201',
    'A value should stand here: a number, a name, a call, a list, a record, or an operator between two of them.',
    'hyper a = ',
    'hyper a = 3',
    (found: string, after: string | undefined) => ({
      message: `expected an expression${after === undefined ? '' : ` after \`${after}\``}, found ${found}`,
      label: 'expression expected',
    }),
  ),
  reservedName: message(
    'GAN1202',
    'The words if, else, for, in, as, and, or, not, true, false and none are part of the grammar and cannot be names.',
    'net G(z) {\n  in = z\n  z\n}',
    'net G(z) {\n  input = z\n  input\n}',
    (word: string) => ({
      message: `\`${word}\` is a word of the language and cannot be a name`,
      label: 'reserved',
      help: `choose another name, such as \`${word}_\``,
    }),
  ),
  missingComma: message(
    'GAN1203',
    'Arguments, list items and record fields are separated by commas.',
    'hyper a = max(3 4)',
    'hyper a = max(3, 4)',
    (before: string, what: string) => ({
      message: `a comma is missing between two ${what}`,
      label: 'comma expected before this',
      help: `write \`, ${before}\``,
    }),
  ),
  argumentEquals: message(
    'GAN1204',
    'A named argument, a default and a field of a record are written with a colon: `kernel: 4`.',
    'hyper a = f(kernel = 4)',
    'hyper a = f(kernel: 4)',
    (name: string) => ({ message: `\`${name}\` takes a colon here, not \`=\``, label: '`:` expected', help: `write \`${name}: ...\`` }),
  ),
  conditionEquals: message(
    'GAN1205',
    '`=` binds a name; `==` compares.',
    'net D(x) {\n  if a = 3 { x } else { -x }\n}',
    'net D(x) {\n  if a == 3 { x } else { -x }\n}',
    () => ({ message: '`=` binds a name; a comparison is `==`', label: '`==` expected', help: 'write `==`' }),
  ),
  chainedComparison: message(
    'GAN1206',
    'Comparisons and ranges do not chain: say which pair is meant.',
    'hyper a = 1 < 2 < 3',
    'hyper a = 1 < 2 and 2 < 3',
    (operator: string) => ({
      message: `\`${operator}\` cannot follow another ${operator === '..' ? 'range' : 'comparison'}`,
      help: operator === '..' ? 'a range has two ends: `from..to`' : 'write `a < b and b < c`',
    }),
  ),
  pipeTarget: message(
    'GAN1207',
    '`x |> f(y)` means `f(x, y)`: on the right of `|>` stands a call or the name of a net, block or function. `|>` binds loosest of all.',
    'net D(x) {\n  x |> linear(3) + 1\n}',
    'net D(x) {\n  (x |> linear(3)) + 1\n}',
    (kind: 'operation' | 'other') => ({
      message: 'the right side of `|>` must be a call or a name',
      label: kind === 'operation' ? '`|>` binds loosest: this whole side is its target' : 'not a call',
      help: kind === 'operation' ? 'put the pipe in parentheses: `(x |> f(...)) + y`' : 'write `x |> f(...)` or `x |> f`',
    }),
  ),
  looseAlias: message(
    'GAN1208',
    '`as` names the weights of a call: `linear(32) as fc1`. It follows a call, or a bare name on the right of `|>`.',
    'net D(x) {\n  x as y\n}',
    'net D(x) {\n  x |> relu as y\n}',
    (name: string) => ({ message: '`as` follows a call', label: 'names no call', help: `to bind a value, write \`${name} = ...\`` }),
  ),
  barPlace: message(
    'GAN1209',
    'The bar of `D(x | t)` is a comma that reads like the paper: once in a call, between two arguments.',
    'hyper a = f(x | y | z)',
    'hyper a = f(x | y, z)',
    (why: string) => ({ message: why, help: 'write a comma' }),
  ),
  emptyArgument: message('GAN1210', 'Between two commas something must stand.', 'hyper a = f(1, , 2)', 'hyper a = f(1, 2)', (what: string) => ({
    message: `${what} is missing before this comma`,
    help: 'delete the comma, or write what is missing',
  })),
  positionalAfterType: message(
    'GAN1211',
    'A type is a name with sizes in square brackets, `video[1, 8, 32, 32]`, or sizes alone, `[3, 8]`.',
    'noise z: normal(100)',
    'noise z: normal[100]',
    (name: string) => ({ message: 'the sizes of a type stand in square brackets', label: '`[` expected', help: `write \`${name}[...]\`` }),
  ),
  arrowInExpression: message(
    'GAN1212',
    '`<-` is one sign: it gives a state its next value. To compare with a negative number, put a space between `<` and `-`.',
    'net D(x) {\n  require f(x) <-1\n  x\n}',
    'net D(x) {\n  require f(x) < -1\n  x\n}',
    () => ({
      message: '`<-` gives a state its next value and cannot stand inside an expression',
      help: 'for a comparison write `< -` with a space; a state is advanced by `name <- value`',
    }),
  ),
  emptyIndex: message(
    'GAN1213',
    'An index is a value, a slice `from:to:step` with parts left out, or `none` for a new axis.',
    'hyper a = x[]',
    'hyper a = x[:]',
    () => ({ message: 'an index is missing', label: 'nothing between the brackets', help: 'write `x[:]` for all of it' }),
  ),

  // ------------------------------------------------------------ GAN13xx: statements
  expectedEnd: message(
    'GAN1301',
    'A statement ends with its line. A line goes on where it ends in an operator, `|>`, a comma or `=`, and where the next begins with an operator or `|>`.',
    'hyper a = 3 4',
    'hyper a = 3',
    (found: string, help: string | undefined) => ({ message: `expected the end of the line, found ${found}`, label: 'not part of what stands before', help }),
  ),
  expectedWord: message('GAN1302', 'A name should stand here.', 'hyper 3 = 4', 'hyper three = 4', (found: string, what: string, form: string | undefined) => ({
    message: `expected ${what}, found ${found}`,
    label: 'name expected',
    help: form === undefined ? undefined : `the form is \`${form}\``,
  })),
  expectedSign: message(
    'GAN1303',
    'A sign of the grammar is missing.',
    'hyper a 3',
    'hyper a = 3',
    (sign: string, found: string, form: string | undefined) => ({
      message: `expected ${sign}, found ${found}`,
      label: `${sign} expected`,
      help: form === undefined ? undefined : `the form is \`${form}\``,
    }),
  ),
  unexpected: message(
    'GAN1304',
    'What stands here does not fit the form of the line.',
    'train { = 3 }',
    'train { steps 3 }',
    (found: string, where: string, form: string | undefined) => ({ message: `unexpected ${found} ${where}`, help: form }),
  ),
  bindTarget: message('GAN1305', 'The left side of `=` is a single name.', 'net D(x) {\n  x.a = 3\n  x\n}', 'net D(x) {\n  a = 3\n  x\n}', () => ({
    message: 'only a name can be bound',
    label: 'not a name',
    help: 'write `name = value`; to compare, write `==`',
  })),
  notRange: message('GAN1306', 'A noise is drawn between two ends: `uniform[2] in -1..1`.', 'noise u: uniform[2] in 3', 'noise u: uniform[2] in 0..3', () => ({
    message: 'a range `from..to` must follow `in`',
    label: 'not a range',
    help: 'write `in -1..1`',
  })),
  originCall: message(
    'GAN1307',
    'A data set and an optimizer are named by a call: `mnist()`, `images("folder")`, `adam(lr: 2e-4)`.',
    'data digits = mnist { x: image[1, 28, 28] }',
    'data digits = mnist() { x: image[1, 28, 28] }',
    (name: string, what: string) => ({ message: `${what} is named by a call`, label: '`(` expected after this', help: `write \`${name}()\`` }),
  ),
  setCall: message(
    'GAN1308',
    '`set` takes calls with the new defaults: `set conv(init: normal(0, 0.02)), linear(bias: false)`.',
    'set conv',
    'set conv(kernel: 3)',
    (name: string) => ({
      message: '`set` takes a call with the new defaults',
      label: '`(` expected after this',
      help: `write \`set ${name}(argument: value)\``,
    }),
  ),

  // ------------------------------------------------------------ GAN14xx: items
  unknownItem: message(
    'GAN1401',
    'A text is a list of items, each begun by its word: extends, hyper, data, noise, net, block, set, game, train, sample, judge, metric, variant.',
    'nett G(z) { z }',
    'net G(z) { z }',
    (word: string, suggestion: string | undefined) => ({
      message: `\`${word}\` begins no item`,
      help: meant(suggestion) ?? 'an item begins with one of: extends, hyper, data, noise, net, block, set, game, train, sample, judge, metric, variant',
    }),
  ),
  looseStatement: message(
    'GAN1402',
    'Values are bound in the body of a net, a block or a game. At the top level stands `hyper name = value` for a value that the whole text reads.',
    'frames = 16',
    'hyper frames = 16',
    (name: string) => ({
      message: 'a binding cannot stand at the top level',
      help: `for a value that all may read write \`hyper ${name} = ...\`; otherwise move it into a net, block or game`,
    }),
  ),
  looseExpression: message(
    'GAN1403',
    'Expressions stand in the body of a net, a block or a game, or on the right of `=`.',
    '3 + 4',
    'hyper seven = 3 + 4',
    (found: string) => ({
      message: `an item cannot begin with ${found}`,
      help: 'an item begins with one of: extends, hyper, data, noise, net, block, set, game, train, sample, judge, metric, variant',
    }),
  ),
  unknownGoal: message(
    'GAN1404',
    'An objective is written `D maximizes ...` or `G minimizes ...`.',
    'game { D maximises E[x] }',
    'game { D maximizes E[x] }',
    (word: string, suggestion: string | undefined) => ({
      message: `unknown \`${word}\` in a game`,
      help:
        suggestion === undefined
          ? 'a line of a game is `name = value`, `D maximizes value`, `G minimizes value`, `player G = nets`, `shared name = value` or `report name = value`'
          : meant(suggestion),
    }),
  ),
  misplacedLine: message(
    'GAN1405',
    'Some lines belong inside an item: players, objectives and reports in `game { ... }`, settings and optimizers in `train { ... }`, states and weights in a body.',
    'D maximizes E[x]',
    'game { D maximizes E[x] }',
    (word: string, place: string) => ({
      message: `a line that begins with \`${word}\` cannot stand at the top level`,
      help: `move it into ${place.endsWith('}') ? `\`${place}\`` : place}`,
    }),
  ),
  misspeltLine: message(
    'GAN1406',
    'The words of a game are player, shared, report, maximizes and minimizes; that of an update is with.',
    'game { reprot r = E[x] }',
    'game { report r = E[x] }',
    (word: string, suggestion: string | undefined) => ({
      message: `unknown word \`${word}\``,
      help: meant(suggestion) ?? 'before `name = value` may stand `player`, `shared` or `report`',
    }),
  ),
  settingSign: message(
    'GAN1407',
    'A setting of the schedule is its name and its value, without a sign between: `batch 64`.',
    'train { batch: 64 }',
    'train { batch 64 }',
    (name: string, sign: string) => ({ message: `a setting is written without \`${sign}\``, help: `write \`${name} value\`` }),
  ),
  optionFirst: message(
    'GAN1408',
    "The options of a player's line come last, each after a comma: `D with adam(lr: 2e-4), times 5`.",
    'train {\n  batch 64   steps 1000\n  D times 5 with adam(lr: 2e-4)\n}',
    'train {\n  batch 64   steps 1000\n  D with adam(lr: 2e-4), times 5\n}',
    (option: string, player: string) => ({
      message: `\`${option}\` stands before \`with\``,
      help: `options come last, after a comma: \`${player} with optimizer(...), ${option} value\``,
    }),
  ),
} as const;

function strayHelp(text: string): string | undefined {
  const [first] = text;
  const plain: Record<string, string> = {
    '“': '"',
    '”': '"',
    '‘': '"',
    '’': '"',
    '×': '*',
    '·': '*',
    '÷': '/',
    '−': '-',
    '–': '-',
    '—': '-',
    '≤': '<=',
    '≥': '>=',
    '≠': '!=',
    '←': '<-',
    '→': '->',
    '…': '..',
  };
  if (first !== undefined && plain[first] !== undefined) return `write \`${plain[first]}\``;
  if (first === '@') return 'a matrix product is `matmul(a, b)`';
  if (first === '&') return 'the logical operator is `and`';
  if (first === "'") return 'strings stand in double quotes';
  if (first === '\\') return 'a line goes on by itself inside brackets, after an operator, and before `|>`';
  if (first !== undefined && /\p{L}/u.test(first)) return 'names are made of the letters a-z, digits and `_`';
  return undefined;
}

/** Adds a message of the table to the list. */
export function report<A extends readonly unknown[]>(diagnostics: Diagnostics, entry: Message<A>, span: Span, args: A, notes?: readonly Note[]): void {
  diagnostics.add(diagnostic(entry, span, args, notes));
}

export function diagnostic<A extends readonly unknown[]>(entry: Message<A>, span: Span, args: A, notes?: readonly Note[]): Diagnostic {
  const { message: text, label, help } = entry.say(...args);
  return {
    code: entry.code,
    severity: 'error',
    message: text,
    span,
    ...(label === undefined ? {} : { label }),
    ...(help === undefined ? {} : { help }),
    ...(notes === undefined ? {} : { notes }),
  };
}
