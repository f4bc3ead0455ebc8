/** lstm, gru and rnn against PyTorch's, outputs and gradients by everything, with layers, directions, padded rows and initial states. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { compileRun, compileSpec } from '../../compiler/compile.js';
import type { Tensor } from '../../compiler/graph/interpret.js';
import { lower } from '../../compiler/plan/lower.js';
import { type BackEnd, interpreter } from './back-end.js';
import { gpuBackEnd } from './gpu.js';

interface Plain {
  readonly shape: number[];
  readonly data: number[];
}
interface Recurrent {
  readonly kind: 'lstm' | 'gru' | 'rnn';
  readonly layers: number;
  readonly bidirectional: boolean;
  readonly mask: Plain | null;
  readonly x: Plain;
  readonly initial: readonly Plain[] | null;
  readonly weights: Readonly<Record<string, Plain>>;
  readonly outputs: Readonly<Record<string, Plain>>;
  readonly cotangents: Readonly<Record<string, Plain>>;
  readonly 'grad.x': Plain;
  readonly grads: Readonly<Record<string, Plain>>;
}

const cases: readonly Recurrent[] = JSON.parse(readFileSync(join(import.meta.dirname, 'recurrent', 'cases.json'), 'utf8'));
const tensor = ({ shape, data }: Plain): Tensor => ({ shape, dtype: 'f32', data: Float64Array.from(data) });

async function run(subject: Recurrent, result: string, backEnd: BackEnd = interpreter): Promise<Map<string, Tensor>> {
  const { kind, layers, bidirectional, mask, initial, weights, outputs, cotangents } = subject;
  const features = outputs.h.shape[2];
  const inputs = new Map([['x', tensor(subject.x)]]);
  if (mask) inputs.set('seen', tensor(mask));
  for (const [i, state] of (initial ?? []).entries()) inputs.set('hc'[i], tensor(state));
  const settings = `layers: ${layers}, bidirectional: ${bidirectional}${mask ? ', mask: seen' : ''}${initial ? `, initial: {${kind === 'lstm' ? 'h: h, c: c' : 'h: h'}}` : ''}`;
  const text = `net F(${[...inputs.keys()].join(', ')}) { x |> ${kind}(${features}, ${settings}, result: "${result}") }`;
  const { module, diagnostics } = compileRun({ name: 'case.gan', text }, 'F', {
    batch: subject.x.shape[0],
    training: true,
    vjp: true,
    vjp2: false,
    inputs: new Map([...inputs].map(([name, { shape, dtype }]) => [name, { shape, dtype }])),
  });
  if (!module) throw new Error(`${diagnostics.map((d) => d.message).join('; ')}\n${text}`);
  if (result === 'state') for (const [name, cotangent] of Object.entries(cotangents)) inputs.set(`cotangent.${name}`, tensor(cotangent));
  else
    for (const { outputs: list } of module.functions)
      for (const { name, node } of list) if (name === 'result') inputs.set(`cotangent.${name}`, zeros(node.shape));
  return backEnd.run(module, new Map(Object.entries(weights).map(([name, value]) => [`F.${kind}.${name}`, tensor(value)])), inputs);
}

function zeros(shape: readonly number[]): Tensor {
  return { shape, dtype: 'f32', data: new Float64Array(shape.reduce((a, b) => a * b, 1)) };
}

function expectNear(found: Tensor | undefined, { shape, data }: Plain, what: string, most = 1e-6): void {
  expect(found?.shape, what).toEqual(shape);
  data.forEach((value, i) => {
    expect(Math.abs((found as Tensor).data[i] - value), `${what}[${i}]`).toBeLessThan(most);
  });
}

describe('recurrent layers of PyTorch', () => {
  test.each(cases.map((c): [string, Recurrent] => [`${c.kind}, ${c.layers} layers${c.mask ? ', padded' : ''}${c.initial ? ', initial states' : ''}`, c]))(
    '%s',
    async (_, subject) => {
      const found = await run(subject, 'state');
      for (const [name, value] of Object.entries(subject.outputs)) expectNear(found.get(name), value, name);
      expectNear(found.get('grad.x'), subject['grad.x'], 'grad.x');
      for (const [name, value] of Object.entries(subject.grads)) expectNear(found.get(`grad.F.${subject.kind}.${name}`), value, name);

      expectNear((await run(subject, 'sequence')).get('result'), subject.outputs.sequence, 'sequence');
      const { shape, data } = subject.outputs.h;
      const directions = subject.bidirectional ? 2 : 1;
      const [batch, states, features] = shape;
      const last = Array.from({ length: batch }, (_, i) => data.slice((i + 1) * states * features - directions * features, (i + 1) * states * features)).flat();
      expectNear((await run(subject, 'last')).get('result'), { shape: [batch, directions * features], data: last }, 'last');
    },
  );
});

test('on the GPU, padded and in both directions', async () => {
  const gpu = await gpuBackEnd();
  try {
    for (const subject of cases.filter((c) => c.mask && c.kind === 'lstm')) {
      const found = await run(subject, 'state', gpu);
      for (const [name, value] of Object.entries(subject.outputs)) expectNear(found.get(name), value, name, 1e-4);
      expectNear(found.get('grad.x'), subject['grad.x'], 'grad.x', 1e-4);
      for (const [name, value] of Object.entries(subject.grads)) expectNear(found.get(`grad.F.${subject.kind}.${name}`), value, name, 1e-4);
    }
  } finally {
    gpu.close();
  }
});

test.each(['lstm', 'gru', 'rnn'])('%s: a longer text has no further kernels', (kind) => {
  const kernels = (words: number): number => {
    const text = `
noise z: normal[${words}, 6]
noise m: normal[${words}]
net G(z, m) { z |> ${kind}(16, mask: m > 0, result: "last") }
game { G minimizes E[G(z, m)^2] }
train { batch 8 steps 2
  G with sgd() }`;
    const { module, diagnostics } = compileSpec({ name: 'text.gan', text });
    expect(diagnostics.map((d) => d.message)).toEqual([]);
    return lower(module as NonNullable<typeof module>).kernels.length;
  };
  expect(kernels(24)).toBeLessThanOrEqual(kernels(14) + 4);
});
