/**
 * `ganc verify`: steps of a training on a GPU and in the float64 interpreter, call by call, each from the GPU's own numbers before it, so that the error of a
 * call is its own. Optimizers are judged from the GPU's gradient: where that is 0 up to rounding, a step like Adam's is no less than elsewhere. Where a
 * tensor differs, the call is run once more, command by command, for the first kernel whose result differs.
 */
import { evaluate, type InterpretOptions, type Tensor, workOf } from '../../compiler/graph/interpret.js';
import type { Module } from '../../compiler/graph/module.js';
import { type DType, fieldShape, type GraphFunction, type Node, roots, topological } from '../../compiler/graph/node.js';
import { Simulation } from '../../compiler/graph/simulate.js';
import type { Lowered } from '../../compiler/plan/lower.js';
import type { FieldRequest, Program, ProgramVariable } from '../../compiler/program/types.js';
import { position } from '../../grammar/source.js';
import type { GpuDevice } from '../device/open.js';
import { type Call, type CallResult, Executor } from '../execute/executor.js';
import { byteSize, decode, type TensorData } from '../execute/tensor.js';
import { keptKernels } from '../tune/tune.js';
import { type Agreement, compare, GATES, type GateName, isRounding, norm, rounding } from './agreement.js';
import { type Prepared, prepare } from './prepare.js';
import { RowFeeder } from './rows.js';
import { collectSamples } from './samples.js';
import { Schedule } from './schedule.js';

export interface VerifyOptions {
  readonly gpu: GpuDevice;
  readonly seed?: bigint;
  /** Default 1. */
  readonly steps?: number;
  /** Folder that paths of the data start from. */
  readonly base?: string;
  /** Told at the start how long the interpreter will take, roughly, in seconds. */
  readonly estimated?: (seconds: number) => void;
  /** Hears how far it is. */
  readonly progress?: (text: string) => void;
  readonly warn?: (text: string) => void;
}

/** One tensor, compared. */
export interface Compared extends Agreement {
  /** The entry, with the number of the call: `update.D 0`. */
  readonly call: string;
  /** `loss`, `grad.D.fc1.weight`; a variable by its own name. */
  readonly tensor: string;
  readonly shape: readonly number[];
  readonly gate: string;
  /** Over the gate, but no further than float32 goes astray in these operations: counts as ok. */
  readonly rounding?: true;
}

/** The first kernel whose result differs. */
export interface Fault extends Agreement {
  readonly call: string;
  /** From 1, and how many there are in the entry. */
  readonly command: number;
  readonly commands: number;
  /** Its id in the program; of a copy between buffers none. */
  readonly kernel?: string;
  /** The layer or line that it works for. */
  readonly label?: string;
  readonly shape: readonly number[];
  /** `gan.gan:12:5`. */
  readonly place?: string;
}

export interface Verification {
  readonly compared: readonly Compared[];
  readonly failed: number;
  /** Of the first call with a tensor that differs. Absent where none does, or where every kernel was right the second time. */
  readonly fault?: Fault;
}

/** Work of the interpreter in a second, in the unit of `workOf`: 2.8e7 to 5.7e7 were measured. To say minutes or hours. */
const WORK_A_SECOND = 3e7;

/** Of the roundings that an error over its gate is held against. */
const SEEDS = [1, 2, 3];

/** Runs some steps both ways. Throws as `train` does where the spec cannot be trained. */
export async function verifySteps(module: Module, lowered: Lowered, options: VerifyOptions): Promise<Verification> {
  const { program } = lowered;
  const { seed = 0n, steps = 1, gpu } = options;
  const open = () => Promise.reject(new Error('verify opens its own'));
  const prepared = await prepare({ program, open, seed, steps, base: options.base, loading: options.progress, warn: options.warn });
  const candidates = await keptKernels(gpu, program, options.warn);
  const executor = await Executor.create(gpu, program, { seed, entries: prepared.entries, candidates });
  try {
    return await new Verifier(module, lowered, prepared, executor, options).run();
  } finally {
    executor.close();
  }
}

