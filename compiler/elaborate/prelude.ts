/** The standard library: `.gan` text; its names are in scope of every spec. A block is parsed when it is first wanted. */
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

/** A block begins a line, and up to the next one only comments do. */
const BLOCK = /^block (\w+)[\s\S]*?(?=^(?:block|\/\/)|$(?![\s\S]))/gm;

let loaded: Prelude | undefined;

/** Throws where the prelude itself is wrong, which a test rules out. */
export function loadPrelude(): Prelude {
  if (loaded) return loaded;
  const scope = new Scope();
  for (const name of builtins.keys()) scope.names.set(name, { kind: 'builtin', name });
  scope.names.set('op', { kind: 'namespace', name: 'op' });
  for (const source of prelude) {
    for (const { 0: text, 1: name, index } of source.text.matchAll(BLOCK)) {
      if (scope.names.has(name) || scope.lazy.has(name)) throw new Error(`${source.name} declares ${name} a second time`);
      scope.lazy.set(name, () => readBlock(scope, source, index, index + text.length));
    }
  }
  loaded = { sources: new Set<Source>(prelude), scope };
  return loaded;
}

function readBlock(scope: Scope, source: Source, start: number, end: number): Value {
  const diagnostics = new Diagnostics();
  const [item] = parse(source, diagnostics, { start, end }).items;
  const [first] = diagnostics.list;
  if (first) throw new Error(`${source.name}: ${first.message}`);
  if (item.kind !== 'block') throw new Error(`${source.name} holds a ${item.kind}: the prelude is made of blocks`);
  return { kind: 'block', item, scope };
}
