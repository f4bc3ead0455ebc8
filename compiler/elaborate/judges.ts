/**
 * Judges: `judge J(x) -> {digit, motion} { ... }` learns class fields from real rows, apart from the game: a training of one player, by cross-entropy. It has
 * no share in the run's schedule, weights or checkpoints, so that runs with the same judge can share it.
 */
import { createHash } from 'node:crypto';
import type { JudgeItem, NetItem } from '../../grammar/ast.js';
import { parse } from '../../grammar/parser.js';
import { suggest } from '../../grammar/suggest.js';
import { type GraphFunction, type Node, roots, topological, type Variable } from '../graph/node.js';
import type { FieldRequest, JudgePlan } from '../program/types.js';
import { initialValues } from './assemble.js';
import { call } from './call.js';
import { type Elaborator, evaluation, gameFrame } from './elaborator.js';
import type { DataField } from './fields.js';
import { readGame } from './game.js';
import { type Inputs, inputScope, readInputs } from './inputs.js';
import * as messages from './messages.js';
import { readSchedule } from './schedule.js';
import type { Items } from './spec.js';
import { Training } from './training.js';
import { describe, type FieldType, logicalShape, type NetValue, type Value } from './values.js';

export interface CompiledJudge {
  readonly name: string;
  /** The fields that it learns, with how many classes each has. */
  readonly labels: ReadonlyMap<string, number>;
  /** For each of them: how often it is right, as an expression. */
  readonly accuracies: ReadonlyMap<string, string>;
  readonly finish: () => { readonly plan: JudgePlan; readonly functions: readonly GraphFunction[]; readonly variables: readonly Variable[] };
}

/** How a judge is trained: Adam, the rate falling along half a cosine wave to 0. */
const BATCH = 64;
const STEPS = 2000;
const RATE = 1e-3;

export function netOfJudge(item: JudgeItem): NetItem {
  return { kind: 'net', span: item.span, name: item.name, params: item.params, body: item.body };
}

/**
 * Compiles a judge. `e` and `items` are of an elaboration of its own, for a judge's weights are nobody else's. Mistakes go to its diagnostics; undefined
 * where there were any.
 */
export function compileJudge(e: Elaborator, items: Items, item: JudgeItem): CompiledJudge | undefined {
  const name = item.name.text;
  const declared = readInputs(e, items.data, items.noises);
  const named = labelsOf(e, item, declared);
  const net = e.scope.names.get(name);
  if (!named || net?.kind !== 'net') return undefined;
  for (const param of item.params)
    if (!declared.fields.has(param.name.text)) e.fail(param.span, messages.judgeInput(name, param.name.text, [...declared.fields.keys()]));
  if (e.diagnostics.failed) return undefined;
  const result = readResult(e, net, item, named, declared);
  if (!result) return undefined;
  const labels = [...result.labels.keys()];
  const inputs = addLabels(e, declared, result.labels);
  const called = `${name}(${item.params.map((p) => p.name.text).join(', ')})`;
  const text = `game {
  judged = ${called}
  ${name} minimizes ${labels.map((label) => `E[cross_entropy(${result.scores('judged', label)}, ${label})]`).join(' + ')}
}
train {
  batch ${BATCH}
  steps ${STEPS}
  ${name} with adam(lr: cosine_decay(${RATE}, over: ${STEPS}))
}
`;
  const spec = parse({ name: `judge ${name}`, text }, e.diagnostics);
  const gameItem = spec.items.find((i) => i.kind === 'game');
  const trainItem = spec.items.find((i) => i.kind === 'train');
  const schedule = trainItem?.kind === 'train' ? readSchedule(e, trainItem) : undefined;
  if (gameItem?.kind !== 'game' || !schedule) return undefined;
  const training = new Training(e, { ...items, nets: new Map([...items.nets, [name, net]]) }, inputs, readGame(e, gameItem), schedule, {
    fed: new Set(),
    trace: false,
  });
  training.run();
  const [borrowed] = [...e.callers].filter(([called]) => called !== name && !called.startsWith(`${name}.`));
  if (borrowed) e.fail(item.name.span, messages.judgeCalls(name, borrowed[0]));
  if (e.diagnostics.failed) return undefined;
  const finish = (): ReturnType<CompiledJudge['finish']> => {
    const made = training.finish();
    const mine = [...e.declared.values()].filter((d) => !made.variables.some((v) => v.name === d.name));
    const variables: Variable[] = [
      ...made.variables.map((v) => (v.kind === 'flat' ? v : { ...v, kind: 'judge' as const })),
      ...mine.map((d) => ({ name: d.name, kind: 'judge' as const, player: name, shape: d.shape, dtype: d.dtype })),
    ];
    const init = { ...initialValues(e, variables), name: `judge.${name}.init` };
    const functions = [init, ...made.functions];
    const train = { ...made.plan, init: init.name };
    return { plan: { name, hash: hashOf(functions, train), fields: labels, train }, functions, variables };
  };
  const accuracies = new Map(labels.map((label) => [label, `accuracy(${result.scores(called, label)}, ${label})`]));
  return { name, labels: result.labels, accuracies, finish };
}

