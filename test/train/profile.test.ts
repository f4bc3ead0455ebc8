/** `ganc profile`: what is timed, what the figures make of times, and the trace. No time itself is judged. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compileSpec } from '../../compiler/compile.js';
import type { Module } from '../../compiler/graph/module.js';
import { type Lowered, lowerTraced } from '../../compiler/plan/lower.js';
import { purposes } from '../../compiler/plan/purpose.js';
import { trainingEntries } from '../../compiler/program/schedule.js';
import type { DataRequest, FieldRequest, TrainPlan } from '../../compiler/program/types.js';
import { inventedData } from '../../runtime/data/invented.js';
import { GpuError } from '../../runtime/device/error.js';
import { type GpuDevice, openDevice } from '../../runtime/device/open.js';
import { Executor } from '../../runtime/execute/executor.js';
import { type DispatchCommand, Stopwatch, type TimedSubmit } from '../../runtime/execute/profile.js';
import { Stamps } from '../../runtime/execute/stamps.js';
import { type Profile, profile } from '../../runtime/train/profile.js';
import { figures, type Work } from '../../runtime/train/profile-figures.js';
import { type TraceEvent, TraceWriter } from '../../runtime/train/profile-trace.js';

const text = `hyper width = 8
data points = ring(count: 500) { x: vector[2] }
noise z: normal[4]
net G(z) { z |> linear(width) as fc1 |> batch_norm as bn |> relu |> linear(2) as fc2 }
net D(x) {
  x |> linear(width) as fc1
    |> leaky_relu(0.2) |> linear(1) as fc2
}
game {
  shared fake = G(z)
  D minimizes hinge(D(x), D(fake))
  G minimizes generator_score(D(G(z)))
  report right = E[sigmoid(D(x))] in D
}
train {
  batch 16   steps 100
  D with adam(lr: 1e-3), times 2
  G with adam(lr: 1e-3)
}
sample point = G(z)
`;

let gpu: GpuDevice;
let module: Module;
let lowered: Lowered;
let result: Profile;
let trace: TraceEvent[];
beforeAll(async () => {
  gpu = await openDevice({ timestamps: true });
  module = compileSpec({ name: 'small.gan', text }).module as Module;
  lowered = lowerTraced(module);
  ({ profile: result, trace } = await profile(module, lowered, { gpu, steps: 7 }));
});
afterAll(() => gpu.close());

const sum = <T>(list: readonly T[], of: (item: T) => number): number => list.reduce((all, item) => all + of(item), 0);

describe('a profile', () => {
  test('lists every dispatch, kernel and entry of a step, with its calls and its work', () => {
    const { program } = lowered;
    const calls = new Map([
      ['shared', 1],
      ['update.D', 2],
      ['update.G', 1],
    ]);
    const plan = program.train as TrainPlan;
    expect(trainingEntries(plan).sort()).toEqual([...calls.keys()].sort());
    const wanted = program.entries
      .filter(({ name }) => calls.has(name))
      .flatMap(({ name, commands }) =>
        commands.flatMap((c, command) =>
          c.kind === 'copy'
            ? []
            : [{ entry: name, command, kernel: program.kernels[c.kernel].id, label: c.label, calls: calls.get(name) as number, command_: c }],
        ),
      );
    expect(result.dispatches.map(({ entry, command, kernel, label, calls: n }) => ({ entry, command, kernel, label, calls: n }))).toEqual(
      wanted.map(({ command_, ...rest }) => rest),
    );
    expect(result.dispatches.map(({ flops }) => flops)).toEqual(wanted.map(({ command_, calls: n }) => command_.flops * n));
    expect(result.kernels.map(({ kernel }) => kernel).sort()).toEqual([...new Set(wanted.map(({ kernel }) => kernel))].sort());
    expect(result.entries.map(({ entry, dispatches }) => [entry, dispatches]).sort()).toEqual(
      [...calls.keys()].map((name) => [name, wanted.filter(({ entry }) => entry === name).length]),
    );
  });

  test('adds up to the same by dispatch, kernel, line and entry', () => {
    const { dispatches, kernels, lines, entries, milliseconds } = result;
    for (const rows of [dispatches, kernels, lines, entries] as readonly (readonly Work[])[]) {
      expect(sum(rows, (row) => row.milliseconds)).toBeCloseTo(milliseconds, 9);
      expect(sum(rows, (row) => row.share)).toBeCloseTo(1, 9);
      expect(sum(rows, (row) => row.bytes)).toBeCloseTo(
        sum(dispatches, (row) => row.bytes),
        3,
      );
      for (const row of rows) expect(row.milliseconds).toBeGreaterThan(0);
    }
    for (const { phases, milliseconds: ms } of lines) expect(phases.forward + phases.backward + phases.optimizer).toBeCloseTo(ms, 9);
  });

  test('knows the step: wall, GPU, host, memory, ceilings', () => {
    const { step, memory, ceilings, batch, steps } = result;
    expect([batch, steps]).toEqual([16, 7]);
    for (const value of [step.wall, step.gpu, step.host, step.profiled, step.cpu, ...Object.values(step.hostBy), ...Object.values(ceilings)])
      expect(value).toBeGreaterThan(0);
    expect(step.idle).toBe(Math.max(0, step.wall - step.gpu));
    expect(memory.variables).toBe(sum(lowered.program.buffers, ({ kind, size }) => (kind === 'variables' ? size : 0)));
    expect(Math.min(memory.residentAtStart, memory.residentAtEnd)).toBeGreaterThan(2 ** 20);
  });
});

test('what commands are for: the line of the layer or formula, and the part of the update', () => {
  const found = purposes(module, lowered);
  const { program } = lowered;
  const of = (entry: string, label: string) =>
    program.entries
      .filter(({ name }) => name === entry)
      .flatMap(({ commands }) => commands.flatMap((c) => (c.kind === 'dispatch' && c.label === label ? [found.get(c)] : [])));
  // Forward in `shared` alone: what G's update reads of it is carried over.
  expect(new Set(of('shared', 'G.fc2').map((p) => `${p?.phase} ${p?.place}`))).toEqual(new Set(['forward small.gan:4']));
  expect(new Set(of('update.G', 'G.fc2').map((p) => `${p?.phase} ${p?.place}`))).toEqual(new Set(['backward small.gan:4']));
  expect(new Set(of('update.D', 'D.fc2').map((p) => p?.phase))).toEqual(new Set(['forward', 'backward']));
  expect(new Set(of('update.D', 'D.fc1').map((p) => p?.place))).toEqual(new Set(['small.gan:6']));
  expect(new Set(of('update.D', 'D.fc2').map((p) => p?.place))).toEqual(new Set(['small.gan:7']));
  expect(new Set(of('update.D', 'D.optimizer').map((p) => `${p?.phase} ${p?.place}`))).toEqual(new Set(['optimizer undefined']));
  // Also of what is made of carried values the layer is known.
  const products = program.entries.flatMap(({ commands }) =>
    commands.flatMap((c) => (c.kind === 'dispatch' && program.kernels[c.kernel].id.startsWith('matmul') ? [c.label] : [])),
  );
  for (const label of products) expect(label).toMatch(/^[DG]\.fc[12]$/);
  const formulas = program.entries.flatMap(({ name, commands }) => (name.startsWith('update') ? commands.map((c) => found.get(c)?.place) : []));
  for (const place of formulas) if (place !== undefined) expect(place).toMatch(/^small\.gan:(4|6|7|11|12|13)$/);
});

test('timing changes no bit, split or not', async () => {
  const run = async (split: boolean | undefined): Promise<unknown> => {
    const { program } = lowered;
    const executor = await Executor.create(gpu, program, { seed: 3n });
    const stopwatch = new Stopwatch(gpu);
    await executor.submit([{ entry: 'init', counter: 0 }]);
    const rows = new Float32Array(20).map((_, i) => Math.sin(i));
    executor.setField('x', { count: 10, bytes: new Uint8Array(rows.buffer) });
    const call = (entry: string) => ({ entry, counter: 0, step: 0, rows: Uint32Array.from({ length: 16 }, (_, i) => i % 10) });
    const results = await executor.submit(['shared', 'update.D', 'update.G'].map(call), split === undefined ? undefined : stopwatch.probe(split));
    const times = await stopwatch.read();
    if (split !== undefined) expect(times[0].passes.length > 3).toBe(split);
    const values = await executor.read();
    stopwatch.close();
    executor.close();
    return [results, values];
  };
  const plain = await run(undefined);
  expect(await run(false)).toEqual(plain);
  expect(await run(true)).toEqual(plain);
});

test('more passes than one query set holds are timed, in order', async () => {
  const stamps = new Stamps(gpu);
  for (const count of [2500, 3]) {
    const encoder = gpu.device.createCommandEncoder();
    for (let i = 0; i < count; i++) encoder.beginComputePass({ timestampWrites: stamps.take() }).end();
    gpu.device.queue.submit([encoder.finish()]);
    const times = await stamps.read();
    expect(times).toHaveLength(count);
    times.forEach(({ from, to }, i) => {
      expect(from).toBeGreaterThanOrEqual(i === 0 ? 1 : times[i - 1].to);
      expect(to).toBeGreaterThanOrEqual(from);
    });
  }
  stamps.close();
});

test('without timestamps it is said what to do', () => {
  const none = { name: 'Old GPU', features: new Set<string>() } as unknown as GpuDevice;
  expect(() => new Stopwatch(none)).toThrow(GpuError);
  expect(() => new Stopwatch(none)).toThrow('Old GPU has no timestamp queries');
});

/** Steps whose dispatches of `update.G` take the given milliseconds, one after another, a gap of 0.5 between. */
function timed(milliseconds: readonly number[][], offset = 0): TimedSubmit[] {
  const entry = lowered.program.entries.find(({ name }) => name === 'update.G');
  const commands = entry?.commands.filter((c) => c.kind === 'dispatch') as DispatchCommand[];
  let now = 100;
  return milliseconds.map((list) => {
    const host = [{ what: 'submit' as const, from: now, to: now + 0.25 }];
    const passes = list.map((ms, i) => {
      const from = now + 0.5;
      now = from + ms;
      return { command: commands[i], from: from + offset, to: now + offset };
    });
    now += 5;
    return { passes, host };
  });
}

