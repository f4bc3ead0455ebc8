/** The `train` block: batch, steps, phases, and the line of each player. */
import type { CallExpr, TrainItem, TrainLine } from '../../grammar/ast.js';
import type { Span } from '../../grammar/source.js';
import type { Node } from '../graph/node.js';
import { asFloat } from './arithmetic.js';
import type { Elaborator } from './elaborator.js';
import { evaluate } from './evaluate.js';
import * as messages from './messages.js';
import { integerOf } from './sizes.js';
import { describe, type Value } from './values.js';

export interface UpdateLine {
  readonly player: string;
  readonly span: Span;
  readonly optimizer: CallExpr;
  readonly times: number;
  /** Decay of the running average of the weights, a number or of `step`; undefined: none is kept. */
  readonly average?: Node;
}

/** Steps in which only these lines run. */
export interface Phase {
  readonly name: string;
  readonly span: Span;
  readonly steps: number;
  readonly updates: readonly UpdateLine[];
}

export interface Schedule {
  readonly batch: number;
  /** All of them, those of the phases too. */
  readonly steps: number;
  /** Batches whose gradients are averaged for one update. */
  readonly accumulate: number;
  /** In the order in which they come, before the rest of the steps. */
  readonly phases: readonly Phase[];
  readonly updates: readonly UpdateLine[];
  /** A file of weights to go on from. */
  readonly start?: string;
}

const settings = ['batch', 'steps', 'accumulate', 'start'];
const options = ['times', 'average'];

/** Reads the train block; reports what is missing or unknown. `batch` given here wins over the spec's. */
export function readSchedule(e: Elaborator, item: TrainItem, batch?: number): Schedule | undefined {
  const values = new Map<string, number | undefined>();
  let start: string | undefined;
  const updates: UpdateLine[] = [];
  const phases: Phase[] = [];
  for (const line of item.lines) {
    if (line.kind === 'setting') {
      const value = evaluate(e, line.value, e.scope);
      if (options.includes(line.name.text)) e.fail(line.name.span, messages.optionAsSetting(line.name.text));
      else if (!settings.includes(line.name.text)) e.fail(line.name.span, messages.unknownSetting(line.name.text, settings));
      else if (values.has(line.name.text) || (line.name.text === 'start' && start !== undefined)) e.fail(line.name.span, messages.settingTwice(line.name.text));
      else if (line.name.text === 'start') {
        if (value.kind === 'string') start = value.text;
        else if (value.kind !== 'poison') e.fail(line.value.span, messages.startFile(describe(value)));
      } else {
        values.set(line.name.text, countOf(e, value, line.value.span, `\`${line.name.text}\``));
      }
    } else if (line.kind === 'phase') {
      const first = phases.find((p) => p.name === line.name.text);
      if (first) e.fail(line.name.span, messages.declaredTwice('phase', first.name, { message: 'first here', span: first.span }));
      const phase = readPhase(e, line);
      if (phase) phases.push(phase);
    } else addUpdate(e, updates, readUpdate(e, line));
  }
  const size = batch ?? values.get('batch');
  const steps = values.get('steps');
  if (batch === undefined && !values.has('batch')) e.fail(item.span, messages.settingMissing('batch', 'batch 64'));
  if (!values.has('steps')) e.fail(item.span, messages.settingMissing('steps', 'steps 20000'));
  if (size === undefined || steps === undefined) return undefined;
  const inPhases = phases.reduce((n, p) => n + p.steps, 0);
  if (phases.length > 0 && inPhases > steps) e.fail(phases[phases.length - 1].span, messages.phasesTooLong(inPhases, steps));
  if (phases.length > 0 && updates.length === 0 && inPhases < steps) e.fail(item.span, messages.nothingAfterPhases(inPhases, steps));
  return {
    batch: size,
    steps,
    accumulate: values.get('accumulate') ?? 1,
    phases: phases.map((phase) => ({ ...phase, updates: phase.updates.map((line) => averaged(line, updates)) })),
    updates,
    start,
  };
}

/** A whole number of at least `least`; `what` says what is counted. */
function countOf(e: Elaborator, value: Value, span: Span, what: string, least = 1): number | undefined {
  const count = integerOf(e, value, span);
  if (count === undefined || count >= least) return count;
  e.fail(span, messages.countTooSmall(what, count, least));
  return undefined;
}

/** A phase; undefined also where it has no steps, as a hyper may say. */
function readPhase(e: Elaborator, line: Extract<TrainLine, { kind: 'phase' }>): Phase | undefined {
  const steps = countOf(e, evaluate(e, line.steps, e.scope), line.steps.span, "a phase's `steps`", 0);
  const updates: UpdateLine[] = [];
  for (const inner of line.lines) {
    if (inner.kind === 'update') addUpdate(e, updates, readUpdate(e, inner));
    else e.fail(inner.span, messages.notInPhase(inner.kind === 'phase' ? 'another phase' : `\`${inner.name.text}\``));
  }
  return steps === undefined || steps === 0 ? undefined : { name: line.name.text, span: line.name.span, steps, updates };
}

/** A running average goes on through the phases, also where their lines do not speak of it. */
function averaged(line: UpdateLine, updates: readonly UpdateLine[]): UpdateLine {
  return { ...line, average: line.average ?? updates.find((u) => u.player === line.player)?.average };
}

function addUpdate(e: Elaborator, updates: UpdateLine[], line: UpdateLine): void {
  if (updates.some((u) => u.player === line.player)) e.fail(line.span, messages.updatedTwice(line.player));
  else updates.push(line);
}

/** A wrong option is told, and then left out: the player still has its line. */
function readUpdate(e: Elaborator, line: Extract<TrainLine, { kind: 'update' }>): UpdateLine {
  let times = 1;
  let average: Node | undefined;
  for (const option of line.options) {
    const value = evaluate(e, option.value, e.scope);
    if (option.name.text === 'times') times = countOf(e, value, option.value.span, '`times`') ?? 1;
    else if (option.name.text === 'average') {
      if (value.kind === 'number' && value.value >= 0 && value.value < 1) average = e.builder.constant(value.value);
      else if (value.kind === 'tensor' && !value.batched && value.node.shape.length === 0) average = asFloat(e, value.node);
      else if (value.kind !== 'poison') e.fail(option.value.span, messages.averageDecay(describe(value)));
    } else if (settings.includes(option.name.text)) e.fail(option.name.span, messages.settingAsOption(option.name.text));
    else e.fail(option.name.span, messages.unknownSetting(option.name.text, options));
  }
  return { player: line.player.text, span: line.player.span, optimizer: line.optimizer, times, average };
}
