/** PyTorch's calls that take parts, put parts together, and write into parts. Of several outputs the first is held against the reference. */
import { axisFrom, type Call, Inexpressible, listText, literal, numbers, type Operator, reshaped, type Table, tensorIndex } from './call.js';

import { indexOf, rankOf, scalar } from './opinfo-arguments.js';
import { constantPadded, listed } from './opinfo-movement.js';
import * as text from './text.js';

const length = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);
const firstShape = (call: Call): readonly number[] => call.subject.outputs[0]?.shape ?? [];

/** The input itself. */
const same: Operator = (call) => call.operand(call.subject.dialect.format === 'opinfo-grads/1' ? call.subject.dialect.args[0] : undefined);

/** The inputs, in a list or one by one. */
function several(call: Call): string[] {
  const args = call.subject.dialect.format === 'opinfo-grads/1' ? call.subject.dialect.args : [];
  return listed(call, Array.isArray(args[0]) ? args[0] : args);
}

/** The first of the parts along an axis, of which the result's shape tells the length. */
const firstPart =
  (axisOf: (call: Call) => number): Operator =>
  (call) => {
    const axis = axisFrom(axisOf(call), rankOf(call));
    const [input] = call.subject.dialect.format === 'opinfo-grads/1' ? call.subject.dialect.args : [];
    for (const index of call.subject.inputs.keys()) if (index > 0) call.x(index);
    return text.sliced(call.operand(input), axis, 0, firstShape(call)[axis]);
  };

const lastTwo: Operator = (call) => {
  const rank = rankOf(call);
  const axes = call.shape(0).map((_, i) => i);
  if (rank >= 2) [axes[rank - 1], axes[rank - 2]] = [rank - 2, rank - 1];
  return rank < 2 ? same(call) : `permute(${call.x(0)}, ${listText(axes)})`;
};

/** Tensors side by side, each brought to at least that many axes first. */
const side =
  (shapeOf: (shape: readonly number[]) => readonly number[], axisOf: (rank: number) => number): Operator =>
  (call) => {
    const shapes = several(call).map((_, i) => shapeOf(call.shape(i)));
    return text.concatenated(
      shapes.map((shape, i) => reshaped(call.x(i), shape)),
      axisOf(shapes[0].length),
    );
  };

const blockDiagonal: Operator = (call) => {
  const shapes = several(call).map((_, i) => (call.shape(i).length === 2 ? call.shape(i) : [1, length(call.shape(i))]));
  const columns = shapes.reduce((n, s) => n + s[1], 0);
  let left = 0;
  const rows = shapes.map((shape, i) => {
    left += shape[1];
    return `pad(${reshaped(call.x(i), shape)}, [0, ${left - shape[1]}], [0, ${columns - left}])`;
  });
  return text.concatenated(rows, 0);
};

const meshed: Operator = (call) => {
  const all = several(call);
  if (firstShape(call).length !== all.length) throw new Inexpressible('a mesh of another form');
  for (const index of all.keys()) call.x(index);
  const xy = call.subject.dialect.format === 'opinfo-grads/1' && call.subject.dialect.kwargs.indexing === 'xy';
  const n = length(call.shape(0));
  return `expand(${reshaped(
    call.x(0),
    firstShape(call).map((_, i) => (i === (xy && all.length > 1 ? 1 : 0) ? n : 1)),
  )}, ${listText([...firstShape(call)])})`;
};

const moved: Operator = (call) => {
  const { input, source, destination } = call.bind('input', 'source', 'destination');
  const rank = rankOf(call);
  const [from, to] = [source, destination].map((v) => numbers(v).map((a) => axisFrom(a, rank)));
  const axes = new Array<number>(rank).fill(-1);
  to.forEach((axis, i) => {
    axes[axis] = from[i];
  });
  const left = call
    .shape(0)
    .map((_, i) => i)
    .filter((i) => !from.includes(i));
  const order = axes.map((a) => (a < 0 ? (left.shift() as number) : a));
  return rank === 0 ? call.operand(input) : `permute(${call.operand(input)}, ${listText(order)})`;
};