test('figures: medians, rates, and the ceiling that binds', () => {
  const { program } = lowered;
  const found = purposes(module, lowered);
  const submits = timed([
    [1, 4],
    [3, 2],
    [2, 60],
  ]);
  const commands = submits[0].passes.map(({ command }) => command);
  // The first computes for 1 ms at best, the second moves memory for 1 ms at best.
  const work = [
    { ...commands[0], flops: 1e6, bytes: 10 },
    { ...commands[1], flops: 10, bytes: 1e6 },
  ];
  const replaced = new Map(commands.map((command, i) => [command as unknown, work[i]]));
  const changed = {
    ...program,
    entries: program.entries.map((entry) => ({ ...entry, commands: entry.commands.map((c) => replaced.get(c) ?? c) })),
  };
  const purposeOf = new Map([...found].map(([command, purpose]) => [replaced.get(command) ?? command, purpose] as const));
  const times = submits.map(({ host, passes }) => ({ host, passes: passes.map((pass, i) => ({ ...pass, command: work[i] })) }));
  const choice = Object.fromEntries(program.kernels.map(({ id }) => [id, 'portable']));
  const made = figures(changed, purposeOf, choice, times, { gflops: 1, gigabytesPerSecond: 1, dispatchMicroseconds: 5 });
  expect(made.milliseconds).toBeCloseTo(6, 9);
  const [first, second] = made.dispatches;
  expect(first).toMatchObject({ entry: 'update.G', bound: 'compute', calls: 1, candidate: 'portable' });
  expect([first.milliseconds, first.share, first.gflops, first.reached].map((v) => Number(v.toFixed(6)))).toEqual([2, 0.333333, 0.5, 0.5]);
  expect(second.bound).toBe('memory');
  expect([second.milliseconds, second.gigabytesPerSecond, second.reached].map((v) => Number(v.toFixed(6)))).toEqual([4, 0.25, 0.25]);
  expect(made.entries[0].reached).toBeCloseTo(2 / 6, 9);
  expect([made.atHalf, made.tiny].map((v) => Number(v.toFixed(6)))).toEqual([0.333333, 0]);
  const slow = figures(changed, purposeOf, choice, times, { gflops: 2.001, gigabytesPerSecond: 1, dispatchMicroseconds: 700 });
  expect([slow.atHalf, slow.tiny].map((v) => Number(v.toFixed(6)))).toEqual([0, 0.333333]);
});

