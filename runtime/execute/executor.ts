/**
 * Runs a compiled program on a device: one queue submit for a list of calls, results read back some steps later.
 * Everything happens in the order of the calls of this class, also where a submit has to wait because too many are in flight.
 */
import { drawKey } from '../../compiler/graph/threefry.js';
import { allocated } from '../../compiler/program/memory.js';
import type { Entry, Program, ProgramVariable } from '../../compiler/program/types.js';
import { isSaved } from '../../compiler/program/variables.js';
import { GpuError, InputError } from '../device/error.js';
import { GPUBufferUsage, type GpuDevice } from '../device/open.js';
import { allocate, checkBudget, checkField, type Memory, type Wanted } from './memory.js';
import { Operands, texturesOf } from './operands.js';
import { Order } from './order.js';
import { type Call, entryOf, packedOffset, packInputs } from './packing.js';
import { type CandidateChoice, type CompiledKernel, compileKernels } from './pipelines.js';
import { type DispatchStep, type PreparedEntry, prepare, type Step } from './prepare.js';
import { clock, type Probe } from './profile.js';
import { ReadbackPool } from './readback.js';
import { byteSize, bytesOf, checkTensor, decode, type TensorData } from './tensor.js';
import { download, upload } from './transfer.js';
import { compilesLate, warm } from './warm.js';

export type { Call } from './packing.js';

export interface ExecutorOptions {
  /** Of all draws; the low 64 bits count. */
  readonly seed: bigint;
  /** Which candidate of each kernel; default `best`. */
  readonly candidates?: CandidateChoice;
  /** Compile only what these entries need; others cannot be called. Default: all. */
  readonly entries?: readonly string[];
  /** Submits that may be unfinished at a time; a further one waits. Default 4. */
  readonly inFlight?: number;
  /** Bytes that the program may take on the device, and of the rows that it will be given: see `Wanted`, also for `places`. */
  readonly memoryLimit?: number;
  readonly data?: number;
  readonly places?: Wanted['places'];
  /** Compile on other threads too, and wait for it: see `warm`. Else a software device compiles at the first dispatch of each kernel. */
  readonly warm?: boolean;
  /** Called as kernels become ready. */
  readonly progress?: (done: number, total: number) => void;
}

/** A range of a buffer of the program, in bytes. */
export interface BufferRange {
  readonly buffer: number;
  readonly offset: number;
  readonly size: number;
}

export interface CallResult {
  readonly outputs: Record<string, TensorData>;
}

export class Executor {
  readonly program: Program;
  /** Candidate in use of each kernel that was compiled, by kernel id: part of what makes a run repeatable. */
  readonly choice: Readonly<Record<string, string>>;
  readonly #gpu: GpuDevice;
  readonly #buffers: (GPUBuffer | undefined)[];
  readonly #entries: ReadonlyMap<string, PreparedEntry>;
  readonly #order: Order;
  readonly #readbacks: ReadbackPool;
  readonly #operands: Operands;
  readonly #fieldRows = new Map<string, number>();
  readonly #groups = new Map<string, GPUBindGroup>();
  #staging: GPUBuffer | undefined;
  #closed = false;

