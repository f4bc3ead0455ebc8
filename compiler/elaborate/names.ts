/** Which names an expression reads. */
import type { CallExpr, Expr } from '../../grammar/ast.js';

/** Says of a call whether its arguments rest in this evaluation. */
export type Rests = (call: CallExpr) => boolean;

/** Every name in a tree, once each, in order of appearance; not those in calls that rest. */
export function namesIn(tree: Expr | undefined, rests?: Rests): Set<string> {
  const found = new Set<string>();
  const walk = (value: unknown): void => {
    if (Array.isArray(value)) {
      for (const item of value) walk(item);
    } else if (value && typeof value === 'object') {
      const node = value as { kind?: string; name?: unknown };
      if (node.kind === 'name' && typeof node.name === 'string') found.add(node.name);
      if (node.kind === 'call' && rests?.(value as CallExpr)) return;
      for (const [key, inner] of Object.entries(value)) if (key !== 'span') walk(inner);
    }
  };
  walk(tree);
  return found;
}

/** The names of `bindings` that `roots` need, directly or through other bindings. */
export function needed(roots: Iterable<string>, bindings: ReadonlyMap<string, Expr>, rests?: Rests): Set<string> {
  const result = new Set<string>();
  const visit = (name: string): void => {
    const binding = bindings.get(name);
    if (!binding || result.has(name)) return;
    result.add(name);
    for (const inner of namesIn(binding, rests)) visit(inner);
  };
  for (const root of roots) visit(root);
  return result;
}

/**
 * The names in a tree by which something is differentiated: the second argument of `grad`, or an argument that a block hands on to it.
 * `parametersOf` gives a called block's parameters and body.
 */
export function differentiated(
  tree: unknown,
  parametersOf: (name: string) => { params: readonly string[]; body: unknown } | undefined,
  within: ReadonlySet<string> = new Set(),
): Set<string> {
  const found = new Set<string>();
  const add = (value: Expr | undefined): void => {
    if (value?.kind === 'name') found.add(value.name);
    else if (value?.kind === 'list') value.items.forEach(add);
  };
  const visitCall = (name: string, args: readonly { readonly name?: { readonly text: string }; readonly value: Expr }[]): void => {
    const block = name === 'grad' ? { params: ['y', 'x'], body: undefined } : within.has(name) ? undefined : parametersOf(name);
    if (!block) return;
    const by = name === 'grad' ? new Set(['x']) : differentiated(block.body, parametersOf, new Set([...within, name]));
    let place = 0;
    for (const argument of args) if (by.has(argument.name?.text ?? block.params[place++])) add(argument.value);
  };
  const walk = (value: unknown): void => {
    if (Array.isArray(value)) {
      for (const item of value) walk(item);
      return;
    }
    if (!value || typeof value !== 'object') return;
    const node = value as Partial<Expr>;
    if (node.kind === 'call' && node.callee?.kind === 'name') visitCall(node.callee.name, node.args ?? []);
    if (node.kind === 'pipe' && node.left && node.right?.kind === 'call' && node.right.callee.kind === 'name')
      visitCall(node.right.callee.name, [{ value: node.left }, ...node.right.args]);
    for (const [key, inner] of Object.entries(value)) if (key !== 'span') walk(inner);
  };
  walk(tree);
  return found;
}
