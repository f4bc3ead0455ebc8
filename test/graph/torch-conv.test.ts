import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Builder } from '../../compiler/graph/builder.js';
import { derivative } from '../../compiler/graph/derivative.js';
import { type Node, type Shape, size } from '../../compiler/graph/node.js';
import type { Tensor } from '../../compiler/graph/tensor.js';
import { rules } from '../../compiler/rewrite/rules.js';
import { numbersOf, relativeError, tensorOf } from './numeric.js';

interface Stored {
  readonly shape: Shape;
  readonly offset: number;
}

interface Case {
  readonly id: string;
  readonly op: string;
  readonly args: readonly ({ tensor: number } | null)[];
  readonly kwargs: Readonly<Record<string, number | number[] | string>>;
  readonly inputs: readonly Stored[];
  readonly output: Stored;
  readonly cotangent: Stored;
  readonly grads: readonly (Stored & { input: number })[];
  readonly second_order?: { w: (Stored & { input: number })[]; d_inputs: (Stored & { input: number })[]; d_cotangent: Stored };
}

const folder = new URL('../oracles/opinfo-conv/', import.meta.url);
const { cases } = JSON.parse(readFileSync(new URL('index.json', folder), 'utf8')) as { cases: Case[] };
const bytes = readFileSync(new URL('data.bin', folder));

function read({ shape, offset }: Stored): Tensor {
  return tensorOf(
    shape,
    Array.from({ length: size(shape) }, (_, i) => bytes.readFloatLE(offset + 4 * i)),
  );
}

/** `torch.nn.functional.conv*` of x (batch optional), weight and bias, in terms of the primitive. */
function torchConv(b: Builder, c: Case, x: Node, w: Node, bias: Node | undefined): Node {
  const rank = w.shape.length - 2;
  const transposed = c.op.includes('transpose');
  const groups = (c.kwargs.groups as number | undefined) ?? 1;
  const numbers = (name: string, otherwise: number): number[] => {
    const value = (c.kwargs[name] ?? otherwise) as number | number[];
    return Array.from({ length: rank }, (_, i) => (Array.isArray(value) ? (value[i] ?? value[0]) : value));
  };
  const batched = x.shape.length === rank + 2 ? x : b.reshape(x, [1, ...x.shape]);
  const [n, channels, ...space] = batched.shape;
  const kernel = w.shape.slice(2);
  const [stride, dilation] = [numbers('stride', 1), numbers('dilation', 1)];
  const reach = kernel.map((k, i) => (k - 1) * dilation[i]);
  const ones = kernel.map(() => 1);
  const input = b.reshape(batched, [n, groups, channels / groups, ...space]);
  let y: Node;
  if (transposed) {
    const padding = numbers('padding', 0);
    const extra = numbers('output_padding', 0);
    const spatial = kernel.map((_, i) => i + 3);
    const grouped = b.reshape(w, [groups, channels / groups, w.shape[1], ...kernel]);
    y = b.conv(input, b.reverse(b.permute(grouped, [0, 2, 1, ...spatial]), spatial), {
      stride: ones,
      padding: reach.map((r, i) => r - padding[i]),
      dilation,
      inputDilation: stride,
      size: space.map((s, i) => (s - 1) * stride[i] - 2 * padding[i] + reach[i] + extra[i] + 1),
    });
  } else {
    const same = c.kwargs.padding === 'same';
    const padding = same ? reach.map((r) => Math.floor(r / 2)) : numbers('padding', 0);
    y = b.conv(input, b.reshape(w, [groups, w.shape[0] / groups, ...w.shape.slice(1)]), {
      stride,
      padding,
      dilation,
      inputDilation: ones,
      size: space.map((s, i) => (same ? s : Math.floor((s + 2 * padding[i] - reach[i] - 1) / stride[i]) + 1)),
    });
  }
  const flat = b.reshape(y, [n, y.shape[1] * y.shape[2], ...y.shape.slice(3)]);
  const sum = bias === undefined ? flat : b.binary('add', flat, b.broadcastTo(b.reshape(bias, [bias.shape[0], ...ones]), flat.shape));
  return b.reshape(sum, c.output.shape);
}

describe('conv against PyTorch', () => {
  it.each(cases.map((c) => [c.id, c] as const))('%s', (_id, c) => {
    const b = new Builder({ rewrite: rules });
    const tensors: Record<string, Tensor> = { v: read(c.cotangent) };
    const inputs = c.inputs.map((stored, i) => {
      tensors[`x${i}`] = read(stored);
      return b.input(`x${i}`, stored.shape, 'f32');
    });
    const [x, w, bias] = c.args.map((arg) => (arg === null ? undefined : inputs[arg.tensor])) as [Node, Node, Node | undefined];
    const y = torchConv(b, c, x, w, bias);
    const v = b.input('v', c.cotangent.shape, 'f32');
    const agree = (node: Node, stored: Stored): void => expect(relativeError(numbersOf(node, tensors), [...read(stored).data])).toBeLessThan(1e-6);
    agree(y, c.output);
    const wrt = c.grads.map((g) => inputs[g.input]);
    const grads = derivative(b, [y], [v], wrt);
    grads.forEach((g, i) => {
      agree(g, c.grads[i]);
    });
    if (c.second_order === undefined) return;
    const { w: weights, d_inputs, d_cotangent } = c.second_order;
    const directions = weights.map((weight) => {
      tensors[`w${weight.input}`] = read(weight);
      return b.input(`w${weight.input}`, weight.shape, 'f32');
    });
    const of = weights.map((weight) => grads[c.grads.findIndex((g) => g.input === weight.input)]);
    const second = derivative(b, of, directions, [...d_inputs.map((d) => inputs[d.input]), v]);
    [...d_inputs, d_cotangent].forEach((stored, i) => {
      agree(second[i], stored);
    });
  });
});
