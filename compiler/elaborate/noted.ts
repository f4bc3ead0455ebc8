/** What elaboration notes on its way for the checks at its end: which functions have a domain, what nets are given and give, which weights move. */
import type { NetItem } from '../../grammar/ast.js';
import type { Span } from '../../grammar/source.js';
import type { Node } from '../graph/node.js';
import type { Elaborator } from './elaborator.js';
import type { Frame, Scope } from './scope.js';
import type { ArgumentValue, FieldType, TensorValue, Value } from './values.js';

/** A value given to a function that is not defined, or not finite, everywhere. */
export interface Domain {
  readonly name: string;
  readonly argument: Node;
  readonly span: Span;
  readonly frame: Frame;
}

/** A tensor that a net returns. */
export interface NetResult {
  readonly net: string;
  readonly type?: FieldType;
  /** Its last line. */
  readonly span: Span;
  readonly frame: Frame;
}

/** A tensor that a net is given in the place of a parameter. */
export interface Passed {
  readonly net: string;
  readonly parameter: string;
  readonly value: TensorValue;
  readonly span: Span;
  /** Of the call. */
  readonly frame: Frame;
}

export class Noted {
  readonly domains: Domain[] = [];
  readonly results = new Map<Node, NetResult>();
  readonly given: Passed[] = [];
  /** What each state becomes. */
  readonly advances = new Map<string, Node[]>();
  /** Weights that the gradient of an update has reached. */
  readonly moved = new Set<string>();

  /** An optimizer's functions are its own business, and a metric trains nothing. */
  domain(e: Elaborator, name: string, argument: Node, span: Span): void {
    if (!e.frame.optimizer && !e.initialising && !e.evaluation.pool && domains.has(name.split(' ')[0]))
      this.domains.push({ name, argument, span, frame: e.frame });
  }

  advance(state: string, node: Node): void {
    const known = this.advances.get(state);
    if (known) known.push(node);
    else this.advances.set(state, [node]);
  }

  passed(frame: Frame, item: NetItem, scope: Scope, args: readonly ArgumentValue[]): void {
    for (const parameter of item.params) {
      const value = scope.names.get(parameter.name.text);
      const span = args.find((argument) => argument.value === value)?.span ?? frame.callSpan ?? parameter.span;
      if (value?.kind === 'tensor') this.given.push({ net: frame.weightPath, parameter: parameter.name.text, value, span, frame: frame.caller ?? frame });
    }
  }

  call(frame: Frame, item: NetItem, result: Value): void {
    const last = item.body.statements[item.body.statements.length - 1];
    // Of a chain its last part.
    const span = (last?.kind === 'expr' && last.value.kind === 'pipe' ? last.value.right : (last ?? item)).span;
    for (const { node, type } of tensorsOf(result)) if (!this.results.has(node)) this.results.set(node, { net: item.name.text, type, span, frame });
  }
}

/** The functions that are looked at, with the least number of their domain. */
export const domains: ReadonlyMap<string, number> = new Map([
  ['log', 0],
  ['log1p', -1],
  ['sqrt', 0],
  ['rsqrt', 0],
  ['^', 0],
]);

function tensorsOf(value: Value): TensorValue[] {
  switch (value.kind) {
    case 'tensor':
      return [value];
    case 'record':
      return [...value.fields.values()].flatMap(tensorsOf);
    case 'list':
      return value.items.flatMap(tensorsOf);
    case 'draw':
      return value.made ? tensorsOf(value.made) : [];
    default:
      return [];
  }
}
