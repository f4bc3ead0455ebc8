/** An entry made ready to run: what can be looked up once is not looked up at every call. */
import type { Command, Entry, Program } from '../../compiler/program/types.js';
import { GpuError } from '../device/error.js';
import type { GpuDevice } from '../device/open.js';
import { type Span, spansOf } from './packing.js';
import type { CompiledKernel } from './pipelines.js';

export interface DispatchStep {
  readonly kind: 'dispatch';
  readonly command: Extract<Command, { kind: 'dispatch' }>;
  readonly kernel: CompiledKernel;
  readonly workgroups: readonly [number, number, number];
  /** Made when all of its buffers exist: those of data fields come with the data. */
  group: GPUBindGroup | undefined;
}

export type Step = DispatchStep | Extract<Command, { kind: 'copy' }>;

export interface PreparedEntry {
  readonly entry: Entry;
  readonly steps: readonly Step[];
  readonly inputs: readonly Span[];
  readonly inputBytes: number;
  readonly outputs: readonly Span[];
  readonly outputBytes: number;
  /** Data fields that its kernels read. */
  readonly fields: readonly string[];
  /** Numbers of the buffers that a second call in the same stretch of commands would overwrite. */
  readonly ownBuffers: readonly number[];
}

/** Looks up once what every call of the entry needs. Throws GpuError where a dispatch is over the device's limits. */
export function prepare(gpu: GpuDevice, program: Program, entry: Entry, kernels: ReadonlyMap<number, CompiledKernel>): PreparedEntry {
  const most = gpu.limits.maxComputeWorkgroupsPerDimension;
  const steps: Step[] = [];
  const fields = new Set<string>();
  for (const command of entry.commands) {
    if (command.kind === 'copy') {
      if (command.size > 0) steps.push(command);
      continue;
    }
    const kernel = kernels.get(command.kernel)!;
    const workgroups = command.workgroups[kernel.candidate];
    if (workgroups.some((n) => n > most)) {
      throw new GpuError(
        `"${command.label}" (kernel ${kernel.kernel.id}) needs ${workgroups.join(' x ')} workgroups`,
        `${gpu.name} allows ${most} a dimension`,
        'make the batch or the layer smaller',
      );
    }
    if (workgroups.some((n) => n === 0)) continue;
    for (const { buffer } of command.bindings) {
      const { field } = program.buffers[buffer];
      if (field !== undefined) fields.add(field);
    }
    steps.push({ kind: 'dispatch', command, kernel, workgroups, group: undefined });
  }
  const inputs = spansOf(entry.inputs);
  const outputs = spansOf(entry.outputs);
  return {
    entry,
    steps,
    inputs: inputs.spans,
    inputBytes: inputs.total,
    outputs: outputs.spans,
    outputBytes: outputs.total,
    fields: [...fields],
    ownBuffers: [...inputs.spans, ...outputs.spans].map((span) => span.buffer),
  };
}
