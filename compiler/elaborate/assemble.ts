/** A whole spec to a module: updates of the players, samples, first values, and the schedule. */
import type { Module } from '../graph/module.js';
import { type GraphFunction, size, type Variable } from '../graph/node.js';
import type { SamplePlan } from '../program/types.js';
import { call } from './call.js';
import { checkRanges } from './check-ranges.js';
import { checkUnused } from './check-unused.js';
import { type Elaborator, evaluation, gameFrame } from './elaborator.js';
import { evaluate } from './evaluate.js';
import { readGame } from './game.js';
import { type Inputs, inputScope, readInputs } from './inputs.js';
import { addLabels, type CompiledJudge } from './judges.js';
import * as messages from './messages.js';
import { assembleMetrics } from './metrics.js';
import type { Remembered } from './remembered.js';
import { readSchedule } from './schedule.js';
import type { Scope } from './scope.js';
import type { Items } from './spec.js';
import { Training } from './training.js';
import { typeOfExpr } from './types.js';
import { averageName } from './update.js';
import { type ArgumentValue, describe, logicalShape, type NetValue, type TensorValue, tensor } from './values.js';

export interface AssembleOptions {
  readonly name: string;
  readonly hash: string;
  readonly fed: ReadonlySet<string>;
  readonly trace: boolean;
  readonly stats?: boolean;
  /** Examples at one call of a sample entry. */
  readonly sampleCount: number;
  /** Sample entries take the declared noises as inputs. */
  readonly noisesGiven?: boolean;
  readonly batch?: number;
  /** A variant of the spec was chosen. */
  readonly variant: boolean;
  /** Compiles the judges; undefined where one of them is wrong. */
  readonly judges: () => readonly CompiledJudge[] | undefined;
}

/** Finds all that is wrong with a spec; undefined where there were errors, else what makes the module. */
export function assemble(e: Elaborator, items: Items, options: AssembleOptions): (() => Module) | undefined {
  const inputs = readInputs(e, items.data, items.noises);
  const schedule = items.train && readSchedule(e, items.train, options.batch);
  const game = items.game && readGame(e, items.game);
  e.bindings = [...(game?.bindings.keys() ?? [])];
  e.inputNames = [...inputs.fields.keys(), ...inputs.noises.keys()];
  const training = game && schedule && new Training(e, items, inputs, game, schedule, options);
  training?.run();
  const averaged = training?.averaged ?? new Set();
  const sampling: GraphFunction[] = [];
  const remembered: Remembered = new Map();
  const samples = items.samples
    .map((sample) => sampleFunction(e, sample, inputs, options, averaged, remembered, sampling))
    .filter((s): s is SamplePlan => s !== undefined);
  checkUncalled(e, items, inputs);
  const judges = options.judges();
  // What only judges want is there from here on.
  const judged = (judges ?? []).reduce((known, judge) => addLabels(e, known, judge.labels), inputs);
  const metrics = judges && assembleMetrics(e, items, judged, { fed: options.fed, averaged }, judges);
  if (e.diagnostics.failed) return undefined;
  checkUnused(e, items, training?.owned ?? new Map(), options.variant);
  checkRanges(e, inputs.fields);
  if (e.diagnostics.failed) return undefined;
  return () => {
    const trained = training?.finish();
    const ofJudges = new Set(items.judges.map((judge) => judge.name.text));
    const own = [...(trained?.variables ?? []), ...restOf(e, trained?.variables ?? [], ofJudges)];
    const judging = (judges ?? []).map((judge) => judge.finish());
    const others = [...judging, ...(metrics ? [metrics] : [])];
    return {
      name: options.name,
      hash: options.hash,
      hyper: items.hyper,
      data: judged.data,
      noises: [...inputs.noises.values()].map(({ name, shape, family, range }) => ({ name, shape, family, ...(family === 'uniform' && { range }) })),
      variables: [...own, ...others.flatMap((part) => part.variables)],
      functions: [initialValues(e, own), ...(trained?.functions ?? []), ...sampling, ...others.flatMap((part) => part.functions)],
      train: trained?.plan,
      samples,
      ...(judging.length > 0 && { judges: judging.map((judge) => judge.plan) }),
      ...(metrics && { metrics: metrics.plan }),
      layers: layersOf(e),
    };
  };
}

