/** `ganc train --stats` and `ganc inspect RUN`; what the figures are: test/train/statistics.test.ts. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ganc, temporaryFolder } from './support.js';

const cwd = temporaryFolder();
writeFileSync(
  join(cwd, 'small.gan'),
  `data points = ring() { x: vector[2] }
noise z: normal[4]
net G(z) { z |> linear(4) |> relu |> linear(2) }
net D(x) { x |> linear(1) }
game {
  D minimizes hinge(D(x), D(G(z)))
  G minimizes generator_score(D(G(z)))
}
train {
  batch 4   steps 3
  D with sgd(lr: 0.1)
  G with sgd(lr: 0.1)
}
`,
);

test('figures of the last watched step, as a table and as JSON', async () => {
  const trained = await ganc(['train', 'small.gan', '--stats', '2', '--out', 'watched'], { cwd });
  expect(trained.code).toBe(0);
  expect(trained.stderr).toContain('statistics  ganc inspect watched');
  const shown = await ganc(['inspect', 'watched'], { cwd });
  expect(shown.code).toBe(0);
  expect(shown.stdout).toMatch(/^Update of D, step 3\n {2}output of +mean +std +min +max +zeros\n {2}D\.linear /);
  expect(shown.stdout).toMatch(/\n {2}D\.linear \(2\)( +-?[\d.e-]+){4} +\d+\.\d %\n/);
  expect(shown.stdout).toMatch(/\nUpdate of G, step 3\n[\s\S]*\n {2}weight +norm +gradient +gradient\/norm\n {2}G\.linear\.weight( +[\d.e-]+){3}\n/);
  const json = JSON.parse((await ganc(['inspect', 'watched', '--json'], { cwd })).stdout);
  expect(json.map((line: { step: number; player: string }) => [line.step, line.player])).toEqual([
    [3, 'D'],
    [3, 'G'],
  ]);
  expect((await ganc(['inspect', 'watched', '--set', 'a=1'], { cwd })).code).toBe(2);
});

test('a run without them has none to show, and cannot begin later', async () => {
  expect((await ganc(['train', 'small.gan', '--steps', '1', '--out', 'plain'], { cwd })).code).toBe(0);
  const shown = await ganc(['inspect', 'plain'], { cwd });
  expect([shown.code, shown.stderr]).toEqual([1, expect.stringContaining('train with --stats 100')]);
  const resumed = await ganc(['train', '--resume', 'plain', '--stats', '1', '--steps', '2'], { cwd });
  expect([resumed.code, resumed.stderr]).toEqual([1, expect.stringContaining('the program was compiled without them')]);
});
