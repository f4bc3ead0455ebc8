/** The compiler survives what it is given: generated specs, and real ones with a token taken out, doubled or replaced. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compileSpec } from '../../compiler/compile.js';
import { print } from '../../grammar/printer.js';
import { spec } from '../grammar/arbitrary.js';

const folder = join(import.meta.dirname, '..', '..', 'specs');
const real = readdirSync(folder)
  .filter((name) => name.endsWith('.gan'))
  .map((name) => readFileSync(join(folder, name), 'utf8'));
const runs = Number(process.env.GANC_FUZZ ?? 60);

/** Every message has a code, a sentence and a place inside its text. */
function survives(text: string): void {
  const { module, diagnostics } = compileSpec({ name: 'fuzz.gan', text });
  if (!module) expect(diagnostics.some((d) => d.severity === 'error')).toBe(true);
  for (const d of diagnostics) {
    expect(d.code).toMatch(/^GAN\d{4}$/);
    expect(d.message.length).toBeGreaterThan(0);
    expect(d.span.start).toBeGreaterThanOrEqual(0);
    expect(d.span.end).toBeLessThanOrEqual(d.span.source.text.length);
  }
}

test('generated specs', () => {
  fc.assert(
    fc.property(spec, (tree) => survives(print(tree))),
    { numRuns: runs },
  );
});

test('real specs with a token changed', () => {
  const words = ['linear', '0', '-1', 'none', 'G', 'D', 'x', 'z', '[', ')', '|>', '1e9', '{', 'E', 'batch', '"text"', '_', 'training', 'fake', '0.5'];
  const changed = fc.record({
    text: fc.constantFrom(...real),
    at: fc.nat(),
    how: fc.constantFrom('drop', 'double', 'replace'),
    word: fc.constantFrom(...words),
  });
  fc.assert(
    fc.property(changed, ({ text, at, how, word }) => {
      const tokens = [...text.matchAll(/\/\/[^\n]*|\w+(?:\.\d+)?|\|>|<-|\S/g)];
      const token = tokens[at % tokens.length];
      const end = token.index + token[0].length;
      survives(text.slice(0, how === 'double' ? end : token.index) + (how === 'drop' ? '' : ` ${how === 'double' ? token[0] : word} `) + text.slice(end));
    }),
    { numRuns: runs },
  );
});
