/** The functions that are not written in the language: primitives of the graph, questions about shapes, `grad`. */
import type { Span } from '../../grammar/source.js';
import type { UnaryName } from '../graph/node.js';
import { elementwise, toTensor } from './arithmetic.js';
import { compareSets } from './compare.js';
import { differentiate, freshDraw } from './differentiate.js';
import { each } from './each.js';
import { einsum } from './einsum.js';
import type { Elaborator } from './elaborator.js';
import { match, mismatch, present } from './fields.js';
import { gatherRows } from './gather.js';
import {
  concat,
  convolve,
  dimension,
  expandTo,
  extremeOfTwo,
  iota,
  multiply,
  padded,
  permute,
  reshape,
  reversed,
  sliceAlong,
  uniformOfShape,
  where,
} from './layout.js';
import * as messages from './messages.js';
import { meanInGroups, reduction } from './reduce.js';
import { axisOf, integerOf, isListLength, perAxis, perSide, rankOf } from './sizes.js';
import { type ArgumentValue, describe, list, logicalShape, NONE, number, POISON, tensor, type Value } from './values.js';

export interface BuiltinCall {
  readonly name: string;
  readonly args: readonly ArgumentValue[];
  readonly span: Span;
}
export type Builtin = (e: Elaborator, call: BuiltinCall) => Value;

/** Arguments by name. */
export class Bound {
  constructor(
    readonly call: BuiltinCall,
    private readonly given: ReadonlyMap<string, ArgumentValue>,
    /** What stood in the places of `...name`. */
    readonly rest: readonly ArgumentValue[],
  ) {}

  value(name: string): Value {
    return this.given.get(name)?.value ?? NONE;
  }

  optional(name: string): Value | undefined {
    return this.given.get(name)?.value;
  }

  span(name: string): Span {
    return this.given.get(name)?.span ?? this.call.span;
  }
}

/** `define('x, axis?, ...rest', f)`: binds arguments to those names, reports what does not fit, then calls `f`. */
function define(form: string, apply: (e: Elaborator, args: Bound) => Value): Builtin {
  const params = form
    .split(',')
    .map((p) => p.trim())
    .filter((p) => p.length > 0);
  const variadic = params.find((p) => p.startsWith('...'));
  const named = params.filter((p) => !p.startsWith('...')).map((p) => p.replace('?', ''));
  const required = params.filter((p) => !p.endsWith('?') && !p.startsWith('...'));
  const placed = variadic ? named.slice(0, params.indexOf(variadic)) : named;
  return (e, call) => {
    const given = new Map<string, ArgumentValue>();
    const rest: ArgumentValue[] = [];
    const written = (): string => `\`${call.name}(${params.join(', ')})\``;
    let place = 0;
    for (const argument of call.args) {
      if (argument.value.kind === 'poison') return POISON;
      const name = argument.name ?? placed[place++];
      if (name === undefined) {
        if (!variadic) return e.fail(argument.span, messages.tooManyArguments(call.name, call.args.length, written()));
        rest.push(argument);
      } else if (!named.includes(name)) return e.fail(argument.nameSpan ?? argument.span, messages.unknownArgument(call.name, name, named));
      else if (given.has(name)) return e.fail(argument.span, messages.argumentTwice(call.name, name));
      else given.set(name, argument);
    }
    for (const param of required) if (!given.has(param)) return e.fail(call.span, messages.missingArgument(call.name, param, written()));
    return apply(e, new Bound(call, given, rest));
  };
}

const unary: readonly UnaryName[] = [
  'abs',
  'sign',
  'exp',
  'expm1',
  'log',
  'log1p',
  'sqrt',
  'rsqrt',
  'sin',
  'cos',
  'tanh',
  'sigmoid',
  'softplus',
  'erf',
  'floor',
  'ceil',
  'round',
  'stop',
];

/** `max(a, b)` compares element by element; `max(x)` and `max(x, axis: 0)` reduce. */
function extreme(name: 'max' | 'min'): Builtin {
  const reduce = define('x, axis?, axes?, keep?, mask?', reduction(name));
  const compare = define('a, b', (e, args) => extremeOfTwo(e, name, args));
  return (e, call) => (call.args.filter((a) => a.name === undefined).length >= 2 ? compare(e, call) : reduce(e, call));
}

function lengthOf(e: Elaborator, args: Bound): Value {
  const value = e.force(args.value('list'));
  return value.kind === 'list' ? number(value.items.length) : e.fail(args.span('list'), messages.cannotIndex(describe(value)));
}

