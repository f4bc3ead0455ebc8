import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readSafetensors, writeSafetensors } from '../../runtime/train/safetensors.js';
import { cases, column, feedOf, type Golden, ours, readGolden } from './golden.js';
import { ganc, temporaryFolder } from './support.js';

const folder = temporaryFolder();

const norm = (values: Iterable<number>) => Math.sqrt([...values].reduce((sum, v) => sum + v * v, 0));
const difference = (a: ArrayLike<number>, b: ArrayLike<number>) => Array.from(a, (v, i) => v - b[i]);

/** An output of an update as the trace calls it: the last update's where it is a report. */
function traced(player: string, output: string): { name: string; lastOnly: boolean } {
  const [kind, ...rest] = output.split('.');
  return kind === 'report' ? { name: `reports.${rest.join('.')}`, lastOnly: true } : { name: ['losses', player, ...rest].join('.'), lastOnly: false };
}

/** After how many steps a case holds weights and states. */
const stepsOf = (golden: Golden) => [1, 10, 50].filter((step) => golden.tensors(`f64.step${step}.`).size > 0);

test.each(cases)('$name: 50 steps of $spec through --init, --feed and --trace follow the float64 trajectory', async (spec) => {
  const golden = readGolden(spec.name);
  const [init, fed, trace] = ['init', 'feed', 'trace'].map((name) => join(folder, `${spec.name}-${name}.safetensors`));
  await writeSafetensors(init, new Map([...golden.tensors('init.')].map(([name, tensor]) => [ours(name), tensor])));
  await writeSafetensors(fed, feedOf(spec, golden));
  const files = ['--init', init, '--feed', fed, '--trace', trace, '--trace-steps', stepsOf(golden).join(','), '--out', join(folder, `${spec.name}-run`)];
  const variant = spec.variant === undefined ? [] : ['--variant', spec.variant];
  const result = await ganc(['train', join(import.meta.dirname, spec.spec), ...variant, ...files]);
  expect(result.stderr).not.toContain('error');
  expect(result.code).toBe(0);
  const found = await readSafetensors(trace);
  const numbers = (name: string) => {
    const tensor = found.get(name);
    if (!tensor) throw new Error(`the trace lacks ${name}; it has ${[...found.keys()].join(', ')}`);
    return tensor.data;
  };

  for (const player of ['D', 'G']) {
    const times = player === 'D' ? (spec.times ?? 1) : 1;
    for (const output of Object.keys(spec.columns[player])) {
      const { name, lastOnly } = traced(player, output);
      const got = numbers(name);
      const stride = lastOnly ? times : 1;
      expect(got.length, name).toBe((golden.steps * times) / stride);
      got.forEach((value, i) => {
        const call = i * stride + stride - 1;
        const want = column(spec, golden, player, output, call);
        const gate = call < times ? 1e-5 : 1e-4 * Math.max(1, Math.abs(want));
        expect(Math.abs(value - want), `${name} in update ${call}: ${value}, wanted ${want}`).toBeLessThanOrEqual(gate);
      });
    }
    const gradients = golden.tensors(`f64.grad0.${player}.`);
    const all = norm([...gradients.values()].flatMap((g) => [...g.data]));
    for (const name of gradients.keys()) {
      const want = golden.numbers(`f64.grad0.${player}.${name}`);
      const error = norm(difference(numbers(`grad0.${ours(`${player}.${name}`)}`), want));
      expect(error, `gradient of ${player}.${name}`).toBeLessThanOrEqual(1e-4 * Math.max(norm(want), 1e-3 * all));
    }
  }

  for (const step of stepsOf(golden)) {
    for (const name of golden.tensors(`f64.step${step}.`).keys()) {
      const want = golden.numbers(`f64.step${step}.${name}`);
      const worst = Math.max(...difference(numbers(`step${step}.${ours(name)}`), want).map(Math.abs));
      expect(worst, `${name} after step ${step}`).toBeLessThanOrEqual(1e-4);
    }
  }
});

test('a feed that lacks a draw, or is too short, is refused by name', async () => {
  const fed = join(folder, 'short.safetensors');
  const tensors = feedOf(cases[0], readGolden(cases[0].name));
  tensors.delete('G.z');
  await writeSafetensors(fed, tensors);
  const spec = join(import.meta.dirname, cases[0].spec);
  const result = await ganc(['train', spec, '--feed', fed, '--out', join(folder, 'refused')]);
  expect(result.code).toBe(1);
  expect(result.stderr).toContain('G.z');
  writeFileSync(fed, 'no tensors');
  expect((await ganc(['train', spec, '--feed', fed, '--out', join(folder, 'refused')])).code).toBe(1);
});