const quarterTurns: Operator = (call) => {
  const { input, k, dims } = call.bind('input', 'k', 'dims');
  const [a, b] = dims === undefined ? [0, 1] : numbers(dims).map((d) => axisFrom(d, rankOf(call)));
  const axes = call.shape(0).map((_, i) => (i === a ? b : i === b ? a : i));
  const turns = ((scalar(k, 1) % 4) + 4) % 4;
  const x = call.operand(input);
  if (turns === 0) return x;
  if (turns === 2) return `reverse(${x}, axes: ${listText([a, b].sort((p, q) => p - q))})`;
  return turns === 1 ? `permute(reverse(${x}, axis: ${b}), ${listText(axes)})` : `reverse(permute(${x}, ${listText(axes)}), axis: ${b})`;
};

const tiled: Operator = (call) => {
  const { input, dims } = call.bind('input', 'dims');
  const times = Array.isArray(dims) ? (dims as number[]) : numbers(dims);
  const more = call.shape(0).length - times.length;
  return text.tiled(call.operand(input), call.shape(0), more > 0 ? [...new Array<number>(more).fill(1), ...times] : times);
};

/** The two axes that a diagonal is of, brought to the end. */
function matrixLast(call: Call, x: string, first: number, second: number): string {
  const rank = rankOf(call);
  const [a, b] = [axisFrom(first, rank), axisFrom(second, rank)];
  const rest = call
    .shape(0)
    .map((_, i) => i)
    .filter((i) => i !== a && i !== b);
  return `permute(${x}, ${listText([...rest, a, b])})`;
}

const diagonal: Operator = (call) => {
  const { input, offset, dim1, dim2 } = call.bind('input', 'offset', 'dim1', 'dim2');
  return `diagonal(${matrixLast(call, call.operand(input), scalar(dim1, 0), scalar(dim2, 1))}, offset: ${scalar(offset, 0)})`;
};

const diagonalMatrix: Operator = (call) => {
  const { input, offset, dim1, dim2 } = call.bind('input', 'offset', 'dim1', 'dim2');
  const rank = rankOf(call) + 1;
  let [a, b] = [axisFrom(scalar(dim1, -2), rank), axisFrom(scalar(dim2, -1), rank)];
  let k = scalar(offset, 0);
  if (a > b) [a, b, k] = [b, a, -k];
  const axes = Array.from({ length: rank }, (_, i) => (i === a ? rank - 2 : i === b ? rank - 1 : i - (i > a ? 1 : 0) - (i > b ? 1 : 0)));
  return `permute(diagonal_matrix(${call.operand(input)}, offset: ${k}), ${listText(axes)})`;
};

const diag: Operator = (call) => {
  const { input, diagonal: k } = call.bind('input', 'diagonal');
  return `${rankOf(call) === 1 ? 'diagonal_matrix' : 'diagonal'}(${call.operand(input)}, offset: ${scalar(k, 0)})`;
};

