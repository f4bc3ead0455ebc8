/** PyTorch's products of several matrices, and its linear equations. */
import { axisFrom, type Call, Inexpressible, listText, numbers, type Operator, reshaped, type Table } from './call.js';
import type { Argument } from './case.js';
import { flag, indexOf, rankOf, scalar } from './opinfo-arguments.js';
import { listed } from './opinfo-movement.js';

const length = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

function transposed(call: Call, x: string, rank = rankOf(call)): string {
  const axes = Array.from({ length: rank }, (_, i) => i);
  [axes[rank - 1], axes[rank - 2]] = [rank - 2, rank - 1];
  return call.let(`permute(${x}, ${listText(axes)})`);
}

/** The square matrices of the first argument. */
const square =
  (form: (a: string, call: Call) => string, ...names: string[]): Operator =>
  (call) => {
    const { input } = call.bind('input', ...names, 'check_errors', 'hermitian');
    return form(call.operand(input), call);
  };

const factor: Operator = (call) => {
  const { input, upper } = call.bind('input', 'upper', 'check_errors');
  // Of a matrix and its transpose the mean: derivatives by both halves are alike, as in PyTorch.
  const a = call.operand(input);
  const symmetric = call.let(`0.5 * (${a} + ${transposed(call, a)})`);
  const lower = `cholesky(${symmetric})`;
  return flag(upper) ? transposed(call, lower) : lower;
};

/** A vector on the right counts as a column. */
const solved: Operator = (call) => {
  const { input, other, left } = call.bind('input', 'other', 'left', 'check_errors');
  if (left === false) throw new Inexpressible('an unknown on the left');
  const [a, b] = [call.shape(indexOf(input)), call.shape(indexOf(other))];
  const vector = b.length === 1 || (b.length === a.length - 1 && b.every((n, i) => n === a[i]));
  const right = vector ? reshaped(call.operand(other), [...b, 1]) : call.operand(other);
  const own = vector ? [...b, 1] : b;
  const lead = broadcast(a.slice(0, -2), own.slice(0, -2));
  const wide = (x: string, shape: readonly number[]): string => (lead.length === 0 ? x : `expand(${x}, ${listText([...lead, ...shape.slice(-2)])})`);
  return reshaped(`solve(${wide(call.operand(input), a)}, ${wide(right, own)})`, call.subject.outputs[0]?.shape ?? []);
};

function broadcast(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => Math.max(a[a.length - rank + i] ?? 1, b[b.length - rank + i] ?? 1));
}

const triangular =
  (first: 'matrix' | 'right'): Operator =>
  (call) => {
    const bound = first === 'matrix' ? call.bind('a', 'b', 'upper', 'left', 'unitriangular') : call.bind('b', 'a', 'upper', 'transpose', 'unitriangular');
    const [a, b] = [indexOf(bound.a), indexOf(bound.b)];
    const lead = broadcast(call.shape(a).slice(0, -2), call.shape(b).slice(0, -2));
    const wide = (index: number): string =>
      lead.length === 0 ? call.x(index) : `expand(${call.x(index)}, ${listText([...lead, ...call.shape(index).slice(-2)])})`;
    const rank = lead.length + 2;
    let upper = first === 'matrix' ? flag(bound.upper) : bound.upper !== false;
    let [matrix, right] = [call.let(wide(a)), call.let(wide(b))];
    const onRight = bound.left === false;
    // X A = B is A^T X^T = B^T.
    if (onRight) right = transposed(call, right, rank);
    if (onRight !== flag(bound.transpose)) {
      matrix = transposed(call, matrix, rank);
      upper = !upper;
    }
    const y = `solve_triangular(${matrix}, ${right}, upper: ${upper}, unit: ${flag(bound.unitriangular)})`;
    return onRight ? transposed(call, y, rank) : y;
  };

/** With L (or its transpose) of a Cholesky factorisation: the equations of L L^T. */
const byFactor: Operator = (call) => {
  const { input, factor: given, upper } = call.bind('input', 'factor', 'upper');
  const index = indexOf(given);
  const [l, t] = [call.x(index), transposed(call, call.x(index), call.shape(index).length)];
  return `solve(matmul(${flag(upper) ? `${t}, ${l}` : `${l}, ${t}`}), ${call.operand(input)})`;
};

const power: Operator = (call) => {
  const { input, n } = call.bind('input', 'n');
  const shape = call.shape(0);
  const size = shape[shape.length - 1];
  let k = scalar(n, 1);
  const identity = `expand(reshape(iota(${size}), ${size}, 1) == iota(${size}), ${listText([...shape])})`;
  if (k === 0) return `1 * ${identity} + 0 * ${call.operand(input)}`;
  let base = call.operand(input);
  if (k < 0) [base, k] = [call.let(`inverse(${base})`), -k];
  let result = base;
  for (let i = 1; i < k; i++) result = call.let(`matmul(${result}, ${base})`);
  return result;
};

