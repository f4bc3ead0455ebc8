/** The syntax tree: what the parser makes of a `.gan` text. Every node carries the span it came from. */
import type { Span } from './source.js';

export interface Name {
  readonly text: string;
  readonly span: Span;
}

// ---------------------------------------------------------------- expressions

export type Expr =
  | NumberExpr
  | StringExpr
  | BoolExpr
  | NoneExpr
  | HoleExpr
  | NameExpr
  | ListExpr
  | RecordExpr
  | UnaryExpr
  | BinaryExpr
  | RangeExpr
  | CallExpr
  | PipeExpr
  | IndexExpr
  | FieldExpr
  | IfExpr
  | BrokenExpr;

/** `2`, `0.5`, `1e-3`. `exact` where it is written without point or exponent: a size. */
export interface NumberExpr {
  readonly kind: 'number';
  readonly span: Span;
  readonly value: number;
  readonly exact: boolean;
}
/** `"text {name}"`; `text` is between the quotes, escapes undone, braces as written. */
export interface StringExpr {
  readonly kind: 'string';
  readonly span: Span;
  readonly text: string;
}
export interface BoolExpr {
  readonly kind: 'bool';
  readonly span: Span;
  readonly value: boolean;
}
export interface NoneExpr {
  readonly kind: 'none';
  readonly span: Span;
}
/** `_`: the hole of a call handed over as a value. */
export interface HoleExpr {
  readonly kind: 'hole';
  readonly span: Span;
}
export interface NameExpr {
  readonly kind: 'name';
  readonly span: Span;
  readonly name: string;
}
export interface ListExpr {
  readonly kind: 'list';
  readonly span: Span;
  readonly items: readonly Expr[];
}
export interface RecordExpr {
  readonly kind: 'record';
  readonly span: Span;
  readonly fields: readonly { readonly name: Name; readonly value: Expr }[];
}
export interface UnaryExpr {
  readonly kind: 'unary';
  readonly span: Span;
  readonly op: '-' | 'not';
  readonly value: Expr;
}

export type BinaryOp = '+' | '-' | '*' | '/' | '%' | '^' | '==' | '!=' | '<' | '<=' | '>' | '>=' | 'and' | 'or';
export interface BinaryExpr {
  readonly kind: 'binary';
  readonly span: Span;
  readonly op: BinaryOp;
  readonly left: Expr;
  readonly right: Expr;
}
/** `-1..1`, as in `noise u: uniform[2] in -1..1`. */
export interface RangeExpr {
  readonly kind: 'range';
  readonly span: Span;
  readonly from: Expr;
  readonly to: Expr;
}

export interface Argument {
  readonly span: Span;
  /** Set for `kernel: 4`. */
  readonly name?: Name;
  readonly value: Expr;
  /** True for the first argument after the bar of `D(x | t)`. */
  readonly afterBar?: boolean;
}
/** `f(a, name: b)`. `alias` is the `fc1` of `linear(32) as fc1`. `callee` may be any expression (`op.conv`). */
export interface CallExpr {
  readonly kind: 'call';
  readonly span: Span;
  readonly callee: Expr;
  readonly args: readonly Argument[];
  readonly alias?: Name;
}
/** `left |> right`: right is a call (left becomes its first argument) or a name (called with left alone). `alias` belongs to a bare name (`h |> up as first`). */
export interface PipeExpr {
  readonly kind: 'pipe';
  readonly span: Span;
  readonly left: Expr;
  readonly right: Expr;
  readonly alias?: Name;
}
/** `h[a, b]`, also `E[...]`. */
export interface IndexExpr {
  readonly kind: 'index';
  readonly span: Span;
  readonly target: Expr;
  readonly items: readonly IndexItem[];
}
export type IndexItem =
  | { readonly kind: 'at'; readonly span: Span; readonly value: Expr }
  | { readonly kind: 'slice'; readonly span: Span; readonly from?: Expr; readonly to?: Expr; readonly step?: Expr };
