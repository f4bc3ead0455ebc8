/** ONNX's operators that choose, sort, gather and scatter, and those that sample at positions. */
import { axisFrom, type Call, Inexpressible, listText, literal, numbers, type Operator, reshaped, type Table } from './call.js';

const rankOf = (call: Call, index = 0): number => call.shape(index).length;
const length = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** Numbers of places, of which negative ones count from the end. */
function fromFront(call: Call, text: string, count: number): string {
  const name = call.let(text);
  return call.let(`where(${name} < 0, ${name} + ${count}, ${name})`);
}

const extreme =
  (block: 'arg_max' | 'arg_min'): Operator =>
  (call) => {
    const axis = axisFrom(call.attribute('axis', 0), rankOf(call));
    const found = `${block}(${call.x(0)}, axis: ${axis}, last: ${call.attribute('select_last_index', 0) === 1})`;
    const { shape } = call.subject.outputs[0] ?? { shape: [] };
    return reshaped(found, shape);
  };

const topK: Operator = (call) => {
  const k = call.has(1) ? call.values(1)[0] : call.attribute('k', 1);
  const settings = `axis: ${axisFrom(call.attribute('axis', -1), rankOf(call))}, least: ${call.attribute('largest', 1) === 0}`;
  const found = call.let(`top_k(${call.x(0)}, ${k}, ${settings})`);
  return [`${found}.values`, `${found}.places`];
};

const gathered: Operator = (call) => {
  const axis = axisFrom(call.attribute('axis', 0), rankOf(call));
  const [own, wanted] = [call.shape(0), call.shape(1)];
  const flat = fromFront(call, reshaped(call.x(1), [length(wanted)]), own[axis]);
  return reshaped(`take(${call.x(0)}, ${flat}, axis: ${axis})`, [...own.slice(0, axis), ...wanted, ...own.slice(axis + 1)]);
};

const gatheredElements: Operator = (call) => {
  const axis = axisFrom(call.attribute('axis', 0), rankOf(call));
  const wanted = call.shape(1);
  const whole = `${call.x(0)}[${wanted.map((n, i) => (i === axis ? ':' : `0:${n}`)).join(', ')}]`;
  return `gather(${whole}, ${fromFront(call, call.x(1), call.shape(0)[axis])}, axis: ${axis})`;
};

/** Indices [..., q] into the first q axes, as numbers of the entries of those axes laid one after another. */
function flatIndices(call: Call, index: string, own: readonly number[], q: number): string {
  const axes = own.slice(0, q);
  const parts = axes.map((n, i) => `${fromFront(call, `slice(${index}, -1, ${i}, ${i + 1})`, n)} * ${length(axes.slice(i + 1))}`);
  return parts.join(' + ');
}

const gatheredByTuples: Operator = (call) => {
  const lead = call.attribute('batch_dims', 0);
  const [own, wanted] = [call.shape(0).slice(lead), call.shape(1).slice(lead)];
  const q = wanted[wanted.length - 1];
  const rest = own.slice(q);
  if (lead > 1) throw new Inexpressible('two axes of batches');
  // The batch of ONNX is the language's.
  const [x, index] = [call.x(0, lead === 1 ? 'rows' : 'shared'), call.x(1, lead === 1 ? 'rows' : 'shared')];
  const flat = reshaped(flatIndices(call, index, own, q), [length(wanted.slice(0, -1))]);
  return reshaped(`take(${reshaped(x, [length(own.slice(0, q)), ...rest])}, ${flat}, axis: 0)`, [...wanted.slice(0, -1), ...rest]);
};

const combinations: Readonly<Record<string, string>> = { none: 'set', add: 'add', mul: 'multiply', max: 'max', min: 'min' };
const combined = (call: Call): string => `combine: "${combinations[call.attribute('reduction', 'none')]}"`;

const scattered: Operator = (call) => {
  const own = call.shape(0);
  const axis = axisFrom(call.attribute('axis', 0), own.length);
  const wanted = call.shape(1);
  const index = fromFront(call, call.x(1), own[axis]);
  // Where the index is shorter along another axis, the rest of the data stays: its numbers there are of no place.
  const more = own.map((n, i) => (i === axis ? 0 : n - wanted[i]));
  const none = own.map(() => 0);
  const wide = (text: string): string => (more.every((n) => n === 0) ? text : `pad(${text}, ${listText(none)}, ${listText(more)})`);
  return `scatter(${call.x(0)}, ${wide(`(${index} + 1)`)} - 1, ${wide(call.x(2))}, axis: ${axis}, ${combined(call)})`;
};

const scatteredByTuples: Operator = (call) => {
  const [own, wanted] = [call.shape(0), call.shape(1)];
  const q = wanted[wanted.length - 1];
  const [places, count, rest] = [length(own.slice(0, q)), length(wanted.slice(0, -1)), length(own.slice(q))];
  const flat = reshaped(flatIndices(call, call.x(1), own, q), [count, 1]);
  const many = `expand(${flat}, ${count}, ${rest})`;
  return reshaped(`scatter(${reshaped(call.x(0), [places, rest])}, ${many}, ${reshaped(call.x(2), [count, rest])}, axis: 0, ${combined(call)})`, own);
};

const sampled: Operator = (call) => {
  const mode = call.attribute('mode', 'linear').replace('bilinear', 'linear').replace('bicubic', 'cubic');
  const settings = `mode: "${mode}", outside: "${call.attribute('padding_mode', 'zeros')}", align_corners: ${call.attribute('align_corners', 0) === 1}`;
  return `grid_sample(${call.x(0, 'rows')}, ${call.x(1, 'rows')}, ${settings})`;
};

const affineGrid: Operator = (call) =>
  `affine_grid(${call.x(0, 'rows')}, ${listText(call.values(1).slice(2))}, align_corners: ${call.attribute('align_corners', 0) === 1})`;

