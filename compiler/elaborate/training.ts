/** The training of a game: forward for every player, which finds all weights; then gradients and optimizers. */
import { type GraphFunction, groupLayout, type Node, type Variable } from '../graph/node.js';
import type { TrainPlan } from '../program/types.js';
import { type Carried, carry } from './carry.js';
import { type Declared, type Elaborator, type Evaluation, evaluation, gameFrame } from './elaborator.js';
import { type Game, owners } from './game.js';
import { type Inputs, inputScope } from './inputs.js';
import * as messages from './messages.js';
import { namesIn, needed } from './names.js';
import type { Schedule, UpdateLine } from './schedule.js';
import { Scope } from './scope.js';
import type { Items } from './spec.js';
import { averageName, backward, evaluateBindings, type Forward, flatAverageName, flatName, forward, type Shared } from './update.js';
import type { TensorValue, Value } from './values.js';

interface TrainingOptions {
  readonly fed: ReadonlySet<string>;
  readonly trace: boolean;
}

export class Training {
  functions: GraphFunction[] = [];
  readonly variables: Variable[] = [];
  readonly averaged = new Set<string>();
  private readonly forwards: { line: UpdateLine; forward: Forward }[] = [];
  private shared?: Shared;
  private sharedBatch = false;
  private sharedFunction?: GraphFunction;

  constructor(
    private readonly e: Elaborator,
    private readonly items: Items,
    private readonly inputs: Inputs,
    private readonly game: Game,
    private readonly schedule: Schedule,
    private readonly options: TrainingOptions,
  ) {}

  run(): void {
    const { e, game, schedule } = this;
    this.checkPlayers();
    const sharedEvaluation = this.evaluateShared();
    const last = schedule.updates[schedule.updates.length - 1]?.player;
    for (const line of schedule.updates) {
      if (this.forwards.some((f) => f.line.player === line.player)) {
        e.fail(line.span, messages.updatedTwice(line.player));
        continue;
      }
      const reports = game.reports.filter((r) => (r.player?.text ?? last) === line.player);
      const fresh = evaluation(line.player, { training: true, batch: schedule.batch, fed: this.options.fed });
      const found = forward(e, game, this.inputs, line.player, fresh, reports, this.shared, this.sharedBatch ? 'shared' : undefined);
      if (found) this.forwards.push({ line, forward: found });
    }
    for (const report of game.reports) {
      if (report.player && !game.objectives.has(report.player.text))
        e.fail(report.player.span, messages.unknownPlayer(report.player.text, [...game.objectives.keys()]));
    }
    this.checkBindings();
    if (e.diagnostics.failed) return;
    this.update();
    if (this.shared && sharedEvaluation && !e.diagnostics.failed) this.cutShared(sharedEvaluation.advanced);
  }

  private checkPlayers(): void {
    const { e, game, schedule } = this;
    for (const line of schedule.updates) {
      if (!game.objectives.has(line.player))
        e.fail(
          line.span,
          game.players.has(line.player) || this.items.nets.has(line.player)
            ? messages.noObjective(line.player)
            : messages.unknownPlayer(line.player, [...game.objectives.keys()]),
        );
    }
    for (const [player, line] of game.objectives) {
      if (!schedule.updates.some((u) => u.player === player)) e.fail(line.player.span, messages.neverTrained(player));
    }
  }

  /** A binding that no objective and no report needs is a mistake, most often a name written wrong elsewhere. */
  private checkBindings(): void {
    const { e, game } = this;
    const read = new Set<string>();
    for (const tree of [...[...game.objectives.values()].map((o) => o.value), ...game.reports.map((r) => r.value), ...game.advances.map((a) => a.value)]) {
      for (const name of needed(namesIn(tree), game.values)) read.add(name);
    }
    for (const [name, line] of game.bindings) if (!read.has(name)) e.fail(line.name.span, messages.unusedBinding(name), 'warning');
  }

  private evaluateShared(): Evaluation | undefined {
    const { e, game, inputs } = this;
    const first = [...game.bindings.values()].filter((b) => b.shared).map((b) => b.name.text);
    if (first.length === 0) return undefined;
    const names = needed(first, game.values);
    const once = evaluation('shared', { training: true, batch: this.schedule.batch, fed: this.options.fed });
    const scope = e.within({ evaluation: once, frame: gameFrame('shared') }, () => {
      const made = inputScope(e, inputs, e.scope);
      evaluateBindings(e, game, names, made, new Set());
      return made;
    });
    const kept = new Scope(e.scope);
    for (const [name, value] of scope.names) kept.names.set(name, value);
    this.sharedBatch = [...inputs.fields.keys()].some((field) => scope.names.has(field));
    this.shared = { scope: kept, names };
    return once;
  }