function tensorFact(fact: (shape: readonly number[]) => Value): (e: Elaborator, args: Bound) => Value {
  return (e, args) => {
    const value = e.force(args.value('x'));
    if (value.kind === 'poison') return POISON;
    if (value.kind === 'number') return fact([]);
    if (value.kind === 'list') {
      const whole = toTensor(e, value, args.span('x'));
      return whole ? fact(logicalShape(whole)) : POISON;
    }
    return value.kind === 'tensor' ? fact(logicalShape(value)) : e.fail(args.span('x'), messages.notATensor(describe(value)));
  };
}

/** `range(n)`, `range(from, to)`: whole numbers up to but without the end. */
function range(e: Elaborator, args: Bound): Value {
  const first = integerOf(e, args.value('from'), args.span('from'));
  const second = args.optional('to') ? integerOf(e, args.value('to'), args.span('to')) : undefined;
  if (first === undefined || (args.optional('to') && second === undefined)) return POISON;
  const [from, to] = second === undefined ? [0, first] : [first, second];
  if (!isListLength(e, to - from, args.call.span)) return POISON;
  return list(Array.from({ length: Math.max(0, to - from) }, (_, i) => number(from + i)));
}

function log2(e: Elaborator, args: Bound): Value {
  const n = integerOf(e, args.value('n'), args.span('n'));
  if (n === undefined) return POISON;
  const result = Math.log2(n);
  return Number.isInteger(result) ? number(result) : { kind: 'number', value: result, exact: false, why: `${n} is not a power of two` };
}

function product(e: Elaborator, args: Bound): Value {
  const value = args.value('list');
  const items = value.kind === 'list' ? value.items : [value];
  let result = 1;
  for (const item of items) {
    if (item.kind !== 'number') return e.fail(args.span('list'), messages.notNumber(describe(item)));
    result *= item.value;
  }
  return number(result);
}

/** `per_axis(3, 2)` is [3, 3]; `per_axis([3, 5], 2)` is [3, 5]. */
function forAxes(e: Elaborator, args: Bound): Value {
  const n = rankOf(e, args.value('n'), args.span('n'));
  const numbers = n === undefined ? undefined : perAxis(e, args.value('value'), n, args.span('value'));
  return numbers ? list(numbers.map((v) => number(v))) : POISON;
}

/** `per_side([1, [0, 2]], 2)` is [[1, 1], [0, 2]]: before and after each axis. */
function forSides(e: Elaborator, args: Bound): Value {
  const n = rankOf(e, args.value('n'), args.span('n'));
  const pairs = n === undefined ? undefined : perSide(e, args.value('value'), n, args.span('value'));
  return pairs ? list(pairs.map((pair) => list(pair.map((v) => number(v))))) : POISON;
}

/** `axes_of(-1, 3)` is [2]; `axes_of(none, 3)` is [0, 1, 2]: named axes of a value of rank n, counted from the front, in rising order. */
function axesOf(e: Elaborator, args: Bound): Value {
  const rank = rankOf(e, args.value('n'), args.span('n'));
  if (rank === undefined) return POISON;
  const named = args.value('axes');
  const items = named.kind === 'none' ? Array.from({ length: rank }, (_, i) => number(i)) : named.kind === 'list' ? named.items : [named];
  const axes = items.map((item) => axisOf(e, item, rank, args.span('axes')));
  if (axes.some((axis) => axis === undefined)) return POISON;
  return list([...new Set(axes as number[])].sort((a, b) => a - b).map((axis) => number(axis)));
}

/** `entry([3, none], 1)` is `none`; `entry(3, 1)` is 3: what is given for each axis, or for all. */
function entry(e: Elaborator, args: Bound): Value {
  const value = args.value('value');
  if (value.kind !== 'list') return value;
  const i = integerOf(e, args.value('i'), args.span('i'));
  if (i === undefined) return POISON;
  return value.items[i] ?? e.fail(args.span('value'), messages.indexOutside(i, value.items.length));
}

/** `member({a: 1}, "b", 2)` is 2: a record's field, or what it is otherwise. */
function member(e: Elaborator, args: Bound): Value {
  const record = args.value('record');
  const name = args.value('name');
  if (record.kind === 'poison' || name.kind === 'poison') return POISON;
  if (record.kind !== 'record') return e.fail(args.span('record'), messages.noField(describe(record), name.kind === 'string' ? name.text : '', []));
  if (name.kind !== 'string') return e.fail(args.span('name'), messages.typeForm('member', '`member(record, "name", otherwise)`'));
  return record.fields.get(name.text) ?? args.value('otherwise');
}

/** `names_of({a: 1, b: 2})` is ["a", "b"]. */
function namesOf(e: Elaborator, args: Bound): Value {
  const record = args.value('record');
  if (record.kind === 'poison') return POISON;
  if (record.kind !== 'record') return e.fail(args.span('record'), messages.noField(describe(record), '', []));
  return list([...record.fields.keys()].map((text) => ({ kind: 'string', text })));
}

