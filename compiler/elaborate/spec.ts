/** The items of a spec, by kind, and their names in scope. */
import type {
  BlockItem,
  DataItem,
  Expr,
  GameItem,
  HyperItem,
  Item,
  JudgeItem,
  MetricItem,
  NetItem,
  NoiseItem,
  SampleItem,
  Spec,
  TrainItem,
} from '../../grammar/ast.js';
import type { Span } from '../../grammar/source.js';
import type { Elaborator } from './elaborator.js';
import { evaluate, setDefaults } from './evaluate.js';
import { netOfJudge } from './judges.js';
import * as messages from './messages.js';
import { describe, type NetValue, type Value } from './values.js';

export interface Items {
  readonly hyper: Readonly<Record<string, number | boolean | string>>;
  readonly nets: ReadonlyMap<string, NetValue>;
  readonly data?: DataItem;
  readonly noises: readonly NoiseItem[];
  readonly game?: GameItem;
  readonly train?: TrainItem;
  readonly samples: readonly SampleItem[];
  readonly judges: readonly JudgeItem[];
  readonly metrics: readonly MetricItem[];
}

/** Puts hypers, nets and blocks in scope, in program order, and sorts the rest. `set` holds new values for hypers. */
export function readItems(e: Elaborator, spec: Spec, set: ReadonlyMap<string, Value>): Items {
  const hyper: Record<string, number | boolean | string> = {};
  const nets = new Map<string, NetValue>();
  const first = new Map<string, Span>();
  const found: { -readonly [K in 'data' | 'game' | 'train']?: Items[K] } = {};
  const noises: NoiseItem[] = [];
  const samples: SampleItem[] = [];
  const judges: JudgeItem[] = [];
  const metrics: MetricItem[] = [];
  const declare = (item: HyperItem | NetItem | BlockItem | JudgeItem): boolean => {
    const before = first.get(item.name.text);
    if (before) e.fail(item.name.span, messages.declaredTwice(item.kind, item.name.text, { message: 'first here', span: before }));
    else first.set(item.name.text, item.name.span);
    return !before;
  };
  const once = <K extends 'data' | 'game' | 'train'>(kind: K, item: NonNullable<Items[K]> & Item): void => {
    if (found[kind]) e.fail(item.span, messages.onlyOnce(kind));
    else found[kind] = item;
  };
  for (const item of spec.items) {
    switch (item.kind) {
      case 'hyper': {
        if (!declare(item)) break;
        const value = set.get(item.name.text) ?? evaluate(e, item.value, e.scope);
        e.scope.names.set(item.name.text, value);
        if (item.choices) checkChoices(e, item.choices, value);
        if (value.kind === 'number' || value.kind === 'bool') hyper[item.name.text] = value.value;
        else if (value.kind === 'string') hyper[item.name.text] = value.text;
        else if (value.kind !== 'poison') e.fail(item.value.span, messages.notStatic(item.name.text, describe(value)));
        break;
      }
      case 'net': {
        if (!declare(item)) break;
        const net: NetValue = { kind: 'net', item, scope: e.scope, path: item.name.text, defaults: e.frame.defaults };
        nets.set(item.name.text, net);
        e.scope.names.set(item.name.text, net);
        break;
      }
      case 'block':
        if (declare(item)) e.scope.names.set(item.name.text, { kind: 'block', item, scope: e.scope });
        break;
      case 'set':
        setDefaults(e, item.calls, e.scope);
        break;
      case 'data':
        once('data', item);
        break;
      case 'game':
        once('game', item);
        break;
      case 'train':
        once('train', item);
        break;
      case 'noise':
        noises.push(item);
        break;
      case 'sample':
        samples.push(item);
        break;
      // Both are merged into the tree before elaboration; variants that were not chosen rest.
      case 'extends':
      case 'variant':
        break;
      case 'judge':
        if (!declare(item)) break;
        judges.push(item);
        e.scope.names.set(item.name.text, { kind: 'net', item: netOfJudge(item), scope: e.scope, path: item.name.text, defaults: e.frame.defaults });
        break;
      case 'metric':
        metrics.push(item);
        break;
      default:
        item satisfies never;
    }
  }
  const hypers = spec.items.filter((item): item is HyperItem => item.kind === 'hyper').map((item) => item.name.text);
  for (const name of set.keys())
    if (!hypers.includes(name)) e.fail({ source: { name: `--set ${name}`, text: name }, start: 0, end: name.length }, messages.unknownHyper(name, hypers));
  return { hyper, nets, ...found, noises, samples, judges, metrics };
}

/** What a search may draw a hyper from: a list of values, `a..b`, or `log(a, b)` for one whose order of magnitude is sought. */
function checkChoices(e: Elaborator, choices: Expr, value: Value): void {
  const ends =
    choices.kind === 'range'
      ? [choices.from, choices.to]
      : choices.kind === 'call' && choices.callee.kind === 'name' && choices.callee.name === 'log'
        ? choices.args.map((a) => a.value)
        : undefined;
  const items = ends ?? (choices.kind === 'list' ? choices.items : []);
  const found = items.map((item) => evaluate(e, item, e.scope));
  if (found.some((item) => item.kind === 'poison') || value.kind === 'poison') return;
  const kind = ends ? 'number' : value.kind;
  const [low, high] = found;
  const ordered = low?.kind !== 'number' || high?.kind !== 'number' || (low.value < high.value && (choices.kind === 'range' || low.value > 0));
  if (items.length === 0 || found.some((item) => item.kind !== kind) || (ends && (ends.length !== 2 || !ordered || value.kind !== 'number')))
    e.fail(choices.span, messages.hyperChoices());
}
