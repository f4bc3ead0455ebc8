/** Builtins that rearrange, choose and contract tensors. Axes are counted without the batch. */
import type { Node, Shape } from '../graph/node.js';
import { align, asFloat, expand, toTensor } from './arithmetic.js';
import type { Bound } from './builtins.js';
import { drawPath, uniformNode } from './draw.js';
import type { Elaborator } from './elaborator.js';
import * as messages from './messages.js';
import { axisOf, integerOf, perAxis, perSide, shapeOf, sizeOf } from './sizes.js';
import { type ArgumentValue, list, logicalShape, number, POISON, type TensorValue, tensor, type Value } from './values.js';

function tensorArgument(e: Elaborator, args: Bound, name: string): TensorValue | undefined {
  return toTensor(e, args.value(name), args.span(name));
}

/** Whole numbers written one by one or as a list. */
function flat(rest: readonly ArgumentValue[]): ArgumentValue[] {
  return rest.flatMap((a) => (a.value.kind === 'list' ? a.value.items.map((value) => ({ value, span: a.span })) : [a]));
}

export function where(e: Elaborator, args: Bound): Value {
  const condition = e.force(args.value('condition'));
  if (condition.kind === 'bool') return e.force(args.value(condition.value ? 'a' : 'b'));
  return chosen(e, args, [condition, e.force(args.value('a')), e.force(args.value('b'))]);
}

/** Condition, and what it chooses from; where one of the three is a record, field by field. */
function chosen(e: Elaborator, args: Bound, values: readonly Value[]): Value {
  if (values.some(({ kind }) => kind === 'record')) return byField(e, args, values, (fields) => chosen(e, args, fields));
  const [c, a, b] = ['condition', 'a', 'b'].map((name, i) => toTensor(e, values[i], args.span(name)));
  if (!c || !a || !b) return POISON;
  const aligned = align(e, [c, a, b]);
  if (!aligned) return e.fail(args.call.span, messages.shapesDiffer('where', [c, a, b].map(logicalShape)));
  const [test, x, y] = aligned.nodes;
  const same = x.dtype === y.dtype;
  return tensor(
    e.builder.select(test.dtype === 'bool' ? test : e.builder.cast(test, 'bool'), same ? x : asFloat(e, x), same ? y : asFloat(e, y)),
    aligned.batched,
  );
}

/** `max(a, b)`, `min(a, b)`, element by element. */
export function extremeOfTwo(e: Elaborator, name: 'max' | 'min', args: Bound): Value {
  return furthest(e, name, args, [e.force(args.value('a')), e.force(args.value('b'))]);
}

function furthest(e: Elaborator, name: 'max' | 'min', args: Bound, values: readonly Value[]): Value {
  if (values.some(({ kind }) => kind === 'record')) return byField(e, args, values, (fields) => furthest(e, name, args, fields));
  const [left, right] = values;
  if (left.kind === 'number' && right.kind === 'number') return number(Math[name](left.value, right.value), left.exact && right.exact);
  const a = toTensor(e, left, args.span('a'));
  const b = toTensor(e, right, args.span('b'));
  if (!a || !b) return POISON;
  const aligned = align(e, [a, b]);
  if (!aligned) return e.fail(args.call.span, messages.cannotBroadcast(name, logicalShape(a), logicalShape(b)));
  return tensor(e.builder.binary(name, asFloat(e, aligned.nodes[0]), asFloat(e, aligned.nodes[1])), aligned.batched);
}

/** Applied to each field of the records among the values, which have the same ones; a plain value goes with every field. */
function byField(e: Elaborator, args: Bound, values: readonly Value[], apply: (values: readonly Value[]) => Value): Value {
  const [first, ...others] = values.flatMap((value) => (value.kind === 'record' ? [value.fields] : []));
  const names = [...first.keys()];
  const other = others.find((fields) => fields.size !== names.length || names.some((name) => !fields.has(name)));
  if (other) return e.fail(args.call.span, messages.recordsDiffer(names, [...other.keys()]));
  const field = (value: Value, name: string): Value => (value.kind === 'record' ? e.force(value.fields.get(name) as Value) : value);
  return { kind: 'record', fields: new Map(names.map((name) => [name, apply(values.map((value) => field(value, name)))])) };
}

/** `dim(x, 0)`, `dim(x, -1)`, `dim(x, batch)`. */
export function dimension(e: Elaborator, args: Bound): Value {
  const x = tensorArgument(e, args, 'x');
  if (!x) return POISON;
  const axis = args.value('axis');
  if (axis.kind === 'batch') return number(x.batched ? x.node.shape[0] : 1);
  const shape = logicalShape(x);
  const at = axisOf(e, axis, shape.length, args.span('axis'));
  return at === undefined ? POISON : number(shape[at]);
}