const dotted: Operator = (call) => {
  const { a, b, dims } = call.bind('a', 'b', 'dims');
  const [left, right] = [call.shape(0), call.shape(1)];
  const [over, under] = Array.isArray(dims)
    ? [numbers(dims[0] as Argument), numbers(dims[1] as Argument)]
    : [Array.from({ length: scalar(dims, 2) }, (_, i) => left.length - scalar(dims, 2) + i), Array.from({ length: scalar(dims, 2) }, (_, i) => i)];
  const [f, t] = [over.map((x) => axisFrom(x, left.length)), under.map((x) => axisFrom(x, right.length))];
  const letters = 'abcdefghijklmnopqrstuvwxyz';
  const first = [...left.keys()].map((i) => letters[i]);
  const second = [...right.keys()].map((i) => (t.includes(i) ? first[f[t.indexOf(i)]] : letters[left.length + i]));
  const result = [...first.filter((_, i) => !f.includes(i)), ...second.filter((_, i) => !t.includes(i))];
  return `einsum("${first.join('')},${second.join('')}->${result.join('')}", ${call.operand(a)}, ${call.operand(b)})`;
};

const crossed: Operator = (call) => {
  const { input, other, dim } = call.bind('input', 'other', 'dim');
  const rank = Math.max(rankOf(call, 0), rankOf(call, 1));
  const shape = broadcast(call.shape(0), call.shape(1));
  // `cross` takes the first axis of length 3, `linalg.cross` the last axis.
  const otherwise = call.subject.op === 'cross' ? shape.indexOf(3) : -1;
  const axis = axisFrom(scalar(dim, otherwise), rank);
  const [a, b] = [input, other].map((v) => call.let(`expand(${call.operand(v)}, ${listText(shape)})`));
  const turn = (x: string, by: number): string => `roll(${x}, ${by}, axis: ${axis})`;
  return `${turn(a, -1)} * ${turn(b, 1)} - ${turn(a, 1)} * ${turn(b, -1)}`;
};

const chained: Operator = (call) => {
  const { tensors } = call.bind('tensors');
  const product = listed(call, tensors).reduce((x, y) => `matmul(${x}, ${y})`);
  return product;
};

export const matrixTable: Table = {
  inner: (call) => {
    const { input, other } = call.bind('input', 'other');
    const [a, b] = [call.operand(input), call.operand(other)];
    if (rankOf(call, 0) === 0 || rankOf(call, 1) === 0) return `${a} * ${b}`;
    const rows = `matmul(${reshaped(a, [length(call.shape(0).slice(0, -1)), call.shape(0).at(-1) as number])}, permute(${reshaped(b, [length(call.shape(1).slice(0, -1)), call.shape(1).at(-1) as number])}, 1, 0))`;
    return reshaped(rows, [...call.shape(0).slice(0, -1), ...call.shape(1).slice(0, -1)]);
  },
  vdot: (call) => {
    const { input, other } = call.bind('input', 'other');
    return `sum(${call.operand(input)} * ${call.operand(other)})`;
  },
  'linalg.vecdot': (call) => {
    const { x, y, dim } = call.bind('x', 'y', 'dim');
    const rank = Math.max(rankOf(call, 0), rankOf(call, 1));
    return `sum(${call.operand(x)} * ${call.operand(y)}, axis: ${axisFrom(scalar(dim, -1), rank)})`;
  },
  kron: (call) => {
    const { input, other } = call.bind('input', 'other');
    return `kronecker(${call.operand(input)}, ${call.operand(other)})`;
  },
  tensordot: dotted,
  'linalg.multi_dot': chained,
  cross: crossed,
  'linalg.cross': crossed,
  'linalg.inv': square((a) => `inverse(${a})`),
  'linalg.inv_ex': square((a) => `inverse(${a})`),
  inverse: square((a) => `inverse(${a})`),
  pinverse: (call) => {
    if (call.shape(0).at(-1) !== call.shape(0).at(-2)) throw new Inexpressible('the inverse of a matrix that is not square');
    return `inverse(${call.operand(call.bind('input', 'rcond').input)})`;
  },
  'linalg.det': square((a) => `determinant(${a})`),
  'linalg.slogdet': square((a) => `0 * sum(${a}) + sign(determinant(${a}))`),
  logdet: square((a) => `log(determinant(${a}))`),
  cholesky: factor,
  'linalg.cholesky': factor,
  'linalg.cholesky_ex': factor,
  cholesky_inverse: (call) => {
    const { input, upper } = call.bind('input', 'upper');
    const rank = rankOf(call);
    const [l, t] = [call.operand(input), transposed(call, call.operand(input), rank)];
    return `inverse(matmul(${flag(upper) ? `${t}, ${l}` : `${l}, ${t}`}))`;
  },
  cholesky_solve: byFactor,
  'linalg.solve': solved,
  'linalg.solve_ex': solved,
  'linalg.solve_triangular': triangular('matrix'),
  triangular_solve: triangular('right'),
  'linalg.matrix_power': power,
  matrix_power: power,
};
