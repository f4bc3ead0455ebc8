/** A program of two players in the plane, and an executor in memory that does what its entries would: for the logic of the loop, not for arithmetic. */
import type { Entry, Program, ProgramVariable } from '../../compiler/program/types.js';
import { PROGRAM_FORMAT } from '../../compiler/program/types.js';
import type { Call, CallResult } from '../../runtime/execute/executor.js';
import type { TensorData } from '../../runtime/execute/tensor.js';
import type { OpenExecutor, Opened, OpenRequest } from '../../runtime/train/executor.js';

const BATCH = 4;

export interface FakeOptions {
  /** The updates take `D.x`, `D.z`, `G.z` instead of data and draws, and give gradients. */
  readonly fed?: boolean;
  readonly times?: number;
  readonly sharedBatch?: boolean;
  readonly shared?: boolean;
  readonly hash?: string;
}

/** Two players, D and G, with a weight of two each; data: a small ring. Buffers 0 to 6. */
export function fakeProgram(options: FakeOptions = {}): Program {
  const { fed = false, times = 1 } = options;
  const variables: ProgramVariable[] = [
    { name: 'D.w', kind: 'weight', player: 'D', shape: [2], dtype: 'f32', buffer: 0, offset: 0 },
    { name: 'D.optimizer.m', kind: 'optimizer', player: 'D', shape: [2], dtype: 'f32', buffer: 0, offset: 256 },
    { name: 'G.w', kind: 'weight', player: 'G', shape: [2], dtype: 'f32', buffer: 0, offset: 512 },
    { name: 'G.seen', kind: 'state', shape: [], dtype: 'i32', buffer: 0, offset: 768 },
    { name: 'average.G.w', kind: 'average', player: 'G', shape: [2], dtype: 'f32', buffer: 0, offset: 1024 },
    { name: 'flat.G', kind: 'flat', player: 'G', shape: [64], dtype: 'f32', buffer: 0, offset: 512 },
  ];
  const update = (player: string): Entry => ({
    name: `update.${player}`,
    inputs: [
      { kind: 'counter', name: 'counter', dtype: 'u32', shape: [], buffer: 2, offset: 0 },
      { kind: 'step', name: 'step', dtype: 'f32', shape: [], buffer: 2, offset: 4 },
      ...(fed
        ? [
            ...(player === 'D' ? [{ kind: 'tensor', name: 'D.x', dtype: 'f32', shape: [BATCH, 2], buffer: 2, offset: 256 } as const] : []),
            { kind: 'tensor', name: `${player}.z`, dtype: 'f32', shape: [BATCH], buffer: 2, offset: 512 } as const,
          ]
        : [{ kind: 'rows', name: 'rows', dtype: 'u32', shape: [BATCH], buffer: 2, offset: 8, fields: ['x'] } as const]),
    ],
    outputs: [
      { name: 'loss', dtype: 'f32', shape: [], buffer: 3, offset: 0 },
      { name: 'loss.real', dtype: 'f32', shape: [], buffer: 3, offset: 4 },
      { name: 'nonfinite', dtype: 'f32', shape: [], buffer: 3, offset: 8 },
      ...(player === 'G' ? [{ name: 'report.spread', dtype: 'f32', shape: [], buffer: 3, offset: 12 } as const] : []),
      ...(fed ? [{ name: `grad.${player}.w`, dtype: 'f32', shape: [2], buffer: 3, offset: 256 } as const] : []),
    ],
    commands: fed
      ? []
      : [
          {
            kind: 'dispatch',
            kernel: 0,
            bindings: [
              { buffer: 5, offset: 0, size: 16 },
              { buffer: 4, offset: 0, size: 0 },
              { buffer: 0, offset: 0, size: 1280 },
            ],
            workgroups: [[1, 1, 1]],
            label: player,
            flops: 8,
            bytes: 32,
          },
        ],
  });
  return {
    format: PROGRAM_FORMAT,
    name: 'tiny',
    hash: options.hash ?? 'a'.repeat(64),
    hyper: { width: 2 },
    data: {
      name: 'points',
      source: 'ring',
      args: { count: 20 },
      fields: [{ name: 'x', type: 'vector', shape: [2], args: {}, storage: { kind: 'f32' } }],
    },
    noises: [{ name: 'z', shape: [] }],
    variables,
    buffers: [
      { kind: 'variables', size: 1280 },
      { kind: 'inputs', size: 4, entry: 'sample.point' },
      { kind: 'inputs', size: 1024, entry: 'update.D' },
      { kind: 'outputs', size: 4096, entry: 'update.D' },
      { kind: 'field', size: 0, field: 'x' },
      { kind: 'parameters', size: 256 },
      { kind: 'keys', size: 8 },
    ],
    parameters: [],
    draws: fed ? [] : ['D.z'],
    kernels: [
      {
        id: 'fill',
        bindings: ['uniform', 'read', 'read_write'],
        candidates: [{ name: 'portable', wgsl: '@compute @workgroup_size(1) fn main() {}', workgroupSize: [1, 1, 1] }],
      },
    ],
    entries: [
      { name: 'init', inputs: [{ kind: 'counter', name: 'counter', dtype: 'u32', shape: [], buffer: 2, offset: 0 }], outputs: [], commands: [] },
      ...(options.shared === true ? [{ ...update('D'), name: 'shared', outputs: [] }] : []),
      update('D'),
      update('G'),
      {
        name: 'sample.point',
        inputs: [{ kind: 'counter', name: 'counter', dtype: 'u32', shape: [], buffer: 1, offset: 0 }],
        outputs: [{ name: 'point', dtype: 'f32', shape: [500, 2], buffer: 3, offset: 0 }],
        commands: [],
      },
    ],
    train: {
      batch: BATCH,
      steps: 10,
      ...(options.shared === true && { shared: 'shared' }),
      updates: [
        { player: 'D', entry: 'update.D', times },
        { player: 'G', entry: 'update.G', times: 1 },
      ],
      init: 'init',
      reports: [{ name: 'spread', player: 'G' }],
      sharedBatch: options.sharedBatch ?? false,
    },
    samples: [{ name: 'point', entry: 'sample.point', count: 500, outputs: [{ name: 'point', type: 'vector', shape: [2] }] }],
  };
}

