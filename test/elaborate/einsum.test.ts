/** einsum against its definition, the sum over all values of all letters; the batch goes along. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileRun } from '../../compiler/compile.js';
import type { Tensor } from '../../compiler/graph/interpret.js';
import { Simulation } from '../../compiler/graph/simulate.js';

interface Factor {
  readonly letters: readonly string[];
  /** Given as a parameter, so that every example has its own; else one for all. */
  readonly batched: boolean;
}
const lengths: Readonly<Record<string, number>> = { i: 2, j: 3, k: 4, l: 1 };
const letters = fc.array(fc.constantFrom('i', 'j', 'k', 'l'), { maxLength: 3 });
const equations = fc
  .tuple(fc.array(fc.record({ letters, batched: fc.boolean() }), { minLength: 1, maxLength: 3 }), fc.infiniteStream(fc.boolean()))
  .map(([factors, wanted]) => ({ factors, result: [...new Set(factors.flatMap((f) => f.letters))].filter(() => wanted.next().value).reverse() }));

const size = (names: readonly string[]): number => names.reduce((n, name) => n * lengths[name], 1);
const values = (count: number, seed: number): Float64Array => Float64Array.from({ length: count }, (_, i) => Math.sin(1 + 7 * seed + i));

/** The sum over every assignment of all letters. */
function defined(factors: readonly Factor[], data: readonly Float64Array[], result: readonly string[]): Float64Array {
  const all = [...new Set(factors.flatMap((f) => f.letters))];
  const out = new Float64Array(size(result));
  const at: Record<string, number> = {};
  const place = (names: readonly string[]): number => names.reduce((p, name) => p * lengths[name] + at[name], 0);
  const visit = (depth: number): void => {
    if (depth === all.length) {
      out[place(result)] += factors.reduce((p, f, i) => p * data[i][place(f.letters)], 1);
      return;
    }
    for (at[all[depth]] = 0; at[all[depth]] < lengths[all[depth]]; at[all[depth]]++) visit(depth + 1);
  };
  visit(0);
  return out;
}

function compiled(equation: string, factors: readonly Factor[], batch: number) {
  const shape = (f: Factor): number[] => f.letters.map((name) => lengths[name]);
  const given = factors.map((f, i) => (f.batched ? `x${i}: [${shape(f).join(', ')}]` : '')).filter((p) => p !== '');
  const held = factors.map((f, i) => (f.batched ? '' : `  weight x${i}: [${shape(f).join(', ')}] = 0\n`)).join('');
  const text = `net F(${['z: [1]', ...given].join(', ')}) {\n${held}  einsum("${equation}"${factors.map((_, i) => `, x${i}`).join('')}) + 0 * z[0]\n}`;
  return compileRun({ name: 'e.gan', text }, 'F', { batch, training: false, vjp: false, vjp2: false, inputs: new Map() });
}

describe('einsum', () => {
  test('is what it is defined as', () => {
    fc.assert(
      fc.property(equations, ({ factors, result }) => {
        const batch = 2;
        const equation = `${factors.map((f) => f.letters.join('')).join(',')}->${result.join('')}`;
        const { module, diagnostics } = compiled(equation, factors, batch);
        expect(diagnostics.map((d) => d.message)).toEqual([]);
        const simulation = new Simulation(module as NonNullable<typeof module>);
        const inputs = new Map<string, Tensor>([['z', { shape: [batch, 1], dtype: 'f32', data: new Float64Array(batch) }]]);
        const data = factors.map((f, i) => values(size(f.letters) * (f.batched ? batch : 1), i));
        factors.forEach((f, i) => {
          const shape = f.letters.map((name) => lengths[name]);
          if (f.batched) inputs.set(`x${i}`, { shape: [batch, ...shape], dtype: 'f32', data: data[i] });
          else simulation.variables.set(`F.x${i}`, { shape, dtype: 'f32', data: data[i] });
        });
        const found = [...(simulation.call('run', 0, inputs).get('result') as Tensor).data];
        const rows = Array.from({ length: batch }, (_, row) =>
          defined(
            factors,
            data.map((d, i) => (factors[i].batched ? d.slice(row * size(factors[i].letters), (row + 1) * size(factors[i].letters)) : d)),
            result,
          ),
        );
        const expected = rows.flatMap((row) => [...row]);
        expect(found).toHaveLength(expected.length);
        expected.forEach((v, i) => {
          expect(found[i]).toBeCloseTo(v, 8);
        });
      }),
      { numRuns: 300 },
    );
  });

  test.each([
    ['ij,jk->ik->', 'more than one "->"'],
    ['ij,j1->i', 'one letter each'],
    ['ij->i', '1 factors, and 2 are given'],
    ['ijk,jk->i', 'does not name the 2 axes'],
    ['ij,jk->il', '"l" of the result is in no factor'],
    ['ij,jk->ii', 'names an axis twice'],
    ['ij,ik->j', 'the axis "i" has the lengths 2 and 3'],
  ])('%s is refused', (equation, reason) => {
    const { diagnostics } = compiled(
      equation,
      [
        { letters: ['i', 'j'], batched: true },
        { letters: ['j', 'k'], batched: false },
      ],
      2,
    );
    expect(diagnostics.map((d) => `${d.code} ${d.message}`)).toEqual([expect.stringMatching(/^GAN3040 /)]);
    expect(diagnostics[0].message).toContain(reason);
  });
});
