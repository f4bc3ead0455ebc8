/** Metrics: figures of what a training has made, over many examples, with averaged weights, `training` false. */
import { parseExpression } from '../../grammar/parser.js';
import type { GraphFunction, Node, Variable } from '../graph/node.js';
import type { MetricPlan } from '../program/types.js';
import { asFloat } from './arithmetic.js';
import { type Elaborator, evaluation, gameFrame } from './elaborator.js';
import { evaluate } from './evaluate.js';
import { type Inputs, inputScope } from './inputs.js';
import type { CompiledJudge } from './judges.js';
import * as messages from './messages.js';
import { Pool } from './pool.js';
import type { Remembered } from './remembered.js';
import type { Items } from './spec.js';
import { averageName } from './update.js';
import { describe, logicalShape, type Value } from './values.js';

export interface Metrics {
  readonly plan: MetricPlan;
  readonly functions: readonly GraphFunction[];
  readonly variables: readonly Variable[];
}

/** Examples of a call, and numbers that a metric may consist of. */
const BATCH = 100;
const LARGEST = 4096;

/** Undefined where the spec has no metric and no judge. Each judge has a metric of its own for every field: how often it is right on held-out rows. */
export function assembleMetrics(
  e: Elaborator,
  items: Items,
  inputs: Inputs,
  options: { readonly fed: ReadonlySet<string>; readonly averaged: ReadonlySet<string> },
  judges: readonly CompiledJudge[],
): Metrics | undefined {
  const pool = new Pool(e.builder, BATCH);
  const results: { name: string; node: Node }[] = [];
  const remembered: Remembered = new Map();
  const known = new Map<string, Items['metrics'][number]>();
  const add = (name: string, value: () => Value, fail: (found: Value) => void): void => {
    // The same draws for every metric, so that what two of them make is made once.
    const once = evaluation('metric', {
      training: false,
      batch: BATCH,
      fed: options.fed,
      readFrom: (weight) => (options.averaged.has(weight) ? averageName(weight) : weight),
      pool,
      remembered,
    });
    const found = e.within({ evaluation: once, frame: gameFrame('metric') }, () => e.force(value()));
    const figures = figuresOf(e, name, found);
    if (figures) results.push(...figures);
    else if (!isPoisoned(found)) fail(found);
  };
  for (const item of items.metrics) {
    const first = known.get(item.name.text);
    if (first) {
      e.fail(item.name.span, messages.declaredTwice('metric', item.name.text, { message: 'first here', span: first.span }));
      continue;
    }
    known.set(item.name.text, item);
    add(
      item.name.text,
      () => evaluate(e, item.value, inputScope(e, inputs, e.scope)),
      (found) => e.fail(item.value.span, messages.metricValue(item.name.text, describe(found))),
    );
  }
  for (const judge of judges) {
    for (const [field, text] of judge.accuracies) {
      const source = { name: `judge ${judge.name}`, text };
      add(
        `${judge.name}.${field}`,
        () => evaluate(e, parseExpression(source, e.diagnostics), inputScope(e, inputs, e.scope)),
        () => undefined,
      );
    }
  }
  if (results.length === 0) return undefined;
  const passes = pool.passes('metric.pass');
  return {
    functions: [pool.begin('metric.begin'), ...passes, { name: 'metric.result', outputs: results, stores: [] }],
    variables: pool.variables,
    plan: {
      batch: BATCH,
      begin: 'metric.begin',
      passes: passes.map((fn) => fn.name),
      result: 'metric.result',
      figures: results.map(({ name, node }) => ({ name, shape: node.shape, ...(pool.readsRows(node) && { rows: true }) })),
      ...pool.plan,
    },
  };
}

/** Whether what is wrong has been said. */
function isPoisoned(value: Value): boolean {
  return value.kind === 'poison' || (value.kind === 'record' && [...value.fields.values()].some(isPoisoned));
}

/** The numbers that a metric consists of; undefined where it is no figure. */
function figuresOf(e: Elaborator, name: string, value: Value): { name: string; node: Node }[] | undefined {
  switch (value.kind) {
    case 'number':
      return [{ name, node: e.builder.constant(value.value) }];
    case 'tensor':
      if (value.batched || logicalShape(value).reduce((a, b) => a * b, 1) > LARGEST) return undefined;
      return [{ name, node: asFloat(e, value.node) }];
    case 'record': {
      const all: { name: string; node: Node }[] = [];
      for (const [field, inner] of value.fields) {
        const found = figuresOf(e, `${name}.${field}`, e.force(inner));
        if (!found) return undefined;
        all.push(...found);
      }
      return all;
    }
    default:
      return undefined;
  }
}
