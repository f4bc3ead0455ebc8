/** The buffers of a program: checked against the device and the machine first, then allocated. Running out of memory may be a crash of the driver. */
import { freemem } from 'node:os';
import type { Program, ProgramBuffer } from '../../compiler/program/types.js';
import { GpuError, InputError } from '../device/error.js';
import { GPUBufferUsage, type GpuDevice, gpuFault } from '../device/open.js';
import { byteSize } from './tensor.js';

/** Bytes on the device by kind of buffer, and in all. */
export type Memory = Record<ProgramBuffer['kind'] | 'staging' | 'readback' | 'total', number>;

const { STORAGE, UNIFORM, COPY_DST, COPY_SRC } = GPUBufferUsage;
const LARGEST_SHOWN = 5;
const SMALLER = 'make the batch, the clip or the nets smaller';

export function formatBytes(n: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
  const i = n < 1024 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(n) / 10));
  return `${i === 0 ? n : (n / 1024 ** i).toFixed(1)} ${units[i]}`;
}

/** Size to allocate: whole words, and never nothing, since nothing cannot be bound. */
export function allocated(size: number): number {
  return Math.max(16, Math.ceil(size / 16) * 16);
}

/** Without the data fields, whose size is not known yet. */
function totalSize(program: Program): number {
  return program.buffers.reduce((sum, buffer) => sum + (buffer.kind === 'field' ? 0 : allocated(buffer.size)), 0);
}

/** The largest variables, for messages: `G.fc1.weight [512, 100] (200.0 KiB), ...`. */
function largest(program: Program, buffer?: number): string {
  const list = program.variables
    .filter((v) => v.kind !== 'flat' && (buffer === undefined || v.buffer === buffer))
    .map((v) => ({ v, bytes: byteSize(v.shape) }))
    .sort((a, b) => b.bytes - a.bytes)
    .slice(0, LARGEST_SHOWN);
  return list.map(({ v, bytes }) => `${v.name} [${v.shape.join(', ')}] (${formatBytes(bytes)})`).join(', ');
}

/** What the machine can still give to a software device, whose memory is the machine's own. */
function available(): number {
  const constrained = process.constrainedMemory();
  const free = freemem();
  return constrained > 0 && constrained < Number.MAX_SAFE_INTEGER ? Math.min(free, Math.max(0, constrained - process.memoryUsage.rss())) : free;
}

/**
 * Throws GpuError where the program cannot fit: a buffer over the device's limit, or all of them over `limit` (default: for a software device the
 * machine's free memory; a GPU does not tell).
 */
export function checkBudget(gpu: GpuDevice, program: Program, limit?: number): void {
  const { maxBufferSize, maxStorageBufferBindingSize } = gpu.limits;
  program.buffers.forEach((buffer, index) => {
    if (buffer.size <= maxBufferSize) return;
    const names = largest(program, index);
    throw new GpuError(
      `a buffer of ${formatBytes(buffer.size)} (${buffer.kind}${buffer.entry ? ` of ${buffer.entry}` : ''}) is more than the adapter allows`,
      `${gpu.name} allows ${formatBytes(maxBufferSize)} a buffer${names ? `; the largest in it: ${names}` : ''}`,
      SMALLER,
    );
  });
  for (const entry of program.entries) {
    for (const command of entry.commands) {
      if (command.kind !== 'dispatch') continue;
      const { kernel, label } = command;
      command.bindings.forEach((binding, i) => {
        const uniform = program.kernels[kernel].bindings[i] === 'uniform';
        const most = uniform ? gpu.limits.maxUniformBufferBindingSize : maxStorageBufferBindingSize;
        if (binding.size <= most) return;
        const names = largest(program, binding.buffer);
        throw new GpuError(
          `"${label}" (kernel ${program.kernels[kernel].id}) needs ${formatBytes(binding.size)} in one piece`,
          `${gpu.name} allows ${formatBytes(most)} a binding${names ? `; the largest variables there: ${names}` : ''}`,
          SMALLER,
        );
      });
    }
  }
  const total = totalSize(program);
  const most = limit ?? (gpu.kind === 'gpu' ? Number.POSITIVE_INFINITY : available());
  if (total > most) throw tooLarge(program, total, `${formatBytes(most)} is free`);
}

function tooLarge(program: Program, total: number, reason: string): GpuError {
  const by = (kind: ProgramBuffer['kind']) => program.buffers.reduce((sum, b) => sum + (b.kind === kind ? b.size : 0), 0);
  const names = largest(program);
  return new GpuError(
    `"${program.name}" needs ${formatBytes(total)} of GPU memory`,
    `${reason}; ${formatBytes(by('variables'))} are weights and states${names ? `, the largest of them ${names}` : ''}; ${formatBytes(by('scratch'))} are intermediate results`,
    SMALLER,
  );
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

/** The program's buffers by number, zeroed; those of data fields are undefined until there are rows. */
export async function allocate(gpu: GpuDevice, program: Program): Promise<(GPUBuffer | undefined)[]> {
  const total = totalSize(program);
  return guarded(
    gpu,
    () =>
      program.buffers.map((buffer, index) =>
        buffer.kind === 'field'
          ? undefined
          : gpu.device.createBuffer({
              label: `${buffer.kind} ${index}${buffer.entry ? ` of ${buffer.entry}` : ''}`,
              size: allocated(buffer.size),
              usage: USAGE[buffer.kind],
            }),
      ),
    (text) => tooLarge(program, total, `the GPU ran out of memory (${text})`),
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
