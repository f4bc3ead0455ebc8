/** The state of elaboration: the graph under construction, what has been declared, and where in the text we are. */

import type { Diagnostics, Note } from '../../grammar/diagnostics.js';
import type { Source, Span } from '../../grammar/source.js';
import { Builder } from '../graph/builder.js';
import type { Layer } from '../graph/module.js';
import type { DType, Node, Shape } from '../graph/node.js';
import { rules } from '../rewrite/rules.js';
import { makeDraw } from './draw.js';
import type { Periods } from './every.js';
import type { DataField, FieldRead } from './fields.js';
import type { Tracing } from './layers.js';
import type { Problem } from './messages.js';
import { differentiated } from './names.js';
import { Noted } from './noted.js';
import type { Pool } from './pool.js';
import type { Remembered } from './remembered.js';
import { type Frame, Scope } from './scope.js';
import type { Watched } from './statistics.js';
import { type NetValue, POISON, type PoisonValue, type Value } from './values.js';

/** A weight or state, with what gives its first value. */
export interface Declared {
  readonly name: string;
  readonly kind: 'weight' | 'state' | 'optimizer';
  /** The net that owns it; the player, for an optimizer's state. */
  readonly owner: string;
  readonly shape: Shape;
  readonly dtype: DType;
  readonly span: Span;
  /** The use of a block that declares it. */
  readonly frame: Frame;
  readonly initial: Node;
}

/** One evaluation of the game's template, of a sample or of a net: what differs from one to the next. */
export interface Evaluation {
  /** First part of its draws' paths: the player, `sample`, `shared`, `run`. */
  readonly prefix: string;
  readonly training: boolean;
  readonly batch: number;
  /** Calls so far of each net. */
  readonly calls: Map<string, number>;
  /** The latest value of each state that has advanced. */
  readonly advanced: Map<string, Node>;
  /** Weights are read from here where it names them: the averages, in a sample. */
  readonly readFrom?: (variable: string) => string;
  /** Names that the host feeds instead: `D.x`, `D.z`, `D.e`. */
  readonly fed: ReadonlySet<string>;
  /** In a sample: the host gives the declared noises. */
  readonly noisesGiven?: boolean;
  /** In an update: which periods of `every` are due. */
  readonly periods?: Periods;
  /** In a metric: what gathers the batches. */
  readonly pool?: Pool;
  /** Outputs of layers, call by call, where statistics of them are wanted. */
  readonly watched?: Watched[];
  /** Calls of nets that this evaluation shares with others of its kind. */
  readonly remembered?: Remembered;
}

export function evaluation(prefix: string, options: Partial<Evaluation> & { batch: number; training: boolean }): Evaluation {
  return { prefix, calls: new Map(), advanced: new Map(), fed: new Set(), ...options };
}

export function gameFrame(prefix: string): Frame {
  return {
    kind: 'game',
    name: prefix,
    weightPath: prefix,
    drawPath: prefix,
    uses: new Map(),
    drawUses: new Map(),
    depth: 0,
    defaults: new Map(),
    states: new Map(),
    weights: new Set(),
  };
}

export class Elaborator {
  readonly builder = new Builder({ rewrite: rules });
  readonly declared = new Map<string, Declared>();
  readonly layers = new Map<string, Layer>();
  /** Set during the first call of a net. */
  tracing?: Tracing;
  /** Who calls each net: other nets, or `game`. */
  readonly callers = new Map<string, Set<string>>();
  /** For the checks at the end. */
  readonly noted = new Noted();
  readonly scope: Scope;
  evaluation: Evaluation = evaluation('run', { batch: 1, training: false });
  frame: Frame = gameFrame('run');
  /** What the game binds, and its fields and noises, for suggestions. */
  bindings: readonly string[] = [];
  inputNames: readonly string[] = [];
  /** How many draws have been made. */
  draws = 0;
  /** The noises that this evaluation has drawn, for `fresh`. */
  noises: { readonly current: Value; readonly redraw: () => Value }[] = [];
  /** The fields of the data. */
  fields: ReadonlyMap<string, DataField> = new Map();
  /** Nodes that are fields, for what is asked of a field alone. */
  readonly reads = new Map<Node, FieldRead>();
  private readonly differentiatedNames = new WeakMap<object, ReadonlySet<string>>();
  /** Set while an initialiser runs: the draws it makes are of the variable's shape, and not of a batch. */
  initialising?: string;