/** `reshape(x, 128, 7, 7)`; one length may be `none`: what is left. */
export function reshape(e: Elaborator, args: Bound): Value {
  const x = tensorArgument(e, args, 'x');
  if (!x) return POISON;
  const from = logicalShape(x);
  const total = from.reduce((a, b) => a * b, 1);
  const lengths: number[] = [];
  let open = -1;
  for (const item of flat(args.rest)) {
    if (item.value.kind === 'none' && open < 0) {
      open = lengths.length;
      lengths.push(1);
      continue;
    }
    const length = sizeOf(e, item.value, item.span);
    if (length === undefined) return POISON;
    lengths.push(length);
  }
  const known = lengths.reduce((a, b) => a * b, 1);
  if (open >= 0 && total % known === 0) lengths[open] = total / known;
  if (lengths.reduce((a, b) => a * b, 1) !== total) return e.fail(args.call.span, messages.reshapeCount(from, lengths));
  return tensor(e.builder.reshape(x.node, x.batched ? [x.node.shape[0], ...lengths] : lengths), x.batched);
}

/** `permute(x, 1, 0, 2)`: axis i of the result is that axis of `x`. */
export function permute(e: Elaborator, args: Bound): Value {
  const x = tensorArgument(e, args, 'x');
  if (!x) return POISON;
  const rank = logicalShape(x).length;
  const axes: number[] = [];
  for (const item of flat(args.rest)) {
    const axis = axisOf(e, item.value, rank, item.span);
    if (axis === undefined) return POISON;
    axes.push(axis);
  }
  if (axes.length !== rank || new Set(axes).size !== rank) return e.fail(args.call.span, messages.typeForm('permute', `with each of the ${rank} axes once`));
  return tensor(e.builder.permute(x.node, x.batched ? [0, ...axes.map((a) => a + 1)] : axes), x.batched);
}

/** `concat(a, b, axis: 0)`. */
export function concat(e: Elaborator, args: Bound): Value {
  const items: TensorValue[] = [];
  for (const item of flat(args.rest)) {
    const value = toTensor(e, item.value, item.span);
    if (!value) return POISON;
    items.push(value);
  }
  if (items.length === 0) return e.fail(args.call.span, messages.missingArgument('concat', 'values', '`concat(a, b)`'));
  const shapes = items.map(logicalShape);
  const rank = shapes[0].length;
  const axis = axisOf(e, args.optional('axis') ?? number(0), rank, args.span('axis'));
  if (axis === undefined) return POISON;
  if (shapes.some((s) => s.length !== rank || s.some((length, i) => i !== axis && length !== shapes[0][i])))
    return e.fail(args.call.span, messages.concatShapes(axis, shapes));
  const batched = items.some((t) => t.batched);
  const float = items.some((t) => t.node.dtype === 'f32');
  const nodes = items.map((t) => {
    const node = expand(e, t, logicalShape(t), batched);
    return float ? asFloat(e, node) : node;
  });
  return tensor(nodes.length === 1 ? nodes[0] : e.builder.concat(nodes, axis + (batched ? 1 : 0)), batched);
}

/** `reverse(x, axis: 0)`; over all axes unless named. */
export function reversed(e: Elaborator, args: Bound): Value {
  const x = tensorArgument(e, args, 'x');
  if (!x) return POISON;
  const rank = logicalShape(x).length;
  const named = args.optional('axes') ?? args.optional('axis');
  const items: readonly Value[] = named ? (named.kind === 'list' ? named.items : [named]) : logicalShape(x).map((_, i) => number(i));
  const axes: number[] = [];
  for (const item of items) {
    const axis = axisOf(e, item, rank, args.span(args.optional('axes') ? 'axes' : 'axis'));
    if (axis === undefined) return POISON;
    axes.push(axis + (x.batched ? 1 : 0));
  }
  return tensor(axes.length === 0 ? x.node : e.builder.reverse(x.node, axes), x.batched);
}

