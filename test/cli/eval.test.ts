/** A judge and metrics from the command line: trained once, kept, measured; the best checkpoint stays. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { ganc, temporaryFolder } from './support.js';

const cwd = temporaryFolder();
const env = { XDG_CACHE_HOME: join(cwd, 'cache') };
const spec = `
data points = ring(modes: 4, std: 0.05, count: 4000) { x: vector[2] }
noise z: normal[4]
net G(z) { z |> linear(16) |> relu |> linear(2) }
net D(x) { x |> linear(16) |> leaky_relu(0.2) |> linear(1) }
game {
  fake = G(z)
  D minimizes logistic(D(x), D(fake))
  G minimizes logistic_generator(D(fake))
}
train { batch 32 steps 40
  D with adam(lr: 1e-3)
  G with adam(lr: 1e-3), average 0.9 }
sample point = G(z)
judge J(x) -> {mode} { x |> linear(16) |> relu |> linear(4) }
metric largest = largest_share(J(G(z)))
metric each = shares(J(G(z)))
metric real = shares(J(x))
`;

beforeAll(() => writeFileSync(join(cwd, 'small.gan'), spec));

test('train --best measures, keeps the best, and eval finds the same figures again', async () => {
  const trained = await ganc(['train', 'small.gan', '--best', 'largest:low', '--checkpoint-every', '10', '--out', 'run', '--json'], { cwd, env });
  expect(trained.code).toBe(0);
  const events = trained.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const measured = events.filter((event) => event.event === 'metrics').map(({ step, metrics }) => ({ step, largest: metrics.largest as number }));
  expect(measured.map(({ step }) => step)).toEqual([10, 20, 30, 40]);
  const lowest = measured.reduce((a, b) => (b.largest < a.largest ? b : a));
  expect(JSON.parse(readFileSync(join(cwd, 'run/run.json'), 'utf8')).best).toEqual({
    metric: 'largest',
    lowest: true,
    value: lowest.largest,
    step: lowest.step,
  });
  const judges = readdirSync(join(cwd, 'cache/ganc/judges'));
  expect(judges).toHaveLength(1);

  const best = JSON.parse((await ganc(['eval', 'run', '--checkpoint', 'best', '--json'], { cwd, env })).stdout);
  expect(best).toMatchObject({ name: 'small', step: lowest.step, examples: 1000, metrics: { largest: lowest.largest } });
  const last = JSON.parse((await ganc(['eval', 'run', '--json'], { cwd, env })).stdout);
  expect(last).toMatchObject({ step: 40, metrics: { largest: measured[3].largest } });
  // The four modes lie apart: a judge that has learned anything knows them all, and the rows are even.
  expect(last.judges.J.mode).toBeGreaterThan(0.98);
  expect(last.metrics.real).toHaveLength(4);
  for (const share of last.metrics.real) expect(share).toBeGreaterThan(0.15);
  expect(last.metrics.each.reduce((a: number, b: number) => a + b, 0)).toBeCloseTo(1, 5);
  // Nothing was trained a second time.
  expect(readdirSync(join(cwd, 'cache/ganc/judges'))).toEqual(judges);
});

test('a table for people; a damaged judge is trained anew', async () => {
  const [judge] = readdirSync(join(cwd, 'cache/ganc/judges'));
  writeFileSync(join(cwd, 'cache/ganc/judges', judge), 'no tensors');
  const shown = await ganc(['eval', 'run', '--examples', '150'], { cwd, env });
  expect(shown.code).toBe(0);
  expect(shown.stdout).toMatch(/^largest {2}0\.\d+\neach {5}(?:\S+ {2}){3}\S+\nreal/);
  expect(shown.stdout).toMatch(/judge J is right about mode in \S+ % of 200 held-out rows\n$/);
  expect(shown.stderr).toMatch(/200 examples/);
});

test('what cannot be measured says why', async () => {
  const unknown = await ganc(['train', 'small.gan', '--best', 'larges', '--out', 'none'], { cwd, env });
  expect(unknown.code).toBe(1);
  expect(unknown.stderr).toMatch(/no metric 'larges'[\s\S]*did you mean 'largest'/);
  const many = await ganc(['train', 'small.gan', '--best', 'each', '--out', 'none'], { cwd, env });
  expect(many.stderr).toMatch(/metric 'each' cannot decide/);
  expect(existsSync(join(cwd, 'none'))).toBe(false);
  writeFileSync(join(cwd, 'bare.gan'), spec.replace(/^(?:judge|metric).*\n/gm, ''));
  expect((await ganc(['train', 'bare.gan', '--steps', '2', '--out', 'bare'], { cwd, env })).code).toBe(0);
  const nothing = await ganc(['eval', 'bare'], { cwd, env });
  expect(nothing).toMatchObject({ code: 1, stdout: '' });
  expect(nothing.stderr).toMatch(/has nothing to measure/);
  expect((await ganc(['eval', 'bare', '--checkpoint', 'best'], { cwd, env })).code).toBe(1);
});
