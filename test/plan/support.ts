/** Shared by the tests of lowering: a module of given functions, run on the GPU and by the interpreter, every output and variable compared. */
import { expect } from 'vitest';
import { interpret } from '../../compiler/graph/interpret.js';
import type { Module } from '../../compiler/graph/module.js';
import { type GraphFunction, type Node, roots, size, topological, type Variable } from '../../compiler/graph/node.js';
import type { Environment, Tensor } from '../../compiler/graph/tensor.js';
import { lower } from '../../compiler/plan/lower.js';
import type { DataRequest, Program } from '../../compiler/program/types.js';
import { type GpuDevice, openDevice } from '../../runtime/device/open.js';
import { Executor } from '../../runtime/execute/executor.js';
import type { TensorData } from '../../runtime/execute/tensor.js';
import { generator, randomTensor } from '../graph/numeric.js';

let opened: Promise<GpuDevice> | undefined;

export function device(): Promise<GpuDevice> {
  opened ??= openDevice();
  return opened;
}

export function moduleOf(functions: readonly GraphFunction[], variables: readonly Variable[] = [], data?: DataRequest): Module {
  return { name: 'test', hash: '', hyper: {}, noises: [], variables, functions, samples: [], layers: [], ...(data === undefined ? {} : { data }) };
}

export function fn(name: string, outputs: Record<string, Node>, stores: Record<string, Node> = {}): GraphFunction {
  return {
    name,
    outputs: Object.entries(outputs).map(([key, node]) => ({ name: key, node })),
    stores: Object.entries(stores).map(([variable, node]) => ({ variable, node })),
  };
}

export function weight(name: string, shape: readonly number[], group?: string): Variable {
  return { name, kind: 'weight', shape, dtype: 'f32', ...(group === undefined ? {} : { group }) };
}

function toData(tensor: Tensor): TensorData {
  const data = tensor.dtype === 'f32' ? Float32Array.from(tensor.data) : tensor.dtype === 'i32' ? Int32Array.from(tensor.data) : Uint32Array.from(tensor.data);
  return { dtype: tensor.dtype, shape: [...tensor.shape], data };
}

/** Abs 1e-5 + 1e-4 |ref|. */
export function expectClose(what: string, actual: ArrayLike<number>, expected: ArrayLike<number>, absolute = 1e-5, relative = 1e-4): void {
  expect(actual.length, what).toBe(expected.length);
  for (let i = 0; i < expected.length; i++) {
    const off = Math.abs(actual[i] - expected[i]);
    if (!(off <= absolute + relative * Math.abs(expected[i]))) expect.fail(`${what}[${i}] is ${actual[i]}, wanted ${expected[i]}`);
  }
}

export interface Given {
  readonly inputs?: Record<string, Tensor>;
  readonly variables?: Record<string, Tensor>;
  /** Rows of the data fields as they are stored, by field, and which rows the call takes. */
  readonly fields?: Record<string, { readonly count: number; readonly bytes: Uint8Array; readonly gathered: Tensor }>;
  readonly rows?: readonly number[];
  readonly counter?: number;
  readonly step?: number;
}

function rounded(tensor: Tensor): Tensor {
  return tensor.dtype === 'f32' ? { ...tensor, data: Float64Array.from(Float32Array.from(tensor.data)) } : tensor;
}

/** Runs one function both ways. Inputs and variables that are not given are random in -1..1. Returns the program for further looks. */
export async function check(graph: GraphFunction, variables: readonly Variable[] = [], given: Given = {}, data?: DataRequest): Promise<Program> {
  const random = generator(11);
  const inputs: Record<string, Tensor> = { ...given.inputs };
  const held: Record<string, Tensor> = { ...given.variables };
  const groups = new Set<string>();
  for (const node of topological(roots(graph))) {
    if (node.operation.op === 'input' && inputs[node.operation.name] === undefined) {
      inputs[node.operation.name] =
        node.operation.name === 'step' ? { shape: [], dtype: 'f32', data: Float64Array.of(given.step ?? 0) } : randomTensor(node.shape, random);
    }
  }
  for (const variable of variables) {
    if (variable.kind === 'flat') groups.add(variable.name);
    else held[variable.name] ??= randomTensor(variable.shape, random);
  }
  for (const table of [inputs, held]) for (const [name, tensor] of Object.entries(table)) table[name] = rounded(tensor);
  // A flat view holds its members.
  const layout = lower(moduleOf([graph], variables, data));
  const flatten = (name: string, values: ReadonlyMap<string, Tensor>): Tensor => {
    const flat = layout.variables.find((v) => v.name === name)!;
    const all = new Float64Array(size(flat.shape));
    for (const member of layout.variables)
      if (member.buffer === flat.buffer && member.kind !== 'flat') all.set(values.get(member.name)!.data, member.offset / 4);
    return { shape: flat.shape, dtype: 'f32', data: all };
  };
  const values = new Map(Object.entries(held));
  for (const name of groups) values.set(name, flatten(name, values));
  const environment: Environment = {
    inputs: new Map(Object.entries(inputs)),
    variables: values,
    fields: new Map(Object.entries(given.fields ?? {}).map(([name, { gathered }]) => [name, gathered])),
    seed: 7n,
    counter: given.counter ?? 0,
  };
  const wanted = interpret(graph, environment);

  const executor = await Executor.create(await device(), layout, { seed: 7n });
  try {
    executor.write(new Map([...Object.entries(held)].map(([name, tensor]) => [name, toData(tensor)])));
    for (const [name, { count, bytes }] of Object.entries(given.fields ?? {})) executor.setField(name, { count, bytes });
    const [result] = await executor.submit([
      {
        entry: graph.name,
        counter: given.counter ?? 0,
        ...(given.step === undefined ? {} : { step: given.step }),
        ...(given.rows === undefined ? {} : { rows: Uint32Array.from(given.rows) }),
        tensors: Object.fromEntries(
          Object.entries(inputs)
            .filter(([name]) => name !== 'step')
            .map(([name, tensor]) => [name, toData(tensor)]),
        ),
      },
    ]);
    for (const [name, tensor] of wanted.outputs) expectClose(`output ${name}`, result.outputs[name].data, tensor.data);
    // Variables hold the new values, or the old ones untouched.
    const after = new Map(Object.entries(held));
    for (const [name, tensor] of wanted.stores) {
      if (!groups.has(name)) after.set(name, tensor);
      else {
        const flat = layout.variables.find((v) => v.name === name)!;
        for (const member of layout.variables) {
          if (member.buffer !== flat.buffer || member.kind === 'flat') continue;
          after.set(member.name, { shape: member.shape, dtype: 'f32', data: tensor.data.slice(member.offset / 4, member.offset / 4 + size(member.shape)) });
        }
      }
    }
    const read = await executor.read();
    for (const [name, tensor] of read) expectClose(`variable ${name}`, tensor.data, after.get(name)!.data);
  } finally {
    executor.close();
  }
  return layout;
}
