/** From a text to a module: parse, merge, elaborate (which differentiates), verify. Lowering to a program is `plan/lower.ts`. */
import { createHash } from 'node:crypto';
import type { Spec, TrainLine } from '../grammar/ast.js';
import { type Diagnostic, Diagnostics } from '../grammar/diagnostics.js';
import { parse, parseExpression } from '../grammar/parser.js';
import type { Source } from '../grammar/source.js';
import { assemble } from './elaborate/assemble.js';
import { Elaborator } from './elaborate/elaborator.js';
import { evaluate } from './elaborate/evaluate.js';
import { type CompiledJudge, compileJudge } from './elaborate/judges.js';
import { merge, withoutStart } from './elaborate/merge.js';
import { loadPrelude } from './elaborate/prelude.js';
import { assembleRun, type RunOptions } from './elaborate/run.js';
import { type Items, readItems } from './elaborate/spec.js';
import type { Value } from './elaborate/values.js';
import type { Module } from './graph/module.js';
import { verify } from './graph/verify.js';
import { MAX_BINDING } from './plan/error.js';
import { partition } from './rewrite/parts.js';

export interface CompileOptions {
  /** New values of hypers, as text: `--set width=32`. */
  readonly set?: Readonly<Record<string, string>>;
  /** A `variant` of the spec. */
  readonly variant?: string;
  /** Names that the host feeds at each update: `D.x`, `G.z`, `D.e`. */
  readonly fed?: ReadonlySet<string>;
  /** Updates also give `grad.<weight>`. */
  readonly trace?: boolean;
  /** Entries beside the updates that compute statistics of layers and weights. */
  readonly stats?: boolean;
  /** Wins over the spec's batch. */
  readonly batch?: number;
  /** Examples at one call of a sample; default 64. */
  readonly samples?: number;
  /** Samples take the declared noises from the host, in place of drawing them: so a noise can be scaled, kept, or lie between two others. */
  readonly noisesGiven?: boolean;
  /** Reads the text that `extends` names, seen from the source that says so; throws with a reason. */
  readonly resolve?: (path: string, from: Source) => Source;
}

export interface Compiled {
  /** Absent where there were errors. Made when it is first asked for: all that can be wrong with a spec is known before. */
  readonly module?: Module;
  readonly diagnostics: readonly Diagnostic[];
}

const SAMPLES_A_CALL = 64;

/** Compiles a spec. Never throws for a bad text: mistakes are diagnostics. */
export function compileSpec(source: Source, options: CompileOptions = {}): Compiled {
  return compile(source, options, (e, items, identity, again) =>
    assemble(e, items, {
      judges: () => compileJudges(e, items, again),
      ...identity,
      fed: options.fed ?? new Set(),
      trace: options.trace ?? false,
      stats: options.stats,
      sampleCount: options.samples ?? SAMPLES_A_CALL,
      noisesGiven: options.noisesGiven,
      batch: options.batch,
      variant: options.variant !== undefined,
    }),
  );
}

/** Compiles one net of a spec, which needs no data, game or train block. */
export function compileRun(source: Source, net: string, options: CompileOptions & Omit<RunOptions, 'name' | 'hash'>): Compiled {
  const text = `net ${net}`;
  const span = { source: { name: 'command line', text }, start: 4, end: text.length };
  return compile(source, options, (e, items, identity) => assembleRun(e, items, net, span, { ...options, ...identity }));
}

function compile(
  source: Source,
  options: CompileOptions,
  build: (e: Elaborator, items: Items, identity: { name: string; hash: string }, again: () => { e: Elaborator; items: Items }) => (() => Module) | undefined,
): Compiled {
  const diagnostics = new Diagnostics();
  const { spec: merged, complete } = merge(parse(source, diagnostics), source, diagnostics, options);
  // Without a parent every name of it would be a mistake of its own.
  if (!complete) return { diagnostics: diagnostics.list };
  const spec = Object.keys(options.set ?? {}).length === 0 ? merged : { ...merged, items: withoutStart(merged.items) };
  const { sources, scope } = loadPrelude();
  const e = new Elaborator(diagnostics, sources, scope);
  const items = readItems(e, spec, settings(e, options.set ?? {}));
  const again = (): { e: Elaborator; items: Items } => {
    const apart = new Elaborator(new Diagnostics(), sources, scope);
    return { e: apart, items: readItems(apart, spec, settings(apart, options.set ?? {})) };
  };
  const finish = build(e, items, { name: nameOf(source), hash: hashOf(spec, options) }, again);
  if (diagnostics.failed || !finish) return { diagnostics: diagnostics.list };
  let module: Module | undefined;
  return {
    diagnostics: diagnostics.list,
    get module() {
      if (!module) {
        module = partition(finish(), MAX_BINDING);
        module.functions.forEach(verify);
      }
      return module;
    },
  };
}

/** Each in an elaboration of its own. Mistakes in the rest of the spec have been reported, so only those of the judge count. */
function compileJudges(e: Elaborator, items: Items, again: () => { e: Elaborator; items: Items }): CompiledJudge[] | undefined {
  if (e.diagnostics.failed) return undefined;
  const judges: CompiledJudge[] = [];
  for (const item of items.judges) {
    const { e: apart, items: own } = again();
    const judge = compileJudge(apart, own, item);
    if (judge) judges.push(judge);
    else for (const diagnostic of apart.diagnostics.list) if (diagnostic.severity === 'error') e.diagnostics.add(diagnostic);
  }
  return e.diagnostics.failed ? undefined : judges;
}

function settings(e: Elaborator, set: Readonly<Record<string, string>>): Map<string, Value> {
  const values = new Map<string, Value>();
  for (const [name, text] of Object.entries(set)) values.set(name, evaluate(e, parseExpression({ name: `--set ${name}`, text }, e.diagnostics), e.scope));
  return values;
}

function nameOf(source: Source): string {
  return (source.name.split(/[\\/]/).pop() ?? 'spec').replace(/\.gan$/, '');
}

/** SHA-256 over the tree and the settings that change what is computed: not places, comments, how long to train, or from where. */
function hashOf(spec: Spec, options: CompileOptions): string {
  const irrelevant = (key: string, value: unknown): boolean => key === 'span' || key === 'doc' || isExtent(value);
  const tree = JSON.stringify(spec, (key, value) => (irrelevant(key, value) ? undefined : value));
  const set = Object.entries(options.set ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256')
    .update(tree)
    .update(JSON.stringify([set, options.batch ?? null]))
    .digest('hex');
}

function isExtent(value: unknown): boolean {
  const line = value as Partial<TrainLine> | null;
  return typeof line === 'object' && line?.kind === 'setting' && (line.name?.text === 'steps' || line.name?.text === 'start');
}
