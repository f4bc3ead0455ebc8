/** Times of a kernel's candidates on memory of their own, of the sizes of the program's. */
import type { Program } from '../../compiler/program/types.js';
import { GPUBufferUsage, type GpuDevice } from '../device/open.js';
import { median } from '../execute/ceilings.js';
import { type OperandRange, Operands, texturesOf } from '../execute/operands.js';
import { type CompiledKernel, compileKernels } from '../execute/pipelines.js';
import { clock, type DispatchCommand } from '../execute/profile.js';
import { Stamps } from '../execute/stamps.js';
import type { Times } from './kept.js';
import type { Shape, Tunable } from './shapes.js';

const { STORAGE, UNIFORM, COPY_SRC, COPY_DST } = GPUBufferUsage;
/** What is timed at once lasts at least so long: timestamps may be rounded to a tenth of a millisecond, and a wait on the host takes half of one. */
const LONG_ENOUGH_MS = 2;
const MOST_REPETITIONS = 200;
/** Rounds in which the candidates of a shape take turns: at least so many, and more until the time is spent. */
const LEAST_ROUNDS = 3;
const MOST_ROUNDS = 15;
const ROUNDS_MS = 200;
/** A candidate that at first takes so many times as long as the best, and longer than what is timed at once, is out; the table's is not, which others must beat. */
const OUT = 3;
/** Of the numbers that memory is filled with. */
const BLOCK_BYTES = 1 << 20;

/** Encodes what is to be timed. The first of its passes begins with the first stamp, the last ends with the second. */
type Job = (encoder: GPUCommandEncoder, stamps: GPUComputePassTimestampWrites | undefined) => void;

/** Times dispatches: by timestamps of compute passes, or, where the device has none, by the host's clock, a submit for each. */
export class Timer {
  readonly #stamps: Stamps | undefined;

  constructor(readonly gpu: GpuDevice) {
    this.#stamps = gpu.features.has('timestamp-query') ? new Stamps(gpu) : undefined;
  }

