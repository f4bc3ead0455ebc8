/** Random small graphs over every kind of operation, for the property tests of fusion, plan and kernels. */
import { Builder } from '../../compiler/graph/builder.js';
import { type GraphFunction, type Node, size, type Variable } from '../../compiler/graph/node.js';

export interface RandomGraph {
  readonly fn: GraphFunction;
  readonly variables: readonly Variable[];
}

/** `pick(n)`: a random integer from 0 to n - 1. */
export function randomGraph(pick: (n: number) => number, steps: number): RandomGraph {
  const b = new Builder();
  const choose = <T>(list: readonly T[]): T => list[pick(list.length)];
  const shapes = [[4, 8], [3, 5], [2, 3, 4], [8], [], [1, 6], [2, 4, 8]];
  const variables: Variable[] = ['p', 'q', 'r'].map((name, i) => ({
    name,
    kind: 'weight',
    shape: choose(shapes),
    dtype: 'f32',
    ...(i < 2 ? { group: 'g' } : {}),
  }));
  const nodes: Node[] = variables.map((v) => b.variable(v.name, v.shape, 'f32'));
  for (let i = 0; i < 3; i++) nodes.push(b.input(`x${i}`, choose(shapes), 'f32'));
  nodes.push(b.random('draw', choose(shapes)));

  /** Another value in this shape, by broadcast, slice, or reshape where possible. */
  const like = (shape: readonly number[]): Node => {
    const same = nodes.filter((n) => size(n.shape) === size(shape));
    if (same.length > 0 && pick(3) > 0) return b.reshape(choose(same), shape);
    const fits = nodes.filter(
      (n) => n.shape.length <= shape.length && n.shape.every((length, i) => [1, shape[shape.length - n.shape.length + i]].includes(length)),
    );
    if (fits.length > 0 && pick(4) > 0) return b.broadcastTo(choose(fits), shape);
    return b.constant(pick(5) - 1.75, shape);
  };
  const grow = (): Node => {
    const a = pick(3) === 0 ? choose(nodes) : nodes[nodes.length - 1 - pick(Math.min(4, nodes.length))];
    const rank = a.shape.length;
    const axis = rank === 0 ? 0 : pick(rank);
    switch (pick(rank === 0 ? 4 : 17)) {
      case 0:
        return b.unary(choose(['neg', 'abs', 'tanh', 'sigmoid', 'softplus', 'sin', 'sign']), a);
      case 1:
      case 2:
        return b.binary(choose(['add', 'sub', 'mul', 'max', 'min']), a, like(a.shape));
      case 3:
        return b.select(b.compare(choose(['lt', 'le']), a, like(a.shape)), a, like(a.shape));
      case 4:
        return b.permute(
          a,
          a.shape.map((_, i) => rank - 1 - i),
        );
      case 5: {
        const start = a.shape.map((length) => pick(length));
        return b.slice(
          a,
          start,
          a.shape.map((length, i) => start[i] + 1 + pick(length - start[i])),
          a.shape.map(() => 1 + pick(2)),
        );
      }
      case 6:
        return size(a.shape) > 200
          ? b.unary('neg', a)
          : b.pad(
              a,
              a.shape.map(() => pick(3)),
              a.shape.map(() => pick(2)),
              a.shape.map(() => pick(2)),
            );
      case 7: {
        const list = Array.from({ length: 1 + pick(3) }, () => b.reshape(b.scale(like(a.shape), 0.5), a.shape));
        return size(a.shape) > 200 ? b.unary('abs', a) : b.concat([a, ...list], axis);
      }
      case 8:
        return b.reverse(a, [axis]);
      case 9:
      case 10:
        return b.scale(
          b.sum(
            a,
            a.shape.map((_, i) => i).filter((i) => i === axis || pick(3) === 0),
          ),
          0.25,
        );
      case 11:
        return b.max(a, [axis]);
      case 12: {
        const other = choose(nodes.filter((n) => n.shape.length > 0));
        const k = a.shape[rank - 1];
        const left = b.reshape(a, [1, size(a.shape) / k, k]);
        const right = b.slice(
          b.broadcastTo(b.reshape(other, [1, 1, size(other.shape)]), [1, k, size(other.shape)]),
          [0, 0, 0],
          [1, k, Math.min(6, size(other.shape))],
        );
        return b.reshape(b.scale(b.matmul(left, right), 1 / k), [size(a.shape) / k, right.shape[2]]);
      }
      case 13: {
        const length = size(a.shape);
        const taps = 1 + pick(3);
        const w = b.reshape(b.slice(b.reshape(a, [length]), [0], [Math.min(taps, length)]), [1, 1, 1, Math.min(taps, length)]);
        return b.reshape(
          b.conv(b.reshape(a, [1, 1, 1, length]), w, {
            stride: [1 + pick(2)],
            padding: [pick(3)],
            dilation: [1],
            inputDilation: [1 + pick(2)],
            size: [length],
          }),
          a.shape,
        );
      }
      case 14: {
        const length = a.shape[axis];
        const lead = size(a.shape.slice(0, axis));
        const places = [lead, 1 + pick(4)];
        const index = b.binary('mod', b.iota(places, pick(2) as 0 | 1, 'i32'), b.constant(length + pick(2), places, 'i32'));
        const rest = a.shape.slice(axis + 1);
        return b.reshape(b.gather(b.reshape(a, [lead, length, size(rest)]), index), [...a.shape.slice(0, axis), places[1], ...rest]);
      }
      case 15:
        return b.broadcastTo(b.reshape(a, [...a.shape, 1]), [...a.shape, size(a.shape) > 100 ? 1 : 1 + pick(4)]);
      default:
        return b.binary('mul', a, b.broadcastTo(b.iota([a.shape[rank - 1]], 0, 'f32'), a.shape));
    }
  };
  for (let i = 0; i < steps; i++) {
    const node = grow();
    // Values stay near 1, so that tolerances mean the same everywhere.
    nodes.push(pick(3) === 0 ? b.unary('tanh', node) : node);
  }
  const outputs = [nodes[nodes.length - 1], choose(nodes), choose(nodes)].map((node, i) => ({ name: `y${i}`, node }));
  const stores = variables.filter(() => pick(2) === 0).map(({ name, shape }) => ({ variable: name, node: like(shape) }));
  const total = 256;
  const packed = [nodes[nodes.length - 1], choose(nodes)].filter((n) => size(n.shape) <= 64);
  if (packed.length > 0)
    outputs.push({
      name: 'pack',
      node: b.unary(
        'neg',
        b.pack(
          packed,
          packed.map((_, i) => i * 128),
          total,
        ),
      ),
    });
  return { fn: { name: 'run', outputs, stores }, variables };
}