  /** Gives every player its weights, then builds the updates. */
  private update(): void {
    const { e, game, schedule } = this;
    const weights = [...e.declared.values()].filter((d) => d.kind === 'weight');
    const withWeights = new Set([...e.declared.values()].map((d) => d.owner));
    const owner = owners(
      e,
      game,
      schedule.updates.map((u) => u.player),
      new Set(this.items.nets.keys()),
      e.callers,
    );
    for (const net of withWeights) {
      if (!owner.has(net) && net !== 'game') {
        const item = this.items.nets.get(net)?.item;
        e.fail(item?.name.span ?? schedule.updates[0].span, messages.noOwner(net, [...(e.callers.get(net) ?? [])]));
      }
    }
    if (e.diagnostics.failed) return;
    for (const { line, forward: found } of this.forwards) {
      const own = weights.filter((w) => owner.get(w.owner) === line.player);
      const fn = backward(e, found, line, own, this.options.trace);
      if (!fn) continue;
      this.functions.push(fn);
      this.group(line.player, own, line.average !== undefined);
    }
    this.checkMoves(owner);
  }

  /** A player's weights, and their averages, in one flat buffer each. */
  private group(player: string, weights: readonly Declared[], average: boolean): void {
    const { total } = groupLayout(weights.map((w) => w.shape));
    const layout = (group: string, kind: 'weight' | 'average', rename: (name: string) => string, flat: string): void => {
      for (const w of weights) this.variables.push({ name: rename(w.name), kind, player, shape: w.shape, dtype: w.dtype, group });
      this.variables.push({ name: flat, kind: 'flat', player, shape: [total], dtype: 'f32', group });
    };
    layout(`${player}.weights`, 'weight', (name) => name, flatName(player));
    if (!average) return;
    layout(`${player}.average`, 'average', averageName, flatAverageName(player));
    for (const w of weights) this.averaged.add(w.name);
  }

  /** What is evaluated once a step must not be read after a player has moved a net in it. */
  private checkMoves(owner: ReadonlyMap<string, string>): void {
    const { e, game, schedule } = this;
    if (!this.shared) return;
    for (const name of this.shared.names) {
      const line = game.bindings.get(name);
      if (!line) continue;
      const movers = new Set([...namesIn(line.value)].map((n) => owner.get(n)).filter((p): p is string => p !== undefined));
      schedule.updates.forEach((update, place) => {
        if (!movers.has(update.player)) return;
        const usedBy = (player: string): boolean => {
          const objective = game.objectives.get(player);
          return objective !== undefined && (namesIn(objective.value).has(name) || needed(namesIn(objective.value), game.values).has(name));
        };
        if ((update.times > 1 && usedBy(update.player)) || schedule.updates.slice(place + 1).some((later) => usedBy(later.player)))
          e.fail(line.span, messages.movedBeforeUse(name, update.player));
      });
    }
  }

  private cutShared(advanced: ReadonlyMap<string, Node>): void {
    const { e } = this;
    const values = [...(this.shared as Shared).scope.names.values()].flatMap((value) => tensorsOf(value)).map((t) => t.node);
    const states = [...advanced].map(([variable, node]) => ({ variable, node }));
    const cut: Carried = carry(e.builder, [...values, ...states.map((s) => s.node)], this.functions);
    this.functions = [...cut.functions];
    this.variables.push(...cut.variables);
    this.sharedFunction = { name: 'shared', outputs: [], stores: [...cut.stores, ...states] };
    this.functions.unshift(this.sharedFunction);
  }

  plan(): TrainPlan {
    const { schedule, game } = this;
    const last = schedule.updates[schedule.updates.length - 1]?.player ?? '';
    return {
      batch: schedule.batch,
      steps: schedule.steps,
      shared: this.sharedFunction && 'shared',
      init: 'init',
      sharedBatch: this.sharedBatch,
      updates: schedule.updates.map((u) => ({ player: u.player, entry: `update.${u.player}`, times: u.times })),
      reports: game.reports.map((r) => ({ name: r.name.text, player: r.player?.text ?? last })),
    };
  }
}

function tensorsOf(value: Value): TensorValue[] {
  if (value.kind === 'tensor') return [value];
  return value.kind === 'record' ? [...value.fields.values()].flatMap(tensorsOf) : [];
}
