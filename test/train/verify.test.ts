/** `ganc verify`: a right program agrees with the interpreter in every tensor; of a wrong one the kernel at fault is named. */
import { afterAll, expect, test } from 'vitest';
import { compileSpec } from '../../compiler/compile.js';
import { type Lowered, lowerTraced } from '../../compiler/plan/lower.js';
import { type GpuDevice, openDevice } from '../../runtime/device/open.js';
import { compare } from '../../runtime/train/agreement.js';
import { type Verification, verifySteps } from '../../runtime/train/verify.js';

let gpu: GpuDevice | undefined;
afterAll(() => gpu?.close());

const text = `
data points = ring() { x: vector[2]  y: class[8] }
noise z: normal[4]
net G(z) { z |> linear(6) as fc1 |> batch_norm as bn |> relu |> linear(2) as fc2 |> dropout(0.3) }
net D(x, y) { concat(x, y |> embedding(3)) |> linear(5) as fc1 |> leaky_relu(0.2345) |> linear(1) as fc2 }
game {
  fake = G(z)
  e = uniform()
  mix = e * x + (1 - e) * stop(fake)
  D minimizes E[softplus(-D(x, y))] + E[softplus(D(fake, y))] + 10 * E[(norm(grad(D(mix, y), mix)) - 1)^2]
  G minimizes E[softplus(-D(fake, y))]
  report right = E[sigmoid(D(x, y))] in D
}
train {
  batch 6   steps 10
  D with adam(lr: 1e-3, beta1: 0.4321), times 2
  G with adam(lr: 0.01 * (1 - step / 10)), average 0.9
}
sample s = G(z)`;

const compiled = (spec = text) => {
  const { module, diagnostics } = compileSpec({ name: 'small.gan', text: spec }, { trace: true, samples: 5 });
  expect(diagnostics.filter((d) => d.severity === 'error')).toEqual([]);
  return module as NonNullable<typeof module>;
};

async function verify(steps = 1, change: (lowered: Lowered) => Lowered = (lowered) => lowered, spec = text): Promise<Verification> {
  gpu ??= await openDevice();
  const module = compiled(spec);
  return verifySteps(module, change(lowerTraced(module)), { gpu, seed: 3n, steps });
}

test('every tensor of two steps: first values, losses, reports, gradients of second order, weights, states, optimizers, averages, samples', async () => {
  const { compared, failed, fault } = await verify(2);
  expect(compared.filter((c) => !c.ok)).toEqual([]);
  expect([failed, fault]).toEqual([0, undefined]);
  // The gradient of a bias before a batch norm is rounding, and Adam makes a whole step of it: the same one, since it is judged from the GPU's gradient.
  expect(compared.filter((c) => c.rounding)).toEqual([]);
  expect([...new Set(compared.map((c) => c.call))]).toEqual([
    'init',
    'update.D 0',
    'update.D 1',
    'update.G 0',
    'update.D 2',
    'update.D 3',
    'update.G 1',
    'sample.s 0',
  ]);
  const of = (call: string) => compared.filter((c) => c.call === call).map((c) => c.tensor);
  for (const name of ['loss', 'report.right', 'grad.D.fc1.weight', 'D.fc1.weight', 'D.optimizer.v']) expect(of('update.D 0')).toContain(name);
  for (const name of ['loss', 'grad.G.fc1.bias', 'G.fc1.weight', 'G.bn.running_mean', 'average.G.fc2.weight']) expect(of('update.G 0')).toContain(name);
  expect(of('sample.s 0')).toEqual(['s']);
  // That numbers were compared, not two lists of zeros.
  expect(compared.filter((c) => c.relL2 > 0).length).toBeGreaterThan(30);
});

