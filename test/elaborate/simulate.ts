/** Runs a module's functions in the float64 interpreter, its variables between them: what the GPU is to do. */

import { interpret, type Tensor } from '../../compiler/graph/interpret.js';
import type { Module } from '../../compiler/graph/module.js';
import { groupLayout, size, type Variable } from '../../compiler/graph/node.js';

export class Simulation {
  readonly variables = new Map<string, Tensor>();
  private readonly seed: bigint;

  constructor(
    readonly module: Module,
    seed = 1n,
  ) {
    this.seed = seed;
    for (const v of module.variables) if (v.kind !== 'flat') this.variables.set(v.name, zeros(v.shape, v));
    this.call('init', 0);
  }

  /** One call; stores take effect after it. */
  call(name: string, counter: number, inputs: ReadonlyMap<string, Tensor> = new Map(), fields: ReadonlyMap<string, Tensor> = new Map()): Map<string, Tensor> {
    const fn = this.module.functions.find((f) => f.name === name);
    if (!fn) throw new Error(`no function ${name}`);
    const { outputs, stores } = interpret(fn, { variables: this.withFlats(), inputs, fields, seed: this.seed, counter });
    for (const [variable, value] of stores) this.store(variable, value);
    return outputs;
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

  private store(name: string, value: Tensor): void {
    const flat = this.module.variables.find((v) => v.name === name && v.kind === 'flat');
    if (!flat) {
      this.variables.set(name, value);
      return;
    }
    for (const { variable, offset } of this.members(flat)) {
      this.variables.set(variable.name, { shape: variable.shape, dtype: variable.dtype, data: value.data.slice(offset, offset + size(variable.shape)) });
    }
  }
}

function zeros(shape: readonly number[], variable: Variable): Tensor {
  return { shape, dtype: variable.dtype, data: new Float64Array(size(shape)) };
}