/**
 * The class fields that a judge says it learns, with how many classes each has: undefined of a field that the data block does not name, which the judge then
 * asks the data for.
 */
function labelsOf(e: Elaborator, item: JudgeItem, inputs: Inputs): Map<string, number | undefined> | undefined {
  const known = [...inputs.fields].filter(([, type]) => type.name === 'class').map(([name]) => name);
  const { result } = item;
  if (result?.kind !== 'fields' || result.names.length === 0) {
    e.fail(result?.span ?? item.name.span, messages.judgeFields(item.name.text, known));
    return undefined;
  }
  const labels = new Map<string, number | undefined>();
  for (const { text, span } of result.names) {
    const type = inputs.fields.get(text);
    if (type?.name === 'class') labels.set(text, type.args.classes);
    else if (!type && inputs.data && !inputs.noises.has(text) && suggest(text, known) === undefined) labels.set(text, undefined);
    else e.fail(span, messages.notAClass(text, known));
  }
  return e.diagnostics.failed ? undefined : labels;
}

/** How a judge's result is read: of a single label it may be the scores themselves, else it is a record. */
interface Result {
  /** An expression for the scores of a label, of one for the result. */
  readonly scores: (result: string, label: string) => string;
  readonly labels: ReadonlyMap<string, number>;
}

/** Looks at what the judge gives: scores [classes] for each label. Undefined where it does not fit. */
function readResult(e: Elaborator, net: NetValue, item: JudgeItem, labels: ReadonlyMap<string, number | undefined>, inputs: Inputs): Result | undefined {
  const once = evaluation('check', { training: false, batch: 2 });
  const result = e.within({ evaluation: once, frame: gameFrame('check') }, (): Value => {
    const scope = inputScope(e, inputs, e.scope);
    const args = item.params.map((p) => ({ name: p.name.text, value: scope.find(p.name.text) as Value, span: p.span }));
    return e.force(call(e, net, args, item.name.span));
  });
  if (result.kind === 'poison') return undefined;
  const whole = result.kind !== 'record' && labels.size === 1;
  const found = new Map<string, number>();
  for (const [label, classes] of labels) {
    const scores = whole ? result : result.kind === 'record' ? e.force(result.fields.get(label) ?? { kind: 'none' }) : result;
    const shape = scores.kind === 'tensor' && scores.batched ? logicalShape(scores) : [];
    if (shape.length === 1 && (classes === undefined || shape[0] === classes)) found.set(label, shape[0]);
    else if (scores.kind !== 'poison') e.fail(item.name.span, messages.judgeScores(item.name.text, label, classes, describe(scores)));
  }
  // That call was a look at shapes: it has no place in what is counted.
  e.callers.clear();
  return e.diagnostics.failed ? undefined : { scores: (from, label) => (whole ? from : `${from}.${label}`), labels: found };
}

/** Class fields that only judges want: they are asked of the data beside those of its block. */
export function addLabels(e: Elaborator, inputs: Inputs, labels: ReadonlyMap<string, number>): Inputs {
  const added = [...labels].filter(([name]) => !inputs.fields.has(name));
  const types = added.map(([name, classes]): [string, FieldType] => [name, { name: 'class', shape: [], dtype: 'i32', args: { classes } }]);
  e.fields = new Map([...e.fields, ...types.map(([name, type]): [string, DataField] => [name, { name, type, absent: 0 }])]);
  const requests = types.map(([name, { shape, args }]): FieldRequest => ({ name, type: 'class', shape, args, storage: { kind: 'i32' }, judged: true }));
  return {
    ...inputs,
    data: inputs.data && { ...inputs.data, fields: [...inputs.data.fields, ...requests] },
    fields: new Map([...inputs.fields, ...types]),
  };
}

/** SHA-256 of what is computed: equal for judges that differ in name of a file, comments or layout alone. */
function hashOf(functions: readonly GraphFunction[], train: JudgePlan['train']): string {
  const hash = createHash('sha256').update(JSON.stringify(train));
  for (const fn of functions) {
    const numbers = new Map<Node, number>();
    for (const node of topological(roots(fn))) {
      hash.update(JSON.stringify([node.operation, node.shape, node.dtype, node.inputs.map((input) => numbers.get(input))], plain));
      numbers.set(node, numbers.size);
    }
    hash.update(JSON.stringify([fn.name, fn.outputs.map((o) => [o.name, numbers.get(o.node)]), fn.stores.map((s) => [s.variable, numbers.get(s.node)])]));
  }
  return hash.digest('hex');
}

/** Constants hold typed arrays, and infinities. */
function plain(_key: string, value: unknown): unknown {
  if (ArrayBuffer.isView(value)) return [...(value as Float64Array)].map(String);
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
}
