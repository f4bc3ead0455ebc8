/** An update of a player: the game's template, evaluated for its objective alone, then the gradient and the optimizer. */
import type { Expr } from '../../grammar/ast.js';
import { derivative, reachedFrom } from '../graph/derivative.js';
import { type GraphFunction, groupLayout, type Node, size, topological } from '../graph/node.js';
import { asFloat } from './arithmetic.js';
import { call } from './call.js';
import { type Declared, type Elaborator, type Evaluation, gameFrame } from './elaborator.js';
import { advance, evaluate, run } from './evaluate.js';
import { resting } from './every.js';
import type { Game } from './game.js';
import type { Inputs } from './inputs.js';
import { inputScope } from './inputs.js';
import * as messages from './messages.js';
import { namesIn, needed, type Rests } from './names.js';
import type { UpdateLine } from './schedule.js';
import type { Frame, Scope } from './scope.js';
import { layerStatistics, weightStatistics } from './statistics.js';
import { type ArgumentValue, describe, logicalShape, type TensorValue, tensor, type Value } from './values.js';

/** What the forward half of an update has found. */
export interface Forward {
  readonly player: string;
  readonly evaluation: Evaluation;
  /** The objective as written, and its fields where it is a record. */
  readonly loss: Node;
  readonly fields: readonly { readonly name: string; readonly node: Node }[];
  readonly reports: readonly { readonly name: string; readonly node: Node }[];
  /** +1: minimized; -1: maximized. */
  readonly sign: 1 | -1;
}

/** What an update takes over from the shared part of the step. */
export interface Shared {
  readonly scope: Scope;
  readonly names: ReadonlySet<string>;
}

/** Evaluates the bindings of `names` in program order; draws in a binding are named after it. */
export function evaluateBindings(e: Elaborator, game: Game, names: ReadonlySet<string>, scope: Scope, done: Set<string>): void {
  for (const [name, line] of game.bindings) {
    if (!names.has(name) || done.has(name)) continue;
    done.add(name);
    const value = e.within({ frame: named(e.frame, name) }, () => e.force(evaluate(e, line.value, scope)));
    // `grad(y, v)` must find the very node.
    if (value.kind === 'tensor' && e.differentiatedIn(game.item, scope).has(name)) e.builder.keep(value.node);
    scope.names.set(name, value);
  }
}

/** The game's frame while one of its lines is evaluated: draws are called `D.e`, not `D`. */
function named(frame: Frame, name: string): Frame {
  return { ...frame, drawPath: `${frame.drawPath}.${name}`, drawUses: new Map() };
}

/** Evaluates what the objective of `player` needs. */
export function forward(
  e: Elaborator,
  game: Game,
  inputs: Inputs,
  player: string,
  evaluation: Evaluation,
  reports: Game['reports'],
  shared?: Shared,
  fieldPrefix?: string,
): Forward | undefined {
  const line = game.objectives.get(player);
  if (!line) return undefined;
  const frame = gameFrame(player);
  return e.within({ evaluation, frame }, () => {
    const scope = inputScope(e, inputs, shared?.scope ?? e.scope, fieldPrefix);
    if (shared) for (const name of shared.scope.names.keys()) scope.lazy.delete(name);
    const done = new Set<string>(shared?.names);
    declareGameStates(e, game, scope);
    const rests = resting(e, scope);
    const names = needed(namesIn(line.value, rests), game.values, rests);
    for (const state of game.advances)
      if (gameStateNeeded(state.name.text, names, game, line.value, rests)) for (const n of needed(namesIn(state.value), game.values)) names.add(n);
    evaluateBindings(e, game, names, scope, done);
    const value = e.within({ frame: named(frame, 'objective') }, () => e.force(evaluate(e, line.value, scope)));
    const parts = scalars(e, value, player, line.value.span);
    for (const state of game.advances) {
      if ([...namesIn(state.value)].every((n) => !game.bindings.has(n) || done.has(n)))
        advance(e, state.name.text, state.name.span, evaluate(e, state.value, scope), state.value.span);
    }
    const before = new Map(evaluation.advanced);
    const found: { name: string; node: Node }[] = [];
    for (const report of reports) {
      evaluateBindings(e, game, needed(namesIn(report.value), game.values), scope, done);
      const shown = e.within({ frame: named(frame, report.name.text) }, () => e.force(evaluate(e, report.value, scope)));
      for (const part of scalars(e, shown, report.name.text, report.value.span) ?? [])
        found.push({ name: part.name === '' ? report.name.text : `${report.name.text}.${part.name}`, node: part.node });
    }
    // A report advances nothing.
    evaluation.advanced.clear();
    for (const [name, node] of before) evaluation.advanced.set(name, node);
    if (!parts || parts.length === 0) return undefined;
    const loss = parts.map((p) => p.node).reduce((a, b) => e.builder.binary('add', a, b));
    return { player, evaluation, loss, fields: parts.filter((p) => p.name !== ''), reports: found, sign: line.goal === 'minimizes' ? 1 : -1 };
  });
}

