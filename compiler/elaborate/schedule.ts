/** The `train` block: batch, steps and the line of each player. */
import type { CallExpr, TrainItem } from '../../grammar/ast.js';
import type { Span } from '../../grammar/source.js';
import type { Elaborator } from './elaborator.js';
import { evaluate } from './evaluate.js';
import * as messages from './messages.js';
import { sizeOf } from './sizes.js';
import { describe } from './values.js';

export interface UpdateLine {
  readonly player: string;
  readonly span: Span;
  readonly optimizer: CallExpr;
  readonly times: number;
  /** Decay of the running average of the weights; undefined: none is kept. */
  readonly average?: number;
}

export interface Schedule {
  readonly batch: number;
  readonly steps: number;
  readonly updates: readonly UpdateLine[];
}

const settings = ['batch', 'steps'];
const options = ['times', 'average'];

/** Reads the train block; reports what is missing or unknown. `batch` given here wins over the spec's. */
export function readSchedule(e: Elaborator, item: TrainItem, batch?: number): Schedule | undefined {
  const values = new Map<string, number>();
  const updates: UpdateLine[] = [];
  for (const line of item.lines) {
    if (line.kind === 'setting') {
      const value = evaluate(e, line.value, e.scope);
      if (!settings.includes(line.name.text)) e.fail(line.name.span, messages.unknownSetting(line.name.text, settings));
      else {
        const n = sizeOf(e, value, line.value.span);
        if (n !== undefined) values.set(line.name.text, n);
      }
    } else if (line.kind === 'phase') {
      e.fail(line.span, messages.unsupported('phases are not compiled by this version', 'train the phases one after another with `--init`'));
    } else {
      const update = readUpdate(e, line);
      if (update) updates.push(update);
    }
  }
  const size = batch ?? values.get('batch');
  const steps = values.get('steps');
  if (size === undefined) e.fail(item.span, messages.settingMissing('batch', 'batch 64'));
  if (steps === undefined) e.fail(item.span, messages.settingMissing('steps', 'steps 20000'));
  return size === undefined || steps === undefined ? undefined : { batch: size, steps, updates };
}

function readUpdate(e: Elaborator, line: Extract<TrainItem['lines'][number], { kind: 'update' }>): UpdateLine | undefined {
  let times = 1;
  let average: number | undefined;
  for (const option of line.options) {
    const value = evaluate(e, option.value, e.scope);
    if (option.name.text === 'times') {
      const n = sizeOf(e, value, option.value.span);
      if (n === undefined) return undefined;
      times = n;
    } else if (option.name.text === 'average') {
      if (value.kind !== 'number' || value.value < 0 || value.value >= 1) {
        e.fail(option.value.span, messages.averageDecay(describe(value)));
        return undefined;
      }
      average = value.value;
    } else {
      e.fail(option.name.span, messages.unknownSetting(option.name.text, options));
      return undefined;
    }
  }
  return { player: line.player.text, span: line.player.span, optimizer: line.optimizer, times, average };
}