/** `slice(x, 0, 1, 4)` is `x[1:4]` along the axis that is named; every `step`-th of them. */
export function sliceAlong(e: Elaborator, args: Bound): Value {
  const x = tensorArgument(e, args, 'x');
  if (!x) return POISON;
  const shape = logicalShape(x);
  const axis = axisOf(e, args.value('axis'), shape.length, args.span('axis'));
  const from = integerOf(e, args.value('from'), args.span('from'));
  const to = integerOf(e, args.value('to'), args.span('to'));
  const every = integerOf(e, args.optional('step') ?? number(1), args.span('step'));
  if (axis === undefined || from === undefined || to === undefined || every === undefined) return POISON;
  const length = shape[axis];
  const first = Math.max(0, from < 0 ? from + length : from);
  const last = Math.min(length, to < 0 ? to + length : to);
  if (first >= last || every < 1) return e.fail(args.call.span, messages.emptySlice(from, to, length));
  const lead = x.batched ? 1 : 0;
  const at = <T>(whole: readonly T[], value: T): T[] => whole.map((v, i) => (i === axis + lead ? value : v));
  const zeros = x.node.shape.map(() => 0);
  const ones = x.node.shape.map(() => 1);
  return tensor(e.builder.slice(x.node, at(zeros, first), at(x.node.shape, last), at(ones, every)), x.batched);
}

/** `pad(x, [0, 1, 1], [0, 1, 1])`: zeros before and after each axis. */
export function padded(e: Elaborator, args: Bound): Value {
  const x = tensorArgument(e, args, 'x');
  if (!x) return POISON;
  const rank = logicalShape(x).length;
  const low = perAxis(e, args.value('low'), rank, args.span('low'));
  const high = perAxis(e, args.value('high'), rank, args.span('high'));
  if (!low || !high) return POISON;
  const negative = [...low, ...high].find((n) => n < 0);
  if (negative !== undefined) return e.fail(args.call.span, messages.nonPositive('a padding', negative));
  const lead = x.batched ? [0] : [];
  return tensor(e.builder.pad(x.node, [...lead, ...low], [...lead, ...high]), x.batched);
}

/** `expand(x, 16, 4, 4)`: repeated along axes of length 1 and new first axes. */
export function expandTo(e: Elaborator, args: Bound): Value {
  const x = tensorArgument(e, args, 'x');
  const shape = shapeOf(e, list(flat(args.rest).map((a) => a.value)), args.call.span);
  if (!x || !shape) return POISON;
  const own = logicalShape(x);
  if (own.length > shape.length || own.some((length, i) => length !== 1 && length !== shape[shape.length - own.length + i]))
    return e.fail(args.call.span, messages.cannotBroadcast('expand', own, shape));
  return tensor(expand(e, x, shape, x.batched), x.batched);
}

/** `iota(n)`: 0, 1, ..., n - 1, as numbers of the graph. */
export function iota(e: Elaborator, args: Bound): Value {
  const n = sizeOf(e, args.value('n'), args.span('n'));
  return n === undefined ? POISON : tensor(e.builder.iota([n], 0, 'f32'), false);
}

/** `matmul(a, b)`: [..., m, k] times [..., k, n]; a vector counts as one row (left) or one column (right), and loses that axis again. */
export function multiply(e: Elaborator, args: Bound): Value {
  const a = tensorArgument(e, args, 'a');
  const b = tensorArgument(e, args, 'b');
  if (!a || !b) return POISON;
  const g = e.builder;
  const sa = logicalShape(a);
  const sb = logicalShape(b);
  const wrong = (): Value => e.fail(args.call.span, messages.matmulShapes(sa, sb));
  if (sa.length === 0 || sb.length === 0) return wrong();
  const fa = sa.length === 1 ? [1, sa[0]] : [...sa];
  const fb = sb.length === 1 ? [sb[0], 1] : [...sb];
  const [m, k] = fa.slice(-2);
  const [k2, n] = fb.slice(-2);
  if (k !== k2) return wrong();
  const batched = a.batched || b.batched;
  const finish = (node: Node, lead: Shape): Value => {
    const shape = [...(batched ? [e.evaluation.batch] : []), ...lead, ...(sa.length === 1 ? [] : [m]), ...(sb.length === 1 ? [] : [n])];
    return tensor(g.reshape(node, shape), batched);
  };
  const rowsOf = (t: TensorValue): number => (t.batched ? t.node.shape[0] : 1);
  if (!b.batched && fb.length === 2) {
    // One matrix for all: examples and leading axes are rows of a single product.
    const lead = fa.slice(0, -2);
    const rows = rowsOf(a) * lead.reduce((x, y) => x * y, 1) * m;
    return finish(g.matmul(g.reshape(asFloat(e, a.node), [1, rows, k]), g.reshape(asFloat(e, b.node), [1, k, n])), lead);
  }
  const leads = [fa.slice(0, -2), fb.slice(0, -2)];
  const rank = Math.max(leads[0].length, leads[1].length);
  const lead = Array.from({ length: rank }, (_, i) => Math.max(leads[0][leads[0].length - rank + i] ?? 1, leads[1][leads[1].length - rank + i] ?? 1));
  for (const own of leads) if (own.some((length, i) => length !== 1 && length !== lead[rank - own.length + i])) return wrong();
  const count = lead.reduce((x, y) => x * y, 1) * (batched ? e.evaluation.batch : 1);
  const left = expand(e, tensor(g.reshape(asFloat(e, a.node), [...(a.batched ? [a.node.shape[0]] : []), ...fa]), a.batched), [...lead, m, k], batched);
  const right = expand(e, tensor(g.reshape(asFloat(e, b.node), [...(b.batched ? [b.node.shape[0]] : []), ...fb]), b.batched), [...lead, k, n], batched);
  return finish(g.matmul(g.reshape(left, [count, m, k]), g.reshape(right, [count, k, n])), lead);
}