test('the same by kernels through workgroup memory, which no table takes on software: products and convolutions, to second order', async () => {
  const spec = `data points = ring() { x: vector[2] }
noise z: normal[17]
net G(z) { z |> linear(53) |> tanh |> linear(2) }
net D(x) { x |> linear(162) |> tanh |> reshape(18, 3, 3) |> conv(25, kernel: 2, stride: 1, padding: 0) |> softplus |> flatten |> linear(49) |> tanh |> linear(1) }
game {
  fake = G(z)
  mix = 0.5 * x + 0.5 * stop(fake)
  D minimizes E[D(fake)] - E[D(x)] + 10 * E[(norm(grad(D(mix), mix)) - 1)^2]
  G minimizes -E[D(fake)]
}
train {
  batch 26   steps 10
  D with sgd(lr: 1e-3)
  G with sgd(lr: 1e-3)
}
sample s = G(z)`;
  const used = new Set<string>();
  const { compared, failed } = await verify(
    1,
    (lowered) => {
      const { program } = lowered;
      const staged = program.kernels.map(({ candidates }) => candidates.findIndex(({ name }) => name === 'workgroup'));
      const kernels = program.kernels.map((kernel, i) => {
        if (staged[i] < 0) return kernel;
        used.add(kernel.id.replace(/_.*/, ''));
        return { ...kernel, candidates: [{ ...kernel.candidates[staged[i]], table: undefined }] };
      });
      // In place: what was lowered refers to the commands.
      for (const entry of program.entries) {
        for (const command of entry.commands) {
          if (command.kind === 'dispatch' && staged[command.kernel] >= 0) Object.assign(command, { workgroups: [command.workgroups[staged[command.kernel]]] });
        }
      }
      return { ...lowered, program: { ...program, kernels } };
    },
    spec,
  );
  expect(used).toEqual(new Set(['matmul', 'conv2d']));
  expect(compared.filter((c) => !c.ok)).toEqual([]);
  expect(failed).toBe(0);
});

test('phases, every and accumulate run as training runs them', async () => {
  const spec = `
noise z: normal[4]
net G(z) { z |> linear(2) as fc }
net D(x) { x |> linear(3) as a |> tanh |> linear(1) as b }
data points = ring() { x: vector[2] }
game {
  fake = G(z)
  D minimizes hinge(D(x), D(fake)) + every(2, r1(D(x), x))
  G minimizes generator_score(D(fake))
}
train {
  batch 4   steps 6   accumulate 2
  phase warm steps 1 { D with sgd(lr: 0.1) }
  D with sgd(lr: 0.1)
  G with sgd(lr: 0.1)
}`;
  const { compared, failed } = await verify(3, undefined, spec);
  expect(compared.filter((c) => !c.ok)).toEqual([]);
  expect(failed).toBe(0);
  expect(new Set(compared.map((c) => c.call)).size).toBeGreaterThan(9);
});

const bits = (value: number): number => new Uint32Array(Float32Array.of(value).buffer)[0];

/** The program with a constant of the first command that has it replaced; and which command of the entry that is, from 1. */
function spoil(lowered: Lowered, entry: string, value: number, by: number): { lowered: Lowered; command: number; kernel: string } {
  const { program } = lowered;
  const commands = program.entries.find((e) => e.name === entry)?.commands ?? [];
  for (const [i, command] of commands.entries()) {
    if (command.kind !== 'dispatch') continue;
    const { offset, size } = command.bindings[0];
    const at = program.parameters.slice(offset / 4, (offset + size) / 4).indexOf(bits(value));
    if (at < 0) continue;
    const parameters = program.parameters.with(offset / 4 + at, bits(by));
    return { lowered: { ...lowered, program: { ...program, parameters } }, command: i + 1, kernel: program.kernels[command.kernel].id };
  }
  throw new Error(`no command of ${entry} has ${value}`);
}

