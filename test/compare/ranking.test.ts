/** Who comes before whom, and what is said of the difference. */
import { describe, expect, test } from 'vitest';
import { csvOf } from '../../runtime/compare/csv.js';
import { inOrder, ranked } from '../../runtime/compare/ranking.js';
import type { CompareResults, CompareRun, RankMetric } from '../../runtime/compare/results.js';

type Figure = CompareRun['status'] | number | string | Readonly<Record<string, number>>;

/** Entries by label with a figure, or a status, for each seed. */
function results(figures: Readonly<Record<string, readonly Figure[]>>, metric: RankMetric | undefined = { name: 'score' }): CompareResults {
  const facts = { spec: 's.gan', settings: {}, text: 'specs/s.gan', seconds: 1, flopsPerStep: 2, flops: 20, parameters: 3, memory: 4, step: 10, curve: [] };
  const runs = Object.entries(figures).flatMap(([entry, own]) =>
    own.map((figure, seed): CompareRun => {
      const run = { ...facts, entry, seed: String(seed), folder: `runs/${entry}-seed-${seed}` };
      if (typeof figure === 'string' && !/NaN/.test(figure)) return { ...run, status: figure as CompareRun['status'], message: 'went, "wrong"\nhere' };
      const metrics = typeof figure === 'object' ? figure : { score: figure };
      return { ...run, status: 'finished', measured: [{ rows: 'held_out', examples: 100, metrics }] };
    }),
  );
  const entries = Object.keys(figures).map((id) => ({ id, label: id, spec: 's.gan', settings: {} }));
  return { entries, runs, metric } as unknown as CompareResults;
}

const ranks = (...args: Parameters<typeof results>) => Object.fromEntries(ranked(results(...args)).entries.map(({ id, rank }) => [id, rank]));

describe('rank', () => {
  test('more is better, or less where the metric says so; equal means share a rank', () => {
    expect(ranks({ a: [1, 3], b: [5, 5], c: [2, 2], d: [0, 0] })).toEqual({ a: 2, b: 1, c: 2, d: 4 });
    expect(ranks({ a: [1, 3], b: [5, 5], d: [0, 0] }, { name: 'score', lowest: true })).toEqual({ a: 2, b: 3, d: 1 });
  });

  test('where means are equal another figure decides, if the metric names one', () => {
    const figures = { a: [{ modes: 8, near: 0.5 }], b: [{ modes: 8, near: 0.9 }], c: [{ modes: 7, near: 1 }] };
    expect(ranks(figures, { name: 'modes', tie: 'near' })).toEqual({ a: 2, b: 1, c: 3 });
    expect(ranks(figures, { name: 'modes' })).toEqual({ a: 1, b: 1, c: 3 });
  });

  test('an entry of which some runs diverged does not win by those that are left; NaN is last; what has no figure has no rank', () => {
    expect(ranks({ lucky: [9, 'diverged'], sound: [5, 5], nan: ['NaN', 5], none: ['failed', 'failed'], waiting: ['waiting', 'waiting'] })).toEqual({
      sound: 1,
      nan: 2,
      lucky: 3,
      none: undefined,
      waiting: undefined,
    });
    // What is not over yet says nothing against the rest.
    expect(ranks({ a: [9, 'running'], b: [5, 5] })).toEqual({ a: 1, b: 2 });
  });

  test('the order of the table: by rank, then as given', () => {
    const { entries } = ranked(results({ none: ['failed'], a: [1], b: [2], other: ['failed'] }));
    expect(inOrder(entries).map(({ id }) => id)).toEqual(['b', 'a', 'none', 'other']);
  });
});

test('differences are taken seed by seed against the first entry, over the seeds that both have', () => {
  const { entries } = ranked(results({ a: [1, 2, 'failed', 4], b: [2, 2, 100, 1] }));
  expect(entries[0].summary?.held_out.score).not.toHaveProperty('paired');
  expect(entries[1].summary?.held_out.score).toMatchObject({ n: 4, paired: { n: 3, mean: -2 / 3, least: -3, most: 1, greater: 1, smaller: 1 } });
});

test('p is corrected for as many entries as are held against the first', () => {
  const first = [1, 2, 3, 4, 5, 6];
  const better = first.map((v, i) => 2 * v + i / 10);
  const { entries } = ranked(results({ first, better, other: better.map((v) => v + 1) }));
  const { p, adjusted } = entries[1].summary!.held_out.score.paired!;
  expect(p).toBeCloseTo(0.03125, 12);
  expect(adjusted).toBeCloseTo(0.0625, 12);
});

test('CSV: a row a run, quoted where a text needs it', () => {
  const text = csvOf(ranked(results({ a: [1, 'failed'] })));
  const [head, first, second] = text.split('\r\n');
  expect(head).toContain('held_out.score');
  expect(first.split(',')[head.split(',').indexOf('held_out.score')]).toBe('1');
  expect(second).toContain('"went, ""wrong""\nhere"');
});
