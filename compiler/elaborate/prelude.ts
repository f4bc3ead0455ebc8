/** The standard library: `.gan` text; its names are in scope of every spec. A block is read when it is first wanted. */
import type { BlockItem } from '../../grammar/ast.js';
import { Diagnostics } from '../../grammar/diagnostics.js';
import { parse } from '../../grammar/parser.js';
import type { Source } from '../../grammar/source.js';
import { unpack } from '../prelude/packed.js';
import { prelude } from '../prelude/text.js';
import { packed } from '../prelude/trees.js';
import { builtins } from './builtins.js';
import { Scope } from './scope.js';

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
      scope.lazy.set(name, () => {
        const item = name in packed.trees ? (unpack(packed, name, source) as BlockItem) : parseBlock(source, index, index + text.length);
        return { kind: 'block', item, scope };
      });
    }
  }
  loaded = { sources: new Set<Source>(prelude), scope };
  return loaded;
}

function parseBlock(source: Source, start: number, end: number): BlockItem {
  const diagnostics = new Diagnostics();
  const [item] = parse(source, diagnostics, { start, end }).items;
  const [first] = diagnostics.list;
  if (first) throw new Error(`${source.name}: ${first.message}`);
  if (item.kind !== 'block') throw new Error(`${source.name} holds a ${item.kind}: the prelude is made of blocks`);
  return item;
}