  private constructor(
    gpu: GpuDevice,
    program: Program,
    buffers: (GPUBuffer | undefined)[],
    kernels: ReadonlyMap<number, CompiledKernel>,
    entries: readonly Entry[],
    inFlight: number,
  ) {
    this.#gpu = gpu;
    this.program = program;
    this.#buffers = buffers;
    this.#order = new Order(inFlight);
    // Two sizes for each place: a training alternates between a few.
    this.#readbacks = new ReadbackPool(gpu, 2 * inFlight);
    this.choice = Object.fromEntries([...kernels.values()].map(({ kernel, candidate }) => [kernel.id, kernel.candidates[candidate].name]));
    this.#entries = new Map(entries.map((entry) => [entry.name, prepare(gpu, program, entry, kernels)]));
    const steps = [...this.#entries.values()].flatMap((entry) => entry.steps.filter((step) => step.kind === 'dispatch'));
    this.#operands = new Operands(
      gpu,
      steps.map(({ kernel, command }) => texturesOf(kernel).map((binding) => command.bindings[binding].size)),
    );
    for (const step of this.#bindable()) step.group = this.#bindGroup(step);
  }

  /**
   * Compiles the kernels and allocates the buffers, zeroed; variables get their values from the program's `init` entry or from `write`.
   * Throws GpuError where the device cannot run the program, naming the kernel or the largest variables.
   */
  static async create(gpu: GpuDevice, program: Program, options: ExecutorOptions): Promise<Executor> {
    gpu.check();
    const entries = options.entries ? options.entries.map((name) => entryOf(program, name)) : program.entries;
    const wanted: Wanted = { entries: options.entries, data: options.data, limit: options.memoryLimit, places: options.places };
    checkBudget(gpu, program, wanted);
    const used = [...new Set(entries.flatMap((entry) => entry.commands.flatMap((c) => (c.kind === 'dispatch' ? [c.kernel] : []))))].sort((a, b) => a - b);
    const late = options.warm === true && compilesLate(gpu);
    const compiled = await compileKernels(
      gpu,
      used.map((index) => program.kernels[index]),
      { candidates: options.candidates, progress: late ? undefined : options.progress },
    );
    if (late) await warm(gpu, compiled, options.progress);
    const kernels = new Map(used.map((index, i) => [index, compiled[i]]));
    const buffers = await allocate(gpu, program, wanted);
    gpu.device.pushErrorScope('validation');
    const executor = new Executor(gpu, program, buffers, kernels, entries, Math.max(1, options.inFlight ?? 4));
    executor.#fillConstants(options.seed);
    const error = await gpu.settle(gpu.device.popErrorScope());
    if (error) {
      executor.close();
      throw new GpuError(
        'a kernel does not fit its buffers',
        error.message.trim(),
        'this is a fault of the compiler, not of the spec: please report it with the spec and `ganc doctor`',
      );
    }
    return executor;
  }

  /** Bytes on the device by kind of buffer. */
  get memory(): Memory {
    const memory: Memory = {
      variables: 0,
      scratch: 0,
      inputs: 0,
      outputs: 0,
      parameters: 0,
      keys: 0,
      field: 0,
      staging: (this.#staging?.size ?? 0) + this.#operands.bytes,
      readback: this.#readbacks.bytes,
      total: 0,
    };
    this.program.buffers.forEach((buffer, i) => {
      memory[buffer.kind] += this.#buffers[i]?.size ?? 0;
    });
    memory.total = Object.values(memory).reduce((a, b) => a + b, 0);
    return memory;
  }

  /**
   * The rows of a data field, in the storage layout of its request; later calls read these. `bytes` must not change until the next result.
   * Throws InputError where name or size do not fit, GpuError where the device cannot take so many.
   */
  setField(name: string, rows: { readonly count: number; readonly bytes: Uint8Array }): void {
    this.#check();
    checkField(this.#gpu, this.program, name, rows.count, rows.bytes.byteLength);
    // Known at once, so that calls made from now on are checked against these rows.
    this.#fieldRows.set(name, rows.count);
    this.#order.write(() => {
      this.program.buffers.forEach((buffer, index) => {
        if (buffer.kind !== 'field' || buffer.field !== name) return;
        const old = this.#buffers[index];
        const size = allocated(rows.bytes.byteLength);
        if (old?.size !== size) {
          this.#buffers[index] = this.#gpu.device.createBuffer({
            label: `data field ${name}`,
            size,
            usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC,
          });
          this.#forgetGroups(index);
          old?.destroy();
        }
        upload(this.#gpu, this.#buffers[index]!, 0, rows.bytes);
      });
    });
  }