const onDiagonal: Operator = (call) => {
  const { input, src, offset, dim1, dim2 } = call.bind('input', 'src', 'offset', 'dim1', 'dim2');
  const rank = rankOf(call);
  const [a, b] = [axisFrom(scalar(dim1, 0), rank), axisFrom(scalar(dim2, 1), rank)];
  const k = scalar(offset, 0);
  const [rows, columns] = [call.shape(0)[a], call.shape(0)[b]];
  const order = [...call.shape(0).keys()].filter((i) => i !== a && i !== b).concat([a, b]);
  const back = order.map((_, i) => order.indexOf(i));
  const wide = call.let(`diagonal_matrix(${call.operand(src)}, offset: ${k})`);
  const own = call.shape(indexOf(src)).at(-1) as number;
  const size = own + Math.abs(k);
  // The square of the diagonal, filled up to the matrix.
  const [low, high] = [
    [0, 0],
    [Math.max(0, rows - size), Math.max(0, columns - size)],
  ];
  const lead = order.slice(0, -2).map(() => 0);
  const cut = text.sliced(text.sliced(wide, rank - 2, 0, Math.min(rows, size)), rank - 1, 0, Math.min(columns, size));
  const whole = `pad(${cut}, ${listText([...lead, ...low])}, ${listText([...lead, ...high])})`;
  const there = `iota(${columns}) - reshape(iota(${rows}), ${rows}, 1) == ${literal(k)}`;
  return `permute(where(${there}, ${whole}, permute(${call.operand(input)}, ${listText(order)})), ${listText(back)})`;
};

/** Elements by number in all of the tensor, or along an axis where the index is given for every place. */
const takenAlong: Operator = (call) => {
  const { input, indices, dim } = call.bind('input', 'indices', 'dim');
  const index = indexOf(indices);
  const [x, at] = [call.operand(input), call.x(index)];
  if (dim === undefined || dim === null) {
    const flat = `where(${at} < 0, ${at} + ${length(call.shape(0))}, ${at})`;
    return reshaped(`take(${reshaped(x, [length(call.shape(0))])}, ${reshaped(flat, [length(call.shape(index))])})`, firstShape(call));
  }
  const axis = axisFrom(scalar(dim, 0), rankOf(call));
  const own = call.shape(0).map((n, i) => (i === axis ? n : firstShape(call)[i]));
  return `gather(expand(${x}, ${listText(own)}), expand(${at}, ${listText([...firstShape(call)])}), axis: ${axis})`;
};

/** Windows of an axis, as a new last axis. */
const windows: Operator = (call) => {
  const { input, dimension, size, step } = call.bind('input', 'dimension', 'size', 'step');
  if (rankOf(call) === 0) return reshaped(call.operand(input), firstShape(call));
  const axis = axisFrom(scalar(dimension, 0), rankOf(call));
  const [n, width, stride] = [call.shape(0)[axis], scalar(size, 1), scalar(step, 1)];
  const starts = Array.from({ length: Math.floor((n - width) / stride) + 1 }, (_, i) => i * stride);
  const x = call.operand(input);
  const rank = rankOf(call);
  const order = [...call.shape(0).map((_, i) => (i < axis ? i + 1 : i === axis ? 0 : i + 1)), axis + 1];
  const stackedWindows = starts.map((s) => reshaped(text.sliced(x, axis, s, s + width), [1, ...call.shape(0).map((m, i) => (i === axis ? width : m))]));
  if (order.length !== rank + 1) throw new Error('an axis is lost');
  return `permute(${text.concatenated(stackedWindows, 0)}, ${listText(order)})`;
};

/** Where an index has fewer entries along another axis, the rest stays: its numbers there are of no place. */
function scatterInto(
  call: Call,
  x: string,
  index: string,
  values: string,
  own: readonly number[],
  wanted: readonly number[],
  axis: number,
  combine: string,
): string {
  const more = own.map((n, i) => (i === axis ? 0 : n - wanted[i]));
  const none = own.map(() => 0);
  const wide = (t: string): string => (more.every((n) => n === 0) ? t : `pad(${t}, ${listText(none)}, ${listText(more)})`);
  const held = call.let(`where(${index} < 0, ${index} + ${own[axis]}, ${index})`);
  return `scatter(${x}, ${wide(`(${held} + 1)`)} - 1, ${wide(values)}, axis: ${axis}, combine: "${combine}")`;
}

