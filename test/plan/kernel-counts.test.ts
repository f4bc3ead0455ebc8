/** How many distinct kernels each spec needs: a GPU compiles each of them before the first step. A change that multiplies them shows here. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { compileSpec } from '../../compiler/compile.js';
import { lower } from '../../compiler/plan/lower.js';

const folder = join(import.meta.dirname, '..', '..', 'specs');

test('distinct kernels of every spec', () => {
  const resolve = (path: string) => ({ name: path, text: readFileSync(join(folder, path), 'utf8') });
  const counts = readdirSync(folder)
    .filter((name) => name.endsWith('.gan'))
    .map((name) => {
      const { module } = compileSpec({ name, text: readFileSync(join(folder, name), 'utf8') }, { resolve });
      if (!module) throw new Error(`${name} does not compile`);
      const { kernels } = lower(module);
      expect(new Set(kernels.map(({ candidates }) => JSON.stringify(candidates))).size).toBe(kernels.length);
      return `${name} ${kernels.length}`;
    });
  expect(counts).toMatchInlineSnapshot(`
    [
      "acgan.gan 181",
      "dcgan.gan 141",
      "df-gan.gan 355",
      "dvd-gan.gan 462",
      "infogan.gan 188",
      "lsgan.gan 162",
      "mnist-mlp.gan 106",
      "mocogan.gan 261",
      "ring.gan 47",
      "sagan.gan 316",
      "sngan.gan 178",
      "stylegan.gan 348",
      "text-to-video.gan 511",
      "tgans-c.gan 394",
      "wgan-gp.gan 142",
    ]
  `);
}, 300_000);
