/** A module run in float64 by the interpreter, with its variables between the calls: what a GPU is to do. */
import { type Environment, type Interpreted, type InterpretOptions, interpret, type Tensor } from './interpret.js';
import type { Module } from './module.js';
import { type GraphFunction, groupLayout, size, type Variable } from './node.js';

/** What one call is given. */
export interface SimulatedCall {
  /** Number of the call, for its draws. */
  readonly counter: number;
  readonly inputs?: ReadonlyMap<string, Tensor>;
  /** Rows of data fields as `Environment` has them. */
  readonly fields?: ReadonlyMap<string, Tensor>;
}

export class Simulation {
  /** All but the flat views, which are made of these. */
  readonly variables = new Map<string, Tensor>();

  /** Fills the variables by the module's `init`. */
  constructor(
    readonly module: Module,
    private readonly seed = 1n,
  ) {
    for (const v of module.variables) if (v.kind !== 'flat') this.variables.set(v.name, zeros(v.shape, v));
    this.call('init', 0);
  }

  /** One call; stores take effect after it. Gives the outputs. */
  call(name: string, counter: number, inputs: ReadonlyMap<string, Tensor> = new Map(), fields: ReadonlyMap<string, Tensor> = new Map()): Map<string, Tensor> {
    const { outputs, stores } = this.compute(this.functionOf(name), { counter, inputs, fields });
    for (const [variable, value] of stores) this.variables.set(variable, value);
    return outputs;
  }

  /** What a call would give and store, flat views taken apart into the variables in them. The variables stay as they are. */
  compute(fn: GraphFunction, call: SimulatedCall, options: InterpretOptions = {}): Interpreted {
    const { outputs, stores } = interpret(fn, this.environment(call), options);
    return { outputs, stores: new Map([...stores].flatMap(([name, value]) => this.parts(name, value))) };
  }

  /** What a call sees. */
  environment({ counter, inputs = new Map(), fields = new Map() }: SimulatedCall): Environment {
    return { variables: this.withFlats(), inputs, fields, seed: this.seed, counter };
  }

  functionOf(name: string): GraphFunction {
    const fn = this.module.functions.find((f) => f.name === name);
    if (!fn) throw new Error(`no function ${name}`);
    return fn;
  }

  private members(flat: Variable): { variable: Variable; offset: number }[] {
    const members = this.module.variables.filter((v) => v.group === flat.group && v.kind !== 'flat');
    const { offsets } = groupLayout(members.map((m) => m.shape));
    return members.map((variable, i) => ({ variable, offset: offsets[i] }));
  }

  private withFlats(): Map<string, Tensor> {
    const all = new Map(this.variables);
    for (const flat of this.module.variables) {
      if (flat.kind !== 'flat') continue;
      const whole = zeros(flat.shape, flat);
      for (const { variable, offset } of this.members(flat)) whole.data.set((this.variables.get(variable.name) as Tensor).data, offset);
      all.set(flat.name, whole);
    }
    return all;
  }

  private parts(name: string, value: Tensor): [string, Tensor][] {
    const flat = this.module.variables.find((v) => v.name === name && v.kind === 'flat');
    if (!flat) return [[name, value]];
    return this.members(flat).map(({ variable: { name: own, shape, dtype }, offset }) => [
      own,
      { shape, dtype, data: value.data.slice(offset, offset + size(shape)) },
    ]);
  }
}

function zeros(shape: readonly number[], variable: Variable): Tensor {
  return { shape, dtype: variable.dtype, data: new Float64Array(size(shape)) };
}