/** `sample digit = G(z)`: the averaged weights where there are any, and `training` false. */
function sampleFunction(
  e: Elaborator,
  item: Items['samples'][number],
  inputs: Inputs,
  options: AssembleOptions,
  averaged: ReadonlySet<string>,
  remembered: Remembered,
  functions: GraphFunction[],
): SamplePlan | undefined {
  const once = evaluation('sample', {
    training: false,
    batch: options.sampleCount,
    fed: options.fed,
    noisesGiven: options.noisesGiven,
    remembered,
    readFrom: (name) => (averaged.has(name) ? averageName(name) : name),
  });
  const value = e.within({ evaluation: once, frame: gameFrame('sample') }, () => e.force(evaluate(e, item.value, inputScope(e, inputs, e.scope))));
  if (value.kind === 'poison') return undefined;
  const outputs: { name: string; value: TensorValue }[] = [];
  if (value.kind === 'tensor') outputs.push({ name: item.name.text, value });
  else if (value.kind === 'record') for (const [name, field] of value.fields) if (field.kind === 'tensor') outputs.push({ name, value: field });
  if (outputs.length === 0 || outputs.some((o) => !o.value.batched)) {
    e.fail(item.value.span, messages.sampleValue(describe(value)));
    return undefined;
  }
  const name = `sample.${item.name.text}`;
  functions.push({ name, outputs: outputs.map((o) => ({ name: o.name, node: o.value.node })), stores: [] });
  return {
    name: item.name.text,
    entry: name,
    count: options.sampleCount,
    outputs: outputs.map((o) => ({ name: o.name, type: o.value.type?.name, shape: logicalShape(o.value), range: o.value.type?.range })),
  };
}

/** A net that nothing calls is still checked, where the shapes of its inputs are known by type or by name. */
function checkUncalled(e: Elaborator, items: Items, inputs: Inputs): void {
  for (const net of items.nets.values()) {
    if (e.callers.has(net.path)) continue;
    const once = evaluation('check', { training: false, batch: 2 });
    e.within({ evaluation: once, frame: gameFrame('check') }, () => {
      const scope = inputScope(e, inputs, e.scope);
      const args = typedArguments(e, net, scope);
      if (args) call(e, net, args, net.item.name.span);
    });
  }
}

/** Inputs of the shapes that a net's parameters are known to have; undefined where one is not known. */
function typedArguments(e: Elaborator, net: NetValue, scope: Scope): ArgumentValue[] | undefined {
  const args: ArgumentValue[] = [];
  for (const param of net.item.params) {
    const name = param.name.text;
    const type = param.annotation && typeOfExpr(e, param.annotation, net.scope);
    if (param.annotation && !type) return undefined;
    const value = type
      ? tensor(e.builder.input(name, [e.evaluation.batch, ...type.shape], type.dtype), true, type)
      : scope.lazy.has(name)
        ? scope.find(name)
        : undefined;
    if (!value) return undefined;
    args.push({ name, value, span: param.span });
  }
  return args;
}

/** Variables that no player moves: states, optimizers' states, weights of nets that only a sample calls; not those of the judges. */
function restOf(e: Elaborator, grouped: readonly Variable[], judges: ReadonlySet<string>): Variable[] {
  const known = new Set(grouped.map((v) => v.name));
  return [...e.declared.values()]
    .filter((d) => !known.has(d.name) && !judges.has(d.owner))
    .map((d) => ({ name: d.name, kind: d.kind, player: d.kind === 'optimizer' ? d.owner : undefined, shape: d.shape, dtype: d.dtype }));
}

/** First values: drawn by seed and path. An average starts at its weight. */
export function initialValues(e: Elaborator, variables: readonly Variable[]): GraphFunction {
  const stores = variables.flatMap((variable) => {
    const weight = variable.kind === 'average' ? variable.name.slice(averageName('').length) : variable.name;
    const declared = e.declared.get(weight);
    return declared ? [{ variable: variable.name, node: declared.initial }] : [];
  });
  return { name: 'init', outputs: [], stores };
}

/** Layers with the weights that each declares itself. */
export function layersOf(e: Elaborator): Module['layers'] {
  const own = new Map<string, number>();
  for (const variable of e.declared.values()) {
    if (variable.kind !== 'weight') continue;
    let path = variable.name;
    while (path.includes('.') && !e.layers.has(path)) path = path.slice(0, path.lastIndexOf('.'));
    own.set(path, (own.get(path) ?? 0) + size(variable.shape));
  }
  return [...e.layers.values()].map((layer) => ({ ...layer, parameters: own.get(layer.path) ?? 0 }));
}
