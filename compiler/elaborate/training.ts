/** The training of a game: forward for every player, which finds all weights; then gradients and optimizers. */
import { type GraphFunction, groupLayout, type Node, type Variable } from '../graph/node.js';
import type { TrainPlan, UpdateEntries, UpdatePlan } from '../program/types.js';
import { type Carried, carry } from './carry.js';
import { type Declared, type Elaborator, type Evaluation, evaluation, gameFrame } from './elaborator.js';
import { dueTogether } from './every.js';
import { type Game, owners } from './game.js';
import { type Inputs, inputScope } from './inputs.js';
import * as messages from './messages.js';
import { namesIn, needed } from './names.js';
import type { Remembered } from './remembered.js';
import type { Schedule, UpdateLine } from './schedule.js';
import { Scope } from './scope.js';
import type { Items } from './spec.js';
import { layerStatistics } from './statistics.js';
import { averageName, backward, evaluateBindings, type Forward, flatAverageName, flatGradientName, flatName, forward, type Shared } from './update.js';
import type { TensorValue, Value } from './values.js';

interface TrainingOptions {
  readonly fed: ReadonlySet<string>;
  readonly trace: boolean;
  /** A function beside each update that computes statistics of it. */
  readonly stats?: boolean;
}

export class Training {
  private readonly functions: GraphFunction[] = [];
  private readonly variables: Variable[] = [];
  readonly averaged = new Set<string>();
  /** The weights that each player moves. */
  readonly owned = new Map<string, readonly Declared[]>();
  /** Of each player: a forward pass for every set of periods that can be due together, the largest first. */
  private readonly forwards = new Map<string, { readonly periods: readonly number[]; readonly forward: Forward }[]>();
  private updates: readonly UpdatePlan[] = [];
  private phases: NonNullable<TrainPlan['phases']> = [];
  private shared?: Shared;
  private sharedBatch = false;
  /** The evaluation of the shared part. */
  private once?: Evaluation;

  constructor(
    private readonly e: Elaborator,
    private readonly items: Items,
    private readonly inputs: Inputs,
    private readonly game: Game,
    private readonly schedule: Schedule,
    private readonly options: TrainingOptions,
  ) {}

  run(): void {
    const { e, game } = this;
    this.checkPlayers();
    this.once = this.evaluateShared();
    const last = this.reporter();
    for (const player of new Set(this.lines().map((line) => line.player))) this.evaluatePlayer(player, last);
    for (const report of game.reports) {
      if (report.player && !game.objectives.has(report.player.text))
        e.fail(report.player.span, messages.unknownPlayer(report.player.text, [...game.objectives.keys()]));
    }
    this.checkBindings();
    if (e.diagnostics.failed) return;
    this.update();
  }

  /** What a training runs; `run` comes first, and has found no mistake. */
  finish(): { readonly functions: readonly GraphFunction[]; readonly variables: readonly Variable[]; readonly plan: TrainPlan } {
    // Last, so that the kernels of all else have the names that they have without.
    const isStats = (fn: GraphFunction): number => Number(fn.name.startsWith('stats.'));
    const updates = this.functions.toSorted((a, b) => isStats(a) - isStats(b));
    const { functions, variables } = this.once && this.shared ? this.cutShared(this.once, this.shared, updates) : { functions: updates, variables: [] };
    return { functions, variables: [...this.variables, ...variables], plan: this.plan() };
  }

  /** The lines of all phases, and of the rest. */
  private lines(): UpdateLine[] {
    const { phases, updates } = this.schedule;
    return [...phases.flatMap((p) => p.updates), ...updates];
  }

  /** A forward pass for each set of `every` that can be due together. The first has all of them due, and meets every period that there is. */
  private evaluatePlayer(player: string, last: string | undefined): void {
    const { e, game, schedule } = this;
    const reports = game.reports.filter((r) => (r.player?.text ?? last) === player);
    const met = new Set<number>();
    const remembered: Remembered = new Map();
    const pass = (due: (period: number) => boolean): Forward | undefined => {
      const fresh = evaluation(player, {
        training: true,
        batch: schedule.batch,
        fed: this.options.fed,
        periods: { due, met, asked: 0 },
        remembered,
        ...(this.options.stats && { watched: [] }),
      });
      return forward(e, game, this.inputs, player, fresh, reports, this.shared, this.sharedBatch ? 'shared' : undefined);
    };
    const whole = pass(() => true);
    if (!whole) return;
    const [all, ...others] = dueTogether(met);
    const passes = [{ periods: all, forward: whole }];
    for (const periods of others) {
      const found = pass((n) => periods.includes(n));
      if (found) passes.push({ periods, forward: found });
    }
    this.forwards.set(player, passes);
  }

