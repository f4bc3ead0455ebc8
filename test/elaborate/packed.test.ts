/** The trees that a build embeds are those that the parser makes. */
import { expect, test } from 'vitest';
import { loadPrelude } from '../../compiler/elaborate/prelude.js';
import type { BlockValue } from '../../compiler/elaborate/values.js';
import { pack, unpack } from '../../compiler/prelude/packed.js';
import { prelude } from '../../compiler/prelude/text.js';
import type { BlockItem } from '../../grammar/ast.js';

test('every block of the prelude, packed and read again, is what it was, down to its places', () => {
  const { scope } = loadPrelude();
  const items = new Map<string, BlockItem>([...scope.lazy.keys()].map((name) => [name, (scope.find(name) as BlockValue).item]));
  expect(items.size).toBeGreaterThan(150);
  const packed = pack(items);
  for (const [name, item] of items) {
    const source = prelude.find((one) => one === item.span.source) as (typeof prelude)[number];
    expect(unpack(packed, name, source)).toEqual(item);
  }
});
