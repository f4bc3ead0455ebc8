/** What elaboration makes of a spec: graph functions over shared variables, and the schedule that calls them. */
import type { Span } from '../../grammar/source.js';
import type { DataRequest, JudgePlan, MetricPlan, Program, SamplePlan, TrainPlan } from '../program/types.js';
import type { GraphFunction, Shape, Variable } from './node.js';

export interface Module {
  readonly name: string;
  readonly hash: string;
  readonly hyper: Readonly<Record<string, number | boolean | string>>;
  readonly data?: DataRequest;
  readonly noises: Program['noises'];
  readonly variables: readonly Variable[];
  /** `init`, `shared`, `update.<player>`, `sample.<name>`, `run`: each becomes an entry of the program. */
  readonly functions: readonly GraphFunction[];
  readonly train?: TrainPlan;
  readonly samples: readonly SamplePlan[];
  readonly judges?: readonly JudgePlan[];
  readonly metrics?: MetricPlan;
  /** Every use of a net or block, in program order, for `inspect`. */
  readonly layers: readonly Layer[];
}

export interface Layer {
  /** `G.fc1`; the net itself is `G`. */
  readonly path: string;
  /** The block's name: `linear`. */
  readonly block: string;
  /** The call, in the user's text. */
  readonly span: Span;
  /** Shapes without the batch. */
  readonly inputs: readonly Shape[];
  readonly output: readonly Shape[];
  /** Elements of the weights declared in this very use (not in uses inside it). */
  readonly parameters: number;
  readonly depth: number;
  /** What its inputs were computed from: paths of layers, `G(z)` for the parameter z of net G, `G>Words` for the call of another net in G, `G>tanh` of a function. */
  readonly from: readonly string[];
  /** Of a net that is an item of the spec. */
  readonly net?: {
    readonly parameters: readonly { readonly name: string; readonly shapes: readonly Shape[] }[];
    /** What its result was computed from. */
    readonly ends: readonly string[];
    /** Calls of other nets, and of functions of tensors; `within` is the net or the use of a block that calls. */
    readonly steps: readonly {
      readonly path: string;
      readonly within: string;
      readonly kind: 'net' | 'function';
      readonly name: string;
      readonly output: readonly Shape[];
      readonly from: readonly string[];
    }[];
  };
}