/** `examples(v)`: v of every example along a new first axis, the same for all of them. What is made of it looks at the batch as a whole. */
function examples(e: Elaborator, args: Bound): Value {
  const value = e.force(args.value('x'));
  if (value.kind === 'poison') return POISON;
  if (value.kind !== 'tensor' || !value.batched) return e.fail(args.span('x'), messages.notBatched('examples', describe(value)));
  return tensor(value.node, false);
}

/** `shuffled(v)`: each example has v of the one after it in the batch, the last that of the first. Values shuffled alike stay together. */
function shuffled(e: Elaborator, args: Bound): Value {
  const value = e.force(args.value('x'));
  if (value.kind === 'poison') return POISON;
  if (value.kind !== 'tensor' || !value.batched) return e.fail(args.span('x'), messages.notBatched('shuffled', describe(value)));
  const { node } = value;
  const count = node.shape[0];
  if (count === 1) return value;
  const part = (from: number, to: number) =>
    e.builder.slice(
      node,
      node.shape.map((_, i) => (i === 0 ? from : 0)),
      node.shape.map((length, i) => (i === 0 ? to : length)),
    );
  return tensor(e.builder.concat([part(1, count), part(0, 1)], 0), true, value.type);
}

/** `classes_of(y)`: how many values a field of classes or tokens has, by its type. */
function classesOf(e: Elaborator, args: Bound): Value {
  const value = e.force(args.value('x'));
  if (value.kind === 'poison') return POISON;
  const count = value.kind === 'tensor' ? (value.type?.args.classes ?? value.type?.args.words) : undefined;
  return count === undefined ? e.fail(args.span('x'), messages.uncounted(describe(value))) : number(count);
}

export const builtins: ReadonlyMap<string, Builtin> = new Map<string, Builtin>([
  ...unary.map((name): [string, Builtin] => [name, define('x', (e, args) => elementwise(e, name, args.value('x'), args.span('x')))]),
  ['max', extreme('max')],
  ['min', extreme('min')],
  ['where', define('condition, a, b', where)],
  ['sum', define('x, axis?, axes?, keep?, mask?', reduction('sum'))],
  ['mean', define('x, axis?, axes?, keep?, mask?', reduction('mean'))],
  ['norm', define('x, axis?, axes?, keep?, mask?', reduction('norm'))],
  ['mean_in_groups', define('x, size', meanInGroups)],
  ['dim', define('x, axis', dimension)],
  [
    'shape',
    define(
      'x',
      tensorFact((shape) => list(shape.map((n) => number(n)))),
    ),
  ],
  [
    'rank',
    define(
      'x',
      tensorFact((shape) => number(shape.length)),
    ),
  ],
  [
    'size',
    define(
      'x',
      tensorFact((shape) => number(shape.reduce((a, b) => a * b, 1))),
    ),
  ],
  ['len', define('list', lengthOf)],
  ['range', define('from, to?', range)],
  ['product', define('list', product)],
  ['per_axis', define('value, n', forAxes)],
  ['per_side', define('value, n', forSides)],
  ['axes_of', define('axes, n', axesOf)],
  ['entry', define('value, i', entry)],
  ['member', define('record, name, otherwise', member)],
  ['names_of', define('record', namesOf)],
  ['examples', define('x', examples)],
  ['shuffled', define('x', shuffled)],
  ['classes_of', define('x', classesOf)],
  ['log2', define('n', log2)],
  ['reshape', define('x, ...shape', reshape)],
  ['permute', define('x, ...axes', permute)],
  ['concat', define('...values, axis?', concat)],
  ['reverse', define('x, axes?, axis?', reversed)],
  ['slice', define('x, axis, from, to, step?', sliceAlong)],
  ['pad', define('x, low, high', padded)],
  ['expand', define('x, ...shape', expandTo)],
  ['iota', define('n', iota)],
  ['matmul', define('a, b', multiply)],
  ['einsum', define('equation, ...factors', einsum)],
  ['each', define('x, f, axis?', each)],
  ['grad', define('y, x', differentiate)],
  ['fresh', define('draw', freshDraw)],
  ['match', define('...field', match)],
  ['mismatch', define('...field', mismatch)],
  ['present', define('field', present)],
  ['op.conv', define('x, w, stride?, padding?, dilation?, input_dilation?, groups?, size?', convolve)],
  ['op.compare_sets', define('way, real, made, k?', compareSets)],
  ['op.gather', define('x, index, shared?', gatherRows)],
  ['op.uniform', define('shape', uniformOfShape)],
  // Draws are made where their value is wanted: see draw.ts.
  ['normal', define('...shape, like?', () => POISON)],
  ['uniform', define('...shape, like?', () => POISON)],
]);