export interface FakeLog {
  readonly calls: Call[];
  readonly submits: number[];
  readonly fields: { name: string; count: number }[];
  requests: OpenRequest[];
  closed: number;
  /** Most submits that were under way at one time. */
  most: number;
}

export interface Misbehaviour {
  /** The loss of D is NaN from this counter on. */
  readonly nanAt?: number;
  /** The update of G counts values that are not finite at this counter. */
  readonly nonfiniteAt?: number;
  /** A submit is refused at this counter of D. */
  readonly failAt?: number;
  readonly onCall?: (call: Call) => void;
  readonly fieldLimit?: number;
  readonly device?: string;
}

/** An opener of executors in memory, and what was asked of them. Results come some turns of the event loop later, in order. */
export function fakeOpener(misbehaviour: Misbehaviour = {}): { open: OpenExecutor; log: FakeLog } {
  const log: FakeLog = { calls: [], submits: [], fields: [], requests: [], closed: 0, most: 0 };
  const open: OpenExecutor = async (program, request): Promise<Opened> => {
    log.requests.push(request);
    const values = new Map<string, TensorData>();
    const fields = new Map<string, Float32Array>();
    let under = 0;
    let last: Promise<unknown> = Promise.resolve();
    for (const v of program.variables) {
      const size = v.shape.reduce((a, b) => a * b, 1);
      if (v.kind !== 'flat')
        values.set(v.name, { dtype: v.dtype, shape: [...v.shape], data: v.dtype === 'i32' ? new Int32Array(size) : new Float32Array(size) });
    }
    const run = (call: Call): CallResult => {
      log.calls.push(call);
      misbehaviour.onCall?.(call);
      const w = (name: string) => values.get(name)!.data;
      if (call.entry === 'init') {
        for (const [i, name] of ['D.w', 'G.w', 'average.G.w'].entries()) w(name).set([Number(request.seed) + i, i]);
        return { outputs: {} };
      }
      if (call.entry === 'sample.point') {
        const data = Float32Array.from({ length: 1000 }, (_, i) => w('average.G.w')[i % 2] + ((i * 7 + call.counter) % 11) / 100);
        return { outputs: { point: { dtype: 'f32', shape: [500, 2], data } } };
      }
      if (call.entry === 'shared') return { outputs: {} };
      const player = call.entry.slice('update.'.length);
      if (player === 'D' && misbehaviour.failAt === call.counter) throw new Error('the device is gone');
      // Every input leaves its mark on the weights: rows by their place, the data behind them, counter, step, seed.
      let mark = call.counter * 0.25 + (call.step ?? 0) * 0.125 + Number(request.seed) * 0.01;
      const x = fields.get('x');
      for (const [i, row] of (call.rows ?? []).entries()) mark += (i + 1) * (x![2 * row] + 3 * x![2 * row + 1]);
      for (const tensor of Object.values(call.tensors ?? {})) for (const [i, v] of tensor.data.entries()) mark += v * (i + 1);
      const weight = w(`${player}.w`);
      weight[0] = Math.fround(weight[0] * 0.5 + Math.sin(mark));
      weight[1] = Math.fround(weight[1] + weight[0]);
      if (player === 'D') w('D.optimizer.m')[0] += weight[0];
      else {
        w('G.seen')[0]++;
        w('average.G.w').set(Float32Array.from(w('average.G.w'), (v, i) => 0.9 * v + 0.1 * weight[i]));
      }
      const loss = player === 'D' && misbehaviour.nanAt !== undefined && call.counter >= misbehaviour.nanAt ? Number.NaN : weight[0];
      const scalar = (v: number): TensorData => ({ dtype: 'f32', shape: [], data: Float32Array.of(v) });
      const outputs: Record<string, TensorData> = {
        loss: scalar(loss),
        'loss.real': scalar(1),
        nonfinite: scalar(player === 'G' && misbehaviour.nonfiniteAt === call.counter ? 3 : 0),
      };
      if (player === 'G') outputs['report.spread'] = scalar(call.counter);
      for (const { name, shape } of program.entries.find((e) => e.name === call.entry)!.outputs) {
        if (name.startsWith('grad.')) outputs[name] = { dtype: 'f32', shape: [...shape], data: Float32Array.of(call.counter + 0.5, -1) };
      }
      return { outputs };
    };
    return {
      device: misbehaviour.device ?? 'a fake (memory)',
      fieldLimit: misbehaviour.fieldLimit ?? 1 << 30,
      close: () => {
        log.closed++;
      },
      executor: {
        choice: { fill: 'portable' },
        close: () => undefined,
        setField: (name, { count, bytes }) => {
          log.fields.push({ name, count });
          fields.set(name, new Float32Array(bytes.slice().buffer));
        },
        submit: async (calls) => {
          log.submits.push(calls.length);
          under++;
          log.most = Math.max(log.most, under);
          let results: CallResult[] | Error;
          try {
            results = calls.map(run);
          } catch (error) {
            results = error as Error;
          }
          const before = last;
          const mine = before.then(() => new Promise((resolve) => setImmediate(resolve)));
          last = mine;
          await mine;
          under--;
          if (results instanceof Error) throw results;
          return results;
        },
        read: async () => new Map([...values].map(([name, t]) => [name, { ...t, data: t.data.slice() } as TensorData])),
        write: (given) => {
          for (const [name, t] of given) values.set(name, { ...t, shape: [...t.shape], data: t.data.slice() } as TensorData);
        },
      },
    };
  };
  return { open, log };
}