describe('the trace', () => {
  test('is in order, nests, and has all that was timed', () => {
    const events = trace.filter(({ ph }) => ph !== 'M');
    for (const [i, { ts }] of events.entries()) expect(ts).toBeGreaterThanOrEqual(i === 0 ? 0 : (events[i - 1].ts as number));
    const slices = events.filter(({ ph }) => ph === 'X');
    const depth = new Map<string, Set<number>>();
    for (const pid of [1, 2]) {
      const open: number[] = [];
      for (const { ts = 0, dur = 0, cat = '' } of slices.filter((e) => e.pid === pid)) {
        const [from, to] = [Math.round(ts * 1e3), Math.round(ts * 1e3) + Math.round(dur * 1e3)];
        while (open.length > 0 && from >= open[open.length - 1]) open.pop();
        if (open.length > 0) expect(to).toBeLessThanOrEqual(open[open.length - 1]);
        open.push(to);
        depth.set(cat, (depth.get(cat) ?? new Set()).add(open.length));
      }
    }
    expect(Object.fromEntries([...depth].map(([cat, levels]) => [cat, [...levels]]))).toEqual({ host: [1], step: [1], pass: [2], call: [2], dispatch: [3] });
    const dispatches = sum(result.dispatches, ({ calls }) => calls);
    expect(slices.filter(({ cat }) => cat === 'dispatch')).toHaveLength(7 * dispatches);
    expect(slices.filter(({ cat }) => cat === 'call').map(({ name }) => name)).toEqual(Array(7).fill(['shared', 'update.D', 'update.D', 'update.G']).flat());
    expect(slices.filter(({ cat }) => cat === 'step')).toHaveLength(14);
    expect(events.filter(({ ph }) => ph === 'b').map(({ id }) => id)).toEqual(events.filter(({ ph }) => ph === 'e').map(({ id }) => id));
  });

  test('has dispatches that fill their steps, each with its layer and line', () => {
    const steps = trace.filter(({ cat, name }) => cat === 'step' && !name.includes('plain'));
    const inside = trace.filter(({ cat }) => cat === 'dispatch');
    for (const { ts = 0, dur = 0 } of steps) {
      const own = inside.filter((d) => (d.ts as number) >= ts && (d.ts as number) < ts + dur);
      expect(own).toHaveLength(sum(result.dispatches, ({ calls }) => calls));
      expect(sum(own, (d) => d.dur as number)).toBeLessThanOrEqual(dur + 1e-3);
    }
    const ratios = steps.map(
      ({ ts = 0, dur = 0 }) => sum(inside, (d) => ((d.ts as number) >= ts && (d.ts as number) < ts + dur ? (d.dur as number) : 0)) / dur,
    );
    expect(Math.max(...ratios)).toBeGreaterThan(0.3);
    expect(inside.find(({ args }) => args?.layer === 'D.fc1')?.args).toMatchObject({ place: 'small.gan:6', phase: 'forward' });
  });

  test('puts a GPU clock of its own on the time of the host', () => {
    const writer = (offset: number): TraceEvent[] => {
      const made = new TraceWriter(lowered.program, purposes(module, lowered));
      timed([[1, 2], [2]], offset).forEach((submit, i) => {
        made.step(i, true, submit, submit.passes[submit.passes.length - 1].to - offset + 1);
      });
      return made.events();
    };
    const first = (events: TraceEvent[]) => events.find(({ cat }) => cat === 'dispatch')?.ts;
    expect(first(writer(0))).toBe(500);
    // Began as it was submitted, at the earliest.
    expect(first(writer(-1e6))).toBeCloseTo(0, 2);
    expect(first(writer(1e6))).toBeCloseTo(0, 2);
  });
});

