/** The buffers of a program: checked against the device and the machine first, then allocated. Running out of memory may be a crash of the driver. */
import { freemem } from 'node:os';
import { bufferSizes, type LargeTensor, type MemoryPlan, memoryPlan } from '../../compiler/program/memory.js';
import type { Program, ProgramBuffer } from '../../compiler/program/types.js';
import { GpuError, InputError } from '../device/error.js';
import { GPUBufferUsage, type GpuDevice, gpuFault } from '../device/open.js';
import { byteSize } from './tensor.js';

/** Bytes on the device by kind of buffer, and in all. */
export type Memory = Record<ProgramBuffer['kind'] | 'staging' | 'readback' | 'total', number>;

/** What is to be allocated, and what a refusal can say of it. */
export interface Wanted {
  /** The entries that will be called; default all. */
  readonly entries?: readonly string[];
  /** Bytes of the rows of data that will come on top. */
  readonly data?: number;
  /** Most bytes to take. Default: for a software device the machine's free memory; a GPU does not tell. */
  readonly limit?: number;
  /** Where in the spec the layer of a weight or result is: `gan.gan:12`. Asked for only where something does not fit. */
  readonly places?: () => (path: string) => string | undefined;
}

const { STORAGE, UNIFORM, COPY_DST, COPY_SRC } = GPUBufferUsage;
const LARGEST_SHOWN = 5;

export function formatBytes(n: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
  const i = n < 1024 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(n) / 10));
  return `${i === 0 ? n : (n / 1024 ** i).toFixed(1)} ${units[i]}`;
}

function entriesOf(program: Program, { entries }: Wanted): readonly string[] {
  return entries ?? program.entries.map((entry) => entry.name);
}

export function planOf(program: Program, wanted: Wanted): MemoryPlan {
  return memoryPlan(program, entriesOf(program, wanted), wanted.data);
}

/** `G.fc1.weight [512, 100] (200.0 KiB, gan.gan:12), a result of G.conv2 (64.0 MiB, gan.gan:14)`. */
function tensorsText(tensors: readonly LargeTensor[], { places }: Wanted): string {
  const placeOf = places?.();
  return tensors
    .map(({ name, kind, shape, bytes }) => {
      const place = placeOf?.(name);
      const what = kind === 'result' ? `a result of ${name}` : `${name}${shape ? ` [${shape.join(', ')}]` : ''}`;
      return `${what} (${[formatBytes(bytes), ...(place === undefined ? [] : [place])].join(', ')})`;
    })
    .join(', ');
}

/** Bytes that can still be had where the device says: a software device takes the machine's own memory. */
export function freeMemory(gpu: GpuDevice): number | undefined {
  if (gpu.kind === 'gpu') return undefined;
  const constrained = process.constrainedMemory();
  const free = freemem();
  return constrained > 0 && constrained < Number.MAX_SAFE_INTEGER ? Math.min(free, Math.max(0, constrained - process.memoryUsage.rss())) : free;
}

/** Throws GpuError where the program cannot fit: a buffer or a binding over the device's limit, or all buffers over what is free. */
export function checkBudget(gpu: GpuDevice, program: Program, wanted: Wanted): void {
  const { maxBufferSize, maxStorageBufferBindingSize, maxUniformBufferBindingSize } = gpu.limits;
  const entries = entriesOf(program, wanted);
  for (const entry of program.entries) {
    if (!entries.includes(entry.name)) continue;
    for (const command of entry.commands) {
      if (command.kind !== 'dispatch') continue;
      const { kernel, label } = command;
      command.bindings.forEach(({ buffer, offset, size }, i) => {
        const most = program.kernels[kernel].bindings[i] === 'uniform' ? maxUniformBufferBindingSize : maxStorageBufferBindingSize;
        if (size <= most) return;
        const inside = program.variables.filter((v) => v.kind !== 'flat' && v.buffer === buffer && v.offset >= offset && v.offset < offset + size);
        const tensors = inside.map((v): LargeTensor => ({ name: v.name, kind: v.kind, shape: v.shape, bytes: byteSize(v.shape) }));
        const largest = tensors.sort((a, b) => b.bytes - a.bytes).slice(0, LARGEST_SHOWN);
        const place = wanted.places?.()(label);
        throw new GpuError(
          `"${label}"${place === undefined ? '' : ` (${place})`} needs ${formatBytes(size)} in one piece`,
          `${gpu.name} allows ${formatBytes(most)}${largest.length > 0 ? `; there lies ${tensorsText(largest, wanted)}` : '; this result could not be cut into parts'} (kernel ${program.kernels[kernel].id})`,
          largest.length > 0
            ? 'make the layer narrower: a single weight is not cut'
            : (batchText(program, most / size) ?? 'make the batch, the clip or the layer smaller'),
        );
      });
    }
  }
  bufferSizes(program, entries).forEach((size, index) => {
    if (size <= maxBufferSize) return;
    const { kind, entry } = program.buffers[index];
    const inside = program.variables.filter((v) => v.kind !== 'flat' && v.buffer === index);
    const tensors = inside.map((v): LargeTensor => ({ name: v.name, kind: v.kind, shape: v.shape, bytes: byteSize(v.shape) }));
    const largest = tensors.sort((a, b) => b.bytes - a.bytes).slice(0, LARGEST_SHOWN);
    throw new GpuError(
      `a buffer of ${formatBytes(size)} (${kind}${entry ? ` of ${entry}` : ''}) is more than the adapter allows`,
      `${gpu.name} allows ${formatBytes(maxBufferSize)} a buffer${largest.length > 0 ? `; the largest in it: ${tensorsText(largest, wanted)}` : ''}`,
      'make the batch, the clip or the nets smaller',
    );
  });
  const most = wanted.limit ?? freeMemory(gpu);
  const plan = planOf(program, wanted);
  if (most !== undefined && plan.total > most) throw tooLarge(program, plan, wanted, `${formatBytes(most)} is free`, most);
}

