/** Choosing candidates by measurement: what is timed, what is chosen, what is kept, and that nothing of it can break a run. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { compileSpec } from '../../compiler/compile.js';
import { lower } from '../../compiler/plan/lower.js';
import type { KernelCandidate, Program } from '../../compiler/program/types.js';
import { type GpuDevice, openDevice } from '../../runtime/device/open.js';
import { Executor } from '../../runtime/execute/executor.js';
import { keep, keptPath, readKept } from '../../runtime/tune/kept.js';
import { type Tunable, tunables } from '../../runtime/tune/shapes.js';
import { compileCandidates, Timer, timeShape } from '../../runtime/tune/time.js';
import { chooseKernels, tune, tuned } from '../../runtime/tune/tune.js';

let gpu: GpuDevice;
beforeAll(async () => {
  gpu = await openDevice();
});
afterAll(() => gpu.close());

const before = { ...process.env };
let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ganc-tune-'));
  process.env.XDG_CACHE_HOME = folder;
  delete process.env.GANC_TUNE;
});
afterEach(() => {
  process.env = { ...before };
  rmSync(folder, { recursive: true, force: true });
});

const SPEC = `data points = ring() { x: vector[2] }
noise z: normal[4]
net G(z) { z |> linear(48) |> relu |> linear(2) }
net D(x) { x |> linear(40) |> leaky_relu(0.2) |> linear(1) }
game {
  fake = G(z)
  D minimizes hinge(D(x), D(fake)) + every(4, 0.1 * E[D(x)^2])
  G minimizes generator_score(D(fake))
}
train {
  batch 16   steps 100
  D with adam(lr: 1e-3), times 3
  G with adam(lr: 1e-3)
}
sample point = G(z)
`;

const programs = new Map<string, Program>();
function compiled(text = SPEC): Program {
  const known = programs.get(text);
  if (known !== undefined) return known;
  const { module, diagnostics } = compileSpec({ name: 'small.gan', text }, {});
  if (module === undefined) throw new Error(diagnostics.map((d) => d.message).join('; '));
  const program = lower(module);
  programs.set(text, program);
  return program;
}

/** The program with two candidates of each kernel, both of its portable text; `slow` is the last, and made slow where `isSlow` says so. */
function withSlow(isSlow: (kernel: string) => boolean): Program {
  const program = compiled();
  const kernels = program.kernels.map((kernel) => {
    const [first] = kernel.candidates;
    const wait =
      'var waited = 0u; for (var w = 0u; w < parameters.n0 + 200000u; w++) { waited = waited * 1664525u + 1013904223u; } if (waited == 12345u) { return; }';
    const slow: KernelCandidate = {
      ...first,
      name: 'slow',
      wgsl: isSlow(kernel.id) ? first.wgsl.replace(/(fn main\([^{]*\{)/, `$1 ${wait}`) : `${first.wgsl}\n`,
    };
    return { ...kernel, candidates: [first, slow] };
  });
  const entries = program.entries.map((entry) => ({
    ...entry,
    commands: entry.commands.map((c) => (c.kind === 'copy' ? c : { ...c, workgroups: [c.workgroups[0], c.workgroups[0]] })),
  }));
  return { ...program, kernels, entries };
}

describe('what there is to choose', () => {
  test('calls in a step: repetitions and periods count', () => {
    const program = withSlow(() => false);
    const found = tunables(gpu, program);
    expect(found).toHaveLength(new Set(program.entries.flatMap((e) => e.commands.flatMap((c) => (c.kind === 'dispatch' ? [c.kernel] : [])))).size);
    expect(found.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 6);
    expect(found.map(({ share }) => share)).toEqual(found.map(({ share }) => share).sort((a, b) => b - a));
    const dispatches = (entry: string) => program.entries.find((e) => e.name === entry)!.commands.filter((c) => c.kind === 'dispatch').length;
    const calls = found.reduce((sum, { shapes }) => sum + shapes.reduce((n, shape) => n + shape.calls, 0), 0);
    const [d, g] = program.train!.updates;
    expect(d.times).toBe(3);
    expect(d.every![0].periods).toEqual([4]);
    expect(calls).toBeCloseTo(2.25 * dispatches(d.entry) + 0.75 * dispatches(d.every![0].entry) + dispatches(g.entry), 6);
  });

  test('equal work has equal keys in any program, another size another', () => {
    const keys = (text: string) => new Set(tunables(gpu, withText(text)).flatMap(({ shapes }) => shapes.map(({ key }) => key)));
    const withText = (text: string): Program => compiled(text);
    const [one, same, wide] = [SPEC, `// again\n${SPEC}`, SPEC.replace('batch 16', 'batch 24')].map(keys);
    expect(same).toEqual(one);
    const shared = [...wide].filter((key) => one.has(key));
    expect(shared.length).toBeLessThan(one.size);
  });
});

describe('choosing', () => {
  const of = (calls: readonly number[]): Tunable => {
    const [some] = tunables(
      gpu,
      withSlow(() => false),
    );
    return { ...some, shapes: calls.map((n, i) => ({ ...some.shapes[0], key: `${i}`, calls: n })) };
  };
  /** Milliseconds of the portable candidate and of `slow`, by shape. */
  const kept = (tunable: Tunable, times: readonly (readonly [number, number])[]) =>
    new Map(times.map(([portable, slow], i) => [`${i}`, { [tunable.kernel.candidates[0].name]: portable, slow }]));

  test.each([
    ['the fastest', [1], [[1, 2]], 0],
    ["the table's, where it is", [1], [[2, 1]], 1],
    ["the table's, where another is hardly faster", [1], [[0.95, 1]], 1],
    [
      'by the sum over the shapes, as often as each is in a step',
      [1, 10],
      [
        [5, 1],
        [1, 2],
      ],
      0,
    ],
    [
      'the same with other numbers',
      [10, 1],
      [
        [5, 1],
        [1, 2],
      ],
      1,
    ],
    [
      'without shapes that no step has',
      [0, 1],
      [
        [9, 1],
        [1, 2],
      ],
      0,
    ],
    [
      'by all shapes where no step has the kernel',
      [0, 0],
      [
        [9, 1],
        [1, 2],
      ],
      1,
    ],
  ] as const)('%s', (_, calls, times, chosen) => {
    const tunable = of(calls);
    const found = tuned(tunable, kept(tunable, times))!;
    expect(found.table).toBe('slow');
    expect(found.chosen).toBe(tunable.kernel.candidates[chosen].name);
  });

  test('nothing where a time is missing', () => {
    const two = of([1, 1]);
    expect(tuned(two, kept(two, [[1, 2]]))).toBeUndefined();
    expect(tuned(of([1]), new Map([['0', { slow: 1 }]]))).toBeUndefined();
  });
});

describe('on the device', () => {
  test('what is slow is not chosen, what is not stays the choice of the table; kept times choose later, unless told otherwise', async () => {
    const program = withSlow((kernel) => kernel.startsWith('matmul'));
    const { times, kernels } = await tune(gpu, program);
    const found = kernels.map((kernel) => tuned(kernel, times)!);
    for (const { kernel, chosen, times: ms } of found) {
      expect(Object.values(ms).every((n) => n > 0 && Number.isFinite(n))).toBe(true);
      if (kernel.startsWith('matmul')) expect(chosen, JSON.stringify(ms)).not.toBe('slow');
    }
    await keep(gpu, times);
    const chosen = Object.fromEntries(found.map(({ kernel, chosen }) => [kernel, chosen]));
    expect(await chooseKernels(gpu, program)).toEqual(chosen);
    const executor = await Executor.create(gpu, program, { seed: 1n, candidates: await chooseKernels(gpu, program) });
    expect(executor.choice).toEqual(chosen);
    executor.close();
    expect(await chooseKernels(gpu, program, { kernels: 'table' })).toBe('best');
    expect(await chooseKernels(gpu, program, { kernels: 'portable' })).toBe('portable');
    process.env.GANC_TUNE = 'off';
    expect(await chooseKernels(gpu, program, { seconds: 5 })).toBe('best');
  });

  test('candidates that the table takes on hardware alone, or never, are measured too', async () => {
    const program = compiled(SPEC.replace('batch 16', 'batch 32').replaceAll(/linear\(4[08]\)/g, 'linear(64) |> relu |> linear(64)'));
    const marked = program.kernels.filter(({ candidates }) => candidates.some(({ table }) => table !== undefined)).map(({ id }) => id);
    const [most] = tunables(gpu, program);
    expect(marked).toContain(most.kernel.id);
    const { times } = await tune(gpu, program, { seconds: 0.5 });
    expect(Object.keys(tuned(most, times)!.times)).toEqual(most.runnable.map((i) => most.kernel.candidates[i].name));
    expect(Object.keys(tuned(most, times)!.times)).toContain('workgroup');
  });

  test("without timestamps, by the host's clock", async () => {
    const program = withSlow(() => true);
    const [most] = tunables(gpu, program);
    const plain = { device: gpu.device, features: new Set<string>(), settle: (promise: Promise<unknown>) => gpu.settle(promise) } as unknown as GpuDevice;
    const timer = new Timer(plain);
    const times = await timeShape(timer, program, most, await compileCandidates(gpu, most), most.shapes[0]);
    timer.close();
    const [quick, slow] = [times[most.kernel.candidates[0].name], times.slow];
    expect(quick).toBeGreaterThan(0);
    expect(slow).toBeGreaterThan(quick);
  });

  test('at first use: nothing on a known software GPU unless asked for, then within its time; and it is kept', async () => {
    const program = withSlow(() => false);
    if (gpu.kind === 'lavapipe' || gpu.kind === 'swiftshader') expect(await chooseKernels(gpu, program)).toBe('best');
    const seen: string[] = [];
    const some = await chooseKernels(gpu, program, { seconds: 1e-9, progress: (_, __, kernel) => seen.push(kernel) });
    // The clock moves on before the second kernel.
    expect(seen.length).toBeLessThanOrEqual(1);
    expect(Object.keys(some)).toEqual(seen);
    const all = await chooseKernels(gpu, program, { seconds: 60, progress: (_, __, kernel) => seen.push(kernel) });
    expect(new Set(Object.keys(all))).toEqual(new Set(tunables(gpu, program).map(({ kernel }) => kernel.id)));
    expect(new Set(seen).size).toBe(seen.length);
    expect(await chooseKernels(gpu, program, { seconds: 60, progress: () => expect.unreachable('all is kept') })).toEqual(all);
  });

  test('a candidate that does not compile, and a cache that cannot be written, are warned of, and the table chooses', async () => {
    const good = withSlow(() => false);
    const broken = { ...good, kernels: good.kernels.map((k) => ({ ...k, candidates: [{ ...k.candidates[0], wgsl: 'no WGSL' }, k.candidates[1]] })) };
    const warnings: string[] = [];
    expect(await chooseKernels(gpu, broken, { seconds: 60, warn: (text) => warnings.push(text) })).toEqual({});
    expect(warnings).toEqual([expect.stringMatching(/^kernels could not be measured \(the kernel ".*" \(candidate .*\) does not compile\)/)]);
    writeFileSync(join(folder, 'ganc'), 'a file, where a folder is wanted');
    expect(Object.keys(await chooseKernels(gpu, good, { seconds: 1e-9, warn: (text) => warnings.push(text) })).length).toBeLessThanOrEqual(1);
    expect(warnings.slice(1).every((text) => / cannot be (read|kept)/.test(text))).toBe(true);
    expect(warnings.length).toBeGreaterThan(1);
  });
});

describe('what is kept', () => {
  const key = (n: number) => n.toString(16).padStart(64, '0');

  test('is added to, and read again', async () => {
    expect(await readKept(gpu)).toEqual(new Map());
    await keep(gpu, new Map([[key(1), { portable: 1.5 }]]));
    await keep(gpu, new Map([[key(2), { portable: 2, other: 3 }]]));
    await keep(gpu, new Map([[key(1), { portable: 7 }]]));
    expect([...(await readKept(gpu))]).toEqual([
      [key(2), { portable: 2, other: 3 }],
      [key(1), { portable: 7 }],
    ]);
  });

  test('stays whole when many write at once', async () => {
    const warnings: string[] = [];
    await Promise.all(Array.from({ length: 20 }, (_, n) => keep(gpu, new Map([[key(n), { portable: n }]]))));
    const found = await readKept(gpu, (text) => warnings.push(text));
    expect(warnings).toEqual([]);
    expect(found.size).toBeGreaterThan(0);
    for (const [name, times] of found) expect(times).toEqual({ portable: Number.parseInt(name, 16) });
  });

  const damage: readonly [string, (text: string) => string, RegExp][] = [
    ['cut off', (text) => text.slice(0, text.length / 2), /is no JSON/],
    ['empty', () => '', /is no JSON/],
    ['of another format', (text) => text.replace('ganc-tuning/1', 'ganc-tuning/9'), /is not of the format ganc-tuning\/1/],
    ['a list', () => '[]', /is not of the format/],
    ['of another adapter', (text) => text.replace(/"description": "/, '"description": "other '), /was measured on another adapter/],
    ['of another version of Dawn', (text) => text.replace(/"dawn": ".*"/, '"dawn": "0.0.0"'), /was measured on another adapter/],
    ['without times', (text) => text.replace('"shapes": {', '"shapes": 1, "x": {'), /has no shapes/],
    ['with words for times', (text) => text.replace('1.5', '"soon"'), /is damaged at the shape '0+1'/],
    ['with times below zero', (text) => text.replace('1.5', '-1.5'), /is damaged at the shape/],
    ['with other keys', (text) => text.replace(key(1), 'matmul'), /is damaged at the shape 'matmul'/],
  ];
  test.each(damage)('%s: not used, with a warning, and written anew by the next', async (_, change, reason) => {
    await keep(gpu, new Map([[key(1), { portable: 1.5 }]]));
    const path = keptPath(gpu);
    const text = readFileSync(path, 'utf8');
    expect(change(text)).not.toBe(text);
    writeFileSync(path, change(text));
    const warnings: string[] = [];
    expect(await readKept(gpu, (warning) => warnings.push(warning))).toEqual(new Map());
    expect(warnings).toEqual([expect.stringMatching(reason)]);
    expect(warnings[0]).toContain(path);
    await keep(gpu, new Map([[key(3), { portable: 3 }]]));
    expect([...(await readKept(gpu)).keys()]).toEqual([key(3)]);
  });

  test('a folder in its place is no more than warned of', async () => {
    mkdirSync(keptPath(gpu), { recursive: true });
    const warnings: string[] = [];
    expect(await readKept(gpu, (warning) => warnings.push(warning))).toEqual(new Map());
    expect(warnings).toEqual([expect.stringContaining(`${dirname(keptPath(gpu))}`)]);
  });
});