class Verifier {
  private readonly compared: Compared[] = [];
  private readonly program: Program;
  private readonly simulation: Simulation;
  /** What the executor was given last, by field. */
  private readonly rows = new Map<string, { count: number; bytes: Uint8Array }>();
  private readonly feeder: RowFeeder;
  private readonly names: readonly string[];
  /** The GPU's variables as they are. */
  private values = new Map<string, Tensor>();
  private fault: Fault | undefined;
  private done = 0;
  private total = 0;
  private readonly began = performance.now();

  constructor(
    module: Module,
    private readonly lowered: Lowered,
    private readonly prepared: Prepared,
    private readonly executor: Executor,
    private readonly options: VerifyOptions,
  ) {
    this.program = lowered.program;
    this.names = this.program.variables.filter((v) => v.kind !== 'flat').map((v) => v.name);
    const keep = {
      setField: (name: string, rows: { count: number; bytes: Uint8Array }) => {
        this.rows.set(name, rows);
        executor.setField(name, rows);
      },
    };
    this.feeder = new RowFeeder(keep, prepared, prepared.chosen, Number.POSITIVE_INFINITY);
    this.simulation = new Simulation(module, prepared.seed);
  }

  async run(): Promise<Verification> {
    const { program, plan, seed, data } = this.prepared;
    const { steps = 1 } = this.options;
    const schedule = new Schedule(program, plan, { seed, rows: data?.count ?? 1 });
    const planned = Array.from({ length: steps }, (_, step) => schedule.step(step));
    this.total = [...planned.flat().map((call) => call.entry), ...program.samples.map((s) => s.entry)].reduce((sum, name) => sum + this.workOfEntry(name), 0);
    this.options.estimated?.(this.total / WORK_A_SECOND);

    await this.executor.submit([{ entry: plan.init, counter: 0 }]);
    await this.settle(plan.init, new Map(), this.simulation.variables);
    for (const call of planned.flat()) await this.call(call);
    for (const sample of program.samples) {
      let made: { call: Call; result: CallResult } | undefined;
      const submit = async (calls: readonly Call[]): Promise<CallResult[]> => {
        const [result] = await this.executor.submit(calls);
        made = { call: calls[0], result };
        return [result];
      };
      await collectSamples({ submit }, program, sample, sample.count, data, this.feeder, { noises: { seed } });
      if (made !== undefined) await this.judge(made.call, made.result);
    }
    return { compared: this.compared, failed: this.compared.filter((c) => !c.ok).length, fault: this.fault };
  }

  /** One call both ways. */
  private async call(planned: Call): Promise<void> {
    const [call] = this.feeder.prepare([planned]);
    const [result] = await this.executor.submit([call]);
    await this.judge(call, result);
  }

  /** Compares what a call of the GPU gave and left with what it should have; the variables in `values` are those before it. */
  private async judge(call: Call, { outputs }: CallResult): Promise<void> {
    const fn = this.simulation.functionOf(call.entry);
    const name = `${call.entry} ${call.counter}`;
    const given = { counter: call.counter, inputs: this.inputsOf(fn, call), fields: this.fieldsOf(fn, call) };
    for (const [variable, value] of this.values) this.simulation.variables.set(variable, value);
    const wanted = this.simulation.compute(fn, given, { progress: this.progress(call.entry) });
    this.done += this.workOfEntry(call.entry);
    const before = this.compared.length;
    const gradients = [...wanted.outputs].filter(([output]) => output.startsWith('grad.'));
    const whole = norm(gradients.map(([, tensor]) => tensor.data));
    for (const [output, tensor] of wanted.outputs) {
      const gate: GateName = output.startsWith('grad.') ? 'gradient' : output === 'nonfinite' ? 'exact' : tensor.shape.length === 0 ? 'loss' : 'elements';
      this.compare(name, output, tensor, outputs[output].data, gate, { whole });
    }
    const known = new Map(gradients.map(([output]): [Node, Tensor] => [nodeOf(fn, output), tensorOf(outputs[output])]));
    const storesOf = (perturb?: InterpretOptions['perturb']) => this.simulation.compute({ ...fn, outputs: [] }, given, { given: known, perturb }).stores;
    const stores = known.size > 0 ? storesOf() : wanted.stores;
    const old = this.values;
    await this.settle(name, old, stores);
    if (this.compared.slice(before).every((c) => c.ok)) return;
    for (const [variable, value] of old) this.simulation.variables.set(variable, value);
    const rounded = SEEDS.map((seed) => {
      const perturb = rounding(seed);
      return new Map([...this.simulation.compute(fn, given, { perturb }).outputs, ...storesOf(perturb)]);
    });
    for (const [i, one] of this.compared.entries()) {
      if (i < before || one.ok) continue;
      const actual = outputs[one.tensor]?.data ?? this.values.get(one.tensor)?.data;
      const exact = wanted.outputs.get(one.tensor) ?? stores.get(one.tensor);
      const others = rounded.map((values) => values.get(one.tensor)?.data);
      if (actual && exact && others.every((o) => o !== undefined) && isRounding(actual, exact.data, others))
        this.compared[i] = { ...one, ok: true, rounding: true };
    }
    if (this.fault === undefined && this.compared.slice(before).some((c) => !c.ok)) this.fault = await this.locate(call, name, old, given);
  }