export interface FieldExpr {
  readonly kind: 'field';
  readonly span: Span;
  readonly target: Expr;
  readonly name: Name;
}
/** Statement and expression alike; `otherwise` holds one IfExpr statement for `else if`. */
export interface IfExpr {
  readonly kind: 'if';
  readonly span: Span;
  readonly condition: Expr;
  readonly then: Body;
  readonly otherwise?: Body;
}

/** A place that could not be read: its mistake is already reported, so what reads it stays silent. Never in the tree of a text without syntax errors. */
export interface BrokenExpr {
  readonly kind: 'broken';
  readonly span: Span;
}

// ---------------------------------------------------------------- statements

export interface Body {
  readonly span: Span;
  readonly statements: readonly Statement[];
}

export type Statement =
  | BindStatement
  | AdvanceStatement
  | StateStatement
  | WeightStatement
  | RequireStatement
  | ForStatement
  | ExprStatement
  | SetItem
  | NetItem
  | BlockItem;

/** `h = expr`. */
export interface BindStatement {
  readonly kind: 'bind';
  readonly span: Span;
  readonly name: Name;
  readonly value: Expr;
}
/** `running_mean <- expr`. */
export interface AdvanceStatement {
  readonly kind: 'advance';
  readonly span: Span;
  readonly name: Name;
  readonly value: Expr;
}
/** `state mean: [512] = 0`. */
export interface StateStatement {
  readonly kind: 'state';
  readonly span: Span;
  readonly name: Name;
  readonly shape: Expr;
  readonly initial: Expr;
}
/** `weight k: [8, 3] ~ normal(0, 1)` (drawn) or `weight start: [] = 0` (a value); `weight w as "weight_l{i}": ...` is stored by that name. */
export interface WeightStatement {
  readonly kind: 'weight';
  readonly span: Span;
  readonly name: Name;
  readonly stored?: StringExpr;
  readonly shape: Expr;
  readonly initial: Expr;
  readonly drawn: boolean;
}
export interface RequireStatement {
  readonly kind: 'require';
  readonly span: Span;
  readonly condition: Expr;
  readonly message?: StringExpr;
}
export interface ForStatement {
  readonly kind: 'for';
  readonly span: Span;
  readonly name: Name;
  readonly over: Expr;
  readonly body: Body;
}
/** The last one of a body is its result. */
export interface ExprStatement {
  readonly kind: 'expr';
  readonly span: Span;
  readonly value: Expr;
}

// ---------------------------------------------------------------- top level

export type Item =
  | ExtendsItem
  | HyperItem
  | DataItem
  | NoiseItem
  | NetItem
  | BlockItem
  | SetItem
  | GameItem
  | TrainItem
  | SampleItem
  | VariantItem
  | JudgeItem
  | MetricItem;

export interface Spec {
  readonly kind: 'spec';
  readonly span: Span;
  readonly items: readonly Item[];
}

export interface ExtendsItem {
  readonly kind: 'extends';
  readonly span: Span;
  readonly path: StringExpr;
}
export interface HyperItem {
  readonly kind: 'hyper';
  readonly span: Span;
  readonly name: Name;
  readonly value: Expr;
  readonly choices?: Expr;
}

/** `video[1, frames, 32, 32]`, `tokens[9, words: 32]`, `class[10]`; `name` is absent for a bare shape `[3, 8]`. */
export interface TypeExpr {
  readonly kind: 'type';
  readonly span: Span;
  readonly name?: Name;
  readonly args: readonly Argument[];
}

export interface DataItem {
  readonly kind: 'data';
  readonly span: Span;
  readonly name: Name;
  /** `bouncing_mnist(digits: 1)`. */
  readonly origin: CallExpr;
  readonly fields: readonly DataField[];
}
export interface DataField {
  readonly span: Span;
  readonly name: Name;
  readonly type: TypeExpr;
  readonly optional?: Expr;
}
/** `noise u: uniform[2] in -1..1`. */
export interface NoiseItem {
  readonly kind: 'noise';
  readonly span: Span;
  readonly name: Name;
  readonly type: TypeExpr;
  readonly range?: RangeExpr;
}