  /** Milliseconds of each, one after another. */
  async time(jobs: readonly Job[]): Promise<number[]> {
    const { device } = this.gpu;
    const submit = (some: readonly Job[]): void => {
      const encoder = device.createCommandEncoder();
      for (const job of some) job(encoder, this.#stamps?.take());
      device.queue.submit([encoder.finish()]);
    };
    if (this.#stamps) {
      submit(jobs);
      return (await this.#stamps.read()).map(({ from, to }) => to - from);
    }
    const times: number[] = [];
    for (const job of jobs) {
      const from = clock();
      submit([job]);
      await this.gpu.settle(device.queue.onSubmittedWorkDone());
      times.push(clock() - from);
    }
    return times;
  }

  close(): void {
    this.#stamps?.close();
  }
}

/** The candidates of a kernel that the device can run, compiled. Throws GpuError naming one that does not compile. */
export function compileCandidates(gpu: GpuDevice, { kernel, runnable }: Tunable): Promise<CompiledKernel[]> {
  return compileKernels(
    gpu,
    runnable.map((i) => ({ ...kernel, candidates: [kernel.candidates[i]] })),
    { candidates: 'portable' },
  );
}

/** Milliseconds of a dispatch at this shape, by candidate: medians over rounds in which they take turns. Throws GpuError where the device fails. */
export async function timeShape(
  timer: Timer,
  program: Program,
  { runnable, table }: Tunable,
  compiled: readonly CompiledKernel[],
  shape: Shape,
): Promise<Times> {
  const { gpu } = timer;
  const memory = scratch(gpu, program, shape.command);
  const operands = new Operands(
    gpu,
    compiled.map((kernel) => texturesOf(kernel).map((binding) => memory[binding].size)),
  );
  try {
    const groups = compiled.map((kernel) => {
      const textures = texturesOf(kernel);
      const resource = ({ buffer, size }: OperandRange, binding: number) =>
        textures.includes(binding) ? operands.view(textures.indexOf(binding)) : { buffer, size };
      return gpu.device.createBindGroup({ layout: kernel.layout, entries: memory.map((range, binding) => ({ binding, resource: resource(range, binding) })) });
    });
    const job =
      (candidate: number, repetitions: number): Job =>
      (encoder, stamps) => {
        const [x, y, z] = shape.command.workgroups[runnable[candidate]];
        const textures = texturesOf(compiled[candidate]);
        const pass = (writes: GPUComputePassTimestampWrites | undefined, dispatches: number): void => {
          const opened = encoder.beginComputePass(writes && { timestampWrites: writes });
          opened.setPipeline(compiled[candidate].pipeline);
          opened.setBindGroup(0, groups[candidate]);
          for (let i = 0; i < dispatches; i++) opened.dispatchWorkgroups(x, y, z);
          opened.end();
        };
        if (textures.length === 0) {
          pass(stamps, repetitions);
          return;
        }
        // Each dispatch with its copies, as in a step.
        if (stamps) pass({ ...stamps, endOfPassWriteIndex: undefined }, 0);
        for (let i = 0; i < repetitions; i++) {
          textures.forEach((binding, nth) => {
            operands.copy(encoder, nth, memory[binding]);
          });
          pass(stamps && i === repetitions - 1 ? { ...stamps, beginningOfPassWriteIndex: undefined } : undefined, 1);
        }
      };
    const all = compiled.map((_, candidate) => candidate);
    // Software devices compile at the first dispatch.
    await timer.time(all.map((candidate) => job(candidate, 1)));
    const tries = [await timer.time(all.map((candidate) => job(candidate, 1))), await timer.time(all.map((candidate) => job(candidate, 1)))];
    const first = all.map((candidate) => Math.min(...tries.map((times) => times[candidate])));
    const best = Math.min(...first);
    const contenders = all.filter((candidate) => runnable[candidate] === table || first[candidate] <= Math.max(OUT * best, LONG_ENOUGH_MS));
    const repetitions = all.map((candidate) => Math.max(1, Math.min(MOST_REPETITIONS, Math.ceil(LONG_ENOUGH_MS / Math.max(first[candidate], 1e-3)))));
    const samples = all.map((candidate) => (contenders.includes(candidate) ? [] : [first[candidate]]) as number[]);
    const began = clock();
    for (let round = 0; round < MOST_ROUNDS && (round < LEAST_ROUNDS || clock() - began < ROUNDS_MS); round++) {
      // In another order every time: the first of a submit meets colder caches.
      const order = contenders.map((_, i) => contenders[(i + round) % contenders.length]);
      const times = await timer.time(order.map((candidate) => job(candidate, repetitions[candidate])));
      order.forEach((candidate, i) => {
        samples[candidate].push(times[i] / repetitions[candidate]);
      });
    }
    return Object.fromEntries(compiled.map(({ kernel }, candidate) => [kernel.candidates[0].name, median(samples[candidate])]));
  } finally {
    for (const buffer of new Set(memory.map((range) => range.buffer))) buffer.destroy();
    operands.close();
  }
}

/** A buffer for each range that the dispatch binds. Values are numbers in 0.5..1, what the host writes is zero: row 0, counter 0. */
function scratch(gpu: GpuDevice, program: Program, command: DispatchCommand): OperandRange[] {
  const { device } = gpu;
  const made = new Map<string, OperandRange>();
  const numbers = device.createBuffer({ label: 'numbers', size: BLOCK_BYTES, usage: COPY_SRC | COPY_DST });
  device.queue.writeBuffer(numbers, 0, someNumbers(BLOCK_BYTES / 4));
  const encoder = device.createCommandEncoder();
  const ranges = command.bindings.map(({ buffer: number, offset, size: bound }, binding) => {
    const key = `${number} ${offset}`;
    const known = made.get(key);
    if (known !== undefined) return known;
    const { kind } = program.buffers[number];
    const size = Math.max(16, Math.ceil((bound > 0 ? bound : unboundBytes(program, number)) / 16) * 16);
    const buffer = device.createBuffer({ label: `${kind} to tune with`, size, usage: (binding === 0 ? UNIFORM : STORAGE) | COPY_SRC | COPY_DST });
    if (binding === 0) {
      device.queue.writeBuffer(buffer, 0, new Uint32Array(program.parameters.slice(offset / 4, (offset + bound) / 4)));
    } else if (kind === 'variables' || kind === 'scratch') {
      for (let at = 0; at < size; at += BLOCK_BYTES) encoder.copyBufferToBuffer(numbers, 0, buffer, at, Math.min(BLOCK_BYTES, size - at));
    }
    const range = { buffer, offset: 0, size };
    made.set(key, range);
    return range;
  });
  device.queue.submit([encoder.finish()]);
  numbers.destroy();
  return ranges;
}

/** Of a buffer whose size the program leaves open: a batch of rows of the data field, or the keys of all draws. */
function unboundBytes(program: Program, number: number): number {
  const { kind, field: name, size } = program.buffers[number];
  const field = kind === 'field' ? program.data?.fields.find((f) => f.name === name) : undefined;
  if (field === undefined) return size;
  const elements = field.shape.reduce((a, b) => a * b, 1);
  const row = field.storage.kind === 'u8' ? Math.ceil(elements / 4) * 4 : elements * 4;
  return row * (program.train?.batch ?? 1);
}

function someNumbers(count: number): Float32Array<ArrayBuffer> {
  const bits = new Uint32Array(count);
  let state = 1;
  for (let i = 0; i < count; i++) {
    // Marsaglia's xorshift; 23 bits of it under the exponent of 0.5.
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bits[i] = 0x3f000000 | (state >>> 9);
  }
  return new Float32Array(bits.buffer);
}