  /** Reads the GPU's variables and compares: what a call has stored with `stores`, the others with what they were. */
  private async settle(name: string, before: ReadonlyMap<string, Tensor>, stores: ReadonlyMap<string, Tensor>): Promise<void> {
    this.values = new Map([...(await this.executor.read(this.names))].map(([variable, data]) => [variable, tensorOf(data)]));
    for (const variable of this.program.variables) {
      const value = this.values.get(variable.name);
      const old = before.get(variable.name);
      const wanted = stores.get(variable.name) ?? old;
      if (value === undefined || wanted === undefined) continue;
      if (stores.has(variable.name)) this.compare(name, variable.name, wanted, value.data, gateOf(variable, old !== undefined), { before: old?.data });
      // Only worth a word where it is wrong.
      else if (!compare('exact', value.data, wanted.data).ok) this.compare(name, variable.name, wanted, value.data, 'exact');
    }
  }

  private compare(call: string, tensor: string, wanted: Tensor, actual: ArrayLike<number>, wish: GateName, reference = {}): void {
    const gate = wanted.dtype === 'f32' ? wish : 'exact';
    this.compared.push({ call, tensor, shape: wanted.shape, gate: GATES[gate], ...compare(gate, actual, wanted.data, reference) });
  }

  /** The first command of a call whose result differs. The call is made once more; afterwards the variables are as the first time. */
  private async locate(
    call: Call,
    name: string,
    before: ReadonlyMap<string, Tensor>,
    given: Parameters<Simulation['environment']>[0],
  ): Promise<Fault | undefined> {
    const after = this.values;
    const index = this.program.entries.findIndex((entry) => entry.name === call.entry);
    const { fn, traces } = this.lowered.entries[index];
    const entry = this.program.entries[index];
    for (const [variable, value] of before) this.simulation.variables.set(variable, value);
    const written = traces.flatMap((trace) => trace.writes.map((w) => w.node));
    this.options.progress?.(`looking for the kernel in ${call.entry}`);
    const nodes = [...new Set([...roots(fn), ...written])];
    const environment = this.simulation.environment(given);
    const wanted = evaluate(nodes, environment);
    const rounded = SEEDS.map((seed) => evaluate(nodes, environment, { perturb: rounding(seed) }));
    let fault: Fault | undefined;
    this.executor.write(new Map([...before].map(([variable, tensor]) => [variable, dataOf(tensor)])));
    await this.executor.stepThrough(call, async (place, read) => {
      const { writes } = traces[place];
      const bytes = await read(writes.map(({ node, range }) => ({ buffer: range.buffer, offset: range.offset, size: byteSize(node.shape) })));
      for (const [i, { node }] of writes.entries()) {
        const { data } = decode(node.dtype, node.shape, bytes[i], 0);
        const valueIn = (values: ReadonlyMap<Node, Tensor>) => (values.get(node) as Tensor).data;
        const agreement = compare(node.dtype === 'f32' ? 'elements' : 'exact', data, valueIn(wanted));
        if (agreement.ok || (node.dtype === 'f32' && agreement.relL2 <= 1e-4) || isRounding(data, valueIn(wanted), rounded.map(valueIn))) continue;
        const command = entry.commands[place];
        fault = {
          call: name,
          command: place + 1,
          commands: entry.commands.length,
          ...(command.kind === 'dispatch' && { kernel: this.program.kernels[command.kernel].id, label: command.label }),
          shape: node.shape,
          place: placeOf(node),
          ...agreement,
        };
        return false;
      }
      return true;
    });
    this.executor.write(new Map([...after].map(([variable, tensor]) => [variable, dataOf(tensor)])));
    return fault;
  }