/** cos and sin by position, or for every row of every example. */
const rotary: Operator = (call) => {
  const shape = call.shape(0);
  const heads = call.attribute('num_heads', 0);
  // [examples, rows, heads * features] is another layout of [examples, heads, rows, features].
  const [examples, rows] = shape.length === 3 ? [shape[0], shape[1]] : [shape[0], shape[2]];
  const x = shape.length === 3 ? `permute(${reshaped(call.x(0, 'rows'), [rows, heads, shape[2] / heads])}, 1, 0, 2)` : call.x(0, 'rows');
  const angles = (index: number): string => {
    if (!call.has(3)) return call.x(index, 'rows');
    const half = call.shape(index)[1];
    return reshaped(`take(${call.x(index)}, ${reshaped(call.x(3, 'rows'), [rows])}, axis: 0)`, [rows, half]);
  };
  if (examples === 0) throw new Inexpressible('an axis of length 0');
  const y = `rotary(${x}, ${angles(1)}, ${angles(2)}, interleaved: ${call.attribute('interleaved', 0) === 1})`;
  return shape.length === 3 ? reshaped(`permute(${y}, 1, 0, 2)`, [rows, shape[2]]) : y;
};

/** Windows' greatest back where they were, zeros elsewhere; places are counted over all the tensor. */
const unpooled: Operator = (call) => {
  const own = call.shape(0);
  const kernel = numbers(call.attribute('kernel_shape', []));
  const stride = numbers(
    call.attribute(
      'strides',
      kernel.map(() => 1),
    ),
  );
  const pads = numbers(call.attribute('pads', new Array<number>(2 * kernel.length).fill(0)));
  const least = [...own.slice(0, 2), ...kernel.map((k, i) => (own[i + 2] - 1) * stride[i] + k - pads[i] - pads[i + kernel.length])];
  const whole = call.has(2) ? call.values(2) : least;
  // Places are those of the least output; a larger one is filled up at the ends.
  const flat = `scatter(expand(0, ${length(least)}), ${reshaped(call.x(1), [length(own)])}, ${reshaped(call.x(0), [length(own)])})`;
  const given = call.values(1).some((place) => place >= length(least)) ? whole : least;
  if (given === whole) return reshaped(flat.replace(`expand(0, ${length(least)})`, `expand(0, ${length(whole)})`), whole);
  return `pad(${reshaped(flat, least)}, ${listText(least.map(() => 0))}, ${listText(whole.map((n, i) => n - least[i]))})`;
};

const cumulatedProduct: Operator = (call) => {
  const axis = axisFrom(call.values(1)[0], rankOf(call));
  const turned = (x: string): string => (call.attribute('reverse', 0) === 1 ? `reverse(${x}, axis: ${axis})` : x);
  const products = `cumulative_product(${turned(call.x(0))}, axis: ${axis})`;
  if (call.attribute('exclusive', 0) !== 1) return turned(products);
  const [one, n] = [call.shape(0).map((m, i) => (i === axis ? 1 : m)), call.shape(0)[axis]];
  return turned(`concat(expand(1, ${listText(one)}), slice(${products}, ${axis}, 0, ${n - 1}), axis: ${axis})`);
};

const cropped: Operator = (call) => {
  const own = call.shape(0);
  const axes = numbers(
    call.attribute(
      'axes',
      own.map((_, i) => i),
    ),
  ).map((a) => axisFrom(a, own.length));
  let text = call.x(0);
  const [low, high] = [own.map(() => 0), own.map(() => 0)];
  axes.forEach((axis, i) => {
    const more = call.values(1)[i] - own[axis];
    const before = Math.floor(Math.abs(more) / 2);
    if (more < 0) text = `slice(${text}, ${axis}, ${before}, ${before + call.values(1)[i]})`;
    else [low[axis], high[axis]] = [before, more - before];
  });
  return `pad(${text}, ${listText(low)}, ${listText(high)})`;
};

export const choiceTable: Table = {
  ArgMax: extreme('arg_max'),
  ArgMin: extreme('arg_min'),
  Hardmax: (call) => {
    if (call.opset < 13) throw new Inexpressible('the older form of Hardmax');
    return `hard_max(${call.x(0)}, axis: ${call.attribute('axis', -1)})`;
  },
  TopK: topK,
  Gather: gathered,
  GatherElements: gatheredElements,
  GatherND: gatheredByTuples,
  Scatter: scattered,
  ScatterElements: scattered,
  ScatterND: scatteredByTuples,
  GridSample: sampled,
  AffineGrid: affineGrid,
  RotaryEmbedding: rotary,
  MaxUnpool: unpooled,
  CumProd: cumulatedProduct,
  CenterCropPad: cropped,
  GlobalLpPool: (call) =>
    reshaped(`global_lp_pool(${call.x(0, 'rows')}, p: ${call.attribute('p', 2)})`, [
      ...call.shape(0).slice(1, 2),
      ...call
        .shape(0)
        .slice(2)
        .map(() => 1),
    ]),
  Det: (call) => `determinant(${call.x(0)})`,
  EyeLike: (call) => {
    const [rows, columns] = call.shape(0);
    return `0 * ${call.x(0)} + (iota(${columns}) - reshape(iota(${rows}), ${rows}, 1) == ${literal(call.attribute('k', 0))})`;
  },
  Upsample: (call) => {
    const scales = call.has(1) ? call.values(1) : numbers(call.attribute('scales', []));
    if (call.attribute('mode', 'nearest') !== 'nearest' || scales.some((s) => !Number.isInteger(s))) throw new Inexpressible('the older form of Resize');
    return `upsample(${call.x(0, 'rows')}, ${listText(scales.slice(2))})`;
  },
};