/**
 * A parameter. After the colon of a block's parameter stands its default (`kernel: 3`); after that of a net's, its type: a list (`x: [3, 8]`)
 * or an index on the type's name (`x: image[1, 28, 28]`, where `words: 32` in `t: tokens[9, words: 32]` reads as the slice from `words` to 32).
 */
export interface Param {
  readonly span: Span;
  readonly name: Name;
  readonly annotation?: Expr;
}
/** `-> video[1, 8, 32, 32]` or `-> {digit, motion}`. */
export type ResultType =
  | { readonly kind: 'typed'; readonly span: Span; readonly type: TypeExpr }
  | { readonly kind: 'fields'; readonly span: Span; readonly names: readonly Name[] };

export interface NetItem {
  readonly kind: 'net';
  readonly span: Span;
  readonly name: Name;
  readonly params: readonly Param[];
  readonly result?: ResultType;
  readonly body: Body;
  readonly doc?: string;
}
export interface BlockItem {
  readonly kind: 'block';
  readonly span: Span;
  readonly name: Name;
  readonly params: readonly Param[];
  readonly body: Body;
  readonly doc?: string;
}
/** `set conv(init: normal(0, 0.02)), linear(...)`. */
export interface SetItem {
  readonly kind: 'set';
  readonly span: Span;
  readonly calls: readonly CallExpr[];
}

export interface GameItem {
  readonly kind: 'game';
  readonly span: Span;
  readonly lines: readonly GameLine[];
}
export type GameLine =
  | { readonly kind: 'player'; readonly span: Span; readonly name: Name; readonly nets: readonly Name[] }
  | { readonly kind: 'binding'; readonly span: Span; readonly name: Name; readonly value: Expr; readonly shared: boolean }
  | { readonly kind: 'objective'; readonly span: Span; readonly player: Name; readonly goal: 'maximizes' | 'minimizes'; readonly value: Expr }
  | { readonly kind: 'report'; readonly span: Span; readonly name: Name; readonly value: Expr; readonly player?: Name }
  | StateStatement
  | AdvanceStatement
  | RequireStatement;

export interface TrainItem {
  readonly kind: 'train';
  readonly span: Span;
  readonly lines: readonly TrainLine[];
}
export type TrainLine =
  /** `batch 64`, `steps 20000`, `accumulate 4`. */
  | { readonly kind: 'setting'; readonly span: Span; readonly name: Name; readonly value: Expr }
  /** `D with adam(lr: 2e-4), times 5, average 0.999`. */
  | {
      readonly kind: 'update';
      readonly span: Span;
      readonly player: Name;
      readonly optimizer: CallExpr;
      readonly options: readonly { readonly name: Name; readonly value: Expr }[];
    }
  | { readonly kind: 'phase'; readonly span: Span; readonly name: Name; readonly steps: Expr; readonly lines: readonly TrainLine[] };

export interface SampleItem {
  readonly kind: 'sample';
  readonly span: Span;
  readonly name: Name;
  readonly value: Expr;
}
/** A variant holds whole items and new values for hypers (`drop = 0`). */
export interface VariantItem {
  readonly kind: 'variant';
  readonly span: Span;
  readonly name: Name;
  readonly items: readonly Item[];
  readonly values: readonly { readonly name: Name; readonly value: Expr }[];
}
export interface JudgeItem {
  readonly kind: 'judge';
  readonly span: Span;
  readonly name: Name;
  readonly params: readonly Param[];
  readonly result?: ResultType;
  readonly body: Body;
}
export interface MetricItem {
  readonly kind: 'metric';
  readonly span: Span;
  readonly name: Name;
  readonly value: Expr;
}