  private checkPlayers(): void {
    const { e, game } = this;
    const lines = this.lines();
    for (const line of lines) {
      if (!game.objectives.has(line.player))
        e.fail(
          line.span,
          game.players.has(line.player) || this.items.nets.has(line.player)
            ? messages.noObjective(line.player)
            : messages.unknownPlayer(line.player, [...game.objectives.keys()]),
        );
    }
    for (const [player, line] of game.objectives) {
      if (!lines.some((u) => u.player === player)) e.fail(line.player.span, messages.neverTrained(player));
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
    const lines = [...game.bindings.values()].filter((b) => b.shared);
    if (lines.length === 0) return undefined;
    if (this.schedule.accumulate > 1) e.fail(lines[0].span, messages.accumulateShared(lines[0].name.text));
    const first = lines.map((b) => b.name.text);
    const names = needed(first, game.values);
    const once = evaluation('shared', { training: true, batch: this.schedule.batch, fed: this.options.fed, ...(this.options.stats && { watched: [] }) });
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
      this.lines().map((u) => u.player),
      new Set(this.items.nets.keys()),
      e.callers,
    );
    // Nets of a player that is itself in doubt would be told a second time.
    if (e.diagnostics.failed) return;
    for (const net of withWeights) {
      if (!owner.has(net) && net !== 'game') {
        const judge = this.items.judges.find((j) => j.name.text === net);
        if (judge) {
          e.fail(judge.name.span, messages.judgeInGame(net));
          continue;
        }
        const item = this.items.nets.get(net)?.item;
        e.fail(item?.name.span ?? this.lines()[0].span, messages.noOwner(net, [...(e.callers.get(net) ?? [])]));
      }
    }
    if (e.diagnostics.failed) return;
    const own = (player: string): Declared[] => weights.filter((w) => owner.get(w.owner) === player);
    const compile = (line: UpdateLine, phase?: string): UpdatePlan | undefined => this.compileLine(line, own(line.player), phase);
    this.updates = defined(schedule.updates.map((line) => compile(line)));
    this.phases = schedule.phases.map(({ name, steps, updates }) => ({ name, steps, updates: defined(updates.map((line) => compile(line, name))) }));
    for (const player of new Set(this.lines().map((line) => line.player))) {
      this.owned.set(player, own(player));
      this.group(
        player,
        own(player),
        this.lines().some((line) => line.player === player && line.average !== undefined),
      );
    }
    this.checkMoves(owner);
  }

  /** The entries of a line: one for each set of `every` that can be due. A line that computes what an earlier one does uses its entries. */
  private compileLine(line: UpdateLine, weights: readonly Declared[], phase?: string): UpdatePlan | undefined {
    const { accumulate } = this.schedule;
    const compiled = (this.forwards.get(line.player) ?? []).map(({ periods, forward: found }): (UpdateEntries & { periods: readonly number[] }) | undefined => {
      const name = [line.player, ...(phase === undefined ? [] : [`in_${phase}`]), ...(periods.length > 0 ? [`every_${periods.join('_')}`] : [])].join('.');
      const { trace, stats } = this.options;
      const made = backward(this.e, found, line, weights, { name, accumulate, trace, stats }).map((fn) => this.keep(fn));
      const entry = made.pop()?.name;
      const other = (kind: string): string | undefined => made.find((fn) => fn.name.startsWith(`${kind}.`))?.name;
      return entry === undefined ? undefined : { periods, entry, ...entriesNamed({ gradient: other('gradient'), stats: other('stats') }) };
    });
    const entries = defined(compiled);
    const base = entries.find((variant) => variant.periods.length === 0) ?? entries[entries.length - 1];
    if (!base) return undefined;
    const every = entries.filter((variant) => variant.periods.length > 0);
    const { player, times } = line;
    return { player, entry: base.entry, ...entriesNamed(base), times, ...(every.length > 0 && { every }) };
  }

  /** The function, or one before it that computes the same. */
  private keep(fn: GraphFunction): GraphFunction {
    const [kind] = fn.name.split('.');
    const same = this.functions.find((other) => other.name.startsWith(`${kind}.`) && sameWork(other, fn));
    if (!same) this.functions.push(fn);
    return same ?? fn;
  }

