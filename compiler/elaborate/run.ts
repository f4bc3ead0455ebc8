/** One net as a program of its own: for `ganc run`, with gradients of first and second order. */
import type { Span } from '../../grammar/source.js';
import { derivative } from '../graph/derivative.js';
import type { Module } from '../graph/module.js';
import type { DType, GraphFunction, Node, Shape, Variable } from '../graph/node.js';
import { asFloat } from './arithmetic.js';
import { initialValues, layersOf } from './assemble.js';
import { callNet } from './call.js';
import { type Elaborator, evaluation, gameFrame } from './elaborator.js';
import { readInputs } from './inputs.js';
import * as messages from './messages.js';
import type { Items } from './spec.js';
import { typeOfExpr } from './types.js';
import { type ArgumentValue, describe, type NetValue, type TensorValue, tensor, type Value } from './values.js';

export interface RunOptions {
  readonly name: string;
  readonly hash: string;
  readonly batch: number;
  readonly training: boolean;
  /** Also `grad.<input>` and `grad.<weight>`, for the cotangents `cotangent.<output>`. */
  readonly vjp: boolean;
  /** Also `grad2.<input>` and `grad2.cotangent.<output>`: gradients of the sum of <grad.i, v.i> over the inputs. */
  readonly vjp2: boolean;
  /** What the file has for each parameter, batch first; stands in where the spec does not type it. */
  readonly inputs: ReadonlyMap<string, { readonly shape: Shape; readonly dtype: DType }>;
}

/** Inputs of the entry `run`: `<param>`, `cotangent.<output>`, `v.<input>`. Outputs: `result` or the record's fields, `state.<name>`, gradients. */
export function assembleRun(e: Elaborator, items: Items, netName: string, netSpan: Span, options: RunOptions): (() => Module) | undefined {
  const net = items.nets.get(netName);
  if (!net) {
    e.fail(netSpan, messages.unknownNet(netName, [...items.nets.keys()]));
    return undefined;
  }
  const types = readInputs(e, items.data, items.noises);
  const once = evaluation('run', { training: options.training, batch: options.batch });
  const made = e.within({ evaluation: once, frame: gameFrame('run') }, () => {
    const args = runArguments(e, net, options, types);
    return args && { args, result: e.force(callNet(e, net, args, net.item.name.span)) };
  });
  if (!made || e.diagnostics.failed) return undefined;
  const results = outputsOf(e, made.result, options.batch, netSpan);
  if (!results) return undefined;
  const outputs: { name: string; node: Node }[] = [...results];
  for (const [name, node] of once.advanced) outputs.push({ name: `state.${name}`, node });
  const stores = [...once.advanced].map(([variable, node]) => ({ variable, node }));
  if (options.vjp) outputs.push(...gradients(e, made.args, results, options));
  if (e.diagnostics.failed) return undefined;
  const variables: Variable[] = [...e.declared.values()].map((d) => ({ name: d.name, kind: d.kind, shape: d.shape, dtype: d.dtype }));
  const run: GraphFunction = { name: 'run', outputs, stores: options.training ? stores : [] };
  return () => ({
    name: options.name,
    hash: options.hash,
    hyper: items.hyper,
    noises: [],
    variables,
    functions: [initialValues(e, variables), run],
    samples: [],
    layers: layersOf(e),
  });
}

function runArguments(e: Elaborator, net: NetValue, options: RunOptions, types: ReturnType<typeof readInputs>): ArgumentValue[] | undefined {
  const args: ArgumentValue[] = [];
  for (const param of net.item.params) {
    const name = param.name.text;
    const declared = param.annotation ? typeOfExpr(e, param.annotation, net.scope) : types.fields.get(name);
    const given = options.inputs.get(name);
    const shape = given ? given.shape.slice(1) : declared?.shape;
    if (!shape) {
      e.fail(param.span, messages.untypedParam(net.item.name.text, name));
      return undefined;
    }
    const dtype = declared?.dtype ?? given?.dtype ?? 'f32';
    args.push({ name, value: tensor(e.builder.input(name, [options.batch, ...shape], dtype), true, declared), span: param.span });
  }
  return args;
}

function outputsOf(e: Elaborator, result: Value, batch: number, span: Span): { name: string; node: Node }[] | undefined {
  const entries: [string, Value][] = result.kind === 'record' ? [...result.fields] : [['result', result]];
  const outputs: { name: string; node: Node }[] = [];
  for (const [name, value] of entries) {
    if (value.kind !== 'tensor') {
      e.fail(span, messages.notATensor(describe(value)));
      return undefined;
    }
    outputs.push({ name, node: wholeBatch(e, value, batch) });
  }
  return outputs;
}

/** A result that does not depend on the example is repeated for each. */
function wholeBatch(e: Elaborator, value: TensorValue, batch: number): Node {
  if (value.batched) return value.node;
  return e.builder.broadcastTo(e.builder.reshape(value.node, [1, ...value.node.shape]), [batch, ...value.node.shape]);
}

function gradients(
  e: Elaborator,
  args: readonly ArgumentValue[],
  results: readonly { name: string; node: Node }[],
  options: RunOptions,
): { name: string; node: Node }[] {
  const g = e.builder;
  const differentiable = args
    .filter((a) => a.value.kind === 'tensor' && a.value.node.dtype === 'f32')
    .map((a) => ({ name: a.name as string, node: (a.value as TensorValue).node }));
  const weights = [...e.declared.values()].filter((d) => d.kind === 'weight').map((d) => ({ name: d.name, node: g.variable(d.name, d.shape, d.dtype) }));
  const ends = results.filter((r) => r.node.dtype === 'f32');
  const cotangents = ends.map((r) => g.input(`cotangent.${r.name}`, r.node.shape, 'f32'));
  const first = derivative(
    g,
    ends.map((r) => asFloat(e, r.node)),
    cotangents,
    [...differentiable, ...weights].map((w) => w.node),
  );
  const found = [...differentiable, ...weights].map((w, i) => ({ name: `grad.${w.name}`, node: first[i] }));
  if (!options.vjp2) return found;
  const directions = differentiable.map((x) => g.input(`v.${x.name}`, x.node.shape, 'f32'));
  const second = derivative(g, first.slice(0, differentiable.length), directions, [...differentiable.map((x) => x.node), ...cotangents]);
  differentiable.forEach((x, i) => {
    found.push({ name: `grad2.${x.name}`, node: second[i] });
  });
  ends.forEach((r, i) => {
    found.push({ name: `grad2.cotangent.${r.name}`, node: second[differentiable.length + i] });
  });
  return found;
}