test('a wrong kernel of a layer: the tensors it spoils fail, and it is named with its layer and place', async () => {
  let spoilt: ReturnType<typeof spoil> | undefined;
  const { compared, failed, fault } = await verify(1, (lowered) => {
    spoilt = spoil(lowered, 'update.D', 0.2345, 0.3345);
    return spoilt.lowered;
  });
  expect(failed).toBeGreaterThan(3);
  const [first] = compared.filter((c) => !c.ok);
  expect([first.call, first.tensor]).toEqual(['update.D 0', 'loss']);
  expect(fault).toMatchObject({ call: 'update.D 0', kernel: spoilt?.kernel, command: spoilt?.command });
  expect(fault?.label).toMatch(/^D(\.|$)/);
  expect(fault?.place).toMatch(/^(small|prelude\/\w+)\.gan:\d+:\d+$/);
  expect(compared.filter((c) => c.call === 'init' || c.call === 'sample.s 0').every((c) => c.ok)).toBe(true);
});

test('a wrong optimizer: gradients agree, what it moves does not', async () => {
  const { compared, fault } = await verify(1, (lowered) => spoil(lowered, 'update.D', 0.4321, 0.4329).lowered);
  const failed = compared.filter((c) => !c.ok);
  expect(failed.length).toBeGreaterThan(0);
  for (const { call, tensor } of failed) expect(`${call}: ${tensor}`).toMatch(/^update\.D \d: D\./);
  expect(fault?.label).toBe('D.optimizer');
});

test('what float32 itself makes of a net that is badly conditioned is no fault; a wrong number in it is', async () => {
  // Batch norm over two examples: where they are nearly alike, their difference is magnified, again and again.
  const norm = '|> linear(128) |> batch_norm |> leaky_relu(0.2345)';
  const spec = `
data points = ring() { x: vector[2] }
noise z: normal[4]
net G(z) { z |> linear(2) }
net D(x) { x ${norm} ${norm} ${norm} |> linear(1) }
game {
  D minimizes E[D(x)^2]
  G minimizes E[D(G(z))]
}
train {
  batch 2   steps 1
  D with sgd(lr: 0.1)
  G with sgd(lr: 0.1)
}`;
  const right = await verify(2, undefined, spec);
  expect(right.compared.filter((c) => !c.ok)).toEqual([]);
  expect(right.compared.filter((c) => c.rounding).length).toBeGreaterThan(0);
  const wrong = await verify(1, (lowered) => spoil(lowered, 'update.D', 0.2345, 0.2445).lowered, spec);
  expect(wrong.failed).toBeGreaterThan(0);
  expect(wrong.fault?.call).toBe('update.D 0');
});

test('gates', () => {
  const tenth = [0.1, -0.1, 1e-9];
  expect(compare('elements', [0.10001, -0.1, 0], tenth).ok).toBe(true);
  expect(compare('elements', [0.10003, -0.1, 0], tenth)).toMatchObject({ ok: false });
  expect(compare('elements', [Number.NaN, -0.1, 0], tenth)).toMatchObject({ ok: false, maxAbs: Number.NaN });
  expect(compare('elements', [Number.NaN], [Number.NaN]).ok).toBe(true);
  expect(compare('elements', [1], [1, 2]).ok).toBe(false);
  expect(compare('loss', [1000.009], [1000]).ok).toBe(true);
  expect(compare('loss', [1000.02], [1000]).ok).toBe(false);
  expect(compare('exact', [1 + 1e-15], [1]).ok).toBe(false);
  // A weight of 1 that moves by 1e-4: an error of 1 % of the move is seen although it is 1e-6 of the weight.
  expect(compare('change', [1.0001], [1.0001], { before: [1] }).ok).toBe(true);
  expect(compare('change', [1.000101], [1.0001], { before: [1] }).ok).toBe(false);
  // A gradient that is nothing but rounding beside the others.
  expect(compare('gradient', [1e-8], [0], { whole: 1 }).ok).toBe(true);
  expect(compare('gradient', [1e-8], [0], { whole: 1e-3 }).ok).toBe(false);
  expect(compare('gradient', [1.0002], [1], { whole: 1 })).toMatchObject({ ok: false });
});
