/**
 * The compiler survives what it is given: random trees, random specs that mean something, and real specs with a token taken out, doubled or replaced.
 * GANC_FUZZ is the number of cases of each kind, GANC_FUZZ_SEED where they begin.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, test, vi } from 'vitest';
import { type CompileOptions, compileSpec } from '../../compiler/compile.js';
import { print } from '../../grammar/printer.js';
import { spec } from '../grammar/arbitrary.js';
import { generator } from '../graph/numeric.js';
import { randomSpec } from './random-spec.js';

const root = join(import.meta.dirname, '..', '..');
const texts = (...folder: string[]): string[] =>
  readdirSync(join(root, ...folder))
    .filter((name) => name.endsWith('.gan'))
    .map((name) => readFileSync(join(root, ...folder, name), 'utf8'));
const examples = [...readFileSync(join(root, 'docs', 'language.md'), 'utf8').matchAll(/```gan\n(.*?)```/gs)].map((match) => match[1]);
const real = [...texts('specs'), ...texts('test', 'grammar', 'specs'), ...examples];
const runs = Number(process.env.GANC_FUZZ ?? 40);
const seed = process.env.GANC_FUZZ_SEED === undefined ? undefined : Number(process.env.GANC_FUZZ_SEED);
const options = { numRuns: runs, ...(seed !== undefined && { seed }) };
/** Seconds of the processor after which a compilation counts as hung: a busy machine hangs nothing. */
const PATIENCE = 10;
vi.setConfig({ testTimeout: Math.max(120_000, runs * 1000) });

const base = 'hyper width = 4\nnoise z: normal[8]\nnet Base(x: [8]) { x |> linear(width) }\n';
const counts = { compiled: 0, refused: 0 };
afterAll(() => {
  if (process.env.GANC_FUZZ) process.stderr.write(`${counts.compiled} specs compiled, ${counts.refused} were refused\n`);
});

/** Every message has a code, a sentence and a place inside its text. */
function survives(text: string, given: CompileOptions = {}): void {
  const started = process.cpuUsage();
  const resolve = (path: string) => {
    if (path !== 'base.gan') throw new Error(`there is no file ${path}`);
    return { name: path, text: base };
  };
  try {
    const { module, diagnostics } = compileSpec({ name: 'fuzz.gan', text }, { resolve, ...given });
    if (module) counts.compiled++;
    else {
      counts.refused++;
      expect(diagnostics.some((d) => d.severity === 'error')).toBe(true);
    }
    for (const d of diagnostics) {
      expect(d.code).toMatch(/^GAN\d{4}$/);
      expect(d.message.length).toBeGreaterThan(0);
      expect(d.message).not.toMatch(/undefined|NaN\b.*NaN|\[object/);
      expect(d.span.source.name).not.toMatch(/^prelude\//);
      expect(d.span.start).toBeGreaterThanOrEqual(0);
      expect(d.span.end).toBeLessThanOrEqual(d.span.source.text.length);
    }
    const { user, system } = process.cpuUsage(started);
    expect((user + system) / 1e6).toBeLessThan(PATIENCE);
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.stack : error}\n--- the spec\n${text}`);
  }
}

test('random trees', () => {
  fc.assert(
    fc.property(spec, (tree) => survives(print(tree))),
    options,
  );
});

test('random specs that mean something', () => {
  const variants = fc.constantFrom(undefined, undefined, undefined, 'other');
  fc.assert(
    fc.property(fc.integer(), variants, (from, variant) => {
      const random = generator(from);
      survives(
        randomSpec((n) => Math.floor(random() * n)),
        { variant },
      );
    }),
    options,
  );
});

test('real specs with a token changed', () => {
  const words =
    'linear 0 -1 none G D x z [ ) |> 1e9 { E batch "text" _ training fake 0.5 every each set variant extends judge metric phase player shared state weight in .. <- ~ : , t y grad stop fresh mismatch present'.split(
      ' ',
    );
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
    options,
  );
});
