/** The standard library: `.gan` text, parsed once; its names are in scope of every spec. */
import { Diagnostics } from '../../grammar/diagnostics.js';
import { parse } from '../../grammar/parser.js';
import type { Source } from '../../grammar/source.js';
import { prelude } from '../prelude/text.js';
import { builtins } from './builtins.js';
import { Scope } from './scope.js';

interface Prelude {
  readonly sources: ReadonlySet<Source>;
  readonly scope: Scope;
}

let parsed: Prelude | undefined;

/** Throws where the prelude itself is wrong, which a test rules out. */
export function loadPrelude(): Prelude {
  if (parsed) return parsed;
  const scope = new Scope();
  for (const name of builtins.keys()) scope.names.set(name, { kind: 'builtin', name });
  scope.names.set('op', { kind: 'namespace', name: 'op' });
  const sources = new Set<Source>();
  for (const source of prelude) {
    const diagnostics = new Diagnostics();
    sources.add(source);
    for (const item of parse(source, diagnostics).items) {
      if (item.kind !== 'block') throw new Error(`${source.name} holds a ${item.kind}: the prelude is made of blocks`);
      if (scope.names.has(item.name.text)) throw new Error(`${source.name} declares ${item.name.text} a second time`);
      scope.names.set(item.name.text, { kind: 'block', item, scope });
    }
    const [first] = diagnostics.list;
    if (first) throw new Error(`${source.name}: ${first.message}`);
  }
  parsed = { sources, scope };
  return parsed;
}