/** `op.uniform(shape)`: uniform in (0, 1), one for all examples: what initialisers are made of. */
export function uniformOfShape(e: Elaborator, args: Bound): Value {
  const shape = shapeOf(e, args.value('shape'), args.span('shape'));
  return shape ? tensor(uniformNode(e, drawPath(e), shape), false) : POISON;
}

/**
 * `op.conv(x, w, ...)`: x [C, ...S] with w [O, C / groups, ...K] gives [O, ...size]. `padding` is a number, a list, or pairs
 * [before, after]; negative crops. `input_dilation` puts zeros between the elements of `x`.
 */
export function convolve(e: Elaborator, args: Bound): Value {
  const x = tensorArgument(e, args, 'x');
  const w = tensorArgument(e, args, 'w');
  if (!x || !w) return POISON;
  const sx = logicalShape(x);
  const sw = logicalShape(w);
  const n = sx.length - 1;
  const wrong = (why: string, help?: string): Value => e.fail(args.call.span, messages.convShapes(why, sx, sw, help));
  if (n < 1 || n > 3) return wrong('the input wants a channel axis and one to three axes of space, as in [channels, height, width]');
  if (sw.length !== n + 2) return wrong(`the kernel wants the axes [out, in${', size'.repeat(n)}]`);
  const numbers = (name: string, otherwise: number): number[] | undefined => perAxis(e, args.optional(name) ?? number(otherwise), n, args.span(name));
  const stride = numbers('stride', 1);
  const dilation = numbers('dilation', 1);
  const inputDilation = numbers('input_dilation', 1);
  const padding = perSide(e, args.optional('padding') ?? number(0), n, args.span('padding'));
  const groups = integerOf(e, args.optional('groups') ?? number(1), args.span('groups'));
  if (!stride || !dilation || !inputDilation || !padding || groups === undefined) return POISON;
  if ([...stride, ...dilation, ...inputDilation, groups].some((v) => v < 1)) return wrong('stride, dilation and groups are at least 1');
  if (sx[0] % groups !== 0 || sw[0] % groups !== 0) return wrong(`${groups} groups must divide ${sx[0]} input and ${sw[0]} output channels`);
  if (sw[1] * groups !== sx[0]) return wrong(`the kernel reads ${sw[1] * groups} channels, and the input has ${sx[0]}`);
  const given = args.optional('size');
  const size = given
    ? perAxis(e, given, n, args.span('size'))
    : stride.map((s, i) => Math.floor(((sx[i + 1] - 1) * inputDilation[i] + 1 + padding[i][0] + padding[i][1] - ((sw[i + 2] - 1) * dilation[i] + 1)) / s) + 1);
  if (!size) return POISON;
  if (size.some((length) => length < 1))
    return wrong('the kernel does not fit into the padded input', 'add padding, take a smaller kernel, or leave out a layer that halves');
  const g = e.builder;
  // A kernel for each example is a group for each example.
  const rows = w.batched ? 1 : x.batched ? x.node.shape[0] : 1;
  const parts = groups * (w.batched ? e.evaluation.batch : 1);
  const input = w.batched ? expand(e, x, sx, true) : x.node;
  const y = g.conv(
    g.reshape(asFloat(e, input), [rows, parts, sx[0] / groups, ...sx.slice(1)]),
    g.reshape(asFloat(e, w.node), [parts, sw[0] / groups, ...sw.slice(1)]),
    { stride, dilation, inputDilation, padding: padding.map(([low]) => low), size },
  );
  const batched = x.batched || w.batched;
  return tensor(g.reshape(y, [...(batched ? [e.evaluation.batch] : []), sw[0], ...size]), batched);
}
