/** `extends` and `variant`: a tree of its own from a parent and what a child replaces. */
import type { GameItem, GameLine, HyperItem, Item, Spec, TrainItem, TrainLine, VariantItem } from '../../grammar/ast.js';
import type { Diagnostics } from '../../grammar/diagnostics.js';
import { parse } from '../../grammar/parser.js';
import type { Source, Span } from '../../grammar/source.js';
import * as messages from './messages.js';

interface MergeOptions {
  readonly variant?: string;
  readonly resolve?: (path: string, from: Source) => Source;
}

export interface Merged {
  readonly spec: Spec;
  /** False where a parent or the variant is missing, which has been reported. */
  readonly complete: boolean;
}

/** The spec with its parents below it and the chosen variant on top. */
export function merge(spec: Spec, source: Source, diagnostics: Diagnostics, options: MergeOptions): Merged {
  const missing: string[] = [];
  const whole = withParents(spec, source, diagnostics, options, new Set([source.name]), missing);
  if (options.variant === undefined) return { spec: whole, complete: missing.length === 0 };
  const variants = whole.items.filter((item): item is VariantItem => item.kind === 'variant');
  const chosen = variants.find((v) => v.name.text === options.variant);
  if (!chosen) {
    const text = options.variant;
    report(
      diagnostics,
      { source: { name: '--variant', text }, start: 0, end: text.length },
      messages.unknownVariant(
        text,
        variants.map((v) => v.name.text),
      ),
    );
    return { spec: whole, complete: false };
  }
  const values: HyperItem[] = chosen.values.map(({ name, value }) => ({ kind: 'hyper', span: name.span, name, value }));
  for (const value of values) {
    if (!whole.items.some((item) => item.kind === 'hyper' && item.name.text === value.name.text))
      report(
        diagnostics,
        value.span,
        messages.unknownHyper(
          value.name.text,
          whole.items.flatMap((item) => (item.kind === 'hyper' ? [item.name.text] : [])),
        ),
      );
  }
  return { spec: { ...whole, items: overlay(withoutStart(whole.items), [...values, ...chosen.items]) }, complete: missing.length === 0 };
}

function withParents(spec: Spec, source: Source, diagnostics: Diagnostics, options: MergeOptions, seen: ReadonlySet<string>, missing: string[]): Spec {
  let items: readonly Item[] = [];
  for (const item of spec.items) {
    if (item.kind !== 'extends') continue;
    const path = item.path.text;
    let parent: Source;
    try {
      if (!options.resolve) throw new Error('this text comes from no file');
      parent = options.resolve(path, source);
    } catch (error) {
      report(diagnostics, item.path.span, messages.cannotRead(path, error instanceof Error ? error.message : String(error)));
      missing.push(path);
      continue;
    }
    if (seen.has(parent.name)) {
      const files = [...seen];
      report(diagnostics, item.path.span, messages.extendsCircle([...files.slice(files.indexOf(parent.name)), parent.name]));
      missing.push(path);
      continue;
    }
    items = overlay(items, withoutStart(withParents(parse(parent, diagnostics), parent, diagnostics, options, new Set([...seen, parent.name]), missing).items));
  }
  return {
    ...spec,
    items: overlay(
      items,
      spec.items.filter((item) => item.kind !== 'extends'),
    ),
  };
}

/** Weights to start from are those of the spec as it stands: what changes it starts from none of them, or names its own. */
export function withoutStart(items: readonly Item[]): Item[] {
  const isStart = (line: TrainLine): boolean => line.kind === 'setting' && line.name.text === 'start';
  return items.map((item) => (item.kind === 'train' ? { ...item, lines: item.lines.filter((line) => !isStart(line)) } : item));
}

/** What is replaced as a whole has a key; games and train blocks are merged line by line; the rest is added. */
function keyOf(item: Item): string | undefined {
  switch (item.kind) {
    case 'hyper':
    case 'net':
    case 'block':
    case 'noise':
    case 'sample':
    case 'variant':
    case 'judge':
    case 'metric':
      return `${item.kind === 'block' ? 'net' : item.kind} ${item.name.text}`;
    case 'data':
      return 'data';
    default:
      return undefined;
  }
}

/** Child items over parent items. Only a parent's items are replaced: what a child says twice stays, to be reported. */
function overlay(parent: readonly Item[], child: readonly Item[]): Item[] {
  const result = [...parent];
  const taken = new Set<number>();
  for (const item of child) {
    const key = keyOf(item);
    const at = parent.findIndex(
      (p, i) => !taken.has(i) && (item.kind === 'game' || item.kind === 'train' ? p.kind === item.kind : key !== undefined && keyOf(p) === key),
    );
    if (at < 0) {
      result.push(item);
      continue;
    }
    taken.add(at);
    const old = parent[at];
    if (item.kind === 'game' && old.kind === 'game') result[at] = mergeGame(old, item);
    else if (item.kind === 'train' && old.kind === 'train') result[at] = mergeTrain(old, item);
    else result[at] = item;
  }
  return result;
}

function mergeGame(parent: GameItem, child: GameItem): GameItem {
  const key = (line: GameLine): string =>
    line.kind === 'objective' ? `objective ${line.player.text}` : line.kind === 'require' ? `require ${line.span.start}` : `${line.kind} ${line.name.text}`;
  return { ...child, lines: mergeLines(parent.lines, child.lines, key, (line) => line.kind === 'binding') };
}

function mergeTrain(parent: TrainItem, child: TrainItem): TrainItem {
  const key = (line: TrainLine): string => (line.kind === 'update' ? `update ${line.player.text}` : `${line.kind} ${line.name.text}`);
  return { ...child, lines: mergeLines(parent.lines, child.lines, key, () => false) };
}

/**
 * A child's line takes the place of the parent's of the same key. New lines follow at the end, but those that the child has before a replaced line which
 * `reads` what stands above it come right before that.
 */
function mergeLines<T>(parent: readonly T[], child: readonly T[], key: (line: T) => string, reads: (line: T) => boolean): T[] {
  const replaced = new Set<T>();
  const places = parent.map((old) => {
    const line = child.find((c) => !replaced.has(c) && key(c) === key(old));
    if (line) replaced.add(line);
    return line ?? old;
  });
  const before = new Map<T, T[]>();
  let added: T[] = [];
  for (const line of child) {
    if (!replaced.has(line)) added.push(line);
    else if (reads(line)) {
      before.set(line, added);
      added = [];
    }
  }
  return [...places.flatMap((line) => [...(before.get(line) ?? []), line]), ...added];
}

function report(diagnostics: Diagnostics, span: Span, problem: messages.Problem): void {
  diagnostics.add({ ...problem, severity: 'error', span });
}
