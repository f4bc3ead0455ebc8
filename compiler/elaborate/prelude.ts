/** The standard library: `.gan` text; its names are in scope of every spec. A file is parsed when one of its blocks is first wanted. */
import { Diagnostics } from '../../grammar/diagnostics.js';
import { parse } from '../../grammar/parser.js';
import type { Source } from '../../grammar/source.js';
import { prelude } from '../prelude/text.js';
import { builtins } from './builtins.js';
import { Scope } from './scope.js';
import type { Value } from './values.js';

interface Prelude {
  readonly sources: ReadonlySet<Source>;
  readonly scope: Scope;
}

let loaded: Prelude | undefined;

/** Throws where the prelude itself is wrong, which a test rules out. */
export function loadPrelude(): Prelude {
  if (loaded) return loaded;
  const scope = new Scope();
  for (const name of builtins.keys()) scope.names.set(name, { kind: 'builtin', name });
  scope.names.set('op', { kind: 'namespace', name: 'op' });
  for (const source of prelude) {
    // A block begins a line, and nothing else of a prelude's file does.
    for (const [, name] of source.text.matchAll(/^block (\w+)/gm)) {
      if (scope.names.has(name) || scope.lazy.has(name)) throw new Error(`${source.name} declares ${name} a second time`);
      scope.lazy.set(name, () => {
        addBlocks(scope, source);
        return scope.names.get(name) as Value;
      });
    }
  }
  loaded = { sources: new Set<Source>(prelude), scope };
  return loaded;
}

function addBlocks(scope: Scope, source: Source): void {
  const diagnostics = new Diagnostics();
  for (const item of parse(source, diagnostics).items) {
    if (item.kind !== 'block') throw new Error(`${source.name} holds a ${item.kind}: the prelude is made of blocks`);
    scope.names.set(item.name.text, { kind: 'block', item, scope });
  }
  const [first] = diagnostics.list;
  if (first) throw new Error(`${source.name}: ${first.message}`);
}
