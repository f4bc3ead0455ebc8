/** Shapes: GAN3000-3999. Shapes are without the batch. */
import type { Shape } from '../../graph/node.js';
import { type Problem, plural, shown } from './words.js';

export const gatherShapes = (shared: number, x: Shape, index: Shape): Problem => ({
  code: 'GAN3041',
  message: `rows of ${shown(x)} cannot be taken by the numbers ${shown(index)}: the first ${shared} axes must be alike, and one more must be there`,
});
export const einsumForm = (why: string): Problem => ({
  code: 'GAN3040',
  message: why,
  help: 'such as `einsum("ij,jk->ik", a, b)`: a letter for each axis, without the batch',
});
/** What to change: of feature maps with other channels alone, the channels. */
function broadcastHelp(a: Shape, b: Shape): string {
  const rest = (shape: Shape): string => shape.slice(1).join();
  if (a.length === b.length && a.length > 2 && rest(a) === rest(b) && a[0] !== b[0])
    return `they have ${a[0]} and ${b[0]} channels: bring the first to those of the second, \`conv(${b[0]}, kernel: 1)\``;
  return 'shapes are compared from the last axis; each pair must be equal or have a 1';
}
export const cannotBroadcast = (op: string, a: Shape, b: Shape): Problem => ({
  code: 'GAN3001',
  message: `the shapes of \`${op}\` do not fit: ${shown(a)} and ${shown(b)}`,
  label: `${shown(a)} ${op} ${shown(b)}`,
  help: broadcastHelp(a, b),
});
export const shapesDiffer = (what: string, shapes: readonly Shape[]): Problem => ({
  code: 'GAN3002',
  message: `${what} wants equal shapes, and these are ${shapes.map(shown).join(', ')}`,
});
export const reshapeCount = (from: Shape, to: Shape): Problem => {
  const count = (shape: Shape): number => shape.reduce((a, b) => a * b, 1);
  return {
    code: 'GAN3003',
    message: `cannot reshape ${shown(from)} to ${shown(to)}: ${count(from)} elements are not ${count(to)}`,
    label: `${shown(from)} comes in`,
    help: 'one length may be `none`: it takes what is left',
  };
};
export const axisOutside = (axis: number, rank: number): Problem => ({
  code: 'GAN3004',
  message: `there is no axis ${axis}: the value has ${plural(rank, 'axis').replace('axiss', 'axes')}`,
  help: 'axes are counted from 0, without the batch; negative ones from the end',
});
export const axisCount = (count: number, most: number): Problem => ({
  code: 'GAN3022',
  message: `a value has from 0 to ${most} axes, and here ${count} are wanted`,
  label: 'not a number of axes',
});
export const indexOutside = (index: number, length: number): Problem => ({
  code: 'GAN3005',
  message: `index ${index} is outside of an axis of length ${length}`,
  help: length > 0 ? `the first is 0, the last ${length - 1}, or -1 from the end` : undefined,
});
export const emptySlice = (from: number, to: number, length: number): Problem => ({
  code: 'GAN3006',
  message: `the slice ${from}:${to} of an axis of length ${length} is empty`,
});
export const groupsOfBatch = (size: number, rows: number): Problem => ({
  code: 'GAN3020',
  message: `a batch of ${rows} does not divide into groups of ${size}`,
  help: 'take a group that divides the batch',
});
export const uncounted = (what: string): Problem => ({
  code: 'GAN3021',
  message: `how many values there are is not known of ${what}`,
  help: 'name the number, or pass a field of type class[10] or tokens[9, words: 32]',
});
export const notBatched = (callee: string, what: string): Problem => ({
  code: 'GAN3023',
  message: `\`${callee}\` wants a value that each example has of its own, and this is ${what}`,
  help: 'what no row of data and no draw goes into is the same for all examples already',
});
export const tooManyIndices = (given: number, shape: Shape): Problem => ({
  code: 'GAN3007',
  message: `${given} ${given === 1 ? 'index' : 'indices'} for a value of shape ${shown(shape)}`,
  help: 'the batch is not indexed; an axis of length 1 is made by `none`',
});
export const matmulShapes = (a: Shape, b: Shape): Problem => ({
  code: 'GAN3008',
  message: `matmul wants [..., m, k] and [..., k, n], and was given ${shown(a)} and ${shown(b)}`,
});
export const convShapes = (why: string, x: Shape, w: Shape, help?: string): Problem => ({
  code: 'GAN3009',
  message: `convolution of ${shown(x)} with a kernel ${shown(w)}: ${why}`,
  help,
});
function concatHelp(axis: number, shapes: readonly Shape[]): string | undefined {
  if (shapes.some((shape) => shape.length !== shapes[0].length))
    return 'bring them to the same axes first: `expand(reshape(c, n, 1, 1), n, height, width)` makes a picture of a vector';
  const differing = shapes[0].map((_, i) => i).filter((i) => shapes.some((shape) => shape[i] !== shapes[0][i]));
  return differing.length === 1 && differing[0] !== axis ? `along axis ${differing[0]} they fit: \`concat(..., axis: ${differing[0]})\`` : undefined;
}
export const concatShapes = (axis: number, shapes: readonly Shape[]): Problem => ({
  code: 'GAN3010',
  message: `concat along axis ${axis} wants shapes that are equal elsewhere, and these are ${shapes.map(shown).join(', ')}`,
  help: concatHelp(axis, shapes),
});
export const resultShape = (net: string, declared: Shape, found: Shape): Problem => ({
  code: 'GAN3011',
  message: `net \`${net}\` says that it returns ${shown(declared)}, and it returns ${shown(found)}`,
  label: `this is ${shown(found)}`,
});
export const variableShape = (name: string, before: Shape, now: Shape): Problem => ({
  code: 'GAN3012',
  message: `\`${name}\` is ${shown(before)} in an earlier call and would be ${shown(now)} in this one`,
  help: 'a net owns its weights, and every call shares them: its inputs must have the same shapes in each call',
});
export const initialShape = (name: string, shape: Shape, found: Shape): Problem => ({
  code: 'GAN3013',
  message: `\`${name}\` is ${shown(shape)}, and its first value is ${shown(found)}`,
  help: 'the first value has that shape, or is one number for all',
});
export const nonPositive = (what: string, size: number): Problem => ({
  code: 'GAN3014',
  message: `${what} would have size ${size}`,
  label: 'too small',
  help: 'sizes are at least 1, paddings at least 0',
});
export const graphRule = (message: string): Problem => ({ code: 'GAN3015', message });
export const paramShape = (net: string, param: string, declared: Shape, found: Shape): Problem => ({
  code: 'GAN3016',
  message: `\`${net}\` takes \`${param}\` of shape ${shown(declared)}, and was given ${shown(found)}`,
});
export const maskShape = (mask: Shape, value: Shape, reduced: Shape): Problem => ({
  code: 'GAN3030',
  message: `a mask of shape ${shown(mask)} does not fit a value of shape ${shown(value)}`,
  help: `it has the lengths of the axes that are reduced, ${shown(reduced)}, or goes with every element`,
});