  /** A player's weights, and their averages, in one flat buffer each. */
  private group(player: string, weights: readonly Declared[], average: boolean): void {
    const { total } = groupLayout(weights.map((w) => w.shape));
    const layout = (group: string, kind: 'weight' | 'average', rename: (name: string) => string, flat: string): void => {
      for (const w of weights) this.variables.push({ name: rename(w.name), kind, player, shape: w.shape, dtype: w.dtype, group });
      this.variables.push({ name: flat, kind: 'flat', player, shape: [total], dtype: 'f32', group });
    };
    layout(`${player}.weights`, 'weight', (name) => name, flatName(player));
    if (this.schedule.accumulate > 1) this.variables.push({ name: flatGradientName(player), kind: 'carry', player, shape: [total], dtype: 'f32' });
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
      const usedBy = (player: string): boolean => {
        const objective = game.objectives.get(player);
        return objective !== undefined && (namesIn(objective.value).has(name) || needed(namesIn(objective.value), game.values).has(name));
      };
      for (const updates of [...schedule.phases.map((p) => p.updates), schedule.updates]) {
        const wrong = updates.find(
          ({ player, times }, place) => movers.has(player) && ((times > 1 && usedBy(player)) || updates.slice(place + 1).some((later) => usedBy(later.player))),
        );
        if (!wrong) continue;
        e.fail(line.span, messages.movedBeforeUse(name, wrong.player));
        break;
      }
    }
  }

  private cutShared({ advanced, watched }: Evaluation, { scope }: Shared, updates: readonly GraphFunction[]): Pick<Carried, 'functions' | 'variables'> {
    const { e } = this;
    const values = [...scope.names.values()].flatMap((value) => tensorsOf(value)).map((t) => t.node);
    const states = [...advanced].map(([variable, node]) => ({ variable, node }));
    const cut = carry(e.builder, [...values, ...states.map((s) => s.node)], updates, new Set(advanced.keys()));
    const shared = { name: 'shared', outputs: [], stores: [...cut.stores, ...states] };
    const stats = watched ? [{ name: 'stats.shared', outputs: layerStatistics(e.builder, watched), stores: [] }] : [];
    return { functions: [shared, ...cut.functions, ...stats], variables: cut.variables };
  }

  private plan(): TrainPlan {
    const { schedule, game } = this;
    return {
      batch: schedule.batch,
      steps: schedule.steps,
      ...(schedule.start !== undefined && { start: schedule.start }),
      shared: this.once && 'shared',
      ...(this.once && this.options.stats && { sharedStats: 'stats.shared' }),
      init: 'init',
      sharedBatch: this.sharedBatch,
      updates: this.updates,
      ...(this.phases.length > 0 && { phases: this.phases }),
      ...(schedule.accumulate > 1 && { accumulate: schedule.accumulate }),
      reports: game.reports.map((r) => ({ name: r.name.text, player: r.player?.text ?? this.reporter() })),
    };
  }

  /** The player whose updates read a report that names none: the last to move. */
  private reporter(): string {
    const { updates, phases } = this.schedule;
    const lines = updates.length > 0 ? updates : (phases[phases.length - 1]?.updates ?? []);
    return lines[lines.length - 1]?.player ?? '';
  }
}

function defined<T>(list: readonly (T | undefined)[]): T[] {
  return list.filter((item): item is T => item !== undefined);
}

/** Equal computations are the same nodes. */
function sameWork(a: GraphFunction, b: GraphFunction): boolean {
  const same = <T extends { readonly node: Node }>(x: readonly T[], y: readonly T[], key: keyof T): boolean =>
    x.length === y.length && x.every((item, i) => item.node === y[i].node && item[key] === y[i][key]);
  return same(a.outputs, b.outputs, 'name') && same(a.stores, b.stores, 'variable');
}

/** Those that there are, without keys of others. */
function entriesNamed({ gradient, stats }: Pick<UpdateEntries, 'gradient' | 'stats'>): Pick<UpdateEntries, 'gradient' | 'stats'> {
  return { ...(gradient !== undefined && { gradient }), ...(stats !== undefined && { stats }) };
}

function tensorsOf(value: Value): TensorValue[] {
  if (value.kind === 'tensor') return [value];
  return value.kind === 'record' ? [...value.fields.values()].flatMap(tensorsOf) : [];
}
