/** What runs a compiled net: the float64 interpreter, or the lowered program on a device. */
import { type Environment, interpret, type Tensor } from '../../compiler/graph/interpret.js';
import type { Module } from '../../compiler/graph/module.js';

export interface BackEnd {
  /** The outputs of `run`, with those variables set and the others initialised. */
  run(module: Module, variables: ReadonlyMap<string, Tensor>, inputs: ReadonlyMap<string, Tensor>): Promise<Map<string, Tensor>>;
  close(): void;
}

export const interpreter: BackEnd = {
  async run(module, variables, inputs) {
    const all = new Map(variables);
    const environment: Environment = { variables: all, inputs, fields: new Map(), seed: 1n, counter: 0 };
    const call = (name: string): ReturnType<typeof interpret> => interpret(module.functions.find((f) => f.name === name)!, environment);
    for (const [name, value] of call('init').stores) if (!all.has(name)) all.set(name, value);
    return call('run').outputs;
  },
  close() {},
};