/** The largest tensors by name, and what would help. `most`: what there is, where that is known. */
function tooLarge(program: Program, plan: MemoryPlan, wanted: Wanted, reason: string, most?: number): GpuError {
  const { weights, optimizer, averages, states, judges, results, data, rest, total } = plan;
  const parts = { weights, optimizer, averages, states, judges, 'gradients and results': results, data, rest };
  const shown = Object.entries(parts).filter(([, bytes]) => bytes > 0);
  const batch = most === undefined ? batchText(program, 0.5) : batchText(program, (most - (total - results)) / results);
  return new GpuError(
    `"${program.name}" needs ${formatBytes(total)} of GPU memory`,
    `${reason}; ${shown.map(([name, bytes]) => `${name} ${formatBytes(bytes)}`).join(', ')}\n  largest: ${tensorsText(plan.largest.slice(0, LARGEST_SHOWN), wanted)}`,
    results * 2 > total && batch !== undefined ? batch : `make the nets narrower${batch === undefined ? '' : `, or ${batch}`}`,
  );
}

/** The batch at which results take this share of what they do now, with updates that stay as they are. */
function batchText({ train }: Program, share: number): string | undefined {
  if (train === undefined || !(share > 0)) return undefined;
  let smaller = train.batch;
  while (smaller > 1 && (smaller > train.batch * share || train.batch % smaller !== 0)) smaller--;
  if (smaller > train.batch * share || smaller === train.batch) return undefined;
  return `train with batch ${smaller} in place of ${train.batch}; accumulate ${(train.accumulate ?? 1) * (train.batch / smaller)} then keeps the update's size`;
}

const USAGE: Record<ProgramBuffer['kind'], number> = {
  variables: STORAGE | COPY_SRC | COPY_DST,
  scratch: STORAGE | COPY_SRC | COPY_DST,
  inputs: STORAGE | UNIFORM | COPY_SRC | COPY_DST,
  outputs: STORAGE | COPY_SRC | COPY_DST,
  parameters: STORAGE | UNIFORM | COPY_SRC | COPY_DST,
  keys: STORAGE | UNIFORM | COPY_SRC | COPY_DST,
  field: STORAGE | COPY_SRC | COPY_DST,
};

/** What `make` makes, inside error scopes. Throws GpuError. */
async function guarded<T>(gpu: GpuDevice, make: () => T, outOfMemory: (text: string) => GpuError): Promise<T> {
  const { device } = gpu;
  gpu.check();
  device.pushErrorScope('validation');
  device.pushErrorScope('out-of-memory');
  const made = make();
  const [memory, validation] = await gpu.settle(Promise.all([device.popErrorScope(), device.popErrorScope()]));
  if (memory) throw outOfMemory(memory.message.trim());
  if (validation) throw gpuFault('a buffer could not be made', validation);
  return made;
}

/** The program's buffers by number, zeroed; undefined are those that no wanted entry needs, and those of data fields until there are rows. Throws GpuError. */
export async function allocate(gpu: GpuDevice, program: Program, wanted: Wanted): Promise<(GPUBuffer | undefined)[]> {
  const sizes = bufferSizes(program, entriesOf(program, wanted));
  return guarded(
    gpu,
    () =>
      program.buffers.map((buffer, index) =>
        sizes[index] === 0
          ? undefined
          : gpu.device.createBuffer({
              label: `${buffer.kind} ${index}${buffer.entry ? ` of ${buffer.entry}` : ''}`,
              size: sizes[index],
              usage: USAGE[buffer.kind],
            }),
      ),
    (text) => tooLarge(program, planOf(program, wanted), wanted, `the GPU ran out of memory (${text})`),
  );
}

/** Throws InputError where rows of a field are not what the program asks for, GpuError where they are too many for the device. */
export function checkField(gpu: GpuDevice, program: Program, name: string, count: number, size: number): void {
  const field = program.data?.fields.find((f) => f.name === name);
  if (!field) {
    const names = program.data?.fields.map((f) => f.name) ?? [];
    throw new InputError(`the program has no data field "${name}"; ${names.length > 0 ? `its fields are ${names.join(', ')}` : 'it reads no data'}`);
  }
  const row = rowBytes(field);
  if (!Number.isInteger(count) || count <= 0) throw new InputError(`the data field "${name}" has ${count} rows; at least one is needed`);
  if (size !== count * row) throw new InputError(`the data field "${name}" has ${size} bytes; ${count} rows of ${row} bytes are ${count * row}`);
  const most = Math.min(gpu.limits.maxStorageBufferBindingSize, gpu.limits.maxBufferSize);
  if (size > most) {
    throw new GpuError(
      `the data field "${name}" has ${formatBytes(size)} in ${count} rows`,
      `${gpu.name} allows ${formatBytes(most)} in one piece, ${Math.floor(most / row)} rows`,
      `use at most ${Math.floor(most / row)} rows at a time`,
    );
  }
}

/** Bytes of one row in its buffer: u8 rows are padded to whole words. */
export function rowBytes(field: NonNullable<Program['data']>['fields'][number]): number {
  const n = byteSize(field.shape);
  return field.storage.kind === 'u8' ? Math.ceil(n / 16) * 4 : n;
}