  constructor(
    readonly diagnostics: Diagnostics,
    readonly preludeSources: ReadonlySet<Source>,
    preludeScope: Scope,
  ) {
    this.scope = new Scope(preludeScope);
  }

  /**
   * Reports a mistake at a place of the user's text: a mistake inside the prelude is shown at the call that led there, and its
   * own place becomes a note. The chain of blocks follows.
   */
  fail(span: Span, problem: Problem, severity: 'error' | 'warning' = 'error'): PoisonValue {
    const notes: Note[] = [...(problem.notes ?? [])];
    let place = span;
    let frame: Frame | undefined = this.frame;
    while (this.preludeSources.has(place.source) && frame?.callSpan) {
      notes.push({ message: `raised in \`${frame.name}\` of the prelude`, span: place });
      place = frame.callSpan;
      frame = frame.caller;
    }
    for (; frame; frame = frame.caller) {
      if (frame.kind === 'block' && frame.callSpan && !this.preludeSources.has(frame.callSpan.source))
        notes.push({ message: `in block \`${frame.name}\`, used here`, span: frame.callSpan });
    }
    this.diagnostics.add({ code: problem.code, severity, message: problem.message, span: place, label: problem.label, help: problem.help, notes });
    return POISON;
  }

  /** The place of the user's text at which a place is shown: of one in the prelude, the call that led there. */
  placeOf(span: Span, frame: Frame): Span {
    let place = span;
    for (let f: Frame | undefined = frame; this.preludeSources.has(place.source) && f?.callSpan; f = f.caller) place = f.callSpan;
    return place;
  }

  /** Makes the draw where a value is wanted; other values as they are. */
  force(value: Value): Value {
    return value.kind === 'draw' ? makeDraw(this, value) : value;
  }

  /** Runs `work` in another evaluation and frame, then comes back. */
  within<T>(next: { evaluation?: Evaluation; frame?: Frame }, work: () => T): T {
    const { evaluation: before, frame } = this;
    if (next.evaluation) this.evaluation = next.evaluation;
    if (next.frame) this.frame = next.frame;
    try {
      return work();
    } finally {
      this.evaluation = before;
      this.frame = frame;
    }
  }

  /** The node that reads a declared variable in this evaluation. A state that has advanced is read from then on at its new value. */
  read(variable: Declared): Node {
    const { advanced, readFrom } = this.evaluation;
    const latest = advanced.get(variable.name);
    if (latest) return this.builder.unary('stop', latest);
    const name = variable.kind === 'weight' && readFrom ? readFrom(variable.name) : variable.name;
    return this.builder.variable(name, variable.shape, variable.dtype);
  }

  /** The names in a tree by which it differentiates; simplification must not look through their values. */
  differentiatedIn(tree: object, scope: Scope): ReadonlySet<string> {
    let names = this.differentiatedNames.get(tree);
    if (!names) {
      names = differentiated(tree, (name) => {
        const value = scope.find(name);
        return value?.kind === 'block' ? { params: value.item.params.map((p) => p.name.text), body: value.item.body } : undefined;
      });
      this.differentiatedNames.set(tree, names);
    }
    return names;
  }

  /** Remembers that `net` is called from the net or game that is being evaluated. */
  recordCall(net: NetValue): void {
    // A look at a net that nothing calls is no call.
    if (this.evaluation.prefix === 'check' && this.frame.net === undefined) return;
    const callers = this.callers.get(net.path) ?? new Set<string>();
    callers.add(this.frame.net ?? 'game');
    this.callers.set(net.path, callers);
  }
}
