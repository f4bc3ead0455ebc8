/** What a training says of its own length. */
import { expect, test } from 'vitest';
import { Estimate, estimateText } from '../../cli/progress.js';
import { roughly } from '../../cli/terminal.js';
import type { Progress } from '../../runtime/train/options.js';

const at = (step: number, rate: number, steps = 2400): Progress => ({ step, steps, rate, eta: (steps - step) / rate, losses: {}, reports: {} });

test('a time in words', () => {
  expect([20, 100, 150, 720, 9000, 200_000].map(roughly)).toEqual(['20 seconds', '100 seconds', '2.5 minutes', '12 minutes', '2.5 hours', '2.3 days']);
});

test('told once, after twenty steps, and not of what is short', () => {
  const tell = (rate: number, first = 0) => {
    const estimate = new Estimate();
    return Array.from({ length: 40 }, (_, i) => estimate.of(at(first + i + 1, rate))).flatMap((seconds, i) =>
      seconds === undefined ? [] : [[first + i + 1, seconds]],
    );
  };
  expect(tell(2)).toEqual([[21, (2400 - 21) / 2]]);
  expect(tell(2, 2300)).toEqual([]);
  expect(tell(1000)).toEqual([]);
  expect(estimateText(1189.5, at(2021, 2), 2000)).toBe('about 20 minutes for the 379 steps that are left, by the first 21; Ctrl-C stops, --resume goes on');
});