  private inputsOf(fn: GraphFunction, { step = 0, tensors = {} }: Call): Map<string, Tensor> {
    const inputs = new Map(Object.entries(tensors).map(([name, tensor]) => [name, tensorOf(tensor)]));
    for (const { operation, shape, dtype } of topological(roots(fn)))
      if (operation.op === 'input' && operation.name === 'step') inputs.set('step', { shape, dtype, data: Float64Array.of(step) });
    return inputs;
  }

  /** The rows of a call, decoded, as the interpreter has them. */
  private fieldsOf(fn: GraphFunction, call: Call): Map<string, Tensor> {
    const fields = new Map<string, Tensor>();
    for (const node of topological(roots(fn))) {
      const { operation, dtype } = node;
      if (operation.op !== 'field') continue;
      const { field, rows: draw } = operation;
      const rows = draw === undefined ? call.rows : call.chosen?.[draw];
      const stored = this.rows.get(field);
      const request = this.program.data?.fields.find((f) => f.name === field);
      if (rows && stored && request) fields.set(draw === undefined ? field : `${field}@${draw}`, gathered(request, stored, rows, fieldShape(node), dtype));
    }
    return fields;
  }

  private workOfEntry(name: string): number {
    return topological(roots(this.simulation.functionOf(name))).reduce((sum, node) => sum + workOf(node), 0);
  }

  private progress(entry: string): (work: number) => void {
    return (work) => {
      const share = (this.done + work) / this.total;
      const passed = (performance.now() - this.began) / 1000;
      // The first nodes are small: they say nothing of what is to come.
      const left = share < 0.05 ? '' : `, about ${Math.ceil(passed / share - passed)} s left`;
      this.options.progress?.(`computing ${entry} in float64: ${Math.floor(100 * share)} %${left}`);
    };
  }
}

/** First values are judged element by element: before them there are none that move. */
function gateOf({ kind }: ProgramVariable, moved: boolean): GateName {
  return moved && (kind === 'weight' || kind === 'optimizer' || kind === 'average') ? 'change' : 'elements';
}

function nodeOf(fn: GraphFunction, output: string): Node {
  return (fn.outputs.find((o) => o.name === output) as { node: Node }).node;
}

function placeOf({ origin: { span } }: Node): string | undefined {
  if (span === undefined) return undefined;
  const { line, column } = position(span.source, span.start);
  return `${span.source.name}:${line}:${column}`;
}

function tensorOf({ dtype, shape, data }: TensorData): Tensor {
  return { dtype, shape, data: Float64Array.from(data) };
}

function dataOf({ dtype, shape, data }: Tensor): TensorData {
  return { dtype, shape: [...shape], data: dtype === 'f32' ? Float32Array.from(data) : dtype === 'i32' ? Int32Array.from(data) : Uint32Array.from(data) };
}

function gathered(request: FieldRequest, stored: { count: number; bytes: Uint8Array }, rows: Uint32Array, shape: readonly number[], dtype: DType): Tensor {
  const rowBytes = stored.bytes.byteLength / stored.count;
  const each = request.shape.reduce((a, b) => a * b, 1);
  const data = new Float64Array(rows.length * each);
  const { storage } = request;
  rows.forEach((row, i) => {
    const bytes = stored.bytes.slice(row * rowBytes, (row + 1) * rowBytes);
    if (storage.kind === 'u8') for (let j = 0; j < each; j++) data[i * each + j] = bytes[j] * storage.scale + storage.offset;
    else data.set(storage.kind === 'f32' ? new Float32Array(bytes.buffer) : new Int32Array(bytes.buffer), i * each);
  });
  return { shape, dtype, data };
}
