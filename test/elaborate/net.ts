/** The body of a net, evaluated in the float64 interpreter. */
import { expect } from 'vitest';
import { compileRun } from '../../compiler/compile.js';
import type { Tensor } from '../../compiler/graph/interpret.js';
import { Simulation } from '../../compiler/graph/simulate.js';

type Numbers = readonly number[];

/** The result of `net F(x: [...]) { lines }` for each example. */
export function result(lines: string, x: Numbers, shape: Numbers, options: { batch?: number; training?: boolean; inputs?: ReadonlyMap<string, Tensor> } = {}) {
  const { batch = 1, training = false } = options;
  const source = { name: 'f.gan', text: `net F(x: [${shape.join(', ')}]) {\n${lines}\n}` };
  const { module, diagnostics } = compileRun(source, 'F', { batch, training, vjp: false, vjp2: false, inputs: new Map() });
  expect(diagnostics.map((d) => d.message)).toEqual([]);
  const compiled = module as NonNullable<typeof module>;
  const given: Tensor = { shape: [batch, ...shape], dtype: 'f32', data: Float64Array.from(x) };
  const simulation = new Simulation(compiled);
  const read = (): Tensor => simulation.call('run', 0, new Map([['x', given], ...(options.inputs ?? [])])).get('result') as Tensor;
  return { read, simulation };
}

export const output = (...args: Parameters<typeof result>): Numbers => [...result(...args).read().data];

export const values = (simulation: Simulation, name: string): Numbers => [...(simulation.variables.get(name) as Tensor).data];
