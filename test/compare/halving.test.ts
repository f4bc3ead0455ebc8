/** Who goes on at a rung, in which order, and what all of it costs. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { atRung, nextHalving, rungsOf } from '../../runtime/compare/halving.js';
import { ranked } from '../../runtime/compare/ranking.js';
import type { CompareResults, CompareRun } from '../../runtime/compare/results.js';

/** Plays it with these qualities, one for each entry, or by rung. NaN: the run diverges. */
function played(qualities: readonly (number | readonly number[])[], { seeds = ['0'], lowest = false, atOnce = 1, pick = () => 0 } = {}) {
  const facts = { spec: 's.gan', settings: {}, text: '', seconds: 1, flopsPerStep: 1, flops: 1, parameters: 1, memory: 1, curve: [], step: 0 };
  const entries = qualities.map((_, i) => ({ id: `e${i}`, label: `e${i}`, spec: 's.gan', settings: {} }));
  const runs = seeds.flatMap((seed) => entries.map(({ id }): CompareRun => ({ ...facts, entry: id, seed, folder: `runs/${id}-${seed}`, status: 'waiting' })));
  let results = { entries, runs, seeds, metric: { name: 'score', ...(lowest && { lowest }) } } as unknown as CompareResults;
  const jobs: string[] = [];
  const rungs = rungsOf(qualities.length);
  const busy: { readonly run: CompareRun; readonly rung: number }[] = [];
  for (;;) {
    const job = busy.length < atOnce ? nextHalving(results, new Set(), new Set(busy.map(({ run }) => run.folder))) : undefined;
    if (job !== undefined) {
      jobs.push(`${job.run.entry}/${job.rung}`);
      expect(jobs.length).toBeLessThan(100);
      results = { ...results, runs: results.runs.map((other) => (other.entry === job.run.entry ? { ...other, rung: job.rung } : other)) };
      busy.push(job);
      continue;
    }
    if (busy.length === 0) break;
    const [{ run, rung }] = busy.splice(pick() % busy.length, 1);
    const quality = [qualities[Number(run.entry.slice(1))]].flat();
    const value = quality[Math.min(rung, quality.length - 1)];
    const sent = results.runs.find(({ folder }) => folder === run.folder)!;
    const measured = [{ rows: 'none' as const, examples: 1, metrics: { score: value } }];
    const last = rung === rungs.length - 1;
    const done: CompareRun = Number.isNaN(value)
      ? { ...sent, status: 'diverged' }
      : atRung({ ...sent, status: last ? 'finished' : 'stopped', step: Math.round(rungs[rung] * 900), measured }, results);
    results = { ...results, runs: results.runs.map((other) => (other.folder === run.folder ? done : other)) };
  }
  return { jobs, results, finished: results.runs.filter(({ status }) => status === 'finished').map(({ entry }) => entry) };
}

test('rungs are thirds of the budget, as many as there are entries for', () => {
  expect(rungsOf(2)).toEqual([1]);
  expect(rungsOf(3)).toEqual([1 / 3, 1]);
  expect(rungsOf(8)).toEqual([1 / 3, 1]);
  expect(rungsOf(9)).toEqual([1 / 9, 1 / 3, 1]);
  expect(rungsOf(27)).toHaveLength(4);
});

describe('halving', () => {
  test('promotes whoever is in the best third, as soon as it is', () => {
    const { jobs, finished } = played([5, 1, 2, 3, 9, 4, 0, 8, 7]);
    // Algorithm 2 of the paper, by hand: e0 is the best of the first three; e4, the fifth, is at once the best of five, e7 of the best two of eight, of which e4 is the best
    // of three at the next rung; e8 is of the best three of nine.
    const hand = ['e0/0', 'e1/0', 'e2/0', 'e0/1', 'e3/0', 'e4/0', 'e4/1', 'e5/0', 'e6/0', 'e7/0', 'e7/1', 'e4/2', 'e8/0', 'e8/1'];
    expect(jobs).toEqual(hand);
    expect(finished).toEqual(['e4']);
  });

  test('less is better where the metric says so', () => {
    expect(played([5, 1, 2, 3, 9, 4, 0.5, 8, 7], { lowest: true }).finished).toEqual(['e6']);
  });

  test('what comes further is ranked before what was left behind, whatever it had there', () => {
    // e2 is best at the first rung, and bad afterwards.
    const { results } = played([5, 4, [6, 1]]);
    expect(Object.fromEntries(ranked(results).entries.map(({ id, rank }) => [id, rank]))).toEqual({ e2: 1, e0: 2, e1: 3 });
    // Other budgets are not held against each other.
    expect(ranked(results).entries[2].summary?.none.score.paired).toBeUndefined();
    expect(ranked(results).entries[1].summary?.none.score.paired).toMatchObject({ mean: -1 });
  });

  test('an entry is trained with all its seeds before it is judged', () => {
    expect(played([1, 3, 2], { seeds: ['0', '1'] }).jobs).toEqual(['e0/0', 'e0/0', 'e1/0', 'e1/0', 'e2/0', 'e2/0', 'e1/1', 'e1/1']);
  });

  test('one that diverges does not go on, and does not hold up the others', () => {
    expect(played([Number.NaN, 1, 2]).finished).toEqual(['e2']);
    expect(played([Number.NaN, Number.NaN, Number.NaN]).jobs).toEqual(['e0/0', 'e1/0', 'e2/0']);
    expect(played([[5, Number.NaN], 1, 2]).finished).toEqual([]);
  });

  test('several at a time, whichever ends first, send the same on as one after another', () => {
    const quality = fc.oneof(
      fc.integer({ min: 0, max: 20 }),
      fc.constant(Number.NaN),
      fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 2, maxLength: 3 }),
    );
    const entries = fc.array(quality, { minLength: 3, maxLength: 12 });
    fc.assert(
      fc.property(entries, fc.integer({ min: 2, max: 6 }), fc.boolean(), fc.infiniteStream(fc.nat(5)), (qualities, atOnce, both, order) => {
        const seeds = both ? ['0', '1'] : ['0'];
        const { results, jobs } = played(qualities, { seeds });
        const beside = played(qualities, { seeds, atOnce, pick: () => order.next().value as number });
        expect(beside.results).toEqual(results);
        expect(beside.jobs.sort()).toEqual(jobs.sort());
      }),
    );
  });
});