  /**
   * Runs the calls in order with one queue submit; resolves with their outputs when those are read back. Inputs are taken at once.
   * Rejects with InputError where an input does not fit, with GpuError where the device fails. A probe takes the times, for profiles.
   */
  async submit(calls: readonly Call[], probe?: Probe): Promise<CallResult[]> {
    this.#check();
    const from = clock();
    const packed = calls.map((call) => this.#pack(call));
    probe?.host('pack', from);
    return this.#order.add('submit', () => this.#run(packed, probe));
  }

  /**
   * Runs one call command by command, to find a fault: after each, `look` is told its place in the entry's list and can read ranges of buffers (by their number
   * in the program). The call ends where `look` gives false, its results and variables half made.
   */
  async stepThrough(call: Call, look: (command: number, read: (ranges: readonly BufferRange[]) => Promise<ArrayBuffer[]>) => Promise<boolean>): Promise<void> {
    this.#check();
    const packed = this.#pack(call);
    const { prepared } = packed;
    const read = (ranges: readonly BufferRange[]) =>
      download(
        this.#gpu,
        this.#readbacks,
        ranges.map(({ buffer, offset, size }) => ({ buffer: this.#buffers[buffer]!, offset, size })),
      );
    return this.#order.add('exclusive', async () => {
      const { device } = this.#gpu;
      const inputs = device.createCommandEncoder();
      const staging = this.#stage([packed], prepared.inputBytes);
      for (const span of prepared.inputs) inputs.copyBufferToBuffer(staging, span.packed, this.#buffers[span.buffer]!, span.from, span.size);
      device.queue.submit([inputs.finish()]);
      for (const step of prepared.steps) {
        const encoder = device.createCommandEncoder();
        this.#encode(encoder, [step]);
        device.queue.submit([encoder.finish()]);
        this.#gpu.check();
        if (!(await look(prepared.entry.commands.indexOf(step.kind === 'copy' ? step : step.command), read))) return;
      }
    });
  }

  #pack(call: Call): { prepared: PreparedEntry; bytes: Uint8Array } {
    const prepared = this.#entries.get(entryOf(this.program, call.entry).name);
    if (!prepared) throw new InputError(`the entry "${call.entry}" was not compiled; compiled are ${[...this.#entries.keys()].join(', ')}`);
    for (const field of prepared.fields) {
      if (!this.#fieldRows.has(field)) throw new InputError(`${call.entry}: it reads the data field "${field}", which has no rows yet`);
    }
    const fieldRows = new Map(prepared.fields.map((field) => [field, this.#fieldRows.get(field)!]));
    return { prepared, bytes: packInputs(prepared.entry, prepared.inputs, prepared.inputBytes, call, fieldRows) };
  }

  /** Values of the named variables as they are after all earlier submits; without names all that a checkpoint holds (no `flat`, no `carry`). */
  async read(names?: readonly string[]): Promise<Map<string, TensorData>> {
    this.#check();
    const variables = names ? names.map((name) => this.#variable(name)) : this.program.variables.filter((v) => isSaved(v));
    return this.#order.add('exclusive', () => this.#readVariables(variables));
  }

  /** Sets variables, before all later submits. Nothing is written where one of them does not fit: InputError names it. */
  write(values: ReadonlyMap<string, TensorData>): void {
    this.#check();
    const writes = [...values].map(([name, tensor]) => {
      const variable = this.#variable(name);
      checkTensor(`the variable "${name}"`, tensor, variable.dtype, variable.shape);
      return { variable, bytes: this.#order.busy ? bytesOf(tensor.data).slice() : bytesOf(tensor.data) };
    });
    this.#order.write(() => {
      for (const { variable, bytes } of writes) upload(this.#gpu, this.#buffers[variable.buffer]!, variable.offset, bytes);
    });
  }

  /** Frees the buffers; what is still waiting rejects. The device stays open. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#order.clear(new GpuError('the executor is closed'));
    for (const buffer of [...this.#buffers, this.#staging]) buffer?.destroy();
    this.#readbacks.close();
    this.#operands.close();
    this.#groups.clear();
  }

  #check(): void {
    if (this.#closed) throw new GpuError('the executor is closed');
    this.#gpu.check();
  }

  #variable(name: string): ProgramVariable {
    const variable = this.program.variables.find((v) => v.name === name);
    if (!variable) throw new InputError(`the program has no variable "${name}"`);
    return variable;
  }

  /** Dispatches whose buffers all exist. */
  #bindable(): DispatchStep[] {
    return [...this.#entries.values()].flatMap(({ steps }) =>
      steps.filter((step) => step.kind === 'dispatch' && step.command.bindings.every((b) => this.#buffers[b.buffer])),
    ) as DispatchStep[];
  }

  async #run(calls: readonly { readonly prepared: PreparedEntry; readonly bytes: Uint8Array }[], probe?: Probe): Promise<CallResult[]> {
    this.#check();
    const began = clock();
    const { device } = this.#gpu;
    const encoder = device.createCommandEncoder();
    const inputBytes = calls.reduce((sum, { prepared }) => sum + prepared.inputBytes, 0);
    const outputBytes = calls.reduce((sum, { prepared }) => sum + prepared.outputBytes, 0);
    const staging = inputBytes > 0 ? this.#stage(calls, inputBytes) : undefined;
    const readback = outputBytes > 0 ? this.#readbacks.take(outputBytes) : undefined;

    let stagingAt = 0;
    let readbackAt = 0;
    const starts = calls.map(({ prepared }) => {
      const start = readbackAt;
      readbackAt += prepared.outputBytes;
      return start;
    });
    // A copy ends the compute pass, and a pass costs more than a dispatch: calls that share no inputs or outputs go in one stretch.
    for (let first = 0; first < calls.length; ) {
      let end = first;
      const taken = new Set<number>();
      while (end < calls.length && !calls[end].prepared.ownBuffers.some((b) => taken.has(b))) {
        for (const buffer of calls[end].prepared.ownBuffers) taken.add(buffer);
        end++;
      }
      for (let i = first; i < end; i++) {
        const { prepared } = calls[i];
        for (const span of prepared.inputs) encoder.copyBufferToBuffer(staging!, stagingAt + span.packed, this.#buffers[span.buffer]!, span.from, span.size);
        stagingAt += prepared.inputBytes;
      }
      this.#encode(
        encoder,
        calls.slice(first, end).flatMap(({ prepared }) => prepared.steps),
        probe,
      );
      for (let i = first; i < end; i++) {
        for (const span of calls[i].prepared.outputs)
          encoder.copyBufferToBuffer(this.#buffers[span.buffer]!, span.from, readback!, starts[i] + span.packed, span.size);
      }
      first = end;
    }
    const commands = encoder.finish();
    probe?.host('encode', began);
    const encoded = clock();
    device.queue.submit([commands]);
    probe?.host('submit', encoded);
    // Faults of validation are known by now.
    this.#gpu.check();

    if (!readback) {
      await this.#gpu.settle(device.queue.onSubmittedWorkDone());
      return calls.map(() => ({ outputs: {} }));
    }
    return this.#readbacks.read(readback, outputBytes, (bytes) => {
      const arrived = clock();
      const results = calls.map(({ prepared }, i) => ({
        outputs: Object.fromEntries(
          prepared.entry.outputs.map((output) => [output.name, decode(output.dtype, output.shape, bytes, starts[i] + packedOffset(prepared.outputs, output))]),
        ),
      }));
      probe?.host('read', arrived);
      return results;
    });
  }

  #encode(encoder: GPUCommandEncoder, steps: readonly Step[], probe?: Probe): void {
    let pass: GPUComputePassEncoder | undefined;
    let pipeline: GPUComputePipeline | undefined;
    let group: GPUBindGroup | undefined;
    for (const step of steps) {
      if (step.kind === 'copy') {
        pass?.end();
        pass = undefined;
        encoder.copyBufferToBuffer(this.#buffers[step.from.buffer]!, step.from.offset, this.#buffers[step.to.buffer]!, step.to.offset, step.size);
        continue;
      }
      const textures = texturesOf(step.kernel);
      if (!pass || textures.length > 0) {
        pass?.end();
        const stamps = probe?.pass(step.command);
        if (textures.length > 0) this.#copyOperands(encoder, step, textures, stamps);
        pass = encoder.beginComputePass(stamps && { timestampWrites: textures.length > 0 ? { ...stamps, beginningOfPassWriteIndex: undefined } : stamps });
        pipeline = undefined;
        group = undefined;
      }
      step.group ??= this.#bindGroup(step);
      if (pipeline !== step.kernel.pipeline) {
        pipeline = step.kernel.pipeline;
        pass.setPipeline(pipeline);
      }
      if (group !== step.group) {
        group = step.group;
        pass.setBindGroup(0, group);
      }
      pass.dispatchWorkgroups(step.workgroups[0], step.workgroups[1], step.workgroups[2]);
      if (probe?.split) {
        pass.end();
        pass = undefined;
      }
    }
    pass?.end();
  }

  /** Fills the textures that a dispatch reads. The time of this is the dispatch's: `stamps` begin with it. */
  #copyOperands(encoder: GPUCommandEncoder, { command }: DispatchStep, textures: readonly number[], stamps?: GPUComputePassTimestampWrites): void {
    if (stamps) encoder.beginComputePass({ timestampWrites: { ...stamps, endOfPassWriteIndex: undefined } }).end();
    textures.forEach((binding, nth) => {
      const { buffer, offset, size } = command.bindings[binding];
      this.#operands.copy(encoder, nth, { buffer: this.#buffers[buffer]!, offset, size });
    });
  }

  #bindGroup(step: DispatchStep): GPUBindGroup {
    const { kernel, command } = step;
    const key = `${kernel.layoutKey}:${command.bindings.map((b) => `${b.buffer}/${b.offset}/${b.size}`).join()}`;
    const textures = texturesOf(kernel);
    let group = this.#groups.get(key);
    if (!group) {
      group = this.#gpu.device.createBindGroup({
        label: `${kernel.kernel.id} (${command.label})`,
        layout: kernel.layout,
        entries: command.bindings.map(({ buffer, offset, size }, binding) => ({
          binding,
          // Size 0: all of a data field, whose size only the runtime knows, or a tensor without elements.
          resource: textures.includes(binding)
            ? this.#operands.view(textures.indexOf(binding))
            : { buffer: this.#buffers[buffer]!, offset, size: size > 0 ? Math.ceil(size / 4) * 4 : undefined },
        })),
      });
      this.#groups.set(key, group);
    }
    return group;
  }

  /** Bind groups of a buffer that is replaced. */
  #forgetGroups(buffer: number): void {
    this.#groups.clear();
    for (const { steps } of this.#entries.values()) {
      for (const step of steps) if (step.kind === 'dispatch' && step.command.bindings.some((b) => b.buffer === buffer)) step.group = undefined;
    }
  }

  /** The calls' inputs one after another. The queue keeps writes and submits in order, so one buffer serves all of them. */
  #stage(calls: readonly { readonly bytes: Uint8Array }[], total: number): GPUBuffer {
    const { device } = this.#gpu;
    if (!this.#staging || this.#staging.size < total) {
      this.#staging?.destroy();
      this.#staging = device.createBuffer({
        label: 'staged inputs',
        size: 2 ** Math.ceil(Math.log2(Math.max(total, 256))),
        usage: GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
      });
    }
    const all = new Uint8Array(total);
    let at = 0;
    for (const { bytes } of calls) {
      all.set(bytes, at);
      at += bytes.length;
    }
    device.queue.writeBuffer(this.#staging, 0, all);
    return this.#staging;
  }

  async #readVariables(variables: readonly ProgramVariable[]): Promise<Map<string, TensorData>> {
    this.#check();
    const ranges = variables.map((v) => ({ buffer: this.#buffers[v.buffer]!, offset: v.offset, size: byteSize(v.shape) }));
    const bytes = await download(this.#gpu, this.#readbacks, ranges);
    return new Map(variables.map((v, i) => [v.name, decode(v.dtype, v.shape, bytes[i], 0)]));
  }

  #fillConstants(seed: bigint): void {
    const { program } = this;
    const keys = new Uint32Array(program.draws.flatMap((path) => drawKey(seed, path)));
    const parameters = new Uint32Array(program.parameters);
    program.buffers.forEach((buffer, index) => {
      const words = buffer.kind === 'keys' ? keys : buffer.kind === 'parameters' ? parameters : undefined;
      if (words && words.length > 0) upload(this.#gpu, this.#buffers[index]!, 0, bytesOf(words));
    });
  }
}
