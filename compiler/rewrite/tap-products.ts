/**
 * Convolutions onto few channels (a net's last layer, which makes the picture, and the derivative by a picture) as a matrix product and a sum over taps.
 *
 * A tile of such a product has few rows, so that what it reads of the input serves few multiplications. But every element of the input is multiplied by
 * all taps: these products, z[tap, i] = sum over channels of w[tap, channel] * x[channel, i], are a matrix product of as many rows as there are taps, and
 * the result is the sum of z over the taps, each at its distance. With input dilation d, output p pairs tap k = d*t + r with element i where
 * p = d*i - k + padding: for each t, the remainders r lie between one another as a picture d times as large, which is read d*t + d-1 - padding further on.
 */
import type { Builder } from '../graph/builder.js';
import { type ConvAttrs, type Node, size } from '../graph/node.js';
import { affine } from '../kernels/affine.js';
import { range } from '../kernels/gemm-tile.js';
import { MOVEMENT } from './match.js';

/** Up to so many output channels a tile of the convolution itself would be mostly empty. */
const FEW_CHANNELS = 3;
/** From so many input channels on, the product is worth what it writes. */
const MANY_CHANNELS = 16;
/** Of so many pictures at most the sum is made. */
const MOST_TERMS = 16;

/** The same value in two steps, or `undefined` where the convolution as such is as good. x: [N, 1, C, ...I], w: [1, O, C, ...K]. */
export function tapProducts(builder: Builder, attrs: ConvAttrs, x: Node, w: Node): Node | undefined {
  const [n, groups, channels, ...space] = x.shape;
  const [, outputs, , ...taps] = w.shape;
  const { stride, dilation, inputDilation: holes, padding, size: sizes } = attrs;
  const rows = outputs * size(taps);
  const turns = taps.map((count, i) => count / holes[i]);
  const large = space.map((length, i) => length * holes[i]);
  if (groups !== 1 || outputs > FEW_CHANNELS || channels < MANY_CHANNELS || rows > 2 * channels || size(taps) === 1 || size(turns) > MOST_TERMS)
    return undefined;
  if (stride.some((s) => s !== 1) || dilation.some((d) => d !== 1) || turns.some((count) => !Number.isInteger(count))) return undefined;
  // Elements at the edge are multiplied by taps that reach beyond the result; if these are many, the work is wasted.
  if (size(x.shape) === 0 || 2 * size(sizes) < size(large)) return undefined;

  const axes = range(taps.length);
  // A kernel that lies in memory from its last tap on is read as it lies, and its products come in that order.
  const backwards = liesBackwards(w);
  const byTap = builder.permute(
    backwards
      ? builder.reverse(
          w,
          axes.map((i) => 3 + i),
        )
      : w,
    [0, ...axes.map((i) => 3 + i), 1, 2],
  );
  const left = builder.make({ op: 'broadcast', shape: [n, rows, channels] }, [builder.reshape(byTap, [1, rows, channels])]);
  const products = builder.matmul(left, builder.reshape(x, [n, channels, size(space)]));
  // [N, (turns, holes) of each axis, O, ...I]
  const apart = builder.reshape(products, [n, ...axes.flatMap((i) => [turns[i], holes[i]]), outputs, ...space]);
  let sum: Node | undefined;
  for (let number = 0; number < size(turns); number++) {
    const turn = axes.map((i) => Math.floor(number / size(turns.slice(i + 1))) % turns[i]);
    const start = apart.shape.map(() => 0);
    const stop = [...apart.shape];
    for (const i of axes) {
      start[1 + 2 * i] = backwards ? turns[i] - 1 - turn[i] : turn[i];
      stop[1 + 2 * i] = start[1 + 2 * i] + 1;
    }
    const one = builder.reshape(builder.slice(apart, start, stop), [n, ...holes, outputs, ...space]);
    const ascending = backwards ? one : builder.make({ op: 'reverse', axes: axes.map((i) => 1 + i) }, [one]);
    const between = builder.permute(ascending, [0, 1 + axes.length, ...axes.flatMap((i) => [2 + axes.length + i, 1 + i])]);
    const picture = builder.reshape(between, [n, outputs, ...large]);
    const ahead = axes.map((i) => holes[i] * turn[i] + holes[i] - 1 - padding[i]);
    const term = shifted(builder, picture, ahead, sizes);
    if (term !== undefined) sum = sum === undefined ? term : builder.binary('add', sum, term);
  }
  return sum && builder.reshape(sum, [n, 1, outputs, ...sizes]);
}

/** Whether the taps of a kernel are read backwards, along all axes that have several. */
function liesBackwards(w: Node): boolean {
  const view = affine(w, (node) => !MOVEMENT.has(node.operation.op));
  return view?.strides.every((stride, axis) => axis < 3 || w.shape[axis] === 1 || stride < 0) ?? false;
}

/** [N, O, ...sizes] of what lies `ahead` in the picture, zero outside of it; `undefined` where nothing of it is inside. */
function shifted(builder: Builder, picture: Node, ahead: readonly number[], sizes: readonly number[]): Node | undefined {
  const large = picture.shape.slice(2);
  const start = ahead.map((distance) => Math.max(0, distance));
  const stop = ahead.map((distance, i) => Math.min(large[i], distance + sizes[i]));
  if (start.some((first, i) => first >= stop[i])) return undefined;
  const [n, outputs] = picture.shape;
  const inside = builder.slice(picture, [0, 0, ...start], [n, outputs, ...stop]);
  const low = ahead.map((distance, i) => start[i] - distance);
  return builder.pad(inside, [0, 0, ...low], [0, 0, ...sizes.map((length, i) => length - low[i] - (stop[i] - start[i]))]);
}