const scattered =
  (combine: string): Operator =>
  (call) => {
    const { input, dim, index, src } = call.bind('input', 'dim', 'index', 'src');
    const at = indexOf(index);
    const lined = (shape: readonly number[]): readonly number[] => (shape.length === 0 ? [1] : shape);
    const [own, wanted] = [lined(call.shape(0)), lined(call.shape(at))];
    const axis = axisFrom(scalar(dim, 0), own.length);
    const given = tensorIndex(src);
    const values =
      given === undefined
        ? `expand(${call.operand(src)}, ${listText([...wanted])})`
        : call.shape(given).length === 0
          ? reshaped(call.x(given), [1])
          : `${call.x(given)}[${wanted.map((n) => `0:${n}`).join(', ')}]`;
    const y = scatterInto(call, reshaped(call.operand(input), own), reshaped(call.x(at), wanted), values, own, wanted, axis, combine);
    return reshaped(y, call.shape(0));
  };

/** A list of numbers along an axis, each of which means the whole of the other axes. */
const indexed =
  (combine: string): Operator =>
  (call) => {
    const { input, dim, index, source, alpha } = call.bind('input', 'dim', 'index', 'source', 'alpha');
    const own = call.shape(0).length === 0 ? [1] : call.shape(0);
    const axis = axisFrom(scalar(dim, 0), own.length);
    const at = indexOf(index);
    const count = length(call.shape(at));
    const wanted = own.map((n, i) => (i === axis ? count : n));
    const wide = `expand(${reshaped(
      call.x(at),
      own.map((_, i) => (i === axis ? count : 1)),
    )}, ${listText(wanted)})`;
    const given = tensorIndex(source);
    const whole =
      given === undefined || call.shape(given).length === 0 ? `expand(${call.operand(source)}, ${listText(wanted)})` : reshaped(call.x(given), wanted);
    const factor = alpha === undefined ? whole : `${literal(scalar(alpha, 1))} * ${whole}`;
    return reshaped(scatterInto(call, reshaped(call.operand(input), own), call.let(wide), `(${factor})`, own, wanted, axis, combine), call.shape(0));
  };

const selectScatter: Operator = (call) => {
  const { input, src, dim, index } = call.bind('input', 'src', 'dim', 'index');
  const own = call.shape(0);
  const axis = axisFrom(scalar(dim, 0), own.length);
  const at = scalar(index, 0);
  const line = reshaped(
    `iota(${own[axis]})`,
    own.map((n, i) => (i === axis ? n : 1)),
  );
  const slab = reshaped(
    call.operand(src),
    own.map((n, i) => (i === axis ? 1 : n)),
  );
  return `where(${line} == ${at < 0 ? at + own[axis] : at}, ${slab}, ${call.operand(input)})`;
};

const repeatedEach: Operator = (call) => {
  const { input, repeats, dim } = call.bind('input', 'repeats', 'dim');
  const flat = dim === undefined || dim === null;
  const axis = flat ? 0 : axisFrom(scalar(dim, 0), rankOf(call));
  const x = flat ? reshaped(call.operand(input), [length(call.shape(0))]) : call.operand(input);
  const index = tensorIndex(repeats);
  if (index === undefined) return `repeat_each(${x}, ${scalar(repeats, 1)}, axis: ${axis})`;
  // How often each is repeated is known: the numbers of the entries one after another.
  call.x(index);
  const times = call.values(index);
  const at = Array.from({ length: firstShape(call)[axis] }, (_, i) => i);
  const n = flat ? length(call.shape(0)) : call.shape(0)[axis];
  const places = Array.from({ length: n }, (_, i) => new Array<number>(times.length === 1 ? times[0] : times[i]).fill(i)).flat();
  return `take(${x}, ${listText(at.map((i) => places[i]))}, axis: ${axis})`;
};

const summedTo: Operator = (call) => {
  const shape = firstShape(call);
  const more = rankOf(call) - shape.length;
  const axes = call
    .shape(0)
    .map((_, i) => i)
    .filter((i) => i < more || (shape[i - more] === 1 && call.shape(0)[i] !== 1));
  const x = same(call) as string;
  return axes.length === 0 ? x : reshaped(`sum(${x}, axes: ${listText(axes)})`, shape);
};

