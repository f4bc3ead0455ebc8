/** Budgets, and the counted cost of steps that a budget of FLOPs stands on. */
import { describe, expect, test } from 'vitest';
import { compileSpec } from '../../compiler/compile.js';
import { lower } from '../../compiler/plan/lower.js';
import { entryCost, flopsOf, stepCost, stepsWithin } from '../../compiler/program/cost.js';
import type { Program } from '../../compiler/program/types.js';
import { budgetText, readBudget, stepsOf } from '../../runtime/compare/budget.js';
import { RunError } from '../../runtime/train/errors.js';
import { Schedule } from '../../runtime/train/schedule.js';

describe('a budget is read', () => {
  test.each([
    ['500 steps', { kind: 'steps', steps: 500 }, '500 steps'],
    ['1 step', { kind: 'steps', steps: 1 }, '1 steps'],
    ['1,000steps', { kind: 'steps', steps: 1000 }, '1,000 steps'],
    ['5 minutes', { kind: 'seconds', seconds: 300 }, '5 minutes'],
    ['1.5 hours', { kind: 'seconds', seconds: 5400 }, '90 minutes'],
    ['1 minute', { kind: 'seconds', seconds: 60 }, '1 minute'],
    ['1e12 flops', { kind: 'flops', flops: 1e12 }, '1.00e+12 FLOPs'],
    ['2E+9 FLOPs', { kind: 'flops', flops: 2e9 }, '2.00e+9 FLOPs'],
  ] as const)('%s', (text, budget, words) => {
    expect(readBudget(text)).toEqual(budget);
    expect(budgetText(budget)).toBe(words);
  });

  test.each([
    ['500', 'it does not say of what', '--budget "500 steps"'],
    ['5 minuets', "no unit 'minuets'", "did you mean 'minutes'?"],
    ['0 steps', 'nothing can be trained', ''],
    ['1.5 steps', 'whole number', ''],
    ['much', 'a number and what is counted', ''],
    ['1e999 flops', 'nothing can be trained', ''],
  ])('%s is refused with reason and mend', (text, reason, mend) => {
    let error: unknown;
    try {
      readBudget(text);
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(RunError);
    expect(String(error)).toContain(reason);
    expect(String(error)).toContain(mend);
  });
});

function program(width: number, train: string, d = 'E[softplus(-D(x))] + E[softplus(D(G(z)))]'): Program {
  const text = `
data points = ring() { x: vector[2] }
noise z: normal[4]
net G(z) { z |> linear(${width}) |> relu |> linear(2) }
net D(x) { x |> linear(${width}) |> relu |> linear(1) }
game {
  D minimizes ${d}
  G minimizes E[softplus(-D(G(z)))]
}
train { ${train} }
sample point = G(z)
`;
  const { module, diagnostics } = compileSpec({ name: 'cost.gan', text });
  expect(diagnostics).toEqual([]);
  return lower(module!);
}

/** What the training itself would call, added up. */
function counted(of: Program, steps: number): number {
  const schedule = new Schedule(of, of.train!, { seed: 0n, rows: 1000 });
  let flops = 0;
  for (let step = 0; step < steps; step++)
    for (const { entry } of schedule.step(step)) flops += entryCost(of.entries.find(({ name }) => name === entry)!).flops;
  return flops;
}

const PLAYERS = 'batch 16 steps 100\n D with adam(lr: 1e-3)\n G with adam(lr: 1e-3)';

describe('a budget of FLOPs', () => {
  test('steps are in inverse proportion to the FLOPs of a step', () => {
    const budget = readBudget('1e10 flops');
    const [small, large] = [program(16, PLAYERS), program(256, PLAYERS)];
    const [a, b] = [small, large].map((one) => ({ steps: stepsOf(budget, one)!, flops: stepCost(one)!.flops }));
    expect(b.flops / a.flops).toBeGreaterThan(10);
    expect(a.steps / b.steps).toBeCloseTo(b.flops / a.flops, 1);
    for (const { steps, flops } of [a, b]) {
      expect(steps * flops).toBeLessThanOrEqual(1e10);
      expect((steps + 1) * flops).toBeGreaterThan(1e10);
    }
  });

  test.each([
    ['updates in a row', program(8, `${PLAYERS.replace('D with adam(lr: 1e-3)', 'D with adam(lr: 1e-3), times 3')}`)],
    ['accumulation', program(8, PLAYERS.replace('steps 100', 'steps 100 accumulate 4'))],
    ['what is due now and then', program(8, PLAYERS, 'E[softplus(-D(x))] + E[softplus(D(G(z)))] + every(4, r1(D(x), x))')],
    ['phases', program(8, `${PLAYERS}\n phase warm steps 8 { D with adam(lr: 1e-3) }`)],
  ])('%s: counted as the schedule calls', (_, one) => {
    for (const steps of [4, 8, 12, 40]) expect(flopsOf(one, steps) / counted(one, steps)).toBeCloseTo(1, 9);
    for (const steps of [4, 8, 12, 40]) expect(stepsWithin(one, flopsOf(one, steps) * (1 + 1e-12))).toBe(steps);
  });

  test('too small for one step: refused with the reason', () => {
    expect(() => stepsOf(readBudget('10 flops'), program(8, PLAYERS))).toThrow(/ends no training/);
  });
});
