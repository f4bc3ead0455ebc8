/** What an expression of a spec evaluates to at compile time. Tensors are nodes of the graph; everything else is static. */
import type { BlockItem, NetItem } from '../../grammar/ast.js';
import type { Span } from '../../grammar/source.js';
import type { Node, Shape } from '../graph/node.js';
import type { Scope } from './scope.js';

export interface NumberValue {
  readonly kind: 'number';
  readonly value: number;
  /** An integer that came from integers alone: what a size must be. */
  readonly exact: boolean;
  /** Why it is not exact, where a division left a rest. */
  readonly why?: string;
}
export interface StringValue {
  readonly kind: 'string';
  readonly text: string;
}
export interface BoolValue {
  readonly kind: 'bool';
  readonly value: boolean;
}
export interface NoneValue {
  readonly kind: 'none';
}
export interface ListValue {
  readonly kind: 'list';
  readonly items: readonly Value[];
}
export interface RecordValue {
  readonly kind: 'record';
  readonly fields: ReadonlyMap<string, Value>;
}
/** The axis that examples lie along: the name `batch`. */
export interface BatchValue {
  readonly kind: 'batch';
}
/** The hole `_` of a call handed over. */
export interface HoleValue {
  readonly kind: 'hole';
}

export interface TensorValue {
  readonly kind: 'tensor';
  readonly node: Node;
  /** Where true, axis 0 of the node is the batch, and is not counted. */
  readonly batched: boolean;
  /** The type of the data field or net result that it is. */
  readonly type?: FieldType;
}

export interface FieldType {
  /** `image`, `video`, `class`, `tokens`, `audio`, `vector`; `tensor` for a bare shape. */
  readonly name: string;
  readonly shape: Shape;
  readonly dtype: 'f32' | 'i32';
  readonly args: Readonly<Record<string, number>>;
  readonly range?: readonly [number, number];
}

/**
 * `normal(...)` or `uniform(...)`, or a prelude initialiser without its shape. Right of `~` its arguments are those of the distribution;
 * used as a value it is a draw, made once, whose arguments are the shape.
 */
export interface DrawValue {
  readonly kind: 'draw';
  readonly callee: NetValue | BlockValue | BuiltinValue;
  readonly args: readonly ArgumentValue[];
  readonly span: Span;
  readonly path: string;
  /** The draw, once it has been made. */
  made?: Value;
}

export interface NetValue {
  readonly kind: 'net';
  readonly item: NetItem;
  readonly scope: Scope;
  readonly path: string;
  readonly defaults?: ReadonlyMap<string, readonly ArgumentValue[]>;
}
export interface BlockValue {
  readonly kind: 'block';
  readonly item: BlockItem;
  readonly scope: Scope;
}
export interface BuiltinValue {
  readonly kind: 'builtin';
  readonly name: string;
}
/** A call with holes, or with arguments already given. */
export interface PartialValue {
  readonly kind: 'partial';
  readonly callee: CallableValue;
  readonly args: readonly ArgumentValue[];
  readonly alias?: string;
  readonly span: Span;
}
export type CallableValue = NetValue | BlockValue | BuiltinValue | PartialValue;
/** `op`. */
export interface NamespaceValue {
  readonly kind: 'namespace';
  readonly name: string;
}
/** Stands for a value whose mistake has been reported; raises no second message. */
export interface PoisonValue {
  readonly kind: 'poison';
}

export interface ArgumentValue {
  readonly name?: string;
  /** Where the name stands, for a message about it. */
  readonly nameSpan?: Span;
  readonly value: Value;
  readonly span: Span;
}

export type Value =
  | NumberValue
  | StringValue
  | BoolValue
  | NoneValue
  | ListValue
  | RecordValue
  | BatchValue
  | HoleValue
  | TensorValue
  | DrawValue
  | CallableValue
  | NamespaceValue
  | PoisonValue;

export const POISON: PoisonValue = { kind: 'poison' };
export const NONE: NoneValue = { kind: 'none' };

export function number(value: number, exact = Number.isInteger(value)): NumberValue {
  return { kind: 'number', value, exact };
}
export function bool(value: boolean): BoolValue {
  return { kind: 'bool', value };
}
export function list(items: readonly Value[]): ListValue {
  return { kind: 'list', items };
}
export function tensor(node: Node, batched: boolean, type?: FieldType): TensorValue {
  return type ? { kind: 'tensor', node, batched, type } : { kind: 'tensor', node, batched };
}

/** Shape as the spec sees it: without the batch. */
export function logicalShape(value: TensorValue): Shape {
  return value.batched ? value.node.shape.slice(1) : value.node.shape;
}

export function showShape(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}

/** A value in a few words, for messages. */
export function show(value: Value): string {
  switch (value.kind) {
    case 'number':
      return String(value.value);
    case 'string':
      return JSON.stringify(value.text);
    case 'bool':
      return String(value.value);
    case 'none':
      return 'none';
    case 'list':
      return `[${value.items.map(show).join(', ')}]`;
    case 'record':
      return `{${[...value.fields.keys()].join(', ')}}`;
    case 'batch':
      return 'batch';
    case 'hole':
      return '_';
    case 'tensor':
      return showShape(logicalShape(value));
    case 'draw':
      return `a draw of ${nameOf(value.callee)}`;
    case 'net':
      return `net ${value.item.name.text}`;
    case 'block':
      return `block ${value.item.name.text}`;
    case 'builtin':
      return `${value.name}()`;
    case 'partial':
      return `${nameOf(value.callee)}(…)`;
    case 'namespace':
      return value.name;
    case 'poison':
      return '?';
  }
}

/** What kind of thing a value is, with its article: "a number", "a tensor [3, 8]". */
export function describe(value: Value): string {
  switch (value.kind) {
    case 'number':
      return `the number ${show(value)}`;
    case 'string':
      return `the text ${show(value)}`;
    case 'bool':
      return show(value);
    case 'none':
      return 'none';
    case 'list':
      return `the list ${show(value)}`;
    case 'record':
      return `a record ${show(value)}`;
    case 'tensor':
      return value.batched ? `a value of shape ${show(value)} for each example` : `a value of shape ${show(value)}`;
    case 'batch':
      return 'the batch axis';
    case 'hole':
      return 'the hole _';
    case 'namespace':
      return `the namespace ${value.name}`;
    default:
      return show(value);
  }
}

export function nameOf(callee: CallableValue): string {
  switch (callee.kind) {
    case 'net':
    case 'block':
      return callee.item.name.text;
    case 'builtin':
      return callee.name;
    case 'partial':
      return nameOf(callee.callee);
  }
}

export function isCallable(value: Value): value is CallableValue {
  return value.kind === 'net' || value.kind === 'block' || value.kind === 'builtin' || value.kind === 'partial';
}