test('made-up rows are in the range of their fields', () => {
  const field = (name: string, type: string, shape: number[], more: Partial<FieldRequest>): FieldRequest => ({
    name,
    type,
    shape,
    args: {},
    storage: { kind: 'f32' },
    ...more,
  });
  const request: DataRequest = {
    name: 'clips',
    source: 'nowhere',
    args: {},
    fields: [
      field('x', 'image', [1, 3, 3], { storage: { kind: 'u8', scale: 2 / 255, offset: -1 } }),
      field('y', 'class', [], { args: { classes: 4 }, storage: { kind: 'i32' }, range: [0, 3] }),
      field('t', 'tokens', [5], { args: { words: 7 }, storage: { kind: 'i32' }, range: [0, 6] }),
      field('v', 'vector', [2], { range: [2, 3] }),
    ],
  };
  const { fields, count } = inventedData(request, 50);
  expect(count).toBe(50);
  const bytes = (name: string) => fields.get(name)?.bytes as Uint8Array;
  expect(['x', 'y', 't', 'v'].map((name) => bytes(name).length)).toEqual([50 * 12, 50 * 4, 50 * 20, 50 * 8]);
  expect(new Set(new Int32Array(bytes('y').buffer))).toEqual(new Set([0, 1, 2, 3]));
  expect(new Set(new Int32Array(bytes('t').buffer))).toEqual(new Set([0, 1, 2, 3, 4, 5, 6]));
  for (const v of new Float32Array(bytes('v').buffer)) expect(v >= 2 && v <= 3).toBe(true);
  expect(new Set(bytes('x')).size).toBeGreaterThan(100);
});