const broadcastAll: Operator = (call) => {
  for (const index of several(call).keys()) call.x(index);
  return `expand(${call.x(0)}, ${listText([...firstShape(call)])})`;
};

const dimOf = (call: Call, name: string): number => {
  const bound = call.bind('input', name, 'dim');
  return scalar(bound.dim, 0);
};

export const viewTable: Table = {
  clone: same,
  contiguous: same,
  positive: same,
  real: same,
  conj: same,
  conj_physical: same,
  resolve_conj: same,
  resolve_neg: same,
  float: same,
  double: same,
  T: transposedWhole,
  t: transposedWhole,
  H: lastTwo,
  mT: lastTwo,
  mH: lastTwo,
  adjoint: lastTwo,
  split: firstPart((call) => dimOf(call, 'split_size')),
  split_with_sizes: firstPart((call) => dimOf(call, 'split_sizes')),
  tensor_split: firstPart((call) => dimOf(call, 'sections')),
  hsplit: firstPart((call) => (rankOf(call) === 1 ? 0 : 1)),
  vsplit: firstPart(() => 0),
  dsplit: firstPart(() => 2),
  unbind: (call) => {
    const { input, dim } = call.bind('input', 'dim');
    return `${call.operand(input)}[${':, '.repeat(axisFrom(scalar(dim, 0), rankOf(call)))}0]`;
  },
  hstack: side(
    (s) => (s.length === 0 ? [1] : s),
    (rank) => (rank === 1 ? 0 : 1),
  ),
  vstack: side(
    (s) => (s.length < 2 ? [1, length(s)] : s),
    () => 0,
  ),
  dstack: side(
    (s) => (s.length < 2 ? [1, length(s), 1] : s.length === 2 ? [...s, 1] : s),
    () => 2,
  ),
  column_stack: side(
    (s) => (s.length < 2 ? [length(s), 1] : s),
    () => 1,
  ),
  atleast_1d: reshapedFirst,
  atleast_2d: reshapedFirst,
  atleast_3d: reshapedFirst,
  block_diag: blockDiagonal,
  meshgrid: meshed,
  movedim: moved,
  moveaxis: moved,
  rot90: quarterTurns,
  tile: tiled,
  constant_pad_nd: (call) => {
    const { input, pad, value } = call.bind('input', 'pad', 'value');
    return constantPadded(call, call.operand(input), numbers(pad), scalar(value, 0));
  },
  diagonal,
  'linalg.diagonal': diagonal,
  diag_embed: diagonalMatrix,
  diag,
  diagflat: (call) => {
    const { input, offset } = call.bind('input', 'offset');
    return `diagonal_matrix(${reshaped(call.operand(input), [length(call.shape(0))])}, offset: ${scalar(offset, 0)})`;
  },
  diagonal_scatter: onDiagonal,
  trace: (call) => `trace(${call.operand(call.bind('input').input)})`,
  take_along_dim: takenAlong,
  take: takenAlong,
  unfold: windows,
  scatter: scattered('set'),
  scatter_add: scattered('add'),
  index_add: indexed('add'),
  index_copy: indexed('set'),
  index_fill: indexed('set'),
  select_scatter: selectScatter,
  repeat_interleave: repeatedEach,
  sum_to_size: summedTo,
  broadcast_tensors: broadcastAll,
  expand_as: broadcastAll,
};

function reshapedFirst(call: Call): string {
  for (const index of several(call).keys()) call.x(index);
  return reshaped(call.x(0), firstShape(call));
}

function transposedWhole(call: Call): string {
  const rank = rankOf(call);
  return rank < 2 ? call.x(0) : `permute(${call.x(0)}, ${listText(Array.from({ length: rank }, (_, i) => rank - 1 - i))})`;
}