/** A state of the game is needed where the objective, or a binding of it, reads it. */
function gameStateNeeded(state: string, names: ReadonlySet<string>, game: Game, objective: Expr, rests: Rests): boolean {
  if (namesIn(objective, rests).has(state)) return true;
  return [...names].some((name) => namesIn(game.values.get(name), rests).has(state));
}

function declareGameStates(e: Elaborator, game: Game, scope: Scope): void {
  if (game.states.length === 0 && game.requires.length === 0) return;
  const frame: Frame = { ...e.frame, weightPath: 'game' };
  const body = { span: (game.states[0] ?? game.requires[0]).span, statements: [...game.requires, ...game.states] };
  e.within({ frame }, () => run(e, body, scope));
}

/** One number, or a record of numbers, out of an objective or report. */
function scalars(e: Elaborator, value: Value, player: string, span: Parameters<Elaborator['fail']>[0]): { name: string; node: Node }[] | undefined {
  switch (value.kind) {
    case 'poison':
      return undefined;
    case 'record': {
      const parts: { name: string; node: Node }[] = [];
      for (const [name, inner] of value.fields) {
        const field = scalars(e, e.force(inner), player, span);
        if (!field) return undefined;
        for (const part of field) parts.push({ name: part.name === '' ? name : `${name}.${part.name}`, node: part.node });
      }
      return parts;
    }
    case 'number':
      return [{ name: '', node: e.builder.constant(value.value) }];
    case 'tensor':
      if (value.batched) e.fail(span, messages.batchedObjective(player));
      else if (logicalShape(value).some((n) => n !== 1)) e.fail(span, messages.notAScalar(player, describe(value)));
      else return [{ name: '', node: e.builder.reshape(asFloat(e, value.node), []) }];
      return undefined;
    default:
      e.fail(span, messages.notAScalar(player, describe(value)));
      return undefined;
  }
}

/** How an update is compiled. */
export interface Manner {
  /** Names the functions: `update.<name>`, `gradient.<name>`. */
  readonly name: string;
  /** Batches whose gradients are averaged. */
  readonly accumulate: number;
  /** Also gives `grad.<weight>`. */
  readonly trace: boolean;
  /** Also makes `stats.<name>`. */
  readonly stats?: boolean;
}

/**
 * The gradient of an update's objective, the optimizer over the player's flat weights, and all that the update writes. Where gradients are accumulated, a
 * second function computes that of a batch and adds it to those before. The update comes last.
 */
export function backward(e: Elaborator, forwardPass: Forward, line: UpdateLine, weights: readonly Declared[], manner: Manner): GraphFunction[] {
  const { player, loss, sign } = forwardPass;
  // One forward pass serves several lines; what the optimizer advances is the line's own.
  const evaluation: Evaluation = { ...forwardPass.evaluation, advanced: new Map(forwardPass.evaluation.advanced) };
  const g = e.builder;
  const reached = new Map<string, Node>();
  for (const node of topological([loss])) if (node.operation.op === 'variable') reached.set(node.operation.name, node);
  const moved = weights.filter((w) => reached.has(w.name));
  const flowing = reachedFrom([loss]);
  const learning = moved.filter((w) => flowing.has(reached.get(w.name) as Node));
  for (const w of learning) e.noted.moved.add(w.name);
  if (learning.length === 0) {
    e.fail(line.span, evaluation.periods && evaluation.periods.met.size > 0 ? messages.idleUpdates(player) : messages.readsNothing(player));
    return [];
  }
  const gradients = derivative(
    g,
    [loss],
    [g.constant(sign)],
    moved.map((w) => reached.get(w.name) as Node),
  );
  const { offsets, total } = groupLayout(weights.map((w) => w.shape));
  const own = g.pack(
    gradients,
    moved.map((w) => offsets[weights.indexOf(w)]),
    total,
  );
  const numbers = [
    { name: 'loss', node: loss },
    ...forwardPass.fields.map((f) => ({ name: `loss.${f.name}`, node: f.node })),
    ...forwardPass.reports.map((r) => ({ name: `report.${r.name}`, node: r.node })),
  ];
  const advanced = [...evaluation.advanced].map(([variable, node]) => ({ variable, node }));
  const functions: GraphFunction[] = [];
  if (manner.stats) {
    const weighed = moved.map((w, i) => ({ name: w.name, value: reached.get(w.name) as Node, gradient: gradients[i] }));
    const outputs = [...layerStatistics(g, evaluation.watched ?? []), ...weightStatistics(g, weighed)];
    functions.push({ name: `stats.${manner.name}`, outputs, stores: [] });
  }
  let packed = own;
  const cleared: { variable: string; node: Node }[] = [];
  if (manner.accumulate > 1) {
    const variable = flatGradientName(player);
    const sum = g.binary('add', g.variable(variable, [total], 'f32'), own);
    functions.push({ name: `gradient.${manner.name}`, outputs: numbers, stores: [{ variable, node: sum }, ...advanced] });
    packed = g.binary('mul', sum, g.constant(1 / manner.accumulate, [total]));
    cleared.push({ variable, node: g.constant(0, [total]) });
  }
  const flat = g.variable(flatName(player), [total], 'f32');
  const frame: Frame = { ...gameFrame(player), net: player, optimizer: true };
  const result = e.within({ evaluation, frame }, () => optimize(e, line, tensor(flat, false), tensor(packed, false)));
  if (!result) return [];
  const outputs = [...numbers];
  const finite = g.unary('finite', result.node);
  outputs.push({ name: 'nonfinite', node: g.sum(g.select(finite, g.constant(0, [total]), g.constant(1, [total])), [0]) });
  // As the optimizer gets them: of what is minimized, and averaged.
  if (manner.trace)
    moved.forEach((w, i) => {
      const at = offsets[weights.indexOf(w)];
      const averaged = manner.accumulate > 1 ? g.reshape(g.slice(packed, [at], [at + size(w.shape)]), w.shape) : gradients[i];
      outputs.push({ name: `grad.${w.name}`, node: averaged });
    });
  const stores = [{ variable: flatName(player), node: result.node }, ...cleared];
  if (line.average !== undefined) {
    const old = g.variable(flatAverageName(player), [total], 'f32');
    const decay = g.broadcastTo(line.average, [total]);
    stores.push({
      variable: flatAverageName(player),
      node: g.binary('add', g.binary('mul', old, decay), g.binary('mul', result.node, g.binary('sub', g.constant(1, [total]), decay))),
    });
  }
  for (const [variable, node] of evaluation.advanced) stores.push({ variable, node });
  functions.push({ name: `update.${manner.name}`, outputs, stores });
  return functions;
}

function optimize(e: Elaborator, line: UpdateLine, weights: TensorValue, gradient: TensorValue): TensorValue | undefined {
  const { optimizer } = line;
  const callee = evaluate(e, optimizer.callee, e.scope);
  if (callee.kind === 'poison') return undefined;
  const name = optimizer.callee.kind === 'name' ? optimizer.callee.name : '';
  if (callee.kind !== 'block' || callee.item.params[0]?.name.text !== 'w' || callee.item.params[1]?.name.text !== 'g') {
    e.fail(optimizer.span, messages.notAnOptimizer(name));
    return undefined;
  }
  const args: ArgumentValue[] = optimizer.args.map((a) => ({ name: a.name?.text, value: evaluate(e, a.value, e.scope), span: a.value.span }));
  const result = e.force(
    call(e, callee, [{ value: weights, span: optimizer.span }, { value: gradient, span: optimizer.span }, ...args], optimizer.span, 'optimizer'),
  );
  if (result.kind === 'poison') return undefined;
  if (result.kind !== 'tensor' || result.batched || result.node.shape.length !== 1 || result.node.shape[0] !== weights.node.shape[0]) {
    e.fail(optimizer.span, messages.notAnOptimizer(name));
    return undefined;
  }
  return result;
}

export function flatName(player: string): string {
  return `flat.${player}.weights`;
}
export function flatAverageName(player: string): string {
  return `flat.${player}.average`;
}
/** Sum of the gradients of an update's batches so far; zero between updates. */
export function flatGradientName(player: string): string {
  return `flat.${player}.gradient`;
}
export function averageName(weight: string): string {
  return `average.${weight}`;
}
